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
use super::store::{BEFORE_THE_FIRST, actions, after, agrees, find, hash, hex, last, unrecorded_actions};
use crate::app::App;
use crate::entity::audit_log;
use crate::error::Error;
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
    let mut walk = Walk::from_the_start();
    while walk.go_on(app, BATCH, &signed).await?? {
        bar.set_position(walk.seq.try_into().unwrap_or_default());
    }
    bar.finish_and_clear();
    let Walk { seq, actions, .. } = walk;
    if let Some((signed, checkpoint)) = signed.range(seq + 1..).next_back() {
        return Err(Flaw::CutOff { seq: seq + 1, signed: *signed, signed_at: checkpoint.at }.into());
    }
    let (unrecorded, waiting) = unrecorded_actions(&app.db).await?;
    if let Some(id) = unrecorded {
        return Err(Flaw::ActionUnrecorded { id }.into());
    }
    Ok(Verified { entries: seq, checkpoints: signed.len(), actions, waiting })
}

/// A part of the chain that was walked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// The first entry of it.
    pub from: i64,
    /// The last entry that is right; the one before the first where none is.
    pub to: i64,
    /// Whether there are more behind it.
    pub goes_on: bool,
    /// What is wrong with it, if anything is.
    pub flaw: Option<Flaw>,
}

/// Walks the chain behind an entry, so many entries at most: 0 is before the first. Where an entry is gone from the end
/// only the checkpoints tell.
///
/// # Errors
/// 422 where there is no such entry, nor any behind it; or the database is away.
pub async fn verify_stretch(app: &App, behind: i64, most: u64) -> Result<Stretch, Error> {
    let mut walk = match find(&app.db, behind).await? {
        _ if behind == 0 => Walk::from_the_start(),
        Some(row) => Walk { seq: row.seq, prev_hash: row.hash, actions: 0 },
        None => {
            let next = after(&app.db, behind, 1).await?.pop();
            let next = next.ok_or_else(|| Error::field("after", "unknown_id", "There is no such entry."))?;
            let flaw = Some(Flaw::Missing { seq: behind, found: next.seq });
            return Ok(Stretch { from: behind, to: behind - 1, goes_on: false, flaw });
        }
    };
    let (from, mut left) = (behind + 1, most);
    while left > 0 {
        let lot = left.min(BATCH);
        match walk.go_on(app, lot, &BTreeMap::new()).await? {
            Ok(true) => left -= lot,
            Ok(false) => return Ok(Stretch { from, to: walk.seq, goes_on: false, flaw: None }),
            Err(flaw) => return Ok(Stretch { from, to: walk.seq, goes_on: false, flaw: Some(flaw) }),
        }
    }
    let goes_on = !after(&app.db, walk.seq, 1).await?.is_empty();
    Ok(Stretch { from, to: walk.seq, goes_on, flaw: None })
}

/// How far a walk along the chain has come.
struct Walk {
    /// The last entry that was looked at.
    seq: i64,
    /// Its hash.
    prev_hash: Vec<u8>,
    /// How many acts of moderators and rules were compared.
    actions: usize,
}

impl Walk {
    fn from_the_start() -> Self {
        Self { seq: 0, prev_hash: BEFORE_THE_FIRST.to_vec(), actions: 0 }
    }

    /// Looks at the next entries, so many at most; says whether there were any.
    async fn go_on(
        &mut self,
        app: &App,
        most: u64,
        signed: &BTreeMap<i64, Checkpoint>,
    ) -> Result<Result<bool, Flaw>, Error> {
        let batch = after(&app.db, self.seq, most).await?;
        if batch.is_empty() {
            return Ok(Ok(false));
        }
        match compare_actions(app, &batch).await? {
            Ok(actions) => self.actions += actions,
            Err(flaw) => return Ok(Err(flaw)),
        }
        for row in batch {
            if let Err(flaw) = check(&row, self.seq, &self.prev_hash, signed) {
                return Ok(Err(flaw));
            }
            (self.seq, self.prev_hash) = (row.seq, row.hash);
        }
        Ok(Ok(true))
    }
}

/// Compares what entries say that moderators did with what is kept of it; says how much that was.
async fn compare_actions(app: &App, entries: &[audit_log::Model]) -> Result<Result<usize, Flaw>, Error> {
    let told: Vec<&audit_log::Model> =
        entries.iter().filter(|entry| entry.object_kind.as_deref() == Some("mod_action")).collect();
    let kept = actions(&app.db, told.iter().filter_map(|entry| entry.object_id).collect()).await?;
    for entry in &told {
        let Some(id) = entry.object_id.map(ActionId) else { continue };
        match kept.get(&id) {
            None => return Ok(Err(Flaw::ActionMissing { id })),
            Some(action) if !agrees(entry, action) => return Ok(Err(Flaw::ActionChanged { id })),
            Some(_) => {}
        }
    }
    Ok(Ok(told.len()))
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
