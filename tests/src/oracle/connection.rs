//! One connection as one of its ends knows it: what that end sent, and what was delivered to it (§2.2–§2.4).

use amqp_codec::{Close, MIN_MAX_FRAME_SIZE, Open, Performative, ProtocolHeader};

use super::fault::{Side, Verdicts};
use super::sasl::Dialogue;
use super::sessions::Sessions;
use super::wire::{Body, Frame, Unit};

/// What one direction has carried, as far as this end knows.
#[derive(Debug, Default)]
pub(super) struct Half {
    headers: Vec<ProtocolHeader>,
    pub(super) open: Option<Limits>,
    pub(super) close: Option<Closed>,
}

/// What an open asks of the peer of its sender.
#[derive(Debug)]
pub(super) struct Limits {
    max_frame_size: u32,
    channel_max: u16,
    idle_time_out: Option<u32>,
}

/// A close was seen.
#[derive(Debug)]
pub(super) struct Closed {
    /// It carried an error.
    pub(super) failed: bool,
}

/// One end's idea of the connection.
#[derive(Debug)]
pub(super) struct Connection {
    side: Side,
    pub(super) local: Half,
    pub(super) remote: Half,
    sasl: Dialogue,
    pub(super) sessions: Sessions,
    /// Milliseconds since this end's last frame, or since it learned what its peer needs.
    silence: u64,
}

impl Connection {
    pub(super) fn new(side: Side) -> Self {
        Self {
            side,
            local: Half::default(),
            remote: Half::default(),
            sasl: Dialogue::default(),
            sessions: Sessions::default(),
            silence: 0,
        }
    }

    /// This end sends `unit`.
    pub(super) fn sends(&mut self, unit: &Unit, verdicts: &mut Verdicts) {
        if self.local.close.is_some() {
            return verdicts.fault("TRANSPORT-2.4.3-1", "octets after close");
        }
        if self.headers_differ() {
            return verdicts.fault("TRANSPORT-2.2-9", "octets after protocol headers that differ");
        }
        if self.sasl.failed() {
            return verdicts.fault("TRANSPORT-2.2-12", "octets after authentication failed");
        }
        match unit {
            Unit::Header(header) => self.header_sent(header, verdicts),
            Unit::Frame(frame) => self.frame_sent(frame, verdicts),
            Unit::Broken(rule, octets) => verdicts.fault(rule, octets.clone()),
        }
    }

    /// `unit` was delivered to this end.
    pub(super) fn receives(&mut self, unit: &Unit) {
        let frame = match unit {
            Unit::Header(header) => return self.remote.headers.push(*header),
            Unit::Broken(..) => return,
            Unit::Frame(frame) => frame,
        };
        match &frame.body {
            Body::Empty | Body::Sasl(None) => {}
            Body::Sasl(Some(sasl)) => self.sasl.apply(sasl),
            Body::Performative(performative, payload) => match performative {
                Performative::Open(open) => {
                    self.remote.open = Some(Limits::of(open));
                    self.silence = 0;
                }
                Performative::Close(close) => self.remote.close = Some(Closed::of(close)),
                Performative::Begin(begin) => self.sessions.begin_received(frame.channel, begin),
                other => self.sessions.receives(frame.channel, other, *payload),
            },
        }
    }

    /// Time passed without a frame from this end.
    pub(super) fn elapsed(&mut self, milliseconds: u64, verdicts: &mut Verdicts) {
        let before = self.silence;
        self.silence = before.saturating_add(milliseconds);
        let needed = self.remote.open.as_ref().and_then(|limits| limits.idle_time_out).map(u64::from);
        let speaks = self.local.open.is_some() && self.local.close.is_none() && self.remote.close.is_none();
        // §2.4.5: something is to be sent before the peer's idle-time-out has passed; said once a silence.
        if let (true, Some(needed)) = (speaks, needed) {
            let quiet_now = self.silence > needed && before <= needed;
            verdicts.require(!quiet_now, "TRANSPORT-2.4.5-4", || {
                format!("silent for {} ms where the peer needs a frame every {needed} ms", self.silence)
            });
        }
    }

    /// Both closes are known to this end, and neither carries an error.
    pub(super) fn closed_cleanly(&self) -> bool {
        [&self.local, &self.remote].iter().all(|half| half.close.as_ref().is_some_and(|close| !close.failed))
    }

    fn headers_differ(&self) -> bool {
        self.local.headers.iter().zip(&self.remote.headers).any(|(local, remote)| local != remote)
    }

    fn header_sent(&mut self, header: &ProtocolHeader, verdicts: &mut Verdicts) {
        let known = [ProtocolHeader::AMQP, ProtocolHeader::TLS, ProtocolHeader::SASL].contains(header);
        verdicts.require(known, "TRANSPORT-2.2-1", || format!("protocol header {header:?}"));
        match self.local.headers.last() {
            None => {}
            Some(last) if *last == ProtocolHeader::TLS => {}
            Some(last) if *last == ProtocolHeader::SASL => {
                let over = self.sasl.lets_go_on(self.side);
                verdicts.require(over, "SEC-5-12", || "a protocol header inside the SASL layer".to_owned());
                // §5.3: authentication is one layer, not several.
                let again = *header == ProtocolHeader::SASL;
                verdicts.require(!again, "TRANSPORT-2.2-11", || "a second SASL layer".to_owned());
            }
            Some(_) => verdicts.fault("TRANSPORT-2.2-10", "a second protocol header"),
        }
        self.local.headers.push(*header);
    }

    fn frame_sent(&mut self, frame: &Frame, verdicts: &mut Verdicts) {
        self.silence = 0;
        let sasl = self.local.headers.last() == Some(&ProtocolHeader::SASL);
        match &frame.body {
            Body::Sasl(body) if sasl => self.sasl.sends(self.side, frame.size, body.as_ref(), verdicts),
            Body::Sasl(_) => verdicts.fault("TRANSPORT-2.2-10", "a SASL frame outside the SASL layer"),
            _ if sasl => verdicts.fault("TRANSPORT-2.2-10", "an AMQP frame inside the SASL layer"),
            Body::Empty => {
                // §2.4.5: empty frames come after open.
                verdicts.require(self.local.open.is_some(), "TRANSPORT-2.4.5-5", || {
                    "an empty frame before open".to_owned()
                });
                self.judge_limits(frame, "TRANSPORT-2.4.5-6", verdicts);
            }
            Body::Performative(performative, payload) => {
                self.performative_sent(frame, performative, *payload, verdicts);
            }
        }
    }

    fn performative_sent(
        &mut self,
        frame: &Frame,
        performative: &Performative,
        payload: usize,
        verdicts: &mut Verdicts,
    ) {
        let channel_rule = match performative {
            Performative::Open(_) => "TRANSPORT-2.4.1-1",
            Performative::Close(_) => "TRANSPORT-2.4.3-4",
            _ if self.remote.open.is_none() => "TRANSPORT-2.4.1-2",
            _ => "TRANSPORT-2.4.1-6",
        };
        self.judge_limits(frame, channel_rule, verdicts);
        if let Performative::Open(open) = performative {
            return self.open_sent(frame.channel, open, verdicts);
        }
        if self.local.open.is_none() {
            return verdicts.fault("TRANSPORT-2.4.1-1", "the first frame is not open");
        }
        match performative {
            Performative::Close(close) => self.local.close = Some(Closed::of(close)),
            Performative::Begin(begin) => self.sessions.begin_sent(frame.channel, begin, verdicts),
            other => self.sessions.sends(frame.channel, other, payload, verdicts),
        }
    }

    fn open_sent(&mut self, channel: u16, open: &Open, verdicts: &mut Verdicts) {
        if self.local.open.is_some() {
            return verdicts.fault("TRANSPORT-2.4.1-9", "a second open");
        }
        if self.remote.open.is_some() {
            verdicts.require(channel == 0, "TRANSPORT-2.4.1-1", || format!("open on channel {channel}"));
        }
        // §2.7.1: every peer takes frames of 512 octets.
        verdicts.require(open.max_frame_size >= MIN_MAX_FRAME_SIZE, "TRANSPORT-2.4.1-3", || {
            format!("max-frame-size {}", open.max_frame_size)
        });
        self.local.open = Some(Limits::of(open));
    }

    /// §2.4.1: what the peer's open allows, and what every peer allows before it.
    fn judge_limits(&self, frame: &Frame, channel_rule: &'static str, verdicts: &mut Verdicts) {
        let (size, size_rule, channel) = match &self.remote.open {
            None => (MIN_MAX_FRAME_SIZE, "TRANSPORT-2.4.1-2", 0),
            Some(limits) => {
                (limits.max_frame_size.max(MIN_MAX_FRAME_SIZE), "TRANSPORT-2.4.1-4", limits.channel_max)
            }
        };
        verdicts.require(frame.size <= size, size_rule, || {
            format!("a frame of {} octets where the peer takes {size}", frame.size)
        });
        verdicts.require(frame.channel <= channel, channel_rule, || {
            format!("channel {} where the peer takes {channel}", frame.channel)
        });
    }
}

impl Limits {
    fn of(open: &Open) -> Self {
        Self {
            max_frame_size: open.max_frame_size,
            channel_max: open.channel_max,
            // §2.4.5: zero is the same as none.
            idle_time_out: open.idle_time_out.filter(|needed| *needed > 0),
        }
    }
}

impl Closed {
    fn of(close: &Close) -> Self {
        Self { failed: close.error.is_some() }
    }
}
