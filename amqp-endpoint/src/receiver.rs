//! The receiving end of a link.

use std::collections::BTreeSet;
use std::fmt;
use std::task::Poll;

use amqp_core::codec::{DeliveryState, Str};
use amqp_core::{CreditMode, ReceivedKey, ReceiverId};

use crate::connection::Connection;
use crate::delivery::Delivery;
use crate::drain::Drain;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::link::{link_handle, source_address, target_address};
use crate::receive::{Receive, ReceiveBatch, ReceiveError, Received};
use crate::session::Session;
use crate::state::{Place, State};
use crate::status::{EndpointState, Status};
use crate::stream::ReceiveStream;
use crate::sync::Arc;
use crate::taking::Taking;
use crate::waiters::Waiters;

/// The receiving end of a link; a handle that can be cloned.
///
/// When the last of them is gone with its operations, credit is taken back and what was not taken is released; the link
/// closes once its deliveries are settled or dropped as well, and is detached instead where its source never expires.
#[derive(Clone)]
pub struct Receiver(Arc<ReceiverHandle>);

/// The handles that take messages.
struct ReceiverHandle {
    link: Arc<ReceiverLink>,
}

/// The link itself, which unsettled deliveries keep open.
pub(crate) struct ReceiverLink {
    session: Session,
    key: usize,
    id: ReceiverId,
}

/// A receiver as its handles share it.
#[derive(Debug)]
pub(crate) struct ReceiverRecord {
    pub(crate) status: Status,
    /// Operations that wait for a message.
    pub(crate) waiters: Waiters,
    /// Operations that wait for settlement, for the end of a drain, or for more of a message.
    pub(crate) progress: Waiters,
    /// §2.6.12, rcv-settle-mode second: outcomes told that the sender has not settled.
    pub(crate) unsettled: BTreeSet<ReceivedKey>,
    /// Nobody takes messages any more.
    pub(crate) abandoned: bool,
    pub(crate) draining: bool,
}

impl ReceiverRecord {
    pub(crate) fn new() -> Self {
        Self {
            status: Status::new(),
            waiters: Waiters::default(),
            progress: Waiters::default(),
            unsettled: BTreeSet::new(),
            abandoned: false,
            draining: false,
        }
    }
}

impl Receiver {
    /// The handle of a link whose record exists.
    pub(crate) fn new(session: Session, key: usize, id: ReceiverId) -> Self {
        Self(Arc::new(ReceiverHandle { link: Arc::new(ReceiverLink { session, key, id }) }))
    }

    pub(crate) fn id(&self) -> ReceiverId {
        self.0.link.id
    }

    pub(crate) fn key(&self) -> usize {
        self.0.link.key
    }

    pub(crate) fn link(&self) -> &Arc<ReceiverLink> {
        &self.0.link
    }

    /// Waits for a message. Those that wait get messages in the order in which they were first polled; dropped, it leaves
    /// the message to the next.
    ///
    /// # Errors
    /// The operation yields [`ReceiveError::Closed`] once the link is over and all that had arrived was taken, and
    /// [`ReceiveError::Unreadable`], with the delivery, for octets that are no message.
    pub fn receive(&self) -> Receive {
        Receive::new(self.clone())
    }

    /// Waits for the beginning of a message: on a link with `ReceiverOptions::streaming` that is when its first frame is
    /// here, on others when all of it is.
    ///
    /// # Errors
    /// The operation yields [`ReceiveError::Closed`] as [`Receiver::receive`] does.
    pub fn receive_stream(&self) -> ReceiveStream {
        ReceiveStream(Taking::new(self.clone()))
    }

    /// Waits for a message and takes with it what else has arrived whole, `most` in all and one at the least. Each is a
    /// message, or what could not be read as one.
    ///
    /// # Errors
    /// The operation yields [`ReceiveError::Closed`] as [`Receiver::receive`] does.
    pub fn receive_batch(&self, most: usize) -> ReceiveBatch {
        ReceiveBatch::new(self.clone(), most)
    }

    /// Takes a message that has arrived whole, if there is one and nobody waits for it. A link that grants credit to those that
    /// wait grants it for one.
    ///
    /// # Errors
    /// As [`Receiver::receive`].
    pub fn try_receive(&self) -> Result<Option<Received>, ReceiveError> {
        match Taking::new(self.clone()).take_now() {
            Poll::Ready(Ok(delivery)) => Received::read(delivery, self).map(Some),
            Poll::Ready(Err(error)) => Err(ReceiveError::Closed(error)),
            Poll::Pending => Ok(None),
        }
    }

    /// Accepts deliveries, of this receiver or others.
    pub fn accept_all(&self, deliveries: impl IntoIterator<Item = Delivery>) {
        deliveries.into_iter().for_each(|delivery| drop(delivery.accept()));
    }

    /// Deliveries that the sender may still send.
    pub fn credit(&self) -> u32 {
        self.look(|state, id| state.engine.receiver(id).map_or(0, |receiver| receiver.credit()))
    }

    /// Messages that have arrived and were not taken.
    pub fn waiting(&self) -> usize {
        self.look(|state, id| state.engine.receiver(id).map_or(0, |receiver| receiver.waiting()))
    }

    /// Lets the sender send `more` deliveries, on top of what it may send already. A drain that is under way ends with it.
    pub fn grant(&self, more: u32) {
        let id = self.id();
        self.connection().shared().with(|state| {
            if more > 0 && state.engine.receiver(id).map(|mut it| it.grant(more)).is_ok() {
                state.on_drained(id);
            }
        });
    }

    /// Changes who grants credit from now on.
    pub fn set_credit_mode(&self, mode: CreditMode) {
        let id = self.id();
        self.connection()
            .shared()
            .with(|state| state.engine.receiver(id).map(|mut it| it.set_credit_mode(mode)).ok());
    }

    /// Asks the sender to use up its credit or give it back (§2.6.7), and waits until it has: what it sent meanwhile has
    /// arrived then. Credit that those that wait for messages need is granted again.
    pub fn drain(&self) -> Drain {
        Drain::new(self)
    }

    /// The address of the node that messages come from: the one that the peer gave, where it has answered, so that of a
    /// dynamic node as well.
    pub fn source(&self) -> Option<Str> {
        let attach = self.remote().filter(|attach| attach.source.is_some()).or_else(|| self.local())?;
        source_address(&attach)
    }

    /// The address of the node that messages go to.
    pub fn target(&self) -> Option<Str> {
        target_address(&self.local()?)
    }

    /// The session that it is on.
    pub fn session(&self) -> &Session {
        &self.0.link.session
    }

    pub(crate) fn place(&self) -> Place {
        self.0.link.place()
    }
}

impl ReceiverLink {
    pub(crate) fn connection(&self) -> &Connection {
        self.session.connection()
    }

    pub(crate) fn id(&self) -> ReceiverId {
        self.id
    }

    pub(crate) fn key(&self) -> usize {
        self.key
    }

    pub(crate) fn place(&self) -> Place {
        Place::Receiver(self.key, self.id)
    }
}

link_handle!(Receiver, ReceiverId, receiver, "deliveries can be settled once it is attached again");

impl State {
    /// Takes what nobody will ask for and gives it back to the sender.
    pub(crate) fn release_arrived(&mut self, id: ReceiverId) {
        while let Ok(mut receiver) = self.engine.receiver(id)
            && let Some(delivery) = receiver.next_delivery()
        {
            // Where it was sent settled, or its link is over, there is nobody to give it back to.
            _ = receiver.settle(delivery.key, DeliveryState::Released);
        }
    }

    fn abandon(&mut self, key: usize, id: ReceiverId) {
        let Some(record) = self.receivers.get_mut(key) else { return };
        record.abandoned = true;
        if let Ok(mut receiver) = self.engine.receiver(id) {
            receiver.stop();
        }
        self.release_arrived(id);
    }
}

impl Drop for ReceiverHandle {
    fn drop(&mut self) {
        let (key, id) = (self.link.key, self.link.id);
        self.link.connection().shared().with(|state| state.abandon(key, id));
    }
}

impl Drop for ReceiverLink {
    fn drop(&mut self) {
        let place = self.place();
        self.connection().shared().with(|state| state.let_go(place));
    }
}
