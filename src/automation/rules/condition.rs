//! What a rule asks of a post and its author: conditions of few kinds, combined to a bounded depth.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::SetKind;
use super::pattern::Pattern;
use crate::error::Field;
use crate::ids::{ListSetId, TopicId};
use crate::invalid::Invalid;
use crate::sources::rules::CitationStatus;
use crate::text::Tag;

/// How deep `all`, `any` and `not` may nest.
pub const MAX_DEPTH: usize = 5;

/// How many conditions a rule may have, `all`, `any` and `not` among them.
pub const MAX_CONDITIONS: usize = 40;

/// How many of them may be patterns.
pub const MAX_PATTERNS: usize = 5;

/// For how long posts are remembered that later ones may resemble, in hours.
pub const MAX_HOURS: u32 = 24;

/// What is asked of a post and its author, or of somebody new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Its topic has this tag.
    Tag(Tag),
    /// It is in this topic.
    Topic(TopicId),
    /// Its text has this pattern.
    Pattern(PatternCondition),
    /// Its text has a word of this set.
    WordOf(ListSetId),
    /// It links to a domain of this set, or to one below it.
    DomainOf(ListSetId),
    /// It says this of where it has things from.
    CitationStatus(Vec<CitationStatus>),
    /// It has so many links.
    Links(Bounds),
    /// It calls so many people by `@` and a name.
    Mentions(Bounds),
    /// Its text has so many characters.
    Length(Bounds),
    /// Its author's account is so many days old.
    AuthorAgeDays(Bounds),
    /// Its author has such a level of trust, 0 to 3.
    TrustLevel(Bounds),
    /// Its author has so many other posts that were not deleted or removed, counted up to 10,000.
    VisiblePosts(Bounds),
    /// Its author signed in from an address within a network of this set, in one of the last twenty sessions of which that
    /// is still kept.
    NetworkOf(ListSetId),
    /// Its author gave an address of mail that is in this set, confirmed or not.
    EmailOf(ListSetId),
    /// Its author's username, or the name shown beside it, is as one of this set.
    NameOf(ListSetId),
    /// It says nearly the same as others of late.
    NearDuplicates(NearDuplicates),
    /// All of these hold.
    #[schema(no_recursion)]
    All(Vec<Condition>),
    /// At least one of these holds.
    #[schema(no_recursion)]
    Any(Vec<Condition>),
    /// This does not hold.
    #[schema(no_recursion)]
    Not(Box<Condition>),
}

/// That a text has a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatternCondition {
    /// The pattern.
    pub pattern: Pattern,
    /// Whether capital and small letters are the same.
    #[serde(default)]
    pub ignore_case: bool,
}

/// Between which numbers something is, both included: one of them, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "AnyBounds")]
pub struct Bounds {
    /// So much or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub at_least: Option<u32>,
    /// So much or less.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub at_most: Option<u32>,
}

/// The same before it was checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnyBounds {
    #[serde(default)]
    at_least: Option<u32>,
    #[serde(default)]
    at_most: Option<u32>,
}

impl TryFrom<AnyBounds> for Bounds {
    type Error = Invalid;

    fn try_from(AnyBounds { at_least, at_most }: AnyBounds) -> Result<Self, Invalid> {
        match (at_least, at_most) {
            (None, None) => Err(Invalid::new("missing", "`at_least`, `at_most`, or both.")),
            (Some(least), Some(most)) if least > most => {
                Err(Invalid::new("out_of_order", "Nothing is more than `at_least` and less than `at_most`."))
            }
            _ => Ok(Self { at_least, at_most }),
        }
    }
}

impl Bounds {
    /// So much or more.
    pub fn at_least(number: u32) -> Self {
        Self { at_least: Some(number), at_most: None }
    }

    /// So much or less.
    pub fn at_most(number: u32) -> Self {
        Self { at_least: None, at_most: Some(number) }
    }

    /// Whether a number is within.
    pub fn hold(self, number: u32) -> bool {
        self.at_least.is_none_or(|least| number >= least) && self.at_most.is_none_or(|most| number <= most)
    }
}

/// That a post says nearly the same as others of late, with which it makes so many posts of so many people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NearDuplicates {
    /// So many posts or more, this one among them: 2 to 100.
    #[schema(minimum = 2, maximum = 100)]
    pub posts: u32,
    /// By so many people or more, its author among them: 1 to 100.
    #[schema(minimum = 1, maximum = 100)]
    pub accounts: u32,
    /// Within the last so many hours: 1 to 24.
    #[schema(minimum = 1, maximum = 24)]
    pub hours: u32,
    /// In how many of 64 bits their fingerprints may differ: 0 to 6; 3 where nothing is said.
    #[serde(default = "usual_distance")]
    #[schema(minimum = 0, maximum = 6, default = 3)]
    pub distance: u32,
}

/// In how many bits fingerprints of nearly the same text differ at most (Manku, Jain and Das Sarma, 2007).
const fn usual_distance() -> u32 {
    3
}

impl NearDuplicates {
    /// The largest distance that may be asked for.
    pub const MAX_DISTANCE: u32 = 6;

    fn check(self, place: &str, wrong: &mut Vec<Field>) {
        for (name, value, range) in [
            ("posts", self.posts, 2..=100),
            ("accounts", self.accounts, 1..=100),
            ("hours", self.hours, 1..=MAX_HOURS),
            ("distance", self.distance, 0..=Self::MAX_DISTANCE),
        ] {
            if !range.contains(&value) {
                let detail = format!("From {} to {}.", range.start(), range.end());
                wrong.push(Field::new(format!("{place}.{name}"), "out_of_range", detail));
            }
        }
        if self.accounts > self.posts {
            let detail = "So many people do not write so few posts.";
            wrong.push(Field::new(format!("{place}.accounts"), "out_of_order", detail));
        }
    }
}

/// How far conditions reach together.
#[derive(Default)]
struct Extent {
    conditions: usize,
    patterns: usize,
}

impl Condition {
    /// What is wrong with it and with those in it, each named by its place.
    pub fn check(&self, place: &str) -> Vec<Field> {
        let (mut extent, mut wrong) = (Extent::default(), Vec::new());
        self.measure(place, 0, &mut extent, &mut wrong);
        if extent.conditions > MAX_CONDITIONS {
            let detail = format!("At most {MAX_CONDITIONS} conditions: these are {}.", extent.conditions);
            wrong.push(Field::new(place, "too_many", detail));
        }
        if extent.patterns > MAX_PATTERNS {
            let detail = format!("At most {MAX_PATTERNS} patterns: these are {}.", extent.patterns);
            wrong.push(Field::new(place, "too_many_patterns", detail));
        }
        wrong
    }

    fn measure(&self, place: &str, depth: usize, extent: &mut Extent, wrong: &mut Vec<Field>) {
        extent.conditions += 1;
        if depth == MAX_DEPTH && matches!(self, Self::All(_) | Self::Any(_) | Self::Not(_)) {
            wrong.push(Field::new(place, "too_deep", format!("Conditions nest at most {MAX_DEPTH} deep.")));
            return;
        }
        match self {
            Self::All(list) | Self::Any(list) => {
                let name = if matches!(self, Self::All(_)) { "all" } else { "any" };
                if !(1..=20).contains(&list.len()) {
                    let detail = "From 1 to 20 conditions.";
                    wrong.push(Field::new(format!("{place}.{name}"), "out_of_range", detail));
                }
                for (i, condition) in list.iter().enumerate() {
                    condition.measure(&format!("{place}.{name}[{i}]"), depth + 1, extent, wrong);
                }
            }
            Self::Not(condition) => condition.measure(&format!("{place}.not"), depth + 1, extent, wrong),
            Self::Pattern(_) => extent.patterns += 1,
            Self::CitationStatus(list) if list.is_empty() || list.len() > 4 => {
                let detail = "Name at least one, each once.";
                wrong.push(Field::new(format!("{place}.citation_status"), "out_of_range", detail));
            }
            Self::NearDuplicates(near) => near.check(&format!("{place}.near_duplicates"), wrong),
            _ => {}
        }
    }

    /// Those in it that combine no others, itself if it does not, each with its place.
    fn each<'a>(&'a self, place: &str, found: &mut Vec<(String, &'a Self)>) {
        match self {
            Self::Not(condition) => condition.each(&format!("{place}.not"), found),
            Self::All(list) | Self::Any(list) => {
                let name = if matches!(self, Self::All(_)) { "all" } else { "any" };
                for (i, condition) in list.iter().enumerate() {
                    condition.each(&format!("{place}.{name}[{i}]"), found);
                }
            }
            _ => found.push((format!("{place}.{}", self.name()), self)),
        }
    }

    /// The word on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Tag(_) => "tag",
            Self::Topic(_) => "topic",
            Self::Pattern(_) => "pattern",
            Self::WordOf(_) => "word_of",
            Self::DomainOf(_) => "domain_of",
            Self::CitationStatus(_) => "citation_status",
            Self::Links(_) => "links",
            Self::Mentions(_) => "mentions",
            Self::Length(_) => "length",
            Self::AuthorAgeDays(_) => "author_age_days",
            Self::TrustLevel(_) => "trust_level",
            Self::VisiblePosts(_) => "visible_posts",
            Self::NetworkOf(_) => "network_of",
            Self::EmailOf(_) => "email_of",
            Self::NameOf(_) => "name_of",
            Self::NearDuplicates(_) => "near_duplicates",
            Self::All(_) => "all",
            Self::Any(_) => "any",
            Self::Not(_) => "not",
        }
    }

    /// The sets that it and those in it look into, each with its place and the kind that is wanted there.
    pub fn sets(&self, place: &str) -> Vec<(String, ListSetId, SetKind)> {
        let mut found = Vec::new();
        self.each(place, &mut found);
        let set = |(place, condition): (String, &Self)| match condition {
            Self::WordOf(id) => Some((place, *id, SetKind::Words)),
            Self::DomainOf(id) => Some((place, *id, SetKind::Domains)),
            Self::NetworkOf(id) => Some((place, *id, SetKind::Networks)),
            Self::EmailOf(id) => Some((place, *id, SetKind::EmailHashes)),
            Self::NameOf(id) => Some((place, *id, SetKind::NamePatterns)),
            _ => None,
        };
        found.into_iter().filter_map(set).collect()
    }

    /// The places of those that ask something of a post, and not of its author.
    pub fn of_posts(&self, place: &str) -> Vec<String> {
        let mut found = Vec::new();
        self.each(place, &mut found);
        let is_of_author = |condition: &Self| {
            matches!(
                condition,
                Self::AuthorAgeDays(_)
                    | Self::TrustLevel(_)
                    | Self::VisiblePosts(_)
                    | Self::NetworkOf(_)
                    | Self::EmailOf(_)
                    | Self::NameOf(_)
            )
        };
        found.into_iter().filter(|(_, condition)| !is_of_author(condition)).map(|(place, _)| place).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(condition: Value) -> Condition {
        serde_json::from_value(condition).unwrap()
    }

    fn wrong(condition: Value) -> Vec<(String, String)> {
        let fields = read(condition).check("when");
        fields.into_iter().map(|field| (field.field, field.code.into_owned())).collect()
    }

    fn nested(depth: usize) -> Value {
        (0..depth).fold(json!({ "tag": "armada" }), |inside, _| json!({ "not": inside }))
    }

    #[test]
    fn conditions_are_bounded_in_depth_and_number() {
        assert_eq!(wrong(nested(MAX_DEPTH)), []);
        let place = format!("when{}", ".not".repeat(MAX_DEPTH));
        assert_eq!(wrong(nested(MAX_DEPTH + 1)), [(place, "too_deep".to_owned())]);
        let list = |n: usize| json!({ "any": vec![json!({ "links": { "at_least": 1 } }); n] });
        assert_eq!(wrong(list(20)), []);
        assert_eq!(wrong(list(0)), [("when.any".to_owned(), "out_of_range".to_owned())]);
        assert_eq!(wrong(list(21)), [("when.any".to_owned(), "out_of_range".to_owned())]);
        assert_eq!(
            wrong(json!({ "all": [list(20), list(20)] })),
            [("when".to_owned(), "too_many".to_owned())]
        );
        let patterns = json!({ "any": vec![json!({ "pattern": { "pattern": "a" } }); MAX_PATTERNS + 1] });
        assert_eq!(wrong(patterns), [("when".to_owned(), "too_many_patterns".to_owned())]);
    }

    #[test]
    fn numbers_have_an_order() {
        let bounds = |json: Value| serde_json::from_value::<Bounds>(json).map_err(|error| error.to_string());
        assert!(bounds(json!({})).unwrap_err().starts_with("missing: "));
        assert!(bounds(json!({ "at_least": 3, "at_most": 2 })).unwrap_err().starts_with("out_of_order: "));
        let between = bounds(json!({ "at_least": 2, "at_most": 3 })).unwrap();
        assert_eq!([1, 2, 3, 4].map(|number| between.hold(number)), [false, true, true, false]);
        let near = json!({ "near_duplicates": { "posts": 2, "accounts": 3, "hours": 25, "distance": 7 } });
        assert_eq!(
            wrong(near).into_iter().map(|(field, _)| field).collect::<Vec<_>>(),
            ["hours", "distance", "accounts"].map(|name| format!("when.near_duplicates.{name}"))
        );
    }

    #[test]
    fn what_is_written_is_read_again() {
        let condition = json!({ "all": [
            { "pattern": { "pattern": "cheap\\s+maps", "ignore_case": true } },
            { "any": [{ "links": { "at_least": 2 } }, { "citation_status": ["uncited"] }] },
            { "not": { "word_of": "0198c5f0-0000-7000-8000-00000000dead" } },
            { "near_duplicates": { "posts": 3, "accounts": 3, "hours": 1, "distance": 3 } },
            { "any": [
                { "network_of": "0198c5f0-0000-7000-8000-00000000beef" },
                { "email_of": "0198c5f0-0000-7000-8000-00000000dead" },
                { "name_of": "0198c5f0-0000-7000-8000-00000000dead" },
                { "domain_of": "0198c5f0-0000-7000-8000-00000000dead" },
            ] },
        ] });
        let read = read(condition.clone());
        assert_eq!(serde_json::to_value(&read).unwrap(), condition);
        let sets: Vec<_> = read.sets("when").into_iter().map(|(place, _, kind)| (place, kind)).collect();
        let wanted = [
            ("when.all[2].not.word_of", SetKind::Words),
            ("when.all[4].any[0].network_of", SetKind::Networks),
            ("when.all[4].any[1].email_of", SetKind::EmailHashes),
            ("when.all[4].any[2].name_of", SetKind::NamePatterns),
            ("when.all[4].any[3].domain_of", SetKind::Domains),
        ];
        assert_eq!(sets, wanted.map(|(place, kind)| (place.to_owned(), kind)));
        let of_posts = ["[0].pattern", "[1].any[0].links", "[1].any[1].citation_status", "[2].not.word_of"];
        let of_posts = of_posts.into_iter().chain(["[3].near_duplicates", "[4].any[3].domain_of"]);
        assert_eq!(
            read.of_posts("when"),
            of_posts.map(|place| format!("when.all{place}")).collect::<Vec<_>>()
        );
    }
}
