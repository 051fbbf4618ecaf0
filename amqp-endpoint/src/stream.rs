//! Large messages in parts: sent before they are complete, read while they arrive.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use amqp_core::codec::Payload;
use amqp_core::{DeliveryKey, StateError};

use crate::delivery::Delivery;
use crate::encode::IntoOutgoing;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::outcome::Unsent;
use crate::progress::Progress;
use crate::receive::{ReceiveError, Received};
use crate::receiver::Receiver;
use crate::send::{Accepting, Submitted};
use crate::sends::Interest;
use crate::state::{Place, State};
use crate::taking::Taking;
use crate::waiters::Ticket;

/// Waits until the beginning of a message is accepted, see [`Sender::start`](crate::Sender::start).
#[must_use = "nothing is sent unless it is awaited"]
pub struct Start(pub(crate) Accepting);

impl Future for Start {
    type Output = Result<Streaming, Unsent>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let accepted = self.0.poll(cx, || Interest::Submitted(None));
        accepted.map(|answer| {
            answer.map(|(key, delivery)| {
                let submitted = Submitted::new(self.0.sender().clone(), key, delivery);
                Streaming { submitted: Some(submitted), delivery }
            })
        })
    }
}

/// A message that is sent in parts. Meanwhile its link carries nothing else. Dropped before it is finished, it is aborted
/// (§2.6.14).
pub struct Streaming {
    submitted: Option<Submitted>,
    delivery: DeliveryKey,
}

impl Streaming {
    /// Adds to the message, once there is room in the output. A message's octets are its sections one after the other, so
    /// `Message::data` of a part adds that part as a data section, of which a message may have many (§3.2.6).
    ///
    /// # Errors
    /// The operation yields why the link is over, or [`StateError::TooLarge`] where the receiver accepts no more.
    pub fn append(&self, part: impl IntoOutgoing) -> Append<'_> {
        Append { streaming: self, part: Some(part.into_outgoing().payload), ticket: None }
    }

    /// Completes the message: what is returned waits for its outcome.
    ///
    /// # Errors
    /// Where the link is over.
    pub fn finish(mut self) -> Result<Submitted, Error> {
        let Some(submitted) = self.submitted.take() else { return Err(StateError::NotAsked.into()) };
        let delivery = self.delivery;
        submitted.sender().with(|state, key, id| {
            let finished =
                state.engine.sender(id).map_err(Error::from).and_then(|mut it| Ok(it.finish(delivery)?));
            state.next_message(key, id);
            finished.map_err(|error| state.reason(Place::Sender(key, id), error))
        })?;
        Ok(submitted)
    }

    /// Takes the message back; the receiver drops what it has of it.
    pub fn abort(self) {
        drop(self);
    }
}

impl fmt::Debug for Streaming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streaming").field("delivery", &self.delivery).finish_non_exhaustive()
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        let Some(submitted) = self.submitted.take() else { return };
        let delivery = self.delivery;
        submitted.sender().with(|state, key, id| {
            // Where its link is over, it is over.
            _ = state.engine.sender(id).map(|mut sender| sender.abort(delivery));
            state.next_message(key, id);
        });
        submitted.forgotten();
    }
}

/// Waits for room in the output, see [`Streaming::append`].
#[must_use = "nothing is added unless it is awaited"]
pub struct Append<'a> {
    streaming: &'a Streaming,
    part: Option<Payload>,
    ticket: Option<Ticket>,
}

impl Future for Append<'_> {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { streaming, part, ticket } = &mut *self;
        let Some(submitted) = &streaming.submitted else { return Poll::Pending };
        let (sender, delivery) = (submitted.sender(), streaming.delivery);
        let (key, id) = (sender.key(), sender.id());
        sender.connection().shared().poll(cx, |state, waker| {
            let over = state.senders.get(key).is_none_or(|record| record.status.error().is_some());
            if !over && !state.has_room() {
                state.room.wait(ticket, waker, &mut state.after);
                return Poll::Pending;
            }
            state.room.leave(ticket, &mut state.after);
            let part = part.take().unwrap_or_default();
            let added = state
                .engine
                .sender(id)
                .map_err(Error::from)
                .and_then(|mut it| Ok(it.append(delivery, part)?));
            Poll::Ready(added.map_err(|error| state.reason(Place::Sender(key, id), error)))
        })
    }
}

impl Drop for Append<'_> {
    fn drop(&mut self) {
        let Self { streaming, ticket, .. } = self;
        if let (true, Some(submitted)) = (ticket.is_some(), &streaming.submitted) {
            submitted.sender().with(|state, _, _| state.room.leave(ticket, &mut state.after));
        }
    }
}

impl State {
    /// Whether more of a message may be taken.
    fn has_room(&self) -> bool {
        self.engine.buffered_output() < self.engine.options().limits.buffered_output
    }

    /// Output was taken, or the connection is over: whoever waits for room goes on.
    pub(crate) fn offer_room(&mut self) {
        let Self { room, after, engine, connection, .. } = self;
        // What waits for a window may never be taken: it leaves the rest to others.
        let (buffered, most) = (engine.buffered_output(), engine.options().limits.buffered_output);
        let low = buffered <= most / 2 || (buffered < most && !engine.wants_write());
        if room.len() > 0 && (low || connection.error().is_some()) {
            room.wake_all(after);
        }
    }

    /// A message in parts is complete or gone: the link can take the next.
    fn next_message(&mut self, key: usize, id: amqp_core::SenderId) {
        let credit = self.engine.sender(id).map_or(0, |mut sender| sender.credit());
        if let Some(record) = self.senders.get_mut(key) {
            record.waiters.wake(credit as usize, &mut self.after);
        }
    }
}

/// A message that is read while it arrives, see [`Receiver::receive_stream`].
pub struct ReceivedStream {
    /// What settles it, at any time.
    pub delivery: Delivery,
    progress: Progress,
    first: Option<Payload>,
    complete: bool,
}

impl ReceivedStream {
    pub(crate) fn new(receiver: &Receiver, delivery: amqp_core::Delivery) -> Self {
        let complete = delivery.complete;
        let (first, delivery) = Delivery::new(receiver.link().clone(), delivery);
        Self { delivery, progress: Progress::new(receiver.link().clone()), first: Some(first), complete }
    }

    /// All of it was read: the message.
    pub(crate) fn into_received(self, payload: Payload) -> Result<Received, ReceiveError> {
        Received::parse(payload, self.delivery)
    }

    /// Waits for octets of the message that were not read yet; `None` when it has been read to its end.
    ///
    /// # Errors
    /// The operation yields why the rest will not come: the sender aborted the message ([`Error::State`]), or the link is
    /// over.
    pub fn next_part(&mut self) -> NextPart<'_> {
        NextPart(self)
    }

    pub(crate) fn poll_next(&mut self, cx: &Context<'_>) -> Poll<Result<Option<Payload>, Error>> {
        if let Some(first) = self.first.take().filter(|first| !first.is_empty()) {
            return Poll::Ready(Ok(Some(first)));
        }
        if self.complete {
            return Poll::Ready(Ok(None));
        }
        let key = self.delivery.key();
        let (payload, complete) = ready!(self.progress.poll(cx, |state, link| {
            match state.engine.receiver(link.id()).and_then(|mut receiver| receiver.read(key)) {
                Ok((payload, false)) if payload.is_empty() => Poll::Pending,
                read => Poll::Ready(read.map_err(|gone| state.reason(link.place(), gone.into()))),
            }
        }))?;
        self.complete = complete;
        Poll::Ready(Ok(Some(payload).filter(|payload| !payload.is_empty())))
    }
}

impl fmt::Debug for ReceivedStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivedStream").field("delivery", &self.delivery).finish_non_exhaustive()
    }
}

/// Waits for more of a message, see [`ReceivedStream::next_part`].
#[must_use = "nothing is read unless it is awaited"]
pub struct NextPart<'a>(&'a mut ReceivedStream);

impl Future for NextPart<'_> {
    type Output = Result<Option<Payload>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_next(cx)
    }
}

/// Waits for the beginning of a message, see [`Receiver::receive_stream`].
#[must_use = "nothing is received unless it is awaited"]
pub struct ReceiveStream(pub(crate) Taking);

impl Future for ReceiveStream {
    type Output = Result<ReceivedStream, ReceiveError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let taken = self.0.poll(cx);
        taken.map(|delivery| {
            Ok(ReceivedStream::new(self.0.receiver(), delivery.map_err(ReceiveError::Closed)?))
        })
    }
}
