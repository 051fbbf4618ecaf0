//! The operations of a receiver.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use amqp_core::codec::{DecodeError, LazyMessage, Payload};

use crate::delivery::Delivery;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::receiver::Receiver;
use crate::state::State;
use crate::stream::ReceivedStream;
use crate::waiters::Ticket;

/// A message, and what answers it. They can go different ways.
#[derive(Debug)]
pub struct Received {
    /// The message, whose sections are decoded when they are asked for.
    pub message: LazyMessage,
    /// What settles it.
    pub delivery: Delivery,
}

impl Received {
    fn read(delivery: amqp_core::Delivery, receiver: &Receiver) -> Result<Self, ReceiveError> {
        let (payload, message_format) = (delivery.payload.clone(), delivery.message_format);
        Self::parse(payload, message_format, Delivery::new(receiver.link().clone(), delivery))
    }

    pub(crate) fn parse(
        payload: Payload,
        message_format: u32,
        delivery: Delivery,
    ) -> Result<Self, ReceiveError> {
        let error = match LazyMessage::parse(payload.clone()) {
            Ok(message) if message_format == 0 => return Ok(Self { message, delivery }),
            Err(error) if message_format == 0 => Some(error),
            _ => None,
        };
        let delivery = match error {
            Some(error) => delivery.rejected_if_dropped(error),
            None => delivery,
        };
        Err(ReceiveError::Unreadable(Box::new(Unreadable { message_format, error, payload, delivery })))
    }
}

/// Why there is no message.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The link is over, and all that had arrived was taken.
    Closed(Error),
    /// What arrived is no message that can be read here. The link goes on.
    Unreadable(Box<Unreadable>),
}

/// A delivery that is no message, or one of a format of its own.
#[derive(Debug)]
pub struct Unreadable {
    /// The message-format of its transfer (§2.8.11): 0 says that it should have been a message of part 3.
    pub message_format: u32,
    /// What is wrong with it; `None` where its format is another.
    pub error: Option<DecodeError>,
    /// Its octets.
    pub payload: Payload,
    /// What settles it. Dropped, a malformed one is rejected with `amqp:decode-error`.
    pub delivery: Delivery,
}

impl ReceiveError {
    /// Why the link is over, where it is.
    pub const fn closed(&self) -> Option<&Error> {
        match self {
            Self::Closed(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for ReceiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(error) => error.fmt(f),
            Self::Unreadable(unreadable) => unreadable.fmt(f),
        }
    }
}

impl std::error::Error for ReceiveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Closed(error) => Some(error),
            Self::Unreadable(unreadable) => unreadable.source(),
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.error {
            Some(error) => write!(f, "malformed message: {error}"),
            None => write!(f, "message of format {:#x}", self.message_format),
        }
    }
}

impl std::error::Error for Unreadable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.as_ref().map(|error| error as &(dyn std::error::Error + 'static))
    }
}

/// Somebody who wants a message: what every way to receive begins with.
pub(crate) struct Taking {
    receiver: Receiver,
    /// What has not arrived to its end is not taken.
    whole: bool,
    ticket: Option<Ticket>,
}

impl Taking {
    pub(crate) const fn new(receiver: Receiver) -> Self {
        Self { receiver, whole: false, ticket: None }
    }

    /// Takes a whole message that is there.
    pub(crate) fn take_now(&mut self) -> Result<Option<Received>, ReceiveError> {
        self.whole = true;
        let connection = self.receiver.connection().clone();
        let taken = connection.shared().with(|state| {
            let taken = self.attempt(state, &mut None);
            if taken.is_pending() {
                self.demand(state, 1);
            }
            taken
        });
        match taken {
            Poll::Ready(delivery) => Received::read(delivery?, &self.receiver).map(Some),
            Poll::Pending => Ok(None),
        }
    }

    pub(crate) const fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<amqp_core::Delivery, ReceiveError>> {
        let connection = self.receiver.connection().clone();
        connection.shared().poll(cx, |state, waker| self.attempt(state, waker))
    }

    fn attempt(
        &mut self,
        state: &mut State,
        waker: &mut Option<Waker>,
    ) -> Poll<Result<amqp_core::Delivery, ReceiveError>> {
        let (key, id) = (self.receiver.key(), self.receiver.id());
        let Some(record) = state.receivers.get_mut(key) else { return Poll::Pending };
        let delivery = match state.engine.receiver(id) {
            Ok(mut receiver) => {
                let ready = || if self.whole { receiver.waiting_whole() } else { receiver.waiting() };
                let admitted = record.waiters.admits(self.ticket) && ready() > 0;
                if admitted { receiver.next_delivery() } else { None }
            }
            Err(_) => None,
        };
        let taken = match (delivery, record.status.error()) {
            (Some(delivery), _) => Ok(delivery),
            (None, Some(error)) => Err(ReceiveError::Closed(error.clone())),
            (None, None) => {
                if waker.is_some() {
                    record.waiters.wait(&mut self.ticket, waker, &mut state.after);
                    // Behind others there may be messages for all of them.
                    let ready = state.engine.receiver(id).map_or(0, |receiver| receiver.waiting());
                    record.waiters.wake(ready, &mut state.after);
                    self.demand(state, 0);
                }
                return Poll::Pending;
            }
        };
        self.leave(state);
        Poll::Ready(taken)
    }

    /// Done with waiting: what else has arrived is for the next.
    fn leave(&mut self, state: &mut State) {
        let Some(record) = state.receivers.get_mut(self.receiver.key()) else { return };
        if self.ticket.is_none() {
            return;
        }
        record.waiters.leave(&mut self.ticket, &mut state.after);
        if record.waiters.len() > 0 {
            let ready = state.engine.receiver(self.receiver.id()).map_or(0, |receiver| receiver.waiting());
            record.waiters.wake(ready, &mut state.after);
        }
    }

    /// A link that grants credit for those that wait is told how many they are.
    fn demand(&self, state: &mut State, at_least: usize) {
        let waiting = state.receivers.get(self.receiver.key()).map_or(0, |record| record.waiters.len());
        let demand = u32::try_from(waiting.max(at_least)).unwrap_or(u32::MAX);
        if let Ok(mut receiver) = state.engine.receiver(self.receiver.id()) {
            receiver.demand(demand);
        }
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        if self.ticket.is_some() {
            let connection = self.receiver.connection().clone();
            connection.shared().with(|state| {
                self.leave(state);
                self.demand(state, 0);
            });
        }
    }
}

/// Waits for a message, see [`Receiver::receive`].
#[must_use = "nothing is received unless it is awaited"]
pub struct Receive {
    taking: Taking,
    /// A message whose end has not arrived, and what was read of it.
    partial: Option<(ReceivedStream, Payload)>,
}

impl Receive {
    pub(crate) const fn new(receiver: Receiver) -> Self {
        Self { taking: Taking::new(receiver), partial: None }
    }
}

impl Future for Receive {
    type Output = Result<Received, ReceiveError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { taking, partial } = &mut *self;
        loop {
            if let Some((stream, payload)) = partial {
                match ready!(stream.poll_next(cx)) {
                    Ok(Some(part)) => part.chunks().for_each(|piece| payload.push(piece.clone())),
                    Ok(None) => {
                        let whole = partial.take().map(|(stream, payload)| stream.into_received(payload));
                        return whole.map_or(Poll::Pending, Poll::Ready);
                    }
                    // Aborted, or the link is over: what is next says so.
                    Err(_) => *partial = None,
                }
                continue;
            }
            let delivery = ready!(taking.poll(cx))?;
            if delivery.complete {
                return Poll::Ready(Received::read(delivery, &taking.receiver));
            }
            *partial = Some((ReceivedStream::new(&taking.receiver, delivery), Payload::new()));
        }
    }
}

/// Waits for messages, see [`Receiver::receive_batch`].
#[must_use = "nothing is received unless it is awaited"]
pub struct ReceiveBatch {
    receive: Receive,
    most: usize,
}

impl ReceiveBatch {
    pub(crate) const fn new(receiver: Receiver, most: usize) -> Self {
        Self { receive: Receive::new(receiver), most }
    }
}

impl Future for ReceiveBatch {
    type Output = Result<Vec<Result<Received, Box<Unreadable>>>, ReceiveError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let most = self.most;
        let first = match ready!(Pin::new(&mut self.receive).poll(cx)) {
            Ok(first) => Ok(first),
            Err(ReceiveError::Unreadable(first)) => Err(first),
            Err(closed) => return Poll::Ready(Err(closed)),
        };
        let receiver = &self.receive.taking.receiver;
        let more = receiver.connection().shared().with(|state| {
            let mut more = Vec::new();
            let behind = state.receivers.get(receiver.key()).map_or(0, |record| record.waiters.len());
            while more.len().saturating_add(1) < most
                && let Ok(mut view) = state.engine.receiver(receiver.id())
                && view.waiting_whole() > behind
            {
                more.extend(view.next_delivery());
            }
            more
        });
        let more = more.into_iter().map(|delivery| match Received::read(delivery, receiver) {
            Err(ReceiveError::Unreadable(unreadable)) => Some(Err(unreadable)),
            received => received.ok().map(Ok),
        });
        Poll::Ready(Ok(std::iter::once(first).chain(more.flatten()).collect()))
    }
}
