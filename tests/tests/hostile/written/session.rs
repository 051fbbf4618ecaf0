//! Cases of windows, flows and attaches.

use amqp_core::codec::{
    Attach, AttachSource, Begin, Described, ErrorCondition, Fields, Flow, Message, Serial, Source, Symbol,
    Value,
};
use amqp_core::{Event, Exhausted, ReceiverOptions, SenderOptions};
use amqp_tests::oracle::Side;
use amqp_tests::pair::{Door, Pair};
use amqp_tests::script::{frame, peer_begin, peer_receiver, peer_sender};
use bytes::BytesMut;

use crate::answer::Expected;
use crate::stage::{Setup, Stage, grant};

#[test]
pub(crate) fn a_window_of_one_lets_one_through() {
    let mut stage = Stage::new("PS", Setup::new(Side::Server));
    stage.script.give_on(0, &Flow { incoming_window: 0, ..grant(100) });
    let mut sender = stage.script.engine.sender(stage.sender.unwrap()).unwrap();
    for _ in 0..100 {
        sender.send(Message::value("m").to_payload()).unwrap();
    }
    for at in 0..100 {
        stage.script.expect_nothing();
        let window = Flow {
            next_incoming_id: Some(Serial(at)),
            incoming_window: 1,
            handle: None,
            delivery_count: None,
            link_credit: None,
            ..grant(0)
        };
        stage.script.give_on(0, &window);
        let (transfer, _) = stage.script.expect_transfer();
        assert_eq!(transfer.delivery_id, Some(Serial(at)));
    }
    stage.script.expect_nothing();
}

/// Both ask at the same time; answers do not ask.
#[test]
pub(crate) fn two_that_ask_do_not_ask_for_ever() {
    let (mut pair, link) = Pair::linked(SenderOptions::new("node"), ReceiverOptions::default());
    for side in [Side::Client, Side::Server] {
        pair.written(side);
    }
    let session = pair.sender(&link).session().unwrap();
    pair.client.session(session).unwrap().echo();
    let session = pair.receiver(&link).session().unwrap();
    pair.server.session(session).unwrap().echo();
    for side in [Side::Client, Side::Server] {
        pair.flush(side);
    }
    pair.drive();
    for side in [Side::Client, Side::Server] {
        let flows = pair.written_of::<Flow>(side);
        let echoes: Vec<bool> = flows.iter().map(|flow| flow.echo).collect();
        assert_eq!(echoes, [true, false], "{side}");
    }
    pair.finish();
}

/// So many lists, one in the other.
fn nested(depth: usize) -> Value {
    (0..depth).fold(Value::Null, |inner, _| Value::List(vec![inner]))
}

#[test]
pub(crate) fn properties_that_are_too_deep_do_not_decode() {
    let properties: Fields = [(Symbol::from_static("deep"), nested(400))].into_iter().collect();
    let mut stage = Stage::new("PR1", Setup::new(Side::Server));
    let flow = Flow { link_credit: None, properties: Some(properties), ..grant(0) };
    let answer = stage.give(&[&frame(0, &flow, &[])], Door::Slice);
    assert!(Expected::Close(vec!["decode-error".into()]).is(&answer), "{answer:?}");
}

/// What cannot be decoded has no link, so that it is the connection that ends.
#[test]
pub(crate) fn filters_that_are_too_deep_do_not_decode() {
    let not = |inner: Value| {
        Value::Described(Box::new(Described {
            descriptor: Value::Ulong(0x102),
            value: Value::List(vec![inner]),
        }))
    };
    let mut filter = Value::Boolean(true);
    for _ in 0..1000 {
        filter = not(filter);
    }
    let filter: Fields = [(Symbol::from_static("filter"), filter)].into_iter().collect();
    let source = AttachSource::from(Source { filter: Some(filter), ..Source::default() });
    let attach = Attach { handle: 0, source: Some(Box::new(source)), ..peer_receiver("L") };
    let mut setup = Setup::new(Side::Server);
    setup.connection.max_frame_size = 65536;
    let answer = Stage::new("PB", setup).give(&[&frame(0, &attach, &[])], Door::Slice);
    assert!(Expected::Close(vec!["decode-error".into()]).is(&answer), "{answer:?}");
}

#[test]
pub(crate) fn the_peers_handle_max_is_kept() {
    let mut stage = Stage::new("PO+begin", Setup::new(Side::Server));
    stage.script.give_on(0, &Begin { remote_channel: Some(0), handle_max: 0, ..peer_begin() });
    let mut session = stage.script.engine.session(stage.session.unwrap()).unwrap();
    assert!(session.attach_sender(SenderOptions::new("node")).is_ok());
    assert_eq!(session.attach_sender(SenderOptions::new("node")), Err(Exhausted::Handles));
    assert_eq!(stage.script.rest().len(), 1);
}

#[test]
pub(crate) fn attaches_on_every_handle_end_at_the_limit() {
    let attaches: BytesMut = (0..10_u32)
        .flat_map(|handle| frame(0, &Attach { handle, ..peer_sender(&handle.to_string()) }, &[]))
        .collect();
    let mut stage = Stage::new("PB", Setup::new(Side::Server));
    let answer = stage.give(&[&attaches], Door::Slice);
    let opening = answer.events.iter().filter(|event| matches!(event, Event::ReceiverOpening(_))).count();
    assert_eq!(opening, 8);
    assert!(Expected::Close(vec!["framing-error".into()]).is(&answer), "{answer:?}");

    let setup = Setup::new(Side::Server).limits(|limits| limits.links(5_u32));
    let answer = Stage::new("PB", setup).give(&[&attaches], Door::Slice);
    let error = answer.errors();
    assert!(
        matches!(error[..], [('E', error)] if error.condition == ErrorCondition::RESOURCE_LIMIT_EXCEEDED),
        "{answer:?}"
    );
}
