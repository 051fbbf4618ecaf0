//! A session.

use std::fmt;

use amqp_core::codec::Str;
use amqp_core::{Exhausted, ReceiverOptions, SenderOptions, SessionId};

use crate::connection::Connection;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::receiver::{Receiver, ReceiverRecord};
use crate::sender::{Sender, SenderRecord};
use crate::state::{Place, State};
use crate::sync::Arc;

/// A session; a handle that can be cloned. One that this side began ends with its last handle, links included; one that
/// the peer began is the peer's to end.
#[derive(Clone)]
pub struct Session(Arc<SessionHandle>);

struct SessionHandle {
    connection: Connection,
    key: usize,
    id: SessionId,
}

impl Session {
    /// A handle of a session that was counted by [`State::adopt`].
    pub(crate) fn new(connection: Connection, key: usize, id: SessionId) -> Self {
        Self(Arc::new(SessionHandle { connection, key, id }))
    }

    pub(crate) fn place(&self) -> Place {
        Place::Session(self.0.key, self.0.id)
    }

    /// Attaches a link to send on, and does not wait for the peer: [`Endpoint::sync`] does.
    ///
    /// # Errors
    /// Where no handle is left, the link's name is taken, or the session is closing. The name of a link of this session that
    /// was detached when its last handle went is not taken: that link is attached again, as it was.
    pub fn sender(&self, mut options: SenderOptions) -> Result<Sender, Error> {
        options.name.get_or_insert_with(|| self.link_name());
        options.auto_drain = false;
        let name = options.name.clone().unwrap_or_default();
        let attached = self.attach(|state, session| {
            let (key, id) = match state.engine.session(session)?.attach_sender(options) {
                Ok(id) => (state.senders.insert(id, SenderRecord::new()), id),
                Err(Exhausted::Name) => state.take_up_sender(session, &name).ok_or(Exhausted::Name)?,
                Err(error) => return Err(error.into()),
            };
            state.adopt(Place::Sender(key, id));
            Ok((key, id))
        });
        attached.map(|(key, id)| Sender::new(self.clone(), key, id))
    }

    /// Attaches a link to receive on, and does not wait for the peer: [`Endpoint::sync`] does.
    ///
    /// # Errors
    /// As [`Session::sender`].
    pub fn receiver(&self, mut options: ReceiverOptions) -> Result<Receiver, Error> {
        options.name.get_or_insert_with(|| self.link_name());
        let (name, credit) = (options.name.clone().unwrap_or_default(), options.credit);
        let attached = self.attach(|state, session| {
            let (key, id) = match state.engine.session(session)?.attach_receiver(options) {
                Ok(id) => (state.receivers.insert(id, ReceiverRecord::new()), id),
                Err(Exhausted::Name) => {
                    state.take_up_receiver(session, &name, credit).ok_or(Exhausted::Name)?
                }
                Err(error) => return Err(error.into()),
            };
            state.adopt(Place::Receiver(key, id));
            Ok((key, id))
        });
        attached.map(|(key, id)| Receiver::new(self.clone(), key, id))
    }

    /// A name that no other link of the container has.
    fn link_name(&self) -> Str {
        self.0.connection.shared().container.link_name()
    }

    fn attach<R>(&self, attach: impl FnOnce(&mut State, SessionId) -> Result<R, Error>) -> Result<R, Error> {
        let (place, id) = (self.place(), self.0.id);
        self.0.connection.shared().with(|state| attach(state, id).map_err(|error| state.reason(place, error)))
    }
}

impl Endpoint for Session {
    fn connection(&self) -> &Connection {
        &self.0.connection
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", &self.0.id).finish_non_exhaustive()
    }
}

impl Drop for SessionHandle {
    fn drop(&mut self) {
        let place = Place::Session(self.key, self.id);
        self.connection.shared().with(|state| state.let_go(place));
    }
}
