//! D39 to D45: what was slow, could not be said, or could not be asked.

use std::time::Duration;

use amqp_endpoint::codec::{Disposition, ErrorCondition, Fields, Flow, Symbol};
use amqp_endpoint::{
    Endpoint, EndpointState, Error, Exhausted, ReceiverOptions, SenderOptions, SentStatus, SessionOptions,
    Value,
};

use crate::kit::{Pair, Side, client_options, message, server_options, text};
use crate::words::{link, now, waits, wrong};

#[test]
fn electron_d39_credit_and_outcomes_go_by_the_hundred() {
    let mut pair = Pair::opened();
    let (sender, receiver) = link(&mut pair, ReceiverOptions::default().prefetch(200));
    pair.wire.written(Side::Server);
    let (mut flows, mut dispositions) = (0, 0);
    for _ in 0..10 {
        for _ in 0..100 {
            drop(now(sender.submit(message("one of many"))).expect("credit"));
        }
        pair.wire.pump();
        for received in now(receiver.receive_batch(100)).expect("messages") {
            drop(received.expect("readable").delivery.accept());
        }
        pair.wire.pump();
        for performative in pair.wire.performatives(Side::Server) {
            match performative {
                amqp_endpoint::codec::Performative::Flow(Flow { .. }) => flows += 1,
                amqp_endpoint::codec::Performative::Disposition(Disposition { .. }) => dispositions += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!((flows, dispositions), (10, 10));
}

#[test]
fn electron_d40_hundreds_of_links_are_found() {
    let mut pair = Pair::opened();
    let links: Vec<_> = (0..250).map(|_| link(&mut pair, ReceiverOptions::default())).collect();
    let (sender, receiver) = &links[177];
    let mut receive = receiver.receive();
    assert!(waits(&mut receive));
    pair.wire.pump();
    drop(now(sender.submit(message("the right one"))).expect("credit"));
    pair.wire.pump();
    assert_eq!(text(&now(receive).expect("a message").message), "the right one");
}

#[test]
fn electron_d41_what_is_dropped_while_it_waits_takes_nothing_with_it() {
    let mut pair = Pair::opened();
    let (sender, receiver) = link(&mut pair, ReceiverOptions::default().prefetch(1));
    let mut first = receiver.receive();
    let mut second = receiver.receive();
    assert!(waits(&mut first) && waits(&mut second));
    let sent = now(sender.submit(message("for whoever waits"))).expect("credit");
    pair.wire.pump();
    drop(first);
    let received = now(second).expect("it passes on");
    drop(received.delivery.accept());
    pair.wire.pump();
    assert_eq!(now(sent).status(), SentStatus::Accepted);
    assert!(receiver.try_receive().expect("open").is_none());
}

#[test]
fn electron_d43_heartbeats_are_exact_on_a_clock_of_the_tests() {
    let client = client_options().heartbeat(Duration::from_millis(101));
    let mut pair = Pair::new(client, server_options().heartbeat(Duration::from_millis(102)));
    pair.wire.pump();
    assert_eq!(pair.client.heartbeat(), Some(Duration::from_millis(102)));
    assert_eq!(pair.server.heartbeat(), Some(Duration::from_millis(101)));
    pair.wire.advance(Duration::from_secs(10));
    assert_eq!((pair.client.state(), pair.server.state()), (EndpointState::Open, EndpointState::Open));
    // The server is silent for twice what was asked for, and a little more.
    let start = pair.wire.now;
    let driver = pair.wire.take_driver(Side::Client);
    driver.on_deadline(start + Duration::from_millis(150));
    assert!(pair.client.error().is_none());
    driver.on_deadline(start + Duration::from_millis(203));
    let error = pair.client.error().expect("over");
    assert_eq!(error.condition(), Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
}

#[test]
fn electron_d44_what_the_peer_said_can_be_read() {
    let mut properties = Fields::default();
    properties.insert(Symbol::from_static("product"), Value::from("server"));
    let mut pair = Pair::new(client_options(), server_options().properties(properties.clone()));
    pair.wire.pump();
    let open = pair.client.remote().expect("open");
    assert_eq!((&*open.container_id, open.properties.as_ref()), ("server", Some(&properties)));
    let (sender, receiver) = link(&mut pair, ReceiverOptions::default().max_message_size(1000_u64));
    assert_eq!(sender.remote().expect("attached").max_message_size, Some(1000));
    let mut error = wrong();
    error.info = Some(properties);
    drop(receiver.close_with(error.clone()));
    pair.wire.pump();
    assert_eq!(sender.error().expect("over").error().as_deref(), Some(&error));
}

#[test]
fn electron_d45_what_does_not_fit_is_an_error_and_a_name_can_be_used_again() {
    let mut pair = Pair::new(client_options(), server_options().channel_max(1_u16));
    pair.wire.pump();
    let sessions: Vec<_> =
        (0..2).map(|_| pair.client.session(SessionOptions::default()).expect("begun")).collect();
    let full = pair.client.session(SessionOptions::default()).expect_err("two are allowed");
    assert!(matches!(full, Error::Exhausted(Exhausted::Channels)), "{full}");
    pair.wire.pump();
    assert!(sessions.iter().all(|session| session.state() == EndpointState::Open));
    // Closed and attached again in one batch.
    let named = || SenderOptions::new("link").name("again");
    let old = sessions[0].sender(named()).expect("attached");
    let receiver = pair.incoming_receiver().accept();
    drop(old.close());
    let new = sessions[0].sender(named()).expect("attached when the old one is detached");
    let incoming = pair.incoming_receiver();
    assert_eq!(incoming.name(), "again");
    let _receiver = incoming.accept();
    pair.wire.pump();
    assert_eq!((old.state(), receiver.state()), (EndpointState::Closed, EndpointState::Closed));
    assert_eq!(new.state(), EndpointState::Open);
}
