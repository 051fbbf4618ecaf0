//! Deliveries on their way out: one transfer frame a turn, as much of the message in it as the peer's frames hold.
//!
//! Everything that counts frames and deliveries counts here, when a frame is written: delivery-id, transfer-id,
//! delivery-count, credit and window are in wire order whatever turns links take (§2.6.12).

use amqp_codec::Transfer;

use crate::context::Context;
use crate::delivery::outgoing::OutgoingDelivery;
use crate::endpoints::Endpoints;
use crate::event::{DeliveryKey, SenderId, SessionId};
use crate::link::sender::{Resolution, SenderEndpoint};
use crate::session::SessionEndpoint;

/// How a sender's turn went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// A frame was written, and more may be.
    Wrote,
    /// Nothing can be written until something changes for this link.
    Idle,
}

impl Endpoints {
    /// Writes the next frame of a sender. The session's window is open.
    pub(crate) fn write_transfer(&mut self, session: SessionId, id: SenderId) -> Turn {
        let (Some(sender), Some(endpoint)) = (self.senders.get_mut(id), self.sessions.get_mut(session))
        else {
            return Turn::Idle;
        };
        let (Some(key), Some(channel), Some(handle)) =
            (sender.next_to_write(), endpoint.channel_out, sender.link.handle_out)
        else {
            return Turn::Idle;
        };
        let Some(delivery) = self.outgoing.get_mut(key) else {
            self.leave_queue(id);
            return Turn::Wrote;
        };
        if delivery.payload.is_empty() && !delivery.complete && !delivery.aborted {
            return Turn::Idle;
        }
        let first = delivery.id.is_none();
        if first {
            sender.begin_delivery(endpoint, key, delivery);
        }
        let Some(last) = write_frame(&mut self.cx, (channel, handle), delivery, first) else {
            return Turn::Idle;
        };
        endpoint.window.sent();
        if last {
            self.all_written(id, key);
        }
        Turn::Wrote
    }

    /// The delivery's last frame is written.
    #[inline]
    fn all_written(&mut self, id: SenderId, key: DeliveryKey) {
        self.leave_queue(id);
        let Some(delivery) = self.outgoing.get_mut(key) else { return };
        delivery.sent = true;
        let (settled, aborted, done) = (delivery.settled, delivery.aborted, delivery.remote_settled);
        if settled && !aborted {
            self.resolve(id, key, Resolution::Settled(None));
        }
        if settled || aborted || done {
            self.discard_sent(key);
        }
    }

    #[inline]
    fn leave_queue(&mut self, id: SenderId) {
        if let Some(sender) = self.senders.get_mut(id) {
            sender.queue.pop_front();
            sender.mid_delivery = false;
        }
        self.unqueue(id);
    }
}

impl SenderEndpoint {
    /// The delivery whose frame is next, where one may be written.
    #[inline]
    fn next_to_write(&self) -> Option<DeliveryKey> {
        // §2.6.7: credit is for beginning a delivery, not for going on with it.
        let allowed =
            self.link.attach_written && !self.link.refused && (self.mid_delivery || self.credit > 0);
        self.queue.front().copied().filter(|_| allowed)
    }

    /// §2.6.12, §2.6.7: the delivery begins: it gets the next delivery-id and uses up a credit.
    #[inline]
    fn begin_delivery(
        &mut self,
        session: &mut SessionEndpoint,
        key: DeliveryKey,
        delivery: &mut OutgoingDelivery,
    ) {
        delivery.id = Some(session.outgoing.next_id());
        if delivery.settled {
            session.outgoing.skip();
        } else {
            session.outgoing.extend(&mut self.unsettled_span, self.unsettled == 0);
            session.outgoing.push(key);
            self.unsettled = self.unsettled.saturating_add(1);
        }
        self.mid_delivery = true;
        self.delivery_count = self.delivery_count.next();
        self.credit = self.credit.saturating_sub(1);
    }
}

/// Writes one frame; true when it is the delivery's last. `None` where it has no room for payload, which the limit on
/// states rules out.
#[inline]
fn write_frame(
    cx: &mut Context,
    (channel, handle): (u16, u32),
    delivery: &mut OutgoingDelivery,
    first: bool,
) -> Option<bool> {
    let out = &mut cx.out;
    let limit = out.max_frame_size as usize;
    let mut transfer = transfer(delivery, handle, first);
    let whole = delivery.payload.len();
    let (mark, head) = out.head(channel, &transfer, whole);
    let mut octets = whole;
    if head.saturating_add(whole) > limit {
        out.retract(mark);
        transfer.more = true;
        let (mark, head) = out.head(channel, &transfer, 0);
        octets = limit.checked_sub(head).filter(|room| *room > 0).or_else(|| {
            out.retract(mark);
            None
        })?;
        out.resize(mark, head.saturating_add(octets));
    }
    out.payload(&mut delivery.payload, octets);
    out.written(channel, &transfer, octets);
    cx.queued_octets = cx.queued_octets.saturating_sub(octets);
    Some(!transfer.more)
}

/// The performative of the delivery's next frame. A continuation says no more than it must.
#[inline]
fn transfer(delivery: &OutgoingDelivery, handle: u32, first: bool) -> Transfer {
    if delivery.aborted {
        return Transfer {
            handle,
            delivery_id: delivery.id,
            delivery_tag: Some(delivery.tag.clone()),
            message_format: Some(delivery.message_format),
            settled: Some(true),
            aborted: true,
            ..Transfer::default()
        };
    }
    let more = !delivery.complete;
    if !first {
        return Transfer { handle, more, ..Transfer::default() };
    }
    Transfer {
        handle,
        delivery_id: delivery.id,
        delivery_tag: Some(delivery.tag.clone()),
        message_format: Some(delivery.message_format),
        settled: delivery.settled.then_some(true),
        more,
        rcv_settle_mode: delivery.rcv_settle_mode,
        state: delivery.state.clone(),
        batchable: delivery.batchable,
        ..Transfer::default()
    }
}
