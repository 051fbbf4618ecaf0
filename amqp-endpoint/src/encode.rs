//! Messages become octets here, on the caller's thread and outside the lock.

use std::cell::RefCell;

use amqp_core::Outgoing;
use amqp_core::codec::{LazyMessage, Message, Payload};
use bytes::{Bytes, BytesMut};

/// Room that many small messages share.
const SCRATCH: usize = 16 * 1024;

thread_local! {
    static BUFFER: RefCell<BytesMut> = RefCell::new(BytesMut::new());
}

/// What can be sent.
pub trait IntoOutgoing {
    /// Encodes it.
    fn into_outgoing(self) -> Outgoing;
}

impl IntoOutgoing for &Message {
    fn into_outgoing(self) -> Outgoing {
        let payload = BUFFER.try_with(|buffer| {
            let mut buffer = buffer.try_borrow_mut().ok()?;
            if buffer.capacity() < SCRATCH / 16 {
                buffer.reserve(SCRATCH);
            }
            Some(self.to_payload_in(&mut buffer))
        });
        // The thread is ending.
        let payload = payload.ok().flatten().unwrap_or_else(|| self.to_payload());
        Outgoing { message_format: self.message_format, ..payload.into() }
    }
}

impl IntoOutgoing for Message {
    fn into_outgoing(self) -> Outgoing {
        (&self).into_outgoing()
    }
}

/// A message that was received, sent on as it is.
impl IntoOutgoing for &LazyMessage {
    fn into_outgoing(self) -> Outgoing {
        self.payload().into()
    }
}

impl IntoOutgoing for LazyMessage {
    fn into_outgoing(self) -> Outgoing {
        self.payload().into()
    }
}

/// A message that is encoded already.
impl IntoOutgoing for Payload {
    fn into_outgoing(self) -> Outgoing {
        self.into()
    }
}

/// A message that is encoded already. An owner that it was made from (`Bytes::from_owner`) may be dropped while the
/// connection is locked: its `drop` must not use the connection.
impl IntoOutgoing for Bytes {
    fn into_outgoing(self) -> Outgoing {
        self.into()
    }
}

/// A message that is encoded already, with what its transfer says.
impl IntoOutgoing for Outgoing {
    fn into_outgoing(self) -> Outgoing {
        self
    }
}
