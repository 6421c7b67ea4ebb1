//! Votes that do not count.

use chrono::TimeDelta;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::striking::CHANNEL;
use crate::accounts::rules::{AccountKind, AccountState};
use crate::app::App;
use crate::db::{Tx, all, insert, one, sql, update};
use crate::decisions::rules::{ActionKind, Explanation, Image, NoticeSource, Subject, SubjectKind};
use crate::decisions::{self, Act};
use crate::entity::{account, mod_action, post, vote_nullification};
use crate::error::{Code, Error, Field, Result};
use crate::events::{self, Event};
use crate::http::page::Limit;
use crate::ids::{AccountId, PostId, VoteNullificationId};
use crate::mail;
use crate::mail::rules::MailKind;
use crate::policy::{Actor, ApproveNullification, Authority, Moderate, NullifyVotes, Permit};
use crate::text::RuleCode;
use crate::vote_signals::rules::{NullificationReason, NullificationState, USUAL_RULE, approval_reasons};

/// Which votes are not to count.
#[derive(Debug)]
pub(in crate::vote_signals) struct Nullified {
    pub(in crate::vote_signals) account_ids: Vec<Uuid>,
    pub(in crate::vote_signals) author_id: Option<AccountId>,
    pub(in crate::vote_signals) post_ids: Option<Vec<Uuid>>,
    pub(in crate::vote_signals) reason: NullificationReason,
    /// Which rule those broke whose votes they are, where it is not the usual one.
    pub(in crate::vote_signals) rule: Option<RuleCode>,
    /// Why, to them.
    pub(in crate::vote_signals) explanation: Explanation,
}

#[derive(FromQueryResult)]
struct Staff {
    is_staff: bool,
}

/// Whether anybody of these has a rank, by a grant in force.
///
/// # Errors
/// The database is away.
pub(in crate::vote_signals) async fn of_staff(
    app: &App,
    db: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<bool> {
    let statement = "SELECT EXISTS (SELECT FROM role_grant WHERE account_id = ANY ($1) AND revoked_at IS NULL
                                    AND (expires_at IS NULL OR expires_at > $2)) AS is_staff";
    let found: Option<Staff> = one(db, sql(statement, [ids.to_vec().into(), app.now().into()])).await?;
    Ok(found.is_some_and(|found| found.is_staff))
}

/// Refuses what is not there.
async fn require_known(tx: &Tx, new: &Nullified) -> Result<()> {
    let wanted = new.account_ids.iter().copied().chain(new.author_id.map(|id| id.0));
    let accounts: Vec<AccountId> = account::Entity::find()
        .select_only()
        .column(account::Column::Id)
        .filter(account::Column::Id.is_in(wanted))
        .into_tuple()
        .all(tx.conn())
        .await?;
    let posts: Vec<PostId> = post::Entity::find()
        .select_only()
        .column(post::Column::Id)
        .filter(post::Column::Id.is_in(new.post_ids.iter().flatten().copied()))
        .into_tuple()
        .all(tx.conn())
        .await?;
    let unknown = |field: String| Field::new(field, "unknown_id", "There is no such thing.");
    let mut wrong: Vec<Field> = (new.account_ids.iter().enumerate())
        .filter(|(_, id)| !accounts.contains(&AccountId(**id)))
        .map(|(n, _)| unknown(format!("accounts[{n}]")))
        .collect();
    wrong.extend(
        (new.post_ids.iter().flatten().enumerate())
            .filter(|(_, id)| !posts.contains(&PostId(**id)))
            .map(|(n, _)| unknown(format!("post_ids[{n}]"))),
    );
    wrong.extend(new.author_id.filter(|id| !accounts.contains(id)).map(|_| unknown("author_id".to_owned())));
    if wrong.is_empty() { Ok(()) } else { Err(Error::fields(wrong)) }
}

/// What a nullification would strike by now.
#[derive(Debug, FromQueryResult)]
pub(in crate::vote_signals) struct WouldStrike {
    pub(in crate::vote_signals) votes: i64,
    pub(in crate::vote_signals) posts: i64,
}

/// How many votes on how many posts a nullification would strike by now; counted to the end, or no further than to so many.
///
/// # Errors
/// The database is away.
pub(in crate::vote_signals) async fn votes_in(
    tx: &Tx,
    row: &vote_nullification::Model,
    most: Option<i64>,
) -> Result<WouldStrike> {
    let statement = "SELECT count(*) AS votes, count(DISTINCT post_id) AS posts FROM (
                         SELECT v.post_id FROM vote v JOIN post p ON p.id = v.post_id
                         WHERE v.account_id = ANY ($1) AND ($2::uuid IS NULL OR p.author_id = $2)
                           AND ($3::uuid[] IS NULL OR v.post_id = ANY ($3)) AND p.author_id IS DISTINCT FROM $4
                         LIMIT $5) found";
    let values = [
        row.account_ids.clone().into(),
        row.author_id.into(),
        row.post_ids.clone().into(),
        row.created_by.into(),
        most.into(),
    ];
    let found: Option<WouldStrike> = one(tx.conn(), sql(statement, values)).await?;
    Ok(found.unwrap_or(WouldStrike { votes: 0, posts: 0 }))
}

/// Has votes not count, and tells those why whose they are; the background work sees to the votes. Where it takes a second
/// person, nothing of that happens before they agree.
///
/// # Errors
/// 422 where there is no such account, post or rule.
pub(in crate::vote_signals) async fn create(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    permit: &Permit<NullifyVotes<'_>>,
    new: Nullified,
) -> Result<(vote_nullification::Model, Vec<mod_action::Model>)> {
    require_known(tx, &new).await?;
    let Nullified { account_ids, author_id, post_ids, reason, rule, explanation } = new;
    let rule_code = rule.map_or_else(|| USUAL_RULE.to_owned(), |rule| rule.to_string());
    let rule = decisions::rule(tx.conn(), "rule", &rule_code).await?;
    if rule.code == "illegal" {
        let detail = "What the law forbids is decided about by POST /mod/actions, which names the law.";
        return Err(Error::field("rule", "does_not_fit", detail));
    }
    let now = app.now();
    let mut row = vote_nullification::Model {
        id: app.ids.next(),
        state: NullificationState::Applying,
        account_ids,
        author_id,
        post_ids,
        reason: reason.into(),
        created_by: Some(permit.by()),
        created_at: now,
        undone_by: None,
        undone_at: None,
        done_up_to: None,
        rule_code: Some(rule.code.clone()),
        explanation: None,
        credential_id: Some(actor.require()?.credential_id().0),
        approval_reasons: Vec::new(),
        approval_expires_at: None,
        approved_by: None,
        approved_at: None,
    };
    let enough = i64::from(app.config.jobs.second_person_above);
    let votes = votes_in(tx, &row, Some(enough + 1)).await?.votes;
    let reasons = approval_reasons(votes, enough, permit.act().of_staff);
    if !reasons.is_empty() {
        row.state = NullificationState::AwaitingApproval;
        row.explanation = Some(explanation.into());
        row.approval_reasons = reasons.into_iter().map(str::to_owned).collect();
        row.approval_expires_at = Some(now + TimeDelta::hours(app.config.jobs.approval_hours.into()));
        insert(tx, row.clone()).await?;
        return Ok((row, Vec::new()));
    }
    insert(tx, row.clone()).await?;
    let done = tell(app, tx, actor, permit, (&row, &rule), explanation.into()).await?;
    ring(tx).await?;
    Ok((row, done))
}

#[derive(FromQueryResult)]
struct Named {
    account_id: AccountId,
}

/// Keeps, for each of those whose votes are not to count, that it was decided and why, and has them told. Nobody is left to be
/// told of what an erased account voted, nor of an imported one's.
async fn tell(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    permit: &Permit<NullifyVotes<'_>>,
    (row, rule): (&vote_nullification::Model, &crate::entity::policy_rule::Model),
    explanation: String,
) -> Result<Vec<mod_action::Model>> {
    let people = account::Entity::find()
        .filter(account::Column::Id.is_in(row.account_ids.iter().copied()))
        .filter(account::Column::Kind.eq(AccountKind::Person))
        .filter(account::Column::State.ne(AccountState::Deleted))
        .order_by_asc(account::Column::Id);
    let found = "SELECT DISTINCT account_id FROM vote_signal_account
                 WHERE part = 'voter' AND account_id = ANY ($1)";
    let found: Vec<Named> = all(tx.conn(), sql(found, [row.account_ids.clone().into()])).await?;
    let mut done = Vec::new();
    for person in people.all(tx.conn()).await? {
        let act = Act {
            subject: Subject { kind: SubjectKind::Account, id: person.id.0 },
            topic_id: None,
            target_id: person.id,
            content_date: person.created_at,
            case_id: None,
            rule,
            legal_ground: None,
            explanation: explanation.clone(),
            scope: None,
            strikes: 0,
            ends_at: None,
            before: Image::Nothing,
            after: Image::Nothing,
            external_id: None,
            batch_id: Some(row.id.0),
            source: NoticeSource::Voluntary,
            met_by_rule: found.iter().any(|named| named.account_id == person.id),
        };
        let action = decisions::record(app, tx, Authority::Nullification(permit), act).await?;
        notify(app, tx, actor, &person, &action).await?;
        done.push(action);
    }
    Ok(done)
}

/// Tells somebody that something was decided about them, or taken back.
async fn notify(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    person: &account::Model,
    action: &mod_action::Model,
) -> Result<()> {
    events::record(app, tx, Event { kind: "moderated", subject_id: Some(action.id.0), ..actor.event() })
        .await?;
    mail::notify(app, tx, person, MailKind::DecisionMade).await
}

async fn ring(tx: &Tx) -> Result<()> {
    tx.conn().execute_raw(sql("SELECT pg_notify($1, '')", [CHANNEL.into()])).await?;
    Ok(())
}

/// Has what waited for a second person happen, who agrees; `ordered` is the permit of whoever asked for it, as they stand now.
/// Where somebody agreed before, nothing happens.
///
/// # Errors
/// 409 where it was called off, took nobody, or whoever it names or asked for it is gone; where it has expired.
pub(in crate::vote_signals) async fn approve(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    permit: &Permit<ApproveNullification<'_>>,
    ordered: Result<Permit<NullifyVotes<'_>>>,
) -> Result<(vote_nullification::Model, Vec<mod_action::Model>)> {
    let mut row = permit.act().row.clone();
    let refused = |detail: &'static str| Code::InvalidStateTransition.error(detail);
    match row.state {
        NullificationState::AwaitingApproval => {}
        _ if row.approved_at.is_some() => return Ok((row, Vec::new())),
        _ => return Err(refused("It takes no second person, or was called off.")),
    }
    let now = app.now();
    if row.approval_expires_at.is_none_or(|end| end <= now) {
        return Err(Code::PlanExpired.error("Nobody agreed in time: ask for it anew."));
    }
    let ordered = ordered.map_err(|_| refused("Whoever asked for it may not any more: ask for it anew."))?;
    let (Some(explanation), Some(rule)) = (row.explanation.take(), &row.rule_code) else {
        return Err(refused("Somebody whom it concerns has left: ask for it anew."));
    };
    let rule = decisions::rule_as_it_held(tx.conn(), rule).await?;
    row.state = NullificationState::Applying;
    (row.approved_by, row.approved_at) = (Some(permit.by()), Some(now));
    update(tx, row.clone()).await?;
    let done = tell(app, tx, actor, &ordered, (&row, &rule), explanation).await?;
    ring(tx).await?;
    Ok((row, done))
}

/// Keeps others from changing the cases of those whose votes a nullification strikes, as far as they have any for that: before
/// the nullification itself, as whoever decides an appeal locks them.
///
/// # Errors
/// The database is away.
pub(in crate::vote_signals) async fn hold_cases(tx: &Tx, id: VoteNullificationId) -> Result<()> {
    let statement = "SELECT c.id FROM moderation_case c
                     WHERE c.id IN (SELECT a.case_id FROM mod_action a WHERE a.batch_id = $1)
                     ORDER BY c.id FOR UPDATE OF c";
    tx.conn().execute_raw(sql(statement, [id.into()])).await?;
    Ok(())
}

/// What those are told whose votes count again.
const COUNT_AGAIN: &str = "These votes count again.";

/// Has the votes of a nullification, which is locked, count again, and tells those whose they are. Where that was said before,
/// nothing happens; what waits for a second person is called off.
///
/// # Errors
/// The database is away.
pub(in crate::vote_signals) async fn undo(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    permit: &Permit<NullifyVotes<'_>>,
    mut row: vote_nullification::Model,
) -> Result<(vote_nullification::Model, Vec<mod_action::Model>)> {
    if row.undone_at.is_some() {
        return Ok((row, Vec::new()));
    }
    let is_begun = row.state != NullificationState::AwaitingApproval;
    row.state = if is_begun { NullificationState::Undoing } else { NullificationState::Undone };
    row.undone_by = Some(permit.by());
    row.undone_at = Some(app.now());
    row.done_up_to = None;
    row.explanation = None;
    update(tx, row.clone()).await?;
    let mut done = Vec::new();
    for action in decisions::standing_of_batch(tx, row.id.0).await? {
        let authority = Authority::Nullification(permit);
        let what = (&action, Image::Nothing);
        let back = decisions::revert(app, tx, authority, what, COUNT_AGAIN.to_owned(), None).await?;
        let person = crate::accounts::require(tx.conn(), action.target_id).await?;
        notify(app, tx, actor, &person, &back).await?;
        done.push(back);
    }
    if is_begun {
        ring(tx).await?;
    }
    Ok((row, done))
}

/// The nullification that an action belongs to.
fn nullification_of(action: &mod_action::Model) -> Result<VoteNullificationId> {
    let without = || Error::internal(anyhow::anyhow!("votes were struck by no nullification"));
    match (action.kind, action.batch_id) {
        (ActionKind::NullifyVotes, Some(id)) => Ok(VoteNullificationId(id)),
        _ => Err(without()),
    }
}

async fn locked(tx: &Tx, action: &mod_action::Model) -> Result<vote_nullification::Model> {
    let found = vote_nullification::Entity::find_by_id(nullification_of(action)?).lock_exclusive();
    found.one(tx.conn()).await?.ok_or_else(Error::not_found)
}

/// Keeps others from changing the nullification that an action belongs to, before the action itself is locked.
///
/// # Errors
/// The database is away.
pub async fn hold(tx: &Tx, action: &mod_action::Model) -> Result<()> {
    locked(tx, action).await.map(drop)
}

/// Has the votes of one person count again whose action is being taken back, and of nobody else; the background work sees to it.
///
/// # Errors
/// The database is away.
pub async fn lift(tx: &Tx, _: &Permit<Moderate<'_>>, action: &mod_action::Model) -> Result<()> {
    let mut row = locked(tx, action).await?;
    // What is still being struck leaves these out from now on, and gives back what it had struck of them in the end.
    if matches!(row.state, NullificationState::InForce | NullificationState::Lifting) {
        row.state = NullificationState::Lifting;
        row.done_up_to = None;
        update(tx, row).await?;
        ring(tx).await?;
    }
    Ok(())
}

/// Refuses whoever would decide who judges their own posts, or about their own votes.
///
/// # Errors
/// 403 where the nullification that an action belongs to concerns them.
pub async fn require_unconcerned(
    db: &impl ConnectionTrait,
    action: &mod_action::Model,
    by: AccountId,
) -> Result<()> {
    match find(db, nullification_of(action)?, by).await {
        Err(error) if error.code == Code::NotFound => {
            Err(Code::OwnPost.error("It is about who judges your posts: others decide."))
        }
        found => found.map(drop),
    }
}

/// Who agreed to the nullification that an action belongs to, where it took a second person.
///
/// # Errors
/// The database is away.
pub async fn agreed_by(db: &impl ConnectionTrait, action: &mod_action::Model) -> Result<Option<AccountId>> {
    let found = vote_nullification::Entity::find_by_id(nullification_of(action)?).one(db).await?;
    Ok(found.and_then(|row| row.approved_by))
}

#[derive(FromQueryResult)]
struct Lifted {
    id: VoteNullificationId,
    account_id: AccountId,
}

/// For whom each of these nullifications was taken back.
///
/// # Errors
/// The database is away.
pub(in crate::vote_signals) async fn lifted(
    db: &impl ConnectionTrait,
    ids: Vec<Uuid>,
) -> Result<Vec<(VoteNullificationId, AccountId)>> {
    let statement = "SELECT a.batch_id AS id, a.target_id AS account_id
                     FROM mod_action a JOIN mod_action back ON back.reverts_id = a.id
                     WHERE a.batch_id = ANY ($1) AND a.kind = 'nullify_votes' ORDER BY a.id";
    let rows: Vec<Lifted> = all(db, sql(statement, [ids.into()])).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.account_id)).collect())
}

/// What a reader may be told of: not what says who votes on their own posts, nor of themselves, unless they said so.
macro_rules! told {
    ($rest:literal) => {
        concat!(
            "SELECT n.* FROM vote_nullification n
             WHERE (n.created_by = $1 OR ($1 <> ALL (n.account_ids) AND NOT EXISTS (
                 SELECT FROM post p JOIN vote v ON v.post_id = p.id AND v.account_id = ANY (n.account_ids)
                 WHERE p.author_id = $1 AND (n.author_id IS NULL OR n.author_id = $1)
                   AND (n.post_ids IS NULL OR p.id = ANY (n.post_ids))))) AND ",
            $rest
        )
    };
}

/// Finds a nullification that a reader may be told of.
///
/// # Errors
/// 404 where there is none.
pub(in crate::vote_signals) async fn find(
    db: &impl ConnectionTrait,
    id: VoteNullificationId,
    reader: AccountId,
) -> Result<vote_nullification::Model> {
    let statement = sql(told!("n.id = $2"), [reader.into(), id.into()]);
    vote_nullification::Entity::find().from_raw_sql(statement).one(db).await?.ok_or_else(Error::not_found)
}

/// The same, and keeps others from changing it until the transaction ends.
///
/// # Errors
/// 404 where there is none.
pub(in crate::vote_signals) async fn find_for_update(
    tx: &Tx,
    id: VoteNullificationId,
    reader: AccountId,
) -> Result<vote_nullification::Model> {
    let statement = sql(told!("n.id = $2 FOR UPDATE OF n"), [reader.into(), id.into()]);
    let found = vote_nullification::Entity::find().from_raw_sql(statement).one(tx.conn()).await?;
    found.ok_or_else(Error::not_found)
}

/// The nullifications that a reader may be told of, the last first: those before one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(in crate::vote_signals) async fn list(
    db: &impl ConnectionTrait,
    reader: AccountId,
    before: Option<VoteNullificationId>,
    limit: Limit,
) -> Result<Vec<vote_nullification::Model>> {
    let before = before.unwrap_or(VoteNullificationId(Uuid::max()));
    let values = [reader.into(), before.into(), limit.and_one().into()];
    let statement = sql(told!("n.id < $2 ORDER BY n.id DESC LIMIT $3"), values);
    Ok(vote_nullification::Entity::find().from_raw_sql(statement).all(db).await?)
}

#[derive(FromQueryResult)]
struct Struck {
    id: VoteNullificationId,
    votes: i64,
}

/// How many votes each of these nullifications has struck at the moment; those that have none are left out.
///
/// # Errors
/// The database is away.
pub(in crate::vote_signals) async fn struck(
    db: &impl ConnectionTrait,
    ids: Vec<Uuid>,
) -> Result<Vec<(VoteNullificationId, i64)>> {
    let statement = "SELECT nullification_id AS id, count(*) AS votes FROM vote_nullification_item
                     WHERE nullification_id = ANY ($1) AND in_force GROUP BY nullification_id";
    let rows: Vec<Struck> = all(db, sql(statement, [ids.into()])).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.votes)).collect())
}
