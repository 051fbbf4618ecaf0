//! Described types: descriptors, fields that are missing, null, defaulted, wrong or too many.

#![cfg(test)]

mod wire_support;

use amqp_codec::*;
use bytes::Bytes;
use std::fmt::Debug;
use wire_support::*;

/// A list with these items behind a descriptor.
fn described(code: u64, items: &[Value]) -> Vec<u8> {
    encoded(&Value::described(code, Value::List(items.to_vec()))).to_vec()
}

/// Checks a type whose mandatory fields are `mandatory`: their names, and values for them.
fn assert_composite<T>(fields: usize, mandatory: &[(usize, &'static str, Value)])
where
    T: Composite + Decode + Encode + Debug + PartialEq + Default,
{
    let mut items = vec![Value::Null; fields];
    for (index, name, value) in mandatory {
        // Null, and left out together with what follows.
        assert_eq!(refused::<T>(&described(T::CODE, &items)), DecodeErrorKind::MissingField(name));
        assert_eq!(refused::<T>(&described(T::CODE, &items[..*index])), DecodeErrorKind::MissingField(name));
        items[*index] = value.clone();
    }
    let last = mandatory.last().map_or(0, |(index, ..)| index + 1);
    let octets = described(T::CODE, &items);
    let value: T = decoded(&octets).unwrap();
    assert_eq!(
        decoded::<T>(&described(T::CODE, &items[..last])).as_ref(),
        Ok(&value),
        "trailing nulls mean something"
    );
    assert_eq!(decoded::<T>(&encoded(&value)).as_ref(), Ok(&value));
    assert_eq!(encoded(&value), described(T::CODE, &items[..last]), "trailing nulls are written");
    if mandatory.is_empty() {
        assert_eq!(value, T::default());
        assert_eq!(encoded(&value), [0x00, 0x53, T::CODE as u8, 0x45][..]);
    }

    // §1.5: a numeric descriptor in any width, or the symbolic one.
    let body = &octets[3..];
    for descriptor in [
        [vec![0, 0x80], T::CODE.to_be_bytes().to_vec()].concat(),
        [vec![0, 0xa3, T::SYMBOL.len() as u8], T::SYMBOL.as_bytes().to_vec()].concat(),
        [vec![0, 0xb3, 0, 0, 0, T::SYMBOL.len() as u8], T::SYMBOL.as_bytes().to_vec()].concat(),
    ] {
        assert_eq!(decoded::<T>(&[&descriptor, body].concat()).as_ref(), Ok(&value), "{descriptor:02x?}");
    }
    assert_eq!(refused::<T>(&described(0x99, &items)), DecodeErrorKind::UnexpectedDescriptor);
    assert_eq!(refused::<T>(&[b"\0\xa3\x03foo", body].concat()), DecodeErrorKind::UnexpectedDescriptor);
    assert_eq!(refused::<T>(&[b"\0\xa1\x03foo", body].concat()), DecodeErrorKind::UnexpectedDescriptor);
    assert_eq!(refused::<T>(body), DecodeErrorKind::NotDescribed);

    items.push(Value::Null);
    assert_eq!(refused::<T>(&described(T::CODE, &items)), DecodeErrorKind::TooManyFields);
    assert_eq!(T::FIELDS.len(), fields);
    for other in [Value::from(Map::new()), Value::from("text"), Value::Null] {
        let kind = refused::<T>(&encoded(&Value::described(T::CODE, other)));
        assert!(matches!(kind, DecodeErrorKind::UnexpectedType { expected: "list", .. }), "{kind:?}");
    }
}

/// TYPES-1.5-4, TYPES-1.5-5, TYPES-1.5-6
#[test]
fn performatives() {
    let zero = || Value::Uint(0);
    assert_composite::<Open>(10, &[(0, "open.container-id", "c".into())]);
    assert_composite::<Begin>(
        8,
        &[
            (1, "begin.next-outgoing-id", zero()),
            (2, "begin.incoming-window", zero()),
            (3, "begin.outgoing-window", zero()),
        ],
    );
    assert_composite::<Attach>(
        14,
        &[(0, "attach.name", "n".into()), (1, "attach.handle", zero()), (2, "attach.role", true.into())],
    );
    assert_composite::<Flow>(
        11,
        &[
            (1, "flow.incoming-window", zero()),
            (2, "flow.next-outgoing-id", zero()),
            (3, "flow.outgoing-window", zero()),
        ],
    );
    assert_composite::<Transfer>(11, &[(0, "transfer.handle", zero())]);
    assert_composite::<Disposition>(
        6,
        &[(0, "disposition.role", false.into()), (1, "disposition.first", zero())],
    );
    assert_composite::<Detach>(3, &[(0, "detach.handle", zero())]);
    assert_composite::<End>(1, &[]);
    assert_composite::<Close>(1, &[]);
    assert_composite::<Error>(3, &[(0, "error.condition", symbol("x:y").into())]);
}

#[test]
fn sasl_frames() {
    let binary = || Value::Binary(Bytes::from_static(b"x"));
    assert_composite::<SaslInit>(3, &[(0, "sasl-init.mechanism", symbol("PLAIN").into())]);
    assert_composite::<SaslChallenge>(1, &[(0, "sasl-challenge.challenge", binary())]);
    assert_composite::<SaslResponse>(1, &[(0, "sasl-response.response", binary())]);
    assert_composite::<SaslOutcome>(2, &[(0, "sasl-outcome.code", Value::Ubyte(4))]);
    // §5.3.3.1: at least one mechanism, so that null and an empty array are both invalid.
    for items in
        [vec![], vec![Value::Null], vec![Value::Array(Array::new(PrimitiveType::Symbol, &[]).unwrap())]]
    {
        assert_eq!(
            refused::<SaslMechanisms>(&described(0x40, &items)),
            DecodeErrorKind::InvalidField("sasl-mechanisms.sasl-server-mechanisms")
        );
    }
}

#[test]
fn messaging_types() {
    assert_composite::<Received>(
        2,
        &[(0, "received.section-number", Value::Uint(1)), (1, "received.section-offset", Value::Ulong(1))],
    );
    assert_composite::<Accepted>(0, &[]);
    assert_composite::<Rejected>(1, &[]);
    assert_composite::<Released>(0, &[]);
    assert_composite::<Modified>(3, &[]);
    assert_composite::<Source>(11, &[]);
    assert_composite::<Target>(7, &[]);
    assert_composite::<DeleteOnClose>(0, &[]);
    assert_composite::<DeleteOnNoLinks>(0, &[]);
    assert_composite::<DeleteOnNoMessages>(0, &[]);
    assert_composite::<DeleteOnNoLinksOrMessages>(0, &[]);
    assert_composite::<Header>(5, &[]);
    assert_composite::<Properties>(13, &[]);
}

#[test]
fn transaction_types() {
    let id = || Value::Binary(Bytes::from_static(b"t"));
    assert_composite::<Coordinator>(1, &[]);
    assert_composite::<Declare>(1, &[]);
    assert_composite::<Discharge>(2, &[(0, "discharge.txn-id", id())]);
    assert_composite::<Declared>(1, &[(0, "declared.txn-id", id())]);
    assert_composite::<TransactionalState>(2, &[(0, "transactional-state.txn-id", id())]);
}

#[test]
fn sections_of_one_value() {
    fn assert_section<T: Composite + Decode + Encode + Debug + PartialEq>(value: T, hex: &str) {
        let octets = octets(hex);
        assert_eq!(encoded(&value), octets);
        assert_eq!(decoded::<T>(&octets).as_ref(), Ok(&value));
        let symbolic =
            [vec![0, 0xa3, T::SYMBOL.len() as u8], T::SYMBOL.as_bytes().to_vec(), octets[3..].to_vec()];
        assert_eq!(decoded(&symbolic.concat()), Ok(value));
    }
    let annotations: Annotations = [(symbol("k").into(), Value::Null), (7_u64.into(), Value::Null)].into();
    let map = "c1 08 04 a3 01 6b 40 53 07 40";
    assert_section(DeliveryAnnotations(annotations.clone()), &format!("00 53 71 {map}"));
    assert_section(MessageAnnotations(annotations.clone()), &format!("00 53 72 {map}"));
    assert_section(
        ApplicationProperties([("k".into(), 1_u32.into())].into()),
        "00 53 74 c1 06 02 a1 01 6b 52 01",
    );
    assert_section(Data(Bytes::from_static(b"x")), "00 53 75 a0 01 78");
    assert_section(AmqpSequence(vec![Value::Null]), "00 53 76 c0 02 01 40");
    assert_section(AmqpValue("x".into()), "00 53 77 a1 01 78");
    assert_section(Footer(annotations), &format!("00 53 78 {map}"));
    // §3.2.10: the keys of annotations are symbols or ulongs, those of application properties strings.
    for hex in ["00 53 72 c1 05 02 a1 01 6b 40", "00 53 72 c1 04 02 52 07 40", "00 53 72 c1 03 02 40 40"] {
        let kind = refused::<MessageAnnotations>(&octets(hex));
        assert!(
            matches!(kind, DecodeErrorKind::UnexpectedType { expected: "symbol or ulong", .. }),
            "{kind:?}"
        );
    }
    let kind = refused::<ApplicationProperties>(&octets("00 53 74 c1 05 02 a3 01 6b 40"));
    assert!(matches!(kind, DecodeErrorKind::UnexpectedType { expected: "string", found: 0xa3 }), "{kind:?}");
}

/// TYPES-1.5-12
#[test]
fn defaults_are_the_specs() {
    let open = Open::default();
    assert_eq!((open.max_frame_size, open.channel_max, open.idle_time_out), (u32::MAX, u16::MAX, None));
    assert_eq!(Begin::default().handle_max, u32::MAX);
    let attach = Attach::default();
    assert_eq!(
        (attach.snd_settle_mode, attach.rcv_settle_mode),
        (SenderSettleMode::Mixed, ReceiverSettleMode::First)
    );
    assert!(!attach.incomplete_unsettled);
    let source = Source::default();
    assert_eq!(source.durable, TerminusDurability::None);
    assert_eq!(source.expiry_policy, TerminusExpiryPolicy::SessionEnd);
    assert_eq!((source.timeout, source.dynamic), (0, false));
    let target = Target::default();
    assert_eq!(target.durable, TerminusDurability::None);
    assert_eq!(target.expiry_policy, TerminusExpiryPolicy::SessionEnd);
    assert_eq!((target.timeout, target.dynamic), (0, false));
    let flow = Flow::default();
    assert_eq!((flow.drain, flow.echo), (false, false));
    let transfer = Transfer::default();
    assert_eq!((transfer.more, transfer.resume), (false, false));
    assert_eq!((transfer.aborted, transfer.batchable), (false, false));
    let disposition = Disposition::default();
    assert_eq!((disposition.settled, disposition.batchable), (false, false));
    assert!(!Detach::default().closed);
    let header = Header::default();
    assert_eq!((header.durable, header.priority, header.ttl), (false, 4, None));
    assert_eq!((header.first_acquirer, header.delivery_count), (false, 0));
}

#[test]
fn a_default_that_is_written_out_reads_as_itself() {
    let explicit = [Value::from("c"), Value::Null, u32::MAX.into(), u16::MAX.into()];
    assert_eq!(
        decoded(&described(0x10, &explicit)),
        Ok(Open { container_id: "c".into(), ..Open::default() })
    );
    let explicit = [false.into(), 4_u8.into(), Value::Null, false.into(), 0_u32.into()];
    assert_eq!(decoded(&described(0x70, &explicit)), Ok(Header::default()));
}

/// TYPES-1.5-2
#[test]
fn every_descriptor_is_the_specs() {
    let codes = |list: &[(u64, &str)]| {
        list.iter().map(|(code, name)| (*code, (*name).to_owned())).collect::<Vec<_>>()
    };
    macro_rules! types { ($($type:ident)+) => { [$(($type::CODE, $type::SYMBOL)),+] } }
    let types = types! {
        Open Begin Attach Flow Transfer Disposition Detach End Close Error Received Accepted Rejected Released Modified
        Source Target DeleteOnClose DeleteOnNoLinks DeleteOnNoMessages DeleteOnNoLinksOrMessages Coordinator Declare
        Discharge Declared TransactionalState SaslMechanisms SaslInit SaslChallenge SaslResponse SaslOutcome Header
        DeliveryAnnotations MessageAnnotations Properties ApplicationProperties Data AmqpSequence AmqpValue Footer
    };
    let expected = "10 open 11 begin 12 attach 13 flow 14 transfer 15 disposition 16 detach 17 end 18 close 1d error
        23 received 24 accepted 25 rejected 26 released 27 modified 28 source 29 target 2b delete-on-close
        2c delete-on-no-links 2d delete-on-no-messages 2e delete-on-no-links-or-messages 30 coordinator 31 declare
        32 discharge 33 declared 34 transactional-state 40 sasl-mechanisms 41 sasl-init 42 sasl-challenge
        43 sasl-response 44 sasl-outcome 70 header 71 delivery-annotations 72 message-annotations 73 properties
        74 application-properties 75 data 76 amqp-sequence 77 amqp-value 78 footer";
    let words: Vec<&str> = expected.split_whitespace().collect();
    let expected: Vec<(u64, &str)> =
        words.chunks(2).map(|pair| (u64::from_str_radix(pair[0], 16).unwrap(), pair[1])).collect();
    assert_eq!(types.len(), 40);
    let types = types.map(|(code, symbol)| (code, symbol.split(':').nth(1).unwrap()));
    assert_eq!(codes(&types), codes(&expected));
}

/// TYPES-1.5-10, TYPES-1.5-11
#[test]
fn bodies_that_do_not_add_up() {
    use DecodeErrorKind::*;
    for (body, kind) in [
        ("", Truncated),
        ("c0 01", Truncated),
        ("c0 02 01", Truncated),
        ("c0 00 00", SizeMismatch),
        ("c0 01 01", Truncated),
        ("c0 02 00 40", SizeMismatch),
        ("c0 03 01 40 40", SizeMismatch),
        ("d0 00000003 00000000", SizeMismatch),
        ("d0 00000004 00000001", Truncated),
        ("d0 00000004 ffffffff", Truncated),
        ("d0 00000005 ffffffff 40", TooManyFields),
        ("d0 ffffffff 00000001 40", Truncated),
        ("46", UnassignedFormatCode(0x46)),
    ] {
        assert_eq!(refused::<End>(&octets(&format!("00 53 17 {body}"))), kind, "{body}");
    }
}

#[test]
fn sizes_in_memory() {
    assert!(size_of::<Value>() <= 40, "{}", size_of::<Value>());
    assert_eq!((size_of::<Str>(), size_of::<Option<Str>>(), size_of::<Option<Symbol>>()), (24, 24, 24));
    assert_eq!((size_of::<Multiple<Symbol>>(), size_of::<Option<Fields>>()), (8, 16));
    assert!(size_of::<DeliveryState>() <= 32, "{}", size_of::<DeliveryState>());
    assert!(size_of::<Performative>() <= 136, "{}", size_of::<Performative>());
    assert!(size_of::<Source>() <= 136, "{}", size_of::<Source>());
    assert!(size_of::<Target>() <= 96, "{}", size_of::<Target>());
    assert!(size_of::<Attach>() <= 176, "{}", size_of::<Attach>());
    assert!(size_of::<DecodeError>() <= 32, "{}", size_of::<DecodeError>());
}
