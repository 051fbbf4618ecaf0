//! §2.5.6: what the engine sends.
#![cfg(test)]

use amqp_core::codec::{Attach, Begin, Flow, Open, Payload, Serial, Transfer};
use amqp_core::{Cause, Event, ReceiverOptions, SenderId, SenderOptions, SessionOptions, Violation};
use amqp_tests::frames::{Frame, Unit};
use amqp_tests::oracle::Side;
use amqp_tests::pair::{Pair, client_options, server_options};
use amqp_tests::script::{Script, peer_begin, peer_open, peer_receiver};

/// A client that sends with plenty of credit to a peer with this window.
fn sending(window: u32, options: SessionOptions) -> (Script, SenderId) {
    let mut script = Script::opened_client();
    let session = script.begin(options, &Begin { incoming_window: window, ..peer_begin() });
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer_receiver("link"));
    script.give(&Flow { incoming_window: window, ..script.grant(0, 1000) });
    (script, sender)
}

fn send(script: &mut Script, sender: SenderId, messages: usize) {
    for _ in 0..messages {
        script.engine.sender(sender).unwrap().send(Payload::from_static(b"message")).unwrap();
    }
}

/// How many transfers are written now; nothing else is.
#[track_caller]
fn transfers(script: &mut Script) -> usize {
    let units = script.rest();
    assert!(
        units.iter().all(|unit| matches!(unit, Unit::Frame(Frame { payload, .. }) if !payload.is_empty()))
    );
    units.len()
}

fn window(script: &mut Script, sender: SenderId) -> u32 {
    let session = script.engine.sender(sender).unwrap().session().unwrap();
    script.engine.session(session).unwrap().remote_incoming_window()
}

/// TRANSPORT-2.5.6-2
#[test]
fn sending_stops_where_the_window_is_used_up() {
    let (mut script, sender) = sending(2, SessionOptions::default());
    send(&mut script, sender, 3);
    assert_eq!((transfers(&mut script), window(&mut script, sender)), (2, 0));
    script.give(&Flow { incoming_window: 2, ..script.flow() });
    assert_eq!((transfers(&mut script), window(&mut script, sender)), (1, 1));
}

/// TRANSPORT-2.5.6-2
#[test]
fn a_large_message_takes_a_window_of_its_frames() {
    let mut script = Script::client(client_options());
    script.open(&Open { max_frame_size: 1024, ..peer_open() });
    let session = script.begin(SessionOptions::default(), &Begin { incoming_window: 4, ..peer_begin() });
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer_receiver("link"));
    script.give(&Flow { incoming_window: 4, ..script.grant(0, 1) });
    script.engine.sender(sender).unwrap().send(Payload::from(vec![7; 4500])).unwrap();
    let mut received = 0;
    for _ in 0..4 {
        let (Transfer { more, .. }, payload) = script.expect_transfer();
        assert!(more);
        received += payload.len();
    }
    script.expect_nothing();
    script.give(&Flow { incoming_window: 2, ..script.flow() });
    let (Transfer { more, .. }, payload) = script.expect_transfer();
    assert_eq!((more, received + payload.len()), (false, 4500));
    assert_eq!(window(&mut script, sender), 1);
}

/// TRANSPORT-2.5.6-6
#[test]
fn what_is_in_flight_is_taken_off_the_window() {
    let (mut script, sender) = sending(10, SessionOptions::default());
    send(&mut script, sender, 4);
    assert_eq!(transfers(&mut script), 4);
    // The peer has read one of four when it announces five.
    script.give(&Flow { next_incoming_id: Some(Serial(1)), incoming_window: 5, ..script.flow() });
    assert_eq!(window(&mut script, sender), 2);
    send(&mut script, sender, 5);
    assert_eq!(transfers(&mut script), 2);
}

/// TRANSPORT-2.5.6-7
#[test]
fn a_flow_without_next_incoming_id_counts_from_where_we_began() {
    let mut script = Script::opened_client();
    let options = SessionOptions::default().next_outgoing_id(Serial(1000));
    let session = script.accept_session(&peer_begin(), options);
    let mut view = script.engine.session(session).unwrap();
    let sender = view.attach_sender(SenderOptions::new("node")).unwrap();
    script.rest();
    script.give(&peer_receiver("engine-1"));
    script.give(&Flow { next_incoming_id: None, ..script.grant(0, 10) });
    send(&mut script, sender, 3);
    assert_eq!(transfers(&mut script), 3);
    script.give(&Flow { next_incoming_id: None, incoming_window: 5, ..script.flow() });
    assert_eq!(window(&mut script, sender), 2);
}

/// TRANSPORT-2.5.6-8
#[test]
fn a_window_below_zero_is_zero() {
    let (mut script, sender) = sending(10, SessionOptions::default());
    send(&mut script, sender, 5);
    assert_eq!(transfers(&mut script), 5);
    script.give(&Flow { next_incoming_id: Some(Serial(0)), incoming_window: 3, ..script.flow() });
    assert_eq!(window(&mut script, sender), 0);
    send(&mut script, sender, 1);
    script.expect_nothing();
    script.give(&Flow { incoming_window: 1, ..script.flow() });
    assert_eq!(transfers(&mut script), 1);
}

/// TRANSPORT-2.5.6-9
#[test]
fn a_flow_that_acknowledges_what_was_never_sent_ends_the_session() {
    let (mut script, sender) = sending(10, SessionOptions::default());
    send(&mut script, sender, 1);
    assert_eq!(transfers(&mut script), 1);
    script.give(&Flow { next_incoming_id: Some(Serial(2)), ..script.flow() });
    script.expect_end(Some(Violation::Acknowledged.condition()));
    script.expect_event(Event::SenderClosed(sender));
    let reason = script.reason(Event::SenderClosed(sender)).unwrap();
    assert_eq!(reason.cause(), &Cause::Violation(Violation::Acknowledged));
}

/// TRANSPORT-2.5.6-11
#[test]
fn our_outgoing_window_is_what_the_options_say() {
    let (mut script, _) = sending(10, SessionOptions::default().outgoing_window(33_u32));
    script.give(&Flow { echo: true, ..script.flow() });
    assert_eq!(script.expect_frame::<Flow>().outgoing_window, 33);
}

/// TRANSPORT-2.5.6-1
#[test]
fn our_transfer_ids_begin_where_the_begin_says_and_wrap() {
    let options = SessionOptions::default().next_outgoing_id(Serial(u32::MAX));
    let (mut script, sender) = sending(10, options);
    send(&mut script, sender, 2);
    assert_eq!(transfers(&mut script), 2);
    script.give(&Flow { echo: true, ..script.flow() });
    assert_eq!(script.expect_frame::<Flow>().next_outgoing_id, Serial(1));
    assert_eq!(window(&mut script, sender), 2048);
}

/// TRANSPORT-2.5.6-1: transfer-ids are of the session, so is the order of deliveries.
#[test]
fn links_share_the_window_of_their_session() {
    let mut pair = Pair::opened_with(client_options(), server_options());
    let sessions = pair.begin(SessionOptions::default(), SessionOptions::default().incoming_window(3_u32));
    let links = ["a", "b"].map(|name| {
        let options = ReceiverOptions::default().prefetch(100);
        pair.attach_sender(Side::Client, sessions, SenderOptions::new(name), options)
    });
    for _ in 0..10 {
        for link in &links {
            pair.send(link, b"message");
        }
    }
    pair.drive();
    let deliveries = links.map(|link| pair.deliveries(&link).len());
    assert_eq!(deliveries, [10, 10]);
    let window = pair.client.session(sessions.client).unwrap().remote_incoming_window();
    assert!(window <= 3, "{window}");
}

/// TRANSPORT-2.5.6-2: the window of one session is nothing to another.
#[test]
fn a_session_without_a_window_does_not_hold_others_up() {
    let mut pair = Pair::opened();
    let closed = pair.begin(SessionOptions::default(), SessionOptions::default().incoming_window(0_u32));
    let open = pair.begin(SessionOptions::default(), SessionOptions::default());
    let options = || ReceiverOptions::default().prefetch(10);
    let [waits, flows] = [closed, open]
        .map(|sessions| pair.attach_sender(Side::Client, sessions, SenderOptions::new("node"), options()));
    pair.send(&waits, b"waits");
    pair.send(&flows, b"flows");
    pair.drive();
    assert_eq!(pair.deliveries(&waits).len(), 0);
    assert_eq!(pair.deliveries(&flows).len(), 1);
}

/// TRANSPORT-2.5.6-6: what the peer's flow says of its window before our begin is not forgotten with it.
#[test]
fn a_window_that_comes_before_our_begin_is_used() {
    let mut script = Script::opened_server();
    script.give(&Begin { incoming_window: 0, ..peer_begin() });
    script.give(&Flow { next_incoming_id: None, incoming_window: 100, ..script.flow() });
    script.give(&peer_receiver("link"));
    script.give(&Flow { next_incoming_id: None, incoming_window: 100, ..script.grant(0, 5) });
    let events = script.take_events();
    for event in events {
        match event {
            Event::SessionOpening(id) => {
                script.engine.session(id).unwrap().accept(SessionOptions::default()).unwrap();
            }
            Event::SenderOpening(id) => {
                script.engine.sender(id).unwrap().accept(SenderOptions::default()).unwrap();
            }
            _ => {}
        }
    }
    script.expect_frame::<Begin>();
    script.expect_frame::<Attach>();
    let sender = script.expect_some(|event| match event {
        Event::Credit(id) => Some(id),
        _ => None,
    });
    script.engine.sender(sender).unwrap().send(Payload::from_static(b"message")).unwrap();
    script.expect_transfer();
}
