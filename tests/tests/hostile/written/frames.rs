//! Cases of frames as such.

use std::time::Duration;

use amqp_core::codec::{
    Begin, Close, Detach, Disposition, End, ErrorCondition, Flow, ProtocolHeader, SaslChallenge, SaslCode,
    SaslFrame, SaslInit, SaslMechanisms, SaslOutcome, SaslResponse, Str, Symbol, Transfer, encode_sasl_frame,
};
use amqp_core::{Cause, Event, SenderOptions};
use amqp_tests::chop::every_split;
use amqp_tests::oracle::Side;
use amqp_tests::pair::Door;
use amqp_tests::script::{frame, peer_begin, peer_open, peer_sender, peer_transfer};
use bytes::{Bytes, BytesMut};

use crate::answer::Expected;
use crate::run::Trying;
use crate::stage::{Setup, Stage, grant};

/// A whole AMQP frame of every kind, as a peer may send it in the state that goes with it.
fn performatives() -> [(&'static str, BytesMut); 9] {
    let attach = amqp_core::codec::Attach { handle: 1, ..peer_sender("M") };
    let disposition =
        Disposition { last: Some(amqp_core::codec::Serial(9)), settled: true, ..Disposition::default() };
    [
        ("PH", frame(0, &peer_open(), &[])),
        ("PO", frame(0, &peer_begin(), &[])),
        ("PB", frame(0, &attach, &[])),
        ("PS", frame(0, &grant(10), &[])),
        ("PR1", frame(0, &Transfer { handle: 0, ..peer_transfer(0) }, &[])),
        ("PS10", frame(0, &disposition, &[])),
        ("PR1", frame(0, &Detach { handle: 0, closed: true, error: None }, &[])),
        ("PB", frame(0, &End::default(), &[])),
        ("PO", frame(0, &Close::default(), &[])),
    ]
}

/// A whole SASL frame of every kind, and whose it is to take.
fn sasl_frames() -> [(Side, BytesMut); 5] {
    let octets = |frame: SaslFrame| {
        let mut octets = BytesMut::new();
        encode_sasl_frame(&mut octets, &frame);
        octets
    };
    let said = Bytes::from_static(b"said");
    let mechanism = Symbol::from_static("XOAUTH2");
    [
        (
            Side::Client,
            octets(
                SaslMechanisms { sasl_server_mechanisms: [mechanism.clone()].into_iter().collect() }.into(),
            ),
        ),
        (Side::Server, octets(SaslInit { mechanism, initial_response: None, hostname: None }.into())),
        (Side::Client, octets(SaslChallenge { challenge: said.clone() }.into())),
        (Side::Server, octets(SaslResponse { response: said }.into())),
        (Side::Client, octets(SaslOutcome { code: SaslCode::Ok, additional_data: None }.into())),
    ]
}

/// The first octets of a frame, with a SIZE that says that they are all.
fn cut(frame: &[u8], at: usize) -> Vec<u8> {
    [&u32::try_from(at).unwrap().to_be_bytes()[..], &frame[4..at]].concat()
}

#[test]
pub(crate) fn frames_that_end_too_early_are_errors() {
    for (start, frame) in performatives() {
        for at in 9..frame.len() {
            let _trying = Trying(format!("{at} octets of {frame:02x?}"));
            let mut stage = Stage::new(start, Setup::new(Side::Server));
            let answer = stage.give(&[&cut(&frame, at)], Door::Slice);
            assert!(!answer.errors().is_empty(), "{answer:?}");
        }
        let mut stage = Stage::new(start, Setup::new(Side::Server));
        assert!(stage.give(&[&frame], Door::Slice).errors().is_empty());
    }
    for (side, frame) in sasl_frames() {
        for at in 8..frame.len() {
            let mut stage = Stage::new("QM", Setup::new(side));
            let answer = stage.give(&[&cut(&frame, at)], Door::Slice);
            assert!(Expected::Eof.is(&answer), "{answer:?}");
        }
    }
}

/// A whole connection of the peer, from its header to its close.
fn conversation() -> Vec<u8> {
    let mut octets = ProtocolHeader::AMQP.to_bytes().to_vec();
    let frames = [
        frame(0, &peer_open(), &[]),
        frame(0, &peer_begin(), &[]),
        frame(0, &amqp_core::codec::Attach { handle: 0, ..peer_sender("L") }, &[]),
        frame(
            0,
            &Flow { echo: true, handle: None, delivery_count: None, link_credit: None, ..grant(0) },
            &[],
        ),
        BytesMut::from(&amqp_core::codec::EMPTY_FRAME[..]),
        frame(0, &End::default(), &[]),
        frame(0, &Close::default(), &[]),
    ];
    octets.extend(frames.into_iter().flatten());
    octets
}

#[test]
pub(crate) fn a_connection_in_any_pieces_is_the_same() {
    every_split(&conversation(), |pieces| {
        let mut stage = Stage::new("P0", Setup::new(Side::Server));
        let answer = stage.give(pieces, Door::Slice);
        let closed = answer.events.last() == Some(&Event::Closed);
        assert!(closed && answer.events.len() == 6, "{:?}", answer.events);
        answer
    });
}

#[test]
pub(crate) fn the_longest_extended_header_is_skipped() {
    let octets = [&[0, 0, 0x03, 0xFC, 0xFF, 0, 0, 0][..], &[0xAA; 1012]].concat();
    let mut stage = Stage::new("PO", Setup::new(Side::Server));
    let answer = stage.give(&[&octets], Door::Slice);
    assert!(Expected::Ignore.is(&answer), "{answer:?}");
    let begun = stage.give(&[&frame(0, &peer_begin(), &[])], Door::Slice);
    assert!(matches!(begun.events[..], [Event::SessionOpening(_)]), "what follows is read: {begun:?}");
}

/// An octet from time to time keeps no connection alive.
#[test]
pub(crate) fn a_frame_that_trickles_is_given_up() {
    let mut setup = Setup::new(Side::Server);
    setup.connection.idle_time_out = Some(Duration::from_secs(100));
    let mut stage = Stage::new("PO", setup);
    stage.script.give_octets(&[0, 0, 0x10, 0, 2, 0, 0, 0]);
    let mut passed = Duration::ZERO;
    while stage.script.engine.close_reason().is_none() {
        stage.script.give_octets(&[0]);
        stage.script.advance(Duration::from_secs(20));
        passed += Duration::from_secs(20);
    }
    assert!(passed <= stage.setup.connection.limits.frame_assembly + Duration::from_secs(20));
    stage.script.expect_close(Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
}

#[test]
pub(crate) fn what_does_not_fit_the_peers_frames_is_an_error_here() {
    let mut stage = Stage::new("PO512", Setup::new(Side::Server));
    let session = stage.script.engine.begin(stage.setup.session.clone()).unwrap();
    stage.script.expect_frame::<Begin>();
    stage.script.give_on(0, &Begin { remote_channel: Some(0), ..peer_begin() });
    let options = SenderOptions::new("node").name(Str::from("n".repeat(600)));
    let sender = stage.script.engine.session(session).unwrap().attach_sender(options).unwrap();
    stage.script.expect_nothing();
    stage.script.expect_event(Event::SenderClosed(sender));
    let reason = stage.script.reason(Event::SenderClosed(sender)).unwrap();
    assert_eq!(reason.cause(), &Cause::Exhausted);
}
