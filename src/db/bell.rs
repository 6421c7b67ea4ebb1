//! Hearing what other connections say (`LISTEN` and `NOTIFY`), so that work need not be looked for.

use std::time::Duration;

use sea_orm::DatabaseConnection;
use sea_orm::sqlx::postgres::{PgListener, PgPoolOptions};

use crate::error::{Error, Result};

/// Rings when somebody calls on a channel.
pub struct Bell(PgListener);

impl Bell {
    /// Listens to a channel, over a connection of its own: a pool's would be missing there.
    ///
    /// # Errors
    /// The database is away.
    pub async fn listen(db: &DatabaseConnection, channel: &'static str) -> Result<Self> {
        let options = db.get_postgres_connection_pool().connect_options().as_ref().clone();
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(5))
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_lazy_with(options);
        let mut listener = PgListener::connect_with(&pool).await.map_err(Error::unavailable)?;
        listener.listen(channel).await.map_err(Error::unavailable)?;
        Ok(Self(listener))
    }

    /// Resolves when somebody called, or when a call may have been missed because the connection broke.
    ///
    /// # Errors
    /// The database is away.
    pub async fn rings(&mut self) -> Result<()> {
        self.0.try_recv().await.map(drop).map_err(Error::unavailable)
    }
}
