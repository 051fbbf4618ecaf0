//! Values of fields: several at once, restricted ones, states, sources and targets.

#![cfg(test)]

mod wire_support;

use amqp_codec::*;
use bytes::BytesMut;
use std::sync::Arc;
use wire_support::*;

/// An open with container-id `x` and one more field, given in hexadecimal.
fn open_with(index: u8, hex: &str) -> Vec<u8> {
    let field = octets(hex);
    let nulls = usize::from(index) - 1;
    let size = (4 + nulls + field.len()) as u8;
    [vec![0, 0x53, 0x10, 0xc0, size, index + 1, 0xa1, 1, b'x'], vec![0x40; nulls], field].concat()
}

/// TYPES-1.5-8, TYPES-1.5-9
#[test]
fn several_values_are_null_or_one_or_an_array() {
    const OFFERED: u8 = 7;
    for (hex, names) in [
        ("40", &[][..]),
        ("e0 02 00 a3", &[]),
        ("f0 00000005 00000000 b3", &[]),
        ("a3 01 61", &["a"]),
        ("b3 00000001 61", &["a"]),
        ("e0 04 01 a3 01 61", &["a"]),
        ("e0 07 02 a3 01 61 02 6263", &["a", "bc"]),
        ("f0 00000010 00000002 b3 00000001 61 00000002 6263", &["a", "bc"]),
    ] {
        let open: Open = decoded(&open_with(OFFERED, hex)).unwrap();
        assert_eq!(open.offered_capabilities, symbols(names), "{hex}");
        assert_eq!(decoded(&encoded(&open)), Ok(open));
    }
    let invalid = DecodeErrorKind::InvalidField("open.offered-capabilities");
    for (hex, kind) in [
        ("c0 04 01 a3 01 61", invalid),
        ("45", invalid),
        ("a1 01 61", invalid),
        ("e0 03 01 50 01", invalid),
        ("e0 04 01 a1 01 61", invalid),
        ("e0 02 01 43", invalid),
        ("e0 05 01 00 40 a3 00", invalid),
        ("e0 03 02 a3 00", DecodeErrorKind::CountMismatch),
        ("e0 04 01 a3 01 80", DecodeErrorKind::InvalidAscii),
        ("e0 05 01 a3 01 6161", DecodeErrorKind::SizeMismatch),
        ("f0 00000005 ffffffff a3", DecodeErrorKind::CountMismatch),
        ("f0 00000005 ffffffff 40", invalid),
        ("e0 02 01 46", DecodeErrorKind::UnassignedFormatCode(0x46)),
    ] {
        assert_eq!(refused::<Open>(&open_with(OFFERED, hex)), kind, "{hex}");
    }
    assert_eq!(encoded(&symbols(&[])), octets("40"));
    assert_eq!(encoded(&symbols(&["a"])), octets("a3 01 61"));
    assert_eq!(encoded(&symbols(&["a", "bc"])), octets("e0 07 02 a3 01 61 02 6263"));
    let long = "x".repeat(256);
    assert_eq!(encoded(&symbols(&["a", &long]))[..10], octets("f0 0000010e 00000002 b3")[..]);
    assert_eq!(decoded(&encoded(&symbols(&["a", &long]))), Ok(symbols(&["a", &long])));
}

/// TYPES-1.5-7
#[test]
fn a_field_of_another_type_is_not_converted() {
    for (index, hex, expected, found) in [
        (1, "a3 01 61", "string", 0xa3),
        (2, "80 0000000000000200", "uint", 0x80),
        (2, "60 0200", "uint", 0x60),
        (3, "80 0000000000011170", "ushort", 0x80),
        (3, "52 01", "ushort", 0x52),
        (4, "83 0000000000000000", "uint", 0x83),
        (9, "45", "map", 0x45),
        (9, "c1 05 02 a1 01 6b 40", "symbol", 0xa1),
        (9, "c1 03 02 40 40", "symbol", 0x40),
        (9, "00 40 c1 01 00", "map", 0x00),
    ] {
        let kind = refused::<Open>(&open_with(index, hex));
        assert_eq!(kind, DecodeErrorKind::UnexpectedType { expected, found }, "{hex}");
    }
    let open: Open = decoded(&open_with(9, "c1 05 02 a3 01 6b 45")).unwrap();
    assert_eq!(open.properties.unwrap().get("k"), Some(&Value::List(vec![])));
}

#[test]
fn restricted_values_out_of_range_name_the_field() {
    use DecodeErrorKind::InvalidField;
    assert_eq!(
        refused::<Attach>(&octets("00 53 12 c0 08 04 a1 01 4c 43 42 50 03")),
        InvalidField("attach.snd-settle-mode")
    );
    assert_eq!(
        refused::<Attach>(&octets("00 53 12 c0 09 05 a1 01 4c 43 42 40 50 02")),
        InvalidField("attach.rcv-settle-mode")
    );
    assert_eq!(refused::<Source>(&octets("00 53 28 c0 04 02 40 52 03")), InvalidField("source.durable"));
    assert_eq!(
        refused::<Source>(&octets("00 53 28 c0 07 03 40 40 a3 02 6e6f")),
        InvalidField("source.expiry-policy")
    );
    assert_eq!(refused::<SaslOutcome>(&octets("00 53 44 c0 03 01 50 05")), InvalidField("sasl-outcome.code"));
    let tag = |length: u8| {
        [octets("00 53 14 c0"), vec![length + 5, 3, 0x43, 0x40, 0xa0, length], vec![7; length.into()]]
            .concat()
    };
    assert_eq!(
        decoded(&tag(32)).map(|transfer: Transfer| transfer.delivery_tag.unwrap().to_vec()),
        Ok(vec![7; 32])
    );
    assert_eq!(refused::<Transfer>(&tag(33)), InvalidField("transfer.delivery-tag"));
    let id = |length: u8| {
        [octets("00 53 33 c0"), vec![length + 3, 1, 0xa0, length], vec![7; length.into()]].concat()
    };
    assert!(decoded::<Declared>(&id(32)).is_ok());
    assert_eq!(refused::<Declared>(&id(33)), InvalidField("declared.txn-id"));
}

#[test]
fn choices_go_both_ways() {
    macro_rules! choices {
        ($($type:ident: $($hex:literal = $choice:ident),+;)+) => {$($(
            assert_eq!(decoded(&octets($hex)), Ok($type::$choice));
            assert_eq!(encoded(&$type::$choice), octets($hex));
        )+)+};
    }
    choices! {
        Role: "42" = Sender, "41" = Receiver;
        SenderSettleMode: "50 00" = Unsettled, "50 01" = Settled, "50 02" = Mixed;
        ReceiverSettleMode: "50 00" = First, "50 01" = Second;
        TerminusDurability: "43" = None, "52 01" = Configuration, "52 02" = UnsettledState;
        TerminusExpiryPolicy: "a3 0b 6c696e6b2d646574616368" = LinkDetach, "a3 0b 73657373696f6e2d656e64" = SessionEnd,
            "a3 10 636f6e6e656374696f6e2d636c6f7365" = ConnectionClose, "a3 05 6e65766572" = Never;
        SaslCode: "50 00" = Ok, "50 01" = Auth, "50 02" = Sys, "50 03" = SysPerm, "50 04" = SysTemp;
    }
}

fn states() -> Vec<DeliveryState> {
    let error = Error {
        info: Some([(symbol("k"), 1_u32.into())].into()),
        ..Error::new(ErrorCondition::NOT_FOUND, "gone")
    };
    let transaction = TransactionId::from([1; 32]);
    let transactional = |outcome| Arc::new(TransactionalState { txn_id: transaction.clone(), outcome });
    vec![
        DeliveryState::Received(Received { section_number: 1, section_offset: 1 << 40 }),
        DeliveryState::Accepted,
        DeliveryState::Rejected(error.into()),
        DeliveryState::Rejected(Rejected::default()),
        DeliveryState::Released,
        DeliveryState::Modified(Modified { delivery_failed: true, ..Modified::default() }),
        DeliveryState::Declared(Arc::new(Declared { txn_id: transaction.clone() })),
        DeliveryState::Transactional(transactional(None)),
        DeliveryState::Transactional(transactional(Some(DeliveryState::Released))),
        DeliveryState::Unknown(Arc::new(Described {
            descriptor: symbol("own").into(),
            value: "state".into(),
        })),
    ]
}

/// MESSAGING-3.4-2
#[test]
fn delivery_states() {
    for state in states() {
        assert_eq!(decoded(&encoded(&state)), Ok(state));
    }
    let terminal: Vec<bool> = states().iter().map(DeliveryState::is_terminal).collect();
    assert_eq!(terminal, [false, true, true, true, true, true, true, false, true, false]);
    assert_eq!(encoded(&DeliveryState::Accepted), octets("00 53 24 45"));
    assert_eq!(
        decoded(&octets("00 a3 12 616d71703a61636365707465643a6c697374 45")),
        Ok(DeliveryState::Accepted)
    );
    // A described type of the spec that is no state is kept all the same, a plain value is not.
    assert!(matches!(decoded(&octets("00 53 10 45")), Ok(DeliveryState::Unknown(_))));
    assert_eq!(refused::<DeliveryState>(&octets("45")), DecodeErrorKind::NotDescribed);
    assert_eq!(
        refused::<DeliveryState>(&octets("00 53 24 a1 00")),
        DecodeErrorKind::UnexpectedType { expected: "list", found: 0xa1 }
    );
    assert_eq!(refused::<DeliveryState>(&octets("00 53 24 c0 02 01 40")), DecodeErrorKind::TooManyFields);
}

#[test]
fn states_inside_states_are_bounded() {
    let wrap = |outcome| {
        DeliveryState::Transactional(Arc::new(TransactionalState {
            outcome: Some(outcome),
            ..TransactionalState::default()
        }))
    };
    let deep = |depth: usize| (0..depth).fold(DeliveryState::Accepted, |state, _| wrap(state));
    // Each is a descriptor and a list.
    assert_eq!(decoded(&encoded(&deep(15))), Ok(deep(15)));
    assert_eq!(refused::<DeliveryState>(&encoded(&deep(16))), DecodeErrorKind::TooDeep);
    assert_eq!(refused::<DeliveryState>(&encoded(&deep(3000))), DecodeErrorKind::TooDeep);
}

/// MESSAGING-3.5-1
#[test]
fn attach_with_everything() {
    let source = Source {
        address: Some("a".into()),
        durable: TerminusDurability::UnsettledState,
        expiry_policy: TerminusExpiryPolicy::Never,
        timeout: 300,
        dynamic: true,
        dynamic_node_properties: Some(
            [(symbol("lifetime-policy"), Value::described(0x2b_u64, Value::List(vec![])))].into(),
        ),
        distribution_mode: Some(StdDistMode::COPY),
        filter: Some([(symbol("f"), Value::described(0x468c_0000_0004_u64, "x > 1"))].into()),
        default_outcome: Some(Box::new(DeliveryState::Released)),
        outcomes: symbols(&["amqp:accepted:list", "amqp:released:list"]),
        capabilities: symbols(&["queue"]),
    };
    let attach = Attach {
        name: "link".into(),
        handle: 7,
        role: Role::Receiver,
        snd_settle_mode: SenderSettleMode::Settled,
        rcv_settle_mode: ReceiverSettleMode::Second,
        source: Some(Box::new(source.into())),
        target: Some(Box::new(Coordinator { capabilities: symbols(&["amqp:local-transactions"]) }.into())),
        unsettled: Some(
            states()
                .into_iter()
                .enumerate()
                .map(|(n, state)| ([n as u8].into(), Some(state)))
                .chain([(DeliveryTag::default(), None)])
                .collect(),
        ),
        incomplete_unsettled: true,
        initial_delivery_count: Some(Serial(u32::MAX)),
        max_message_size: Some(u64::MAX),
        offered_capabilities: symbols(&["a", "b"]),
        desired_capabilities: symbols(&["c"]),
        properties: Some(Fields::new()),
    };
    let octets = encoded(&attach);
    assert_eq!(decoded(&octets), Ok(attach.clone()));
    let mut frame = BytesMut::new();
    encode_frame(&mut frame, 3, &attach, b"");
    assert_eq!(decode_performative(&frame[8..]), Ok((attach.into(), octets.len())));
}

/// TYPES-1.5-1
#[test]
fn sources_and_targets_of_other_types_are_kept() {
    let own =
        || Described { descriptor: symbol("own:terminus").into(), value: Value::List(vec![1_u32.into()]) };
    for attach in [
        Attach { source: Some(Box::new(AttachSource::Unknown(own()))), ..Attach::default() },
        Attach { target: Some(Box::new(AttachTarget::Unknown(own()))), ..Attach::default() },
        Attach { target: Some(Box::new(AttachTarget::Target(Target::default()))), ..Attach::default() },
    ] {
        assert_eq!(decoded(&encoded(&attach)), Ok(attach));
    }
    // A target is not a source, but some described value.
    assert!(matches!(decoded(&octets("00 53 29 45")), Ok(AttachSource::Unknown(_))));
    assert_eq!(refused::<AttachTarget>(&octets("a1 01 71")), DecodeErrorKind::NotDescribed);
    assert_eq!(decoded(&octets("00 53 2c 45")), Ok(LifetimePolicy::DeleteOnNoLinks));
    assert_eq!(refused::<LifetimePolicy>(&octets("00 53 2a 45")), DecodeErrorKind::UnexpectedDescriptor);
}

/// MESSAGING-3.2-13
#[test]
fn message_ids() {
    for (hex, id) in [
        ("44", MessageId::from(0)),
        ("53 07", MessageId::from(7)),
        ("98 30313233343536373839616263646566", MessageId::from(Uuid(*b"0123456789abcdef"))),
        ("a0 01 78", MessageId::Binary(bytes::Bytes::from_static(b"x"))),
        ("a1 01 78", MessageId::from("x")),
    ] {
        assert_eq!(decoded(&octets(hex)), Ok(id.clone()));
        assert_eq!(encoded(&id), octets(hex));
        assert_eq!(encoded(&Value::from(id)), octets(hex));
    }
    for hex in ["52 07", "55 07", "a3 01 78", "45", "00 53 01 44"] {
        let kind = refused::<MessageId>(&octets(hex));
        assert!(
            matches!(kind, DecodeErrorKind::UnexpectedType { expected: "message-id", .. }),
            "{hex}: {kind:?}"
        );
    }
}

/// TRANSPORT-2.3-7
#[test]
fn frame_bodies_end_where_they_should() {
    let with_payload = octets("00 53 14 c0 02 01 43 00 53 77 40");
    let (transfer, payload) = decode_performative(&with_payload).unwrap();
    assert_eq!((transfer, &with_payload[payload..]), (Transfer::default().into(), &b"\0\x53\x77\x40"[..]));
    let error = decode_performative(&octets("00 53 18 45 00")).unwrap_err();
    assert_eq!(error, DecodeError { kind: DecodeErrorKind::TrailingOctets, at: 4 });
    let error = decode_sasl_frame(&octets("00 53 44 c0 03 01 50 00 00 53 44 c0 03 01 50 00")).unwrap_err();
    assert_eq!(error, DecodeError { kind: DecodeErrorKind::TrailingOctets, at: 8 });
    assert_eq!(decode_sasl_frame(b"").unwrap_err().kind, DecodeErrorKind::Truncated);
    // A SASL frame is not an AMQP frame, and the other way round.
    assert_eq!(
        decode_performative(&octets("00 53 44 c0 03 01 50 00")).unwrap_err().kind,
        DecodeErrorKind::UnexpectedDescriptor
    );
    assert_eq!(
        decode_sasl_frame(&octets("00 53 18 45")).unwrap_err().kind,
        DecodeErrorKind::UnexpectedDescriptor
    );
}
