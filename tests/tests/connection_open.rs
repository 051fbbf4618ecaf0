//! §2.4.1, §2.7.1: opens, what they limit, and what may be sent ahead of them.
#![cfg(test)]

use std::time::Duration;

use amqp_core::codec::{
    Begin, Close, End, Error, ErrorCondition, Fields, Multiple, Open, ProtocolHeader, Symbol, Value,
};
use amqp_core::{
    Cause, ConnectionOptions, ConnectionState, Event, Exhausted, Limits, Scope, SessionOptions, StateError,
    Violation,
};
use amqp_tests::frames::Unit;
use amqp_tests::oracle::Side;
use amqp_tests::pair::{Pair, client_options, server_options};
use amqp_tests::script::{CHANNEL, Script, frame, peer_begin, peer_open};

/// A server that has accepted by itself is told `open`, and closes with `condition`.
#[track_caller]
fn refuses(open: &Open, condition: ErrorCondition) -> Script {
    let mut script = Script::server(server_options());
    script.exchange_headers();
    script.give_on(0, open);
    script.expect_frame::<Open>();
    script.expect_event(Event::Closed);
    script.expect_closed(condition);
    script
}

/// TRANSPORT-2.4.1-1, TRANSPORT-2.4.3-12
#[test]
fn the_first_frame_is_an_open() {
    let mut script = Script::server(server_options());
    script.exchange_headers();
    script.give(&peer_begin());
    script.expect_frame::<Open>();
    script.expect_closed(ErrorCondition::NOT_ALLOWED);
    assert_eq!(script.engine.close_reason().unwrap().cause(), &Cause::Violation(Violation::NotOpened));
}

/// TRANSPORT-2.4.1-1
#[test]
fn an_open_comes_on_channel_0() {
    let mut script = Script::server(server_options());
    script.exchange_headers();
    script.give_on(1, &peer_open());
    script.expect_frame::<Open>();
    script.expect_closed(ErrorCondition::NOT_ALLOWED);
    assert_eq!(script.engine.close_reason().unwrap().cause(), &Cause::Violation(Violation::OpenChannel));
}

/// TRANSPORT-2.4.1-2
#[test]
fn frames_before_the_open_have_a_limit_of_their_own() {
    let text = "x".repeat(600);
    let large = Open { hostname: Some(text.as_str().into()), ..peer_open() };
    for (limit, fits) in [(512_u32, false), (8192, true)] {
        let limits = Limits::default().pre_open_frame(limit);
        let mut script = Script::server(server_options().limits(limits).max_frame_size(100_000_u32));
        script.exchange_headers();
        script.give_on(0, &large);
        script.expect_frame::<Open>();
        if fits {
            script.expect_event(Event::Opened);
        } else {
            script.expect_close(Some(ErrorCondition::FRAMING_ERROR));
        }
    }
}

/// TRANSPORT-2.4.1-3
#[test]
fn a_max_frame_size_below_512_is_refused() {
    for (size, usable) in [(0, false), (511, false), (512, true)] {
        let open = Open { max_frame_size: size, ..peer_open() };
        if usable {
            let mut script = Script::server(server_options());
            script.open(&open);
            assert_eq!(script.engine.max_frame_size_out(), 512);
        } else {
            let script = refuses(&open, ErrorCondition::INVALID_FIELD);
            let violation = Violation::MaxFrameSizeTooSmall(size);
            assert_eq!(script.engine.close_reason().unwrap().cause(), &Cause::Violation(violation));
        }
    }
}

/// TRANSPORT-2.4.1-3
#[test]
fn no_less_than_512_is_ever_announced() {
    let mut script = Script::client(client_options().max_frame_size(1_u32));
    assert_eq!(script.open(&peer_open()).max_frame_size, 512);
}

/// TRANSPORT-2.4.1-4, TRANSPORT-2.4.1-8
#[test]
fn nothing_is_written_that_is_larger_than_the_peer_takes() {
    let mut script = Script::client(client_options());
    script.open(&Open { max_frame_size: 512, ..peer_open() });
    let info = Fields::from_iter([(Symbol::from_static("key"), Value::from("v".repeat(2000)))]);
    let mut error = Error::new(ErrorCondition::INTERNAL_ERROR, "d".repeat(2000));
    error.info = Some(info);
    script.engine.close(Some(error));
    let frame = script.expect_any_frame();
    assert!(frame.size <= 512, "{}", frame.size);
    let Some(amqp_core::codec::Performative::Close(Close { error: Some(error) })) = frame.performative else {
        unreachable!("{frame:?}")
    };
    assert_eq!(error.condition, ErrorCondition::INTERNAL_ERROR);
    assert_eq!(error.info, None);
    assert!(error.description.is_some_and(|text| text.starts_with("ddd")));
}

/// TRANSPORT-2.4.1-6, TRANSPORT-2.4.1-16
#[test]
fn no_more_sessions_begin_than_the_peers_channel_max_allows() {
    let mut script = Script::client(client_options());
    script.open(&Open { channel_max: 1, ..peer_open() });
    for channel in 0..2 {
        script.engine.begin(SessionOptions::default()).unwrap();
        assert_eq!(script.expect_on::<Begin>().0, channel);
    }
    assert_eq!(script.engine.begin(SessionOptions::default()), Err(Exhausted::Channels));
    script.expect_nothing();
}

/// TRANSPORT-2.4.1-7
#[test]
fn a_channel_above_our_channel_max_closes() {
    let mut script = Script::server(server_options().channel_max(3_u16));
    script.open(&peer_open());
    script.give_on(3, &peer_begin());
    script.expect_some(|event| matches!(event, Event::SessionOpening(_)).then_some(()));
    script.give_on(4, &peer_begin());
    script.expect_closed(ErrorCondition::FRAMING_ERROR);
    assert_eq!(script.engine.close_reason().unwrap().cause(), &Cause::Violation(Violation::ChannelMax(4)));
}

/// TRANSPORT-2.4.1-7, TRANSPORT-2.4.5-6
#[test]
fn an_empty_frame_above_our_channel_max_closes() {
    let mut script = Script::server(server_options().channel_max(3_u16));
    script.open(&peer_open());
    script.give_octets(b"\0\0\0\x08\x02\0\0\x04");
    script.expect_closed(ErrorCondition::FRAMING_ERROR);
}

/// TRANSPORT-2.4.1-8, TRANSPORT-2.2-2
#[test]
fn a_client_pipelines_what_fits_every_peer() {
    let mut script = Script::client(client_options());
    script.engine.begin(SessionOptions::default()).unwrap();
    script.engine.begin(SessionOptions::default()).unwrap();
    script.expect_header(ProtocolHeader::AMQP);
    script.expect_frame::<Open>();
    assert_eq!(script.expect_on::<Begin>().0, 0);
    script.expect_nothing();
    script.give_header(ProtocolHeader::AMQP);
    script.expect_nothing();
    script.give_on(0, &peer_open());
    assert_eq!(script.expect_on::<Begin>().0, 1);
}

/// TRANSPORT-2.4.1-8
#[test]
fn what_was_begun_ahead_and_does_not_fit_is_exhausted() {
    let mut script = Script::client(client_options());
    let first = script.engine.begin(SessionOptions::default()).unwrap();
    let second = script.engine.begin(SessionOptions::default()).unwrap();
    script.exchange_headers();
    script.give_on(0, &Open { channel_max: 0, ..peer_open() });
    script.expect_frame::<Open>();
    script.expect_frame::<Begin>();
    script.expect_nothing();
    script.expect_event(Event::SessionEnded(second));
    let reason = script.reason(Event::SessionEnded(second)).unwrap();
    assert_eq!((reason.scope(), reason.cause()), (Scope::Session, &Cause::Exhausted));
    script.give(&Begin { remote_channel: Some(0), ..peer_begin() });
    script.expect_event(Event::SessionOpened(first));
    assert_eq!(script.engine.counters().sessions, 1);
}

/// TRANSPORT-2.4.1-8, TRANSPORT-2.4.3-4
#[test]
fn a_close_right_behind_the_open_is_pipelined() {
    let mut script = Script::client(client_options());
    script.engine.close(None);
    script.expect_header(ProtocolHeader::AMQP);
    script.expect_frame::<Open>();
    let (channel, Close { error }) = script.expect_on();
    assert_eq!((channel, error), (0, None));
    assert_eq!(script.engine.state(), ConnectionState::OcPipe);
    script.give_header(ProtocolHeader::AMQP);
    assert_eq!(script.engine.state(), ConnectionState::ClosePipe);
    script.give_on(0, &peer_open());
    assert_eq!(script.engine.state(), ConnectionState::CloseSent);
    script.give_on(0, &Close::default());
    script.expect_eof();
    assert_eq!(script.take_events(), [Event::Closed]);
    assert!(script.engine.close_reason().unwrap().is_clean());
}

/// TRANSPORT-2.4.1-9
#[test]
fn a_second_open_is_refused() {
    let mut script = Script::opened_server();
    script.give_on(0, &peer_open());
    script.expect_closed(ErrorCondition::NOT_ALLOWED);
    assert_eq!(script.engine.close_reason().unwrap().cause(), &Cause::Violation(Violation::OpenedTwice));
}

/// TRANSPORT-2.4.1-10
#[test]
fn an_open_without_container_id_is_refused() {
    for open in [&b"\x00\x53\x10\x45"[..], b"\x00\x53\x10\xc0\x02\x01\x40"] {
        let mut script = Script::server(server_options());
        script.exchange_headers();
        let size = u8::try_from(8 + open.len()).unwrap();
        script.give_octets(&[&[0, 0, 0, size, 2, 0, 0, 0], open].concat());
        script.expect_frame::<Open>();
        script.expect_closed(ErrorCondition::INVALID_FIELD);
    }
}

/// TRANSPORT-2.4.1-10
#[test]
fn an_empty_container_id_is_one() {
    let mut script = Script::server(server_options());
    script.open(&Open { container_id: "".into(), ..Open::default() });
    assert_eq!(script.engine.remote().unwrap().container_id, "");
}

/// TRANSPORT-2.4.1-15
#[test]
fn properties_with_a_string_as_key_are_refused() {
    let mut script = Script::server(server_options());
    script.exchange_headers();
    // open("c", …, properties = {"k": null}), the key a string
    let body = b"\x00\x53\x10\xc0\x13\x0a\xa1\x01c\x40\x40\x40\x40\x40\x40\x40\x40\xc1\x05\x02\xa1\x01k\x40";
    let size = u8::try_from(8 + body.len()).unwrap();
    script.give_octets(&[&[0, 0, 0, size, 2, 0, 0, 0], &body[..]].concat());
    script.expect_frame::<Open>();
    let Close { error } = script.expect_frame();
    let condition = error.unwrap().condition;
    assert!(
        [ErrorCondition::INVALID_FIELD, ErrorCondition::DECODE_ERROR].contains(&condition),
        "{condition:?}"
    );
}

/// TRANSPORT-2.4.1-11, TRANSPORT-2.4.1-12, TRANSPORT-2.4.1-13, TRANSPORT-2.4.1-14
#[test]
fn what_the_peer_says_of_itself_is_readable() {
    let symbols = |text| Multiple::from(Symbol::from_static(text));
    let options = client_options()
        .hostname("example.org")
        .channel_max(7_u16)
        .idle_time_out(Duration::from_secs(30))
        .offered_capabilities(symbols("offer"))
        .desired_capabilities(symbols("wish"))
        .outgoing_locales(symbols("fr-FR"))
        .incoming_locales(symbols("de-DE"))
        .properties(Fields::from_iter([(Symbol::from_static("product"), Value::from("test"))]));
    let pair = Pair::opened_with(options, server_options());
    let open = pair.server.remote().unwrap();
    assert_eq!((&*open.container_id, open.hostname.as_deref()), ("client", Some("example.org")));
    assert_eq!((open.channel_max, open.idle_time_out), (7, Some(15_000)));
    assert_eq!(open.offered_capabilities, symbols("offer"));
    assert_eq!(open.desired_capabilities, symbols("wish"));
    assert_eq!((&open.outgoing_locales, &open.incoming_locales), (&symbols("fr-FR"), &symbols("de-DE")));
    assert_eq!(open.properties.as_ref().unwrap().get("product"), Some(&Value::from("test")));
    let answer = pair.client.remote().unwrap();
    assert_eq!((&*answer.container_id, answer.hostname.as_deref()), ("server", None));
    assert!(answer.incoming_locales.is_empty());
    pair.finish();
}

/// TRANSPORT-2.4.1-12
#[test]
fn a_server_can_look_at_the_open_and_refuse_it() {
    let mut pair = Pair::new(client_options(), ConnectionOptions::new("server"));
    pair.drive();
    assert_eq!(pair.take_events(Side::Server), [Event::Opening]);
    assert_eq!(pair.server.remote().unwrap().container_id, "client");
    assert_eq!(pair.server.state(), ConnectionState::OpenRcvd);
    pair.server.refuse(Error::new(ErrorCondition::PRECONDITION_FAILED, "no")).unwrap();
    pair.drive();
    assert_eq!(pair.take_events(Side::Client), [Event::Opened, Event::Closed]);
    let Cause::Remote(Some(error)) = pair.client.close_reason().unwrap().cause() else {
        unreachable!("{:?}", pair.client.close_reason())
    };
    assert_eq!(error.condition, ErrorCondition::PRECONDITION_FAILED);
    assert!(pair.client.is_finished() && pair.server.is_finished());
}

#[test]
fn an_open_is_answered_once() {
    let mut pair = Pair::new(client_options(), ConnectionOptions::new("server"));
    assert_eq!(pair.server.accept(server_options()), Err(StateError::NotAsked));
    assert_eq!(pair.client.accept(client_options()), Err(StateError::NotAsked));
    pair.drive();
    pair.server.accept(ConnectionOptions::new("other")).unwrap();
    assert_eq!(pair.server.accept(server_options()), Err(StateError::NotAsked));
    assert_eq!(pair.server.refuse(ErrorCondition::INTERNAL_ERROR), Err(StateError::NotAsked));
    pair.drive();
    assert_eq!(pair.client.remote().unwrap().container_id, "other");
    pair.finish();
}

/// What concerns the transport and memory was settled when the engine was made.
#[test]
fn an_answer_to_an_open_does_not_change_limits() {
    let options =
        |sessions: u32| ConnectionOptions::new("engine").limits(Limits::default().sessions(sessions));
    let mut script = Script::server(options(1));
    script.exchange_headers();
    script.give_on(0, &peer_open());
    script.engine.accept(options(2).channel_max(9_u16)).unwrap();
    assert_eq!(script.expect_frame::<Open>().channel_max, 9);
    script.give_on(0, &peer_begin());
    script.give_on(1, &peer_begin());
    script.expect_closed(ErrorCondition::RESOURCE_LIMIT_EXCEEDED);
}

/// TRANSPORT-2.4.1-8
#[test]
fn opens_cross() {
    let mut script = Script::client(client_options());
    let open = frame(0, &peer_open(), &[]);
    script.give_octets(&[&ProtocolHeader::AMQP.to_bytes()[..], &open].concat());
    assert_eq!(script.take_events(), [Event::Opened]);
    let written = script.rest();
    assert!(matches!(written[..], [Unit::Header(_), Unit::Frame(_)]), "{written:?}");
}

/// TRANSPORT-2.4.1-6
#[test]
fn a_channel_is_free_again_when_both_have_ended() {
    let mut script = Script::client(client_options());
    script.open(&Open { channel_max: 0, ..peer_open() });
    let session = script.begin(SessionOptions::default(), &peer_begin());
    script.engine.session(session).unwrap().end(None).unwrap();
    script.expect_end(None);
    assert_eq!(script.engine.begin(SessionOptions::default()), Err(Exhausted::Channels));
    script.give_on(CHANNEL, &End::default());
    script.begin(SessionOptions::default(), &peer_begin());
}
