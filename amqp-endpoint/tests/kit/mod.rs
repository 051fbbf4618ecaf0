//! Two ends in one thread: drivers pumped by hand under the wire oracle, with a clock of their own, and operations that
//! are polled only when they were woken.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "each test binary has it as a module and uses a part of it"
)]

pub mod task;

use std::time::Duration;

use amqp_endpoint::codec::Performative;
use amqp_endpoint::{
    Connection, ConnectionOptions, Container, Driver, Endpoint, Incoming, IncomingReceiver, IncomingSender,
    Instant, Message, Receiver, ReceiverOptions, Sender, SenderOptions, SessionOptions,
};
use amqp_tests::frames::{Frames, Kind, Unit};
use amqp_tests::oracle::Oracle;
pub use amqp_tests::oracle::Side;
use bytes::BytesMut;
pub use task::{Counter, Task, poll_once};

/// More turns than this without coming to rest is a livelock.
const TURNS: usize = 100_000;

/// What one end's adapter would have.
struct End {
    driver: Option<Driver>,
    /// Octets on their way to it.
    flight: BytesMut,
    /// Octets it was given and has left.
    buffer: BytesMut,
    written: Frames,
    /// It was told that its peer sends no more.
    ended: bool,
    /// It neither reads nor writes nor looks at the time.
    stalled: bool,
}

/// The wire between two ends.
pub struct Wire {
    ends: [End; 2],
    pub oracle: Oracle,
    pub now: Instant,
    /// False: the transport was cut somewhere, so nobody owes anything.
    pub whole: bool,
}

/// Two ends, connected.
pub struct Pair {
    pub wire: Wire,
    pub client: Connection,
    pub server: Connection,
}

pub fn client_options() -> ConnectionOptions {
    ConnectionOptions::default()
}

/// Accepts connections and sessions by itself.
pub fn server_options() -> ConnectionOptions {
    ConnectionOptions::default().accept_connection(true).accept_sessions(SessionOptions::default())
}

impl Pair {
    /// Two ends between which nothing was sent yet.
    pub fn new(client: ConnectionOptions, server: ConnectionOptions) -> Self {
        let (client, client_driver) = Container::new("client").client(client);
        let (server, server_driver) = Container::new("server").server(server);
        Self { wire: Wire::new(client_driver, server_driver), client, server }
    }

    /// Two ends with default options whose opens are exchanged.
    pub fn opened() -> Self {
        let mut pair = Self::new(client_options(), server_options());
        pair.wire.pump();
        pair
    }

    /// The client sends, the server receives.
    pub fn sender(&mut self, ours: SenderOptions, theirs: ReceiverOptions) -> (Sender, Receiver) {
        let sender = self.client.sender(ours).expect("there is room for a link");
        let receiver = self.incoming_receiver().accept_with(theirs);
        self.wire.run(sender.sync()).expect("the link opens");
        (sender, receiver)
    }

    /// The client receives, the server sends.
    pub fn receiver(&mut self, ours: ReceiverOptions, theirs: SenderOptions) -> (Receiver, Sender) {
        let receiver = self.client.receiver(ours).expect("there is room for a link");
        let sender = self.incoming_sender().accept_with(theirs);
        self.wire.run(receiver.sync()).expect("the link opens");
        (receiver, sender)
    }

    pub fn incoming(&mut self) -> Incoming {
        self.wire.run(self.server.incoming()).expect("something comes in")
    }

    pub fn incoming_receiver(&mut self) -> IncomingReceiver {
        match self.incoming() {
            Incoming::Receiver(incoming) => incoming,
            other => panic!("{other:?}"),
        }
    }

    pub fn incoming_sender(&mut self) -> IncomingSender {
        match self.incoming() {
            Incoming::Sender(incoming) => incoming,
            other => panic!("{other:?}"),
        }
    }

    /// Drops both connections, lets them close and judges what is left.
    #[track_caller]
    pub fn finish(self) {
        let Self { mut wire, client, server } = self;
        wire.pump();
        drop((client, server));
        wire.pump();
        assert!(wire.is_finished(Side::Client) && wire.is_finished(Side::Server), "{}", wire.oracle.trace());
        wire.oracle.finish();
    }

    /// No delivery, message or operation is left at either end.
    #[track_caller]
    pub fn assert_idle(&self) {
        for end in [&self.client, &self.server] {
            let counters = end.counters();
            assert_eq!((counters.outgoing, counters.incoming, end.unresolved()), (0, 0, 0), "{counters:?}");
            assert_eq!((counters.buffered_input, counters.buffered_output), (0, 0), "{counters:?}");
        }
    }

    /// No link is left at either end.
    #[track_caller]
    pub fn assert_no_links(&self) {
        self.assert_idle();
        assert_eq!([&self.client, &self.server].map(|end| end.counters().links), [0, 0]);
    }
}

impl Wire {
    pub fn new(client: Driver, server: Driver) -> Self {
        let end = |driver| End {
            driver: Some(driver),
            flight: BytesMut::new(),
            buffer: BytesMut::new(),
            written: Frames::default(),
            ended: false,
            stalled: false,
        };
        Self {
            ends: [end(client), end(server)],
            oracle: Oracle::new("client", "server"),
            now: Instant::ORIGIN,
            whole: true,
        }
    }

    fn end(&mut self, side: Side) -> &mut End {
        let [client, server] = &mut self.ends;
        if side == Side::Client { client } else { server }
    }

    /// A driver that was not taken away.
    pub fn driver(&mut self, side: Side) -> &Driver {
        self.end(side).driver.as_ref().expect("it is there")
    }

    /// Has an end neither read nor write nor look at the time, or go on with that.
    pub fn stall(&mut self, side: Side, stalled: bool) {
        self.whole &= !stalled;
        self.end(side).stalled = stalled;
    }

    /// Takes a driver away; its octets in flight stay.
    pub fn take_driver(&mut self, side: Side) -> Driver {
        self.whole = false;
        self.end(side).driver.take().expect("it is there")
    }

    pub fn is_finished(&mut self, side: Side) -> bool {
        self.end(side).driver.as_ref().is_none_or(Driver::is_finished)
    }

    /// Puts what `side` has to say on its way; returns how many octets that are.
    pub fn flush(&mut self, side: Side) -> usize {
        let (now, mut flushed) = (self.now, 0);
        if self.end(side).stalled {
            return 0;
        }
        while let Some(octets) = self.end(side).driver.as_ref().and_then(|driver| driver.next_write(now)) {
            flushed += octets.len();
            self.oracle.sent(side, &octets);
            self.end(side).written.push(&octets);
            self.end(side.other()).flight.extend_from_slice(&octets);
        }
        flushed
    }

    /// Gives `side` what is on its way to it, and tells it when that was the last.
    pub fn deliver(&mut self, side: Side) -> bool {
        self.deliver_at_most(side, usize::MAX)
    }

    /// As `deliver`, at most so many octets.
    pub fn deliver_at_most(&mut self, side: Side, most: usize) -> bool {
        let now = self.now;
        let over = self.is_finished(side.other());
        let end = self.end(side);
        if end.stalled {
            return false;
        }
        let Some(driver) = &end.driver else {
            end.flight.clear();
            return false;
        };
        let mut moved = false;
        if !end.flight.is_empty() && driver.wants_read() && !driver.wants_shutdown() {
            let piece = end.flight.split_to(most.min(end.flight.len()));
            let octets = piece.len();
            end.buffer.unsplit(piece);
            let mut buffer = std::mem::take(&mut end.buffer);
            self.oracle.delivered(side, octets);
            let end = self.end(side);
            end.driver.iter().for_each(|driver| driver.on_bytes(&mut buffer, now));
            end.buffer = buffer;
            moved = true;
        }
        let end = self.end(side);
        let shut = end.driver.as_ref().is_some_and(Driver::wants_shutdown);
        if over && (end.flight.is_empty() || shut) && !std::mem::replace(&mut end.ended, true) {
            end.driver.iter().for_each(|driver| driver.on_eof(now));
            moved = true;
        }
        moved
    }

    /// Carries octets to and fro until neither end has more to say.
    #[track_caller]
    pub fn pump(&mut self) {
        for _ in 0..TURNS {
            let mut moved = self.flush(Side::Client) > 0;
            moved |= self.flush(Side::Server) > 0;
            moved |= self.deliver(Side::Client);
            moved |= self.deliver(Side::Server);
            if !moved {
                let shut = |end: &End| end.driver.as_ref().is_none_or(Driver::wants_shutdown);
                if self.whole && !self.ends.iter().any(shut) {
                    self.oracle.quiet();
                }
                return;
            }
        }
        unreachable!("no rest:\n{}", self.oracle.trace());
    }

    /// Lets time pass: every deadline is met at its time.
    #[track_caller]
    pub fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.pump();
        for _ in 0..TURNS {
            let live = |end: &&End| !end.stalled;
            let deadlines = self.ends.iter().filter(live).filter_map(|end| end.driver.as_ref()?.deadline());
            let Some(due) = deadlines.min().filter(|due| *due <= end) else { break };
            self.set_time(due.max(self.now));
            let now = self.now;
            self.ends.iter().filter(live).filter_map(|end| end.driver.as_ref()).for_each(|driver| {
                if driver.deadline().is_some_and(|at| at <= now) {
                    driver.on_deadline(now);
                }
            });
            self.pump();
        }
        self.set_time(end);
    }

    fn set_time(&mut self, now: Instant) {
        let passed = now.saturating_since(self.now).as_millis();
        self.now = now;
        self.oracle.elapsed(u64::try_from(passed).unwrap_or(u64::MAX));
    }

    /// Waits for an operation as an adapter does: it is polled again only when it was woken.
    #[track_caller]
    pub fn run<F: Future>(&mut self, operation: F) -> F::Output {
        let mut task = Task::new(operation);
        self.finish(&mut task)
    }

    /// Waits for an operation that may have been polled.
    #[track_caller]
    pub fn finish<F: Future>(&mut self, task: &mut Task<F>) -> F::Output {
        loop {
            match task.poll_if_woken() {
                Some(std::task::Poll::Ready(output)) => return output,
                Some(std::task::Poll::Pending) => self.pump(),
                None => panic!("nothing wakes it:\n{}", self.oracle.trace()),
            }
        }
    }

    /// All that `side` has written since this was asked last.
    pub fn written(&mut self, side: Side) -> Vec<Unit> {
        self.end(side).written.by_ref().collect()
    }

    /// All performatives of one kind that `side` has written since this was asked last; the others are forgotten.
    pub fn written_of<T: Kind>(&mut self, side: Side) -> Vec<T> {
        let performatives = self.performatives(side);
        performatives.into_iter().filter_map(T::of).collect()
    }

    /// All performatives that `side` has written since this was asked last.
    pub fn performatives(&mut self, side: Side) -> Vec<Performative> {
        let performative = |unit| match unit {
            Unit::Frame(frame) => frame.performative,
            _ => None,
        };
        self.written(side).into_iter().filter_map(performative).collect()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.oracle.assert_silent();
        }
    }
}

/// A small message.
pub fn message(text: impl ToString) -> Message {
    Message::value(text.to_string())
}

/// What a message says.
pub fn text(message: &amqp_endpoint::LazyMessage) -> String {
    match message.body().expect("it has a body") {
        amqp_endpoint::codec::Body::Value(value) => value.as_str().expect("a string").to_owned(),
        other => panic!("{other:?}"),
    }
}

/// An endpoint's reason, as its display.
pub fn reason(endpoint: &impl Endpoint) -> String {
    endpoint.error().map_or_else(|| "none".to_owned(), |error| error.to_string())
}
