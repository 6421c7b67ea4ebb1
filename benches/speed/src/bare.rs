//! The least that an answer over HTTP can cost: a handler that gives the same bytes to everybody.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::routing::get;
use clap::Args;
use tokio::net::TcpListener;

use crate::server::{Folder, read_lines, stop};

/// Answers with a file.
#[derive(Args)]
pub(crate) struct Bare {
    /// The body.
    body: PathBuf,
    /// The headers, a line each.
    headers: PathBuf,
}

impl Bare {
    /// Serves until it is told to stop, and says where.
    pub(crate) async fn serve(self) {
        let body = Bytes::from(fs::read(self.body).unwrap());
        let headers: HeaderMap = fs::read_to_string(self.headers)
            .unwrap()
            .lines()
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap()))
            .collect();
        let answer = move || std::future::ready((headers.clone(), body.clone()));
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
        let (body, headers) = (folder.file(&format!("{name}.body")), folder.file(&format!("{name}.headers")));
        fs::write(&body, &answer.body).unwrap();
        fs::write(&headers, &answer.headers).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = command.arg("bare").args([body, headers]).stdout(Stdio::piped()).spawn().unwrap();
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
    /// A line each, but for those that every server of this kind writes by itself.
    headers: String,
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
        let by_itself = [header::CONTENT_LENGTH, header::DATE];
        let headers = answer
            .headers()
            .iter()
            .filter(|(name, _)| !by_itself.contains(name))
            .fold(String::new(), |lines, (name, value)| {
                lines + &format!("{name}: {}\n", value.to_str().unwrap())
            });
        Self { headers, body: answer.bytes().await.unwrap().to_vec() }
    }
}
