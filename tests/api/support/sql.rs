//! A look behind the API: what the database itself holds and refuses.

use sea_orm::sqlx::{AssertSqlSafe, Connection, PgConnection, Row, query, raw_sql};

use super::TestApp;

impl TestApp {
    /// Runs statements in one transaction. They are written in the tests and hold nothing from outside.
    pub async fn sql(&self, statements: &str) -> Result<(), sea_orm::sqlx::Error> {
        let mut connection = PgConnection::connect(self.database_url()).await.unwrap();
        let done = raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut connection).await;
        connection.close().await.unwrap();
        done.map(drop)
    }

    /// Fails the test unless the constraint of this name refuses the statements.
    pub async fn refuses_sql(&self, constraint: &str, statements: &str) {
        let refused = self.sql(statements).await;
        let by = refused
            .as_ref()
            .err()
            .and_then(|error| error.as_database_error())
            .and_then(|error| error.constraint());
        assert_eq!(by, Some(constraint), "{statements}\n{refused:?}");
    }

    /// How many of the server's connections wait for a lock that another one has.
    pub async fn waiting(&self) -> usize {
        let waiting = "SELECT pid::text FROM pg_locks WHERE NOT granted AND pid IN
                       (SELECT pid FROM pg_stat_activity WHERE datname = current_database())";
        self.rows(waiting).await.len()
    }

    /// The rows of a query whose only column is text; write `::text` where it is something else.
    pub async fn rows(&self, select: &str) -> Vec<String> {
        let mut connection = PgConnection::connect(self.database_url()).await.unwrap();
        let rows = query(AssertSqlSafe(select.to_owned())).fetch_all(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}
