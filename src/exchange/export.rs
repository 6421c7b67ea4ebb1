//! Writing debate files.

mod named;
mod said;

use std::collections::{BTreeMap, HashMap};

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use self::named::Named;
use self::said::Said;
use super::format::{
    BroughtRecord, DebateFile, Format, Person, PostRecord, RecordedRelation, RelationRecord, RevisionRecord,
    ScenarioRecord, ScenarioSet, StanceRecord, TargetRecord, VersionRecord, VoteRecord,
};
use crate::accounts::rules::Username;
use crate::app::App;
use crate::audit::{self, Entry, Object};
use crate::basis_points::BasisPoints;
use crate::entity::{account, post, post_revision, relation, stance_effect, topic, vote};
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, PostId, ScenarioId};
use crate::posts::rules::{PostStatus, RelationType, Target, TargetKind};
use crate::posts::target_of;
use crate::sources::rules::{BibliographyKey, Key};
use crate::topics::{self, StoredTopic, numbered};

/// What an export writes of what is people's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// Who voted how.
    pub votes: bool,
    /// What people think is likely and what follows from that, under pseudonyms.
    pub credences: bool,
}

/// Writes a debate as a file: the same debate gives the same bytes. That it was written is recorded.
///
/// # Errors
/// 404 where there is no such topic.
pub async fn export(app: &App, slug: &str, extent: Extent) -> Result<String> {
    let document = document(app, slug, extent).await?;
    let topic = topic::Entity::find().filter(topic::Column::Slug.eq(slug)).one(&app.db).await?;
    let entry = Entry {
        object: topic.map(|topic| Object::topic(topic.id)),
        data: serde_json::json!({ "with_votes": extent.votes, "with_credences": extent.credences }),
        ..Entry::of("export_debate")
    };
    audit::record_alone(app, entry).await?;
    let mut text = serde_json::to_string_pretty(&document).map_err(Error::internal)?;
    text.push('\n');
    Ok(text)
}

/// The keys that the parts of a debate get, by their identifiers.
struct Keys {
    targets: HashMap<Target, TargetRecord>,
}

impl Keys {
    fn of(stored: &StoredTopic) -> Self {
        let mut keys = Self { targets: HashMap::new() };
        keys.targets.insert(
            Target { kind: TargetKind::Topic, id: stored.topic.id.0 },
            TargetRecord { kind: TargetKind::Topic, key: None, step_no: None },
        );
        for variant in &stored.variants {
            keys.add(TargetKind::Variant, variant.variant.id.0, variant.key());
        }
        for fact in &stored.background_facts {
            keys.add(TargetKind::BackgroundFact, fact.id.0, numbered("fact", fact.position.into()));
        }
        for scenario in &stored.scenarios {
            let key = numbered("scenario", scenario.scenario.position.into());
            keys.add(TargetKind::Scenario, scenario.scenario.id.0, key.clone());
            for step in &scenario.steps {
                let record = TargetRecord {
                    kind: TargetKind::ChainStep,
                    key: Some(key.clone()),
                    step_no: Some(step.step_no),
                };
                keys.targets.insert(Target { kind: TargetKind::ChainStep, id: step.id.0 }, record);
            }
        }
        keys
    }

    fn add(&mut self, kind: TargetKind, id: Uuid, key: Key) {
        self.targets.insert(Target { kind, id }, TargetRecord { kind, key: Some(key), step_no: None });
    }

    fn target(&self, target: Target) -> Result<TargetRecord> {
        let unknown =
            || Error::internal(anyhow::anyhow!("a relation bears on {target:?}, which is not in its topic"));
        self.targets.get(&target).cloned().ok_or_else(unknown)
    }
}

/// The topic of a debate, unless moderators took it out of sight.
async fn find_shown(db: &impl ConnectionTrait, slug: &str) -> Result<topic::Model> {
    let found = topic::Entity::find().filter(topic::Column::Slug.eq(slug)).one(db).await?;
    let found = found.ok_or_else(Error::not_found)?;
    if found.status.is_out_of_sight() {
        return Err(
            Code::TopicNotOpen.error("Moderators took this topic out of sight: put it back to export it.")
        );
    }
    Ok(found)
}

/// Reads a debate in one snapshot, as the document that a file holds.
///
/// # Errors
/// 404 where there is no such topic.
pub(super) async fn document(app: &App, slug: &str, extent: Extent) -> Result<DebateFile> {
    let db = app.snapshot().await?;
    let stored = topics::read(&db, find_shown(&db, slug).await?, true).await?;
    let id = stored.topic.id;
    let posts = post::Entity::find()
        .filter(post::Column::TopicId.eq(id))
        .order_by_asc(post::Column::CreatedAt)
        .order_by_asc(post::Column::Id)
        .all(&db)
        .await?;
    let relations = relation::Entity::find()
        .filter(relation::Column::TopicId.eq(id))
        // As readers see them; those that were withdrawn keep the place they had.
        .order_by_asc(relation::Column::Position)
        .order_by_asc(relation::Column::CreatedAt)
        .order_by_asc(relation::Column::Id)
        .all(&db)
        .await?;
    let effects =
        stance_effect::Entity::find().filter(stance_effect::Column::TopicId.eq(id)).all(&db).await?;
    let in_topic = || {
        use sea_orm::{QuerySelect, QueryTrait};
        post::Entity::find()
            .select_only()
            .column(post::Column::Id)
            .filter(post::Column::TopicId.eq(id))
            .into_query()
    };
    let revisions = post_revision::Entity::find()
        .filter(post_revision::Column::PostId.in_subquery(in_topic()))
        .order_by_asc(post_revision::Column::Number)
        .all(&db)
        .await?;
    let votes = if extent.votes {
        vote::Entity::find()
            .filter(vote::Column::PostId.in_subquery(in_topic()))
            // What was taken back on both axes is no opinion, and an import would not keep it.
            .filter(vote::Column::Quality.ne(0).or(vote::Column::Agreement.ne(0)))
            // What does not count here is not to count anywhere else.
            .filter(vote::Column::Nullified.eq(0))
            .all(&db)
            .await?
    } else {
        Vec::new()
    };
    let besides = Named::read(&db, id).await?;
    let said = if extent.credences { Some(Said::read(&db, id).await?) } else { None };
    let mut named: Vec<AccountId> =
        posts.iter().filter(|post| is_there(post)).filter_map(|post| post.author_id).collect();
    named.extend(stored.scenarios.iter().map(|scenario| scenario.scenario.proposer_id));
    named.extend(votes.iter().map(|vote| vote.account_id));
    named.extend(besides.people());
    named.push(stored.topic.author_id);
    let people = account::Entity::find()
        .filter(account::Column::Id.is_in(named))
        .order_by_asc(account::Column::Username)
        .all(&db)
        .await?;
    let mut parts = Parts { keys: Keys::of(&stored), stored: &stored, people: HashMap::new() };
    let mut records = Vec::with_capacity(people.len());
    for account in people {
        let username = stored_username(&account)?;
        let display_name =
            account.display_name.map(|name| name.try_into().map_err(Error::internal)).transpose()?;
        records.push(Person { username: username.clone(), display_name });
        parts.people.insert(account.id, username);
    }
    let mut file = DebateFile {
        format: Format::One,
        people: records,
        author: parts.username(stored.topic.author_id)?,
        created_at: Some(stored.topic.created_at.into()),
        topic: stored.content()?,
        closing_summary: stored
            .topic
            .closing_summary
            .clone()
            .map(|text| text.try_into().map_err(Error::internal))
            .transpose()?,
        scenario_set: parts.scenario_set()?,
        posts: parts.posts(posts, relations, effects, revisions)?,
        brought: parts.brought()?,
        votes: parts.votes(votes)?,
        scenario_proposals: parts.proposals(&besides)?,
        implications: parts.implications(&besides)?,
        reference_classes: parts.reference_classes(&besides)?,
        credences: Vec::new(),
        meta_predictions: Vec::new(),
        step_credences: Vec::new(),
        inevitability: Vec::new(),
        checkpoint_credences: Vec::new(),
        mind_changes: Vec::new(),
        forecasts: Vec::new(),
        criterion_ratings: Vec::new(),
        cotenability_flags: Vec::new(),
        kind_disputes: Vec::new(),
        outcome_likelihoods: Vec::new(),
    };
    if let Some(said) = said {
        parts.say(said, &besides.implication_keys(), &mut file)?;
    }
    Ok(file)
}

fn is_there(post: &post::Model) -> bool {
    post.status == PostStatus::Visible
}

fn stored_username(account: &account::Model) -> Result<Username> {
    account.username.clone().try_into().map_err(Error::internal)
}

/// What belongs to one post.
type Belongings = (Vec<relation::Model>, Vec<stance_effect::Model>, Vec<post_revision::Model>);

struct Parts<'a> {
    keys: Keys,
    stored: &'a StoredTopic,
    people: HashMap<AccountId, Username>,
}

impl Parts<'_> {
    fn username(&self, id: AccountId) -> Result<Username> {
        let unknown = || Error::internal(anyhow::anyhow!("account {id} is named and not there"));
        self.people.get(&id).cloned().ok_or_else(unknown)
    }

    fn scenario_set(&self) -> Result<ScenarioSet> {
        let record = |scenario: &crate::entity::scenario::Model| {
            Ok(ScenarioRecord {
                scenario: numbered("scenario", scenario.position.into()),
                proposer: self.username(scenario.proposer_id)?,
                introduced_in_version: scenario.introduced_in_version,
                retired_in_version: scenario.retired_in_version,
                merged_into: scenario.merged_into.and_then(|id| self.stored.scenario_key(id)),
            })
        };
        let history =
            self.stored.scenarios.iter().map(|stored| record(&stored.scenario)).collect::<Result<_>>()?;
        let topic = &self.stored.topic;
        let version = |row: &crate::entity::scenario_set_version::Model| VersionRecord {
            version: row.version,
            change: row.change,
            comparable: row.comparable,
            created_at: row.created_at.into(),
        };
        let differs = topic.comparable_since != topic.scenario_set_version;
        Ok(ScenarioSet {
            version: topic.scenario_set_version,
            comparable_since: differs.then_some(topic.comparable_since),
            versions: self.stored.set_versions.iter().map(version).collect(),
            history,
        })
    }

    fn scenario_key(&self, id: ScenarioId) -> Result<Key> {
        let unknown = || Error::internal(anyhow::anyhow!("scenario {id} is named and not in its topic"));
        self.stored.scenario_key(id).ok_or_else(unknown)
    }

    /// The place of a scenario among those of the topic.
    fn place(&self, id: ScenarioId) -> Option<i16> {
        let found = self.stored.scenarios.iter().find(|stored| stored.scenario.id == id);
        found.map(|stored| stored.scenario.position)
    }

    fn posts(
        &mut self,
        posts: Vec<post::Model>,
        relations: Vec<relation::Model>,
        effects: Vec<stance_effect::Model>,
        revisions: Vec<post_revision::Model>,
    ) -> Result<Vec<PostRecord>> {
        let mut by_post: HashMap<PostId, Belongings> = HashMap::new();
        for relation in relations {
            by_post.entry(relation.post_id).or_default().0.push(relation);
        }
        for effect in effects {
            by_post.entry(effect.post_id).or_default().1.push(effect);
        }
        for revision in revisions {
            by_post.entry(revision.post_id).or_default().2.push(revision);
        }
        let mut records = Vec::with_capacity(posts.len());
        let mut keys: HashMap<PostId, Key> = HashMap::new();
        for (number, post) in (1..).zip(posts) {
            let key = Key::numbered("post", number);
            keys.insert(post.id, key.clone());
            let (relations, effects, revisions) = by_post.remove(&post.id).unwrap_or_default();
            records.push(self.post(&post, &key, &keys, relations, effects, revisions)?);
        }
        Ok(records)
    }

    fn post(
        &mut self,
        post: &post::Model,
        key: &Key,
        keys: &HashMap<PostId, Key>,
        relations: Vec<relation::Model>,
        effects: Vec<stance_effect::Model>,
        revisions: Vec<post_revision::Model>,
    ) -> Result<PostRecord> {
        let there = is_there(post);
        let mut relation_records = Vec::with_capacity(relations.len());
        let mut new_keys = vec![(TargetKind::Post, post.id.0, key.clone())];
        for (number, relation) in (1..).zip(relations) {
            let relation_key = Key::numbered(&format!("{}.relation", key.as_str()), number);
            relation_records.push(RelationRecord {
                key: relation_key.clone(),
                relation_type: relation.relation_type,
                target: self.keys.target(target_of(&relation))?,
                p_if_true: points(relation.p_if_true)?,
                p_if_false: points(relation.p_if_false)?,
                claimed_test_kind: relation.claimed_test_kind,
                created_at: (relation.created_at != post.created_at).then(|| relation.created_at.into()),
                withdrawn_at: relation.withdrawn_at.map(Into::into),
                by_moderator: relation.by_moderator,
            });
            new_keys.push((TargetKind::Relation, relation.id.0, relation_key));
        }
        let revision_records = if there && revisions.len() > 1 {
            revisions.into_iter().map(|revision| self.revision(revision)).collect::<Result<_>>()?
        } else {
            Vec::new()
        };
        let stance_effects: BTreeMap<Key, StanceRecord> = effects
            .into_iter()
            .filter(|_| there)
            .filter_map(|effect| {
                let scenario = self.stored.scenario_key(effect.scenario_id)?;
                Some((scenario.clone(), StanceRecord { scenario, direction: effect.direction }))
            })
            .collect();
        // Only now: nothing bears on its own post.
        for (kind, id, key) in new_keys {
            self.keys.add(kind, id, key);
        }
        let author = if there { post.author_id.map(|id| self.username(id)).transpose()? } else { None };
        let body = if there { Some(post.body.clone().try_into().map_err(Error::internal)?) } else { None };
        Ok(PostRecord {
            key: key.clone(),
            author,
            parent: post.parent_id.and_then(|parent| keys.get(&parent).cloned()),
            body,
            citation_status: post.citation_status,
            criterion: post.criterion,
            relations: relation_records,
            stance_effects: stance_effects.into_values().collect(),
            citations: if there { self.stored.post_citations(post.id)? } else { Vec::new() },
            created_at: Some(post.created_at.into()),
            revisions: revision_records,
            duplicate_of: post.duplicate_of.and_then(|of| keys.get(&of).cloned()),
        })
    }

    fn revision(&self, revision: post_revision::Model) -> Result<RevisionRecord> {
        #[derive(serde::Deserialize)]
        struct Recorded {
            #[serde(rename = "type")]
            relation_type: RelationType,
            target: Target,
        }
        let recorded: Vec<Recorded> = serde_json::from_value(revision.relations).map_err(Error::internal)?;
        let relations = recorded.into_iter().map(|recorded| {
            Ok(RecordedRelation {
                relation_type: recorded.relation_type,
                target: self.keys.target(recorded.target)?,
            })
        });
        Ok(RevisionRecord {
            body: revision.body.try_into().map_err(Error::internal)?,
            relations: relations.collect::<Result<_>>()?,
            created_at: revision.created_at.into(),
            by_moderator: revision.by_moderator,
        })
    }

    fn brought(&self) -> Result<Vec<BroughtRecord>> {
        let bibliography = &self.stored.bibliography;
        let source = |source: &crate::entity::source::Model| {
            let entry = BibliographyKey::Source(numbered("source", source.position));
            source.brought_by_post_id.map(|post| (entry, post))
        };
        let quotation = |quotation: &crate::entity::quotation::Model| {
            let entry = BibliographyKey::Quotation(numbered("quotation", quotation.position));
            quotation.brought_by_post_id.map(|post| (entry, post))
        };
        let sources = bibliography.sources.iter().filter_map(source);
        let brought = sources.chain(bibliography.quotations.iter().filter_map(quotation));
        brought.map(|(entry, post)| Ok(BroughtRecord { entry, by: self.post_key(post)? })).collect()
    }

    fn post_key(&self, id: PostId) -> Result<Key> {
        let key = self.keys.target(Target { kind: TargetKind::Post, id: id.0 })?.key;
        key.ok_or_else(|| Error::internal(anyhow::anyhow!("post {id} has no key")))
    }

    fn votes(&self, votes: Vec<vote::Model>) -> Result<Vec<VoteRecord>> {
        let mut records = Vec::with_capacity(votes.len());
        for vote in votes {
            records.push(VoteRecord {
                post: self.post_key(vote.post_id)?,
                voter: self.username(vote.account_id)?,
                quality: i8::try_from(vote.quality).map_err(Error::internal)?,
                agreement: i8::try_from(vote.agreement).map_err(Error::internal)?,
                cast_at: Some(vote.updated_at.into()),
            });
        }
        records.sort_by(|a, b| (&a.post, &a.voter).cmp(&(&b.post, &b.voter)));
        Ok(records)
    }
}

fn points(stored: Option<i32>) -> Result<Option<BasisPoints>> {
    stored.map(BasisPoints::stored).transpose()
}
