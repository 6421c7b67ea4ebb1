//! Walking the chain from its first entry to its last.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{ErrorKind, IsTerminal};
use std::path::Path;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};

use super::checkpoint::Checkpoint;
use super::rules::Flaw;
use super::store::{BEFORE_THE_FIRST, actions, after, agrees, hash, hex, last, unrecorded_actions};
use crate::app::App;
use crate::entity::audit_log;
use crate::ids::ActionId;

/// Entries read at a time.
const BATCH: u64 = 1000;

/// A log in which nothing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// How many entries it has.
    pub entries: i64,
    /// How many checkpoints it was compared with.
    pub checkpoints: usize,
    /// How many acts of moderators and rules were compared with it.
    pub actions: usize,
    /// How many acts of rules are still to be entered, when their cases are opened.
    pub waiting: i64,
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The audit log is whole: {} entries, {} checkpoints.", self.entries, self.checkpoints)?;
        if self.actions > 0 {
            write!(f, "\nIt agrees with what moderators did: {} actions.", self.actions)?;
        }
        if self.waiting > 0 {
            write!(
                f,
                "\nNot in it yet: {} actions of rules, which the server enters when it opens their cases.",
                self.waiting
            )?;
        }
        if self.checkpoints == 0 && self.entries > 0 {
            f.write_str(
                "\nWithout checkpoints nothing shows whether it was written anew as a whole, or cut off at its end.",
            )?;
        }
        Ok(())
    }
}

/// Walks the chain, a bounded number of entries in memory at a time, and compares it with the checkpoints of
/// a file. Shows how far it is where standard error is a terminal.
///
/// # Errors
/// A [`Flaw`], the first there is; or the database is away, or the file cannot be read.
pub async fn verify(app: &App, checkpoints: &Path) -> anyhow::Result<Verified> {
    let signed = read_checkpoints(app, checkpoints)?;
    let bar = match last(&app.db).await? {
        Some(last) if std::io::stderr().is_terminal() => {
            let style = ProgressStyle::with_template("{bar:40} {pos}/{len} entries, {eta} left");
            ProgressBar::new(last.seq.try_into().unwrap_or_default())
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        }
        _ => ProgressBar::hidden(),
    };
    let (mut seq, mut prev_hash, mut actions) = (0, BEFORE_THE_FIRST.to_vec(), 0);
    loop {
        let batch = after(&app.db, seq, BATCH).await?;
        if batch.is_empty() {
            break;
        }
        actions += compare_actions(app, &batch).await?;
        for row in batch {
            check(&row, seq, &prev_hash, &signed)?;
            (seq, prev_hash) = (row.seq, row.hash);
        }
        bar.set_position(seq.try_into().unwrap_or_default());
    }
    bar.finish_and_clear();
    if let Some((signed, checkpoint)) = signed.range(seq + 1..).next_back() {
        return Err(Flaw::CutOff { seq: seq + 1, signed: *signed, signed_at: checkpoint.at }.into());
    }
    let (unrecorded, waiting) = unrecorded_actions(&app.db).await?;
    if let Some(id) = unrecorded {
        return Err(Flaw::ActionUnrecorded { id }.into());
    }
    Ok(Verified { entries: seq, checkpoints: signed.len(), actions, waiting })
}

/// Compares what entries say that moderators did with what is kept of it; says how much that was.
async fn compare_actions(app: &App, entries: &[audit_log::Model]) -> anyhow::Result<usize> {
    let told: Vec<&audit_log::Model> =
        entries.iter().filter(|entry| entry.object_kind.as_deref() == Some("mod_action")).collect();
    let kept = actions(&app.db, told.iter().filter_map(|entry| entry.object_id).collect()).await?;
    for entry in &told {
        let Some(id) = entry.object_id.map(ActionId) else { continue };
        let action = kept.get(&id).ok_or(Flaw::ActionMissing { id })?;
        if !agrees(entry, action) {
            return Err(Flaw::ActionChanged { id }.into());
        }
    }
    Ok(told.len())
}

/// Whether an entry continues the one before it, is as it was written, and is the one that was signed.
fn check(
    row: &audit_log::Model,
    before: i64,
    prev_hash: &[u8],
    signed: &BTreeMap<i64, Checkpoint>,
) -> Result<(), Flaw> {
    let seq = row.seq;
    if seq != before + 1 {
        return Err(Flaw::Missing { seq: before + 1, found: seq });
    }
    if row.prev_hash != prev_hash {
        return Err(Flaw::Disconnected { seq });
    }
    if row.hash != hash(row) {
        return Err(Flaw::Changed { seq });
    }
    match signed.get(&seq) {
        Some(checkpoint) if checkpoint.hash != hex(&row.hash) => {
            Err(Flaw::Rewritten { seq, signed_at: checkpoint.at })
        }
        _ => Ok(()),
    }
}

/// The checkpoints by the entries they sign. That there is no file is no flaw: a new server has none yet.
fn read_checkpoints(app: &App, file: &Path) -> anyhow::Result<BTreeMap<i64, Checkpoint>> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("reading {}", file.display())),
    };
    let mut signed = BTreeMap::new();
    for (i, line) in text.lines().enumerate() {
        let checkpoint = Checkpoint::read(&app.keys, line).ok_or(Flaw::Checkpoint { line: i + 1 })?;
        // Of two for one entry the first counts: the second may have been signed after a forgery.
        signed.entry(checkpoint.seq).or_insert(checkpoint);
    }
    Ok(signed)
}
