//! §2.2: protocol headers.
#![cfg(test)]

use amqp_core::codec::{Begin, Close, ErrorCondition, Open, ProtocolHeader, ProtocolId, Symbol};
use amqp_core::{Cause, ConnectionOptions, Event, SaslServer};
use amqp_tests::chop::every_split;
use amqp_tests::frames::Unit;
use amqp_tests::oracle::Side;
use amqp_tests::pair::{Pair, client_options, server_options};
use amqp_tests::script::{CHANNEL, Script, frame, peer_begin, peer_open};

const AMQP: ProtocolHeader = ProtocolHeader::AMQP;

fn server() -> Script {
    Script::server(server_options())
}

fn with_sasl(options: ConnectionOptions) -> ConnectionOptions {
    options.sasl(SaslServer::new([Symbol::from_static("ANONYMOUS")]))
}

/// The server answered with `header`, wants the transport shut, and has told why.
#[track_caller]
fn expect_refused(script: &mut Script, header: ProtocolHeader, said: Option<ProtocolHeader>) {
    script.expect_header(header);
    script.expect_eof();
    script.expect_event(Event::Closed);
    assert_eq!(script.engine.close_reason().unwrap().cause(), &Cause::Header(said));
}

/// TRANSPORT-2.2-1, TRANSPORT-2.2-2
#[test]
fn a_client_sends_its_header_before_anything_arrives() {
    let mut script = Script::client(client_options());
    let octets = script.engine.poll_output(script.now()).unwrap();
    assert_eq!(octets[..8], *b"AMQP\x00\x01\x00\x00");
}

/// TRANSPORT-2.2-3, TRANSPORT-2.2-4
#[test]
fn a_server_waits_for_the_header_and_answers_with_the_same() {
    let mut script = server();
    script.expect_nothing();
    script.give_octets(b"AMQP\x00\x01\x00");
    script.expect_nothing();
    script.give_octets(b"\x00");
    script.expect_header(AMQP);
    script.expect_nothing();
}

/// TRANSPORT-2.2-5, TRANSPORT-2.2-6
#[test]
fn another_version_is_answered_with_ours_and_the_end() {
    for octets in [b"AMQP\x00\x01\x01\x00", b"AMQP\x00\x00\x09\x01", b"AMQP\x00\x02\x00\x00"] {
        let mut script = server();
        script.give_octets(octets);
        expect_refused(&mut script, AMQP, ProtocolHeader::from_bytes(*octets));
    }
}

/// TRANSPORT-2.2-7, TRANSPORT-2.2-13
#[test]
fn what_is_no_header_is_answered_with_ours_at_its_first_wrong_octet() {
    for octets in [&b"GET / HT"[..], b"AMX", b"\0", b"AMQ\0\0\0\0\0"] {
        let mut script = server();
        script.give_octets(octets);
        expect_refused(&mut script, AMQP, None);
    }
}

/// TRANSPORT-2.2-8
#[test]
fn amqp_where_sasl_is_required_is_answered_with_the_header_of_sasl() {
    let mut script = Script::server(with_sasl(server_options()));
    script.give_header(AMQP);
    expect_refused(&mut script, ProtocolHeader::SASL, Some(AMQP));
}

/// TRANSPORT-2.2-8, TRANSPORT-2.2-15
#[test]
fn sasl_and_tls_where_they_are_not_offered_are_answered_with_the_header_of_amqp() {
    for header in [ProtocolHeader::SASL, ProtocolHeader::TLS] {
        let mut script = server();
        script.give_header(header);
        expect_refused(&mut script, AMQP, Some(header));
    }
}

/// TRANSPORT-2.2-9
#[test]
fn a_client_that_gets_another_header_stops_writing_and_reading() {
    let other = ProtocolHeader { id: ProtocolId::AMQP, major: 1, minor: 1, revision: 0 };
    for (answer, says) in [(ProtocolHeader::SASL, "wants SASL"), (other, "id 0, version 1.1.0")] {
        let mut script = Script::client(client_options());
        script.expect_header(AMQP);
        script.expect_frame::<Open>();
        script.give_header(answer);
        script.expect_eof();
        script.expect_event(Event::Closed);
        let reason = script.engine.close_reason().unwrap();
        assert_eq!(reason.cause(), &Cause::Header(Some(answer)));
        assert!(reason.to_string().contains(says), "{reason}");
        script.give_on(0, &peer_open());
        script.expect_nothing();
        assert_eq!(script.take_events(), []);
        assert_eq!(script.engine.remote(), None);
    }
}

/// TRANSPORT-2.2-9, TRANSPORT-2.2-13
#[test]
fn a_client_that_gets_no_header_at_all_stops() {
    for octets in [&b"GET"[..], b"HTTP/1.1", b"HTTP/1.1 20", b"AMQ\0", b"AMQP\x00\x01\x00\x01"] {
        let mut script = Script::client(client_options());
        script.rest();
        script.give_octets(octets);
        script.expect_eof();
        assert_eq!(script.take_events(), [Event::Closed]);
        assert!(matches!(script.engine.close_reason().unwrap().cause(), Cause::Header(_)));
    }
}

/// TRANSPORT-2.2-9
#[test]
fn two_engines_that_want_different_layers_part_without_a_frame() {
    let mut pair = Pair::new(client_options(), with_sasl(server_options()));
    pair.drive();
    assert_eq!(pair.written(Side::Server), [Unit::Header(ProtocolHeader::SASL)]);
    assert!(pair.client.is_finished() && pair.server.is_finished());
    assert_eq!(pair.client.close_reason().unwrap().cause(), &Cause::Header(Some(ProtocolHeader::SASL)));
    assert_eq!(pair.server.close_reason().unwrap().cause(), &Cause::Header(Some(AMQP)));
    for engine in [&pair.client, &pair.server] {
        let error = engine.close_reason().unwrap().error().unwrap();
        assert_eq!(error.condition, ErrorCondition::UNAUTHORIZED_ACCESS);
    }
}

/// TRANSPORT-2.2-10
#[test]
fn a_second_header_is_no_frame() {
    let mut script = server();
    script.exchange_headers();
    script.give_header(AMQP);
    script.expect_frame::<Open>();
    script.expect_close(Some(ErrorCondition::FRAMING_ERROR));
}

/// TRANSPORT-2.2-13
#[test]
fn headers_may_be_cut_anywhere() {
    let octets = [&AMQP.to_bytes()[..], &frame(0, &peer_open(), &[])].concat();
    let (units, events) = every_split(&octets, |pieces| {
        let mut script = server();
        let mut units = Vec::new();
        for piece in pieces {
            script.give_octets(piece);
            units.extend(script.rest());
        }
        (units, script.take_events())
    });
    assert_eq!(units.first(), Some(&Unit::Header(AMQP)));
    assert_eq!((units.len(), events), (2, vec![Event::Opened]));
}

/// TRANSPORT-2.2-14
#[test]
fn what_follows_the_header_in_one_read_is_processed() {
    let mut script = server();
    let begin = frame(CHANNEL, &peer_begin(), &[]);
    let close = frame(0, &Close::default(), &[]);
    script.give_octets(&[&AMQP.to_bytes()[..], &frame(0, &peer_open(), &[]), &begin, &close].concat());
    let events = script.take_events();
    let [Event::Opened, Event::SessionOpening(id), Event::SessionEnded(ended), Event::Closed] = events[..]
    else {
        unreachable!("{events:?}")
    };
    assert_eq!(id, ended);
    script.expect_header(AMQP);
    script.expect_frame::<Open>();
    script.expect_close(None);
    script.expect_eof();
}

/// TRANSPORT-2.2-14
#[test]
fn a_server_that_has_not_accepted_keeps_what_was_pipelined() {
    let mut script = Script::server(ConnectionOptions::new("engine"));
    let begin = frame(CHANNEL, &peer_begin(), &[]);
    script.give_octets(&[&AMQP.to_bytes()[..], &frame(0, &peer_open(), &[]), &begin].concat());
    let events = script.take_events();
    let [Event::Opening, Event::SessionOpening(session)] = events[..] else { unreachable!("{events:?}") };
    script.engine.session(session).unwrap().accept(Default::default()).unwrap();
    script.expect_header(AMQP);
    script.expect_nothing();
    script.engine.accept(ConnectionOptions::new("engine")).unwrap();
    script.expect_frame::<Open>();
    assert_eq!(script.expect_frame::<Begin>().remote_channel, Some(CHANNEL));
}
