//! Votes that are cast in one transaction: counted one after the other, and written all at once.

use std::collections::HashMap;
use std::sync::Arc;

use sea_orm::{ConnectionTrait, FromQueryResult};
use uuid::Uuid;

use super::standing;
use crate::changes::Change;
use crate::clock::Time;
use crate::db::{OnConstraint, Tx, all, sql};
use crate::decisions::rules::Restrictions;
use crate::entity::{post_tally, vote};
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, PostId, TopicId};
use crate::policy::{Permit, Vote};
use crate::posts::rules::PostStatus;
use crate::ranking;
use crate::topics::rules::TopicStatus;
use crate::votes::rules::{Ballot, VotedPost};

/// Posts whose tallies are locked, and votes on them.
pub struct Casting {
    now: Time,
    posts: HashMap<PostId, Counted>,
    votes: HashMap<(PostId, AccountId), Revised>,
}

struct Counted {
    post: Arc<VotedPost>,
    before: post_tally::Model,
    now: post_tally::Model,
}

struct Revised {
    /// None where there was no vote.
    before: Option<vote::Model>,
    now: vote::Model,
}

#[derive(FromQueryResult)]
struct VotedRow {
    id: PostId,
    account_id: AccountId,
    topic_id: TopicId,
    author_id: Option<AccountId>,
    status: PostStatus,
    duplicate_of: Option<PostId>,
    restrictions: Restrictions,
    created_at: Time,
    topic_status: TopicStatus,
    topic_restrictions: Restrictions,
    quality: Option<i16>,
    agreement: Option<i16>,
    updated_at: Option<Time>,
    quality_at: Option<Time>,
    nullified: Option<i32>,
}

impl VotedRow {
    /// The vote that is there.
    fn vote(&self) -> Option<vote::Model> {
        Some(vote::Model {
            post_id: self.id,
            account_id: self.account_id,
            quality: self.quality?,
            agreement: self.agreement?,
            updated_at: self.updated_at?,
            quality_at: self.quality_at,
            nullified: self.nullified?,
        })
    }

    fn post(self) -> VotedPost {
        VotedPost {
            id: self.id,
            topic_id: self.topic_id,
            author_id: self.author_id,
            status: self.status,
            duplicate_of: self.duplicate_of,
            restrictions: self.restrictions,
            created_at: self.created_at,
            topic_status: self.topic_status,
            topic_restrictions: self.topic_restrictions,
        }
    }
}

impl Casting {
    /// Reads what votes of these people on these posts depend on. The tallies are those of posts that are locked: whoever
    /// changes a post or a vote on it holds its tally.
    ///
    /// # Errors
    /// The database is away.
    pub async fn read(
        tx: &Tx,
        tallies: Vec<post_tally::Model>,
        asked: &[(PostId, AccountId)],
        now: Time,
    ) -> Result<Self> {
        let (posts, accounts): (Vec<Uuid>, Vec<Uuid>) =
            asked.iter().map(|(post, account)| (post.0, account.0)).unzip();
        let rows: Vec<VotedRow> = all(
            tx.conn(),
            sql(
                "SELECT p.*, w.account_id, t.status AS topic_status, t.restrictions AS topic_restrictions, v.*
                 FROM unnest($1::uuid[], $2::uuid[]) AS w (post_id, account_id)
                 CROSS JOIN LATERAL (
                     SELECT id, topic_id, author_id, status, duplicate_of, restrictions, created_at
                     FROM post WHERE post.id = w.post_id OFFSET 0) p
                 CROSS JOIN LATERAL (
                     SELECT status, restrictions FROM topic WHERE topic.id = p.topic_id OFFSET 0) t
                 LEFT JOIN LATERAL (
                     SELECT quality, agreement, updated_at, quality_at, nullified
                     FROM vote WHERE vote.post_id = w.post_id AND vote.account_id = w.account_id OFFSET 0) v ON true",
                [posts.into(), accounts.into()],
            ),
        )
        .await?;
        let mut tallies: HashMap<PostId, post_tally::Model> =
            tallies.into_iter().map(|tally| (tally.post_id, tally)).collect();
        let mut casting = Self { now, posts: HashMap::new(), votes: HashMap::new() };
        for row in rows {
            let (id, before) = (row.id, row.vote());
            let vote = before.clone().unwrap_or(vote::Model {
                post_id: id,
                account_id: row.account_id,
                quality: 0,
                agreement: 0,
                updated_at: now,
                quality_at: None,
                nullified: 0,
            });
            casting.votes.insert((id, row.account_id), Revised { before, now: vote });
            if let Some(tally) = tallies.remove(&id) {
                let counted = Counted { post: Arc::new(row.post()), before: tally.clone(), now: tally };
                casting.posts.insert(id, counted);
            }
        }
        Ok(casting)
    }

    /// A post that is locked.
    pub fn post(&self, id: PostId) -> Option<Arc<VotedPost>> {
        self.posts.get(&id).map(|counted| counted.post.clone())
    }

    /// Casts a vote that was read for. Gives the counters and the vote as they are afterwards.
    ///
    /// # Errors
    /// It was not read for: a defect.
    pub fn cast(
        &mut self,
        permit: &Permit<Vote<'_>>,
        ballot: Ballot,
    ) -> Result<(post_tally::Model, vote::Model)> {
        let key = (permit.act().post.id, permit.by());
        let (Some(counted), Some(revised)) = (self.posts.get_mut(&key.0), self.votes.get_mut(&key)) else {
            return Err(Error::internal(anyhow::anyhow!("a vote is cast that was not read for")));
        };
        let (tally, vote) = (&mut counted.now, &mut revised.now);
        let old = vote.clone();
        vote.quality = ballot.quality.unwrap_or(old.quality);
        vote.agreement = ballot.agreement.unwrap_or(old.agreement);
        if *vote != old {
            vote.updated_at = self.now;
        }
        if vote.quality != old.quality {
            vote.quality_at = Some(self.now);
        }
        // A vote that was struck is cast like any other, and moves nothing.
        if old.nullified == 0 {
            let change = |old: i16, new: i16, side: i16| i32::from(new == side) - i32::from(old == side);
            tally.quality_up += change(old.quality, vote.quality, 1);
            tally.quality_down += change(old.quality, vote.quality, -1);
            tally.agree += change(old.agreement, vote.agreement, 1);
            tally.disagree += change(old.agreement, vote.agreement, -1);
        }
        Ok((tally.clone(), vote.clone()))
    }

    /// Writes what was cast: the votes, the counters, and the places of the posts.
    ///
    /// # Errors
    /// 403 where one is on somebody's own post; the database is away.
    pub async fn write(&self, tx: &Tx) -> Result<()> {
        let mut votes: Vec<&Revised> = self.votes.values().filter(|vote| vote.is_changed()).collect();
        if votes.is_empty() {
            return Ok(());
        }
        votes.sort_unstable_by_key(|vote| (vote.now.post_id.0, vote.now.account_id.0));
        for vote in &votes {
            if let Some(counted) = self.posts.get(&vote.now.post_id) {
                tx.changes(Change::Topic(counted.post.topic_id));
            }
        }
        let mut posts: Vec<&Counted> = self.posts.values().filter(|post| post.before != post.now).collect();
        posts.sort_unstable_by_key(|counted| counted.post.id.0);
        let (revised, new): (Vec<&Revised>, Vec<&Revised>) =
            votes.into_iter().partition(|vote| vote.before.is_some());
        let (revised, new) = (Columns::of(&revised), Columns::of(&new));
        let count = |of: fn(&post_tally::Model) -> i32| -> Vec<i32> {
            posts.iter().map(|counted| of(&counted.now)).collect()
        };
        let ids: Vec<Uuid> = posts.iter().map(|counted| counted.post.id.0).collect();
        // Those that are there are not inserted and refused: for each that is, triggers look the post up anew.
        let statement = sql(
            "WITH revised AS (
                 UPDATE vote v SET quality = w.quality, agreement = w.agreement, updated_at = $1,
                                   quality_at = CASE WHEN w.judged THEN $1 ELSE v.quality_at END
                 FROM unnest($2::uuid[], $3::uuid[], $4::smallint[], $5::smallint[], $6::boolean[])
                      AS w (post_id, account_id, quality, agreement, judged)
                 WHERE v.post_id = w.post_id AND v.account_id = w.account_id),
             counted AS (
                 UPDATE post_tally t SET quality_up = c.quality_up, quality_down = c.quality_down,
                                         agree = c.agree, disagree = c.disagree
                 FROM unnest($12::uuid[], $13::integer[], $14::integer[], $15::integer[], $16::integer[])
                      AS c (post_id, quality_up, quality_down, agree, disagree)
                 WHERE t.post_id = c.post_id)
             INSERT INTO vote (post_id, account_id, quality, agreement, updated_at, quality_at)
             SELECT w.post_id, w.account_id, w.quality, w.agreement, $1, CASE WHEN w.judged THEN $1 END
             FROM unnest($7::uuid[], $8::uuid[], $9::smallint[], $10::smallint[], $11::boolean[])
                  AS w (post_id, account_id, quality, agreement, judged)",
            std::iter::once(self.now.into()).chain(revised.values()).chain(new.values()).chain([
                ids.into(),
                count(|tally| tally.quality_up).into(),
                count(|tally| tally.quality_down).into(),
                count(|tally| tally.agree).into(),
                count(|tally| tally.disagree).into(),
            ]),
        );
        tx.conn()
            .execute_raw(statement)
            .await
            .map_err(Error::from)
            .on_constraint("vote_not_on_own_post", || Code::OwnPost.error("Others judge it."))?;
        let moved = posts.iter().filter(|counted| {
            let quality = |tally: &post_tally::Model| (tally.quality_up, tally.quality_down);
            quality(&counted.before) != quality(&counted.now)
        });
        let standings: Vec<_> = moved
            .map(|counted| {
                let Counted { post, now, .. } = counted;
                (post.id, standing(now.quality_up, now.quality_down, post.created_at))
            })
            .collect();
        ranking::update_posts(tx, &standings, self.now).await
    }
}

impl Revised {
    /// Whether it is another vote than the one that is there; where there is none, nothing is as good as neither axis.
    fn is_changed(&self) -> bool {
        match &self.before {
            Some(before) => *before != self.now,
            None => self.now.quality_at.is_some() || self.now.agreement != 0,
        }
    }

    /// Whether its quality was judged by this.
    fn is_judged(&self) -> bool {
        self.before.as_ref().and_then(|before| before.quality_at) != self.now.quality_at
    }
}

/// Votes by column, as `unnest` takes them.
struct Columns {
    posts: Vec<Uuid>,
    accounts: Vec<Uuid>,
    quality: Vec<i16>,
    agreement: Vec<i16>,
    judged: Vec<bool>,
}

impl Columns {
    fn of(votes: &[&Revised]) -> Self {
        Self {
            posts: votes.iter().map(|vote| vote.now.post_id.0).collect(),
            accounts: votes.iter().map(|vote| vote.now.account_id.0).collect(),
            quality: votes.iter().map(|vote| vote.now.quality).collect(),
            agreement: votes.iter().map(|vote| vote.now.agreement).collect(),
            judged: votes.iter().map(|vote| vote.is_judged()).collect(),
        }
    }

    fn values(self) -> [sea_orm::Value; 5] {
        let Self { posts, accounts, quality, agreement, judged } = self;
        [posts.into(), accounts.into(), quality.into(), agreement.into(), judged.into()]
    }
}
