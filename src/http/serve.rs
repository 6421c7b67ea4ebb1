//! The accept loop: HTTP/1.1 with a timer for slow heads, a cap on connections, and a drain at the end.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::ServiceExt;

use crate::config;

/// Headers of a request, all together, in bytes.
const MAX_HEADERS: usize = 16 * 1024;

/// Serves until `stop` resolves; then takes no more connections, waits for running requests as long as
/// the settings say, and returns.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: &config::Server,
    stop: impl Future<Output = ()>,
) {
    let mut connection = http1::Builder::new();
    connection
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(settings.header_timeout_secs))
        .max_buf_size(MAX_HEADERS)
        .keep_alive(true);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(settings.max_connections));
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = &mut stop => break,
        };
        let Some((stream, peer, place)) = accepted else {
            continue;
        };
        let router = router.clone();
        let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let router = router.clone();
            async move {
                let mut request: Request = request.map(axum::body::Body::new);
                request.extensions_mut().insert(ConnectInfo(peer));
                router.oneshot(request).await.map_err(|never: Infallible| never)
            }
        });
        let served = graceful.watch(connection.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = served.await {
                tracing::debug!(%peer, %error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    let drain = Duration::from_secs(settings.drain_timeout_secs);
    tokio::select! {
        () = graceful.shutdown() => tracing::info!("every request was answered"),
        () = tokio::time::sleep(drain) => tracing::warn!("some requests took longer than {drain:?} and were cut off"),
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(tokio::net::TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Small answers must not wait for the next packet.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%peer, %error, "setting TCP_NODELAY");
            }
            Some((stream, peer, place))
        }
        Err(error) => {
            // Out of file descriptors, most likely: trying again at once would only burn the processor.
            tracing::warn!(%error, "accepting a connection");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}
