//! Answers with posts: the same for all who read them, but for each reader's own votes, which are put in.

use std::sync::Arc;

use axum::http::Uri;
use chrono::TimeDelta;
use serde::Serialize;
use uuid::Uuid;

use crate::app::App;
use crate::changes::About;
use crate::entity::vote;
use crate::error::{Code, Result};
use crate::grouping::{Asked, Place, answer_each};
use crate::http::{self, Answer, Arrival, Cache, OwnParts, shared_since};
use crate::ids::AccountId;
use crate::policy::Actor;
use crate::posts::store;
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
    let reader = account.id;
    let mut arrival = Arrival::now(&app);
    // Whoever looks after something may see what was taken out of sight.
    while account.powers.is_empty() {
        let (answer, is_since) = match shared_since(&app, arrival, uri, find.clone()).await {
            Ok(found) => found,
            // A draft is there for its author.
            Err(error) if error.code == Code::NotFound => break,
            Err(error) => return Err(error),
        };
        let Some(own) = answer.own_parts().filter(|own| !own.others.contains(&reader.0)) else { break };
        let (votes, is_recent) = own_votes(&app, reader, own.items.clone()).await?;
        if is_recent && !is_since {
            arrival = arrival.only_since();
            continue;
        }
        return answer.filled(&mine(&own.items, &votes));
    }
    Ok(find(app, actor).await?.0)
}

/// What is put in for each of these posts.
fn mine(posts: &[Uuid], votes: &[vote::Model]) -> Vec<&'static str> {
    let place = |value: i16| usize::from(value >= 0) + usize::from(value > 0);
    let on = |post: &Uuid| {
        let vote = votes.iter().find(|vote| vote.post_id.0 == *post);
        let (quality, agreement) = vote.map_or((0, 0), |vote| (vote.quality, vote.agreement));
        MINE[place(quality)][place(agreement)]
    };
    posts.iter().map(on).collect()
}

/// Somebody's votes on these posts, and whether they changed something that may not be everywhere yet. Those who ask at about
/// the same time are read together.
async fn own_votes(app: &App, reader: AccountId, posts: Arc<[Uuid]>) -> Result<(Vec<vote::Model>, bool)> {
    let server = app.clone();
    app.own_votes
        .ask(None, (reader, posts), move |group, place| read_own_votes(server.clone(), group, place))
        .await?
}

type Awaited = Asked<(), (AccountId, Arc<[Uuid]>), Result<(Vec<vote::Model>, bool)>>;

type OwnVotesPlace = Place<(), (AccountId, Arc<[Uuid]>), Result<(Vec<vote::Model>, bool)>>;

/// Reads the votes of those who read the same posts in one statement.
async fn read_own_votes(app: App, group: Vec<Awaited>, _place: OwnVotesPlace) {
    let mut of_page: Vec<Vec<Awaited>> = Vec::new();
    for asked in group {
        match of_page.iter_mut().find(|page| page[0].what.1 == asked.what.1) {
            Some(page) => page.push(asked),
            None => of_page.push(vec![asked]),
        }
    }
    let read = async |page: Vec<Awaited>| {
        let readers: Vec<AccountId> = page.iter().map(|asked| asked.what.0).collect();
        let after = app.now() - app.shared_answers.max_age() - CLOCKS;
        let found = store::votes_of_each(&app.db, &readers, page[0].what.1.to_vec(), after).await;
        answer_each(page, found.map(|found| found.into_iter().map(Ok)));
    };
    futures_util::future::join_all(of_page.into_iter().map(read)).await;
}
