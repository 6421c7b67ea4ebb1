//! One connection and its timers. The HTTP library knows a timer for heads only, and none for a client
//! that takes nothing of its answer; so the stream itself keeps them, and tells by an error that one ran out.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use axum::body::Bytes;
use axum::response::Response;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use crate::config;

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    first_byte: Duration,
    head: Duration,
    idle: Duration,
    write: Duration,
}

impl Patience {
    pub(super) fn new(settings: &config::Server) -> Self {
        Self {
            first_byte: Duration::from_secs(settings.first_byte_timeout_secs),
            head: Duration::from_secs(settings.header_timeout_secs),
            idle: Duration::from_secs(settings.idle_timeout_secs),
            write: Duration::from_secs(settings.write_timeout_secs),
        }
    }
}

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaits {
    FirstByte,
    RestOfHead,
    /// The server: a request was read and is not answered yet. Its body has a timer of its own.
    Answer,
    NextRequest,
}

#[derive(Debug)]
struct Stage {
    awaits: Awaits,
    /// Counts the changes, so that a timer of an earlier stage is not taken for one of this.
    number: u64,
    /// Who drives the connection. Nobody reads it when an answer ends, so its timer would not be set.
    driver: Option<Waker>,
}

/// Where a connection stands: the stream sees bytes come, and the service sees requests begin and end.
#[derive(Debug, Clone)]
pub(super) struct Progress(Arc<Mutex<Stage>>);

impl Progress {
    fn get(&self) -> (Awaits, u64) {
        let stage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (stage.awaits, stage.number)
    }

    fn set(&self, awaits: Awaits) {
        let mut stage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stage.awaits = awaits;
        stage.number += 1;
    }

    fn is_driven_by(&self, driver: &Waker) {
        let mut stage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !stage.driver.as_ref().is_some_and(|known| known.will_wake(driver)) {
            stage.driver = Some(driver.clone());
        }
    }

    /// The request is answered, or given up.
    fn ends(&self) {
        self.set(Awaits::NextRequest);
        let driver = self.0.lock().unwrap_or_else(PoisonError::into_inner).driver.clone();
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    /// A request has begun.
    pub(super) fn begins(&self) {
        self.set(Awaits::Answer);
    }

    /// Marks the end of the request when the answer is handed over or given up.
    pub(super) fn ends_with(&self, response: Response) -> hyper::Response<Answer> {
        response.map(|body| Answer { body, progress: self.clone() })
    }
}

/// The body of an answer, which tells when it is done with.
pub(super) struct Answer {
    body: axum::body::Body,
    progress: Progress,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.progress.ends();
    }
}

/// A stream that gives up on a client that keeps it waiting.
pub(super) struct PatientStream {
    stream: TcpStream,
    patience: Patience,
    progress: Progress,
    /// The stage that is timed, and its end.
    reading: Option<(u64, Pin<Box<Sleep>>)>,
    writing: Option<Pin<Box<Sleep>>>,
}

impl PatientStream {
    pub(super) fn new(stream: TcpStream, patience: Patience) -> (Self, Progress) {
        let progress =
            Progress(Arc::new(Mutex::new(Stage { awaits: Awaits::FirstByte, number: 0, driver: None })));
        (Self { stream, patience, progress: progress.clone(), reading: None, writing: None }, progress)
    }

    fn limit(&self, awaits: Awaits) -> Option<(Duration, &'static str)> {
        match awaits {
            Awaits::FirstByte => Some((self.patience.first_byte, "the client sent nothing")),
            Awaits::RestOfHead => Some((self.patience.head, "the head of a request did not arrive")),
            Awaits::NextRequest => Some((self.patience.idle, "no further request came")),
            Awaits::Answer => None,
        }
    }

    /// Resolves when the client has taken too long to send.
    fn poll_impatience(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let (awaits, stage) = self.progress.get();
        let Some((limit, what)) = self.limit(awaits) else {
            self.reading = None;
            return Poll::Pending;
        };
        let timer = match &mut self.reading {
            Some((of, timer)) if *of == stage => timer,
            _ => &mut self.reading.insert((stage, Box::pin(tokio::time::sleep(limit)))).1,
        };
        ready!(timer.as_mut().poll(context));
        Poll::Ready(timed_out(what, limit))
    }

    /// Times a write that does not get on; one that does starts anew.
    fn timed(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.writing = None;
            // While an answer is under way nobody waits for the next request.
            if let (Awaits::NextRequest, Some((_, timer))) = (self.progress.get().0, &mut self.reading) {
                timer.as_mut().reset(Instant::now() + self.patience.idle);
            }
            return written;
        }
        let limit = self.patience.write;
        let timer = self.writing.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Err(timed_out("the client took nothing of its answer", limit)))
    }
}

fn timed_out(what: &str, limit: Duration) -> io::Error {
    metrics::counter!("connections_timed_out_total").increment(1);
    // Here and not where the connection ends: the library calls an end between requests no error.
    tracing::debug!("{what} within {limit:?}");
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl AsyncRead for PatientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.progress.is_driven_by(context.waker());
        let before = buffer.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(context, buffer) {
            let awaits = self.progress.get().0;
            if buffer.filled().len() > before && matches!(awaits, Awaits::FirstByte | Awaits::NextRequest) {
                self.progress.set(Awaits::RestOfHead);
            }
            return Poll::Ready(read);
        }
        self.poll_impatience(context).map(Err)
    }
}

impl AsyncWrite for PatientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.timed(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.timed(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
