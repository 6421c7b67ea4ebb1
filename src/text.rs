//! Text that people write: types that hold only what was checked, and the macros that make them.
//!
//! Nothing is cut or dropped in silence: what is not wanted is refused with a reason. Checking
//! normalises first, to NFC (Unicode Standard Annex 15), so that one text has one form and one length.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::invalid::Invalid;

/// How many combining marks may follow each other. Living scripts need 3 or 4.
const MAX_MARKS: usize = 8;

/// What a text may consist of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One line: no line break, no tab.
    Line,
    /// Any number of lines of plain text.
    Prose,
    /// Any number of lines of Markdown.
    Markdown,
}

/// Normalises a text and checks it against a kind and a length in Unicode code points, both ends included.
///
/// A line becomes NFC without outer white space. Prose and Markdown become NFC with `\n` for every
/// line break, without blank lines at the start (the first line keeps its indentation) and without
/// white space at the end. Everything inside stays as it is. Normalising again changes nothing.
///
/// # Errors
/// `blank` if nothing visible is left; `control_character` for control characters (of prose all but
/// line feed and tab; of a line also the line and paragraph separators); `bidi_control` for U+202A to
/// U+202E and U+2066 to U+2069, which reorder the text around them (Boucher and Anderson 2021);
/// `too_many_marks` for more than 8 combining marks on one character; `too_short` and `too_long` for
/// the length, of which white space in a row counts as one character for the least. Zero-width joiners, needed by
/// scripts and emoji, are allowed.
pub fn check(text: &str, kind: Kind, min: usize, max: usize) -> Result<String, Invalid> {
    let text: String = text.nfc().collect();
    let text = match kind {
        Kind::Line => text.trim().to_owned(),
        Kind::Prose | Kind::Markdown => {
            let text = text.replace("\r\n", "\n").replace('\r', "\n");
            without_outer_blank_lines(&text).to_owned()
        }
    };
    // Before the blank test: controls are not visible, but the reason to refuse them is another.
    if let Some(c) = text.chars().find(|&c| is_control(c, kind)) {
        let detail = format!("U+{:04X} is a control character.", u32::from(c));
        return Err(Invalid::new("control_character", detail));
    }
    if let Some(c) = text.chars().find(|&c| is_bidi_control(c)) {
        let detail = format!("U+{:04X} changes the direction of the text around it.", u32::from(c));
        return Err(Invalid::new("bidi_control", detail));
    }
    if text.chars().all(|c| c.is_whitespace() || is_ignorable(c)) {
        return Err(Invalid::new("blank", "Nothing visible is written here."));
    }
    if longest_run_of_marks(&text) > MAX_MARKS {
        let detail = format!("At most {MAX_MARKS} combining marks may stand on one character.");
        return Err(Invalid::new("too_many_marks", detail));
    }
    let words: usize = text.split_whitespace().map(|word| word.chars().count() + 1).sum();
    let written = words.saturating_sub(1);
    if written < min {
        return Err(Invalid::new("too_short", format!("At least {min} characters: this has {written}.")));
    }
    let length = text.chars().count();
    if length > max {
        return Err(Invalid::new("too_long", format!("At most {max} characters: this has {length}.")));
    }
    Ok(text)
}

fn without_outer_blank_lines(text: &str) -> &str {
    let text = text.trim_end();
    let blank = text.len() - text.trim_start().len();
    let start = text[..blank].rfind('\n').map_or(0, |line_feed| line_feed + 1);
    &text[start..]
}

fn is_control(c: char, kind: Kind) -> bool {
    match kind {
        Kind::Line => c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'),
        Kind::Prose | Kind::Markdown => c.is_control() && !matches!(c, '\n' | '\t'),
    }
}

/// Whether this is an embedding, override or isolate of the bidirectional algorithm, or ends one.
pub fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Whether this shows nothing: the property `Default_Ignorable_Code_Point`, and the blank of Braille.
pub fn is_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{AD}'
            | '\u{34F}'
            | '\u{61C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFF8}'
            | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// How many combining marks stand on one character at most. What shows nothing does not part them.
pub fn longest_run_of_marks(text: &str) -> usize {
    let (mut run, mut longest) = (0, 0);
    for c in text.chars() {
        if is_combining_mark(c) {
            run += 1;
            longest = longest.max(run);
        } else if !is_ignorable(c) {
            run = 0;
        }
    }
    longest
}

/// A description for the API document, of the lines of a doc comment.
#[doc(hidden)]
pub fn description(doc: &str) -> String {
    doc.lines()
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect::<Vec<_>>()
        .join("\n")
        .trim()
        .to_owned()
}

/// Declares types over `String` whose values a function has checked.
///
/// ```text
/// string_value! {
///     /// A colour.
///     pub struct Colour, parse_colour, |schema| schema.pattern(Some("^#[0-9a-f]{6}$"))
/// }
/// ```
/// The function is `fn(&str) -> Result<String, Invalid>` and gives the normalised value; the closure
/// completes the schema, an [`ObjectBuilder`](utoipa::openapi::ObjectBuilder) of type string that has
/// the doc comment for its description. More types follow after `;`.
///
/// The types are read from text and JSON by the function, and from the database as they are: what was
/// valid when it was written must remain readable when the rules have changed.
macro_rules! string_value {
    ($($(#[doc = $doc:expr])* $vis:vis struct $name:ident, $parse:expr, $schema:expr);+ $(;)?) => {$(
        $(#[doc = $doc])*
        #[derive(
            Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord,
            serde::Serialize, serde::Deserialize, sea_orm::DeriveValueType,
        )]
        #[serde(try_from = "String", into = "String")]
        #[sea_orm(column_type = "Text", try_getable_array)]
        $vis struct $name(String);

        impl $name {
            /// Checks a text and keeps it, normalised.
            ///
            /// # Errors
            /// The reason why it is refused.
            $vis fn new(text: &str) -> Result<Self, $crate::invalid::Invalid> {
                let parse: fn(&str) -> Result<String, $crate::invalid::Invalid> = $parse;
                parse(text).map(Self)
            }

            /// The text.
            $vis fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = $crate::invalid::Invalid;

            fn try_from(text: &str) -> Result<Self, Self::Error> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::invalid::Invalid;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::new(&text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::invalid::Invalid;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                use utoipa::openapi::schema::{ObjectBuilder, Type};
                let complete: fn(ObjectBuilder) -> ObjectBuilder = $schema;
                let schema = ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some($crate::text::description(concat!($($doc, "\n"),*))));
                complete(schema).into()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::Borrowed(stringify!($name))
            }
        }
    )+};
}

/// Declares types of text with a length in Unicode code points.
///
/// ```text
/// text! {
///     /// The title of a topic.
///     pub struct Title, 10..=140, line;
///     /// The text of a post.
///     pub struct Body, 1..=10_000, markdown;
/// }
/// ```
/// The kinds are `line`, `prose` and `markdown`: see [`check`]. For all else see `string_value!`; the
/// limits are there as `MIN_CHARS` and `MAX_CHARS` as well.
macro_rules! text {
    ($($(#[doc = $doc:expr])* $vis:vis struct $name:ident, $min:literal ..= $max:literal, $kind:ident);+ $(;)?) => {$(
        $crate::text::string_value! {
            $(#[doc = $doc])*
            $vis struct $name,
            |text| $crate::text::check(text, $crate::text::text!(@kind $kind), $min, $max),
            |schema| schema.min_length(Some($min)).max_length(Some($max))
        }

        impl $name {
            /// The least length in Unicode code points.
            $vis const MIN_CHARS: usize = $min;
            /// The greatest length in Unicode code points.
            $vis const MAX_CHARS: usize = $max;
        }
    )+};
    (@kind line) => { $crate::text::Kind::Line };
    (@kind prose) => { $crate::text::Kind::Prose };
    (@kind markdown) => { $crate::text::Kind::Markdown };
}

string_value! {
    /// What a rule of the site is called: words of a-z and 0-9, joined by `_`, 40 characters at most.
    pub struct RuleCode,
    |text| {
        let word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        if text.len() <= 40 && text.split('_').all(word) {
            Ok(text.to_owned())
        } else {
            Err(Invalid::new("not_a_rule_code", "GET /rules lists the rules there are, each with its code."))
        }
    },
    |schema| schema.pattern(Some("^[a-z0-9]+(_[a-z0-9]+)*$")).max_length(Some(40))
}

/// A tag, such as `cold-war`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 40)]
pub struct Tag(String);

impl Tag {
    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Tag {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        if text.len() <= 40 && text.split('-').all(word) {
            Ok(Self(text))
        } else {
            Err(Invalid::new("not_a_tag", "At most 40 of a–z and 0–9, in words joined by single hyphens."))
        }
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.0
    }
}

/// Declares an enumeration that is text on the wire and in the database.
macro_rules! text_enum {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:tt,)* }) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
            sea_orm::EnumIter, sea_orm::DeriveActiveEnum,
        )]
        #[sea_orm(rs_type = "String", db_type = "Text")]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] #[sea_orm(string_value = $text)] $variant,)*
        }
    };
}

pub(crate) use {string_value, text, text_enum};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sea_orm::sea_query::{self, ColumnType, Nullable};
    use serde_json::json;
    use utoipa::{PartialSchema, ToSchema};

    use super::*;

    text! {
        /// A name.
        ///
        /// It is short.
        struct Name, 2..=10, line;
        /// A story.
        struct Story, 1..=40, markdown;
    }

    fn name(text: &str) -> Result<String, &'static str> {
        Name::try_from(text).map(String::from).map_err(|invalid| invalid.code)
    }

    fn story(text: &str) -> Result<String, &'static str> {
        Story::try_from(text).map(|story| story.as_str().to_owned()).map_err(|invalid| invalid.code)
    }

    #[test]
    fn a_line_is_normalised_and_trimmed() {
        assert_eq!(name(" a  b\n"), Ok("a  b".to_owned()));
        assert_eq!(name("e\u{301}te\u{301}"), Ok("\u{e9}t\u{e9}".to_owned()));
        for text in [
            "a\nb",
            "a\tb",
            "a\rb",
            "a\u{2028}b",
            "a\u{85}b",
            "a\0b",
            "a\u{7f}b",
            "\u{1b}[31m",
            "\0",
            "\u{1}\u{1}",
        ] {
            assert_eq!(name(text), Err("control_character"), "{text:?}");
        }
    }

    #[test]
    fn prose_keeps_its_lines() {
        assert_eq!(story("\r\n \n    code\r\n\rtext  \n\n"), Ok("    code\n\ntext".to_owned()));
        assert_eq!(story("a  \nb\tc"), Ok("a  \nb\tc".to_owned()));
        for text in ["a\0b", "a\u{8}b", "\u{1b}[31m", "\u{9b}31m"] {
            assert_eq!(story(text), Err("control_character"), "{text:?}");
        }
    }

    #[test]
    fn what_shows_nothing_is_blank() {
        for text in [
            "",
            " ",
            "\n\t\n",
            "\u{200b}\u{200b}\u{200b}",
            "\u{3164}\u{3164}",
            "\u{2800}\u{2800}",
            "\u{a0}\u{3000}",
            "\u{feff}\u{ad}",
        ] {
            assert_eq!(name(text), Err("blank"), "{text:?}");
            assert_eq!(story(text), Err("blank"), "{text:?}");
        }
    }

    #[test]
    fn length_is_that_of_code_points_after_normalisation() {
        assert_eq!(name("a"), Err("too_short"));
        assert!(name("\u{10ffff}a").is_ok());
        assert!(name(&"e\u{301}".repeat(10)).is_ok());
        assert!(name(&format!("   {}   ", "x".repeat(10))).is_ok());
        assert_eq!(name(&"x".repeat(11)), Err("too_long"));
        let invalid = Name::try_from("x".repeat(11)).unwrap_err();
        assert_eq!(invalid.detail, "At most 10 characters: this has 11.");
        let invalid = Name::try_from("x").unwrap_err();
        assert_eq!(invalid.detail, "At least 2 characters: this has 1.");
    }

    #[test]
    fn overrides_are_refused_and_joiners_are_not() {
        for c in ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}') {
            assert_eq!(name(&format!("ab{c}cd")), Err("bidi_control"), "{c:?}");
            assert_eq!(story(&format!("ab{c}cd")), Err("bidi_control"), "{c:?}");
        }
        assert!(name("👩\u{200d}🚀").is_ok());
        assert!(name("می\u{200c}خواهم").is_ok());
        assert!(name("\u{200f}שלום").is_ok());
    }

    #[test]
    fn towers_of_marks_are_refused() {
        // U+0316 and its like compose with nothing.
        let tower = |height| format!("a{}b", "\u{316}".repeat(height));
        assert!(story(&tower(8)).is_ok());
        assert_eq!(story(&tower(9)), Err("too_many_marks"));
        assert!(story(&format!("{}{}", tower(8), tower(8))).is_ok());
        let parted = format!("a{0}\u{200d}{0}", "\u{316}".repeat(5));
        assert_eq!(story(&parted), Err("too_many_marks"));
    }

    #[test]
    fn json_is_read_strictly() {
        assert_eq!(serde_json::from_value::<Name>(json!(" Ann ")).unwrap().as_str(), "Ann");
        assert_eq!(serde_json::to_value(Name::try_from("Ann").unwrap()).unwrap(), json!("Ann"));
        let message = serde_json::from_value::<Name>(json!("x")).unwrap_err().to_string();
        assert_eq!(Invalid::split(&message), Some(("too_short", "At least 2 characters: this has 1.")));
        assert!(serde_json::from_value::<Name>(json!(12)).is_err());
    }

    #[test]
    fn the_database_is_believed() {
        let old = <Name as sea_query::ValueType>::try_from(sea_orm::Value::from("far too long for a name"))
            .unwrap();
        assert_eq!(old.as_str(), "far too long for a name");
        assert_eq!(<Name as sea_query::ValueType>::column_type(), ColumnType::Text);
        assert_eq!(<Name as Nullable>::null(), sea_orm::Value::String(None));
        assert_eq!(sea_orm::Value::from(Name::try_from("Ann").unwrap()), sea_orm::Value::from("Ann"));
    }

    #[test]
    fn the_schema_says_the_limits() {
        assert_eq!(Name::name(), "Name");
        assert_eq!((Name::MIN_CHARS, Name::MAX_CHARS), (2, 10));
        assert_eq!((Story::MIN_CHARS, Story::MAX_CHARS), (1, 40));
        assert_eq!(
            serde_json::to_value(Name::schema()).unwrap(),
            json!({"type": "string", "description": "A name.\n\nIt is short.", "minLength": 2, "maxLength": 10})
        );
    }

    #[test]
    fn it_is_text_in_every_way() {
        let name: Name = "Ann".parse().unwrap();
        assert_eq!(format!("{name:>5}"), "  Ann");
        assert_eq!(name.as_ref(), "Ann");
        assert!(name < Name::try_from("Bob").unwrap());
    }

    proptest! {
        #[test]
        fn checking_again_changes_nothing(text in "[ \\n\\r\\ta-cé\\u{301}\\u{316}\\u{200b}\\u{1100}\\u{1161}]{0,12}|\\PC{0,12}") {
            for kind in [Kind::Line, Kind::Prose, Kind::Markdown] {
                if let Ok(once) = check(&text, kind, 1, 100) {
                    prop_assert_eq!(check(&once, kind, 1, 100), Ok(once));
                }
            }
        }

        #[test]
        fn nothing_visible_is_lost(text in "[a-z ]{1,20}") {
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            if let Ok(checked) = check(&text, Kind::Prose, 1, 100) {
                prop_assert_eq!(letters(&checked), letters(&text));
            }
        }
    }
}
