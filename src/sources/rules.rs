//! What sources, quotations and citations consist of.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Field;
use crate::historic_date::HistoricDate;
use crate::ids::{QuotationId, SourceId};
use crate::invalid::Invalid;
use crate::text::{text, text_enum};

text_enum! {
    /// How close a source is to what it tells of.
    pub enum SourceClass {
        /// Made at the time, by those concerned.
        Primary = "primary",
        /// Told later by somebody who was there.
        ParticipantMemoir = "participant_memoir",
        /// Written from primary sources.
        Secondary = "secondary",
        /// Written from secondary sources.
        Tertiary = "tertiary",
    }
}

text_enum! {
    /// Whether a post says where it has things from.
    pub enum CitationStatus {
        /// It does.
        Cited = "cited",
        /// It does not.
        Uncited = "uncited",
        /// Its author has read it somewhere.
        SourceForgotten = "source_forgotten",
        /// There is nothing to cite.
        NotApplicable = "not_applicable",
    }
}

text! {
    /// The type of a source in the terms of CSL, such as `book`, `speech` or `article-newspaper`.
    pub struct SourceType, 1..=40, line
}
text! {
    /// Somebody who wrote a source.
    pub struct AuthorName, 1..=200, line
}
text! {
    /// The title of a source, or of what it appeared in, or its publisher.
    pub struct SourceTitle, 1..=500, line
}
text! {
    /// Where in a source: a page, a chapter, a minute.
    pub struct Locator, 1..=200, line
}
text! {
    /// The words of a quotation.
    pub struct QuotationText, 1..=600, prose
}
text! {
    /// Whom the words of a quotation are ascribed to.
    pub struct Attribution, 1..=200, line
}
text! {
    /// A remark on a source for its readers.
    pub struct SourceNote, 1..=1000, prose
}

/// A name for an item inside one document, by which its other parts refer to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9_.-]{0,63}$", example = "hobsbawm-2002")]
pub struct Key(String);

impl Key {
    /// The key of the item at this place: what an export calls it.
    pub fn numbered(kind: &str, position: usize) -> Self {
        Self(format!("{kind}-{position}"))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Key {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let body = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.-".contains(&byte);
        let starts_well =
            text.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit());
        if starts_well && text.len() <= 64 && text.bytes().all(body) {
            Ok(Self(text))
        } else {
            Err(Invalid::new(
                "not_a_key",
                "A key is 1 to 64 of a–z, 0–9, `_`, `.`, `-`, and starts with a letter or digit.",
            ))
        }
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0
    }
}

/// The address of a source on the web.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, format = "uri", max_length = 2000)]
pub struct SourceUrl(String);

impl TryFrom<String> for SourceUrl {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
        let readable = text.chars().all(|c| !c.is_whitespace() && !c.is_control());
        if !host.is_empty() && !host.contains('@') && readable && text.chars().count() <= 2000 {
            Ok(Self(text))
        } else {
            Err(Invalid::new(
                "not_a_url",
                "An http or https address of at most 2,000 characters, without a name before the host.",
            ))
        }
    }
}

impl From<SourceUrl> for String {
    fn from(url: SourceUrl) -> Self {
        url.0
    }
}

/// The language of a text, as a BCP 47 tag such as `en` or `pt-BR`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", example = "en")]
pub struct Language(String);

impl Default for Language {
    fn default() -> Self {
        Self("en".to_owned())
    }
}

impl TryFrom<String> for Language {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let mut parts = text.split('-');
        let primary = parts.next().unwrap_or_default();
        let good = (2..=8).contains(&primary.len())
            && primary.bytes().all(|byte| byte.is_ascii_alphabetic())
            && parts.all(|part| {
                (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
            })
            && text.len() <= 35;
        if good {
            Ok(Self(text))
        } else {
            Err(Invalid::new("not_a_language", "A BCP 47 tag such as `en` or `pt-BR`."))
        }
    }
}

impl From<Language> for String {
    fn from(language: Language) -> Self {
        language.0
    }
}

/// An entry for a bibliography, in the terms of CSL-JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSource {
    /// By what the rest of the document refers to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// What kind of thing it is.
    #[serde(rename = "type")]
    pub source_type: SourceType,
    /// Who wrote it, in order.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub authors: Vec<AuthorName>,
    /// Its title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<SourceTitle>,
    /// What it appeared in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_title: Option<SourceTitle>,
    /// Who published it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<SourceTitle>,
    /// When it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<HistoricDate>,
    /// Where it can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<SourceUrl>,
    /// How close it is to what it tells of.
    pub source_class: SourceClass,
    /// What a reader should know of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<SourceNote>,
}

/// A quotation, in a document that also holds its source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewQuotation {
    /// By what the rest of the document refers to it.
    pub key: Key,
    /// The key of the source whose words these are.
    pub source: Key,
    /// The key of the source in which they were found, if that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quoted_in: Option<Key>,
    /// The words.
    pub text: QuotationText,
    /// Whom they are ascribed to.
    pub attribution: Attribution,
    /// Where in the source they stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locator: Option<Locator>,
    /// Their language.
    #[serde(default)]
    pub language: Language,
    /// The key of the quotation that this translates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub translation_of: Option<Key>,
}

/// A citation inside a document: of a source or of a quotation, by its key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CitationByKey {
    /// The key of a source. Either this or `quotation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Key>,
    /// The key of a quotation. Either this or `source`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quotation: Option<Key>,
    /// Where in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locator: Option<Locator>,
}

/// A citation in a post: of what the topic's bibliography holds, or of something new.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCitation {
    /// A source of the topic. Exactly one of `source_id`, `quotation_id` and `source`.
    #[serde(default)]
    pub source_id: Option<SourceId>,
    /// A quotation of the topic.
    #[serde(default)]
    pub quotation_id: Option<QuotationId>,
    /// A source that is new to the topic.
    #[serde(default)]
    pub source: Option<NewSource>,
    /// What is quoted from that new source.
    #[serde(default)]
    pub quotation: Option<NewQuote>,
    /// Where in it.
    #[serde(default)]
    pub locator: Option<Locator>,
}

/// A citation of what the topic's bibliography holds.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CitationById {
    /// A source of the topic. Either this or `quotation_id`.
    #[serde(default)]
    pub source_id: Option<SourceId>,
    /// A quotation of the topic. Either this or `source_id`.
    #[serde(default)]
    pub quotation_id: Option<QuotationId>,
    /// Where in it.
    #[serde(default)]
    pub locator: Option<Locator>,
}

impl CitationById {
    /// Checks that it names exactly one thing.
    pub fn check(&self, field: &str) -> Option<Field> {
        (self.source_id.is_some() == self.quotation_id.is_some()).then(|| {
            Field::new(field, "ambiguous_citation", "Give exactly one of source_id and quotation_id.")
        })
    }
}

/// Words quoted from a source that is given with them.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewQuote {
    /// The words.
    pub text: QuotationText,
    /// Whom they are ascribed to.
    pub attribution: Attribution,
    /// Their language.
    #[serde(default)]
    pub language: Language,
}

/// An entry of a bibliography, by its key in a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BibliographyKey {
    /// A source.
    Source(Key),
    /// A quotation.
    Quotation(Key),
}

/// How many citations one part of a debate may have.
pub const MAX_CITATIONS: usize = 20;

/// How many authors a source may have.
const MAX_AUTHORS: usize = 50;

/// How many sources, and how many quotations, the bibliography of a topic may have.
pub const MAX_BIBLIOGRAPHY: usize = 1000;

fn check_authors(field: &str, source: &NewSource) -> Option<Field> {
    (source.authors.len() > MAX_AUTHORS)
        .then(|| Field::new(format!("{field}.authors"), "too_many", format!("At most {MAX_AUTHORS}.")))
}

/// Checks the citations of a post before anything is stored.
pub fn check_citations(field: &str, citations: &[NewCitation]) -> Vec<Field> {
    let mut wrong = Vec::new();
    if citations.len() > MAX_CITATIONS {
        wrong.push(Field::new(field, "too_many", format!("At most {MAX_CITATIONS}.")));
    }
    for (i, citation) in citations.iter().enumerate() {
        let named =
            [citation.source_id.is_some(), citation.quotation_id.is_some(), citation.source.is_some()];
        if named.iter().filter(|named| **named).count() != 1 {
            wrong.push(Field::new(
                format!("{field}[{i}]"),
                "ambiguous_citation",
                "Give exactly one of source_id, quotation_id and source.",
            ));
        }
        if citation.quotation.is_some() && citation.source.is_none() {
            wrong.push(Field::new(
                format!("{field}[{i}].quotation"),
                "quotation_without_source",
                "A new quotation comes with its source.",
            ));
        }
        let source = citation.source.as_ref();
        wrong.extend(source.and_then(|source| check_authors(&format!("{field}[{i}].source"), source)));
    }
    wrong
}

/// Checks that keys are given once each, and that what a bibliography refers to is in it.
pub fn check_bibliography(at: &str, sources: &[NewSource], quotations: &[NewQuotation]) -> Vec<Field> {
    let mut wrong = Vec::new();
    for (name, count) in [("sources", sources.len()), ("quotations", quotations.len())] {
        if count > MAX_BIBLIOGRAPHY {
            wrong.push(Field::new(format!("{at}{name}"), "too_many", format!("At most {MAX_BIBLIOGRAPHY}.")));
        }
    }
    for (i, source) in sources.iter().enumerate() {
        if let Some(key) = &source.key
            && sources[..i].iter().any(|other| other.key.as_ref() == Some(key))
        {
            wrong.push(Field::new(
                format!("{at}sources[{i}].key"),
                "duplicate_key",
                "Another source has this key.",
            ));
        }
        wrong.extend(check_authors(&format!("{at}sources[{i}]"), source));
    }
    let has_source = |key: &Key| sources.iter().any(|source| source.key.as_ref() == Some(key));
    for (i, quotation) in quotations.iter().enumerate() {
        let place = format!("{at}quotations[{i}]");
        if quotations[..i].iter().any(|other| other.key == quotation.key) {
            wrong.push(Field::new(
                format!("{place}.key"),
                "duplicate_key",
                "Another quotation has this key.",
            ));
        }
        if !has_source(&quotation.source) {
            wrong.push(Field::new(format!("{place}.source"), "unknown_key", "No source has this key."));
        }
        if quotation.quoted_in.as_ref().is_some_and(|key| !has_source(key)) {
            wrong.push(Field::new(format!("{place}.quoted_in"), "unknown_key", "No source has this key."));
        }
        if let Some(key) = &quotation.translation_of
            && !quotations[..i].iter().any(|other| other.key == *key)
        {
            wrong.push(Field::new(
                format!("{place}.translation_of"),
                "unknown_key",
                "No quotation before this one has this key.",
            ));
        }
    }
    wrong
}

/// Checks that citations by key name exactly one thing each, and one that is there.
pub fn check_keyed_citations(
    at: &str,
    citations: &[CitationByKey],
    sources: &[NewSource],
    quotations: &[NewQuotation],
) -> Vec<Field> {
    let mut wrong = Vec::new();
    if citations.len() > MAX_CITATIONS {
        wrong.push(Field::new(at, "too_many", format!("At most {MAX_CITATIONS}.")));
    }
    for (i, citation) in citations.iter().enumerate() {
        match (&citation.source, &citation.quotation) {
            (Some(key), None) if !sources.iter().any(|source| source.key.as_ref() == Some(key)) => {
                wrong.push(Field::new(format!("{at}[{i}].source"), "unknown_key", "No source has this key."));
            }
            (None, Some(key)) if !quotations.iter().any(|quotation| quotation.key == *key) => {
                wrong.push(Field::new(
                    format!("{at}[{i}].quotation"),
                    "unknown_key",
                    "No quotation has this key.",
                ));
            }
            (Some(_), None) | (None, Some(_)) => {}
            _ => wrong.push(Field::new(
                format!("{at}[{i}]"),
                "ambiguous_citation",
                "Give exactly one of source and quotation.",
            )),
        }
    }
    wrong
}
