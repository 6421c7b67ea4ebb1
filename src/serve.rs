//! Running the server: database, schema, first debate, listeners, and an orderly end.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::AppRole;
use crate::db::embedded::{self, Cluster};
use crate::ids::Ids;
use crate::keys::Keys;
use crate::{db, exchange, http, router, worker};

/// The database of a configuration: a private cluster, or the one that a URL names.
pub enum Database {
    /// Started by us, and stopped by us.
    Private(Box<Cluster>),
    /// Started and stopped by a server that runs: how to connect as its owner.
    Shared(SecretString),
    /// Somebody else's.
    Given {
        /// How to connect.
        url: SecretString,
        /// How to connect as the owner of the tables, where that is another role.
        owner: Option<SecretString>,
    },
}

impl Database {
    /// Starts the private cluster where no URL is given.
    ///
    /// # Errors
    /// The cluster does not start; the message says what to do.
    pub async fn start(config: &Config) -> anyhow::Result<Self> {
        let settings = &config.database;
        if !settings.url.expose_secret().is_empty() {
            let owner = Some(settings.migration_url.clone()).filter(|url| !url.expose_secret().is_empty());
            return Ok(Self::Given { url: settings.url.clone(), owner });
        }
        let bin = &settings.postgres_bin;
        let options = embedded::Options {
            data_dir: config.data_dir.clone(),
            postgres_bin: (!bin.as_os_str().is_empty()).then(|| bin.clone()),
            // A few more than the pool, for background work that waits to be called, for migrations and for whoever looks in
            // with psql.
            max_connections: settings.max_connections + 12,
        };
        Ok(Self::Private(Box::new(Cluster::start(&options).await?)))
    }

    /// The same for a command: where a server is running over the data folder, its cluster is used.
    ///
    /// # Errors
    /// As [`Database::start`].
    pub async fn start_or_share(config: &Config) -> anyhow::Result<Self> {
        let given = !config.database.url.expose_secret().is_empty();
        match embedded::running(&config.data_dir).filter(|_| !given) {
            Some(url) => Ok(Self::Shared(url.into())),
            None => Self::start(config).await,
        }
    }

    /// Where to connect.
    pub fn url(&self) -> String {
        match self {
            Self::Private(cluster) => cluster.app_url(),
            Self::Shared(url) => embedded::as_app(url.expose_secret()),
            Self::Given { url, .. } => url.expose_secret().to_owned(),
        }
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    /// As [`db::migrate`].
    pub async fn migrate(&self) -> anyhow::Result<()> {
        let ours = AppRole { name: embedded::APP_ROLE.to_owned(), make: true };
        match self {
            Self::Private(cluster) => db::migrate(&cluster.url(), Some(&ours)).await,
            Self::Shared(url) => db::migrate(url.expose_secret(), Some(&ours)).await,
            Self::Given { url, owner: None } => db::migrate(url.expose_secret(), None).await,
            Self::Given { url, owner: Some(owner) } => {
                let role = AppRole { name: db::role_of(url.expose_secret())?, make: false };
                db::migrate(owner.expose_secret(), Some(&role)).await
            }
        }
    }

    /// Stops the private cluster.
    ///
    /// # Errors
    /// It does not stop.
    pub async fn stop(self) -> anyhow::Result<()> {
        match self {
            Self::Private(cluster) => cluster.stop().await,
            Self::Shared(_) | Self::Given { .. } => Ok(()),
        }
    }

    /// Resolves when the private cluster ends by itself.
    async fn died(&mut self) -> String {
        match self {
            Self::Private(cluster) => match cluster.exited().await {
                Ok(status) => status.to_string(),
                Err(error) => error.to_string(),
            },
            Self::Shared(_) | Self::Given { .. } => std::future::pending().await,
        }
    }
}

/// Runs the server until it is told to stop.
///
/// # Errors
/// Something it needs is not there; the message says what and what to do.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    // First, so that a second server on one address is refused before it starts a database.
    let address = config.server.address;
    let listener = TcpListener::bind(address).await.with_context(|| {
        match embedded::holder(&config.data_dir) {
            Some(pid) => format!(
                "listening on {address}: another otherwise server (pid {pid}) is running over {}; stop it, or set \
                 OTHERWISE__SERVER__ADDRESS and OTHERWISE__DATA_DIR for a second one",
                config.data_dir.display()
            ),
            None => format!("listening on {address} (another program may have it; see server.address)"),
        }
    })?;
    let metrics_listener = match config.metrics_address()? {
        Some(address) => Some(TcpListener::bind(address).await.with_context(|| {
            format!("listening on {address} for metrics (see metrics.address; an empty one turns them off)")
        })?),
        None => None,
    };
    let mut orders = Orders::listen()?;
    let mut database = tokio::select! {
        started = Database::start(&config) => started?,
        signal = orders.stop() => {
            tracing::info!(signal, "stopped while the database was starting");
            return Ok(());
        }
    };
    let served = async {
        let app = tokio::select! {
            prepared = Box::pin(prepare(&database, config)) => prepared?,
            signal = orders.stop() => {
                tracing::info!(signal, "stopped while the database was being prepared");
                return Ok(());
            }
        };
        announce(&app, listener.local_addr()?, &database);
        let (stop, stopped) = watch::channel(());
        let mut told = stopped.clone();
        let (routes, settings) = (router::router(&app), app.config.server.clone());
        let service = tokio::spawn(async move {
            http::serve::serve(listener, routes, &settings, async move {
                // An error means that the sender is gone, which is the same order.
                let _ = told.changed().await;
            })
            .await;
        });
        let metrics = metrics_listener.map(|listener| tokio::spawn(serve_metrics(listener)));
        let work = tokio::spawn(worker::run(app.clone(), stopped));
        let ended = tokio::select! {
            signal = orders.stop() => {
                tracing::info!(signal, "stopping: no new connections, running requests are answered");
                Ok(())
            }
            status = database.died() => Err(anyhow::anyhow!("the private PostgreSQL ended by itself ({status}); its log is in the data folder")),
        };
        app.stopping.send_replace(true);
        drop(stop);
        service.await?;
        end(work, &app).await;
        if let Some(metrics) = metrics {
            metrics.abort();
        }
        app.db.clone().close().await?;
        ended
    }
    .await;
    database.stop().await?;
    if served.is_ok() {
        tracing::info!("stopped");
    }
    served
}

/// Connects, brings the schema up to date, and loads the first debate into an empty database.
async fn prepare(database: &Database, config: Config) -> anyhow::Result<App> {
    let keys = Keys::load(&config)?;
    database.migrate().await?;
    let pool = db::connect(&database.url(), &config.database).await?;
    let load_default = config.debates.load_default;
    let app = App::new(pool, config, Clock::System, Ids::System, keys);
    if load_default && exchange::has_no_topics(&app).await? {
        let imported =
            exchange::import(&app, exchange::FIRST_DEBATE.as_bytes(), &exchange::Progress::none()).await?;
        tracing::info!("{imported}");
    }
    Ok(app)
}

/// Says where everything is, on standard output, where a person who typed the command reads it.
fn announce(app: &App, address: SocketAddr, database: &Database) {
    let data = match database {
        Database::Private(cluster) => format!("{} (a private PostgreSQL)", cluster.location().display()),
        Database::Shared(_) | Database::Given { .. } => "in the PostgreSQL of database.url".to_owned(),
    };
    println!(
        "Otherwise is ready.\n\
         \n  API        http://{address}/api/v1/topics\
         \n  docs       http://{address}/docs\
         \n  data       {data}\
         \n  keys       {}\
         \n  mail       {}\
         \n\nMake the first administrator, in another terminal:\
         \n  printf %s 'a long passphrase' | {} admin create --username NAME --email ADDRESS --password-stdin\
         \n\nStop with Ctrl-C.",
        app.config.data_dir.join("keys").display(),
        app.config.mail_summary(),
        std::env::args().next().unwrap_or_else(|| "otherwise".to_owned()),
    );
}

/// The signals that end the program. Listened to once and kept: from the first listening on the system no
/// longer ends the program by itself, and a signal that came while nobody listened would be lost.
pub struct Orders {
    interrupt: Signal,
    terminate: Signal,
}

impl Orders {
    /// Listens from now on.
    ///
    /// # Errors
    /// Signals cannot be received.
    pub fn listen() -> anyhow::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Does something unless it is told to stop: then it is dropped where it stands, and its transaction
    /// undone.
    ///
    /// # Errors
    /// Those of the work, or the signal.
    pub async fn unless_stopped<T>(
        &mut self,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        tokio::select! {
            done = work => done,
            signal = self.stop() => bail!("stopped by {signal}; what was under way was undone"),
        }
    }

    /// Resolves at Ctrl-C or SIGTERM, with its name; at once if it came since the last time.
    pub async fn stop(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

/// Waits until the background work has ended, as long as running requests are waited for. A mail that was
/// taken while its server's answer is still on its way would be sent again.
async fn end(mut work: JoinHandle<()>, app: &App) {
    let limit = Duration::from_secs(app.config.server.drain_timeout_secs);
    if tokio::time::timeout(limit, &mut work).await.is_err() {
        tracing::warn!("background work did not end within {limit:?} and was cut off");
        work.abort();
    }
}

/// Runs the background work only, until told to stop.
pub async fn work(app: &App, orders: &mut Orders) {
    let (stop, stopped) = watch::channel(());
    let work = tokio::spawn(worker::run(app.clone(), stopped));
    let signal = orders.stop().await;
    tracing::info!(signal, "stopping");
    drop(stop);
    end(work, app).await;
}

/// Answers Prometheus on a listener of its own, so that a proxy in front of the API cannot reach it.
async fn serve_metrics(listener: TcpListener) {
    let handle = match recorder() {
        Ok(handle) => handle,
        Err(error) => return tracing::warn!(%error, "metrics are off"),
    };
    let render = move || {
        let handle = handle.clone();
        async move {
            handle.run_upkeep();
            handle.render()
        }
    };
    let router = axum::Router::new().route("/metrics", axum::routing::get(render));
    if let Err(error) = axum::serve(listener, router).await {
        tracing::warn!(%error, "metrics ended");
    }
}

fn recorder() -> anyhow::Result<PrometheusHandle> {
    let seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    Ok(PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full("http_request_duration_seconds".to_owned()), &seconds)?
        .install_recorder()?)
}

/// Asks the server of this configuration whether it is well.
///
/// # Errors
/// It is not, or does not answer within five seconds.
pub async fn healthcheck(config: &Config) -> anyhow::Result<()> {
    let mut address = config.server.address;
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            std::net::Ipv4Addr::LOCALHOST.into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        });
    }
    let answer = tokio::time::timeout(Duration::from_secs(5), ask(address))
        .await
        .with_context(|| format!("{address} did not answer within 5 seconds"))?
        .with_context(|| format!("asking {address}"))?;
    let status = answer.split(' ').nth(1).unwrap_or_default();
    if status != "200" {
        bail!("{address} answered {status}");
    }
    Ok(())
}

async fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.take(64 * 1024).read_to_string(&mut answer).await?;
    Ok(answer)
}
