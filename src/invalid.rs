//! Why a value was refused, in a form that survives serde.

use std::borrow::Cow;
use std::fmt;

/// Why a value was refused: a stable `snake_case` code for programs and a sentence for people.
///
/// Value types give it from `TryFrom`, serde carries it as text, and the JSON extractor takes it
/// apart again with [`Invalid::split`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// What is wrong, for programs: a lower-case letter, then lower-case letters, digits and `_`.
    pub code: &'static str,
    /// What is wrong, for people. It never repeats a secret.
    pub detail: Cow<'static, str>,
}

impl Invalid {
    /// A refusal.
    pub fn new(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into() }
    }

    /// The code and the detail of a message that [`Display`](fmt::Display) wrote, `None` for any other message.
    pub fn split(message: &str) -> Option<(&str, &str)> {
        let (code, detail) = message.split_once(": ")?;
        let is_code = code.starts_with(|c: char| c.is_ascii_lowercase())
            && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        (is_code && !detail.is_empty()).then_some((code, detail))
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for Invalid {}

/// Identifiers, if they are from 1 to so many, and each is there once.
///
/// # Errors
/// `too_few`, `too_many` or `duplicate`.
pub fn distinct<Id: Copy + Ord>(ids: Vec<Id>, most: usize) -> Result<Vec<Id>, Invalid> {
    if ids.is_empty() {
        return Err(Invalid::new("too_few", "Name one at least."));
    }
    if ids.len() > most {
        return Err(Invalid::new("too_many", format!("At most {most}: these are {}.", ids.len())));
    }
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.len() < ids.len() {
        return Err(Invalid::new("duplicate", "Name each once."));
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_split_again() {
        let written = Invalid::new("too_short", "At least 10: this has 3.").to_string();
        assert_eq!(written, "too_short: At least 10: this has 3.");
        assert_eq!(Invalid::split(&written), Some(("too_short", "At least 10: this has 3.")));
    }

    #[test]
    fn messages_of_others_are_left_alone() {
        for message in [
            "invalid type: integer `1`, expected a string",
            "missing field `value`",
            "unknown variant `x`, expected `a` or `b`",
            "Blank: no",
            "_x: no",
            ": no",
            "blank: ",
            "blank",
            "",
        ] {
            assert_eq!(Invalid::split(message), None, "{message}");
        }
    }
}
