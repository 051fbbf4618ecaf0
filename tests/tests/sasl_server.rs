//! Part 5: the SASL layer of a server.
#![cfg(test)]

use amqp_core::codec::{
    Begin, Open, ProtocolHeader, SaslChallenge, SaslCode, SaslFrame, SaslInit, SaslMechanisms, SaslOutcome,
    SaslResponse, Symbol,
};
use amqp_core::{
    Cause, ConnectionOptions, Event, Limits, SaslAnswer, SaslServer, SessionOptions, StateError,
    TransportFacts, Violation,
};
use amqp_tests::chop::every_split;
use amqp_tests::pair::server_options;
use amqp_tests::script::{CHANNEL, Script, frame, peer_begin, peer_open};
use bytes::{Bytes, BytesMut};

const ANONYMOUS: Symbol = Symbol::from_static("ANONYMOUS");
const PLAIN: Symbol = Symbol::from_static("PLAIN");
const OTHER: Symbol = Symbol::from_static("OTHER");

fn options(sasl: SaslServer) -> ConnectionOptions {
    server_options().sasl(sasl)
}

fn insecure() -> SaslServer {
    SaslServer::new([PLAIN, ANONYMOUS, OTHER]).allow_insecure()
}

/// A server that has announced its mechanisms.
#[track_caller]
fn announced(options: ConnectionOptions) -> (Script, Vec<Symbol>) {
    let mut script = Script::server(options);
    script.give_header(ProtocolHeader::SASL);
    script.expect_header(ProtocolHeader::SASL);
    let SaslFrame::Mechanisms(SaslMechanisms { sasl_server_mechanisms }) = script.expect_sasl() else {
        unreachable!("{}", script.oracle.trace())
    };
    let mechanisms = sasl_server_mechanisms.to_vec();
    (script, mechanisms)
}

fn init(mechanism: Symbol, response: Option<&'static [u8]>) -> SaslInit {
    SaslInit { mechanism, initial_response: response.map(Bytes::from_static), hostname: None }
}

/// A server that has asked about a client's first message.
#[track_caller]
fn asked(mechanism: Symbol, response: Option<&'static [u8]>) -> Script {
    let (mut script, _) = announced(options(insecure()));
    script.give_sasl(&init(mechanism, response));
    assert_eq!(script.take_events(), [Event::Authenticate]);
    script.expect_nothing();
    script
}

#[track_caller]
fn expect_outcome(script: &mut Script, code: SaslCode) -> SaslOutcome {
    let SaslFrame::Outcome(outcome) = script.expect_sasl() else { unreachable!("{}", script.oracle.trace()) };
    assert_eq!(outcome.code, code);
    outcome
}

#[track_caller]
fn expect_failed(script: &mut Script, cause: &Cause) {
    script.expect_eof();
    script.expect_event(Event::Closed);
    assert_eq!(script.engine.close_reason().unwrap().cause(), cause);
}

/// What is left of the handshake behind SASL.
#[track_caller]
fn expect_opens(script: &mut Script) {
    script.open(&peer_open());
    assert_eq!(script.engine.remote().unwrap().container_id, "peer");
}

/// SEC-5-5, SEC-5-8, SEC-5-12, TRANSPORT-2.2-11
#[test]
fn anonymous_is_accepted_without_asking() {
    for response in [None, Some(&b""[..]), Some(b"trace")] {
        let (mut script, mechanisms) = announced(options(SaslServer::new([ANONYMOUS])));
        assert_eq!(mechanisms, [ANONYMOUS]);
        script.give_sasl(&init(ANONYMOUS, response));
        expect_outcome(&mut script, SaslCode::Ok);
        script.expect_nothing();
        assert_eq!(script.take_events(), [Event::Authenticated]);
        expect_opens(&mut script);
    }
}

/// SEC-5-17, SEC-5-15
#[test]
fn plain_is_the_applications_to_judge() {
    let mut script = asked(PLAIN, Some(b"as\0user\0pass\xc3\xa9"));
    let request = script.engine.sasl().unwrap();
    assert_eq!((&request.mechanism, request.round), (&PLAIN, 1));
    let plain = request.plain().unwrap();
    assert_eq!((&*plain.authorization, &*plain.user, &*plain.password), ("as", "user", "passé"));
    script.engine.authenticate(SaslAnswer::Accept(None)).unwrap();
    let outcome = expect_outcome(&mut script, SaslCode::Ok);
    assert_eq!(outcome.additional_data, None);
    assert_eq!(script.take_events(), [Event::Authenticated]);
    expect_opens(&mut script);
}

/// SEC-5-17
#[test]
fn a_plain_message_of_another_form_has_no_credentials() {
    for message in [
        None,
        Some(&b"user\0pass"[..]),
        Some(b"\0user"),
        Some(b"\0\0pass"),
        Some(b"\0u\0p\0x"),
        Some(b"\0\xff\0p"),
    ] {
        let script = asked(PLAIN, message);
        assert_eq!(script.engine.sasl().unwrap().plain(), None, "{message:?}");
    }
    assert_eq!(asked(OTHER, Some(b"\0user\0pass")).engine.sasl().unwrap().plain(), None);
}

#[test]
fn passwords_are_never_shown() {
    let script = asked(PLAIN, Some(b"\0user\0secret"));
    let request = script.engine.sasl().unwrap();
    let shown = format!("{request:?} {:?}", request.plain());
    assert!(shown.contains("user") && !shown.contains("secret") && !shown.contains("115, 101"), "{shown}");
}

/// SEC-5-11, SEC-5-12, TRANSPORT-2.2-12
#[test]
fn a_refusal_says_its_code_and_ends() {
    for code in [SaslCode::Auth, SaslCode::Sys, SaslCode::SysPerm, SaslCode::SysTemp] {
        let mut script = asked(PLAIN, Some(b"\0user\0wrong"));
        script.engine.authenticate(SaslAnswer::Reject(code)).unwrap();
        expect_outcome(&mut script, code);
        expect_failed(&mut script, &Cause::Sasl(Some(code)));
        script.give_header(ProtocolHeader::AMQP);
        script.expect_nothing();
    }
}

#[test]
fn a_refusal_that_says_ok_is_none() {
    let mut script = asked(PLAIN, Some(b"\0user\0wrong"));
    assert_eq!(script.engine.authenticate(SaslAnswer::Reject(SaslCode::Ok)), Err(StateError::WrongAnswer));
    script.expect_nothing();
    script.engine.authenticate(SaslAnswer::Reject(SaslCode::Auth)).unwrap();
    expect_outcome(&mut script, SaslCode::Auth);
}

/// SEC-5-9
#[test]
fn plain_is_not_offered_where_passwords_could_be_read() {
    let plain_and_other = || SaslServer::new([PLAIN, OTHER]);
    let (_, open) = announced(options(plain_and_other()));
    assert_eq!(open, [OTHER]);
    let (_, allowed) = announced(options(plain_and_other().allow_insecure()));
    assert_eq!(allowed, [PLAIN, OTHER]);
    let transport = TransportFacts { encrypted: true, ..TransportFacts::default() };
    let (_, encrypted) = announced(options(plain_and_other()).transport(transport));
    assert_eq!(encrypted, [PLAIN, OTHER]);
}

/// SEC-5-9
#[test]
fn a_server_without_any_mechanism_left_ends() {
    let mut script = Script::server(options(SaslServer::new([PLAIN])));
    script.give_header(ProtocolHeader::SASL);
    script.expect_header(ProtocolHeader::SASL);
    expect_failed(&mut script, &Cause::NoMechanism);
}

/// SEC-5-7
#[test]
fn a_mechanism_that_was_not_announced_is_refused() {
    let (mut script, _) = announced(options(SaslServer::new([ANONYMOUS])));
    script.give_sasl(&init(PLAIN, Some(b"\0user\0pass")));
    expect_outcome(&mut script, SaslCode::Auth);
    expect_failed(&mut script, &Cause::Sasl(Some(SaslCode::Auth)));
}

/// SEC-5-10
#[test]
fn challenges_and_responses_go_on_until_the_application_decides() {
    let mut script = asked(OTHER, None);
    for round in 1..4 {
        script.engine.authenticate(SaslAnswer::Message(Bytes::from(vec![round]))).unwrap();
        let SaslFrame::Challenge(SaslChallenge { challenge }) = script.expect_sasl() else {
            unreachable!("{}", script.oracle.trace())
        };
        assert_eq!(challenge[..], [round]);
        script.give_sasl(&SaslResponse { response: Bytes::from(vec![round + 100]) });
        assert_eq!(script.take_events(), [Event::Authenticate]);
        let request = script.engine.sasl().unwrap();
        assert_eq!(request.message.as_deref(), Some(&[round + 100][..]));
        assert_eq!(request.round, u32::from(round) + 1);
    }
    script.engine.authenticate(SaslAnswer::Accept(Some(Bytes::from_static(b"proof")))).unwrap();
    let outcome = expect_outcome(&mut script, SaslCode::Ok);
    assert_eq!(outcome.additional_data.as_deref(), Some(&b"proof"[..]));
    expect_opens(&mut script);
}

/// SEC-5-10
#[test]
fn rounds_have_a_limit() {
    let limits = Limits::default().sasl_rounds(3_u32);
    let (mut script, _) = announced(options(insecure()).limits(limits));
    script.give_sasl(&init(OTHER, None));
    for _ in 0..2 {
        script.engine.authenticate(SaslAnswer::Message(Bytes::new())).unwrap();
        script.expect_sasl();
        script.give_sasl(&SaslResponse { response: Bytes::new() });
    }
    script.engine.authenticate(SaslAnswer::Message(Bytes::new())).unwrap();
    script.expect_sasl();
    script.give_sasl(&SaslResponse { response: Bytes::new() });
    expect_outcome(&mut script, SaslCode::Auth);
    expect_failed(&mut script, &Cause::Sasl(Some(SaslCode::Auth)));
}

/// SEC-5-2, SEC-5-6
#[test]
fn what_a_client_must_not_say_ends_the_layer() {
    let second_init = init(ANONYMOUS, None);
    let (mut script, _) = announced(options(insecure()));
    script.give_sasl(&SaslResponse { response: Bytes::new() });
    expect_failed(&mut script, &Cause::Sasl(None));

    let mut script = asked(OTHER, None);
    script.engine.authenticate(SaslAnswer::Message(Bytes::new())).unwrap();
    script.expect_sasl();
    script.give_sasl(&second_init);
    expect_failed(&mut script, &Cause::Sasl(None));

    for says in [
        SaslFrame::Mechanisms(SaslMechanisms { sasl_server_mechanisms: ANONYMOUS.into() }),
        SaslFrame::Challenge(SaslChallenge::default()),
        SaslFrame::Outcome(SaslOutcome { code: SaslCode::Ok, additional_data: None }),
    ] {
        let (mut script, _) = announced(options(insecure()));
        script.give_sasl(&says);
        script.expect_eof();
        assert_eq!(script.take_events(), [Event::Closed]);
        assert_eq!(script.engine.close_reason().unwrap().cause(), &Cause::Sasl(None));
    }
}

/// SEC-5-3, TRANSPORT-2.3-5
#[test]
fn the_channel_and_the_extended_header_of_a_sasl_frame_do_not_matter() {
    let mut plain = BytesMut::new();
    amqp_core::codec::encode_sasl_frame(&mut plain, &init(ANONYMOUS, None));
    let mut on_a_channel = plain.to_vec();
    on_a_channel[6..8].copy_from_slice(&[0xFF, 0xFF]);
    let size = u32::try_from(plain.len() + 8).unwrap();
    let extended = [&size.to_be_bytes()[..], &[4, 1, 0, 0], &[0xAA; 8], &plain[8..]].concat();
    for octets in [on_a_channel, extended] {
        let (mut script, _) = announced(options(insecure()));
        script.give_octets(&octets);
        expect_outcome(&mut script, SaslCode::Ok);
    }
}

/// SEC-5-3
#[test]
fn a_sasl_frame_has_at_most_512_octets() {
    for (size, fits) in [(512, true), (513, false)] {
        let mut octets = BytesMut::new();
        let room = Bytes::from(vec![b'x'; size - 36]);
        let message = SaslInit { mechanism: ANONYMOUS, initial_response: Some(room), hostname: None };
        amqp_core::codec::encode_sasl_frame(&mut octets, &message);
        assert_eq!(octets.len(), size);
        let (mut script, _) = announced(options(insecure()));
        script.give_octets(&octets);
        if fits {
            expect_outcome(&mut script, SaslCode::Ok);
        } else {
            expect_failed(&mut script, &Cause::Violation(Violation::FrameTooLarge(513)));
        }
    }
}

/// SEC-5-4, SEC-5-10
#[test]
fn a_sasl_frame_holds_exactly_one_sasl_frame() {
    let bodies: [&[u8]; 5] = [
        b"",
        b"\x00\x53\x41\xc0\x0d\x01\xa3\x09ANONYMOUS\x40",
        b"\x00\x53\x41\x45",
        b"\x00\x53\x43\x45",
        b"\x00\x53\x10\xc0\x04\x01\xa1\x01c",
    ];
    for body in bodies {
        let (mut script, _) = announced(options(insecure()));
        let size = u8::try_from(8 + body.len()).unwrap();
        script.give_octets(&[&[0, 0, 0, size, 2, 1, 0, 0], body].concat());
        script.expect_eof();
        let cause = script.engine.close_reason().unwrap().cause().clone();
        assert!(matches!(cause, Cause::Violation(Violation::Decode(_))), "{cause:?}");
    }
}

/// SEC-5-14, TRANSPORT-2.2-10
#[test]
fn a_sasl_frame_behind_the_outcome_is_an_error() {
    let (mut script, _) = announced(options(insecure()));
    script.give_sasl(&init(ANONYMOUS, None));
    expect_outcome(&mut script, SaslCode::Ok);
    script.give_sasl(&SaslResponse { response: Bytes::new() });
    expect_failed(&mut script, &Cause::Header(None));
}

/// TRANSPORT-2.2-8
#[test]
fn a_second_sasl_layer_is_refused() {
    let (mut script, _) = announced(options(insecure()));
    script.give_sasl(&init(ANONYMOUS, None));
    expect_outcome(&mut script, SaslCode::Ok);
    script.give_header(ProtocolHeader::SASL);
    expect_failed(&mut script, &Cause::Header(Some(ProtocolHeader::SASL)));
}

/// SEC-5-13
#[test]
fn an_amqp_frame_inside_the_layer_is_an_error() {
    let (mut script, _) = announced(options(insecure()));
    script.give_on(0, &peer_open());
    expect_failed(&mut script, &Cause::Violation(Violation::FrameType));
    assert_eq!(script.engine.remote(), None);
}

/// SEC-5-13
#[test]
fn authentication_cannot_be_skipped() {
    let open = frame(0, &peer_open(), &[]);
    let mut script = Script::server(options(SaslServer::new([ANONYMOUS])));
    script.give_octets(&[&ProtocolHeader::AMQP.to_bytes()[..], &open].concat());
    script.expect_header(ProtocolHeader::SASL);
    expect_failed(&mut script, &Cause::Header(Some(ProtocolHeader::AMQP)));
    assert_eq!(script.engine.remote(), None);
}

#[test]
fn authentication_can_be_skipped_where_it_is_optional() {
    let mut script = Script::server(options(SaslServer::new([ANONYMOUS]).optional()));
    expect_opens(&mut script);
    let (mut script, _) = announced(options(SaslServer::new([ANONYMOUS]).optional()));
    script.give_sasl(&init(ANONYMOUS, None));
    expect_outcome(&mut script, SaslCode::Ok);
    expect_opens(&mut script);
}

fn pipelined(mechanism: Symbol) -> Vec<u8> {
    let mut sasl = BytesMut::new();
    amqp_core::codec::encode_sasl_frame(&mut sasl, &init(mechanism, Some(b"\0user\0pass")));
    let (open, begin) = (frame(0, &peer_open(), &[]), frame(CHANNEL, &peer_begin(), &[]));
    let headers = [ProtocolHeader::SASL.to_bytes(), ProtocolHeader::AMQP.to_bytes()];
    [&headers[0][..], &sasl, &headers[1], &open, &begin].concat()
}

/// SEC-5-13
#[test]
fn a_client_may_pipeline_everything_in_one_read() {
    let (units, events) = every_split(&pipelined(ANONYMOUS), |pieces| {
        let options = options(insecure()).accept_sessions(SessionOptions::default());
        let mut script = Script::server(options).unjudged();
        let mut units = Vec::new();
        for piece in pieces {
            script.give_octets(piece);
            units.extend(script.rest());
        }
        (units, script.take_events().len())
    });
    assert_eq!((units.len(), events), (6, 3));
}

/// SEC-5-13: D-1 to D-12 of blocking servers: the check takes its time, and nothing is lost or trusted meanwhile.
#[test]
fn what_is_pipelined_behind_a_slow_check_waits_unread() {
    let options = || options(insecure()).accept_sessions(SessionOptions::default());
    let mut script = Script::server(options()).unjudged();
    script.give_octets(&pipelined(PLAIN));
    assert_eq!(script.take_events(), [Event::Authenticate]);
    assert!(!script.engine.wants_read());
    assert_eq!(script.rest().len(), 2);
    assert_eq!(script.engine.remote(), None);
    script.engine.authenticate(SaslAnswer::Accept(None)).unwrap();
    assert!(script.engine.wants_read());
    expect_outcome(&mut script, SaslCode::Ok);
    script.expect_header(ProtocolHeader::AMQP);
    script.expect_frame::<Open>();
    script.expect_frame::<Begin>();
    let events = script.take_events();
    assert!(
        matches!(events[..], [Event::Authenticated, Event::Opened, Event::SessionOpening(_)]),
        "{events:?}"
    );

    let mut script = Script::server(options()).unjudged();
    script.give_octets(&pipelined(PLAIN));
    script.engine.authenticate(SaslAnswer::Reject(SaslCode::Auth)).unwrap();
    assert_eq!(script.take_events(), [Event::Authenticate, Event::Closed]);
    assert_eq!((script.engine.remote(), script.engine.counters().sessions), (None, 0));
}

/// SEC-5-13
#[test]
fn what_is_kept_during_a_check_is_bounded() {
    let limits = Limits::default().buffered_output(1000_usize);
    let (mut script, _) = announced(options(insecure()).limits(limits));
    script.give_sasl(&init(PLAIN, Some(b"\0user\0pass")));
    script.give_octets(&[b'A'; 1000]);
    assert!(script.engine.close_reason().is_none());
    script.give_octets(b"A");
    expect_failed(&mut script, &Cause::Sasl(None));
}

#[test]
fn an_answer_is_taken_once() {
    let mut script = asked(PLAIN, Some(b"\0user\0pass"));
    script.engine.authenticate(SaslAnswer::Accept(None)).unwrap();
    assert_eq!(script.engine.authenticate(SaslAnswer::Accept(None)), Err(StateError::NotAsked));
    let mut script = asked(PLAIN, Some(b"\0user\0pass"));
    script.give_eof();
    assert_eq!(script.engine.authenticate(SaslAnswer::Accept(None)), Err(StateError::NotAsked));
    script.expect_nothing();
}
