//! Cases that are messages: no engine looks into them.

use amqp_core::codec::{DecodeErrorKind, ErrorCondition, LazyMessage, MAX_SECTIONS, Message, Payload};
use bytes::{Bytes, BytesMut};

use crate::rows::{self, Row};
use crate::run::Trying;

/// Those that are read to their sections, and no further.
const LAZY: &[&str] = &["K06", "K08", "K10"];

#[test]
pub(crate) fn every_message_is_refused() {
    for row in rows::messages() {
        let _trying = Trying(row.id.clone());
        let payload = payload(&row);
        let decoded = Message::decode(&payload);
        if row.expect.contains("lenient: accept") {
            assert!(decoded.is_ok());
            continue;
        }
        assert!(row.expect.starts_with("D decode-error"), "{}", row.expect);
        assert_eq!(decoded.unwrap_err().condition(), ErrorCondition::DECODE_ERROR);
        assert_eq!(LazyMessage::parse(payload).is_ok(), LAZY.contains(&&*row.id));
    }
}

#[test]
pub(crate) fn sections_are_counted() {
    let octets = |sections: usize| Payload::from(Bytes::from([0, 0x53, 0x75, 0xA0, 0].repeat(sections)));
    assert!(Message::decode(&octets(MAX_SECTIONS)).is_ok());
    let refused = Message::decode(&octets(1_000_000)).unwrap_err();
    assert_eq!(refused.kind, DecodeErrorKind::TooManyElements);
    assert!(refused.at <= 5 * (MAX_SECTIONS + 1), "{refused}");
}

/// A body section between the sections before it, and anything behind the footer.
#[test]
pub(crate) fn sections_out_of_order_are_refused() {
    let (data, properties, footer) = ("005375a000", "00537345", "005378c10100");
    for wrong in [[data, properties, ""], [footer, data, ""], [data, footer, data], [data, footer, footer]] {
        let octets = rows::octets(&wrong.concat());
        let refused = LazyMessage::parse(Payload::from(Bytes::from(octets))).unwrap_err();
        assert_eq!(refused.kind, DecodeErrorKind::InvalidSections, "{wrong:?}");
    }
    let right = rows::octets(&[properties, data, data, footer].concat());
    assert!(Message::decode(&Payload::from(Bytes::from(right))).is_ok());
}

fn payload(row: &Row) -> Payload {
    Payload::from(Bytes::from(row.octets.clone().unwrap_or_default()))
}

/// Prefixes, other octets, twice: what decodes is the same when it was encoded and decoded, in whatever pieces it comes.
#[test]
fn every_message_in_every_variation() {
    for row in rows::messages() {
        let whole = row.octets.clone().unwrap();
        for at in 0..=whole.len() {
            let _trying = Trying(format!("{} at {at}", row.id));
            is_consistent(&whole[..at], at / 2);
            for other in [0x00, 0x7F, 0x80, 0xFF] {
                let mut octets = whole.clone();
                octets.get_mut(at).into_iter().for_each(|octet| *octet = other);
                is_consistent(&octets, at);
            }
        }
        is_consistent(&whole.repeat(2), whole.len());
    }
}

fn is_consistent(octets: &[u8], cut: usize) {
    let whole = Payload::from(Bytes::copy_from_slice(octets));
    let mut pieces = Payload::from(Bytes::copy_from_slice(&octets[..cut]));
    pieces.push(Bytes::copy_from_slice(&octets[cut..]));
    let decoded = Message::decode(&whole);
    assert_eq!(Message::decode(&pieces), decoded);
    let lazy = LazyMessage::parse(whole);
    assert!(decoded.is_err() || lazy.is_ok());
    if let Ok(lazy) = lazy {
        assert_eq!(lazy.to_message(), decoded);
        // However much of it decodes, its sections are the octets and nothing else.
        let sections: BytesMut = lazy.sections().flat_map(|section| section.octets).collect();
        assert_eq!(sections, octets);
    }
    if let Ok(message) = decoded {
        assert_eq!(Message::decode(&message.to_payload()), Ok(message));
    }
}
