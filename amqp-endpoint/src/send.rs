//! The operations of a sender: getting a message accepted, and waiting for its outcome.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use amqp_core::codec::SenderSettleMode;
use amqp_core::{DeliveryKey, Outgoing, SendError, SendErrorReason};

use crate::endpoint::Endpoint;
use crate::outcome::{Outcome, Unsent, UnsentReason};
use crate::sender::Sender;
use crate::sends::{Deliver, Interest};
use crate::state::State;
use crate::waiters::Ticket;

/// A message on its way to being accepted: the first stage of every way to send.
pub(crate) struct Accepting {
    sender: Sender,
    offer: Offer,
}

/// The message, and its place among those that wait.
struct Offer {
    message: Option<Outgoing>,
    /// More of it follows.
    in_parts: bool,
    ticket: Option<Ticket>,
}

/// Where an accepted message is found: its key for the endpoint, and the engine's.
type Accepted = (usize, DeliveryKey);

impl Accepting {
    pub(crate) const fn new(sender: Sender, message: Outgoing) -> Self {
        Self { sender, offer: Offer { message: Some(message), in_parts: false, ticket: None } }
    }

    /// A message whose end is not here yet.
    pub(crate) const fn in_parts(sender: Sender, message: Outgoing) -> Self {
        Self { sender, offer: Offer { message: Some(message), in_parts: true, ticket: None } }
    }

    /// Has the message accepted now, or gives it back.
    pub(crate) fn accept_now(&mut self, interest: impl FnMut() -> Interest) -> Result<Accepted, Unsent> {
        let Self { sender, offer } = self;
        let shared = sender.connection().shared();
        match shared.with(|state| offer.attempt(sender, state, &mut None, interest)) {
            Poll::Ready(answer) => answer,
            Poll::Pending => {
                let message = offer.message.take().map(Box::new).unwrap_or_default();
                Err(Unsent { reason: UnsentReason::Blocked, message })
            }
        }
    }

    pub(crate) const fn sender(&self) -> &Sender {
        &self.sender
    }

    pub(crate) fn poll(
        &mut self,
        cx: &Context<'_>,
        mut interest: impl FnMut() -> Interest,
    ) -> Poll<Result<Accepted, Unsent>> {
        let Self { sender, offer } = self;
        let shared = sender.connection().shared();
        shared.poll(cx, |state, waker| offer.attempt(sender, state, waker, &mut interest))
    }
}

impl Offer {
    #[inline]
    fn attempt(
        &mut self,
        sender: &Sender,
        state: &mut State,
        waker: &mut Option<Waker>,
        mut interest: impl FnMut() -> Interest,
    ) -> Poll<Result<Accepted, Unsent>> {
        let Some(message) = self.message.take() else { return Poll::Pending };
        let (key, id) = (sender.key(), sender.id());
        let mut settled = message.settled == Some(true);
        let admitted = state.senders.get(key).is_none_or(|record| record.waiters.admits(self.ticket));
        let answer = match state.engine.sender(id) {
            Err(_) => Err(SendError { reason: SendErrorReason::Gone, message: Box::new(message) }),
            Ok(mut sender) if admitted => {
                settled |= sender.snd_settle_mode() == SenderSettleMode::Settled;
                if self.in_parts { sender.start(message) } else { sender.send(message) }
            }
            Ok(_) => Err(SendError { reason: SendErrorReason::Blocked, message: Box::new(message) }),
        };
        let answer = match answer {
            Ok(delivery) => Ok((state.sends.insert(delivery, settled, interest()), delivery)),
            Err(error) => match state.unsent(key, error) {
                Ok(unsent) => Err(unsent),
                Err(message) => {
                    self.message = Some(*message);
                    if let Some(record) = state.senders.get_mut(key) {
                        record.waiters.wait(&mut self.ticket, waker, &mut state.after);
                    }
                    return Poll::Pending;
                }
            },
        };
        state.leave_turn(sender, &mut self.ticket);
        Poll::Ready(answer)
    }
}

impl Drop for Accepting {
    fn drop(&mut self) {
        let Self { sender, offer } = self;
        if offer.ticket.is_some() {
            sender.connection().shared().with(|state| state.leave_turn(sender, &mut offer.ticket));
        }
    }
}

/// Waits until a message is accepted for sending, see [`Sender::submit`].
#[must_use = "nothing is sent unless it is awaited"]
pub struct Submit(pub(crate) Accepting);

impl Future for Submit {
    type Output = Result<Submitted, Unsent>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let accepted = self.0.poll(cx, || Interest::Submitted(None));
        accepted
            .map(|answer| answer.map(|(key, delivery)| Submitted::new(self.0.sender.clone(), key, delivery)))
    }
}

/// Waits for the outcome of a message that was accepted for sending. Dropped, it gives up only the waiting.
#[must_use = "the outcome says whether the message was accepted"]
pub struct Submitted {
    sender: Sender,
    key: usize,
    delivery: DeliveryKey,
    taken: bool,
}

impl Submitted {
    pub(crate) const fn new(sender: Sender, key: usize, delivery: DeliveryKey) -> Self {
        Self { sender, key, delivery, taken: false }
    }

    /// What the engine calls the delivery: for [`Sender::settle`].
    pub const fn delivery(&self) -> DeliveryKey {
        self.delivery
    }

    pub(crate) const fn sender(&self) -> &Sender {
        &self.sender
    }

    /// The message was taken back: there will be no outcome.
    pub(crate) fn forgotten(mut self) {
        self.taken = true;
        self.sender.with(|state, _, _| state.sends.withdraw(self.key, &mut state.after));
    }

    /// Takes the message back where nothing of it was written.
    fn withdraw(&mut self) {
        let connection = self.sender.connection().clone();
        connection.shared().with(|state| {
            let withdrawn =
                state.engine.sender(self.sender.id()).ok().and_then(|mut it| it.withdraw(self.delivery));
            if let Some(message) = withdrawn {
                state.sends.withdraw(self.key, &mut state.after);
                state.after.bury(message);
                self.taken = true;
            }
        });
    }
}

impl Future for Submitted {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        if self.taken {
            // Its key may be another message's by now.
            return Poll::Ready(Outcome::Unknown(None));
        }
        let (key, shared) = (self.key, self.sender.connection().shared());
        let outcome = shared.poll(cx, |state, waker| state.sends.poll(key, waker, &mut state.after));
        outcome.map(|outcome| {
            self.taken = true;
            // It is only asked again after it was taken by misuse of the future.
            outcome.unwrap_or(Outcome::Unknown(None))
        })
    }
}

impl Drop for Submitted {
    fn drop(&mut self) {
        if !self.taken {
            self.sender.connection().shared().with(|state| state.sends.forget(self.key, &mut state.after));
        }
    }
}

/// Sends a message and waits for its outcome, see [`Sender::send`].
#[must_use = "nothing is sent unless it is awaited"]
pub struct Sending {
    stage: Stage,
}

enum Stage {
    Accepting(Submit),
    Accepted(Submitted),
}

impl Sending {
    pub(crate) const fn new(sender: Sender, message: Outgoing) -> Self {
        Self { stage: Stage::Accepting(Submit(Accepting::new(sender, message))) }
    }
}

impl Future for Sending {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        if let Stage::Accepting(submit) = &mut self.stage {
            match Pin::new(submit).poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(unsent)) => return Poll::Ready(Outcome::Unsent(unsent)),
                Poll::Ready(Ok(submitted)) => self.stage = Stage::Accepted(submitted),
            }
        }
        match &mut self.stage {
            Stage::Accepted(submitted) => Pin::new(submitted).poll(cx),
            Stage::Accepting(_) => Poll::Pending,
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if let Stage::Accepted(submitted) = &mut self.stage
            && !submitted.taken
        {
            submitted.withdraw();
        }
    }
}

/// Sends a message without waiting for its outcome, see [`Sender::send_forget`] and [`Sender::send_async`].
#[must_use = "nothing is sent unless it is awaited"]
pub struct SendForget {
    accepting: Accepting,
    queue: Option<Box<dyn Deliver>>,
}

impl SendForget {
    pub(crate) const fn new(sender: Sender, message: Outgoing, queue: Option<Box<dyn Deliver>>) -> Self {
        Self { accepting: Accepting::new(sender, message), queue }
    }
}

impl Future for SendForget {
    type Output = Result<(), Unsent>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { accepting, queue } = &mut *self;
        let accepted = accepting.poll(cx, || queue.take().map_or(Interest::None, Interest::Queue));
        accepted.map(|answer| answer.map(|_| ()))
    }
}
