//! §2.6.7: draining, both ways.
#![cfg(test)]

use amqp_core::codec::{Attach, Flow, Serial, Transfer};
use amqp_core::{Event, ReceiverOptions, SenderId, SenderOptions, SessionOptions};
use amqp_tests::oracle::Side;
use amqp_tests::pair::Pair;
use amqp_tests::script::{HANDLE, Script, peer_begin, peer_receiver, peer_transfer};
use bytes::Bytes;

fn send(script: &mut Script, sender: SenderId, messages: u32) {
    for _ in 0..messages {
        script.engine.sender(sender).unwrap().send(Bytes::from_static(b"message")).unwrap();
    }
}

fn drain(script: &Script, delivery_count: u32, credit: u32) -> Flow {
    Flow { drain: true, ..script.grant(delivery_count, credit) }
}

/// TRANSPORT-2.6.7-7
#[test]
fn what_is_there_is_sent_and_the_rest_of_the_credit_given_back() {
    let (mut script, sender) = Script::sending(10);
    send(&mut script, sender, 3);
    script.give(&drain(&script, 0, 10));
    for _ in 0..3 {
        script.expect_transfer();
    }
    let flow: Flow = script.expect_frame();
    assert_eq!((flow.delivery_count, flow.link_credit, flow.drain), (Some(Serial(10)), Some(0), true));
    script.expect_nothing();
    let mut view = script.engine.sender(sender).unwrap();
    assert_eq!((view.credit(), view.delivery_count()), (0, Serial(10)));
}

/// TRANSPORT-2.6.7-7: with `auto_drain(false)` the rest waits for the application's word, which is asked for once.
#[test]
fn an_application_that_drains_by_hand_is_asked_once_and_answers_when_it_likes() {
    let (mut script, session) = Script::begun();
    let options = SenderOptions::new("node").auto_drain(false);
    let sender = script.attach_sender(session, options, &peer_receiver(""));
    script.give(&drain(&script, 0, 5));
    script.give(&drain(&script, 0, 6));
    let asked = |script: &mut Script| {
        script.take_events().iter().filter(|event| **event == Event::Draining(sender)).count()
    };
    assert_eq!(asked(&mut script), 1);
    script.engine.sender(sender).unwrap().send(Bytes::from_static(b"message")).unwrap();
    script.expect_transfer();
    script.expect_nothing();
    script.engine.sender(sender).unwrap().drained();
    let flow: Flow = script.expect_frame();
    assert_eq!((flow.delivery_count, flow.link_credit, flow.drain), (Some(Serial(6)), Some(0), true));
    script.engine.sender(sender).unwrap().drained();
    script.expect_nothing();
    // The next drain asks again.
    script.give(&drain(&script, 6, 1));
    assert_eq!(asked(&mut script), 1);
}

/// TRANSPORT-2.6.7-7: the application can still use credit that is to be drained, before it is polled for output.
#[test]
fn a_drain_leaves_the_application_its_turn() {
    let (mut script, sender) = Script::sending(0);
    script.give(&drain(&script, 0, 2));
    assert_eq!(script.take_events(), [Event::Credit(sender)]);
    assert!(script.engine.sender(sender).unwrap().is_draining());
    send(&mut script, sender, 1);
    script.expect_transfer();
    let flow: Flow = script.expect_frame();
    assert_eq!((flow.delivery_count, flow.link_credit), (Some(Serial(2)), Some(0)));
}

/// TRANSPORT-2.6.7-8
#[test]
fn a_drain_that_messages_use_up_needs_no_flow() {
    let (mut script, sender) = Script::sending(3);
    send(&mut script, sender, 3);
    script.give(&drain(&script, 0, 3));
    for _ in 0..3 {
        script.expect_transfer();
    }
    let flows = script.rest();
    assert!(flows.len() <= 1, "{flows:?}");
}

/// TRANSPORT-2.6.7-9
#[test]
fn draining_nothing_is_answered_by_one_flow_at_most() {
    let (mut script, _) = Script::sending(0);
    script.give(&drain(&script, 0, 0));
    script.give(&drain(&script, 0, 0));
    let flows = script.rest();
    assert!(flows.len() <= 1, "{flows:?}");
}

/// TRANSPORT-2.6.7-10
#[test]
fn giving_back_all_the_credit_there_can_be_is_one_step() {
    for (initial, credit) in [(0, u32::MAX), (0xFFFF_FFF0, 0x7FFF_FFFF)] {
        let (mut script, session) = Script::begun();
        let options = SenderOptions::new("node").initial_delivery_count(Serial(initial));
        script.attach_sender(session, options, &peer_receiver(""));
        script.give(&drain(&script, initial, credit));
        let flow: Flow = script.expect_frame();
        assert_eq!(flow.delivery_count, Some(Serial(initial.wrapping_add(credit))));
        assert_eq!(flow.link_credit, Some(0));
    }
}

/// Messages go before the flow that gives the rest back (PROTON-401), whatever their number of frames.
#[test]
fn messages_go_before_the_flow_that_ends_the_drain() {
    let (mut script, sender) = Script::sending(4);
    script.give(&drain(&script, 0, 4));
    for _ in 0..2 {
        script.engine.sender(sender).unwrap().send(Bytes::from(vec![1; 200_000])).unwrap();
    }
    let mut last = None;
    while let Some(amqp_tests::frames::Unit::Frame(frame)) = script.next_unit() {
        last = frame.performative;
    }
    assert!(matches!(last, Some(amqp_core::codec::Performative::Flow(flow)) if flow.link_credit == Some(0)));
}

/// While the window is shut, a drain waits for the messages that are there.
#[test]
fn a_drain_waits_for_the_window() {
    let (mut script, sender) = Script::sending(0);
    script.give(&Flow { incoming_window: 0, ..drain(&script, 0, 5) });
    send(&mut script, sender, 1);
    script.expect_nothing();
    script.give(&script.flow());
    script.expect_transfer();
    assert_eq!(script.expect_frame::<Flow>().delivery_count, Some(Serial(5)));
}

/// Drained once, and then granted anew without drain.
#[test]
fn credit_after_a_drain_is_credit() {
    let (mut script, sender) = Script::sending(0);
    script.give(&drain(&script, 0, 5));
    assert_eq!(script.expect_frame::<Flow>().delivery_count, Some(Serial(5)));
    script.take_events();
    script.give(&script.grant(5, 2));
    assert_eq!(script.take_events(), [Event::Credit(sender)]);
    assert!(!script.engine.sender(sender).unwrap().is_draining());
    send(&mut script, sender, 1);
    script.expect_transfer();
    script.expect_nothing();
    assert_eq!(script.engine.sender(sender).unwrap().credit(), 1);
}

/// A withdrawn message is not waited for.
#[test]
fn a_drain_does_not_wait_for_what_was_withdrawn() {
    let (mut script, sender) = Script::sending(0);
    script.give(&Flow { incoming_window: 0, ..drain(&script, 0, 5) });
    let key = script.engine.sender(sender).unwrap().send(Bytes::from_static(b"x")).unwrap();
    script.expect_nothing();
    script.engine.sender(sender).unwrap().abort(key).unwrap().unwrap();
    assert_eq!(script.expect_frame::<Flow>().delivery_count, Some(Serial(5)));
}

/// The receiving side: partly used, the rest given back.
#[test]
fn a_drain_is_over_when_the_credit_was_given_back() {
    let (mut script, receiver) = Script::receiving(10);
    script.engine.receiver(receiver).unwrap().drain();
    let flow: Flow = script.expect_frame();
    assert_eq!((flow.drain, flow.link_credit), (true, Some(10)));
    script.give_transfer(&peer_transfer(0), b"x");
    assert_eq!(script.take_events(), [Event::Deliveries(receiver)]);
    script.give(&Flow { delivery_count: Some(Serial(10)), link_credit: Some(0), ..script.grant(0, 0) });
    assert_eq!(script.take_events(), [Event::Drained(receiver)]);
    let view = script.engine.receiver(receiver).unwrap();
    assert_eq!((view.credit(), view.delivery_count()), (0, Serial(10)));
    script.expect_nothing();
}

/// The receiving side: all of it used.
#[test]
fn a_drain_is_over_when_the_credit_was_used() {
    let (mut script, receiver) = Script::receiving(2);
    script.engine.receiver(receiver).unwrap().drain();
    script.expect_frame::<Flow>();
    script.give_transfer(&peer_transfer(0), b"x");
    assert_eq!(script.take_events(), [Event::Deliveries(receiver)]);
    script.give_transfer(&peer_transfer(1), b"x");
    assert_eq!(script.take_events(), [Event::Deliveries(receiver), Event::Drained(receiver)]);
}

/// The receiving side: used by a message that has only begun, it is over when that can be taken, or does not come.
#[test]
fn a_drain_waits_for_the_message_that_is_arriving() {
    for aborted in [false, true] {
        let (mut script, receiver) = Script::receiving(1);
        script.engine.receiver(receiver).unwrap().drain();
        script.expect_frame::<Flow>();
        script.give_transfer(&Transfer { more: true, ..peer_transfer(0) }, b"one, ");
        script.engine.receiver(receiver).unwrap().drain();
        assert_eq!(script.take_events(), []);
        script.give_transfer(&Transfer { handle: HANDLE, aborted, ..Transfer::default() }, b"two");
        let expected = [Event::Deliveries(receiver), Event::Drained(receiver)];
        assert_eq!(script.take_events(), expected[usize::from(aborted)..]);
    }
}

/// The receiving side: nothing to drain is over at once, and nothing is asked of the peer.
#[test]
fn draining_no_credit_is_over_at_once() {
    let (mut script, receiver) = Script::receiving(0);
    script.engine.receiver(receiver).unwrap().drain();
    assert_eq!(script.take_events(), [Event::Drained(receiver)]);
    script.expect_nothing();
}

/// The receiving side: granting ends the drain.
#[test]
fn a_grant_ends_a_drain() {
    let (mut script, receiver) = Script::receiving(2);
    let mut view = script.engine.receiver(receiver).unwrap();
    view.drain();
    view.grant(1);
    let flow: Flow = script.expect_frame();
    assert_eq!((flow.drain, flow.link_credit), (false, Some(3)));
    assert_eq!(script.take_events(), []);
}

/// Electron D24: the engine answers a drain by itself, both engines together.
#[test]
fn two_engines_drain() {
    let (mut pair, link) = Pair::linked(SenderOptions::new("node"), ReceiverOptions::default());
    pair.receiver(&link).grant(10);
    pair.drive();
    pair.send(&link, b"one");
    pair.send(&link, b"two");
    pair.receiver(&link).drain();
    pair.drive();
    pair.expect_event(Side::Server, Event::Drained(link.receiver));
    assert_eq!(pair.deliveries(&link).len(), 2);
    assert_eq!((pair.sender(&link).credit(), pair.receiver(&link).credit()), (0, 0));
    assert_eq!(pair.receiver(&link).delivery_count(), Serial(10));
    pair.receiver(&link).grant(1);
    pair.drive();
    pair.send(&link, b"three");
    pair.drive();
    assert_eq!(pair.deliveries(&link).len(), 1);
    pair.finish();
}

/// A drain that crosses messages of the sender counts them once.
#[test]
fn a_drain_that_crosses_messages_counts_them_once() {
    let (mut pair, link) = Pair::linked(SenderOptions::new("node"), ReceiverOptions::default());
    pair.receiver(&link).grant(3);
    pair.drive();
    pair.send(&link, b"one");
    pair.receiver(&link).drain();
    pair.flush(Side::Client);
    pair.flush(Side::Server);
    pair.drive();
    pair.expect_event(Side::Server, Event::Drained(link.receiver));
    assert_eq!((pair.deliveries(&link).len(), pair.receiver(&link).delivery_count()), (1, Serial(3)));
    pair.finish();
}

/// A receiver's flow on a handle that drains while the link is being closed changes nothing.
#[test]
fn a_drain_of_a_closing_link_is_not_waited_for() {
    let (mut script, sender) = Script::sending(5);
    send(&mut script, sender, 1);
    script.engine.sender(sender).unwrap().close(None).unwrap();
    script.give(&Flow { handle: Some(HANDLE), ..drain(&script, 0, 5) });
    script.expect_transfer();
    let rest = script.rest();
    let Some(amqp_tests::frames::Unit::Frame(last)) = rest.last() else { unreachable!("{rest:?}") };
    assert!(matches!(last.performative, Some(amqp_core::codec::Performative::Detach(_))), "{rest:?}");
}

/// TRANSPORT-2.6.7-10: a receiver may leave drain set without credit, and drain what it grants then.
#[test]
fn a_drain_is_asked_for_with_each_credit() {
    let options = SenderOptions::new("node").auto_drain(false);
    let (mut script, session) = Script::begun();
    let sender = script.attach_sender(session, options, &peer_receiver("link"));
    script.give(&drain(&script, 0, 0));
    script.take_events();
    for count in [0, 5] {
        script.give(&drain(&script, count, 5));
        assert!(script.take_events().contains(&Event::Draining(sender)), "{count}");
        script.give(&drain(&script, count, 5));
        assert!(!script.take_events().contains(&Event::Draining(sender)), "{count}");
        script.engine.sender(sender).unwrap().drained();
        assert_eq!(script.expect_frame::<Flow>().delivery_count, Some(Serial(count + 5)));
    }
}

/// TRANSPORT-2.6.7-10: credit that is drained before the link was even accepted is the application's to use or give back.
#[test]
fn a_drain_ahead_of_the_answer_is_asked_for() {
    let mut script = Script::opened_server();
    script.accept_session(&peer_begin(), SessionOptions::default());
    script.give(&peer_receiver("link"));
    script.give(&drain(&script, 0, 5));
    let sender = script.expect_some(|event| match event {
        Event::SenderOpening(id) => Some(id),
        _ => None,
    });
    script.engine.sender(sender).unwrap().accept(SenderOptions::default().auto_drain(false)).unwrap();
    script.expect_frame::<Attach>();
    script.expect_nothing();
    assert!(script.take_events().contains(&Event::Draining(sender)));
    script.engine.sender(sender).unwrap().drained();
    assert_eq!(script.expect_frame::<Flow>().link_credit, Some(0));
}
