//! The people who take part: a password for each, and access tokens that are good for a while.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::Executor;

use crate::data::ids::{self, Kind};
use crate::data::plan::VOTERS;
use crate::data::username;
use crate::server::{Folder, Server};

const PASSWORD: &str = "correct horse battery staple";

/// Tokens are good for ten minutes, and no row takes five.
const RENEWED_AFTER: Duration = Duration::from_mins(5);

/// How many sign in at a time; the server lets 256 wait.
const AT_A_TIME: u32 = 32;

/// Everybody who is signed in.
pub(crate) struct People {
    http: reqwest::Client,
    tokens: Vec<String>,
    since: Option<Instant>,
}

impl People {
    /// Gives all of them one password: somebody registers, and the others get the hash.
    pub(crate) async fn new(folder: &Folder, server: &Server) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut db = folder.connect().await;
        let known = sqlx::query("SELECT FROM account WHERE username = 'somebody_real'");
        if known.fetch_optional(&mut db).await.unwrap().is_none() {
            let registration =
                json!({ "username": "somebody_real", "email": "somebody@example.org", "password": PASSWORD });
            let answer = http.post(server.url("/accounts")).json(&registration).send().await.unwrap();
            let status = answer.status();
            assert!(status.is_success(), "{status} {}", answer.text().await.unwrap());
            let statement = format!(
                "UPDATE account SET password_hash = (SELECT password_hash FROM account WHERE username = 'somebody_real')
                 WHERE id BETWEEN '{}' AND '{}'",
                ids::text(Kind::Account, 1),
                ids::text(Kind::Account, VOTERS.into()),
            );
            db.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
        }
        Self { http, tokens: Vec::new(), since: None }
    }

    /// A client for single requests.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// The access tokens of everybody in the order of their numbers, fresh enough for a row.
    pub(crate) async fn tokens(&mut self, server: &Server) -> &[String] {
        if self.since.is_none_or(|since| since.elapsed() > RENEWED_AFTER) {
            let begun = Instant::now();
            let mut tokens = vec![String::new(); VOTERS as usize];
            let mut signing_in = tokio::task::JoinSet::new();
            for number in 1..=VOTERS {
                if number > AT_A_TIME {
                    let (number, token) = signing_in.join_next().await.unwrap().unwrap();
                    tokens[number as usize - 1] = token;
                }
                signing_in.spawn(sign_in(self.http.clone(), server.url("/sessions"), number));
            }
            for (number, token) in signing_in.join_all().await {
                tokens[number as usize - 1] = token;
            }
            self.tokens = tokens;
            self.since = Some(begun);
            println!("{VOTERS} people signed in in {:.1} s", begun.elapsed().as_secs_f64());
        }
        &self.tokens
    }
}

async fn sign_in(http: reqwest::Client, url: String, number: u32) -> (u32, String) {
    let credentials = json!({ "login": username(number), "password": PASSWORD });
    let answer = http.post(url).json(&credentials).send().await.unwrap();
    let status = answer.status();
    let session: Value = answer.json().await.unwrap();
    assert!(status.is_success(), "{status} {session}");
    (number, session["access_token"].as_str().unwrap().to_owned())
}
