//! Looking for attacks by votes, and what was found.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use chrono::TimeDelta;
use sea_orm::{
    ActiveEnum, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
};
use uuid::Uuid;

use crate::app::App;
use crate::automation;
use crate::clock::Time;
use crate::db::{Tx, all, one, sql};
use crate::entity::{vote_signal, vote_signal_account};
use crate::error::{Error, Result};
use crate::http::network;
use crate::http::page::Limit;
use crate::ids::{AccountId, PostId, VoteSignalId};
use crate::vote_signals::rules::detect::{Cast, Finding, Voter, detect};
use crate::vote_signals::rules::{SignalKind, SignalPart, is_same_group};

/// So many votes, and so many accounts, are read in one statement.
const LOT: usize = 10_000;
const ACCOUNTS: usize = 1_000;

/// So many findings are written in one transaction, and so many in all: the strongest.
const WRITTEN: usize = 100;
const FINDINGS: usize = 5_000;

/// So many of the groups that were found before are known again.
const GROUPS: i64 = 2_000;

/// The bits of an IPv6 address that say which household it is.
const HOUSEHOLD_BITS: u32 = 64;

/// Looks through the votes of the last days, and keeps what is found; says how much that was. A finding that was kept
/// before keeps its row. Looking twice at once is a waste, and does no harm. Of a burst of votes on a post rules are asked.
///
/// # Errors
/// The database is away.
pub async fn watch(app: &App) -> Result<usize> {
    let since = app.now() - TimeDelta::days(app.config.vote_signals.window_days.into());
    let mut casts = casts(app, since).await?;
    let ids: BTreeSet<Uuid> = casts.iter().map(|cast| cast.voter.0).collect();
    let voters = voters(app, &ids.into_iter().collect::<Vec<_>>()).await?;
    // Of accounts that were erased nothing is found any more.
    casts.retain(|cast| voters.contains_key(&cast.voter));
    let search = tokio::task::spawn_blocking(move || detect(casts, &voters));
    let mut found = search.await.map_err(Error::internal)?;
    found.sort_by(|a, b| b.strength.total_cmp(&a.strength));
    if found.len() > FINDINGS {
        tracing::warn!(found = found.len(), kept = FINDINGS, "more speaks for attacks by votes than is kept");
        found.truncate(FINDINGS);
    }
    for lot in found.chunks(WRITTEN) {
        let tx = app.begin().await?;
        // Of several servers that look at once, one writes at a time, and knows the groups of the others.
        tx.queue("otherwise vote signals").await?;
        let mut groups = groups(&tx, since).await?;
        for finding in lot {
            keep(app, &tx, finding, &mut groups).await?;
            if let (SignalKind::Velocity | SignalKind::NewAccountBurst, Some(post)) =
                (finding.kind, finding.post)
            {
                automation::judge_vote_burst(app, &tx, post).await?;
            }
        }
        tx.commit().await?;
    }
    Ok(found.len())
}

#[derive(FromQueryResult)]
struct CastRow {
    voter: AccountId,
    post: PostId,
    author: AccountId,
    up: bool,
    at: Time,
}

/// The votes on quality since a moment that count, the last ones first.
async fn casts(app: &App, since: Time) -> Result<Vec<Cast>> {
    let most = usize::try_from(app.config.vote_signals.most_votes).unwrap_or(usize::MAX);
    let snapshot = app.snapshot().await?;
    let mut casts: Vec<Cast> = Vec::new();
    let (mut before, mut post, mut voter) = (app.now() + TimeDelta::days(1), Uuid::max(), Uuid::max());
    while casts.len() < most {
        let lot = LOT.min(most - casts.len());
        let statement =
            "SELECT v.account_id AS voter, v.post_id AS post, p.author_id AS author, v.quality > 0 AS up,
                                v.quality_at AS at
                         FROM vote v JOIN post p ON p.id = v.post_id
                         WHERE v.quality <> 0 AND v.quality_at >= $1
                           AND (v.quality_at, v.post_id, v.account_id) < ($2, $3, $4)
                           AND v.nullified = 0 AND p.author_id IS NOT NULL
                         ORDER BY v.quality_at DESC, v.post_id DESC, v.account_id DESC LIMIT $5";
        let values = [
            since.into(),
            before.into(),
            post.into(),
            voter.into(),
            i64::try_from(lot).unwrap_or(i64::MAX).into(),
        ];
        let rows: Vec<CastRow> = all(&snapshot, sql(statement, values)).await?;
        let is_last = rows.len() < lot;
        let of = |CastRow { voter, post, author, up, at }| Cast { voter, post, author, up, at };
        casts.extend(rows.into_iter().map(of));
        match casts.last() {
            Some(last) if !is_last => (before, post, voter) = (last.at, last.post.0, last.voter.0),
            _ => break,
        }
    }
    Ok(casts)
}

#[derive(FromQueryResult)]
struct VoterRow {
    id: AccountId,
    created_at: Time,
    addresses: Vec<String>,
}

/// What is known of accounts that are people's. Where they signed in from is seen as keyed hashes only, under the key of
/// the moment, so that nothing of it can be kept.
async fn voters(app: &App, ids: &[Uuid]) -> Result<BTreeMap<AccountId, Voter>> {
    let mut voters = BTreeMap::new();
    for lot in ids.chunks(ACCOUNTS) {
        let statement = "SELECT a.id, a.created_at,
                                ARRAY(SELECT DISTINCT s.client_address FROM session s
                                      WHERE s.account_id = a.id AND s.client_address IS NOT NULL
                                      ORDER BY 1 LIMIT 20) AS addresses
                         FROM account a WHERE a.id = ANY ($1) AND a.kind = 'person' AND a.state <> 'deleted'";
        let rows: Vec<VoterRow> = all(&app.db, sql(statement, [lot.to_vec().into()])).await?;
        for row in rows {
            let hash = |address: &String| {
                let hash =
                    app.keys.client_hash(network(address.parse::<IpAddr>().ok()?, HOUSEHOLD_BITS), app.now());
                hash.try_into().ok()
            };
            let addresses = row.addresses.iter().filter_map(hash).collect();
            voters.insert(row.id, Voter { made_at: row.created_at, addresses });
        }
    }
    Ok(voters)
}

/// A group that was found before.
#[derive(FromQueryResult)]
struct Group {
    kind: SignalKind,
    key: String,
    voters: Vec<Uuid>,
}

/// Kinds that tell accounts that vote as one.
fn is_of_one(kind: SignalKind) -> bool {
    matches!(kind, SignalKind::Ring | SignalKind::CoVoting | SignalKind::Lockstep)
}

async fn groups(tx: &Tx, since: Time) -> Result<Vec<Group>> {
    let statement = "SELECT s.kind, s.key, ARRAY(SELECT a.account_id FROM vote_signal_account a
                                                 WHERE a.signal_id = s.id AND a.part = 'voter') AS voters
                     FROM vote_signal s
                     WHERE s.kind IN ('ring', 'co_voting', 'lockstep', 'shared_origin') AND s.last_seen >= $1
                     ORDER BY s.last_seen DESC LIMIT $2";
    all(tx.conn(), sql(statement, [since.into(), GROUPS.into()])).await
}

/// What makes a finding the same when it is found again.
fn key(finding: &Finding, id: VoteSignalId, groups: &mut Vec<Group>) -> String {
    let name = finding.kind.name();
    let first = |accounts: &[AccountId]| accounts.first().map(ToString::to_string).unwrap_or_default();
    match (finding.kind, finding.post) {
        (SignalKind::BurstOnAuthor | SignalKind::SingleAuthor, _) => {
            format!("{name} {} {}", first(&finding.voters), first(&finding.authors))
        }
        (_, Some(post)) => format!("{name} {post}"),
        (kind, None) => {
            let is_this = |group: &Group| {
                let before: Vec<AccountId> = group.voters.iter().copied().map(AccountId).collect();
                (group.kind == kind || is_of_one(group.kind) && is_of_one(kind))
                    && is_same_group(&before, &finding.voters)
            };
            // Each row is one group's: two that came of one are two.
            match groups.iter().position(is_this) {
                Some(at) => groups.swap_remove(at).key,
                None => id.to_string(),
            }
        }
    }
}

#[derive(FromQueryResult)]
struct Kept {
    id: VoteSignalId,
}

/// Keeps a finding: in the row it has, or in a new one.
async fn keep(app: &App, tx: &Tx, finding: &Finding, groups: &mut Vec<Group>) -> Result<()> {
    let id: VoteSignalId = app.ids.next();
    let evidence: Vec<String> = finding.evidence.iter().map(|kind| kind.name().to_owned()).collect();
    let statement =
        "INSERT INTO vote_signal AS s (id, kind, key, post_id, strength, evidence, first_seen, last_seen)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                     ON CONFLICT ON CONSTRAINT vote_signal_key_key DO UPDATE
                        SET kind = excluded.kind, strength = excluded.strength, evidence = excluded.evidence,
                            first_seen = least(s.first_seen, excluded.first_seen),
                            last_seen = greatest(s.last_seen, excluded.last_seen)
                     RETURNING id";
    let values = [
        id.into(),
        finding.kind.name().into(),
        key(finding, id, groups).into(),
        finding.post.into(),
        ((finding.strength * 1000.0).round() / 1000.0).into(),
        evidence.into(),
        finding.first_at.into(),
        finding.last_at.into(),
    ];
    let kept: Option<Kept> = one(tx.conn(), sql(statement, values)).await?;
    let Some(Kept { id }) = kept else { return Ok(()) };
    let ids = |accounts: &[AccountId]| -> Vec<Uuid> { accounts.iter().map(|id| id.0).collect() };
    for (part, accounts) in
        [(SignalPart::Voter, ids(&finding.voters)), (SignalPart::Author, ids(&finding.authors))]
    {
        let values = || [id.into(), part.to_value().into(), accounts.clone().into()];
        for statement in [
            "DELETE FROM vote_signal_account WHERE signal_id = $1 AND part = $2 AND account_id <> ALL ($3)",
            "INSERT INTO vote_signal_account (signal_id, part, account_id) SELECT $1, $2, unnest($3::uuid[])
             ON CONFLICT ON CONSTRAINT vote_signal_account_pkey DO NOTHING",
        ] {
            tx.conn().execute_raw(sql(statement, values())).await?;
        }
    }
    Ok(())
}

/// Which signals are listed.
#[derive(Debug, Clone, Copy)]
pub(in crate::vote_signals) struct Listed {
    /// For whom: nothing is listed that names them, or says who votes on their posts.
    pub(in crate::vote_signals) reader: AccountId,
    /// Those of this kind, if any is named.
    pub(in crate::vote_signals) kind: Option<SignalKind>,
}

/// The signals, the one that was found last for the first time first: those before one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(in crate::vote_signals) async fn list_signals(
    db: &impl ConnectionTrait,
    Listed { reader, kind }: Listed,
    before: Option<VoteSignalId>,
    limit: Limit,
) -> Result<Vec<vote_signal::Model>> {
    let statement = "SELECT s.* FROM vote_signal s
                     WHERE s.id < $2 AND ($3::text IS NULL OR s.kind = $3)
                       AND NOT EXISTS (SELECT FROM vote_signal_account a WHERE a.signal_id = s.id AND a.account_id = $1)
                     ORDER BY s.id DESC LIMIT $4";
    let kind: sea_orm::Value = kind.map(SignalKind::name).into();
    let values =
        [reader.into(), before.unwrap_or(VoteSignalId(Uuid::max())).into(), kind, limit.and_one().into()];
    Ok(vote_signal::Entity::find().from_raw_sql(sql(statement, values)).all(db).await?)
}

/// Whom signals name, each with what they have to do with it.
///
/// # Errors
/// The database is away.
pub(in crate::vote_signals) async fn named(
    db: &impl ConnectionTrait,
    signals: &[vote_signal::Model],
) -> Result<Vec<vote_signal_account::Model>> {
    let named = vote_signal_account::Entity::find()
        .filter(vote_signal_account::Column::SignalId.is_in(signals.iter().map(|signal| signal.id)))
        .order_by_asc(vote_signal_account::Column::AccountId);
    Ok(named.all(db).await?)
}

/// Drops findings for which no vote has spoken for long, a lot of them at a time.
///
/// # Errors
/// The database is away.
pub async fn forget_old(app: &App, tx: &Tx) -> Result<u64> {
    let before = app.now() - TimeDelta::days(app.config.vote_signals.kept_days.into());
    let statement = "DELETE FROM vote_signal WHERE id = ANY(ARRAY(
                         SELECT id FROM vote_signal WHERE last_seen < $1 LIMIT 10000))";
    Ok(tx.conn().execute_raw(sql(statement, [before.into()])).await?.rows_affected())
}
