//! Judging posts, in the transactions that make or change them or find something out about them.

use std::sync::{Arc, PoisonError};

use chrono::TimeDelta;
use sea_orm::{ActiveEnum, ConnectionTrait, FromQueryResult};
use serde::Deserialize;

use super::author::{AuthorRow, author_columns, author_values};
use super::cases::ring;
use super::{Stamp, book, sign_ups};
use crate::app::App;
use crate::automation::rules::condition::MAX_HOURS;
use crate::automation::rules::fingerprint::fingerprint;
use crate::automation::rules::judge::{Facts, Hit, RuleBook, Similar, Text, Wants};
use crate::automation::rules::{RuleAction, RuleEffect, RuleTrigger, RuleVersion};
use crate::clock::Time;
use crate::db::{Tx, all, one, sql};
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, PostId, RuleHitId, TopicId};
use crate::policy::{EnforceRule, Permit, ReportSubject};
use crate::sources::rules::CitationStatus;

/// What the rules make of a post.
#[derive(Debug)]
#[must_use = "what is enforced is to be done, or the transaction given up"]
pub enum Judged {
    /// It may stay, and this is to be done about it.
    Passed(Vec<Enforced>),
    /// It is not taken: give the transaction up, and say so with [`refuse`].
    Refused(Refusal),
}

/// That a rule met a post which wants something done about it.
#[derive(Debug)]
pub struct Enforced {
    id: RuleHitId,
    hit: Hit,
}

impl Enforced {
    /// The permit to hide the post, where that is what the rule wants.
    pub fn hiding(&self) -> Option<Permit<EnforceRule, RuleVersion>> {
        Permit::of_rule(self.id, &self.hit)
    }

    /// At what the rule met it.
    pub fn trigger(&self) -> RuleTrigger {
        self.hit.trigger
    }

    /// The code of the rule of the site that the rule serves.
    pub fn policy_rule(&self) -> &str {
        &self.hit.policy_rule
    }

    /// What whoever wrote the post is told.
    pub fn told(&self) -> String {
        self.hit.told()
    }
}

/// That a rule takes no post of somebody for now.
#[derive(Debug)]
pub struct Refusal {
    hit: Hit,
    author_id: AccountId,
}

/// Judges a post that was just made or changed, by all rules that are on. `body` is what it says now.
///
/// # Errors
/// The database is away.
pub async fn judge_post<A>(
    app: &App,
    tx: &Tx,
    permit: &Permit<A>,
    (id, body): (PostId, &str),
    trigger: RuleTrigger,
) -> Result<Judged> {
    let author_id = permit.by();
    let print = fingerprint(body);
    note_fingerprint(app, tx, id, author_id, print).await?;
    let (revision, mut hits) = meet(app, tx, Subject::Post { id, print }, author_id, trigger).await?;
    if let Some(refusing) = hits.iter().position(|hit| hit.did() == RuleEffect::Refused) {
        return Ok(Judged::Refused(Refusal { hit: hits.swap_remove(refusing), author_id }));
    }
    Ok(Judged::Passed(note(app, tx, (id, revision), hits).await?))
}

/// Judges a post that somebody has just reported. What is to be done about it is to be done in this transaction.
///
/// # Errors
/// The database is away.
pub async fn judge_report(
    app: &App,
    tx: &Tx,
    permit: &Permit<ReportSubject>,
    id: PostId,
) -> Result<Vec<Enforced>> {
    let subject = Subject::Post { id, print: None };
    let (revision, hits) = meet(app, tx, subject, permit.act().owner_id, RuleTrigger::NthReport).await?;
    note(app, tx, (id, revision), hits).await
}

#[derive(FromQueryResult)]
struct Shown {
    author_id: AccountId,
}

/// Judges a post on which votes came in a burst, as long as it is shown. Nothing more is done about it than that moderators are
/// asked, and once: whoever finds the same burst again need not care.
///
/// # Errors
/// The database is away.
pub async fn judge_vote_burst(app: &App, tx: &Tx, id: PostId) -> Result<()> {
    let statement = "SELECT author_id FROM post WHERE id = $1 AND is_shown(status) AND author_id IS NOT NULL";
    let shown: Option<Shown> = one(tx.conn(), sql(statement, [id.into()])).await?;
    let Some(Shown { author_id }) = shown else { return Ok(()) };
    let subject = Subject::Post { id, print: None };
    let (revision, hits) = meet(app, tx, subject, author_id, RuleTrigger::VoteBurst).await?;
    if note(app, tx, (id, revision), hits).await?.is_empty() { Ok(()) } else { ring(tx).await }
}

/// Keeps what later posts are compared with, and nothing where there is too little to compare.
async fn note_fingerprint(
    app: &App,
    tx: &Tx,
    id: PostId,
    author_id: AccountId,
    print: Option<u64>,
) -> Result<()> {
    let Some(print) = print else {
        let statement = "DELETE FROM post_fingerprint WHERE post_id = $1";
        tx.conn().execute_raw(sql(statement, [id.into()])).await?;
        return Ok(());
    };
    let statement = "INSERT INTO post_fingerprint (post_id, author_id, fingerprint, made_at) VALUES ($1, $2, $3, $4)
                     ON CONFLICT (post_id) DO UPDATE SET fingerprint = excluded.fingerprint, made_at = excluded.made_at
                     WHERE post_fingerprint.fingerprint <> excluded.fingerprint";
    let values = [id.into(), author_id.into(), print.cast_signed().into(), app.now().into()];
    tx.conn().execute_raw(sql(statement, values)).await?;
    Ok(())
}

#[derive(FromQueryResult)]
struct FactsRow {
    stamp: i64,
    topic_id: TopicId,
    revision: i32,
    body: String,
    body_html: String,
    citation_status: CitationStatus,
    #[sea_orm(nested)]
    author: AuthorRow,
    tags: Vec<String>,
    posted: Vec<Time>,
    similar: serde_json::Value,
    reporters: i32,
}

/// A post that says nearly the same, as the database gives it.
#[derive(Deserialize)]
struct SimilarRow {
    post: PostId,
    author: AccountId,
    at: Time,
    distance: u32,
}

/// What is judged: a post, with its fingerprint where it is compared with others, or somebody who signed up.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject {
    Post { id: PostId, print: Option<u64> },
    SignUp,
}

/// What is known of what is judged, and how often the rules were changed by then. Of a person there is no revision.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) stamp: i64,
    pub(super) revision: i32,
    pub(super) facts: Facts,
}

/// The revision of a post, and what the rules that are on have to say to it, or to whoever signed up.
pub(super) async fn meet(
    app: &App,
    tx: &Tx,
    subject: Subject,
    author_id: AccountId,
    trigger: RuleTrigger,
) -> Result<(i32, Vec<Hit>)> {
    let mut rules = kept(app);
    let mut is_alone = false;
    loop {
        let wants = rules.wants(trigger);
        if wants.refuses && !is_alone {
            // Of several posts of one person at once, each sees those before it.
            tx.queue(&format!("posts of {author_id}")).await?;
            is_alone = true;
        }
        if rules.rules.is_empty() {
            let stamp: Option<Stamp> = one(tx.conn(), sql("SELECT stamp FROM automation_state", [])).await?;
            if stamp.is_none_or(|stamp| stamp.stamp == rules.stamp) {
                return Ok((0, Vec::new()));
            }
        } else {
            let known = match subject {
                Subject::Post { id, print } => {
                    read(app, author_id, trigger, facts(app, tx, (id, author_id), wants, print).await?)?
                }
                Subject::SignUp => sign_ups::known(app, tx, author_id, wants).await?,
            };
            if known.stamp == rules.stamp {
                return Ok((known.revision, rules.judge(&known.facts)));
            }
        }
        // Something was changed since the rules were made ready. It goes on only as fast as people change rules.
        rules = Arc::new(book(tx.conn()).await?);
        keep(app, &rules);
    }
}

fn kept(app: &App) -> Arc<RuleBook> {
    app.rule_book.read().unwrap_or_else(PoisonError::into_inner).clone()
}

fn keep(app: &App, rules: &Arc<RuleBook>) {
    let mut kept = app.rule_book.write().unwrap_or_else(PoisonError::into_inner);
    if kept.stamp < rules.stamp {
        *kept = rules.clone();
    }
}

/// Reads all that the rules ask for, in one statement, so that the stamp is of the same moment.
async fn facts(
    app: &App,
    tx: &Tx,
    (id, author_id): (PostId, AccountId),
    wants: Wants,
    print: Option<u64>,
) -> Result<FactsRow> {
    let now = app.now();
    let (hours, distance) = wants.near.filter(|_| print.is_some()).unwrap_or_default();
    let since = now - TimeDelta::hours(hours.into());
    let statement = concat!(
        "SELECT ",
        author_columns!(),
        ", s.stamp, p.topic_id, p.revision, p.body, p.body_html, p.citation_status,
                ARRAY(SELECT t.tag FROM topic_tag t WHERE t.topic_id = p.topic_id) AS tags,
                CASE WHEN $7 THEN (SELECT count(*) FROM (
                    SELECT FROM post o WHERE o.author_id = a.id AND is_shown(o.status) AND o.id <> p.id
                    LIMIT 10000) c) ELSE 0 END::integer AS visible_posts,
                CASE WHEN $8 THEN ARRAY(
                    SELECT c.created_at FROM (
                        SELECT o.created_at FROM post o WHERE o.author_id = a.id AND o.id <> p.id
                        ORDER BY o.id DESC LIMIT 100) c
                    WHERE c.created_at > $1 - interval '1 hour' ORDER BY c.created_at DESC)
                     ELSE ARRAY[]::timestamptz[] END AS posted,
                CASE WHEN $9 < $1 THEN (
                    SELECT coalesce(jsonb_agg(jsonb_build_object(
                               'post', c.post_id, 'author', c.author_id, 'at', c.made_at, 'distance', c.distance)
                               ORDER BY c.made_at DESC), '[]')
                    FROM (SELECT f.post_id, f.author_id, f.made_at,
                                 bit_count((f.fingerprint # $10)::bit(64)) AS distance
                          FROM post_fingerprint f WHERE f.made_at > $9 AND f.post_id <> p.id) c
                    WHERE c.distance <= $11) ELSE '[]' END AS similar,
                (SELECT count(DISTINCT r.reporter_id)
                 FROM moderation_case m JOIN report r ON r.case_id = m.id
                 WHERE m.subject_post_id = p.id AND r.outcome IS NULL AND NOT r.is_muted)::integer AS reporters
         FROM automation_state s CROSS JOIN post p CROSS JOIN account a
         WHERE p.id = $5 AND a.id = $6"
    );
    let values = author_values(now, wants).into_iter().chain([
        id.into(),
        author_id.into(),
        wants.visible_posts.into(),
        wants.posted.into(),
        since.into(),
        print.unwrap_or_default().cast_signed().into(),
        i64::from(distance).into(),
    ]);
    one(tx.conn(), sql(statement, values)).await?.ok_or_else(Error::not_found)
}

fn read(app: &App, author_id: AccountId, trigger: RuleTrigger, row: FactsRow) -> Result<Known> {
    let now = app.now();
    let similar: Vec<SimilarRow> = serde_json::from_value(row.similar).map_err(Error::internal)?;
    let facts = Facts {
        trigger,
        now,
        text: Text::read(row.body, &row.body_html),
        citation_status: row.citation_status,
        topic_id: row.topic_id,
        tags: row.tags,
        author: row.author.person(app, author_id, now),
        posted: row.posted,
        similar: similar
            .into_iter()
            .map(|SimilarRow { post, author, at, distance }| Similar {
                post_id: post,
                author_id: author,
                at,
                distance,
            })
            .collect(),
        reporters: row.reporters.try_into().unwrap_or_default(),
    };
    Ok(Known { stamp: row.stamp, revision: row.revision, facts })
}

/// Notes what met a post, and gives what is to be done about it. What met the same revision before is not noted, nor done,
/// again; nor is anything done where people had decided before.
async fn note(app: &App, tx: &Tx, (id, revision): (PostId, i32), hits: Vec<Hit>) -> Result<Vec<Enforced>> {
    let acts = |hit: &Hit| matches!(hit.did(), RuleEffect::Filtered | RuleEffect::Queued);
    let reviewed = if hits.iter().any(acts) { reviewed(tx, id, revision).await? } else { Vec::new() };
    let mut enforced = Vec::new();
    for hit in hits {
        let acts = acts(&hit);
        let is_reviewed = acts && reviewed.iter().any(|reviewed| reviewed.rule_code == hit.policy_rule);
        let did = if is_reviewed { RuleEffect::AlreadyReviewed } else { hit.did() };
        let noted = insert_hit(app, tx, (&hit, did), Some((id, revision)), None).await?;
        if let Some(id) = noted.filter(|_| acts && !is_reviewed) {
            enforced.push(Enforced { id, hit });
        }
    }
    Ok(enforced)
}

#[derive(FromQueryResult)]
struct Reviewed {
    rule_code: String,
}

/// The rules of the site by which people decided about a revision of a post: what it was reported for, by whomever, and
/// what they put back that a rule had hidden.
async fn reviewed(tx: &Tx, id: PostId, revision: i32) -> Result<Vec<Reviewed>> {
    let statement = "SELECT r.rule_code FROM moderation_case c JOIN report r ON r.case_id = c.id
                     WHERE c.subject_post_id = $1 AND r.subject_revision = $2 AND r.outcome IS NOT NULL
                       AND NOT r.is_muted
                     UNION
                     SELECT a.rule_code FROM mod_action a
                     JOIN rule_hit h ON h.id = a.rule_hit_id JOIN mod_action back ON back.reverts_id = a.id
                     WHERE a.subject_post_id = $1 AND h.revision = $2";
    all(tx.conn(), sql(statement, [id.into(), revision.into()])).await
}

/// Notes that a rule met a post, or somebody whose post was not taken or who signed up; unless it did so before.
pub(super) async fn insert_hit(
    app: &App,
    tx: &Tx,
    (hit, did): (&Hit, RuleEffect),
    post: Option<(PostId, i32)>,
    author_id: Option<AccountId>,
) -> Result<Option<RuleHitId>> {
    let id = app.ids.next::<RuleHitId>();
    let statement =
        "INSERT INTO rule_hit (id, rule_id, version, mode, trigger, post_id, revision, author_id, reasons, would_do, did,
                               created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING";
    let would_do = match hit.action {
        RuleAction::Filter => "filter",
        RuleAction::Queue => "queue",
        RuleAction::RateLimit(_) => "rate_limit",
    };
    let values = [
        id.into(),
        hit.rule.id.into(),
        hit.rule.version.into(),
        hit.mode.to_value().into(),
        hit.trigger.to_value().into(),
        post.map(|(id, _)| id).into(),
        post.map(|(_, revision)| revision).into(),
        author_id.into(),
        serde_json::to_value(&hit.reasons).map_err(Error::internal)?.into(),
        would_do.into(),
        did.to_value().into(),
        app.now().into(),
    ];
    let is_new = tx.conn().execute_raw(sql(statement, values)).await?.rows_affected() > 0;
    Ok(is_new.then_some(id))
}

/// Notes that a post was not taken, in a transaction of its own, since the one of the post is given up; and gives what its
/// author is told.
pub async fn refuse(app: &App, refusal: Refusal) -> Error {
    let Refusal { hit, author_id } = refusal;
    let noted = async {
        let tx = app.begin().await?;
        insert_hit(app, &tx, (&hit, hit.did()), None, Some(author_id)).await?;
        tx.commit().await
    };
    if let Err(error) = noted.await {
        return error;
    }
    let wait = hit.retry_at.map_or(0, |at| (at - app.now()).num_seconds()).max(0) + 1;
    Code::LimitedByRule.error(hit.told()).retry_after(wait.try_into().unwrap_or(3600))
}

/// Forgets what no later post is compared with any more.
///
/// # Errors
/// The database is away.
pub async fn forget_old(app: &App, tx: &Tx) -> Result<u64> {
    let before = app.now() - TimeDelta::hours(i64::from(MAX_HOURS) + 1);
    let statement = "DELETE FROM post_fingerprint WHERE post_id IN (
                         SELECT post_id FROM post_fingerprint WHERE made_at < $1 LIMIT 10000 FOR UPDATE SKIP LOCKED)";
    Ok(tx.conn().execute_raw(sql(statement, [before.into()])).await?.rows_affected())
}
