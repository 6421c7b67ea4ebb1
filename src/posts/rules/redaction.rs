//! Blacking passages out of a text.

use crate::decisions::rules::Passage;

/// What stands where something was blacked out.
pub const REDACTED: &str = "[redacted]";

/// A text with [`REDACTED`] in place of every occurrence of the passages; passages that overlap or touch become one. Nothing
/// where none of them occurs.
pub fn redacted(text: &str, passages: &[Passage]) -> Option<String> {
    let mut spans: Vec<(usize, usize)> = passages
        .iter()
        .flat_map(|passage| {
            starts(text, passage.as_str()).map(|start| (start, start + passage.as_str().len()))
        })
        .collect();
    if spans.is_empty() {
        return None;
    }
    spans.sort_unstable();
    let mut kept = String::with_capacity(text.len());
    let mut until = None;
    for (start, end) in spans {
        match until {
            Some(last) if start <= last => until = Some(end.max(last)),
            _ => {
                kept.push_str(&text[until.unwrap_or(0)..start]);
                kept.push_str(REDACTED);
                until = Some(end);
            }
        }
    }
    kept.push_str(&text[until.unwrap_or(0)..]);
    Some(kept)
}

/// Where a passage begins in a text, also within itself: of "aaa", "aa" is blacked out twice, and so all of it.
fn starts<'a>(text: &'a str, passage: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.char_indices().map(|(start, _)| start).filter(move |start| text[*start..].starts_with(passage))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn passages(texts: &[&str]) -> Vec<Passage> {
        texts.iter().map(|text| (*text).to_owned().try_into().unwrap()).collect()
    }

    #[test]
    fn passages_go_wherever_they_are() {
        let cases = [
            ("Alice lives at 12 Elm Street.", vec!["12 Elm Street"], Some("Alice lives at [redacted].")),
            ("no, no", vec!["no"], Some("[redacted], [redacted]")),
            ("abcde", vec!["abc", "cde"], Some("[redacted]")),
            ("abcd", vec!["ab", "cd"], Some("[redacted]")),
            ("aaa", vec!["aa"], Some("[redacted]")),
            ("Ärger über Öl", vec!["über"], Some("Ärger [redacted] Öl")),
            ("a word", vec!["A"], None),
            ("a", vec!["a", "edact"], Some("[redacted]")),
        ];
        for (text, gone, expected) in cases {
            assert_eq!(redacted(text, &passages(&gone)).as_deref(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_left_of_a_passage(text in "[a-cé ]{0,40}", gone in prop::collection::vec("[a-cé]{1,3}", 1..4)) {
            let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
            match redacted(&text, &passages(&gone)) {
                // What is left of each side of a mark is looked at by itself: the mark has letters of its own.
                Some(kept) => for part in kept.split(REDACTED) {
                    prop_assert!(gone.iter().all(|gone| !part.contains(gone)), "{kept}");
                },
                None => prop_assert!(gone.iter().all(|gone| !text.contains(gone))),
            }
        }
    }
}
