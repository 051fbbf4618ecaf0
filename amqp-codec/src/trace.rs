//! Values and frames as text, in the form of proton's frame trace.

use crate::array::Array;
use crate::composite::Schema;
use crate::definitions::*;
use crate::map::OrderedMap;
use crate::multiple::Multiple;
use crate::read::{Decode, Reader};
use crate::text::{Symbol, leaves_line};
use crate::value::{Described, Value};
use crate::write::{Encode, Writer};
use bytes::BytesMut;
use core::fmt::{self, Display, Formatter, Write};

/// What a client proves itself with does not belong in a log.
const SECRETS: [&str; 2] = ["sasl-init.initial-response", "sasl-response.response"];

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => value.fmt(f),
            Self::Ubyte(value) => value.fmt(f),
            Self::Ushort(value) => value.fmt(f),
            Self::Uint(value) => value.fmt(f),
            Self::Ulong(value) => value.fmt(f),
            Self::Byte(value) => value.fmt(f),
            Self::Short(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Long(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Double(value) => value.fmt(f),
            Self::Decimal32(value) => write!(f, "D32({:08x})", u32::from_be_bytes(value.0)),
            Self::Decimal64(value) => write!(f, "D64({:016x})", u64::from_be_bytes(value.0)),
            Self::Decimal128(value) => write!(f, "D128({:032x})", u128::from_be_bytes(value.0)),
            Self::Char(value) => quoted(f, "'", [*value], "'"),
            Self::Timestamp(value) => value.fmt(f),
            Self::Uuid(value) => write!(f, "UUID({value})"),
            Self::Binary(octets) => binary(f, octets),
            Self::String(text) => quoted(f, "\"", text.chars(), "\""),
            Self::Symbol(symbol) if is_plain(symbol) => write!(f, ":{symbol}"),
            Self::Symbol(symbol) => quoted(f, ":\"", symbol.chars(), "\""),
            Self::List(items) => list(f, items),
            Self::Map(map) => entries(f, map),
            Self::Array(array) => array.fmt(f),
            Self::Described(described) => described.fmt(f),
        }
    }
}

/// `@source(40) [address="q"]` for a type of the spec, and otherwise descriptor and value.
impl Display for Described {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let schema = match &self.descriptor {
            Value::Ulong(code) => schema_of_code(*code),
            _ => None,
        };
        match (schema, &self.value) {
            (Some(schema), Value::List(items)) if !schema.fields.is_empty() => fields(f, schema, items),
            (Some(schema), value) => write!(f, "@{}({}) {value}", schema.name(), schema.code),
            (None, value) => write!(f, "@{} {value}", self.descriptor),
        }
    }
}

/// `@<symbol>[:one, :two]`
impl Display for Array {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (element, mut values) = (self.element_type(), self.iter());
        write!(f, "@<{}>[", element.name())?;
        if let Some(first) = values.next() {
            first.fmt(f)?;
        }
        if self.is_weightless() && self.len() > 1 {
            // All alike, and perhaps thousands of millions.
            return write!(f, ", ...({} more)]", self.len() - 1);
        }
        values.try_for_each(|value| write!(f, ", {value}"))?;
        f.write_str("]")
    }
}

/// The trace form of whatever the octets of the value say.
macro_rules! by_encoding {
    ($([$($generics:tt)*] $type:ty;)+) => {$(
        impl<$($generics)*> Display for $type {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                let mut octets = BytesMut::new();
                self.encode(&mut Writer::new(&mut octets));
                match Value::decode(&mut Reader::new(&octets)) {
                    Ok(value) => value.fmt(f),
                    // Values that were built deeper than any peer would read.
                    Err(error) => write!(f, "<{error}>"),
                }
            }
        }
    )+};
    ($($type:ident)+) => { by_encoding! { $([] $type;)+ } };
}

by_encoding! {
    [K: Encode, V: Encode] OrderedMap<K, V>;
    [] Multiple<Symbol>;
}

by_encoding! {
    Performative Open Begin Attach Flow Transfer Disposition Detach End Close
    SaslFrame SaslMechanisms SaslInit SaslChallenge SaslResponse SaslOutcome
    DeliveryState Received Accepted Rejected Released Modified
    AttachSource AttachTarget Source Target Coordinator
    LifetimePolicy DeleteOnClose DeleteOnNoLinks DeleteOnNoMessages DeleteOnNoLinksOrMessages
    Declare Discharge Declared TransactionalState
    Header DeliveryAnnotations MessageAnnotations Properties ApplicationProperties
    Data AmqpSequence AmqpValue Footer
}

fn fields(f: &mut Formatter<'_>, schema: &Schema, items: &[Value]) -> fmt::Result {
    write!(f, "@{}({}) [", schema.name(), schema.code)?;
    let mut separator = "";
    for (index, item) in items.iter().enumerate().filter(|(_, item)| !item.is_null()) {
        f.write_str(separator)?;
        separator = ", ";
        let name = schema.fields.get(index).copied().unwrap_or_default();
        if let Some((_, field)) = name.split_once('.') {
            write!(f, "{field}=")?;
        }
        match item {
            Value::Binary(octets) if SECRETS.contains(&name) => write!(f, "<{} octets>", octets.len())?,
            item => item.fmt(f)?,
        }
    }
    f.write_str("]")
}

fn list(f: &mut Formatter<'_>, items: &[Value]) -> fmt::Result {
    f.write_str("[")?;
    let mut separator = "";
    for item in items {
        write!(f, "{separator}{item}")?;
        separator = ", ";
    }
    f.write_str("]")
}

fn entries(f: &mut Formatter<'_>, map: &OrderedMap<Value, Value>) -> fmt::Result {
    f.write_str("{")?;
    let mut separator = "";
    for (key, value) in map {
        write!(f, "{separator}{key}={value}")?;
        separator = ", ";
    }
    f.write_str("}")
}

/// Whether a symbol needs no quotes.
fn is_plain(symbol: &Symbol) -> bool {
    matches!(symbol.as_octets(), [first, rest @ ..] if first.is_ascii_alphabetic()
        && rest.iter().all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-'))
}

fn binary(f: &mut Formatter<'_>, octets: &[u8]) -> fmt::Result {
    f.write_str("b\"")?;
    for octet in octets {
        match octet {
            b'"' | b'\\' => write!(f, "\\{}", char::from(*octet))?,
            b' '..=b'~' => f.write_char(char::from(*octet))?,
            _ => write!(f, "\\x{octet:02x}")?,
        }
    }
    f.write_str("\"")
}

fn quoted(
    f: &mut Formatter<'_>,
    open: &str,
    text: impl IntoIterator<Item = char>,
    close: &str,
) -> fmt::Result {
    f.write_str(open)?;
    for character in text {
        match character {
            '"' | '\\' => write!(f, "\\{character}")?,
            _ if leaves_line(character) => write!(f, "{}", character.escape_default())?,
            _ => f.write_char(character)?,
        }
    }
    f.write_str(close)
}
