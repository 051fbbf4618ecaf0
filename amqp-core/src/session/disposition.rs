//! Dispositions (§2.7.6): those that arrive, and those to be written, merged into ranges.

use alloc::collections::VecDeque;

use amqp_codec::{DeliveryNumber, DeliveryState, Disposition, Role};

use crate::endpoints::Endpoints;
use crate::error::Violation;
use crate::event::SessionId;
use crate::steps::step;

/// Dispositions to be written. Neighbouring deliveries with the same state share one.
#[derive(Debug, Default)]
pub(crate) struct Dispositions(VecDeque<Disposition>);

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
        if let Some(newest) = self.0.back_mut()
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
        self.0.push_back(Disposition { role, first: id, last: None, settled, state, batchable: false });
    }

    /// Takes back what was to be said of deliveries that the peer has settled meanwhile.
    pub(crate) fn retract(&mut self, role: Role, (first, last): (DeliveryNumber, DeliveryNumber)) {
        let end = |it: &Disposition| it.last.unwrap_or(it.first);
        let meets =
            |it: &Disposition| it.role == role && !end(it).precedes(first) && !last.precedes(it.first);
        if !self.0.iter().inspect(|_| step()).any(meets) {
            return;
        }
        for whole in core::mem::take(&mut self.0) {
            if !meets(&whole) {
                self.0.push_back(whole);
                continue;
            }
            let (before, after) = (whole.first.precedes(first), last.precedes(end(&whole)));
            let (begin, end) = (whole.first, end(&whole));
            if before {
                self.0.push_back(Disposition { first: begin, last: Some(first.sub(1)), ..whole.clone() });
            }
            if after {
                self.0.push_back(Disposition { first: last.next(), last: Some(end), ..whole });
            }
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Disposition> {
        self.0.pop_front()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
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
            // §2.7.6: nothing is said of a delivery that the peer has settled.
            session.dispositions.retract(ours, (first, last));
        }
        Ok(())
    }
}
