//! A browser with an authenticator: Chromium, driven over WebDriver, on a page of ours.

use std::process::Stdio;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

/// A page as a client's would be: it asks the authenticator, and hands on what it gets.
const PAGE: &str = r#"<!doctype html>
<title>Passkeys</title>
<script>
  const make = async (options) => {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    return (await navigator.credentials.create({ publicKey })).toJSON();
  };
  const show = async (options) => {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
    return (await navigator.credentials.get({ publicKey })).toJSON();
  };
</script>
"#;

/// Serves the page, and gives its origin.
pub async fn page() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = Router::new().route("/", get(|| async { Html(PAGE) }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://localhost:{port}")
}

/// A browser that is closed with its test.
pub struct Browser {
    client: Client,
    authenticator: String,
    // Killed when it is dropped; the browser ends with it, since it is driven over a pipe.
    _driver: Child,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Opens a page in a new browser whose authenticator does what it is asked.
    pub async fn open(page: &str) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver runs: script/test installs it");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port: u16 = loop {
            let line = lines.next_line().await.unwrap().expect("chromedriver says on which port it listens");
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').parse().unwrap();
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let profile = tempfile::tempdir().unwrap();
        let mut arguments = vec![
            "--headless".to_owned(),
            "--remote-debugging-pipe".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--no-first-run".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        // Its sandbox cannot be set up by root.
        if nix::unistd::geteuid().is_root() {
            arguments.push("--no-sandbox".to_owned());
        }
        let wanted = json!({ "goog:chromeOptions": { "args": arguments } });
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(wanted.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        client.goto(page).await.unwrap();
        let mut browser = Self { client, authenticator: String::new(), _driver: driver, _profile: profile };
        browser.plug_in(true).await;
        browser
    }

    /// Gives the browser an authenticator in the place of the one before, which can
    /// verify its owner or cannot.
    pub async fn plug_in(&mut self, verifies: bool) {
        if !self.authenticator.is_empty() {
            self.ask("DELETE", &format!("authenticator/{}", self.authenticator), Value::Null).await;
        }
        let what = json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": verifies,
            "isUserConsenting": true, "isUserVerified": verifies,
        });
        let made = self.ask("POST", "authenticator", what).await;
        made.as_str().unwrap().clone_into(&mut self.authenticator);
    }

    /// Whether the authenticator verifies its owner from now on.
    pub async fn verifies(&self, verified: bool) {
        let path = format!("authenticator/{}/uv", self.authenticator);
        self.ask("POST", &path, json!({ "isUserVerified": verified })).await;
    }

    /// The key pairs that the authenticator has.
    pub async fn credentials(&self) -> Vec<Value> {
        let path = format!("authenticator/{}/credentials", self.authenticator);
        self.ask("GET", &path, Value::Null).await.as_array().unwrap().clone()
    }

    /// Gives the authenticator a key pair, in the place of the one that has its name.
    pub async fn put(&self, credential: Value) {
        let path = format!("authenticator/{}/credentials", self.authenticator);
        let id = credential["credentialId"].as_str().unwrap();
        self.ask("DELETE", &format!("{path}/{id}"), Value::Null).await;
        self.ask("POST", &format!("authenticator/{}/credential", self.authenticator), credential).await;
    }

    /// Goes to another page.
    pub async fn goes_to(&self, page: &str) {
        self.client.goto(page).await.unwrap();
    }

    /// Has the authenticator make a passkey.
    ///
    /// # Errors
    /// What the browser throws, by its name.
    pub async fn makes(&self, options: &Value) -> Result<Value, String> {
        self.calls("make", options).await
    }

    /// Has the authenticator show a passkey.
    ///
    /// # Errors
    /// What the browser throws, by its name.
    pub async fn shows(&self, options: &Value) -> Result<Value, String> {
        self.calls("show", options).await
    }

    async fn calls(&self, function: &str, options: &Value) -> Result<Value, String> {
        let script = format!(
            "const [options, done] = arguments;
             {function}(options).then((made) => done({{ made }}), (thrown) => done({{ thrown: thrown.name }}));"
        );
        let answer = self.client.execute_async(&script, vec![options.clone()]).await.unwrap();
        match answer["thrown"].as_str() {
            None => Ok(answer["made"].clone()),
            Some(thrown) => Err(thrown.to_owned()),
        }
    }

    /// A command of WebDriver's extension for authenticators (Web Authentication, section 11).
    async fn ask(&self, method: &'static str, path: &str, body: Value) -> Value {
        self.client.issue_cmd(Ask { method, path: path.to_owned(), body }).await.unwrap()
    }
}

#[derive(Debug)]
struct Ask {
    method: &'static str,
    path: String,
    body: Value,
}

impl WebDriverCompatibleCommand for Ask {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/webauthn/{}", session.unwrap(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (axum::http::Method, Option<String>) {
        let body = (!self.body.is_null()).then(|| self.body.to_string());
        (self.method.parse().unwrap(), body)
    }
}
