//! §2.6.3, §3.5: sources and targets, refused links and dynamic nodes.
#![cfg(test)]

use amqp_core::codec::{
    Attach, AttachSource, AttachTarget, Begin, Described, Detach, Error, ErrorCondition, Fields, Flow,
    Source, Symbol, Target, TerminusDurability, TerminusExpiryPolicy, Value,
};
use amqp_core::{
    Cause, Event, LinkState, ReceiverId, ReceiverOptions, Resolution, Scope, SendErrorReason, SenderId,
    SenderOptions, SessionOptions,
};
use amqp_tests::oracle::Side;
use amqp_tests::pair::Pair;
use amqp_tests::script::{HANDLE, Script, frame, peer_begin, peer_receiver, peer_sender};
use bytes::Bytes;

fn serving() -> Script {
    let mut script = Script::opened_server();
    script.accept_session(&peer_begin(), SessionOptions::default());
    script
}

fn receiver_opening(event: Event) -> Option<ReceiverId> {
    match event {
        Event::ReceiverOpening(id) => Some(id),
        _ => None,
    }
}

fn sender_opening(event: Event) -> Option<SenderId> {
    match event {
        Event::SenderOpening(id) => Some(id),
        _ => None,
    }
}

fn source(source: Source) -> Option<Box<AttachSource>> {
    Some(Box::new(source.into()))
}

fn target(target: Target) -> Option<Box<AttachTarget>> {
    Some(Box::new(target.into()))
}

fn unknown() -> Described {
    Described { descriptor: Value::Ulong(0x99), value: Value::List(Vec::new()) }
}

/// TRANSPORT-2.6.1-8
#[test]
fn a_refused_sender_is_answered_with_a_null_target_and_closed() {
    let mut script = serving();
    script.give(&Attach { target: target(Target::default()), ..peer_sender("link") });
    let id = script.expect_some(receiver_opening);
    script.engine.receiver(id).unwrap().refuse(ErrorCondition::NOT_FOUND).unwrap();
    let attach: Attach = script.expect_frame();
    assert_eq!(attach.target, None);
    assert!(attach.source.is_some());
    script.expect_detach(Some(ErrorCondition::NOT_FOUND));
    script.give(&Detach { handle: 9, closed: true, error: None });
    script.expect_event(Event::ReceiverClosed(id));
    assert!(script.engine.receiver(id).is_err());
}

/// TRANSPORT-2.6.1-8
#[test]
fn a_refused_receiver_is_answered_with_a_null_source_and_closed() {
    let mut script = serving();
    script.give(&peer_receiver("link"));
    let id = script.expect_some(sender_opening);
    script.engine.sender(id).unwrap().refuse(ErrorCondition::UNAUTHORIZED_ACCESS).unwrap();
    let attach: Attach = script.expect_frame();
    assert_eq!(attach.source, None);
    assert!(attach.target.is_some() && attach.initial_delivery_count.is_some());
    script.expect_detach(Some(ErrorCondition::UNAUTHORIZED_ACCESS));
}

/// TRANSPORT-2.6.1-8: refused links of both directions leave nothing behind on either side.
#[test]
fn refusals_leave_nothing_behind() {
    let (mut pair, sessions) = Pair::begun();
    let mut view = pair.client.session(sessions.client).unwrap();
    let sender = view.attach_sender(SenderOptions::new("a")).unwrap();
    let receiver = view.attach_receiver(ReceiverOptions::new("b")).unwrap();
    pair.drive();
    let incoming = pair.expect_some(Side::Server, receiver_opening);
    let outgoing = pair.expect_some(Side::Server, sender_opening);
    pair.server.receiver(incoming).unwrap().refuse(ErrorCondition::NOT_FOUND).unwrap();
    pair.server.sender(outgoing).unwrap().refuse(ErrorCondition::NOT_FOUND).unwrap();
    pair.drive();
    assert_eq!(
        pair.take_events(Side::Client),
        [Event::SenderClosed(sender), Event::ReceiverClosed(receiver)]
    );
    let reason = pair.reason(Side::Client, Event::SenderClosed(sender)).unwrap();
    assert_eq!(reason.scope(), Scope::Link);
    assert!(
        matches!(reason.cause(), Cause::Remote(Some(error)) if error.condition == ErrorCondition::NOT_FOUND)
    );
    assert_eq!((pair.client.counters().links, pair.server.counters().links), (0, 0));
    pair.finish();
}

/// TRANSPORT-2.6.1-13: a sender whose attach is answered without a target is not opened and takes nothing.
#[test]
fn a_null_target_in_the_answer_is_a_refusal_under_way() {
    let (mut script, session) = Script::begun();
    let sender = script.engine.session(session).unwrap().attach_sender(SenderOptions::new("node")).unwrap();
    let attach: Attach = script.expect_frame();
    script.give(&Attach { name: attach.name, target: None, ..peer_receiver("") });
    script.give(&script.grant(0, 10));
    assert_eq!(script.take_events(), []);
    let mut view = script.engine.sender(sender).unwrap();
    assert_eq!(view.credit(), 0);
    let refused = view.send(Bytes::from_static(b"x")).unwrap_err();
    assert_eq!(refused.reason, SendErrorReason::NotAttached);
    script.expect_nothing();
    let error = Some(Error::new(ErrorCondition::NOT_FOUND, "no such node"));
    script.give(&Detach { handle: 9, closed: true, error });
    script.expect_detach(None);
    assert_eq!(script.take_events(), [Event::SenderClosed(sender)]);
    let reason = script.reason(Event::SenderClosed(sender)).unwrap();
    assert_eq!(reason.error().unwrap().condition, ErrorCondition::NOT_FOUND);
}

/// TRANSPORT-2.6.1-13
#[test]
fn a_null_source_in_the_answer_is_a_refusal_under_way() {
    let (mut script, session) = Script::begun();
    let receiver =
        script.engine.session(session).unwrap().attach_receiver(ReceiverOptions::new("node")).unwrap();
    let attach: Attach = script.expect_frame();
    script.give(&Attach { name: attach.name, source: None, ..peer_sender("") });
    assert_eq!(script.take_events(), []);
    let error = Some(Error::new(ErrorCondition::NOT_FOUND, "no such node"));
    script.give(&Detach { handle: 9, closed: true, error });
    script.expect_detach(None);
    assert_eq!(script.take_events(), [Event::ReceiverClosed(receiver)]);
}

/// TRANSPORT-2.6.1-16
#[test]
fn a_message_larger_than_the_peer_takes_is_not_accepted_for_sending() {
    let (mut script, session) = Script::begun();
    let peer = Attach { max_message_size: Some(10), ..peer_receiver("") };
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer);
    script.give(&script.grant(0, 5));
    let mut view = script.engine.sender(sender).unwrap();
    let refused = view.send(Bytes::from_static(&[0; 11])).unwrap_err();
    assert_eq!((refused.reason, refused.message.payload.len()), (SendErrorReason::TooLarge, 11));
    view.send(Bytes::from_static(&[0; 10])).unwrap();
    assert_eq!(script.expect_transfer().1.len(), 10);
    script.expect_nothing();
}

/// TRANSPORT-2.6.1-16
#[test]
fn a_max_message_size_of_zero_is_none() {
    let (mut script, session) = Script::begun();
    let peer = Attach { max_message_size: Some(0), ..peer_receiver("") };
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer);
    script.give(&script.grant(0, 1));
    script.engine.sender(sender).unwrap().send(Bytes::from_static(&[0; 1000])).unwrap();
    assert_eq!(script.expect_transfer().1.len(), 1000);
}

/// TRANSPORT-2.6.1-16
#[test]
fn a_message_that_arrives_too_large_detaches_its_link() {
    let (mut script, session) = Script::begun();
    let options = ReceiverOptions::new("node").max_message_size(10_u64).prefetch(5);
    let receiver = script.engine.session(session).unwrap().attach_receiver(options).unwrap();
    let attach: Attach = script.expect_frame();
    assert_eq!(attach.max_message_size, Some(10));
    script.rest();
    script.give(&Attach { name: attach.name, ..peer_sender("") });
    script.give_transfer(&amqp_tests::script::peer_transfer(0), &[0; 10]);
    script.give_transfer(&amqp_tests::script::peer_transfer(1), &[0; 11]);
    script.expect_detach(Some(ErrorCondition::MESSAGE_SIZE_EXCEEDED));
    script.expect_event(Event::ReceiverClosed(receiver));
}

/// TRANSPORT-2.6.1-24
#[test]
fn a_terminus_of_an_unknown_kind_is_refused_without_asking() {
    let strange = [
        Attach { target: Some(Box::new(AttachTarget::Unknown(unknown()))), ..peer_sender("a") },
        Attach { source: Some(Box::new(AttachSource::Unknown(unknown()))), ..peer_receiver("b") },
    ];
    for attach in strange {
        let mut script = serving();
        script.give(&attach);
        assert_eq!(script.take_events(), []);
        let answer: Attach = script.expect_frame();
        assert!(answer.source.is_none() || answer.target.is_none());
        script.expect_detach(Some(ErrorCondition::NOT_IMPLEMENTED));
        script.give(&Detach { handle: 9, closed: true, error: None });
        assert_eq!((script.take_events(), script.engine.counters().links), (Vec::new(), 0));
    }
}

/// MESSAGING-3.5-2
#[test]
fn whoever_asks_for_a_dynamic_node_names_no_address() {
    let wishes = [
        Attach {
            source: source(Source { dynamic: true, address: Some("mine".into()), ..Source::default() }),
            ..peer_receiver("a")
        },
        Attach {
            target: target(Target { dynamic: true, address: Some("mine".into()), ..Target::default() }),
            ..peer_sender("b")
        },
    ];
    for attach in wishes {
        let mut script = serving();
        script.give(&attach);
        script.expect_frame::<Attach>();
        script.expect_detach(Some(ErrorCondition::INVALID_FIELD));
        assert_eq!(script.take_events(), []);
    }
}

/// MESSAGING-3.5-2
#[test]
fn the_address_of_a_dynamic_node_can_be_given_and_read() {
    let (mut pair, sessions) = Pair::begun();
    let wish = Source { dynamic: true, ..Source::default() };
    let given = Source { dynamic: true, address: Some("tmp-1".into()), ..Source::default() };
    let link = pair.attach_receiver(
        Side::Client,
        sessions,
        ReceiverOptions::default().with_source(wish).with_target(Target::default()),
        SenderOptions::default().with_source(given.clone()),
    );
    let view = pair.receiver(&link);
    assert_eq!(view.remote().unwrap().source, source(given));
    let wish = Target { dynamic: true, ..Target::default() };
    let given = Target { dynamic: true, address: Some("tmp-2".into()), ..Target::default() };
    let link = pair.attach_sender(
        Side::Client,
        sessions,
        SenderOptions::default().with_source(Source::default()).with_target(wish),
        ReceiverOptions::default().with_target(given.clone()),
    );
    assert_eq!(pair.sender(&link).remote().unwrap().target, target(given));
    pair.finish();
}

/// MESSAGING-3.5-5: a durability that does not exist.
#[test]
fn a_terminus_with_an_impossible_field_does_not_attach() {
    let mut script = serving();
    let octets = frame(5, &peer_sender("link"), &[]);
    // The target is the first described list of code 0x29; give it an address of null and a durability of 3.
    let at = octets.windows(3).position(|window| window == [0, 0x53, 0x29]).unwrap();
    let (head, tail) = octets.split_at(at + 3);
    assert_eq!(tail[0], 0x45);
    let mut wrong = [head, &[0xc0, 4, 2, 0x40, 0x52, 3], &tail[1..]].concat();
    let size = u32::try_from(wrong.len()).unwrap();
    wrong[..4].copy_from_slice(&size.to_be_bytes());
    let list = wrong.iter().position(|octet| *octet == 0xc0).unwrap() + 1;
    wrong[list] += 5;
    script.give_octets(&wrong);
    script.expect_end(Some(ErrorCondition::INVALID_FIELD));
    assert!(script.take_events().iter().all(|event| receiver_opening(*event).is_none()));
}

/// MESSAGING-3.5-8: filters are a map of symbols to whatever the application makes of them.
#[test]
fn every_field_of_a_terminus_reaches_the_other_side() {
    let (mut pair, sessions) = Pair::begun();
    let filter = Fields::from_iter([
        (Symbol::from_static("selector"), Value::Described(Box::new(unknown()))),
        (Symbol::from_static("nothing"), Value::Null),
    ]);
    let wish = Source {
        address: Some("queue".into()),
        durable: TerminusDurability::UnsettledState,
        expiry_policy: TerminusExpiryPolicy::Never,
        timeout: 42,
        filter: Some(filter),
        distribution_mode: Some(Symbol::from_static("copy")),
        capabilities: Symbol::from_static("topic").into(),
        ..Source::default()
    };
    let end = Target { durable: TerminusDurability::Configuration, timeout: 7, ..Target::default() };
    let options = ReceiverOptions::default().with_source(wish.clone()).with_target(end.clone());
    let link = pair.attach_receiver(Side::Client, sessions, options, SenderOptions::default());
    let view = pair.sender(&link);
    let attach = view.remote().unwrap();
    assert_eq!((&attach.source, &attach.target), (&source(wish), &target(end)));
    pair.finish();
}

/// MESSAGING-3.5-12
#[test]
fn a_terminus_without_any_field_is_not_a_null_one() {
    let mut script = serving();
    script.give(&Attach { target: target(Target::default()), ..peer_sender("link") });
    let id = script.expect_some(receiver_opening);
    script.engine.receiver(id).unwrap().accept(ReceiverOptions::default()).unwrap();
    let attach: Attach = script.expect_frame();
    assert_eq!(attach.target, target(Target::default()));
    assert_eq!(script.engine.receiver(id).unwrap().state(), LinkState::Attached);
}

/// TRANSPORT-2.6.1-13: a receiver that attaches again without a target is sent nothing, also of what was accepted before.
#[test]
fn a_link_attached_again_without_terminus_carries_nothing() {
    let mut script = Script::opened_server();
    script.accept_session(&Begin { incoming_window: 0, ..peer_begin() }, SessionOptions::default());
    script.give(&peer_receiver("again"));
    let sender = script.expect_some(sender_opening);
    script.engine.sender(sender).unwrap().accept(SenderOptions::default()).unwrap();
    script.expect_frame::<Attach>();
    script.give(&Flow { incoming_window: 0, ..script.grant(0, 2) });
    script.engine.sender(sender).unwrap().send(Bytes::from_static(b"waits for the window")).unwrap();
    script.give(&Detach { handle: HANDLE, closed: false, error: None });
    assert!(!script.expect_frame::<Detach>().closed);
    script.give(&Attach { target: None, ..peer_receiver("again") });
    assert_eq!(script.expect_some(sender_opening), sender);
    script.engine.sender(sender).unwrap().accept(SenderOptions::default()).unwrap();
    script.expect_frame::<Attach>();
    script.give(&script.grant(0, 2));
    script.expect_nothing();
    let refused = script.engine.sender(sender).unwrap().send(Bytes::from_static(b"nobody is there"));
    assert_eq!(refused.unwrap_err().reason, SendErrorReason::NotAttached);
    script.engine.sender(sender).unwrap().close(None).unwrap();
    script.expect_detach(None);
    script.give(&Detach { handle: HANDLE, closed: true, error: None });
    script.expect_event(Event::SenderClosed(sender));
    let (_, outcome) = script.engine.sender(sender).unwrap().next_outcome().unwrap();
    assert!(matches!(outcome, Resolution::Unsent(..)), "{outcome:?}");
}
