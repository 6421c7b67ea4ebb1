//! Failures on the wire: RFC 9457 problem details, whatever went wrong and wherever.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::limits;
use crate::error::{Code, Error, Field, Named, SetChanged};
use crate::ids::ScenarioId;

/// A failure.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Names the kind of failure: `urn:otherwise:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:otherwise:problem:not_found")]
    pub problem_type: String,
    /// A short summary that is the same at every occurrence.
    pub title: &'static str,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// The stable name of the kind of failure.
    #[schema(example = "not_found")]
    pub code: &'static str,
    /// What is particular to this occurrence.
    pub detail: String,
    /// Names the request in the server's log.
    pub request_id: String,
    /// The fields that are wrong, with status 422.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<FieldProblem>,
    /// What changed in the set of scenarios since the version that was named, with `scenarios_changed`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub changes: Vec<ScenarioSetChange>,
}

/// What became of a set of scenarios with one version of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ScenarioSetChange {
    /// The version.
    pub version: i32,
    /// What made it: `add`, `retire`, `merge` or `split`; null where that is not known.
    pub change: Option<String>,
    /// The scenarios that came in.
    pub added: Vec<AddedScenario>,
    /// The scenarios that went out.
    pub retired: Vec<RetiredScenario>,
}

/// A scenario that came in.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AddedScenario {
    /// The scenario.
    pub id: ScenarioId,
    /// Its short name.
    pub label: String,
}

/// A scenario that went out.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RetiredScenario {
    /// The scenario.
    pub id: ScenarioId,
    /// Its short name.
    pub label: String,
    /// The scenario that took its place; null where several did.
    pub merged_into: Option<ScenarioId>,
}

impl From<&SetChanged> for ScenarioSetChange {
    fn from(changed: &SetChanged) -> Self {
        let added = |added: &Named| AddedScenario { id: added.id, label: added.label.clone() };
        let retired = |(retired, merged_into): &(Named, Option<ScenarioId>)| RetiredScenario {
            id: retired.id,
            label: retired.label.clone(),
            merged_into: *merged_into,
        };
        Self {
            version: changed.version,
            change: changed.change.as_ref().map(ToString::to_string),
            added: changed.added.iter().map(added).collect(),
            retired: changed.retired.iter().map(retired).collect(),
        }
    }
}

/// What is wrong with one field.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FieldProblem {
    /// Where it is, such as `relations[0].target.id`.
    pub field: String,
    /// A stable name for what is wrong.
    pub code: String,
    /// The same for people.
    pub detail: String,
}

impl From<&Field> for FieldProblem {
    fn from(field: &Field) -> Self {
        Self { field: field.field.clone(), code: field.code.to_string(), detail: field.detail.clone() }
    }
}

/// An error on its way to the client: the outermost layer, which knows the request, writes the body.
#[derive(Clone)]
struct Pending(std::sync::Arc<Error>);

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(Pending(std::sync::Arc::new(self)));
        response
    }
}

/// The code of a failure on its way to the client.
pub fn code_of(response: &Response) -> Option<Code> {
    response.extensions().get::<Pending>().map(|Pending(error)| error.code)
}

/// Writes the body of a failure. A failure that comes from a library rather than from a handler has no
/// error with it, and gets the code of its status.
pub(crate) fn finish(response: Response, request_id: &str) -> Response {
    let (parts, body) = response.into_parts();
    let status = parts.status;
    let error = match parts.extensions.get::<Pending>() {
        Some(Pending(error)) => error.clone(),
        None if status.is_client_error() || status.is_server_error() => std::sync::Arc::new(unnamed(status)),
        None => return Response::from_parts(parts, body),
    };
    match &error.source {
        Some(source) if error.code == Code::Internal => tracing::error!("{source:#}"),
        Some(source) => tracing::warn!(code = error.code.name(), "{source:#}"),
        None => {}
    }
    let problem = Problem {
        problem_type: format!("urn:otherwise:problem:{}", error.code.name()),
        title: error.code.title(),
        status: error.code.status(),
        code: error.code.name(),
        detail: error.detail.to_string(),
        request_id: request_id.to_owned(),
        errors: error.fields.iter().map(FieldProblem::from).collect(),
        changes: error.changes.iter().map(ScenarioSetChange::from).collect(),
    };
    let mut headers = HeaderMap::new();
    for kept in [header::ALLOW, header::WWW_AUTHENTICATE, header::VARY] {
        if let Some(value) = parts.headers.get(&kept) {
            headers.insert(kept, value.clone());
        }
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = error.retry_after {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if let Some(limit) = &error.limit {
        limits::write(limit, &mut headers);
    }
    if error.code == Code::Timeout {
        // What is left of a slow body is not waited for.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if error.code.status() == 401 {
        let challenge = match error.code {
            Code::InvalidToken => "Bearer error=\"invalid_token\"",
            _ => "Bearer",
        };
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    // A problem is made of strings and numbers, which always have a JSON form.
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, headers, body).into_response()
}

fn unnamed(status: StatusCode) -> Error {
    match status {
        StatusCode::NOT_FOUND => Error::not_found(),
        StatusCode::METHOD_NOT_ALLOWED => {
            Code::MethodNotAllowed.error("The `Allow` header says which methods do.")
        }
        StatusCode::REQUEST_TIMEOUT => {
            Code::Timeout.error("Nothing was changed, or all of it: ask again to see.")
        }
        StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge.error("Send less at a time."),
        StatusCode::URI_TOO_LONG => Code::UriTooLong.error("Send a shorter path and query."),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Code::UnsupportedMediaType.error("Send Content-Type: application/json.")
        }
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            Code::HeadersTooLarge.error("Send fewer or shorter headers.")
        }
        StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable.error("Try again in a moment.").retry_after(2),
        status if status.is_client_error() => {
            Code::MalformedRequest.error("The request cannot be understood.")
        }
        status => Error::internal(anyhow::anyhow!("a layer answered {status} without saying why")),
    }
}
