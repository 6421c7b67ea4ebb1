//! Reading debate files.

mod named;
mod said;

use std::collections::HashMap;
use std::io::IsTerminal;

use chrono::TimeDelta;
use indicatif::{ProgressBar, ProgressStyle};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::check::{check_file, check_times, dotted, find_bad_values};
use super::export::Extent;
use super::format::{BroughtRecord, DebateFile, PostRecord, TargetRecord, schema};
use crate::accounts::rules::{AccountKind, Role, Username};
use crate::accounts::{self, NewAccount};
use crate::app::App;
use crate::audit::{self, Entry, Object};
use crate::clock::Time;
use crate::db::{Tx, insert, one, sql};
use crate::entity::{account, debate_import, implication, topic};
use crate::error::{Code, Error, Field, Result};
use crate::events::{self, Event};
use crate::http::StrictValue;
use crate::ids::{AccountId, PostId, RelationId, TopicId};
use crate::keys::sha256;
use crate::policy::{CreatePost, CreateTopic, Permit, Vote};
use crate::posts::rules::{StanceEffect, Target, TargetKind};
use crate::posts::{self, PostToInsert, RelationToInsert};
use crate::scenarios::ScenarioToInsert;
use crate::sources::rules::Key;
use crate::sources::{CitationOwner, cite, note_brought};
use crate::topics::{self, Inserted, TopicToInsert};
use crate::votes::Casting;
use crate::votes::rules::Ballot;

/// A file may come from a server whose clock is ahead of ours by so much.
const CLOCK_DIFFERENCE: TimeDelta = TimeDelta::minutes(5);

/// What came of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Imported {
    /// A new topic with so many posts.
    New {
        /// The topic's slug.
        slug: String,
        /// How many posts it has.
        posts: usize,
    },
    /// The file was imported before.
    Unchanged {
        /// The topic's slug.
        slug: String,
    },
}

impl std::fmt::Display for Imported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::New { slug, posts } => write!(f, "imported {slug}: {posts} posts"),
            Self::Unchanged { slug } => write!(f, "{slug} was imported before: nothing changed"),
        }
    }
}

/// How far an import is: shown on a terminal, and only where it takes a while.
pub struct Progress {
    shown: bool,
}

impl Progress {
    /// Shows nothing.
    pub fn none() -> Self {
        Self { shown: false }
    }

    /// Shows a bar where standard error is a terminal.
    pub fn on_terminal() -> Self {
        Self { shown: std::io::stderr().is_terminal() }
    }

    fn bar(&self, steps: usize) -> ProgressBar {
        // A few posts are done before a bar could be read.
        if !self.shown || steps < 500 {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} posts and votes, {eta} left");
        ProgressBar::new(steps as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    }
}

/// Whether the database holds no topic.
///
/// # Errors
/// The database is away.
pub async fn has_no_topics(app: &App) -> Result<bool> {
    Ok(topic::Entity::find().one(&app.db).await?.is_none())
}

/// Imports a debate file: all of it, or nothing.
///
/// # Errors
/// 400 for what is not JSON; 422 with every field that is not right; 409 where another topic has the
/// slug, or a person has a name that the file brings.
pub async fn import(app: &App, file: &[u8], progress: &Progress) -> Result<Imported> {
    let file = read(file)?;
    let wrong = check_times(&file, app.now() + CLOCK_DIFFERENCE);
    if !wrong.is_empty() {
        return Err(Error::fields(wrong));
    }
    let hash = sha256(&serde_json::to_vec(&file).map_err(Error::internal)?);
    let slug = match &file.topic.slug {
        Some(slug) => slug.as_str().to_owned(),
        None => {
            return Err(Error::field("topic.slug", "missing", "A debate file names its topic's slug."));
        }
    };
    let tx = app.begin().await?;
    // Not hurried like a request, and alone: two imports of one file land once.
    let unhurried =
        "SELECT set_config('statement_timeout', '0', true), set_config('lock_timeout', '0', true),
                            set_config('idle_in_transaction_session_timeout', '0', true)";
    tx.conn().execute_raw(sql(unhurried, [])).await?;
    tx.queue("otherwise import").await?;
    if let Some(known) = topic::Entity::find().filter(topic::Column::Slug.eq(&slug)).one(tx.conn()).await? {
        let before = debate_import::Entity::find_by_id(known.id).one(tx.conn()).await?;
        if before.is_some_and(|before| before.content_sha256 == hash)
            || is_as_exported(app, &file, &slug).await?
        {
            return Ok(Imported::Unchanged { slug });
        }
        return Err(Code::SlugTaken.error(format!(
            "A topic {slug} is here with other content; nothing was changed. Give the file another topic.slug to import it beside."
        )));
    }
    let posts = file.posts.len();
    let bar = progress.bar(posts + file.votes.len());
    let topic_id = Import::run(app, &tx, &file, &bar).await?;
    insert(&tx, debate_import::Model { topic_id, content_sha256: hash.to_vec(), imported_at: app.now() })
        .await?;
    let event = Event {
        kind: "debate_imported",
        topic_id: Some(topic_id),
        subject_id: Some(topic_id.0),
        data: serde_json::json!({ "posts": posts, "votes": file.votes.len() }),
        ..Event::default()
    };
    events::record(app, &tx, event).await?;
    let entry = Entry { object: Some(Object::topic(topic_id)), ..Entry::of("import_debate") };
    audit::record(app, &tx, entry).await?;
    tx.commit().await?;
    bar.finish_and_clear();
    Ok(Imported::New { slug, posts })
}

/// Whether the file is what an export of the topic writes now.
async fn is_as_exported(app: &App, file: &DebateFile, slug: &str) -> Result<bool> {
    let extent = Extent { votes: !file.votes.is_empty(), credences: file.pseudonyms().next().is_some() };
    Ok(super::export::document(app, slug, extent).await? == *file)
}

/// Reads a file: first the shape and the values, each that is wrong; then, of a file whose parts can be
/// read, what they say of each other.
fn read(bytes: &[u8]) -> Result<DebateFile> {
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return Err(Code::MalformedJson.error("JSON has no byte order mark (RFC 8259): save it without one."));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Code::MalformedJson.error(format!("JSON is UTF-8 (RFC 8259): {error}.")))?;
    let StrictValue(value) =
        serde_json::from_str(text).map_err(|error| Code::MalformedJson.error(format!("{error}.")))?;
    let schema = schema().map_err(Error::internal)?;
    let validator =
        jsonschema::validator_for(&schema).map_err(|error| Error::internal(anyhow::anyhow!("{error}")))?;
    let mut wrong: Vec<Field> = validator
        .iter_errors(&value)
        .map(|error| {
            Field::new(dotted(&error.instance_path().to_string()), "not_as_described", format!("{error}."))
        })
        .collect();
    find_bad_values(&schema, &value, &mut wrong);
    match serde_path_to_error::deserialize::<_, DebateFile>(value) {
        Ok(file) if wrong.is_empty() => {
            let wrong = check_file(&file);
            if wrong.is_empty() { Ok(file) } else { Err(Error::fields(wrong)) }
        }
        Ok(_) => Err(Error::fields(wrong)),
        Err(error) => {
            let path = error.path().to_string();
            if wrong.is_empty() {
                wrong.push(Field::new(path, "not_valid", format!("{}.", error.into_inner())));
            }
            Err(Error::fields(wrong))
        }
    }
}

/// An import under way: what the keys of the file became.
struct Import<'a> {
    app: &'a App,
    tx: &'a Tx,
    file: &'a DebateFile,
    now: Time,
    people: HashMap<&'a Username, AccountId>,
    topic: Inserted,
    posts: HashMap<&'a Key, (PostId, PostId, i32)>,
    relations: HashMap<&'a Key, RelationId>,
    implications: HashMap<&'a Key, implication::Model>,
}

/// What the checks let pass and names nothing: a defect.
fn dangling(key: &Key) -> Error {
    Error::internal(anyhow::anyhow!("the key {} passed the checks and names nothing", key.as_str()))
}

impl<'a> Import<'a> {
    async fn run(app: &'a App, tx: &'a Tx, file: &'a DebateFile, bar: &ProgressBar) -> Result<TopicId> {
        // What is undated comes after all that is dated.
        let latest = file.posts.iter().filter_map(|post| post.created_at).map(Time::from).max();
        let now = latest.map_or(app.now(), |latest| latest.max(app.now()));
        let people = insert_people(app, tx, file, now).await?;
        let author_id = people[&file.author];
        let permit = Permit::operator(CreateTopic, author_id);
        let new = TopicToInsert {
            content: &file.topic,
            author_id,
            created_at: file.created_at.map_or(now, Into::into),
            scenario_set_version: file.scenario_set.version,
            comparable_since: file.scenario_set.comparable_since(),
            scenarios: scenarios(file, &people),
            closing_summary: file.closing_summary.as_ref().map(ToString::to_string),
        };
        let inserted = topics::insert(app, tx, &permit, &new).await?;
        let topic_id = inserted.id;
        let mut import = Self {
            app,
            tx,
            file,
            now,
            people,
            topic: inserted,
            posts: HashMap::new(),
            relations: HashMap::new(),
            implications: HashMap::new(),
        };
        let topic = topics::find_any(tx, topic_id).await?;
        for post in &file.posts {
            import.insert_post(&topic, post).await?;
            bar.inc(1);
        }
        for BroughtRecord { entry, by } in &file.brought {
            let (post, _, _) = import.posts[by];
            note_brought(tx, &import.topic.bibliography, entry, post).await?;
        }
        import.insert_votes(bar).await?;
        import.insert_set(&topic).await?;
        import.insert_implications(&topic).await?;
        import.insert_classes(&topic).await?;
        import.insert_said(&topic).await?;
        // What is resolved is forecast no more.
        import.resolve_implications(&topic).await?;
        Ok(topic_id)
    }

    fn target(&self, record: &TargetRecord) -> Result<Target> {
        let id = record.key.as_ref().map_or(Some(self.topic.id.0), |key| match record.kind {
            TargetKind::Topic => Some(self.topic.id.0),
            TargetKind::Post => self.posts.get(key).map(|(id, _, _)| id.0),
            TargetKind::Relation => self.relations.get(key).map(|id| id.0),
            TargetKind::Scenario => self.topic.scenarios.scenarios.get(key).map(|id| id.0),
            TargetKind::ChainStep => {
                let step = (key.clone(), record.step_no.unwrap_or_default());
                self.topic.scenarios.steps.get(&step).map(|id| id.0)
            }
            TargetKind::BackgroundFact => self.topic.background_facts.get(key).map(|id| id.0),
            TargetKind::Variant => self.topic.variants.get(key).map(|id| id.0),
        });
        let dangling =
            || Error::internal(anyhow::anyhow!("the target {record:?} passed the checks and names nothing"));
        Ok(Target { kind: record.kind, id: id.ok_or_else(dangling)? })
    }

    async fn insert_post(&mut self, topic: &topic::Model, record: &'a PostRecord) -> Result<()> {
        let created_at = record.created_at.map_or(self.now, Time::from);
        let id: PostId = self.app.ids.next();
        let mut relations = Vec::with_capacity(record.relations.len());
        for relation in &record.relations {
            let relation_id = self.app.ids.next();
            relations.push(RelationToInsert {
                id: relation_id,
                relation_type: relation.relation_type,
                target: self.target(&relation.target)?,
                evidence: relation.evidence(),
                created_at: relation.created_at.map(Into::into),
                withdrawn_at: relation.withdrawn_at.map(Into::into),
                by_moderator: relation.by_moderator,
            });
            self.relations.insert(&relation.key, relation_id);
        }
        let mut recorded = Vec::with_capacity(record.revisions.len());
        for revision in &record.revisions {
            let bore: Vec<_> = revision
                .relations
                .iter()
                .map(|relation| Ok((relation.relation_type, self.target(&relation.target)?)))
                .collect::<Result<_>>()?;
            recorded.push(posts::recorded(bore));
        }
        let effect = |effect: &super::format::StanceRecord| {
            let scenario_id = self.topic.scenarios.scenarios.get(&effect.scenario).copied();
            scenario_id.map(|scenario_id| StanceEffect { scenario_id, direction: effect.direction })
        };
        let parent = record.parent.as_ref().and_then(|key| self.posts.get(key).copied());
        let first_body = record.revisions.first().map(|first| first.body.to_string());
        let new = PostToInsert {
            id,
            topic_id: topic.id,
            author_id: record.author.as_ref().map(|author| self.people[author]),
            parent,
            body: first_body.or_else(|| record.body.as_ref().map(ToString::to_string)),
            citation_status: record.citation_status,
            criterion: record.criterion,
            relations,
            first_recorded: recorded.first().cloned(),
            stance_effects: record.stance_effects.iter().filter_map(effect).collect(),
            created_at,
            duplicate_of: record.duplicate_of.as_ref().map(|key| self.posts[key].0),
        };
        let permit = Permit::operator(
            CreatePost { topic, parent: None, above: &[], last_posted_at: None, now: self.app.now() },
            topic.author_id,
        );
        posts::insert(self.app, self.tx, &permit, &new).await?;
        for (revision, recorded) in record.revisions.iter().zip(recorded).skip(1) {
            let old = posts::find(self.tx.conn(), id).await?;
            let made = (revision.created_at.into(), revision.by_moderator);
            posts::revise_to(self.tx, &old, revision.body.to_string(), recorded, made).await?;
        }
        let owner = CitationOwner::Post(id);
        cite(self.tx, &self.app.ids, topic.id, owner, &record.citations, &self.topic.bibliography).await?;
        let (root, depth) = parent.map_or((id, 0), |(_, root, depth)| (root, depth + 1));
        self.posts.insert(&record.key, (id, root, depth));
        Ok(())
    }

    async fn insert_votes(&self, bar: &ProgressBar) -> Result<()> {
        for vote in &self.file.votes {
            let (id, _, _) = self.posts[&vote.post];
            let voter = self.people[&vote.voter];
            let cast_at = vote.cast_at.map_or(self.now, Into::into);
            let tally = posts::lock_tally(self.tx, id).await?;
            let mut casting = Casting::read(self.tx, vec![tally], &[(id, voter)], cast_at).await?;
            let post = casting.post(id).ok_or_else(Error::not_found)?;
            let permit = Permit::operator(Vote { post: &post, now: self.app.now() }, voter);
            let ballot =
                Ballot { quality: Some(vote.quality.into()), agreement: Some(vote.agreement.into()) };
            casting.cast(&permit, ballot)?;
            casting.write(self.tx).await?;
            bar.inc(1);
        }
        Ok(())
    }
}

/// The scenarios of a file with what is known of their past.
fn scenarios<'a>(
    file: &'a DebateFile,
    people: &HashMap<&'a Username, AccountId>,
) -> Vec<ScenarioToInsert<'a>> {
    let with_past = |new: &'a crate::scenarios::rules::NewScenario| {
        let record = file.scenario_set.history.iter().find(|record| record.scenario == new.key);
        ScenarioToInsert {
            new,
            proposer_id: people[record.map_or(&file.author, |record| &record.proposer)],
            introduced_in_version: record.map_or(1, |record| record.introduced_in_version),
            retired_in_version: record.and_then(|record| record.retired_in_version),
            merged_into: record.and_then(|record| record.merged_into.as_ref()),
        }
    };
    file.topic.scenarios.iter().map(with_past).collect()
}

/// Finds the people of a file, or makes accounts of them that nobody can sign in to.
async fn insert_people<'a>(
    app: &App,
    tx: &Tx,
    file: &'a DebateFile,
    now: Time,
) -> Result<HashMap<&'a Username, AccountId>> {
    let mut people = HashMap::new();
    let mut wrong = Vec::new();
    for (i, person) in file.people.iter().enumerate() {
        let known: Option<account::Model> = one(
            tx.conn(),
            sql("SELECT * FROM account WHERE username_skeleton = $1", [person.username.skeleton().into()]),
        )
        .await?;
        let id = match known {
            Some(known)
                if known.kind == AccountKind::Imported && known.username == person.username.as_str() =>
            {
                known.id
            }
            Some(_) => {
                wrong.push(Field::new(
                    format!("people[{i}].username"),
                    "username_taken",
                    "Somebody here has this name, or one that looks like it; give the file another one.",
                ));
                continue;
            }
            None => {
                let id = app.ids.next();
                let new = NewAccount {
                    id,
                    username: person.username.clone(),
                    kind: AccountKind::Imported,
                    email: None,
                    password_hash: None,
                    display_name: person.display_name.as_ref().map(ToString::to_string),
                    role: Role::Member,
                };
                accounts::insert(app, tx, new, now).await?;
                id
            }
        };
        people.insert(&person.username, id);
    }
    if wrong.is_empty() { Ok(people) } else { Err(Error::fields(wrong)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_debate_is_whole() {
        let file = read(super::super::FIRST_DEBATE.as_bytes()).unwrap();
        let relations: usize = file.posts.iter().map(|post| post.relations.len()).sum();
        let held = file.topic.background_facts.iter().filter(|fact| fact.held).count();
        let counts = (
            file.topic.scenarios.len(),
            file.posts.len(),
            relations,
            file.topic.quotations.len(),
            file.topic.sources.len(),
            file.topic.variants.len(),
            held,
            file.topic.background_facts.len() - held,
        );
        assert_eq!(counts, (6, 15, 22, 15, 8, 3, 3, 3));
    }
}
