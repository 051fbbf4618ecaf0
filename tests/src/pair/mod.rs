//! Two engines back to back, with a clock of their own.
//!
//! Octets go from one engine to the other in memory, in pieces that [`Chop`] chooses, through both input doors. Every
//! one of them passes the [`Oracle`], which has to stay silent.

mod drive;
mod read;

use amqp_core::codec::Payload;
use amqp_core::{
    CloseReason, Connection, ConnectionOptions, Delivery, DeliveryKey, Event, Instant, Receiver, ReceiverId,
    ReceiverOptions, Resolution, Sender, SenderId, SenderOptions, SessionId, SessionOptions,
};
use bytes::BytesMut;

use crate::chop::Chop;
use crate::frames::Frames;
use crate::oracle::{Oracle, Side};

pub(crate) use read::final_reason;

/// Which input door octets go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// `handle_input`.
    Slice,
    /// `handle_input_buf`.
    Buffer,
    /// Now the one, now the other.
    Both,
}

/// Both ends of a session.
#[derive(Clone, Copy, Debug)]
pub struct Sessions {
    /// The client's.
    pub client: SessionId,
    /// The server's.
    pub server: SessionId,
}

impl Sessions {
    /// The end on this side.
    #[must_use]
    pub fn on(&self, side: Side) -> SessionId {
        if side == Side::Client { self.client } else { self.server }
    }
}

/// Both ends of a link.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// The side that sends.
    pub from: Side,
    /// Its end.
    pub sender: SenderId,
    /// The other end.
    pub receiver: ReceiverId,
}

/// What the pair keeps for one engine.
#[derive(Debug, Default)]
struct Half {
    /// Octets on their way to it.
    flight: BytesMut,
    /// Octets given to `handle_input_buf` that it has left, because a frame is cut.
    buffer: BytesMut,
    buffer_next: bool,
    events: Vec<Event>,
    reasons: Vec<(Event, CloseReason)>,
    written: Frames,
    /// It was told that its peer sends no more.
    ended: bool,
}

/// A client and a server engine, connected; see the [module](self).
pub struct Pair {
    /// The engine that connected.
    pub client: Connection,
    /// The engine that was connected to.
    pub server: Connection,
    /// The judge of all octets.
    pub oracle: Oracle,
    /// How octets are cut on their way.
    pub chop: Chop,
    /// Where they go in.
    pub door: Door,
    now: Instant,
    halves: [Half; 2],
}

/// The client's options in the ready-made set-ups.
#[must_use]
pub fn client_options() -> ConnectionOptions {
    ConnectionOptions::new("client")
}

/// The server's options in the ready-made set-ups: it accepts the connection by itself, sessions and links it does not.
#[must_use]
pub fn server_options() -> ConnectionOptions {
    ConnectionOptions::new("server").accept_connection(true)
}

impl Pair {
    /// Two engines between which nothing was sent yet.
    #[must_use]
    pub fn new(client: ConnectionOptions, server: ConnectionOptions) -> Self {
        Self {
            client: Connection::client(client),
            server: Connection::server(server),
            oracle: Oracle::new("client", "server"),
            chop: Chop::Whole,
            door: Door::Both,
            now: Instant::ORIGIN,
            halves: [Half::default(), Half::default()],
        }
    }

    /// A pair with default options whose opens are exchanged.
    #[must_use]
    #[track_caller]
    pub fn opened() -> Self {
        Self::opened_with(client_options(), server_options())
    }

    /// A pair whose opens are exchanged; the server has to accept by itself. The events of it are taken.
    #[must_use]
    #[track_caller]
    pub fn opened_with(client: ConnectionOptions, server: ConnectionOptions) -> Self {
        let mut pair = Self::new(client, server);
        pair.drive();
        pair.expect_event(Side::Client, Event::Opened);
        pair.expect_event(Side::Server, Event::Opened);
        pair
    }

    /// A pair with a session of default options that the client began.
    #[must_use]
    #[track_caller]
    pub fn begun() -> (Self, Sessions) {
        let mut pair = Self::opened();
        let sessions = pair.begin(SessionOptions::default(), SessionOptions::default());
        (pair, sessions)
    }

    /// A pair with a link on which the client sends and the server receives.
    #[must_use]
    #[track_caller]
    pub fn linked(sender: SenderOptions, receiver: ReceiverOptions) -> (Self, Link) {
        let (mut pair, sessions) = Self::begun();
        let link = pair.attach_sender(Side::Client, sessions, sender, receiver);
        (pair, link)
    }

    /// Cuts octets this way from now on.
    #[must_use]
    pub fn chopped(mut self, chop: Chop) -> Self {
        self.chop = chop;
        self
    }

    /// The client begins a session, and the server accepts it.
    #[track_caller]
    pub fn begin(&mut self, client: SessionOptions, server: SessionOptions) -> Sessions {
        self.begin_from(Side::Client, client, server)
    }

    /// `side` begins a session with `ours`, and the other side accepts it with `theirs`.
    #[track_caller]
    pub fn begin_from(&mut self, side: Side, ours: SessionOptions, theirs: SessionOptions) -> Sessions {
        let own = self.side(side).begin(ours).expect("a channel is free");
        self.drive();
        let other = self.expect_some(side.other(), |event| match event {
            Event::SessionOpening(id) => Some(id),
            _ => None,
        });
        self.side(side.other()).session(other).expect("it is new").accept(theirs).expect("it waits");
        self.drive();
        self.expect_event(side, Event::SessionOpened(own));
        match side {
            Side::Client => Sessions { client: own, server: other },
            Side::Server => Sessions { client: other, server: own },
        }
    }

    /// `side` attaches a link to send on, and the other side accepts it.
    #[track_caller]
    pub fn attach_sender(
        &mut self,
        side: Side,
        sessions: Sessions,
        ours: SenderOptions,
        theirs: ReceiverOptions,
    ) -> Link {
        let mut session = self.side(side).session(sessions.on(side)).expect("the session is there");
        let sender = session.attach_sender(ours).expect("there is room for a link");
        self.drive();
        let receiver = self.expect_some(side.other(), |event| match event {
            Event::ReceiverOpening(id) => Some(id),
            _ => None,
        });
        self.side(side.other()).receiver(receiver).expect("it is new").accept(theirs).expect("it waits");
        self.drive();
        self.expect_event(side, Event::SenderOpened(sender));
        Link { from: side, sender, receiver }
    }

    /// `side` attaches a link to receive on, and the other side accepts it.
    #[track_caller]
    pub fn attach_receiver(
        &mut self,
        side: Side,
        sessions: Sessions,
        ours: ReceiverOptions,
        theirs: SenderOptions,
    ) -> Link {
        let mut session = self.side(side).session(sessions.on(side)).expect("the session is there");
        let receiver = session.attach_receiver(ours).expect("there is room for a link");
        self.drive();
        let sender = self.expect_some(side.other(), |event| match event {
            Event::SenderOpening(id) => Some(id),
            _ => None,
        });
        self.side(side.other()).sender(sender).expect("it is new").accept(theirs).expect("it waits");
        self.drive();
        self.expect_event(side, Event::ReceiverOpened(receiver));
        Link { from: side.other(), sender, receiver }
    }

    /// One of the engines.
    pub fn side(&mut self, side: Side) -> &mut Connection {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// The sending end of a link.
    ///
    /// # Panics
    /// When it is gone.
    #[track_caller]
    pub fn sender(&mut self, link: &Link) -> Sender<'_> {
        self.side(link.from).sender(link.sender).expect("the sender is there")
    }

    /// The receiving end of a link.
    ///
    /// # Panics
    /// When it is gone.
    #[track_caller]
    pub fn receiver(&mut self, link: &Link) -> Receiver<'_> {
        self.side(link.from.other()).receiver(link.receiver).expect("the receiver is there")
    }

    /// Accepts a message for sending, whatever its octets are; nothing is driven.
    ///
    /// # Panics
    /// When it is not taken.
    #[track_caller]
    pub fn send(&mut self, link: &Link, octets: &[u8]) -> DeliveryKey {
        let payload = Payload::copy_from_slice(octets);
        self.sender(link).send(payload).expect("the message is taken")
    }

    /// Takes all outcomes of a link.
    #[track_caller]
    pub fn outcomes(&mut self, link: &Link) -> Vec<(DeliveryKey, Resolution)> {
        let mut sender = self.sender(link);
        std::iter::from_fn(|| sender.next_outcome()).collect()
    }

    /// Takes all deliveries of a link.
    #[track_caller]
    pub fn deliveries(&mut self, link: &Link) -> Vec<Delivery> {
        let mut receiver = self.receiver(link);
        std::iter::from_fn(|| receiver.next_delivery()).collect()
    }

    /// The time that both engines are told.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Closes the connection from the client and judges it as a whole.
    ///
    /// # Panics
    /// When an engine has not ended by a clean close, or the oracle has found something.
    #[track_caller]
    pub fn finish(mut self) {
        self.client.close(None);
        self.drive();
        let clean = [&self.client, &self.server]
            .map(|engine| engine.is_finished() && engine.close_reason().is_some_and(CloseReason::is_clean));
        assert_eq!(clean, [true; 2], "{}", self.oracle.trace());
        self.oracle.finish();
        self.oracle.assert_silent();
    }

    fn half(&mut self, side: Side) -> &mut Half {
        let [client, server] = &mut self.halves;
        if side == Side::Client { client } else { server }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.oracle.assert_silent();
        }
    }
}
