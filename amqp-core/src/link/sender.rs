//! The sending end of a link: what waits to be sent, what waits for its outcome, and the view of it.

use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use amqp_codec::{
    DeliveryState, DeliveryTag, Error, Payload, ReceiverSettleMode, SenderSettleMode, SequenceNo,
};

use crate::delivery::index::Span;
use crate::delivery::outgoing::{Outgoing, OutgoingDelivery, SendError, Unresolved};
use crate::delivery::told::Told;
use crate::endpoints::Endpoints;
use crate::error::{CloseReason, Gone, StateError};
use crate::event::{DeliveryKey, LinkId, SenderId};
use crate::link::LinkEndpoint;
use crate::options::SenderOptions;

/// Our end of a link that we send on.
pub(crate) struct SenderEndpoint {
    pub(crate) link: LinkEndpoint,
    /// §2.6.7: deliveries sent since the link was made, starting where the attach said.
    pub(crate) delivery_count: SequenceNo,
    /// §2.6.7: how many deliveries may be begun now, as the receiver's last flow left it.
    pub(crate) credit: u32,
    /// The receiver wants all credit used up or given back.
    pub(crate) drain: bool,
    /// Nothing more is there to be sent now: what is left of credit is given back to a receiver that drains.
    pub(crate) drained: bool,
    /// Accepted deliveries in the order of sending; the first may have been begun.
    pub(crate) queue: VecDeque<DeliveryKey>,
    /// The first of `queue` has frames on the wire.
    pub(crate) mid_delivery: bool,
    /// In the session's list of links that send in turns.
    pub(crate) sending: bool,
    /// Deliveries with an id that are not settled.
    pub(crate) unsettled: u32,
    /// Where in the session's index they are.
    pub(crate) unsettled_span: Span,
    /// What became of deliveries, for the application to take.
    pub(crate) outcomes: VecDeque<(DeliveryKey, Ending)>,
    pub(crate) outcomes_announced: bool,
    pub(crate) credit_announced: bool,
    /// The next chance to send is to be announced.
    pub(crate) blocked: bool,
    /// In the connection's list of senders that wait for room in the output.
    pub(crate) waits_for_room: bool,
    /// The last of `queue` was started and not finished.
    pub(crate) unfinished: bool,
    /// The next tag made here.
    pub(crate) next_tag: u64,
    /// What only some senders have.
    pub(crate) extra: Option<Box<Extra>>,
    pub(crate) auto_drain: bool,
    pub(crate) auto_settle: bool,
    pub(crate) retain_unsettled: bool,
}

/// What only some senders have: apart, so that an idle link stays small.
#[derive(Default)]
pub(crate) struct Extra {
    /// Tags of unsettled deliveries that the application chose.
    pub(crate) own_tags: BTreeSet<DeliveryTag>,
    /// With `retain_unsettled`: what was unacknowledged when the link ended.
    pub(crate) left_behind: Vec<OutgoingDelivery>,
}

impl SenderEndpoint {
    pub(crate) fn new(link: LinkEndpoint, options: &SenderOptions) -> Self {
        Self {
            link,
            delivery_count: options.initial_delivery_count,
            credit: 0,
            drain: false,
            drained: options.auto_drain,
            queue: VecDeque::new(),
            mid_delivery: false,
            sending: false,
            unsettled: 0,
            unsettled_span: Span::default(),
            outcomes: VecDeque::new(),
            outcomes_announced: false,
            credit_announced: false,
            blocked: false,
            waits_for_room: false,
            unfinished: false,
            next_tag: 0,
            extra: None,
            auto_drain: options.auto_drain,
            auto_settle: options.auto_settle,
            retain_unsettled: options.retain_unsettled,
        }
    }

    /// Credit that no accepted delivery has reserved.
    #[inline]
    pub(crate) fn free_credit(&self) -> u32 {
        self.credit.saturating_sub(self.waiting())
    }

    /// Accepted deliveries of which nothing was sent.
    #[inline]
    pub(crate) fn waiting(&self) -> u32 {
        u32::try_from(self.queue.len().saturating_sub(usize::from(self.mid_delivery))).unwrap_or(u32::MAX)
    }
}

/// What became of a delivery. Every accepted send gets exactly one.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolution {
    /// The receiver told its outcome, or settled without one: then it is the default outcome of this link's source
    /// (§3.5.3), or `None` where that has none. `None` as well where the delivery was sent settled, which asks for none.
    Settled(Option<DeliveryState>),
    /// Some or all of it was sent, and the endpoint ended before the receiver told: it may or may not have arrived.
    Unacknowledged(CloseReason),
    /// Nothing of it was sent.
    Unsent(Box<Outgoing>, CloseReason),
}

/// What became of a delivery, as it waits to be taken.
pub(crate) enum Ending {
    /// It is settled with this outcome.
    Told(Told),
    /// Anything else.
    Other(Resolution),
}

impl From<Ending> for Resolution {
    #[inline]
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Told(told) => Self::Settled(Some(told.into_state())),
            Ending::Other(resolution) => resolution,
        }
    }
}

/// A short-lived borrow of a sender: `connection.sender(id)?`.
pub struct Sender<'a> {
    pub(crate) endpoints: &'a mut Endpoints,
    pub(crate) id: SenderId,
}

impl Sender<'_> {
    /// Deliveries that [`Sender::send`] would take now: link credit not yet spoken for, and zero while the link is not
    /// attached, too many deliveries are unsettled, or too much output waits. Where it is zero,
    /// [`Event::Credit`](crate::Event::Credit) says when it no longer is.
    pub fn credit(&mut self) -> u32 {
        let credit = self.endpoints.sendable(self.id);
        if credit == 0 {
            self.endpoints.offer_credit(self.id);
        }
        credit
    }

    /// True while the receiver wants all credit used up or given back (§2.6.7). What is not used is given back by the
    /// next output, or with [`SenderOptions::auto_drain`] false by [`Sender::drained`].
    pub fn is_draining(&self) -> bool {
        self.endpoint().is_some_and(|sender| sender.drain)
    }

    /// Nothing more is there to be sent now: gives what is left of its credit back to a receiver that drains, once what
    /// was accepted is sent. Does nothing otherwise.
    pub fn drained(&mut self) {
        self.endpoints.drained(self.id);
    }

    /// Accepts a message for sending: credit is reserved and its delivery has a key, or the message comes back.
    ///
    /// Nothing is written here. The delivery resolves exactly once, by [`Event::Outcomes`](crate::Event::Outcomes) and
    /// [`Sender::next_outcome`].
    ///
    /// # Errors
    /// [`SendError`] says why the message was not taken, and holds it.
    #[inline]
    pub fn send(&mut self, message: impl Into<Outgoing>) -> Result<DeliveryKey, SendError> {
        self.endpoints.accept_send(self.id, message.into(), true)
    }

    /// Accepts the beginning of a message that [`Sender::append`] and [`Sender::finish`] continue, or
    /// [`Sender::abort`] ends. Meanwhile the link carries nothing else.
    ///
    /// # Errors
    /// As [`Sender::send`].
    pub fn start(&mut self, message: impl Into<Outgoing>) -> Result<DeliveryKey, SendError> {
        self.endpoints.accept_send(self.id, message.into(), false)
    }

    /// Adds octets to a message that was started.
    ///
    /// # Errors
    /// [`StateError::NotAsked`] once it was finished, [`StateError::TooLarge`] where the peer's max-message-size would
    /// be exceeded, [`StateError::Gone`] once it was resolved.
    pub fn append(&mut self, key: DeliveryKey, octets: impl Into<Payload>) -> Result<(), StateError> {
        self.endpoints.append(self.id, key, octets.into(), false)
    }

    /// Says that a message that was started is complete.
    ///
    /// # Errors
    /// As [`Sender::append`].
    pub fn finish(&mut self, key: DeliveryKey) -> Result<(), StateError> {
        self.endpoints.append(self.id, key, Payload::new(), true)
    }

    /// Takes a delivery back: without a trace while nothing of it was sent, with an aborted transfer while some of it
    /// was (§2.6.14). Returns the message where it is whole. There is no outcome for it.
    ///
    /// # Errors
    /// [`StateError::Closed`] when all of it was sent, [`StateError::Gone`] once it was resolved.
    pub fn abort(&mut self, key: DeliveryKey) -> Result<Option<Outgoing>, StateError> {
        self.endpoints.abort(self.id, key)
    }

    /// Takes a delivery back without a trace, where nothing of it was sent: then there is no outcome for it.
    pub fn withdraw(&mut self, key: DeliveryKey) -> Option<Outgoing> {
        let unsent = self.endpoints.outgoing.get(key).is_some_and(|delivery| delivery.id.is_none());
        if unsent { self.abort(key).ok().flatten() } else { None }
    }

    /// Settles a delivery whose outcome was taken, or gives up on one whose outcome is not known: then it has none.
    ///
    /// # Errors
    /// [`Gone`] where it is settled already.
    pub fn settle(&mut self, key: DeliveryKey) -> Result<(), Gone> {
        self.endpoints.settle_outgoing(self.id, key)
    }

    /// Tells the receiver a state of a delivery without settling it (§2.7.6).
    ///
    /// # Errors
    /// [`StateError::NotAsked`] before its first frame and for `received`, which only a resumed delivery has (§3.4.1);
    /// [`StateError::Gone`] once it was resolved, [`StateError::TooLarge`] where the state does not fit a frame.
    pub fn update(&mut self, key: DeliveryKey, state: DeliveryState) -> Result<(), StateError> {
        self.endpoints.update_outgoing(self.id, key, state)
    }

    /// The state that the receiver told last for a delivery that is not resolved.
    pub fn remote_state(&self, key: DeliveryKey) -> Option<&DeliveryState> {
        let delivery = self.endpoints.outgoing.get(key)?;
        delivery.remote_state.as_ref().filter(|_| delivery.link == self.id).map(Told::state)
    }

    /// The tag of a delivery that is not resolved.
    pub fn tag(&self, key: DeliveryKey) -> Option<&DeliveryTag> {
        self.endpoints
            .outgoing
            .get(key)
            .filter(|delivery| delivery.link == self.id)
            .map(|delivery| &delivery.tag)
    }

    /// Takes the next outcome.
    #[inline]
    pub fn next_outcome(&mut self) -> Option<(DeliveryKey, Resolution)> {
        self.endpoints.next_outcome(self.id)
    }

    /// Takes everything that has no outcome out of the link as a value, oldest first, so that it can be sent again on
    /// another connection. There are no outcomes for it. Payloads of what was sent are there with
    /// [`SenderOptions::retain_unsettled`]. What has its outcome and waits for [`Sender::settle`] stays where it is.
    pub fn take_unsettled(&mut self) -> Vec<Unresolved> {
        self.endpoints.take_unsettled(self.id)
    }

    /// Deliveries accepted and not yet settled.
    pub fn unsettled(&self) -> usize {
        self.endpoint().map_or(0, |sender| sender.unsettled.saturating_add(sender.waiting()) as usize)
    }

    /// §2.6.7: deliveries sent since the link was made, modulo 2^32, starting where the attach said.
    pub fn delivery_count(&self) -> SequenceNo {
        self.endpoint().map_or_else(SequenceNo::default, |sender| sender.delivery_count)
    }

    /// Whether deliveries are sent settled, as negotiated.
    pub fn snd_settle_mode(&self) -> SenderSettleMode {
        self.endpoint().map_or_else(SenderSettleMode::default, |sender| sender.link.snd_settle_mode())
    }

    /// When the receiver settles, as negotiated.
    pub fn rcv_settle_mode(&self) -> ReceiverSettleMode {
        self.endpoint().map_or_else(ReceiverSettleMode::default, |sender| sender.link.rcv_settle_mode())
    }

    fn endpoint(&self) -> Option<&SenderEndpoint> {
        self.endpoints.senders.get(self.id).map(|sender| &**sender)
    }
}

super::view::link_view!(Sender, SenderOptions, LinkId::Sender, "sender");

impl Sender<'_> {
    /// Answers the peer's attach: what `options` does not set repeats what the peer wished for.
    ///
    /// # Errors
    /// [`StateError::NotAsked`] where no attach waits, [`StateError::NoAddress`] where the peer asks for a dynamic node
    /// and `options` has no `dynamic_address` (the attach goes on waiting), [`StateError::Closed`] where the peer's
    /// handle-max leaves no handle for the answer.
    pub fn accept(&mut self, options: SenderOptions) -> Result<(), StateError> {
        self.endpoints.accept_sender(self.id, options)
    }

    /// Answers the peer's attach with a null source and a closing detach (§2.6.3).
    ///
    /// # Errors
    /// [`StateError::NotAsked`] where no attach waits.
    pub fn refuse(&mut self, error: impl Into<Error>) -> Result<(), StateError> {
        self.endpoints.refuse_link(LinkId::Sender(self.id), error.into())
    }
}
