//! Answers that are the same for all who did not sign in: found once, kept for a moment, and given to everybody. Those who
//! did are given them too where all that is their own in them can be put in.
//!
//! Nobody is given an answer that lacks what this server had acknowledged when they asked. What other servers, bulk
//! jobs and the command line change may be missing for as long as an answer is kept. One that is asked for again
//! towards the end of its time is renewed meanwhile, so that of those who read it all the time nobody waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::http::Uri;
use chrono::TimeDelta;
use quick_cache::Weighter;
use quick_cache::sync::{Cache as Kept, EntryAction, EntryResult};

use super::{Answer, BASE};
use crate::app::App;
use crate::changes::{About, Moment};
use crate::clock::Time;
use crate::config;
use crate::error::Result;
use crate::policy::Actor;

/// How long a request waits for another one that finds the same answer; then it finds it by itself, or whoever
/// waits for a database that is away would wait in a queue.
const PATIENCE: Duration = Duration::from_millis(250);

/// What an answer takes besides its bytes, roughly.
const OVERHEAD: usize = 512;

/// The usual length of an answer, in bytes.
const USUAL: usize = 16 * 1024;

/// The answers that are kept, by what was asked.
pub struct SharedAnswers {
    /// None when nothing is to be kept.
    kept: Option<Kept<String, Arc<Found>, Bytes>>,
    max_age: TimeDelta,
    /// How often one was looked for.
    searches: AtomicU64,
}

/// An answer and how far it can be relied on.
struct Found {
    answer: Answer,
    about: About,
    /// The number of the search that found it.
    search: u64,
    /// The changes that it shows: those before the search.
    shows: Moment,
    searched_at: Time,
    /// Whether somebody has begun to look for the next one.
    is_renewed: AtomicBool,
}

impl Found {
    fn age(&self, app: &App) -> TimeDelta {
        app.now() - self.searched_at
    }

    /// Whether it is in the last quarter of its time, when somebody has to look for the next one.
    fn is_old(&self, app: &App, max_age: TimeDelta) -> bool {
        self.age(app) >= max_age * 3 / 4
    }

    /// Whether it is good for whoever asks now.
    fn holds(&self, app: &App, max_age: TimeDelta) -> bool {
        (TimeDelta::zero()..max_age).contains(&self.age(app)) && !app.changes.since(self.shows, self.about)
    }
}

#[derive(Clone)]
struct Bytes;

impl Weighter<String, Arc<Found>> for Bytes {
    fn weight(&self, uri: &String, found: &Arc<Found>) -> u64 {
        // Its compressed forms come later, and are together no longer than it is.
        (uri.len() + 2 * found.answer.len() + OVERHEAD) as u64
    }
}

impl SharedAnswers {
    /// Keeps as much as the settings say.
    pub fn new(settings: &config::SharedAnswers) -> Self {
        let bytes = settings.memory_bytes;
        let kept = (bytes > 0).then(|| Kept::with_weighter(bytes / USUAL + 1, bytes as u64, Bytes));
        let max_age = TimeDelta::milliseconds(settings.max_age_ms.into());
        Self { kept, max_age, searches: AtomicU64::default() }
    }

    /// What is kept for a guest who asks for this now; none where that is nothing that holds, or it is time to renew it.
    pub(super) fn kept(&self, app: &App, uri: &Uri) -> Option<Answer> {
        // Routes know what they are asked for below the path of the API.
        let found = self.kept.as_ref()?.get(uri.path_and_query()?.as_str().strip_prefix(BASE)?)?;
        if !found.holds(app, self.max_age)
            || found.is_old(app, self.max_age) && !found.is_renewed.load(Ordering::SeqCst)
        {
            return None;
        }
        metrics::counter!("shared_answers_total", "from" => "memory").increment(1);
        Some(found.answer.clone())
    }

    /// For how long an answer may lack what another server did.
    pub fn max_age(&self) -> TimeDelta {
        self.max_age
    }
}

/// When a request came, among the searches.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// How many searches had begun.
    searches: u64,
    /// Whether only what was looked for since will do.
    only_since: bool,
}

impl Arrival {
    /// Now; of somebody who knows of something that an answer from before may lack, if `only_since`.
    pub fn now(app: &App, only_since: bool) -> Self {
        Self { searches: app.shared_answers.searches.load(Ordering::SeqCst), only_since }
    }
}

/// Gives the answer to a reader. To those who did not sign in it is the same, so one that was found for another of
/// them will do as long as it holds; `find` says what its answer is about. Of many who ask at once, one finds it.
///
/// # Errors
/// Those of `find`, which are kept for nobody.
pub async fn shared<F, Finding>(app: App, actor: Actor, uri: &Uri, find: F) -> Result<Answer>
where
    F: FnOnce(App, Actor) -> Finding + Send + 'static,
    Finding: Future<Output = Result<(Answer, About)>> + Send + 'static,
{
    if actor.id().is_some() {
        return Ok(find(app, actor).await?.0);
    }
    let arrival = Arrival::now(&app, false);
    shared_since(&app, arrival, uri, find).await
}

/// Gives the answer to guests, for a request that came then.
///
/// # Errors
/// Those of `find`, which are kept for nobody.
pub async fn shared_since<F, Finding>(app: &App, arrival: Arrival, uri: &Uri, find: F) -> Result<Answer>
where
    F: FnOnce(App, Actor) -> Finding + Send + 'static,
    Finding: Future<Output = Result<(Answer, About)>> + Send + 'static,
{
    let SharedAnswers { kept, max_age, .. } = &app.shared_answers;
    let Some(kept) = kept else {
        return Ok(find(app.clone(), Actor::Anonymous).await?.0);
    };
    let holds =
        |found: &Found| found.search > arrival.searches || !arrival.only_since && found.holds(app, *max_age);
    let uri = uri.path_and_query().map_or("", |uri| uri.as_str());
    let entry = kept.entry_async(uri, |_, found| {
        if holds(found) { EntryAction::Retain(found.clone()) } else { EntryAction::ReplaceWithGuard }
    });
    let place = match tokio::time::timeout(PATIENCE, entry).await {
        Ok(EntryResult::Retained(found)) => {
            metrics::counter!("shared_answers_total", "from" => "memory").increment(1);
            if found.is_old(app, *max_age) && !found.is_renewed.swap(true, Ordering::SeqCst) {
                tokio::spawn(renew(app.clone(), uri.to_owned(), find));
            }
            return Ok(found.answer.clone());
        }
        Ok(EntryResult::Vacant(place) | EntryResult::Replaced(place, _)) => Some(place),
        Ok(EntryResult::Removed(..) | EntryResult::Timeout) | Err(_) => None,
    };
    metrics::counter!("shared_answers_total", "from" => "database").increment(1);
    let found = search(app.clone(), find).await?;
    let answer = found.answer.clone();
    if let Some(place) = place {
        // It is no longer wanted if it was dropped meanwhile.
        let _ = place.insert(Arc::new(found));
    }
    Ok(answer)
}

/// Finds an answer, and notes how far it can be relied on.
async fn search<F, Finding>(app: App, find: F) -> Result<Found>
where
    F: FnOnce(App, Actor) -> Finding,
    Finding: Future<Output = Result<(Answer, About)>>,
{
    let search = app.shared_answers.searches.fetch_add(1, Ordering::SeqCst) + 1;
    let (shows, searched_at) = (app.changes.now(), app.now());
    let (answer, about) = find(app, Actor::Anonymous).await?;
    Ok(Found { answer: answer.kept(), about, search, shows, searched_at, is_renewed: AtomicBool::new(false) })
}

/// Finds an answer before the one that is kept gets too old. Where that fails, whoever asks next is told why.
async fn renew<F, Finding>(app: App, uri: String, find: F)
where
    F: FnOnce(App, Actor) -> Finding,
    Finding: Future<Output = Result<(Answer, About)>>,
{
    let Some(kept) = &app.shared_answers.kept else { return };
    match search(app.clone(), find).await {
        Ok(found) => kept.insert(uri, Arc::new(found)),
        Err(error) => tracing::debug!(%error, uri, "an answer that is kept could not be renewed"),
    }
}
