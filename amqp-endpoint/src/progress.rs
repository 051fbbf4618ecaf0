//! Waiting for a receiver to get further: with a settlement, a drain, or a message that is still arriving.

use std::task::{Context, Poll};

use crate::receiver::ReceiverLink;
use crate::state::State;
use crate::sync::Arc;
use crate::waiters::Ticket;

/// Somebody who waits for progress of a receiver.
pub(crate) struct Progress {
    pub(crate) link: Arc<ReceiverLink>,
    ticket: Option<Ticket>,
}

impl Progress {
    pub(crate) const fn new(link: Arc<ReceiverLink>) -> Self {
        Self { link, ticket: None }
    }

    pub(crate) fn poll<R>(
        &mut self,
        cx: &Context<'_>,
        mut attempt: impl FnMut(&mut State, &ReceiverLink) -> Poll<R>,
    ) -> Poll<R> {
        let Self { link, ticket } = self;
        link.connection().shared().poll(cx, |state, waker| {
            let answer = attempt(state, link);
            if let Some(record) = state.receivers.get_mut(link.key()) {
                match answer {
                    Poll::Pending => record.progress.wait(ticket, waker, &mut state.after),
                    Poll::Ready(_) => record.progress.leave(ticket, &mut state.after),
                }
            }
            answer
        })
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let Self { link, ticket } = self;
        if ticket.is_some() {
            link.connection().shared().with(|state| {
                if let Some(record) = state.receivers.get_mut(link.key()) {
                    record.progress.leave(ticket, &mut state.after);
                }
            });
        }
    }
}
