//! Calls by web pages of other origins (CORS): allowed to those that are listed, exactly as they are listed.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use tower::{Layer, ServiceExt};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::config::Origin;

/// What a page may send. Tokens are sent in a header, so there is no need to allow credentials.
const SENT: [HeaderName; 7] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("inspection-reason"),
    HeaderName::from_static("x-request-id"),
];

/// What a page may read of an answer besides its body.
const READ: [HeaderName; 6] = [
    header::ETAG,
    header::LOCATION,
    header::RETRY_AFTER,
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static("x-request-id"),
];

/// Adds the layer where there are origins to allow. Without any, nothing depends on who asks, and a
/// preflight is an OPTIONS like any other: 405.
pub(super) fn wrap(router: Router, allowed: &[Origin]) -> Router {
    if allowed.is_empty() {
        return router;
    }
    let origins: Vec<HeaderValue> =
        allowed.iter().filter_map(|origin| HeaderValue::try_from(origin.as_str()).ok()).collect();
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(SENT)
        .expose_headers(READ)
        .max_age(Duration::from_hours(2));
    router.layer(axum::middleware::from_fn(move |request, next| answer(cors.clone(), request, next)))
}

async fn answer(cors: CorsLayer, request: Request, next: Next) -> Response {
    let options = request.method() == Method::OPTIONS;
    let preflight = options
        && request.headers().contains_key(header::ORIGIN)
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if options && !preflight {
        // The library takes every OPTIONS for a preflight.
        return next.run(request).await;
    }
    let inner = tower::service_fn(move |request: Request| {
        let next = next.clone();
        async move { Ok::<_, Infallible>(next.run(request).await) }
    });
    let mut response = match cors.layer(inner).oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if preflight {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    response
}
