//! What all scenarios say.

use std::pin::pin;
use std::task::{Context, Waker};

use crate::adapter::codec::{Error as Condition, ErrorCondition};
use crate::adapter::{Error, LazyMessage, Message, Value};

/// What the peer opens next, of a kind; connections and sessions before it are accepted.
macro_rules! incoming {
    ($connection:expr, $kind:ident) => {
        loop {
            match wait!($connection.incoming()) {
                Some($crate::adapter::Incoming::$kind(it)) => break it,
                Some(
                    other
                    @ ($crate::adapter::Incoming::Connection(_) | $crate::adapter::Incoming::Session(_)),
                ) => other.accept(),
                other => panic!("{other:?}"),
            }
        }
    };
}

/// A sender of one end and the receiver of the other, with these options.
macro_rules! link {
    ($from:expr, $to:expr, $receiver:expr) => {{
        let sender = $from.sender($crate::adapter::SenderOptions::new("link")).expect("attached");
        let receiver = incoming!($to, Receiver).accept_with($receiver);
        wait!(sender.sync()).expect("open");
        (sender, receiver)
    }};
}

pub(crate) fn message(text: &str) -> Message {
    Message::value(text)
}

/// The string that is a message's body.
pub(crate) fn text(message: &LazyMessage) -> String {
    let body = message.body().expect("readable");
    match body.as_value() {
        Some(Value::String(text)) => text.to_string(),
        other => panic!("{other:?}"),
    }
}

/// True where an operation that is asked once has no answer yet.
pub(crate) fn is_pending<F: Future + Unpin>(operation: &mut F) -> bool {
    pin!(operation).poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

/// The error that scenarios close with.
pub(crate) fn closed() -> Condition {
    Condition::new(ErrorCondition::RESOURCE_DELETED, "electron")
}

/// Whether it ended with [`closed`].
pub(crate) fn is_closed(error: &Error) -> bool {
    error.error().is_some_and(|error| *error == closed())
}
