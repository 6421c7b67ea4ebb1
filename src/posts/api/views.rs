//! Posts as they are on the wire.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::accounts::Author;
use crate::basis_points::{BasisPoints, shift};
use crate::clock::{Time, Timestamp};
use crate::db::ConnectionTrait;
use crate::decisions::rules::{Annotation, Restriction};
use crate::entity::vote;
use crate::error::{Error, Result};
use crate::http::page::Page;
use crate::ids::{AccountId, PostId, RelationId, TopicId};
use crate::policy::Actor;
use crate::posts::rules::{
    CitationStatus, Criterion, PostStatus, RelationType, StanceEffect, Target, TestKind, weight_in_decibans,
};
use crate::posts::store::{self, OwnVote};
use crate::posts::thread::{self, PostRow};
use crate::ranking::rules::Order;
use crate::sources::CitationView;
use crate::topics;

/// Votes on a post, by axis.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Tallies {
    /// Whether it is a good argument, whichever side it takes.
    pub quality: QualityTally,
    /// Whether people agree. In no order, reputation or limit.
    pub agreement: AgreementTally,
}

/// Votes on the quality of a post.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct QualityTally {
    /// Votes for.
    pub up: i32,
    /// Votes against.
    pub down: i32,
}

/// Votes of agreement and disagreement.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct AgreementTally {
    /// People who agree.
    pub agree: i32,
    /// People who disagree.
    pub disagree: i32,
}

/// Whom a post moved.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
struct Persuasion {
    /// How many people say that it changed their mind.
    people: i32,
    /// The median of how far their credences moved, 0 to 1 (total variation distance); null where there are none.
    median_shift: Option<f64>,
}

/// The reader's own vote.
#[derive(Debug, Clone, Copy, Default, Serialize, ToSchema)]
pub struct Mine {
    /// -1, 0 or 1.
    pub quality: i16,
    /// -1, 0 or 1.
    pub agreement: i16,
}

impl From<&vote::Model> for Mine {
    fn from(vote: &vote::Model) -> Self {
        Self { quality: vote.quality, agreement: vote.agreement }
    }
}

/// What a post does to a target.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct RelationView {
    id: RelationId,
    #[serde(rename = "type")]
    relation_type: RelationType,
    target: Target,
    /// For evidence: how likely it is if the target holds, in basis points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    p_if_true: Option<BasisPoints>,
    /// For evidence: how likely it is if not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    p_if_false: Option<BasisPoints>,
    /// For evidence: what kind of test its author takes it to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    claimed_test_kind: Option<TestKind>,
    /// For evidence with likelihoods: what kind of test these make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    test_kind: Option<TestKind>,
    /// Whether moderators said so, and not the author; left out where they did not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    by_moderator: bool,
    /// How much it weighs, in decibans; there with `test_kind`, unless a likelihood is 0: then no finite weight would do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weight_decibans: Option<f64>,
}

impl RelationView {
    /// With what follows from its likelihoods.
    fn weighed(self) -> Self {
        let (Some(p_if_true), Some(p_if_false)) = (self.p_if_true, self.p_if_false) else {
            return self;
        };
        Self {
            test_kind: Some(TestKind::of(p_if_true, p_if_false)),
            weight_decibans: weight_in_decibans(p_if_true, p_if_false),
            ..self
        }
    }
}

/// An argument in a thread.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PostView {
    id: PostId,
    topic_id: TopicId,
    parent_id: Option<PostId>,
    depth: i32,
    /// Null for a tombstone.
    author: Option<Author>,
    /// Markdown; empty for a tombstone.
    body: String,
    /// The body as HTML, rendered and sanitised by the server.
    body_html: String,
    relations: Vec<RelationView>,
    citations: Vec<CitationView>,
    citation_status: CitationStatus,
    criterion: Option<Criterion>,
    stance_effects: Vec<StanceEffect>,
    tallies: Tallies,
    persuasion: Persuasion,
    /// Direct replies, tombstones too.
    reply_count: i32,
    /// All replies below, tombstones too.
    descendant_count: i32,
    status: PostStatus,
    created_at: Timestamp,
    edited_at: Option<Timestamp>,
    revision: i32,
    /// What nobody may do to it.
    restrictions: Vec<Restriction>,
    /// What it lacks, as moderators say; left out where they say nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotation>,
    /// The older post that says the same, where moderators found that: replies and votes go there. Left out elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicate_of: Option<PostId>,
    /// The reader's own vote; there when the reader is signed in.
    // It is cut out of what guests are given (`own::answer`).
    #[schema(required = false)]
    mine: Mine,
}

/// A post with the first of its replies.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ThreadPost {
    #[serde(flatten)]
    pub(super) post: PostView,
    /// Its replies, as far as they were asked for; `next` continues them.
    #[schema(no_recursion)]
    pub(super) replies: Page<ThreadPost>,
}

/// A page of a topic's thread.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Thread {
    pub(super) topic: ThreadTopic,
    pub(super) sort: Order,
    pub(super) posts: Page<ThreadPost>,
}

/// The topic of a thread, in short.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ThreadTopic {
    pub(super) id: TopicId,
    pub(super) slug: String,
    pub(super) title: String,
}

/// A post with the posts above it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PostInContext {
    #[serde(flatten)]
    pub(super) post: PostView,
    /// The posts above, root first: the root and the nearest 199.
    pub(super) ancestors: Vec<PostView>,
    /// How many between the root and the nearest ones were left out.
    pub(super) ancestors_omitted: i32,
}

/// A text that a post has had.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RevisionView {
    pub(super) number: i32,
    pub(super) body: String,
    pub(super) body_html: String,
    /// What the post bore on in this revision.
    pub(super) relations: Vec<RecordedRelationView>,
    pub(super) created_at: Timestamp,
    /// Whether moderators made it, who changed what the post bears on; left out where its author did.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) by_moderator: bool,
}

/// What a post bore on.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct RecordedRelationView {
    #[serde(rename = "type")]
    relation_type: RelationType,
    target: Target,
}

pub(super) fn document<T: serde::de::DeserializeOwned>(value: Option<serde_json::Value>) -> Result<Vec<T>> {
    value.map_or_else(|| Ok(Vec::new()), |value| serde_json::from_value(value).map_err(Error::internal))
}

impl PostView {
    pub(super) fn of(row: PostRow, reader: &Reader) -> Result<Self> {
        let there = reader.sees(&row);
        let mine = reader.vote_on(row.id);
        let author = match (row.author_id, row.username, row.role) {
            (Some(id), Some(username), Some(role)) if there => Some(Author { id, username, role }),
            _ => None,
        };
        let text = |text: String| if there { text } else { String::new() };
        Ok(Self {
            id: row.id,
            topic_id: row.topic_id,
            parent_id: row.parent_id,
            depth: row.depth,
            author,
            body: text(row.body),
            body_html: text(row.body_html),
            relations: document(row.relations.filter(|_| there))?
                .into_iter()
                .map(RelationView::weighed)
                .collect(),
            citations: document(row.citations.filter(|_| there))?,
            citation_status: row.citation_status,
            criterion: row.criterion,
            stance_effects: document(row.stance_effects.filter(|_| there))?,
            tallies: Tallies {
                quality: QualityTally { up: row.quality_up, down: row.quality_down },
                agreement: AgreementTally { agree: row.agree, disagree: row.disagree },
            },
            persuasion: Persuasion { people: row.people_moved, median_shift: row.median_moved.map(shift) },
            reply_count: row.reply_count,
            descendant_count: row.descendant_count,
            status: row.status,
            created_at: row.created_at.into(),
            edited_at: row.edited_at.map(Into::into),
            revision: row.revision,
            restrictions: row.restrictions.at(reader.now).cloned().collect(),
            annotations: row.annotations.into(),
            duplicate_of: row.duplicate_of,
            mine,
        })
    }
}

/// One post by itself. A new post is answered so: the answer is kept for retries, and should hold nobody
/// else's words, who may take them back meanwhile.
pub(super) async fn read(
    db: &impl ConnectionTrait,
    actor: &Actor,
    id: PostId,
    now: Time,
) -> Result<PostView> {
    let row = thread::read_posts(db, vec![id.0]).await?.into_iter().next().ok_or_else(Error::not_found)?;
    let reader = Reader::of(db, actor, row.topic_id, vec![id.0], now).await?;
    PostView::of(row, &reader)
}

/// Whoever reads posts of a topic: their votes, and what they see that others do not.
pub(super) struct Reader {
    id: Option<AccountId>,
    /// None on a post that they did not vote on, or where nobody signed in.
    votes: HashMap<PostId, OwnVote>,
    /// Whether they look after this topic, and see what was taken out of sight.
    sees_hidden: bool,
    now: Time,
}

impl Reader {
    /// Somebody who did not sign in.
    pub(super) fn guest(now: Time) -> Self {
        Self { id: None, votes: HashMap::new(), sees_hidden: false, now }
    }

    pub(super) async fn of(
        db: &impl ConnectionTrait,
        actor: &Actor,
        topic_id: TopicId,
        posts: Vec<Uuid>,
        now: Time,
    ) -> Result<Self> {
        let votes = match actor.id() {
            Some(reader) => {
                let votes = store::own_votes(db, &[reader], posts).await?;
                votes.into_iter().map(|vote| (vote.post_id, vote)).collect()
            }
            None => HashMap::new(),
        };
        let sees_hidden = topics::sees_hidden(db, actor, topic_id).await?;
        Ok(Self { id: actor.id(), votes, sees_hidden, now })
    }

    fn vote_on(&self, post: PostId) -> Mine {
        let mine =
            |OwnVote { quality, agreement, .. }: &OwnVote| Mine { quality: *quality, agreement: *agreement };
        self.votes.get(&post).map(mine).unwrap_or_default()
    }

    /// Whether they see the text of a post, and whose it is: what was taken out of sight, its author does, and whoever
    /// looks after the topic.
    fn sees(&self, row: &PostRow) -> bool {
        let is_author = self.id.is_some() && self.id == row.author_id;
        row.status.is_shown_to(is_author, self.sees_hidden)
    }
}
