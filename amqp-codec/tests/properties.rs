//! What holds for every value and every frame.

#![cfg(test)]

#[path = "wire_support/arbitrary.rs"]
mod arbitrary;
mod wire_support;

use amqp_codec::*;
use arbitrary::*;
use bytes::BytesMut;
use proptest::prelude::*;
use std::fmt::{Debug, Display};
use wire_support::*;

/// What is decoded from damaged octets is a value like any other, or an error inside the octets.
fn assert_sane<T: Decode + Encode + Debug + PartialEq + Display>(octets: &[u8]) {
    let mut reader = Reader::new(octets);
    match T::decode(&mut reader) {
        Ok(value) => {
            assert_eq!(decoded::<T>(&encoded(&value)).as_ref(), Ok(&value), "from {octets:02x?}");
            assert!(!value.to_string().is_empty());
        }
        Err(error) => assert!(error.at <= octets.len(), "{error} in {octets:02x?}"),
    }
    let _ = Reader::new(octets).skip();
}

fn assert_damage_is_survived<T: Decode + Encode + Debug + PartialEq + Display>(octets: &[u8]) {
    for length in 0..octets.len() {
        let truncated = T::decode(&mut Reader::new(&octets[..length]));
        assert!(truncated.is_err(), "{truncated:?} from the first {length} octets of {octets:02x?}");
        assert!(Reader::new(&octets[..length]).skip().is_err());
    }
    let mut damaged = octets.to_vec();
    for (at, octet) in octets.iter().enumerate() {
        for damage in [
            0x00,
            0x01,
            0x40,
            0x45,
            0x7f,
            0x80,
            0xa0,
            0xc0,
            0xc1,
            0xd0,
            0xe0,
            0xf0,
            0xff,
            octet ^ 1,
            octet ^ 0x10,
        ] {
            damaged[at] = damage;
            assert_sane::<T>(&damaged);
        }
        damaged[at] = *octet;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn values_survive_the_wire(value in value()) {
        let octets = encoded(&value);
        prop_assert_eq!(decoded::<Value>(&octets), Ok(value.clone()));
        prop_assert_eq!(encoded(&decoded::<Value>(&octets).unwrap()), octets);
        prop_assert_eq!(value.cmp(&value.clone()), std::cmp::Ordering::Equal);
    }

    #[test]
    fn performatives_survive_the_wire(performative in performative(), channel: u16, payload: Vec<u8>) {
        let transfer = matches!(performative, Performative::Transfer(_));
        let payload = if transfer { payload.as_slice() } else { &[] };
        let mut out = BytesMut::from(&b"before"[..]);
        let size = encode_frame(&mut out, channel, &performative, payload);
        let frame = &out[6..];
        prop_assert_eq!(size, frame.len());
        let header = FrameHeader::decode(*frame.first_chunk().unwrap()).unwrap();
        let expected = FrameHeader { size: size as u32, doff: 2, frame_type: FrameType::Amqp, channel };
        prop_assert_eq!(header, expected);
        let (decoded, at) = decode_performative(&frame[8..]).unwrap();
        prop_assert_eq!(&decoded, &performative);
        prop_assert_eq!(&frame[8 + at..], payload);
        // What the schema-less reader makes of it is written as the same octets.
        let value = Value::decode(&mut Reader::new(&frame[8..])).unwrap();
        prop_assert_eq!(&encoded(&value)[..], &frame[8..8 + at]);
    }

    #[test]
    fn sasl_frames_survive_the_wire(frame in sasl_frame()) {
        let mut out = BytesMut::new();
        encode_sasl_frame(&mut out, &frame);
        prop_assert_eq!(decode_sasl_frame(&out[8..]), Ok(frame));
    }

    #[test]
    fn any_octets_are_survived(octets: Vec<u8>) {
        assert_sane::<Value>(&octets);
        assert_sane::<Performative>(&octets);
        assert_sane::<SaslFrame>(&octets);
    }

    #[test]
    fn likely_octets_are_survived(octets in proptest::collection::vec(likely_octet(), 0..60), code in 0x10..0x19_u8) {
        assert_sane::<Value>(&octets);
        let body = [vec![0, 0x53, code, 0xd0, 0, 0, 0, octets.len() as u8 + 4, 0, 0, 0, octets.len() as u8], octets].concat();
        assert_sane::<Performative>(&body);
    }
}

/// Format codes and small numbers more often than others.
fn likely_octet() -> impl Strategy<Value = u8> {
    prop_oneof![
        (0..=255_u8).prop_filter("a code", |code| PrimitiveType::of_code(*code).is_some()),
        0..6_u8,
        any::<u8>()
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_values_are_survived(value in value()) {
        assert_damage_is_survived::<Value>(&encoded(&value));
    }

    #[test]
    fn damaged_performatives_are_survived(performative in performative()) {
        assert_damage_is_survived::<Performative>(&encoded(&performative));
    }

    #[test]
    fn damaged_sasl_frames_are_survived(frame in sasl_frame()) {
        assert_damage_is_survived::<SaslFrame>(&encoded(&frame));
    }
}
