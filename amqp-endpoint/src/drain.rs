//! Asking the sender to use up its credit.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::Error;
use crate::progress::Progress;
use crate::receiver::Receiver;

/// Waits until the sender has used its credit or given it back, see [`Receiver::drain`].
#[must_use = "a drain is asked for when it is first awaited"]
pub struct Drain {
    progress: Progress,
    asked: bool,
}

impl Drain {
    pub(crate) fn new(receiver: &Receiver) -> Self {
        Self { progress: Progress::new(receiver.link().clone()), asked: false }
    }
}

impl Future for Drain {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { progress, asked } = &mut *self;
        progress.poll(cx, |state, link| {
            let Some(record) = state.receivers.get_mut(link.key()) else { return Poll::Pending };
            if let Some(error) = record.status.error() {
                return Poll::Ready(Err(error.clone()));
            }
            if !std::mem::replace(asked, true)
                && let Ok(mut receiver) = state.engine.receiver(link.id())
            {
                record.draining = true;
                receiver.drain();
            }
            if record.draining { Poll::Pending } else { Poll::Ready(Ok(())) }
        })
    }
}
