//! What the message tests share.
#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod model;
pub(crate) mod strategies;

use amqp_codec::{DecodeError, LazyMessage, Message, Payload};
use bytes::{Bytes, BytesMut};

/// The octets of a hexadecimal text; blanks are for the reader.
pub(crate) fn hex(text: &str) -> Bytes {
    let digits: Vec<u8> = text.bytes().filter(|octet| !octet.is_ascii_whitespace()).collect();
    assert!(digits.len().is_multiple_of(2), "odd number of digits in {text}");
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

pub(crate) fn encode(message: &Message) -> Bytes {
    let mut out = BytesMut::new();
    message.encode(&mut out);
    out.freeze()
}

pub(crate) fn decode(octets: &[u8]) -> Result<Message, DecodeError> {
    Message::decode(&Payload::copy_from_slice(octets))
}

pub(crate) fn lazy(octets: &[u8]) -> Result<LazyMessage, DecodeError> {
    LazyMessage::parse(Payload::copy_from_slice(octets))
}

/// The same octets as a rope cut before each offset of `cuts`.
pub(crate) fn cut(octets: &Bytes, cuts: &[usize]) -> Payload {
    let mut rope = Payload::new();
    let mut rest = octets.clone();
    let mut offset = 0;
    for &at in cuts {
        let piece = rest.split_to(at.saturating_sub(offset).min(rest.len()));
        offset += piece.len();
        rope.push(piece);
    }
    rope.push(rest);
    rope
}

/// Asserts that `message` is written as `text` (hexadecimal) and that `text` is read as `message`, in one piece and
/// in a rope cut at every octet.
pub(crate) fn assert_vector(message: &Message, text: &str) {
    let octets = hex(text);
    assert_eq!(encode(message), octets, "written form of {message}");
    assert_eq!(&decode(&octets).unwrap(), message, "read form of {text}");
    let rope = cut(&octets, &(0..octets.len()).collect::<Vec<_>>());
    assert_eq!(&Message::decode(&rope).unwrap(), message, "read form of {text} from a rope");
    assert_eq!(message.to_payload(), Payload::from(octets), "payload of {message}");
}

/// Asserts that every way of reading refuses `text` (hexadecimal): whole, and section by section.
pub(crate) fn assert_refused(text: &str) {
    let octets = hex(text);
    let error = decode(&octets).expect_err(text);
    assert!(error.at <= octets.len(), "{error:?} lies beyond {text}");
    assert_eq!(lazy(&octets).and_then(|message| message.to_message()), Err(error), "{text}");
}
