//! `Inspection-Reason`: whoever looks at what is not for everybody says why.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::request::Parts;

use crate::app::App;
use crate::error::{Error, Result};
use crate::invalid::Invalid;

/// The header, as a document and a refusal name it.
const NAME: &str = "Inspection-Reason";

/// The reason that a request gives, unread: whether somebody may look is for them to know before what is wrong with it.
#[derive(Debug, Clone)]
pub struct InspectionReason(Vec<HeaderValue>);

impl FromRequestParts<App> for InspectionReason {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        Ok(Self(parts.headers.get_all(NAME).iter().cloned().collect()))
    }
}

impl InspectionReason {
    /// Reads it as UTF-8.
    ///
    /// # Errors
    /// 422 where it is missing, given more than once, not readable, or not a value of the type.
    pub fn read<T: for<'a> TryFrom<&'a str, Error = Invalid>>(&self) -> Result<T> {
        let value = match self.0.as_slice() {
            [] => return Err(Error::field(NAME, "missing", "Say in this header why you look.")),
            [value] => value,
            _ => return Err(Error::field(NAME, "duplicate_field", "This header is there more than once.")),
        };
        let text = std::str::from_utf8(value.as_bytes())
            .map_err(|_| Error::field(NAME, "not_text", "The header is not UTF-8."))?;
        T::try_from(text).map_err(|refused| Error::invalid(NAME, refused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Anything of one letter and more.
    #[derive(Debug, PartialEq)]
    struct Word(String);

    impl TryFrom<&str> for Word {
        type Error = Invalid;

        fn try_from(text: &str) -> Result<Self, Invalid> {
            if text.is_empty() { Err(Invalid::new("too_short", "None.")) } else { Ok(Self(text.to_owned())) }
        }
    }

    #[test]
    fn it_is_one_header_of_text() {
        let read = |values: &[&[u8]]| {
            let values = values.iter().map(|value| HeaderValue::from_bytes(value).unwrap()).collect();
            InspectionReason(values).read::<Word>().map_err(|error| error.fields[0].code.to_string())
        };
        let refused = |code: &str| Err(code.to_owned());
        assert_eq!(read(&["Zwölf".as_bytes()]), Ok(Word("Zwölf".to_owned())));
        assert_eq!(read(&[]), refused("missing"));
        assert_eq!(read(&[b"a", b"b"]), refused("duplicate_field"));
        assert_eq!(read(&[b"Zw\xf6lf"]), refused("not_text"));
        assert_eq!(read(&[b""]), refused("too_short"));
    }
}
