//! What is received: deliveries as the application sees them, and taking them.

use alloc::boxed::Box;

use amqp_codec::{DeliveryNumber, DeliveryState, DeliveryTag, Payload};
use bytes::BytesMut;

use crate::context::Context;
use crate::delivery::told::Told;
use crate::endpoints::Endpoints;
use crate::error::Gone;
use crate::event::{Event, LinkId, ReceivedKey, ReceiverId, SessionId};
use crate::link::receiver::ReceiverEndpoint;
use crate::output::LARGE;
use crate::slots::Slots;
use crate::steps::step;

/// A delivery taken from a receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// What settles it. Stale from the beginning where `settled` is true and it is complete.
    pub key: ReceivedKey,
    /// Its tag.
    pub tag: DeliveryTag,
    /// The message's format, 0 for the format of part 3.
    pub message_format: u32,
    /// The sender has settled it and waits for no answer.
    pub settled: bool,
    /// The encoded message, or its beginning where the link streams.
    pub payload: Payload,
    /// The sender's state of the delivery.
    pub state: Option<DeliveryState>,
    /// All of it is here; otherwise [`crate::Receiver::read`] gives the rest.
    pub complete: bool,
}

/// A change that the sender made to a delivery that was received.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// The delivery; stale where it is settled now.
    pub key: ReceivedKey,
    /// The sender's state of it.
    pub state: Option<DeliveryState>,
    /// Settled on both sides now, or by the sender alone.
    pub settled: bool,
}

/// An update that waits to be taken.
pub(crate) struct Change {
    pub(crate) key: ReceivedKey,
    pub(crate) state: Option<Told>,
    pub(crate) settled: bool,
}

/// A delivery between its first frame and its settlement.
pub(crate) struct IncomingDelivery {
    pub(crate) link: ReceiverId,
    pub(crate) id: DeliveryNumber,
    pub(crate) tag: DeliveryTag,
    pub(crate) message_format: u32,
    /// What has arrived and was not taken.
    pub(crate) payload: Payload,
    /// What comes behind it, in pieces too small to be kept one by one.
    pub(crate) loose: Option<Box<BytesMut>>,
    pub(crate) complete: bool,
    /// Taken before its end, and not read to it.
    pub(crate) reading: bool,
    /// The application was shown it.
    pub(crate) listed: bool,
    /// The application has it.
    pub(crate) taken: bool,
    /// Settling it takes the three steps of rcv-settle-mode second.
    pub(crate) second: bool,
    /// The outcome that was told to the sender, who has not settled.
    pub(crate) told: Option<DeliveryState>,
    /// The sender has settled it.
    pub(crate) remote_settled: bool,
    /// An update of it waits to be taken, which will show its newest state.
    pub(crate) update_waits: bool,
    /// Its link is over: it can be taken, and not settled.
    pub(crate) orphaned: bool,
    pub(crate) remote_state: Option<Told>,
}

impl IncomingDelivery {
    /// Taken before its end, and nobody reads it to there: nothing of it is kept any more, and it is never complete.
    #[inline]
    pub(crate) fn is_given_up(&self) -> bool {
        self.taken && !self.reading && !self.complete
    }

    /// Adds a piece of a delivery of several frames, so that it costs no more than its octets, and holds no chunk that others
    /// lie in until the rest comes. With `last` the rest is there.
    #[cold]
    pub(crate) fn gather(&mut self, piece: &[u8], last: bool) {
        if !piece.is_empty() {
            self.loose.get_or_insert_default().extend_from_slice(piece);
        }
        if last || self.loose.as_ref().is_some_and(|loose| loose.len() >= LARGE) {
            self.close_up();
        }
    }

    /// What is loose becomes a piece of the payload.
    pub(crate) fn close_up(&mut self) {
        if let Some(loose) = self.loose.take() {
            self.payload.push(loose.freeze());
        }
    }

    /// Octets that have arrived and were not taken.
    #[inline]
    fn unread(&self) -> usize {
        self.payload.len().saturating_add(self.loose.as_ref().map_or(0, |loose| loose.len()))
    }

    /// The sender tells its state; true where that is news. §3.4: an outcome does not change, but that of a transaction
    /// becomes one.
    pub(crate) fn learn(&mut self, state: &Told) -> bool {
        let news = match self.remote_state.as_ref().map(Told::state) {
            Some(DeliveryState::Transactional(_)) | None => true,
            Some(known) => !known.is_terminal(),
        };
        let changed = news && !self.remote_state.as_ref().is_some_and(|known| known.is(state));
        if changed {
            self.remote_state = Some(state.clone());
        }
        changed
    }
}

/// What a continuation must agree with, and what of the delivery is still to be counted.
pub(crate) struct Partial {
    pub(crate) key: ReceivedKey,
    pub(crate) id: DeliveryNumber,
    pub(crate) tag: DeliveryTag,
    pub(crate) message_format: u32,
    pub(crate) settled: bool,
    pub(crate) frames: u32,
    pub(crate) octets: u64,
    /// Nobody wants the rest: it was settled early, or resumes what is not known here.
    pub(crate) dropped: bool,
}

impl IncomingDelivery {
    #[inline(always)]
    fn hand_out(&mut self, key: ReceivedKey) -> Delivery {
        Delivery {
            key,
            tag: self.tag.clone(),
            message_format: self.message_format,
            settled: self.remote_settled,
            payload: core::mem::take(&mut self.payload),
            state: self.remote_state.clone().map(Told::into_state),
            complete: self.complete,
        }
    }
}

impl Endpoints {
    #[inline]
    pub(crate) fn next_delivery(&mut self, id: ReceiverId) -> Option<Delivery> {
        let receiver = self.receivers.get_mut(id)?;
        let key = receiver.ready.pop_front()?;
        receiver.demand = receiver.demand.saturating_sub(1);
        let (session, last) = (receiver.link.session, receiver.link.farewell);
        let octets = self.incoming.get(key)?.unread();
        self.free(octets, octets);
        self.renew_window(session);
        self.top_up(id);
        let delivery = self.incoming.get_mut(key)?;
        delivery.taken = true;
        let unsettled = !delivery.remote_settled && !delivery.orphaned;
        if delivery.complete && unsettled && !last {
            // The usual case, made where the caller has it: what follows would have it moved there.
            return Some(delivery.hand_out(key));
        }
        // Where it is not complete, some of it may be loose.
        delivery.close_up();
        let taken = delivery.hand_out(key);
        if !taken.complete {
            delivery.reading = true;
            if let Some(receiver) = self.receivers.get_mut(id) {
                receiver.reading = receiver.reading.saturating_add(1);
            }
        } else if taken.settled || delivery.orphaned {
            self.incoming.discard(key);
        }
        if last {
            self.reap_link(LinkId::Receiver(id));
        }
        Some(taken)
    }

    /// The rest of a delivery that was taken before it was complete.
    pub(crate) fn read(&mut self, id: ReceiverId, key: ReceivedKey) -> Result<(Payload, bool), Gone> {
        let receiver = self.receivers.get_mut(id).ok_or(Gone)?;
        let session = receiver.link.session;
        let wanted = |delivery: &&mut IncomingDelivery| delivery.link == id && !delivery.is_given_up();
        let delivery = self.incoming.get_mut(key).filter(wanted).ok_or(Gone)?;
        delivery.close_up();
        let (payload, complete) = (core::mem::take(&mut delivery.payload), delivery.complete);
        if complete {
            let read = core::mem::replace(&mut delivery.reading, false);
            receiver.reading = receiver.reading.saturating_sub(u32::from(read));
            if delivery.remote_settled || delivery.orphaned {
                self.incoming.discard(key);
            }
        }
        self.free(payload.len(), payload.len());
        self.renew_window(session);
        self.reap_link(LinkId::Receiver(id));
        Ok((payload, complete))
    }

    /// Nobody reads on in a delivery: it is forgotten with what is unread, and if more of it comes, that is dropped.
    #[inline]
    pub(crate) fn stop_reading(&mut self, id: ReceiverId, key: ReceivedKey) {
        let Some(delivery) = self.incoming.get(key).filter(|delivery| delivery.link == id) else { return };
        if delivery.reading {
            self.give_up(id, key);
        }
        let partial = self.receivers.get_mut(id).and_then(|receiver| receiver.partial.as_mut());
        partial.filter(|partial| partial.key == key).into_iter().for_each(|partial| partial.dropped = true);
        self.incoming.discard(key);
    }

    /// Nobody reads on in a delivery that is still to be settled: what is unread of it goes, and if more comes, it is not
    /// kept.
    #[cold]
    pub(crate) fn give_up(&mut self, id: ReceiverId, key: ReceivedKey) {
        let Some(delivery) = self.incoming.get_mut(key).filter(|delivery| delivery.reading) else { return };
        let unread = delivery.unread();
        (delivery.payload, delivery.loose) = (Payload::new(), None);
        (delivery.reading, delivery.complete) = (false, false);
        if let Some(receiver) = self.receivers.get_mut(id) {
            receiver.reading = receiver.reading.saturating_sub(1);
        }
        self.free(unread, unread);
    }

    pub(crate) fn next_update(&mut self, id: ReceiverId) -> Option<Update> {
        let Change { key, mut state, settled } =
            self.receivers.get_mut(id)?.updates.as_mut()?.waiting.pop_front()?;
        if let Some(delivery) = self.incoming.get_mut(key) {
            delivery.update_waits = false;
            state = delivery.remote_state.clone();
        }
        self.reap_link(LinkId::Receiver(id));
        Some(Update { key, state: state.map(Told::into_state), settled })
    }

    /// So many octets are not buffered any more, of which so many could be taken: sessions that waited for room go on.
    #[inline]
    fn free(&mut self, octets: usize, takeable: usize) {
        self.cx.buffered = self.cx.buffered.saturating_sub(octets);
        self.cx.takeable = self.cx.takeable.saturating_sub(takeable);
        while self.cx.takes_in() {
            let Some(session) = self.cx.starved.pop_front() else { return };
            if let Some(session) = self.sessions.get_mut(session) {
                session.starved = false;
            }
            self.renew_window(session);
        }
    }

    /// Tells the application what the sender did to a delivery that it has.
    pub(crate) fn push_update(&mut self, id: ReceiverId, change: Change) {
        let Some(receiver) = self.receivers.get_mut(id) else { return };
        let updates = receiver.updates.get_or_insert_default();
        if updates.waiting.len() >= self.cx.limits.untaken_outcomes as usize {
            // Nobody looks at them: the oldest go, so that a peer cannot make the list grow.
            let oldest = updates.waiting.pop_front().and_then(|oldest| self.incoming.get_mut(oldest.key));
            oldest.into_iter().for_each(|delivery| delivery.update_waits = false);
        }
        updates.waiting.push_back(change);
        if !core::mem::replace(&mut updates.announced, true) {
            self.cx.event(Event::Updates(id));
        }
    }

    /// The link is over: what is to be taken stays, what is half here goes, and nothing can be settled any more.
    pub(crate) fn abandon_received(&mut self, id: ReceiverId) {
        let Some(receiver) = self.receivers.get_mut(id) else { return };
        let (session, partial) = (receiver.link.session, receiver.partial.take());
        let (waiting, span) = (core::mem::take(&mut receiver.unsettled) > 0, receiver.unsettled_span);
        receiver.tags.clear();
        if let Some(partial) = partial {
            self.drop_received(id, partial.key);
        }
        let Some(session) = self.sessions.get_mut(session).filter(|_| waiting) else { return };
        let incoming = &mut self.incoming;
        session.incoming.retain_span(span, |key| {
            let others = incoming.get(key).is_some_and(|delivery| delivery.link != id);
            if !others {
                orphan(incoming, key);
            }
            others
        });
    }

    /// As [`Self::abandon_received`] for all links of a session, in one go.
    pub(crate) fn abandon_all_received(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.incoming.drain().for_each(|key| orphan(&mut self.incoming, key));
    }

    /// The link is detached: the rest of what is half here does not come.
    pub(crate) fn cut_partial(&mut self, id: ReceiverId) {
        if let Some(partial) = self.receivers.get_mut(id).and_then(|receiver| receiver.partial.take()) {
            self.drop_received(id, partial.key);
        }
    }

    /// Forgets a delivery of which the rest will not come or is not wanted, and takes back its octets.
    pub(crate) fn drop_received(&mut self, id: ReceiverId, key: ReceivedKey) {
        let Some(delivery) = self.incoming.get_mut(key) else { return };
        let (octets, reading) = (delivery.unread(), delivery.reading);
        (delivery.payload, delivery.loose) = (Payload::new(), None);
        let indexed = !delivery.remote_settled;
        let Some(receiver) = self.receivers.get_mut(id) else { return };
        let ended = receiver.link.reason.is_some();
        let takeable = if receiver.streaming { octets } else { 0 };
        if receiver.streaming {
            // It is the newest, so it is found at once.
            let place = receiver.ready.iter().inspect(|_| step()).rposition(|ready| *ready == key);
            place.and_then(|place| receiver.ready.remove(place));
        }
        if indexed {
            self.unindex_received(key);
        }
        self.free(octets, takeable);
        if reading && let Some(receiver) = self.receivers.get_mut(id) {
            // Who reads it on hears that it is gone.
            receiver.reading = receiver.reading.saturating_sub(1);
            receiver.announce_deliveries(id, &mut self.cx);
        } else if !ended {
            // §2.7.5: an aborted delivery is settled. Who has told its outcome waits to hear that.
            self.report(key, false, true);
        }
        self.incoming.discard(key);
    }

    /// One side or both have settled it, or it is not wanted: no disposition can name it any more.
    pub(crate) fn unindex_received(&mut self, key: ReceivedKey) {
        let Some(delivery) = self.incoming.get(key) else { return };
        let Some(receiver) = self.receivers.get_mut(delivery.link) else { return };
        let (link, full) = (delivery.link, receiver.may_be_unsettled() >= self.cx.limits.unsettled);
        receiver.count_settled(&delivery.tag);
        if let Some(session) = self.sessions.get_mut(receiver.link.session) {
            session.incoming.remove(delivery.id);
        }
        if full {
            // There was no room for more credit until now.
            self.top_up(link);
        }
    }
}

/// Nobody can settle it any more. What was not taken is still handed out, and what was not read to its end can be.
fn orphan(incoming: &mut Slots<ReceivedKey, IncomingDelivery>, key: ReceivedKey) {
    let Some(delivery) = incoming.get_mut(key) else { return };
    delivery.orphaned = true;
    if delivery.taken && !delivery.reading {
        incoming.discard(key);
    }
}

impl ReceiverEndpoint {
    #[inline]
    pub(crate) fn announce_deliveries(&mut self, id: ReceiverId, cx: &mut Context) {
        if !core::mem::replace(&mut self.deliveries_announced, true) {
            cx.event(Event::Deliveries(id));
        }
    }

    /// A delivery with this tag is settled by one side or both.
    #[inline]
    pub(crate) fn count_settled(&mut self, tag: &DeliveryTag) {
        self.unsettled = self.unsettled.saturating_sub(1);
        if self.unsettled == 0 {
            self.tags.clear();
        } else {
            self.tags.remove(tag);
        }
    }
}
