//! Successful answers: JSON with its entity tag and what caches may do with it.

use std::sync::{Arc, OnceLock};

use axum::Extension;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{CONTROLS, utf8_percent_encode};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::gzip::Pieces;
use crate::error::{Error, Result};
use crate::keys::sha256;
use crate::policy::Actor;

/// What is shorter is not compressed, in bytes.
const SHORT: usize = 128;

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
    body: Text,
    /// What is known of it beyond its text, where it is kept for many.
    #[serde(skip)]
    kept: Option<Arc<Kept>>,
    /// What was put in for its reader.
    #[serde(skip)]
    own: Option<OwnTexts>,
}

/// A text in UTF-8 that many can have a hold of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Text(Bytes);

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.0).map_err(S::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer).map_err(D::Error::custom)?;
        Ok(Self(text.into()))
    }
}

/// An answer that is kept for many, as guests read it, and its compressed forms as soon as somebody takes them.
#[derive(Debug)]
struct Kept {
    text: Bytes,
    own: OwnParts,
    /// The whole of it for guests; none where that could not be done.
    whole: OnceLock<Option<Bytes>>,
    /// Its text between the places of readers' own parts.
    pieces: OnceLock<Option<Pieces>>,
}

impl Kept {
    fn new(text: Bytes, own: OwnParts) -> Self {
        Self { text, own, whole: OnceLock::new(), pieces: OnceLock::new() }
    }

    /// Of a text in which nothing is any reader's own.
    fn whole(text: Bytes) -> Arc<Self> {
        Arc::new(Self::new(text, OwnParts::default()))
    }
}

/// What is put in for a reader, in the order in which it stands.
pub type OwnTexts = Arc<[&'static str]>;

/// Where something of each reader's own stands in an answer that is else the same for all.
#[derive(Debug, Clone, Default)]
pub struct OwnParts {
    /// About which item it is, in the order in which they stand.
    pub items: Arc<[Uuid]>,
    /// The SHA-256 of that.
    pub digest: [u8; 32],
    /// Accounts for which it is another answer altogether.
    pub others: Vec<Uuid>,
    /// How many bytes each of them has.
    pub width: usize,
    /// Where they belong in the text of guests.
    places: Vec<usize>,
}

impl OwnParts {
    /// Of these items, each of so many bytes, and another answer altogether for these accounts.
    pub fn new(items: Vec<Uuid>, width: usize, others: Vec<Uuid>) -> Self {
        let digest = sha256(&items.iter().flat_map(|item| item.into_bytes()).collect::<Vec<u8>>());
        Self { items: items.into(), digest, others, width, places: Vec::new() }
    }
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
        Self { status: 301, location: Some(location), cache, ..Self::none() }
    }

    /// 204, nothing to say.
    pub fn none() -> Self {
        Self {
            status: 204,
            location: None,
            etag: None,
            cache: Cache::No,
            body: Text::default(),
            kept: None,
            own: None,
        }
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
        let etag = (cache != Cache::No).then(|| format!("\"{}\"", digest(body.as_bytes())));
        Ok(Self { status: status.as_u16(), location, etag, cache, body: Text(body.into()), ..Self::none() })
    }

    /// The same for guests, of a body that has `empty` wherever something of a reader's own would be: it is cut out, and
    /// can be put in by [`Answer::filled`].
    ///
    /// # Errors
    /// The body has no JSON form, or another number of such places than `own` has items: a defect.
    pub fn with_own_parts(body: &impl Serialize, empty: &str, own: OwnParts) -> Result<Self> {
        let whole = serde_json::to_string(body).map_err(Error::internal)?;
        // Names of fields and what stands around them are nowhere in a JSON text but where they mean that: in a string
        // the quotation marks would be escaped.
        let (mut text, mut places) =
            (String::with_capacity(whole.len()), Vec::with_capacity(own.items.len()));
        for part in whole.split(empty) {
            places.push(text.len() + part.len());
            text += part;
        }
        places.pop();
        if places.len() != own.items.len() {
            let found = anyhow::anyhow!("{} places for {} items", places.len(), own.items.len());
            return Err(Error::internal(found));
        }
        let etag = Some(format!("\"{}\"", digest(text.as_bytes())));
        let own = OwnParts { places, ..own };
        let text = Bytes::from(text);
        let kept = Some(Arc::new(Kept::new(text.clone(), own)));
        Ok(Self { status: 200, etag, cache: Cache::Public, body: Text(text), kept, ..Self::none() })
    }

    /// What is each reader's own in it.
    pub fn own_parts(&self) -> Option<&OwnParts> {
        self.kept.as_ref().map(|kept| &kept.own)
    }

    /// The answer to a reader, with their own parts put in, in order.
    ///
    /// # Errors
    /// They are not as many, or not as long, as there is place for: a defect.
    pub fn filled(&self, own: OwnTexts) -> Result<Self> {
        let Some(OwnParts { places, width, .. }) = self.own_parts() else { return Ok(self.clone()) };
        if own.len() != places.len() || own.iter().any(|part| part.len() != *width) {
            return Err(Error::internal(anyhow::anyhow!("what is a reader's own does not fit its places")));
        }
        let mut text = Vec::with_capacity(self.body.0.len() + own.len() * width);
        let mut rest = 0;
        for (place, part) in places.iter().zip(own.iter()) {
            text.extend_from_slice(&self.body.0[rest..*place]);
            text.extend_from_slice(part.as_bytes());
            rest = *place;
        }
        text.extend_from_slice(&self.body.0[rest..]);
        // As good as a hash of it all: the text of guests has one, and what was put in makes the rest.
        let etag = self.etag.as_ref().map(|tag| {
            let hash = digest(&[tag.as_bytes(), own.concat().as_bytes()].concat());
            match tag.trim_matches('"').split_once('.') {
                Some((version, _)) => format!("\"{version}.{hash}\""),
                None => format!("\"{hash}\""),
            }
        });
        Ok(Self { etag, cache: Cache::Private, body: Text(text.into()), own: Some(own), ..self.clone() })
    }

    /// Has it compressed once for all who take it so.
    #[must_use]
    pub(super) fn kept(mut self) -> Self {
        let text = self.body.0.clone();
        self.kept.get_or_insert_with(|| Kept::whole(text));
        self
    }

    /// How many bytes its body has.
    pub(super) fn len(&self) -> usize {
        self.body.0.len()
    }

    /// Marks the answer as a resource that can be edited, at this version. The tag holds the version and
    /// a hash of the answer: edits compare the version, so that a vote in between does not refuse them;
    /// reads compare the whole.
    #[must_use]
    pub fn version(mut self, version: i32) -> Self {
        self.etag = Some(format!("\"{version}.{}\"", digest(&self.body.0)));
        self
    }
}

fn digest(body: &[u8]) -> String {
    use base64::Engine;
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(&sha256(body)[..12])
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
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        if self.cache != Cache::No {
            headers.insert(header::VARY, HeaderValue::from_static("Authorization"));
        }
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let text = self.body.0;
        if text.is_empty() {
            return (status, headers).into_response();
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let kept = self.kept.unwrap_or_else(|| Kept::whole(text.clone()));
        let compressible = Compressible { kept, text: text.clone(), own: self.own };
        (status, headers, Extension(compressible), text).into_response()
    }
}

/// What an answer is compressed from; for the layer that knows whether its reader takes it so.
#[derive(Debug, Clone)]
pub struct Compressible {
    kept: Arc<Kept>,
    text: Bytes,
    own: Option<OwnTexts>,
}

impl Compressible {
    /// Of something that is no answer of the API.
    pub fn new(text: Bytes) -> Self {
        Self { kept: Kept::whole(text.clone()), text, own: None }
    }

    /// The answer as gzip; none where it is so short that it would become longer, or that cannot be done.
    pub(super) fn gzip(&self) -> Option<Bytes> {
        if self.text.len() < SHORT {
            return None;
        }
        let Kept { text, own, whole, pieces } = &*self.kept;
        if let Some(parts) = &self.own {
            let pieces = pieces.get_or_init(|| Pieces::of(text, &own.places, own.width)).as_ref()?;
            return Some(pieces.joined(parts.iter().map(|part| part.as_bytes()), &self.text));
        }
        let compress = || Some(Pieces::of(text, &[], 0)?.joined(std::iter::empty(), text));
        whole.get_or_init(compress).clone()
    }
}
