//! What an engine wrote, as headers and frames.

use amqp_core::codec::{
    FrameHeader, FrameType, Performative, ProtocolHeader, SaslFrame, decode_performative, decode_sasl_frame,
};
use bytes::{Bytes, BytesMut};

/// One header or frame.
#[derive(Clone, Debug, PartialEq)]
pub enum Unit {
    /// A protocol header.
    Header(ProtocolHeader),
    /// A SASL frame.
    Sasl(SaslFrame),
    /// An AMQP frame.
    Frame(Frame),
}

/// An AMQP frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Octets of the whole frame.
    pub size: u32,
    /// The channel it came on.
    pub channel: u16,
    /// What it says; `None` in an empty frame.
    pub performative: Option<Performative>,
    /// What stands behind the performative.
    pub payload: Bytes,
}

/// A reader of octets that an engine wrote, in any pieces.
#[derive(Debug, Default)]
pub struct Frames {
    buffer: BytesMut,
}

impl Frames {
    /// Appends what was written.
    pub fn push(&mut self, octets: &[u8]) {
        self.buffer.extend_from_slice(octets);
    }

    /// Octets of a unit whose rest is not there.
    #[must_use]
    pub fn rest(&self) -> usize {
        self.buffer.len()
    }

    fn whole(&mut self) -> Option<Unit> {
        let head = *self.buffer.first_chunk::<8>()?;
        if let Some(header) = ProtocolHeader::from_bytes(head) {
            drop(self.buffer.split_to(8));
            return Some(Unit::Header(header));
        }
        let header = FrameHeader::decode(head).expect("an engine writes frame headers that can be read");
        if self.buffer.len() < header.size as usize {
            return None;
        }
        let frame = self.buffer.split_to(header.size as usize).freeze();
        let body = frame.slice(header.body_offset()..);
        if header.frame_type == FrameType::Sasl {
            return Some(Unit::Sasl(
                decode_sasl_frame(&body).expect("an engine writes SASL frames that decode"),
            ));
        }
        let (performative, at) = if body.is_empty() {
            (None, 0)
        } else {
            let (performative, at) = decode_performative(&body).expect("an engine writes frames that decode");
            (Some(performative), at)
        };
        let payload = body.slice(at..);
        Some(Unit::Frame(Frame { size: header.size, channel: header.channel, performative, payload }))
    }
}

impl Iterator for Frames {
    type Item = Unit;

    fn next(&mut self) -> Option<Unit> {
        self.whole()
    }
}

/// A kind of performative, to ask for one by its type.
pub trait Kind: Sized {
    /// The performative, if it is of this kind.
    fn of(performative: Performative) -> Option<Self>;
}

macro_rules! kinds {
    ($($kind:ident: $it:ident => $take:expr,)+) => { $(
        impl Kind for amqp_core::codec::$kind {
            fn of(performative: Performative) -> Option<Self> {
                match performative {
                    Performative::$kind($it) => Some($take),
                    _ => None,
                }
            }
        }
    )+ };
}
kinds! {
    Open: it => *it,
    Begin: it => *it,
    Attach: it => *it,
    Flow: it => it,
    Transfer: it => it,
    Disposition: it => it,
    Detach: it => it,
    End: it => it,
    Close: it => it,
}
