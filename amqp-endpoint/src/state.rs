//! Everything of a connection: the engine, and what the endpoints keep beside it.

use std::io;
use std::sync::Arc;

use amqp_core::codec::Error as Condition;
use amqp_core::{CloseReason, Connection, Credentials, Instant, ReceiverId, SenderId, SessionId};

use crate::after::After;
use crate::backlog::Backlog;
use crate::draining::Draining;
use crate::error::Error;
use crate::layer::Layered;
use crate::receiver::ReceiverRecord;
use crate::records::Records;
use crate::sender::SenderRecord;
use crate::sends::Sends;
use crate::status::{EndpointState, Status};
use crate::waiters::Waiters;
use crate::wire::Wire;

/// Behind the lock of a connection.
pub(crate) struct State {
    pub(crate) engine: Connection,
    pub(crate) after: After,
    pub(crate) wire: Wire,
    /// What lies between the socket and the engine.
    pub(crate) layered: Option<Layered>,
    pub(crate) connection: Status,
    pub(crate) sessions: Records<SessionId, SessionRecord>,
    pub(crate) senders: Records<SenderId, SenderRecord>,
    pub(crate) receivers: Records<ReceiverId, ReceiverRecord>,
    pub(crate) sends: Sends,
    /// Whoever adds to a message and waits for room in the output.
    pub(crate) room: Waiters,
    pub(crate) draining: Draining,
    /// The engine is to be told the time, whatever it is.
    pub(crate) is_timeless: bool,
    /// When something was told or asked last.
    pub(crate) now: Instant,
    pub(crate) backlog: Backlog,
    pub(crate) default_session: Option<(usize, SessionId)>,
    /// Who the client is, as far as SASL showed it.
    pub(crate) user: Option<String>,
    /// SASL has succeeded.
    pub(crate) authenticated: bool,
    /// What the system said of the transport.
    pub(crate) io_error: Option<Arc<io::Error>>,
    /// The transport failed: nothing more is read or written.
    pub(crate) lost: bool,
    /// This side cut the connection off.
    pub(crate) disconnected: Option<Option<Box<Condition>>>,
}

/// A session as its handles share it.
#[derive(Debug)]
pub(crate) struct SessionRecord {
    pub(crate) status: Status,
    /// This side began it, so that it ends with its last handle.
    pub(crate) ours: bool,
}

/// An endpoint of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Connection,
    Session(usize, SessionId),
    Sender(usize, SenderId),
    Receiver(usize, ReceiverId),
}

impl State {
    pub(crate) fn new(engine: Connection, allow_incoming: bool) -> Self {
        Self {
            engine,
            after: After::default(),
            wire: Wire::default(),
            layered: None,
            connection: Status::new(),
            sessions: Records::new(),
            senders: Records::new(),
            receivers: Records::new(),
            sends: Sends::new(),
            room: Waiters::default(),
            draining: Draining::default(),
            is_timeless: false,
            now: Instant::ORIGIN,
            backlog: Backlog::new(allow_incoming),
            default_session: None,
            user: None,
            authenticated: false,
            io_error: None,
            lost: false,
            disconnected: None,
        }
    }

    /// Does what follows from a change: looks at events, and tells reader and writer what there is for them.
    pub(crate) fn settle_down(&mut self) {
        self.look_at_events();
        let over = self.is_finished();
        let wants_write = match &self.layered {
            Some(layered) => layered.wants_write(&self.engine),
            None => self.engine.wants_write(),
        };
        self.wire.tell(&self.engine, wants_write, over, &mut self.after);
    }

    /// Nothing is left to read or write.
    pub(crate) fn is_finished(&self) -> bool {
        let sealed = self.layered.as_ref().is_some_and(|layered| layered.wants_write(&self.engine));
        self.is_cut() || (self.engine.is_finished() && !sealed)
    }

    /// Nothing more can be written, whatever there is.
    pub(crate) fn is_cut(&self) -> bool {
        self.disconnected.is_some() || self.lost
    }

    pub(crate) fn status(&mut self, place: Place) -> Option<&mut Status> {
        match place {
            Place::Connection => Some(&mut self.connection),
            Place::Session(key, _) => self.sessions.get_mut(key).map(|session| &mut session.status),
            Place::Sender(key, _) => self.senders.get_mut(key).map(|sender| &mut sender.status),
            Place::Receiver(key, _) => self.receivers.get_mut(key).map(|receiver| &mut receiver.status),
        }
    }

    /// Closes an endpoint from here, where it is not closing already.
    pub(crate) fn close(&mut self, place: Place, error: Option<Condition>) {
        let closed = match place {
            Place::Connection => {
                self.engine.close(error);
                // The engine sets the deadline of the close when it is told the time, which it is at once.
                self.is_timeless = true;
                self.wire.check_deadline(Some(Instant::ORIGIN), &mut self.after);
                true
            }
            Place::Session(_, id) => self.engine.session(id).is_ok_and(|mut it| it.end(error).is_ok()),
            Place::Sender(_, id) => self.engine.sender(id).is_ok_and(|mut it| it.close(error).is_ok()),
            Place::Receiver(_, id) => self.engine.receiver(id).is_ok_and(|mut it| it.close(error).is_ok()),
        };
        if closed {
            self.change(place, EndpointState::Closing);
        }
    }

    /// An endpoint gets into a state.
    pub(crate) fn change(&mut self, place: Place, state: EndpointState) {
        let mut after = std::mem::take(&mut self.after);
        if let Some(status) = self.status(place) {
            status.change(state, &mut after);
        }
        self.after = after;
    }

    /// Cuts the connection off without a word to the peer.
    pub(crate) fn disconnect(&mut self, error: Option<Box<Condition>>) {
        if self.disconnected.is_none() && self.connection.error().is_none() {
            self.disconnected = Some(error);
            // The engine keeps the latest time that it was told.
            _ = self.engine.handle_eof(Instant::ORIGIN);
        }
    }

    /// Who the client is, as far as that is known here.
    pub(crate) fn user_name(&self) -> Option<String> {
        let anonymous = || Some("anonymous".to_owned());
        if !self.engine.is_server() {
            return match &self.engine.options().credentials {
                Some(Credentials::Plain { user, .. }) => Some(user.clone()),
                Some(Credentials::External { .. } | Credentials::Mechanism { .. }) => None,
                _ => anonymous(),
            };
        }
        match self.engine.sasl() {
            Some(request) if self.authenticated && request.mechanism == *"ANONYMOUS" => anonymous(),
            Some(_) => self.user.clone().filter(|_| self.authenticated),
            // Without SASL, where it is not demanded and the client went on without.
            None => self.engine.remote().and_then(|_| anonymous()),
        }
    }

    /// What users are told for the engine's reason.
    pub(crate) fn error_of(&self, reason: &CloseReason) -> Error {
        let lost = matches!(reason.cause(), amqp_core::Cause::TransportLost);
        match (&self.disconnected, &self.io_error) {
            (Some(error), _) if lost => Error::Disconnected(error.clone()),
            (_, Some(error)) if lost => Error::Lost { reason: reason.clone(), error: error.clone() },
            _ => Error::Closed(reason.clone()),
        }
    }
}
