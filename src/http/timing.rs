//! How long a request may take: its body to arrive, and then the work on it.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::sync::oneshot;
use tokio::time::Sleep;

use crate::config;
use crate::error::Code;

/// The two times of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    body: Duration,
    work: Duration,
}

impl Times {
    pub(super) fn new(settings: &config::Server) -> Self {
        Self {
            body: Duration::from_secs(settings.body_timeout_secs),
            work: Duration::from_secs(settings.request_timeout_secs),
        }
    }

    /// Answers 408 where the body does not arrive, or the work is not done, in time. The time for the work
    /// begins when the body is read to its end or is not wanted any more.
    pub(super) async fn keep<F: Future<Output = Response>>(
        self,
        request: Request,
        answer: impl FnOnce(Request) -> F,
    ) -> Response {
        let (arrived, arrival) = oneshot::channel::<()>();
        let request = request.map(|body| {
            if body.is_end_stream() {
                return body;
            }
            let timer = Box::pin(tokio::time::sleep(self.body));
            Body::new(Arriving { body, arrived: Some(arrived), timer })
        });
        let late = async {
            // Whichever way the sender goes, the body is done with. One that nobody reads is not waited
            // for longer than one that is read.
            let _ = tokio::time::timeout(self.body, arrival).await;
            tokio::time::sleep(self.work).await;
        };
        // What is answered at once needs no timer.
        tokio::select! {
            biased;
            response = answer(request) => response,
            () = late => Code::Timeout.error("Ask again to see whether anything was changed.").into_response(),
        }
    }
}

/// The body did not arrive in time.
#[derive(Debug)]
struct TooSlow;

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body of a request did not arrive in time")
    }
}

impl StdError for TooSlow {}

/// Whether this is why a body could not be read.
pub(super) fn was_too_slow(error: &(dyn StdError + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<TooSlow>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// A request's body on its way.
struct Arriving {
    body: Body,
    /// Dropped when the body is done with.
    arrived: Option<oneshot::Sender<()>>,
    timer: Pin<Box<Sleep>>,
}

impl hyper::body::Body for Arriving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => {
                if self.body.is_end_stream() || !matches!(frame, Some(Ok(_))) {
                    self.arrived = None;
                }
                Poll::Ready(frame)
            }
            Poll::Pending => {
                let late = self.timer.as_mut().poll(context);
                late.map(|()| Some(Err(axum::Error::new(TooSlow))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
