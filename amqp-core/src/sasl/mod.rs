//! The SASL layer (§5.3), each side a file. What is right is decided by the application, and it may take its time.

mod client;
mod server;

use alloc::string::String;

use amqp_codec::{SaslCode, SaslFrame, Str, Symbol};
use bytes::Bytes;

use crate::error::{Cause, StateError};
use crate::options::{ConnectionOptions, Credentials, SaslServer};
use crate::sasl::client::Client;
use crate::sasl::server::Server;

/// What the SASL peer said last.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SaslRequest {
    /// The mechanism in use.
    pub mechanism: Symbol,
    /// Server: the client's initial response or response, until it is accepted. Client: the server's challenge.
    pub message: Option<Bytes>,
    /// The host that the client named (§5.3.3.2).
    pub hostname: Option<Str>,
    /// Messages of the peer so far, beginning with 1.
    pub round: u32,
}

/// Never shows the message: it may be a password.
impl core::fmt::Debug for SaslRequest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { mechanism, hostname, round, .. } = self;
        f.debug_struct("SaslRequest")
            .field("mechanism", mechanism)
            .field("hostname", hostname)
            .field("round", round)
            .finish_non_exhaustive()
    }
}

/// The three parts of a PLAIN message (RFC 4616).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlainCredentials {
    /// On whose behalf the client wants to act; empty: the user's own.
    pub authorization: String,
    /// The user's name.
    pub user: String,
    /// The password.
    pub password: String,
}

/// Never shows the password.
impl core::fmt::Debug for PlainCredentials {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { authorization, user, .. } = self;
        f.debug_struct("PlainCredentials")
            .field("authorization", authorization)
            .field("user", user)
            .finish_non_exhaustive()
    }
}

impl SaslRequest {
    /// The parts of a PLAIN message: `authorization NUL user NUL password`. None where it is not of this form, or its
    /// mechanism is another.
    pub fn plain(&self) -> Option<PlainCredentials> {
        if self.mechanism != *"PLAIN" {
            return None;
        }
        let text = core::str::from_utf8(self.message.as_deref()?).ok()?;
        let mut parts = text.split('\0').map(String::from);
        let (authorization, user, password) = (parts.next()?, parts.next()?, parts.next()?);
        (parts.next().is_none() && !user.is_empty()).then_some(PlainCredentials {
            authorization,
            user,
            password,
        })
    }
}

/// What the application answers to [`Event::Authenticate`](crate::Event::Authenticate).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SaslAnswer {
    /// Server: the client is who it says, optionally with the mechanism's last message.
    Accept(Option<Bytes>),
    /// Server: it is not, or the check failed; not [`SaslCode::Ok`]. Client: give up.
    Reject(SaslCode),
    /// Server: the next challenge. Client: the next response.
    Message(Bytes),
}

/// Never shows a message: it may prove who somebody is.
impl core::fmt::Debug for SaslAnswer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Accept(_) => f.write_str("Accept"),
            Self::Reject(code) => f.debug_tuple("Reject").field(code).finish(),
            Self::Message(_) => f.write_str("Message"),
        }
    }
}

/// What a SASL end does next.
pub(crate) enum Step {
    Send(SaslFrame),
    /// The application is to answer.
    Ask,
    /// Authenticated; a last frame may go out.
    Done(Option<SaslFrame>),
    Fail(Option<SaslFrame>, Cause),
}

/// One end of a SASL exchange.
pub(crate) enum Sasl {
    Client(Client),
    Server(Server),
}

impl Sasl {
    pub(crate) fn client(credentials: Credentials, options: &ConnectionOptions) -> Self {
        Self::Client(Client::new(credentials, options))
    }

    /// A server, and the mechanisms that it announces.
    pub(crate) fn server(sasl: &SaslServer, options: &ConnectionOptions) -> (Self, Step) {
        let (server, step) = Server::new(sasl, &options.transport);
        (Self::Server(server), step)
    }

    pub(crate) fn on_frame(&mut self, frame: SaslFrame, rounds: u32) -> Step {
        match self {
            Self::Client(client) => client.on_frame(frame, rounds),
            Self::Server(server) => server.on_frame(frame, rounds),
        }
    }

    pub(crate) fn on_answer(&mut self, answer: SaslAnswer) -> Result<Step, StateError> {
        if !self.awaits_answer() {
            return Err(StateError::NotAsked);
        }
        match self {
            Self::Client(client) => client.on_answer(answer),
            Self::Server(server) => server.on_answer(answer),
        }
    }

    pub(crate) fn awaits_answer(&self) -> bool {
        match self {
            Self::Client(client) => client.asked,
            Self::Server(server) => server.asked,
        }
    }

    pub(crate) fn request(&self) -> Option<&SaslRequest> {
        match self {
            Self::Client(client) => client.request.as_ref(),
            Self::Server(server) => server.request.as_ref(),
        }
    }
}
