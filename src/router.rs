//! All routes together, and the document that describes them.

use std::sync::OnceLock;

use axum::body::Bytes;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Extension, Router};
use serde::Serialize;
use serde_json::json;
use utoipa::openapi::OpenApi;
use utoipa::{OpenApi as _, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::Config as DocsConfig;
use uuid::Uuid;

use crate::app::App;
use crate::audit::rules::Outcome;
use crate::audit::{self, Entry};
use crate::error::{Code, Error, Result};
use crate::http::limits::Guest;
use crate::http::{Answer, AskedBy, Cache, Compressible, Path, code_of, middleware, openapi};
use crate::{
    accounts, auth, automation, credences, credentials, criteria, db, http, identities, implications, jobs,
    mind_changes, moderation, own_data, posts, roles, scenario_sets, topics, track_record, vote_signals,
    votes, webhooks,
};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Otherwise",
        description = "A debate server for counterfactual questions. Conventions: docs/API.md.",
        license(name = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "accounts", description = "People"),
        (name = "roles", description = "Who may do more than take part"),
        (name = "sessions", description = "Signing in and out"),
        (name = "factors", description = "Authenticator apps and recovery codes"),
        (name = "credentials", description = "Passwords and addresses: changing, recovering and confirming them"),
        (name = "identities", description = "Signing in with an identity at a provider (OpenID Connect)"),
        (name = "own data", description = "A copy of all that is kept of a person, and erasing it"),
        (name = "topics", description = "The questions under debate"),
        (name = "posts", description = "Arguments, their threads and relations"),
        (name = "votes", description = "Judging arguments on two axes"),
        (name = "vote signals", description = "What speaks for attacks by votes, who voted, and votes that do not count"),
        (name = "bulk jobs", description = "The same done to many things at a time: planned, watched, and taken back"),
        (name = "webhooks", description = "Telling moderators' scripts what happens"),
        (name = "credences", description = "How likely people take the scenarios to be"),
        (name = "mind changes", description = "Which posts moved whom, and how far"),
        (name = "scenarios", description = "Changing the scenarios of a topic"),
        (name = "track records", description = "What people believe, whom they moved, and how their forecasts turned out"),
        (name = "implications", description = "What the record should show, and forecasts of it"),
        (name = "criteria", description = "How scenarios and variants stand up to the criteria for counterfactuals"),
        (name = "moderation", description = "Rules, reports, and the cases that moderators decide"),
        (name = "service", description = "The server itself"),
    ),
)]
struct Document;

fn api() -> (Router<App>, OpenApi) {
    let versioned = OpenApiRouter::new()
        .merge(accounts::router())
        .merge(roles::router())
        .merge(auth::router())
        .merge(credentials::router())
        .merge(identities::router())
        .merge(topics::router())
        .merge(posts::router())
        .merge(votes::router())
        .merge(vote_signals::router())
        .merge(jobs::router())
        .merge(webhooks::router())
        .merge(credences::router())
        .merge(mind_changes::router())
        .merge(track_record::router())
        .merge(scenario_sets::router())
        .merge(implications::router())
        .merge(criteria::router())
        .merge(moderation::router())
        .merge(automation::router())
        .merge(own_data::router())
        .routes(routes!(read_openapi));
    let (router, document) = OpenApiRouter::with_openapi(Document::openapi())
        .nest(http::BASE, versioned)
        .routes(routes!(read_health))
        .routes(routes!(read_readiness))
        .split_for_parts();
    (router, openapi::finish(document))
}

/// The document that describes the API, as it is served and as it is kept in docs/.
pub fn document() -> OpenApi {
    api().1
}

/// Everything the server answers to.
pub fn router(app: &App) -> Router {
    let (router, document) = api();
    let router = router
        .route("/docs", get(|| async { Redirect::permanent("/docs/") }))
        .route("/docs/", get(|| async { docs("index.html") }))
        .route("/docs/{*file}", get(|Path(file): Path<String>| async move { docs(&file) }))
        .fallback(|| async { Error::not_found() })
        .method_not_allowed_fallback(|| async {
            Code::MethodNotAllowed.error("The `Allow` header says which methods do.")
        })
        .with_state(app.clone())
        .layer(axum::middleware::from_fn_with_state(
            (app.clone(), openapi::SignedInOnly::of(&document)),
            record_denials,
        ));
    middleware::wrap(router, app)
}

/// Tells whoever reads who asks for what they have to be signed in, and records what was denied to people who are. The limits on requests bound how often.
async fn record_denials(
    State((app, signed_in_only)): State<(App, openapi::SignedInOnly)>,
    mut request: Request,
    next: Next,
) -> Response {
    let asked = AskedBy::default();
    request.extensions_mut().insert(signed_in_only);
    request.extensions_mut().insert(asked.clone());
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    // Being asked to think first is no denial of anything that somebody would break in for.
    let code = code_of(&response).filter(|code| code.status() == 403 && *code != Code::CrowdWithheld);
    if let (Some(code), Some(actor)) = (code, asked.get())
        && actor.id().is_some()
    {
        // The rest of a path may hold what its sender should have kept to themselves.
        let ids: Vec<Uuid> = uri.path().split('/').filter_map(|part| part.parse().ok()).collect();
        let route = route.as_ref().map(MatchedPath::as_str);
        let entry = Entry {
            outcome: Outcome::Refused,
            data: json!({ "code": code.name(), "method": method.as_str(), "route": route, "ids": ids }),
            ..actor.entry("request")
        };
        if let Err(error) = audit::record_alone(&app, entry).await {
            tracing::error!(%error, "a denial could not be recorded in the audit log");
        }
    }
    response
}

/// The document, browsable. Everything it needs is part of this program.
fn docs(file: &str) -> Response {
    // The page is the library's; it sets styles on elements, and its script starts itself inline.
    const POLICY: &str = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; \
                          img-src 'self' data:; frame-ancestors 'none'";
    let config = std::sync::Arc::new(DocsConfig::from("/api/v1/openapi.json").validator_url("none"));
    match utoipa_swagger_ui::serve(file, config) {
        Ok(Some(found)) => {
            let bytes = Bytes::from(found.bytes.into_owned());
            let headers = [
                (header::CONTENT_TYPE, found.content_type),
                (header::CONTENT_SECURITY_POLICY, POLICY.to_owned()),
            ];
            (headers, Extension(Compressible::new(bytes.clone())), bytes).into_response()
        }
        Ok(None) => Error::not_found().into_response(),
        Err(error) => Error::internal(anyhow::anyhow!("the docs page: {error}")).into_response(),
    }
}

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// `ok`.
    status: &'static str,
}

/// Whether the server is alive
///
/// Answers without asking anybody else.
#[utoipa::path(get, path = "/healthz", tag = "service", responses((status = 200, body = Health)), security(()))]
async fn read_health() -> Result<Answer> {
    Answer::ok(&Health { status: "ok" }, Cache::No)
}

/// Whether the server can work
///
/// The database is reachable and its schema is the one this program was made for.
#[utoipa::path(get, path = "/readyz", tag = "service", responses((status = 200, body = Health)), security(()))]
async fn read_readiness(State(app): State<App>) -> Result<Answer> {
    if db::migrations_are_current(&app.db).await? {
        Answer::ok(&Health { status: "ok" }, Cache::No)
    } else {
        Err(Code::Unavailable
            .error("The database's schema is not up to date: run `otherwise migrate`.")
            .retry_after(5))
    }
}

/// Read this document
#[utoipa::path(get, path = "/openapi.json", tag = "service", responses((status = 200, description = "OpenAPI 3.1")), security(()))]
async fn read_openapi(_: Guest) -> Result<Answer> {
    // It is the same as long as the program runs, and dear to put together.
    static DOCUMENT: OnceLock<Answer> = OnceLock::new();
    if let Some(answer) = DOCUMENT.get() {
        return Ok(answer.clone());
    }
    let answer = Answer::ok(&document(), Cache::Public)?;
    Ok(DOCUMENT.get_or_init(|| answer).clone())
}
