//! Octets from the peer: cut into headers and frames (§2.3), and each frame given to what it is for.

use amqp_codec::{
    Attach, DecodeError, DecodeErrorKind, Detach, FrameHeader, FrameType, MIN_MAX_FRAME_SIZE, Performative,
    ProtocolHeader, decode_performative, decode_sasl_frame,
};
use bytes::{Buf, Bytes, BytesMut};

use crate::connection::Connection;
use crate::delivery::transfer_in::FramePayload;
use crate::error::{Cause, Scope, Violation};
use crate::output::LARGE;
use crate::session::SessionEndpoint;
use crate::state::ConnectionState;
use crate::steps::step;
use crate::timer::Timer;
use crate::trace::Direction;

/// What the next octets are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    /// A protocol header.
    Header,
    /// SASL frames.
    Sasl,
    /// AMQP frames.
    Amqp,
    /// Nobody knows any more.
    Lost,
}

/// What can be said of octets from their start.
enum Unit {
    /// A whole header or frame of so many octets.
    Whole(usize),
    /// More is needed: so many octets in all, as far as it is known.
    Needs(usize),
    /// No header at all.
    NoHeader,
    /// No possible frame.
    Broken(Violation),
}

const HEADER: usize = FrameHeader::SIZE;

impl Connection {
    /// Takes a slice: whole frames are read where they lie, only a cut one is copied.
    pub(crate) fn take_slice(&mut self, mut input: &[u8]) {
        while self.reads() {
            let arrived = if self.partial.is_empty() { input } else { &self.partial[..] };
            match self.unit(arrived) {
                Unit::Whole(size) if self.partial.is_empty() => {
                    let (unit, rest) = input.split_at(size);
                    input = rest;
                    self.on_unit(unit, None);
                }
                Unit::Whole(size) => self.take_partial(size),
                Unit::Needs(_) if input.is_empty() => break,
                Unit::Needs(size) => {
                    let missing = size.saturating_sub(self.partial.len()).min(input.len());
                    let (more, rest) = input.split_at(missing);
                    input = rest;
                    self.partial.extend_from_slice(more);
                }
                Unit::NoHeader => self.on_header(None),
                Unit::Broken(violation) => self.lose_frames(violation),
            }
        }
        if self.awaits_sasl_answer() {
            self.keep_for_later(input);
        }
        self.assembling(!self.partial.is_empty());
    }

    /// Takes a buffer: as a slice, but large frames are shared with what is kept of them, and one that is cut stays.
    pub(crate) fn take_buffer(&mut self, input: &mut BytesMut) {
        if !self.partial.is_empty() {
            // The other door was used before: its frame is completed as it was begun.
            self.take_slice(&input.split());
            return;
        }
        while self.reads() {
            match self.unit(input) {
                Unit::Whole(size) if size < LARGE => {
                    self.on_unit(input.get(..size).unwrap_or_default(), None);
                    input.advance(size);
                }
                Unit::Whole(size) => {
                    let frame = input.split_to(size).freeze();
                    self.on_unit(&frame, Some(&frame));
                }
                Unit::Needs(_) => break,
                Unit::NoHeader => self.on_header(None),
                Unit::Broken(violation) => self.lose_frames(violation),
            }
        }
        if self.awaits_sasl_answer() {
            self.keep_for_later(input);
        }
        if !self.reads() {
            input.clear();
        }
        self.assembling(!input.is_empty());
    }

    fn take_partial(&mut self, size: usize) {
        let frame = self.partial.split_to(size).freeze();
        self.on_unit(&frame, (size >= LARGE).then_some(&frame));
    }

    /// What the octets begin with. Costs the same however many there are.
    #[inline]
    fn unit(&self, arrived: &[u8]) -> Unit {
        if self.layer == Layer::Header {
            let known = arrived.len().min(4);
            if arrived.get(..known) != b"AMQP".get(..known) {
                return Unit::NoHeader;
            }
            return if arrived.len() < HEADER { Unit::Needs(HEADER) } else { Unit::Whole(HEADER) };
        }
        let Some(header) = arrived.first_chunk::<HEADER>() else { return Unit::Needs(HEADER) };
        let header = match FrameHeader::decode(*header) {
            Ok(header) => header,
            Err(error) => return Unit::Broken(Violation::FrameHeader(error)),
        };
        // §2.3.1: decided on the header alone, before anything is kept of the frame.
        if header.size > self.largest_frame() {
            return Unit::Broken(Violation::FrameTooLarge(header.size));
        }
        if (header.frame_type == FrameType::Sasl) != (self.layer == Layer::Sasl) {
            return Unit::Broken(Violation::FrameType);
        }
        let size = header.size as usize;
        if size <= arrived.len() { Unit::Whole(size) } else { Unit::Needs(size) }
    }

    fn largest_frame(&self) -> u32 {
        let limits = &self.endpoints.cx.limits;
        if self.layer == Layer::Sasl {
            limits.sasl_frame
        } else if self.endpoints.cx.remote_open.is_none() {
            limits.pre_open_frame.max(MIN_MAX_FRAME_SIZE)
        } else {
            self.endpoints.options.max_frame_size.max(MIN_MAX_FRAME_SIZE)
        }
    }

    /// Whether octets are still looked at.
    fn reads(&self) -> bool {
        self.state != ConnectionState::End && self.layer != Layer::Lost && !self.awaits_sasl_answer()
    }

    /// What a SASL client sent ahead of the answer to it: kept unread, because nothing is authenticated yet.
    fn keep_for_later(&mut self, input: &[u8]) {
        self.partial.extend_from_slice(input);
        if self.partial.len() > self.endpoints.cx.limits.buffered_output {
            self.fail(Cause::Sasl(None));
        }
    }

    /// Where frames begin is not known any more: nothing more is read.
    fn lose_frames(&mut self, violation: Violation) {
        self.partial.clear();
        let in_sasl = self.layer == Layer::Sasl;
        self.layer = Layer::Lost;
        if in_sasl {
            // §5.3: the SASL layer has no close.
            self.fail(Cause::Violation(violation));
        } else {
            self.violated(violation);
        }
    }

    /// A frame has begun to arrive, or none has.
    pub(crate) fn assembling(&mut self, partial: bool) {
        if partial && self.reads() {
            let deadline = self.endpoints.cx.now + self.endpoints.cx.limits.frame_assembly;
            self.timers.set_if_clear(Timer::FrameAssembly, deadline);
        } else {
            self.timers.clear(Timer::FrameAssembly);
        }
    }

    /// A whole header or frame; `frame` is there where its octets can be shared.
    fn on_unit(&mut self, unit: &[u8], frame: Option<&Bytes>) {
        self.timers.clear(Timer::FrameAssembly);
        let Some(octets) = unit.first_chunk::<HEADER>() else { return };
        if self.layer == Layer::Header {
            self.on_header(ProtocolHeader::from_bytes(*octets));
            return;
        }
        let Ok(header) = FrameHeader::decode(*octets) else { return };
        let body = unit.get(header.body_offset()..).unwrap_or_default();
        self.frames_in = self.frames_in.wrapping_add(1);
        step();
        // §2.4.5: the peer is alive.
        self.timers.clear(Timer::LocalIdle);
        if self.layer == Layer::Sasl {
            self.on_sasl_body(body);
        } else if let Err(violation) = self.on_amqp_body(header.channel, FramePayload { octets: body, frame })
        {
            self.violated(violation);
        }
    }

    fn on_sasl_body(&mut self, body: &[u8]) {
        match decode_sasl_frame(body) {
            Ok(frame) => {
                if let Some(trace) = &mut self.endpoints.cx.out.trace {
                    trace.sasl(Direction::In, &frame);
                }
                self.on_sasl_frame(frame);
            }
            Err(error) => self.fail(Cause::Violation(Violation::Decode(error))),
        }
    }

    fn on_amqp_body(&mut self, channel: u16, body: FramePayload<'_>) -> Result<(), Violation> {
        let discarding = self.discards();
        if !discarding && channel > self.endpoints.options.channel_max {
            return Err(Violation::ChannelMax(channel));
        }
        if body.octets.is_empty() {
            // §2.4.5: an empty frame says that the peer is alive, and nothing else.
            if let Some(trace) = &mut self.endpoints.cx.out.trace {
                trace.frame(Direction::In, channel, &"(empty)", 0);
            }
            return Ok(());
        }
        let (performative, at) = match decode_performative(body.octets) {
            Ok(decoded) => decoded,
            Err(_) if discarding => return Ok(()),
            Err(error) => return self.undecoded(channel, body.octets, error),
        };
        let octets = body.octets.get(at..).unwrap_or_default();
        let payload = FramePayload { octets, frame: body.frame };
        if let Some(trace) = &mut self.endpoints.cx.out.trace {
            trace.frame(Direction::In, channel, &performative, payload.octets.len());
        }
        self.on_performative(channel, performative, at, payload)
    }

    /// §1.4: a missing or impossible field of a session's frame ends the session, anything else the connection.
    fn undecoded(&mut self, channel: u16, body: &[u8], error: DecodeError) -> Result<(), Violation> {
        let session = self.endpoints.channels_in.get(u32::from(channel));
        let field = matches!(error.kind, DecodeErrorKind::MissingField(_) | DecodeErrorKind::InvalidField(_));
        match session {
            Some(session) if field && is_of_session(body) => {
                self.endpoints.session_violation(session, Violation::SessionField(error));
                Ok(())
            }
            _ => Err(Violation::Decode(error)),
        }
    }

    /// A performative of so many octets, and what stands behind it.
    fn on_performative(
        &mut self,
        channel: u16,
        performative: Performative,
        octets: usize,
        payload: FramePayload<'_>,
    ) -> Result<(), Violation> {
        if self.discards() {
            match performative {
                Performative::Close(close) => self.on_close(close.error),
                // §2.4.6: our close went ahead of everything; the open says that frames may be larger now.
                Performative::Open(open) if self.state == ConnectionState::ClosePipe => {
                    self.on_open(channel, *open)?;
                }
                _ => {}
            }
            return Ok(());
        }
        match performative {
            Performative::Open(open) => self.on_open(channel, *open),
            Performative::Close(close) => {
                if !self.endpoints.opened {
                    // The answer needs an open before it, and nobody waits for the application's any more.
                    self.write_open();
                }
                self.on_close(close.error);
                Ok(())
            }
            _ if self.endpoints.cx.remote_open.is_none() => Err(Violation::NotOpened),
            Performative::Begin(begin) => self.endpoints.on_begin(channel, *begin, octets),
            other => self.on_session_frame(channel, other, octets, payload),
        }
    }

    fn on_session_frame(
        &mut self,
        channel: u16,
        performative: Performative,
        octets: usize,
        payload: FramePayload<'_>,
    ) -> Result<(), Violation> {
        let endpoints = &mut self.endpoints;
        let session =
            endpoints.channels_in.get(u32::from(channel)).ok_or(Violation::UnmappedChannel(channel))?;
        if let Performative::End(end) = performative {
            endpoints.on_end(session, end, octets);
            return Ok(());
        }
        // §2.5.4: after our end with an error everything but the peer's end is dropped; after any, no link begins.
        let attaches = matches!(performative, Performative::Attach(_));
        let drops = |session: &SessionEndpoint| session.is_discarding() || attaches && session.has_ended();
        if endpoints.sessions.get(session).is_none_or(|session| drops(session)) {
            return Ok(());
        }
        let handle = handle_of(&performative);
        let result = match performative {
            Performative::Attach(attach) => endpoints.on_attach(session, *attach, octets),
            Performative::Flow(flow) => endpoints.on_flow(session, &flow),
            Performative::Transfer(transfer) => endpoints.on_transfer(session, &transfer, payload),
            Performative::Disposition(disposition) => endpoints.on_disposition(session, &disposition),
            Performative::Detach(detach) => endpoints.on_detach(session, detach, octets),
            Performative::Open(_)
            | Performative::Begin(_)
            | Performative::End(_)
            | Performative::Close(_) => Ok(()),
        };
        let Err(violation) = result else { return Ok(()) };
        let link = handle.and_then(|handle| endpoints.link_by_handle(session, handle));
        match (violation.scope(), link) {
            (Scope::Connection, _) => return Err(violation),
            (Scope::Link, Some(link)) => endpoints.link_violation(link, violation),
            (Scope::Session | Scope::Link, _) => endpoints.session_violation(session, violation),
        }
        Ok(())
    }
}

/// Whether the performative is one that a session can be ended for: attach to detach. An end is none: another would be
/// waited for. Only its usual form is looked at; what comes in another ends the connection.
fn is_of_session(body: &[u8]) -> bool {
    matches!(body, [0x00, 0x53, code, ..] if (Attach::CODE..=Detach::CODE).contains(&u64::from(*code)))
}

fn handle_of(performative: &Performative) -> Option<u32> {
    match performative {
        Performative::Flow(flow) => flow.handle,
        Performative::Transfer(transfer) => Some(transfer.handle),
        _ => None,
    }
}
