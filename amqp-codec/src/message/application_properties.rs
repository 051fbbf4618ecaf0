//! What the application-properties section may hold, and finding one property without building the map.

use crate::{
    ApplicationProperties, Decode, DecodeError, DecodeErrorKind, Reader, Value,
    format::{PrimitiveType, code},
};

/// Reads the whole section.
pub(super) fn decode(mut reader: Reader<'_>) -> Result<ApplicationProperties, DecodeError> {
    let start = reader.clone();
    let properties = ApplicationProperties::decode(&mut reader)?;
    match properties.iter().find_map(|(_, value)| compound_code(value)) {
        Some(found) => Err(start.fail(not_simple(found))),
        None => Ok(properties),
    }
}

/// Reads the value of the first entry called `key`, stepping over the entries before it.
pub(super) fn find(mut reader: Reader<'_>, key: &str) -> Result<Option<Value>, DecodeError> {
    reader.descriptor()?;
    // The descriptor counts, so that a value is too deep here exactly when it is with all the others.
    reader.deepen()?;
    // The skim has seen that this is a map.
    let code = reader.octet()?;
    let (count, mut entries) = reader.compound(code)?;
    for _ in 0..count / 2 {
        let name = match entries.octet()? {
            code @ (code::STRING8 | code::STRING32) => entries.variable(code)?,
            found => return Err(entries.unexpected(PrimitiveType::String.name(), found)),
        };
        if name == key.as_bytes() {
            let start = entries.clone();
            let value = Value::decode(&mut entries)?;
            return match compound_code(&value) {
                Some(found) => Err(start.fail(not_simple(found))),
                None => Ok(Some(value)),
            };
        }
        entries.skip()?;
    }
    Ok(None)
}

/// §3.2.5: values are of simple types, which leaves out lists, maps and arrays. A described value is what it describes.
fn compound_code(value: &Value) -> Option<u8> {
    let mut value = value;
    while let Value::Described(described) = value {
        value = &described.value;
    }
    match value {
        Value::List(_) => Some(code::LIST8),
        Value::Map(_) => Some(code::MAP8),
        Value::Array(_) => Some(code::ARRAY8),
        _ => None,
    }
}

const fn not_simple(found: u8) -> DecodeErrorKind {
    DecodeErrorKind::UnexpectedType { expected: "simple type", found }
}
