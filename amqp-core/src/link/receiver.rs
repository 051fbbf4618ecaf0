//! The receiving end of a link: what arrived, what is not settled, and the view of it.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use amqp_codec::{DeliveryState, Error, Payload, SequenceNo};

use crate::delivery::incoming::{Change, Delivery, IncomingDelivery, Partial, Update};
use crate::delivery::index::Span;
use crate::delivery::tags::Tags;
use crate::endpoints::Endpoints;
use crate::error::{Gone, StateError};
use crate::event::{LinkId, ReceivedKey, ReceiverId};
use crate::link::LinkEndpoint;
use crate::options::{CreditMode, ReceiverOptions};

/// Our end of a link that we receive on.
pub(crate) struct ReceiverEndpoint {
    pub(crate) link: LinkEndpoint,
    /// §2.6.7: the sender's delivery-count as far as it is known here.
    pub(crate) delivery_count: SequenceNo,
    /// Deliveries that the sender may still begin, as this side wants it.
    pub(crate) credit: u32,
    /// The furthest delivery-count that any flow ever allowed: credit taken back may have been used meanwhile.
    pub(crate) edge: SequenceNo,
    pub(crate) mode: CreditMode,
    /// How many deliveries the application waits for.
    pub(crate) demand: u32,
    pub(crate) drain: bool,
    /// §2.6.7: messages that the sender says it has.
    pub(crate) available: u32,
    pub(crate) streaming: bool,
    /// Deliveries to take, oldest first.
    pub(crate) ready: VecDeque<ReceivedKey>,
    pub(crate) deliveries_announced: bool,
    /// A delivery of which more frames follow.
    pub(crate) partial: Option<Box<Partial>>,
    /// Deliveries taken or to take that are not settled on both sides.
    pub(crate) unsettled: u32,
    /// Where in the session's index they are.
    pub(crate) unsettled_span: Span,
    /// Their tags.
    pub(crate) tags: Tags,
    /// What the sender did to deliveries, for the application to take.
    pub(crate) updates: Option<Box<Updates>>,
    /// Deliveries that were taken before their end and not read to it.
    pub(crate) reading: u32,
}

/// Changes that the sender made to deliveries: apart, so that an idle link stays small.
#[derive(Default)]
pub(crate) struct Updates {
    pub(crate) waiting: VecDeque<Change>,
    pub(crate) announced: bool,
}

impl ReceiverEndpoint {
    pub(crate) fn new(link: LinkEndpoint, options: &ReceiverOptions) -> Self {
        Self {
            link,
            delivery_count: SequenceNo::default(),
            credit: 0,
            edge: SequenceNo::default(),
            mode: options.credit,
            demand: 0,
            drain: false,
            available: 0,
            streaming: options.streaming,
            ready: VecDeque::new(),
            deliveries_announced: false,
            partial: None,
            unsettled: 0,
            unsettled_span: Span::default(),
            tags: Tags::default(),
            updates: None,
            reading: 0,
        }
    }
}

impl ReceiverEndpoint {
    /// The most octets that a message may have, as our attach says it.
    #[inline]
    pub(crate) fn message_size(&self) -> u64 {
        self.link.local.max_message_size.unwrap_or(u64::MAX)
    }

    /// The application has taken every delivery and read it to its end.
    pub(crate) fn is_read(&self) -> bool {
        self.ready.is_empty() && self.reading == 0
    }
}

/// A short-lived borrow of a receiver: `connection.receiver(id)?`.
pub struct Receiver<'a> {
    pub(crate) endpoints: &'a mut Endpoints,
    pub(crate) id: ReceiverId,
}

impl Receiver<'_> {
    /// Deliveries that the sender may still send.
    pub fn credit(&self) -> u32 {
        self.endpoint().map_or(0, |receiver| receiver.credit)
    }

    /// Messages that the sender says it has, beyond what it may send (§2.6.7); an estimate.
    pub fn available(&self) -> u32 {
        self.endpoint().map_or(0, |receiver| receiver.available)
    }

    /// Lets the sender send `more` deliveries, on top of what it may send already. Also before the link is attached.
    pub fn grant(&mut self, more: u32) {
        self.endpoints.grant(self.id, more);
    }

    /// With [`CreditMode::OnDemand`]: the application waits for `deliveries` of them now, in all; each that is taken
    /// lowers it by one. A lower number takes back no credit: see [`Receiver::stop`].
    pub fn demand(&mut self, deliveries: u32) {
        self.endpoints.demand(self.id, deliveries);
    }

    /// Takes all credit back and changes to [`CreditMode::Manual`], so that no more is granted until the application
    /// says so. Deliveries that are on their way still arrive.
    pub fn stop(&mut self) {
        self.endpoints.stop(self.id);
    }

    /// Asks the sender to use up the credit it has, or give it back: [`Event::Drained`](crate::Event::Drained) follows,
    /// unless [`Receiver::grant`] takes the wish back. A link whose mode grants by itself goes on granting then.
    pub fn drain(&mut self) {
        self.endpoints.drain(self.id);
    }

    /// Changes who grants credit from now on.
    pub fn set_credit_mode(&mut self, mode: CreditMode) {
        self.endpoints.set_credit_mode(self.id, mode);
    }

    /// Asks the peer for its state of the link (§2.7.4, echo).
    pub fn echo(&mut self) {
        self.endpoints.request_echo(LinkId::Receiver(self.id));
    }

    /// Takes the next delivery.
    #[inline]
    pub fn next_delivery(&mut self) -> Option<Delivery> {
        self.endpoints.next_delivery(self.id)
    }

    /// Deliveries that wait to be taken.
    pub fn waiting(&self) -> usize {
        self.endpoint().map_or(0, |receiver| receiver.ready.len())
    }

    /// Those of them that have arrived to their end: with [`ReceiverOptions::streaming`] the last may not have.
    pub fn waiting_whole(&self) -> usize {
        let Some(receiver) = self.endpoint() else { return 0 };
        let last = receiver.ready.back().and_then(|key| self.endpoints.incoming.get(*key));
        receiver.ready.len().saturating_sub(usize::from(last.is_some_and(|delivery| !delivery.complete)))
    }

    /// With [`ReceiverOptions::streaming`]: takes what has arrived of a delivery since it was taken or read last, and
    /// whether that was the end of it.
    ///
    /// # Errors
    /// [`Gone`] where the sender aborted it or it was cut off by the end of its link, and once it was settled or, where
    /// nothing is left to settle, read to its end.
    pub fn read(&mut self, key: ReceivedKey) -> Result<(Payload, bool), Gone> {
        self.endpoints.read(self.id, key)
    }

    /// Settles a delivery with an outcome. On a link whose rcv-settle-mode is second the outcome is told, and settled
    /// once the sender has settled: see [`Receiver::next_update`]. What is unread of it is dropped.
    ///
    /// # Errors
    /// [`StateError::Gone`] where it is settled already or its link is over, [`StateError::TooLarge`] where the outcome
    /// does not fit a frame, [`StateError::NotAsked`] where the outcome is none (§3.4: `received` is not terminal).
    #[inline]
    pub fn settle(&mut self, key: ReceivedKey, outcome: DeliveryState) -> Result<(), StateError> {
        self.endpoints.settle_incoming(self.id, key, outcome)
    }

    /// Whether the outcome of a delivery was told and the sender has still to settle it: rcv-settle-mode second
    /// (§2.6.12).
    pub fn awaits_sender(&self, key: ReceivedKey) -> bool {
        let told = |delivery: &IncomingDelivery| delivery.told.is_some() && !delivery.remote_settled;
        self.endpoints.incoming.get(key).is_some_and(told)
    }

    /// Tells the sender a state of a delivery without settling it (§2.7.6).
    ///
    /// # Errors
    /// As [`Receiver::settle`].
    pub fn update(&mut self, key: ReceivedKey, state: DeliveryState) -> Result<(), StateError> {
        self.endpoints.update_incoming(self.id, key, state)
    }

    /// Takes the next change that the sender made to a delivery.
    pub fn next_update(&mut self) -> Option<Update> {
        self.endpoints.next_update(self.id)
    }

    /// Deliveries not settled on both sides.
    pub fn unsettled(&self) -> u32 {
        self.endpoint().map_or(0, |receiver| receiver.unsettled)
    }

    /// §2.6.7: the sender's delivery-count as far as it is known here.
    pub fn delivery_count(&self) -> SequenceNo {
        self.endpoint().map_or_else(SequenceNo::default, |receiver| receiver.delivery_count)
    }

    fn endpoint(&self) -> Option<&ReceiverEndpoint> {
        self.endpoints.receivers.get(self.id).map(|receiver| &**receiver)
    }
}

super::view::link_view!(Receiver, ReceiverOptions, LinkId::Receiver, "receiver");

impl Receiver<'_> {
    /// Answers the peer's attach: what `options` does not set repeats what the peer wished for.
    ///
    /// # Errors
    /// [`StateError::NotAsked`] where no attach waits, [`StateError::NoAddress`] where the peer asks for a dynamic node
    /// and `options` has no `dynamic_address` (the attach goes on waiting), [`StateError::Closed`] where the peer's
    /// handle-max leaves no handle for the answer.
    pub fn accept(&mut self, options: ReceiverOptions) -> Result<(), StateError> {
        self.endpoints.accept_receiver(self.id, options)
    }

    /// Answers the peer's attach with a null target and a closing detach (§2.6.3).
    ///
    /// # Errors
    /// [`StateError::NotAsked`] where no attach waits.
    pub fn refuse(&mut self, error: impl Into<Error>) -> Result<(), StateError> {
        self.endpoints.refuse_link(LinkId::Receiver(self.id), error.into())
    }
}
