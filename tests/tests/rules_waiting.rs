//! Rules 1 and 2: the engine never waits, and an unanswered question stops only itself.
#![cfg(test)]

use std::time::Duration;

use amqp_core::codec::{
    Attach, Begin, Close, Detach, End, ErrorCondition, Flow, Open, Payload, ProtocolHeader, Serial,
};
use amqp_core::{
    Cause, ConnectionOptions, Event, Limits, ReceiverOptions, SenderOptions, SessionOptions, StateError,
};
use amqp_tests::frames::Unit;
use amqp_tests::oracle::Side;
use amqp_tests::pair::{Pair, client_options, server_options};
use amqp_tests::script::{
    CHANNEL, HANDLE, Script, frame, peer_begin, peer_open, peer_receiver, peer_sender, peer_transfer,
};

/// A pair where the server leaves a session and a link unanswered, beside a link that works.
fn with_unanswered(client: ConnectionOptions, server: ConnectionOptions) -> (Pair, amqp_tests::pair::Link) {
    let mut pair = Pair::opened_with(client, server);
    let sessions = pair.begin(SessionOptions::default(), SessionOptions::default());
    pair.client.begin(SessionOptions::default()).unwrap();
    let mut session = pair.client.session(sessions.client).unwrap();
    session.attach_sender(SenderOptions::new("unanswered")).unwrap();
    session.attach_receiver(ReceiverOptions::new("unanswered")).unwrap();
    pair.drive();
    pair.take_events(Side::Server);
    let options = ReceiverOptions::default().prefetch(10);
    let link = pair.attach_sender(Side::Client, sessions, SenderOptions::new("works"), options);
    (pair, link)
}

/// Rule 1
#[test]
fn an_unanswered_session_and_an_unanswered_link_stop_only_themselves() {
    let (mut pair, link) = with_unanswered(client_options(), server_options());
    for _ in 0..100 {
        pair.send(&link, b"message");
        pair.drive();
        assert_eq!(pair.deliveries(&link).len(), 1);
    }
    pair.finish();
}

/// Rule 1: electron lets a connection die when nobody serves `Incoming`.
#[test]
fn unanswered_endpoints_do_not_stop_heartbeats() {
    let limits = || Limits::default().answer(Duration::from_secs(3600));
    let second = Duration::from_secs(1);
    let client = client_options().idle_time_out(second).limits(limits());
    let server = server_options().idle_time_out(second).limits(limits());
    let (mut pair, _) = with_unanswered(client, server);
    pair.advance(Duration::from_secs(60));
    assert!(pair.client.close_reason().is_none() && pair.server.close_reason().is_none());
    pair.finish();
}

/// Rule 2
#[test]
fn an_endpoint_that_is_not_answered_in_time_is_refused_alone() {
    let limits = Limits::default().answer(Duration::from_secs(2));
    let (mut pair, link) = with_unanswered(client_options(), server_options().limits(limits));
    pair.take_events(Side::Client);
    pair.advance(Duration::from_secs(2));
    let events = pair.take_events(Side::Client);
    let closed = |event: &&Event| {
        matches!(event, Event::SessionEnded(_) | Event::SenderClosed(_) | Event::ReceiverClosed(_))
    };
    let closed: Vec<Event> = events.iter().filter(closed).copied().collect();
    assert_eq!(closed.len(), 3, "{events:?}");
    for event in closed {
        let reason = pair.reason(Side::Client, event).unwrap();
        let Cause::Remote(Some(error)) = reason.cause() else { unreachable!("{reason:?}") };
        assert_eq!(error.condition, ErrorCondition::RESOURCE_LIMIT_EXCEEDED);
    }
    pair.send(&link, b"message");
    pair.drive();
    assert_eq!(pair.deliveries(&link).len(), 1);
    pair.finish();
}

/// Rule 2: echo and drain are the engine's to answer, on whatever links.
#[test]
fn echo_and_drain_are_answered_without_the_application() {
    let (mut script, _) = Script::sending(0);
    script.give(&Flow { echo: true, drain: true, ..script.grant(0, 10) });
    let flow: Flow = script.expect_frame();
    assert_eq!((flow.link_credit, flow.echo), (Some(0), false));
    assert_eq!(flow.delivery_count, Some(Serial(10)));
    script.expect_nothing();
}

/// Rule 2: detach, end and close of what was never answered.
#[test]
fn what_was_never_answered_can_be_taken_back_by_the_peer() {
    let mut script = Script::opened_server();
    let session = script.accept_session(&peer_begin(), SessionOptions::default());
    script.give(&peer_sender("a"));
    script.give(&Detach { handle: HANDLE, closed: true, error: None });
    let events = script.take_events();
    let [Event::ReceiverOpening(link), Event::ReceiverClosed(closed)] = events[..] else {
        unreachable!("{events:?}")
    };
    assert_eq!(link, closed);
    script.expect_frame::<Attach>();
    script.expect_frame::<Detach>();
    script.give(&peer_receiver("b"));
    script.give_on(CHANNEL + 1, &peer_begin());
    script.give(&End::default());
    script.give_on(CHANNEL + 1, &End::default());
    script.expect_end(None);
    let begin: Begin = script.expect_frame();
    assert_eq!(begin.remote_channel, Some(CHANNEL + 1));
    script.expect_end(None);
    script.expect_nothing();
    script.expect_event(Event::SessionEnded(session));
    assert_eq!((script.engine.counters().sessions, script.engine.counters().links), (0, 0));
}

/// Rule 2: an answer that comes too late answers nothing.
#[test]
fn a_late_answer_is_refused() {
    let (mut script, _) = Script::begun();
    script.give(&peer_sender("a"));
    let link = script.expect_some(|event| match event {
        Event::ReceiverOpening(id) => Some(id),
        _ => None,
    });
    script.give(&Detach { handle: HANDLE, closed: true, error: None });
    script.take_events();
    if let Ok(mut receiver) = script.engine.receiver(link) {
        assert_eq!(receiver.accept(ReceiverOptions::default()), Err(StateError::NotAsked));
    }
    script.expect_frame::<Attach>();
    script.expect_frame::<Detach>();
    script.expect_nothing();
}

/// Rule 2: what is held back until the peer's limits are known goes out as soon as they are.
#[test]
fn everything_wanted_before_the_open_is_done_behind_it() {
    let mut pair = Pair::new(client_options(), server_options().accept_sessions(SessionOptions::default()));
    let mut links = 0;
    for _ in 0..3 {
        let session = pair.client.begin(SessionOptions::default()).unwrap();
        for _ in 0..3 {
            let mut view = pair.client.session(session).unwrap();
            view.attach_sender(SenderOptions::new("node")).unwrap();
            links += 1;
        }
    }
    pair.drive();
    let opening = pair.take_events(Side::Server);
    let opening = opening.iter().filter(|event| matches!(event, Event::ReceiverOpening(_)));
    assert_eq!(opening.count(), links);
}

/// Rule 2: what was asked for and does not fit the peer ends with its own reason, and the rest goes on.
#[test]
fn an_attach_that_does_not_fit_the_peers_frames_is_exhausted() {
    let mut script = Script::client(client_options());
    let session = script.engine.begin(SessionOptions::default()).unwrap();
    let long = "n".repeat(600);
    let mut view = script.engine.session(session).unwrap();
    let large = view.attach_sender(SenderOptions::new(long.as_str())).unwrap();
    let small = view.attach_sender(SenderOptions::new("short")).unwrap();
    script.exchange_headers();
    script.expect_frame::<Open>();
    script.expect_frame::<Begin>();
    script.give_on(0, &Open { max_frame_size: 512, ..peer_open() });
    script.give(&Begin { remote_channel: Some(0), ..peer_begin() });
    let attach: Attach = script.expect_frame();
    assert_ne!(attach.handle, u32::MAX);
    script.expect_nothing();
    script.expect_event(Event::SenderClosed(large));
    assert_eq!(script.reason(Event::SenderClosed(large)).unwrap().cause(), &Cause::Exhausted);
    script.give(&Attach { name: attach.name, ..peer_receiver("") });
    script.expect_event(Event::SenderOpened(small));
}

/// Rule 2, §2.4.1: the large attach waits for the peer's open and then fits.
#[test]
fn an_attach_that_is_larger_than_512_octets_waits_for_the_peers_open() {
    let mut script = Script::client(client_options());
    let session = script.engine.begin(SessionOptions::default()).unwrap();
    let long = "n".repeat(600);
    let mut view = script.engine.session(session).unwrap();
    let sender = view.attach_sender(SenderOptions::new(long.as_str())).unwrap();
    script.exchange_headers();
    script.expect_frame::<Open>();
    script.expect_frame::<Begin>();
    script.expect_nothing();
    script.give_on(0, &peer_open());
    script.give(&Begin { remote_channel: Some(0), ..peer_begin() });
    let attach: Attach = script.expect_frame();
    script.give(&Attach { name: attach.name, ..peer_receiver("") });
    script.expect_event(Event::SenderOpened(sender));
}

/// Rule 2: a connection is opened, used and closed by a client that never reads.
#[test]
fn a_client_that_pipelines_everything_is_served() {
    let mut script = Script::server(server_options().accept_sessions(SessionOptions::default()));
    let octets = [
        frame(0, &peer_open(), &[]),
        frame(CHANNEL, &peer_begin(), &[]),
        frame(CHANNEL, &peer_sender("link"), &[]),
        frame(CHANNEL, &Detach { handle: HANDLE, closed: true, error: None }, &[]),
        frame(CHANNEL, &End::default(), &[]),
        frame(0, &Close::default(), &[]),
    ];
    script.give_octets(&[&ProtocolHeader::AMQP.to_bytes()[..], &octets.concat()].concat());
    let events = script.take_events();
    assert!(
        matches!(
            events[..],
            [
                Event::Opened,
                Event::SessionOpening(_),
                Event::ReceiverOpening(_),
                Event::ReceiverClosed(_),
                Event::SessionEnded(_),
                Event::Closed
            ]
        ),
        "{events:?}"
    );
    script.expect_header(ProtocolHeader::AMQP);
    script.expect_frame::<Open>();
    // What the peer has closed need not be answered any more, only the close has to be.
    let Some(Unit::Frame(last)) = script.rest().pop() else { unreachable!("{}", script.oracle.trace()) };
    assert_eq!(last.performative, Some(Close::default().into()));
    script.expect_eof();
}

/// Rule 2: transfers on a link that nobody has accepted have no credit.
#[test]
fn transfers_ahead_of_any_credit_are_refused_with_their_link() {
    let (mut script, _) = Script::begun();
    script.give(&peer_sender("link"));
    script.give_transfer(&peer_transfer(0), b"payload");
    let attach: Attach = script.expect_frame();
    assert_eq!((attach.target, attach.name.as_ref()), (None, "link"));
    script.expect_detach(Some(ErrorCondition::TRANSFER_LIMIT_EXCEEDED));
}

/// Rule 1: a message is taken or comes back at once.
#[test]
fn sending_never_waits() {
    let (mut script, sender) = Script::sending(1);
    let mut view = script.engine.sender(sender).unwrap();
    view.send(Payload::from_static(b"one")).unwrap();
    let refused = view.send(Payload::from_static(b"two")).unwrap_err();
    assert_eq!(refused.message.payload, Payload::from_static(b"two"));
    assert_eq!(refused.reason, amqp_core::SendErrorReason::Blocked);
}
