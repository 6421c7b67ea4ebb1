//! Signals, voters and nullifications on the wire.

use std::collections::HashMap;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::rules::{NullificationReason, NullificationState, SignalKind, SignalPart};
use super::store::{self, Listed, Nullified, WouldStrike};
use crate::accounts::{Author, authors};
use crate::app::App;
use crate::audit::{self, Object};
use crate::auth;
use crate::auth::rules::Scope;
use crate::clock::Timestamp;
use crate::db::{ConnectionTrait, Tx, keyset};
use crate::decisions::rules::Explanation;
use crate::entity::{mod_action, vote, vote_nullification};
use crate::error::{Error, Result};
use crate::http::page::{Limit, Page, PageQuery};
use crate::http::{Answer, Cache, Claimed, Create, InspectionReason, Path, Query};
use crate::ids::{AccountId, PostId, SessionId, VoteNullificationId, VoteSignalId};
use crate::invalid::{Invalid, distinct};
use crate::policy::{Actor, ApproveNullification, InspectVotes, NullifyVotes, ReadVoteSignals};
use crate::text::RuleCode;
use crate::{posts, topics};

/// Something that speaks for an attack by votes. It is no proof of one.
#[derive(Debug, Serialize, ToSchema)]
struct VoteSignalView {
    id: VoteSignalId,
    kind: SignalKind,
    /// 0 to 1; more is stronger, and kinds are not to be compared.
    strength: f64,
    /// The kinds that speak for a group being one.
    evidence: Vec<String>,
    /// The post, where it is about one.
    post_id: Option<PostId>,
    /// Whose posts were voted on.
    authors: Vec<Author>,
    /// Who voted.
    voters: Vec<Author>,
    /// The first of the votes that speak for it.
    first_seen: Timestamp,
    /// The last of them.
    last_seen: Timestamp,
}

/// How somebody judged the quality of a post.
#[derive(Debug, Serialize, ToSchema)]
struct VoterView {
    account: Author,
    /// -1 or 1.
    quality: i16,
    /// Whether it counts: no nullification in force has struck it.
    counts: bool,
    /// When they last judged it.
    voted_at: Option<Timestamp>,
}

impl VoterView {
    fn of(row: &vote::Model, people: &HashMap<AccountId, Author>) -> Result<Self> {
        Ok(Self {
            account: person(row.account_id, people)?,
            quality: row.quality,
            counts: row.nullified == 0,
            voted_at: row.quality_at.map(Into::into),
        })
    }
}

/// An account of which there is a row that refers to it.
fn person(id: AccountId, people: &HashMap<AccountId, Author>) -> Result<Author> {
    people.get(&id).cloned().ok_or_else(|| Error::internal(anyhow::anyhow!("a row without its account")))
}

/// 1 to 100 accounts, each named once.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(try_from = "Vec<Uuid>")]
#[schema(value_type = Vec<Uuid>, min_items = 1, max_items = 100)]
struct AccountIds(Vec<Uuid>);

impl TryFrom<Vec<Uuid>> for AccountIds {
    type Error = Invalid;

    fn try_from(ids: Vec<Uuid>) -> Result<Self, Invalid> {
        distinct(ids, 100).map(Self)
    }
}

/// 1 to 200 posts, each named once.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(try_from = "Vec<Uuid>")]
#[schema(value_type = Vec<Uuid>, min_items = 1, max_items = 200)]
struct PostIds(Vec<Uuid>);

impl TryFrom<Vec<Uuid>> for PostIds {
    type Error = Invalid;

    fn try_from(ids: Vec<Uuid>) -> Result<Self, Invalid> {
        distinct(ids, 200).map(Self)
    }
}

/// Which votes are not to count.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewVoteNullification {
    /// Whose: all that they have cast by now, on both axes.
    accounts: AccountIds,
    /// Only those on the posts of this author.
    #[serde(default)]
    author_id: Option<AccountId>,
    /// Only those on these posts.
    #[serde(default)]
    post_ids: Option<PostIds>,
    /// Why, for other moderators.
    reason: NullificationReason,
    /// Which rule those broke whose votes they are; `vote_manipulation` where nothing is said.
    #[serde(default)]
    rule: Option<RuleCode>,
    /// Why, to each of them.
    explanation: Explanation,
    /// Says what would come of it, and does nothing.
    #[serde(default)]
    dry_run: bool,
}

/// What a nullification would strike.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
struct WouldStrikeView {
    votes: i64,
    /// On so many posts.
    posts: i64,
}

/// Votes that do not count.
#[derive(Debug, Serialize, ToSchema)]
struct VoteNullificationView {
    id: VoteNullificationId,
    state: NullificationState,
    /// Whose votes.
    accounts: Vec<Author>,
    /// On whose posts; null where it is on everybody's.
    author: Option<Author>,
    /// On which posts; null where it is on all of them.
    post_ids: Option<Vec<PostId>>,
    /// How many votes it has struck at the moment.
    votes: i64,
    /// What it would strike by now, where that was all that was asked for (`dry_run`); null otherwise.
    would_strike: Option<WouldStrikeView>,
    /// Of these accounts, those for whom it was taken back, by an appeal or otherwise: their votes count.
    lifted: Vec<Author>,
    /// Empty once the account of whoever gave it was erased.
    reason: String,
    /// The rule that those broke whose votes they are.
    rule: Option<String>,
    /// What they will be told, while it waits for a second person; what they were told is in `GET /mod/actions`, with the
    /// nullification as `batch_id`.
    explanation: Option<String>,
    /// Why it takes a second person: `many_votes`, `staff`; empty where it takes none.
    approval_reasons: Vec<String>,
    /// Until when they may agree.
    approval_expires_at: Option<Timestamp>,
    approved_by: Option<Author>,
    approved_at: Option<Timestamp>,
    /// Null once their account was erased.
    created_by: Option<Author>,
    created_at: Timestamp,
    undone_by: Option<Author>,
    undone_at: Option<Timestamp>,
}

impl VoteNullificationView {
    fn of(
        row: vote_nullification::Model,
        (votes, lifted): (&HashMap<VoteNullificationId, i64>, &[(VoteNullificationId, AccountId)]),
        people: &HashMap<AccountId, Author>,
    ) -> Self {
        // Undone, it holds for nobody.
        let lifted = lifted.iter().filter(|(id, _)| *id == row.id && row.undone_at.is_none());
        let person = |id: Option<AccountId>| id.and_then(|id| people.get(&id).cloned());
        Self {
            id: row.id,
            state: row.state,
            accounts: row.account_ids.iter().filter_map(|id| people.get(&AccountId(*id)).cloned()).collect(),
            author: person(row.author_id),
            post_ids: row.post_ids.map(|ids| ids.into_iter().map(PostId).collect()),
            votes: votes.get(&row.id).copied().unwrap_or_default(),
            would_strike: None,
            lifted: lifted.filter_map(|(_, id)| people.get(id).cloned()).collect(),
            reason: row.reason,
            rule: row.rule_code,
            explanation: row.explanation,
            approval_reasons: row.approval_reasons,
            approval_expires_at: row.approval_expires_at.map(Into::into),
            approved_by: person(row.approved_by),
            approved_at: row.approved_at.map(Into::into),
            created_by: person(row.created_by),
            created_at: row.created_at.into(),
            undone_by: person(row.undone_by),
            undone_at: row.undone_at.map(Into::into),
        }
    }

    /// Several, in their order.
    async fn all(db: &impl ConnectionTrait, rows: Vec<vote_nullification::Model>) -> Result<Vec<Self>> {
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
        let votes = store::struck(db, ids.clone()).await?.into_iter().collect();
        let lifted = store::lifted(db, ids).await?;
        let named = rows.iter().flat_map(|row| {
            let accounts = row.account_ids.iter().copied().map(AccountId);
            let others = [row.author_id, row.created_by, row.approved_by, row.undone_by];
            accounts.chain(others.into_iter().flatten())
        });
        let people = authors(db, named.collect()).await?;
        Ok(rows.into_iter().map(|row| Self::of(row, (&votes, &lifted), &people)).collect())
    }

    /// One.
    async fn one(db: &impl ConnectionTrait, row: vote_nullification::Model) -> Result<Self> {
        let views = Self::all(db, vec![row]).await?;
        views.into_iter().next().ok_or_else(Error::not_found)
    }
}

/// Which signals are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SignalQuery {
    /// Only those of this kind.
    #[param(inline)]
    kind: Option<SignalKind>,
    /// `next` of the page before.
    after: Option<String>,
    /// Items a page, 1 to 100.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, default = 25)]
    limit: Limit,
}

/// List what speaks for attacks by votes
///
/// The last that was found first. Nothing that names the reader, nor says who votes on their posts.
#[utoipa::path(get, path = "/mod/vote-signals", tag = "vote signals", params(SignalQuery), responses((status = 200, body = Page<VoteSignalView>)), security(("bearer" = [])))]
async fn list_vote_signals(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<SignalQuery>,
) -> Result<Answer> {
    actor.may(ReadVoteSignals)?;
    let reader = actor.require()?.id;
    let list = format!("vote-signals/{reader}/{:?}", query.kind);
    let before = query.after.as_deref().map(|after| keyset::decode(&app, &list, after)).transpose()?;
    let listed = Listed { reader, kind: query.kind };
    let snapshot = app.snapshot().await?;
    let rows = store::list_signals(&snapshot, listed, before, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.id));
    let named = store::named(&snapshot, &page.items).await?;
    let people = authors(&snapshot, named.iter().map(|row| row.account_id).collect()).await?;
    let mut accounts: HashMap<(VoteSignalId, SignalPart), Vec<Author>> = HashMap::new();
    for row in named {
        accounts.entry((row.signal_id, row.part)).or_default().push(person(row.account_id, &people)?);
    }
    let view = |row: crate::entity::vote_signal::Model| VoteSignalView {
        id: row.id,
        kind: row.kind,
        strength: row.strength,
        evidence: row.evidence,
        post_id: row.post_id,
        authors: accounts.remove(&(row.id, SignalPart::Author)).unwrap_or_default(),
        voters: accounts.remove(&(row.id, SignalPart::Voter)).unwrap_or_default(),
        first_seen: row.first_seen.into(),
        last_seen: row.last_seen.into(),
    };
    Answer::ok(&Page { items: page.items.into_iter().map(view).collect(), next: page.next }, Cache::No)
}

/// See who judged a post how
///
/// By their votes on quality; who agrees is shown to nobody. Each look is kept with its reason.
#[utoipa::path(get, path = "/posts/{id}/votes", tag = "vote signals", params(("id" = PostId, Path), ("Inspection-Reason" = String, Header, description = "Why, in 3 to 500 characters (UTF-8)"), PageQuery), responses((status = 200, body = Page<VoterView>)), security(("bearer" = [])))]
async fn inspect_votes(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<PostId>,
    reason: InspectionReason,
    Query(query): Query<PageQuery>,
) -> Result<Answer> {
    let reader = actor.require()?.id;
    let tx = app.begin_as(&actor).await?;
    let post = posts::find(tx.conn(), id).await?;
    topics::find(tx.conn(), &actor, &post.topic_id.to_string()).await?;
    let tags = topics::tags(tx.conn(), post.topic_id).await?;
    let permit = actor.may(InspectVotes { post: &post, tags: &tags })?;
    let reason = reason.read()?;
    let list = format!("posts/{id}/votes/{reader}");
    let after = query.place(&app, &list)?;
    store::look(&app, &tx, &permit, reason).await?;
    let rows = store::voters_of(tx.conn(), id, after, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.account_id));
    let people = authors(tx.conn(), page.items.iter().map(|row| row.account_id).collect()).await?;
    let items: Vec<_> = page.items.iter().map(|row| VoterView::of(row, &people)).collect::<Result<_>>()?;
    let answer = Answer::ok(&Page { items, next: page.next }, Cache::No)?;
    let entry = audit::Entry { object: Some(Object::post(id)), ..actor.entry("inspect_votes") };
    audit::record(&app, &tx, entry).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Have votes not count
///
/// All that these accounts have cast by now, or those on some posts; done in the background, and undone as exactly. Posts
/// of whoever asks are left out. Whoever votes again on such a post moves nothing. Each of these people is told why, and can
/// appeal. Many votes, and those of the staff, take a second person. A dry run is in the audit log: it tells something of how
/// they vote.
#[utoipa::path(post, path = "/mod/vote-nullifications", tag = "vote signals", request_body = NewVoteNullification, responses((status = 201, body = VoteNullificationView)), security(("bearer" = [])))]
async fn create_vote_nullification(
    State(app): State<App>,
    actor: Actor,
    create: Create<NewVoteNullification>,
) -> Result<Answer> {
    // Before the key is looked up: what was answered to a session is not for a token without the scope.
    actor.require_scope(Scope::Moderate)?;
    actor.may(NullifyVotes::AT_ALL)?;
    let tx = app.begin_as(&actor).await?;
    let (new, claimed) = create.claim(&app, &tx, &actor).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    let account_ids = new.accounts.0;
    let of_staff = store::of_staff(&app, tx.conn(), &account_ids).await?;
    let act = NullifyVotes { account_ids: &account_ids, author_id: new.author_id, of_staff };
    let permit = actor.may(act)?;
    let nullified = Nullified {
        account_ids: account_ids.clone(),
        author_id: new.author_id,
        post_ids: new.post_ids.map(|ids| ids.0),
        reason: new.reason,
        rule: new.rule,
        explanation: new.explanation,
    };
    let (row, done) = store::create(&app, &tx, &actor, &permit, nullified).await?;
    let id = row.id;
    if new.dry_run {
        let WouldStrike { votes, posts } = store::votes_in(&tx, &row, None).await?;
        let view = VoteNullificationView::one(tx.conn(), row).await?;
        let view = VoteNullificationView { would_strike: Some(WouldStrikeView { votes, posts }), ..view };
        tx.undo().await?;
        // It tells something of how these people vote.
        let data = json!({ "accounts": account_ids, "author_id": new.author_id });
        audit::record_alone(&app, audit::Entry { data, ..actor.entry("try_nullification") }).await?;
        return Answer::ok(&view, Cache::No);
    }
    let view = VoteNullificationView::one(tx.conn(), row).await?;
    let answer = Answer::created(format!("/api/v1/mod/vote-nullifications/{id}"), &view, Cache::No)?;
    let answer = once.record(&app, &tx, answer).await?;
    let entry = audit::Entry {
        object: Some(Object::vote_nullification(id)),
        data: json!({ "accounts": account_ids, "author_id": new.author_id }),
        ..actor.entry("nullify_votes")
    };
    audit_actions(&app, &tx, &actor, &done).await?;
    audit::record(&app, &tx, entry).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Enters in the audit log what was decided about each person: at the end of the transaction, since all wait for that log.
async fn audit_actions(app: &App, tx: &Tx, actor: &Actor, done: &[mod_action::Model]) -> Result<()> {
    for action in done {
        let entry = audit::Entry {
            object: Some(Object::action(action.id)),
            data: json!({ "kind": action.kind, "target_id": action.target_id }),
            ..actor.entry("moderate")
        };
        audit::record(app, tx, entry).await?;
    }
    Ok(())
}

/// List votes that do not count
///
/// The last nullification first. None that says who votes on the reader's posts, unless they asked for it.
#[utoipa::path(get, path = "/mod/vote-nullifications", tag = "vote signals", params(PageQuery), responses((status = 200, body = Page<VoteNullificationView>)), security(("bearer" = [])))]
async fn list_vote_nullifications(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<PageQuery>,
) -> Result<Answer> {
    actor.may(ReadVoteSignals)?;
    let reader = actor.require()?.id;
    let list = format!("vote-nullifications/{reader}");
    let before = query.place(&app, &list)?;
    let snapshot = app.snapshot().await?;
    let rows = store::list(&snapshot, reader, before, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.id));
    let items = VoteNullificationView::all(&snapshot, page.items).await?;
    Answer::ok(&Page { items, next: page.next }, Cache::No)
}

/// Read votes that do not count
#[utoipa::path(get, path = "/mod/vote-nullifications/{id}", tag = "vote signals", params(("id" = VoteNullificationId, Path)), responses((status = 200, body = VoteNullificationView)), security(("bearer" = [])))]
async fn read_vote_nullification(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<VoteNullificationId>,
) -> Result<Answer> {
    actor.may(ReadVoteSignals)?;
    let reader = actor.require()?.id;
    let row = store::find(&app.db, id, reader).await?;
    Answer::ok(&VoteNullificationView::one(&app.db, row).await?, Cache::No)
}

/// Agree that votes are not to count
///
/// As the second person, in a session with a recent proof of who one is. Agreeing twice is agreeing once.
#[utoipa::path(post, path = "/mod/vote-nullifications/{id}/approve", tag = "vote signals", params(("id" = VoteNullificationId, Path)), responses((status = 200, body = VoteNullificationView)), security(("bearer" = [])))]
async fn approve_vote_nullification(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<VoteNullificationId>,
) -> Result<Answer> {
    actor.may(NullifyVotes::AT_ALL)?;
    actor.require_fresh_session(app.fresh_since())?;
    let reader = actor.require()?.id;
    let waiting = store::find(&app.db, id, reader).await?;
    // Whoever asked for it, as they stand now: it takes two who may.
    let asked = match (waiting.created_by, waiting.credential_id) {
        (Some(by), Some(credential)) => auth::on_behalf(&app, by, SessionId(credential)).await?,
        _ => None,
    };
    let tx = app.begin_as(&actor).await?;
    let row = store::find_for_update(&tx, id, reader).await?;
    let of_staff = store::of_staff(&app, tx.conn(), &row.account_ids).await?;
    let permit = actor.may(ApproveNullification { row: &row, of_staff })?;
    let act = NullifyVotes { account_ids: &row.account_ids, author_id: row.author_id, of_staff };
    let ordered = asked.unwrap_or(Actor::Anonymous).may(act);
    let (approved, done) = store::approve(&app, &tx, &actor, &permit, ordered).await?;
    let is_new = row.approved_at.is_none();
    let answer = Answer::ok(&VoteNullificationView::one(tx.conn(), approved).await?, Cache::No)?;
    if is_new {
        let entry = audit::Entry {
            object: Some(Object::vote_nullification(id)),
            ..actor.entry("approve_vote_nullification")
        };
        audit_actions(&app, &tx, &actor, &done).await?;
        audit::record(&app, &tx, entry).await?;
    }
    tx.commit().await?;
    Ok(answer)
}

/// Have votes count again
///
/// As if they had never been struck, those that were cast meanwhile included. Saying it twice is saying it once; said of what
/// waits for a second person, it calls that off.
#[utoipa::path(post, path = "/mod/vote-nullifications/{id}/undo", tag = "vote signals", params(("id" = VoteNullificationId, Path)), responses((status = 200, body = VoteNullificationView)), security(("bearer" = [])))]
async fn undo_vote_nullification(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<VoteNullificationId>,
) -> Result<Answer> {
    actor.may(NullifyVotes::AT_ALL)?;
    let reader = actor.require()?.id;
    let tx = app.begin_as(&actor).await?;
    store::hold_cases(&tx, id).await?;
    let row = store::find_for_update(&tx, id, reader).await?;
    let of_staff = store::of_staff(&app, tx.conn(), &row.account_ids).await?;
    let account_ids = row.account_ids.clone();
    let permit = actor.may(NullifyVotes { account_ids: &account_ids, author_id: row.author_id, of_staff })?;
    let is_new = row.undone_at.is_none();
    let (row, done) = store::undo(&app, &tx, &actor, &permit, row).await?;
    let answer = Answer::ok(&VoteNullificationView::one(tx.conn(), row).await?, Cache::No)?;
    if is_new {
        let entry = audit::Entry {
            object: Some(Object::vote_nullification(id)),
            ..actor.entry("undo_vote_nullification")
        };
        audit_actions(&app, &tx, &actor, &done).await?;
        audit::record(&app, &tx, entry).await?;
    }
    tx.commit().await?;
    Ok(answer)
}

/// Every path about attacks by votes.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_vote_signals))
        .routes(routes!(inspect_votes))
        .routes(routes!(list_vote_nullifications, create_vote_nullification))
        .routes(routes!(read_vote_nullification))
        .routes(routes!(approve_vote_nullification))
        .routes(routes!(undo_vote_nullification))
}
