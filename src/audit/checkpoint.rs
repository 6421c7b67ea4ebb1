//! Signed statements of where the chain stands, kept apart from the database.
//!
//! A line of the file is `{"seq", "hash", "at", "key", "signature"}`: the last entry, its hash in
//! hexadecimal, the time, and, both in base64, the public key and an Ed25519 signature over the bytes of
//! `otherwise audit checkpoint`, a line feed, and the first three fields as JSON in the order `at`, `hash`, `seq`.

use std::fs::{self, DirBuilder, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{SecondsFormat, TimeDelta};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::store::{hex, last};
use crate::app::App;
use crate::clock::Time;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::keys::Keys;

/// Longer than any line.
const LINE_MAX: u64 = 4 << 10;

/// A signed statement: this was the last entry.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Checkpoint {
    /// The entry.
    pub(super) seq: i64,
    /// Its hash, in hexadecimal.
    pub(super) hash: String,
    /// When it was signed.
    pub(super) at: Time,
    /// The public key, for whoever checks this elsewhere.
    key: String,
    signature: String,
}

impl Checkpoint {
    fn sign(keys: &Keys, seq: i64, hash: String, at: Time) -> Self {
        let signature = BASE64_STANDARD.encode(keys.sign_checkpoint(&statement(seq, &hash, at)));
        Self { seq, hash, at, key: BASE64_STANDARD.encode(keys.checkpoint_public()), signature }
    }

    /// Reads a line that a server with these keys wrote.
    pub(super) fn read(keys: &Keys, line: &str) -> Option<Self> {
        let checkpoint: Self = serde_json::from_str(line).ok()?;
        let signature = BASE64_STANDARD.decode(&checkpoint.signature).ok()?;
        let signed = statement(checkpoint.seq, &checkpoint.hash, checkpoint.at);
        keys.signed_checkpoint(&signed, &signature).then_some(checkpoint)
    }
}

fn statement(seq: i64, hash: &str, at: Time) -> Vec<u8> {
    let mut fields =
        json!({ "at": at.to_rfc3339_opts(SecondsFormat::Micros, true), "hash": hash, "seq": seq });
    fields.sort_all_objects();
    format!("otherwise audit checkpoint\n{fields}").into_bytes()
}

/// Where the checkpoints of a configuration are.
pub fn checkpoint_file(config: &Config) -> PathBuf {
    let named = &config.audit.checkpoint_file;
    if named.as_os_str().is_empty() { config.data_dir.join("audit/checkpoints.jsonl") } else { named.clone() }
}

/// Signs where the chain stands, if the last checkpoint is old enough and entries were added since. Says
/// whether it did.
///
/// # Errors
/// The database is away, or the file cannot be written.
pub async fn checkpoint(app: &App) -> Result<bool> {
    let file = checkpoint_file(&app.config);
    let before = last_line(&file)
        .with_context(|| format!("reading the checkpoints of the audit log in {}", file.display()))
        .map_err(Error::internal)?
        .and_then(|line| Checkpoint::read(&app.keys, &line));
    let interval = TimeDelta::seconds(app.config.audit.checkpoint_interval_secs.into());
    let now = app.now();
    if before.as_ref().is_some_and(|before| before.at <= now && now - before.at < interval) {
        return Ok(false);
    }
    let entry = last(&app.db).await?;
    let (is, was) = (entry.as_ref().map_or(0, |entry| entry.seq), before.map_or(0, |before| before.seq));
    if is < was {
        tracing::error!(
            is,
            was,
            "the audit log is shorter than it was at its last checkpoint; run `otherwise audit verify`"
        );
    }
    let Some(entry) = entry.filter(|_| is > was) else {
        return Ok(false);
    };
    let checkpoint = Checkpoint::sign(&app.keys, entry.seq, hex(&entry.hash), now);
    let line = serde_json::to_string(&checkpoint).map_err(Error::internal)?;
    append(&file, &line)
        .with_context(|| format!("writing a checkpoint of the audit log to {}", file.display()))
        .map_err(Error::internal)?;
    Ok(true)
}

/// The last line of the file, if there is one.
fn last_line(file: &Path) -> std::io::Result<Option<String>> {
    let mut file = match File::open(file) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LINE_MAX)))?;
    let mut end = Vec::new();
    file.take(LINE_MAX).read_to_end(&mut end)?;
    Ok(String::from_utf8_lossy(&end).lines().last().map(str::to_owned))
}

/// Adds a line, durably.
fn append(file: &Path, line: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut file = fs::OpenOptions::new().append(true).create(true).mode(0o600).open(file)?;
    file.write_all(format!("{line}\n").as_bytes())?;
    file.sync_all()
}
