#![cfg(test)]
//! Messages read on demand: what is shared, what is kept, what is left unread.

mod message_support;

use amqp_codec::{
    Annotations, Body, Header, LazyMessage, Message, MessageId, Payload, Properties, SectionKind, Symbol,
    Value,
};
use bytes::Bytes;
use message_support::{cut, encode, hex, lazy};

/// A bare message in encodings that nobody would choose who wants the shortest.
fn bare() -> Bytes {
    hex("00 80 0000000000000073 d0 00000013 00000002 80 0000000000000007 b0 00000001 75 \
         00 a3 1f 616d71703a6170706c69636174696f6e2d70726f706572746965733a6d6170 \
         d1 0000000f 00000002 b1 00000001 70 71 00000001 \
         00 b3 00000010 616d71703a646174613a62696e617279 b0 00000002 6869")
}

/// MESSAGING-3.2-4
#[test]
fn a_relay_keeps_the_bare_message_octet_for_octet() {
    let head = hex("00 53 70 d0 00000005 00000001 42  00 53 71 c1 01 00");
    let footer = hex("00 53 78 d1 00000004 00000000");
    let octets = [&head[..], &bare(), &footer].concat();
    let message = lazy(&octets).unwrap();
    assert_eq!(message.bare(), bare());
    assert_eq!(message.message_id(), Ok(Some(MessageId::Ulong(7))));
    assert_eq!(message.application_property("p"), Ok(Some(Value::Int(1))));
    assert_eq!(message.data(), Some(Payload::from(b"hi")));
    assert_eq!(message.header(), Ok(Some(Header::default())));

    let header = Header { delivery_count: 1, ..Header::default() };
    let annotations: Annotations = [(Symbol::from_static("x-opt-hop").into(), Value::Ubyte(2))].into();
    let sent_on = message.relay(Some(&header), None, Some(&annotations)).into_bytes();
    let expected =
        hex("00 53 70 c0 07 05 40 40 40 40 52 01  00 53 72 c1 0e 02 a3 09 782d6f70742d686f70 50 02");
    assert_eq!(sent_on, [&expected[..], &bare(), &footer].concat());
    assert_eq!(lazy(&sent_on).unwrap().bare(), bare());
}

#[test]
fn a_relay_adds_no_section_to_the_bare_message() {
    let octets = hex("00 53 75 a0 01 61");
    let sent_on = lazy(&octets).unwrap().relay(None, None, None);
    assert_eq!(sent_on, Payload::from(octets));
}

#[test]
fn nothing_is_copied_out_of_a_payload_in_one_piece() {
    let octets = encode(&Message::data(vec![b'x'; 100]).id(Bytes::from("binary id")));
    let message = LazyMessage::parse(octets.clone().into()).unwrap();
    let range = octets.as_ptr_range();
    let data = message.data().unwrap();
    assert!(range.contains(&data.as_contiguous().unwrap().as_ptr()));
    assert!(range.contains(&message.bare().as_ptr()));
    assert_eq!(message.payload().as_contiguous().unwrap().as_ptr(), octets.as_ptr());
    let Body::Data(sections) = message.body().unwrap() else { panic!("data") };
    assert!(range.contains(&sections[0].as_ptr()));
    let Some(MessageId::Binary(id)) = message.message_id().unwrap() else { panic!("binary") };
    assert!(range.contains(&id.as_ptr()));
}

#[test]
fn large_data_goes_into_a_payload_uncopied() {
    let large = Bytes::from(vec![b'x'; 4096]);
    let small = Bytes::from(vec![b'y'; 4095]);
    let message = Message {
        body: Body::Data([large.clone(), small, large.clone()].into_iter().collect()),
        ..Message::default().to("q").footer_annotation(1_u64, 2_u8)
    };
    let payload = message.to_payload();
    let shared = payload.chunks().filter(|piece| piece.as_ptr() == large.as_ptr()).count();
    assert_eq!(shared, 2);
    assert_eq!(payload, Payload::from(encode(&message)));
    assert_eq!(Message::decode(&payload), Ok(message));
}

#[test]
fn a_rope_cut_anywhere_is_one_message() {
    let octets = [&hex("00 53 70 c0 02 01 41")[..], &bare(), &hex("00 53 78 c1 01 00")].concat();
    let octets = Bytes::from(octets);
    let whole = lazy(&octets).unwrap().to_message().unwrap();
    for at in 0..=octets.len() {
        for other in [at, octets.len() / 2, octets.len()] {
            let mut cuts = [at, other];
            cuts.sort_unstable();
            assert_eq!(LazyMessage::parse(cut(&octets, &cuts)).unwrap().to_message().as_ref(), Ok(&whole));
        }
    }
}

#[test]
fn sections_are_listed_in_order() {
    let octets = hex("00 53 70 45  00 53 76 45  00 53 76 c0 02 01 40  00 53 78 c1 01 00");
    let message = lazy(&octets).unwrap();
    let sections: Vec<_> = message.sections().map(|section| (section.kind, section.value)).collect();
    assert_eq!(
        sections,
        [
            (SectionKind::Header, hex("45")),
            (SectionKind::AmqpSequence, hex("45")),
            (SectionKind::AmqpSequence, hex("c0 02 01 40")),
            (SectionKind::Footer, hex("c1 01 00")),
        ]
    );
    assert_eq!(message.sections().flat_map(|section| section.octets).collect::<Vec<u8>>(), octets);
    assert_eq!(message.body_kind(), Some(SectionKind::AmqpSequence));
}

#[test]
fn kinds_of_section_and_their_descriptors() {
    let kinds: Vec<_> = (0..=0xff).filter_map(SectionKind::from_code).collect();
    assert_eq!(kinds.len(), 9);
    assert_eq!(kinds.iter().map(|kind| kind.code()).collect::<Vec<_>>(), (0x70..=0x78).collect::<Vec<_>>());
    assert_eq!(kinds.iter().filter(|kind| kind.is_body()).count(), 3);
    assert_eq!(SectionKind::from_code(0x1_0000_0070), None);
}

#[test]
fn body_length_counts_application_data() {
    for (text, length) in [
        ("00 53 75 a0 02 68 69", 2),
        ("00 53 75 b0 00000002 68 69  00 53 75 a0 00  00 53 75 a0 01 21", 3),
        ("00 53 77 a1 02 68 69", 4),
        ("00 53 77 00 53 01 40", 4),
        ("00 53 76 45  00 53 76 c0 02 01 40", 5),
        ("00 53 70 45", 0),
    ] {
        assert_eq!(lazy(&hex(text)).unwrap().body_len(), length, "{text}");
    }
}

#[test]
fn absent_sections_are_none() {
    let message = lazy(&hex("00 53 77 40")).unwrap();
    assert_eq!(message.header(), Ok(None));
    assert_eq!(message.delivery_annotations(), Ok(None));
    assert_eq!(message.message_annotations(), Ok(None));
    assert_eq!(message.properties(), Ok(None));
    assert_eq!(message.application_properties(), Ok(None));
    assert_eq!(message.footer(), Ok(None));
    assert_eq!(message.message_id(), Ok(None));
    assert_eq!(message.correlation_id(), Ok(None));
    assert_eq!(message.application_property("p"), Ok(None));
    assert_eq!(message.data(), None);
}

/// MESSAGING-3.2-5
#[test]
fn the_header_of_a_message_without_one_has_the_defaults() {
    let header = lazy(&hex("00 53 77 40")).unwrap().header().unwrap().unwrap_or_default();
    let defaults =
        Header { durable: false, priority: 4, ttl: None, first_acquirer: false, delivery_count: 0 };
    assert_eq!(header, defaults);
    for written in [
        "45",
        "c0 01 00",
        "c0 03 02 40 40",
        "c0 06 05 40 40 40 40 40",
        "c0 08 05 42 50 04 40 42 52 00",
        "c0 08 05 56 00 50 04 40 42 43",
    ] {
        let section = hex(&format!("00 53 70 {written}"));
        assert_eq!(
            lazy(&section).and_then(|message| message.header()),
            Ok(Some(defaults.clone())),
            "{written}"
        );
    }
    assert_eq!(lazy(&hex("00 53 73 45")).unwrap().properties(), Ok(Some(Properties::default())));
}

#[test]
fn only_what_is_asked_for_is_decoded() {
    // A message-id, then a subject that is no string; a property, then one that is a list.
    let message = lazy(&hex(
        "00 53 73 c0 06 04 53 01 40 40 41  00 53 74 c1 09 04 a1 01 61 40 a1 01 62 45  00 53 77 46",
    ));
    assert!(message.is_err(), "the extent of a value with an unassigned format code is unknown");
    let message = lazy(&hex(
        "00 53 73 c0 06 04 53 01 40 40 41  00 53 74 c1 09 04 a1 01 61 41 a1 01 62 45  00 53 77 a1 01 ff",
    ))
    .unwrap();
    assert_eq!(message.message_id(), Ok(Some(MessageId::Ulong(1))));
    assert_eq!(message.to(), Ok(None));
    assert!(message.subject().is_err() && message.properties().is_err());
    assert_eq!(message.application_property("a"), Ok(Some(Value::Boolean(true))));
    assert!(message.application_property("b").is_err() && message.application_properties().is_err());
    assert_eq!(message.application_property("c"), Ok(None));
    assert!(message.body().is_err() && message.to_message().is_err());
    assert_eq!(message.body_len(), 3);
}

#[test]
fn errors_say_where_in_the_message_they_lie() {
    let octets = hex("00 53 70 45  00 53 73 c0 03 01 50 01  00 53 77 a1 01 ff");
    let message = lazy(&octets).unwrap();
    assert_eq!(message.message_id().unwrap_err().at, 10);
    assert_eq!(message.properties().unwrap_err().at, 10);
    let at = message.body().unwrap_err().at;
    assert!((15..18).contains(&at), "{at}");
}

#[test]
fn one_property_may_be_nested_as_deeply_as_among_all() {
    let mut depths = 0;
    for depth in 1..40_usize {
        let value = format!("{}40", "00 44 ".repeat(depth));
        let size = hex(&value).len() + 4;
        let message = lazy(&hex(&format!("00 53 74 c1 {size:02x} 02 a1 01 61 {value}"))).unwrap();
        let all = message.application_properties();
        assert_eq!(message.application_property("a").is_ok(), all.is_ok(), "depth {depth}");
        depths += usize::from(all.is_ok());
    }
    assert!((20..32).contains(&depths), "{depths}");
}
