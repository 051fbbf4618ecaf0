//! Receivers that want all credit used up or given back (§2.6.7), and how long they wait for it.

use std::collections::VecDeque;
use std::time::Duration;

use amqp_core::{Instant, SenderId};

use crate::sender::Sender;
use crate::state::State;

/// How long an application that has not said that it is drained may take to use credit before the rest is given back.
const PATIENCE: Duration = Duration::from_millis(100);

/// Senders whose receivers drain, the one that is answered next in front.
#[derive(Debug, Default)]
pub(crate) struct Draining(VecDeque<(Instant, SenderId)>);

impl Draining {
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.0.front().map(|(at, _)| *at)
    }
}

impl State {
    /// A receiver drains. Where somebody waits for credit, who is woken now sends first: on another thread, after this
    /// one has written. So does who has not got as far as waiting, or is about to send.
    pub(crate) fn on_draining(&mut self, id: SenderId) {
        if self.senders.of(id).is_some_and(|it| it.waiters.len() > 0 || it.idle == Some(false)) {
            if self.draining.0.iter().all(|(_, waiting)| *waiting != id) {
                self.draining.0.push_back((self.now + PATIENCE, id));
            }
        } else {
            self.give_back(id);
        }
    }

    /// Answers those that have waited long enough.
    pub(crate) fn end_patience(&mut self, now: Instant) {
        while let Some((_, id)) = self.draining.0.front().copied().filter(|(at, _)| *at <= now) {
            self.draining.0.pop_front();
            self.give_back(id);
        }
    }

    fn give_back(&mut self, id: SenderId) {
        if let Some(record) = self.senders.of(id) {
            record.idle = record.idle.map(|_| true);
        }
        // A link that is over has no credit.
        _ = self.engine.sender(id).map(|mut sender| sender.drained());
    }
}

impl Sender {
    /// Says that there is nothing more to send now. A receiver that wants all credit used up or given back (§2.6.7) gets
    /// the rest back at once, and otherwise after a tenth of a second. Does nothing where it does not drain.
    pub fn drained(&self) {
        self.with(|state, _, id| {
            if let Some(record) = state.senders.of(id) {
                record.idle = Some(true);
            }
            state.give_back(id);
        });
    }

    /// True while the receiver wants all credit used up or given back.
    pub fn is_draining(&self) -> bool {
        self.with(|state, _, id| state.engine.sender(id).is_ok_and(|sender| sender.is_draining()))
    }
}
