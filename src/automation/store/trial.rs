//! Trying a rule out on posts that are there, or on people.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, FromQueryResult};
use uuid::Uuid;

use super::author::{AuthorRow, author_columns, author_values};
use super::lists;
use crate::app::App;
use crate::automation::rules::RuleTrigger;
use crate::automation::rules::judge::{Facts, Hit, HitReason, Past, Person, Rule, Text};
use crate::clock::Time;
use crate::db::{Tx, all, insert, one, sql};
use crate::entity::{automation_rule, automation_trial};
use crate::error::{Error, Result};
use crate::ids::{AccountId, PostId, TopicId};
use crate::policy::{EditAutomation, Permit};
use crate::sources::rules::CitationStatus;

/// So many posts, or people, are read at a time.
const BATCH: i64 = 200;

/// So many of those that a rule would meet are shown.
const SAMPLES: usize = 20;

/// A post that a rule would meet, or somebody who signed up, and why.
#[derive(Debug)]
pub(in crate::automation) struct Sample {
    pub(in crate::automation) post_id: Option<PostId>,
    pub(in crate::automation) author_id: AccountId,
    pub(in crate::automation) created_at: Time,
    pub(in crate::automation) reasons: Vec<HitReason>,
}

/// A walk through posts, or through those who signed up, from the oldest on.
struct Walk {
    rule: Arc<Rule>,
    past: Past,
    seen: i32,
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
    #[sea_orm(nested)]
    author: AuthorRow,
    tags: Vec<String>,
    reporters: i32,
}

#[derive(FromQueryResult)]
struct SignUpRow {
    account_id: AccountId,
    at: Time,
    #[sea_orm(nested)]
    author: AuthorRow,
}

impl Walk {
    fn judge_post(&mut self, row: Row, author: Person) {
        let (id, author_id, at) = (row.id, row.author_id, row.created_at);
        let (wants, triggers) = (self.rule.wants(), self.rule.content.triggers);
        let similar = wants.near.map(|near| self.past.similar(&row.body, at, near)).unwrap_or_default();
        let posted = if wants.posted { self.past.posted(author_id, at) } else { Vec::new() };
        self.past.add(id, author_id, at, &row.body);
        let reporters = u32::try_from(row.reporters).unwrap_or_default();
        // Whichever of these it is asked at, it says the same.
        let mut asked =
            [RuleTrigger::PostCreated, RuleTrigger::PostRevised, RuleTrigger::VoteBurst].into_iter();
        let mut facts = Facts {
            trigger: asked.find(|trigger| triggers.has(*trigger)).unwrap_or(RuleTrigger::NthReport),
            now: at,
            text: Text::read(row.body, &row.body_html),
            citation_status: row.citation_status,
            topic_id: row.topic_id,
            tags: row.tags,
            author,
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
        self.note(Some(id), (author_id, at), hit);
    }

    fn judge_sign_up(&mut self, at: Time, who: Person) {
        let id = who.id;
        let hit = self.rule.judge(&Facts::of_sign_up(at, who));
        self.note(None, (id, at), hit);
    }

    fn note(&mut self, post_id: Option<PostId>, (author_id, at): (AccountId, Time), hit: Option<Hit>) {
        self.seen += 1;
        let Some(hit) = hit else { return };
        self.matched += 1;
        self.authors.insert(author_id);
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { post_id, author_id, created_at: at, reasons: hit.reasons });
    }

    /// Judges a lot until a moment, and says whether it got to all of it. Judging thousands is work for a thread that nobody
    /// else waits for.
    async fn go<T: Send + 'static>(
        mut self,
        lot: Vec<T>,
        until: Instant,
        judge: fn(&mut Self, T),
    ) -> Result<(Self, bool)> {
        let walked = tokio::task::spawn_blocking(move || {
            for one in lot {
                if Instant::now() > until {
                    return (self, false);
                }
                judge(&mut self, one);
            }
            (self, true)
        });
        walked.await.map_err(Error::internal)
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

#[derive(FromQueryResult)]
struct FirstSignUp {
    at: Time,
    account_id: Uuid,
}

/// Tries the present version of a rule out on the last posts that are there, or on the last of those who signed up where it is
/// asked about them, and notes what came of it; with the last of those that it would meet. Authors are taken as they are now,
/// but for the age of their accounts. Only one trial runs at a time, and none longer than `automation.trial_ms`.
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
    let is_of_sign_ups = content.triggers.signed_up;
    let ready = Rule::new(rule.id, rule.version, rule.mode, content, &lists).map_err(Error::internal)?;
    let walk = Walk {
        rule: Arc::new(ready),
        past: Past::default(),
        seen: 0,
        matched: 0,
        authors: HashSet::new(),
        samples: VecDeque::new(),
    };
    let (walk, is_complete) = if is_of_sign_ups {
        through_sign_ups(app, &snapshot, walk, last, until).await?
    } else {
        through_posts(app, &snapshot, walk, last, until).await?
    };
    drop(snapshot);
    let trial = automation_trial::Model {
        id: app.ids.next(),
        rule_id: rule.id,
        version: rule.version,
        run_by: Some(permit.by()),
        posts: walk.seen,
        matched: walk.matched,
        authors: i32::try_from(walk.authors.len()).unwrap_or(i32::MAX),
        is_complete,
        ran_at: app.now(),
    };
    Ok((trial, walk.samples.into()))
}

/// Goes through the last posts; says whether it got to all of them.
async fn through_posts(
    app: &App,
    db: &impl ConnectionTrait,
    mut walk: Walk,
    last: i64,
    until: Instant,
) -> Result<(Walk, bool)> {
    let first = "SELECT l.id FROM (SELECT id FROM post WHERE is_shown(status) ORDER BY id DESC LIMIT $1) l
                 ORDER BY l.id LIMIT 1";
    let first: Option<First> = one(db, sql(first, [last.into()])).await?;
    let mut after = first.map(|first| before(first.id));
    while let Some(place) = after {
        let rows = posts(db, &walk, place, app.now()).await?;
        after = rows.last().map(|row| row.id.0);
        let lot = rows.into_iter().map(|row| {
            let author = row.author.person(app, row.author_id, row.created_at);
            (row, author)
        });
        let judge = |walk: &mut Walk, (row, author)| walk.judge_post(row, author);
        let (walked, got_there) = walk.go(lot.collect(), until, judge).await?;
        walk = walked;
        if !got_there {
            return Ok((walk, false));
        }
    }
    Ok((walk, true))
}

/// Goes through the last of those who signed up; says whether it got to all of them.
async fn through_sign_ups(
    app: &App,
    db: &impl ConnectionTrait,
    mut walk: Walk,
    last: i64,
    until: Instant,
) -> Result<(Walk, bool)> {
    let first = "SELECT l.at, l.account_id
                 FROM (SELECT at, account_id FROM sign_up ORDER BY at DESC, account_id DESC LIMIT $1) l
                 ORDER BY l.at, l.account_id LIMIT 1";
    let first: Option<FirstSignUp> = one(db, sql(first, [last.into()])).await?;
    let mut after = first.map(|first| (first.at, before(first.account_id)));
    while let Some(place) = after {
        let rows = sign_ups(db, &walk, place, app.now()).await?;
        after = rows.last().map(|row| (row.at, row.account_id.0));
        let lot = rows.into_iter().map(|row| (row.at, row.author.person(app, row.account_id, row.at)));
        let judge = |walk: &mut Walk, (at, who)| walk.judge_sign_up(at, who);
        let (walked, got_there) = walk.go(lot.collect(), until, judge).await?;
        walk = walked;
        if !got_there {
            return Ok((walk, false));
        }
    }
    Ok((walk, true))
}

/// What comes right before an identifier.
fn before(id: Uuid) -> Uuid {
    Uuid::from_u128(id.as_u128().saturating_sub(1))
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

async fn posts(db: &impl ConnectionTrait, walk: &Walk, after: Uuid, now: Time) -> Result<Vec<Row>> {
    // What is asked of authors is asked once for each.
    let statement = concat!(
        "WITH batch AS MATERIALIZED (
             SELECT id, topic_id, author_id, body, body_html, citation_status, created_at FROM post
             WHERE is_shown(status) AND id > $5 ORDER BY id LIMIT $6
         ), who AS MATERIALIZED (
             SELECT a.id, ",
        author_columns!(),
        ",
                    CASE WHEN $7 THEN (SELECT greatest(count(*) - 1, 0) FROM (
                        SELECT FROM post o WHERE o.author_id = a.id AND is_shown(o.status) LIMIT 10001) c)
                         ELSE 0 END::integer AS visible_posts
             FROM account a WHERE a.id IN (SELECT author_id FROM batch)
         )
         SELECT b.id, b.topic_id, b.author_id, b.body, b.body_html, b.citation_status, b.created_at,
                w.trust_level, w.joined_at, w.is_staff, w.visible_posts, w.addresses, w.email_key, w.username,
                w.display_name, ARRAY(SELECT t.tag FROM topic_tag t WHERE t.topic_id = b.topic_id) AS tags,
                (SELECT count(DISTINCT r.reporter_id)
                 FROM moderation_case m JOIN report r ON r.case_id = m.id
                 WHERE m.subject_post_id = b.id AND NOT r.is_muted)::integer AS reporters
         FROM batch b JOIN who w ON w.id = b.author_id ORDER BY b.id"
    );
    let wants = walk.rule.wants();
    let values =
        author_values(now, wants).into_iter().chain([after.into(), BATCH.into(), wants.visible_posts.into()]);
    all(db, sql(statement, values)).await
}

async fn sign_ups(
    db: &impl ConnectionTrait,
    walk: &Walk,
    (at, after): (Time, Uuid),
    now: Time,
) -> Result<Vec<SignUpRow>> {
    let statement = concat!(
        "SELECT ",
        author_columns!(),
        ", u.account_id, u.at,
                CASE WHEN $8 THEN (SELECT count(*) FROM (
                    SELECT FROM post o WHERE o.author_id = a.id AND is_shown(o.status) LIMIT 10000) c)
                     ELSE 0 END::integer AS visible_posts
         FROM (SELECT account_id, at FROM sign_up WHERE (at, account_id) > ($5, $6)
               ORDER BY at, account_id LIMIT $7) u JOIN account a ON a.id = u.account_id
         ORDER BY u.at, u.account_id"
    );
    let wants = walk.rule.wants();
    let values = author_values(now, wants).into_iter().chain([
        at.into(),
        after.into(),
        BATCH.into(),
        wants.visible_posts.into(),
    ]);
    all(db, sql(statement, values)).await
}
