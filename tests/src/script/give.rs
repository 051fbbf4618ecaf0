//! What the peer of a script does.

use std::time::Duration;

use amqp_core::codec::{EMPTY_FRAME, Encode, Flow, ProtocolHeader, Serial, Transfer, encode_sasl_frame};
use bytes::BytesMut;

use super::{CHANNEL, HANDLE, Script, frame};

/// More deadlines than this in one step are a livelock.
const DEADLINES: usize = 100_000;

impl Script {
    /// The peer says `performative` on [`CHANNEL`].
    pub fn give(&mut self, performative: &impl Encode) {
        self.give_on(CHANNEL, performative);
    }

    /// The peer says `performative` on `channel`.
    pub fn give_on(&mut self, channel: u16, performative: &impl Encode) {
        self.give_with(channel, performative, &[]);
    }

    /// The peer says `performative` on `channel`, with `payload` behind it.
    pub fn give_with(&mut self, channel: u16, performative: &impl Encode, payload: &[u8]) {
        self.give_octets(&frame(channel, performative, payload));
    }

    /// The peer transfers on [`CHANNEL`]; the frame counts in the flows that the kit makes.
    pub fn give_transfer(&mut self, transfer: &Transfer, payload: &[u8]) {
        self.transfers_given = self.transfers_given.wrapping_add(1);
        self.give_with(CHANNEL, transfer, payload);
    }

    /// The peer says a SASL frame.
    pub fn give_sasl(&mut self, sasl: &impl Encode) {
        let mut octets = BytesMut::new();
        encode_sasl_frame(&mut octets, sasl);
        self.give_octets(&octets);
    }

    /// The peer sends a protocol header.
    pub fn give_header(&mut self, header: ProtocolHeader) {
        self.give_octets(&header.to_bytes());
    }

    /// The peer sends an empty frame on channel 0.
    pub fn give_empty_frame(&mut self) {
        self.give_octets(&EMPTY_FRAME);
    }

    /// The peer sends these octets.
    pub fn give_octets(&mut self, octets: &[u8]) {
        self.oracle.sent(self.side.other(), octets);
        self.oracle.delivered(self.side, octets.len());
        _ = self.engine.handle_input(octets, self.now);
        self.collect();
    }

    /// The peer sends no more.
    pub fn give_eof(&mut self) {
        _ = self.engine.handle_eof(self.now);
        self.collect();
    }

    /// The session part of a flow of the peer, as it is after the transfers so far, with a window of 2048.
    #[must_use]
    pub fn flow(&self) -> Flow {
        Flow {
            next_incoming_id: Some(Serial(self.first_seen.wrapping_add(self.transfers_seen))),
            incoming_window: 2048,
            next_outgoing_id: Serial(self.transfers_given),
            outgoing_window: 2048,
            ..Flow::default()
        }
    }

    /// A flow of the peer that grants credit on [`HANDLE`].
    #[must_use]
    pub fn grant(&self, delivery_count: u32, link_credit: u32) -> Flow {
        Flow {
            handle: Some(HANDLE),
            delivery_count: Some(Serial(delivery_count)),
            link_credit: Some(link_credit),
            ..self.flow()
        }
    }

    /// Lets time pass; the engine meets every deadline of its own at its time.
    #[track_caller]
    pub fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.flush();
        for _ in 0..DEADLINES {
            let Some(due) = self.engine.poll_timeout().filter(|due| *due <= end) else {
                self.set_time(end);
                return;
            };
            self.set_time(due.max(self.now));
            _ = self.engine.handle_timeout(self.now);
            self.collect();
            self.flush();
        }
        unreachable!("deadlines without end:\n{}", self.oracle.trace());
    }
}
