#![cfg(test)]
//! Building messages, using them again, and showing them.

mod message_support;

use amqp_codec::{
    Body, DataSections, Header, Message, MessageId, Properties, SectionKind, Symbol, Timestamp, Uuid, Value,
};
use bytes::{Bytes, BytesMut};
use message_support::{decode, encode};

#[test]
fn every_setter_sets_its_field() {
    let message = Message::data("x")
        .durable(true)
        .priority(9)
        .ttl(1000)
        .id("id")
        .user_id("user")
        .to("to")
        .subject("subject")
        .reply_to("reply")
        .correlation_id(Uuid([1; 16]))
        .content_type(Symbol::from_static("text/plain"))
        .content_encoding(Symbol::from_static("gzip"))
        .absolute_expiry_time(Timestamp(2))
        .creation_time(Timestamp(1));
    let header = Header { durable: true, priority: 9, ttl: Some(1000), ..Header::default() };
    let properties = Properties {
        message_id: Some("id".into()),
        user_id: Some(Bytes::from("user")),
        to: Some("to".into()),
        subject: Some("subject".into()),
        reply_to: Some("reply".into()),
        correlation_id: Some(MessageId::Uuid(Uuid([1; 16]))),
        content_type: Some(Symbol::from_static("text/plain")),
        content_encoding: Some(Symbol::from_static("gzip")),
        absolute_expiry_time: Some(Timestamp(2)),
        creation_time: Some(Timestamp(1)),
        ..Properties::default()
    };
    let expected = Message {
        header: Some(header),
        properties: Some(properties),
        body: Body::Data(DataSections::from(Bytes::from("x"))),
        ..Message::default()
    };
    assert_eq!(message, expected);
    assert_eq!(decode(&encode(&message)), Ok(expected));
}

#[test]
fn setting_twice_replaces() {
    let key = Symbol::from_static("x-opt-a");
    let once = Message::value(1_u8).id(2_u64).property("p", "new").annotation(key.clone(), 2_u8);
    let twice = Message::value(1_u8)
        .id(1_u64)
        .property("p", "old")
        .annotation(key.clone(), 1_u8)
        .id(2_u64)
        .property("p", "new")
        .annotation(key, 2_u8);
    assert_eq!(twice, once);
}

#[test]
fn a_reused_message_is_written_anew_into_the_same_memory() {
    let mut message = Message::data(vec![7_u8; 100]).property("SendTime", 0_i64);
    let mut out = BytesMut::with_capacity(512);
    let memory = out.as_ptr();
    for number in 0..1000_u64 {
        message = message.id(number).property("SendTime", i64::try_from(number).unwrap());
        out.clear();
        message.encode(&mut out);
        assert_eq!(out.as_ptr(), memory);
        assert_eq!(decode(&out), Ok(message.clone()));
    }
    assert_eq!(
        message.properties.as_ref().and_then(|fields| fields.message_id.clone()),
        Some(999_u64.into())
    );
}

#[test]
fn bodies_are_told_apart() {
    assert_eq!(Message::value("x").body.as_value(), Some(&Value::from("x")));
    assert_eq!(Message::data("x").body.as_data().map(|sections| sections.octets()), Some(1));
    assert_eq!(Message::sequence([1_u8]).body.as_sequence(), Some(&[vec![Value::Ubyte(1)]][..]));
    assert_eq!(Message::data("x").body.as_value(), None);
    assert_eq!(Message::value("x").body.as_data(), None);
    assert_eq!(Message::value("x").body.as_sequence(), None);
    assert_eq!(Message::new(Bytes::from("x")), Message::data("x"));
    assert_eq!(Message::new(Value::from("x")), Message::value("x"));
    assert_eq!(Message::default().body, Body::Value(Value::Null));
}

#[test]
fn data_sections_are_never_none_and_keep_their_cuts() {
    let pieces =
        |texts: &[&'static str]| texts.iter().map(|text| Bytes::from(*text)).collect::<DataSections>();
    assert_eq!(pieces(&[]), DataSections::default());
    assert_eq!(DataSections::default().len(), 1);
    assert_ne!(pieces(&["ab"]), pieces(&["a", "b"]));
    let mut grown = pieces(&["a"]);
    grown.push(Bytes::from("b"));
    grown.push(Bytes::new());
    assert_eq!(grown, pieces(&["a", "b", ""]));
    assert_eq!(grown.octets(), 2);
    assert_eq!(grown.to_payload().into_bytes(), "ab");
    assert_eq!(format!("{grown:?}"), r#"[b"a", b"b", b""]"#);
}

#[test]
fn messages_are_shown_on_one_line() {
    assert_eq!(Message::value("hello").to_string(), r#"Message{body="hello"}"#);
    assert_eq!(Message { body: Body::Empty, ..Message::default() }.to_string(), "Message{}");
    let message = Message {
        message_format: 1,
        header: Some(Header { delivery_count: 0, ttl: Some(5), ..Header::default() }),
        ..Message::data("a\n")
            .durable(true)
            .id(7_u64)
            .to("q")
            .property("p", 1_i64)
            .footer_annotation(1_u64, true)
    };
    assert_eq!(
        message.to_string(),
        "Message{message-format=1, ttl=5, message-id=7, to=\"q\", application-properties={\"p\"=1}, \
         body=b\"a\\x0a\", footer={1=true}}"
    );
    assert_eq!(Message::sequence(["x"]).durable(true).to_string(), r#"Message{durable=true, body=["x"]}"#);
    let annotated = Message::value(1_u8)
        .delivery_annotation(Symbol::from_static("d"), 1_u8)
        .annotation(Symbol::from_static("m"), 2_u8);
    assert_eq!(
        annotated.to_string(),
        "Message{delivery-annotations={:d=1}, message-annotations={:m=2}, body=1}"
    );
    assert_eq!(SectionKind::Data, SectionKind::from_code(0x75).unwrap());
}

#[test]
fn messages_stay_small() {
    assert!(size_of::<Message>() <= 512, "{}", size_of::<Message>());
    assert!(size_of::<Body>() <= 40);
    assert!(size_of::<amqp_codec::LazyMessage>() <= 128);
}
