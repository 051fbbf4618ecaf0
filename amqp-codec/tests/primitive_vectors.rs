//! Every primitive type in every encoding.

#![cfg(test)]

mod wire_support;

use amqp_codec::*;
use bytes::Bytes;
use wire_support::*;

/// Values with their shortest encoding, and after that every other one.
fn vectors() -> Vec<(Value, Vec<&'static str>)> {
    [whole_numbers(), others()].concat()
}

fn whole_numbers() -> Vec<(Value, Vec<&'static str>)> {
    use Value::{Byte, Int, Long, Short, Ubyte, Uint, Ulong, Ushort};
    vec![
        (Ubyte(0), vec!["50 00"]),
        (Ubyte(255), vec!["50 ff"]),
        (Ushort(0), vec!["60 0000"]),
        (Ushort(0x1234), vec!["60 1234"]),
        (Ushort(u16::MAX), vec!["60 ffff"]),
        (Uint(0), vec!["43", "52 00", "70 00000000"]),
        (Uint(1), vec!["52 01", "70 00000001"]),
        (Uint(255), vec!["52 ff", "70 000000ff"]),
        (Uint(256), vec!["70 00000100"]),
        (Uint(0x1234_5678), vec!["70 12345678"]),
        (Uint(u32::MAX), vec!["70 ffffffff"]),
        (Ulong(0), vec!["44", "53 00", "80 0000000000000000"]),
        (Ulong(255), vec!["53 ff", "80 00000000000000ff"]),
        (Ulong(256), vec!["80 0000000000000100"]),
        (Ulong(0x1234_5678_9abc_def0), vec!["80 123456789abcdef0"]),
        (Ulong(u64::MAX), vec!["80 ffffffffffffffff"]),
        (Byte(-128), vec!["51 80"]),
        (Byte(127), vec!["51 7f"]),
        (Short(-32768), vec!["61 8000"]),
        (Short(32767), vec!["61 7fff"]),
        (Int(0), vec!["54 00", "71 00000000"]),
        (Int(-1), vec!["54 ff", "71 ffffffff"]),
        (Int(-128), vec!["54 80", "71 ffffff80"]),
        (Int(127), vec!["54 7f", "71 0000007f"]),
        (Int(-129), vec!["71 ffffff7f"]),
        (Int(128), vec!["71 00000080"]),
        (Int(i32::MIN), vec!["71 80000000"]),
        (Int(i32::MAX), vec!["71 7fffffff"]),
        (Long(0), vec!["55 00", "81 0000000000000000"]),
        (Long(-1), vec!["55 ff", "81 ffffffffffffffff"]),
        (Long(-128), vec!["55 80", "81 ffffffffffffff80"]),
        (Long(-129), vec!["81 ffffffffffffff7f"]),
        (Long(128), vec!["81 0000000000000080"]),
        (Long(i64::MIN), vec!["81 8000000000000000"]),
        (Long(i64::MAX), vec!["81 7fffffffffffffff"]),
    ]
}

fn others() -> Vec<(Value, Vec<&'static str>)> {
    use Value::{Binary, Boolean, Char, Double, Float, Null};
    vec![
        (Null, vec!["40"]),
        (Boolean(true), vec!["41", "56 01"]),
        (Boolean(false), vec!["42", "56 00"]),
        (Float(0.0), vec!["72 00000000"]),
        (Float(-0.0), vec!["72 80000000"]),
        (Float(-1.5), vec!["72 bfc00000"]),
        (Float(f32::INFINITY), vec!["72 7f800000"]),
        (Float(f32::from_bits(0x7fc1_2345)), vec!["72 7fc12345"]),
        (Float(f32::from_bits(1)), vec!["72 00000001"]),
        (Double(0.0), vec!["82 0000000000000000"]),
        (Double(-0.0), vec!["82 8000000000000000"]),
        (Double(1.0), vec!["82 3ff0000000000000"]),
        (Double(f64::NEG_INFINITY), vec!["82 fff0000000000000"]),
        (Double(f64::from_bits(0x7ff8_0000_dead_beef)), vec!["82 7ff80000deadbeef"]),
        (Double(f64::from_bits(1)), vec!["82 0000000000000001"]),
        (Value::from(Decimal32([1, 2, 3, 4])), vec!["74 01020304"]),
        (Value::from(Decimal64([1, 2, 3, 4, 5, 6, 7, 8])), vec!["84 0102030405060708"]),
        (Value::from(Decimal128(*b"0123456789abcdef")), vec!["94 30313233343536373839616263646566"]),
        (Char('\0'), vec!["73 00000000"]),
        (Char('A'), vec!["73 00000041"]),
        (Char('\u{d7ff}'), vec!["73 0000d7ff"]),
        (Char('\u{e000}'), vec!["73 0000e000"]),
        (Char(char::MAX), vec!["73 0010ffff"]),
        (Value::from(Timestamp(0)), vec!["83 0000000000000000"]),
        (Value::from(Timestamp(-1)), vec!["83 ffffffffffffffff"]),
        (Value::from(Timestamp(i64::MIN)), vec!["83 8000000000000000"]),
        (Value::from(Timestamp(i64::MAX)), vec!["83 7fffffffffffffff"]),
        (Value::from(Uuid(*b"0123456789abcdef")), vec!["98 30313233343536373839616263646566"]),
        (Binary(Bytes::new()), vec!["a0 00", "b0 00000000"]),
        (Binary(Bytes::from_static(&[0, 0xff])), vec!["a0 02 00ff", "b0 00000002 00ff"]),
        (Value::from(""), vec!["a1 00", "b1 00000000"]),
        (Value::from("hello"), vec!["a1 05 68656c6c6f", "b1 00000005 68656c6c6f"]),
        (Value::from("é€𐍈"), vec!["a1 09 c3a9 e282ac f0908d88", "b1 00000009 c3a9 e282ac f0908d88"]),
        (Value::from("\u{feff}x"), vec!["a1 04 efbbbf 78"]),
        (Value::from(symbol("")), vec!["a3 00", "b3 00000000"]),
        (Value::from(symbol("amqp")), vec!["a3 04 616d7170", "b3 00000004 616d7170"]),
        (Value::from(symbol("\x7f")), vec!["a3 01 7f"]),
    ]
}

/// TYPES-1.2-3, TYPES-1.2-9, TYPES-1.2-10, TYPES-1.6-1, TYPES-1.6-2, TYPES-1.6-3, TYPES-1.6-4,
/// TYPES-1.6-5, TYPES-1.6-6, TYPES-1.6-7, TYPES-1.6-8, TYPES-1.6-9, TYPES-1.6-10, TYPES-1.6-11,
/// TYPES-1.6-12
#[test]
fn every_encoding_is_read_and_the_shortest_is_written() {
    let mut types = Vec::new();
    for (value, encodings) in vectors() {
        for hex in &encodings {
            assert_eq!(decoded(&octets(hex)), Ok(value.clone()), "{hex}");
        }
        assert_eq!(encoded(&value), octets(encodings[0]), "{value:?}");
        types.push(value.primitive_type().unwrap());
    }
    types.dedup();
    assert_eq!(types.len(), 21, "one of the types has no vector: {types:?}");
}

/// TYPES-1.6-5
#[test]
fn values_that_differ_only_in_type_or_in_bits_are_different() {
    let vectors = vectors();
    for (one, (value, _)) in vectors.iter().enumerate() {
        for (two, (other, _)) in vectors.iter().enumerate() {
            assert_eq!(value == other, one == two, "{value:?} and {other:?}");
            assert_eq!(value.cmp(other), other.cmp(value).reverse());
        }
    }
}

/// TYPES-1.6-10
#[test]
fn sizes_of_one_octet_reach_to_255() {
    for length in [0, 1, 254, 255, 256, 65_536] {
        let text = "x".repeat(length);
        let (code, size) = match u8::try_from(length) {
            Ok(size) => (0xa0, vec![size]),
            Err(_) => (0xb0, (length as u32).to_be_bytes().to_vec()),
        };
        let expected = |kind: u8| [vec![code + kind], size.clone(), text.as_bytes().to_vec()].concat();
        for (value, kind) in [
            (Value::Binary(text.clone().into()), 0),
            (Value::from(text.clone()), 1),
            (Value::from(symbol(&text)), 3),
        ] {
            assert_eq!(encoded(&value), expected(kind));
            assert_eq!(decoded(&expected(kind)), Ok(value));
        }
    }
}

/// TYPES-1.6-2, TYPES-1.6-7, TYPES-1.6-11, TYPES-1.6-12
#[test]
fn octets_that_mean_nothing() {
    use DecodeErrorKind::*;
    for (hex, kind) in [
        ("56 02", InvalidBoolean),
        ("56 ff", InvalidBoolean),
        ("73 0000d800", InvalidChar),
        ("73 0000dfff", InvalidChar),
        ("73 00110000", InvalidChar),
        ("73 ffffffff", InvalidChar),
        ("a1 02 c328", InvalidUtf8),
        ("a1 02 c080", InvalidUtf8),
        ("a1 03 eda080", InvalidUtf8),
        ("a1 01 c3", InvalidUtf8),
        ("b1 00000001 ff", InvalidUtf8),
        ("a3 01 80", InvalidAscii),
        ("b3 00000002 c3a9", InvalidAscii),
        ("", Truncated),
        ("b0 ffffffff", Truncated),
        ("b0 7fffffff 00", Truncated),
        ("a0 02 00", Truncated),
    ] {
        assert_eq!(refused::<Value>(&octets(hex)), kind, "{hex}");
    }
}

#[test]
fn errors_tell_where() {
    for (hex, at) in
        [("c0 04 02 40 56 02", 6), ("c0 06 02 40 a1 02 c3 28", 6), ("c0 03 02 40 46", 4), ("a0 05 00", 2)]
    {
        let error = Value::decode(&mut Reader::new(&octets(hex))).unwrap_err();
        assert_eq!(error.at, at, "{hex}: {error}");
    }
    let error = DecodeError { kind: DecodeErrorKind::UnassignedFormatCode(0x46), at: 4 };
    assert_eq!(error.to_string(), "unassigned format code 0x46 at octet 4");
}

/// TYPES-1.5-7
#[test]
fn rust_types_take_only_their_own_amqp_type() {
    fn accepts<T: Decode>(name: &str) -> (String, Vec<String>) {
        let mut accepted: Vec<_> = vectors()
            .into_iter()
            .filter(|(_, encodings)| {
                encodings.iter().any(|hex| T::decode(&mut Reader::new(&octets(hex))).is_ok())
            })
            .map(|(value, _)| value.primitive_type().unwrap().name().to_owned())
            .collect();
        accepted.dedup();
        (name.to_owned(), accepted)
    }
    for (name, accepted) in [
        accepts::<bool>("boolean"),
        accepts::<u8>("ubyte"),
        accepts::<u16>("ushort"),
        accepts::<u32>("uint"),
        accepts::<Serial>("uint"),
        accepts::<u64>("ulong"),
        accepts::<i8>("byte"),
        accepts::<i16>("short"),
        accepts::<i32>("int"),
        accepts::<i64>("long"),
        accepts::<f32>("float"),
        accepts::<f64>("double"),
        accepts::<Decimal32>("decimal32"),
        accepts::<Decimal64>("decimal64"),
        accepts::<Decimal128>("decimal128"),
        accepts::<char>("char"),
        accepts::<Timestamp>("timestamp"),
        accepts::<Uuid>("uuid"),
        accepts::<Bytes>("binary"),
        accepts::<DeliveryTag>("binary"),
        accepts::<Str>("string"),
        accepts::<Symbol>("symbol"),
    ] {
        assert_eq!(accepted, [name]);
    }
    let error = u32::decode(&mut Reader::new(&[0xa1, 0])).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::UnexpectedType { expected: "uint", found: 0xa1 });
    assert_eq!(error.at, 0);
}

/// TYPES-1.2-2
#[test]
fn all_256_format_codes() {
    let assigned = octets(
        "40 41 42 43 44 45 50 51 52 53 54 55 56 60 61 70 71 72 73 74 80 81 82 83 84 94 98
         a0 a1 a3 b0 b1 b3 c0 c1 d0 d1 e0 f0",
    );
    for code in 0..=255_u8 {
        // Enough octets for any value: zeros are also sizes, counts and characters.
        let zeros = [[code; 1].as_slice(), &[0; 16]].concat();
        let value = Value::decode(&mut Reader::new(&zeros));
        let skipped = Reader::new(&zeros).skip();
        let name = PrimitiveType::of_code(code);
        if assigned.contains(&code) {
            assert!(skipped.is_ok(), "{code:02x}: {skipped:?}");
            match name.unwrap() {
                // A size of nothing does not cover the count that every compound has.
                PrimitiveType::List if code == 0x45 => assert_eq!(value, Ok(Value::List(vec![]))),
                PrimitiveType::List | PrimitiveType::Map | PrimitiveType::Array => {
                    assert_eq!(
                        value.map_err(|error| error.kind),
                        Err(DecodeErrorKind::SizeMismatch),
                        "{code:02x}"
                    );
                }
                name => assert_eq!(value.map(|value| value.primitive_type()), Ok(Some(name)), "{code:02x}"),
            }
        } else if code == 0 {
            // A descriptor of a descriptor of a descriptor …
            assert_eq!(value.map_err(|error| error.kind), Err(DecodeErrorKind::Truncated));
        } else {
            let error = DecodeError { kind: DecodeErrorKind::UnassignedFormatCode(code), at: 0 };
            assert_eq!((value, skipped, name), (Err(error), Err(error), None), "{code:02x}");
        }
    }
}
