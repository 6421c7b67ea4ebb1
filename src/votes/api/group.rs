//! Casting votes together with those that arrive meanwhile.

use std::collections::HashMap;

use futures_util::future::join_all;
use uuid::Uuid;

use crate::app::App;
use crate::auth;
use crate::db::retry;
use crate::entity::{post_tally, vote};
use crate::error::{Error, Result};
use crate::grouping::{Asked, Place};
use crate::http::Asker;
use crate::ids::{AccountId, PostId};
use crate::policy::{Bearer, Caller, Vote};
use crate::posts;
use crate::topics;
use crate::votes::rules::Ballot;
use crate::votes::store::Casting;

/// The counters and the vote, after it.
pub(super) type Counted = (post_tally::Model, vote::Model);

/// Somebody's vote on a post that waits for its answer.
type Awaited = Asked<PostId, (Asker, PostId, Ballot), Result<Counted>>;

/// The place of a group of votes among those under way.
type CastPlace = Place<PostId, (Asker, PostId, Ballot), Result<Counted>>;

/// Casts a vote, as soon as those before it on the same post are cast; when this returns it is durable.
///
/// # Errors
/// 401 where nobody is signed in, else what the policy says; 404 where there is no such post; 503 where the database is
/// away.
pub async fn cast(app: &App, asker: Asker, id: PostId, ballot: Ballot) -> Result<Counted> {
    let server = app.clone();
    app.casts
        .ask(Some(id), (asker, id, ballot), move |group, place| cast_all(server.clone(), group, place))
        .await?
}

/// Casts a group of votes in one transaction, and those by themselves that could not be in it.
async fn cast_all(app: App, group: Vec<Awaited>, place: CastPlace) {
    let outcomes = match cast_together(&app, &group, place).await {
        Ok(outcomes) => outcomes,
        Err(error) => {
            tracing::debug!(%error, votes = group.len(), "votes could not be cast together");
            Vec::new()
        }
    };
    let mut alone: HashMap<PostId, Vec<Awaited>> = HashMap::new();
    for (asked, outcome) in group.into_iter().zip(outcomes.into_iter().chain(std::iter::repeat_with(|| None)))
    {
        match outcome {
            Some(outcome) => asked.answer(outcome),
            None => alone.entry(asked.what.1).or_default().push(asked),
        }
    }
    metrics::counter!("votes_alone_total").increment(alone.values().map(|votes| votes.len() as u64).sum());
    if !alone.is_empty() {
        // The next group does not wait for them: whoever holds one of these posts may take their time.
        tokio::spawn(async move { join_all(alone.into_values().map(|votes| each_alone(&app, votes))).await });
    }
}

/// Casts votes on one post one after the other.
async fn each_alone(app: &App, votes: Vec<Awaited>) {
    for asked in votes {
        let (asker, id, ballot) = &asked.what;
        let outcome = retry(|| cast_alone(app, asker, *id, *ballot)).await;
        asked.answer(outcome);
    }
}

/// Casts votes in one transaction. It waits for nobody: a post that somebody holds, people who are about to be kept from
/// voting, bearers of personal access tokens, and what is refused, are left out and have no outcome.
///
/// # Errors
/// None of it was done, as far as is known.
async fn cast_together(
    app: &App,
    group: &[Awaited],
    place: CastPlace,
) -> Result<Vec<Option<Result<Counted>>>> {
    let now = app.now();
    let bearers: Vec<Bearer> = group.iter().filter_map(|asked| bearer(asked).copied()).collect();
    if bearers.is_empty() {
        return Ok(Vec::new());
    }
    let tx = app.begin().await?;
    let held = tx.hold_accounts(sorted(bearers.iter().map(|bearer| bearer.account_id.0))).await?;
    // Read under their locks: what they may do now they may do until the end.
    let mut standings = auth::standings(app, tx.conn(), &bearers, auth::Whose::Voters).await?.into_iter();
    let tallies = posts::lock_free_tallies(&tx, sorted(group.iter().map(|asked| asked.what.1.0))).await?;
    let mut pairs: Vec<(PostId, AccountId)> =
        group.iter().filter_map(|asked| Some((asked.what.1, bearer(asked)?.account_id))).collect();
    pairs.sort_unstable_by_key(|(post, account)| (post.0, account.0));
    pairs.dedup();
    let mut casting = Casting::read(&tx, tallies, &pairs, now).await?;
    let mut outcomes = Vec::with_capacity(group.len());
    for vote in group {
        let (asker, id, ballot) = &vote.what;
        let actor = bearer(vote).and_then(|_| standings.next()).and_then(Result::ok);
        let actor = actor.filter(|actor| actor.id().is_some_and(|id| held.contains(&id)));
        let permit = actor.as_ref().zip(casting.post(*id)).and_then(|(actor, post)| {
            asker.asked_by.set(actor);
            let permit = actor.may(Vote { post: &post, now }).ok()?;
            Some(casting.cast(&permit, *ballot))
        });
        outcomes.push(permit);
    }
    // What the next group reads is of other posts: it need not wait until this one is written.
    place.give_up();
    casting.write(&tx).await?;
    tx.commit().await?;
    Ok(outcomes)
}

/// Whoever cast a vote, where how they stand is still to be read.
fn bearer(vote: &Awaited) -> Option<&Bearer> {
    match &vote.what.0.caller {
        Caller::Bearer(bearer) => Some(bearer),
        Caller::Known(_) => None,
    }
}

fn sorted(ids: impl Iterator<Item = Uuid>) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Casts one vote, and waits for whoever holds its post.
async fn cast_alone(app: &App, asker: &Asker, id: PostId, ballot: Ballot) -> Result<Counted> {
    let actor = match &asker.caller {
        Caller::Bearer(bearer) => auth::actor(app, *bearer).await?,
        Caller::Known(actor) => actor.clone(),
    };
    let voter = actor.require()?.id;
    asker.asked_by.set(&actor);
    let tx = app.begin_as(&actor).await?;
    let tally = posts::lock_tally(&tx, id).await?;
    let mut casting = Casting::read(&tx, vec![tally], &[(id, voter)], app.now()).await?;
    let post = casting.post(id).ok_or_else(Error::not_found)?;
    // Whoever may not see the topic is not told of the post.
    topics::find(tx.conn(), &actor, &post.topic_id.to_string()).await?;
    let permit = actor.may(Vote { post: &post, now: app.now() })?;
    let counted = casting.cast(&permit, ballot)?;
    casting.write(&tx).await?;
    tx.commit().await?;
    Ok(counted)
}
