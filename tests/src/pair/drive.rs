//! How octets and time get from one engine to the other.

use std::time::Duration;

use amqp_core::{Cause, Instant, Violation};

use super::{Door, Pair};
use crate::oracle::Side;

/// More turns than this without coming to rest is a livelock.
const TURNS: usize = 100_000;

impl Pair {
    /// Carries octets to and fro until both engines have nothing more to say, tells an engine when its peer has shut
    /// down, and asks the oracle whether anybody owes an answer.
    #[track_caller]
    pub fn drive(&mut self) {
        for _ in 0..TURNS {
            let mut moved = self.flush(Side::Client) > 0;
            moved |= self.flush(Side::Server) > 0;
            moved |= self.deliver(Side::Client);
            moved |= self.deliver(Side::Server);
            if !moved {
                if !self.client.wants_shutdown() && !self.server.wants_shutdown() || self.closed_properly() {
                    self.oracle.quiet();
                }
                return;
            }
        }
        unreachable!("no rest after {TURNS} turns:\n{}", self.oracle.trace());
    }

    /// Puts what `side` has to say on its way; returns how many octets that are.
    pub fn flush(&mut self, side: Side) -> usize {
        let (now, mut flushed) = (self.now, 0);
        while let Some(octets) = self.side(side).poll_output(now) {
            flushed += octets.len();
            self.oracle.sent(side, &octets);
            self.half(side).written.push(&octets);
            self.half(side.other()).flight.extend_from_slice(&octets);
        }
        flushed
    }

    /// Gives `side` what is on its way to it, as far as it wants to read, and tells it when that was the last. True
    /// when it was given or told anything.
    pub fn deliver(&mut self, side: Side) -> bool {
        let mut moved = false;
        while !self.half(side).flight.is_empty() && !self.side(side).wants_shutdown() {
            if !self.side(side).wants_read() {
                return moved;
            }
            moved = true;
            let available = self.half(side).flight.len();
            let piece = self.chop.next(available);
            self.give(side, piece);
        }
        let over = self.side(side.other()).is_finished();
        if over && !std::mem::replace(&mut self.half(side).ended, true) {
            self.half(side).flight.clear();
            self.end_input(side);
            moved = true;
        }
        moved
    }

    /// Tells `side` that its peer sends no more.
    pub fn end_input(&mut self, side: Side) {
        let now = self.now;
        _ = self.side(side).handle_eof(now);
        self.collect(side);
    }

    /// Lets time pass: every deadline of either engine is met at its time, and what follows from it is carried over.
    #[track_caller]
    pub fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.drive();
        for _ in 0..TURNS {
            let deadlines = [self.client.poll_timeout(), self.server.poll_timeout()];
            let Some(due) = deadlines.into_iter().flatten().min().filter(|due| *due <= end) else {
                self.set_time(end);
                return;
            };
            self.set_time(due.max(self.now));
            let now = self.now;
            for side in [Side::Client, Side::Server] {
                if self.side(side).poll_timeout().is_some_and(|at| at <= now) {
                    _ = self.side(side).handle_timeout(now);
                    self.collect(side);
                }
            }
            self.drive();
        }
        unreachable!("deadlines without end:\n{}", self.oracle.trace());
    }

    /// Both engines have ended by exchanging closes.
    fn closed_properly(&self) -> bool {
        [&self.client, &self.server].iter().all(|engine| {
            engine.close_reason().is_some_and(|reason| match reason.cause() {
                Cause::Local(_) | Cause::Remote(_) => true,
                Cause::Violation(violation) => *violation != Violation::WriteStall,
                _ => false,
            })
        })
    }

    fn give(&mut self, side: Side, piece: usize) {
        let (now, door) = (self.now, self.door);
        let half = self.half(side);
        let piece = half.flight.split_to(piece);
        half.buffer_next = !half.buffer_next;
        // What `handle_input_buf` has left goes on in that door.
        let buffered =
            !half.buffer.is_empty() || door == Door::Buffer || door == Door::Both && half.buffer_next;
        let mut buffer = std::mem::take(&mut half.buffer);
        self.oracle.delivered(side, piece.len());
        if buffered {
            buffer.unsplit(piece);
            _ = self.side(side).handle_input_buf(&mut buffer, now);
        } else {
            _ = self.side(side).handle_input(&piece, now);
        }
        self.half(side).buffer = buffer;
        self.collect(side);
    }

    fn set_time(&mut self, now: Instant) {
        let milliseconds = |at: Instant| at.since_origin().as_millis();
        let passed = milliseconds(now) - milliseconds(self.now);
        self.now = now;
        self.oracle.elapsed(u64::try_from(passed).unwrap_or(u64::MAX));
    }
}
