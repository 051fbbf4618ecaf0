//! The connection (§2.4): the doors of the engine. Each concern of it has a file of its own.

mod close;
mod handshake;
mod input;
mod output;
mod timeout;

use alloc::boxed::Box;
use core::time::Duration;

use amqp_codec::{Error, Open};
use bytes::{Bytes, BytesMut};

use crate::connection::close::CloseIntent;
use crate::connection::input::Layer;
use crate::endpoints::Endpoints;
use crate::error::{CloseReason, Exhausted, Gone, StateError};
use crate::event::{Event, ReceiverId, SenderId, SessionId};
use crate::link::receiver::Receiver;
use crate::link::sender::Sender;
use crate::options::{ConnectionOptions, SessionOptions, TransportFacts};
use crate::sasl::{Sasl, SaslAnswer, SaslRequest};
use crate::session::Session;
use crate::state::ConnectionState;
use crate::time::Instant;
use crate::timer::TimerTable;
use crate::trace::Trace;

/// One end of an AMQP connection, as a state machine: octets and time go in, octets and events come out.
///
/// It never waits and never fails: what a peer does wrong becomes a close to write and a final event. The methods fall
/// into four kinds: `handle_…` says what happened, `poll_…` asks what to do about it, the views and
/// [`Connection::begin`] to [`Connection::close`] say what the application wants, and the rest are getters. They may be
/// called in any order and any number of times.
pub struct Connection {
    role: Role,
    state: ConnectionState,
    layer: Layer,
    sasl: Option<Box<Sasl>>,
    /// The beginning of a header or frame whose rest has not arrived, or what waits for a SASL answer.
    partial: BytesMut,
    /// The SASL answer was given: what waits may be read, once the time is known.
    answered: bool,
    timers: TimerTable,
    /// The client has said its first words.
    greeted: bool,
    /// What is left of the handshake's time for the peer, kept while the application is asked.
    handshake_left: Duration,
    close: Option<Box<CloseIntent>>,
    reason: Option<CloseReason>,
    /// Frames that arrived, empty ones included.
    frames_in: u64,
    endpoints: Endpoints,
}

/// Who connected to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Client,
    Server,
}

/// What a connection has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Frames that arrived, those of SASL and empty ones included.
    pub frames_in: u64,
    /// Frames written, those of SASL and empty ones included.
    pub frames_out: u64,
    /// Sessions, those that are over and not read to their end included.
    pub sessions: usize,
    /// Links, those that are over and not read to their end included.
    pub links: usize,
    /// Deliveries accepted for sending or sent, and not resolved and settled.
    pub outgoing: usize,
    /// Deliveries received, and not taken or not settled.
    pub incoming: usize,
    /// Octets of deliveries that arrived and were not taken.
    pub buffered_input: usize,
    /// Octets of output encoded and not taken, and of deliveries accepted and not encoded.
    pub buffered_output: usize,
}

impl Connection {
    /// The end that connects: its header is what is polled first.
    pub fn client(options: ConnectionOptions) -> Self {
        Self::new(Role::Client, options)
    }

    /// The end that is connected to: it waits for the peer's header.
    pub fn server(options: ConnectionOptions) -> Self {
        Self::new(Role::Server, options)
    }

    fn new(role: Role, options: ConnectionOptions) -> Self {
        Self {
            role,
            state: ConnectionState::Start,
            layer: Layer::Header,
            sasl: None,
            partial: BytesMut::new(),
            answered: false,
            timers: TimerTable::default(),
            greeted: false,
            close: None,
            reason: None,
            frames_in: 0,
            handshake_left: options.limits.handshake,
            endpoints: Endpoints::new(options),
        }
    }

    /// Octets from the peer, cut anywhere.
    pub fn handle_input(&mut self, input: &[u8], now: Instant) -> Events<'_> {
        self.tick(now);
        self.take_slice(input);
        self.after_door();
        Events(self)
    }

    /// Octets from the peer, cut anywhere: what is whole is taken out of the buffer, large payloads uncopied. The beginning
    /// of a frame stays in it, for more to be appended; until it is gone this is the door to use.
    pub fn handle_input_buf(&mut self, input: &mut BytesMut, now: Instant) -> Events<'_> {
        self.tick(now);
        self.take_buffer(input);
        self.after_door();
        Events(self)
    }

    /// The peer sends no more octets.
    pub fn handle_eof(&mut self, now: Instant) -> Events<'_> {
        self.tick(now);
        self.on_eof();
        self.after_door();
        Events(self)
    }

    /// The time of [`Connection::poll_timeout`] has come, or may have.
    pub fn handle_timeout(&mut self, now: Instant) -> Events<'_> {
        self.tick(now);
        self.on_timeout();
        self.after_door();
        Events(self)
    }

    /// Octets for the peer. Call it until there are none, or a write is blocked.
    ///
    /// What was taken is the caller's, and counts nowhere any more; it also begins the time of `Limits::write_stall` anew.
    /// So while the transport takes no more, poll no more: the engine then refuses sends, stops reading and gives up a
    /// peer that never reads, as `Limits` say.
    ///
    /// Taking output can be what a sender waited for, and what waited for a SASL answer is read, so there may be events
    /// after it.
    #[must_use = "octets that were polled must be written"]
    pub fn poll_output(&mut self, now: Instant) -> Option<Bytes> {
        self.tick(now);
        self.next_output()
    }

    /// What the application may want to look at. Call it until there is nothing, before waiting for the peer.
    ///
    /// What an event is about should be looked at before the next one is taken: after its final event an endpoint is
    /// there until then.
    #[must_use = "an event is told once"]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.endpoints.poll_event()
    }

    /// When [`Connection::handle_timeout`] is due. Ask again after every other call.
    ///
    /// None before the first call that tells the time, so make one at once: the time for the handshake begins with it. None
    /// after [`Connection::is_finished`] either: what is still to be written is the caller's to time.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// False while too much waits for the application, for the peer to read, or for a SASL answer: reading more would
    /// only fill memory. What is read nevertheless is taken, so memory has a bound only where this is asked before each
    /// read. What was polled and is not written does not count: see [`Connection::poll_output`].
    pub fn wants_read(&self) -> bool {
        let cx = &self.endpoints.cx;
        let unread = cx.buffered >= cx.limits.buffered_input && cx.takeable > 0;
        let unwritten = cx.out.len() >= cx.limits.buffered_output;
        !unread && !unwritten && !self.awaits_sasl_answer()
    }

    /// True where [`Connection::poll_output`] would give something now, or may: it costs less to ask.
    pub fn wants_write(&self) -> bool {
        self.has_output() || self.greets() || self.closes_now()
    }

    /// True once nothing more will be added to the output: poll and write the rest, then shut the writing side. Read on
    /// until the peer ends as well, but no longer than a moment, and drop the socket then: one that is dropped with
    /// something unread sends a reset, and the peer may never see the close.
    pub fn wants_shutdown(&self) -> bool {
        self.state == ConnectionState::End
    }

    /// True once the connection is over and nothing is left to poll. There may be events left to look at, the last of
    /// them [`Event::Closed`], and octets that were polled left to write: no deadline of the engine watches these.
    pub fn is_finished(&self) -> bool {
        self.state == ConnectionState::End && self.endpoints.cx.out.len() == 0
    }

    /// Answers the peer's open ([`Event::Opening`]); `options` say what this side's open says.
    ///
    /// The limits, the SASL layer and the transport's facts stay those given at construction, and so does
    /// `accept_sessions` where it is not set again.
    ///
    /// # Errors
    /// [`StateError::NotAsked`] where no open waits.
    pub fn accept(&mut self, options: ConnectionOptions) -> Result<(), StateError> {
        self.answer_open(options)
    }

    /// Answers the peer's open with an open and a close that carries `error`.
    ///
    /// # Errors
    /// [`StateError::NotAsked`] where no open waits.
    pub fn refuse(&mut self, error: impl Into<Error>) -> Result<(), StateError> {
        self.refuse_open(error.into())
    }

    /// Answers [`Event::Authenticate`]. What the peer has sent behind the question is read by the next call that tells the
    /// time.
    ///
    /// # Errors
    /// [`StateError::NotAsked`] where nothing waits, [`StateError::WrongAnswer`] where the answer is none for this side;
    /// another can be given then.
    pub fn authenticate(&mut self, answer: SaslAnswer) -> Result<(), StateError> {
        self.answer_sasl(answer)
    }

    /// What the SASL peer said last: what waits for [`Connection::authenticate`], or was accepted.
    pub fn sasl(&self) -> Option<&SaslRequest> {
        self.sasl.as_deref().and_then(Sasl::request)
    }

    /// Begins a session (§2.5.1). Its begin is written at once on channel 0, and when the peer's open is known on
    /// others.
    ///
    /// # Errors
    /// [`Exhausted`] where no channel is left or the connection is closing.
    pub fn begin(&mut self, options: SessionOptions) -> Result<SessionId, Exhausted> {
        self.endpoints.begin(options)
    }

    /// A view of a session.
    ///
    /// # Errors
    /// [`Gone`] where the id is stale.
    pub fn session(&mut self, id: SessionId) -> Result<Session<'_>, Gone> {
        self.endpoints.sessions.get(id).ok_or(Gone)?;
        Ok(Session { endpoints: &mut self.endpoints, id })
    }

    /// A view of a sender.
    ///
    /// # Errors
    /// [`Gone`] where the id is stale.
    #[inline]
    pub fn sender(&mut self, id: SenderId) -> Result<Sender<'_>, Gone> {
        self.endpoints.senders.get(id).ok_or(Gone)?;
        Ok(Sender { endpoints: &mut self.endpoints, id })
    }

    /// A view of a receiver.
    ///
    /// # Errors
    /// [`Gone`] where the id is stale.
    #[inline]
    pub fn receiver(&mut self, id: ReceiverId) -> Result<Receiver<'_>, Gone> {
        self.endpoints.receivers.get(id).ok_or(Gone)?;
        Ok(Receiver { endpoints: &mut self.endpoints, id })
    }

    /// Closes the connection (§2.4.3): everything accepted for sending is sent first, as far as the peer's windows
    /// allow within `Limits::close`. Does nothing where it is closing or closed.
    pub fn close(&mut self, error: Option<Error>) {
        self.want_close(error);
    }

    /// Where the connection stands between headers and closes.
    pub fn state(&self) -> ConnectionState {
        self.state
    }

    /// Whether this is the end that was connected to.
    pub fn is_server(&self) -> bool {
        self.role == Role::Server
    }

    /// What the adapter learnt of the transport after construction. Counts until the first octet is read or polled.
    pub fn set_transport(&mut self, transport: TransportFacts) {
        self.endpoints.options.transport = transport;
    }

    /// What this side says in its open.
    pub fn options(&self) -> &ConnectionOptions {
        &self.endpoints.options
    }

    /// What the peer said in its open.
    pub fn remote(&self) -> Option<&Open> {
        self.endpoints.cx.remote_open.as_deref()
    }

    /// Octets of the largest frame that this side writes: the peer's max-frame-size, 512 until it is known.
    pub fn max_frame_size_out(&self) -> u32 {
        self.endpoints.cx.out.max_frame_size
    }

    /// Why the connection is over.
    pub fn close_reason(&self) -> Option<&CloseReason> {
        self.reason.as_ref()
    }

    /// What it has done so far, and what it holds.
    pub fn counters(&self) -> Counters {
        let endpoints = &self.endpoints;
        Counters {
            frames_in: self.frames_in,
            frames_out: endpoints.cx.out.frames,
            sessions: endpoints.sessions.len(),
            links: endpoints.senders.len().saturating_add(endpoints.receivers.len()),
            outgoing: endpoints.outgoing.len(),
            incoming: endpoints.incoming.len(),
            buffered_input: endpoints.cx.buffered,
            buffered_output: self.buffered_output(),
        }
    }

    /// Octets of output encoded and not taken, and of deliveries accepted and not encoded.
    pub fn buffered_output(&self) -> usize {
        self.endpoints.cx.out.len().saturating_add(self.endpoints.cx.queued_octets)
    }

    /// Has every header and frame shown to `trace` from now on; all of them where it is set before anything is polled.
    pub fn set_trace(&mut self, trace: Option<Box<dyn Trace>>) {
        self.endpoints.cx.out.trace = trace;
    }
}

/// What has happened, oldest first. What is not taken from here stays for [`Connection::poll_event`], which is also
/// what to use where the connection is needed while looking at an event.
pub struct Events<'a>(&'a mut Connection);

impl Iterator for Events<'_> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.0.poll_event()
    }
}
