//! Answers with posts: the same for all who read them, but for each reader's own votes, which are put in.

use std::collections::HashMap;
use std::sync::Arc;

use axum::http::Uri;
use chrono::TimeDelta;
use futures_util::future::try_join_all;
use serde::Serialize;
use uuid::Uuid;

use crate::app::{App, VotesRead};
use crate::changes::About;
use crate::error::{Code, Result};
use crate::http::{self, Answer, Arrival, Cache, OwnParts, OwnTexts, shared_since};
use crate::ids::AccountId;
use crate::policy::{Actor, SignedIn};
use crate::posts::store::{self, OwnVote};
use crate::posts::thread::PostRow;

/// What an answer that is the same for all has where a reader's own vote would be.
const NONE: &str = r#","mine":{"quality":0,"agreement":0}"#;

/// What is put there, for -1, 0 and 1 of quality and then of agreement: as long as each other, so that what is
/// compressed around them is the same for all.
const MINE: [[&str; 3]; 3] = [
    [
        r#","mine":{"quality":-1,"agreement":-1}"#,
        r#","mine":{"quality":-1,"agreement": 0}"#,
        r#","mine":{"quality":-1,"agreement": 1}"#,
    ],
    [
        r#","mine":{"quality": 0,"agreement":-1}"#,
        r#","mine":{"quality": 0,"agreement": 0}"#,
        r#","mine":{"quality": 0,"agreement": 1}"#,
    ],
    [
        r#","mine":{"quality": 1,"agreement":-1}"#,
        r#","mine":{"quality": 1,"agreement": 0}"#,
        r#","mine":{"quality": 1,"agreement": 1}"#,
    ],
];

/// How far the clocks of servers may differ: what somebody did on another server so lately is looked for anew.
const CLOCKS: TimeDelta = TimeDelta::seconds(1);

/// How long it takes at the most until all can see what somebody did, from the moment that is noted as that of the deed: a
/// request has much less time.
const UNSEEN: TimeDelta = TimeDelta::minutes(1);

/// For how long votes that were read will do at the most: together with [`UNSEEN`] less than how far back it is known what
/// somebody did.
const GOOD_FOR: TimeDelta = TimeDelta::minutes(8);

/// The posts of an answer, in the order in which they stand.
#[derive(Debug, Default)]
pub(super) struct Shown {
    posts: Vec<Uuid>,
    /// The authors of those that are out of sight, who see them.
    authors_of_hidden: Vec<Uuid>,
}

impl Shown {
    pub(super) fn add(&mut self, row: &PostRow) {
        self.posts.push(row.id.0);
        if !row.status.is_shown_to(false, false)
            && let Some(author) = row.author_id
        {
            self.authors_of_hidden.push(author.0);
        }
    }
}

/// An answer with these posts: to somebody who is signed in with their own votes, to guests without.
pub(super) fn answer(actor: &Actor, view: &impl Serialize, shown: Shown) -> Result<Answer> {
    if actor.id().is_some() {
        return Answer::ok(view, Cache::Private);
    }
    Answer::with_own_parts(view, NONE, OwnParts::new(shown.posts, MINE[0][0].len(), shown.authors_of_hidden))
}

/// Gives an answer with posts. Whoever sees no more of them than guests do gets what is kept for guests, with their own
/// votes. What they themselves did is in it, on whichever server: where they did something so lately that it may not be, the
/// answer is looked for anew.
///
/// # Errors
/// Those of `find`.
pub(super) async fn shared<A, F, Finding>(
    app: App,
    actor: Actor,
    uri: &Uri,
    asked: A,
    find: F,
) -> Result<Answer>
where
    A: Clone + Send + 'static,
    F: Fn(App, Actor, A) -> Finding + Copy + Send + 'static,
    Finding: Future<Output = Result<(Answer, About)>> + Send + 'static,
{
    let find = move |app, actor| find(app, actor, asked);
    let Some(account) = actor.signed_in() else { return http::shared(app, actor, uri, find).await };
    // Whoever looks after something may see what was taken out of sight.
    if account.powers.is_empty() {
        let lately = app.now() - app.shared_answers.max_age() - CLOCKS;
        let arrival = Arrival::now(&app, account.acted_at.is_some_and(|at| at > lately));
        match shared_since(&app, arrival, uri, find.clone()).await {
            Ok(answer) => {
                let own = answer.own_parts().filter(|own| !own.others.contains(&account.id.0));
                if let Some(own) = own {
                    return answer.filled(own_votes(&app, account, own).await?);
                }
            }
            // A draft is there for its author.
            Err(error) if error.code == Code::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(find(app, actor).await?.0)
}

/// Somebody's votes on the posts of an answer, as they stand in it. Those who ask at about the same time are read together;
/// who did nothing since is given what was read for them before.
async fn own_votes(app: &App, reader: &SignedIn, own: &OwnParts) -> Result<OwnTexts> {
    let (key, now) = ((reader.id, own.digest), app.now());
    let holds = |read: &VotesRead| {
        (now - GOOD_FOR..=now).contains(&read.at) && reader.acted_at.is_none_or(|at| at < read.at - UNSEEN)
    };
    if let Some(read) = app.votes_read.get(&key).filter(holds) {
        return Ok(read.votes);
    }
    let server = app.clone();
    let read = move |asked| read_own_votes(server.clone(), asked);
    let votes = app.own_votes.find((reader.id, own.items.clone()), read).await?;
    app.votes_read.insert(key, VotesRead { votes: votes.clone(), at: now });
    Ok(votes)
}

/// The votes of those who read the same posts are read in one statement.
async fn read_own_votes(app: App, asked: Vec<(AccountId, Arc<[Uuid]>)>) -> Result<Vec<Result<OwnTexts>>> {
    let mut readers: HashMap<&Arc<[Uuid]>, Vec<AccountId>> = HashMap::new();
    for (reader, posts) in &asked {
        readers.entry(posts).or_default().push(*reader);
    }
    let pages = readers
        .into_iter()
        .map(async |(posts, readers)| store::own_votes(&app.db, &readers, posts.to_vec()).await);
    let votes: HashMap<(AccountId, Uuid), OwnVote> = try_join_all(pages)
        .await?
        .into_iter()
        .flatten()
        .map(|vote| ((vote.account_id, vote.post_id.0), vote))
        .collect();
    let place = |value: i16| usize::from(value >= 0) + usize::from(value > 0);
    let text = |reader: AccountId, post: Uuid| {
        let vote = votes.get(&(reader, post));
        let (quality, agreement) = vote.map_or((0, 0), |vote| (vote.quality, vote.agreement));
        MINE[place(quality)][place(agreement)]
    };
    let texts = |(reader, posts): &(AccountId, Arc<[Uuid]>)| {
        Ok(posts.iter().map(|post| text(*reader, *post)).collect())
    };
    Ok(asked.iter().map(texts).collect())
}
