#![cfg(test)]
//! The rope that carries payloads: splitting, joining and comparing, whatever the cuts.

use amqp_codec::Payload;
use bytes::{Buf, Bytes, BytesMut};
use proptest::{collection::vec, prelude::*};

fn rope(pieces: &[Vec<u8>]) -> Payload {
    pieces.iter().map(|piece| Bytes::copy_from_slice(piece)).collect()
}

fn octets(payload: &Payload) -> Vec<u8> {
    payload.chunks().flat_map(|piece| piece.iter().copied()).collect()
}

#[test]
fn new_payload_is_empty() {
    let mut payload = Payload::new();
    assert!(payload.is_empty());
    assert_eq!(payload.chunks().len(), 0);
    assert_eq!(payload.take_front(10), None);
    assert_eq!(payload.clone().into_bytes(), Bytes::new());
    assert_eq!(payload.split_to(3), Payload::new());
}

#[test]
fn empty_pieces_are_never_kept() {
    let mut payload = Payload::from(Bytes::new());
    payload.push(Bytes::new());
    assert_eq!(payload.chunks().count(), 0);
    payload.push(Bytes::from_static(b"a"));
    payload.push(Bytes::new());
    payload.push(Bytes::from_static(b"b"));
    assert_eq!(payload.chunks().map(Bytes::len).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn one_piece_is_handed_out_without_copying() {
    let bytes = Bytes::from(vec![7_u8; 5000]);
    let address = bytes.as_ptr();
    let mut payload = Payload::from(bytes);
    assert_eq!(payload.as_contiguous().map(|piece| piece.as_ptr()), Some(address));
    let front = payload.split_to(1000);
    assert_eq!(front.into_bytes().as_ptr(), address);
    assert_eq!(payload.into_bytes().as_ptr(), address.wrapping_add(1000));
}

#[test]
fn take_front_never_crosses_a_piece() {
    let mut payload = rope(&[b"abc".to_vec(), b"defg".to_vec()]);
    assert_eq!(payload.take_front(0), None);
    assert_eq!(payload.take_front(2).as_deref(), Some(&b"ab"[..]));
    assert_eq!(payload.len(), 5);
    assert_eq!(payload.take_front(9).as_deref(), Some(&b"c"[..]));
    assert_eq!(payload.take_front(9).as_deref(), Some(&b"defg"[..]));
    assert_eq!(payload.take_front(9), None);
    assert!(payload.is_empty());
}

#[test]
fn pushing_again_after_draining_works() {
    let mut payload = rope(&[b"a".to_vec(), b"b".to_vec()]);
    while payload.take_front(1).is_some() {}
    payload.push(Bytes::from_static(b"c"));
    assert_eq!(payload.len(), 1);
    assert_eq!(payload.as_contiguous().map(|piece| &piece[..]), Some(&b"c"[..]));
}

#[test]
fn a_rope_of_many_pieces_keeps_its_length() {
    let mut payload = Payload::new();
    for _ in 0..10_000 {
        payload.push(Bytes::from_static(b"0123456789"));
    }
    assert_eq!(payload.len(), 100_000);
    assert_eq!(payload.split_to(99_995).len(), 99_995);
    assert_eq!(payload, *b"56789".as_slice());
}

#[test]
fn conversions_hold_the_same_octets() {
    let expected = Payload::from_static(b"xyz");
    assert_eq!(Payload::from("xyz"), expected);
    assert_eq!(Payload::from(b"xyz"), expected);
    assert_eq!(Payload::from(&b"xyz"[..]), expected);
    assert_eq!(Payload::from(String::from("xyz")), expected);
    assert_eq!(Payload::from(vec![b'x', b'y', b'z']), expected);
    assert_eq!(Payload::from(BytesMut::from("xyz")), expected);
    assert_eq!(Payload::copy_from_slice(b"xyz"), expected);
    assert_ne!(Payload::from("xya"), expected);
    assert_ne!(Payload::from("xy"), expected);
    assert_eq!(format!("{expected:?}"), r#"Payload { len: 3, start: b"xyz" }"#);
}

proptest! {
    #[test]
    fn equality_ignores_where_pieces_are_cut(a in vec(vec(0_u8..3, 0..4), 0..6), b in vec(vec(0_u8..3, 0..4), 0..6)) {
        let same = a.concat() == b.concat();
        prop_assert_eq!(rope(&a) == rope(&b), same);
        prop_assert_eq!(rope(&a) == *b.concat().as_slice(), same);
        prop_assert_eq!(rope(&a), Payload::from(a.concat()));
    }

    #[test]
    fn splits_and_slices_agree_with_a_plain_vector(pieces in vec(vec(any::<u8>(), 0..9), 0..8), at in 0_usize..80, to in 0_usize..80) {
        let whole = pieces.concat();
        let cut = at.min(whole.len());
        let mut payload = rope(&pieces);
        let end = to.min(whole.len()).max(cut);
        prop_assert_eq!(octets(&payload.slice(at, to)), whole[cut..end].to_vec());
        let front = payload.split_to(at);
        prop_assert_eq!(octets(&front), whole[..cut].to_vec());
        prop_assert_eq!(octets(&payload), whole[cut..].to_vec());
        prop_assert_eq!(front.len() + payload.len(), whole.len());
        let mut joined = front;
        joined.append(payload);
        prop_assert_eq!(joined.clone().into_bytes(), whole.clone());
        let mut copy = BytesMut::from("before");
        joined.copy_to(&mut copy);
        prop_assert_eq!(&copy[6..], &whole[..]);
    }

    #[test]
    fn reading_as_a_buffer_yields_every_octet(pieces in vec(vec(any::<u8>(), 0..9), 0..8), step in 1_usize..5) {
        let mut payload = rope(&pieces);
        let mut read = Vec::new();
        while payload.has_remaining() {
            let n = step.min(payload.chunk().len());
            read.extend_from_slice(&payload.chunk()[..n]);
            payload.advance(n);
        }
        prop_assert_eq!(read, pieces.concat());
    }
}
