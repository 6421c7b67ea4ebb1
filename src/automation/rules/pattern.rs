//! Patterns that the staff write: regular expressions that are matched in a time proportional to the text.

use regex::{Regex, RegexBuilder};
use regex_syntax::ast::{ErrorKind, Span};
use regex_syntax::hir::{Hir, HirKind};
use unicode_normalization::UnicodeNormalization;

use crate::invalid::Invalid;
use crate::text::string_value;

/// How long a pattern may be, in code points.
const MAX_CHARS: usize = 500;

/// How large a compiled pattern may be, in bytes: `\w` alone takes 52 KiB, with all the letters there are.
const SIZE_LIMIT: usize = 256 * 1024;

/// How much a search may keep in memory of what it found out on the way, in bytes.
const DFA_SIZE_LIMIT: usize = 256 * 1024;

/// At how many places of a pattern in which anything repeats something may stand, repetitions written out. In the worst
/// case a search goes through all of them at each byte of the text: in 64 KiB of text made to that end, 32 took 44 ms where
/// it was measured, 50 took 75 ms, and 200 a quarter of a second.
const MAX_PLACES: usize = 32;

/// How deep groups and repetitions may nest.
const NEST_LIMIT: u32 = 20;

string_value! {
    /// A pattern, in the syntax of Rust's `regex`: without look-around and back-references, which no engine finds in linear
    /// time. 500 characters at most.
    pub struct Pattern, check, |schema| schema.min_length(Some(1)).max_length(Some(MAX_CHARS))
}

fn check(text: &str) -> Result<String, Invalid> {
    // Texts are in this form, so what is in another one is found in none.
    let text: String = text.nfc().collect();
    if text.is_empty() {
        return Err(Invalid::new("blank", "There is no pattern."));
    }
    let length = text.chars().count();
    if length > MAX_CHARS {
        return Err(Invalid::new("too_long", format!("At most {MAX_CHARS} characters: this has {length}.")));
    }
    if let Some(c) = text.chars().find(|c| c.is_control()) {
        let detail = format!("U+{:04X} is a control character; write it as `\\n` or `\\t`.", u32::from(c));
        return Err(Invalid::new("control_character", detail));
    }
    // The larger of the two forms.
    compile(&text, true).map(|_| text)
}

impl Pattern {
    /// The pattern, ready to be looked for.
    ///
    /// # Errors
    /// It was taken by an older server, and this one refuses it.
    pub fn compile(&self, ignore_case: bool) -> Result<Regex, Invalid> {
        compile(self.as_str(), ignore_case)
    }
}

fn compile(text: &str, ignore_case: bool) -> Result<Regex, Invalid> {
    // Read first on its own, since only the reader knows the place of what is wrong.
    let read = regex_syntax::ParserBuilder::new()
        .case_insensitive(ignore_case)
        .nest_limit(NEST_LIMIT)
        .build()
        .parse(text);
    match read {
        Ok(read) => {
            let places = places(&read);
            if places > MAX_PLACES && repeats(&read) {
                let detail = format!(
                    "Its repetitions written out, there are {places} places where something may stand, and {MAX_PLACES} is \
                     the most: repeat less often, or put words into a set."
                );
                return Err(Invalid::new("pattern_too_large", detail));
            }
        }
        Err(regex_syntax::Error::Parse(error)) => {
            return Err(match error.kind() {
                ErrorKind::UnsupportedLookAround => needs_backtracking("look-around", text, *error.span()),
                ErrorKind::UnsupportedBackreference => {
                    needs_backtracking("a back-reference", text, *error.span())
                }
                kind => not_a_pattern(kind, text, *error.span()),
            });
        }
        Err(regex_syntax::Error::Translate(error)) => {
            return Err(not_a_pattern(error.kind(), text, *error.span()));
        }
        Err(error) => return Err(Invalid::new("not_a_pattern", format!("{error}."))),
    }
    RegexBuilder::new(text)
        .case_insensitive(ignore_case)
        .size_limit(SIZE_LIMIT)
        .dfa_size_limit(DFA_SIZE_LIMIT)
        .nest_limit(NEST_LIMIT)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => Invalid::new(
                "pattern_too_large",
                "It comes to too much: repeat less often, and write [0-9A-Za-z] where \\w is more than needed.",
            ),
            error => Invalid::new("not_a_pattern", format!("{error}.")),
        })
}

/// Whether anything in a pattern may stand there more or less often than once.
fn repeats(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Repetition(_) => true,
        HirKind::Capture(capture) => repeats(&capture.sub),
        HirKind::Concat(list) | HirKind::Alternation(list) => list.iter().any(repeats),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => false,
    }
}

/// At how many places of a pattern something may stand, its repetitions written out.
fn places(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(literal) => String::from_utf8_lossy(&literal.0).chars().count(),
        HirKind::Class(_) => 1,
        HirKind::Capture(capture) => places(&capture.sub),
        HirKind::Concat(list) | HirKind::Alternation(list) => {
            list.iter().map(places).fold(0, usize::saturating_add)
        }
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min).max(1);
            places(&repetition.sub).saturating_mul(usize::try_from(times).unwrap_or(usize::MAX))
        }
    }
}

fn needs_backtracking(what: &str, text: &str, span: Span) -> Invalid {
    let place = place(text, span);
    Invalid::new(
        "needs_backtracking",
        format!(
            "{place} is {what}, which is not taken: looking for it may take time without bounds. Combine conditions with \
             `all` and `not` instead."
        ),
    )
}

fn not_a_pattern(kind: &dyn std::fmt::Display, text: &str, span: Span) -> Invalid {
    Invalid::new("not_a_pattern", format!("{}: {kind}.", place(text, span)))
}

/// Where something stands, counted in characters from 1, and what does.
fn place(text: &str, span: Span) -> String {
    let (start, end) = (span.start.offset, span.end.offset);
    let before = text.get(..start).map_or(0, |before| before.chars().count());
    let shown: String = text.get(start..end).unwrap_or_default().chars().take(20).collect();
    if shown.is_empty() {
        format!("At character {}", before + 1)
    } else {
        format!("At character {}, `{shown}`", before + 1)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    fn refusal(text: &str) -> (&'static str, String) {
        let Invalid { code, detail } = Pattern::new(text).unwrap_err();
        (code, detail.into_owned())
    }

    #[test]
    fn l8_what_needs_backtracking_is_refused_by_its_place() {
        for (pattern, place) in [
            ("buy(?=now)", "At character 4, `(?=` is look-around"),
            ("é(?!x)", "At character 2, `(?!` is look-around"),
            ("(?<=a)b", "At character 1, `(?<=` is look-around"),
            ("(?<!a)b", "At character 1, `(?<!` is look-around"),
            (r"(a)\1", r"At character 4, `\1` is a back-reference"),
        ] {
            let (code, detail) = refusal(pattern);
            assert_eq!(code, "needs_backtracking", "{pattern}");
            assert!(detail.starts_with(place), "{pattern}: {detail}");
        }
        for pattern in ["(", "a)", "[z-a]", "*", r"\q", "(?P<n>a)(?P<n>b)", r"\p{Klingon}", "(?>a)", r"\k<n>"]
        {
            let (code, detail) = refusal(pattern);
            assert!(
                code == "not_a_pattern" && detail.starts_with("At character "),
                "{pattern}: {code} {detail}"
            );
        }
    }

    #[test]
    fn l8_patterns_are_bounded_in_length_depth_and_size() {
        assert!(Pattern::new(&"a".repeat(500)).is_ok());
        assert_eq!(refusal(&"a".repeat(501)).0, "too_long");
        assert_eq!(refusal("").0, "blank");
        assert_eq!(refusal("a\nb").0, "control_character");
        assert_eq!(refusal("a\0b").0, "control_character");
        for pattern in [
            "a{1000}{1000}",
            r"\w{1000}",
            "(a{100}){100}{100}",
            r"(?:\pL\pN){26}",
            r"(?:\w\W){12}",
            "(a{8}b?){6}",
            &format!("a*{}", "b".repeat(32)),
        ] {
            assert_eq!(refusal(pattern).0, "pattern_too_large", "{pattern}");
        }
        // Words side by side are looked for all at once.
        let words: Vec<_> = (100..200).map(|i| format!("w{i}")).collect();
        for pattern in ["a{32}", "(a{6}b?){4}", &format!("a*{}", "b".repeat(31)), &words.join("|")] {
            assert!(Pattern::new(pattern).is_ok(), "{pattern}: {:?}", Pattern::new(pattern));
        }
        assert!(Pattern::new(&format!("{}a{}", "(".repeat(19), ")".repeat(19))).is_ok());
        assert_eq!(refusal(&format!("{}a{}", "(".repeat(200), ")".repeat(200))).0, "not_a_pattern");
        // What moderators are likely to write is within bounds.
        for pattern in [
            r"\bcheap\s+maps?\b",
            r"(?:t\.me|wa\.me)/\w+",
            r"[\w.]+@[\w.]+\.\w{2,}",
            r"\b(?:\d[ -]?){13,16}\b",
            r"(?:casino|viagra|crypto)\s*(?:bonus|giveaway)",
        ] {
            assert!(Pattern::new(pattern).is_ok(), "{pattern}: {:?}", Pattern::new(pattern));
        }
    }

    #[test]
    fn a_pattern_is_found_in_texts_as_they_are_kept() {
        let decomposed = Pattern::new("cafe\u{301}").unwrap();
        assert!(decomposed.compile(false).unwrap().is_match("un café"));
        assert!(!decomposed.compile(false).unwrap().is_match("UN CAFÉ"));
        assert!(decomposed.compile(true).unwrap().is_match("UN CAFÉ"));
    }

    /// Patterns that take other engines a time without bounds, and such as take this one as long as can be.
    const HOSTILE: [&str; 9] = [
        "(a+)+$",
        "(a|a)*b",
        "(a|aa)+$",
        "(.*a){12}",
        "[ab]*a[ab]{28}c",
        "(?:a?){16}a{16}$",
        r"^(([a-z])+.)+[A-Z]([a-z])+$",
        r"(\w+\s?)*$",
        r"(?:[ab]{1,9}c?){3}d",
    ];

    fn shortest(pattern: &Regex, text: &str) -> Duration {
        let once = || {
            let start = Instant::now();
            std::hint::black_box(pattern.is_match(std::hint::black_box(text)));
            start.elapsed()
        };
        (0..5).map(|_| once()).min().unwrap_or_default()
    }

    #[test]
    fn l8_twice_the_text_takes_about_twice_the_time() {
        for source in HOSTILE {
            let pattern = Pattern::new(source).unwrap().compile(true).unwrap();
            for unit in ["a", "ab", "aab ", "abba"] {
                let text = |bytes: usize| unit.repeat(bytes / unit.len()) + "!";
                let half = shortest(&pattern, &text(32 * 1024));
                let whole = shortest(&pattern, &text(64 * 1024));
                // Backtracking would take thousands of times as long, or for ever.
                let most = half * 5 + Duration::from_millis(2);
                assert!(whole <= most, "{source} on {unit:?}: {half:?} and {whole:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn l8_whatever_is_written_is_taken_or_refused_with_a_reason(text in ".{0,60}") {
            match Pattern::new(&text) {
                Ok(pattern) => {
                    prop_assert!(pattern.compile(false).is_ok());
                    prop_assert_eq!(Pattern::new(pattern.as_str()).ok(), Some(pattern));
                }
                Err(refused) => prop_assert!(!refused.detail.is_empty()),
            }
        }

        #[test]
        fn l8_what_is_built_of_the_syntax_is_taken_or_refused(text in r"([ab.]|\(|\)|\[a|\]|\*|\+|\?|\{1,9\}|\||\\w|\\1|\(\?=){0,25}") {
            if let Ok(pattern) = Pattern::new(&text) {
                prop_assert!(pattern.compile(true).is_ok());
                prop_assert!(!text.contains("(?=") || text.contains('['));
            }
        }
    }
}
