//! A delivery that was received, and its settlement.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use amqp_core::codec::{
    DecodeError, DeliveryState, DeliveryTag, Error as Condition, Modified, Payload, Rejected,
};
use amqp_core::{ReceivedKey, StateError};

use crate::error::Error;
use crate::progress::Progress;
use crate::receiver::ReceiverLink;
use crate::state::State;
use crate::sync::Arc;

/// What settles a message. It can go to another thread or task, outlives the [`crate::Receiver`], and keeps the link open.
///
/// The methods that settle consume it, so it cannot be settled twice. They record the outcome at once; what they return
/// may be awaited, to know that both sides have settled, or dropped. A delivery that is dropped is released.
///
/// ```compile_fail,E0382
/// fn twice(delivery: amqp_endpoint::Delivery) {
///     drop(delivery.accept());
///     drop(delivery.accept());
/// }
/// ```
pub struct Delivery {
    link: Arc<ReceiverLink>,
    key: ReceivedKey,
    tag: DeliveryTag,
    message_format: u32,
    state: Option<DeliveryState>,
    /// The sender has settled it.
    settled: bool,
    /// What it is settled with when it is dropped; none where nothing is left to settle.
    if_dropped: Option<DeliveryState>,
}

impl Delivery {
    /// The octets of a delivery, and what settles it.
    #[inline]
    pub(crate) fn new(link: Arc<ReceiverLink>, delivery: amqp_core::Delivery) -> (Payload, Self) {
        let amqp_core::Delivery { key, tag, message_format, settled, payload, state, complete } = delivery;
        // What is not here yet of one that was sent settled is not wanted either.
        let if_dropped = (!settled || !complete).then_some(DeliveryState::Released);
        (payload, Self { link, key, tag, message_format, state, settled, if_dropped })
    }

    pub(crate) const fn key(&self) -> ReceivedKey {
        self.key
    }

    pub(crate) fn rejected_if_dropped(mut self, error: DecodeError) -> Self {
        if self.if_dropped.is_some() {
            let error = Condition::new(error.condition(), error.to_string());
            self.if_dropped = Some(rejected(Some(error)));
        }
        self
    }

    /// Takes the message (§3.4.2).
    pub fn accept(self) -> Settling {
        self.settle(DeliveryState::Accepted)
    }

    /// Says that the message is invalid (§3.4.3), and why.
    pub fn reject(self, error: Option<Condition>) -> Settling {
        self.settle(rejected(error))
    }

    /// Gives the message back unprocessed (§3.4.4).
    pub fn release(self) -> Settling {
        self.settle(DeliveryState::Released)
    }

    /// Gives the message back with something changed (§3.4.5).
    pub fn modify(self, modified: Modified) -> Settling {
        self.settle(DeliveryState::Modified(modified))
    }

    /// Settles it with any outcome. What is none comes back as [`StateError::NotAsked`] when that is awaited, and the
    /// delivery is released.
    pub fn settle(mut self, outcome: DeliveryState) -> Settling {
        let told = match self.if_dropped {
            Some(_) if self.settled => self.tell(outcome).or(Ok(false)),
            Some(_) => self.tell(outcome),
            None => Ok(false),
        };
        if !matches!(told, Err(Error::State(StateError::NotAsked | StateError::TooLarge))) {
            self.if_dropped = None;
        }
        Settling(told.map(|waits| waits.then(|| (Progress::new(Arc::clone(&self.link)), self.key))))
    }

    /// Leaves it unsettled for good: the sender learns nothing until the link ends.
    pub fn leave(mut self) {
        self.if_dropped = None;
    }

    /// Tells the sender a state that settles nothing, such as how much of it was processed (§3.4.1).
    ///
    /// # Errors
    /// Where it is settled, or its link is over.
    pub fn update(&self, state: DeliveryState) -> Result<(), Error> {
        let id = self.link.id();
        self.link.connection().shared().with(|all| {
            let updated = all
                .engine
                .receiver(id)
                .map_err(Error::from)
                .and_then(|mut it| Ok(it.update(self.key, state)?));
            updated.map_err(|error| all.reason(self.link.place(), error))
        })
    }

    /// The sender has settled it and waits for no answer: settling it does nothing.
    pub const fn is_settled(&self) -> bool {
        self.settled
    }

    /// What the sender calls it, unique among what it has not settled on the link.
    pub const fn tag(&self) -> &DeliveryTag {
        &self.tag
    }

    /// The message's format (§2.8.11), 0 for the format of part 3.
    pub const fn message_format(&self) -> u32 {
        self.message_format
    }

    /// The sender's state of it, as of when it was received.
    pub const fn remote_state(&self) -> Option<&DeliveryState> {
        self.state.as_ref()
    }

    fn tell(&self, outcome: DeliveryState) -> Result<bool, Error> {
        self.link.connection().shared().with(|state| state.settle(&self.link, self.key, outcome))
    }
}

impl State {
    /// Settles a delivery; true where the sender has still to settle it (§2.6.12, rcv-settle-mode second).
    fn settle(
        &mut self,
        link: &ReceiverLink,
        key: ReceivedKey,
        outcome: DeliveryState,
    ) -> Result<bool, Error> {
        let told = self.engine.receiver(link.id()).map_err(Error::from).and_then(|mut receiver| {
            receiver.settle(key, outcome)?;
            Ok(receiver.awaits_sender(key))
        });
        let waits = told.map_err(|error| self.reason(link.place(), error))?;
        if waits && let Some(record) = self.receivers.get_mut(link.key()) {
            record.unsettled.insert(key);
        }
        Ok(waits)
    }
}

fn rejected(error: Option<Condition>) -> DeliveryState {
    DeliveryState::Rejected(Rejected { error: error.map(Into::into) })
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("tag", &self.tag)
            .field("settled", &self.is_settled())
            .finish_non_exhaustive()
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some(outcome) = self.if_dropped.take() {
            // A link that is over has told the sender already.
            _ = self.tell(outcome);
        }
    }
}

/// Waits until both sides have settled a delivery. The outcome is recorded already: it may be dropped.
///
/// With rcv-settle-mode first that is at once; with second it is when the sender has settled as well.
pub struct Settling(Result<Option<(Progress, ReceivedKey)>, Error>);

impl Future for Settling {
    /// An error where the outcome could not be told.
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (progress, key) = match &mut self.0 {
            Ok(Some(waiting)) => (&mut waiting.0, &waiting.1),
            Ok(None) => return Poll::Ready(Ok(())),
            Err(error) => return Poll::Ready(Err(error.clone())),
        };
        progress.poll(cx, |state, link| match state.receivers.get_mut(link.key()) {
            Some(record) if record.unsettled.contains(key) => match record.status.error() {
                Some(error) => Poll::Ready(Err(error.clone())),
                None => Poll::Pending,
            },
            _ => Poll::Ready(Ok(())),
        })
    }
}

impl fmt::Debug for Settling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Settling").field(&self.0.as_ref().map(Option::is_some)).finish()
    }
}
