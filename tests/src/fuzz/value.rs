//! One value of any type: read, written, and read again.

use amqp_core::codec::{Decode, Encode, Reader, Value, Writer};
use bytes::{Bytes, BytesMut};

use super::frame::is_within;

/// Octets begin with a value: stepping over it and reading it end at the same place, and written in its shortest form
/// it is the same value and never changes again.
pub fn value(data: &[u8]) {
    let mut skipping = Reader::new(data);
    let skipped = skipping.skip();
    let mut reader = Reader::new(data);
    let value = match Value::decode(&mut reader) {
        Ok(value) => value,
        Err(error) => return is_within(&error, data),
    };
    // Sizes are all that skipping looks at, so that it takes more than reading does.
    assert_eq!(skipped, Ok(()), "{value:?} was read and cannot be stepped over");
    assert_eq!(skipping.position(), reader.position(), "{value:?} ends where it ends");
    assert!(!value.to_string().is_empty());

    let shared = Bytes::copy_from_slice(data);
    assert_eq!(Value::decode(&mut Reader::shared(&shared)).as_ref(), Ok(&value), "whoever owns the octets");

    let once = written(&value);
    assert!(once.len() <= reader.position(), "{value:?} in {} octets is not short", once.len());
    let mut again = Reader::new(&once);
    let read = Value::decode(&mut again);
    assert_eq!(read.as_ref(), Ok(&value), "written as {once:02x?}");
    assert!(again.is_empty());
    assert_eq!(read.map(|value| written(&value)), Ok(once));
}

fn written(value: &Value) -> BytesMut {
    let mut octets = BytesMut::new();
    value.encode(&mut Writer::new(&mut octets));
    octets
}
