//! §2.4.3: how connections close.
#![cfg(test)]

use std::time::Duration;

use amqp_core::codec::{Begin, Close, Detach, Error, ErrorCondition, Open, ProtocolHeader};
use amqp_core::{
    Cause, CloseReason, ConnectionOptions, ConnectionState, Event, Exhausted, Limits, Scope, SenderOptions,
    SessionOptions, Violation,
};
use amqp_tests::oracle::Side;
use amqp_tests::pair::{Pair, client_options, server_options};
use amqp_tests::script::{
    CHANNEL, HANDLE, Script, frame, peer_begin, peer_open, peer_receiver, peer_transfer,
};

fn error() -> Error {
    Error::new(ErrorCondition::INTERNAL_ERROR, "it broke")
}

/// TRANSPORT-2.4.3-1, TRANSPORT-2.4.3-3, TRANSPORT-2.4.3-9
#[test]
fn a_close_is_the_last_frame_and_is_answered() {
    let (mut pair, _) = Pair::begun();
    pair.client.close(None);
    pair.drive();
    for side in [Side::Client, Side::Server] {
        let events = pair.take_events(side);
        assert!(matches!(events[..], [Event::SessionEnded(_), Event::Closed]), "{side}: {events:?}");
        let engine = pair.side(side);
        assert!(engine.is_finished() && engine.close_reason().unwrap().is_clean());
        engine.close(Some(error()));
        assert_eq!(engine.begin(SessionOptions::default()), Err(Exhausted::Closed));
        assert_eq!(pair.flush(side), 0);
    }
    assert_eq!(pair.client.close_reason().unwrap().cause(), &Cause::Local(None));
    assert_eq!(pair.server.close_reason().unwrap().cause(), &Cause::Remote(None));
    assert_eq!(pair.written_of::<Close>(Side::Server).len(), 1);
}

/// TRANSPORT-2.4.3-13
#[test]
fn an_error_is_told_to_the_peer_and_to_everything_on_the_connection() {
    let (mut pair, link) = Pair::linked(SenderOptions::new("node"), Default::default());
    pair.server.close(Some(error()));
    pair.drive();
    let wanted = [Event::SenderClosed(link.sender), Event::Closed];
    let events = pair.take_events(Side::Client);
    let Some(Event::SessionEnded(session)) =
        events.iter().find(|event| matches!(event, Event::SessionEnded(_)))
    else {
        unreachable!("{events:?}")
    };
    for event in wanted.into_iter().chain([Event::SessionEnded(*session)]) {
        assert!(events.contains(&event), "{events:?}");
        let reason = pair.reason(Side::Client, event).unwrap();
        assert_eq!(reason.scope(), Scope::Connection);
        assert_eq!(reason.cause(), &Cause::Remote(Some(error())));
    }
    assert_eq!(events.last(), Some(&Event::Closed));
    assert_eq!(pair.server.close_reason().unwrap().cause(), &Cause::Local(Some(error())));
}

/// TRANSPORT-2.4.3-1: also where the peer goes on with a name before it can know.
#[test]
fn a_name_that_comes_back_behind_our_close_gets_no_answer() {
    let (mut script, _) = Script::sending(1);
    script.engine.close(None);
    script.expect_close(None);
    script.give(&Detach { handle: HANDLE, closed: true, error: None });
    script.give(&peer_receiver("engine-1"));
    script.expect_nothing();
}

/// TRANSPORT-2.4.3-2
#[test]
fn a_peer_that_does_not_answer_the_close_is_left_at_the_deadline() {
    let limits = Limits::default().close(Duration::from_secs(2));
    let mut script = Script::client(client_options().limits(limits));
    script.open(&peer_open());
    script.advance(Duration::from_secs(1));
    script.engine.close(None);
    script.expect_close(None);
    assert_eq!(script.engine.state(), ConnectionState::CloseSent);
    script.advance(Duration::from_millis(1999));
    assert!(!script.engine.wants_shutdown());
    script.advance(Duration::from_millis(1));
    script.expect_eof();
    script.expect_event(Event::Closed);
    assert_eq!(script.engine.close_reason().unwrap().cause(), &Cause::Timeout);
}

/// TRANSPORT-2.4.3-3, TRANSPORT-2.4.3-8
#[test]
fn nothing_counts_behind_the_peers_close() {
    let mut script = Script::opened_server();
    let begin = frame(CHANNEL, &peer_begin(), &[]);
    let close = frame(0, &Close::default(), &[]);
    script.give_octets(&[&close[..], &begin, &close, b"rubbish rubbish"].concat());
    assert_eq!(script.take_events(), [Event::Closed]);
    script.expect_close(None);
    script.expect_eof();
    script.give(&peer_begin());
    script.expect_nothing();
    assert_eq!((script.take_events(), script.engine.counters().sessions), (vec![], 0));
}

/// TRANSPORT-2.4.3-4
#[test]
fn a_close_may_come_on_any_channel() {
    let mut script = Script::opened_client();
    script.give_on(200, &Close::default());
    assert_eq!(script.expect_on::<Close>().0, 0);
    script.expect_eof();
}

/// TRANSPORT-2.4.3-4
#[test]
fn a_close_before_the_peers_open_is_answered() {
    let mut script = Script::server(server_options());
    script.exchange_headers();
    script.give_on(0, &Close::default());
    script.expect_frame::<Open>();
    script.expect_close(None);
    script.expect_eof();
}

/// TRANSPORT-2.4.3-5
#[test]
fn closes_may_cross() {
    for (ours, theirs) in [(None, None), (Some(error()), None), (None, Some(error()))] {
        let mut pair = Pair::opened();
        pair.client.close(ours.clone());
        pair.server.close(theirs.clone());
        pair.flush(Side::Client);
        pair.flush(Side::Server);
        pair.drive();
        assert!(pair.client.is_finished() && pair.server.is_finished());
        assert_eq!(pair.written_of::<Close>(Side::Client).len(), 1);
        assert_eq!(pair.written_of::<Close>(Side::Server).len(), 1);
        let clean = ours.is_none() && theirs.is_none();
        assert_eq!(pair.client.close_reason().unwrap().is_clean(), clean);
    }
}

/// TRANSPORT-2.4.3-6
#[test]
fn everything_is_dropped_behind_our_close_with_an_error() {
    let mut script = Script::opened_server();
    script.give_on(0, &peer_open());
    script.expect_close(Some(ErrorCondition::NOT_ALLOWED));
    assert_eq!(script.engine.state(), ConnectionState::Discarding);
    script.take_events();
    script.give(&peer_begin());
    script.give(&peer_receiver("link"));
    script.give_transfer(&peer_transfer(0), b"payload");
    script.give_on(0, &peer_open());
    script.give_on(u16::MAX, &peer_begin());
    script.expect_nothing();
    assert_eq!(script.take_events(), []);
    script.give_on(0, &Close::default());
    script.expect_eof();
}

/// TRANSPORT-2.4.3-7
#[test]
fn frames_that_do_not_decode_are_dropped_as_well() {
    let mut script = Script::opened_server();
    script.give_on(0, &peer_open());
    script.expect_close(Some(ErrorCondition::NOT_ALLOWED));
    script.give_octets(b"\0\0\0\x0c\x02\0\0\0rubb");
    script.give_octets(b"\0\0\0\x0c\x02\0\0\0\x00\x53\x99\x45");
    script.expect_nothing();
    script.give_on(0, &Close::default());
    script.expect_eof();
}

/// TRANSPORT-2.4.3-7
#[test]
fn rubbish_behind_our_close_with_an_error_starts_nothing() {
    let mut script = Script::opened_server();
    script.give_on(0, &peer_open());
    script.expect_close(Some(ErrorCondition::NOT_ALLOWED));
    script.take_events();
    script.give_octets(&[0xFF; 100]);
    script.expect_nothing();
    script.give_on(0, &Close::default());
    script.give_eof();
    script.expect_eof();
    assert_eq!(script.take_events(), []);
}

/// TRANSPORT-2.4.3-10
#[test]
fn shutting_down_is_wanted_once_both_closes_are_there() {
    let mut script = Script::opened_client();
    script.engine.close(None);
    assert!(!script.engine.wants_shutdown());
    script.expect_close(None);
    assert!(!script.engine.wants_shutdown() && script.engine.wants_read());
    script.give_on(0, &Close::default());
    assert!(script.engine.wants_shutdown());
}

/// TRANSPORT-2.4.3-11, TRANSPORT-2.5.1-14
#[test]
fn the_end_of_the_transport_ends_everything() {
    let (mut pair, link) = Pair::linked(SenderOptions::new("node"), Default::default());
    pair.end_input(Side::Client);
    let events = pair.take_events(Side::Client);
    let [Event::SenderClosed(sender), Event::SessionEnded(session), Event::Closed] = events[..] else {
        unreachable!("{events:?}")
    };
    assert_eq!(sender, link.sender);
    for event in [Event::SenderClosed(sender), Event::SessionEnded(session), Event::Closed] {
        let reason = pair.reason(Side::Client, event).unwrap();
        assert_eq!((reason.scope(), reason.cause()), (Scope::Connection, &Cause::TransportLost));
        assert!(reason.is_retryable() && !reason.is_clean());
    }
    assert!(pair.client.is_finished());
    pair.drive();
    assert_eq!(pair.server.close_reason().unwrap().cause(), &Cause::TransportLost);
}

/// TRANSPORT-2.4.3-11
#[test]
fn the_end_of_the_transport_is_an_end_in_every_state() {
    type Step = fn(&mut Script);
    let steps: [Step; 7] = [
        |_| (),
        |script| script.exchange_headers(),
        |script| script.give_octets(&ProtocolHeader::AMQP.to_bytes()[..3]),
        |script| drop(script.open(&peer_open())),
        |script| {
            script.open(&peer_open());
            script.begin(SessionOptions::default(), &peer_begin());
        },
        |script| {
            script.open(&peer_open());
            script.give_octets(&frame(0, &peer_begin(), &[])[..10]);
        },
        |script| {
            script.open(&peer_open());
            script.give(&peer_begin());
        },
    ];
    for step in steps {
        let mut script = Script::client(client_options());
        step(&mut script);
        script.rest();
        script.give_eof();
        script.expect_eof();
        assert_eq!(script.take_events().last(), Some(&Event::Closed));
        assert_eq!(script.engine.close_reason().unwrap().cause(), &Cause::TransportLost);
        script.give_eof();
        assert_eq!(script.take_events(), []);
    }
}

/// TRANSPORT-2.4.3-11
#[test]
fn the_end_of_the_transport_behind_our_close_is_an_end_by_us() {
    let mut script = Script::opened_client();
    script.engine.close(Some(error()));
    script.expect_close(Some(ErrorCondition::INTERNAL_ERROR));
    script.give_eof();
    script.expect_eof();
    assert_eq!(script.engine.close_reason().unwrap().cause(), &Cause::Local(Some(error())));
}

/// TRANSPORT-2.4.3-12
#[test]
fn a_client_that_gets_rubbish_behind_the_header_closes_behind_its_open() {
    let mut script = Script::client(ConnectionOptions::new("").max_frame_size(512_u32));
    script.exchange_headers();
    script.give_octets(b"GET / HTTP/1.1\r\n");
    let open: Open = script.expect_frame();
    assert_eq!(open.container_id, "");
    script.expect_close(Some(ErrorCondition::FRAMING_ERROR));
    script.give_eof();
    script.expect_eof();
}

/// TRANSPORT-2.4.3-1
#[test]
fn a_close_before_anything_was_written_says_nothing() {
    let mut script = Script::server(server_options());
    script.engine.close(None);
    script.expect_eof();
    assert_eq!(script.take_events(), [Event::Closed]);
    assert_eq!(script.engine.close_reason().map(CloseReason::is_clean), Some(true));
}

/// TRANSPORT-2.4.3-1
#[test]
fn a_server_that_closes_instead_of_answering_the_open_opens_first() {
    let mut script = Script::server(ConnectionOptions::new("engine"));
    script.exchange_headers();
    script.give_on(0, &peer_open());
    script.engine.close(Some(error()));
    script.expect_frame::<Open>();
    script.expect_close(Some(ErrorCondition::INTERNAL_ERROR));
}

/// TRANSPORT-2.4.3-1
#[test]
fn a_close_ends_sessions_that_were_begun_and_not_answered() {
    let mut script = Script::opened_client();
    let session = script.engine.begin(SessionOptions::default()).unwrap();
    script.engine.close(None);
    script.expect_frame::<Begin>();
    script.expect_close(None);
    script.give_on(0, &Close::default());
    script.expect_eof();
    assert_eq!(script.take_events(), [Event::SessionEnded(session), Event::Closed]);
}

/// The peer hears what it did wrong, also where it closed behind it.
#[test]
fn an_error_is_told_in_the_answer_to_a_close() {
    let mut script = Script::opened_server();
    script.give_on(0, &peer_open());
    script.give_on(0, &Close::default());
    script.expect_close(Some(ErrorCondition::NOT_ALLOWED));
    script.expect_eof();
    assert_eq!(script.engine.close_reason().unwrap().cause(), &Cause::Violation(Violation::OpenedTwice));
}

/// TRANSPORT-2.4.3-6: also where our close went ahead of the peer's header.
#[test]
fn everything_is_dropped_behind_a_close_with_an_error_that_was_pipelined() {
    let mut script = Script::client(client_options());
    script.expect_header(ProtocolHeader::AMQP);
    script.expect_frame::<Open>();
    script.engine.close(Some(error()));
    script.expect_close(Some(error().condition));
    assert_eq!(script.engine.state(), ConnectionState::OcPipe);
    script.give_header(ProtocolHeader::AMQP);
    script.give_on(0, &peer_open());
    assert_eq!(script.engine.state(), ConnectionState::CloseSent);
    script.give(&peer_begin());
    // Larger than what may come before an open.
    script.give_with(CHANNEL, &peer_transfer(0), &[0; 10_000]);
    script.expect_nothing();
    assert_eq!(script.take_events(), []);
    script.give_on(0, &Close::default());
    script.expect_event(Event::Closed);
    script.expect_eof();
    assert_eq!(script.engine.close_reason().unwrap().cause(), &Cause::Local(Some(error())));
}
