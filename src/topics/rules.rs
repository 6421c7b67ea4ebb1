//! What a topic consists of, and what it must have to be open.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use utoipa::ToSchema;

use crate::error::Field;
use crate::historic_date::HistoricDate;
use crate::invalid::Invalid;
use crate::scenarios::rules::{NewScenario, check_scenarios};
use crate::sources::rules::{
    CitationByKey, Key, NewQuotation, NewSource, check_bibliography, check_keyed_citations,
};
pub use crate::text::Tag;
use crate::text::{text, text_enum};

text_enum! {
    /// Where a topic is in its life.
    pub enum TopicStatus {
        /// Being written; seen by its author and the staff.
        Draft = "draft",
        /// Under debate.
        Open = "open",
        /// Read, and added to no more.
        Archived = "archived",
        /// Out of sight until moderators have looked into it. Like `removed`, nothing that is written says so.
        Hidden = "hidden",
        /// Moderators took it out.
        Removed = "removed",
    }
}

impl TopicStatus {
    /// Whether moderators took it out of sight.
    pub fn is_out_of_sight(self) -> bool {
        matches!(self, Self::Hidden | Self::Removed)
    }
}

text_enum! {
    /// How the antecedent changes the past.
    pub enum Operation {
        /// What happened does not.
        OmitEvent = "omit_event",
        /// Something else happens in its place.
        ReplaceEvent = "replace_event",
        /// Something happens that did not.
        AddEvent = "add_event",
        /// It happens at another time.
        ChangeTiming = "change_timing",
    }
}

text_enum! {
    /// Whether a variant could have come about without breaking the laws of nature and habit
    /// (plausible- and miracle-world antecedents: Lebow 2010).
    pub enum AntecedentKind {
        /// It could.
        Plausible = "plausible",
        /// It could not, and is supposed for the sake of argument.
        Miracle = "miracle",
    }
}

text_enum! {
    /// What else a variant needs.
    pub enum VariantStepKind {
        /// Something before the divergence that brings it about.
        EnablingStep = "enabling_step",
        /// A further fact that must change.
        FurtherChange = "further_change",
    }
}

text! {
    /// The title of a topic.
    pub struct TopicTitle, 10..=140, line
}
text! {
    /// The question of a topic in full.
    pub struct QuestionText, 20..=500, prose
}
text! {
    /// A statement about the past, real or supposed.
    pub struct Statement, 1..=2000, prose
}
text! {
    /// The name of an event or a place.
    pub struct EventName, 1..=200, line
}

/// A topic's name in addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", min_length = 3, max_length = 80)]
pub struct Slug(String);

impl Slug {
    /// The slug as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Makes a slug of a title: letters without their marks, digits, and hyphens between words.
    /// `tail` follows where the title gives too little.
    pub fn from_title(title: &str, tail: &str) -> Self {
        let folded: String = title.to_lowercase().nfkd().filter(char::is_ascii).collect();
        let folded = folded.replace('\'', "");
        let mut slug = String::new();
        for word in folded.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
            if slug.len() + word.len() > 70 {
                break;
            }
            if !slug.is_empty() {
                slug.push('-');
            }
            slug.push_str(word);
        }
        // A slug that reads as an identifier would be looked up as one.
        if slug.len() < 3 || uuid::Uuid::parse_str(&slug).is_ok() {
            slug = format!("topic-{tail}");
        }
        Self(slug)
    }
}

impl TryFrom<String> for Slug {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        // What reads as an identifier would be looked up as one.
        if (3..=80).contains(&text.len())
            && text.split('-').all(word)
            && uuid::Uuid::parse_str(&text).is_err()
        {
            Ok(Self(text))
        } else {
            Err(Invalid::new("not_a_slug", "3 to 80 of a–z and 0–9, in words joined by single hyphens."))
        }
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0
    }
}

/// What really happened, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventContent {
    /// Its name.
    pub title: EventName,
    /// When it happened.
    pub date: HistoricDate,
    /// Where it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<EventName>,
    /// What happened.
    pub summary: Statement,
}

/// What is supposed to be otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Antecedent {
    /// The supposition.
    pub statement: Statement,
    /// How it changes the past.
    pub operation: Operation,
    /// Until when the past is shared.
    pub point_of_divergence: HistoricDate,
    /// The key of the variant meant where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_variant: Option<Key>,
}

/// A dated statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DatedStatement {
    /// When.
    pub date: HistoricDate,
    /// What.
    pub statement: Statement,
}

/// A more exact way in which the antecedent could hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewVariant {
    /// By what the rest of the document refers to it.
    pub key: Key,
    /// What it supposes.
    pub statement: Statement,
    /// Whether it could have come about.
    pub antecedent_kind: AntecedentKind,
    /// What before the divergence would have brought it about.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub enabling_steps: Vec<DatedStatement>,
    /// What else must change.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub further_changes: Vec<DatedStatement>,
    /// Who thought of it at the time.
    #[serde(default)]
    pub contemporary_evidence: Vec<CitationByKey>,
}

/// A fact held fixed, or named as open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBackgroundFact {
    /// By what the rest of the document refers to it.
    pub key: Key,
    /// The fact.
    pub statement: Statement,
    /// Whether it is held fixed.
    pub held: bool,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<HistoricDate>,
    /// What it leans on.
    #[serde(default)]
    pub citations: Vec<CitationByKey>,
}

/// Everything a topic consists of, as one document whose parts refer to each other by keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TopicContent {
    /// Its name in addresses; made of the title where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slug: Option<Slug>,
    /// Its title.
    pub title: TopicTitle,
    /// Draft or open.
    #[serde(default = "draft")]
    pub status: TopicStatus,
    /// The question in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question_text: Option<QuestionText>,
    /// The event it turns on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventContent>,
    /// What came of the event in reality.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual_outcome: Option<Statement>,
    /// What is supposed to be otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub antecedent: Option<Antecedent>,
    /// What is asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consequent_in_question: Option<Statement>,
    /// When the outcome counts as having occurred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome_definition: Option<Statement>,
    /// Whether it did, in reality.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome_occurred: Option<bool>,
    /// When it did; there exactly where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome_actual_date: Option<HistoricDate>,
    /// How many days from that date still count as the same time.
    #[serde(default = "a_year")]
    #[schema(minimum = 0, maximum = 36525)]
    pub tolerance_days: ToleranceDays,
    /// Until when the question asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub horizon: Option<HistoricDate>,
    /// Why until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub horizon_reason: Option<Statement>,
    /// Dates from divergence to horizon at which the question is asked again.
    #[serde(default)]
    #[schema(max_items = 6)]
    pub checkpoints: Vec<HistoricDate>,
    /// Whether guests are shown what the crowd thinks; whoever signs in states credences of their own first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub crowd_shown_to_guests: bool,
    /// What the topic belongs to.
    #[serde(default)]
    #[schema(max_items = 10)]
    pub tags: Vec<Tag>,
    /// The bibliography.
    #[serde(default)]
    pub sources: Vec<NewSource>,
    /// What is quoted from it.
    #[serde(default)]
    pub quotations: Vec<NewQuotation>,
    /// More exact ways in which the antecedent could hold.
    #[serde(default)]
    pub variants: Vec<NewVariant>,
    /// Facts held fixed, and facts named as open.
    #[serde(default)]
    pub background_facts: Vec<NewBackgroundFact>,
    /// The rival answers.
    #[serde(default)]
    pub scenarios: Vec<NewScenario>,
}

impl TopicContent {
    /// Event and antecedent in one text, by which topics that ask about the same are found: without accents, since
    /// not every database knows which letters have them.
    pub fn likeness(&self) -> Option<String> {
        let event = self.event.as_ref().map(|event| event.title.as_str());
        let antecedent = self.antecedent.as_ref().map(|antecedent| antecedent.statement.as_str());
        let words: Vec<&str> = event.into_iter().chain(antecedent).collect();
        let is_accent = |c: char| ('\u{300}'..='\u{36F}').contains(&c);
        (!words.is_empty()).then(|| words.join(" ").nfkd().filter(|c| !is_accent(*c)).collect())
    }

    /// What has to stay as it is once a topic is open and does not, for each part: arguments bear on it. Where more
    /// may be added, it is added behind what there is.
    pub fn check_fixed(&self, old: &Self, may_grow: bool) -> Vec<Field> {
        fn kept<T: PartialEq>(old: &[T], new: &[T], may_grow: bool) -> bool {
            if may_grow { new.starts_with(old) } else { new == old }
        }
        let more =
            "What is there stays as it is and in its order, since arguments bear on it; add behind it.";
        let archived = "It stays as it is: an archived topic takes nothing more.";
        let list = if may_grow { more } else { archived };
        let by_proposal = "Scenarios change by proposals: POST /topics/{topic}/scenario-proposals.";
        [
            ("slug", old.slug == self.slug, "An open topic keeps its name in addresses."),
            ("sources", kept(&old.sources, &self.sources, may_grow), list),
            ("quotations", kept(&old.quotations, &self.quotations, may_grow), list),
            ("variants", kept(&old.variants, &self.variants, may_grow), list),
            ("background_facts", kept(&old.background_facts, &self.background_facts, may_grow), list),
            ("scenarios", old.scenarios == self.scenarios, by_proposal),
        ]
        .into_iter()
        .filter(|(_, is_kept, _)| !is_kept)
        .map(|(field, _, detail)| Field::new(field, "fixed_once_open", detail))
        .collect()
    }
}

/// A number of days, at most a century.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "i64", into = "i32")]
#[schema(value_type = i32)]
pub struct ToleranceDays(i32);

impl TryFrom<i64> for ToleranceDays {
    type Error = Invalid;

    fn try_from(days: i64) -> Result<Self, Invalid> {
        match i32::try_from(days) {
            Ok(days @ 0..=36_525) => Ok(Self(days)),
            _ => Err(Invalid::new("out_of_range", "From 0 to 36525 days.")),
        }
    }
}

impl From<ToleranceDays> for i32 {
    fn from(days: ToleranceDays) -> Self {
        days.0
    }
}

fn draft() -> TopicStatus {
    TopicStatus::Draft
}

/// Twelve months: the tolerance where none is given.
fn a_year() -> ToleranceDays {
    ToleranceDays(365)
}

/// Checks what holds for drafts and open topics alike. `at` is put before every field.
pub fn check(at: &str, topic: &TopicContent) -> Vec<Field> {
    let mut wrong = check_bibliography(at, &topic.sources, &topic.quotations);
    let mut at_most = |name: &str, count: usize, most: usize| {
        if count > most {
            wrong.push(Field::new(format!("{at}{name}"), "too_many", format!("At most {most}.")));
        }
    };
    at_most("checkpoints", topic.checkpoints.len(), 6);
    at_most("tags", topic.tags.len(), 10);
    at_most("variants", topic.variants.len(), 20);
    at_most("background_facts", topic.background_facts.len(), 50);
    for (i, tag) in topic.tags.iter().enumerate() {
        if topic.tags[..i].contains(tag) {
            wrong.push(Field::new(format!("{at}tags[{i}]"), "duplicate", "This tag is there already."));
        }
    }
    wrong.extend(check_dates(at, topic));
    wrong.extend(check_variants(at, topic));
    wrong.extend(check_background_facts(at, topic));
    wrong.extend(check_scenarios(
        at,
        &topic.scenarios,
        topic.outcome_occurred,
        &topic.sources,
        &topic.quotations,
    ));
    if topic.status != TopicStatus::Draft {
        wrong.extend(check_open(at, topic));
    }
    wrong
}

/// Variants have keys of their own; what enables one does not come after the divergence.
fn check_variants(at: &str, topic: &TopicContent) -> Vec<Field> {
    let mut wrong = Vec::new();
    let divergence = topic.antecedent.as_ref().map(|antecedent| &antecedent.point_of_divergence);
    for (i, variant) in topic.variants.iter().enumerate() {
        let place = format!("{at}variants[{i}]");
        if topic.variants[..i].iter().any(|other| other.key == variant.key) {
            wrong.push(Field::new(format!("{place}.key"), "duplicate_key", "Another variant has this key."));
        }
        for (name, steps) in
            [("enabling_steps", &variant.enabling_steps), ("further_changes", &variant.further_changes)]
        {
            if steps.len() > 20 {
                wrong.push(Field::new(format!("{place}.{name}"), "too_many", "At most 20."));
            }
        }
        for (k, step) in variant.enabling_steps.iter().enumerate() {
            if divergence.is_some_and(|divergence| !step.date.not_after(divergence)) {
                wrong.push(Field::new(
                    format!("{place}.enabling_steps[{k}].date"),
                    "after_divergence",
                    "An enabling step does not come after the divergence: the last day that its date may mean counts.",
                ));
            }
        }
        wrong.extend(check_keyed_citations(
            &format!("{place}.contemporary_evidence"),
            &variant.contemporary_evidence,
            &topic.sources,
            &topic.quotations,
        ));
    }
    if let Some(key) = topic.antecedent.as_ref().and_then(|antecedent| antecedent.primary_variant.as_ref())
        && !topic.variants.iter().any(|variant| variant.key == *key)
    {
        wrong.push(Field::new(
            format!("{at}antecedent.primary_variant"),
            "unknown_key",
            "No variant has this key.",
        ));
    }
    wrong
}

fn check_background_facts(at: &str, topic: &TopicContent) -> Vec<Field> {
    let mut wrong = Vec::new();
    for (i, fact) in topic.background_facts.iter().enumerate() {
        let place = format!("{at}background_facts[{i}]");
        if topic.background_facts[..i].iter().any(|other| other.key == fact.key) {
            wrong.push(Field::new(format!("{place}.key"), "duplicate_key", "Another fact has this key."));
        }
        let place = format!("{place}.citations");
        wrong.extend(check_keyed_citations(&place, &fact.citations, &topic.sources, &topic.quotations));
    }
    wrong
}

/// I3: the divergence is not after the horizon, checkpoints lie between them; t0 is there exactly where
/// the outcome occurred.
fn check_dates(at: &str, topic: &TopicContent) -> Vec<Field> {
    let mut wrong = Vec::new();
    let divergence = topic.antecedent.as_ref().map(|antecedent| &antecedent.point_of_divergence);
    if let (Some(divergence), Some(horizon)) = (divergence, &topic.horizon)
        && !divergence.not_after(horizon)
    {
        wrong.push(Field::new(
            format!("{at}horizon"),
            "before_divergence",
            "The horizon does not come before the divergence.",
        ));
    }
    for (i, checkpoint) in topic.checkpoints.iter().enumerate() {
        if topic.checkpoints[..i].contains(checkpoint) {
            wrong.push(Field::new(
                format!("{at}checkpoints[{i}]"),
                "duplicate",
                "This checkpoint is there already.",
            ));
        }
        let early = divergence.is_some_and(|divergence| !divergence.not_after(checkpoint));
        let late = topic.horizon.as_ref().is_some_and(|horizon| !checkpoint.not_after(horizon));
        if early || late {
            wrong.push(Field::new(
                format!("{at}checkpoints[{i}]"),
                "outside_horizon",
                "A checkpoint lies between the divergence and the horizon.",
            ));
        }
    }
    if topic.outcome_actual_date.is_some() && topic.outcome_occurred != Some(true) {
        wrong.push(Field::new(
            format!("{at}outcome_actual_date"),
            "outcome_did_not_occur",
            "There is an actual date exactly where the outcome occurred.",
        ));
    }
    wrong
}

/// I1 and I2: what an open topic needs.
pub fn check_open(at: &str, topic: &TopicContent) -> Vec<Field> {
    let mut wrong = Vec::new();
    let mut needed = |name: &str, there: bool| {
        if !there {
            wrong.push(Field::new(format!("{at}{name}"), "missing", "An open topic needs this."));
        }
    };
    needed("question_text", topic.question_text.is_some());
    needed("event", topic.event.is_some());
    needed("actual_outcome", topic.actual_outcome.is_some());
    needed("antecedent", topic.antecedent.is_some());
    needed("consequent_in_question", topic.consequent_in_question.is_some());
    needed("outcome_definition", topic.outcome_definition.is_some());
    needed("outcome_occurred", topic.outcome_occurred.is_some());
    needed(
        "outcome_actual_date",
        topic.outcome_occurred != Some(true) || topic.outcome_actual_date.is_some(),
    );
    needed("horizon", topic.horizon.is_some());
    let top_level = || topic.scenarios.iter().filter(|scenario| scenario.parent.is_none());
    if top_level().filter(|scenario| !scenario.is_residual).count() < 2 {
        wrong.push(Field::new(
            format!("{at}scenarios"),
            "too_few",
            "An open topic needs two rival scenarios or more.",
        ));
    }
    if !topic.scenarios.iter().any(|scenario| scenario.is_residual) {
        wrong.push(Field::new(
            format!("{at}scenarios"),
            "no_residual",
            "An open topic needs a residual scenario, which stands for everything not named.",
        ));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_made_of_titles() {
        let slug = |title| Slug::from_title(title, "x").0;
        assert_eq!(
            slug("What if Khrushchev had not made his 'secret speech'?"),
            "what-if-khrushchev-had-not-made-his-secret-speech"
        );
        assert_eq!(slug("Ægir & Ünïcode — twice"), "gir-unicode-twice");
        assert_eq!(slug("何が起こったか、もしも？？？"), "topic-x");
        assert!(slug(&"word ".repeat(28)).len() <= 80);
    }

    #[test]
    fn slugs_are_not_identifiers() {
        for bad in ["ab", "-abc", "abc-", "a--b", "Abc", "a b", "0198c5f0-0000-7000-8000-000000000000", ""] {
            assert!(Slug::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
