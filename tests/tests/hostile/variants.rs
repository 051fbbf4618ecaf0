//! What a case names beside its own octets, where the answer is the same.

use amqp_core::codec::{Decimal128, Fields, Open, Symbol, Timestamp, Uuid, Value};
use amqp_tests::script::{frame, peer_open};

use crate::rows::Row;

/// Other octets with the same answer.
pub(crate) fn of(row: &Row) -> Vec<Vec<u8>> {
    let octets = row.octets.as_deref().unwrap_or_default();
    let end = octets.len();
    match &*row.id {
        "A22" => patched(octets, end - 2, &[&[0xC0, 0x80], &[0xED, 0xA0], &[b'x', 0xFF]]),
        "A24" => patched(octets, end - 4, &[&[0, 0, 0xDF, 0xFF], &[0, 0x11, 0, 0], &[0xFF; 4]]),
        "A26" => each_octet(octets, end - 1, (1..=0xFF).filter(|code| !is_assigned(*code))),
        "A30" => [0x45, 0x40].map(|descriptor| sized(&[0, descriptor, 0xC0, 4, 1, 0xA1, 1, b'x'])).to_vec(),
        "A32" => vec![sized(&[0xFF]), sized(&[0xC0, 1, 0]), sized(&[0x00])],
        "A42" => values().map(open_with).to_vec(),
        "B04" => each_octet(octets, 4, [1, 4, 5, 0x7F]),
        "C02" => each_octet(octets, 3, 0..7),
        "C03" => each_octet(octets, 4, [0, 1]),
        "C09" => each_octet(octets, 5, 3..=0xFF),
        "G05" => vec![transfer_with_tag(&[0xA0, 255], 255), transfer_with_tag(&[0xB0, 0, 0, 1, 44], 300)],
        // Repeated instead of backwards.
        "G08" => each_octet(octets, end - 9, [7]),
        _ => Vec::new(),
    }
}

/// The codes to which §1.6 gives a meaning.
fn is_assigned(code: u8) -> bool {
    matches!(code,
        0x00 | 0x40..=0x45 | 0x50..=0x56 | 0x60..=0x61 | 0x70..=0x74 | 0x80..=0x84 | 0x94 | 0x98
        | 0xA0 | 0xA1 | 0xA3 | 0xB0 | 0xB1 | 0xB3 | 0xC0 | 0xC1 | 0xD0 | 0xD1 | 0xE0 | 0xF0)
}

fn patched(octets: &[u8], at: usize, others: &[&[u8]]) -> Vec<Vec<u8>> {
    let patch = |other: &&[u8]| {
        let mut octets = octets.to_vec();
        octets[at..at + other.len()].copy_from_slice(other);
        octets
    };
    others.iter().map(patch).collect()
}

fn each_octet(octets: &[u8], at: usize, others: impl IntoIterator<Item = u8>) -> Vec<Vec<u8>> {
    others.into_iter().flat_map(|other| patched(octets, at, &[&[other]])).collect()
}

/// A frame on channel 0 with this body.
fn sized(body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).unwrap();
    [&size.to_be_bytes()[..], &[2, 0, 0, 0], body].concat()
}

/// Values at the edges of their types, or of types of other platforms.
fn values() -> [Value; 4] {
    [
        Value::Timestamp(Timestamp(i64::MAX)),
        Value::Timestamp(Timestamp(i64::MIN)),
        Value::Decimal128(Decimal128([0xFF; 16])),
        Value::Uuid(Uuid([0xFF; 16])),
    ]
}

fn open_with(value: Value) -> Vec<u8> {
    let properties: Fields = [(Symbol::from_static("k"), value)].into_iter().collect();
    frame(0, &Open { properties: Some(properties), ..peer_open() }, &[]).to_vec()
}

/// A transfer on handle 0 whose tag is so long.
fn transfer_with_tag(tag_head: &[u8], length: usize) -> Vec<u8> {
    let items = [&[0x43, 0x43][..], tag_head, &vec![b'x'; length], &[0x43]].concat();
    let size = u32::try_from(items.len() + 4).unwrap().to_be_bytes();
    sized(&[&[0, 0x53, 0x14, 0xD0][..], &size, &[0, 0, 0, 4], &items, &[0, 0x53, 0x77, 0x40]].concat())
}
