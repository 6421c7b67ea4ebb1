//! Creating requests: a JSON body, and perhaps an `Idempotency-Key`.

use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use super::answer::Answer;
use super::input::{MAX_ITEMS, parse_long_json, read_json};
use crate::app::App;
use crate::db::Tx;
use crate::db::idempotency::{self, Attempt};
use crate::error::{Code, Error, Result};
use crate::policy::Actor;

/// A JSON body that makes something, at most once for each key. A list in it has at most `ITEMS` items.
pub struct Create<T, const ITEMS: usize = MAX_ITEMS> {
    /// What to make.
    pub input: T,
    retry: Option<Retry>,
}

struct Retry {
    key: String,
    operation: String,
    fingerprint: Vec<u8>,
}

/// Whether the work is still to be done.
pub enum Claimed {
    /// It was done by an earlier request with the same key, which got this answer.
    Before(Answer),
    /// It is to be done; `Once::record` keeps the answer.
    Now(Once),
}

/// The right to do the work of one key.
pub struct Once(Option<Attempt>);

impl<T: DeserializeOwned, const ITEMS: usize> FromRequest<App> for Create<T, ITEMS> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let mut keys = parts.headers.get_all("idempotency-key").iter();
        let key = keys.next().map(|key| key.to_str().map_err(|_| bad_key())).transpose()?;
        if keys.next().is_some() {
            return Err(bad_key());
        }
        let bytes = read_json(&parts.headers, body, app, ITEMS).await?;
        let retry = key.map(|key| -> Result<Retry> {
            // The draft writes the key as a quoted string; many clients send it bare.
            let key = key.trim().trim_matches('"');
            if !(1..=255).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(bad_key());
            }
            let operation = format!("{} {}", parts.method, parts.uri.path());
            let fingerprint = app.keys.fingerprint(&operation, &bytes);
            Ok(Retry { key: key.to_owned(), operation, fingerprint })
        });
        Ok(Self { retry: retry.transpose()?, input: parse_long_json(&bytes, ITEMS)? })
    }
}

fn bad_key() -> Error {
    Code::MalformedRequest
        .error("Idempotency-Key is one header of 1 to 255 printable ASCII characters, such as a UUID.")
}

impl<T, const ITEMS: usize> Create<T, ITEMS> {
    /// Takes the input and the right to do the work in this transaction, or the answer it already got.
    ///
    /// # Errors
    /// The key was used for another request, or is in use at the moment.
    pub async fn claim(self, app: &App, tx: &Tx, actor: &Actor) -> Result<(T, Claimed)> {
        let Some(Retry { key, operation, fingerprint }) = self.retry else {
            return Ok((self.input, Claimed::Now(Once(None))));
        };
        let scope = actor.id().map_or_else(|| "anonymous".to_owned(), |id| id.to_string());
        let attempt = Attempt { scope, key, operation, fingerprint };
        let claimed = match idempotency::claim(app, tx, &attempt).await? {
            Some(answer) => Claimed::Before(serde_json::from_slice(&answer).map_err(Error::internal)?),
            None => Claimed::Now(Once(Some(attempt))),
        };
        Ok((self.input, claimed))
    }
}

impl Once {
    /// Keeps the answer for retries; part of the transaction that did the work.
    ///
    /// # Errors
    /// The database is away.
    pub async fn record(self, app: &App, tx: &Tx, answer: Answer) -> Result<Answer> {
        if let Some(attempt) = &self.0 {
            let kept = serde_json::to_vec(&answer).map_err(Error::internal)?;
            idempotency::record(app, tx, attempt, kept).await?;
        }
        Ok(answer)
    }
}
