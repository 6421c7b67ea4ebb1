//! Successful answers: JSON with its entity tag and what caches may do with it.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::keys::sha256;
use crate::policy::Actor;

/// What caches may do with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cache {
    /// Personal data and tokens: kept nowhere.
    No,
    /// The same for everybody: kept anywhere, asked about each time.
    Public,
    /// This reader's alone: kept by their client, asked about each time.
    Private,
}

impl Cache {
    /// What a reader sees when signed in is theirs alone; what everybody sees is the same for all.
    pub fn for_reader(actor: &Actor) -> Self {
        if actor.id().is_some() { Self::Private } else { Self::Public }
    }
}

/// A successful answer, complete: what a retry with the same `Idempotency-Key` gets again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    status: u16,
    location: Option<String>,
    etag: Option<String>,
    cache: Cache,
    body: String,
}

impl Answer {
    /// 200 with a body.
    ///
    /// # Errors
    /// The body has no JSON form: a defect.
    pub fn ok(body: &impl Serialize, cache: Cache) -> Result<Self> {
        Self::new(StatusCode::OK, None, body, cache)
    }

    /// 201 with the new resource, found at `location`.
    ///
    /// # Errors
    /// The body has no JSON form: a defect.
    pub fn created(location: String, body: &impl Serialize, cache: Cache) -> Result<Self> {
        Self::new(StatusCode::CREATED, Some(location), body, cache)
    }

    /// 201 for something that is found nowhere: the body is all that is told of it.
    ///
    /// # Errors
    /// The body has no JSON form: a defect.
    pub fn created_unseen(body: &impl Serialize) -> Result<Self> {
        Self::new(StatusCode::CREATED, None, body, Cache::No)
    }

    /// 301: what was asked for is at `location` now. Caches ask again each time, since it may move again.
    pub fn moved(location: String, cache: Cache) -> Self {
        Self { status: 301, location: Some(location), etag: None, cache, body: String::new() }
    }

    /// 204, nothing to say.
    pub fn none() -> Self {
        Self { status: 204, location: None, etag: None, cache: Cache::No, body: String::new() }
    }

    /// 202: what was asked for is done later, and this says nothing of what comes of it.
    pub fn accepted() -> Self {
        Self { status: 202, ..Self::none() }
    }

    /// 202 with the job, found at `location`.
    ///
    /// # Errors
    /// The body has no JSON form: a defect.
    pub fn accepted_as(location: String, body: &impl Serialize) -> Result<Self> {
        Self::new(StatusCode::ACCEPTED, Some(location), body, Cache::No)
    }

    fn new(
        status: StatusCode,
        location: Option<String>,
        body: &impl Serialize,
        cache: Cache,
    ) -> Result<Self> {
        let body = serde_json::to_string(body).map_err(Error::internal)?;
        let etag = (cache != Cache::No).then(|| format!("\"{}\"", digest(&body)));
        Ok(Self { status: status.as_u16(), location, etag, cache, body })
    }

    /// How many bytes its body has.
    pub(super) fn len(&self) -> usize {
        self.body.len()
    }

    /// Marks the answer as a resource that can be edited, at this version. The tag holds the version and
    /// a hash of the answer: edits compare the version, so that a vote in between does not refuse them;
    /// reads compare the whole.
    #[must_use]
    pub fn version(mut self, version: i32) -> Self {
        self.etag = Some(format!("\"{version}.{}\"", digest(&self.body)));
        self
    }
}

fn digest(body: &str) -> String {
    use base64::Engine;
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(&sha256(body.as_bytes())[..12])
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut headers = HeaderMap::new();
        let mut set = |name, value: Option<String>| {
            if let Some(Ok(value)) = value.map(HeaderValue::try_from) {
                headers.insert(name, value);
            }
        };
        // A username may be of any script, and an address is ASCII (RFC 3986).
        let ascii = |location: String| utf8_percent_encode(&location, CONTROLS).to_string();
        set(header::LOCATION, self.location.map(ascii));
        set(header::ETAG, self.etag);
        let cache = match self.cache {
            Cache::No => "no-store",
            Cache::Public => "public, no-cache",
            Cache::Private => "private, no-cache",
        };
        set(header::CACHE_CONTROL, Some(cache.to_owned()));
        if self.cache != Cache::No {
            set(header::VARY, Some("Authorization".to_owned()));
        }
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if self.body.is_empty() {
            return (status, headers).into_response();
        }
        set(header::CONTENT_TYPE, Some("application/json".to_owned()));
        (status, headers, self.body).into_response()
    }
}
