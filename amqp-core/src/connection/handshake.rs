//! From nothing to two opens: protocol headers (§2.2), the SASL layer (§5.3) and opens (§2.4.1, §2.7.1).

use alloc::boxed::Box;

use amqp_codec::{MIN_MAX_FRAME_SIZE, Open, ProtocolHeader, SaslFrame};

use crate::connection::input::Layer;
use crate::connection::{Connection, Role};
use crate::error::{Cause, StateError, Violation};
use crate::event::Event;
use crate::options::ConnectionOptions;
use crate::sasl::{Sasl, SaslAnswer, Step};
use crate::state::{ConnectionState, ConnectionStep};
use crate::timer::Timer;

impl Connection {
    /// §2.2: the client sends its header without waiting, and its open with it where no SASL comes first.
    pub(crate) fn greet(&mut self) {
        if self.role == Role::Server || core::mem::replace(&mut self.greeted, true) {
            return;
        }
        if let Some(credentials) = self.endpoints.options.credentials.clone() {
            self.sasl = Some(Box::new(Sasl::client(credentials, &self.endpoints.options)));
            self.endpoints.cx.out.header(ProtocolHeader::SASL);
        } else {
            self.start_amqp();
        }
    }

    /// The client's AMQP header, and its open pipelined behind it.
    fn start_amqp(&mut self) {
        self.layer = Layer::Header;
        self.write_header();
        self.write_open();
    }

    fn write_header(&mut self) {
        self.endpoints.cx.out.header(ProtocolHeader::AMQP);
        self.state.step(ConnectionStep::SendHeader);
    }

    /// A protocol header, or `None` for octets that are none.
    pub(crate) fn on_header(&mut self, header: Option<ProtocolHeader>) {
        if let (Some(header), Some(trace)) = (header, &mut self.endpoints.cx.out.trace) {
            trace.header(crate::trace::Direction::In, header);
        }
        match self.role {
            Role::Client => self.on_header_from_server(header),
            Role::Server => self.on_header_from_client(header),
        }
    }

    fn on_header_from_server(&mut self, header: Option<ProtocolHeader>) {
        let in_sasl = self.state == ConnectionState::Start;
        let wanted = if in_sasl { ProtocolHeader::SASL } else { ProtocolHeader::AMQP };
        if header != Some(wanted) {
            // §2.2: the headers differ, so both sides stop writing.
            self.fail(Cause::Header(header));
        } else if in_sasl {
            self.layer = Layer::Sasl;
        } else {
            self.state.step(ConnectionStep::ReceiveHeader);
            self.layer = Layer::Amqp;
        }
    }

    fn on_header_from_client(&mut self, header: Option<ProtocolHeader>) {
        let offers_sasl = self.endpoints.options.sasl.is_some();
        let required = self.endpoints.options.sasl.as_ref().is_some_and(|sasl| sasl.required);
        let secured = self.sasl.is_some();
        match header {
            Some(ProtocolHeader::SASL) if offers_sasl && !secured => self.start_sasl_server(),
            Some(ProtocolHeader::AMQP) if secured || !required => {
                self.state.step(ConnectionStep::ReceiveHeader);
                self.write_header();
                self.layer = Layer::Amqp;
            }
            other => {
                // §2.2: answered with a header that would be accepted; one was agreed on already after SASL.
                if !secured {
                    let header = if required { ProtocolHeader::SASL } else { ProtocolHeader::AMQP };
                    self.endpoints.cx.out.header(header);
                }
                self.fail(Cause::Header(other));
            }
        }
    }

    fn start_sasl_server(&mut self) {
        self.endpoints.cx.out.header(ProtocolHeader::SASL);
        self.layer = Layer::Sasl;
        let Some(options) = self.endpoints.options.sasl.clone() else { return };
        let (sasl, step) = Sasl::server(&options, &self.endpoints.options);
        self.sasl = Some(Box::new(sasl));
        self.take_sasl_step(step);
    }

    pub(crate) fn on_sasl_frame(&mut self, frame: SaslFrame) {
        let Some(sasl) = self.sasl.as_deref_mut() else { return };
        let step = sasl.on_frame(frame, self.endpoints.cx.limits.sasl_rounds);
        self.take_sasl_step(step);
    }

    pub(crate) fn answer_sasl(&mut self, answer: SaslAnswer) -> Result<(), StateError> {
        if self.state == ConnectionState::End {
            return Err(StateError::NotAsked);
        }
        let step = self.sasl.as_deref_mut().ok_or(StateError::NotAsked)?.on_answer(answer)?;
        self.timers.clear(Timer::Handshake);
        self.take_sasl_step(step);
        self.answered = true;
        Ok(())
    }

    pub(crate) fn awaits_sasl_answer(&self) -> bool {
        self.layer == Layer::Sasl && self.sasl.as_deref().is_some_and(Sasl::awaits_answer)
    }

    fn take_sasl_step(&mut self, step: Step) {
        match step {
            Step::Send(frame) => self.endpoints.cx.out.sasl(&frame),
            Step::Ask => self.ask(Event::Authenticate),
            Step::Done(frame) => {
                if let Some(frame) = frame {
                    self.endpoints.cx.out.sasl(&frame);
                }
                self.endpoints.cx.event(Event::Authenticated);
                // §2.2: after the security layer headers are exchanged again.
                match self.role {
                    Role::Client => self.start_amqp(),
                    Role::Server => self.layer = Layer::Header,
                }
            }
            Step::Fail(frame, cause) => {
                if let Some(frame) = frame {
                    self.endpoints.cx.out.sasl(&frame);
                }
                self.fail(cause);
            }
        }
    }

    /// Writes our open. Until the peer's is known it should not need more than 512 octets, but it is what it is.
    pub(crate) fn write_open(&mut self) {
        let open = open_of(&self.endpoints.options);
        self.endpoints.cx.out.frame(0, &open, u32::MAX);
        self.endpoints.opened = true;
        self.state.step(ConnectionStep::SendOpen);
    }

    pub(crate) fn on_open(&mut self, channel: u16, open: Open) -> Result<(), Violation> {
        if self.endpoints.cx.remote_open.is_some() {
            return Err(Violation::OpenedTwice);
        }
        if channel != 0 {
            return Err(Violation::OpenChannel);
        }
        if open.max_frame_size < MIN_MAX_FRAME_SIZE {
            return Err(Violation::MaxFrameSizeTooSmall(open.max_frame_size));
        }
        let shortest = self.endpoints.cx.limits.idle_time_out.as_millis();
        if let Some(period) =
            open.idle_time_out.filter(|period| *period != 0 && u128::from(*period) < shortest)
        {
            return Err(Violation::IdleTimeOutTooShort(period));
        }
        self.endpoints.cx.out.max_frame_size = open.max_frame_size;
        self.endpoints.cx.remote_open = Some(Box::new(open));
        self.state.step(ConnectionStep::ReceiveOpen);
        if self.endpoints.opened {
            self.opened();
        } else if self.endpoints.options.accept_connection {
            self.write_open();
            self.opened();
        } else {
            self.ask(Event::Opening);
        }
        Ok(())
    }

    pub(crate) fn answer_open(&mut self, options: ConnectionOptions) -> Result<(), StateError> {
        if self.state != ConnectionState::OpenRcvd || self.endpoints.opened {
            return Err(StateError::NotAsked);
        }
        let given = &self.endpoints.options;
        let (limits, sasl, transport) = (given.limits.clone(), given.sasl.clone(), given.transport.clone());
        let accept_sessions = options.accept_sessions.clone().or_else(|| given.accept_sessions.clone());
        *self.endpoints.options = ConnectionOptions { limits, sasl, transport, accept_sessions, ..options };
        self.write_open();
        self.opened();
        Ok(())
    }

    pub(crate) fn refuse_open(&mut self, error: amqp_codec::Error) -> Result<(), StateError> {
        if self.state != ConnectionState::OpenRcvd || self.endpoints.opened {
            return Err(StateError::NotAsked);
        }
        self.write_open();
        self.want_close(Some(error));
        Ok(())
    }

    /// Opens are exchanged: what was held back can be written now.
    fn opened(&mut self) {
        self.timers.clear(Timer::Handshake);
        if self.state == ConnectionState::Opened {
            self.endpoints.cx.event(Event::Opened);
        }
        let sessions: alloc::vec::Vec<_> = self.endpoints.sessions.ids().collect();
        for session in sessions {
            self.endpoints.mark_session(session);
        }
    }
}

/// What our open says. §2.4.5: half of the real time-out is announced, so that a frame on its way does not come late.
fn open_of(options: &ConnectionOptions) -> Open {
    let half = options.idle_time_out.filter(|period| !period.is_zero());
    let half = half.map(|period| u32::try_from(period.as_millis().div_ceil(2)).unwrap_or(u32::MAX));
    Open {
        container_id: options.container_id.clone(),
        hostname: options.hostname.clone(),
        max_frame_size: options.max_frame_size.max(MIN_MAX_FRAME_SIZE),
        channel_max: options.channel_max,
        idle_time_out: half,
        outgoing_locales: options.outgoing_locales.clone(),
        incoming_locales: options.incoming_locales.clone(),
        offered_capabilities: options.offered_capabilities.clone(),
        desired_capabilities: options.desired_capabilities.clone(),
        properties: options.properties.clone(),
    }
}
