#![cfg(test)]
//! Octets written by another implementation: the nine interoperability files of qpid-proton, where they are present.

mod message_support;

use std::{fs, path::Path};

use amqp_codec::{
    Body, Decode, Described, Encode, Header, LazyMessage, Map, Message, Payload, Properties, Reader, Serial,
    Symbol, Timestamp, Value, Writer,
};
use bytes::{Bytes, BytesMut};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpora/proton-interop");

fn file(name: &str) -> Option<Bytes> {
    let folder = Path::new(FOLDER);
    folder.is_dir().then(|| Bytes::from(fs::read(folder.join(name)).unwrap()))
}

fn values(octets: &Bytes) -> Vec<Value> {
    let mut reader = Reader::shared(octets);
    let mut values = Vec::new();
    while !reader.is_empty() {
        values.push(Value::decode(&mut reader).unwrap());
    }
    values
}

fn written(values: &[Value]) -> Bytes {
    let mut out = BytesMut::new();
    values.iter().for_each(|value| value.encode(&mut Writer::new(&mut out)));
    out.freeze()
}

/// Asserts what the file holds, and that writing it gives the same octets (where they are the shortest form) or at
/// least the same values.
fn assert_file(name: &str, expected: &[Value], shortest: bool) {
    let Some(octets) = file(name) else { return };
    assert_eq!(values(&octets), expected, "{name}");
    assert_eq!(written(expected) == octets, shortest, "{name}");
    assert_eq!(values(&written(expected)), expected, "{name}");
}

fn symbol(text: &'static str) -> Value {
    Value::Symbol(Symbol::from_static(text))
}

fn map<K: Into<Value> + Clone, V: Into<Value> + Clone>(entries: &[(K, V)]) -> Value {
    let mut map = Map::default();
    entries.iter().for_each(|(key, value)| drop(map.insert(key.clone().into(), value.clone().into())));
    Value::Map(map)
}

#[test]
fn null() {
    assert_file("null.amqp", &[Value::Null], true);
}

#[test]
fn primitives() {
    let expected = [
        Value::Boolean(true),
        Value::Boolean(false),
        Value::Ubyte(42),
        Value::Ushort(42),
        Value::Short(-42),
        Value::Uint(12345),
        Value::Int(-12345),
        Value::Ulong(12345),
        Value::Long(-12345),
        Value::Float(0.125),
        Value::Double(0.125),
    ];
    assert_file("primitives.amqp", &expected, true);
}

#[test]
fn strings() {
    let expected = [
        Value::Binary(Bytes::from_static(b"abc\0defg")),
        Value::from("abcdefg"),
        symbol("abcdefg"),
        Value::Binary(Bytes::new()),
        Value::from(""),
        symbol(""),
    ];
    assert_file("strings.amqp", &expected, true);
}

#[test]
fn lists() {
    let first = Value::List(vec![Value::Int(32), Value::from("foo"), Value::Boolean(true)]);
    assert_file("lists.amqp", &[first, Value::List(vec![])], false);
}

#[test]
fn maps() {
    let expected = [
        map(&[("three", 3_i32), ("two", 2), ("one", 1)]),
        map(&[(1_i32, "one"), (2, "two"), (3, "three")]),
        map::<i32, i32>(&[]),
    ];
    assert_file("maps.amqp", &expected, false);
}

#[test]
fn described() {
    let expected = [
        Value::from(Described { descriptor: symbol("foo-descriptor"), value: Value::from("foo-value") }),
        Value::from(Described { descriptor: Value::Int(12), value: Value::Int(13) }),
    ];
    assert_file("described.amqp", &expected, true);
}

fn elements(value: &Value) -> Vec<Value> {
    let Value::Array(array) = value else { panic!("{value:?} is no array") };
    array.iter().collect()
}

#[test]
fn arrays() {
    let Some(octets) = file("arrays.amqp") else { return };
    let arrays = values(&octets);
    assert_eq!(arrays.len(), 3);
    assert_eq!(elements(&arrays[0]), (0..100).map(Value::Int).collect::<Vec<_>>());
    assert_eq!(elements(&arrays[1]), ["a", "b", "c"].map(Value::from));
    assert_eq!(elements(&arrays[2]), [Value::Null; 0]);
    assert_eq!(values(&written(&arrays)), arrays);
}

#[test]
fn described_array() {
    let Some(octets) = file("described_array.amqp") else { return };
    let arrays = values(&octets);
    assert_eq!(arrays.len(), 1);
    let expected = (0..10)
        .map(|n| Value::from(Described { descriptor: symbol("int-array"), value: Value::Int(n) }))
        .collect::<Vec<_>>();
    assert_eq!(elements(&arrays[0]), expected);
    assert_eq!(values(&written(&arrays)), arrays);
}

#[test]
fn message() {
    let Some(octets) = file("message.amqp") else { return };
    let expected = Message {
        header: Some(Header { delivery_count: 0, ..Header::default() }),
        properties: Some(Properties {
            absolute_expiry_time: Some(Timestamp(0)),
            creation_time: Some(Timestamp(0)),
            group_sequence: Some(Serial(0)),
            ..Properties::default()
        }),
        body: Body::Value(Value::Binary(Bytes::from_static(b"\xa1\x05hello"))),
        ..Message::default()
    };
    let lazy = LazyMessage::parse(octets.clone().into()).unwrap();
    assert_eq!(lazy.to_message().unwrap(), expected);
    assert_eq!(lazy.bare(), octets.slice(19..));
    assert_eq!(lazy.payload(), Payload::from(octets.clone()));
    // Written anew it is shorter: defaults and trailing nulls are left out, one-octet sizes suffice.
    let again = message_support::encode(&expected);
    assert!(again.len() < octets.len());
    assert_eq!(message_support::decode(&again).unwrap(), expected);
}
