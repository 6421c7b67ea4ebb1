//! What happens to every request, whatever it asks for.

use std::any::Any;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::FutureExt;
use tracing::Instrument;

use super::answer::{Answer, Compressible};
use super::client::client_address;
use super::limits::{self, Counted};
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
    let (times, guarded) = (Times::new(&app.config.server), app.clone());
    let guard = move |Extension(asked), request, next| guard(guarded.clone(), times, asked, request, next);
    cross_origin::wrap(router.layer(axum::middleware::from_fn(guard)), &app.config.server.allowed_origins)
        .layer(axum::middleware::from_fn_with_state(app.clone(), observe))
}

/// What a request is known by.
struct Asked {
    id: String,
    method: Method,
    /// The route, not the path: a path may hold what its sender should have kept to themselves.
    route: Option<MatchedPath>,
    client: IpAddr,
    counted: Counted,
}

impl Asked {
    fn of(app: &App, request: &Request) -> Self {
        let extensions = request.extensions();
        let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        Self {
            id: request_id(request),
            method: request.method().clone(),
            route: extensions.get::<MatchedPath>().cloned(),
            client: client_address(peer, request.headers(), &app.config.server.trusted_proxies),
            counted: Counted::default(),
        }
    }

    fn route_name(&self) -> Option<&str> {
        self.route.as_ref().map(MatchedPath::as_str)
    }
}

/// What stands between a request and whatever answers it: limits of its head and of its time, an answer where something
/// panics, and the body of failures. What is kept for guests is answered here.
async fn guard(app: App, times: Times, asked: Arc<Asked>, request: Request, next: Next) -> Response {
    if let Some(answer) = kept_for_guests(&app, &asked, &request) {
        let form = Form::wanted(&request);
        return answer.map_or_else(
            |refused| problem::finish(refused.into_response(), &asked.id),
            |answer| form.of(answer.into_response()),
        );
    }
    let route = asked.route_name().unwrap_or("-");
    let span =
        tracing::info_span!("request", id = asked.id, method = %asked.method, route, client = %asked.client);
    let answer = async {
        let response = match check_head(&request) {
            Ok(()) => {
                let answered = times.keep(request, |request| represent(request, next));
                AssertUnwindSafe(answered).catch_unwind().await.unwrap_or_else(panicked)
            }
            Err(refused) => refused.into_response(),
        };
        problem::finish(response, &asked.id)
    };
    answer.instrument(span).await
}

/// What is kept for guests, where a guest asks for it; or that they asked too often.
fn kept_for_guests(app: &App, asked: &Asked, request: &Request) -> Option<Result<Answer>> {
    if asked.method != Method::GET || request.headers().contains_key(header::AUTHORIZATION) {
        return None;
    }
    check_head(request).ok()?;
    let answer = app.shared_answers.kept(app, request.uri())?;
    Some(limits::count_guest(app, &asked.counted, asked.client).map(|()| answer))
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

/// The outermost layer: names the request, logs and counts it, and sets the headers that every answer has.
async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        app.hasher.others_read();
    }
    let asked = Arc::new(Asked::of(&app, &request));
    request.extensions_mut().insert(asked.clone());
    request.extensions_mut().insert(asked.counted.clone());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    asked.counted.write(headers);
    if let Ok(id) = HeaderValue::try_from(&asked.id) {
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
    let (status, elapsed) = (response.status().as_u16(), started.elapsed());
    let Asked { id, method, client, .. } = &*asked;
    let labels = [
        ("method", known_method(method)),
        ("route", asked.route_name().unwrap_or("none").to_owned()),
        ("status", status.to_string()),
    ];
    metrics::counter!("http_requests_total", &labels).increment(1);
    metrics::histogram!("http_request_duration_seconds", &labels).record(elapsed.as_secs_f64());
    let (route, ms) = (asked.route_name().unwrap_or("-"), elapsed.as_secs_f64() * 1000.0);
    tracing::info!(id, %method, route, %client, status, ms, "answered");
    response
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

/// Gives the answer in the form that its reader wants.
async fn represent(request: Request, next: Next) -> Response {
    let form = Form::wanted(&request);
    form.of(next.run(request).await)
}

/// In which form an answer is wanted.
struct Form {
    /// Whether it is read.
    is_read: bool,
    is_compressed: bool,
    /// Which ones the client has.
    had: Vec<HeaderValue>,
}

impl Form {
    fn wanted(request: &Request) -> Self {
        let (method, headers) = (request.method(), request.headers());
        Self {
            is_read: matches!(*method, Method::GET | Method::HEAD),
            // Of what HEAD is answered there is nothing left to compress.
            is_compressed: *method != Method::HEAD && gzip::is_accepted(headers),
            had: headers.get_all(header::IF_NONE_MATCH).iter().cloned().collect(),
        }
    }

    /// 304 where the client has what it asks for (RFC 9110, 13.1.2), and the compressed form where it takes that.
    fn of(&self, mut response: Response) -> Response {
        let compressible = response.extensions_mut().remove::<Compressible>();
        if self.is_read && response.status() == StatusCode::OK && self.is_had(response.headers()) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.body_mut() = Body::empty();
            response.headers_mut().remove(header::CONTENT_TYPE);
            response.headers_mut().remove(header::CONTENT_LENGTH);
            // As on the whole answer (RFC 9110, 15.4.5).
            response.headers_mut().append(header::VARY, HeaderValue::from_static("accept-encoding"));
        } else if let Some(answer) = compressible {
            response.headers_mut().append(header::VARY, HeaderValue::from_static("accept-encoding"));
            if let Some(gzip) = self.is_compressed.then(|| answer.gzip()).flatten() {
                *response.body_mut() = Body::from(gzip);
                let headers = response.headers_mut();
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                headers.remove(header::CONTENT_LENGTH);
            }
        }
        response
    }

    /// Whether the client has what is answered.
    fn is_had(&self, headers: &HeaderMap) -> bool {
        let Some(tag) = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()) else { return false };
        let strip = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        self.had.iter().any(|value| {
            value
                .to_str()
                .is_ok_and(|tags| tags.split(',').any(|had| had.trim() == "*" || strip(had) == strip(tag)))
        })
    }
}
