//! Every AMQP value of the table, one message each.

use amqp_codec::{Body, Decode, DeliveryState, Encode, Message, Reader, Value, Writer};
use bytes::BytesMut;

use crate::program::Problem;
use crate::receiving::Receiving;
use crate::sending::Sending;

const TABLE: &str = include_str!("../../../interop/values.txt");

/// Sends every value with its name as the subject.
pub(crate) fn send() -> Result<Sending, Problem> {
    let message =
        |(name, value): (&'static str, Value)| (name.to_owned(), Message::value(value).subject(name));
    Ok(Sending::new(table()?.into_iter().map(message)))
}

/// Compares every value with the one of that name in the table.
pub(crate) fn receive() -> Result<Receiving, Problem> {
    let mut missing = table()?;
    Ok(Receiving::new(missing.len(), move |_, message| {
        let subject = message.properties.and_then(|properties| properties.subject).unwrap_or_default();
        let place = missing.iter().position(|(name, _)| subject == *name);
        let place = place.ok_or_else(|| format!("{subject}: unknown, or here for the second time"))?;
        let (name, expected) = missing.swap_remove(place);
        match message.body {
            Body::Value(value) if value == expected => Ok(DeliveryState::Accepted),
            other => Err(format!("{name}: received {other:?}, expected {expected:?}")),
        }
    }))
}

/// The table's file: names and values, in its order.
fn table() -> Result<Vec<(&'static str, Value)>, Problem> {
    TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(entry).collect()
}

/// One line of it, `NAME HEX`. The table has the shortest encodings, which are what is written here as well.
fn entry(line: &'static str) -> Result<(&'static str, Value), Problem> {
    let (name, digits) = line.split_once(' ').ok_or_else(|| format!("no value: {line}"))?;
    let octet = |place| digits.get(place..place + 2).map(|pair| u8::from_str_radix(pair, 16));
    let octets = (0..digits.len()).step_by(2).map_while(octet).collect::<Result<Vec<_>, _>>()?;
    let value = Value::decode(&mut Reader::new(&octets)).map_err(|error| format!("{name}: {error}"))?;
    let mut written = BytesMut::new();
    value.encode(&mut Writer::new(&mut written));
    if written == octets {
        Ok((name, value))
    } else {
        Err(format!("{name}: encoded as {written:02x?}").into())
    }
}
