//! Running the program: a folder for its data, a process with its output, and a client.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_otherwise");

/// The password of everybody in these tests.
pub const PASSWORD: &str = "correct horse battery staple";

/// The slug of the debate that an empty database starts with.
pub const FIRST_DEBATE: &str = "khrushchev-no-secret-speech-1956";

/// Longer than anything here takes; a test that waits so long is stuck.
pub const STUCK: Duration = Duration::from_mins(2);

/// A temporary folder of one test. PostgreSQL left running in it is stopped at the end.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // PostgreSQL refuses to be root: where the tests are, it runs as a user who must get through.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The data folder of servers.
    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// The main process of the private cluster, if it has one.
    pub fn postmaster(&self) -> Option<Pid> {
        postmaster(&self.data().join("postgres"))
    }

    /// A command of the program over this folder, with the settings of tests.
    pub fn command<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(TEST_SETTINGS)
            .env("OTHERWISE__DATA_DIR", self.data());
        command
    }

    /// Runs a command to its end, with some input.
    pub fn run<const N: usize>(&self, arguments: [&str; N], input: &str) -> Ran {
        run(&mut self.command(arguments), input)
    }

    /// A server over this folder.
    pub fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    /// A server over this folder, with settings of its own.
    pub fn serve_with(&self, settings: &[(&str, &str)]) -> Server {
        let mut command = self.command(["serve"]);
        command.envs(settings.iter().copied());
        Server::spawn(command, &self.path().join("log"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(pid) = self.postmaster() {
            end(pid);
        }
    }
}

/// Cheap hashes, no limits, any free port.
pub const TEST_SETTINGS: [(&str, &str); 6] = [
    ("OTHERWISE__SERVER__ADDRESS", "127.0.0.1:0"),
    ("OTHERWISE__METRICS__ADDRESS", ""),
    ("OTHERWISE__RATE_LIMITS__ENABLED", "false"),
    // Everybody in a test is a newcomer.
    ("OTHERWISE__TRUST__NEWCOMER_POSTS_PER_DAY", "1000000"),
    ("OTHERWISE__PASSWORD__MEMORY_KIB", "64"),
    ("OTHERWISE__PASSWORD__ITERATIONS", "1"),
];

/// The main process of a cluster, if it runs.
pub fn postmaster(cluster: &Path) -> Option<Pid> {
    let file = fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
    let pid = Pid::from_raw(file.lines().next()?.parse().ok()?);
    // The file of one that was killed stays, and its number may be somebody else's by now.
    let arguments = Command::new("ps").args(["-p", &pid.to_string(), "-o", "args="]).output().unwrap();
    let mine = String::from_utf8_lossy(&arguments.stdout).contains("postgres");
    mine.then_some(pid)
}

/// Whether a process is there and not waiting to be reaped.
pub fn is_running(pid: Pid) -> bool {
    let state = Command::new("ps").args(["-p", &pid.to_string(), "-o", "stat="]).output().unwrap();
    let state = String::from_utf8_lossy(&state.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

/// Ends a PostgreSQL that a test left behind, and waits for it.
pub fn end(pid: Pid) {
    let _ = kill(pid, Signal::SIGQUIT);
    while is_running(pid) {
        std::thread::yield_now();
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What a command that has ended left behind.
#[derive(Debug)]
pub struct Ran {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Fails the test unless the command did what it was asked to.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert!(self.status.success(), "{self:#?}");
        self
    }

    /// Fails the test unless the command refused with status 1 and said this.
    #[track_caller]
    pub fn refused(self, because: &str) -> Self {
        assert_eq!(self.status.code(), Some(1), "{self:#?}");
        assert!(self.err.contains(because), "not said: {because}\n{}", self.err);
        self
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status,
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Runs a command to its end, with some input.
pub fn run(command: &mut Command, input: &str) -> Ran {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that does not want it may have ended.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    child.wait_with_output().unwrap().into()
}

/// A running server. Dropped, it is told to stop and waited for.
pub struct Server {
    child: Child,
    /// Where it answers: `http://` and the address.
    pub base: String,
    /// What it said when it was ready.
    pub announced: String,
    log: PathBuf,
}

impl Server {
    /// Starts a server and waits until it says that it is ready.
    pub fn spawn(mut command: Command, log: &Path) -> Self {
        let errors = fs::File::options().append(true).create(true).open(log).unwrap();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        let lines = read_lines(child.stdout.take().unwrap());
        let mut server = Self { child, base: String::new(), announced: String::new(), log: log.to_owned() };
        loop {
            let Ok(line) = lines.recv_timeout(STUCK) else {
                panic!("the server did not become ready:\n{}\n{}", server.announced, server.log());
            };
            if let Some(api) = line.trim().strip_prefix("API ") {
                api.trim().trim_end_matches("/api/v1/topics").clone_into(&mut server.base);
            }
            server.announced += &line;
            server.announced += "\n";
            if line.contains("Ctrl-C") {
                return server;
            }
        }
    }

    /// What it logged, earlier servers over the folder included.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.id()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    /// Waits until it ends.
    pub fn ended(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Ends it as a crash would: at once, with nothing put in order.
    pub fn crash(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Tells it to stop and fails the test unless it does so in order.
    #[track_caller]
    pub fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        let status = self.ended();
        assert!(status.success(), "{status}\n{}", self.log());
    }

    /// Somebody who is not signed in.
    pub fn guest(&self) -> Client {
        Client::new(&self.base)
    }

    /// Registers somebody and signs them in.
    pub async fn member(&self, username: &str) -> Client {
        let registration =
            json!({ "username": username, "email": format!("{username}@example.org"), "password": PASSWORD });
        self.guest().post("/accounts", &registration).await.is(201);
        self.sign_in(username).await
    }

    pub async fn sign_in(&self, username: &str) -> Client {
        let credentials = json!({ "login": username, "password": PASSWORD });
        let session = self.guest().post("/sessions", &credentials).await.is(201);
        self.guest().bearer(&session.text("/access_token"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.signal(Signal::SIGTERM);
            drop(self.child.wait());
        }
    }
}

/// The lines of some output as they come. It is read to its end even if nobody listens any more, so that
/// its writer is never held up.
pub fn read_lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (send, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            let Ok(line) = line else { return };
            drop(send.send(line));
        }
    });
    lines
}

/// Somebody who uses the API.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Client {
    pub fn new(base: &str) -> Self {
        Self {
            http: reqwest::Client::builder().no_proxy().timeout(STUCK).build().unwrap(),
            base: base.to_owned(),
            token: None,
        }
    }

    /// Somebody with this access token.
    pub fn bearer(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same person at another server.
    pub fn at(&self, server: &Server) -> Self {
        Self { token: self.token.clone(), ..server.guest() }
    }

    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap()
    }

    /// Sends a request; paths start at `/api/v1` unless they start with `//`.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> reqwest::Result<Reply> {
        let path = match path.strip_prefix('/').filter(|rest| rest.starts_with('/')) {
            Some(path) => path.to_owned(),
            None => format!("/api/v1{path}"),
        };
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await?;
        Ok(Reply { status, headers, body: serde_json::from_str(&text).unwrap_or_default(), text })
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.try_send(Method::GET, path, None, &[]).await.unwrap()
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.try_send(Method::POST, path, Some(body), &[]).await.unwrap()
    }
}

impl Reply {
    /// Fails the test unless this is the status.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// A string in the body, by JSON pointer.
    #[track_caller]
    pub fn text(&self, pointer: &str) -> String {
        let value = self.body.pointer(pointer).and_then(Value::as_str);
        value.unwrap_or_else(|| panic!("no {pointer} in {}", self.text)).to_owned()
    }
}

/// The same check again and again until it holds.
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let wait = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(STUCK, wait).await.unwrap_or_else(|_| panic!("{what} never came true"));
}
