//! Posts and threads on the wire.

mod own;
mod views;

use own::Shown;
pub use views::{AgreementTally, Mine, QualityTally, Tallies};
use views::{PostInContext, PostView, Reader, RevisionView, Thread, ThreadPost, ThreadTopic, document};

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::App;
use crate::auth::rules::Scope;
use crate::automation::rules::RuleTrigger;
use crate::automation::rules::list::mentions;
use crate::automation::{self, Enforced, Judged};
use crate::changes::About;
use crate::clock::Time;
use crate::db::ConnectionTrait;
use crate::db::Tx;
use crate::db::keyset::{self, RankPosition, Walk};
use crate::decisions::rules::RestrictionKind;
use crate::entity::topic;
use crate::error::{Error, Result};
use crate::events::{self, Event};
use crate::http::page::{Limit, Page, PageQuery};
use crate::http::{Answer, Body, Cache, Claimed, Create, IfMatch, Path, Query, patch};
use crate::ids::{PostId, ScenarioId, TopicId};
use crate::invalid::Invalid;
use crate::markdown;
use crate::policy::{Actor, CreatePost, DeletePost, EditPost};
use crate::posts::rules::{
    CitationStatus, Criterion, NewRelation, PostBody, StanceEffect, Target, check_relations,
    check_stance_effects,
};
use crate::posts::store::{self, PostToInsert, RelationToInsert};
use crate::posts::thread::{self, Branch, Lineage, PlacedRow, PostRow};
use crate::ranking::rules::Order;
use crate::sources::cite_in_post;
use crate::sources::rules::{NewCitation, check_citations};
use crate::topics;
use crate::topics::rules::TopicStatus;
use crate::trust::{self, Contribution};

/// How many ancestors come with a post.
const MAX_ANCESTORS: i32 = 200;

/// Which list of posts a cursor belongs to.
fn list_name(branch: Uuid, order: Order) -> String {
    format!("posts/{branch}/{order}")
}

/// Builds the page of a branch, with the replies to each post, from rows read level by level.
struct Assembly<'a> {
    app: &'a App,
    order: Order,
    /// The walks through replies that begin with this answer.
    walk: Option<Walk>,
    children: HashMap<Uuid, Vec<PlacedRow>>,
    reader: Reader,
    shown: Shown,
}

impl Assembly<'_> {
    fn replies(&mut self, row: &PostRow) -> Result<Page<ThreadPost>> {
        let shown = self.children.remove(&row.id.0).unwrap_or_default();
        let all_shown = i64::from(row.reply_count) <= i64::try_from(shown.len()).unwrap_or(i64::MAX);
        let next = match &self.walk {
            Some(walk) if !all_shown => Some(match shown.last() {
                Some(last) => RankPosition::after(last.key, last.post.id.0, walk),
                None => RankPosition::start(walk),
            }),
            _ => None,
        };
        let next = next.map(|position| keyset::encode(self.app, &list_name(row.id.0, self.order), &position));
        Ok(Page { items: self.posts(shown)?, next })
    }

    fn posts(&mut self, rows: Vec<PlacedRow>) -> Result<Vec<ThreadPost>> {
        let post = |placed: PlacedRow| {
            self.shown.add(&placed.post);
            let replies = self.replies(&placed.post)?;
            Ok(ThreadPost { post: PostView::of(placed.post, &self.reader)?, replies })
        };
        rows.into_iter().map(post).collect()
    }
}

async fn read_branch(
    app: &App,
    actor: &Actor,
    topic_id: TopicId,
    branch: &Branch<'_>,
) -> Result<(Page<ThreadPost>, Shown)> {
    let rows = thread::read(&app.db, branch).await?;
    let ids = rows.iter().map(|row| row.post.id.0).collect();
    let reader = Reader::of(&app.db, actor, topic_id, ids, app.now()).await?;
    let more = rows.first().is_some_and(|row| row.more);
    let begun = rows.first().and_then(PlacedRow::snapshot).map(|snapshot| Walk::begin(app, snapshot));
    let mut children: HashMap<Uuid, Vec<PlacedRow>> = HashMap::new();
    for row in rows {
        children.entry(row.branch_id).or_default().push(row);
    }
    let first = children.remove(&branch.id).unwrap_or_default();
    // A walk goes on in the snapshot it began in.
    let walk = branch.after.map(RankPosition::walk).or(begun.as_ref());
    let next = match (first.last(), walk) {
        (Some(last), Some(walk)) if more => {
            let position = RankPosition::after(last.key, last.post.id.0, walk);
            Some(keyset::encode(app, &list_name(branch.id, branch.order), &position))
        }
        _ => None,
    };
    let shown = Shown::default();
    let mut assembly = Assembly { app, order: branch.order, walk: begun, children, reader, shown };
    let items = assembly.posts(first)?;
    Ok((Page { items, next }, assembly.shown))
}

/// How many replies are shown to each post, 0 to 50.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u64")]
struct Children(i64);

impl TryFrom<u64> for Children {
    type Error = Invalid;

    fn try_from(value: u64) -> Result<Self, Invalid> {
        match i64::try_from(value) {
            Ok(children @ 0..=50) => Ok(Self(children)),
            _ => Err(Invalid::new("out_of_range", "From 0 to 50 replies to each post.")),
        }
    }
}

/// How many levels of replies are shown, 0 to 10.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u64")]
struct Depth(i32);

impl TryFrom<u64> for Depth {
    type Error = Invalid;

    fn try_from(value: u64) -> Result<Self, Invalid> {
        match i32::try_from(value) {
            Ok(depth @ 0..=10) => Ok(Self(depth)),
            _ => Err(Invalid::new("out_of_range", "From 0 to 10 levels of replies.")),
        }
    }
}

/// What a thread is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ThreadQuery {
    /// The order at every level; `best` where nothing is said.
    #[serde(default)]
    #[param(inline)]
    sort: Order,
    /// `next` of the page before.
    after: Option<String>,
    /// Posts a page, 1 to 100.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100)]
    limit: Option<Limit>,
    /// Replies to each post, 0 to 50.
    #[param(value_type = Option<u8>, minimum = 0, maximum = 50)]
    children: Option<Children>,
    /// Levels of replies, 0 to 10.
    #[param(value_type = Option<u8>, minimum = 0, maximum = 10)]
    depth: Option<Depth>,
}

impl ThreadQuery {
    async fn page(
        &self,
        app: &App,
        actor: &Actor,
        (topic_id, branch): (TopicId, Uuid),
        usual: (i64, i64, i32),
    ) -> Result<(Page<ThreadPost>, Shown)> {
        let name = list_name(branch, self.sort);
        let after: Option<RankPosition> =
            self.after.as_deref().map(|after| keyset::decode_rank(app, &name, after)).transpose()?;
        let branch = Branch {
            id: branch,
            order: self.sort,
            after: after.as_ref(),
            limit: self.limit.map_or(usual.0, |limit| limit.and_one() - 1),
            children: self.children.map_or(usual.1, |children| children.0),
            depth: self.depth.map_or(usual.2, |depth| depth.0),
        };
        read_branch(app, actor, topic_id, &branch).await
    }
}

/// Read a thread
///
/// The first posts in the order asked for, with the first replies to each. At most 500 posts come; where
/// there are more, `next` of that level continues it: for the posts here, for replies at the replies of
/// the post they belong to.
#[utoipa::path(get, path = "/topics/{topic}/thread", tag = "posts", params(("topic" = String, Path, description = "Slug or identifier"), ThreadQuery), responses((status = 200, body = Thread)), security((), ("bearer" = [])))]
async fn read_thread(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    Query(query): Query<ThreadQuery>,
    uri: Uri,
) -> Result<Answer> {
    own::shared(app, actor, &uri, (name, Arc::new(query)), async |app, actor, (name, query)| {
        let topic = topics::find(&app.db, &actor, &name).await?;
        let about = About::Topic(topic.id);
        let (posts, shown) = query.page(&app, &actor, (topic.id, topic.id.0), (20, 5, 4)).await?;
        let topic = ThreadTopic { id: topic.id, slug: topic.slug, title: topic.title };
        Ok((own::answer(&actor, &Thread { topic, sort: query.sort, posts }, shown)?, about))
    })
    .await
}

/// List the replies to a post
///
/// In the same order as the thread shows them; continues `replies.next`.
#[utoipa::path(get, path = "/posts/{id}/replies", tag = "posts", params(("id" = PostId, Path), ThreadQuery), responses((status = 200, body = Page<ThreadPost>)), security((), ("bearer" = [])))]
async fn list_replies(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<PostId>,
    Query(query): Query<ThreadQuery>,
    uri: Uri,
) -> Result<Answer> {
    own::shared(app, actor, &uri, (id, Arc::new(query)), async |app, actor, (id, query)| {
        let topic = readable(&app.db, &actor, id).await?;
        let (page, shown) = query.page(&app, &actor, (topic.id, id.0), (25, 5, 0)).await?;
        Ok((own::answer(&actor, &page, shown)?, About::Topic(topic.id)))
    })
    .await
}

/// The topic of a post that this reader may see.
async fn readable(db: &impl ConnectionTrait, actor: &Actor, id: PostId) -> Result<topic::Model> {
    let post = store::find(db, id).await?;
    topics::find(db, actor, &post.topic_id.to_string()).await
}

/// A post to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPost {
    /// The post it answers; none for a new branch.
    #[serde(default)]
    parent_id: Option<PostId>,
    /// The text, as Markdown.
    body: PostBody,
    /// What it bears on; may be empty, and be added later.
    #[serde(default)]
    #[schema(max_items = 20)]
    relations: Vec<NewRelation>,
    /// What it leans on.
    #[serde(default)]
    #[schema(max_items = 20)]
    citations: Vec<NewCitation>,
    /// Whether it says where it has things from; follows from `citations` where nothing is said.
    #[serde(default)]
    citation_status: Option<CitationStatus>,
    /// Which test of a counterfactual it applies.
    #[serde(default)]
    criterion: Option<Criterion>,
    /// Which scenarios it moves, and which way.
    #[serde(default)]
    #[schema(max_items = 20)]
    stance_effects: Vec<StanceEffect>,
}

impl NewPost {
    fn check(&self) -> Result<()> {
        let mut wrong = check_relations(&self.relations);
        wrong.extend(check_citations("citations", &self.citations));
        wrong.extend(check_stance_effects(&self.stance_effects));
        if self.citation_status == Some(CitationStatus::Cited) && self.citations.is_empty() {
            wrong.push(crate::error::Field::new(
                "citation_status",
                "nothing_cited",
                "`cited` needs a citation.",
            ));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Error::fields(wrong)) }
    }

    fn citation_status(&self) -> CitationStatus {
        let usual =
            if self.citations.is_empty() { CitationStatus::NotApplicable } else { CitationStatus::Cited };
        self.citation_status.unwrap_or(usual)
    }
}

/// Post in a topic
///
/// A reply has a `parent_id`. What it bears on is said by `relations`, which need not follow the thread.
#[utoipa::path(post, path = "/topics/{topic}/posts", tag = "posts", params(("topic" = String, Path, description = "Slug or identifier")), request_body = NewPost, responses((status = 201, body = PostView)), security(("bearer" = [])))]
async fn create_post(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    create: Create<NewPost>,
) -> Result<Answer> {
    // Before the key is looked up: what was answered to a session is not for a token without the scope.
    actor.require_scope(Scope::Post)?;
    let tx = app.begin_by_keys_as(&actor).await?;
    let (new, claimed) = create.claim(&app, &tx, &actor).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    new.check()?;
    let topic_id = topics::find(tx.conn(), &actor, &name).await?.id;
    topics::lock_activity(&tx, topic_id).await?;
    // Read under the lock: it may have been archived while this waited.
    let topic = topics::find(tx.conn(), &actor, &topic_id.to_string()).await?;
    let parent = match new.parent_id {
        Some(parent) => Some(store::find_parent(&tx, topic_id, parent).await?),
        None => None,
    };
    let now = app.now();
    let above = match &parent {
        Some(parent) => store::restricted_above(&tx, parent.id).await?,
        None => Vec::new(),
    };
    let last_posted_at = match topic.restrictions.in_force(RestrictionKind::SlowMode, now) {
        Some(slow) => store::last_posted(&tx, topic_id, actor.require()?.id, slow, now).await?,
        None => None,
    };
    let act = CreatePost { topic: &topic, parent: parent.as_ref(), above: &above, last_posted_at, now };
    let permit = actor.may(act)?;
    store::refuse_too_deep(parent.as_ref())?;
    let newcomer = trust::newcomer(&app, &tx, permit.by()).await?;
    if newcomer.is_some() {
        check_newcomer(&app, new.body.as_str())?;
    }
    let targets: Vec<_> = new.relations.iter().map(|relation| relation.target).enumerate().collect();
    let found = store::resolve(&tx, topic_id, &targets).await?;
    let scenarios: Vec<_> =
        (0..).zip(&new.stance_effects).map(|(i, effect)| (i, effect.scenario_id)).collect();
    refuse_unknown_scenarios(&tx, topic_id, &scenarios).await?;
    let older = parent.iter().map(|parent| parent.created_at).chain(found.into_values().flatten());
    let post = PostToInsert {
        id: app.ids.next(),
        topic_id,
        author_id: Some(permit.by()),
        parent: parent.as_ref().map(|parent| (parent.id, parent.root_id, parent.depth)),
        body: Some(new.body.to_string()),
        citation_status: new.citation_status(),
        criterion: new.criterion,
        relations: new.relations.iter().map(|relation| RelationToInsert::new(&app, relation)).collect(),
        first_recorded: None,
        stance_effects: new.stance_effects,
        created_at: store::later_than(app.now(), older),
        duplicate_of: None,
    };
    store::insert(&app, &tx, &permit, &post).await?;
    if let Some(newcomer) = newcomer {
        trust::require_room(&app, &tx, newcomer, Contribution::Post(post.id)).await?;
    }
    cite_in_post(&tx, &app.ids, topic_id, post.id, &new.citations).await?;
    let said = (post.id, new.body.as_str());
    let judged = automation::judge_post(&app, &tx, &permit, said, RuleTrigger::PostCreated).await?;
    let (tx, enforced) = heed(&app, tx, judged).await?;
    let event = Event {
        kind: "post_created",
        topic_id: Some(topic_id),
        subject_id: Some(post.id.0),
        ..actor.event()
    };
    events::record(&app, &tx, event).await?;
    store::enforce(&app, &tx, post.id, &enforced).await?;
    let view = views::read(tx.conn(), &actor, post.id, app.now()).await?;
    let answer = Answer::created(format!("/api/v1/posts/{}", post.id), &view, Cache::Private)?.version(1);
    let answer = once.record(&app, &tx, answer).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Refuses what is too much in a post of a newcomer.
fn check_newcomer(app: &App, body: &str) -> Result<()> {
    let links = markdown::links(&markdown::render(body));
    let wrong = trust::rules::check_newcomer(links, mentions(body), &app.config.trust);
    if wrong.is_empty() { Ok(()) } else { Err(Error::fields(wrong)) }
}

/// Goes on with a post where rules let it, with what they want done about it, or gives its transaction up.
async fn heed(app: &App, tx: Tx, judged: Judged) -> Result<(Tx, Vec<Enforced>)> {
    match judged {
        Judged::Passed(enforced) => Ok((tx, enforced)),
        Judged::Refused(refusal) => {
            drop(tx);
            Err(automation::refuse(app, refusal).await)
        }
    }
}

async fn refuse_unknown_scenarios(tx: &Tx, topic_id: TopicId, effects: &[(usize, ScenarioId)]) -> Result<()> {
    use crate::posts::rules::TargetKind;
    let targets: Vec<_> =
        effects.iter().map(|(i, id)| (*i, Target { kind: TargetKind::Scenario, id: id.0 })).collect();
    store::resolve(tx, topic_id, &targets).await.map(drop).map_err(|mut error| {
        for field in &mut error.fields {
            field.field =
                field.field.replace("relations", "stance_effects").replace("target.id", "scenario_id");
        }
        error
    })
}

/// The posts that are shown with one: itself, and those above it, root first.
struct Context {
    id: Uuid,
    above: Vec<Uuid>,
    omitted: i32,
}

impl Context {
    fn of(lineage: Lineage) -> Self {
        let mut above = lineage.above;
        let omitted = lineage.depth - i32::try_from(above.len()).unwrap_or(MAX_ANCESTORS);
        if omitted > 0 {
            // The nearest and the root: the one in between gives way.
            above.pop();
            above.push(lineage.root_id.0);
        }
        above.reverse();
        Self { id: lineage.id.0, above, omitted: omitted.max(0) }
    }

    fn posts(&self) -> impl Iterator<Item = Uuid> {
        self.above.iter().copied().chain([self.id])
    }

    /// How it is shown to a reader, with the revision of the post and what is shown, in its order.
    fn view(&self, rows: &HashMap<Uuid, PostRow>, reader: &Reader) -> Result<(PostInContext, i32, Shown)> {
        let mut shown = Shown::default();
        let mut view = |row: &PostRow| {
            shown.add(row);
            PostView::of(row.clone(), reader)
        };
        let row = rows.get(&self.id).ok_or_else(Error::not_found)?;
        let post = view(row)?;
        let ancestors = self.above.iter().filter_map(|id| rows.get(id)).map(view).collect::<Result<_>>()?;
        Ok((PostInContext { post, ancestors, ancestors_omitted: self.omitted }, row.revision, shown))
    }
}

/// The rows of posts, by their identifiers.
async fn rows_of(db: &impl ConnectionTrait, ids: Vec<Uuid>) -> Result<HashMap<Uuid, PostRow>> {
    Ok(thread::read_posts(db, ids).await?.into_iter().map(|row| (row.id.0, row)).collect())
}

async fn in_context(
    db: &impl ConnectionTrait,
    actor: &Actor,
    id: PostId,
    now: Time,
) -> Result<(PostInContext, i32)> {
    let lineage =
        thread::lineages(db, vec![id.0], MAX_ANCESTORS).await?.pop().ok_or_else(Error::not_found)?;
    let topic_id = lineage.topic_id;
    let context = Context::of(lineage);
    let posts: Vec<Uuid> = context.posts().collect();
    let reader = Reader::of(db, actor, topic_id, posts.clone(), now).await?;
    let (view, revision, _) = context.view(&rows_of(db, posts).await?, &reader)?;
    Ok((view, revision))
}

/// A post as guests are given it, and what that is about.
type Found = Result<(Answer, About)>;

/// Finds posts in their contexts for guests.
async fn contexts_for_guests(app: App, ids: Vec<PostId>) -> Result<Vec<Found>> {
    let mut wanted: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let found = thread::lineages(&app.db, wanted, MAX_ANCESTORS).await?;
    // Guests read what is open, or was.
    let is_read = |found: &Lineage| matches!(found.topic_status, TopicStatus::Open | TopicStatus::Archived);
    let contexts: HashMap<Uuid, (TopicId, Context)> = found
        .into_iter()
        .filter(is_read)
        .map(|lineage| (lineage.id.0, (lineage.topic_id, Context::of(lineage))))
        .collect();
    let mut posts: Vec<Uuid> = contexts.values().flat_map(|(_, context)| context.posts()).collect();
    posts.sort_unstable();
    posts.dedup();
    let rows = rows_of(&app.db, posts).await?;
    let reader = Reader::guest(app.now());
    let answer = |id: &PostId| {
        let (topic_id, context) = contexts.get(&id.0).ok_or_else(Error::not_found)?;
        let (view, revision, shown) = context.view(&rows, &reader)?;
        let answer = own::answer(&Actor::Anonymous, &view, shown)?.version(revision);
        Ok((answer, About::Topic(*topic_id)))
    };
    Ok(ids.iter().map(answer).collect())
}

/// Read a post
///
/// With the posts above it, root first.
#[utoipa::path(get, path = "/posts/{id}", tag = "posts", params(("id" = PostId, Path)), responses((status = 200, body = PostInContext)), security((), ("bearer" = [])))]
async fn read_post(State(app): State<App>, actor: Actor, Path(id): Path<PostId>, uri: Uri) -> Result<Answer> {
    own::shared(app, actor, &uri, id, async |app, actor, id| {
        if actor.id().is_none() {
            let server = app.clone();
            return app.posts_in_context.find(id, move |ids| contexts_for_guests(server.clone(), ids)).await;
        }
        let topic = readable(&app.db, &actor, id).await?;
        let (view, revision) = in_context(&app.db, &actor, id, app.now()).await?;
        Ok((Answer::ok(&view, Cache::Private)?.version(revision), About::Topic(topic.id)))
    })
    .await
}

/// What an author changes of a post.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PostEdit {
    /// The new text.
    #[serde(default, deserialize_with = "patch::required")]
    body: Option<PostBody>,
    /// All relations the post has from now on; those that are left out are withdrawn.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(max_items = 20)]
    relations: Option<Vec<NewRelation>>,
}

/// Revise a post
///
/// A JSON Merge Patch; makes a revision. Relations that stay keep their identifiers.
#[utoipa::path(patch, path = "/posts/{id}", tag = "posts", params(("id" = PostId, Path), ("If-Match" = String, Header)), request_body = PostEdit, responses((status = 200, body = PostInContext)), security(("bearer" = [])))]
async fn revise_post(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<PostId>,
    if_match: IfMatch,
    Body(edit): Body<PostEdit>,
) -> Result<Answer> {
    actor.require()?;
    if let Some(relations) = &edit.relations {
        let wrong = check_relations(relations);
        if !wrong.is_empty() {
            return Err(Error::fields(wrong));
        }
    }
    let tx = app.begin_as(&actor).await?;
    let topic_id = readable(tx.conn(), &actor, id).await?.id;
    // The order in which a new post takes its locks: a rule may hide what is changed here.
    topics::lock_activity(&tx, topic_id).await?;
    let post = store::find_for_update(&tx, id).await?;
    let permit = actor.may(EditPost(&post))?;
    if_match.check(post.revision)?;
    let body: Option<String> = edit.body.map(String::from);
    if let Some(body) = &body
        && trust::newcomer(&app, &tx, permit.by()).await?.is_some()
    {
        check_newcomer(&app, body)?;
    }
    let said = body.clone().unwrap_or_else(|| post.body.clone());
    let changed = store::revise(&app, &tx, &permit, body, edit.relations.as_deref()).await?;
    let tx = if changed {
        let judged =
            automation::judge_post(&app, &tx, &permit, (id, &said), RuleTrigger::PostRevised).await?;
        let (tx, enforced) = heed(&app, tx, judged).await?;
        let event =
            Event { kind: "post_revised", topic_id: Some(topic_id), subject_id: Some(id.0), ..actor.event() };
        events::record(&app, &tx, event).await?;
        store::enforce(&app, &tx, id, &enforced).await?;
        tx
    } else {
        tx
    };
    let (view, revision) = in_context(tx.conn(), &actor, id, app.now()).await?;
    tx.commit().await?;
    Ok(Answer::ok(&view, Cache::Private)?.version(revision))
}

/// Delete a post
///
/// Leaves a tombstone: text and author go, the replies stay.
#[utoipa::path(delete, path = "/posts/{id}", tag = "posts", params(("id" = PostId, Path), ("If-Match" = String, Header)), responses((status = 200, body = PostInContext)), security(("bearer" = [])))]
async fn delete_post(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<PostId>,
    if_match: IfMatch,
) -> Result<Answer> {
    actor.require()?;
    let tx = app.begin_as(&actor).await?;
    let topic_id = readable(tx.conn(), &actor, id).await?.id;
    // The order in which a new post takes its locks.
    topics::lock_activity(&tx, topic_id).await?;
    let post = store::find_for_update(&tx, id).await?;
    let permit = actor.may(DeletePost(&post))?;
    if_match.check(post.revision)?;
    store::delete(&app, &tx, &permit).await?;
    let event =
        Event { kind: "post_deleted", topic_id: Some(topic_id), subject_id: Some(id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let (view, revision) = in_context(tx.conn(), &actor, id, app.now()).await?;
    tx.commit().await?;
    Ok(Answer::ok(&view, Cache::Private)?.version(revision))
}

/// List the revisions of a post
///
/// Newest first. A tombstone has none to read.
#[utoipa::path(get, path = "/posts/{id}/revisions", tag = "posts", params(("id" = PostId, Path), PageQuery), responses((status = 200, body = Page<RevisionView>)), security((), ("bearer" = [])))]
async fn list_revisions(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<PostId>,
    Query(query): Query<PageQuery>,
) -> Result<Answer> {
    let topic = readable(&app.db, &actor, id).await?;
    let name = format!("revisions/{id}");
    let before = query.place(&app, &name)?;
    let sees_hidden = topics::sees_hidden(&app.db, &actor, topic.id).await?;
    let revisions = store::revisions(&app.db, id, (actor.id(), sees_hidden), before, query.limit).await?;
    let page = Page::cut(revisions, query.limit, |last| keyset::encode(&app, &name, &last.number));
    let view = |revision: crate::entity::post_revision::Model| {
        Ok(RevisionView {
            number: revision.number,
            body: revision.body,
            body_html: revision.body_html,
            relations: document(Some(revision.relations))?,
            created_at: revision.created_at.into(),
            by_moderator: revision.by_moderator,
        })
    };
    let items = page.items.into_iter().map(view).collect::<Result<_>>()?;
    Answer::ok(&Page { items, next: page.next }, Cache::for_reader(&actor))
}

/// Every path about posts.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(read_thread))
        .routes(routes!(create_post))
        .routes(routes!(read_post, revise_post, delete_post))
        .routes(routes!(list_replies))
        .routes(routes!(list_revisions))
}
