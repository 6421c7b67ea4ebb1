//! The command line of Otherwise: each command is handed to the part that does it.

use std::fmt;
use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::{Args, Parser, Subcommand};
use otherwise::app::App;
use otherwise::clock::Clock;
use otherwise::config::{Config, LogFormat};
use otherwise::exchange::Extent;
use otherwise::ids::Ids;
use otherwise::keys::Keys;
use otherwise::serve::{Database, Orders};
use otherwise::{audit, auth, client, db, exchange, roles, router, serve};
use secrecy::{ExposeSecret, SecretString};
use tracing::field::Field;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::{self, Writer};

/// Requests make many small allocations, which the system's allocator takes longer for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A debate server for counterfactual questions.
///
/// `otherwise serve` is all it takes: without a database URL the server runs a private PostgreSQL in its
/// data folder and loads the debate of 1956. Settings and their defaults are in config/default.toml; each
/// can be set in the environment as `OTHERWISE__SECTION__KEY`.
#[derive(Parser)]
#[command(name = "otherwise", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server, with its background work
    Serve,
    /// Run the background work only, beside servers over one database
    Worker,
    /// Bring the database's schema up to date
    Migrate,
    /// Load a debate from a file
    ///
    /// One transaction: a file that is not right changes nothing, and every field that is wrong is named.
    /// A file that was loaded before changes nothing either. The format: docs/debate.schema.json.
    Import {
        /// The file; `-` reads standard input
        file: PathBuf,
    },
    /// Write a debate to standard output
    Export {
        /// The topic's slug
        slug: String,
        /// Leave out who voted how
        #[arg(long)]
        without_votes: bool,
        /// Write what people think is likely too, under pseudonyms
        ///
        /// Credences, predictions, ratings, forecasts and changes of mind. Nothing in the file ties a pseudonym to a
        /// username.
        #[arg(long)]
        with_credences: bool,
    },
    /// Make administrators, and help people back in
    #[command(subcommand)]
    Admin(Admin),
    /// Moderate a server through its API, with a personal access token
    ///
    /// See docs/MODERATION.md. It reads no configuration: the server may be anywhere.
    Mod(client::Moderator),
    /// Manage the key that signs access tokens
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Look at the audit log
    #[command(subcommand)]
    Audit(Audit),
    /// Print the OpenAPI document
    Openapi,
    /// Print the JSON Schema of debate files
    Schema,
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Ask the running server whether it is well; for container health checks
    Healthcheck,
}

#[derive(Subcommand)]
enum Admin {
    /// Make an administrator
    Create(NewAdmin),
    /// Remove the second factor of somebody who lost it and the recovery codes too
    ///
    /// The password alone signs them in then, and a mail tells them. Make sure first that it is they who ask.
    RemoveFactors {
        /// Their username
        #[arg(long)]
        username: String,
    },
}

#[derive(Subcommand)]
enum Audit {
    /// Check that no entry was changed, removed, moved or forged
    ///
    /// Walks the chain of hashes and compares it with the signed checkpoints. Names the first entry that
    /// is not right, and exits with 1 then.
    Verify {
        /// The file of checkpoints, such as a copy kept elsewhere; the one of the configuration if not given
        #[arg(long)]
        checkpoints: Option<PathBuf>,
    },
}

#[derive(Args)]
struct NewAdmin {
    /// Their username
    #[arg(long)]
    username: String,
    /// Their address
    #[arg(long)]
    email: String,
    /// Read the password (15 characters or more) from standard input, which keeps it out of the shell's history
    #[arg(long, required = true)]
    password_stdin: bool,
}

#[derive(Subcommand)]
enum KeysCommand {
    /// Make another key; running servers over the data folder sign with it at once
    ///
    /// What the old one signed stays good until it expires, so nobody is signed out.
    Rotate {
        /// Refuse what the old key signed from now on: for a key that somebody else has
        #[arg(long)]
        at_once: bool,
    },
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Check the configuration and show what is in force, without secrets
    Check,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(run(cli.command)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("otherwise: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Mod(moderator) => Box::pin(client::run(moderator)).await,
        Command::Openapi => print(&router::document()),
        Command::Schema => print(&exchange::schema()?),
        Command::Config(ConfigCommand::Check) => {
            let config = Config::load()?;
            Keys::check(&config)?;
            println!("{}", config.summary());
            Ok(())
        }
        Command::Keys(KeysCommand::Rotate { at_once }) => rotate_keys(at_once),
        Command::Healthcheck => serve::healthcheck(&Config::load()?).await,
        Command::Serve => {
            let config = Config::load()?;
            log_to_stderr(&config)?;
            Box::pin(serve::serve(config)).await
        }
        Command::Worker => {
            with_app(async |app, orders| {
                serve::work(app, orders).await;
                Ok(())
            })
            .await
        }
        Command::Migrate => {
            with_app(async |_, _| {
                println!("The schema is up to date.");
                Ok(())
            })
            .await
        }
        Command::Import { file } => {
            // Before a database is started for it: Ctrl-C while it waits for input ends nothing half.
            let text = read_input(&file)?;
            with_app(async |app, orders| orders.unless_stopped(Box::pin(import(app, &text))).await).await
        }
        Command::Export { slug, without_votes, with_credences } => {
            let extent = Extent { votes: !without_votes, credences: with_credences };
            with_app(async |app, orders| {
                let exported = async { Ok(exchange::export(app, &slug, extent).await?) };
                let text =
                    orders.unless_stopped(exported).await.with_context(|| format!("exporting {slug}"))?;
                print!("{text}");
                Ok(())
            })
            .await
        }
        Command::Admin(Admin::Create(new)) => {
            let password = read_password(&new)?;
            with_app(async |app, _| create_admin(app, &new, &password).await).await
        }
        Command::Admin(Admin::RemoveFactors { username }) => {
            with_app(async |app, _| {
                let account = auth::remove_by_operator(app, &username).await?;
                println!("{} signs in with the password alone now.", account.username);
                Ok(())
            })
            .await
        }
        Command::Audit(Audit::Verify { checkpoints }) => {
            with_app(async |app, orders| {
                let file = checkpoints.unwrap_or_else(|| audit::checkpoint_file(&app.config));
                println!("{}", orders.unless_stopped(audit::verify(app, &file)).await?);
                Ok(())
            })
            .await
        }
    }
}

fn print(document: &impl serde::Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(document)?);
    Ok(())
}

/// Starts the log: for people on a terminal, for programs otherwise.
fn log_to_stderr(config: &Config) -> anyhow::Result<()> {
    let json = match config.log.format {
        LogFormat::Json => true,
        LogFormat::Human => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    // The HTML parser tells all it reads, which is what people wrote: that is no matter for a log.
    let filter =
        tracing_subscriber::EnvFilter::try_new(&config.log.filter)?.add_directive("html5ever=warn".parse()?);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if json {
        // A request is one span: a list of all would say the same again.
        builder.json().flatten_event(true).with_span_list(false).try_init()
    } else {
        let colours = std::io::stderr().is_terminal();
        let fields = format::debug_fn(on_one_line).delimited(" ");
        builder.with_target(false).with_ansi(colours).fmt_fields(fields).try_init()
    };
    started.map_err(|error| anyhow::anyhow!("starting the log: {error}"))
}

/// Writes a part of a log line. What came from outside must not pass for the next line, nor command the
/// terminal on which it is read.
fn on_one_line(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    if field.name() != "message" {
        write!(writer, "{}=", field.name())?;
    }
    for c in format!("{value:?}").chars() {
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            write!(writer, "{}", c.escape_default())?;
        } else {
            writer.write_char(c)?;
        }
    }
    Ok(())
}

/// Does something with the database of the configuration. Where no URL is given that is the private
/// cluster: shared with a server that runs, or started for the command and stopped afterwards, also when a
/// signal ends it early.
async fn with_app(work: impl AsyncFnOnce(&App, &mut Orders) -> anyhow::Result<()>) -> anyhow::Result<()> {
    // On the heap, where there is room: whoever calls this keeps all of it meanwhile.
    let config = Box::new(Config::load()?);
    log_to_stderr(&config)?;
    let mut orders = Orders::listen()?;
    let database = orders.unless_stopped(Database::start_or_share(&config)).await?;
    let done = Box::pin(async {
        let pool = orders.unless_stopped(async {
            database.migrate().await?;
            db::connect(&database.url(), &config.database).await
        });
        let pool = pool.await?;
        let keys = Keys::load(&config)?;
        let app = App::new(pool, *config, Clock::System, Ids::System, keys);
        let done = work(&app, &mut orders).await;
        app.db.clone().close().await?;
        done
    })
    .await;
    database.stop().await?;
    done
}

fn rotate_keys(at_once: bool) -> anyhow::Result<()> {
    let rotated = Keys::rotate(&Config::load()?, Clock::System.now().timestamp(), at_once)?;
    println!("{} signs from now on.", rotated.kid);
    match chrono::DateTime::from_timestamp(rotated.until, 0).filter(|_| !at_once) {
        Some(until) => println!("What {} signed is good until {until}.", rotated.retired_kid),
        None => println!("What {} signed is refused: people refresh their tokens.", rotated.retired_kid),
    }
    Ok(())
}

fn read_input(file: &PathBuf) -> anyhow::Result<Vec<u8>> {
    if file.as_os_str() != "-" {
        return std::fs::read(file).with_context(|| format!("reading {}", file.display()));
    }
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text).context("reading standard input")?;
    Ok(text)
}

async fn import(app: &App, text: &[u8]) -> anyhow::Result<()> {
    let imported = exchange::import(app, text, &exchange::Progress::on_terminal()).await?;
    println!("{imported}");
    Ok(())
}

fn read_password(new: &NewAdmin) -> anyhow::Result<SecretString> {
    ensure!(new.password_stdin, "say --password-stdin and send the password on standard input");
    let mut password = String::new();
    std::io::stdin().read_to_string(&mut password).context("reading the password from standard input")?;
    // What `echo` adds is not part of the password.
    let password = password.strip_suffix('\n').unwrap_or(&password);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() {
        bail!("no password came on standard input");
    }
    Ok(password.into())
}

async fn create_admin(app: &App, new: &NewAdmin, password: &SecretString) -> anyhow::Result<()> {
    let password = password.expose_secret();
    let account = roles::create_administrator(app, &new.username, &new.email, password).await?;
    println!("{} is an administrator and can sign in.", account.username);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn g2_a_value_stays_on_its_line() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_target(false)
            .without_time()
            .fmt_fields(format::debug_fn(on_one_line).delimited(" "))
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let name = "alice\r\n INFO forged\u{1b}[2J\u{2028}";
            let span = tracing::info_span!("request", %name);
            span.in_scope(|| tracing::info!(%name, "said {name}"));
        });
        let written = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let value = "alice\\r\\n INFO forged\\u{1b}[2J\\u{2028}";
        assert_eq!(written, format!(" INFO request{{name={value}}}: said {value} name={value}\n"));
    }
}
