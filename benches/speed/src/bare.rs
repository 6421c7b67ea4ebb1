//! The least that an answer over HTTP can cost: a handler that gives the same bytes to everybody.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use axum::Router;
use axum::body::Bytes;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use axum::routing::get;
use clap::Args;
use tokio::net::TcpListener;

use crate::server::{Folder, read_lines, stop};

/// Answers with a file.
#[derive(Args)]
pub(crate) struct Bare {
    /// The body.
    body: PathBuf,
    /// Its type.
    content_type: String,
    /// How it is compressed, if it is.
    content_encoding: Option<String>,
}

impl Bare {
    /// Serves until it is told to stop, and says where.
    pub(crate) async fn serve(self) {
        let body = Bytes::from(fs::read(self.body).unwrap());
        let headers: Vec<(HeaderName, String)> = [
            Some((CONTENT_TYPE, self.content_type)),
            self.content_encoding.map(|encoding| (CONTENT_ENCODING, encoding)),
        ]
        .into_iter()
        .flatten()
        .collect();
        let answer = move || {
            let (body, headers) = (body.clone(), headers.clone());
            async move {
                let headers: axum::http::HeaderMap =
                    headers.into_iter().map(|(name, value)| (name, value.parse().unwrap())).collect();
                (headers, body)
            }
        };
        let router = Router::new().fallback(get(answer));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        axum::serve(listener, router).await.unwrap();
    }
}

/// The handler in a process of its own. Dropped, it is told to stop.
pub(crate) struct BareServer {
    child: Child,
    pub(crate) address: String,
}

impl BareServer {
    /// Starts it with an answer as it came over the wire.
    pub(crate) fn start(folder: &Folder, name: &str, answer: &Answer) -> Self {
        let file = folder.file(&format!("{name}.body"));
        fs::write(&file, &answer.body).unwrap();
        Self::spawn(&file, answer)
    }

    fn spawn(file: &Path, answer: &Answer) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("bare").arg(file).arg(&answer.content_type).args(answer.content_encoding.as_deref());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let address = read_lines(child.stdout.take().unwrap()).recv().unwrap();
        Self { child, address }
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for BareServer {
    fn drop(&mut self) {
        stop(self.child.id());
        drop(self.child.wait());
    }
}

/// An answer as it came over the wire.
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    pub(crate) content_type: String,
    pub(crate) content_encoding: Option<String>,
}

impl Answer {
    /// Asks once. The client unpacks nothing.
    pub(crate) async fn of(http: &reqwest::Client, url: &str, accept_encoding: Option<&str>) -> Self {
        let mut request = http.get(url);
        if let Some(accepted) = accept_encoding {
            request = request.header("accept-encoding", accepted);
        }
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{} {url}", answer.status());
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (content_type, content_encoding) = (header("content-type").unwrap(), header("content-encoding"));
        Self { content_type, content_encoding, body: answer.bytes().await.unwrap().to_vec() }
    }
}
