//! What is sent: accepting a message, continuing it, taking it back.

use alloc::boxed::Box;
use core::fmt;

use amqp_codec::{DeliveryNumber, DeliveryState, DeliveryTag, Payload, ReceiverSettleMode, SenderSettleMode};
use bytes::Bytes;

use crate::context::Context;
use crate::delivery::settle::state_fits;
use crate::delivery::told::Told;
use crate::endpoints::Endpoints;
use crate::error::StateError;
use crate::event::{DeliveryKey, SenderId};
use crate::link::LinkEndpoint;
use crate::link::sender::SenderEndpoint;
use crate::steps::step;

/// A message to send: its octets, and what the transfer says of them (§2.7.5).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outgoing {
    /// The encoded message.
    pub payload: Payload,
    /// The delivery's tag; made by the link where absent. Must be the tag of no unsettled delivery of the link, nor one
    /// of those that the link makes (a counter in 4 or 8 octets).
    pub tag: Option<DeliveryTag>,
    /// The message's format, 0 for the format of part 3.
    pub message_format: u32,
    /// Send it settled, or not. None: as the link's snd-settle-mode says, not settled where that is mixed.
    pub settled: Option<bool>,
    /// When the receiver should settle. None: as the link says.
    pub rcv_settle_mode: Option<ReceiverSettleMode>,
    /// The delivery's state at the sender.
    pub state: Option<DeliveryState>,
    /// The receiver may delay its answer to answer many at once.
    pub batchable: bool,
}

impl From<Payload> for Outgoing {
    fn from(payload: Payload) -> Self {
        Self { payload, ..Self::default() }
    }
}

impl From<Bytes> for Outgoing {
    fn from(octets: Bytes) -> Self {
        Payload::from(octets).into()
    }
}

/// A message that was not taken.
#[derive(Clone, PartialEq, thiserror::Error)]
#[error("the message was not taken: {reason}")]
pub struct SendError {
    /// Why not.
    pub reason: SendErrorReason,
    /// The message.
    pub message: Box<Outgoing>,
}

impl fmt::Debug for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").field("reason", &self.reason).finish_non_exhaustive()
    }
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendErrorReason {
    /// No credit, too much output, too many unsettled deliveries or outcomes not taken:
    /// [`Event::Credit`](crate::Event::Credit) says when to try again.
    #[error("blocked")]
    Blocked,
    /// A message that was started is not finished.
    #[error("another message of the link is not finished")]
    Unfinished,
    /// Larger than the receiver's max-message-size, or its state leaves no room for it in a frame.
    #[error("larger than the receiver accepts")]
    TooLarge,
    /// `settled` or `rcv_settle_mode` contradict what was negotiated.
    #[error("contradicts the negotiated settle modes")]
    SettleMode,
    /// `state` is one that only a resumed delivery has: `received` (§3.4.1).
    #[error("the state is for resumed deliveries only")]
    State,
    /// An unsettled delivery of the link has this tag.
    #[error("the tag is in use")]
    TagInUse,
    /// Not attached: not yet answered, refused or detached.
    #[error("the link is not attached")]
    NotAttached,
    /// The link, its session or the connection is closing or closed.
    #[error("the link is closing or closed")]
    Closed,
    /// The id is stale.
    #[error("the link is gone")]
    Gone,
}

/// A delivery taken out of a sender before it was settled.
#[derive(Clone, Debug, PartialEq)]
pub struct Unresolved {
    /// Its tag.
    pub tag: DeliveryTag,
    /// The message, whole where nothing was sent or the link retains what is unsettled.
    pub message: Outgoing,
    /// Some of it was sent.
    pub sent: bool,
    /// The state that the receiver told last.
    pub remote_state: Option<DeliveryState>,
}

/// A delivery between being accepted and being forgotten.
#[derive(Clone)]
pub(crate) struct OutgoingDelivery {
    pub(crate) link: SenderId,
    pub(crate) tag: DeliveryTag,
    /// The application chose the tag.
    pub(crate) own_tag: bool,
    /// §2.6.12: given when the first frame is written.
    pub(crate) id: Option<DeliveryNumber>,
    pub(crate) message_format: u32,
    /// What is not yet written.
    pub(crate) payload: Payload,
    /// All of it, where the link retains it.
    pub(crate) retained: Option<Payload>,
    /// Octets accepted so far.
    pub(crate) octets: u64,
    /// The application has given all of it.
    pub(crate) complete: bool,
    /// The last frame is written.
    pub(crate) sent: bool,
    pub(crate) aborted: bool,
    /// Sent settled.
    pub(crate) settled: bool,
    /// Its outcome is in the link's queue, or was taken.
    pub(crate) resolved: bool,
    /// The peer has settled it.
    pub(crate) remote_settled: bool,
    pub(crate) rcv_settle_mode: Option<ReceiverSettleMode>,
    pub(crate) batchable: bool,
    /// What this side told last.
    pub(crate) state: Option<DeliveryState>,
    pub(crate) remote_state: Option<Told>,
}

impl OutgoingDelivery {
    /// Its id stands in the session's index: sent or being sent, and settled by nobody.
    pub(crate) fn is_indexed(&self) -> bool {
        self.id.is_some() && !self.settled && !self.remote_settled && !self.aborted
    }

    /// The outcome that this side told, which does not change (§3.4).
    #[inline]
    pub(crate) fn told_outcome(&self) -> Option<&DeliveryState> {
        self.state.as_ref().filter(|state| state.is_terminal())
    }

    /// What resumption needs of it.
    pub(crate) fn into_unresolved(self) -> Unresolved {
        Unresolved {
            tag: self.tag.clone(),
            sent: self.id.is_some(),
            remote_state: self.remote_state.clone().map(Told::into_state),
            message: self.into_message(),
        }
    }

    /// The message as it was accepted, as far as it is still here.
    pub(crate) fn into_message(self) -> Outgoing {
        Outgoing {
            payload: self.retained.unwrap_or(self.payload),
            tag: self.own_tag.then_some(self.tag),
            message_format: self.message_format,
            settled: Some(self.settled),
            rcv_settle_mode: self.rcv_settle_mode,
            state: self.state,
            batchable: self.batchable,
        }
    }
}

impl Endpoints {
    /// Deliveries that a sender would take now.
    #[inline]
    pub(crate) fn sendable(&self, id: SenderId) -> u32 {
        let Some(sender) = self.senders.get(id).filter(|_| !self.closing) else { return 0 };
        let session = self.sessions.get(sender.link.session);
        if session.is_none_or(|session| session.is_closing()) { 0 } else { sender.sendable(&self.cx) }
    }

    /// §2.6.7: takes a message where credit is there for it.
    #[inline]
    pub(crate) fn accept_send(
        &mut self,
        id: SenderId,
        message: impl Into<Outgoing>,
        complete: bool,
    ) -> Result<DeliveryKey, SendError> {
        // It is taken apart where it is: moving all of it for every message costs more than the rest.
        let mut message = message.into();
        self.take_message(id, &mut message, complete)
            .map_err(|reason| SendError { reason, message: Box::new(message) })
    }

    fn take_message(
        &mut self,
        id: SenderId,
        message: &mut Outgoing,
        complete: bool,
    ) -> Result<DeliveryKey, SendErrorReason> {
        let settled = self.check_send(id, message)?;
        let sender = self.senders.get_mut(id).ok_or(SendErrorReason::Gone)?;
        let octets = message.payload.len();
        let own_tag = message.tag.is_some();
        let tag = sender.claim_tag(message.tag.take());
        let key = self.outgoing.insert_with(|_| OutgoingDelivery {
            link: id,
            tag,
            own_tag,
            id: None,
            message_format: message.message_format,
            retained: sender.retain_unsettled.then(|| message.payload.clone()),
            payload: core::mem::take(&mut message.payload),
            octets: octets as u64,
            complete,
            sent: false,
            aborted: false,
            settled,
            resolved: false,
            remote_settled: false,
            rcv_settle_mode: message.rcv_settle_mode,
            batchable: message.batchable,
            state: message.state.take(),
            remote_state: None,
        });
        sender.queue.push_back(key);
        sender.unfinished = !complete;
        self.cx.queued = self.cx.queued.saturating_add(1);
        self.cx.queued_octets = self.cx.queued_octets.saturating_add(octets);
        if let Some(session) = self.sessions.get_mut(sender.link.session) {
            session.queued = session.queued.saturating_add(1);
        }
        self.mark_sending(id);
        Ok(key)
    }

    /// Whether the message goes out settled, or why it does not go.
    fn check_send(&mut self, id: SenderId, message: &Outgoing) -> Result<bool, SendErrorReason> {
        let Some(sender) = self.senders.get_mut(id) else { return Err(SendErrorReason::Gone) };
        let session = self.sessions.get(sender.link.session);
        if self.closing || sender.link.is_closing() || session.is_none_or(|session| session.is_closing()) {
            return Err(SendErrorReason::Closed);
        }
        if !sender.link.is_live() {
            return Err(SendErrorReason::NotAttached);
        }
        if sender.unfinished {
            return Err(SendErrorReason::Unfinished);
        }
        let settled = settled(&sender.link, message).ok_or(SendErrorReason::SettleMode)?;
        let state_fits =
            message.state.as_ref().is_none_or(|state| state_fits(state, self.cx.out.max_frame_size));
        if exceeds(&sender.link, message.payload.len() as u64) || !state_fits {
            return Err(SendErrorReason::TooLarge);
        }
        if matches!(message.state, Some(DeliveryState::Received(_))) {
            return Err(SendErrorReason::State);
        }
        if message.tag.as_ref().is_some_and(|tag| sender.tag_in_use(tag)) {
            return Err(SendErrorReason::TagInUse);
        }
        if sender.sendable(&self.cx) == 0 {
            self.offer_credit(id);
            return Err(SendErrorReason::Blocked);
        }
        Ok(settled)
    }

    /// Continues a message that was started.
    pub(crate) fn append(
        &mut self,
        id: SenderId,
        key: DeliveryKey,
        more: Payload,
        complete: bool,
    ) -> Result<(), StateError> {
        let sender = self.senders.get_mut(id).ok_or(crate::Gone)?;
        let delivery =
            self.outgoing.get_mut(key).filter(|delivery| delivery.link == id).ok_or(crate::Gone)?;
        if delivery.complete || delivery.aborted {
            return Err(StateError::NotAsked);
        }
        let octets = delivery.octets.saturating_add(more.len() as u64);
        if exceeds(&sender.link, octets) {
            return Err(StateError::TooLarge);
        }
        delivery.octets = octets;
        delivery.complete = complete;
        sender.unfinished = !complete;
        self.cx.queued_octets = self.cx.queued_octets.saturating_add(more.len());
        for piece in more.chunks() {
            delivery.payload.push(piece.clone());
            if let Some(retained) = &mut delivery.retained {
                retained.push(piece.clone());
            }
        }
        self.mark_sending(id);
        Ok(())
    }

    /// Takes a delivery back, or cuts it off with an aborted transfer.
    pub(crate) fn abort(&mut self, id: SenderId, key: DeliveryKey) -> Result<Option<Outgoing>, StateError> {
        let sender = self.senders.get_mut(id).ok_or(crate::Gone)?;
        let delivery =
            self.outgoing.get_mut(key).filter(|delivery| delivery.link == id).ok_or(crate::Gone)?;
        if delivery.sent || delivery.aborted {
            return Err(StateError::Closed);
        }
        if !delivery.complete {
            sender.unfinished = false;
        }
        if let Some(number) = delivery.id {
            delivery.aborted = true;
            let pending = core::mem::take(&mut delivery.payload).len();
            self.cx.queued_octets = self.cx.queued_octets.saturating_sub(pending);
            if !delivery.settled && !delivery.remote_settled {
                sender.unsettled = sender.unsettled.saturating_sub(1);
                if let Some(session) = self.sessions.get_mut(sender.link.session) {
                    session.outgoing.remove(number);
                }
            }
            self.mark_sending(id);
            self.unblock(id);
            self.unblock_senders();
            return Ok(None);
        }
        let place = sender.queue.iter().inspect(|_| step()).position(|queued| *queued == key);
        place.and_then(|place| sender.queue.remove(place));
        self.unqueue(id);
        let message = self.forget_sent(key).map(OutgoingDelivery::into_message);
        self.cx.queued_octets =
            self.cx.queued_octets.saturating_sub(message.as_ref().map_or(0, |message| message.payload.len()));
        // Its credit and its room are there for others.
        self.unblock(id);
        self.unblock_senders();
        Ok(message)
    }

    /// One delivery less waits for its last frame.
    pub(crate) fn unqueue(&mut self, id: SenderId) {
        self.cx.queued = self.cx.queued.saturating_sub(1);
        let Some(sender) = self.senders.get(id) else { return };
        let Some(session) = self.sessions.get_mut(sender.link.session) else { return };
        session.queued = session.queued.saturating_sub(1);
        let last = session.queued == 0;
        if sender.queue.is_empty() && (sender.link.detach.is_some() || sender.drain) {
            self.mark_link(crate::event::LinkId::Sender(id));
        } else if last {
            // Its end may have waited for that.
            self.mark_session(sender.link.session);
        }
    }
}

impl SenderEndpoint {
    /// Deliveries that it would take now.
    #[inline]
    pub(crate) fn sendable(&self, cx: &Context) -> u32 {
        let credit = self.free_credit();
        if credit == 0 || !self.link.is_live() || cx.output_is_full() {
            return 0;
        }
        let outcomes = u32::try_from(self.outcomes.len()).unwrap_or(u32::MAX);
        let unsettled = self.unsettled.saturating_add(self.waiting());
        credit
            .min(cx.limits.unsettled.saturating_sub(unsettled))
            .min(cx.limits.untaken_outcomes.saturating_sub(outcomes.saturating_add(unsettled)))
    }

    /// §2.6.12: the tag for a delivery, which no unsettled delivery of the link has.
    #[inline]
    fn claim_tag(&mut self, wanted: Option<DeliveryTag>) -> DeliveryTag {
        if let Some(tag) = wanted {
            self.extra.get_or_insert_default().own_tags.insert(tag.clone());
            return tag;
        }
        loop {
            let tag = made_tag(self.next_tag);
            self.next_tag = self.next_tag.wrapping_add(1);
            if !self.is_own_tag(&tag) {
                return tag;
            }
        }
    }

    /// An unsettled delivery has this tag, or may have it because the link made it.
    fn tag_in_use(&self, tag: &DeliveryTag) -> bool {
        let made = <[u8; 4]>::try_from(&tag[..])
            .map(|octets| u64::from(u32::from_be_bytes(octets)))
            .or_else(|_| <[u8; 8]>::try_from(&tag[..]).map(u64::from_be_bytes))
            .is_ok_and(|number| number < self.next_tag && made_tag(number) == *tag);
        made || self.is_own_tag(tag)
    }

    fn is_own_tag(&self, tag: &DeliveryTag) -> bool {
        self.extra.as_ref().is_some_and(|extra| extra.own_tags.contains(tag))
    }
}

fn made_tag(number: u64) -> DeliveryTag {
    u32::try_from(number).map_or_else(
        |_| DeliveryTag::from(number.to_be_bytes()),
        |small| DeliveryTag::from(small.to_be_bytes()),
    )
}

/// §2.7.5: the settled flag that fits the negotiated snd-settle-mode.
fn settled(link: &LinkEndpoint, message: &Outgoing) -> Option<bool> {
    if message.rcv_settle_mode == Some(ReceiverSettleMode::Second)
        && link.rcv_settle_mode() == ReceiverSettleMode::First
    {
        return None;
    }
    match (link.snd_settle_mode(), message.settled) {
        (SenderSettleMode::Settled, Some(false)) | (SenderSettleMode::Unsettled, Some(true)) => None,
        (SenderSettleMode::Settled, _) => Some(true),
        (SenderSettleMode::Unsettled, _) => Some(false),
        (SenderSettleMode::Mixed, wish) => Some(wish.unwrap_or(false)),
    }
}

/// §2.7.3: max-message-size, where 0 means none.
pub(super) fn exceeds(link: &LinkEndpoint, octets: u64) -> bool {
    link.remote
        .as_ref()
        .and_then(|remote| remote.max_message_size)
        .is_some_and(|max| max != 0 && octets > max)
}
