//! The operations of a receiver.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use amqp_core::codec::{DecodeError, LazyMessage, Malformed, Payload};

use crate::delivery::Delivery;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::receiver::Receiver;
use crate::stream::ReceivedStream;
use crate::taking::Taking;

/// A message, and what answers it. They can go different ways.
#[derive(Debug)]
pub struct Received {
    /// The message, whose sections are decoded when they are asked for.
    pub message: LazyMessage,
    /// What settles it.
    pub delivery: Delivery,
}

impl Received {
    #[inline]
    pub(crate) fn read(delivery: amqp_core::Delivery, receiver: &Receiver) -> Result<Self, ReceiveError> {
        let (payload, delivery) = Delivery::new(receiver.link().clone(), delivery);
        Self::parse(payload, delivery)
    }

    #[inline]
    pub(crate) fn parse(payload: Payload, delivery: Delivery) -> Result<Self, ReceiveError> {
        if delivery.message_format() != 0 {
            return Err(ReceiveError::unreadable(None, payload, delivery));
        }
        match LazyMessage::try_from(payload) {
            Ok(message) => Ok(Self { message, delivery }),
            Err(Malformed { error, payload }) => {
                let delivery = delivery.rejected_if_dropped(error);
                Err(ReceiveError::unreadable(Some(error), payload, delivery))
            }
        }
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
    #[cold]
    fn unreadable(error: Option<DecodeError>, payload: Payload, delivery: Delivery) -> Self {
        let message_format = delivery.message_format();
        Self::Unreadable(Box::new(Unreadable { message_format, error, payload, delivery }))
    }

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
            let delivery = ready!(taking.poll(cx)).map_err(ReceiveError::Closed)?;
            if delivery.complete {
                return Poll::Ready(Received::read(delivery, taking.receiver()));
            }
            *partial = Some((ReceivedStream::new(taking.receiver(), delivery), Payload::new()));
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
        let receiver = self.receive.taking.receiver();
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
