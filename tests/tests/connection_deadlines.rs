//! The deadlines of `Limits`: nobody can make an engine wait for ever.
#![cfg(test)]

use std::time::Duration;

use amqp_core::codec::{
    Attach, Begin, Close, Detach, ErrorCondition, Flow, Payload, ProtocolHeader, SaslInit, SaslMechanisms,
    Symbol,
};
use amqp_core::{
    Cause, ConnectionOptions, Credentials, Event, Instant, Limits, ReceiverOptions, Resolution, SaslAnswer,
    SaslServer, SenderOptions, SessionOptions, Violation,
};
use amqp_tests::pair::{client_options, server_options};
use amqp_tests::script::{
    CHANNEL, HANDLE, Script, frame, peer_begin, peer_open, peer_receiver, peer_sender, peer_transfer,
};

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn limits() -> Limits {
    Limits::default()
        .handshake(ms(1000))
        .frame_assembly(ms(300))
        .write_stall(ms(700))
        .close(ms(500))
        .answer(ms(2000))
}

#[track_caller]
fn expect_timed_out(script: &mut Script, cause: &Cause) {
    script.expect_eof();
    script.expect_event(Event::Closed);
    assert_eq!(script.engine.close_reason().unwrap().cause(), cause);
}

#[test]
fn a_peer_that_says_nothing_is_left_at_the_handshake_deadline() {
    for mut script in
        [Script::client(client_options().limits(limits())), Script::server(server_options().limits(limits()))]
    {
        script.advance(ms(0));
        script.rest();
        assert_eq!(script.engine.poll_timeout(), Some(Instant::from_millis(1000)));
        script.advance(ms(999));
        assert!(!script.engine.wants_shutdown());
        script.advance(ms(1));
        expect_timed_out(&mut script, &Cause::Timeout);
    }
}

#[test]
fn the_handshake_deadline_covers_headers_sasl_and_opens() {
    let mut script = Script::client(client_options().limits(limits()).credentials(Credentials::Anonymous));
    script.expect_header(ProtocolHeader::SASL);
    script.give_header(ProtocolHeader::SASL);
    script.advance(ms(600));
    let sasl_server_mechanisms = Symbol::from_static("ANONYMOUS").into();
    script.give_sasl(&SaslMechanisms { sasl_server_mechanisms });
    script.expect_sasl();
    script.advance(ms(399));
    assert!(!script.engine.wants_shutdown());
    script.advance(ms(1));
    expect_timed_out(&mut script, &Cause::Timeout);
}

#[test]
fn once_opened_the_handshake_has_no_deadline() {
    let mut script = Script::client(client_options().limits(limits()));
    script.open(&peer_open());
    assert_eq!(script.engine.poll_timeout(), None);
}

#[test]
fn a_frame_that_does_not_come_to_its_end_closes() {
    let mut script = Script::client(client_options().limits(limits()));
    script.open(&peer_open());
    let octets = frame(0, &peer_begin(), &[]);
    script.give_octets(&octets[..3]);
    script.advance(ms(299));
    script.give_octets(&octets[3..10]);
    script.expect_nothing();
    script.advance(ms(1));
    script.expect_close(Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
    assert_eq!(script.engine.close_reason().unwrap().cause(), &Cause::Violation(Violation::SlowFrame));
}

#[test]
fn every_frame_has_the_deadline_for_itself() {
    let mut script = Script::client(client_options().limits(limits()));
    script.open(&peer_open());
    let octets = [0, 0, 0, 8, 2, 0, 0, 0].repeat(20);
    script.give_octets(&octets[..4]);
    for piece in octets[4..].chunks(8) {
        script.advance(ms(200));
        script.give_octets(piece);
    }
    assert!(script.engine.close_reason().is_none());
    assert_eq!(script.engine.poll_timeout(), None);
}

#[test]
fn output_that_nobody_takes_ends_the_connection() {
    let mut script = Script::client(client_options().limits(limits()));
    script.open(&peer_open());
    script.engine.begin(SessionOptions::default()).unwrap();
    // The engine is told the time, and nobody asks it for output.
    _ = script.engine.handle_timeout(Instant::from_millis(100));
    assert_eq!(script.engine.poll_timeout(), Some(Instant::from_millis(800)));
    _ = script.engine.handle_timeout(Instant::from_millis(800));
    expect_timed_out(&mut script, &Cause::Violation(Violation::WriteStall));
}

#[test]
fn output_that_is_taken_has_no_deadline() {
    let mut script = Script::client(client_options().limits(limits()));
    script.open(&peer_open());
    script.engine.begin(SessionOptions::default()).unwrap();
    _ = script.engine.handle_timeout(Instant::from_millis(100));
    script.advance(ms(100));
    assert_eq!(script.engine.poll_timeout(), None);
    script.advance(Duration::from_secs(100));
    assert!(script.engine.close_reason().is_none());
}

/// TRANSPORT-2.4.3-2
#[test]
fn a_close_waits_for_what_was_accepted_until_its_deadline() {
    let mut script = Script::client(client_options().limits(limits()));
    script.open(&peer_open());
    let no_window = Begin { incoming_window: 0, ..peer_begin() };
    let session = script.begin(SessionOptions::default(), &no_window);
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer_receiver("link"));
    script.give(&Flow { incoming_window: 0, ..script.grant(0, 1) });
    script.engine.sender(sender).unwrap().send(Payload::from_static(b"message")).unwrap();
    script.engine.close(None);
    script.advance(ms(499));
    script.expect_nothing();
    script.advance(ms(1));
    script.expect_close(None);
    let (_, resolution) = script.engine.sender(sender).unwrap().next_outcome().unwrap();
    assert!(matches!(resolution, Resolution::Unsent(..)), "{resolution:?}");
    script.give_on(0, &Close::default());
    script.expect_eof();
}

#[test]
fn a_session_that_the_application_does_not_answer_is_refused() {
    let mut script = Script::server(server_options().limits(limits()));
    script.open(&peer_open());
    script.give(&peer_begin());
    script.give_on(CHANNEL + 1, &peer_begin());
    let session = script.expect_some(|event| match event {
        Event::SessionOpening(id) => Some(id),
        _ => None,
    });
    script.advance(ms(1999));
    script.expect_nothing();
    script.advance(ms(1));
    for channel in [CHANNEL, CHANNEL + 1] {
        let begin: Begin = script.expect_frame();
        assert_eq!(begin.remote_channel, Some(channel));
        script.expect_end(Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
    }
    script.give(&amqp_core::codec::End::default());
    script.expect_event(Event::SessionEnded(session));
    script.engine.close(None);
    script.expect_close(None);
    script.give_on(0, &Close::default());
    script.expect_eof();
}

#[test]
fn an_open_that_the_application_does_not_answer_ends_at_last() {
    let mut script = Script::server(ConnectionOptions::new("engine").limits(limits()));
    script.exchange_headers();
    script.give_on(0, &peer_open());
    script.expect_event(Event::Opening);
    script.advance(ms(2999));
    assert!(script.engine.close_reason().is_none(), "the application has its own time to answer");
    script.advance(ms(1));
    expect_timed_out(&mut script, &Cause::Timeout);
}

/// SEC-5-13
#[test]
fn a_credential_check_may_take_longer_than_the_handshake_and_not_for_ever() {
    let sasl = SaslServer::new([Symbol::from_static("EXTERNAL")]);
    let mut script = Script::server(server_options().limits(limits()).sasl(sasl));
    script.give_header(ProtocolHeader::SASL);
    script.rest();
    let mechanism = Symbol::from_static("EXTERNAL");
    script.give_sasl(&SaslInit { mechanism, ..Default::default() });
    script.expect_event(Event::Authenticate);
    script.advance(ms(2999));
    assert!(script.engine.close_reason().is_none());
    script.advance(ms(1));
    expect_timed_out(&mut script, &Cause::Timeout);
}

/// The connection is over, and what is left of it nobody reads.
#[test]
fn what_is_left_of_a_connection_has_a_deadline() {
    let mut script = Script::client(client_options().limits(limits()));
    script.open(&peer_open());
    let session = script.begin(SessionOptions::default(), &peer_begin());
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer_receiver("link"));
    script.give(&script.grant(0, 20));
    for _ in 0..20 {
        script.engine.sender(sender).unwrap().send(Payload::from(vec![0; 10_000])).unwrap();
    }
    let first = script.engine.poll_output(script.now()).unwrap();
    script.give_on(0, &Close::default());
    assert!(!first.is_empty() && script.engine.poll_output(script.now()).is_some());
    assert!(script.engine.close_reason().is_some() && !script.engine.is_finished());
    let deadline = script.engine.poll_timeout().unwrap();
    assert_eq!(deadline, script.now() + ms(700));
    _ = script.engine.handle_timeout(deadline);
    assert!(script.engine.is_finished());
    assert_eq!(script.engine.poll_timeout(), None);
}

fn checked(limits: Limits) -> (Script, SaslInit) {
    let sasl = SaslServer::new([Symbol::from_static("EXTERNAL")]);
    let mut script = Script::server(server_options().limits(limits).sasl(sasl));
    script.give_header(ProtocolHeader::SASL);
    script.rest();
    (script, SaslInit { mechanism: Symbol::from_static("EXTERNAL"), ..SaslInit::default() })
}

/// What the application takes for its check is not the peer's: that has what is left of its own time.
#[test]
fn the_handshake_goes_on_behind_a_check() {
    for (check, accepted) in [(900, true), (900, false), (2800, true), (2800, false)] {
        let (mut script, init) = checked(limits());
        script.advance(ms(100));
        script.give_sasl(&init);
        script.advance(ms(check));
        script.engine.authenticate(SaslAnswer::Accept(None)).unwrap();
        script.expect_sasl();
        script.advance(ms(899));
        assert!(script.engine.close_reason().is_none());
        if accepted {
            script.open(&peer_open());
            script.advance(ms(5000));
            assert!(script.engine.close_reason().is_none());
        } else {
            script.advance(ms(1));
            expect_timed_out(&mut script, &Cause::Timeout);
        }
    }
}

/// The time of what was kept during a check begins when it is read.
#[test]
fn what_is_kept_during_a_check_has_all_its_time() {
    let (mut script, init) = checked(limits().handshake(Duration::from_secs(10)));
    let (mut octets, mut whole) = (bytes::BytesMut::new(), ProtocolHeader::AMQP.to_bytes().to_vec());
    amqp_core::codec::encode_sasl_frame(&mut octets, &init);
    whole.extend(frame(0, &peer_open(), &[]));
    whole.extend(frame(CHANNEL, &peer_begin(), &[]));
    whole.extend([0, 0, 0]);
    octets.extend(&whole);
    script.give_octets(&octets);
    script.set_time(Instant::from_millis(1900));
    script.engine.authenticate(SaslAnswer::Accept(None)).unwrap();
    script.rest();
    assert_eq!(script.engine.poll_timeout(), Some(Instant::from_millis(1900 + 300)), "the frame that is cut");
    script.give_octets(&[8, 2, 0, 0, 0]);
    assert_eq!(script.engine.poll_timeout(), Some(Instant::from_millis(1900 + 2000)), "the session's answer");
}

/// A question that is taken back and asked again is another one.
#[test]
fn a_link_that_asks_again_has_all_its_time() {
    let mut script = Script::server(server_options().limits(limits().answer(Duration::from_secs(60))));
    script.open(&peer_open());
    script.accept_session(&peer_begin(), SessionOptions::default());
    script.give(&Attach { handle: 0, ..peer_sender("first") });
    script.advance(Duration::from_secs(1));
    script.give(&peer_sender("again"));
    let id = script
        .take_events()
        .into_iter()
        .filter_map(|event| if let Event::ReceiverOpening(id) = event { Some(id) } else { None })
        .next_back()
        .unwrap();
    script.advance(Duration::from_secs(1));
    script.engine.receiver(id).unwrap().accept(ReceiverOptions::default()).unwrap();
    script.expect_frame::<Attach>();
    script.rest();
    script.give(&Detach { handle: HANDLE, ..Detach::default() });
    script.expect_frame::<Detach>();
    script.advance(Duration::from_secs(48));
    script.give(&peer_sender("again"));
    script.advance(Duration::from_secs(10));
    script.expect_frame::<Attach>();
    script.expect_detach(Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
    script.advance(Duration::from_millis(49_999));
    script.expect_nothing();
    script.advance(ms(1));
    script.expect_frame::<Attach>();
    script.expect_detach(Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
}

/// Nobody needs to know more than `wants_write` to have the deadline of a close.
#[test]
fn a_close_that_waits_wants_to_be_told_the_time() {
    let mut script = Script::client(client_options().limits(limits()));
    script.open(&peer_open());
    let session = script.begin(SessionOptions::default(), &peer_begin());
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer_receiver("link"));
    script.give(&Flow { incoming_window: 0, ..script.grant(0, 1) });
    script.engine.sender(sender).unwrap().send(Payload::from_static(b"message")).unwrap();
    script.rest();
    script.engine.close(None);
    assert!(script.engine.wants_write());
    script.expect_nothing();
    assert!(!script.engine.wants_write());
    assert_eq!(script.engine.poll_timeout(), Some(script.now() + ms(500)));
}

/// A frame that may take no time and is not read now is due at once, over and over: it is met once a call.
#[test]
fn a_deadline_of_no_time_is_met_once_a_call() {
    let limits = limits().frame_assembly(Duration::ZERO).buffered_input(7_usize);
    let mut script = Script::client(client_options().limits(limits));
    script.open(&peer_open());
    let session = script.begin(SessionOptions::default(), &peer_begin());
    let options = ReceiverOptions::new("node").prefetch(5);
    script.attach_receiver(session, options, &peer_sender("link"));
    script.rest();
    let mut octets = frame(CHANNEL, &peer_transfer(0), b"payload");
    octets.extend([0, 0, 0]);
    script.give_octets(&octets);
    assert!(!script.engine.wants_read());
    _ = script.engine.handle_timeout(script.now());
    assert!(script.engine.close_reason().is_none());
}
