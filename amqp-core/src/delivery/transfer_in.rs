//! Transfer frames that arrive (§2.7.5): checked in the order session, link, delivery, then added to what is there.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;

use amqp_codec::{
    DeliveryNumber, DeliveryState, DeliveryTag, Payload, ReceiverSettleMode, Role, SenderSettleMode, Transfer,
};
use bytes::Bytes;

use crate::context::Context;
use crate::delivery::incoming::{IncomingDelivery, Partial};
use crate::delivery::index::DeliveryIndex;
use crate::endpoints::Endpoints;
use crate::error::Violation;
use crate::event::{LinkId, ReceivedKey, ReceiverId, SessionId};
use crate::link::receiver::ReceiverEndpoint;
use crate::options::Limits;
use crate::output::LARGE;
use crate::session::SessionEndpoint;
use crate::slots::Slots;

/// The payload of a frame: a slice, and the frame's own buffer where it can be shared.
#[derive(Clone, Copy)]
pub(crate) struct FramePayload<'a> {
    pub(crate) octets: &'a [u8],
    pub(crate) frame: Option<&'a Bytes>,
}

impl Endpoints {
    pub(crate) fn on_transfer(
        &mut self,
        session: SessionId,
        transfer: &Transfer,
        payload: FramePayload<'_>,
    ) -> Result<(), Violation> {
        self.count_transfer(session)?;
        // Looked up once: all of this is done for every message.
        let unattached = Violation::UnattachedHandle(transfer.handle);
        let endpoint = self.sessions.get_mut(session).ok_or(unattached)?;
        let id = match endpoint.handles_in.get(transfer.handle).ok_or(unattached)? {
            LinkId::Receiver(id) => id,
            // §2.6.5: a link that we detached with an error cannot be broken any more.
            LinkId::Sender(id) if self.senders.get(id).is_some_and(|it| it.link.is_discarding()) => {
                endpoint.pass_over(transfer.delivery_id);
                return Ok(());
            }
            LinkId::Sender(_) => return Err(Violation::WrongDirection),
        };
        let receiver = self.receivers.get_mut(id).ok_or(unattached)?;
        if receiver.link.is_discarding() {
            // §2.6.5: dropped, but its delivery-id is used up.
            endpoint.pass_over(transfer.delivery_id);
            return Ok(());
        }
        let key = match &receiver.partial {
            Some(partial) => endpoint.go_on(partial, transfer)?,
            None => {
                let number = endpoint.next_number(transfer)?;
                let checked = receiver.check_first(transfer, &self.cx.limits).and_then(|tag| {
                    let span = receiver.unsettled_span;
                    let live = || tags_of(id, endpoint.incoming.iter_span(span), &self.incoming);
                    receiver.claim_tag(transfer, tag, live).map(|()| tag)
                });
                // §2.6.12: its number is used up, whatever becomes of it.
                let tag = checked.inspect_err(|_| endpoint.incoming.skip())?;
                let key = self.incoming.insert_with(|_| received(id, number, tag, receiver, transfer));
                receiver.begin_delivery(endpoint, key, is_settled(transfer));
                key
            }
        };
        endpoint.fall_silent(receiver.partial.as_deref().filter(|_| is_settled(transfer)));
        let octets = payload.octets.len();
        let frame = receiver.count_frame(key, transfer, octets);
        let checked = check_frame(&self.cx, receiver, transfer, &frame, octets);
        if transfer.aborted || frame.dropped {
            self.drop_received(id, key);
            // Nobody takes it, and it has used up a credit.
            self.top_up(id);
        } else if let Err(violation) = checked.and_then(|()| self.on_transfer_state(key, transfer)) {
            self.drop_received(id, key);
            return Err(violation);
        } else {
            self.store(id, key, transfer, payload);
        }
        if frame.settles {
            self.settled_by_sender(key);
        }
        self.check_drained(id);
        Ok(())
    }

    /// What the sender tells of the delivery with one of its frames.
    #[inline]
    fn on_transfer_state(&mut self, key: ReceivedKey, transfer: &Transfer) -> Result<(), Violation> {
        let settles = is_settled(transfer);
        transfer.state.as_ref().map_or(Ok(()), |state| self.learn_state(key, state, settles))
    }

    #[cold]
    fn learn_state(
        &mut self,
        key: ReceivedKey,
        state: &DeliveryState,
        settles: bool,
    ) -> Result<(), Violation> {
        let told = self.cx.told(state)?;
        let changed = self.incoming.get_mut(key).is_some_and(|delivery| delivery.learn(&told));
        if !settles {
            // Otherwise it is told with the settlement.
            self.report(key, changed, false);
        }
        Ok(())
    }

    /// Keeps the payload, and hands the delivery out where it is complete or the link streams.
    #[inline]
    fn store(&mut self, id: ReceiverId, key: ReceivedKey, transfer: &Transfer, payload: FramePayload<'_>) {
        let Some(delivery) = self.incoming.get_mut(key) else { return };
        if let Some(mode) = transfer.rcv_settle_mode {
            // §2.7.5: any of its frames may choose first where the link's mode is second.
            delivery.second = mode == ReceiverSettleMode::Second;
        }
        if delivery.is_given_up() {
            return;
        }
        if (transfer.more || delivery.listed) && payload.octets.len() < LARGE {
            delivery.gather(payload.octets, !transfer.more);
        } else if !payload.octets.is_empty() {
            if delivery.listed {
                delivery.close_up();
            }
            delivery.payload.push(self.cx.keep(payload.octets, payload.frame));
        }
        self.cx.buffered = self.cx.buffered.saturating_add(payload.octets.len());
        delivery.complete = !transfer.more;
        let listed = core::mem::replace(&mut delivery.listed, true);
        let whole = delivery.payload.len();
        let Some(receiver) = self.receivers.get_mut(id) else { return };
        if receiver.streaming {
            self.cx.takeable = self.cx.takeable.saturating_add(payload.octets.len());
            if !listed {
                receiver.ready.push_back(key);
            }
            receiver.announce_deliveries(id, &mut self.cx);
        } else if !transfer.more {
            self.cx.takeable = self.cx.takeable.saturating_add(whole);
            receiver.ready.push_back(key);
            receiver.announce_deliveries(id, &mut self.cx);
        }
    }
}

impl SessionEndpoint {
    /// §2.6.14, §2.7.6: nothing is said any more of what the sender settles, or aborts.
    #[inline]
    fn fall_silent(&mut self, settled: Option<&Partial>) {
        if let Some(partial) = settled {
            self.retract(Role::Receiver, (partial.id, partial.id));
        }
    }

    /// A further frame of a delivery. §2.6.12: where it is one of another, the number of that is used up.
    #[inline]
    fn go_on(&mut self, partial: &Partial, transfer: &Transfer) -> Result<ReceivedKey, Violation> {
        partial.continued_by(transfer).inspect_err(|_| self.pass_over(transfer.delivery_id))
    }

    /// The number of a delivery that is not looked at.
    fn pass_over(&mut self, number: Option<DeliveryNumber>) {
        if number == Some(self.incoming.next_id()) {
            self.incoming.skip();
        }
    }

    /// The number of a delivery that begins.
    #[inline]
    fn next_number(&mut self, transfer: &Transfer) -> Result<DeliveryNumber, Violation> {
        let number = transfer.delivery_id.ok_or(Violation::DeliveryId)?;
        if !self.deliveries_received {
            // §2.6.12: the first value is the sender's to choose.
            self.deliveries_received = true;
            self.incoming = DeliveryIndex::new(number);
        }
        // §2.6.12: one sequence for the whole session, without gaps.
        if number == self.incoming.next_id() { Ok(number) } else { Err(Violation::DeliveryId) }
    }
}

impl ReceiverEndpoint {
    /// The rules of a link for a new delivery; returns its tag.
    #[inline]
    fn check_first<'a>(&self, transfer: &'a Transfer, limits: &Limits) -> Result<&'a DeliveryTag, Violation> {
        // §2.6.7: compared with the most that was ever allowed, because credit may have been taken back meanwhile.
        if !self.delivery_count.precedes(self.edge) {
            return Err(Violation::Credit);
        }
        if transfer.settled != Some(true) && self.unsettled >= limits.unsettled {
            return Err(Violation::Unsettled);
        }
        transfer.delivery_tag.as_ref().ok_or(Violation::DeliveryTagMissing)
    }

    /// §2.6.12: unique among the unsettled deliveries of the link, which `live` gives.
    #[inline]
    fn claim_tag(
        &mut self,
        transfer: &Transfer,
        tag: &DeliveryTag,
        live: impl FnOnce() -> BTreeSet<DeliveryTag>,
    ) -> Result<(), Violation> {
        if is_settled(transfer) || self.tags.insert(tag, live) {
            Ok(())
        } else {
            Err(Violation::DeliveryTagInUse)
        }
    }

    /// The first frame of a delivery takes a delivery-id and a credit.
    #[inline]
    fn begin_delivery(&mut self, session: &mut SessionEndpoint, key: ReceivedKey, settled: bool) {
        self.delivery_count = self.delivery_count.next();
        self.credit = self.credit.saturating_sub(1);
        if settled {
            session.incoming.skip();
        } else {
            session.incoming.extend(&mut self.unsettled_span, self.unsettled == 0);
            session.incoming.push(key);
            self.unsettled = self.unsettled.saturating_add(1);
        }
    }
}

impl Partial {
    /// §2.7.5: a further frame repeats the delivery's id, tag and format, or leaves them out.
    fn continued_by(&self, transfer: &Transfer) -> Result<ReceivedKey, Violation> {
        let same = transfer.delivery_id.is_none_or(|number| number == self.id)
            && transfer.delivery_tag.as_ref().is_none_or(|tag| *tag == self.tag)
            && transfer.message_format.is_none_or(|format| format == self.message_format);
        if !same {
            return Err(Violation::Continuation);
        }
        if self.settled && transfer.settled == Some(false) {
            return Err(Violation::Settled);
        }
        Ok(self.key)
    }
}

/// The rules that hold for a delivery as a whole.
#[inline]
fn check_frame(
    cx: &Context,
    receiver: &ReceiverEndpoint,
    transfer: &Transfer,
    frame: &Counted,
    octets: usize,
) -> Result<(), Violation> {
    // §2.7.3: decided on the running total, before anything is kept.
    if frame.octets > receiver.message_size() {
        return Err(Violation::MessageSize);
    }
    // §2.7.5: on a link whose mode is first, second cannot be asked for.
    let second = transfer.rcv_settle_mode == Some(ReceiverSettleMode::Second);
    if second && !frame.settled && receiver.link.rcv_settle_mode() == ReceiverSettleMode::First {
        return Err(Violation::SettleMode);
    }
    let wrong = match receiver.link.snd_settle_mode() {
        SenderSettleMode::Settled => !transfer.more && !frame.settled,
        SenderSettleMode::Unsettled => frame.settled,
        SenderSettleMode::Mixed => false,
    };
    if wrong {
        return Err(Violation::Settled);
    }
    let full = cx.takeable == 0 && cx.buffered.saturating_add(octets) > cx.limits.buffered_input;
    if full || frame.frames > cx.limits.frames_per_delivery { Err(Violation::Buffer) } else { Ok(()) }
}

/// A delivery of which nothing is kept yet.
#[inline(always)]
fn received(
    link: ReceiverId,
    id: DeliveryNumber,
    tag: &DeliveryTag,
    receiver: &ReceiverEndpoint,
    transfer: &Transfer,
) -> IncomingDelivery {
    IncomingDelivery {
        link,
        id,
        tag: tag.clone(),
        message_format: transfer.message_format.unwrap_or(0),
        payload: Payload::new(),
        loose: None,
        complete: false,
        reading: false,
        listed: false,
        taken: false,
        second: receiver.link.rcv_settle_mode() == ReceiverSettleMode::Second,
        remote_settled: is_settled(transfer),
        told: None,
        update_waits: false,
        orphaned: false,
        remote_state: None,
    }
}

/// Nothing can be told of it any more.
#[inline]
fn is_settled(transfer: &Transfer) -> bool {
    transfer.settled == Some(true) || transfer.aborted
}

/// The tags of a link's unsettled deliveries.
fn tags_of(
    link: ReceiverId,
    candidates: impl Iterator<Item = ReceivedKey>,
    incoming: &Slots<ReceivedKey, IncomingDelivery>,
) -> BTreeSet<DeliveryTag> {
    let deliveries = candidates.filter_map(|key| incoming.get(key));
    deliveries.filter(|delivery| delivery.link == link).map(|delivery| delivery.tag.clone()).collect()
}

/// A delivery so far, its newest frame included.
struct Counted {
    settled: bool,
    /// What began unsettled is settled by this frame.
    settles: bool,
    dropped: bool,
    frames: u32,
    octets: u64,
}

impl ReceiverEndpoint {
    /// Counts one more frame of the delivery, and remembers it while more are to follow.
    #[inline]
    fn count_frame(&mut self, key: ReceivedKey, transfer: &Transfer, octets: usize) -> Counted {
        let ends = transfer.aborted || !transfer.more;
        let mut partial = self.partial.take();
        let before = partial.as_deref();
        let settled = transfer.settled == Some(true);
        let counted = Counted {
            // §2.7.5: true from the first frame on that says so.
            settled: settled || before.is_some_and(|before| before.settled),
            settles: settled && before.is_some_and(|before| !before.settled),
            // §2.7.5: resume of what is not known here counts, and is ignored.
            dropped: transfer.resume || before.is_some_and(|before| before.dropped),
            frames: before.map_or(0, |before| before.frames).saturating_add(1),
            octets: before.map_or(0, |before| before.octets).saturating_add(octets as u64),
        };
        if ends {
            return counted;
        }
        let whole = partial.get_or_insert_with(|| {
            Box::new(Partial {
                key,
                id: transfer.delivery_id.unwrap_or_default(),
                tag: transfer.delivery_tag.clone().unwrap_or_default(),
                message_format: transfer.message_format.unwrap_or(0),
                settled: false,
                frames: 0,
                octets: 0,
                dropped: false,
            })
        });
        (whole.settled, whole.dropped) = (counted.settled, counted.dropped);
        (whole.frames, whole.octets) = (counted.frames, counted.octets);
        self.partial = partial;
        counted
    }
}
