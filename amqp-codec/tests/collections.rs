//! Text, tags, maps, arrays and several values, as values of Rust.

#![cfg(test)]

mod wire_support;

use amqp_codec::*;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use wire_support::*;

fn hash(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn text_is_what_it_says_however_it_is_kept() {
    for length in [0, 1, 21, 22, 23, 24, 100] {
        let text = "é".repeat(length / 2) + &"x".repeat(length % 2);
        let leaked: &'static str = text.clone().leak();
        let kept = [Str::from(text.as_str()), Str::from(text.clone()), Str::from_static(leaked)];
        for one in &kept {
            assert_eq!((one.as_str(), one.len(), &**one), (text.as_str(), text.len(), text.as_str()));
            assert_eq!((one, &text[..]), (&kept[0], one.as_ref()));
            assert_eq!((hash(one), one.cmp(&kept[1])), (hash(text.as_str()), std::cmp::Ordering::Equal));
            assert_eq!((format!("{one}"), format!("{one:?}")), (text.clone(), format!("{text:?}")));
            assert_eq!(one.clone(), *text.as_str());
        }
        let sorted = ["a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ab", "b"].map(Str::from);
        assert!(sorted.is_sorted());
    }
    let set: BTreeSet<Str> = ["b", "a"].map(Str::from).into();
    assert!(set.contains("a") && !set.contains("c"));
    assert_eq!(Str::default(), "");
}

#[test]
fn symbols_are_ascii() {
    for text in ["", "a", "amqp:connection:framing-error", "\x7f"] {
        assert_eq!(Symbol::new(text).unwrap(), text);
        assert_eq!(Symbol::try_from(text.to_owned()).unwrap().as_octets(), text.as_bytes());
    }
    for text in ["é", "plain then é", "\u{80}"] {
        assert_eq!(Symbol::new(text), Err(NotAscii));
        assert_eq!(Symbol::try_from(text), Err(NotAscii));
        assert_eq!(ErrorCondition::new(text), Err(NotAscii));
    }
    assert_eq!(Symbol::from_static("cut é short"), "cut ");
    assert_eq!(Symbol::from_static("amqp:link:stolen"), ErrorCondition::STOLEN.0);
    assert_eq!(Str::from(symbol("a")), "a");
}

/// TYPES-1.6-21, TYPES-1.6-22
#[test]
fn tags_have_at_most_32_octets() {
    for length in 0..=32 {
        let octets: Vec<u8> = (0..length).collect();
        let tag = DeliveryTag::new(&octets).unwrap();
        assert_eq!(tag[..], octets);
        assert_eq!(decoded(&encoded(&tag)), Ok(tag));
    }
    assert_eq!(DeliveryTag::new(&[0; 33]), Err(TagTooLong));
    assert_eq!(TransactionId::try_from(&[0; 33][..]), Err(TagTooLong));
    assert_eq!(DeliveryTag::from([1, 2, 3, 4])[..], [1, 2, 3, 4]);
    let tag = |octets: &[u8]| DeliveryTag::new(octets).unwrap();
    assert!(
        tag(b"a") < tag(b"a\0")
            && tag(b"a\0") < tag(b"b")
            && tag(b"") < tag(b"\0")
            && tag(b"a") != tag(b"a\0")
    );
    assert_eq!(format!("{:?}", tag(b"a\xff")), r#"DeliveryTag(b"a\xff")"#);
}

/// TYPES-1.6-15, TYPES-1.6-16
#[test]
fn maps_keep_order_and_refuse_duplicates() {
    let mut map = Map::new();
    assert!(map.is_empty());
    assert_eq!(map.push("b".into(), 1_u32.into()), Ok(()));
    assert_eq!(map.push("a".into(), 2_u32.into()), Ok(()));
    assert_eq!(map.push("b".into(), 3_u32.into()), Err(DuplicateKey));
    assert_eq!(map.push(symbol("b").into(), 4_u32.into()), Ok(()), "another type is another key");
    assert_eq!(map.insert("b".into(), 5_u32.into()), Some(Value::Uint(1)));
    assert_eq!(map.insert("c".into(), 6_u32.into()), None);
    let values: Vec<u64> = map.iter().filter_map(|(_, value)| value.as_u64()).collect();
    assert_eq!(values, [5, 2, 4, 6]);
    assert_eq!(map.get("a"), Some(&Value::Uint(2)));
    assert_eq!(map.get(&Value::from(symbol("b"))), Some(&Value::Uint(4)));
    assert_eq!((map.get("z"), map.contains_key("c"), map.len()), (None, true, 4));
    *map.get_mut("a").unwrap() = Value::Null;
    assert_eq!(map.remove("a"), Some(Value::Null));
    assert_eq!((map.remove("a"), map.len()), (None, 3));

    let one: Fields = [(symbol("a"), 1_u32.into()), (symbol("b"), 2_u32.into())].into();
    let two: Fields = [(symbol("b"), 2_u32.into()), (symbol("a"), 1_u32.into())].into();
    assert_ne!(one, two);
    assert_eq!(one.clone().into_iter().rev().collect::<Fields>(), two);
    let twice = vec![(symbol("a"), Value::Null), (symbol("b"), Value::Null), (symbol("a"), true.into())];
    assert_eq!(Fields::try_from(twice.clone()), Err(DuplicateKey));
    assert_eq!(
        twice.into_iter().collect::<Fields>(),
        [(symbol("a"), true.into()), (symbol("b"), Value::Null)].into()
    );
}

#[test]
fn annotation_keys() {
    let mut annotations = Annotations::default();
    annotations.insert("x-opt-a".try_into().unwrap(), 1_u32.into());
    annotations.insert(7_u64.into(), 2_u32.into());
    assert_eq!(annotations.get("x-opt-a"), Some(&Value::Uint(1)));
    assert_eq!(annotations.get(&AnnotationKey::Ulong(7)), Some(&Value::Uint(2)));
    assert_eq!(AnnotationKey::try_from("é"), Err(NotAscii));
}

#[test]
fn arrays_hold_one_type() {
    let array = |element, values: &[Value]| Array::new(element, values);
    assert_eq!(array(PrimitiveType::Int, &[1_i32.into(), 1_i64.into()]), Err(MixedElements));
    assert_eq!(array(PrimitiveType::Int, &[Value::described(1_u64, 1_i32)]), Err(MixedElements));
    let empty = |element| array(element, &[]).unwrap();
    assert_ne!(empty(PrimitiveType::Int), empty(PrimitiveType::Long));
    assert!(empty(PrimitiveType::Int).is_empty() && empty(PrimitiveType::Int).iter().next().is_none());
    let wide = array(PrimitiveType::Ulong, &[1_u64.into(), u64::MAX.into()]).unwrap();
    assert_eq!(wide.to_values(), Some(vec![Value::Ulong(1), Value::Ulong(u64::MAX)]));
    assert_eq!(wide.iter().size_hint().1, Some(2));
    let narrow = array(PrimitiveType::Ulong, &[1_u64.into(), 2_u64.into()]).unwrap();
    assert!(narrow < wide && narrow != wide);
    // The same elements in another width are the same array.
    let wider: Value = decoded(&octets("e0 12 02 80 0000000000000001 0000000000000002")).unwrap();
    assert_eq!(wider.as_array(), Some(&narrow));
    let strings: Vec<Value> = ["a", &"x".repeat(300)].map(Value::from).into();
    assert_eq!(array(PrimitiveType::String, &strings).unwrap().to_values(), Some(strings));
}

#[test]
fn values_convert() {
    assert_eq!(Value::from(7_u8).as_u64(), Some(7));
    assert_eq!(Value::from(7_u64).as_i64(), None);
    assert_eq!(Value::from(-7_i8).as_i64(), Some(-7));
    assert_eq!(Value::from(1.5_f32).as_f64(), Some(1.5));
    assert_eq!((Value::from("a").as_str(), Value::from(symbol("a")).as_str()), (Some("a"), Some("a")));
    assert_eq!((Value::from(true).as_bool(), Value::Null.as_bool()), (Some(true), None));
    assert_eq!((Value::from(None::<u32>), Value::from(Some(1_u32))), (Value::Null, Value::Uint(1)));
    assert_eq!(Value::List(vec![Value::Null]).as_list().map(Vec::len), Some(1));
    assert_ne!(Value::from(0.0_f64), Value::from(-0.0_f64));
    assert_eq!(Value::from(f64::NAN), Value::from(f64::NAN));
}

#[test]
fn conditions_of_errors() {
    use DecodeErrorKind::*;
    for (kind, condition) in [
        (MissingField("open.container-id"), ErrorCondition::INVALID_FIELD),
        (InvalidField("source.durable"), ErrorCondition::INVALID_FIELD),
        (TrailingOctets, ErrorCondition::FRAMING_ERROR),
        (Truncated, ErrorCondition::DECODE_ERROR),
        (UnexpectedDescriptor, ErrorCondition::DECODE_ERROR),
        (TooManyFields, ErrorCondition::DECODE_ERROR),
    ] {
        assert_eq!(DecodeError { kind, at: 0 }.condition(), condition, "{kind}");
    }
    let error = DecodeError { kind: MissingField("open.container-id"), at: 4 };
    assert_eq!(error.to_string(), "mandatory field open.container-id is missing at octet 4");
}
