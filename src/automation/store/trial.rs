//! Trying a rule out on posts that are there.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, FromQueryResult};
use uuid::Uuid;

use super::lists;
use crate::app::App;
use crate::automation::rules::RuleTrigger;
use crate::automation::rules::judge::{Facts, HitReason, Past, Rule, Text};
use crate::clock::Time;
use crate::db::{Tx, all, insert, one, sql};
use crate::entity::{automation_rule, automation_trial};
use crate::error::{Error, Result};
use crate::ids::{AccountId, PostId, TopicId};
use crate::policy::{EditAutomation, Permit};
use crate::sources::rules::CitationStatus;

/// So many posts are read at a time.
const BATCH: i64 = 200;

/// So many of the posts that a rule would meet are shown.
const SAMPLES: usize = 20;

/// A post that a rule would meet, and why.
#[derive(Debug)]
pub(in crate::automation) struct Sample {
    pub(in crate::automation) post_id: PostId,
    pub(in crate::automation) author_id: AccountId,
    pub(in crate::automation) created_at: Time,
    pub(in crate::automation) reasons: Vec<HitReason>,
}

/// A walk through posts, from the oldest on.
struct Walk {
    rule: Arc<Rule>,
    past: Past,
    posts: i32,
    matched: i32,
    authors: HashSet<AccountId>,
    samples: VecDeque<Sample>,
}

#[derive(FromQueryResult)]
struct Row {
    id: PostId,
    topic_id: TopicId,
    author_id: AccountId,
    body: String,
    body_html: String,
    citation_status: CitationStatus,
    created_at: Time,
    trust_level: i16,
    joined_at: Time,
    is_staff: bool,
    visible_posts: i32,
    tags: Vec<String>,
    reporters: i32,
}

impl Walk {
    /// Judges posts until a moment, and says whether it got to all of them.
    fn go(&mut self, rows: Vec<Row>, until: Instant) -> bool {
        for row in rows {
            if Instant::now() > until {
                return false;
            }
            self.judge(row);
        }
        true
    }

    fn judge(&mut self, row: Row) {
        let (id, author_id, at) = (row.id, row.author_id, row.created_at);
        let (wants, triggers) = (self.rule.wants(), self.rule.content.triggers);
        let similar = wants.near.map(|near| self.past.similar(&row.body, at, near)).unwrap_or_default();
        let posted = if wants.posted { self.past.posted(author_id, at) } else { Vec::new() };
        self.past.add(id, author_id, at, &row.body);
        let reporters = u32::try_from(row.reporters).unwrap_or_default();
        let mut facts = Facts {
            trigger: if triggers.post_created { RuleTrigger::PostCreated } else { RuleTrigger::PostRevised },
            now: at,
            text: Text::read(row.body, &row.body_html),
            citation_status: row.citation_status,
            topic_id: row.topic_id,
            tags: row.tags,
            author_id,
            author_age_days: (at - row.joined_at).num_days().try_into().unwrap_or_default(),
            trust_level: row.trust_level,
            is_staff: row.is_staff,
            visible_posts: row.visible_posts.try_into().unwrap_or_default(),
            posted,
            similar,
            // Whoever has so many reports had the one that the rule waits for.
            reporters: triggers.nth_report.filter(|n| reporters >= *n).unwrap_or_default(),
        };
        let mut hit = self.rule.judge(&facts);
        if hit.is_none() && triggers.nth_report.is_some() {
            facts.trigger = RuleTrigger::NthReport;
            hit = self.rule.judge(&facts);
        }
        self.posts += 1;
        let Some(hit) = hit else { return };
        self.matched += 1;
        self.authors.insert(author_id);
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { post_id: id, author_id, created_at: at, reasons: hit.reasons });
    }
}

#[derive(FromQueryResult)]
struct Taken {
    taken: bool,
}

#[derive(FromQueryResult)]
struct First {
    id: Uuid,
}

/// Tries the present version of a rule out on the last posts that are there, and notes what came of it; with the last of
/// the posts that it would meet. Authors are taken as they are now, but for the age of their accounts. Only one trial runs
/// at a time, and none longer than `automation.trial_ms`.
///
/// # Errors
/// 503 while another one runs.
pub(in crate::automation) async fn try_out(
    app: &App,
    permit: &Permit<EditAutomation>,
    rule: &automation_rule::Model,
    last: i64,
) -> Result<(automation_trial::Model, Vec<Sample>)> {
    let until = Instant::now() + Duration::from_millis(app.config.automation.trial_ms);
    let snapshot = app.snapshot().await?;
    let lock = "SELECT pg_try_advisory_xact_lock(hashtextextended('automation trial', 0)) AS taken";
    let lock: Option<Taken> = one(&snapshot, sql(lock, [])).await?;
    if !lock.is_some_and(|lock| lock.taken) {
        return Err(Error::unavailable(anyhow::anyhow!("another trial of a rule runs")));
    }
    let content = super::content(&snapshot, rule).await?;
    let lists = lists(&snapshot, content.sets().into_iter().map(|id| id.0).collect()).await?;
    let ready = Rule::new(rule.id, rule.version, rule.mode, content, &lists).map_err(Error::internal)?;
    let first = "SELECT l.id FROM (SELECT id FROM post WHERE is_shown(status) ORDER BY id DESC LIMIT $1) l
                 ORDER BY l.id LIMIT 1";
    let first: Option<First> = one(&snapshot, sql(first, [last.into()])).await?;
    let mut after = first.map(|first| Uuid::from_u128(first.id.as_u128().saturating_sub(1)));
    let mut walk = Walk {
        rule: Arc::new(ready),
        past: Past::default(),
        posts: 0,
        matched: 0,
        authors: HashSet::new(),
        samples: VecDeque::new(),
    };
    let mut is_complete = true;
    while let Some(place) = after {
        let rows = batch(&snapshot, &walk, place, app.now()).await?;
        after = rows.last().map(|row| row.id.0);
        // Judging thousands of posts is work for a thread that nobody else waits for.
        let (walked, got_there) = tokio::task::spawn_blocking(move || {
            let got_there = walk.go(rows, until);
            (walk, got_there)
        })
        .await
        .map_err(Error::internal)?;
        walk = walked;
        if !got_there {
            is_complete = false;
            break;
        }
    }
    drop(snapshot);
    let trial = automation_trial::Model {
        id: app.ids.next(),
        rule_id: rule.id,
        version: rule.version,
        run_by: Some(permit.by()),
        posts: walk.posts,
        matched: walk.matched,
        authors: i32::try_from(walk.authors.len()).unwrap_or(i32::MAX),
        is_complete,
        ran_at: app.now(),
    };
    Ok((trial, walk.samples.into()))
}

/// Notes what came of a trial.
///
/// # Errors
/// The database is away.
pub(in crate::automation) async fn note(
    tx: &Tx,
    _: &Permit<EditAutomation>,
    trial: &automation_trial::Model,
) -> Result<()> {
    insert(tx, trial.clone()).await
}

async fn batch(db: &impl ConnectionTrait, walk: &Walk, after: Uuid, now: Time) -> Result<Vec<Row>> {
    // What is asked of authors is asked once for each.
    let statement = "WITH batch AS MATERIALIZED (
             SELECT id, topic_id, author_id, body, body_html, citation_status, created_at FROM post
             WHERE is_shown(status) AND id > $1 ORDER BY id LIMIT $2
         ), who AS MATERIALIZED (
             SELECT a.id, a.trust_level, a.created_at AS joined_at,
                    EXISTS (SELECT FROM role_grant g WHERE g.account_id = a.id AND g.revoked_at IS NULL
                            AND (g.expires_at IS NULL OR g.expires_at > $4)) AS is_staff,
                    CASE WHEN $3 THEN (SELECT greatest(count(*) - 1, 0) FROM (
                        SELECT FROM post o WHERE o.author_id = a.id AND is_shown(o.status) LIMIT 10001) c)
                         ELSE 0 END::integer AS visible_posts
             FROM account a WHERE a.id IN (SELECT author_id FROM batch)
         )
         SELECT b.id, b.topic_id, b.author_id, b.body, b.body_html, b.citation_status, b.created_at,
                w.trust_level, w.joined_at, w.is_staff, w.visible_posts,
                ARRAY(SELECT t.tag FROM topic_tag t WHERE t.topic_id = b.topic_id) AS tags,
                (SELECT count(DISTINCT coalesce(r.reporter_id, r.id))
                 FROM moderation_case m JOIN report r ON r.case_id = m.id
                 WHERE m.subject_post_id = b.id AND NOT r.is_muted)::integer AS reporters
         FROM batch b JOIN who w ON w.id = b.author_id ORDER BY b.id";
    let values = [after.into(), BATCH.into(), walk.rule.wants().visible_posts.into(), now.into()];
    all(db, sql(statement, values)).await
}
