//! Lists, maps, arrays and described values.

#![cfg(test)]

mod wire_support;

use amqp_codec::*;
use wire_support::*;

fn list(items: &[Value]) -> Value {
    Value::List(items.to_vec())
}

fn map(entries: &[(Value, Value)]) -> Value {
    Value::Map(entries.iter().cloned().collect())
}

fn array(element: PrimitiveType, values: &[Value]) -> Value {
    Value::Array(Array::new(element, values).unwrap())
}

/// Values with the encoding that is written, and after that others that mean the same.
fn vectors() -> Vec<(Value, Vec<&'static str>)> {
    use PrimitiveType as T;
    use Value::{Boolean, Char, Int, Null, Ubyte, Uint, Ulong};
    let int_array = Array::new(T::Int, &[Int(1), Int(2)]).unwrap();
    vec![
        (list(&[]), vec!["45", "c0 01 00", "d0 00000004 00000000"]),
        (list(&[Null]), vec!["c0 02 01 40", "d0 00000005 00000001 40"]),
        (list(&[Null, Null]), vec!["c0 03 02 40 40"]),
        (
            list(&[Uint(0), "a".into()]),
            vec!["c0 05 02 43 a1 01 61", "d0 0000000f 00000002 70 00000000 b1 00000001 61"],
        ),
        (list(&[list(&[]), list(&[Null])]), vec!["c0 06 02 45 c0 02 01 40"]),
        (map(&[]), vec!["c1 01 00", "d1 00000004 00000000"]),
        (map(&[("k".into(), Null)]), vec!["c1 05 02 a1 01 6b 40", "d1 00000008 00000002 a1 01 6b 40"]),
        (map(&[(Uint(1), Int(1)), (Ulong(1), Int(2))]), vec!["c1 09 04 52 01 54 01 53 01 54 02"]),
        (array(T::Null, &[Null, Null]), vec!["e0 02 02 40", "f0 00000005 00000002 40"]),
        (array(T::Boolean, &[Boolean(true), Boolean(false)]), vec!["e0 04 02 56 01 00"]),
        (array(T::Ubyte, &[]), vec!["e0 02 00 50", "f0 00000005 00000000 50"]),
        (array(T::Ubyte, &[Ubyte(7)]), vec!["e0 03 01 50 07"]),
        (array(T::Uint, &[Uint(0), Uint(1)]), vec!["e0 04 02 52 00 01", "e0 0a 02 70 00000000 00000001"]),
        (
            array(T::Uint, &[Uint(0), Uint(0)]),
            vec!["e0 04 02 52 00 00", "e0 02 02 43", "f0 00000005 00000002 43"],
        ),
        (array(T::Int, &[Int(-1), Int(300)]), vec!["e0 0a 02 71 ffffffff 0000012c"]),
        (array(T::Char, &[Char('a')]), vec!["e0 06 01 73 00000061"]),
        (
            array(T::String, &["a".into(), "bc".into()]),
            vec!["e0 07 02 a1 01 61 02 6263", "e0 0d 02 b1 00000001 61 00000002 6263"],
        ),
        (array(T::Symbol, &[symbol("x").into()]), vec!["e0 04 01 a3 01 78"]),
        (
            array(T::List, &[list(&[]), list(&[Null])]),
            vec!["e0 13 02 d0 00000004 00000000 00000005 00000001 40", "e0 07 02 c0 01 00 02 01 40"],
        ),
        (
            array(T::Map, &[map(&[(Uint(1), Null)])]),
            vec!["e0 0d 01 d1 00000007 00000002 52 01 40", "e0 07 01 c1 04 02 52 01 40"],
        ),
        (
            array(T::Array, &[Value::Array(int_array.clone()), array(T::Null, &[])]),
            vec![
                "e0 16 02 f0 00000007 00000002 54 01 02 00000005 00000000 40",
                "e0 0a 02 e0 04 02 54 01 02 02 00 40",
            ],
        ),
        (
            Value::Array(int_array.described_by(symbol("d"))),
            vec!["e0 08 02 00 a3 01 64 54 01 02", "f0 00000011 00000002 00 a3 01 64 71 00000001 00000002"],
        ),
        (Value::described(0x10_u64, list(&[])), vec!["00 53 10 45", "00 80 0000000000000010 c0 01 00"]),
        (Value::described(symbol("foo"), Null), vec!["00 a3 03 666f6f 40"]),
        (Value::described("foo", Null), vec!["00 a1 03 666f6f 40"]),
        (Value::described(0x468c_0000_0004_u64, "x = 1"), vec!["00 80 0000468c00000004 a1 05 78203d2031"]),
        (Value::described(Value::described(1_u64, 2_u64), 3_u64), vec!["00 00 53 01 53 02 53 03"]),
        (Value::described(1_u64, Value::described(2_u64, 3_u64)), vec!["00 53 01 00 53 02 53 03"]),
    ]
}

/// TYPES-1.2-1, TYPES-1.2-8, TYPES-1.6-13, TYPES-1.6-17
#[test]
fn every_encoding_is_read_and_one_is_written() {
    for (value, encodings) in vectors() {
        for hex in &encodings {
            assert_eq!(decoded(&octets(hex)), Ok(value.clone()), "{hex}");
        }
        assert_eq!(encoded(&value), octets(encodings[0]), "{value:?}");
    }
}

#[test]
fn arrays_keep_the_width_that_they_came_with() {
    for hex in ["e0 0a 02 70 00000000 00000001", "e0 02 03 43", "e0 02 ff 41", "e0 07 02 00 53 05 50 01 02"] {
        let value: Value = decoded(&octets(hex)).unwrap();
        assert_eq!(encoded(&value), octets(hex));
    }
}

#[test]
fn compounds_grow_to_four_octet_sizes() {
    for count in [1, 100, 252, 253, 254, 255, 256, 1000] {
        let items = vec![Value::Null; count];
        let expected = match u8::try_from(count + 1) {
            Ok(size) => [vec![0xc0, size, size - 1], vec![0x40; count]].concat(),
            Err(_) => {
                let sizes = [(count as u32 + 4).to_be_bytes(), (count as u32).to_be_bytes()].concat();
                [vec![0xd0], sizes, vec![0x40; count]].concat()
            }
        };
        let value = list(&items);
        assert_eq!(encoded(&value), expected);
        assert_eq!(decoded(&expected), Ok(value));
    }
    // A count over 255 of elements without octets.
    let many = array(PrimitiveType::Null, &vec![Value::Null; 256]);
    assert_eq!(encoded(&many), octets("f0 00000005 00000100 40"));
    // One that grows inside one that grows.
    let nested =
        list(&[list(&vec![Value::Null; 300]), list(&vec![Value::Null; 300]), map(&[(long(), long())])]);
    assert_eq!(decoded(&encoded(&nested)), Ok(nested));
}

fn long() -> Value {
    Value::from("x".repeat(300))
}

/// TYPES-1.2-4, TYPES-1.2-5, TYPES-1.6-14
#[test]
fn sizes_and_counts_that_do_not_fit() {
    use DecodeErrorKind::*;
    for (hex, kind) in [
        ("c0 00", Truncated),
        ("c0 00 00", SizeMismatch),
        ("d0 00000003 00000000", SizeMismatch),
        ("d0 00000000 00000000", SizeMismatch),
        ("e0 00 00", SizeMismatch),
        ("e0 01 00", Truncated),
        ("f0 00000003 00000000", SizeMismatch),
        ("c0 03 00 40 40", SizeMismatch),
        ("c0 01 02 40 40", CountMismatch),
        ("c0 03 01 40 40", SizeMismatch),
        ("c0 03 03 40 40", CountMismatch),
        ("c0 03 02 52 01", Truncated),
        ("c0 04 01 40", Truncated),
        ("d0 ffffffff 00000000", Truncated),
        ("d0 00000004 ffffffff", CountMismatch),
        ("d1 00000004 fffffffe", CountMismatch),
        ("c1 02 01 40", OddMapCount),
        ("c1 04 03 404040", OddMapCount),
        ("c1 09 04 a1 01 61 40 a1 01 61 40", DuplicateKey),
        ("c1 07 04 43 40 52 00 40 40", SizeMismatch),
        ("c1 08 04 43 40 70 00000000 40", Truncated),
        ("c1 09 04 43 40 70 00000000 40", DuplicateKey),
        ("e0 03 02 50 01", CountMismatch),
        ("e0 05 02 50 010203", CountMismatch),
        ("e0 03 01 40 00", CountMismatch),
        ("e0 03 01 56 02", InvalidBoolean),
        ("e0 06 01 73 0000d800", InvalidChar),
        ("e0 04 01 a1 01 ff", InvalidUtf8),
        ("e0 04 01 a1 02 61", Truncated),
        ("e0 05 01 a1 01 6161", SizeMismatch),
        ("e0 02 01 a1", CountMismatch),
        ("e0 03 02 a1 00", CountMismatch),
        ("e0 02 01 46", UnassignedFormatCode(0x46)),
        ("e0 03 00 00 40", Truncated),
        ("f0 ffffffff 00000000 40", Truncated),
        ("00", Truncated),
        ("00 53 10", Truncated),
        ("00 46 40", UnassignedFormatCode(0x46)),
    ] {
        assert_eq!(refused::<Value>(&octets(hex)), kind, "{hex}");
    }
}

/// TYPES-1.6-15
#[test]
fn equal_keys_are_found_among_many() {
    let entries = |count: u32| (0..count).flat_map(|key| [Value::Uint(key), Value::Null]);
    for count in [15, 16, 17, 2000] {
        let keys: Vec<Value> = entries(count).collect();
        let good = [vec![0xd1], sizes(&keys), keys.iter().flat_map(encoded).collect()].concat();
        assert_eq!(decoded(&good).map(|value: Map| value.len()), Ok(count as usize));
        let keys: Vec<Value> = entries(count).chain([Value::Uint(3), Value::Null]).collect();
        let bad = [vec![0xd1], sizes(&keys), keys.iter().flat_map(encoded).collect()].concat();
        assert_eq!(refused::<Map>(&bad), DecodeErrorKind::DuplicateKey);
    }
}

fn sizes(items: &[Value]) -> Vec<u8> {
    let length: usize = items.iter().map(|item| encoded(item).len()).sum();
    [(length as u32 + 4).to_be_bytes(), (items.len() as u32).to_be_bytes()].concat()
}

/// TYPES-1.6-13
#[test]
fn values_may_be_nested_32_deep() {
    let wrap: [fn(Value) -> Value; 4] = [
        |value| list(&[value]),
        |value| map(&[(Value::Null, value)]),
        |value| Value::described(0_u64, value),
        |value| Value::described(value, 0_u64),
    ];
    for wrap in wrap {
        let deep = |depth: usize| (0..depth).fold(Value::Null, |value, _| wrap(value));
        assert_eq!(decoded(&encoded(&deep(MAX_DEPTH))), Ok(deep(MAX_DEPTH)));
        assert_eq!(refused::<Value>(&encoded(&deep(MAX_DEPTH + 1))), DecodeErrorKind::TooDeep);
    }
    let nest = |value: Value| Array::new(value.primitive_type().unwrap(), &[value]).map(Value::Array);
    let deepest = (0..MAX_DEPTH).try_fold(Value::Null, |value, _| nest(value)).unwrap();
    assert_eq!(decoded(&encoded(&deepest)), Ok(deepest.clone()));
    assert_eq!(nest(deepest.clone()), Err(MixedElements));
    assert_eq!(refused::<Value>(&encoded(&list(&[deepest]))), DecodeErrorKind::TooDeep);
}

/// TYPES-1.2-6
#[test]
fn a_described_array_gives_described_elements() {
    let value: Value = decoded(&octets("e0 0c 02 00 a3 01 61 00 a3 01 62 54 01 02")).unwrap();
    let array = value.as_array().unwrap();
    assert_eq!(array.descriptors(), ["a", "b"].map(|name| Value::from(symbol(name))));
    let element = |number: i32| Value::described(symbol("a"), Value::described(symbol("b"), number));
    assert_eq!(array.to_values(), Some(vec![element(1), element(2)]));
    let built = Array::new(PrimitiveType::Int, &[1.into(), 2.into()]).unwrap();
    assert_eq!(built.described_by(symbol("b")).described_by(symbol("a")), *array);
}

/// TYPES-1.2-7
#[test]
fn elements_without_octets_cost_nothing() {
    for code in [0x40, 0x41, 0x42, 0x43, 0x44, 0x45] {
        let octets = [octets("f0 00000005 ffffffff"), vec![code]].concat();
        let value: Value = decoded(&octets).unwrap();
        assert_eq!(encoded(&value), octets);
        let array = value.as_array().unwrap();
        assert_eq!((array.len(), array.to_values()), (u32::MAX, None));
        assert_eq!(array.iter().take(3).count(), 3);
        assert_eq!(array.element_type(), PrimitiveType::of_code(code).unwrap());
        assert_eq!(value, value.clone());
    }
    let at_most = Value::decode(&mut Reader::new(&octets("f0 00000005 00010000 41"))).unwrap();
    assert_eq!(at_most.as_array().and_then(Array::to_values), Some(vec![Value::Boolean(true); 65_536]));
}
