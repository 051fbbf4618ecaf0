//! From octets to protocol headers and frames: one reader a direction, fed in any chopping.

use amqp_codec::{
    DecodeError, DecodeErrorKind, FrameError, FrameHeader, FrameType, Performative, ProtocolHeader,
    SaslFrame, decode_performative, decode_sasl_frame,
};
use bytes::{Buf, BytesMut};

/// One thing put on the wire.
#[derive(Clone, Debug)]
pub(super) enum Unit {
    /// A protocol header, of whatever protocol and version.
    Header(ProtocolHeader),
    /// A whole frame.
    Frame(Frame),
    /// Octets behind which nothing can be read: the rule that they break, and how.
    Broken(&'static str, String),
}

/// One frame, decoded.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// SIZE: all octets of the frame.
    pub(super) size: u32,
    /// The channel; meaningless for SASL frames.
    pub(super) channel: u16,
    /// What it carries.
    pub(super) body: Body,
}

/// What a frame carries.
#[derive(Clone, Debug)]
pub(super) enum Body {
    /// An AMQP frame without a body.
    Empty,
    /// A performative and the number of octets of payload after it.
    Performative(Performative, usize),
    /// A SASL frame; `None` where it has no body.
    Sasl(Option<SaslFrame>),
}

/// The reader of one direction.
#[derive(Debug, Default)]
pub(super) struct Wire {
    buffer: BytesMut,
    consumed: u64,
    framed: bool,
    broken: bool,
}

impl Wire {
    pub(super) fn push(&mut self, octets: &[u8]) {
        if self.broken {
            self.consumed += octets.len() as u64;
        } else {
            self.buffer.extend_from_slice(octets);
        }
    }

    /// The octets of a header or frame that is not all there yet.
    pub(super) fn partial(&self) -> usize {
        self.buffer.len()
    }

    /// Everything pushed so far, in octets.
    pub(super) fn total(&self) -> u64 {
        self.consumed + self.buffer.len() as u64
    }

    /// The next whole header or frame, and how far into everything pushed it ends.
    pub(super) fn next(&mut self) -> Option<(Unit, u64)> {
        let unit = if self.broken { None } else { self.unit() };
        unit.map(|unit| (unit, self.consumed))
    }

    fn unit(&mut self) -> Option<Unit> {
        let head: [u8; 8] = self.buffer.get(..8)?.try_into().ok()?;
        if !self.framed || head.starts_with(b"AMQP") {
            return Some(self.header(head));
        }
        match FrameHeader::decode(head) {
            Ok(header) => self.frame(&header),
            Err(error) => Some(self.fail(rule_of_frame_error(&error), &format!("frame header {head:02x?}"))),
        }
    }

    fn header(&mut self, head: [u8; 8]) -> Unit {
        let Some(header) = ProtocolHeader::from_bytes(head) else {
            return self.fail("TRANSPORT-2.2-1", &format!("{head:02x?} where a protocol header should be"));
        };
        // The octets of a TLS layer never reach the oracle, so after its header the next one follows.
        self.framed = header.id != ProtocolHeader::TLS.id;
        self.skip(8);
        Unit::Header(header)
    }

    fn frame(&mut self, header: &FrameHeader) -> Option<Unit> {
        let size = usize::try_from(header.size).ok()?;
        let body = self.buffer.get(header.body_offset()..size)?;
        let decoded = match header.frame_type {
            FrameType::Amqp if body.is_empty() => Ok(Body::Empty),
            FrameType::Amqp => decode_performative(body)
                .map(|(performative, at)| Body::Performative(performative, body.len() - at)),
            FrameType::Sasl if body.is_empty() => Ok(Body::Sasl(None)),
            FrameType::Sasl => decode_sasl_frame(body).map(|frame| Body::Sasl(Some(frame))),
        };
        Some(match decoded {
            Ok(body) => {
                self.skip(size);
                Unit::Frame(Frame { size: header.size, channel: header.channel, body })
            }
            Err(error) => {
                let text =
                    format!("a body that does not decode ({error}): {:02x?}", &body[..body.len().min(64)]);
                self.fail(rule_of_decode_error(&error, header.frame_type), &text)
            }
        })
    }

    fn skip(&mut self, octets: usize) {
        self.buffer.advance(octets);
        self.consumed += octets as u64;
    }

    fn fail(&mut self, rule: &'static str, detail: &str) -> Unit {
        self.broken = true;
        self.skip(self.buffer.len());
        Unit::Broken(rule, detail.to_owned())
    }
}

fn rule_of_frame_error(error: &FrameError) -> &'static str {
    match error {
        FrameError::TooSmall => "TRANSPORT-2.3-1",
        FrameError::BadDataOffset => "TRANSPORT-2.3-2",
        FrameError::UnknownType(_) => "TRANSPORT-2.3-4",
    }
}

fn rule_of_decode_error(error: &DecodeError, frame_type: FrameType) -> &'static str {
    match error.kind {
        DecodeErrorKind::MissingField(_) => "TYPES-1.5-6",
        DecodeErrorKind::InvalidField(field) if field.ends_with("settle-mode") => "TRANSPORT-2.6.1-15",
        DecodeErrorKind::InvalidField(_) | DecodeErrorKind::UnexpectedType { .. } => "TYPES-1.5-7",
        DecodeErrorKind::TooManyFields => "TYPES-1.5-10",
        _ if frame_type == FrameType::Sasl => "SEC-5-4",
        DecodeErrorKind::TrailingOctets => "TRANSPORT-2.3-7",
        DecodeErrorKind::UnexpectedDescriptor | DecodeErrorKind::NotDescribed => "TRANSPORT-2.3-6",
        DecodeErrorKind::SizeMismatch | DecodeErrorKind::CountMismatch => "TYPES-1.2-5",
        _ => "TYPES-1.2-11",
    }
}
