//! What the peer opens, and the application's answers.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use amqp_core::codec::{Attach, Error as Condition, ErrorCondition, Open, SaslCode, Str};
use amqp_core::{
    ConnectionOptions, ReceiverId, ReceiverOptions, SaslAnswer, SaslRequest, SenderId, SenderOptions,
};
use amqp_core::{SessionId, SessionOptions};
use bytes::Bytes;

use crate::backlog::Arrival;
use crate::connection::Connection;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::link::{source_address, target_address};
use crate::receiver::Receiver;
use crate::sender::Sender;
use crate::session::Session;
use crate::state::{Place, State};
use crate::status::EndpointState;
use crate::waiters::Ticket;

/// Something that the peer opened and that waits for an answer. Nothing else is held up by it; dropped, it is rejected.
#[derive(Debug)]
#[non_exhaustive]
pub enum Incoming {
    /// A client authenticates.
    Authentication(Authentication),
    /// A client opens the connection.
    Connection(IncomingConnection),
    /// A session.
    Session(IncomingSession),
    /// A link that the peer receives on: this side would send.
    Sender(IncomingSender),
    /// A link that the peer sends on: this side would receive.
    Receiver(IncomingReceiver),
}

impl Incoming {
    /// For whatever a server does not look at: lets the client in, accepts its connection and its sessions, and refuses its
    /// links, because there would be nobody to use them.
    pub fn accept(self) {
        match self {
            Self::Authentication(it) => drop(it.accept()),
            Self::Connection(it) => drop(it.accept()),
            Self::Session(it) => drop(it.accept()),
            link @ (Self::Sender(_) | Self::Receiver(_)) => {
                link.reject(Condition::new(ErrorCondition::NOT_FOUND, "there is no such node"));
            }
        }
    }

    /// Rejects it.
    pub fn reject(self, error: impl Into<Condition>) {
        match self {
            Self::Authentication(it) => drop(it.reject(SaslCode::Auth)),
            Self::Connection(it) => it.reject(error),
            Self::Session(it) => it.reject(error),
            Self::Sender(it) => it.reject(error),
            Self::Receiver(it) => it.reject(error),
        }
    }
}

/// A client's open.
#[derive(Debug)]
pub struct IncomingConnection {
    connection: Connection,
    answered: bool,
}

impl IncomingConnection {
    /// Accepts it with the options that the connection was made with.
    pub fn accept(self) -> Connection {
        let options = self.connection.shared().look(|state| state.engine.options().clone());
        self.accept_with(options)
    }

    /// Accepts it with what these options say of the open: the limits, SASL and the facts of the transport stay.
    pub fn accept_with(mut self, options: ConnectionOptions) -> Connection {
        self.answered = true;
        let options = options.container_id(Str::from(self.connection.container().id()));
        // Where the client has gone meanwhile, the connection knows why.
        self.connection.shared().with(|state| _ = state.engine.accept(options));
        self.connection.clone()
    }

    /// Rejects it: the client gets an open and a close with `error`.
    pub fn reject(mut self, error: impl Into<Condition>) {
        self.refuse(error.into());
    }

    /// What the client said in its open.
    pub fn remote(&self) -> Option<Open> {
        self.connection.remote()
    }

    /// See [`Connection::user`].
    pub fn user(&self) -> Option<String> {
        self.connection.user()
    }

    /// See [`Connection::virtual_host`].
    pub fn virtual_host(&self) -> Option<String> {
        self.connection.virtual_host()
    }

    /// See [`Connection::heartbeat`].
    pub fn heartbeat(&self) -> Option<Duration> {
        self.connection.heartbeat()
    }

    fn refuse(&mut self, error: Condition) {
        if !std::mem::replace(&mut self.answered, true) {
            self.connection.shared().with(|state| _ = state.engine.refuse(error));
        }
    }
}

impl Drop for IncomingConnection {
    fn drop(&mut self) {
        self.refuse(rejected());
    }
}

/// A client that authenticates.
#[derive(Debug)]
pub struct Authentication {
    connection: Connection,
    answered: bool,
}

impl Authentication {
    /// What the client said, such as [`SaslRequest::plain`].
    pub fn request(&self) -> Option<SaslRequest> {
        self.connection.shared().look(|state| state.engine.sasl().cloned())
    }

    /// The client is who it says.
    ///
    /// # Errors
    /// Where it has gone meanwhile.
    pub fn accept(self) -> Result<(), Error> {
        self.accept_with(None)
    }

    /// The client is `user`: for mechanisms other than PLAIN, or where the name is another than the one it gave.
    ///
    /// # Errors
    /// Where it has gone meanwhile.
    pub fn accept_as(self, user: impl Into<String>) -> Result<(), Error> {
        self.connection.shared().look(|state| state.user = Some(user.into()));
        self.answer(SaslAnswer::Accept(None))
    }

    /// The client is who it says; the mechanism's last message goes with that.
    ///
    /// # Errors
    /// Where it has gone meanwhile.
    pub fn accept_with(self, message: Option<Bytes>) -> Result<(), Error> {
        let user = self.request().and_then(|request| request.plain()).map(|plain| plain.user);
        self.connection.shared().look(|state| state.user = user.or_else(|| state.user.take()));
        self.answer(SaslAnswer::Accept(message))
    }

    /// It is not, or cannot be checked.
    ///
    /// # Errors
    /// Where it has gone meanwhile, or for [`SaslCode::Ok`].
    pub fn reject(self, code: SaslCode) -> Result<(), Error> {
        self.answer(SaslAnswer::Reject(code))
    }

    /// Asks the client more: its answer is another [`Incoming::Authentication`].
    ///
    /// # Errors
    /// Where it has gone meanwhile.
    pub fn challenge(self, message: impl Into<Bytes>) -> Result<(), Error> {
        self.answer(SaslAnswer::Message(message.into()))
    }

    fn answer(mut self, answer: SaslAnswer) -> Result<(), Error> {
        self.answered = true;
        let answered = |state: &mut State| {
            state.engine.authenticate(answer).map_err(|error| state.reason(Place::Connection, error.into()))
        };
        self.connection.shared().with(answered)
    }
}

impl Drop for Authentication {
    fn drop(&mut self) {
        if !self.answered {
            let answer = SaslAnswer::Reject(SaslCode::Auth);
            self.connection.shared().with(|state| _ = state.engine.authenticate(answer));
        }
    }
}

/// A session that the peer begins.
#[derive(Debug)]
pub struct IncomingSession {
    session: Session,
    answered: bool,
}

impl IncomingSession {
    /// Accepts it with default options.
    pub fn accept(self) -> Session {
        self.accept_with(SessionOptions::default())
    }

    /// Accepts it.
    pub fn accept_with(mut self, options: SessionOptions) -> Session {
        self.answered = true;
        let place = self.session.place();
        self.answer(|state, id| {
            if state.engine.session(id).is_ok_and(|mut session| session.accept(options).is_ok()) {
                state.change(place, EndpointState::Open);
            }
        });
        self.session.clone()
    }

    /// Rejects it: the peer gets a begin and an end with `error`.
    pub fn reject(mut self, error: impl Into<Condition>) {
        self.refuse(error.into());
    }

    fn refuse(&mut self, error: Condition) {
        if !std::mem::replace(&mut self.answered, true) {
            self.answer(|state, id| _ = state.engine.session(id).map(|mut session| session.refuse(error)));
        }
    }

    fn answer(&self, answer: impl FnOnce(&mut State, SessionId)) {
        if let Place::Session(_, id) = self.session.place() {
            self.session.connection().shared().with(|state| answer(state, id));
        }
    }
}

impl Drop for IncomingSession {
    fn drop(&mut self) {
        self.refuse(rejected());
    }
}

/// The two kinds of links that the peer attaches differ in words only.
macro_rules! incoming_link {
    (
        $(#[$doc:meta])* $incoming:ident, $link:ident, $options:ident, $engine:ident, $id:ident, $node:ident,
        $terminus:ident :: $kind:ident, $accept:path
    ) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $incoming {
            session: Session,
            attach: Box<Attach>,
            key: usize,
            id: $id,
            answered: bool,
        }

        impl $incoming {
            /// Accepts it as the peer wishes it; a dynamic node gets a new address.
            pub fn accept(self) -> $link {
                self.accept_with($options::default())
            }

            /// Accepts it: what `options` leave open is as the peer wishes, apart from filters and properties of the node,
            /// which are in force only where `options` say so. A dynamic node gets `dynamic_address`, and
            #[doc = concat!("[`", stringify!($incoming), "::new_address`] where that is not set.")]
            pub fn accept_with(mut self, mut options: $options) -> $link {
                self.answered = true;
                if self.is_dynamic() {
                    options.dynamic_address.get_or_insert_with(|| self.new_address());
                }
                let connection = self.session.connection();
                let place = Place::$link(self.key, self.id);
                connection.shared().with(|state| {
                    // Where the peer has gone meanwhile, the link knows why.
                    if $accept(state, self.id, options) {
                        state.change(place, EndpointState::Open);
                    }
                });
                $link::new(self.session.clone(), self.key, self.id)
            }

            /// An address for a dynamic node that no other has. It tells the peer's container and the link's name (§3.5.3).
            pub fn new_address(&self) -> Str {
                let connection = self.session.connection();
                let peer = connection.remote().map(|open| open.container_id).unwrap_or_default();
                let (name, unique) = (self.name(), connection.container().link_name());
                Str::from(format!("{peer}/{name}/{unique}"))
            }

            /// Rejects it: the peer gets an attach without terminus, and a detach with `error` (§2.6.3).
            pub fn reject(mut self, error: impl Into<Condition>) {
                self.refuse(error.into());
            }

            /// What the peer said in its attach.
            pub fn attach(&self) -> &Attach {
                &self.attach
            }

            /// The link's name.
            pub fn name(&self) -> &str {
                &self.attach.name
            }

            /// The address of the node that messages come from.
            pub fn source(&self) -> Option<Str> {
                source_address(&self.attach)
            }

            /// The address of the node that messages go to.
            pub fn target(&self) -> Option<Str> {
                target_address(&self.attach)
            }

            /// The peer asks for a node of its own, whose address this side makes.
            pub fn is_dynamic(&self) -> bool {
                matches!(self.attach.$node.as_deref(), Some(amqp_core::codec::$terminus::$kind(node)) if node.dynamic)
            }

            fn refuse(&mut self, error: Condition) {
                if !std::mem::replace(&mut self.answered, true) {
                    let place = Place::$link(self.key, self.id);
                    self.session.connection().shared().with(|state| {
                        _ = state.engine.$engine(self.id).map(|mut link| link.refuse(error));
                        state.let_go(place);
                    });
                }
            }
        }

        impl Drop for $incoming {
            fn drop(&mut self) {
                self.refuse(rejected());
            }
        }
    };
}

incoming_link! {
    /// A link that the peer attaches to receive on: this side would send from its source.
    IncomingSender, Sender, SenderOptions, sender, SenderId, source, AttachSource::Source,
    accept_sender
}

incoming_link! {
    /// A link that the peer attaches to send on: this side would receive for its target.
    IncomingReceiver, Receiver, ReceiverOptions, receiver, ReceiverId, target, AttachTarget::Target,
    accept_receiver
}

/// Waits for what the peer opens next, see [`Connection::incoming`].
#[must_use = "nothing is taken unless it is awaited"]
pub struct Next {
    connection: Connection,
    ticket: Option<Ticket>,
}

impl Next {
    pub(crate) const fn new(connection: Connection) -> Self {
        Self { connection, ticket: None }
    }
}

impl Future for Next {
    /// `None` once the connection is over.
    type Output = Option<Incoming>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { connection, ticket } = &mut *self;
        let next = connection.shared().poll(cx, |state, waker| state.next_arrival(ticket, waker));
        next.map(|arrival| arrival.map(|arrival| incoming(connection, arrival)))
    }
}

impl Drop for Next {
    fn drop(&mut self) {
        let Self { connection, ticket } = self;
        if ticket.is_some() {
            connection.shared().with(|state| state.backlog.leave(ticket, &mut state.after));
        }
    }
}

/// What arrived, with handles of its own.
fn incoming(connection: &Connection, arrival: Arrival) -> Incoming {
    let session = |own: (usize, SessionId)| Session::new(connection.clone(), own.0, own.1);
    match arrival {
        Arrival::Authentication => {
            Incoming::Authentication(Authentication { connection: connection.clone(), answered: false })
        }
        Arrival::Connection => {
            Incoming::Connection(IncomingConnection { connection: connection.clone(), answered: false })
        }
        Arrival::Session(key, id) => {
            Incoming::Session(IncomingSession { session: session((key, id)), answered: false })
        }
        Arrival::Sender { key, id, session: own, attach } => {
            Incoming::Sender(IncomingSender { session: session(own), attach, key, id, answered: false })
        }
        Arrival::Receiver { key, id, session: own, attach } => {
            Incoming::Receiver(IncomingReceiver { session: session(own), attach, key, id, answered: false })
        }
    }
}

/// Accepts a link to send on, which drains when the application says so: see [`Sender::drained`].
fn accept_sender(state: &mut State, id: SenderId, options: SenderOptions) -> bool {
    state.engine.sender(id).is_ok_and(|mut link| link.accept(options.auto_drain(false)).is_ok())
}

/// Accepts a link to receive on. One that is attached again had its credit stopped when nobody had it.
fn accept_receiver(state: &mut State, id: ReceiverId, options: ReceiverOptions) -> bool {
    let credit = options.credit;
    state.engine.receiver(id).is_ok_and(|mut link| {
        let accepted = link.accept(options).is_ok();
        link.set_credit_mode(credit);
        accepted
    })
}

/// What a peer is told whose session or link was dropped without an answer.
fn rejected() -> Condition {
    Condition::new(ErrorCondition::NOT_ALLOWED, "rejected")
}
