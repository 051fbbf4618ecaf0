#![cfg(test)]
//! What is not a message: order and number of sections, wrong types, truncation.

mod message_support;

use amqp_codec::{Body, DecodeErrorKind, ErrorCondition, LazyMessage, Message, Payload};
use message_support::{assert_refused, decode, hex, lazy};

/// One section of each kind, in the order of the standard.
const SECTIONS: [&str; 9] = [
    "00 53 70 c0 02 01 41",
    "00 53 71 c1 05 02 a3 01 6b 40",
    "00 53 72 c1 05 02 a3 01 6b 40",
    "00 53 73 c0 03 01 53 01",
    "00 53 74 c1 05 02 a1 01 6b 40",
    "00 53 75 a0 01 78",
    "00 53 76 c0 02 01 40",
    "00 53 77 40",
    "00 53 78 c1 05 02 a3 01 6b 40",
];
/// The place of each section in a message; the three kinds of body share one.
const PLACES: [usize; 9] = [0, 1, 2, 3, 4, 5, 5, 5, 6];
const DATA: usize = 5;
const SEQUENCE: usize = 6;

fn may_follow(first: usize, second: usize) -> bool {
    PLACES[first] < PLACES[second] || first == second && (first == DATA || first == SEQUENCE)
}

/// MESSAGING-3.2-1, MESSAGING-3.2-3
#[test]
fn every_pair_of_sections_stands_in_order_or_is_refused() {
    for (first, one) in SECTIONS.iter().enumerate() {
        for (second, two) in SECTIONS.iter().enumerate() {
            let text = format!("{one} {two}");
            if may_follow(first, second) {
                decode(&hex(&text)).expect(&text);
            } else {
                assert_refused(&text);
                let error = lazy(&hex(&text)).expect_err("the skim alone notices");
                assert_eq!(error.kind, DecodeErrorKind::InvalidSections, "{text}");
                assert_eq!(error.at, hex(one).len(), "{text}");
                assert_eq!(error.condition(), ErrorCondition::DECODE_ERROR);
            }
        }
    }
}

/// MESSAGING-3.2-2
#[test]
fn every_triple_of_sections_stands_in_order_or_is_refused() {
    for (a, one) in SECTIONS.iter().enumerate() {
        for (b, two) in SECTIONS.iter().enumerate() {
            for (c, three) in SECTIONS.iter().enumerate() {
                let text = format!("{one} {two} {three}");
                let legal = may_follow(a, b) && may_follow(b, c);
                assert_eq!(decode(&hex(&text)).is_ok(), legal, "{text}");
                assert_eq!(lazy(&hex(&text)).is_ok(), legal, "{text}");
            }
        }
    }
}

#[test]
fn all_sections_together() {
    for body in [5, 6, 7] {
        let text: String =
            (0..9).filter(|place| !(5..8).contains(place) || *place == body).map(|i| SECTIONS[i]).collect();
        let message = decode(&hex(&text)).unwrap();
        assert!(
            message.header.is_some() && message.delivery_annotations.is_some() && message.footer.is_some()
        );
        assert!(message.message_annotations.is_some() && message.properties.is_some());
        assert!(message.application_properties.is_some() && message.body != Body::Empty);
        assert_eq!(message_support::encode(&message), hex(&text));
    }
}

#[test]
fn nothing_is_not_a_message() {
    assert_refused("");
    assert_eq!(LazyMessage::parse(Payload::new()).unwrap_err().kind, DecodeErrorKind::InvalidSections);
}

#[test]
fn head_sections_without_a_body_are_accepted() {
    for (place, text) in SECTIONS.iter().enumerate().filter(|(place, _)| PLACES[*place] != 5) {
        let message = decode(&hex(text)).unwrap();
        assert_eq!(message.body, Body::Empty, "place {place}");
    }
}

#[test]
fn unknown_sections() {
    for section in ["00 53 79 45", "00 53 6f 45", "00 53 00 40", "00 80 0000000100000077 40", "00 44 40"] {
        assert_refused(section);
        assert_refused(&format!("{section} 00 53 77 40"));
        assert_refused(&format!("00 53 77 40 {section}"));
    }
    assert_refused("00 a3 04 61 6d 71 70 40");
    assert_refused("00 a1 11 616d71703a616d71702d76616c75653a2a 40");
    assert_refused("00 40 40");
    assert_refused("00 00 53 77 53 77 40");
}

#[test]
fn octets_that_are_no_section() {
    for text in ["40", "a1 01 78", "ff", "53 77 40", "00 53 77 40 40", "00", "00 53", "00 53 77", "00 53 70"]
    {
        assert_refused(text);
    }
}

#[test]
fn sections_of_the_wrong_type_are_seen_by_the_skim() {
    let wrong: [(&str, &[&str]); 4] = [
        ("70 71 72 73 74 75 76 78", &["40", "a1 00", "50 01", "00 53 01 45", "e0 02 00 40"]),
        ("70 73 76", &["a0 00", "c1 01 00", "46"]),
        ("71 72 74 78", &["45", "c0 01 00", "a0 00"]),
        ("75", &["45", "c1 01 00", "a3 00", "b1 00 00 00 00"]),
    ];
    for (codes, values) in wrong {
        for (code, value) in codes.split(' ').flat_map(|code| values.iter().map(move |value| (code, value))) {
            let text = format!("00 53 {code} {value}");
            assert_refused(&text);
            assert!(lazy(&hex(&text)).is_err(), "{text}");
        }
    }
}

#[test]
fn fields_of_the_wrong_type_are_seen_when_the_section_is_decoded() {
    for text in [
        "00 53 70 c0 02 01 54",                // a truncated field
        "00 53 70 c0 03 01 50 01",             // durable is no ubyte
        "00 53 70 c0 07 06 40 40 40 40 40 40", // a sixth field
        "00 53 70 c0 02 02 41",                // count beyond size
        "00 53 70 c0 03 01 41 41",             // octets beyond count
        "00 53 73 c0 04 01 c1 01 00",          // message-id is no map
        "00 53 73 c0 04 02 40 40 40",          // octets beyond count
        "00 53 73 c0 04 01 a3 01 6d",          // message-id is no symbol
        "00 53 73 c0 06 03 40 40 a3 01 71",    // to is no symbol
    ] {
        assert_refused(text);
        lazy(&hex(text)).expect("the skim does not look inside");
    }
}

/// MESSAGING-3.2-10
#[test]
fn annotation_keys_are_symbols_or_ulongs() {
    for code in ["71", "72", "78"] {
        for key in ["a1 01 6b", "40", "50 01", "52 01", "55 01", "a0 01 6b", "45"] {
            let size = hex(key).len() + 2;
            assert_refused(&format!("00 53 {code} c1 {size:02x} 02 {key} 40"));
        }
        for key in ["a3 01 6b", "53 01", "44", "80 0000000000000001", "b3 00000001 6b"] {
            let size = hex(key).len() + 2;
            decode(&hex(&format!("00 53 {code} c1 {size:02x} 02 {key} 40"))).unwrap();
        }
        assert_refused(&format!("00 53 {code} c1 04 01 a3 01 6b"));
        assert_refused(&format!("00 53 {code} c1 09 04 a3 01 6b 40 a3 01 6b 40"));
    }
}

/// MESSAGING-3.2-16
#[test]
fn application_properties_have_string_keys_and_simple_values() {
    for key in ["a3 01 6b", "40", "53 01", "a0 01 6b"] {
        let size = hex(key).len() + 2;
        assert_refused(&format!("00 53 74 c1 {size:02x} 02 {key} 40"));
    }
    for value in ["45", "c0 01 00", "d0 00000004 00000000", "c1 01 00", "e0 02 00 40", "46"] {
        let size = hex(value).len() + 4;
        assert_refused(&format!("00 53 74 c1 {size:02x} 02 a1 01 6b {value}"));
    }
    for value in
        ["40", "41", "44", "70 00000001", "a0 00", "a1 00", "a3 00", "72 00000000", "83 0000000000000000"]
    {
        let size = hex(value).len() + 4;
        decode(&hex(&format!("00 53 74 c1 {size:02x} 02 a1 01 6b {value}"))).unwrap();
    }
    assert_refused("00 53 74 c1 05 02 a1 01 6b");
    assert_refused("00 53 74 c1 09 04 a1 01 6b 40 a1 01 6b 40");
}

/// MESSAGING-3.2-19
#[test]
fn many_empty_data_sections() {
    let section = hex("00 53 75 a0 00");
    let payload = |sections: usize| Payload::from(section.repeat(sections));
    let most = Message::decode(&payload(10_000)).unwrap();
    assert_eq!(most.body.as_data().map(|sections| sections.len()), Some(10_000));
    let error = LazyMessage::parse(payload(10_001)).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::TooManyElements);
    assert!(Message::decode(&payload(1_000_000)).is_err());
}

#[test]
fn a_deep_value_is_refused_only_when_it_is_decoded() {
    let mut value = "45".to_owned();
    for depth in 0..40_usize {
        value = format!("d0 {:08x} 00000001 {value}", 4 + hex(&value).len());
        let text = format!("00 53 77 {value}");
        let message = lazy(&hex(&text)).unwrap();
        assert_eq!(message.body().is_ok(), decode(&hex(&text)).is_ok(), "depth {depth}");
    }
    let error = lazy(&hex(&format!("00 53 77 {value}"))).unwrap().body().unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::TooDeep);
    let chain = format!("00 53 73 45 00 53 77 {} 40", "00 44".repeat(100_000));
    assert_eq!(lazy(&hex(&chain)).unwrap().body().unwrap_err().kind, DecodeErrorKind::TooDeep);
}
