//! What the engine promises about its types, its events and its ids.
#![cfg(test)]

use std::panic::{RefUnwindSafe, UnwindSafe};

use amqp_core::codec::{Begin, Close, DeliveryState, End, ErrorCondition, Payload};
use amqp_core::{
    CloseReason, Connection, Event, Gone, LinkState, ReceiverOptions, SenderOptions, SessionOptions,
    SessionState, StateError,
};
use amqp_tests::oracle::Side;
use amqp_tests::pair::Pair;
use amqp_tests::script::{CHANNEL, Script, frame, peer_begin, peer_sender, peer_transfer};

#[test]
fn an_event_has_at_most_32_octets() {
    assert!(size_of::<Event>() <= 32, "{}", size_of::<Event>());
}

#[test]
fn a_connection_can_be_moved_shared_and_caught() {
    const fn holds<T: Send + Sync + UnwindSafe + RefUnwindSafe>() {}
    holds::<Connection>();
    holds::<CloseReason>();
    holds::<Event>();
}

/// Rule 3: who, not what.
#[test]
fn five_hundred_transfers_in_one_read_are_one_event() {
    let (mut script, receiver) = Script::receiving(500);
    let transfers: Vec<_> = (0..500).map(|id| frame(CHANNEL, &peer_transfer(id), b"payload")).collect();
    script.give_octets(&transfers.concat());
    assert_eq!(script.take_events(), [Event::Deliveries(receiver)]);
    assert_eq!(script.engine.receiver(receiver).unwrap().waiting(), 500);
}

/// Rule 3: events keep the order of the wire.
#[test]
fn events_come_in_the_order_of_the_frames() {
    let (mut script, session) = Script::begun();
    let octets = [
        frame(CHANNEL + 1, &peer_begin(), &[]),
        frame(CHANNEL, &peer_sender("a"), &[]),
        frame(CHANNEL + 1, &End::default(), &[]),
        frame(CHANNEL, &End::default(), &[]),
        frame(0, &Close::default(), &[]),
    ];
    script.give_octets(&octets.concat());
    let events = script.take_events();
    let [
        Event::SessionOpening(other),
        Event::ReceiverOpening(link),
        Event::SessionEnded(first),
        Event::ReceiverClosed(closed),
        Event::SessionEnded(second),
        Event::Closed,
    ] = events[..]
    else {
        unreachable!("{events:?}")
    };
    assert_eq!((first, closed, second), (other, link, session));
}

/// Rule 3: what a door's events leave is there for `poll_event`.
#[test]
fn events_that_are_not_taken_stay() {
    let mut script = Script::opened_server();
    let begins: Vec<_> = (0..3).map(|channel| frame(channel, &peer_begin(), &[])).collect();
    let now = script.now();
    let first = script.engine.handle_input(&begins.concat(), now).next();
    let second = script.engine.handle_timeout(now).next();
    let third = script.engine.poll_event();
    let ids: Vec<_> = [first, second, third]
        .into_iter()
        .map(|event| match event {
            Some(Event::SessionOpening(id)) => id,
            other => unreachable!("{other:?}"),
        })
        .collect();
    assert!(ids.is_sorted() && ids[0] != ids[1] && ids[1] != ids[2], "{ids:?}");
    assert_eq!(script.engine.poll_event(), None);
}

/// Rule 3: an id is good for its final event, so that the reason can be read.
#[test]
fn an_endpoint_is_readable_at_its_final_event_and_gone_at_the_next() {
    let (mut pair, sessions) = Pair::begun();
    let link =
        pair.attach_sender(Side::Client, sessions, SenderOptions::new("n"), ReceiverOptions::default());
    pair.take_events(Side::Client);
    pair.client.session(sessions.client).unwrap().end(None).unwrap();
    pair.flush(Side::Client);
    pair.deliver(Side::Server);
    pair.flush(Side::Server);
    let octets = frame(0, &End::default(), &[]);
    let mut engine = std::mem::replace(&mut pair.client, Connection::client(Default::default()));
    _ = engine.handle_input(&octets, pair.now());
    assert_eq!(engine.poll_event(), Some(Event::SenderClosed(link.sender)));
    assert!(engine.sender(link.sender).unwrap().close_reason().unwrap().is_clean());
    assert_eq!(engine.poll_event(), Some(Event::SessionEnded(sessions.client)));
    assert!(matches!(engine.sender(link.sender).map(|_| ()), Err(Gone)));
    assert!(engine.session(sessions.client).unwrap().close_reason().unwrap().is_clean());
    assert_eq!(engine.poll_event(), None);
    assert!(matches!(engine.session(sessions.client).map(|_| ()), Err(Gone)));
}

/// Rule 3: nothing that arrived before a close is lost by it, nor by the end of the transport.
#[test]
fn deliveries_outlive_the_connection_until_they_are_taken() {
    for close in [true, false] {
        let (mut script, receiver) = Script::receiving(5);
        for id in 0..3 {
            script.give_transfer(&peer_transfer(id), b"payload");
        }
        if close {
            script.give_on(0, &Close::default());
        } else {
            script.give_eof();
        }
        assert_eq!(script.take_events().last(), Some(&Event::Closed));
        for _ in 0..3 {
            let mut view = script.engine.receiver(receiver).unwrap();
            let delivery = view.next_delivery().unwrap();
            assert_eq!(delivery.payload, Payload::from_static(b"payload"));
            let late = view.settle(delivery.key, DeliveryState::Accepted);
            assert!(matches!(late, Err(StateError::Gone(_))), "{late:?}");
        }
        assert!(matches!(script.engine.receiver(receiver).map(|_| ()), Err(Gone)));
        script.rest();
    }
}

/// Rule 7: a stale id names nobody.
#[test]
fn a_stale_id_never_names_another_endpoint() {
    let (mut pair, sessions) = Pair::begun();
    let options = || (SenderOptions::new("node"), ReceiverOptions::default());
    let (ours, theirs) = options();
    let link = pair.attach_sender(Side::Client, sessions, ours, theirs);
    pair.client.session(sessions.client).unwrap().end(None).unwrap();
    pair.drive();
    pair.take_events(Side::Client);
    pair.take_events(Side::Server);
    let again = pair.begin(SessionOptions::default(), SessionOptions::default());
    let (ours, theirs) = options();
    let other = pair.attach_sender(Side::Client, again, ours, theirs);
    assert_ne!((sessions.client, link.sender), (again.client, other.sender));
    assert_ne!((sessions.server, link.receiver), (again.server, other.receiver));
    assert!(matches!(pair.client.session(sessions.client).map(|_| ()), Err(Gone)));
    assert!(matches!(pair.client.sender(link.sender).map(|_| ()), Err(Gone)));
    assert!(matches!(pair.server.receiver(link.receiver).map(|_| ()), Err(Gone)));
    assert_eq!(pair.client.session(again.client).unwrap().state(), SessionState::Mapped);
    assert_eq!(pair.sender(&other).state(), LinkState::Attached);
    pair.finish();
}

/// Rule 7
#[test]
fn ids_of_one_connection_mean_nothing_in_another_that_is_empty() {
    let (pair, sessions) = Pair::begun();
    let mut other = Pair::opened();
    assert!(matches!(other.client.session(sessions.client).map(|_| ()), Err(Gone)));
    pair.finish();
    other.finish();
}

/// Rule 5: commands are intents; what they come to is written once.
#[test]
fn grants_between_two_flushes_are_one_flow() {
    let (mut script, receiver) = Script::receiving(0);
    for _ in 0..1000 {
        script.engine.receiver(receiver).unwrap().grant(1);
    }
    let flow: amqp_core::codec::Flow = script.expect_frame();
    assert_eq!(flow.link_credit, Some(1000));
    script.expect_nothing();
}

/// Rule 2: calls may be made in any state and in any order.
#[test]
fn calls_at_the_wrong_time_are_refused_and_change_nothing() {
    let mut script = Script::client(Default::default());
    let session = script.engine.begin(SessionOptions::default()).unwrap();
    assert_eq!(script.engine.session(session).unwrap().accept(Default::default()), Err(StateError::NotAsked));
    assert_eq!(script.engine.accept(Default::default()), Err(StateError::NotAsked));
    assert_eq!(script.engine.refuse(ErrorCondition::INTERNAL_ERROR), Err(StateError::NotAsked));
    script.exchange_headers();
    script.expect_frame::<amqp_core::codec::Open>();
    script.expect_frame::<Begin>();
    script.expect_nothing();
}
