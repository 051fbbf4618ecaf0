//! Every golden frame with every octet of its body replaced by every other: an error or a value, and a value that is
//! then written reads as itself. And every golden frame whose body ends too early.

#![cfg(test)]

use amqp_codec::{DecodeErrorKind, ErrorCondition, decode_performative, encode_frame};
use bytes::BytesMut;

/// Bodies of the golden frames, from open to close.
const BODIES: [&str; 10] = [
    "005310c00701a10474657374",
    "005310c00d03a10474657374407000000200",
    "005311c00d04404370000008007000000800",
    "005312c01a0aa1014c43425002500000532845005329c00401a10171404243",
    "005313c011074370000008004370000008004343520a",
    "005314c008054343a001004342005377a1026869",
    "005315c009054143434100532445",
    "005316c003024341",
    "00531745",
    "00531845",
];

fn octets(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn every_octet_may_be_any_other() {
    let (mut values, mut errors) = (0, 0);
    for body in BODIES {
        let whole = octets(body);
        for at in 0..whole.len() {
            for octet in 0..=255 {
                let mut damaged = whole.clone();
                damaged[at] = octet;
                let Ok((performative, payload)) = decode_performative(&damaged) else {
                    errors += 1;
                    continue;
                };
                values += 1;
                assert!(payload <= damaged.len());
                let mut again = BytesMut::new();
                encode_frame(&mut again, 0, &performative, &[]);
                let (read, _) = decode_performative(&again[8..]).unwrap();
                assert_eq!(read, performative, "{body} with {octet:02x} at {at}");
            }
        }
    }
    assert!(values > 1_000 && errors > 10_000, "{values} values, {errors} errors");
}

/// TYPES-1.2-11: a body is whole when it is read, so that what is missing will not come.
#[test]
fn every_body_that_is_cut_short_is_an_error() {
    for body in BODIES {
        let whole = octets(body);
        let (_, payload) = decode_performative(&whole).unwrap();
        for length in 0..payload {
            let error = decode_performative(&whole[..length]).expect_err(body);
            assert_eq!(error.kind, DecodeErrorKind::Truncated, "{length} octets of {body}");
            assert_eq!(error.condition(), ErrorCondition::DECODE_ERROR);
            assert!(error.at <= length, "{error} in {length} octets of {body}");
        }
    }
}
