//! Cursors: where a page ended, in a form that only its own list takes back.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::app::App;
use crate::error::{Code, Result};

/// A place in a ranked list, and the snapshot of the database in which the walk began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RankPosition {
    /// The bits of the key of the last item; none before the first item.
    #[serde(rename = "k")]
    after: Option<(u64, Uuid)>,
    #[serde(rename = "w")]
    walk: Walk,
}

/// A reading of a list from its start: the snapshot in which it began, and when. What the snapshot saw is
/// kept for a while only, so a walk has an end, however often it is given a fresh cursor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Walk {
    #[serde(rename = "s")]
    snapshot: Snapshot,
    /// In seconds since 1970.
    #[serde(rename = "b")]
    began: i64,
}

impl Walk {
    /// A walk that begins now, in this snapshot.
    pub fn begin(app: &App, snapshot: Snapshot) -> Self {
        Self { snapshot, began: app.now().timestamp() }
    }
}

impl RankPosition {
    /// After the item with this key.
    pub fn after(key: f64, id: impl Into<Uuid>, walk: &Walk) -> Self {
        Self { after: Some((key.to_bits(), id.into())), walk: walk.clone() }
    }

    /// Before the first item.
    pub fn start(walk: &Walk) -> Self {
        Self { after: None, walk: walk.clone() }
    }

    /// The walk it is a place in.
    pub fn walk(&self) -> &Walk {
        &self.walk
    }

    /// The snapshot, as PostgreSQL writes it.
    pub fn snapshot(&self) -> String {
        self.walk.snapshot.to_string()
    }
}

/// The key and identifier after which a page starts; below every item where nothing was read yet.
/// `descending` tells from which end the list is read.
pub fn bound(after: Option<&RankPosition>, descending: bool) -> (f64, Uuid) {
    match after.and_then(|position| position.after) {
        Some((key, id)) => (f64::from_bits(key), id),
        None if descending => (f64::INFINITY, Uuid::max()),
        None => (f64::NEG_INFINITY, Uuid::nil()),
    }
}

/// A `pg_snapshot`: which transactions had ended when a walk began. Kept as differences, since an answer
/// may hold hundreds of cursors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot(u64, u64, Vec<u64>);

impl Snapshot {
    /// Reads PostgreSQL's form, `xmin:xmax:xid,xid…`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let (xmin, xmax, running) = (parts.next()?, parts.next()?, parts.next()?);
        let xmin: u64 = xmin.parse().ok()?;
        let since = |xid: &str| xid.parse::<u64>().ok()?.checked_sub(xmin);
        let running = running.split(',').filter(|xid| !xid.is_empty()).map(since).collect::<Option<_>>()?;
        Some(Self(xmin, since(xmax)?, running))
    }
}

impl std::fmt::Display for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:", self.0, self.0 + self.1)?;
        for (i, running) in self.2.iter().enumerate() {
            write!(f, "{}{}", if i > 0 { "," } else { "" }, self.0 + running)?;
        }
        Ok(())
    }
}

/// Writes a cursor that only this list takes back.
pub fn encode<T: Serialize>(app: &App, list: &str, position: &T) -> String {
    // A tuple of plain values always has a JSON form; an empty cursor would be refused when it comes back.
    let payload = serde_json::to_vec(&(app.now().timestamp(), position)).unwrap_or_default();
    let mac = app.keys.cursor_mac(list, &payload);
    BASE64_URL_SAFE_NO_PAD.encode([mac.as_slice(), &payload].concat())
}

/// Reads a cursor that this list wrote.
///
/// # Errors
/// It is another list's, was altered, or is too old.
pub fn decode<T: DeserializeOwned>(app: &App, list: &str, text: &str) -> Result<T> {
    let foreign = || {
        Code::InvalidCursor
            .error("Take `next` from a page of this very list, with the same sort and filters.")
    };
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| foreign())?;
    let (mac, payload) = bytes.split_first_chunk::<16>().ok_or_else(foreign)?;
    let ours = app.keys.cursor_mac(list, payload);
    aws_lc_rs::constant_time::verify_slices_are_equal(mac, &ours).map_err(|_| foreign())?;
    let (issued, position): (i64, T) = serde_json::from_slice(payload).map_err(|_| foreign())?;
    refuse_old(app, issued)?;
    Ok(position)
}

/// Reads a place in a ranked list from a cursor that this list wrote.
///
/// # Errors
/// As [`decode`], and where the walk began too long ago.
pub fn decode_rank(app: &App, list: &str, text: &str) -> Result<RankPosition> {
    let position: RankPosition = decode(app, list, text)?;
    refuse_old(app, position.walk.began)?;
    Ok(position)
}

fn refuse_old(app: &App, since: i64) -> Result<()> {
    let lifetime = app.config.lists.cursor_lifetime_secs;
    if app.now().timestamp() - since <= i64::from(lifetime) {
        return Ok(());
    }
    Err(Code::CursorExpired
        .error(format!("A list can be followed for {} minutes; read it from its start.", lifetime / 60)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_are_written_as_they_were_read() {
        for text in
            ["10:20:10,14,15", "7:7:", "18446744073709551000:18446744073709551001:18446744073709551000"]
        {
            assert_eq!(Snapshot::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "10", "10:20", "10:5:", "a:b:c", "10:20:3"] {
            assert_eq!(Snapshot::parse(text), None, "{text}");
        }
    }
}
