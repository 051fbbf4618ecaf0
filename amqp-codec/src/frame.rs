//! Protocol headers and frames (§2.2, §2.3).

use crate::conditions::ErrorCondition;
use crate::definitions::{Performative, SaslFrame};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::read::{Decode, Reader};
use crate::write::{Encode, Writer};
use bytes::BytesMut;

/// A frame without a body, which only says that the peer is there (§2.4.5).
pub const EMPTY_FRAME: [u8; 8] = [0, 0, 0, 8, 2, 0, 0, 0];

/// The smallest max-frame-size that a peer may have, in octets (§2.8.19): frames up to this size need no negotiation.
pub const MIN_MAX_FRAME_SIZE: u32 = 512;

/// Octets to make room for in advance: most frames are shorter without their payload.
const USUAL_HEAD: usize = 64;

/// The layer that a protocol header asks for (§2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProtocolId(pub u8);

impl ProtocolId {
    /// AMQP itself.
    pub const AMQP: Self = Self(0);
    /// TLS, below which everything is encrypted.
    pub const TLS: Self = Self(2);
    /// SASL, which authenticates.
    pub const SASL: Self = Self(3);
}

/// What each side says first: layer and version (§2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProtocolHeader {
    /// The layer.
    pub id: ProtocolId,
    /// The version's first number.
    pub major: u8,
    /// The version's second number.
    pub minor: u8,
    /// The version's third number.
    pub revision: u8,
}

impl ProtocolHeader {
    /// AMQP 1.0.0.
    pub const AMQP: Self = Self::version_1(ProtocolId::AMQP);
    /// TLS for AMQP 1.0.0.
    pub const TLS: Self = Self::version_1(ProtocolId::TLS);
    /// SASL for AMQP 1.0.0.
    pub const SASL: Self = Self::version_1(ProtocolId::SASL);

    /// The octets on the wire.
    pub const fn to_bytes(self) -> [u8; 8] {
        [b'A', b'M', b'Q', b'P', self.id.0, self.major, self.minor, self.revision]
    }

    /// What the octets say; `None` where they do not start with `AMQP`.
    pub const fn from_bytes(octets: [u8; 8]) -> Option<Self> {
        match octets {
            [b'A', b'M', b'Q', b'P', id, major, minor, revision] => {
                Some(Self { id: ProtocolId(id), major, minor, revision })
            }
            _ => None,
        }
    }

    const fn version_1(id: ProtocolId) -> Self {
        Self { id, major: 1, minor: 0, revision: 0 }
    }
}

/// Whose frame it is (§2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameType {
    /// AMQP.
    Amqp = 0,
    /// SASL.
    Sasl = 1,
}

/// The eight octets in front of each frame (§2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Octets of the whole frame, these eight included.
    pub size: u32,
    /// Where the body starts, in words of four octets.
    pub doff: u8,
    /// Whose frame it is.
    pub frame_type: FrameType,
    /// The channel of an AMQP frame; means nothing in a SASL frame.
    pub channel: u16,
}

/// Octets that are not a frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
// As wide as the size in a header, so that what reading a header results in stays in registers.
#[repr(u32)]
pub enum FrameError {
    /// A size that does not even cover the header.
    #[error("frame smaller than its header")]
    TooSmall,
    /// A body that starts inside the header, or after the end of the frame.
    #[error("frame body outside the frame")]
    BadDataOffset,
    /// A frame type that is neither AMQP nor SASL.
    #[error("unknown frame type 0x{0:02x}")]
    UnknownType(u8),
}

impl FrameError {
    /// The condition with which the connection ends.
    pub const fn condition(&self) -> ErrorCondition {
        ErrorCondition::FRAMING_ERROR
    }
}

impl FrameHeader {
    /// Octets of the header.
    pub const SIZE: usize = 8;

    /// Reads a header and checks what can be checked without knowing limits.
    #[inline]
    pub fn decode(octets: [u8; 8]) -> Result<Self, FrameError> {
        let [s0, s1, s2, s3, doff, frame_type, c0, c1] = octets;
        let size = u32::from_be_bytes([s0, s1, s2, s3]);
        // §2.3.1: the size counts the header, and so does the data offset.
        if size < 8 {
            return Err(FrameError::TooSmall);
        }
        if doff < 2 || u32::from(doff) * 4 > size {
            return Err(FrameError::BadDataOffset);
        }
        let frame_type = match frame_type {
            0 => FrameType::Amqp,
            1 => FrameType::Sasl,
            other => return Err(FrameError::UnknownType(other)),
        };
        Ok(Self { size, doff, frame_type, channel: u16::from_be_bytes([c0, c1]) })
    }

    /// Where the body starts, in octets from the start of the frame.
    #[inline]
    pub fn body_offset(&self) -> usize {
        4 * usize::from(self.doff)
    }
}

/// Reads the body of an AMQP frame: the performative, and where the payload begins.
///
/// Octets after any performative but a transfer are [`TrailingOctets`](DecodeErrorKind::TrailingOctets).
pub fn decode_performative(body: &[u8]) -> Result<(Performative, usize), DecodeError> {
    Performative::decode_then(&mut Reader::new(body), |performative, reader| {
        // §2.3.2: only what defines a payload may be followed by one.
        if !reader.is_empty() && !matches!(performative, Performative::Transfer(_)) {
            return Err(reader.fail(DecodeErrorKind::TrailingOctets));
        }
        Ok((performative, reader.position()))
    })
}

/// Reads the body of a SASL frame, which holds exactly one value (§5.3.1).
pub fn decode_sasl_frame(body: &[u8]) -> Result<SaslFrame, DecodeError> {
    let mut reader = Reader::new(body);
    let frame = SaslFrame::decode(&mut reader)?;
    if reader.is_empty() { Ok(frame) } else { Err(reader.fail(DecodeErrorKind::TrailingOctets)) }
}

/// Appends a whole AMQP frame. Returns its size in octets.
#[inline]
pub fn encode_frame(out: &mut BytesMut, channel: u16, performative: &impl Encode, payload: &[u8]) -> usize {
    out.reserve(USUAL_HEAD.saturating_add(payload.len()));
    let head = encode_frame_head(out, channel, performative, payload.len());
    out.extend_from_slice(payload);
    head + payload.len()
}

/// Appends a whole SASL frame. Returns its size in octets.
pub fn encode_sasl_frame(out: &mut BytesMut, frame: &impl Encode) -> usize {
    encode_head(out, FrameType::Sasl, 0, frame, 0)
}

/// Appends an AMQP frame up to its payload, which is for the caller to append; the frame's size covers it.
///
/// Returns how many octets were appended.
#[inline]
pub fn encode_frame_head(
    out: &mut BytesMut,
    channel: u16,
    performative: &impl Encode,
    payload_len: usize,
) -> usize {
    encode_head(out, FrameType::Amqp, channel, performative, payload_len)
}

#[inline]
fn encode_head(
    out: &mut BytesMut,
    frame_type: FrameType,
    channel: u16,
    body: &impl Encode,
    payload_len: usize,
) -> usize {
    out.reserve(USUAL_HEAD);
    let start = out.len();
    let [c0, c1] = channel.to_be_bytes();
    let mut writer = Writer::new(out);
    writer.put(&[0, 0, 0, 0, 2, frame_type as u8, c0, c1]);
    body.encode(&mut writer);
    let length = out.len() - start;
    let size = u32::try_from(length.saturating_add(payload_len)).unwrap_or(u32::MAX);
    Writer::new(out).overwrite(start, &size.to_be_bytes());
    length
}
