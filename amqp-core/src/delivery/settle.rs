//! How received deliveries are settled (§2.6.12, §2.7.6): once, and in three steps where the mode is second.

use amqp_codec::{DeliveryNumber, DeliveryState, Encode, Role, Writer};
use bytes::BytesMut;

use crate::delivery::incoming::Change;
use crate::delivery::told::Told;
use crate::endpoints::Endpoints;
use crate::error::{Gone, StateError};
use crate::event::{LinkId, ReceivedKey, ReceiverId, SenderId, SessionId};

/// Octets of a frame that carries a state, without the state, at the most: a transfer with one octet of payload.
const AROUND_STATE: usize = 96;

impl Endpoints {
    #[inline]
    pub(crate) fn settle_incoming(
        &mut self,
        id: ReceiverId,
        key: ReceivedKey,
        outcome: DeliveryState,
    ) -> Result<(), StateError> {
        if !outcome.is_terminal() {
            return Err(StateError::NotAsked);
        }
        let told = self.tell(id, key, outcome, true);
        if told == Err(StateError::Gone(Gone)) {
            // There is nobody to tell; what is unread of it is not wanted all the same.
            let live = self.receivers.get(id).is_some_and(|it| it.link.reason.is_none());
            if live && self.incoming.get(key).is_some_and(|it| it.link == id && !it.remote_settled) {
                self.unindex_received(key);
            }
            self.stop_reading(id, key);
            self.reap_link(LinkId::Receiver(id));
        }
        told
    }

    pub(crate) fn update_incoming(
        &mut self,
        id: ReceiverId,
        key: ReceivedKey,
        state: DeliveryState,
    ) -> Result<(), StateError> {
        self.tell(id, key, state, false)
    }

    /// Tells the sender a state, and settles with it where it `ends` the delivery and the mode is first.
    #[inline]
    fn tell(
        &mut self,
        id: ReceiverId,
        key: ReceivedKey,
        state: DeliveryState,
        ends: bool,
    ) -> Result<(), StateError> {
        let delivery = self.incoming.get_mut(key).ok_or(Gone)?;
        if delivery.link != id || delivery.remote_settled {
            return Err(Gone.into());
        }
        if delivery.told.as_ref().is_some_and(|told| *told != state) {
            // §3.4: once an outcome is told it does not change.
            return Err(StateError::NotAsked);
        }
        let receiver = self.receivers.get_mut(id).filter(|it| !it.link.has_left()).ok_or(Gone)?;
        if !state_fits(&state, self.cx.out.max_frame_size) {
            return Err(StateError::TooLarge);
        }
        let session = receiver.link.session;
        let endpoint = self.sessions.get_mut(session).ok_or(Gone)?;
        let settles = ends && !delivery.second;
        if !settles && state.is_terminal() {
            delivery.told = Some(state.clone());
        }
        endpoint.dispositions.push(Role::Receiver, delivery.id, settles, Some(state));
        if settles {
            // Both sides have settled.
            endpoint.incoming.remove(delivery.id);
            let full = receiver.may_be_unsettled() >= self.cx.limits.unsettled;
            receiver.count_settled(&delivery.tag);
            self.stop_reading(id, key);
            if full {
                // There was no room for more credit until now.
                self.top_up(id);
            }
        } else if ends && delivery.reading {
            // It waits for the sender to settle.
            self.give_up(id, key);
        }
        self.mark_session(session);
        Ok(())
    }

    /// §2.7.6: a disposition of the sender over deliveries that we received.
    pub(crate) fn on_sender_disposition(
        &mut self,
        id: SessionId,
        range: (DeliveryNumber, DeliveryNumber),
        settled: bool,
        state: Option<&Told>,
    ) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let mut index = session.incoming.detach();
        index.retain_range(range.0, range.1, |key| self.on_sender_state(key, settled, state));
        if let Some(session) = self.sessions.get_mut(id) {
            session.incoming = index;
        }
    }

    /// What the sender told of one delivery; false when it has settled it.
    fn on_sender_state(&mut self, key: ReceivedKey, settled: bool, state: Option<&Told>) -> bool {
        let Some(delivery) = self.incoming.get_mut(key) else { return false };
        let changed = state.is_some_and(|state| delivery.learn(state));
        if settled {
            self.settled_by_sender(key);
        } else {
            self.report(key, changed, false);
        }
        !settled
    }

    /// The sender has settled a delivery: nothing more is told of it by either side, and only who reads it needs it still.
    pub(crate) fn settled_by_sender(&mut self, key: ReceivedKey) {
        if self.incoming.get(key).is_none_or(|delivery| delivery.remote_settled) {
            return;
        }
        self.report(key, false, true);
        self.unindex_received(key);
        match self.incoming.get_mut(key) {
            Some(delivery) if delivery.taken && !delivery.reading => self.incoming.discard(key),
            Some(delivery) => delivery.remote_settled = true,
            None => {}
        }
    }

    /// Has the application hear of a delivery that it has: that the sender `changed` its state, or has settled it.
    pub(crate) fn report(&mut self, key: ReceivedKey, changed: bool, settled: bool) {
        let Some(delivery) = self.incoming.get_mut(key) else { return };
        if !delivery.taken || delivery.remote_settled {
            return;
        }
        let waits = delivery.update_waits;
        delivery.update_waits |= changed;
        if settled || (changed && !waits) {
            let change = Change { key, state: delivery.remote_state.clone(), settled };
            let link = delivery.link;
            self.push_update(link, change);
        }
    }

    /// Tells the receiver a state of a delivery that we sent, without settling it.
    pub(crate) fn update_outgoing(
        &mut self,
        id: SenderId,
        key: crate::DeliveryKey,
        state: DeliveryState,
    ) -> Result<(), StateError> {
        let delivery = self.outgoing.get_mut(key).filter(|delivery| delivery.link == id).ok_or(Gone)?;
        let number = delivery.id.ok_or(StateError::NotAsked)?;
        if delivery.settled || delivery.remote_settled || delivery.aborted {
            return Err(Gone.into());
        }
        let told = delivery.told_outcome();
        if delivery.resolved || told.is_some_and(|told| *told != state) {
            // §3.4: the receiver has told its outcome, or this side has told another.
            return Err(StateError::NotAsked);
        }
        if matches!(state, DeliveryState::Received(_)) {
            // §3.4.1: a sender says it when it resumes a delivery, and never otherwise.
            return Err(StateError::NotAsked);
        }
        if !state_fits(&state, self.cx.out.max_frame_size) {
            return Err(StateError::TooLarge);
        }
        let sender = self.senders.get(id).filter(|sender| !sender.link.has_left());
        let session = sender.ok_or(Gone)?.link.session;
        let endpoint = self.sessions.get_mut(session).ok_or(Gone)?;
        delivery.state = Some(state.clone());
        endpoint.dispositions.push(Role::Sender, number, false, Some(state));
        self.mark_session(session);
        Ok(())
    }
}

/// Whether a disposition or transfer with this state fits the peer's frames: the two common outcomes always do.
#[inline]
pub(crate) fn state_fits(state: &DeliveryState, max_frame_size: u32) -> bool {
    if matches!(state, DeliveryState::Accepted | DeliveryState::Released) {
        return true;
    }
    state_octets(state).saturating_add(AROUND_STATE) <= max_frame_size as usize
}

/// Octets of a state on the wire.
pub(crate) fn state_octets(state: &DeliveryState) -> usize {
    let mut octets = BytesMut::new();
    state.encode(&mut Writer::new(&mut octets));
    octets.len()
}
