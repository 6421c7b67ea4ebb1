//! What an action changed, as it was before and after.

use sea_orm::FromJsonQueryResult;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Restriction, RestrictionKind, Restrictions};
use crate::ids::{PostId, RelationId};
use crate::text::text_enum;

text_enum! {
    /// What a post lacks, as moderators say under it. It is seen, answered and voted on as before.
    pub enum Annotation {
        /// It does not say where it has things from.
        NeedsSource = "needs_source",
        /// It does not argue from the antecedent of its topic.
        OffPremise = "off_premise",
        /// What it takes for granted of what really happened is wrong, or disputed.
        InaccurateBaseline = "inaccurate_baseline",
    }
}

/// What a post lacks, as moderators say under it: each kind once, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Annotations(Vec<Annotation>);

impl Annotations {
    /// Says it, or says it no more; gives whether it was said before.
    pub fn set(&mut self, kind: Annotation, is_set: bool) -> bool {
        let was_set = self.0.contains(&kind);
        self.0.retain(|other| *other != kind);
        if is_set {
            self.0.push(kind);
            self.0.sort_unstable_by_key(|kind| *kind as u8);
        }
        was_set
    }
}

impl From<Annotations> for Vec<Annotation> {
    fn from(annotations: Annotations) -> Self {
        annotations.0
    }
}

/// What an action changed of a post, a topic or an account, as it was before or after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, FromJsonQueryResult)]
#[serde(rename_all = "snake_case")]
pub enum Image {
    /// Nothing: it was about a person, or what it was is to be forgotten.
    Nothing,
    /// The status.
    Status(String),
    /// What nobody may do.
    Restriction {
        /// Of this kind.
        kind: RestrictionKind,
        /// As it was; null where nothing was restricted.
        set: Option<Restriction>,
    },
    /// Its place in the thread.
    Place {
        /// The post that it answers; null at the root.
        parent_id: Option<PostId>,
        /// The relation to its parent that came with the move.
        relation_id: Option<RelationId>,
    },
    /// What it does to something.
    Relation(RelationImage),
    /// What it is a duplicate of.
    Duplicate {
        /// The older post that says the same; null where it is no duplicate.
        of: Option<PostId>,
        /// Which of its direct replies are below that one.
        replies: Vec<PostId>,
    },
    /// Whether the debate is closed.
    Closing {
        /// The status.
        status: String,
        /// What it came to; null where nobody summed it up.
        summary: Option<String>,
    },
    /// Whether everybody sees it first.
    Pinned(bool),
    /// Whether moderators say under it that it lacks something.
    Annotation {
        /// What.
        kind: Annotation,
        /// Whether they do.
        is_set: bool,
    },
    /// The text, and what other texts it had before, where these were changed.
    Text {
        /// Which revision it is.
        revision: i32,
        /// What it says.
        body: String,
        /// What others say.
        former: Vec<FormerText>,
    },
    /// The name of an account.
    Username(String),
}

/// What a post said in a revision that is not its last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FormerText {
    /// Which revision.
    pub number: i32,
    /// What it says.
    pub body: String,
}

/// What a post does to something, as it was before or after somebody changed it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RelationImage {
    /// The relation.
    pub id: RelationId,
    /// What the post does.
    #[serde(rename = "type")]
    pub relation_type: String,
    /// To what kind of thing.
    pub target_kind: String,
    /// To which one.
    pub target_id: Uuid,
    /// For evidence: how likely it is if the target holds, in basis points.
    pub p_if_true: Option<i32>,
    /// For evidence: how likely it is if not.
    pub p_if_false: Option<i32>,
    /// For evidence: what kind of test its author takes it to be.
    pub claimed_test_kind: Option<String>,
    /// Whether a moderator said so.
    pub by_moderator: bool,
}

impl Image {
    /// A status and restrictions as this makes them, and the image of how they were in the same respect.
    /// What is of the structure of a debate is put in place by whoever keeps that, and changes neither here.
    pub fn applied(&self, status: String, restrictions: &Restrictions) -> (String, Restrictions, Self) {
        match self {
            Self::Status(wanted) => (wanted.clone(), restrictions.clone(), Self::Status(status)),
            Self::Restriction { kind, set } => {
                let before = Self::Restriction { kind: *kind, set: restrictions.of(*kind).cloned() };
                (status, restrictions.with(*kind, set.clone()), before)
            }
            _ => (status, restrictions.clone(), Self::Nothing),
        }
    }
}
