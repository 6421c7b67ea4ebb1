//! Reading requests: strict, and refusing in the words of the API.

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::error::Category;

use super::timing::was_too_slow;
use crate::app::App;
use crate::error::{Code, Error, Field, Result};
use crate::invalid::Invalid;

/// How deep JSON may nest.
const MAX_DEPTH: usize = 32;

/// How many items a list may have; most kinds of list have a lower limit of their own.
pub(super) const MAX_ITEMS: usize = 1000;

/// What an item of a long list takes at the most, such as an identifier, in bytes.
const ITEM_BYTES: usize = 48;

/// A JSON body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let (parts, body) = request.into_parts();
        parse_json(&read_json(&parts.headers, body, app, MAX_ITEMS).await?).map(Self)
    }
}

/// Reads the bytes of a JSON body within the limit, which is higher where a list may be longer than most.
///
/// # Errors
/// It is of another media type, too large, or did not arrive.
pub(super) async fn read_json(
    headers: &HeaderMap,
    body: axum::body::Body,
    app: &App,
    items: usize,
) -> Result<Bytes> {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !matches!(essence.as_str(), "application/json" | "application/merge-patch+json") {
        return Err(
            Code::UnsupportedMediaType.error("Send the body as JSON, with Content-Type: application/json.")
        );
    }
    let limit = app.config.server.body_limit_bytes + items.saturating_sub(MAX_ITEMS) * ITEM_BYTES;
    match http_body_util::Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Code::TooLarge.error(format!("The limit is {limit} bytes.")))
        }
        Err(error) if was_too_slow(&*error) => {
            Err(Code::Timeout.error("The body did not arrive in time; nothing was changed."))
        }
        Err(_) => Err(Code::MalformedRequest.error("The body did not arrive whole.")),
    }
}

/// Reads JSON strictly: no unknown or doubled field, no type but the right one, no deep nesting.
///
/// # Errors
/// 400 for what is not JSON, 422 with the field for what is not acceptable.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    parse_long_json(bytes, MAX_ITEMS)
}

/// The same, of which a list may have so many items.
///
/// # Errors
/// As [`parse_json`].
pub(super) fn parse_long_json<T: DeserializeOwned>(bytes: &[u8], max_items: usize) -> Result<T> {
    let extent = extent(bytes);
    if extent.depth > MAX_DEPTH {
        return Err(Code::MalformedJson.error(format!("It nests deeper than {MAX_DEPTH} levels.")));
    }
    if extent.items > max_items {
        return Err(Error::field("(body)", "too_many", format!("A list has at most {max_items} items.")));
    }
    let refused = |error: serde_path_to_error::Error<serde_json::Error>| {
        let path = error.path().to_string();
        let error = error.into_inner();
        match error.classify() {
            Category::Data => data_error(path, &error.to_string()),
            // The library calls it bad syntax when there is no name where one of several is expected.
            Category::Syntax if serde_json::from_slice::<Value>(bytes).is_ok() => {
                data_error(path, "Not of the type that is expected here")
            }
            _ => Code::MalformedJson.error(format!("{error}.")),
        }
    };
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let StrictValue(value) = serde_path_to_error::deserialize(&mut json).map_err(refused)?;
    json.end().map_err(|error| Code::MalformedJson.error(format!("{error}.")))?;
    serde_path_to_error::deserialize(Strict(value)).map_err(refused)
}

/// How far JSON reaches.
#[derive(Debug, Default, PartialEq, Eq)]
struct Extent {
    /// The deepest nesting.
    depth: usize,
    /// The most items of one list, or fields of one object.
    items: usize,
}

/// Measures without parsing: a parser that recurses and collects must not be the one to find out.
fn extent(bytes: &[u8]) -> Extent {
    let mut extent = Extent::default();
    // Deeper than allowed it does not matter how many there are.
    let mut commas = [0_usize; MAX_DEPTH + 1];
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                extent.depth = extent.depth.max(depth);
                if let Some(commas) = commas.get_mut(depth) {
                    *commas = 0;
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            b',' if !in_string => {
                if let Some(commas) = commas.get_mut(depth) {
                    *commas += 1;
                    extent.items = extent.items.max(*commas + 1);
                }
            }
            _ => {}
        }
    }
    extent
}

/// Makes a field error of serde's message: its first words say what kind of refusal it is.
fn data_error(path: String, message: &str) -> Error {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    let named = || message.split('`').nth(1).unwrap_or_default();
    let join = |path: &str, name: &str| {
        if path.is_empty() || path == "." { name.to_owned() } else { format!("{path}.{name}") }
    };
    let last_is = |name: &str| path.rsplit('.').next() == Some(name);
    let (field, code, detail) = if let Some((code, detail)) = Invalid::split(message) {
        (path, code.to_owned(), detail.to_owned())
    } else if message.starts_with("missing field") {
        (join(&path, named()), "missing".to_owned(), "This field is needed.".to_owned())
    } else if message.starts_with("unknown field") {
        let field = if last_is(named()) { path } else { join(&path, named()) };
        (field, "unknown_field".to_owned(), "There is no such field here.".to_owned())
    } else if message.starts_with("duplicate field") {
        let field = if last_is(named()) { path } else { join(&path, named()) };
        (field, "duplicate_field".to_owned(), "This field is there more than once.".to_owned())
    } else if message.starts_with("unknown variant") {
        let choices = message.split_once("expected ").map_or("", |(_, choices)| choices);
        (path, "unknown_value".to_owned(), format!("Expected {}.", choices.replace('`', "\"")))
    } else {
        // What a type is called in the program says nothing to who called it.
        let message = message
            .split_once("expected struct ")
            .map_or_else(|| format!("{message}."), |(found, _)| format!("{found}expected an object."));
        (path, "wrong_type".to_owned(), message)
    };
    let field = if field.is_empty() || field == "." { "(body)".to_owned() } else { field };
    Error::fields(vec![Field { field, code: code.into(), detail }])
}

/// Any JSON, read as strictly as a type would: a field that is there twice is refused.
#[derive(Debug, Clone, PartialEq)]
pub struct StrictValue(pub Value);

impl<'de> Deserialize<'de> for StrictValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(StrictValue(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = serde_json::Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(serde::de::Error::custom(format_args!("duplicate field `{name}`")));
            }
            let StrictValue(value) = fields.next_value()?;
            object.insert(name, value);
        }
        Ok(object.into())
    }
}

/// JSON from which only an object is read where a type has fields: `serde_json` would take an array of their
/// values as well, so that a client could leave the names out.
struct Strict(Value);

impl IntoDeserializer<'_, serde_json::Error> for Strict {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Strict {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0 {
            Value::Array(items) => {
                SeqDeserializer::new(items.into_iter().map(Strict)).deserialize_any(visitor)
            }
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(name, value)| (name, Strict(value)));
                MapDeserializer::new(fields).deserialize_any(visitor)
            }
            plain => plain.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        if self.0.is_array() {
            return Err(serde::de::Error::custom("invalid type: an array, expected an object"));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        match self.0 {
            Value::Object(fields) if fields.len() == 1 => {
                let fields = fields.into_iter().map(|(name, value)| (name, Strict(value)));
                visitor.visit_enum(MapAccessDeserializer::new(MapDeserializer::new(fields)))
            }
            plain => plain.deserialize_enum(name, variants, visitor),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map identifier ignored_any
    }
}

/// The query of an address.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
        serde_path_to_error::deserialize(pairs)
            .map(Self)
            .map_err(|error| data_error(error.path().to_string(), &error.into_inner().to_string()))
    }
}

/// The parts of a path. What cannot be an identifier names nothing, and is answered so.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        // PostgreSQL has no text with U+0000 in it.
        if parts.uri.path().contains("%00") {
            return Err(Error::not_found());
        }
        let path: Result<axum::extract::Path<T>, PathRejection> =
            axum::extract::Path::from_request_parts(parts, app).await;
        match path {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(refused) if refused.status() == StatusCode::INTERNAL_SERVER_ERROR => {
                Err(Error::internal(anyhow::anyhow!("{refused}")))
            }
            Err(_) => Err(Error::not_found()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether they can be read matters")]
    struct Input {
        name: String,
        list: Option<Vec<u8>>,
        inner: Option<Box<Input>>,
        choice: Option<Choice>,
        holding: Option<Holding>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    #[expect(dead_code, reason = "only whether they can be read matters")]
    enum Holding {
        Nothing,
        Inner(Box<Input>),
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Choice {
        One,
        Other,
    }

    fn refusal(json: &str) -> (u16, String) {
        let error = parse_json::<Input>(json.as_bytes()).unwrap_err();
        let field = error.fields.first().map(|field| format!("{} {}", field.field, field.code));
        (error.code.status(), field.unwrap_or_default())
    }

    #[test]
    fn every_refusal_names_its_field() {
        let invalid = |field: &str| (422, field.to_owned());
        assert_eq!(refusal("{}"), invalid("name missing"));
        assert_eq!(refusal(r#"{"name":"a","nmae":"b"}"#), invalid("nmae unknown_field"));
        assert_eq!(refusal(r#"{"name":"a","name":"b"}"#), invalid("name duplicate_field"));
        assert_eq!(refusal(r#"{"name":1}"#), invalid("name wrong_type"));
        assert_eq!(refusal(r#"{"name":"a","list":[1,256]}"#), invalid("list[1] wrong_type"));
        assert_eq!(refusal(r#"{"name":"a","choice":[]}"#), invalid("choice wrong_type"));
        assert_eq!(refusal(r#"{"name":"a","choice":1}"#), invalid("choice wrong_type"));
        assert_eq!(refusal(r#"{"name":"a","holding":{"inner":["b"]}}"#), invalid("holding.inner wrong_type"));
        assert_eq!(refusal(r#"{"name":"a","holding":{"inner":{}}}"#), invalid("holding.inner.name missing"));
        assert_eq!(refusal(r#"{"name":"a","holding":{"other":1}}"#), invalid("holding unknown_value"));
        assert_eq!(refusal(r#"{"name":"a","holding":{}}"#), invalid("holding wrong_type"));
        assert!(parse_json::<Input>(br#"{"name":"a","holding":"nothing"}"#).is_ok());
        assert_eq!(refusal("[]"), invalid("(body) wrong_type"));
        assert_eq!(refusal(r#"["a",[1]]"#), invalid("(body) wrong_type"));
        assert_eq!(refusal(r#"{"name":"a","inner":["b",null,null]}"#), invalid("inner wrong_type"));
        assert_eq!(
            refusal(r#"{"name":"a","inner":{"name":"b","list":{"0":1}}}"#),
            invalid("inner.list wrong_type")
        );
        assert_eq!(
            refusal(r#"{"name":"a","inner":{"name":"b","name":"c"}}"#),
            invalid("inner.name duplicate_field")
        );
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(1000), "]".repeat(1000));
        for json in
            ["", "{", "nonsense", r#"{"name":"\ud800"}"#, r#"{"name":"a"} x"#, &deep, "{\"name\":\"\u{1}\"}"]
        {
            assert_eq!(refusal(json), (400, String::new()), "{json}");
        }
    }

    #[test]
    fn any_json_is_read_as_strictly_as_a_type() {
        let read = |json: &str| parse_json::<StrictValue>(json.as_bytes());
        let json = r#"{"a":[1,-2,0.5,"x",null,true],"b":{"c":{}}}"#;
        assert_eq!(read(json).unwrap().0.to_string(), json);
        let error = read(r#"{"a":{"b":1,"b":2}}"#).unwrap_err();
        assert_eq!((error.fields[0].field.as_str(), &*error.fields[0].code), ("a.b", "duplicate_field"));
    }

    #[test]
    fn brackets_in_strings_do_not_nest() {
        let measured = |json: &str| {
            let Extent { depth, items } = extent(json.as_bytes());
            (depth, items)
        };
        assert_eq!(measured(r#"{"a":"[[[[\"[[,,,"}"#), (1, 0));
        assert_eq!(measured("[[]]"), (2, 0));
        assert_eq!(measured("[[1,2,3],[4,5],{}]"), (2, 3));
        assert_eq!(measured(r#"[[1,2],{"a":1,"b":[1,2,3,4],"c":2}]"#), (3, 4));
    }
}
