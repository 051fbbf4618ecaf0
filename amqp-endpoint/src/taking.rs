//! Somebody who wants a delivery: what every way to receive begins with.

use std::task::{Context, Poll, Waker};

use amqp_core::Delivery;

use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::receiver::Receiver;
use crate::state::State;
use crate::waiters::Ticket;

/// Somebody who wants a delivery.
pub(crate) struct Taking {
    receiver: Receiver,
    turn: Turn,
}

/// The place among those that wait.
struct Turn {
    /// What has not arrived to its end is not taken.
    whole: bool,
    ticket: Option<Ticket>,
}

impl Taking {
    pub(crate) const fn new(receiver: Receiver) -> Self {
        Self { receiver, turn: Turn { whole: false, ticket: None } }
    }

    pub(crate) const fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// Takes a whole delivery that is there.
    pub(crate) fn take_now(&mut self) -> Poll<Result<Delivery, Error>> {
        let Self { receiver, turn } = self;
        turn.whole = true;
        receiver.connection().shared().with(|state| {
            let taken = turn.attempt(receiver, state, &mut None);
            if taken.is_pending() {
                state.demand(receiver, 1);
            }
            taken
        })
    }

    #[inline]
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<Delivery, Error>> {
        let Self { receiver, turn } = self;
        receiver.connection().shared().poll(cx, |state, waker| turn.attempt(receiver, state, waker))
    }
}

impl Turn {
    #[inline]
    fn attempt(
        &mut self,
        receiver: &Receiver,
        state: &mut State,
        waker: &mut Option<Waker>,
    ) -> Poll<Result<Delivery, Error>> {
        let (key, id) = (receiver.key(), receiver.id());
        let Some(record) = state.receivers.get_mut(key) else { return Poll::Pending };
        let admitted = record.waiters.admits(self.ticket);
        let (delivery, ready) = match state.engine.receiver(id) {
            Ok(mut view) => {
                let ready = if self.whole { view.waiting_whole() } else { view.waiting() };
                (if admitted && ready > 0 { view.next_delivery() } else { None }, ready)
            }
            Err(_) => (None, 0),
        };
        let taken = match (delivery, record.status.error()) {
            (Some(delivery), _) => Ok(delivery),
            // Behind others there may be one for it as well.
            (None, Some(error)) if admitted || ready == 0 => Err(error.clone()),
            (None, _) => {
                if waker.is_some() {
                    record.waiters.wait(&mut self.ticket, waker, &mut state.after);
                    state.demand(receiver, 0);
                }
                return Poll::Pending;
            }
        };
        self.leave(receiver, state);
        Poll::Ready(taken)
    }

    /// Done with waiting: what else has arrived is for the next.
    fn leave(&mut self, receiver: &Receiver, state: &mut State) {
        if self.ticket.is_none() {
            return;
        }
        if let Some(record) = state.receivers.get_mut(receiver.key()) {
            record.waiters.leave(&mut self.ticket, &mut state.after);
            state.wake_receivers(receiver);
        }
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        let Self { receiver, turn } = self;
        if turn.ticket.is_some() {
            receiver.connection().shared().with(|state| {
                turn.leave(receiver, state);
                state.demand(receiver, 0);
            });
        }
    }
}

impl State {
    /// Wakes as many as there are deliveries for, and all where there will be no more.
    fn wake_receivers(&mut self, receiver: &Receiver) {
        let ready = self.engine.receiver(receiver.id()).map_or(0, |view| view.waiting());
        if let Some(record) = self.receivers.get_mut(receiver.key()) {
            let over = record.status.error().is_some();
            record.waiters.wake(if over { usize::MAX } else { ready }, &mut self.after);
        }
    }

    /// A link that grants credit for those that wait is told how many they are.
    fn demand(&mut self, receiver: &Receiver, at_least: usize) {
        let waiting = self.receivers.get(receiver.key()).map_or(0, |record| record.waiters.len());
        let demand = u32::try_from(waiting.max(at_least)).unwrap_or(u32::MAX);
        if let Ok(mut view) = self.engine.receiver(receiver.id()) {
            view.demand(demand);
        }
    }
}
