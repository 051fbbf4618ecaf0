//! Cases of connections over time.

use amqp_core::codec::{Close, End, Error, ErrorCondition, Fields, SaslCode, SaslFrame, SaslResponse, Value};
use amqp_core::{Cause, Event, SaslAnswer, Violation};
use amqp_tests::frames::Unit;
use amqp_tests::oracle::Side;
use amqp_tests::pair::Door;
use amqp_tests::script::{frame, peer_begin};
use bytes::{Bytes, BytesMut};

use crate::answer::Expected;
use crate::stage::{Setup, Stage};

#[test]
pub(crate) fn after_our_error_only_the_close_counts() {
    let mut stage = Stage::new("PO+err", Setup::new(Side::Server));
    let begins: BytesMut = (0..10_000_u16).flat_map(|at| frame(at, &peer_begin(), &[])).collect();
    let answer = stage.give(&[&begins], Door::Slice);
    assert!(Expected::Ignore.is(&answer), "{answer:?}");
    assert_eq!(stage.script.engine.counters().sessions, 0);
    stage.script.advance(stage.setup.connection.limits.close);
    stage.script.expect_event(Event::Closed);
    stage.script.expect_eof();
}

#[test]
pub(crate) fn begins_on_every_channel_end_at_the_limit() {
    let begins = |channels: std::ops::Range<u16>| -> BytesMut {
        channels.flat_map(|at| frame(at, &peer_begin(), &[])).collect()
    };
    let mut stage = Stage::new("PO", Setup::new(Side::Server));
    let four = stage.give(&[&begins(0..4)], Door::Slice);
    assert!(Expected::Accept.is(&four) && four.events.len() == 4, "{four:?}");
    let fifth = stage.give(&[&begins(4..5)], Door::Slice);
    assert!(Expected::Close(vec!["framing-error".into()]).is(&fifth), "{fifth:?}");

    let mut setup = Setup::new(Side::Server);
    setup.connection.channel_max = u16::MAX;
    let limit = usize::try_from(setup.connection.limits.sessions).unwrap();
    let mut stage = Stage::new("PO", setup);
    let answer = stage.give(&[&begins(0..65535)], Door::Slice);
    let opening = answer.events.iter().filter(|event| matches!(event, Event::SessionOpening(_))).count();
    assert_eq!(opening, limit);
    assert!(Expected::Close(vec!["resource-limit-exceeded".into()]).is(&answer));
}

#[test]
pub(crate) fn who_says_nothing_is_left() {
    for start in ["P0", "PH", "QS", "QM"] {
        for side in [Side::Client, Side::Server] {
            let mut stage = Stage::new(start, Setup::new(side));
            stage.script.advance(stage.setup.connection.limits.handshake);
            assert_eq!(stage.script.engine.close_reason().unwrap().cause(), &Cause::Timeout, "{start}");
            stage.script.expect_eof();
        }
    }
}

/// Nothing of the engine is read while the peer goes on asking.
#[test]
pub(crate) fn who_does_not_read_is_left() {
    let mut stage = Stage::new("PO", Setup::new(Side::Server));
    let now = stage.script.now();
    let session = [frame(0, &peer_begin(), &[]), frame(0, &End::default(), &[])].concat();
    let engine = &mut stage.script.engine;
    for _ in 0..100 {
        _ = engine.handle_input(&session, now);
        while engine.poll_event().is_some() {}
    }
    assert!(engine.counters().buffered_output < 10_000, "{:?}", engine.counters());
    let stall = engine.poll_timeout().unwrap();
    assert_eq!(stall, now + stage.setup.connection.limits.write_stall);
    assert_eq!(engine.handle_timeout(stall).last(), Some(Event::Closed));
    assert_eq!(engine.close_reason().unwrap().cause(), &Cause::Violation(Violation::WriteStall));
    assert!(engine.is_finished() && engine.poll_output(stall).is_none());
}

#[test]
pub(crate) fn many_frames_in_one_read_are_few_events() {
    let mut stage =
        Stage::new("PR9", Setup::new(Side::Server).limits(|limits| limits.message_size(1_000_000_u64)));
    let receiver = stage.receiver.unwrap();
    stage.script.engine.receiver(receiver).unwrap().grant(1000);
    stage.settle();
    let transfer = |id| {
        let transfer = amqp_tests::script::peer_transfer(id);
        frame(0, &amqp_core::codec::Transfer { handle: 0, ..transfer }, b"x")
    };
    let transfers: BytesMut = (0..1009).flat_map(transfer).collect();
    let answer = stage.give(&[&transfers], Door::Slice);
    assert_eq!(answer.events, [Event::Deliveries(receiver)]);
    assert_eq!(stage.script.engine.receiver(receiver).unwrap().waiting(), 1009);
}

/// The engine tells of a redirection and follows none.
#[test]
pub(crate) fn a_redirection_is_only_told() {
    let mut stage = Stage::new("PO", Setup::new(Side::Client));
    let info: Fields =
        [(amqp_core::codec::Symbol::from_static("hostname"), Value::from("elsewhere"))].into_iter().collect();
    let error = Error { info: Some(info), ..ErrorCondition::CONNECTION_REDIRECT.into() };
    let answer = stage.give(&[&frame(0, &Close { error: Some(error.clone()) }, &[])], Door::Slice);
    assert_eq!(answer.events, [Event::Closed]);
    assert_eq!(answer.reason.unwrap().cause(), &Cause::Remote(Some(error)));
    stage.script.expect_eof();
}

#[test]
pub(crate) fn a_login_without_end_is_refused() {
    let mut stage = Stage::new("QM", Setup::new(Side::Server));
    stage.script.give_sasl(&SaslFrame::Init(amqp_core::codec::SaslInit {
        mechanism: amqp_core::codec::Symbol::from_static("XOAUTH2"),
        initial_response: None,
        hostname: None,
    }));
    let mut rounds = 0;
    while stage.script.engine.close_reason().is_none() {
        stage.script.expect_event(Event::Authenticate);
        stage.script.engine.authenticate(SaslAnswer::Message(Bytes::from_static(b"more"))).unwrap();
        assert!(matches!(stage.script.expect_sasl(), SaslFrame::Challenge(_)));
        stage.script.give_sasl(&SaslFrame::Response(SaslResponse { response: Bytes::from_static(b"yes") }));
        rounds += 1;
    }
    assert_eq!(rounds, stage.setup.connection.limits.sasl_rounds);
    let said = stage.script.rest();
    assert!(
        matches!(&said[..], [Unit::Sasl(SaslFrame::Outcome(outcome))] if outcome.code == SaslCode::Auth),
        "{said:?}"
    );
    stage.script.expect_eof();
}
