//! Types that restrict others: fields, durations, locales, lifetime policies, and descriptors of other domains.

#![cfg(test)]

mod wire_support;

use amqp_codec::*;
use wire_support::*;

/// The composite `code` with `hex` as its field number `index` and nothing but null before it.
fn composite(code: u8, index: u8, hex: &str) -> Vec<u8> {
    let field = octets(hex);
    let size = (usize::from(index) + field.len() + 1) as u8;
    [vec![0, 0x53, code, 0xc0, size, index + 1], vec![0x40; usize::from(index)], field].concat()
}

/// An attach with `hex` as its field number `index`, and with what has to be there.
fn attach(index: u8, hex: &str) -> Vec<u8> {
    let field = octets(hex);
    let head = [0xa1, 1, b'x', 0x43, 0x42];
    let nulls = usize::from(index) - 3;
    let size = (head.len() + nulls + field.len() + 1) as u8;
    [vec![0, 0x53, 0x12, 0xc0, size, index + 1], head.to_vec(), vec![0x40; nulls], field].concat()
}

/// An open with `hex` as its field number `index`.
fn open(index: u8, hex: &str) -> Vec<u8> {
    let field = octets(hex);
    let nulls = usize::from(index) - 1;
    let size = (4 + nulls + field.len()) as u8;
    [vec![0, 0x53, 0x10, 0xc0, size, index + 1, 0xa1, 1, b'x'], vec![0x40; nulls], field].concat()
}

/// Reads a field as its own type alone would: the same everywhere in the tables.
fn read<T: Decode + std::fmt::Debug + PartialEq>(octets: &[u8]) -> Result<T, DecodeErrorKind> {
    decoded(octets).map_err(|error| error.kind)
}

/// TYPES-1.6-18: wherever the tables say fields.
#[test]
fn fields_have_symbols_for_keys() {
    let begin = |hex: &str| {
        let fields = octets(hex);
        let head = [0x40, 0x43, 0x43, 0x43, 0x40, 0x40, 0x40];
        let size = (head.len() + fields.len() + 1) as u8;
        [vec![0, 0x53, 0x11, 0xc0, size, 8], head.to_vec(), fields].concat()
    };
    let error = |hex: &str| {
        let fields = octets(hex);
        let size = (5 + fields.len()) as u8;
        [vec![0, 0x53, 0x1d, 0xc0, size, 3, 0xa3, 1, b'x', 0x40], fields].concat()
    };
    let places = |hex: &str| {
        [
            read::<Open>(&open(9, hex)).map(|it| it.properties),
            read::<Begin>(&begin(hex)).map(|it| it.properties),
            read::<Attach>(&attach(13, hex)).map(|it| it.properties),
            read::<Flow>(&flow(hex)).map(|it| it.properties),
            read::<Error>(&error(hex)).map(|it| it.info),
            read::<Source>(&composite(0x28, 5, hex)).map(|it| it.dynamic_node_properties),
            read::<Source>(&composite(0x28, 7, hex)).map(|it| it.filter),
            read::<Target>(&composite(0x29, 5, hex)).map(|it| it.dynamic_node_properties),
            read::<Modified>(&composite(0x27, 2, hex))
                .map(|it| it.message_annotations.map(|fields| (*fields).clone())),
        ]
    };
    // {x: null, y: "v"}
    let expected = Fields::from([(symbol("x"), Value::Null), (symbol("y"), Value::from("v"))]);
    for place in places("c1 0b 04 a3 01 78 40 a3 01 79 a1 01 76") {
        assert_eq!(place, Ok(Some(expected.clone())));
    }
    // A string, null, a ulong and a described symbol in the place of the key.
    for key in ["a1 01 78", "40", "44", "00 53 01 a3 01 78"] {
        let map = format!("c1 {:02x} 02 {key} 41", octets(key).len() + 2);
        for place in places(&map) {
            assert!(
                matches!(place, Err(DecodeErrorKind::UnexpectedType { expected: "symbol", .. })),
                "{key}: {place:?}"
            );
        }
    }
}

/// A flow with `hex` as its properties.
fn flow(hex: &str) -> Vec<u8> {
    let fields = octets(hex);
    let head = [0x40, 0x43, 0x43, 0x43, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40];
    let size = (head.len() + fields.len() + 1) as u8;
    [vec![0, 0x53, 0x13, 0xc0, size, 11], head.to_vec(), fields].concat()
}

/// TYPES-1.6-20: seconds and milliseconds are uints, whatever their unit, and no other number is taken for one.
#[test]
fn durations_are_uints() {
    let durations = |hex: &str| {
        [
            read::<Open>(&open(4, hex)).map(|it| it.idle_time_out),
            read::<Header>(&composite(0x70, 2, hex)).map(|it| it.ttl),
            read::<Source>(&composite(0x28, 3, hex)).map(|it| Some(it.timeout)),
            read::<Target>(&composite(0x29, 3, hex)).map(|it| Some(it.timeout)),
        ]
    };
    for (hex, expected) in [("43", 0), ("52 ff", 255), ("70 ffffffff", u32::MAX)] {
        assert_eq!(
            durations(hex),
            [const { Ok(Some(0)) }; 4].map(|it: Result<_, DecodeErrorKind>| it.map(|_| Some(expected)))
        );
    }
    // ubyte, ushort, ulong, int, timestamp and float of the same value.
    for hex in ["50 05", "60 0005", "53 05", "44", "54 05", "83 0000000000000005", "72 40a00000", "a1 01 35"]
    {
        for duration in durations(hex) {
            assert!(
                matches!(duration, Err(DecodeErrorKind::UnexpectedType { expected: "uint", .. })),
                "{hex}: {duration:?}"
            );
        }
    }
    let longest = Header { ttl: Some(u32::MAX), ..Header::default() };
    assert_eq!(encoded(&longest), octets("00 53 70 c0 08 03 40 40 70 ffffffff"));
    let shortest = Source { timeout: 1, ..Source::default() };
    assert_eq!(encoded(&shortest), octets("00 53 28 c0 06 04 40 40 40 52 01"));
}

/// TYPES-1.6-23: language tags are symbols; which languages there are is not looked at.
#[test]
fn locales_are_symbols() {
    for (index, locales) in [(5, (|it| it.outgoing_locales) as fn(Open) -> _), (6, |it| it.incoming_locales)]
    {
        let read = |hex| read::<Open>(&open(index, hex)).map(locales);
        assert_eq!(read("40"), Ok(symbols(&[])));
        assert_eq!(read("a3 05 656e2d5553"), Ok(symbols(&["en-US"])));
        assert_eq!(read("e0 0f 02 a3 05 656e2d5553 06 64652d434834"), Ok(symbols(&["en-US", "de-CH4"])));
        for hex in ["a1 05 656e2d5553", "e0 08 01 a1 05 656e2d5553", "c0 08 01 a3 05 656e2d5553"] {
            assert!(matches!(read(hex), Err(DecodeErrorKind::InvalidField(_))), "{hex}");
        }
        assert_eq!(read("a3 02 c3bc"), Err(DecodeErrorKind::InvalidAscii));
    }
}

/// TYPES-1.5-3: the upper half of a number is its domain. The standard's is 0; others are kept and never mixed up with it.
#[test]
fn descriptors_of_other_domains_survive() {
    // The filter of Apache's selectors, domain 0x468c, and a number that ends as the accepted outcome does.
    let filter = "00 80 0000468c00000004 a1 03 613d31";
    let value: Value = decoded(&octets(filter)).unwrap();
    assert_eq!(value, Value::described(0x0000_468c_0000_0004_u64, "a=1"));
    assert_eq!(encoded(&value), octets(filter));

    let map = format!("c1 13 02 a3 01 78 {filter}");
    let source: Source = decoded(&composite(0x28, 7, &map)).unwrap();
    assert_eq!(source.filter.as_ref().unwrap().get("x"), Some(&value));
    assert_eq!(encoded(&source), composite(0x28, 7, &map));

    let foreign = octets("00 80 0000468c00000024 45");
    let DeliveryState::Unknown(state) = decoded(&foreign).unwrap() else { panic!("taken for accepted") };
    assert_eq!(
        *state,
        Described { descriptor: Value::Ulong(0x0000_468c_0000_0024), value: Value::List(Vec::new()) }
    );
    assert_eq!(encoded(&*state), foreign);
    assert_eq!(decoded(&octets("00 80 0000000000000024 45")), Ok(DeliveryState::Accepted));
    assert_eq!(
        refused::<Performative>(&octets("00 80 0000000100000018 45")),
        DecodeErrorKind::UnexpectedDescriptor
    );
}

/// MESSAGING-3.5-4: the four lifetime policies, by number and by name; nothing else is one.
#[test]
fn lifetime_policies_are_described_types() {
    for (code, name, policy) in [
        (0x2b_u64, "amqp:delete-on-close:list", LifetimePolicy::DeleteOnClose),
        (0x2c, "amqp:delete-on-no-links:list", LifetimePolicy::DeleteOnNoLinks),
        (0x2d, "amqp:delete-on-no-messages:list", LifetimePolicy::DeleteOnNoMessages),
        (0x2e, "amqp:delete-on-no-links-or-messages:list", LifetimePolicy::DeleteOnNoLinksOrMessages),
    ] {
        let empty = Value::List(Vec::new());
        let value = Value::described(code, empty.clone());
        assert_eq!(Value::of(&policy), Ok(value.clone()));
        assert_eq!(value.to(), Ok(policy.clone()));
        assert_eq!(Value::described(symbol(name), empty).to(), Ok(policy));
    }
    for value in [
        Value::described(0x2a_u64, Value::List(Vec::new())),
        Value::described(0x2b_u64, "close"),
        symbol("amqp:delete-on-close:list").into(),
        Value::Null,
    ] {
        assert!(value.to::<LifetimePolicy>().is_err(), "{value}");
    }
}

/// TYPES-1.6-16: the order of a map is kept from octets to octets, whatever its keys are, and makes a difference.
#[test]
fn a_map_is_written_in_the_order_in_which_it_was_read() {
    let maps = [
        "c1 11 0a a1 01 7a 41 52 09 42 a3 01 61 41 54 ff 42 41 40",
        "c1 11 0a 54 ff 42 a1 01 7a 41 52 09 42 a3 01 61 41 41 40",
    ];
    let maps = maps.map(|hex| {
        let map: Map = decoded(&octets(hex)).unwrap();
        assert_eq!(encoded(&map), octets(hex));
        map
    });
    assert_eq!(maps.each_ref().map(Map::len), [5, 5]);
    assert_ne!(maps[0], maps[1]);
}
