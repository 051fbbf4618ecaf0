//! §1.2 to §1.6, §2.3: frames that are whole and whose bodies are wrong, octet by octet.
#![cfg(test)]

use amqp_core::SessionOptions;
use amqp_core::codec::{
    Attach, Begin, Close, DeliveryState, Detach, Disposition, End, ErrorCondition, Flow, Open, Role, Serial,
    Value,
};
use amqp_tests::pair::server_options;
use amqp_tests::script::{CHANNEL, HANDLE, Script, frame, peer_begin, peer_open, peer_sender, peer_transfer};

/// TYPES-1.2-11: a frame that is complete and whose body is not is an error at once: nothing is waited for.
#[test]
fn a_frame_whose_body_is_cut_short_closes_at_once() {
    let disposition = Disposition {
        role: Role::Receiver,
        first: Serial(0),
        last: Some(Serial(3)),
        settled: true,
        state: Some(DeliveryState::Accepted),
        batchable: false,
    };
    let error = amqp_core::codec::Error::new(ErrorCondition::INTERNAL_ERROR, "why");
    let bodies = [
        frame(CHANNEL, &Begin { next_outgoing_id: Serial(7), ..peer_begin() }, &[]),
        frame(CHANNEL, &Attach { handle: HANDLE + 1, ..peer_sender("other") }, &[]),
        frame(CHANNEL, &Flow { incoming_window: 70_000, ..Flow::default() }, &[]),
        frame(CHANNEL, &peer_transfer(0), &[]),
        frame(CHANNEL, &disposition, &[]),
        frame(CHANNEL, &Detach { handle: HANDLE, closed: true, error: None }, &[]),
        frame(CHANNEL, &End { error: Some(error.clone()) }, &[]),
        frame(0, &Close { error: Some(error) }, &[]),
    ];
    for whole in bodies {
        for length in 9..whole.len() {
            let (mut script, _) = Script::receiving(5);
            let mut cut = whole[..length].to_vec();
            cut[..4].copy_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
            script.give_octets(&cut);
            script.expect_closed(ErrorCondition::DECODE_ERROR);
        }
    }
}

/// TYPES-1.2-11: an open as well; and of a frame itself, which may be cut anywhere, the rest is waited for.
#[test]
fn an_open_that_is_cut_short_closes_and_a_part_of_a_frame_waits() {
    let whole = frame(0, &Open { hostname: Some("example.org".into()), ..peer_open() }, &[]);
    for length in 9..whole.len() {
        let mut script = Script::server(server_options());
        script.exchange_headers();
        script.give_octets(&whole[..length]);
        script.expect_nothing();
        assert!(script.take_events().is_empty());

        let mut script = Script::server(server_options());
        script.exchange_headers();
        let mut cut = whole[..length].to_vec();
        cut[..4].copy_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
        script.give_octets(&cut);
        script.expect_frame::<Open>();
        script.expect_closed(ErrorCondition::DECODE_ERROR);
    }
}

/// TRANSPORT-2.3-5: both octets are the channel, the higher one first.
#[test]
fn channels_have_two_octets() {
    for (channel, fits) in [(0x0102, true), (0x01ff, true), (0x0200, false), (0x0201, false), (0xff01, false)]
    {
        let mut script = Script::server(
            server_options().channel_max(0x01ff_u16).accept_sessions(SessionOptions::default()),
        );
        script.open(&peer_open());
        script.give_octets(&frame(channel, &peer_begin(), &[]));
        if fits {
            assert_eq!(script.expect_frame::<Begin>().remote_channel, Some(channel));
        } else {
            script.expect_closed(ErrorCondition::FRAMING_ERROR);
        }
    }
}

/// TYPES-1.5-1: a descriptor that is neither symbol nor ulong is some value; no performative has one.
#[test]
fn a_performative_has_no_descriptor_of_another_type() {
    let list = || Value::List(Vec::new());
    for descriptor in [
        Value::from("amqp:close:list"),
        Value::Uint(0x18),
        Value::Long(0x18),
        list(),
        Value::described(0x18_u64, list()),
    ] {
        let mut script = Script::opened_server();
        script.give_octets(&frame(0, &Value::described(descriptor, list()), &[]));
        script.expect_closed(ErrorCondition::DECODE_ERROR);
    }
    let mut script = Script::opened_server();
    script.give_octets(&frame(0, &Value::described(0x18_u64, list()), &[]));
    script.expect_close(None);
}

/// TYPES-1.6-21: a tag of 33 octets ends the session it came in.
#[test]
fn a_tag_that_is_too_long_ends_the_session() {
    for length in [32, 33] {
        let (mut script, receiver) = Script::receiving(1);
        // transfer: handle, delivery-id and delivery-tag.
        let fields = [Value::Uint(HANDLE), Value::Uint(0), Value::from(bytes::Bytes::from(vec![7; length]))];
        script.give_octets(&frame(CHANNEL, &Value::described(0x14_u64, Value::List(fields.to_vec())), b"x"));
        if length == 32 {
            let delivery = script.engine.receiver(receiver).unwrap().next_delivery().unwrap();
            assert_eq!(delivery.tag.len(), 32);
        } else {
            script.expect_end(Some(ErrorCondition::INVALID_FIELD));
        }
    }
}

/// TYPES-1.5-7: no field is converted: the number of another width is none.
#[test]
fn a_number_of_another_type_is_refused() {
    let channel_max = |value: Value| {
        let fields = vec![Value::from("peer"), Value::Null, Value::Null, value];
        frame(0, &Value::described(0x10_u64, Value::List(fields)), &[])
    };
    for (value, fits) in [(Value::Ushort(7), true), (Value::Ulong(70_000), false), (Value::Uint(7), false)] {
        let mut script = Script::server(server_options());
        script.exchange_headers();
        script.give_octets(&channel_max(value));
        script.expect_frame::<Open>();
        if fits {
            assert_eq!(script.engine.remote().unwrap().channel_max, 7);
        } else {
            script.expect_closed(ErrorCondition::DECODE_ERROR);
        }
    }
}
