//! Judging a post, or somebody new, by a rule.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use chrono::TimeDelta;
use regex::Regex;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::condition::{Bounds, Condition, NearDuplicates};
use super::fingerprint::{distance, fingerprint};
use super::list::{List, Word, link_domains, mentions, words};
use super::{RuleAction, RuleContent, RuleEffect, RuleMode, RuleTrigger, RuleVersion};
use crate::clock::Time;
use crate::ids::{AccountId, AutomationRuleId, ListSetId, PostId, TopicId};
use crate::invalid::Invalid;
use crate::sources::rules::CitationStatus;

/// The text of a post, taken apart.
#[derive(Debug, Clone)]
pub struct Text {
    body: String,
    words: Vec<Word>,
    /// Where its links lead; none where a link names no domain.
    domains: Vec<Option<String>>,
    mentions: u32,
    length: u32,
}

impl Text {
    /// Of a text and its HTML, as this server makes it.
    pub fn read(body: String, body_html: &str) -> Self {
        Self {
            words: words(&body),
            domains: link_domains(body_html),
            mentions: mentions(&body),
            length: number(body.chars().count()),
            body,
        }
    }
}

/// A post that says nearly the same as another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Similar {
    /// The post.
    pub post_id: PostId,
    /// Who wrote it.
    pub author_id: AccountId,
    /// When it said so first.
    pub at: Time,
    /// In how many bits their fingerprints differ.
    pub distance: u32,
}

/// What is known of whoever wrote a post, or signed up.
#[derive(Debug, Clone)]
pub struct Person {
    /// Their account.
    pub id: AccountId,
    /// How old it is, in full days.
    pub age_days: u32,
    /// Their level of trust.
    pub trust_level: i16,
    /// Whether they were granted anything.
    pub is_staff: bool,
    /// How many other posts of theirs are there.
    pub visible_posts: u32,
    /// From where they signed in of late, as far as that is kept.
    pub addresses: Vec<IpAddr>,
    /// Their address of mail, as sets have it; none where they gave none.
    pub email_hash: Option<String>,
    /// Their names, as they are compared.
    pub names: Vec<String>,
}

/// What is known of a post and of its author when the post is judged.
#[derive(Debug, Clone)]
pub struct Facts {
    /// At what.
    pub trigger: RuleTrigger,
    /// When.
    pub now: Time,
    /// What it says.
    pub text: Text,
    /// Whether it says where it has things from.
    pub citation_status: CitationStatus,
    /// Its topic.
    pub topic_id: TopicId,
    /// The tags of that.
    pub tags: Vec<String>,
    /// Who wrote it.
    pub author: Person,
    /// When they posted before within the last hour, the last first.
    pub posted: Vec<Time>,
    /// Posts that say nearly the same, without this one.
    pub similar: Vec<Similar>,
    /// How many people have reported it.
    pub reporters: u32,
}

impl Facts {
    /// Of somebody who signed up: there is no post, and rules that are asked then ask for nothing of one.
    pub fn of_sign_up(now: Time, who: Person) -> Self {
        Self {
            trigger: RuleTrigger::SignedUp,
            now,
            text: Text::read(String::new(), ""),
            citation_status: CitationStatus::Uncited,
            topic_id: TopicId(Uuid::nil()),
            tags: Vec::new(),
            author: who,
            posted: Vec::new(),
            similar: Vec::new(),
            reporters: 0,
        }
    }
}

/// Why a condition holds: where it stands in the rule, and what of the post it is about, by place or number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HitReason {
    /// The condition, such as `when.all[0].pattern`.
    pub condition: String,
    /// Where in the text it begins, in characters from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub start: Option<u32>,
    /// Where it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub end: Option<u32>,
    /// What was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub number: Option<u32>,
    /// The first ten posts that say nearly the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub posts: Vec<PostId>,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Links,
    Mentions,
    Length,
    AuthorAgeDays,
    TrustLevel,
    VisiblePosts,
}

impl Measure {
    fn of(self, facts: &Facts) -> u32 {
        match self {
            Self::Links => number(facts.text.domains.len()),
            Self::Mentions => facts.text.mentions,
            Self::Length => facts.text.length,
            Self::AuthorAgeDays => facts.author.age_days,
            Self::TrustLevel => facts.author.trust_level.try_into().unwrap_or_default(),
            Self::VisiblePosts => facts.author.visible_posts,
        }
    }
}

/// A condition, ready to be asked, with the place where it stands.
#[derive(Debug)]
enum Test {
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    Asks(String, Question),
}

#[derive(Debug)]
enum Question {
    Tag(String),
    Topic(TopicId),
    Pattern(Regex),
    WordOf(Arc<List>),
    DomainOf(Arc<List>),
    CitationStatus(Vec<CitationStatus>),
    Count(Measure, Bounds),
    NetworkOf(Arc<List>),
    EmailOf(Arc<List>),
    NameOf(Arc<List>),
    NearDuplicates(NearDuplicates),
}

/// The sets that rules look into.
pub type Lists = HashMap<ListSetId, Arc<List>>;

impl Test {
    fn of(condition: &Condition, place: &str, lists: &Lists) -> Result<Self, Invalid> {
        let inside = |name: &str, list: &[Condition]| {
            let test = |(i, condition)| Self::of(condition, &format!("{place}.{name}[{i}]"), lists);
            list.iter().enumerate().map(test).collect::<Result<Vec<_>, _>>()
        };
        // A set that is gone has no values.
        let list = |id: &ListSetId| lists.get(id).cloned().unwrap_or_default();
        let question = match condition {
            Condition::All(list) => return Ok(Self::All(inside("all", list)?)),
            Condition::Any(list) => return Ok(Self::Any(inside("any", list)?)),
            Condition::Not(condition) => {
                return Ok(Self::Not(Box::new(Self::of(condition, &format!("{place}.not"), lists)?)));
            }
            Condition::Tag(tag) => Question::Tag(tag.as_str().to_owned()),
            Condition::Topic(id) => Question::Topic(*id),
            Condition::Pattern(pattern) => Question::Pattern(pattern.pattern.compile(pattern.ignore_case)?),
            Condition::WordOf(id) => Question::WordOf(list(id)),
            Condition::DomainOf(id) => Question::DomainOf(list(id)),
            Condition::CitationStatus(of) => Question::CitationStatus(of.clone()),
            Condition::Links(bounds) => Question::Count(Measure::Links, *bounds),
            Condition::Mentions(bounds) => Question::Count(Measure::Mentions, *bounds),
            Condition::Length(bounds) => Question::Count(Measure::Length, *bounds),
            Condition::AuthorAgeDays(bounds) => Question::Count(Measure::AuthorAgeDays, *bounds),
            Condition::TrustLevel(bounds) => Question::Count(Measure::TrustLevel, *bounds),
            Condition::VisiblePosts(bounds) => Question::Count(Measure::VisiblePosts, *bounds),
            Condition::NetworkOf(id) => Question::NetworkOf(list(id)),
            Condition::EmailOf(id) => Question::EmailOf(list(id)),
            Condition::NameOf(id) => Question::NameOf(list(id)),
            Condition::NearDuplicates(near) => Question::NearDuplicates(*near),
        };
        Ok(Self::Asks(format!("{place}.{}", condition.name()), question))
    }

    /// Whether it holds; the reasons are added to a list.
    fn holds(&self, facts: &Facts, reasons: &mut Vec<HitReason>) -> bool {
        match self {
            Self::All(list) => {
                let before = reasons.len();
                let all = list.iter().all(|test| test.holds(facts, reasons));
                if !all {
                    reasons.truncate(before);
                }
                all
            }
            // All of them, since each is a reason.
            Self::Any(list) => list.iter().filter(|test| test.holds(facts, reasons)).count() > 0,
            // That something is not there has no place.
            Self::Not(test) => !test.holds(facts, &mut Vec::new()),
            Self::Asks(place, question) => match question.answer(facts) {
                Some(reason) => {
                    reasons.push(HitReason { condition: place.clone(), ..reason });
                    true
                }
                None => false,
            },
        }
    }

    fn any(&self, is_wanted: &impl Fn(&Question) -> bool) -> bool {
        match self {
            Self::All(list) | Self::Any(list) => list.iter().any(|test| test.any(is_wanted)),
            Self::Not(test) => test.any(is_wanted),
            Self::Asks(_, question) => is_wanted(question),
        }
    }

    fn near(&self) -> Option<NearDuplicates> {
        match self {
            Self::All(list) | Self::Any(list) => list.iter().filter_map(Self::near).reduce(wider),
            Self::Not(test) => test.near(),
            Self::Asks(_, Question::NearDuplicates(near)) => Some(*near),
            Self::Asks(..) => None,
        }
    }
}

/// What looks as far back and as far apart as either.
fn wider(one: NearDuplicates, other: NearDuplicates) -> NearDuplicates {
    NearDuplicates { hours: one.hours.max(other.hours), distance: one.distance.max(other.distance), ..one }
}

impl Question {
    /// The reason, where the answer is yes.
    fn answer(&self, facts: &Facts) -> Option<HitReason> {
        let text = &facts.text;
        let there = |(start, end)| HitReason { start: Some(start), end: Some(end), ..HitReason::default() };
        let plainly = |holds: bool| holds.then(HitReason::default);
        match self {
            Self::Tag(tag) => plainly(facts.tags.contains(tag)),
            Self::Topic(id) => plainly(facts.topic_id == *id),
            Self::CitationStatus(of) => plainly(of.contains(&facts.citation_status)),
            // The first place only: to find all of them is not linear.
            Self::Pattern(pattern) => pattern.find(&text.body).map(|found| {
                let chars = |end: usize| number(text.body[..end].chars().count());
                there((chars(found.start()), chars(found.end())))
            }),
            Self::WordOf(list) => list.first_of(&text.words, facts.now).map(there),
            Self::DomainOf(list) => {
                let is_in = |domain: &&String| list.has_domain(domain, facts.now);
                let count = text.domains.iter().flatten().filter(is_in).count();
                (count > 0).then(|| HitReason { number: Some(number(count)), ..HitReason::default() })
            }
            Self::Count(measure, bounds) => {
                let count = measure.of(facts);
                bounds.hold(count).then(|| HitReason { number: Some(count), ..HitReason::default() })
            }
            // That it is so, and not by which of them: what somebody is known by is not kept with the hit.
            Self::NetworkOf(list) => {
                plainly(facts.author.addresses.iter().any(|address| list.has_address(*address, facts.now)))
            }
            Self::EmailOf(list) => {
                plainly(facts.author.email_hash.as_ref().is_some_and(|hash| list.has(hash, facts.now)))
            }
            Self::NameOf(list) => {
                plainly(facts.author.names.iter().any(|name| list.has_name(name, facts.now)))
            }
            Self::NearDuplicates(near) => near_duplicates(*near, facts),
        }
    }
}

fn near_duplicates(near: NearDuplicates, facts: &Facts) -> Option<HitReason> {
    let since = facts.now - TimeDelta::hours(near.hours.into());
    let like: Vec<_> =
        facts.similar.iter().filter(|post| post.at > since && post.distance <= near.distance).collect();
    let mut people: Vec<_> = like.iter().map(|post| post.author_id).chain([facts.author.id]).collect();
    people.sort_unstable();
    people.dedup();
    let posts = number(like.len() + 1);
    (posts >= near.posts && number(people.len()) >= near.accounts).then(|| HitReason {
        number: Some(posts),
        posts: like.iter().take(10).map(|post| post.post_id).collect(),
        ..HitReason::default()
    })
}

fn number(count: usize) -> u32 {
    count.try_into().unwrap_or(u32::MAX)
}

/// A version of a rule, ready to judge by.
#[derive(Debug)]
pub struct Rule {
    /// The rule.
    pub id: AutomationRuleId,
    /// Its version.
    pub version: i32,
    /// Whether it is applied.
    pub mode: RuleMode,
    /// What it consists of.
    pub content: RuleContent,
    test: Test,
}

impl Rule {
    /// Makes it ready.
    ///
    /// # Errors
    /// It has a pattern that this server refuses.
    pub fn new(
        id: AutomationRuleId,
        version: i32,
        mode: RuleMode,
        content: RuleContent,
        lists: &Lists,
    ) -> Result<Self, Invalid> {
        let test = Test::of(&content.when, "when", lists)?;
        Ok(Self { id, version, mode, content, test })
    }

    /// What it has to say to a post or to somebody new, whichever mode it is in: a hit where it meets them.
    pub fn judge(&self, facts: &Facts) -> Option<Hit> {
        let RuleContent { triggers, exempt, action, .. } = &self.content;
        let is_asked = match facts.trigger {
            RuleTrigger::NthReport => triggers.nth_report.is_some_and(|n| facts.reporters >= n),
            trigger => triggers.has(trigger),
        };
        let is_exempt = exempt.staff && facts.author.is_staff
            || exempt.trust_level.is_some_and(|level| facts.author.trust_level >= level);
        if !is_asked || is_exempt {
            return None;
        }
        let retry_at = match action {
            RuleAction::RateLimit(rate) => {
                let since = facts.now - TimeDelta::hours(1);
                // The oldest of those that fill the hour makes room when it is an hour old.
                let most = usize::try_from(rate.posts_per_hour).unwrap_or(usize::MAX).saturating_sub(1);
                let full = facts.posted.get(most).filter(|at| **at > since)?;
                Some(*full + TimeDelta::hours(1))
            }
            RuleAction::Filter | RuleAction::Queue => None,
        };
        let mut reasons = Vec::new();
        let holds = self.test.holds(facts, &mut reasons);
        holds.then(|| Hit {
            rule: RuleVersion { id: self.id, version: self.version },
            mode: self.mode,
            trigger: facts.trigger,
            action: *action,
            reasons,
            retry_at,
            explanation: self.content.explanation.to_string(),
            policy_rule: self.content.policy_rule.to_string(),
        })
    }
}

/// That a rule meets a post, or somebody new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The rule.
    pub rule: RuleVersion,
    /// Whether it is applied.
    pub mode: RuleMode,
    /// At what.
    pub trigger: RuleTrigger,
    /// What it would do.
    pub action: RuleAction,
    /// Why.
    pub reasons: Vec<HitReason>,
    /// When its author may post again, where that is what it is about.
    pub retry_at: Option<Time>,
    /// What people are told.
    pub explanation: String,
    /// The code of the rule of the site that it serves.
    pub policy_rule: String,
}

impl Hit {
    /// What is done, in the transaction that notes the hit or not at all.
    pub fn did(&self) -> RuleEffect {
        match (self.mode, self.action) {
            (RuleMode::Off | RuleMode::Shadow, _) => RuleEffect::Nothing,
            (RuleMode::Enforce, RuleAction::RateLimit(_)) => RuleEffect::Refused,
            (RuleMode::Enforce, RuleAction::Filter) => RuleEffect::Filtered,
            (RuleMode::Enforce, RuleAction::Queue) => RuleEffect::Queued,
        }
    }

    /// What whoever it meets is told.
    pub fn told(&self) -> String {
        let RuleVersion { id, version } = self.rule;
        format!(
            "{} (Applied without a human: rule {id}, version {version}, which serves the rule `{}` of the site.)",
            self.explanation, self.policy_rule
        )
    }
}

/// What the rules in a book ask for beyond the post itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by itself")]
pub struct Wants {
    /// How many posts their authors have.
    pub visible_posts: bool,
    /// When their authors posted before.
    pub posted: bool,
    /// Whether one of them may refuse a post for that.
    pub refuses: bool,
    /// From where their authors signed in.
    pub addresses: bool,
    /// The addresses of mail of their authors.
    pub emails: bool,
    /// The names of their authors.
    pub names: bool,
    /// The posts that say nearly the same: within how many hours, and how far apart.
    pub near: Option<(u32, u32)>,
}

/// The rules that are applied, as they were at one moment.
#[derive(Debug)]
pub struct RuleBook {
    /// Which moment: the number of changes that there had been.
    pub stamp: i64,
    /// The rules.
    pub rules: Vec<Rule>,
}

impl Default for RuleBook {
    fn default() -> Self {
        // Before the first change, so that the first post asks for the rules.
        Self { stamp: -1, rules: Vec::new() }
    }
}

impl RuleBook {
    /// What its rules ask for at this trigger.
    pub fn wants(&self, trigger: RuleTrigger) -> Wants {
        let mut wants = Wants::default();
        for rule in self.rules.iter().filter(|rule| rule.content.triggers.has(trigger)) {
            wants = wants.and(rule.wants());
        }
        wants
    }

    /// What its rules have to say to a post, or to somebody new.
    pub fn judge(&self, facts: &Facts) -> Vec<Hit> {
        self.rules.iter().filter_map(|rule| rule.judge(facts)).collect()
    }
}

impl Wants {
    fn and(self, other: Self) -> Self {
        Self {
            visible_posts: self.visible_posts || other.visible_posts,
            posted: self.posted || other.posted,
            refuses: self.refuses || other.refuses,
            addresses: self.addresses || other.addresses,
            emails: self.emails || other.emails,
            names: self.names || other.names,
            near: match (self.near, other.near) {
                (Some(one), Some(other)) => Some((one.0.max(other.0), one.1.max(other.1))),
                (one, other) => one.or(other),
            },
        }
    }
}

impl Rule {
    /// What it asks for beyond the post itself.
    pub fn wants(&self) -> Wants {
        let counts = |question: &Question| matches!(question, Question::Count(Measure::VisiblePosts, _));
        let limits = matches!(self.content.action, RuleAction::RateLimit(_));
        Wants {
            visible_posts: self.test.any(&counts),
            posted: limits,
            refuses: limits && self.mode == RuleMode::Enforce,
            addresses: self.test.any(&|question| matches!(question, Question::NetworkOf(_))),
            emails: self.test.any(&|question| matches!(question, Question::EmailOf(_))),
            names: self.test.any(&|question| matches!(question, Question::NameOf(_))),
            near: self.test.near().map(|near| (near.hours, near.distance)),
        }
    }
}

/// The posts before one, as a trial walks through them in order: what later ones may resemble or follow too soon.
#[derive(Debug, Default)]
pub struct Past {
    prints: Vec<(PostId, AccountId, Time, u64)>,
    posted: HashMap<AccountId, Vec<Time>>,
}

impl Past {
    /// The posts in the past that say nearly the same.
    pub fn similar(&self, body: &str, now: Time, (hours, most): (u32, u32)) -> Vec<Similar> {
        let Some(print) = fingerprint(body) else { return Vec::new() };
        let since = now - TimeDelta::hours(hours.into());
        let similar = |&(post_id, author_id, at, other): &(PostId, AccountId, Time, u64)| {
            let distance = distance(print, other);
            (at > since && at <= now && distance <= most).then_some(Similar {
                post_id,
                author_id,
                at,
                distance,
            })
        };
        self.prints.iter().filter_map(similar).collect()
    }

    /// When somebody posted within the hour before, the last first.
    pub fn posted(&self, author: AccountId, now: Time) -> Vec<Time> {
        let since = now - TimeDelta::hours(1);
        let all = self.posted.get(&author).map_or(&[][..], Vec::as_slice);
        all.iter().rev().copied().filter(|at| *at > since && *at <= now).take(100).collect()
    }

    /// Goes on to the next post.
    pub fn add(&mut self, post: PostId, author: AccountId, at: Time, body: &str) {
        self.posted.entry(author).or_default().push(at);
        if let Some(print) = fingerprint(body) {
            self.prints.push((post, author, at, print));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::automation::rules::SetKind;
    use crate::decisions::rules::ActionKind;
    use crate::ids::RuleHitId;
    use crate::markdown;
    use crate::policy::{Authority, Permit};

    fn now() -> Time {
        "2026-01-15T12:00:00Z".parse().unwrap()
    }

    fn account(n: u128) -> AccountId {
        AccountId(Uuid::from_u128(n))
    }

    fn facts(body: &str) -> Facts {
        Facts {
            trigger: RuleTrigger::PostCreated,
            now: now(),
            text: Text::read(body.to_owned(), &markdown::render(body)),
            citation_status: CitationStatus::Uncited,
            topic_id: TopicId(Uuid::from_u128(1)),
            tags: vec!["armada".to_owned()],
            author: Person {
                id: account(1),
                age_days: 3,
                trust_level: 1,
                is_staff: false,
                visible_posts: 7,
                addresses: ["203.0.113.7", "2001:db8::7"].map(|address| address.parse().unwrap()).to_vec(),
                email_hash: Some("ab12".to_owned()),
                names: ["ada.lovelace", "countess of l"].map(str::to_owned).to_vec(),
            },
            posted: Vec::new(),
            similar: Vec::new(),
            reporters: 0,
        }
    }

    fn set(n: u128) -> ListSetId {
        ListSetId(Uuid::from_u128(n))
    }

    fn rule_with(changes: &Value) -> Rule {
        let mut content = json!({
            "name": "A rule", "explanation": "What it is good for.", "policy_rule": "spam",
            "triggers": { "post_created": true }, "when": { "tag": "armada" }, "action": "queue", "exempt": {},
        });
        content.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let values = |kind, value: &str| Arc::new(List::new(kind, [(value.to_owned(), None)]));
        let lists = [
            (set(1), values(SetKind::Words, "spam")),
            (set(2), values(SetKind::Domains, "example.com")),
            (set(4), values(SetKind::Networks, "203.0.113.0/24")),
            (set(5), values(SetKind::EmailHashes, "ab12")),
            (set(6), values(SetKind::NamePatterns, "count*of l")),
        ];
        let lists = lists.into_iter().collect();
        let id = AutomationRuleId(Uuid::from_u128(9));
        Rule::new(id, 1, RuleMode::Shadow, serde_json::from_value(content).unwrap(), &lists).unwrap()
    }

    fn holds(when: &Value, facts: &Facts) -> bool {
        rule_with(&json!({ "when": when })).judge(facts).is_some()
    }

    #[test]
    fn each_condition_holds_where_it_should() {
        let text = "Café @bob: spam at https://www.example.com and https://example.org!";
        let facts = facts(text);
        for (when, expected) in [
            (json!({ "tag": "armada" }), true),
            (json!({ "tag": "cold-war" }), false),
            (json!({ "topic": Uuid::from_u128(1) }), true),
            (json!({ "topic": Uuid::from_u128(2) }), false),
            (json!({ "pattern": { "pattern": "SPAM" } }), false),
            (json!({ "pattern": { "pattern": "SPAM", "ignore_case": true } }), true),
            (json!({ "word_of": set(1) }), true),
            (json!({ "word_of": set(3) }), false),
            (json!({ "domain_of": set(2) }), true),
            (json!({ "domain_of": set(3) }), false),
            (json!({ "citation_status": ["uncited", "source_forgotten"] }), true),
            (json!({ "citation_status": ["cited"] }), false),
            (json!({ "links": { "at_least": 2, "at_most": 2 } }), true),
            (json!({ "links": { "at_least": 3 } }), false),
            (json!({ "mentions": { "at_least": 1 } }), true),
            (json!({ "mentions": { "at_least": 2 } }), false),
            (json!({ "length": { "at_most": 67 } }), true),
            (json!({ "length": { "at_most": 66 } }), false),
            (json!({ "author_age_days": { "at_most": 3 } }), true),
            (json!({ "author_age_days": { "at_most": 2 } }), false),
            (json!({ "trust_level": { "at_most": 1 } }), true),
            (json!({ "trust_level": { "at_least": 2 } }), false),
            (json!({ "visible_posts": { "at_most": 7 } }), true),
            (json!({ "visible_posts": { "at_most": 6 } }), false),
            (json!({ "network_of": set(4) }), true),
            (json!({ "network_of": set(3) }), false),
            (json!({ "email_of": set(5) }), true),
            (json!({ "email_of": set(3) }), false),
            (json!({ "name_of": set(6) }), true),
            (json!({ "name_of": set(3) }), false),
        ] {
            assert_eq!(holds(&when, &facts), expected, "{when}");
            assert_eq!(holds(&json!({ "not": when }), &facts), !expected, "not {when}");
            let never = json!({ "tag": "never" });
            assert_eq!(holds(&json!({ "any": [never, when] }), &facts), expected, "any of {when}");
            let always = json!({ "tag": "armada" });
            assert_eq!(holds(&json!({ "all": [always, when] }), &facts), expected, "all of {when}");
        }
    }

    #[test]
    fn reasons_say_where_and_nothing_of_what_is_written() {
        let rule = rule_with(&json!({ "when": { "all": [
            { "any": [
                { "all": [{ "tag": "armada" }, { "tag": "never" }] },
                { "pattern": { "pattern": "s.am" } }, { "word_of": set(1) }, { "tag": "never" },
            ] },
            { "links": { "at_most": 0 } },
            { "not": { "tag": "never" } },
        ] } }));
        let hit = rule.judge(&facts("\u{e9}\u{e9} spam")).unwrap();
        assert_eq!(
            serde_json::to_value(&hit.reasons).unwrap(),
            json!([
                { "condition": "when.all[0].any[1].pattern", "start": 3, "end": 7 },
                { "condition": "when.all[0].any[2].word_of", "start": 3, "end": 7 },
                { "condition": "when.all[1].links", "number": 0 },
            ])
        );
    }

    #[test]
    fn d3_what_somebody_is_known_by_is_asked_for_where_it_is_wanted_and_not_told() {
        let rule = rule_with(&json!({ "triggers": { "signed_up": true }, "when": { "all": [
            { "network_of": set(4) }, { "email_of": set(5) }, { "not": { "not": { "name_of": set(6) } } },
        ] } }));
        let wants = rule.wants();
        assert_eq!(
            (wants.addresses, wants.emails, wants.names, wants.visible_posts),
            (true, true, true, false)
        );
        let none = rule_with(&json!({})).wants();
        assert_eq!((none.addresses, none.emails, none.names), (false, false, false));
        let book = RuleBook { stamp: 1, rules: vec![rule] };
        assert_eq!(book.wants(RuleTrigger::SignedUp), wants);
        assert_eq!(book.wants(RuleTrigger::PostCreated), Wants::default());
        let facts = Facts::of_sign_up(now(), facts("").author);
        let hits = book.judge(&facts);
        assert_eq!(
            serde_json::to_value(&hits[0].reasons).unwrap(),
            json!([{ "condition": "when.all[0].network_of" }, { "condition": "when.all[1].email_of" }])
        );
        assert_eq!(book.judge(&Facts { trigger: RuleTrigger::VoteBurst, ..facts }), []);
    }

    #[test]
    fn v7_so_many_posts_of_so_many_people_so_near_and_so_late() {
        let near = |posts: u32, accounts: u32, hours: u32, distance: u32| {
            json!({ "near_duplicates": {
                "posts": posts, "accounts": accounts, "hours": hours, "distance": distance } })
        };
        let mut facts = facts("Whatever.");
        let similar = |n: u128, author: u128, minutes: i64, distance: u32| Similar {
            post_id: PostId(Uuid::from_u128(n)),
            author_id: account(author),
            at: now() - TimeDelta::minutes(minutes),
            distance,
        };
        facts.similar =
            vec![similar(1, 2, 10, 0), similar(2, 2, 20, 3), similar(3, 3, 60, 2), similar(4, 1, 5, 4)];
        for (when, expected) in [
            (near(3, 2, 1, 3), true),
            (near(4, 2, 1, 3), false),
            (near(3, 3, 1, 3), false),
            (near(4, 3, 2, 3), true),
            (near(5, 3, 2, 3), false),
            (near(5, 3, 2, 4), true),
            (near(3, 1, 1, 0), false),
        ] {
            assert_eq!(holds(&when, &facts), expected, "{when}");
        }
    }

    #[test]
    fn whom_a_rule_does_not_meet_is_exempt() {
        let mut facts = facts("Whatever.");
        let meets = |changes: Value, facts: &Facts| rule_with(&changes).judge(facts).is_some();
        facts.author.is_staff = true;
        assert!(!meets(json!({}), &facts));
        assert!(meets(json!({ "exempt": { "staff": false } }), &facts));
        assert!(!meets(json!({ "exempt": { "staff": false, "trust_level": 1 } }), &facts));
        assert!(meets(json!({ "exempt": { "staff": false, "trust_level": 2 } }), &facts));
    }

    #[test]
    fn a_rule_is_applied_at_its_triggers() {
        let meets = |triggers: Value, trigger: RuleTrigger, reporters: u32| {
            let facts = Facts { trigger, reporters, ..facts("Whatever.") };
            rule_with(&json!({ "triggers": triggers })).judge(&facts).is_some()
        };
        let created = json!({ "post_created": true });
        assert!(meets(created.clone(), RuleTrigger::PostCreated, 0));
        assert!(!meets(created.clone(), RuleTrigger::PostRevised, 0));
        assert!(!meets(created.clone(), RuleTrigger::NthReport, 3));
        assert!(!meets(created, RuleTrigger::VoteBurst, 0));
        assert!(meets(json!({ "vote_burst": true }), RuleTrigger::VoteBurst, 0));
        let third = json!({ "nth_report": 3 });
        for (reporters, expected) in [(2, false), (3, true), (4, true)] {
            assert_eq!(meets(third.clone(), RuleTrigger::NthReport, reporters), expected, "{reporters}");
        }
    }

    #[test]
    fn the_oldest_post_of_a_full_hour_makes_room() {
        let rule = rule_with(&json!({ "action": { "rate_limit": { "posts_per_hour": 2 } } }));
        let ago = |minutes: i64| now() - TimeDelta::minutes(minutes);
        let judged = |posted: &[Time]| rule.judge(&Facts { posted: posted.to_vec(), ..facts("Whatever.") });
        assert_eq!(judged(&[]), None);
        assert_eq!(judged(&[ago(1)]), None);
        assert_eq!(judged(&[ago(1), ago(60)]), None);
        assert_eq!(
            judged(&[ago(1), ago(59), ago(60)]).unwrap().retry_at,
            Some(now() + TimeDelta::minutes(1))
        );
    }

    #[test]
    fn only_what_is_enforced_is_done_and_a_rule_has_a_permit_to_hide_and_for_nothing_else() {
        let hit = rule_with(&json!({})).judge(&facts("Whatever.")).unwrap();
        let with = |mode, action| Hit { mode, action, ..hit.clone() };
        let limit = RuleAction::RateLimit(crate::automation::rules::PostingRate { posts_per_hour: 1 });
        let hits = [
            with(RuleMode::Shadow, RuleAction::Filter),
            with(RuleMode::Enforce, RuleAction::Queue),
            with(RuleMode::Enforce, limit),
            with(RuleMode::Enforce, RuleAction::Filter),
        ];
        assert_eq!(
            hits.clone().map(|hit| hit.did()),
            [RuleEffect::Nothing, RuleEffect::Queued, RuleEffect::Refused, RuleEffect::Filtered]
        );
        let permits = hits.map(|hit| Permit::of_rule(RuleHitId(Uuid::from_u128(1)), &hit));
        assert_eq!(permits.each_ref().map(Option::is_some), [false, false, false, true]);
        assert_eq!(Authority::Rule(permits[3].as_ref().unwrap()).kind(), ActionKind::Hide);
    }
}
