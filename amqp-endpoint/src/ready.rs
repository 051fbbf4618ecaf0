//! Waiting until a sender can send, with nothing in hand.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::sender::Sender;
use crate::state::State;
use crate::waiters::Ticket;

/// Waits until a message can be sent without waiting, see [`Sender::ready`].
#[must_use = "nothing is waited for unless it is awaited"]
pub struct Ready {
    sender: Sender,
    ticket: Option<Ticket>,
}

impl Ready {
    pub(crate) const fn new(sender: Sender) -> Self {
        Self { sender, ticket: None }
    }
}

impl Future for Ready {
    /// Why the link is over, where that comes first.
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { sender, ticket } = &mut *self;
        sender.connection().shared().poll(cx, |state, waker| {
            let Some(record) = state.senders.get_mut(sender.key()) else { return Poll::Pending };
            if let Some(error) = record.status.error() {
                let error = error.clone();
                state.leave_turn(sender, ticket);
                return Poll::Ready(Err(error));
            }
            let credit = state.engine.sender(sender.id()).map_or(0, |mut sender| sender.credit());
            if credit > 0 && record.waiters.admits(*ticket) {
                record.idle = Some(false);
                state.leave_turn(sender, ticket);
                return Poll::Ready(Ok(()));
            }
            record.waiters.wait(ticket, waker, &mut state.after);
            Poll::Pending
        })
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        let Self { sender, ticket } = self;
        if ticket.is_some() {
            sender.connection().shared().with(|state| state.leave_turn(sender, ticket));
        }
    }
}

impl State {
    /// An operation of a sender is done with waiting for credit: what is left of it goes to the next.
    pub(crate) fn leave_turn(&mut self, sender: &Sender, ticket: &mut Option<Ticket>) {
        let Some(record) = self.senders.get_mut(sender.key()) else { return };
        record.idle = record.idle.map(|_| false);
        if ticket.is_none() {
            return;
        }
        record.waiters.leave(ticket, &mut self.after);
        if record.waiters.len() > 0 {
            let credit = self.credit(sender);
            self.wake_senders(sender, credit);
        }
    }

    /// Messages that a sender can send now.
    pub(crate) fn credit(&mut self, sender: &Sender) -> usize {
        self.engine.sender(sender.id()).map_or(0, |mut sender| sender.credit() as usize)
    }

    fn wake_senders(&mut self, sender: &Sender, credit: usize) {
        if let Some(record) = self.senders.get_mut(sender.key()) {
            record.waiters.wake(credit, &mut self.after);
        }
    }
}
