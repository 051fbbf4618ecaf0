#![cfg(test)]
//! Messages and their octets, each read and written.

mod message_support;

use amqp_codec::{
    Annotations, Body, DataSections, Header, Map, Message, MessageId, Properties, Serial, Str, Symbol,
    Timestamp, Uuid, Value,
};
use bytes::Bytes;
use message_support::{assert_vector, decode, hex};

#[test]
fn a_value() {
    assert_vector(&Message::value("hi"), "00 53 77 a1 02 68 69");
    assert_vector(&Message::value(Value::Null), "00 53 77 40");
    assert_vector(&Message::value(true), "00 53 77 41");
    assert_vector(&Message::value(-1_i64), "00 53 77 55 ff");
    assert_vector(&Message::default(), "00 53 77 40");
}

#[test]
fn a_map_as_value() {
    let mut map = Map::default();
    map.insert("a".into(), 1_u32.into());
    assert_vector(&Message::value(map), "00 53 77 c1 06 02 a1 01 61 52 01");
}

#[test]
fn one_data_section() {
    assert_vector(&Message::data("hello"), "00 53 75 a0 05 68 65 6c 6c 6f");
    assert_vector(&Message::data(Bytes::new()), "00 53 75 a0 00");
}

#[test]
fn a_data_section_of_255_and_of_256_octets() {
    let text = |octets: usize| "61".repeat(octets);
    assert_vector(&Message::data(vec![b'a'; 255]), &format!("00 53 75 a0 ff {}", text(255)));
    assert_vector(&Message::data(vec![b'a'; 256]), &format!("00 53 75 b0 00000100 {}", text(256)));
}

/// MESSAGING-3.2-17
#[test]
fn several_data_sections() {
    let sections: DataSections = ["he", "", "llo"].map(Bytes::from).into_iter().collect();
    let message = Message { body: Body::Data(sections), ..Message::default() };
    assert_vector(&message, "00 53 75 a0 02 68 65  00 53 75 a0 00  00 53 75 a0 03 6c 6c 6f");
}

/// MESSAGING-3.2-17
#[test]
fn sequences() {
    assert_vector(&Message::sequence([1_u32, 2]), "00 53 76 c0 05 02 52 01 52 02");
    let message = Message {
        body: Body::Sequence(vec![vec![], vec![Value::from("x"), Value::Null], vec![Value::List(vec![])]]),
        ..Message::default()
    };
    assert_vector(&message, "00 53 76 45  00 53 76 c0 05 02 a1 01 78 40  00 53 76 c0 02 01 45");
}

#[test]
fn sections_without_a_body() {
    let message = Message { body: Body::Empty, ..Message::default().durable(true) };
    assert_vector(&message, "00 53 70 c0 02 01 41");
    let message = Message { body: Body::Empty, header: Some(Header::default()), ..Message::default() };
    assert_vector(&message, "00 53 70 45");
}

#[test]
fn headers() {
    assert_vector(&Message::value(1_u8).durable(true), "00 53 70 c0 02 01 41  00 53 77 50 01");
    assert_vector(&Message::value(1_u8).priority(9), "00 53 70 c0 04 02 40 50 09  00 53 77 50 01");
    assert_vector(&Message::value(1_u8).ttl(300), "00 53 70 c0 08 03 40 40 70 0000012c  00 53 77 50 01");
    let header =
        Header { durable: true, priority: 0, ttl: Some(0), first_acquirer: true, delivery_count: 70_000 };
    let message = Message { header: Some(header), ..Message::default() };
    assert_vector(&message, "00 53 70 c0 0b 05 41 50 00 43 41 70 00011170  00 53 77 40");
}

#[test]
fn message_ids_of_each_type() {
    assert_vector(&Message::default().id(7_u64), "00 53 73 c0 03 01 53 07  00 53 77 40");
    assert_vector(&Message::default().id("m"), "00 53 73 c0 04 01 a1 01 6d  00 53 77 40");
    let uuid = Uuid(*b"0123456789abcdef");
    assert_vector(
        &Message::default().id(uuid),
        "00 53 73 c0 12 01 98 30313233343536373839616263646566  00 53 77 40",
    );
    assert_vector(&Message::default().id(Bytes::from("b")), "00 53 73 c0 04 01 a0 01 62  00 53 77 40");
    let symbolic = decode(&hex("00 53 73 c0 04 01 a3 01 6d  00 53 77 40"));
    assert!(symbolic.is_err(), "a symbol is no message-id: {symbolic:?}");
}

/// MESSAGING-3.2-13
#[test]
fn all_properties() {
    let properties = Properties {
        message_id: Some(MessageId::from(1_u64)),
        user_id: Some(Bytes::from("u")),
        to: Some(Str::from("t")),
        subject: Some(Str::from("s")),
        reply_to: Some(Str::from("r")),
        correlation_id: Some(MessageId::from("c")),
        content_type: Some(Symbol::from_static("a/b")),
        content_encoding: Some(Symbol::from_static("gzip")),
        absolute_expiry_time: Some(Timestamp(-1)),
        creation_time: Some(Timestamp(1)),
        group_id: Some(Str::from("g")),
        group_sequence: Some(Serial(u32::MAX)),
        reply_to_group_id: Some(Str::from("h")),
    };
    let message = Message { properties: Some(properties), ..Message::value("x") };
    assert_vector(
        &message,
        "00 53 73 c0 3a 0d 53 01 a0 01 75 a1 01 74 a1 01 73 a1 01 72 a1 01 63 a3 03 612f62 a3 04 677a6970 \
         83 ffffffffffffffff 83 0000000000000001 a1 01 67 70 ffffffff a1 01 68  00 53 77 a1 01 78",
    );
}

#[test]
fn application_properties_and_annotations() {
    let message = Message::data("x")
        .property("SendTime", 1_i64)
        .property("b", true)
        .annotation(Symbol::from_static("x-opt-a"), "v")
        .delivery_annotation(5_u64, Value::Null)
        .footer_annotation(Symbol::from_static("x-f"), 2_u8);
    assert_vector(
        &message,
        "00 53 71 c1 04 02 53 05 40  00 53 72 c1 0d 02 a3 07 782d6f70742d61 a1 01 76 \
         00 53 74 c1 11 04 a1 08 53656e6454696d65 55 01 a1 01 62 41  00 53 75 a0 01 78 \
         00 53 78 c1 08 02 a3 03 782d66 50 02",
    );
}

#[test]
fn empty_maps_are_kept_apart_from_absent_ones() {
    let message = Message {
        message_annotations: Some(Annotations::default()),
        footer: Some(Annotations::default()),
        ..Message::default()
    };
    assert_vector(&message, "00 53 72 c1 01 00  00 53 77 40  00 53 78 c1 01 00");
}

#[test]
fn a_whole_message() {
    let message = Message::value("hi")
        .durable(true)
        .annotation(Symbol::from_static("k"), 1_u8)
        .id(1_u64)
        .to("q")
        .property("p", "v");
    assert_vector(
        &message,
        "00 53 70 c0 02 01 41  00 53 72 c1 06 02 a3 01 6b 50 01  00 53 73 c0 07 03 53 01 40 a1 01 71 \
         00 53 74 c1 07 02 a1 01 70 a1 01 76  00 53 77 a1 02 68 69",
    );
}

#[test]
fn a_sequence_of_no_sections_is_written_as_one_without_elements() {
    let message = Message { body: Body::Sequence(vec![]), ..Message::default() };
    assert_eq!(message_support::encode(&message), hex("00 53 76 45"));
}

#[test]
fn nothing_at_all_is_written_as_a_null_value() {
    let message = Message { body: Body::Empty, ..Message::default() };
    assert_eq!(message_support::encode(&message), hex("00 53 77 40"));
}

#[test]
fn encoding_appends() {
    let mut out = bytes::BytesMut::from("before");
    Message::value("hi").encode(&mut out);
    assert_eq!(out, &b"before\x00\x53\x77\xa1\x02hi"[..]);
}

#[test]
fn message_format_stays_beside_the_octets() {
    let message = Message { message_format: 0x8000_0001, ..Message::value("hi") };
    assert_eq!(message_support::encode(&message), hex("00 53 77 a1 02 68 69"));
    assert_eq!(decode(&hex("00 53 77 a1 02 68 69")).unwrap().message_format, 0);
}
