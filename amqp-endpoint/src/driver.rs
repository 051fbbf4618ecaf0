//! What an adapter turns: octets in, octets out, and the time.

use std::fmt;
use std::io;
use std::task::Waker;

use amqp_core::Instant;
use bytes::{Bytes, BytesMut};

use crate::layer::{Layer, Layered};
use crate::shared::Shared;
use crate::state::State;
use crate::sync::Arc;

/// The transport's side of a connection. Whoever owns the socket calls it; reading and writing may be two threads.
///
/// ```text
///   socket readable ─► on_bytes, on_eof      wants_read: read on, or wait for the reader's waker
///   socket writable ◄─ next_write            none: wait for the writer's waker; wants_shutdown: shut the writing side
///             timer ─► on_deadline           deadline: ask again after every call
///    socket failed ──► on_io_error           is_finished: close the socket
/// ```
///
/// Reading and writing must not wait for each other: two peers that both write before they read stand still. Dropped before
/// it is finished, everything that waits ends as if the transport had been lost.
pub struct Driver(Arc<Shared>);

impl Driver {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Puts a layer, such as TLS, between the socket and AMQP. To be called before anything is read or written.
    #[must_use]
    pub fn through(self, layer: Box<dyn Layer>) -> Self {
        self.0.with(|state| state.layered = Some(Layered::new(layer)));
        self
    }

    /// Another handle for another thread: to read with one and write with the other. Both must be kept until the
    /// connection is finished.
    #[must_use]
    pub fn split(self) -> (Self, Self) {
        (Self(Arc::clone(&self.0)), self)
    }

    /// Octets from the peer. What is whole is taken out of the buffer; the beginning of a frame stays in it, for more to be
    /// appended.
    pub fn on_bytes(&self, input: &mut BytesMut, now: Instant) {
        self.0.with(|state| {
            state.now = now;
            state.read(input, now);
            state.look_at_events();
            let deadline = state.deadline();
            state.wire.check_deadline(deadline, &mut state.after);
        });
    }

    /// The peer sends no more octets.
    pub fn on_eof(&self, now: Instant) {
        self.0.with(|state| state.read_end(now));
    }

    /// The transport failed: the connection is over.
    pub fn on_io_error(&self, error: io::Error) {
        self.0.with(|state| state.lose(error));
    }

    /// Octets to write, as many as there are for one write. `None`: wait for the writer's waker.
    #[must_use = "octets that were taken must be written"]
    pub fn next_write(&self, now: Instant) -> Option<Bytes> {
        self.0.with(|state| {
            let chunk = if state.is_cut() { None } else { state.next_write(now) };
            state.offer_room();
            if chunk.is_none() {
                state.wire.written();
            }
            chunk
        })
    }

    /// When [`Driver::on_deadline`] is due. The writer's waker is woken where it becomes earlier.
    pub fn deadline(&self) -> Option<Instant> {
        self.0.look(|state| {
            let deadline = state.deadline().filter(|_| !state.is_finished());
            state.wire.waits_until(deadline);
            deadline
        })
    }

    /// The deadline has come, or may have.
    pub fn on_deadline(&self, now: Instant) {
        self.0.with(|state| state.on_deadline(now));
    }

    /// False while reading more would only fill memory: wait for the reader's waker.
    pub fn wants_read(&self) -> bool {
        self.0.look(|state| {
            let wants = state.engine.wants_read();
            state.wire.pause_reader(!wants);
            wants
        })
    }

    /// True once nothing more will be written: write what was taken, then shut the writing side.
    pub fn wants_shutdown(&self) -> bool {
        self.0.look(|state| state.engine.wants_shutdown())
    }

    /// There is enough output for a write, or somebody waits for what follows from it; otherwise it may wait a moment for
    /// more.
    pub fn is_urgent(&self) -> bool {
        self.0.look(|state| state.wire.is_urgent())
    }

    /// True once the connection is over and nothing is left to write.
    pub fn is_finished(&self) -> bool {
        self.0.look(|state| state.is_finished())
    }

    /// True once this side has cut the connection off or the transport has failed: what was taken need not be written, and
    /// the socket be closed at once.
    pub fn is_cut_off(&self) -> bool {
        self.0.look(|state| state.disconnected.is_some() || state.io_error.is_some())
    }

    /// Who is woken when `wants_read` becomes true, and when the connection is finished.
    pub fn register_reader(&self, waker: &Waker) {
        let waker = waker.clone();
        self.0.with(|state| state.wire.set_reader(waker, &mut state.after));
    }

    /// Who is woken when there is something to write, at once where there is now, and when the connection is finished.
    pub fn register_writer(&self, waker: &Waker) {
        let waker = waker.clone();
        self.0.with(|state| state.wire.set_writer(waker, false, &mut state.after));
    }

    /// As [`Driver::register_writer`], for a writer that waits until the socket takes what it has: it is not woken for output,
    /// which it looks for anyway once the socket is ready.
    pub fn register_stuck_writer(&self, waker: &Waker) {
        let waker = waker.clone();
        self.0.with(|state| state.wire.set_writer(waker, true, &mut state.after));
    }
}

impl State {
    /// Nothing can be read or written any more.
    pub(crate) fn lose(&mut self, error: io::Error) {
        self.lost = true;
        self.on_io_error(error);
    }

    /// The connection is over; what a layer has still to say may be written.
    pub(crate) fn on_io_error(&mut self, error: io::Error) {
        if self.connection.error().is_none() {
            self.io_error = Some(error.into());
        }
        // The engine keeps the latest time that it was told.
        _ = self.engine.handle_eof(Instant::ORIGIN);
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("finished", &self.is_finished()).finish()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if !self.is_finished() {
            self.on_io_error(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "the I/O of the connection was dropped",
            ));
        }
    }
}
