//! Frames in the log: `trace` level of the target `amqp::frame`.

use std::fmt::Display;

use amqp_core::codec::ProtocolHeader;
use amqp_core::{Direction, Trace};

use crate::connection::Connection;

const TARGET: &str = "amqp::frame";

/// Shows a connection's frames in the log, where the log wants them now.
pub(crate) fn log_frames(connection: &Connection) {
    if log::log_enabled!(target: TARGET, log::Level::Trace) {
        connection.set_trace(Some(Box::new(Log { container: connection.container().id().to_owned() })));
    }
}

struct Log {
    container: String,
}

impl Log {
    fn line(&self, direction: Direction, what: &dyn Display) {
        let arrow = match direction {
            Direction::In => "<-",
            Direction::Out => "->",
        };
        log::trace!(target: TARGET, "[{}]: {arrow} {what}", self.container);
    }
}

impl Trace for Log {
    fn header(&mut self, direction: Direction, header: ProtocolHeader) {
        self.line(direction, &format_args!("{header:?}"));
    }

    fn sasl(&mut self, direction: Direction, frame: &dyn Display) {
        self.line(direction, &format_args!("SASL {frame}"));
    }

    fn frame(&mut self, direction: Direction, channel: u16, performative: &dyn Display, payload: usize) {
        self.line(direction, &format_args!("{channel} {performative} ({payload})"));
    }
}
