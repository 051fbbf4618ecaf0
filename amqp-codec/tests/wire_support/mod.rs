//! What the tests of the wire format share.
#![allow(dead_code, reason = "each test program uses a part of it")]

use amqp_codec::*;
use bytes::{Bytes, BytesMut};
use std::fmt::Debug;

/// Octets from hexadecimal digits; anything else between them is skipped.
pub(crate) fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    assert!(digits.len().is_multiple_of(2), "{hex}");
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

pub(crate) fn encoded(value: &impl Encode) -> Bytes {
    let mut out = BytesMut::new();
    value.encode(&mut Writer::new(&mut out));
    out.freeze()
}

/// Decodes octets that hold one value and nothing else, in every way that there is.
pub(crate) fn decoded<T: Decode + Debug + PartialEq>(octets: &[u8]) -> Result<T, DecodeError> {
    let mut reader = Reader::new(octets);
    let value = T::decode(&mut reader)?;
    assert!(reader.is_empty(), "{:02x?} left of {octets:02x?}", reader.remaining());
    let shared = Bytes::copy_from_slice(octets);
    let mut reader = Reader::shared(&shared);
    assert_eq!(T::decode(&mut reader).as_ref(), Ok(&value), "shared octets mean something else");
    let mut reader = Reader::new(octets);
    assert_eq!((reader.skip(), reader.position()), (Ok(()), octets.len()), "skipping goes elsewhere");
    Ok(value)
}

pub(crate) fn refused<T: Decode + Debug>(octets: &[u8]) -> DecodeErrorKind {
    let shared = Bytes::copy_from_slice(octets);
    let error = T::decode(&mut Reader::new(octets)).expect_err(&format!("{octets:02x?} was accepted"));
    assert_eq!(T::decode(&mut Reader::shared(&shared)).expect_err("accepted where shared"), error);
    assert!(error.at <= octets.len(), "{error} in {octets:02x?}");
    error.kind
}

pub(crate) fn symbols(names: &[&str]) -> Multiple<Symbol> {
    names.iter().map(|name| Symbol::new(name).unwrap()).collect()
}

pub(crate) fn symbol(name: &str) -> Symbol {
    Symbol::new(name).unwrap()
}
