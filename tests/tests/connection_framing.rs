//! §2.3: frames.
#![cfg(test)]

use amqp_core::codec::{Close, EMPTY_FRAME, End, Error, ErrorCondition, FrameError, Open};
use amqp_core::{Cause, ConnectionOptions, Event, Violation};
use amqp_tests::script::{CHANNEL, Script, frame, peer_begin, peer_open};

/// The engine, opened, gets `octets`, and closes with `condition`.
#[track_caller]
fn closes(octets: &[u8], condition: ErrorCondition) -> Script {
    let mut script = Script::opened_server();
    script.give_octets(octets);
    script.expect_event(Event::Closed);
    expect_close_and_eof(&mut script, condition);
    script
}

/// The close is written. Where the next frame begins may not be known, so it is the end of input that is waited for.
#[track_caller]
fn expect_close_and_eof(script: &mut Script, condition: ErrorCondition) {
    script.expect_close(Some(condition));
    script.expect_nothing();
    assert!(!script.engine.wants_shutdown());
    script.give_eof();
    script.expect_eof();
}

fn frame_header(size: u32, doff: u8, kind: u8) -> Vec<u8> {
    [&size.to_be_bytes()[..], &[doff, kind, 0, 0]].concat()
}

/// TRANSPORT-2.3-1
#[test]
fn a_size_below_8_is_malformed() {
    for size in 0..8 {
        let script = closes(&frame_header(size, 2, 0), ErrorCondition::FRAMING_ERROR);
        let violation = Violation::FrameHeader(FrameError::TooSmall);
        assert_eq!(script.engine.close_reason().unwrap().cause(), &Cause::Violation(violation));
    }
}

/// TRANSPORT-2.3-2
#[test]
fn a_data_offset_inside_the_header_or_behind_the_frame_is_malformed() {
    for (size, doff) in [(16, 0), (16, 1), (14, 4), (8, 3), (8, 255)] {
        closes(&frame_header(size, doff, 0), ErrorCondition::FRAMING_ERROR);
    }
}

/// TRANSPORT-2.3-3
#[test]
fn an_extended_header_is_skipped() {
    for doff in [3, 4, 255] {
        let plain = frame(0, &Close::default(), &[]);
        let extension = vec![0xAA; 4 * (usize::from(doff) - 2)];
        let size = u32::try_from(plain.len() + extension.len()).unwrap();
        let extended = [&frame_header(size, doff, 0), &extension, &plain[8..]].concat();
        let mut script = Script::opened_server();
        script.give_octets(&extended);
        script.expect_close(None);
        script.expect_eof();
    }
}

/// TRANSPORT-2.3-4, TRANSPORT-2.2-10
#[test]
fn a_frame_of_another_type_is_an_error() {
    for kind in [1, 2, 0xFF] {
        closes(&frame_header(8, 2, kind), ErrorCondition::FRAMING_ERROR);
    }
}

/// TRANSPORT-2.3-5
#[test]
fn octets_6_and_7_are_the_channel() {
    let mut script = Script::opened_server();
    script.give_octets(&frame(0x0010, &peer_begin(), &[]));
    let session = script.expect_some(|event| match event {
        Event::SessionOpening(id) => Some(id),
        _ => None,
    });
    script.engine.session(session).unwrap().accept(Default::default()).unwrap();
    let begin: amqp_core::codec::Begin = script.expect_frame();
    assert_eq!(begin.remote_channel, Some(0x0010));
}

/// TRANSPORT-2.3-6
#[test]
fn a_body_that_is_no_performative_is_an_error() {
    let bodies: [&[u8]; 5] =
        [b"\x00\x53\x99\x45", b"\x40", b"\x00\x53\x10", b"\x00\x53\x24\x45", b"\x00\xa3\x01x\x45"];
    for body in bodies {
        let size = u32::try_from(8 + body.len()).unwrap();
        closes(&[&frame_header(size, 2, 0), body].concat(), ErrorCondition::DECODE_ERROR);
    }
}

/// TRANSPORT-2.3-7
#[test]
fn only_a_transfer_has_octets_behind_it() {
    closes(&frame(CHANNEL, &peer_begin(), &[0]), ErrorCondition::FRAMING_ERROR);
    closes(&frame(0, &Close::default(), &[0x40]), ErrorCondition::FRAMING_ERROR);
}

/// TRANSPORT-2.3-8, TRANSPORT-2.4.5-6
#[test]
fn an_empty_frame_has_no_effect_on_any_channel() {
    let mut script = Script::opened_server();
    for channel in [0_u8, 1, 255] {
        let mut octets = EMPTY_FRAME;
        octets[7] = channel;
        script.give_octets(&octets);
    }
    assert_eq!(script.take_events(), []);
    script.expect_nothing();
    assert_eq!(script.engine.counters().frames_in, 4);
}

/// TRANSPORT-2.3-8
#[test]
fn an_empty_frame_is_let_pass_before_the_open() {
    let mut script = Script::server(ConnectionOptions::new("engine").accept_connection(true));
    script.exchange_headers();
    script.give_empty_frame();
    script.expect_nothing();
    script.give_on(0, &peer_open());
    script.expect_frame::<Open>();
}

/// TRANSPORT-2.3-9, TRANSPORT-2.4.1-5
#[test]
fn a_frame_that_is_too_large_is_refused_by_its_header() {
    for (announced, size) in [(512, 513), (1000, 1001), (65_536, u32::MAX)] {
        let options = ConnectionOptions::new("engine").accept_connection(true).max_frame_size(announced);
        let mut script = Script::server(options);
        assert_eq!(script.open(&peer_open()).max_frame_size, announced);
        script.give_octets(&frame_header(size, 2, 0));
        expect_close_and_eof(&mut script, ErrorCondition::FRAMING_ERROR);
        let violation = Violation::FrameTooLarge(size);
        assert_eq!(script.engine.close_reason().unwrap().cause(), &Cause::Violation(violation));
    }
}

/// TRANSPORT-2.3-9
#[test]
fn a_frame_as_large_as_announced_is_taken() {
    let options = ConnectionOptions::new("engine").accept_connection(true).max_frame_size(512_u32);
    let mut script = Script::server(options);
    script.open(&peer_open());
    let text = |length| Close { error: Some(Error::new(ErrorCondition::INTERNAL_ERROR, "x".repeat(length))) };
    let room = 512 - frame(0, &text(300), &[]).len() + 300;
    let close = frame(0, &text(room), &[]);
    assert_eq!(close.len(), 512);
    script.give_octets(&close);
    script.expect_close(None);
    script.expect_eof();
}

/// TRANSPORT-2.3-10
#[test]
fn nothing_behind_a_fatal_error_is_processed() {
    let mut script = Script::opened_server();
    let begin = frame(CHANNEL, &peer_begin(), &[]);
    script.give_octets(&[&frame(CHANNEL, &End::default(), &[])[..], &begin].concat());
    assert_eq!(script.take_events(), [Event::Closed]);
    script.expect_closed(ErrorCondition::NOT_ALLOWED);
    assert_eq!(script.engine.counters().sessions, 0);
}

/// TRANSPORT-2.3-10
#[test]
fn frames_are_processed_in_the_order_of_their_arrival() {
    let mut script = Script::opened_server();
    let frames = [
        frame(2, &peer_begin(), &[]),
        frame(1, &peer_begin(), &[]),
        frame(2, &End::default(), &[]),
        frame(1, &End::default(), &[]),
    ];
    script.give_octets(&frames.concat());
    let events = script.take_events();
    let [Event::SessionOpening(a), Event::SessionOpening(b), Event::SessionEnded(c), Event::SessionEnded(d)] =
        events[..]
    else {
        unreachable!("{events:?}")
    };
    assert_eq!((a, b), (c, d));
    let channels = std::iter::from_fn(|| match script.next_unit()? {
        amqp_tests::frames::Unit::Frame(frame) => Some(frame.channel),
        _ => None,
    });
    assert_eq!(channels.collect::<Vec<_>>(), [0, 0, 1, 1]);
}
