//! The accept loop: HTTP/1.1 with a timer for everything a client can be slow at, caps on connections, and
//! a drain at the end.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt;

use super::client::network;
use super::connection::{Patience, PatientStream};
use crate::config;

/// What is read of a request before it is understood, in bytes: the longest path and query and the largest
/// headers that are accepted, and as much again as it takes to refuse somewhat longer ones in our words.
const MAX_HEAD: usize = 40 * 1024;

/// Serves until `stop` resolves; then takes no more connections, waits for running requests as long as
/// the settings say, and returns.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: &config::Server,
    stop: impl Future<Output = ()>,
) {
    let mut connection = http1::Builder::new();
    // The stream keeps the timers.
    connection.header_read_timeout(None).max_buf_size(MAX_HEAD).keep_alive(true);
    let patience = Patience::new(settings);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(settings.max_connections));
    let guests = Arc::new(Guests { most: settings.max_connections_per_address, now: Mutex::default() });
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = &mut stop => break,
        };
        let Some((stream, peer, place)) = accepted else {
            continue;
        };
        let proxy = settings.trusted_proxies.iter().any(|network| network.contains(peer.ip()));
        let guest = if proxy { None } else { Some(guests.enter(peer.ip())) };
        let Ok(guest) = guest.transpose() else {
            // Closed and not answered: an answer would have to wait for a request, and so take the place
            // that is refused.
            metrics::counter!("connections_refused_total").increment(1);
            tracing::debug!(%peer, "closed at once: its address has as many connections as it may have");
            continue;
        };
        let (stream, progress) = PatientStream::new(stream, patience);
        let router = router.clone();
        let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            progress.begins();
            let (router, progress) = (router.clone(), progress.clone());
            async move {
                let mut request: Request = request.map(axum::body::Body::new);
                request.extensions_mut().insert(ConnectInfo(peer));
                let answered = router.oneshot(request).await;
                answered.map(|response| progress.ends_with(response)).map_err(|never: Infallible| never)
            }
        });
        let served = graceful.watch(connection.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = served.await {
                tracing::debug!(%peer, %error, "a connection ended early");
            }
            drop((place, guest));
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
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
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

/// How many connections each address has.
struct Guests {
    most: usize,
    now: Mutex<HashMap<IpAddr, usize>>,
}

/// Too many connections of one address.
struct Full;

impl Guests {
    fn enter(self: &Arc<Self>, address: IpAddr) -> Result<Guest, Full> {
        let address = network(address, 64);
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let count = now.entry(address).or_insert(0);
        if *count >= self.most {
            return Err(Full);
        }
        *count += 1;
        Ok(Guest { address, guests: self.clone() })
    }
}

/// One connection of an address, counted until it is dropped.
struct Guest {
    address: IpAddr,
    guests: Arc<Guests>,
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut now = self.guests.now.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = now.entry(self.address) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}
