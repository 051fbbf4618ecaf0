//! What may lie between the socket and AMQP: TLS, without I/O of its own.

use std::io;

use amqp_core::{Connection, Instant, TransportFacts};
use bytes::{Bytes, BytesMut};

use crate::state::State;

/// A layer between the octets of the socket and those of AMQP, such as TLS: a state machine that does no I/O.
///
/// Nothing of AMQP is written or read before [`Layer::facts`] are known, so that passwords only go where the layer has
/// made it safe. An error of it is an error of the transport: the connection is over with it.
pub trait Layer: Send {
    /// Octets from the socket: takes what it can out of `wire`, which keeps the rest for more to be appended, and appends
    /// what they carried to `plain`.
    ///
    /// # Errors
    /// Where the peer broke the layer's rules.
    fn read(&mut self, wire: &mut BytesMut, plain: &mut BytesMut) -> io::Result<()>;

    /// The socket brings no more octets.
    ///
    /// # Errors
    /// Where the layer was cut off: what it has carried may not be all that the peer sent.
    fn read_end(&mut self) -> io::Result<()>;

    /// Seals octets of AMQP, to be taken by [`Layer::next_write`].
    ///
    /// # Errors
    /// Where the layer cannot.
    fn write(&mut self, plain: Bytes) -> io::Result<()>;

    /// Nothing follows: says goodbye in the layer's own way. What is not taken within `Limits::close` from then is given up.
    fn close(&mut self);

    /// Octets for the socket: the layer's own, or sealed ones.
    fn next_write(&mut self) -> Option<Bytes>;

    /// Whether [`Layer::next_write`] would give something.
    fn wants_write(&self) -> bool;

    /// What is known of the transport, once the layer's handshake is done.
    fn facts(&self) -> Option<TransportFacts>;
}

/// A layer in use.
pub(crate) struct Layered {
    layer: Box<dyn Layer>,
    /// Octets of AMQP that are no whole frame yet.
    plain: BytesMut,
    established: bool,
    closed: bool,
    /// When it first saw the time.
    begun: Option<Instant>,
    /// AMQP is over: what is left to be written has until then.
    until: Option<Instant>,
}

impl Layered {
    pub(crate) fn new(layer: Box<dyn Layer>) -> Self {
        Self { layer, plain: BytesMut::new(), established: false, closed: false, begun: None, until: None }
    }

    /// Whether there is something to write, of its own or of the engine.
    pub(crate) fn wants_write(&self, engine: &Connection) -> bool {
        let farewell = engine.wants_shutdown() && !self.closed;
        self.layer.wants_write() || (self.established && (engine.wants_write() || farewell))
    }

    /// When its handshake must be done, or its goodbye be written.
    fn deadline(&self, engine: &Connection) -> Option<Instant> {
        let handshake = self.begun.filter(|_| !self.established);
        let goodbye = self.until.filter(|_| self.wants_write(engine));
        handshake.map(|begun| begun + engine.options().limits.handshake).or(goodbye)
    }

    /// Sees the time, and whether AMQP is over.
    fn see(&mut self, engine: &Connection, now: Instant) {
        self.begun.get_or_insert(now);
        if self.until.is_none() && engine.is_finished() {
            self.until = Some(now + engine.options().limits.close);
        }
    }
}

impl State {
    /// Octets from the socket, through the layer where there is one.
    pub(crate) fn read(&mut self, wire: &mut BytesMut, now: Instant) {
        let Some(layered) = &mut self.layered else {
            _ = self.engine.handle_input_buf(wire, now);
            return;
        };
        let read = layered.layer.read(wire, &mut layered.plain);
        self.establish();
        if let Some(layered) = self.layered.as_mut() {
            if layered.established {
                _ = self.engine.handle_input_buf(&mut layered.plain, now);
            }
            layered.see(&self.engine, now);
        }
        if let Err(error) = read {
            self.on_io_error(error);
        }
    }

    /// The socket brings no more octets.
    pub(crate) fn read_end(&mut self, now: Instant) {
        match self.layered.as_mut().map_or(Ok(()), |layered| layered.layer.read_end()) {
            Ok(()) => _ = self.engine.handle_eof(now),
            Err(error) => self.on_io_error(error),
        }
        self.layered.iter_mut().for_each(|layered| layered.see(&self.engine, now));
    }

    /// Octets for the socket, through the layer where there is one.
    pub(crate) fn next_write(&mut self, now: Instant) -> Option<Bytes> {
        self.is_timeless = false;
        if self.layered.is_none() {
            return self.engine.poll_output(now);
        }
        self.establish();
        loop {
            let layered = self.layered.as_mut()?;
            layered.see(&self.engine, now);
            let octets = layered.layer.next_write();
            if octets.is_some() || !layered.established {
                return octets;
            }
            match self.engine.poll_output(now) {
                Some(plain) => {
                    if let Err(error) = layered.layer.write(plain) {
                        self.on_io_error(error);
                        return None;
                    }
                }
                None if self.engine.wants_shutdown() && !std::mem::replace(&mut layered.closed, true) => {
                    layered.layer.close();
                }
                None => return None,
            }
        }
    }

    /// When [`State::on_deadline`] is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let layer = self.layered.as_ref().and_then(|layered| layered.deadline(&self.engine));
        let engine = layer.or_else(|| self.engine.poll_timeout());
        let at_once = self.is_timeless.then_some(Instant::ORIGIN);
        engine.into_iter().chain(self.draining.deadline()).chain(at_once).min()
    }

    /// The time of a deadline has come.
    pub(crate) fn on_deadline(&mut self, now: Instant) {
        self.is_timeless = false;
        self.end_patience(now);
        match self.layered.as_ref().and_then(|layered| layered.deadline(&self.engine)) {
            Some(deadline) if deadline <= now => self.lose(io::ErrorKind::TimedOut.into()),
            Some(_) => {}
            None => _ = self.engine.handle_timeout(now),
        }
        self.layered.iter_mut().for_each(|layered| layered.see(&self.engine, now));
    }

    /// The engine may begin once it knows what the layer has made of the transport.
    fn establish(&mut self) {
        let Some(layered) = self.layered.as_mut().filter(|layered| !layered.established) else { return };
        if let Some(facts) = layered.layer.facts() {
            layered.established = true;
            self.engine.set_transport(facts);
        }
    }
}
