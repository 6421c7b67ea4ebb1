//! What entries say of an act, and what can be wrong with a chain of them.

use std::fmt;

use sea_orm::{DeriveActiveEnum, EnumIter};
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Time;
use crate::ids::ActionId;
use crate::invalid::Invalid;
use crate::text::string_value;

string_value! {
    /// A verb of entries, or a kind of things that they are about.
    pub struct Word,
    |text| {
        let fits = (1..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if fits { Ok(text.to_owned()) } else { Err(Invalid::new("not_a_word", "Up to 40 small letters and underscores, such as sign_in.")) }
    },
    |schema| schema.pattern(Some("^[a-z_]{1,40}$")).examples(["sign_in"])
}

/// Whether what an entry names was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "snake_case")]
#[schema(as = AuditOutcome)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum Outcome {
    /// It was.
    #[default]
    #[sea_orm(string_value = "done")]
    Done,
    /// It was tried and refused.
    #[sea_orm(string_value = "refused")]
    Refused,
}

impl Outcome {
    /// The word in the database and under the hash.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }
}

/// The first thing that is wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// Entries are gone from the beginning or the middle: this one is the first, and `found` the next there is.
    Missing {
        /// The first that is gone.
        seq: i64,
        /// The next that is there.
        found: i64,
    },
    /// An entry does not continue the one before it.
    Disconnected {
        /// The entry.
        seq: i64,
    },
    /// An entry is not what it was when it was written.
    Changed {
        /// The entry.
        seq: i64,
    },
    /// An entry fits its neighbours and is not the one that a checkpoint signed.
    Rewritten {
        /// The entry.
        seq: i64,
        /// When the checkpoint was made.
        signed_at: Time,
    },
    /// Entries are gone from the end, though a checkpoint signed one of them.
    CutOff {
        /// The first that is gone.
        seq: i64,
        /// The entry that was signed.
        signed: i64,
        /// When the checkpoint was made.
        signed_at: Time,
    },
    /// What was done about somebody is not what an entry says was done.
    ActionChanged {
        /// The action.
        id: ActionId,
    },
    /// An entry says that something was done about somebody, and that is gone.
    ActionMissing {
        /// The action.
        id: ActionId,
    },
    /// Somebody did something as a moderator, or a rule did, and no entry says so.
    ActionUnrecorded {
        /// The action.
        id: ActionId,
    },
    /// A line of the file of checkpoints was not written by this server.
    Checkpoint {
        /// The line, from 1.
        line: usize,
    },
}

impl Flaw {
    /// A word for its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::Disconnected { .. } => "disconnected",
            Self::Changed { .. } => "changed",
            Self::Rewritten { .. } => "rewritten",
            Self::CutOff { .. } => "cut_off",
            Self::ActionChanged { .. } => "action_changed",
            Self::ActionMissing { .. } => "action_missing",
            Self::ActionUnrecorded { .. } => "action_unrecorded",
            Self::Checkpoint { .. } => "checkpoint",
        }
    }

    /// The entry that is not right, where it is one.
    pub fn seq(&self) -> Option<i64> {
        match self {
            Self::Missing { seq, .. }
            | Self::Disconnected { seq }
            | Self::Changed { seq }
            | Self::Rewritten { seq, .. }
            | Self::CutOff { seq, .. } => Some(*seq),
            Self::ActionChanged { .. }
            | Self::ActionMissing { .. }
            | Self::ActionUnrecorded { .. }
            | Self::Checkpoint { .. } => None,
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { seq, found } if *seq + 1 == *found => write!(f, "entry {seq} is missing"),
            Self::Missing { seq, found } => write!(f, "entries {seq} to {} are missing", found - 1),
            Self::Disconnected { seq } => write!(
                f,
                "entry {seq} does not continue the one before it: entries were put in another order, or one \
                 of the two was replaced"
            ),
            Self::Changed { seq } => write!(f, "entry {seq} was changed after it was written"),
            Self::Rewritten { seq, signed_at } => write!(
                f,
                "entry {seq} is not the one that the checkpoint of {signed_at} signed: the log was written \
                 anew, up to there or further"
            ),
            Self::CutOff { seq, signed, signed_at } => write!(
                f,
                "entry {seq} is missing, and all after it: the checkpoint of {signed_at} signed entry {signed}"
            ),
            Self::ActionChanged { id } => {
                write!(f, "the action {id} is not what the audit log says was done")
            }
            Self::ActionMissing { id } => {
                write!(f, "the action {id} is gone, though the audit log says that it was done")
            }
            Self::ActionUnrecorded { id } => write!(f, "the action {id} was never recorded in the audit log"),
            Self::Checkpoint { line } => write!(
                f,
                "line {line} of the checkpoints is not signed with this server's key (auth.secret, or the \
                 file `secret` in the folder of keys); a line that a power cut left half written can be removed"
            ),
        }
    }
}

impl std::error::Error for Flaw {}
