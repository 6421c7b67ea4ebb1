//! Connecting, and bringing the schema up to date.

use std::time::Duration;

use anyhow::Context;
use migration::Migrator;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sea_orm::sqlx::{self, Connection};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, FromQueryResult, SqlxPostgresConnector,
    TransactionSession, TransactionTrait,
};
use sea_orm_migration::MigratorTrait;

use crate::config;
use crate::db::{all, one, sql};
use crate::error::Result;

/// Names the lock that keeps two servers from migrating one database at the same time.
const MIGRATION_LOCK: i64 = 0x6f74_6865_7277_6973;

/// Opens a pool of connections. No connection is made until one is needed.
///
/// # Errors
/// The URL cannot be read.
pub async fn connect(url: &str, settings: &config::Database) -> anyhow::Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    let milliseconds = |ms: u64| format!("{ms}ms");
    let session = [
        ("statement_timeout", milliseconds(settings.statement_timeout_ms)),
        ("lock_timeout", milliseconds(settings.lock_timeout_ms)),
        ("idle_in_transaction_session_timeout", milliseconds(10_000)),
        // Statements here take milliseconds; compiling one takes a hundred.
        ("jit", "off".to_owned()),
        // Where a branch is wider than the planner thinks, it would sort all of it instead of reading on in an
        // index that has the order; without bitmaps that index is always the cheaper way.
        ("enable_bitmapscan", "off".to_owned()),
    ];
    options
        .max_connections(settings.max_connections)
        .acquire_timeout(Duration::from_millis(settings.acquire_timeout_ms))
        .idle_timeout(Duration::from_mins(10))
        .max_lifetime(Duration::from_mins(30))
        // A ping before every use would double the round trips of a read.
        .test_before_acquire_if_idle_for(Duration::from_secs(30))
        .sqlx_logging_level(log::LevelFilter::Debug)
        .sqlx_slow_statements_logging_settings(
            log::LevelFilter::Warn,
            Duration::from_millis(settings.slow_statement_ms),
        )
        .connect_lazy(true)
        .map_sqlx_postgres_opts(move |options| {
            options.application_name("otherwise").options(session.clone())
        });
    // The error of a URL that cannot be read may quote it, with its password: it is left out.
    Database::connect(options).await.map_err(|_| {
        anyhow::anyhow!(
            "database.url cannot be read: it should look like postgres://user:password@host/otherwise"
        )
    })
}

/// The role that a server works as, where another one owns the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppRole {
    /// Its name.
    pub name: String,
    /// Whether it is made if it is not there. It gets no password: that is for clusters that ask for none.
    pub make: bool,
}

/// Brings the schema up to date as the owner of the tables, one server at a time, mends the stored ranks of a
/// database that was restored into another cluster, and lets the role of the server use the tables. Where
/// nothing is to be changed and the role is the owner itself, it writes nothing, so that a server need not be
/// let to.
///
/// # Errors
/// The database is away, or a change failed; a change that failed leaves nothing behind.
pub async fn migrate(url: &str, role: Option<&AppRole>) -> anyhow::Result<()> {
    let options: PgConnectOptions = url.parse().map_err(|_| {
        // As in `connect`, the error may quote the password.
        anyhow::anyhow!("the URL of the database to migrate cannot be read")
    })?;
    // A change of a large table takes its time, so the limits of requests do not apply here.
    let options = options.application_name("otherwise migrate").options([
        ("statement_timeout", "0"),
        ("lock_timeout", "0"),
        ("idle_in_transaction_session_timeout", "0"),
    ]);
    let pool = PgPoolOptions::new().max_connections(2).connect_with(options).await;
    let pool = pool.context("connecting to the database")?;
    // The lock belongs to its connection, so that one is kept apart from the one that migrates.
    let mut holder = pool.acquire().await.context("connecting to the database")?.detach();
    sqlx::query("SELECT pg_advisory_lock($1)").bind(MIGRATION_LOCK).execute(&mut holder).await?;
    let migrator = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
    let migrated = bring_up_to_date(&migrator, role).await;
    migrator.close().await?;
    holder.close().await?;
    migrated
}

async fn bring_up_to_date(migrator: &DatabaseConnection, role: Option<&AppRole>) -> anyhow::Result<()> {
    let begun: Option<Begun> =
        one(migrator, sql("SELECT to_regclass('seaql_migrations') IS NOT NULL AS begun", [])).await?;
    if !begun.is_some_and(|table| table.begun) || !migrations_are_current(migrator).await? {
        require_extension(migrator).await?;
        Migrator::up(migrator, None).await.context("migrating the database")?;
    }
    settle_in_cluster(migrator).await.context("renumbering stored ranks")?;
    let Some(role) = role else {
        return Ok(());
    };
    let granted = async {
        let tx = migrator.begin().await?;
        let settings = "SELECT set_config('otherwise.app_role', $1, true), set_config('otherwise.make_app_role', $2, true)";
        let make = if role.make { "on" } else { "off" };
        tx.execute_raw(sql(settings, [role.name.as_str().into(), make.into()])).await?;
        tx.execute_unprepared(include_str!("grants.sql")).await?;
        TransactionSession::commit(tx).await
    };
    granted.await.with_context(|| format!("letting the database role {} use the tables", role.name))
}

#[derive(FromQueryResult)]
struct Extension {
    installed: bool,
    made: bool,
    may_make: bool,
}

/// Says what to do where the database cannot have the extension that a migration makes, which its own error does not.
async fn require_extension(db: &DatabaseConnection) -> anyhow::Result<()> {
    let look = "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm') AS installed,
                       EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') AS made,
                       has_database_privilege(current_database(), 'CREATE') AS may_make";
    let Some(Extension { installed, made, may_make }) = one(db, sql(look, [])).await? else {
        return Ok(());
    };
    anyhow::ensure!(
        made || installed,
        "PostgreSQL's extension pg_trgm, which finds topics that resemble each other, is not installed where the \
         database runs. It comes with PostgreSQL, in some systems as a package of its own (Fedora, Red Hat: dnf \
         install postgresql-contrib; Alpine: apk add postgresql17-contrib, or the number of your version). Install \
         it and try again; nothing was changed"
    );
    anyhow::ensure!(
        made || may_make,
        "the role that owns the tables may not make the extension pg_trgm: let it (GRANT CREATE ON DATABASE), or \
         have somebody who may run CREATE EXTENSION pg_trgm in the database. Then try again; nothing was changed"
    );
    Ok(())
}

#[derive(FromQueryResult)]
struct Settled {
    settled: bool,
}

/// Stored ranks are stamped with transactions of their cluster. A database that came from another one has
/// stamps that mean nothing here, and may lie in the future.
async fn settle_in_cluster(db: &DatabaseConnection) -> Result<()> {
    let here = "SELECT EXISTS (SELECT FROM ranking_cluster JOIN pg_control_system() USING (system_identifier)) AS settled";
    if one::<Settled>(db, sql(here, [])).await?.is_some_and(|here| here.settled) {
        return Ok(());
    }
    renumber_ranks(db).await?;
    for statement in [
        "DELETE FROM ranking_cluster",
        "INSERT INTO ranking_cluster SELECT system_identifier FROM pg_control_system()",
    ] {
        db.execute_raw(sql(statement, [])).await?;
    }
    Ok(())
}

#[derive(FromQueryResult)]
struct Begun {
    begun: bool,
}

#[derive(FromQueryResult)]
struct Applied {
    version: String,
}

/// The role that a URL names.
///
/// # Errors
/// The URL cannot be read.
pub fn role_of(url: &str) -> anyhow::Result<String> {
    let options: PgConnectOptions =
        url.parse().map_err(|_| anyhow::anyhow!("database.url cannot be read"))?;
    Ok(options.get_username().to_owned())
}

/// Whether the schema is the one this program was made for.
///
/// # Errors
/// The database is away.
pub async fn migrations_are_current(db: &DatabaseConnection) -> Result<bool> {
    // Asking the library would make its table where it is missing: a look must not write.
    let applied: Vec<Applied> = all(db, sql("SELECT version FROM seaql_migrations", [])).await?;
    let is_applied = |name: &str| applied.iter().any(|applied| applied.version == name);
    Ok(Migrator::migrations().iter().all(|migration| is_applied(migration.name())))
}

/// Mends the stamps of stored ranks after a database was restored into another cluster, whose count of
/// transactions starts anew: stamps from the future would hide places from walks already under way. Webhooks that saw
/// transactions of that future would see none of the present as new: they begin from here.
///
/// # Errors
/// The database is away.
pub async fn renumber_ranks(db: &DatabaseConnection) -> Result<()> {
    for (delete, renumber) in [
        (
            "DELETE FROM post_rank WHERE until >= pg_snapshot_xmax(pg_current_snapshot())",
            "UPDATE post_rank SET since = '3' WHERE since >= pg_snapshot_xmax(pg_current_snapshot())",
        ),
        (
            "DELETE FROM topic_rank WHERE until >= pg_snapshot_xmax(pg_current_snapshot())",
            "UPDATE topic_rank SET since = '3' WHERE since >= pg_snapshot_xmax(pg_current_snapshot())",
        ),
    ] {
        db.execute_raw(sql(delete, [])).await?;
        let renumbered = db.execute_raw(sql(renumber, [])).await?.rows_affected();
        if renumbered > 0 {
            tracing::info!(
                renumbered,
                "this database came from another cluster: stored ranks were renumbered"
            );
        }
    }
    let reset = "UPDATE webhook SET position = pg_current_snapshot()::text
                 WHERE pg_snapshot_xmax(position::pg_snapshot) > pg_snapshot_xmax(pg_current_snapshot())";
    db.execute_raw(sql(reset, [])).await?;
    Ok(())
}
