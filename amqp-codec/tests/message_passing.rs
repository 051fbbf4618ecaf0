#![cfg(test)]
//! What nodes change of the messages that they pass on, and what is left as it came.

mod message_support;

use core::time::Duration;

use amqp_codec::{
    AnnotationKey, Annotations, DeliveryState, Error, ErrorCondition, Fields, Header, LazyMessage, Message,
    Modified, Rejected, Symbol, Value,
};
use message_support::{encode, hex, lazy};

fn message(message: &Message) -> LazyMessage {
    lazy(&encode(message)).unwrap()
}

fn key(name: &'static str) -> AnnotationKey {
    Symbol::from_static(name).into()
}

fn modified(delivery_failed: bool, annotations: Option<Fields>) -> DeliveryState {
    let message_annotations = annotations.map(Into::into);
    DeliveryState::Modified(Modified { delivery_failed, undeliverable_here: true, message_annotations })
}

const fn milliseconds(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// MESSAGING-3.2-8
#[test]
fn a_ttl_counts_down_until_the_message_is_out_of_date() {
    let header = Header { priority: 7, ttl: Some(300), delivery_count: 2, ..Header::default() };
    let left = |waited| header.aged(waited).map(|header| header.ttl);
    assert_eq!(left(Duration::ZERO), Some(Some(300)));
    assert_eq!(left(Duration::from_micros(1_999)), Some(Some(299)));
    assert_eq!(left(milliseconds(300)), Some(Some(0)));
    assert_eq!(left(milliseconds(301)), None);
    assert_eq!(left(milliseconds((1 << 32) + 1)), None);
    assert_eq!(header.aged(milliseconds(1)), Some(Header { ttl: Some(299), ..header.clone() }));
    assert_eq!(Header { ttl: Some(0), ..Header::default() }.aged(milliseconds(1)), None);
    let eternal = Header { ttl: None, ..header };
    assert_eq!(eternal.aged(Duration::MAX), Some(eternal.clone()));
}

/// MESSAGING-3.2-8
#[test]
fn a_message_that_is_sent_on_has_less_to_live() {
    let sent = message(&Message::value("x").ttl(300).durable(true).annotation(key("x-opt-a"), 1_u8));
    let later = sent.forwarded(milliseconds(100)).unwrap().unwrap();
    assert_eq!(
        later.to_message(),
        Ok(Message::value("x").ttl(200).durable(true).annotation(key("x-opt-a"), 1_u8))
    );
    assert!(sent.forwarded(milliseconds(301)).unwrap().is_none());
    let eternal = message(&Message::value("x"));
    assert_eq!(eternal.forwarded(Duration::MAX).unwrap().unwrap().payload(), eternal.payload());
}

/// MESSAGING-3.2-9
#[test]
fn only_deliveries_that_failed_are_counted() {
    let before =
        Header { durable: true, ttl: Some(9), first_acquirer: true, delivery_count: 3, ..Header::default() };
    for (outcome, count) in [
        (DeliveryState::Accepted, 3),
        (DeliveryState::Released, 3),
        (modified(false, None), 3),
        (modified(true, None), 4),
        (DeliveryState::Rejected(Rejected::default()), 4),
    ] {
        let after = before.delivered(&outcome);
        assert_eq!(
            after,
            Header { first_acquirer: false, delivery_count: count, ..before.clone() },
            "{outcome}"
        );
    }
    let most = Header { delivery_count: u32::MAX, ..Header::default() };
    assert_eq!(most.delivered(&modified(true, None)).delivery_count, u32::MAX);
    // Without a header it was the first delivery.
    let again = message(&Message::value("x")).delivered(&modified(true, None)).unwrap();
    assert_eq!(again.header(), Ok(Some(Header { delivery_count: 1, ..Header::default() })));
}

/// MESSAGING-3.2-12
#[test]
fn delivery_annotations_are_for_one_hop_and_message_annotations_for_all() {
    let first =
        Message::data("x").delivery_annotation(key("x-opt-hop"), 1_u8).annotation(key("x-opt-all"), 2_u8);
    let next = message(&first).forwarded(Duration::ZERO).unwrap().unwrap();
    assert_eq!(next.to_message(), Ok(Message::data("x").annotation(key("x-opt-all"), 2_u8)));
    assert_eq!(next.bare(), message(&first).bare());
}

/// MESSAGING-3.2-12: what is wrong with a rejected message goes with it.
#[test]
fn the_error_of_a_rejected_message_is_a_delivery_annotation() {
    let error = Error::new(ErrorCondition::PRECONDITION_FAILED, "no");
    let rejected = DeliveryState::Rejected(error.clone().into());
    let before = message(&Message::value("x").delivery_annotation(key("x-opt-a"), 1_u8));
    let after = before.delivered(&rejected).unwrap();
    let annotations = after.delivery_annotations().unwrap().unwrap();
    let keys: Vec<_> = annotations.iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(keys, [key("x-opt-a"), key("rejected")]);
    assert_eq!(annotations.get("rejected").unwrap().to(), Ok(error));
    assert_eq!(after.header().unwrap().unwrap().delivery_count, 1);
    let silent = before.delivered(&DeliveryState::Rejected(Rejected::default())).unwrap();
    assert_eq!(silent.delivery_annotations().unwrap().unwrap().len(), 1);
}

/// MESSAGING-3.2-12: annotations of a modified outcome replace those with the same key and are added to the others.
#[test]
fn the_annotations_of_a_modified_message_are_merged() {
    let before = Message::value("x").annotation(key("x-opt-a"), 1_u8).annotation(key("x-opt-b"), 2_u8);
    let changes = Fields::from([
        (Symbol::from_static("x-opt-c"), Value::from("new")),
        (Symbol::from_static("x-opt-a"), Value::from("old")),
    ]);
    let after = message(&before).delivered(&modified(false, Some(changes.clone()))).unwrap();
    let expected: Annotations = [
        (key("x-opt-a"), Value::from("old")),
        (key("x-opt-b"), 2_u8.into()),
        (key("x-opt-c"), Value::from("new")),
    ]
    .into();
    assert_eq!(after.message_annotations(), Ok(Some(expected)));
    assert_eq!(after.bare(), message(&before).bare());
    let bare = message(&Message::value("x")).delivered(&modified(false, Some(changes))).unwrap();
    assert_eq!(bare.message_annotations().unwrap().unwrap().len(), 2);
}

/// MESSAGING-3.2-11
#[test]
fn annotations_that_are_not_optional_have_to_be_understood() {
    let annotations: Annotations = [
        (key("x-opt-anything"), Value::Null),
        (key("x-known"), Value::Null),
        (key("x-opt"), Value::Null),
        (AnnotationKey::Ulong(7), Value::Null),
    ]
    .into();
    let optional: Vec<_> = annotations.iter().map(|(key, _)| key.is_optional()).collect();
    assert_eq!(optional, [true, false, false, false]);
    assert_eq!(annotations.not_understood(|_| false), Some(&key("x-known")));
    assert_eq!(annotations.not_understood(|key| key == "x-known"), Some(&key("x-opt")));
    assert_eq!(
        annotations.not_understood(|key| matches!(key, AnnotationKey::Symbol(_))),
        Some(&AnnotationKey::Ulong(7))
    );
    assert_eq!(annotations.not_understood(|_| true), None);
    let optional: Annotations = [(key("x-opt-anything"), Value::Null)].into();
    assert_eq!(optional.not_understood(|_| false), None);
}

/// MESSAGING-3.2-14
#[test]
fn only_data_has_an_encoding_and_identity_is_none() {
    let encoding = |message: Message| message.properties.unwrap().content_encoding;
    let gzip = Symbol::from_static("gzip");
    assert_eq!(encoding(Message::data("x").content_encoding(gzip.clone())), Some(gzip.clone()));
    assert_eq!(encoding(Message::data("x").content_encoding(Symbol::from_static("identity"))), None);
    let again =
        Message::data("x").content_encoding(gzip.clone()).content_encoding(Symbol::from_static("identity"));
    assert_eq!(encoding(again), None);
    assert_eq!(encoding(Message::value("x").content_encoding(gzip.clone())), None);
    assert_eq!(encoding(Message::sequence(["x"]).content_encoding(gzip.clone())), None);
    let octets = encode(&Message::value("x").content_encoding(gzip));
    assert_eq!(octets, hex("00 53 73 45  00 53 77 a1 01 78"));
}

/// MESSAGING-3.2-15: no body says of itself what it is; opaque octets have no type of their own either.
#[test]
fn a_content_type_is_what_the_application_says() {
    for made in [Message::data("x"), Message::value("x"), Message::sequence(["x"])] {
        assert_eq!(made.properties, None);
        assert_eq!(message(&made.subject("s")).properties().unwrap().unwrap().content_type, None);
    }
    let opaque = Message::data("x").content_type(Symbol::from_static("application/octet-stream"));
    let read = message(&opaque).properties().unwrap().unwrap();
    assert_eq!(read.content_type, Some(Symbol::from_static("application/octet-stream")));
}

/// MESSAGING-3.2-18
#[test]
fn every_section_may_be_named_by_its_symbol() {
    let sections = [
        ("header:list", "c0 02 01 41"),
        ("delivery-annotations:map", "c1 06 02 a3 01 64 50 01"),
        ("message-annotations:map", "c1 06 02 a3 01 6d 50 02"),
        ("properties:list", "c0 03 01 53 07"),
        ("application-properties:map", "c1 06 02 a1 01 70 50 03"),
        ("data:binary", "a0 01 78"),
        ("amqp-sequence:list", "c0 03 01 50 04"),
        ("amqp-value:*", "a1 01 78"),
        ("footer:map", "c1 06 02 a3 01 66 50 05"),
    ];
    let symbolic = |index: usize| {
        let (name, value) = sections[index];
        let name = format!("amqp:{name}");
        [&[0x00, 0xa3, name.len() as u8], name.as_bytes(), &hex(value)].concat()
    };
    let numeric = |index: usize| [&[0x00, 0x53, 0x70 + index as u8][..], &hex(sections[index].1)].concat();
    for body in 5..8 {
        let parts = [0, 1, 2, 3, 4, body, 8];
        let named = lazy(&parts.map(symbolic).concat()).unwrap();
        let numbered = lazy(&parts.map(numeric).concat()).unwrap();
        assert_eq!(named.to_message(), numbered.to_message());
        assert_eq!(named.to_message().unwrap(), Message::decode(&numbered.payload()).unwrap());
        assert_eq!(named.body_kind(), numbered.body_kind());
    }
    let mut unknown = symbolic(7);
    unknown[4] = b'x';
    assert!(lazy(&unknown).is_err());
}
