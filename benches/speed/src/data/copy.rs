//! Rows for PostgreSQL's binary COPY, which neither side has to read as text.

use sqlx::postgres::PgConnection;

/// How many bytes are sent at a time.
const CHUNK: usize = 1 << 20;

/// Seconds between 1970 and 2000, where PostgreSQL's time begins.
const EPOCH_2000: i64 = 946_684_800;

/// Rows on their way into a table.
pub(crate) struct Rows<'c> {
    copy: sqlx::postgres::PgCopyIn<&'c mut PgConnection>,
    bytes: Vec<u8>,
}

impl<'c> Rows<'c> {
    /// Begins to fill columns of a table: `table (column, …)`.
    pub(crate) async fn into(connection: &'c mut PgConnection, columns: &str) -> Self {
        let copy = connection
            .copy_in_raw(&format!("COPY {columns} FROM STDIN (FORMAT binary)"))
            .await
            .unwrap_or_else(|error| panic!("COPY {columns}: {error}"));
        let mut bytes = Vec::with_capacity(CHUNK + (1 << 16));
        bytes.extend_from_slice(b"PGCOPY\n\xff\r\n\0");
        bytes.extend_from_slice(&[0; 8]);
        Self { copy, bytes }
    }

    /// Begins a row of so many fields.
    pub(crate) async fn row(&mut self, fields: i16) -> &mut Self {
        if self.bytes.len() >= CHUNK {
            self.copy.send(self.bytes.as_slice()).await.unwrap();
            self.bytes.clear();
        }
        self.bytes.extend_from_slice(&fields.to_be_bytes());
        self
    }

    fn field(&mut self, bytes: &[u8]) -> &mut Self {
        let length = i32::try_from(bytes.len()).unwrap();
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(bytes);
        self
    }

    pub(crate) fn null(&mut self) -> &mut Self {
        self.bytes.extend_from_slice(&(-1_i32).to_be_bytes());
        self
    }

    pub(crate) fn uuid(&mut self, id: [u8; 16]) -> &mut Self {
        self.field(&id)
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.field(text.as_bytes())
    }

    pub(crate) fn int2(&mut self, number: i16) -> &mut Self {
        self.field(&number.to_be_bytes())
    }

    pub(crate) fn int4(&mut self, number: u32) -> &mut Self {
        self.field(&number.to_be_bytes())
    }

    pub(crate) fn float8(&mut self, number: f64) -> &mut Self {
        self.field(&number.to_be_bytes())
    }

    /// A moment, in microseconds since 1970.
    pub(crate) fn time(&mut self, micros: i64) -> &mut Self {
        self.field(&(micros - EPOCH_2000 * 1_000_000).to_be_bytes())
    }

    /// A JSON document as `jsonb`.
    pub(crate) fn json(&mut self, text: &str) -> &mut Self {
        let length = i32::try_from(text.len() + 1).unwrap();
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.push(1);
        self.bytes.extend_from_slice(text.as_bytes());
        self
    }

    /// Ends the table.
    pub(crate) async fn finish(mut self) {
        self.bytes.extend_from_slice(&(-1_i16).to_be_bytes());
        self.copy.send(self.bytes.as_slice()).await.unwrap();
        self.copy.finish().await.unwrap();
    }
}
