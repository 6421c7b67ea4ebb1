//! Databases for tests: migrated once, cloned for each.

use otherwise::db::AppRole;
use otherwise::db::embedded::{APP_ROLE, as_app};
use sea_orm::sqlx::{AssertSqlSafe, Connection, PgConnection, raw_sql};
use tokio::sync::OnceCell;

/// A database of one test.
pub struct Database {
    url: String,
}

/// Where the throw-away cluster is.
fn cluster_url() -> String {
    std::env::var("OTHERWISE_TEST_DATABASE_URL").expect(
        "run the tests with script/test, which starts a PostgreSQL for them (arguments are passed on)",
    )
}

/// The URL of another database of the cluster.
fn url_of(name: &str) -> String {
    let cluster = cluster_url();
    let (before, after) =
        cluster.split_once("/postgres?").expect("the URL of the cluster names the database `postgres`");
    format!("{before}/{name}?{after}")
}

async fn execute(statement: String) {
    let mut connection = PgConnection::connect(&cluster_url()).await.unwrap();
    // The names are made below, of letters, digits and underscores.
    raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// The migrated database that the others are copies of.
async fn template() -> &'static str {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(|| async {
            let name = format!("otherwise_test_{}", std::process::id());
            execute(format!("CREATE DATABASE {name}")).await;
            let role = AppRole { name: APP_ROLE.to_owned(), make: true };
            otherwise::db::migrate(&url_of(&name), Some(&role)).await.unwrap();
            name
        })
        .await
}

impl Database {
    /// A copy of the migrated database.
    pub async fn clone_template() -> Self {
        let template = template().await;
        Self::create(&format!("TEMPLATE {template}")).await
    }

    /// A database without any table.
    pub async fn empty() -> Self {
        Self::create("").await
    }

    async fn create(how: &str) -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("otherwise_test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        execute(format!("CREATE DATABASE {name} {how}")).await;
        Self { url: url_of(&name) }
    }

    /// As the owner of everything.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// As a server connects.
    pub fn app_url(&self) -> String {
        as_app(&self.url)
    }
}
