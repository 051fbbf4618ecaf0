//! A container: the name under which connections introduce themselves.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use amqp_core::codec::Str;
use amqp_core::{Connection as Engine, ConnectionOptions};

use crate::connection::Connection;
use crate::driver::Driver;
use crate::shared::Shared;
use crate::state::State;
use crate::sync::Arc;
use crate::trace::log_frames;

/// A container (§2.1): the name that all connections of a program share, and the source of their links' names. Clones
/// are the same container.
///
/// An adapter adds the methods that connect and listen.
#[derive(Clone, Debug)]
pub struct Container(Arc<Names>);

#[derive(Debug)]
struct Names {
    id: Str,
    links: AtomicU64,
}

impl Container {
    /// A container called `id`, which should be unique in the network; where it is empty, a random UUID.
    pub fn new(id: impl Into<Str>) -> Self {
        let mut id = id.into();
        if id.is_empty() {
            id = Str::from(uuid::Uuid::new_v4().to_string());
        }
        Self(Arc::new(Names { id, links: AtomicU64::new(0) }))
    }

    /// Its name.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The client end of a connection, and what moves its octets. The container's id takes the place of the one in
    /// `options`; the peer's sessions and links are refused unless `allow_incoming` says otherwise.
    pub fn client(&self, options: ConnectionOptions) -> (Connection, Driver) {
        let allow_incoming = options.allow_incoming.unwrap_or(false);
        self.end(Engine::client(options.container_id(self.0.id.clone())), allow_incoming)
    }

    /// The server end of a connection, and what moves its octets. The peer's open, sessions and links arrive at
    /// [`Connection::incoming`], as does the client's authentication where `options` demand it.
    pub fn server(&self, options: ConnectionOptions) -> (Connection, Driver) {
        let allow_incoming = options.allow_incoming.unwrap_or(true);
        self.end(Engine::server(options.container_id(self.0.id.clone())), allow_incoming)
    }

    fn end(&self, engine: Engine, allow_incoming: bool) -> (Connection, Driver) {
        let shared = Arc::new(Shared::new(self.clone(), State::new(engine, allow_incoming)));
        let connection = Connection::new(Arc::clone(&shared));
        log_frames(&connection);
        (connection, Driver::new(shared))
    }

    /// A name that no other link of this container has.
    pub(crate) fn link_name(&self) -> Str {
        let number = self.0.links.fetch_add(1, Ordering::Relaxed);
        let mut name = String::from(self.id());
        // Writing to a string does not fail.
        _ = write!(name, "@{number:x}");
        Str::from(name)
    }
}

impl Default for Container {
    /// With a random name.
    fn default() -> Self {
        Self::new("")
    }
}
