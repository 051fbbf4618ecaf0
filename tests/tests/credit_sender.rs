//! §2.6.7 at the sending end: what a receiver's flow allows, and what is told of it.
#![cfg(test)]

use amqp_core::codec::{Attach, Begin, Detach, ErrorCondition, Flow, Open, Performative, Serial};
use amqp_core::{
    ConnectionOptions, DeliveryKey, Event, Limits, ReceiverOptions, SendErrorReason, SenderId, SenderOptions,
    SessionOptions,
};
use amqp_tests::frames::{Frame, Unit};
use amqp_tests::oracle::Side;
use amqp_tests::pair::Pair;
use amqp_tests::script::{CHANNEL, HANDLE, Script, frame, peer_begin, peer_open, peer_receiver};
use bytes::Bytes;

fn send(script: &mut Script, sender: SenderId) -> Result<DeliveryKey, SendErrorReason> {
    let sent = script.engine.sender(sender).unwrap().send(Bytes::from_static(b"message"));
    sent.map_err(|refused| refused.reason)
}

fn transfers(script: &mut Script) -> usize {
    let is_transfer = |unit: &Unit| {
        matches!(unit, Unit::Frame(Frame { performative: Some(Performative::Transfer(_)), .. }))
    };
    script.rest().iter().filter(|unit| is_transfer(unit)).count()
}

/// TRANSPORT-2.6.7-1
#[test]
fn the_delivery_count_begins_where_the_sender_says_and_wraps() {
    let (mut script, session) = Script::begun();
    let options = SenderOptions::new("node").initial_delivery_count(Serial(u32::MAX));
    let mut view = script.engine.session(session).unwrap();
    let sender = view.attach_sender(options).unwrap();
    let attach: Attach = script.expect_frame();
    assert_eq!(attach.initial_delivery_count, Some(Serial(u32::MAX)));
    script.give(&Attach { name: attach.name, ..peer_receiver("") });
    script.give(&script.grant(u32::MAX, 2));
    send(&mut script, sender).unwrap();
    script.expect_transfer();
    assert_eq!(script.engine.sender(sender).unwrap().delivery_count(), Serial(0));
    script.give(&Flow { echo: true, ..script.grant(0, 5) });
    let flow: Flow = script.expect_frame();
    assert_eq!((flow.delivery_count, flow.link_credit), (Some(Serial(0)), Some(5)));
}

/// TRANSPORT-2.6.7-1: a message is counted once, however many frames it takes.
#[test]
fn a_message_of_many_frames_is_counted_once() {
    let mut script = Script::client(ConnectionOptions::new("engine"));
    script.open(&Open { max_frame_size: 512, ..peer_open() });
    let session = script.begin(SessionOptions::default(), &peer_begin());
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer_receiver(""));
    script.give(&script.grant(0, 3));
    script.engine.sender(sender).unwrap().send(Bytes::from_static(&[1; 5000])).unwrap();
    assert!(transfers(&mut script) > 5);
    let mut view = script.engine.sender(sender).unwrap();
    assert_eq!((view.delivery_count(), view.credit()), (Serial(1), 2));
}

/// TRANSPORT-2.6.7-2: credit counts from the delivery-count that the receiver knew of.
#[test]
fn a_flow_that_crossed_our_messages_counts_them() {
    let (mut script, sender) = Script::sending(3);
    send(&mut script, sender).unwrap();
    send(&mut script, sender).unwrap();
    assert_eq!(transfers(&mut script), 2);
    // The receiver has seen the first of the two.
    script.give(&script.grant(1, 4));
    assert_eq!(script.engine.sender(sender).unwrap().credit(), 3);
    // And now it has seen none, and takes credit back that is used already.
    script.give(&script.grant(0, 1));
    assert_eq!(script.engine.sender(sender).unwrap().credit(), 0);
}

/// TRANSPORT-2.6.7-3
#[test]
fn a_flow_without_delivery_count_counts_from_the_initial_one() {
    let (mut script, session) = Script::begun();
    let options = SenderOptions::new("node").initial_delivery_count(Serial(100));
    let sender = script.attach_sender(session, options, &peer_receiver(""));
    script.give(&script.grant(100, 5));
    send(&mut script, sender).unwrap();
    script.rest();
    script.give(&Flow { delivery_count: None, ..script.grant(0, 5) });
    assert_eq!(script.engine.sender(sender).unwrap().credit(), 4);
}

/// TRANSPORT-2.6.7-4
#[test]
fn every_delivery_uses_one_credit() {
    let (mut script, sender) = Script::sending(2);
    assert!(send(&mut script, sender).is_ok());
    assert!(send(&mut script, sender).is_ok());
    assert_eq!(send(&mut script, sender), Err(SendErrorReason::Blocked));
    assert_eq!(transfers(&mut script), 2);
    assert_eq!(send(&mut script, sender), Err(SendErrorReason::Blocked));
    script.expect_nothing();
}

/// Credit is reserved when a message is accepted, not when it is written.
#[test]
fn credit_is_reserved_when_a_message_is_accepted() {
    let (mut script, sender) = Script::sending(2);
    let first = send(&mut script, sender).unwrap();
    assert_eq!(script.engine.sender(sender).unwrap().credit(), 1);
    send(&mut script, sender).unwrap();
    assert_eq!(script.engine.sender(sender).unwrap().credit(), 0);
    // And given back when it is withdrawn.
    assert!(script.engine.sender(sender).unwrap().abort(first).unwrap().is_some());
    assert_eq!(script.engine.sender(sender).unwrap().credit(), 1);
    assert_eq!(transfers(&mut script), 1);
}

/// TRANSPORT-2.6.7-5
#[test]
fn a_message_that_was_begun_goes_on_when_credit_is_taken_back() {
    let mut script = Script::client(ConnectionOptions::new("engine"));
    script.open(&Open { max_frame_size: 512, ..peer_open() });
    let peer = Begin { incoming_window: 1, ..peer_begin() };
    let session = script.begin(SessionOptions::default(), &peer);
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer_receiver(""));
    script.give(&Flow { incoming_window: 1, ..script.grant(0, 2) });
    for _ in 0..2 {
        script.engine.sender(sender).unwrap().send(Bytes::from_static(&[1; 1200])).unwrap();
    }
    assert!(script.expect_transfer().0.more);
    script.expect_nothing();
    script.give(&script.grant(0, 0));
    assert!(script.expect_transfer().0.more);
    assert!(!script.expect_transfer().0.more);
    script.expect_nothing();
    // The second was accepted and waits for credit.
    script.give(&script.grant(1, 1));
    assert_eq!(transfers(&mut script), 3);
}

/// TRANSPORT-2.6.7-13
#[test]
fn link_state_in_a_flow_without_handle_ends_the_session() {
    let wrong = [
        Flow { link_credit: Some(1), ..Flow::default() },
        Flow { delivery_count: Some(Serial(0)), ..Flow::default() },
        Flow { available: Some(1), ..Flow::default() },
        Flow { drain: true, ..Flow::default() },
        Flow { properties: Some(amqp_core::codec::Fields::default()), ..Flow::default() },
    ];
    for wrong in wrong {
        let (mut script, _) = Script::sending(0);
        let session = script.flow();
        script.give(&Flow {
            next_incoming_id: session.next_incoming_id,
            incoming_window: session.incoming_window,
            ..wrong
        });
        script.expect_end(Some(ErrorCondition::INVALID_FIELD));
    }
}

/// TRANSPORT-2.6.7-14: a receiver cannot know of more deliveries than were sent.
#[test]
fn a_delivery_count_ahead_of_ours_ends_the_session() {
    let (mut script, _) = Script::sending(1);
    script.give(&script.grant(1, 1));
    script.expect_end(Some(ErrorCondition::INVALID_FIELD));
}

/// TRANSPORT-2.6.7-15: echoes are answered by the state, once for all that came in one read, and without asking back.
#[test]
fn echoes_are_answered_once_for_all() {
    let (mut script, _) = Script::sending(0);
    let echo = frame(CHANNEL, &Flow { echo: true, ..script.grant(0, 7) }, &[]);
    script.give_octets(&[&echo[..]; 3].concat());
    let flow: Flow = script.expect_frame();
    assert_eq!((flow.handle, flow.echo), (Some(0), false));
    assert_eq!((flow.delivery_count, flow.link_credit), (Some(Serial(0)), Some(7)));
    script.expect_nothing();
}

/// TRANSPORT-2.6.7-16
#[test]
fn an_echo_without_handle_is_answered_by_a_flow() {
    let (mut script, _) = Script::sending(0);
    script.give(&Flow { echo: true, ..script.flow() });
    assert!(!script.expect_frame::<Flow>().echo);
    script.expect_nothing();
}

/// TRANSPORT-2.6.7-19
#[test]
fn credit_without_window_sends_nothing() {
    let (mut script, sender) = Script::sending(0);
    script.give(&Flow { incoming_window: 0, ..script.grant(0, 5) });
    send(&mut script, sender).unwrap();
    script.expect_nothing();
    script.give(&script.flow());
    assert_eq!(transfers(&mut script), 1);
}

/// TRANSPORT-2.6.7-20: a receiver may pipeline its attach and its first flow; the application hears of the credit.
#[test]
fn credit_that_comes_with_the_attach_is_announced_once_it_was_answered() {
    let mut script = Script::opened_server();
    script.accept_session(&peer_begin(), SessionOptions::default());
    let flow = script.grant(0, 3);
    let flow = Flow { delivery_count: None, ..flow };
    script.give_octets(&[frame(CHANNEL, &peer_receiver("link"), &[]), frame(CHANNEL, &flow, &[])].concat());
    let sender = script.expect_some(|event| match event {
        Event::SenderOpening(id) => Some(id),
        _ => None,
    });
    assert_eq!(script.take_events(), []);
    assert_eq!(send(&mut script, sender), Err(SendErrorReason::NotAttached));
    script.engine.sender(sender).unwrap().accept(SenderOptions::default()).unwrap();
    script.expect_event(Event::Credit(sender));
    send(&mut script, sender).unwrap();
    script.expect_frame::<Attach>();
    script.expect_transfer();
}

/// Head of line: a link without credit, with messages that wait for it, does not stop another.
#[test]
fn a_link_without_credit_does_not_block_another() {
    let (mut pair, sessions) = Pair::begun();
    let slow =
        pair.attach_sender(Side::Client, sessions, SenderOptions::new("slow"), ReceiverOptions::default());
    let fast = pair.attach_sender(
        Side::Client,
        sessions,
        SenderOptions::new("fast"),
        ReceiverOptions::default().prefetch(10),
    );
    pair.receiver(&slow).grant(2);
    pair.drive();
    pair.send(&slow, b"stuck");
    pair.send(&slow, b"stuck");
    pair.receiver(&slow).stop();
    pair.flush(Side::Server);
    pair.deliver(Side::Client);
    for _ in 0..10 {
        pair.send(&fast, b"moves");
    }
    pair.drive();
    assert_eq!((pair.deliveries(&slow).len(), pair.deliveries(&fast).len()), (0, 10));
    pair.receiver(&slow).grant(2);
    pair.drive();
    assert_eq!(pair.deliveries(&slow).len(), 2);
    pair.finish();
}

/// Credit is announced once, however often it comes before anybody looks.
#[test]
fn credit_is_announced_once() {
    let (mut script, sender) = Script::sending(0);
    let flow = frame(CHANNEL, &script.grant(0, 7), &[]);
    script.give_octets(&[&flow[..]; 5].concat());
    assert_eq!(script.take_events(), [Event::Credit(sender)]);
}

/// Whoever stopped sending because the output was full hears when there is room again, whether the message was refused
/// or it only looked at its credit.
#[test]
fn whoever_waits_for_room_in_the_output_hears_of_it() {
    for tries in [true, false] {
        let limits = Limits::default().buffered_output(10_000_usize);
        let (mut script, senders) = two_senders(limits, 100);
        let mut sent = [0, 0];
        for (sender, sent) in senders.into_iter().zip(&mut sent) {
            while script.engine.sender(sender).unwrap().credit() > 0 {
                script.engine.sender(sender).unwrap().send(Bytes::from_static(&[0; 1000])).unwrap();
                *sent += 1;
            }
            if tries {
                assert_eq!(send(&mut script, sender), Err(SendErrorReason::Blocked));
            }
        }
        assert_eq!(sent, [10, 0]);
        script.take_events();
        assert_eq!(transfers(&mut script), 10);
        let mut events = script.take_events();
        events.sort_by_key(|event| format!("{event:?}"));
        assert_eq!(events, senders.map(Event::Credit), "{tries}");
    }
}

/// The same where the credit came while the output was full already.
#[test]
fn credit_that_came_while_the_output_was_full_is_announced_when_there_is_room() {
    let limits = Limits::default().buffered_output(10_000_usize);
    let (mut script, [first, second]) = two_senders(limits, 0);
    // Refused for want of credit, and some output has been taken since.
    assert_eq!(send(&mut script, second), Err(SendErrorReason::Blocked));
    script.give(&Flow { echo: true, ..script.grant(0, 100) });
    script.rest();
    while script.engine.sender(first).unwrap().send(Bytes::from_static(&[0; 1000])).is_ok() {}
    script.take_events();
    script.give(&Flow { handle: Some(HANDLE + 1), ..script.grant(0, 100) });
    assert_eq!(script.engine.sender(second).unwrap().credit(), 0);
    script.take_events();
    assert_eq!(transfers(&mut script), 10);
    assert!(script.take_events().contains(&Event::Credit(second)));
}

/// A client engine that sends on two links, each with so much credit.
fn two_senders(limits: Limits, credit: u32) -> (Script, [SenderId; 2]) {
    let mut script = Script::client(ConnectionOptions::new("engine").limits(limits));
    script.open(&peer_open());
    let session = script.begin(SessionOptions::default(), &peer_begin());
    let senders = [HANDLE, HANDLE + 1].map(|handle| {
        let peer = Attach { handle, ..peer_receiver("") };
        let sender = script.attach_sender(session, SenderOptions::new("node"), &peer);
        script.give(&Flow { handle: Some(handle), ..script.grant(0, credit) });
        sender
    });
    script.take_events();
    (script, senders)
}

/// TRANSPORT-2.6.7-1: the peer attaches again and grants before it is answered; what waited goes out behind the answer.
#[test]
fn credit_that_comes_before_the_answer_is_used() {
    let (mut script, session) = Script::begun();
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer_receiver("link"));
    script.give(&Flow { incoming_window: 0, ..script.grant(0, 2) });
    for _ in 0..2 {
        send(&mut script, sender).unwrap();
    }
    script.give(&Detach { handle: HANDLE, closed: false, error: None });
    script.rest();
    script.give(&peer_receiver("engine-1"));
    script.give(&script.grant(0, 2));
    script.expect_nothing();
    script.engine.sender(sender).unwrap().accept(SenderOptions::default()).unwrap();
    script.expect_frame::<Attach>();
    assert_eq!(transfers(&mut script), 2);
}

/// What waits for the window of one session leaves the rest of the room to the senders of others.
#[test]
fn a_session_that_stands_still_holds_up_no_other() {
    let limits = Limits::default().buffered_output(10_000_usize);
    let mut script = Script::client(ConnectionOptions::new("engine").limits(limits));
    script.open(&peer_open());
    let stuck = script.begin(SessionOptions::default(), &Begin { incoming_window: 0, ..peer_begin() });
    let first = script.attach_sender(stuck, SenderOptions::new("node"), &peer_receiver("link"));
    script.give(&Flow { incoming_window: 0, ..script.grant(0, 100) });
    script.engine.sender(first).unwrap().send(Bytes::from_static(&[0; 7000])).unwrap();
    let session = script.engine.begin(SessionOptions::default()).unwrap();
    let second = script.engine.session(session).unwrap().attach_sender(SenderOptions::new("node")).unwrap();
    let (channel, _) = script.expect_on::<Begin>();
    script.expect_frame::<Attach>();
    script.give_on(CHANNEL + 1, &Begin { remote_channel: Some(channel), ..peer_begin() });
    script.give_on(CHANNEL + 1, &peer_receiver("engine-2"));
    script.give_on(CHANNEL + 1, &script.grant(0, 100));
    while script.engine.sender(second).unwrap().send(Bytes::from_static(&[0; 1000])).is_ok() {}
    script.take_events();
    assert_eq!(transfers(&mut script), 3);
    assert_eq!(script.take_events(), [Event::Credit(second)]);
}

/// Who cuts off what was begun makes room, though nothing can be written.
#[test]
fn an_abort_makes_room() {
    let limits = Limits::default().unsettled(1_u32);
    let mut script = Script::client(ConnectionOptions::new("engine").limits(limits));
    script.open(&Open { max_frame_size: 512, ..peer_open() });
    let session = script.begin(SessionOptions::default(), &Begin { incoming_window: 1, ..peer_begin() });
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer_receiver("link"));
    script.give(&Flow { incoming_window: 1, ..script.grant(0, 5) });
    let key = script.engine.sender(sender).unwrap().send(Bytes::from(vec![0; 100_000])).unwrap();
    script.expect_transfer();
    assert_eq!(send(&mut script, sender), Err(SendErrorReason::Blocked));
    script.take_events();
    script.engine.sender(sender).unwrap().abort(key).unwrap();
    assert_eq!(script.take_events(), [Event::Credit(sender)]);
}
