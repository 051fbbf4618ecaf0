//! The wire oracle: an independent reader of both octet streams of one AMQP 1.0 connection.
//!
//! It keeps its own idea of every state, window, credit and settlement, and says which rule each frame breaks. With the
//! engine it shares the codec's reader of frames and performatives, and nothing else.
//!
//! A side may act on what it does not know yet: what it sent may cross with what its peer sent. So the oracle keeps one
//! idea of the connection *for each end*. A frame is judged when its sender puts it on the wire ([`Oracle::sent`])
//! against what that sender knew: what it sent before, and what its peer had got through to it by then
//! ([`Oracle::delivered`]). Between the two a frame is in flight, and its receiver knows nothing of it.
//!
//! ```
//! use amqp_codec::{Open, ProtocolHeader, encode_frame};
//! use amqp_tests::oracle::{Oracle, Side};
//! use bytes::BytesMut;
//!
//! let mut octets = BytesMut::from(&ProtocolHeader::AMQP.to_bytes()[..]);
//! encode_frame(&mut octets, 1, &Open { container_id: "c".into(), ..Open::default() }, &[]);
//!
//! let mut oracle = Oracle::new("sender", "broker");
//! oracle.sent(Side::Client, &octets);
//! assert_eq!(oracle.faults().len(), 1, "{}", oracle.trace());
//! assert_eq!(oracle.faults()[0].rule, "TRANSPORT-2.4.1-1");
//! ```

mod connection;
mod credit;
mod delivery;
mod fault;
mod link;
mod links;
mod quiet;
mod sasl;
mod session;
mod sessions;
mod settlement;
mod trace;
mod window;
mod wire;

use std::collections::VecDeque;

use connection::Connection;
use fault::Verdicts;
pub use fault::{Fault, Side};
use trace::{Trace, readable};
use wire::{Unit, Wire};

/// One direction: what was sent, and how much of it has been delivered.
#[derive(Debug, Default)]
struct Direction {
    wire: Wire,
    /// What was sent and not delivered, each with the octet count at which it ends.
    flight: VecDeque<(Unit, u64)>,
    delivered: u64,
}

impl Direction {
    /// The next of what was delivered whole.
    fn arrived(&mut self) -> Option<Unit> {
        let (_, end) = self.flight.front()?;
        if *end > self.delivered {
            return None;
        }
        self.flight.pop_front().map(|(unit, _)| unit)
    }
}

/// The reader of both directions of one connection; see the [module](self).
#[derive(Debug)]
pub struct Oracle {
    directions: [Direction; 2],
    connections: [Connection; 2],
    trace: Trace,
    faults: Vec<Fault>,
    watched: Option<Side>,
}

impl Oracle {
    /// An oracle of a connection on which nothing was sent yet. The names are for the trace.
    #[must_use]
    pub fn new(client_name: &str, server_name: &str) -> Self {
        Self {
            directions: [Direction::default(), Direction::default()],
            connections: [Connection::new(Side::Client), Connection::new(Side::Server)],
            trace: Trace::new(client_name, server_name),
            faults: Vec::new(),
            watched: None,
        }
    }

    /// Judges only `side`: its peer misbehaves on purpose.
    pub fn watch_only(&mut self, side: Side) {
        self.watched = Some(side);
    }

    /// The client sent `octets`, and the server has read them. Returns the faults of these octets.
    pub fn client_to_server(&mut self, octets: &[u8]) -> &[Fault] {
        self.transport(Side::Client, octets)
    }

    /// The server sent `octets`, and the client has read them. Returns the faults of these octets.
    pub fn server_to_client(&mut self, octets: &[u8]) -> &[Fault] {
        self.transport(Side::Server, octets)
    }

    /// `side` put `octets` on the wire: any part of its stream. Returns the faults of the frames that they complete.
    pub fn sent(&mut self, side: Side, octets: &[u8]) -> &[Fault] {
        let known = self.faults.len();
        self.direction(side).wire.push(octets);
        while let Some((unit, end)) = self.direction(side).wire.next() {
            self.trace.sent(side, &unit);
            let mut verdicts = Verdicts::default();
            self.connection(side).sends(&unit, &mut verdicts);
            self.record(side, verdicts, || readable(&unit));
            self.direction(side).flight.push_back((unit, end));
        }
        self.faults.get(known..).unwrap_or_default()
    }

    /// `side` has read the next so many octets of what its peer sent.
    ///
    /// # Panics
    /// When these are more octets than its peer has sent.
    pub fn delivered(&mut self, side: Side, octets: usize) {
        let direction = self.direction(side.other());
        direction.delivered += octets as u64;
        let (delivered, sent) = (direction.delivered, direction.wire.total());
        assert!(delivered <= sent, "{delivered} octets delivered to the {side}, and only {sent} sent to it");
        while let Some(unit) = self.direction(side.other()).arrived() {
            self.connection(side).receives(&unit);
        }
    }

    /// So much time passed, for the rules about idle connections. Returns the faults of the silence.
    pub fn elapsed(&mut self, milliseconds: u64) -> &[Fault] {
        let known = self.faults.len();
        for side in [Side::Client, Side::Server] {
            let mut verdicts = Verdicts::default();
            self.connection(side).elapsed(milliseconds, &mut verdicts);
            self.record(side, verdicts, String::new);
        }
        self.faults.get(known..).unwrap_or_default()
    }

    /// A quiet point: each side has had every chance to speak since it last read, and has nothing to add now. Returns
    /// the faults of a side that still owes an answer to a close, end, detach, drain or echo that it has read, or has
    /// left a frame unfinished.
    pub fn quiet(&mut self) -> &[Fault] {
        let known = self.faults.len();
        for side in [Side::Client, Side::Server] {
            let mut verdicts = Verdicts::default();
            let partial = self.direction(side).wire.partial();
            verdicts.require(partial == 0, "TRANSPORT-2.3-1", || {
                format!("{partial} octets of an unfinished frame")
            });
            quiet::owed(self.connection(side), &mut verdicts);
            self.record(side, verdicts, String::new);
        }
        self.faults.get(known..).unwrap_or_default()
    }

    /// The end of the test: a [quiet](Self::quiet) point, and where the connection was closed without an error and
    /// both sides know it, also that no outcome was left without settlement. Returns the faults of the end.
    pub fn finish(&mut self) -> &[Fault] {
        let known = self.faults.len();
        self.quiet();
        if self.connections.iter().all(Connection::closed_cleanly) {
            for side in [Side::Client, Side::Server] {
                let mut verdicts = Verdicts::default();
                quiet::left_hanging(self.connection(side.other()), &mut verdicts);
                self.record(side, verdicts, String::new);
            }
        }
        self.faults.get(known..).unwrap_or_default()
    }

    /// The deliveries that `side` sent and that, as far as it knows, neither side has settled.
    #[must_use]
    pub fn unsettled(&self, side: Side) -> usize {
        let connection = self.connections.get(side.index());
        connection.map_or(0, |connection| {
            connection.sessions.iter().map(|session| session.outgoing.ledger.unsettled()).sum()
        })
    }

    /// Every fault so far, in the order in which they were seen.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Every frame of both directions in the order in which they were sent, faults in between. Of a long connection the
    /// last few thousand lines.
    #[must_use]
    pub fn trace(&self) -> String {
        self.trace.render()
    }

    /// Nobody broke a rule.
    ///
    /// # Panics
    /// When somebody did: with the faults and the trace.
    #[track_caller]
    pub fn assert_silent(&self) {
        let faults: Vec<String> = self.faults.iter().map(ToString::to_string).collect();
        assert!(faults.is_empty(), "{} faults:\n{}\n\n{}", faults.len(), faults.join("\n"), self.trace());
    }

    fn transport(&mut self, from: Side, octets: &[u8]) -> &[Fault] {
        let known = self.faults.len();
        self.sent(from, octets);
        self.delivered(from.other(), octets.len());
        self.faults.get(known..).unwrap_or_default()
    }

    fn record(&mut self, who: Side, verdicts: Verdicts, frame: impl FnOnce() -> String) {
        if verdicts.is_empty() || self.watched.is_some_and(|watched| watched != who) {
            return;
        }
        let frame = frame();
        for fault in verdicts.into_faults(who, &frame) {
            self.trace.note(format!("{} broke {}: {}", fault.who, fault.rule, fault.detail));
            self.faults.push(fault);
        }
    }

    fn direction(&mut self, side: Side) -> &mut Direction {
        let [client, server] = &mut self.directions;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }

    fn connection(&mut self, side: Side) -> &mut Connection {
        let [client, server] = &mut self.connections;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }
}
