//! Part 5: the SASL layer of a client.
#![cfg(test)]

use amqp_core::codec::{
    Multiple, ProtocolHeader, SaslChallenge, SaslCode, SaslFrame, SaslInit, SaslMechanisms, SaslOutcome,
    SaslResponse, Symbol, encode_sasl_frame,
};
use amqp_core::{
    Cause, ConnectionOptions, Credentials, Event, Limits, SaslAnswer, StateError, TransportFacts, Violation,
};
use amqp_tests::chop::every_split;
use amqp_tests::pair::client_options;
use amqp_tests::script::{Script, frame, peer_open};
use bytes::{Bytes, BytesMut};

fn options(credentials: Credentials) -> ConnectionOptions {
    client_options().credentials(credentials)
}

fn mechanisms(names: &[&'static str]) -> SaslMechanisms {
    let names: Vec<Symbol> = names.iter().map(|name| Symbol::from_static(name)).collect();
    SaslMechanisms { sasl_server_mechanisms: Multiple::from(names) }
}

const fn outcome(code: SaslCode) -> SaslOutcome {
    SaslOutcome { code, additional_data: None }
}

/// A client that has been offered these mechanisms.
#[track_caller]
fn offered(options: ConnectionOptions, names: &[&'static str]) -> Script {
    let mut script = Script::client(options);
    script.expect_header(ProtocolHeader::SASL);
    script.expect_nothing();
    script.give_header(ProtocolHeader::SASL);
    script.give_sasl(&mechanisms(names));
    script
}

#[track_caller]
fn expect_init(script: &mut Script) -> SaslInit {
    let SaslFrame::Init(init) = script.expect_sasl() else { unreachable!("{}", script.oracle.trace()) };
    init
}

#[track_caller]
fn expect_failed(script: &mut Script, cause: &Cause) {
    script.expect_eof();
    assert_eq!(script.take_events(), [Event::Closed]);
    assert_eq!(script.engine.close_reason().unwrap().cause(), cause);
}

fn own(initial_response: Option<Bytes>) -> Credentials {
    Credentials::Mechanism { name: Symbol::from_static("OTHER"), initial_response }
}

/// SEC-5-6, SEC-5-12, TRANSPORT-2.2-11
#[test]
fn anonymous_and_then_the_headers_again() {
    let mut script = offered(options(Credentials::Anonymous), &["PLAIN", "ANONYMOUS"]);
    assert_eq!(expect_init(&mut script).mechanism, "ANONYMOUS");
    script.expect_nothing();
    script.give_sasl(&outcome(SaslCode::Ok));
    assert_eq!(script.take_events(), [Event::Authenticated]);
    script.open(&peer_open());
}

/// SEC-5-17
#[test]
fn plain_sends_its_three_parts() {
    let mut script = offered(options(Credentials::plain_insecure("user", "pass")), &["PLAIN"]);
    let init = expect_init(&mut script);
    assert_eq!(init.mechanism, "PLAIN");
    assert_eq!(init.initial_response.as_deref(), Some(&b"\0user\0pass"[..]));
}

/// SEC-5-9
#[test]
fn no_password_goes_over_an_open_wire() {
    let mut script = offered(options(Credentials::plain("user", "pass")), &["PLAIN"]);
    expect_failed(&mut script, &Cause::NoMechanism);
    let transport = TransportFacts { encrypted: true, ..TransportFacts::default() };
    let encrypted = options(Credentials::plain("user", "pass")).transport(transport);
    let mut script = offered(encrypted, &["PLAIN"]);
    assert_eq!(expect_init(&mut script).mechanism, "PLAIN");
}

/// SEC-5-9: of what both have, what proves more, in whatever order the server names it.
#[test]
fn who_has_credentials_is_not_anonymous() {
    let external = Credentials::External { authorization: "user".into() };
    for (credentials, strongest) in
        [(Credentials::plain_insecure("user", "pass"), "PLAIN"), (external, "EXTERNAL")]
    {
        for names in [["ANONYMOUS", strongest], [strongest, "ANONYMOUS"]] {
            let mut script = offered(options(credentials.clone()), &names);
            assert_eq!(expect_init(&mut script).mechanism, strongest);
        }
    }
}

/// SEC-5-17
#[test]
fn no_part_of_plain_can_smuggle_another_in() {
    for (user, password) in [("user\0other", "pass"), ("user", "pass\0other")] {
        let mut script = offered(options(Credentials::plain_insecure(user, password)), &["PLAIN"]);
        expect_failed(&mut script, &Cause::NoMechanism);
    }
}

/// SEC-5-15
#[test]
fn external_names_whom_to_act_for() {
    for authorization in ["", "someone"] {
        let credentials = Credentials::External { authorization: authorization.into() };
        let mut script = offered(options(credentials), &["EXTERNAL"]);
        let init = expect_init(&mut script);
        assert_eq!(init.mechanism, "EXTERNAL");
        assert_eq!(init.initial_response.as_deref(), Some(authorization.as_bytes()));
    }
}

/// SEC-5-16
#[test]
fn the_hostname_is_the_same_as_in_the_open() {
    let options = options(Credentials::Anonymous).hostname("example.org");
    let mut script = offered(options, &["ANONYMOUS"]);
    assert_eq!(expect_init(&mut script).hostname.as_deref(), Some("example.org"));
    script.give_sasl(&outcome(SaslCode::Ok));
    assert_eq!(script.open(&peer_open()).hostname.as_deref(), Some("example.org"));
}

/// SEC-5-6
#[test]
fn a_server_without_our_mechanism_is_left() {
    let mut script = offered(options(Credentials::Anonymous), &["PLAIN", "EXTERNAL"]);
    expect_failed(&mut script, &Cause::NoMechanism);
}

/// TYPES-1.5-9
#[test]
fn a_server_without_any_mechanism_is_left() {
    for body in [
        &b"\x00\x53\x40\x45"[..],
        b"\x00\x53\x40\xc0\x02\x01\x40",
        b"\x00\x53\x40\xc0\x05\x01\xe0\x02\x00\xa3",
    ] {
        let mut script = Script::client(options(Credentials::Anonymous));
        script.expect_header(ProtocolHeader::SASL);
        script.give_header(ProtocolHeader::SASL);
        let size = u8::try_from(8 + body.len()).unwrap();
        script.give_octets(&[&[0, 0, 0, size, 2, 1, 0, 0], body].concat());
        script.expect_eof();
        let cause = script.engine.close_reason().unwrap().cause().clone();
        assert!(matches!(cause, Cause::Violation(Violation::Decode(_))), "{cause:?}");
    }
}

/// SEC-5-11, SEC-5-12
#[test]
fn a_refusal_ends_with_its_code() {
    for (code, retry) in [
        (SaslCode::Auth, false),
        (SaslCode::Sys, true),
        (SaslCode::SysPerm, false),
        (SaslCode::SysTemp, true),
    ] {
        let mut script = offered(options(Credentials::Anonymous), &["ANONYMOUS"]);
        expect_init(&mut script);
        script.give_sasl(&outcome(code));
        expect_failed(&mut script, &Cause::Sasl(Some(code)));
        assert_eq!(script.engine.close_reason().unwrap().is_retryable(), retry);
    }
}

/// SEC-5-11
#[test]
fn an_outcome_of_an_unknown_code_ends() {
    let mut script = offered(options(Credentials::Anonymous), &["ANONYMOUS"]);
    expect_init(&mut script);
    script.give_octets(b"\0\0\0\x10\x02\x01\0\0\x00\x53\x44\xc0\x03\x01\x50\x05");
    script.expect_eof();
    assert!(!script.take_events().contains(&Event::Authenticated));
}

/// SEC-5-10
#[test]
fn challenges_are_the_applications_to_answer() {
    let mut script = offered(options(own(Some(Bytes::from_static(b"first")))), &["OTHER"]);
    assert_eq!(expect_init(&mut script).initial_response.as_deref(), Some(&b"first"[..]));
    for round in [1, 2] {
        script.give_sasl(&SaslChallenge { challenge: Bytes::from(vec![round]) });
        assert_eq!(script.take_events(), [Event::Authenticate]);
        let request = script.engine.sasl().unwrap();
        assert_eq!((request.message.as_deref(), request.round), (Some(&[round][..]), u32::from(round)));
        script.expect_nothing();
        script.engine.authenticate(SaslAnswer::Message(Bytes::from(vec![round + 100]))).unwrap();
        let SaslFrame::Response(SaslResponse { response }) = script.expect_sasl() else {
            unreachable!("{}", script.oracle.trace())
        };
        assert_eq!(response[..], [round + 100]);
    }
    let additional_data = Some(Bytes::from_static(b"proof"));
    script.give_sasl(&SaslOutcome { code: SaslCode::Ok, additional_data: additional_data.clone() });
    assert_eq!(script.engine.sasl().unwrap().message, additional_data);
    script.open(&peer_open());
}

/// SEC-5-10
#[test]
fn the_application_can_give_up() {
    let mut script = offered(options(own(None)), &["OTHER"]);
    expect_init(&mut script);
    script.give_sasl(&SaslChallenge::default());
    script.take_events();
    assert_eq!(script.engine.authenticate(SaslAnswer::Accept(None)), Err(StateError::WrongAnswer));
    script.engine.authenticate(SaslAnswer::Reject(SaslCode::Auth)).unwrap();
    expect_failed(&mut script, &Cause::Sasl(Some(SaslCode::Auth)));
}

/// SEC-5-10
#[test]
fn rounds_have_a_limit() {
    let limits = Limits::default().sasl_rounds(2_u32);
    let mut script = offered(options(own(None)).limits(limits), &["OTHER"]);
    expect_init(&mut script);
    for _ in 0..2 {
        script.give_sasl(&SaslChallenge::default());
        script.engine.authenticate(SaslAnswer::Message(Bytes::new())).unwrap();
        script.expect_sasl();
    }
    script.take_events();
    script.give_sasl(&SaslChallenge::default());
    expect_failed(&mut script, &Cause::Sasl(None));
}

/// SEC-5-10
#[test]
fn a_challenge_for_a_mechanism_without_any_ends() {
    let mut script = offered(options(Credentials::Anonymous), &["ANONYMOUS"]);
    expect_init(&mut script);
    script.give_sasl(&SaslChallenge::default());
    expect_failed(&mut script, &Cause::Sasl(None));
}

/// SEC-5-2, SEC-5-5
#[test]
fn what_a_server_must_not_say_ends_the_layer() {
    let init =
        SaslFrame::Init(SaslInit { mechanism: Symbol::from_static("ANONYMOUS"), ..SaslInit::default() });
    let before = [
        init.clone(),
        SaslFrame::Outcome(outcome(SaslCode::Ok)),
        SaslFrame::Challenge(SaslChallenge::default()),
    ];
    for says in before {
        let mut script = Script::client(options(Credentials::Anonymous));
        script.expect_header(ProtocolHeader::SASL);
        script.give_header(ProtocolHeader::SASL);
        script.give_sasl(&says);
        expect_failed(&mut script, &Cause::Sasl(None));
    }
    for says in [
        init,
        SaslFrame::Mechanisms(mechanisms(&["ANONYMOUS"])),
        SaslFrame::Response(SaslResponse::default()),
    ] {
        let mut script = offered(options(Credentials::Anonymous), &["ANONYMOUS"]);
        expect_init(&mut script);
        script.give_sasl(&says);
        expect_failed(&mut script, &Cause::Sasl(None));
    }
}

/// TRANSPORT-2.2-12
#[test]
fn the_end_of_the_transport_inside_the_layer_is_an_end() {
    let (mut mechanisms_frame, mut outcome_frame) = (BytesMut::new(), BytesMut::new());
    encode_sasl_frame(&mut mechanisms_frame, &mechanisms(&["ANONYMOUS"]));
    encode_sasl_frame(&mut outcome_frame, &outcome(SaslCode::Ok));
    let header = ProtocolHeader::SASL.to_bytes();
    let dialogue = [&header[..], &mechanisms_frame, &outcome_frame].concat();
    for arrived in 0..=dialogue.len() {
        let mut script = Script::client(options(Credentials::Anonymous)).unjudged();
        script.give_octets(&dialogue[..arrived]);
        script.rest();
        script.give_eof();
        script.expect_eof();
        assert_eq!(script.take_events().last(), Some(&Event::Closed));
        assert_eq!(script.engine.close_reason().unwrap().cause(), &Cause::TransportLost);
    }
}

/// TRANSPORT-2.2-9
#[test]
fn a_server_that_wants_no_sasl_is_left() {
    let mut script = Script::client(options(Credentials::Anonymous));
    script.expect_header(ProtocolHeader::SASL);
    script.give_header(ProtocolHeader::AMQP);
    expect_failed(&mut script, &Cause::Header(Some(ProtocolHeader::AMQP)));
}

/// SEC-5-13
#[test]
fn a_server_may_say_everything_in_one_read() {
    let mut sasl = BytesMut::new();
    encode_sasl_frame(&mut sasl, &mechanisms(&["ANONYMOUS"]));
    encode_sasl_frame(&mut sasl, &outcome(SaslCode::Ok));
    let headers = [ProtocolHeader::SASL.to_bytes(), ProtocolHeader::AMQP.to_bytes()];
    let octets = [&headers[0][..], &sasl, &headers[1], &frame(0, &peer_open(), &[])].concat();
    let (units, events) = every_split(&octets, |pieces| {
        let mut script = Script::client(options(Credentials::Anonymous)).unjudged();
        let mut units = Vec::new();
        for piece in pieces {
            script.give_octets(piece);
            units.extend(script.rest());
        }
        (units, script.take_events())
    });
    assert_eq!(units.len(), 4);
    assert_eq!(events, [Event::Authenticated, Event::Opened]);
}

#[test]
fn credentials_are_never_shown() {
    let shown = format!("{:?}", options(Credentials::plain_insecure("user", "secret")));
    assert!(shown.contains("user") && !shown.contains("secret"), "{shown}");
    assert!(!format!("{:?}", own(Some(Bytes::from_static(b"secret")))).contains("secret"));
}
