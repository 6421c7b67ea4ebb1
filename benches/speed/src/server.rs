//! Starting the program as a user would, and reaching its private cluster.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};

/// Longer than a start takes, even one that makes the cluster.
const STUCK: Duration = Duration::from_mins(2);

/// Connections that the cluster accepts. Without a hand in it, it has room for the server's own pool and a few more;
/// the reference takes 64 besides, and two more servers 20 each.
const CLUSTER_CONNECTIONS: u32 = 160;

/// The quotas that are raised out of reach. They stay enabled: counting requests is part of the work.
const QUOTAS: [&str; 10] = [
    "READ_PER_MINUTE",
    "WRITE_PER_MINUTE",
    "VOTE_PER_MINUTE",
    "SIGN_IN_PER_ADDRESS",
    "SIGN_IN_PER_ACCOUNT",
    "SIGN_IN_PER_MINUTE",
    "REGISTER_PER_HOUR",
    "MAIL_PER_RECIPIENT",
    "MAIL_PER_ACCOUNT",
    "MAIL_PER_ADDRESS",
];

/// Where everything of a run lies.
pub(crate) struct Folder {
    path: PathBuf,
    server: PathBuf,
    postgres_bin: PathBuf,
    /// Deletes the folder at the end, unless it is to be kept.
    _temporary: Option<tempfile::TempDir>,
}

impl Folder {
    /// A folder that is deleted at the end, or one that is kept.
    pub(crate) fn new(kept: Option<&Path>, server: &Path, postgres_bin: Option<&Path>) -> Self {
        let temporary = kept.is_none().then(|| tempfile::tempdir().expect("a temporary folder"));
        let path = match (&temporary, kept) {
            (Some(temporary), _) => temporary.path().to_owned(),
            (None, Some(kept)) => kept.to_owned(),
            (None, None) => unreachable!("one of the two is there"),
        };
        fs::create_dir_all(&path).unwrap();
        let path = path.canonicalize().unwrap();
        // PostgreSQL refuses to be root: where this is root, it runs as a user who must get through.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o711)).unwrap();
        let server = server.canonicalize().unwrap_or_else(|_| panic!("there is no {}", server.display()));
        let folder = Self { postgres_bin: find_postgres(postgres_bin), path, server, _temporary: temporary };
        folder.wrap_postgres();
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A file in the folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A program of PostgreSQL.
    pub(crate) fn postgres_program(&self, name: &str) -> PathBuf {
        let beside = self.postgres_bin.join(name);
        if beside.is_file() { beside } else { PathBuf::from(name) }
    }

    fn data(&self) -> PathBuf {
        self.file("data")
    }

    /// The folder with the cluster's socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.data().join("postgres/socket")
    }

    /// What PostgreSQL says.
    pub(crate) fn postgres_log(&self) -> PathBuf {
        self.data().join("postgres.log")
    }

    /// The main process of the cluster.
    pub(crate) fn postmaster(&self) -> u32 {
        let file = fs::read_to_string(self.data().join("postgres/postmaster.pid")).unwrap();
        file.lines().next().unwrap().trim().parse().unwrap()
    }

    /// The cluster's database, as servers are told where it is.
    pub(crate) fn url(&self) -> String {
        let byte = |byte: u8| match byte {
            b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        };
        let host: String = self.socket().to_str().unwrap().bytes().map(byte).collect();
        format!("postgres://otherwise@localhost/otherwise?host={host}&port=5432&sslmode=disable")
    }

    /// A connection as the owner of everything.
    pub(crate) async fn connect(&self) -> PgConnection {
        let options: PgConnectOptions = self.url().parse().unwrap();
        PgConnection::connect_with(&options.disable_statement_logging()).await.unwrap()
    }

    /// PostgreSQL's programs, with the one change that the cluster accepts more connections. The server starts them as
    /// it always does; of two values for one setting, the later one on the command line counts.
    fn wrap_postgres(&self) {
        let folder = self.file("programs");
        fs::create_dir_all(&folder).unwrap();
        let quoted = |name: &str| format!("'{}'", self.postgres_bin.join(name).display());
        let postgres = format!(
            "#!/bin/sh\nif [ \"$1\" = -D ]; then exec {0} \"$@\" -c max_connections={CLUSTER_CONNECTIONS}; fi\nexec {0} \"$@\"\n",
            quoted("postgres")
        );
        let initdb = format!("#!/bin/sh\nexec {} \"$@\"\n", quoted("initdb"));
        for (name, text) in [("postgres", postgres), ("initdb", initdb)] {
            fs::write(folder.join(name), text).unwrap();
            fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A command of the program with the settings of this benchmark and a data folder.
    pub(crate) fn command(&self, data: &Path) -> Command {
        let mut command = Command::new(&self.server);
        command
            .arg("serve")
            .current_dir(&self.path)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("OTHERWISE__SERVER__ADDRESS", "127.0.0.1:0")
            .env("OTHERWISE__METRICS__ADDRESS", "")
            .env("OTHERWISE__TRUST__NEWCOMER_POSTS_PER_DAY", "1000000")
            .env("OTHERWISE__DATABASE__POSTGRES_BIN", self.file("programs"))
            .env("OTHERWISE__DATA_DIR", data);
        for quota in QUOTAS {
            command.env(format!("OTHERWISE__RATE_LIMITS__{quota}"), "5000000");
        }
        command
    }

    /// The server with the private cluster.
    pub(crate) fn serve(&self) -> Server {
        Server::spawn(self.command(&self.data()), &self.file("server.log"))
    }

    /// Another server over the same database, with a data folder of its own, and the same keys, so that everybody who
    /// is signed in is so there too.
    pub(crate) fn serve_beside(&self, name: &str, settings: &[(&str, &str)]) -> Server {
        let mut command = self.command_beside(name);
        command.envs(settings.iter().copied());
        Server::spawn(command, &self.file(&format!("{name}.log")))
    }

    /// The command of such a server.
    pub(crate) fn command_beside(&self, name: &str) -> Command {
        let data = self.file(name);
        let keys = data.join("keys");
        if !keys.exists() {
            fs::create_dir_all(&keys).unwrap();
            for key in fs::read_dir(self.data().join("keys")).unwrap() {
                let key = key.unwrap();
                fs::copy(key.path(), keys.join(key.file_name())).unwrap();
            }
            fs::set_permissions(&keys, fs::Permissions::from_mode(0o700)).unwrap();
        }
        let mut command = self.command(&data);
        command.env("OTHERWISE__DATABASE__URL", self.url());
        command
    }
}

/// The folder of PostgreSQL's programs: that which was named, or the first in PATH. Links are followed, since not every
/// program has one beside the others.
fn find_postgres(named: Option<&Path>) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let named = named.filter(|named| !named.as_os_str().is_empty()).map(Path::to_owned);
    named
        .into_iter()
        .chain(std::env::split_paths(&path))
        .find_map(|folder| folder.join("postgres").canonicalize().ok())
        .and_then(|program| program.parent().map(Path::to_owned))
        .expect("PostgreSQL's programs in PATH, or --postgres-bin")
}

/// A running server. Dropped, it is told to stop and waited for.
pub(crate) struct Server {
    child: Child,
    /// Where it answers: the address and the port.
    pub(crate) address: String,
}

impl Server {
    /// Starts a server and waits until it says that it is ready.
    pub(crate) fn spawn(mut command: Command, log: &Path) -> Self {
        let errors = File::options().append(true).create(true).open(log).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        let mut server = Self { child, address: String::new() };
        let lines = read_lines(server.child.stdout.take().unwrap());
        loop {
            let Ok(line) = lines.recv_timeout(STUCK) else {
                panic!("the server did not become ready: {}", fs::read_to_string(log).unwrap());
            };
            if let Some(api) = line.trim().strip_prefix("API ") {
                let address = api.trim().trim_start_matches("http://");
                address.trim_end_matches("/api/v1/topics").clone_into(&mut server.address);
            }
            if line.contains("Ctrl-C") {
                return server;
            }
        }
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The address of a path below `/api/v1`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/api/v1{path}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            stop(self.child.id());
            drop(self.child.wait());
        }
    }
}

/// Tells a process to stop.
pub(crate) fn stop(id: u32) {
    if let Ok(id) = i32::try_from(id) {
        let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
    }
}

/// The lines of some output as they come. It is read to its end even if nobody listens any more, so that its writer is
/// never held up.
pub(crate) fn read_lines(output: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (send, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            let Ok(line) = line else { return };
            drop(send.send(line));
        }
    });
    lines
}
