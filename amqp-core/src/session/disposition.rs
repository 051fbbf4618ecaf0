//! Dispositions (§2.7.6): those that arrive, and those to be written, merged into ranges.

use alloc::collections::VecDeque;

use amqp_codec::{DeliveryNumber, DeliveryState, Disposition, Role, Serial};

use crate::delivery::index::DeliveryIndex;
use crate::endpoints::Endpoints;
use crate::error::Violation;
use crate::event::{DeliveryKey, ReceivedKey, SessionId};
use crate::session::SessionEndpoint;
use crate::session::ranges::Ranges;
use crate::steps::step;

/// Dispositions to be written. Neighbouring deliveries with the same state share one.
#[derive(Debug, Default)]
pub(crate) struct Dispositions {
    queue: VecDeque<Disposition>,
    /// What is not to be said any more of deliveries that were received, and of those that were sent: looked up when a
    /// disposition is to be written. No more of it is kept than there are dispositions.
    retracted: (Ranges, Ranges),
}

impl Dispositions {
    /// Adds one delivery.
    #[inline]
    pub(crate) fn push(
        &mut self,
        role: Role,
        id: DeliveryNumber,
        settled: bool,
        state: Option<DeliveryState>,
    ) {
        if let Some(newest) = self.queue.back_mut()
            && newest.role == role
            && newest.settled == settled
            && newest.state == state
        {
            let last = newest.last.unwrap_or(newest.first);
            if last == id {
                // It is said already.
                return;
            }
            if last.next() == id {
                newest.last = Some(id);
                return;
            }
            if id.next() == newest.first {
                (newest.first, newest.last) = (id, Some(last));
                return;
            }
        }
        self.queue.push_back(Disposition { role, first: id, last: None, settled, state, batchable: false });
    }

    /// Takes out what is to be written next; `widen` gives ids in a form that compares without wrapping.
    pub(crate) fn pop(&mut self, widen: impl Fn(Role, DeliveryNumber) -> Option<u64>) -> Option<Disposition> {
        while let Some(mut next) = self.queue.pop_front() {
            step();
            let (first, last) = (next.first, next.last.unwrap_or(next.first));
            let Some(begin) = widen(next.role, first).filter(|_| !self.retracted_of(next.role).is_empty())
            else {
                return Some(next);
            };
            let end = begin.saturating_add(u64::from(last.since(first)));
            let Some((from, to)) = self.retracted_of(next.role).first_in(begin, end) else {
                return Some(next);
            };
            if to < end {
                // What comes behind has its turn next.
                let rest = Some(last);
                self.queue.push_front(Disposition {
                    first: at(to.saturating_add(1)),
                    last: rest,
                    ..next.clone()
                });
            }
            if begin < from {
                next.last = Some(at(from.saturating_sub(1)));
                return Some(next);
            }
        }
        self.retracted = <(Ranges, Ranges)>::default();
        None
    }

    fn retracted_of(&mut self, role: Role) -> &mut Ranges {
        match role {
            Role::Receiver => &mut self.retracted.0,
            Role::Sender => &mut self.retracted.1,
        }
    }

    /// Takes back what was to be said of deliveries that the peer has settled meanwhile, and of which no more will be said.
    fn retract(
        &mut self,
        role: Role,
        (first, last): (u64, u64),
        widen: impl Fn(Role, DeliveryNumber) -> Option<u64>,
    ) {
        if self.queue.is_empty() {
            return;
        }
        self.retracted_of(role).insert(first, last);
        if self.retracted.0.len().saturating_add(self.retracted.1.len()) > self.queue.len() {
            // As much work as it was to retract them.
            let mut left = VecDeque::new();
            while let Some(next) = self.pop(&widen) {
                left.push_back(next);
            }
            self.queue = left;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        self.retracted = <(Ranges, Ranges)>::default();
    }
}

/// The id of a widened one.
#[expect(clippy::cast_possible_truncation, reason = "the low half is the serial number")]
fn at(widened: u64) -> DeliveryNumber {
    Serial(widened as u32)
}

impl SessionEndpoint {
    /// §2.7.6: nothing is said any more of deliveries that the peer has settled.
    pub(crate) fn retract(&mut self, role: Role, (first, last): (DeliveryNumber, DeliveryNumber)) {
        let Self { dispositions, incoming, outgoing, .. } = self;
        let range = match role {
            Role::Receiver => incoming.widen_range(first, last),
            Role::Sender => outgoing.widen_range(first, last),
        };
        if let Some(range) = range {
            dispositions.retract(role, range, widening(incoming, outgoing));
        }
    }

    /// The disposition that is to be written next.
    pub(crate) fn next_disposition(&mut self) -> Option<Disposition> {
        let Self { dispositions, incoming, outgoing, .. } = self;
        dispositions.pop(widening(incoming, outgoing))
    }
}

/// How the ids of both directions are widened.
fn widening(
    incoming: &DeliveryIndex<ReceivedKey>,
    outgoing: &DeliveryIndex<DeliveryKey>,
) -> impl Fn(Role, DeliveryNumber) -> Option<u64> {
    |role, id| match role {
        Role::Receiver => incoming.widen(id),
        Role::Sender => outgoing.widen(id),
    }
}

impl Endpoints {
    pub(crate) fn on_disposition(
        &mut self,
        session: SessionId,
        disposition: &Disposition,
    ) -> Result<(), Violation> {
        let (first, last) = (disposition.first, disposition.last.unwrap_or(disposition.first));
        // §2.7.6: a distance of 2^31 compares neither way, so it counts as backwards.
        if last.distance_from(first).is_none_or(|distance| distance < 0) {
            return Err(Violation::DispositionRange);
        }
        let told = disposition.state.as_ref().map(|state| self.cx.told(state)).transpose()?;
        let (settled, state) = (disposition.settled, told.as_ref());
        let ours = match disposition.role {
            Role::Receiver => {
                self.on_receiver_disposition(session, (first, last), settled, state);
                Role::Sender
            }
            Role::Sender => {
                self.on_sender_disposition(session, (first, last), settled, state);
                Role::Receiver
            }
        };
        if settled && let Some(session) = self.sessions.get_mut(session) {
            session.retract(ours, (first, last));
        }
        Ok(())
    }
}
