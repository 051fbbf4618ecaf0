//! One frame: read, written, and read again.

use amqp_core::codec::{
    DecodeError, Encode, FrameHeader, FrameType, Performative, SaslFrame, decode_performative,
    decode_sasl_frame, encode_frame, encode_sasl_frame,
};
use bytes::{Bytes, BytesMut};

use crate::frames::{Frame, Frames, Unit};

/// Octets are a frame, whatever its size says: what can be read of it is what is read of it when it was written again,
/// and that is written the same way for ever.
pub fn frame(data: &[u8]) {
    let Some((head, _)) = data.split_first_chunk() else { return };
    let Ok(header) = FrameHeader::decode(*head) else { return };
    assert!(header.size >= 8 && header.body_offset() >= FrameHeader::SIZE);
    let Some(body) = data.get(header.body_offset()..) else { return };
    match header.frame_type {
        FrameType::Amqp => performative(header.channel, body),
        FrameType::Sasl => sasl(body),
    }
}

fn performative(channel: u16, body: &[u8]) {
    let (said, payload) = match decode_performative(body) {
        Ok((said, at)) => (said, body.get(at..).expect("the payload begins in the frame")),
        Err(error) => return is_within(&error, body),
    };
    assert!(payload.is_empty() || matches!(said, Performative::Transfer(_)));
    let mut once = BytesMut::new();
    let size = encode_frame(&mut once, channel, &said, payload);
    assert_eq!(size, once.len());
    let Unit::Frame(again) = read(&once) else { unreachable!("an AMQP frame was written") };
    let performative = Some(said);
    let size = u32::try_from(size).expect("the frame is small");
    let whole = Frame { size, channel, performative, payload: Bytes::copy_from_slice(payload) };
    assert_eq!(again, whole);
    let mut twice = BytesMut::new();
    encode_frame(&mut twice, channel, again.performative.as_ref().expect("it was compared"), payload);
    assert_eq!(once, twice);
    is_shown(whole.performative.as_ref().map(ToString::to_string));
}

fn sasl(body: &[u8]) {
    let said = match decode_sasl_frame(body) {
        Ok(said) => said,
        Err(error) => return is_within(&error, body),
    };
    let once = written(&said);
    let Unit::Sasl(again) = read(&once) else { unreachable!("a SASL frame was written") };
    assert_eq!(again, said);
    assert_eq!(written::<SaslFrame>(&again), once);
    is_shown(Some(said.to_string()));
}

fn written<T: Encode>(frame: &T) -> BytesMut {
    let mut octets = BytesMut::new();
    let size = encode_sasl_frame(&mut octets, frame);
    assert_eq!(size, octets.len());
    octets
}

fn read(octets: &[u8]) -> Unit {
    let mut frames = Frames::default();
    frames.push(octets);
    let unit = frames.next().expect("the frame is whole");
    assert_eq!(frames.rest(), 0);
    unit
}

/// Where the error is, is in what was read.
pub(super) fn is_within(error: &DecodeError, octets: &[u8]) {
    assert!(error.at <= octets.len(), "{error} of {} octets", octets.len());
    is_shown(Some(error.to_string()));
}

fn is_shown(text: Option<String>) {
    assert!(text.is_some_and(|text| !text.is_empty()));
}
