//! Rules of automatic moderation without a database: what they consist of, and what they make of a post or of somebody new.

pub mod condition;
pub mod fingerprint;
pub mod judge;
pub mod list;
pub mod pattern;

use sea_orm::Iterable;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::condition::Condition;
use crate::error::Field;
use crate::ids::{AutomationRuleId, ListSetId};
use crate::text::{RuleCode, text, text_enum};

text_enum! {
    /// Whether a rule is applied.
    pub enum RuleMode {
        /// It is not.
        Off = "off",
        /// What it would do is noted, and nothing is done.
        Shadow = "shadow",
        /// It is.
        Enforce = "enforce",
    }
}

text_enum! {
    /// When a post, or somebody new, is judged.
    pub enum RuleTrigger {
        /// Somebody posted it.
        PostCreated = "post_created",
        /// Its author changed it.
        PostRevised = "post_revised",
        /// So many people have reported it.
        NthReport = "nth_report",
        /// Votes on it came in a burst.
        VoteBurst = "vote_burst",
        /// Somebody signed in for the first time.
        SignedUp = "signed_up",
    }
}

text_enum! {
    /// What kind of values a set has.
    pub enum SetKind {
        /// Words, or a few that follow each other.
        Words = "words",
        /// Domains, each for all below it too.
        Domains = "domains",
        /// Networks of addresses that people sign in from.
        Networks = "networks",
        /// Addresses of mail, each as a keyed hash: nobody reads in it which they are.
        EmailHashes = "email_hashes",
        /// Names of people, in which `*` stands for anything.
        NamePatterns = "name_patterns",
    }
}

text_enum! {
    /// What a rule did to a post, or about somebody new.
    pub enum RuleEffect {
        /// Nothing: it is only watched what it would do.
        Nothing = "nothing",
        /// The post was not taken.
        Refused = "refused",
        /// The post was hidden, and moderators asked.
        Filtered = "filtered",
        /// Moderators were asked.
        Queued = "queued",
        /// Nothing: moderators had decided before about this revision, by the same rule of the site.
        AlreadyReviewed = "already_reviewed",
    }
}

/// A rule, as it was at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct RuleVersion {
    /// Which rule.
    pub id: AutomationRuleId,
    /// Which version of it.
    pub version: i32,
}

text! {
    /// What the staff call a rule.
    pub struct RuleName, 3..=80, line;
    /// What people are told whom a rule meets: what is not taken, and why.
    pub struct RuleExplanation, 10..=500, prose;
    /// What the staff call a set.
    pub struct SetName, 3..=80, line;
    /// A value as somebody writes it: a word or a few, a domain, a network, an address of mail, or the pattern of a name.
    pub struct SetValue, 1..=254, line
}

/// When a rule is applied: at one of these or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is said by itself")]
pub struct RuleTriggers {
    /// When somebody posts.
    #[serde(default)]
    pub post_created: bool,
    /// When an author changes a post.
    #[serde(default)]
    pub post_revised: bool,
    /// When so many people have reported a post, or more, 1 to 100.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100)]
    pub nth_report: Option<u32>,
    /// When votes on a post come in a burst. What rules do then is to ask moderators.
    #[serde(default)]
    pub vote_burst: bool,
    /// When somebody signs in for the first time: at nothing else then, and what rules do is to ask moderators.
    #[serde(default)]
    pub signed_up: bool,
}

impl RuleTriggers {
    /// Whether a rule is asked at one of them, however many reports there are.
    pub fn has(self, trigger: RuleTrigger) -> bool {
        match trigger {
            RuleTrigger::PostCreated => self.post_created,
            RuleTrigger::PostRevised => self.post_revised,
            RuleTrigger::NthReport => self.nth_report.is_some(),
            RuleTrigger::VoteBurst => self.vote_burst,
            RuleTrigger::SignedUp => self.signed_up,
        }
    }

    /// Whether a rule is asked about posts.
    fn are_of_posts(self) -> bool {
        RuleTrigger::iter().any(|trigger| trigger != RuleTrigger::SignedUp && self.has(trigger))
    }
}

/// What a rule does. Nothing is harsher than that: more takes a human.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleAction {
    /// Hides the post, and asks moderators.
    Filter,
    /// Asks moderators.
    Queue,
    /// Lets its author post so often and no more.
    RateLimit(PostingRate),
}

/// How often somebody may post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PostingRate {
    /// Posts in an hour, 1 to 100.
    #[schema(minimum = 1, maximum = 100)]
    pub posts_per_hour: u32,
}

/// Whom a rule does not meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleExemption {
    /// Whoever was granted a role or a permission anywhere; so it is where nothing is said.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub staff: bool,
    /// Whoever has this level of trust or a higher one, 1 to 3; nobody where it is null.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 3)]
    pub trust_level: Option<i16>,
}

const fn yes() -> bool {
    true
}

impl Default for RuleExemption {
    fn default() -> Self {
        Self { staff: true, trust_level: None }
    }
}

/// What a rule consists of: one version of it, which never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleContent {
    /// What the staff call it.
    pub name: RuleName,
    /// What people are told whom it meets.
    pub explanation: RuleExplanation,
    /// The code of the rule of the site that it serves.
    pub policy_rule: RuleCode,
    /// When it is applied.
    pub triggers: RuleTriggers,
    /// Which posts it meets.
    pub when: Condition,
    /// What it does then.
    pub action: RuleAction,
    /// Whom it does not meet.
    pub exempt: RuleExemption,
}

impl RuleContent {
    /// What is wrong with it, by itself.
    pub fn check(&self) -> Vec<Field> {
        let mut wrong = self.when.check("when");
        let RuleTriggers { post_created, post_revised, nth_report, vote_burst, signed_up } = self.triggers;
        match (signed_up, self.triggers.are_of_posts()) {
            (false, false) => {
                wrong.push(Field::new("triggers", "missing", "A rule is applied at one of these or more."));
            }
            (true, true) => {
                let detail = "Somebody who signs up has posted nothing: make another rule for posts.";
                wrong.push(Field::new("triggers", "only_signed_up", detail));
            }
            _ => {}
        }
        if signed_up {
            wrong.extend(self.when.of_posts("when").into_iter().map(|place| {
                let detail = "It is about a post, and somebody who signs up has posted nothing.";
                Field::new(place, "does_not_fit", detail)
            }));
        }
        // Whoever votes in a crowd must not have a post hidden by that, and who has said nothing is nobody's to filter.
        if (vote_burst || signed_up) && self.action != RuleAction::Queue {
            let detail =
                "At `vote_burst` and `signed_up` moderators are asked, and nothing else is done: `queue`.";
            wrong.push(Field::new("action", "does_not_fit", detail));
        }
        // Whoever is restricted by law is told which one.
        if self.action == RuleAction::Filter && self.policy_rule.as_str() == "illegal" {
            let detail = "Which law something breaks is for people to say: `queue` it.";
            wrong.push(Field::new("policy_rule", "does_not_fit", detail));
        }
        let mut range = |field: &str, value: Option<i64>, least: i64, most: i64| {
            if value.is_some_and(|value| !(least..=most).contains(&value)) {
                wrong.push(Field::new(field, "out_of_range", format!("From {least} to {most}.")));
            }
        };
        range("triggers.nth_report", nth_report.map(Into::into), 1, 100);
        range("exempt.trust_level", self.exempt.trust_level.map(Into::into), 1, 3);
        if let RuleAction::RateLimit(rate) = self.action {
            range("action.rate_limit.posts_per_hour", Some(rate.posts_per_hour.into()), 1, 100);
            if !post_created || post_revised || nth_report.is_some() || vote_burst || signed_up {
                let detail = "How often somebody posts is a matter of `post_created` and of nothing else.";
                wrong.push(Field::new("triggers", "only_post_created", detail));
            }
        }
        wrong
    }

    /// The sets that it looks into.
    pub fn sets(&self) -> Vec<ListSetId> {
        let mut sets: Vec<_> = self.when.sets("when").into_iter().map(|(_, id, _)| id).collect();
        sets.sort_unstable();
        sets.dedup();
        sets
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn content() -> serde_json::Value {
        json!({
            "name": "Links of newcomers", "explanation": "New accounts link to two places at most.",
            "policy_rule": "spam", "triggers": { "post_created": true },
            "when": { "links": { "at_least": 3 } }, "action": "queue", "exempt": {},
        })
    }

    fn wrong(changes: &serde_json::Value) -> Vec<String> {
        let mut content = content();
        content.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let content: RuleContent = serde_json::from_value(content).unwrap();
        content.check().into_iter().map(|field| format!("{} {}", field.field, field.code)).collect()
    }

    #[test]
    fn a_rule_is_applied_sometime_and_within_bounds() {
        assert_eq!(wrong(&json!({})), [] as [&str; 0]);
        assert_eq!(wrong(&json!({ "triggers": {} })), ["triggers missing"]);
        assert_eq!(wrong(&json!({ "triggers": { "nth_report": 0 } })), ["triggers.nth_report out_of_range"]);
        assert_eq!(wrong(&json!({ "exempt": { "trust_level": 4 } })), ["exempt.trust_level out_of_range"]);
        let often = |posts: u32| json!({ "rate_limit": { "posts_per_hour": posts } });
        assert_eq!(wrong(&json!({ "action": often(1) })), [] as [&str; 0]);
        assert_eq!(wrong(&json!({ "action": often(0) })), ["action.rate_limit.posts_per_hour out_of_range"]);
        let revised = json!({ "post_created": true, "post_revised": true });
        assert_eq!(
            wrong(&json!({ "action": often(1), "triggers": revised })),
            ["triggers only_post_created"]
        );
    }

    #[test]
    fn bursts_and_newcomers_are_for_people_to_look_at() {
        let burst = |more: serde_json::Value| {
            let mut changes = json!({ "triggers": { "vote_burst": true, "post_created": true } });
            changes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            wrong(&changes)
        };
        assert_eq!(burst(json!({})), [] as [&str; 0]);
        assert_eq!(burst(json!({ "action": "filter" })), ["action does_not_fit"]);
        let limit = json!({ "action": { "rate_limit": { "posts_per_hour": 1 } } });
        assert_eq!(burst(limit), ["action does_not_fit", "triggers only_post_created"]);

        let newcomers = |changes: serde_json::Value| {
            let set = uuid::Uuid::nil();
            let when = json!({ "all": [
                { "any": [{ "network_of": set }, { "email_of": set }, { "name_of": set }] },
                { "not": { "trust_level": { "at_least": 1 } } },
                { "author_age_days": { "at_most": 1 } }, { "visible_posts": { "at_most": 0 } },
            ] });
            let mut content = json!({ "triggers": { "signed_up": true }, "when": when });
            content.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            wrong(&content)
        };
        assert_eq!(newcomers(json!({})), [] as [&str; 0]);
        assert_eq!(newcomers(json!({ "action": "filter" })), ["action does_not_fit"]);
        let both = json!({ "triggers": { "signed_up": true, "nth_report": 2 } });
        assert_eq!(newcomers(both), ["triggers only_signed_up"]);
        let of_posts = json!({ "any": [
            { "trust_level": { "at_most": 0 } }, { "not": { "links": { "at_most": 1 } } }, { "tag": "armada" },
        ] });
        assert_eq!(
            newcomers(json!({ "when": of_posts })),
            ["when.any[1].not.links does_not_fit", "when.any[2].tag does_not_fit"]
        );
    }

    #[test]
    fn no_rule_says_which_law_is_broken() {
        let illegal = |action: &str| json!({ "action": action, "policy_rule": "illegal" });
        assert_eq!(wrong(&illegal("filter")), ["policy_rule does_not_fit"]);
        assert_eq!(wrong(&illegal("queue")), [] as [&str; 0]);
    }
}
