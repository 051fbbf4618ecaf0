//! Frames and values as text.

#![cfg(test)]

mod wire_support;

use amqp_codec::*;
use bytes::Bytes;
use std::sync::Arc;
use wire_support::*;

#[test]
fn performatives() {
    let open = Open {
        container_id: "c".into(),
        channel_max: 965,
        offered_capabilities: symbols(&["queue", "ANONYMOUS-RELAY", "x_y"]),
        properties: Some([(symbol("product"), "p\"\n".into()), (symbol("n"), Value::Null)].into()),
        ..Open::default()
    };
    let transfer = Transfer {
        delivery_id: Some(Serial(0)),
        delivery_tag: Some([0].into()),
        message_format: Some(0),
        ..Transfer::default()
    };
    let attach = Attach {
        name: "L".into(),
        role: Role::Receiver,
        source: Some(Box::new(
            Source {
                address: Some("q".into()),
                outcomes: symbols(&["amqp:accepted:list"]),
                ..Source::default()
            }
            .into(),
        )),
        target: Some(Box::new(Target::default().into())),
        unsettled: Some(
            [(DeliveryTag::from([b'a']), Some(DeliveryState::Accepted)), ([0xff].into(), None)].into(),
        ),
        ..Attach::default()
    };
    let disposition = Disposition {
        role: Role::Receiver,
        first: Serial(7),
        settled: true,
        state: Some(DeliveryState::Released),
        ..Disposition::default()
    };
    for (performative, text) in [
        (
            Performative::from(open),
            r#"@open(16) [container-id="c", channel-max=965, offered-capabilities=@<symbol>[:queue, :ANONYMOUS-RELAY, :"x_y"], properties={:product="p\"\n", :n=null}]"#,
        ),
        (
            transfer.into(),
            r#"@transfer(20) [handle=0, delivery-id=0, delivery-tag=b"\x00", message-format=0]"#,
        ),
        (
            attach.into(),
            r#"@attach(18) [name="L", handle=0, role=true, source=@source(40) [address="q", outcomes=:"amqp:accepted:list"], target=@target(41) [], unsettled={b"a"=@accepted(36) [], b"\xff"=null}]"#,
        ),
        (disposition.into(), "@disposition(21) [role=true, first=7, settled=true, state=@released(38) []]"),
    ] {
        assert_eq!(performative.to_string(), text);
    }
}

#[test]
fn endings() {
    let error = Error::new(ErrorCondition::NOT_FOUND, "no such queue");
    for (performative, text) in [
        (
            Detach { closed: true, error: Some(error.clone()), ..Detach::default() }.into(),
            r#"@detach(22) [handle=0, closed=true, error=@error(29) [condition=:"amqp:not-found", description="no such queue"]]"#,
        ),
        (End::default().into(), "@end(23) []"),
        (Close::default().into(), "@close(24) []"),
    ] {
        assert_eq!(Performative::to_string(&performative), text);
    }
    assert_eq!(error.to_string(), "amqp:not-found: no such queue");
    assert_eq!(Error::from(ErrorCondition::STOLEN).to_string(), "amqp:link:stolen");
}

#[test]
fn sasl_frames_keep_secrets() {
    let init = SaslInit {
        mechanism: symbol("PLAIN"),
        initial_response: Some(Bytes::from_static(b"\0user\0password")),
        hostname: Some("h".into()),
    };
    let text = SaslFrame::from(init).to_string();
    assert_eq!(text, r#"@sasl-init(65) [mechanism=:PLAIN, initial-response=<14 octets>, hostname="h"]"#);
    let response = SaslResponse { response: Bytes::from_static(b"proof") };
    assert_eq!(response.to_string(), "@sasl-response(67) [response=<5 octets>]");
    let challenge = SaslChallenge { challenge: Bytes::from_static(b"r=1") };
    assert_eq!(challenge.to_string(), r#"@sasl-challenge(66) [challenge=b"r=1"]"#);
    assert_eq!(SaslOutcome::default().to_string(), "@sasl-outcome(68) [code=0]");
}

#[test]
fn values() {
    for (value, text) in [
        (Value::Null, "null"),
        (true.into(), "true"),
        (7_u8.into(), "7"),
        ((-7_i64).into(), "-7"),
        (1.5_f32.into(), "1.5"),
        ('x'.into(), "'x'"),
        (Timestamp(-1).into(), "-1"),
        (Decimal32([0, 0, 0, 0xff]).into(), "D32(000000ff)"),
        (Uuid(*b"0123456789abcdef").into(), "UUID(30313233-3435-3637-3839-616263646566)"),
        (Value::Binary(Bytes::from_static(b"a\"\\\x7f")), r#"b"a\"\\\x7f""#),
        ("é\\\"\t".into(), r#""é\\\"\t""#),
        (symbol("a-1").into(), ":a-1"),
        (symbol("1a").into(), r#":"1a""#),
        (symbol("").into(), r#":"""#),
        (Value::List(vec![]), "[]"),
        (Value::List(vec![1_u32.into(), Value::Null]), "[1, null]"),
        (Value::Map(Map::new()), "{}"),
        (Value::Map([(1_u32.into(), "a".into()), ("b".into(), Value::Null)].into()), r#"{1="a", "b"=null}"#),
        (Value::Array(Array::new(PrimitiveType::Int, &[]).unwrap()), "@<int>[]"),
        (Value::described(0x75_u64, Value::Binary(Bytes::new())), r#"@data(117) b"""#),
        (Value::described(0x77_u64, "x"), r#"@amqp-value(119) "x""#),
        (Value::described(1234_u64, 5_u32), "@1234 5"),
        (Value::described(symbol("foo"), Value::List(vec![Value::Null])), "@:foo [null]"),
        (Value::described(0x18_u64, Value::List(vec![Value::Null, true.into()])), "@close(24) [true]"),
    ] {
        assert_eq!(value.to_string(), text);
    }
    let array = Array::new(PrimitiveType::Int, &[1.into(), 2.into()]).unwrap().described_by(symbol("d"));
    assert_eq!(array.to_string(), "@<int>[@:d 1, @:d 2]");
    assert_eq!(format!("{array:?}"), array.to_string());
}

#[test]
fn states_and_sections() {
    let state = TransactionalState { txn_id: [1].into(), outcome: Some(DeliveryState::Accepted) };
    assert_eq!(
        DeliveryState::Transactional(Arc::new(state)).to_string(),
        r#"@transactional-state(52) [txn-id=b"\x01", outcome=@accepted(36) []]"#
    );
    assert_eq!(Header { durable: true, ..Header::default() }.to_string(), "@header(112) [durable=true]");
    let properties = Properties { message_id: Some(7.into()), to: Some("q".into()), ..Properties::default() };
    assert_eq!(properties.to_string(), r#"@properties(115) [message-id=7, to="q"]"#);
    let annotations: Annotations =
        [(symbol("x-opt-a").into(), 1_u32.into()), (5_u64.into(), 2_u32.into())].into();
    assert_eq!(annotations.to_string(), "{:x-opt-a=1, 5=2}");
    assert_eq!(Footer(annotations).to_string(), "@footer(120) {:x-opt-a=1, 5=2}");
}

#[test]
fn what_is_nested_too_deeply_is_said_to_be() {
    let deep = (0..100).fold(Value::Null, |value, _| Value::List(vec![value]));
    let open = Open { properties: Some([(symbol("k"), deep)].into()), ..Open::default() };
    assert_eq!(open.to_string(), "<values nested too deeply at octet 214>");
}
