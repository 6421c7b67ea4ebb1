//! What happens to every request, whatever it asks for.

use std::any::Any;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::FutureExt;
use tracing::Instrument;

use super::answer::Compressible;
use super::client::client_address;
use super::limits::Counted;
use super::timing::Times;
use super::{cross_origin, gzip, problem};
use crate::app::App;
use crate::error::{Code, Error, Result};

/// Names a request in answers and logs.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Who may embed what is answered: pages of the same origin. It says nothing about calls under CORS, since
/// browsers ask it only for what is loaded without (Fetch standard), so allowed origins are not in conflict with it.
const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The longest path and query, in bytes.
const MAX_URI: usize = 8 * 1024;

/// The headers of a request all together, with the four bytes between and after each, in bytes.
const MAX_HEADERS: usize = 16 * 1024;

/// Puts the layers around the routes: the last one added sees a request first. They are few, since each copies all that is
/// inside of it for each request.
pub fn wrap(router: Router, app: &App) -> Router {
    let times = Times::new(&app.config.server);
    let router = router.layer(axum::middleware::from_fn(move |request, next| guard(times, request, next)));
    cross_origin::wrap(router, &app.config.server.allowed_origins)
        .layer(axum::middleware::from_fn_with_state(app.clone(), observe))
}

/// What stands between a request and whatever answers it: limits of its head and of its time, and an answer where
/// something panics.
async fn guard(times: Times, request: Request, next: Next) -> Response {
    if let Err(refused) = check_head(&request) {
        return refused.into_response();
    }
    let answered = AssertUnwindSafe(times.keep(request, |request| represent(request, next)));
    answered.catch_unwind().await.unwrap_or_else(panicked)
}

/// Refuses heads that are over the limits.
fn check_head(request: &Request) -> Result<()> {
    let uri = request.uri().path_and_query().map_or(0, |uri| uri.as_str().len());
    let headers: usize =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if uri > MAX_URI {
        Err(Code::UriTooLong.error(format!("The limit is {MAX_URI} bytes.")))
    } else if headers > MAX_HEADERS {
        Err(Code::HeadersTooLarge.error(format!("The limit is {MAX_HEADERS} bytes.")))
    } else {
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed over")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|message| (*message).to_owned()))
        .unwrap_or_else(|| "no message".to_owned());
    Error::internal(anyhow::anyhow!("panic: {message}")).into_response()
}

/// A client may name its request, in letters, digits and hyphens; anything else gets a name of ours.
fn request_id(request: &Request) -> String {
    let given = request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    let acceptable = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    match given.filter(acceptable) {
        Some(id) => id.to_owned(),
        None => crate::keys::random::<12>().map(|id| BASE64_URL_SAFE_NO_PAD.encode(id)).unwrap_or_default(),
    }
}

/// The outermost layer: names the request, logs and counts it, writes the body of failures, and sets the
/// headers that every answer has.
async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        app.hasher.others_read();
    }
    let id = request_id(&request);
    let counted = Counted::default();
    request.extensions_mut().insert(counted.clone());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let client = client_address(peer, request.headers(), &app.config.server.trusted_proxies);
    // The route, not the path: a path may hold what its sender should have kept to themselves.
    let span = tracing::info_span!("request", id, %method, route = route.as_deref().unwrap_or("-"), %client);
    async move {
        let mut response = problem::finish(next.run(request).await, &id);
        let headers = response.headers_mut();
        counted.write(headers);
        if let Ok(id) = HeaderValue::try_from(&id) {
            headers.insert(REQUEST_ID, id);
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(CORP, HeaderValue::from_static("same-origin"));
        // Over plain HTTP it would mean nothing (RFC 6797, 7.2).
        if app.config.server.public_url.starts_with("https://") {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
        }
        headers
            .entry(header::CONTENT_SECURITY_POLICY)
            .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
        let status = response.status();
        let elapsed = started.elapsed();
        let labels = [
            ("method", known_method(&method)),
            ("route", route.unwrap_or_else(|| "none".to_owned())),
            ("status", status.as_u16().to_string()),
        ];
        metrics::counter!("http_requests_total", &labels).increment(1);
        metrics::histogram!("http_request_duration_seconds", &labels).record(elapsed.as_secs_f64());
        tracing::info!(status = status.as_u16(), ms = elapsed.as_secs_f64() * 1000.0, "answered");
        response
    }
    .instrument(span)
    .await
}

/// Any method can be sent; only the usual ones are counted by name.
fn known_method(method: &Method) -> String {
    match *method {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PUT
        | Method::PATCH
        | Method::DELETE
        | Method::OPTIONS => method.to_string(),
        _ => "other".to_owned(),
    }
}

/// Answers 304 where the client has what it asks for (RFC 9110, 13.1.2), and in the compressed form where it takes that.
async fn represent(request: Request, next: Next) -> Response {
    let reading = matches!(*request.method(), Method::GET | Method::HEAD);
    // Of what HEAD is answered there is nothing left to compress.
    let is_compressed = *request.method() != Method::HEAD && gzip::is_accepted(request.headers());
    let wanted: Vec<HeaderValue> = request.headers().get_all(header::IF_NONE_MATCH).iter().cloned().collect();
    let mut response = next.run(request).await;
    let compressible = response.extensions_mut().remove::<Compressible>();
    if reading && response.status() == StatusCode::OK && is_had(&wanted, response.headers()) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(header::CONTENT_TYPE);
        response.headers_mut().remove(header::CONTENT_LENGTH);
        // As on the whole answer (RFC 9110, 15.4.5).
        response.headers_mut().append(header::VARY, HeaderValue::from_static("accept-encoding"));
    } else if let Some(answer) = compressible {
        response.headers_mut().append(header::VARY, HeaderValue::from_static("accept-encoding"));
        if let Some(gzip) = is_compressed.then(|| answer.gzip()).flatten() {
            *response.body_mut() = Body::from(gzip);
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            headers.remove(header::CONTENT_LENGTH);
        }
    }
    response
}

/// Whether a client that has these has what is answered.
fn is_had(wanted: &[HeaderValue], headers: &HeaderMap) -> bool {
    let Some(tag) = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()) else { return false };
    let strip = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    wanted.iter().any(|value| {
        value
            .to_str()
            .is_ok_and(|tags| tags.split(',').any(|had| had.trim() == "*" || strip(had) == strip(tag)))
    })
}
