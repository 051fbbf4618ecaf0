//! §2.4.5: idle time-outs, both ways.
#![cfg(test)]

use std::time::Duration;

use amqp_core::codec::{Begin, Close, EMPTY_FRAME, ErrorCondition, Open, ProtocolHeader};
use amqp_core::{
    Cause, ConnectionOptions, ConnectionState, Event, Instant, Limits, SessionOptions, Violation,
};
use amqp_tests::frames::Unit;
use amqp_tests::oracle::Side;
use amqp_tests::pair::{Pair, client_options, server_options};
use amqp_tests::script::{Script, frame, peer_begin, peer_open};

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn at(milliseconds: u64) -> Option<Instant> {
    Some(Instant::from_millis(milliseconds))
}

/// A client that closes after so long a silence, whose peer wants a frame every `theirs`.
fn idle(ours: Option<Duration>, theirs: Option<u32>) -> Script {
    let mut options = client_options();
    options.idle_time_out = ours;
    let mut script = Script::client(options);
    script.open(&Open { idle_time_out: theirs, ..peer_open() });
    script
}

/// TRANSPORT-2.4.5-1
#[test]
fn without_time_outs_nothing_is_timed() {
    for theirs in [None, Some(0)] {
        let mut script = idle(None, theirs);
        assert_eq!(script.engine.poll_timeout(), None);
        script.advance(Duration::from_secs(1_000_000));
        script.expect_nothing();
    }
}

/// TRANSPORT-2.4.5-1, TRANSPORT-2.4.5-2, TRANSPORT-2.4.5-9
#[test]
fn half_of_the_real_time_out_is_announced() {
    for (real, announced) in
        [(ms(60_000), 30_000), (ms(1000), 500), (Duration::from_secs(u64::MAX), u32::MAX)]
    {
        let mut script = Script::client(client_options().idle_time_out(real));
        assert_eq!(script.open(&peer_open()).idle_time_out, Some(announced));
    }
    let mut script = Script::client(client_options());
    assert_eq!(script.open(&peer_open()).idle_time_out, None);
}

/// TRANSPORT-2.4.5-3
#[test]
fn a_peer_that_falls_silent_is_told_and_then_left() {
    let limits = Limits::default().close(ms(3000));
    let mut script = Script::client(client_options().idle_time_out(ms(1000)).limits(limits));
    script.open(&peer_open());
    script.advance(ms(999));
    script.expect_nothing();
    script.advance(ms(1));
    let Close { error } = script.expect_frame();
    let error = error.unwrap();
    assert_eq!(error.condition, ErrorCondition::RESOURCE_LIMIT_EXCEEDED);
    assert_eq!(error.description.as_deref(), Some("local idle-time-out expired"));
    script.expect_event(Event::Closed);
    let reason = script.engine.close_reason().unwrap().clone();
    assert_eq!(reason.cause(), &Cause::Violation(Violation::Idle));
    assert!(reason.is_retryable());
    assert_eq!(script.engine.state(), ConnectionState::Discarding);
    script.advance(ms(3000));
    script.expect_eof();
    assert_eq!(script.engine.close_reason(), Some(&reason));
}

/// TRANSPORT-2.4.5-4
#[test]
fn an_empty_frame_is_sent_after_half_of_what_the_peer_asks() {
    let mut script = idle(None, Some(1000));
    assert_eq!(script.engine.poll_timeout(), at(500));
    for beat in 1..4 {
        script.advance(ms(499));
        script.expect_nothing();
        script.advance(ms(1));
        let frame = script.expect_any_frame();
        assert_eq!((frame.size, frame.channel, frame.performative), (8, 0, None));
        assert_eq!(script.engine.poll_timeout(), at(beat * 500 + 500));
    }
}

/// TRANSPORT-2.4.5-4
#[test]
fn whatever_is_sent_puts_the_next_empty_frame_off() {
    let mut script = idle(None, Some(1000));
    script.advance(ms(400));
    script.begin(SessionOptions::default(), &peer_begin());
    assert_eq!(script.engine.poll_timeout(), at(900));
    script.advance(ms(499));
    script.expect_nothing();
    script.advance(ms(1));
    script.expect_empty_frame();
}

/// TRANSPORT-2.4.5-4
#[test]
fn what_waits_to_be_written_goes_instead_of_an_empty_frame() {
    let mut script = idle(None, Some(1000));
    script.engine.begin(SessionOptions::default()).unwrap();
    _ = script.engine.handle_timeout(Instant::from_millis(500));
    script.expect_frame::<Begin>();
    script.expect_nothing();
}

/// TRANSPORT-2.4.5-5
#[test]
fn nothing_beats_before_our_open() {
    let mut script = Script::server(ConnectionOptions::new("engine"));
    script.exchange_headers();
    script.give_on(0, &Open { idle_time_out: Some(200), ..peer_open() });
    script.advance(ms(5000));
    script.expect_nothing();
    script.engine.accept(ConnectionOptions::new("engine")).unwrap();
    script.expect_frame::<Open>();
    script.advance(ms(100));
    script.expect_empty_frame();
}

/// TRANSPORT-2.4.5-1: what counts is the open that is sent, not what was meant before the peer's was there.
#[test]
fn the_time_out_is_that_of_the_open() {
    for (meant, announced) in
        [(Some(ms(1000)), None), (Some(ms(1000)), Some(ms(9000))), (None, Some(ms(9000)))]
    {
        let options = |idle_time_out| {
            let mut options = ConnectionOptions::new("engine");
            options.idle_time_out = idle_time_out;
            options
        };
        let mut script = Script::server(options(meant));
        script.exchange_headers();
        script.give_on(0, &peer_open());
        script.engine.accept(options(announced)).unwrap();
        let open: Open = script.expect_frame();
        assert_eq!(open.idle_time_out, announced.map(|it| it.as_millis() as u32 / 2));
        script.advance(ms(8999));
        script.expect_nothing();
        script.advance(ms(1));
        if announced.is_some() {
            script.expect_close(Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
        } else {
            script.expect_nothing();
        }
    }
}

/// TRANSPORT-2.4.5-5
#[test]
fn nothing_beats_behind_our_close() {
    let limits = Limits::default().close(Duration::from_secs(60));
    let mut script = Script::client(client_options().limits(limits));
    script.open(&Open { idle_time_out: Some(1000), ..peer_open() });
    script.engine.close(None);
    script.expect_close(None);
    script.advance(ms(50_000));
    script.expect_nothing();
    assert_eq!(script.engine.state(), ConnectionState::CloseSent);
}

/// TRANSPORT-2.4.5-6, TRANSPORT-2.4.5-7
#[test]
fn every_frame_on_every_channel_keeps_the_connection_alive() {
    let mut script = idle(Some(ms(1000)), None);
    let mut on_channel_7 = EMPTY_FRAME;
    on_channel_7[7] = 7;
    for octets in [&EMPTY_FRAME[..], &on_channel_7, &frame(7, &peer_begin(), &[])] {
        script.advance(ms(999));
        script.give_octets(octets);
    }
    script.advance(ms(999));
    script.expect_nothing();
    script.advance(ms(1));
    script.expect_close(Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
}

/// TRANSPORT-2.4.5-8
#[test]
fn a_time_out_that_is_too_short_to_be_kept_is_refused() {
    let limits = Limits::default().idle_time_out(ms(100));
    for (period, kept) in [(1, false), (99, false), (100, true)] {
        let mut script = Script::server(server_options().limits(limits.clone()));
        script.exchange_headers();
        script.give_on(0, &Open { idle_time_out: Some(period), ..peer_open() });
        script.expect_frame::<Open>();
        if kept {
            script.expect_event(Event::Opened);
            assert_eq!(script.engine.poll_timeout(), at(50));
        } else {
            script.expect_closed(ErrorCondition::NOT_ALLOWED);
        }
    }
}

/// TRANSPORT-2.4.5-10
#[test]
fn only_differences_of_time_count() {
    for origin in [0, 1, u64::MAX / 4] {
        let mut script = Script::client(client_options().idle_time_out(ms(1000)));
        script.set_time(Instant::from_millis(origin));
        script.open(&Open { idle_time_out: Some(600), ..peer_open() });
        let now = script.now();
        assert_eq!(script.engine.poll_timeout(), Some(now + ms(300)));
        script.advance(ms(1000));
        let written = script.rest();
        assert_eq!(written.len(), 4, "three beats and a close: {written:?}");
    }
}

/// TRANSPORT-2.4.5-10
#[test]
fn a_clock_that_goes_back_stands_still() {
    let mut script = idle(Some(ms(1000)), None);
    script.advance(ms(400));
    script.give_empty_frame();
    _ = script.engine.handle_timeout(Instant::ORIGIN);
    _ = script.engine.handle_input(&EMPTY_FRAME, Instant::from_millis(10));
    assert_eq!(script.engine.poll_output(Instant::ORIGIN), None);
    assert_eq!(script.engine.poll_timeout(), at(1400));
    script.advance(ms(999));
    script.expect_nothing();
    script.advance(ms(1));
    script.expect_close(Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
}

/// TRANSPORT-2.4.5-11: frames count, and a frame has a deadline of its own.
#[test]
fn the_octets_of_an_unfinished_frame_do_not_keep_it_alive() {
    let mut script = idle(Some(ms(1000)), None);
    let octets = frame(0, &peer_begin(), &[]);
    for (sent, octet) in octets.iter().take(12).enumerate() {
        assert!(script.engine.close_reason().is_none(), "closed after {sent} octets");
        if sent == 10 {
            break;
        }
        script.give_octets(&[*octet]);
        script.advance(ms(99));
    }
    script.advance(ms(10));
    script.expect_close(Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
    assert_eq!(script.engine.close_reason().unwrap().cause(), &Cause::Violation(Violation::Idle));
}

/// TRANSPORT-2.4.5-1, TRANSPORT-2.4.5-4
#[test]
fn the_golden_tick_schedule() {
    // A has a time-out of 1 s, B none; A is heard at 498 ms for the last time.
    let mut a = Script::server(server_options().idle_time_out(ms(1000)));
    let mut b = Script::client(client_options());
    a.advance(ms(1));
    b.advance(ms(1));
    assert_eq!(a.open(&peer_open()).idle_time_out, Some(500));
    b.open(&Open { idle_time_out: Some(500), ..peer_open() });
    assert_eq!((a.engine.poll_timeout(), b.engine.poll_timeout()), (at(1001), at(251)));
    b.advance(ms(250));
    b.expect_empty_frame();
    b.expect_nothing();
    assert_eq!(b.engine.poll_timeout(), at(501));
    a.advance(ms(497));
    a.give_empty_frame();
    assert_eq!(a.engine.poll_timeout(), at(1498));
    a.advance(ms(1001));
    a.expect_close(Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
}

/// TRANSPORT-2.4.5-4
#[test]
fn two_engines_keep_each_other_alive() {
    let client = client_options().idle_time_out(ms(1000));
    let server = server_options().idle_time_out(ms(300));
    let mut pair = Pair::opened_with(client, server);
    pair.written(Side::Client);
    pair.written(Side::Server);
    pair.advance(Duration::from_secs(10));
    let beats = |units: Vec<Unit>| units.len();
    // 300 ms mean 150 announced, which is a beat every 75.
    assert_eq!(beats(pair.written(Side::Client)), 133);
    assert_eq!(beats(pair.written(Side::Server)), 40);
    assert_eq!((pair.take_events(Side::Client), pair.take_events(Side::Server)), (vec![], vec![]));
    pair.finish();
}

/// TRANSPORT-2.4.5-3
#[test]
fn an_engine_whose_peer_was_suspended_closes() {
    let mut pair = Pair::opened_with(client_options().idle_time_out(ms(1000)), server_options());
    let late = pair.now() + ms(1000);
    _ = pair.client.handle_timeout(late);
    assert_eq!(pair.take_events(Side::Client), [Event::Closed]);
    pair.drive();
    let Cause::Remote(Some(error)) = pair.server.close_reason().unwrap().cause() else {
        unreachable!("{:?}", pair.server.close_reason())
    };
    assert_eq!(error.condition, ErrorCondition::RESOURCE_LIMIT_EXCEEDED);
}

/// TRANSPORT-2.4.5-1: the peer's time-out is not known before its open, and ours does not run before it either.
#[test]
fn time_outs_begin_with_the_peers_open() {
    let mut script = Script::client(client_options().idle_time_out(ms(200)));
    script.expect_header(ProtocolHeader::AMQP);
    script.expect_frame::<Open>();
    script.give_header(ProtocolHeader::AMQP);
    script.advance(ms(1000));
    script.expect_nothing();
    script.give_on(0, &Open { idle_time_out: Some(1000), ..peer_open() });
    assert_eq!(script.engine.poll_timeout(), at(1200));
}

/// TRANSPORT-2.4.5-1: the time begins with the open that announces it, not when the engine was last told the time.
#[test]
fn the_time_out_begins_when_it_is_announced() {
    let options = || ConnectionOptions::new("engine").idle_time_out(ms(2000));
    let mut script = Script::server(options());
    script.exchange_headers();
    script.give_on(0, &Open { idle_time_out: Some(1000), ..peer_open() });
    script.set_time(Instant::from_millis(3000));
    script.engine.accept(options()).unwrap();
    script.expect_frame::<Open>();
    // Our heartbeat, and then the peer's deadline.
    assert_eq!(script.engine.poll_timeout(), at(3500));
    script.advance(ms(1999));
    assert!(script.engine.close_reason().is_none());
    script.advance(ms(1));
    assert_eq!(script.engine.close_reason().unwrap().cause(), &Cause::Violation(Violation::Idle));
}

/// TRANSPORT-2.4.5-1: nobody keeps a time-out that it was not told.
#[test]
fn a_peer_may_be_silent_before_our_open() {
    let options = || ConnectionOptions::new("engine").idle_time_out(ms(1000));
    let mut script = Script::server(options());
    script.exchange_headers();
    script.give_on(0, &peer_open());
    script.give(&peer_begin());
    script.advance(ms(5000));
    assert!(script.engine.close_reason().is_none());
    script.engine.accept(options()).unwrap();
    script.expect_frame::<Open>();
    script.advance(ms(999));
    script.expect_nothing();
    script.advance(ms(1));
    script.expect_close(Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
}

/// The last stamp of all is due at once, over and over: it is met once a call.
#[test]
fn the_end_of_time_is_met_once_a_call() {
    let mut script = idle(Some(ms(1000)), Some(1000)).unjudged();
    let end = Instant::new(Duration::MAX);
    script.engine.handle_timeout(end).for_each(drop);
    script.engine.handle_timeout(end).for_each(drop);
    assert!(script.engine.close_reason().is_some());
}
