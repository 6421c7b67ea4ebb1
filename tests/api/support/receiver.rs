//! Somebody on this machine who receives what webhooks are sent, and answers as a test wants.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, Uri};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use tokio::sync::watch;

/// How something is answered.
#[derive(Clone, Copy)]
pub enum Reaction {
    /// With this status.
    Status(u16),
    /// That it is elsewhere.
    Elsewhere,
    /// Not at all.
    Silence,
    /// With success, and more than anybody wants to read.
    Flood,
}

/// What was received.
#[derive(Clone)]
pub struct Received {
    pub path: String,
    pub headers: HeaderMap,
    pub text: String,
}

impl Received {
    pub fn body(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
    }

    /// Which of the signatures are by this key: as whoever receives it checks that (Standard Webhooks).
    pub fn signed_by(&self, secret: &str) -> Vec<bool> {
        let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let content =
            format!("{}.{}.{}", self.header("webhook-id"), self.header("webhook-timestamp"), self.text);
        let signatures = self.header("webhook-signature").split(' ');
        signatures
            .map(|signature| {
                let mac = BASE64_STANDARD.decode(signature.strip_prefix("v1,").unwrap()).unwrap();
                hmac::verify(&key, content.as_bytes(), &mac).is_ok()
            })
            .collect()
    }
}

struct Shared {
    reactions: Mutex<VecDeque<Reaction>>,
    received: watch::Sender<Vec<Received>>,
}

/// Whoever receives.
pub struct Receiver {
    /// Where they are.
    pub origin: String,
    shared: Arc<Shared>,
    serving: tokio::task::JoinHandle<()>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared { reactions: Mutex::default(), received: watch::Sender::default() });
        let router = Router::new().fallback(react).with_state(shared.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { origin, shared, serving }
    }

    /// Settings of a server that may call them.
    pub fn settings(&self) -> String {
        format!("[webhooks]\nenabled = true\ntrusted_origins = ['{}']\n", self.origin)
    }

    /// Answers in these ways, one after another, and then with 204.
    pub fn reacts(&self, reactions: &[Reaction]) {
        self.shared.reactions.lock().unwrap().extend(reactions);
    }

    /// What was received since this was asked last.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.send_replace(Vec::new())
    }

    /// Waits until so much was received.
    pub async fn has_received(&self, count: usize) {
        self.shared.received.subscribe().wait_for(|received| received.len() >= count).await.unwrap();
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn react(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let text = String::from_utf8(body.to_vec()).unwrap();
    let reaction = shared.reactions.lock().unwrap().pop_front().unwrap_or(Reaction::Status(204));
    shared.received.send_modify(|received| received.push(Received { path: uri.to_string(), headers, text }));
    let answer = Response::builder();
    match reaction {
        Reaction::Status(status) => answer.status(status).body(Body::empty()).unwrap(),
        Reaction::Elsewhere => {
            answer.status(307).header("location", "/elsewhere").body(Body::empty()).unwrap()
        }
        Reaction::Silence => std::future::pending().await,
        Reaction::Flood => {
            let endless =
                futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'x'; 16 * 1024]));
            answer.status(200).body(Body::from_stream(endless)).unwrap()
        }
    }
}
