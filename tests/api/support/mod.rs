//! A server for each test: its own database, a clock that stands still, identifiers that count.

pub mod browser;
pub mod builders;
pub mod database;
pub mod identity_provider;
pub mod mails;
pub mod receiver;
pub mod sql;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, header};
use expect_test::Expect;
use http_body_util::BodyExt;
use otherwise::app::App;
use otherwise::clock::Clock;
use otherwise::config::Config;
use otherwise::ids::Ids;
use otherwise::keys::{Keys, new_signing_pem};
use serde_json::{Value, json};
use tower::ServiceExt;

/// What every test's server is configured with, before what the test itself asks for.
const SETTINGS: &str = concat!(
    include_str!("../../../config/test.toml"),
    "\n[rate_limits]\nenabled = false\n[database]\nmax_connections = 8\nacquire_timeout_ms = 20000\n"
);

/// The password of everybody in tests.
pub const PASSWORD: &str = "correct horse battery staple";

/// A server with a database of its own.
#[derive(Clone)]
pub struct TestApp {
    pub app: App,
    pub router: Router,
    database: Arc<database::Database>,
    /// Where its mails land.
    data: Arc<tempfile::TempDir>,
}

impl TestApp {
    /// A server with an empty database.
    pub async fn new() -> Self {
        Self::with("").await
    }

    /// The same, with settings of its own: lines of TOML, sections included.
    pub async fn with(settings: &str) -> Self {
        let database = database::Database::clone_template().await;
        Self::over(Arc::new(database), Arc::new(tempfile::tempdir().unwrap()), settings).await
    }

    /// Another server over the same database, as after a restart or beside it.
    pub async fn another(&self, settings: &str) -> Self {
        Self::over(self.database.clone(), self.data.clone(), settings).await
    }

    async fn over(database: Arc<database::Database>, data: Arc<tempfile::TempDir>, settings: &str) -> Self {
        let mut config = config(settings);
        data.path().clone_into(&mut config.data_dir);
        let db = otherwise::db::connect(&database.app_url(), &config.database).await.unwrap();
        let clock = Clock::fixed("2026-01-15T12:00:00Z".parse().unwrap());
        let app = App::new(db, config, clock, Ids::seeded(), keys());
        Self { router: otherwise::router::router(&app), app, database, data }
    }

    /// Where the test's database is, for a look behind the API, as its owner.
    pub fn database_url(&self) -> &str {
        self.database.url()
    }

    /// Somebody who is not signed in.
    pub fn guest(&self) -> Client {
        Client { server: self.clone(), token: None, headers: HeaderMap::new() }
    }

    /// Registers somebody and signs them in.
    pub async fn member(&self, username: &str) -> Client {
        let registration =
            json!({ "username": username, "email": format!("{username}@example.org"), "password": PASSWORD });
        self.guest().post("/accounts", registration).await.is(201);
        self.sign_in(username).await
    }

    /// Makes an administrator, as the command line does, and signs them in.
    pub async fn administrator(&self, username: &str) -> Client {
        let email = format!("{username}@example.org");
        otherwise::roles::create_administrator(&self.app, username, &email, PASSWORD).await.unwrap();
        self.sign_in(username).await
    }

    /// Has an administrator suspend somebody for a year.
    pub async fn suspend(&self, username: &str) {
        let known = self.rows("SELECT 1::text FROM account WHERE username = 'warden'").await;
        let warden =
            if known.is_empty() { self.administrator("warden").await } else { self.sign_in("warden").await };
        let id =
            self.rows(&format!("SELECT id::text FROM account WHERE username = '{username}'")).await.remove(0);
        let mut suspension = builders::action("suspend");
        suspension["ends_at"] = json!("2027-01-01T00:00:00Z");
        warden.acts("account", &id, suspension).await;
    }

    /// Has whoever is kept from something be free again.
    pub async fn lift_all(&self) {
        self.sql("UPDATE sanction SET lifted_at = starts_at WHERE lifted_at IS NULL").await.unwrap();
    }

    /// Signs somebody in.
    pub async fn sign_in(&self, username: &str) -> Client {
        let session =
            self.guest().post("/sessions", json!({ "login": username, "password": PASSWORD })).await.is(201);
        self.bearer(session.body["access_token"].as_str().unwrap())
    }

    /// Somebody with this access token.
    pub fn bearer(&self, token: &str) -> Client {
        Client { server: self.clone(), token: Some(token.to_owned()), headers: HeaderMap::new() }
    }

    /// Loads the debate of 1956.
    pub async fn load_first_debate(&self) {
        let progress = otherwise::exchange::Progress::none();
        let file = otherwise::exchange::FIRST_DEBATE.as_bytes();
        otherwise::exchange::import(&self.app, file, &progress).await.unwrap();
    }
}

/// Settings as a test's server has them. Sections may be given again: the last line wins.
pub fn config(settings: &str) -> Config {
    let mut merged: toml::Table = toml::from_str(SETTINGS).unwrap();
    for (section, values) in toml::from_str::<toml::Table>(settings).unwrap() {
        match (merged.get_mut(&section), values) {
            (Some(toml::Value::Table(known)), toml::Value::Table(values)) => known.extend(values),
            (_, values) => drop(merged.insert(section, values)),
        }
    }
    Config::with_overrides(&merged.to_string()).unwrap()
}

/// Keys that are the same for every server of a run, so that servers over one database agree.
pub fn keys() -> Keys {
    static PEM: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| new_signing_pem().unwrap());
    Keys::new(&PEM, "9Y2n0RrN8c1m6L3VtqZk5xWJpA7eHbSuDgQfXyTiKoE=").unwrap()
}

/// Somebody who uses the API.
#[derive(Clone)]
pub struct Client {
    pub server: TestApp,
    pub token: Option<String>,
    headers: HeaderMap,
}

impl Client {
    /// The same client, sending one more header with every request.
    pub fn with(&self, name: &'static str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.append(name, value.parse().unwrap());
        client
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, Some(body.to_string().into())).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PUT, path, Some(body.to_string().into())).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, None).await
    }

    /// Changes a resource as it is now: reads its ETag first.
    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.as_read(path).await.send(Method::PATCH, path, Some(body.to_string().into())).await
    }

    /// Deletes a resource as it is now: reads its ETag first.
    pub async fn delete_as_read(&self, path: &str) -> Reply {
        self.as_read(path).await.delete(path).await
    }

    async fn as_read(&self, path: &str) -> Self {
        let etag = self.get(path).await.header("etag").unwrap_or("\"none\"").to_owned();
        self.with("if-match", &etag)
    }

    /// Sends a body as it is, as JSON. Paths start at `/api/v1` unless they start with `//`.
    pub async fn send(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Reply {
        let uri = path
            .strip_prefix('/')
            .filter(|rest| rest.starts_with('/'))
            .map_or(format!("/api/v1{path}"), str::to_owned);
        let mut request = Request::builder().method(method).uri(&uri);
        if let Some(headers) = request.headers_mut() {
            if body.is_some() {
                headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
            }
            for (name, value) in &self.headers {
                // What a test sends itself takes the place of what is usual.
                headers.insert(name, value.clone());
            }
            if let Some(token) = &self.token {
                headers.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
            }
        }
        let mut request = request.body(Body::from(body.unwrap_or_default())).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([203, 0, 113, 7], 40000))));
        let response = self.server.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let is_json = parts
            .headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|value| value.to_str().unwrap().contains("json"))
            && !parts.headers.contains_key(header::CONTENT_ENCODING);
        Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: if is_json && !bytes.is_empty() {
                serde_json::from_slice(&bytes).unwrap()
            } else {
                Value::Null
            },
            bytes: bytes.to_vec(),
            asked: uri,
        }
    }
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
    pub bytes: Vec<u8>,
    asked: String,
}

impl Reply {
    /// Fails the test unless this is the status.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {:#}", self.asked, self.body);
        self
    }

    /// Fails the test unless this is a problem of the kind, whole and well-formed.
    #[track_caller]
    pub fn is_problem(self, status: u16, code: &str) -> Self {
        assert_eq!(
            (self.status, self.body["code"].as_str()),
            (status, Some(code)),
            "{}: {:#}",
            self.asked,
            self.body
        );
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(self.body["type"], format!("urn:otherwise:problem:{code}"));
        assert_eq!(self.body["status"], status);
        for field in ["title", "detail", "request_id"] {
            assert!(
                self.body[field].as_str().is_some_and(|text| !text.is_empty()),
                "{field}: {:#}",
                self.body
            );
        }
        self
    }

    /// Fails the test unless this is a 422 for exactly these fields with these codes.
    #[track_caller]
    pub fn refuses(self, fields: &[(&str, &str)]) -> Self {
        let reply = self.is_problem(422, "invalid");
        let got: Vec<(&str, &str)> = reply.body["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| (error["field"].as_str().unwrap(), error["code"].as_str().unwrap()))
            .collect();
        assert_eq!(got, fields, "{:#}", reply.body);
        reply
    }

    /// Compares the whole body with an inline snapshot; UPDATE_EXPECT=1 rewrites it.
    #[track_caller]
    pub fn matches(self, expected: Expect) -> Self {
        expected.assert_eq(&format!("{:#}\n", self.body));
        self
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// A string in the body, by JSON pointer.
    #[track_caller]
    pub fn text(&self, pointer: &str) -> String {
        let value = self.body.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in {:#}", self.body));
        value.as_str().unwrap_or_else(|| panic!("{pointer} is {value}")).to_owned()
    }
}
