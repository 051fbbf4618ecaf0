//! One engine against a peer that says exactly what the test says.
//!
//! The peer of a script uses channel [`CHANNEL`] and handle [`HANDLE`] where nothing else is said, neither of which is
//! what an engine would choose. Only the engine's side is judged by the oracle.

mod expect;
mod give;
mod peer;

use amqp_core::codec::{Attach, Begin, Flow, Open, ProtocolHeader};
use amqp_core::{
    CloseReason, Connection, ConnectionOptions, Event, Instant, ReceiverId, ReceiverOptions, SenderId,
    SenderOptions, SessionId, SessionOptions,
};

use crate::frames::Frames;
use crate::oracle::{Oracle, Side};
use crate::pair::final_reason;

pub use peer::*;

/// The channel that the peer sends on.
pub const CHANNEL: u16 = 5;
/// The handle that the peer sends on.
pub const HANDLE: u32 = 9;

/// One engine and the peer that a test plays; see the [module](self).
pub struct Script {
    /// The engine.
    pub engine: Connection,
    /// The judge of what the engine writes.
    pub oracle: Oracle,
    judged: bool,
    side: Side,
    now: Instant,
    written: Frames,
    events: Vec<Event>,
    reasons: Vec<(Event, CloseReason)>,
    /// Transfer frames of each direction, for the flows of the peer.
    transfers_given: u32,
    transfers_seen: u32,
    first_seen: u32,
}

/// How engines and peers come to the states that tests begin in.
impl Script {
    /// A client engine; nothing was exchanged.
    #[must_use]
    pub fn client(options: ConnectionOptions) -> Self {
        Self::new(Side::Client, Connection::client(options))
    }

    /// A server engine; nothing was exchanged.
    #[must_use]
    pub fn server(options: ConnectionOptions) -> Self {
        Self::new(Side::Server, Connection::server(options))
    }

    fn new(side: Side, engine: Connection) -> Self {
        let mut oracle = Oracle::new("client", "server");
        oracle.watch_only(side);
        Self {
            engine,
            oracle,
            judged: true,
            side,
            now: Instant::ORIGIN,
            written: Frames::default(),
            events: Vec::new(),
            reasons: Vec::new(),
            transfers_given: 0,
            transfers_seen: 0,
            first_seen: 0,
        }
    }

    /// Without the oracle's judgement: for a peer that speaks so far out of turn that whatever the engine says seems to
    /// be out of turn.
    #[must_use]
    pub fn unjudged(mut self) -> Self {
        self.judged = false;
        self
    }

    /// A client engine of default options, opens exchanged with [`peer_open`].
    #[must_use]
    #[track_caller]
    pub fn opened_client() -> Self {
        let mut script = Self::client(ConnectionOptions::new("engine"));
        script.open(&peer_open());
        script
    }

    /// A server engine of default options, opens exchanged with [`peer_open`].
    #[must_use]
    #[track_caller]
    pub fn opened_server() -> Self {
        let mut script = Self::server(ConnectionOptions::new("engine").accept_connection(true));
        script.open(&peer_open());
        script
    }

    /// A client engine with a session of default options, which [`peer_begin`] has answered.
    #[must_use]
    #[track_caller]
    pub fn begun() -> (Self, SessionId) {
        let mut script = Self::opened_client();
        let session = script.begin(SessionOptions::default(), &peer_begin());
        (script, session)
    }

    /// A client engine that sends on handle 0, with so much credit.
    #[must_use]
    #[track_caller]
    pub fn sending(credit: u32) -> (Self, SenderId) {
        let (mut script, session) = Self::begun();
        let sender = script.attach_sender(session, SenderOptions::new("node"), &peer_receiver("link"));
        if credit > 0 {
            script.give(&script.grant(0, credit));
        }
        (script, sender)
    }

    /// A client engine that receives on handle 0, and has granted so much credit.
    #[must_use]
    #[track_caller]
    pub fn receiving(credit: u32) -> (Self, ReceiverId) {
        let (mut script, session) = Self::begun();
        let receiver = script.attach_receiver(session, ReceiverOptions::new("node"), &peer_sender("link"));
        if credit > 0 {
            script.engine.receiver(receiver).expect("it is attached").grant(credit);
            let flow: Flow = script.expect_frame();
            assert_eq!(flow.link_credit, Some(credit));
        }
        (script, receiver)
    }

    /// Exchanges AMQP headers.
    #[track_caller]
    pub fn exchange_headers(&mut self) {
        match self.side {
            Side::Client => {
                self.expect_header(ProtocolHeader::AMQP);
                self.give_header(ProtocolHeader::AMQP);
            }
            Side::Server => {
                self.give_header(ProtocolHeader::AMQP);
                self.expect_header(ProtocolHeader::AMQP);
            }
        }
    }

    /// Exchanges headers and opens; a server engine accepts. Returns the engine's open.
    #[track_caller]
    pub fn open(&mut self, peer: &Open) -> Open {
        self.exchange_headers();
        self.give_on(0, peer);
        if self.events.contains(&Event::Opening) {
            let options = self.engine.options().clone();
            self.engine.accept(options).expect("the open waits for it");
        }
        let open = self.expect_frame();
        self.collect();
        self.events.retain(|event| !matches!(event, Event::Opening | Event::Opened));
        open
    }

    /// The engine begins a session, and the peer answers on [`CHANNEL`].
    #[track_caller]
    pub fn begin(&mut self, options: SessionOptions, peer: &Begin) -> SessionId {
        let session = self.engine.begin(options).expect("a channel is free");
        let (channel, begin) = self.expect_on::<Begin>();
        self.first_seen = begin.next_outgoing_id.0;
        self.give(&Begin { remote_channel: Some(channel), ..peer.clone() });
        self.expect_event(Event::SessionOpened(session));
        session
    }

    /// The peer begins a session on [`CHANNEL`], and the engine accepts it.
    #[track_caller]
    pub fn accept_session(&mut self, peer: &Begin, options: SessionOptions) -> SessionId {
        self.give(peer);
        let session = self.expect_some(|event| match event {
            Event::SessionOpening(id) => Some(id),
            _ => None,
        });
        self.engine.session(session).expect("it is new").accept(options).expect("it waits");
        let begin: Begin = self.expect_frame();
        self.first_seen = begin.next_outgoing_id.0;
        assert_eq!(begin.remote_channel, Some(CHANNEL));
        session
    }

    /// The engine attaches a sender, and the peer answers with `peer` under the engine's name for the link.
    #[track_caller]
    pub fn attach_sender(&mut self, session: SessionId, options: SenderOptions, peer: &Attach) -> SenderId {
        let mut view = self.engine.session(session).expect("the session is there");
        let sender = view.attach_sender(options).expect("there is room for a link");
        let attach: Attach = self.expect_frame();
        self.give(&Attach { name: attach.name, ..peer.clone() });
        self.expect_event(Event::SenderOpened(sender));
        sender
    }

    /// The engine attaches a receiver, and the peer answers with `peer` under the engine's name for the link.
    #[track_caller]
    pub fn attach_receiver(
        &mut self,
        session: SessionId,
        options: ReceiverOptions,
        peer: &Attach,
    ) -> ReceiverId {
        let mut view = self.engine.session(session).expect("the session is there");
        let receiver = view.attach_receiver(options).expect("there is room for a link");
        let attach: Attach = self.expect_frame();
        self.give(&Attach { name: attach.name, ..peer.clone() });
        self.expect_event(Event::ReceiverOpened(receiver));
        receiver
    }
}

impl Script {
    /// Returns how many octets the engine had to write.
    fn flush(&mut self) -> usize {
        let mut flushed = 0;
        while let Some(octets) = self.engine.poll_output(self.now) {
            flushed += octets.len();
            self.oracle.sent(self.side, &octets);
            self.oracle.delivered(self.side.other(), octets.len());
            self.written.push(&octets);
        }
        flushed
    }

    fn collect(&mut self) {
        while let Some(event) = self.engine.poll_event() {
            self.reasons.extend(final_reason(&mut self.engine, event).map(|reason| (event, reason)));
            self.events.push(event);
        }
    }

    /// The next that the engine is told happens at `now`; its deadlines in between are not met.
    pub fn set_time(&mut self, now: Instant) {
        let passed = now.since_origin().as_millis() - self.now.since_origin().as_millis();
        self.now = now;
        self.oracle.elapsed(u64::try_from(passed).unwrap_or(u64::MAX));
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if self.judged && !std::thread::panicking() {
            self.oracle.assert_silent();
        }
    }
}
