//! Looking on: every header and frame of a connection, in both directions, as it is decoded or written.

use core::fmt::Display;
use core::panic::{RefUnwindSafe, UnwindSafe};

use amqp_codec::ProtocolHeader;

/// Which way octets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the peer.
    In,
    /// To the peer.
    Out,
}

/// An observer of frames, see [`crate::Connection::set_trace`]. It cannot influence the connection.
pub trait Trace: Send + Sync + UnwindSafe + RefUnwindSafe {
    /// A protocol header.
    fn header(&mut self, direction: Direction, header: ProtocolHeader);

    /// A SASL frame. `frame` shows no passwords in full only if the mechanism sends none: handle it with care.
    fn sasl(&mut self, direction: Direction, frame: &dyn Display);

    /// An AMQP frame: its performative in the form of proton's trace, and the octets of payload behind it.
    fn frame(&mut self, direction: Direction, channel: u16, performative: &dyn Display, payload: usize);
}
