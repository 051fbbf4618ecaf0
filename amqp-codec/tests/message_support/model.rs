//! What a message is, said a second time: as a row of described values that obey §3.2.

use amqp_codec::{Decode, Described, PrimitiveType, Reader, Value};

const HEADER: [&[PrimitiveType]; 5] = {
    use PrimitiveType::*;
    [&[Boolean], &[Ubyte], &[Uint], &[Boolean], &[Uint]]
};
const PROPERTIES: [&[PrimitiveType]; 13] = {
    use PrimitiveType::*;
    const ID: &[PrimitiveType] = &[Ulong, Uuid, Binary, String];
    [
        ID,
        &[Binary],
        &[String],
        &[String],
        &[String],
        ID,
        &[Symbol],
        &[Symbol],
        &[Timestamp],
        &[Timestamp],
        &[String],
        &[Uint],
        &[String],
    ]
};

/// Whether `octets` are a message, after the rules of §3.2 and the leniency for a missing body.
pub(crate) fn is_message(octets: &[u8]) -> bool {
    let mut reader = Reader::new(octets);
    let mut codes = Vec::new();
    while !reader.is_empty() {
        match Described::decode(&mut reader).ok().and_then(|section| code_of_section(&section)) {
            Some(code) => codes.push(code),
            None => return false,
        }
    }
    !codes.is_empty() && codes.len() <= 10_000 && codes.windows(2).all(|pair| may_follow(pair[0], pair[1]))
}

fn may_follow(first: u64, second: u64) -> bool {
    let is_body = |code| (0x75..=0x77).contains(&code);
    match (first, second) {
        (0x75, 0x75) | (0x76, 0x76) => true,
        _ if is_body(first) && is_body(second) => false,
        _ => first < second,
    }
}

/// The descriptor, if the section is one and its value fits.
fn code_of_section(section: &Described) -> Option<u64> {
    let code = match &section.descriptor {
        Value::Ulong(code) => *code,
        Value::Symbol(symbol) => match symbol.as_str() {
            "amqp:header:list" => 0x70,
            "amqp:delivery-annotations:map" => 0x71,
            "amqp:message-annotations:map" => 0x72,
            "amqp:properties:list" => 0x73,
            "amqp:application-properties:map" => 0x74,
            "amqp:data:binary" => 0x75,
            "amqp:amqp-sequence:list" => 0x76,
            "amqp:amqp-value:*" => 0x77,
            "amqp:footer:map" => 0x78,
            _ => return None,
        },
        _ => return None,
    };
    let fits = match (code, &section.value) {
        (0x70, Value::List(fields)) => are_fields(fields, &HEADER),
        (0x73, Value::List(fields)) => are_fields(fields, &PROPERTIES),
        (0x71 | 0x72 | 0x78, Value::Map(map)) => {
            map.iter().all(|(key, _)| matches!(key, Value::Symbol(_) | Value::Ulong(_)))
        }
        (0x74, Value::Map(map)) => {
            map.iter().all(|(key, value)| matches!(key, Value::String(_)) && is_simple(value))
        }
        (0x75, Value::Binary(_)) | (0x76, Value::List(_)) | (0x77, _) => true,
        _ => false,
    };
    fits.then_some(code)
}

fn are_fields(values: &[Value], types: &[&[PrimitiveType]]) -> bool {
    values.len() <= types.len()
        && values.iter().zip(types).all(|(value, types)| {
            *value == Value::Null || value.primitive_type().is_some_and(|found| types.contains(&found))
        })
}

fn is_simple(value: &Value) -> bool {
    match value {
        Value::Described(described) => is_simple(&described.value),
        Value::List(_) | Value::Map(_) | Value::Array(_) => false,
        _ => true,
    }
}
