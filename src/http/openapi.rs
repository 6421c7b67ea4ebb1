//! The OpenAPI document, and its finishing touches.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::MatchedPath;
use axum::http::Method;
use axum::http::request::Parts;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder};
use utoipa::{PartialSchema, ToSchema};

use super::problem::{AddedScenario, FieldProblem, Problem, RetiredScenario, ScenarioSetChange};

/// The operations of a path with their methods.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    [
        (Method::GET, &mut item.get),
        (Method::PUT, &mut item.put),
        (Method::POST, &mut item.post),
        (Method::DELETE, &mut item.delete),
        (Method::PATCH, &mut item.patch),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// The operations that are for people who are signed in only, by what the document says of them. Whoever asks
/// is turned away before anything else they sent is looked at.
#[derive(Debug, Clone, Default)]
pub struct SignedInOnly(Arc<HashSet<(Method, String)>>);

impl SignedInOnly {
    /// Reads them off the document.
    pub fn of(document: &OpenApi) -> Self {
        let mut found = HashSet::new();
        for (path, item) in &document.paths.paths {
            for (method, operation) in operations(&mut item.clone()) {
                // An alternative without any scheme serializes as an empty object.
                let open = operation.security.as_ref().is_none_or(|alternatives| {
                    alternatives.iter().any(|one| *one == SecurityRequirement::default())
                });
                if !open {
                    found.insert((method, path.clone()));
                }
            }
        }
        Self(Arc::new(found))
    }

    /// Whether the operation that a request was routed to is one of them.
    pub fn has(parts: &Parts) -> bool {
        let (Some(known), Some(path)) =
            (parts.extensions.get::<Self>(), parts.extensions.get::<MatchedPath>())
        else {
            return false;
        };
        let method = if parts.method == Method::HEAD { Method::GET } else { parts.method.clone() };
        known.0.contains(&(method, path.as_str().to_owned()))
    }
}

/// Adds what every operation has: the failure that any of them may answer with, and how to sign in.
pub fn finish(mut document: OpenApi) -> OpenApi {
    let components = document.components.get_or_insert_with(Components::new);
    let mut add =
        |name: std::borrow::Cow<'_, str>, schema| components.schemas.insert(name.into_owned(), schema);
    add(Problem::name(), Problem::schema());
    add(FieldProblem::name(), FieldProblem::schema());
    add(ScenarioSetChange::name(), ScenarioSetChange::schema());
    add(AddedScenario::name(), AddedScenario::schema());
    add(RetiredScenario::name(), RetiredScenario::schema());
    components.security_schemes.insert(
        "bearer".to_owned(),
        RefOr::T(SecurityScheme::Http(
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build(),
        )),
    );
    for item in document.paths.paths.values_mut() {
        for (_, operation) in operations(item) {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            let problem = ResponseBuilder::new()
                .description("A failure; `code` says which.")
                .content("application/problem+json", content)
                .build();
            operation.responses.responses.insert("default".to_owned(), RefOr::T(problem));
        }
    }
    document
}
