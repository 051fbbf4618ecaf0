//! What the tests of the defects say.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use amqp_endpoint::codec::{Error as Condition, ErrorCondition};
use amqp_endpoint::{Error, Receiver, ReceiverOptions, Sender, SenderOptions};

use crate::kit::Pair;

/// A link from the client to the server.
#[track_caller]
pub(crate) fn link(pair: &mut Pair, receiver: ReceiverOptions) -> (Sender, Receiver) {
    pair.sender(SenderOptions::new("link"), receiver)
}

/// What an operation yields at once.
#[track_caller]
pub(crate) fn now<F: Future>(operation: F) -> F::Output {
    match crate::kit::poll_once(operation) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

/// True where an operation waits.
pub(crate) fn waits<F: Future + Unpin>(operation: &mut F) -> bool {
    pin!(operation).poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

/// An error that tests close and reject with.
pub(crate) fn wrong() -> Condition {
    Condition::new(ErrorCondition::RESOURCE_DELETED, "electron")
}

/// Whether it ended with [`wrong`].
pub(crate) fn is_wrong(error: &Error) -> bool {
    error.error().is_some_and(|error| *error == wrong())
}
