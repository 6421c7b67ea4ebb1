//! The private PostgreSQL cluster: what `serve` runs when no database is configured.
//!
//! Nothing of it is reachable from outside. It has no network address, and its one socket lies in a
//! folder with mode 0700, so the operating system lets in the user it runs as and root, nobody else.
//! That is why connections over the socket are trusted without a password: `peer` would ask the same
//! system the same question, and would turn away a server that runs as root, since PostgreSQL itself
//! refuses to be root and runs as another user then.
//!
//! In the data folder:
//!
//! - `otherwise.lock`: held by the one server that uses the folder, with its process number in it;
//! - `postgres`: the cluster, or a link to it where its user cannot pass through the data folder;
//! - `postgres-….new`: a cluster being made, renamed when complete; a half-made one is never used;
//! - `postgres.log`: what PostgreSQL says, and `postgres.log.1`, what it said before.

mod home;
mod orphan;
mod programs;

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::Signal;
use nix::unistd::geteuid;
use tokio::net::UnixStream;
use tokio::process::Child;
use tokio::time::{Instant, sleep, timeout};

use home::{Home, PORT, QUIET, create, remove_sockets, remove_unfinished, socket_name, sockets};
use orphan::{PidFile, Status, make_way, pid_of, signal, still_there, warn_immediate};
use programs::{Programs, choose, command, installed, last};

/// The role as which the server works in its private cluster: what a request reaches can neither change the
/// schema nor what is only added to.
pub const APP_ROLE: &str = "otherwise_app";

/// A longer log is put aside at the next start.
const LOG_MAX: u64 = 16 << 20;

/// … and with it: after a crash PostgreSQL reads back its journal.
const RECOVERY: Duration = Duration::from_mins(10);

/// How long a clean shutdown may take.
const FAST_SHUTDOWN: Duration = Duration::from_secs(30);

/// How long an immediate shutdown may take, where little more is done than to end processes.
const IMMEDIATE_SHUTDOWN: Duration = Duration::from_secs(10);

/// How to run the cluster.
#[derive(Clone, Debug)]
pub struct Options {
    /// The server's data folder; made if it is missing.
    pub data_dir: PathBuf,
    /// The folder of `postgres` and `initdb`; searched for if not given.
    pub postgres_bin: Option<PathBuf>,
    /// How many connections PostgreSQL accepts: those of all pools, and a few for `psql` and backups.
    pub max_connections: u32,
}

/// How to connect, as the owner of everything, to the cluster that a server runs in this data folder at the
/// moment, if one does: for commands beside a running server, which must not start a second one.
pub fn running(data_dir: &Path) -> Option<String> {
    holder(data_dir)?;
    let file = fs::read_to_string(data_dir.join("postgres/postmaster.pid")).ok()?;
    let file = PidFile::parse(&file).filter(|file| file.status == Status::Ready)?;
    file.sockets.as_deref().map(url)
}

/// The process number of the server that runs in this data folder at the moment, if one does.
pub fn holder(data_dir: &Path) -> Option<u32> {
    let mut lock = File::open(data_dir.join("otherwise.lock")).ok()?;
    if !matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        return None;
    }
    let mut pid = String::new();
    lock.read_to_string(&mut pid).ok()?;
    pid.trim().parse().ok()
}

/// The same way to a private cluster, as [`APP_ROLE`].
pub fn as_app(url: &str) -> String {
    url.replacen("//otherwise@", &format!("//{APP_ROLE}@"), 1)
}

/// A running cluster, and the lock on its data folder.
///
/// Call [`Cluster::stop`] when the last connection is closed. A cluster that is dropped instead is told
/// to shut down too, but nobody waits for it: the next start will.
#[derive(Debug)]
pub struct Cluster {
    postmaster: Child,
    location: PathBuf,
    sockets: PathBuf,
    log: PathBuf,
    lock: File,
}

impl Cluster {
    /// Finds PostgreSQL's programs, makes the cluster at first use, starts it and waits until it accepts
    /// connections. What a killed server left running is stopped first.
    ///
    /// # Errors
    /// Another server uses the folder, PostgreSQL is missing or of another version than the cluster, or
    /// it does not start; the message says what to do.
    pub async fn start(options: &Options) -> Result<Self> {
        let begun = Instant::now();
        let folder = data_folder(&options.data_dir)?;
        let lock = lock(&folder)?;
        remove_unfinished(&folder).await?;
        let installed = installed(options.postgres_bin.as_deref()).await?;
        let (home, programs) = if let Some(home) = Home::find(&folder)? {
            let programs = choose(installed, Some(&home))?;
            home.check_reachable().await?;
            make_way(&home.location).await?;
            (home, programs)
        } else {
            let programs = choose(installed, None)?;
            (create(&folder, &programs).await?, programs)
        };

        let log = folder.join("postgres.log");
        rotate(&log).with_context(|| format!("putting aside the full log {}", log.display()))?;
        let sockets = sockets(&home)?;
        let mut from = length(&log);
        let postmaster = launch(&home, &programs, &sockets, &log, options.max_connections)?;
        let mut cluster = Self { postmaster, location: home.location.clone(), sockets, log, lock };
        let spawned = Instant::now();
        while let Err(error) = cluster.ready(from).await {
            // The sessions of a postmaster that was killed notice soon, unless they are busy.
            let survivors = format!("{error:#}").contains("pre-existing shared memory block");
            if !survivors || spawned.elapsed() > FAST_SHUTDOWN {
                return Err(error);
            }
            tracing::info!("waiting for sessions of a killed PostgreSQL to end");
            sleep(Duration::from_secs(1)).await;
            from = length(&cluster.log);
            cluster.postmaster =
                launch(&home, &programs, &cluster.sockets, &cluster.log, options.max_connections)?;
        }
        tracing::info!(
            folder = %cluster.location.display(),
            version = %programs.version,
            milliseconds = begun.elapsed().as_millis(),
            "the private database is ready"
        );
        Ok(cluster)
    }

    /// How to connect as the owner of everything: no password, since only the cluster's user and root get to
    /// the socket.
    pub fn url(&self) -> String {
        url(&self.sockets)
    }

    /// How to connect as [`APP_ROLE`], once that was made.
    pub fn app_url(&self) -> String {
        as_app(&self.url())
    }

    /// Where the cluster's files are, links resolved. This is what a backup of the folder must include.
    pub fn location(&self) -> &Path {
        &self.location
    }

    /// What PostgreSQL says.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Resolves when PostgreSQL has ended by itself. To start it again, drop this cluster first: it holds
    /// the lock on the data folder. Can be dropped and called again, as `select!` does.
    ///
    /// # Errors
    /// The system does not tell how it ended.
    pub async fn exited(&mut self) -> io::Result<ExitStatus> {
        self.postmaster.wait().await
    }

    /// Shuts down cleanly, ending sessions that are still open; after 30 seconds less cleanly, which
    /// loses nothing but makes the next start recover.
    ///
    /// # Errors
    /// PostgreSQL could not be ended.
    pub async fn stop(mut self) -> Result<()> {
        // Without a number it has ended already.
        let Some(pid) = pid_of(&self.postmaster) else {
            return Ok(());
        };
        signal(pid, Signal::SIGINT)?;
        let status = if let Ok(status) = timeout(FAST_SHUTDOWN, self.postmaster.wait()).await {
            status
        } else {
            warn_immediate(pid);
            signal(pid, Signal::SIGQUIT)?;
            timeout(IMMEDIATE_SHUTDOWN, self.postmaster.wait()).await.map_err(|_| still_there(pid))?
        };
        let status = status.context("waiting for PostgreSQL to end")?;
        if status.success() {
            tracing::info!("the private database has shut down");
        } else {
            let log = self.log.display();
            tracing::warn!(%status, %log, "the private database did not shut down cleanly");
        }
        Ok(())
    }

    /// Waits until PostgreSQL accepts connections, reading its log from where this start began.
    async fn ready(&mut self, from: u64) -> Result<()> {
        let begun = Instant::now();
        let (mut progress, mut told) = (begun, begun);
        let socket = self.sockets.join(socket_name());
        loop {
            if let Some(status) = self.postmaster.try_wait().context("waiting for PostgreSQL")? {
                bail!("PostgreSQL ended while starting ({status}). {}", self.said(from));
            }
            // The same sign that pg_ctl waits for; the number rules out a file left by an earlier run.
            let file = fs::read_to_string(self.location.join("postmaster.pid")).ok();
            let file = file.as_deref().and_then(PidFile::parse);
            match file.filter(|file| Some(file.pid) == pid_of(&self.postmaster)).map(|file| file.status) {
                Some(Status::Ready) if UnixStream::connect(&socket).await.is_ok() => return Ok(()),
                // Recovering, which may take long without a word in the log.
                Some(Status::Starting) => progress = Instant::now(),
                _ => {}
            }
            ensure!(
                progress.elapsed() < QUIET && begun.elapsed() < RECOVERY,
                "PostgreSQL was started {} seconds ago and still accepts no connections; it has been told to \
                 shut down. {}",
                begun.elapsed().as_secs(),
                self.said(from),
            );
            if told.elapsed() >= Duration::from_secs(10) {
                told = Instant::now();
                let log = tail(&self.log, from, 1).unwrap_or_default();
                tracing::info!(seconds = begun.elapsed().as_secs(), log, "waiting for the private database");
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// The end of the log, for an error message.
    fn said(&self, from: u64) -> String {
        match tail(&self.log, from, 20) {
            Ok(said) if said.is_empty() => format!("Its log {} says nothing.", self.log.display()),
            Ok(said) => format!("The end of its log {}:\n{said}", self.log.display()),
            Err(error) => format!("Its log {} cannot be read: {error}.", self.log.display()),
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        match pid_of(&self.postmaster) {
            // Errors have nobody to go to here, and the next start looks again.
            Some(pid) => drop(signal(pid, Signal::SIGINT)),
            None => remove_sockets(&self.sockets),
        }
        drop(self.lock.set_len(0));
    }
}

/// The data folder, made if it is missing, as an absolute path without links.
fn data_folder(folder: &Path) -> Result<PathBuf> {
    let shown = folder.display();
    match fs::metadata(folder) {
        Ok(found) => ensure!(
            found.is_dir(),
            "the data folder {shown} is a file: move it away or set OTHERWISE__DATA_DIR to a folder"
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // PostgreSQL's user has to pass through a folder that belongs to root, but not to read it.
            let mode = if geteuid().is_root() { 0o711 } else { 0o700 };
            DirBuilder::new()
                .recursive(true)
                .mode(mode)
                .create(folder)
                .and_then(|()| fs::set_permissions(folder, Permissions::from_mode(mode)))
                .with_context(|| format!("making the data folder {shown}"))?;
        }
        Err(error) => return Err(error).with_context(|| format!("looking at the data folder {shown}")),
    }
    folder.canonicalize().with_context(|| format!("looking at the data folder {shown}"))
}

/// Takes the data folder for this process. The system frees the lock when the process ends, however it
/// ends, and does not hand it down to PostgreSQL.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("otherwise.lock");
    let mut file =
        File::options().read(true).write(true).create(true).truncate(false).open(&path).with_context(
            || format!("opening {}: run the server as the user who owns this folder", path.display()),
        )?;
    // A command that looks whether a server runs holds the lock for an instant.
    let mut locked = file.try_lock();
    for _ in 0..5 {
        if !matches!(locked, Err(TryLockError::WouldBlock)) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
        locked = file.try_lock();
    }
    match locked {
        Ok(()) => {
            let pid = std::process::id();
            file.set_len(0)
                .and_then(|()| writeln!(file, "{pid}"))
                .with_context(|| format!("writing {}", path.display()))?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let pid = match file.read_to_string(&mut pid) {
                Ok(_) if !pid.trim().is_empty() => format!(" (pid {})", pid.trim()),
                _ => String::new(),
            };
            bail!(
                "another otherwise server{pid} is using {}; stop it or set OTHERWISE__DATA_DIR to another \
                 folder",
                folder.display()
            )
        }
        Err(TryLockError::Error(error)) => Err(error)
            .with_context(|| format!("locking {}: is it on a disk of this machine?", path.display())),
    }
}

/// Starts PostgreSQL.
fn launch(home: &Home, programs: &Programs, sockets: &Path, log: &Path, connections: u32) -> Result<Child> {
    let output = File::options()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(log)
        .with_context(|| format!("opening PostgreSQL's log {}", log.display()))?;
    let utf8 = "the path of the data folder is not UTF-8: set OTHERWISE__DATA_DIR to one that is";
    // A list of folders, so the name is quoted.
    let folder = format!("\"{}\"", sockets.to_str().context(utf8)?.replace('"', "\"\""));
    // Three are kept for superusers, and PostgreSQL asks for more than those.
    let connections = connections.max(10).to_string();
    let port = PORT.to_string();
    let program = programs.bin.join("postgres");
    let mut command = command(&program, home.account.as_ref());
    command.arg("-D").arg(&home.location);
    // On the command line they win over the cluster's configuration files.
    for (name, value) in [
        ("cluster_name", "otherwise"),
        ("listen_addresses", ""),
        ("port", &port),
        ("unix_socket_directories", &folder),
        ("unix_socket_permissions", "0700"),
        ("max_connections", &connections),
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
        ("log_destination", "stderr"),
        ("logging_collector", "off"),
    ] {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    command
        .stdout(output.try_clone().context("opening PostgreSQL's log")?)
        .stderr(output)
        // Out of reach of the terminal's Ctrl-C: the server finishes its requests first, then stops it.
        .process_group(0)
        .spawn()
        .with_context(|| format!("running {}", program.display()))
}

/// The address of the cluster with sockets in a folder, as sqlx and libpq read it. What they would take
/// from the environment (`PGPORT`, `PGSSLMODE`) is fixed.
fn url(sockets: &Path) -> String {
    let byte = |byte: &u8| match byte {
        b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => char::from(*byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    let host: String = sockets.as_os_str().as_bytes().iter().map(byte).collect();
    format!("postgres://otherwise@localhost/otherwise?host={host}&port={PORT}&sslmode=disable")
}

fn length(file: &Path) -> u64 {
    file.metadata().map_or(0, |file| file.len())
}

fn rotate(log: &Path) -> io::Result<()> {
    if length(log) > LOG_MAX { fs::rename(log, log.with_extension("log.1")) } else { Ok(()) }
}

/// The last lines of a file, of those after a position.
fn tail(file: &Path, from: u64, lines: usize) -> io::Result<String> {
    let mut file = File::open(file)?;
    let from = from.max(file.metadata()?.len().saturating_sub(16 << 10));
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(16 << 10).read_to_end(&mut bytes)?;
    Ok(last(&String::from_utf8_lossy(&bytes), lines))
}

#[cfg(test)]
mod tests {
    use nix::unistd::Pid;

    use super::home::{SOCKET_PATH_MAX, fits};
    use super::orphan::{folder_argument, is_postgres, split_arguments};
    use super::programs::Version;
    use super::*;

    fn version(text: &str) -> Option<(u32, u32, bool)> {
        Version::parse(text).map(|version| (version.major, version.minor, version.released))
    }

    #[test]
    fn versions_are_read_as_every_packager_prints_them() {
        assert_eq!(version("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n"), Some((15, 13, true)));
        assert_eq!(version("postgres (PostgreSQL) 17.5 (Homebrew)"), Some((17, 5, true)));
        assert_eq!(version("postgres (PostgreSQL) 19beta2"), Some((19, 0, false)));
        assert_eq!(version("postgres (PostgreSQL) 20devel"), Some((20, 0, false)));
        assert_eq!(version("postgres (PostgreSQL) 9.6.24"), Some((9, 6, true)));
        assert_eq!(version("bash: postgres: not found"), None);
        assert_eq!(version("postgres (PostgreSQL) "), None);
    }

    fn some(list: &[(&str, &str)]) -> Vec<Programs> {
        let version = |text| Version::parse(&format!("postgres (PostgreSQL) {text}")).unwrap();
        list.iter().map(|(bin, text)| Programs { bin: bin.into(), version: version(text) }).collect()
    }

    #[test]
    fn a_new_cluster_takes_the_newest_release_and_an_old_one_its_own() {
        let installed =
            some(&[("/a", "16.9"), ("/b", "17.5"), ("/c", "17.5"), ("/d", "18beta1"), ("/e", "14.1")]);
        assert_eq!(choose(installed.clone(), None).unwrap().bin, Path::new("/b"));
        let of =
            |major: &str| Home { location: "/data/postgres".into(), account: None, major: major.to_owned() };
        assert_eq!(choose(installed.clone(), Some(&of("16"))).unwrap().bin, Path::new("/a"));
        let error = choose(installed, Some(&of("15"))).unwrap_err().to_string();
        assert!(error.contains("made by PostgreSQL 15") && error.contains("17.5 in /b"), "{error}");
    }

    #[test]
    fn nothing_usable_is_an_error_that_says_what_to_install() {
        let error = choose(some(&[("/old", "14.2")]), None).unwrap_err().to_string();
        assert!(error.contains("14.2 in /old") && error.contains("apt-get install postgresql"), "{error}");
    }

    #[test]
    fn the_pid_file_is_read_at_every_stage() {
        let whole =
            "4711\n/data/postgres\n1750000000\n5432\n/data/postgres/socket\n\n  5432001    32768\nready   \n";
        let file = PidFile::parse(whole).unwrap();
        assert_eq!(file.pid, Pid::from_raw(4711));
        assert!(file.status == Status::Ready && !file.single);
        assert_eq!(file.sockets.as_deref(), Some(Path::new("/data/postgres/socket")));
        let status = |text: &str| PidFile::parse(text).unwrap().status;
        assert_eq!(status(&whole.replace("ready   ", "starting")), Status::Starting);
        assert_eq!(status(&whole.replace("ready   ", "stopping")), Status::Other);
        assert_eq!(status("4711\n/data/postgres\n"), Status::Other);
        assert!(PidFile::parse("-4711\n/data/postgres\n").unwrap().single);
        for broken in ["", "\n", "0\n", "postgres\n", "-2147483648\n"] {
            assert_eq!(PidFile::parse(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn the_folder_of_a_postgres_is_read_from_its_arguments() {
        let of = |parts: &[&str]| folder_argument(&parts.iter().map(ToString::to_string).collect::<Vec<_>>());
        let folder = Some(PathBuf::from("/my data/postgres"));
        assert_eq!(of(&["/bin/postgres", "-D", "/my data/postgres", "-c", "port=5432"]), folder);
        assert_eq!(of(&["/bin/postgres", "-D/my data/postgres"]), folder);
        assert_eq!(of(&["/bin/postgres", "-D"]), None);
        assert_eq!(of(&["/bin/postgres"]), None);
        let split = split_arguments("/bin/postgres -D /my data/postgres -c listen_addresses= -c port=5432\n");
        assert!(is_postgres(&split));
        assert_eq!(folder_argument(&split), folder);
        assert!(!is_postgres(&split_arguments("")));
        assert!(!is_postgres(&split_arguments("vi /data/postgres/postgresql.conf")));
    }

    #[test]
    fn the_url_survives_any_path() {
        let expected = "postgres://otherwise@localhost/otherwise?host=%2Fmy%20d%C3%A4ta%26%2Fa-b_c.d%2Fsocket\
                        &port=5432&sslmode=disable";
        assert_eq!(url(Path::new("/my däta&/a-b_c.d/socket")), expected);
    }

    #[test]
    fn a_socket_path_has_a_limit() {
        assert!(fits(Path::new("/var/lib/otherwise/postgres/socket")));
        let folder = "/".to_owned() + &"x".repeat(SOCKET_PATH_MAX - 1 - "/.s.PGSQL.5432".len());
        assert!(fits(Path::new(&folder)));
        assert!(!fits(Path::new(&(folder + "x"))));
    }

    #[test]
    fn the_last_lines_are_kept() {
        assert_eq!(last("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last("", 2), "");
    }
}
