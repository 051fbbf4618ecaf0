//! A connection.

use std::fmt;
use std::time::Duration;

use amqp_core::codec::{Error as Condition, Open};
use amqp_core::{Counters, ReceiverOptions, SenderOptions, SessionOptions, Trace};

use crate::container::Container;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::incoming::Next;
use crate::receiver::Receiver;
use crate::sender::Sender;
use crate::session::Session;
use crate::shared::Shared;
use crate::state::{Place, SessionRecord};
use crate::status::{EndpointState, Status};
use crate::sync::Arc;

/// A connection; a handle that can be cloned. Sessions, links and operations keep it open; with the last of them it is
/// flushed and closed. Only [`Endpoint::close`], awaited, promises that what was accepted for sending was written.
#[derive(Clone)]
pub struct Connection(Arc<ConnectionHandle>);

struct ConnectionHandle {
    shared: Arc<Shared>,
}

impl Connection {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(Arc::new(ConnectionHandle { shared }))
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    /// The container that it belongs to.
    pub fn container(&self) -> &Container {
        &self.0.shared.container
    }

    /// Begins a session, and does not wait for the peer: [`Endpoint::sync`] does.
    ///
    /// # Errors
    /// Where no channel is left, or the connection is closing or over.
    pub fn session(&self, options: SessionOptions) -> Result<Session, Error> {
        let begun = self.shared().with(|state| {
            let begun =
                state.engine.begin(options).map_err(|error| state.reason(Place::Connection, error.into()));
            begun.map(|id| {
                let key = state.sessions.insert(id, SessionRecord { status: Status::new(), ours: true });
                state.adopt(Place::Session(key, id));
                (key, id)
            })
        });
        begun.map(|(key, id)| Session::new(self.clone(), key, id))
    }

    /// The session that [`Connection::sender`] and [`Connection::receiver`] use: begun when it is first asked for, and
    /// again where it has ended since. It stays while the connection does.
    ///
    /// # Errors
    /// As [`Connection::session`].
    pub fn default_session(&self) -> Result<Session, Error> {
        let known = self.shared().with(|state| {
            let (key, id) = state.default_session?;
            let status = state.sessions.get(key).map(|session| &session.status);
            if status.is_none_or(|status| status.state() == EndpointState::Closing) {
                state.default_session = None;
                return None;
            }
            state.adopt(Place::Session(key, id));
            Some((key, id))
        });
        if let Some((key, id)) = known {
            return Ok(Session::new(self.clone(), key, id));
        }
        let session = self.session(SessionOptions::default())?;
        self.shared().with(|state| {
            if let Place::Session(key, id) = session.place()
                && state.default_session.is_none()
                // Its handles are not what keeps it.
                && let Some(record) = state.sessions.get_mut(key)
            {
                record.ours = false;
                state.default_session = Some((key, id));
            }
        });
        Ok(session)
    }

    /// Attaches a link to send on, on the default session, and does not wait for the peer.
    ///
    /// # Errors
    /// As [`Session::sender`] and [`Connection::session`].
    pub fn sender(&self, options: SenderOptions) -> Result<Sender, Error> {
        self.default_session()?.sender(options)
    }

    /// Attaches a link to receive on, on the default session, and does not wait for the peer.
    ///
    /// # Errors
    /// As [`Session::receiver`] and [`Connection::session`].
    pub fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        self.default_session()?.receiver(options)
    }

    /// Waits for what the peer opens next: the connection itself, sessions, links, in the order of the wire. Yields `None`
    /// once the connection is over.
    ///
    /// Nothing is held up meanwhile. What nobody asks for within `Limits::answer` is refused.
    pub fn incoming(&self) -> Next {
        Next::new(self.clone())
    }

    /// Cuts the connection off now, without a word to the peer. Everything that waits ends with `error`, or as if it had
    /// been closed cleanly.
    pub fn disconnect(&self, error: Option<Condition>) {
        self.shared().with(|state| state.disconnect(error.map(Box::new)));
    }

    /// What the peer said in its open, once it did.
    pub fn remote(&self) -> Option<Open> {
        self.shared().look(|state| state.engine.remote().cloned())
    }

    /// Who the client is: on the client what its credentials say; on the server who was authenticated, `anonymous` where
    /// nobody had to.
    pub fn user(&self) -> Option<String> {
        self.shared().look(|state| state.user_name())
    }

    /// The virtual host: on the client what it asks for, on the server what the client asked for.
    pub fn virtual_host(&self) -> Option<String> {
        self.shared().look(|state| {
            let host = match state.engine.is_server() {
                true => state.engine.remote().and_then(|open| open.hostname.clone()),
                false => state.engine.options().hostname.clone(),
            };
            host.map(|host| host.to_string())
        })
    }

    /// How often the peer wants to hear of this side; `None` where it does not care.
    pub fn heartbeat(&self) -> Option<Duration> {
        self.shared().look(|state| {
            let milliseconds = state.engine.remote()?.idle_time_out?;
            Some(Duration::from_millis(u64::from(milliseconds)))
        })
    }

    /// What it has done so far, and what it holds.
    pub fn counters(&self) -> Counters {
        self.shared().look(|state| state.engine.counters())
    }

    /// Messages sent whose outcome is not known, or was not taken.
    pub fn unresolved(&self) -> usize {
        self.shared().look(|state| state.sends.len())
    }

    /// Has every header and frame shown to `trace` from now on. It is called, and the one before it dropped, while the
    /// connection is locked: it must not use the connection.
    pub fn set_trace(&self, trace: Option<Box<dyn Trace>>) {
        self.shared().with(|state| state.engine.set_trace(trace));
    }
}

impl Endpoint for Connection {
    fn connection(&self) -> &Connection {
        self
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("container", &self.container().id()).finish_non_exhaustive()
    }
}

impl Drop for ConnectionHandle {
    fn drop(&mut self) {
        self.shared.with(|state| state.close(Place::Connection, None));
    }
}
