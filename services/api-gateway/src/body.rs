//! Bodies on their way through: bounded in size and time, never held whole, and if one had to be cut off it is
//! known why.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::{Buf as _, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a request's body was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    TooLarge,
    TooSlow,
    Broken,
}

#[derive(Debug, thiserror::Error)]
#[error("the body was cut off")]
struct CutOff;

#[derive(Debug, thiserror::Error)]
#[error("the service fell silent in the middle of its answer")]
struct Silent;

/// What is known of a body while it passes.
#[derive(Clone, Default)]
pub(crate) struct Watch(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    cut: Option<Cut>,
    waiting_since: Option<Instant>,
    waited: Duration,
}

impl Watch {
    /// Why the body was cut off, if it was.
    pub(crate) fn cut(&self) -> Option<Cut> {
        self.seen(|seen| seen.cut)
    }

    /// Returns once `limit` has passed, not counting the time in which the client kept us waiting.
    pub(crate) async fn service_exceeds(&self, limit: Duration) {
        let started = Instant::now();
        let mut until = started + limit;
        loop {
            sleep_until(until).await;
            let next = started + limit + self.waited();
            if next <= Instant::now() {
                return;
            }
            until = next;
        }
    }

    fn waited(&self) -> Duration {
        self.seen(|seen| seen.waited + seen.waiting_since.map_or(Duration::ZERO, |since| since.elapsed()))
    }

    fn waits(&self) {
        self.seen(|seen| _ = seen.waiting_since.get_or_insert_with(Instant::now));
    }

    fn goes_on(&self) {
        self.seen(|seen| {
            if let Some(since) = seen.waiting_since.take() {
                seen.waited += since.elapsed();
            }
        });
    }

    /// The first reason is the true one: what lies downstream of it breaks as well.
    fn note(&self, cut: Cut) {
        self.seen(|seen| _ = seen.cut.get_or_insert(cut));
    }

    fn seen<T>(&self, see: impl FnOnce(&mut Seen) -> T) -> T {
        see(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A body as it comes from the client: at most `within` may pass until its end.
pub(crate) struct Timed {
    body: Body,
    deadline: Pin<Box<Sleep>>,
    watch: Watch,
}

impl Timed {
    pub(crate) fn new(body: Body, within: Duration, watch: Watch) -> Self {
        Self {
            body,
            deadline: Box::pin(sleep(within)),
            watch,
        }
    }
}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                this.watch.goes_on();
                Poll::Ready(frame.map(|frame| {
                    frame.map_err(|error| {
                        this.watch.note(Cut::Broken);
                        error.into()
                    })
                }))
            }
            Poll::Pending => {
                this.watch.waits();
                ready!(this.deadline.as_mut().poll(cx));
                this.watch.note(Cut::TooSlow);
                Poll::Ready(Some(Err(CutOff.into())))
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

/// A body of at most `left` more bytes.
pub(crate) struct Capped<B> {
    body: B,
    left: u64,
    watch: Watch,
}

impl<B> Capped<B> {
    pub(crate) fn new(body: B, limit: u64, watch: Watch) -> Self {
        Self {
            body,
            left: limit,
            watch,
        }
    }
}

impl<B> HttpBody for Capped<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        Poll::Ready(match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, |data| data.remaining() as u64);
                match this.left.checked_sub(length) {
                    Some(left) => {
                        this.left = left;
                        Some(Ok(frame))
                    }
                    None => {
                        this.watch.note(Cut::TooLarge);
                        Some(Err(CutOff.into()))
                    }
                }
            }
            Some(Err(error)) => {
                this.watch.note(Cut::Broken);
                Some(Err(error.into()))
            }
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A service's answer: cut off when nothing comes for `silence`.
pub(crate) struct Flowing {
    body: Body,
    silence: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Flowing {
    pub(crate) fn new(body: Body, silence: Duration) -> Self {
        Self {
            body,
            silence,
            deadline: None,
        }
    }
}

impl HttpBody for Flowing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                this.deadline = None;
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => {
                let silence = this.silence;
                let deadline = this.deadline.get_or_insert_with(|| Box::pin(sleep(silence)));
                ready!(deadline.as_mut().poll(cx));
                tracing::warn!("a service fell silent in the middle of its answer");
                Poll::Ready(Some(Err(Silent.into())))
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
