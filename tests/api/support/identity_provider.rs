//! Canaille, an identity provider that others made, as a process of its own; a proxy before it for each test, which
//! passes everything on unless it is told to play a trick; and browsers that fill in the provider's forms.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use reqwest::Url;
use serde_json::{Value, json};

use super::TestApp;

/// Where the provider sends people back to.
pub const CALLBACK: &str = "https://debates.example/signed-in";

/// The password of everybody at the provider.
const PASSWORD: &str = "a password at the provider";

/// The provider's process: one for all tests of a run. It ends when its input does, that is, with this process.
struct Process {
    _child: Child,
    lines: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    port: u16,
}

static PROCESS: LazyLock<Process> = LazyLock::new(|| {
    let variable = |name| {
        std::env::var_os(name)
            .expect("run the tests with script/test, which finds an identity provider for them")
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/support/identity_provider.py");
    let mut child = Command::new(variable("OTHERWISE_TEST_CANAILLE_PYTHON"))
        .env("PYTHONPATH", variable("OTHERWISE_TEST_CANAILLE"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (input, mut output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    let mut port = String::new();
    output.read_line(&mut port).unwrap();
    let port = port.trim().parse().expect("the identity provider says its port");
    Process { _child: child, lines: Mutex::new((input, output)), port }
});

/// What a proxy does other than passing on.
#[derive(Clone)]
pub enum Trick {
    /// Answers nothing at all.
    Silence,
    /// Answers that something is broken.
    Fault,
    /// Sends whoever asks somewhere else.
    Elsewhere,
    /// Answers more than anybody wants to read.
    Flood,
    /// Changes what is answered under this path.
    Answers(&'static str, fn(&mut Value)),
    /// Has codes redeemed by another client.
    RedeemsAs(Registered),
    /// Has codes redeemed at the provider's other name.
    RedeemsAt(&'static str),
}

/// A client of the provider.
#[derive(Clone)]
pub struct Registered {
    pub id: String,
    pub secret: String,
}

#[derive(Default)]
struct Proxied {
    trick: Mutex<Option<Trick>>,
    /// What was asked, as methods and paths.
    asked: Mutex<Vec<String>>,
}

/// The provider as one test sees it: at an address of its own, which makes it an issuer of its own.
pub struct Provider {
    pub issuer: String,
    port: u16,
    pub client: Registered,
    proxied: Arc<Proxied>,
    serving: tokio::task::JoinHandle<()>,
}

fn agent(cookies: bool) -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .cookie_store(cookies)
        .build()
        .unwrap()
}

/// Moves the clock of a server to the time that the provider has.
pub fn set_clock(app: &TestApp) {
    let now = DateTime::<Utc>::from(std::time::SystemTime::now());
    app.app.clock.advance(now - app.app.now());
}

impl Provider {
    /// Starts the proxy, and registers a client with the provider.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxied = Arc::new(Proxied::default());
        let router = Router::new().fallback(pass_on).with_state((proxied.clone(), agent(false)));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let issuer = format!("http://127.0.0.1:{port}/");
        let client = register(&issuer, "client_secret_basic").await;
        Self { issuer, port, client, proxied, serving }
    }

    /// Another client of the same provider.
    pub async fn another_client(&self) -> Registered {
        register(&self.issuer, "client_secret_basic").await
    }

    /// One that is asked for no secret, since it could keep none.
    pub async fn public_client(&self) -> Registered {
        register(&self.issuer, "none").await
    }

    /// How a server is told of it, with settings of its own.
    pub fn settings_with(&self, name: &str, lines: &str) -> String {
        let Self { issuer, client, .. } = self;
        let mut settings: toml::Table = toml::from_str(&format!(
            "title = \"The Example\"\nissuer = \"{issuer}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\n\
             redirect_uri = \"{CALLBACK}\"\n",
            client.id, client.secret
        ))
        .unwrap();
        settings.extend(toml::from_str::<toml::Table>(lines).unwrap());
        format!("[identity_providers.{name}]\n{settings}")
    }

    /// How a server is told of it.
    pub fn settings(&self) -> String {
        self.settings_with("example", "")
    }

    /// A server that knows it, with its time.
    pub async fn app(&self) -> TestApp {
        self.app_with("").await
    }

    /// A server that knows it, with its time and settings of its own.
    pub async fn app_with(&self, settings: &str) -> TestApp {
        let app = TestApp::with(&format!("{}\n{settings}", self.settings())).await;
        set_clock(&app);
        app
    }

    /// Makes somebody an account at the provider, or changes their address there. Their name there is theirs in
    /// this test only.
    pub fn has(&self, name: &str, email: &str) {
        let person = json!({ "user_name": self.name_of(name), "email": email, "password": PASSWORD });
        let mut lines = PROCESS.lines.lock().unwrap();
        writeln!(lines.0, "{person}").unwrap();
        let mut done = String::new();
        lines.1.read_line(&mut done).unwrap();
        assert_eq!(done, "done\n");
    }

    fn name_of(&self, name: &str) -> String {
        format!("{name}-{}", self.port)
    }

    /// The browser of somebody with an account at the provider.
    pub fn browser_of(&self, name: &str) -> Browser {
        self.has(name, &format!("{name}@id.example"));
        Browser { agent: agent(true), login: self.name_of(name), forms: Arc::default() }
    }

    /// From now on plays a trick, or none.
    pub fn plays(&self, trick: impl Into<Option<Trick>>) {
        *self.proxied.trick.lock().unwrap() = trick.into();
    }

    /// How often something was asked, such as `POST /oauth/token`.
    pub fn was_asked(&self, what: &str) -> usize {
        self.proxied.asked.lock().unwrap().iter().filter(|asked| *asked == what).count()
    }

    /// Is not there any more: connections are refused.
    pub async fn goes_away(&self) {
        self.serving.abort();
        while !self.serving.is_finished() {
            tokio::task::yield_now().await;
        }
        while tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn register(issuer: &str, authenticates_by: &str) -> Registered {
    let about = json!({
        "redirect_uris": [CALLBACK], "client_name": "Otherwise", "scope": "openid",
        "token_endpoint_auth_method": authenticates_by, "grant_types": ["authorization_code"],
        "response_types": ["code"],
    });
    let answer = agent(false).post(format!("{issuer}oauth/register")).json(&about).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let registered: Value = answer.json().await.unwrap();
    let text = |field: &str| registered[field].as_str().unwrap_or_default().to_owned();
    Registered { id: text("client_id"), secret: text("client_secret") }
}

async fn pass_on(
    State((proxied, agent)): State<(Arc<Proxied>, reqwest::Client)>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    proxied.asked.lock().unwrap().push(format!("{} {path}", parts.method));
    let trick = proxied.trick.lock().unwrap().clone();
    let mut headers = parts.headers;
    headers.remove(header::ACCEPT_ENCODING);
    match &trick {
        Some(Trick::Silence) => std::future::pending().await,
        Some(Trick::Fault) => {
            let json = [(header::CONTENT_TYPE, "application/json")];
            return (StatusCode::INTERNAL_SERVER_ERROR, json, r#"{"error":"server_error"}"#).into_response();
        }
        // Where it would be answered, had anybody gone there.
        Some(Trick::Elsewhere) if parts.uri.query() != Some("elsewhere") => {
            let place = format!("{path}?elsewhere");
            return (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, place)]).into_response();
        }
        Some(Trick::RedeemsAs(client)) if path == "/oauth/token" => {
            use base64::Engine;
            let basic = base64::prelude::BASE64_STANDARD.encode(format!("{}:{}", client.id, client.secret));
            headers.insert(header::AUTHORIZATION, format!("Basic {basic}").parse().unwrap());
        }
        Some(Trick::RedeemsAt(name)) if path == "/oauth/token" => {
            let host = headers[header::HOST].to_str().unwrap().replace("127.0.0.1", name);
            headers.insert(header::HOST, host.parse().unwrap());
        }
        _ => {}
    }
    let place = parts.uri.path_and_query().unwrap().as_str();
    let url = format!("http://127.0.0.1:{}{place}", PROCESS.port);
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let answer = agent.request(parts.method, url).headers(headers).body(body).send().await.unwrap();
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let mut body = answer.bytes().await.unwrap().to_vec();
    match trick {
        Some(Trick::Answers(under, change)) if path == under => {
            let mut json = serde_json::from_slice(&body).unwrap();
            change(&mut json);
            body = json.to_string().into_bytes();
        }
        // As good as it was, had anybody the patience.
        Some(Trick::Flood) => body.extend(vec![b' '; 1 << 20]),
        _ => {}
    }
    for hop in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION] {
        headers.remove(hop);
    }
    (status, headers, Body::from(body)).into_response()
}

/// What the provider sent somebody back with.
#[derive(Debug, Clone)]
pub struct Returned(HashMap<String, String>);

impl Returned {
    /// The same in a request, with what the client kept.
    pub fn with(&self, authorization_request: &str) -> Value {
        let field = |name: &str| self.0.get(name);
        json!({
            "authorization_request": authorization_request,
            "state": field("state"), "code": field("code"), "iss": field("iss"),
        })
    }
}

/// Somebody's browser, with its cookies.
#[derive(Clone)]
pub struct Browser {
    agent: reqwest::Client,
    login: String,
    /// The forms it filled in.
    forms: Arc<Mutex<Vec<&'static str>>>,
}

impl Browser {
    /// The forms that were filled in since this was last asked.
    pub fn filled_in(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.forms.lock().unwrap())
    }

    /// Follows an address to the provider, signs in and consents where it asks for that, and comes back.
    pub async fn visits(&self, url: &str) -> Returned {
        let mut url = Url::parse(url).unwrap();
        let mut answer = self.agent.get(url.clone()).send().await.unwrap();
        for _ in 0..12 {
            if answer.status().is_redirection() {
                url = url.join(answer.headers()[header::LOCATION].to_str().unwrap()).unwrap();
                if url.as_str().starts_with(CALLBACK) {
                    let pairs =
                        url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned()));
                    return Returned(pairs.collect());
                }
                answer = self.agent.get(url.clone()).send().await.unwrap();
                continue;
            }
            let page = answer.text().await.unwrap();
            answer = self.agent.post(url.clone()).form(&self.fills_in(&page)).send().await.unwrap();
        }
        panic!("the provider does not come to an end, at {url}")
    }

    fn fills_in(&self, page: &str) -> Vec<(&'static str, String)> {
        let form = page
            .split("<form")
            .filter_map(|rest| rest.split_once("</form>").map(|(form, _)| form))
            .find(|form| form.contains("name=\"csrf_token\""))
            .unwrap_or_else(|| panic!("no form in {page}"));
        let (_, token) = form.split_once("name=\"csrf_token\" value=\"").unwrap();
        let mut fields = vec![("csrf_token", token.split_once('"').unwrap().0.to_owned())];
        let kind = if form.contains("name=\"login\"") {
            fields.push(("login", self.login.clone()));
            "login"
        } else if form.contains("type=\"password\"") {
            fields.push(("password", PASSWORD.to_owned()));
            "password"
        } else if form.contains("value=\"accept\"") {
            fields.push(("answer", "accept".to_owned()));
            "consent"
        } else {
            panic!("an unknown form: {form}")
        };
        self.forms.lock().unwrap().push(kind);
        fields
    }
}
