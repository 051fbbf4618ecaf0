//! §2.5.1: answers to a begin that the peer's limits leave no room for.
#![cfg(test)]

use amqp_core::codec::{Begin, End, ErrorCondition, Fields, Open, Symbol, Value};
use amqp_core::{Cause, ConnectionOptions, Event, Limits, SessionId, SessionOptions, StateError};
use amqp_tests::script::{CHANNEL, Script, peer_begin, peer_open, peer_sender};

/// The peer begins a session on [`CHANNEL`].
fn asked(script: &mut Script) -> SessionId {
    script.give(&peer_begin());
    script.expect_some(|event| if let Event::SessionOpening(id) = event { Some(id) } else { None })
}

fn long_options() -> SessionOptions {
    let long = Value::from("x".repeat(600));
    SessionOptions::default().properties(Fields::from_iter([(Symbol::from_static("long"), long)]))
}

/// §2.7.1: what does not fit is left away, and the peer is told with an end: an end needs a begin before it.
#[test]
fn an_answer_that_does_not_fit_the_peers_frames_ends_the_session_alone() {
    for ended in [false, true] {
        let mut script = Script::server(ConnectionOptions::new("engine"));
        script.open(&Open { max_frame_size: 512, ..peer_open() });
        let session = asked(&mut script);
        script.engine.session(session).unwrap().accept(long_options()).unwrap();
        if ended {
            script.give(&End::default());
        }
        let begin: Begin = script.expect_frame();
        assert_eq!((begin.remote_channel, begin.properties), (Some(CHANNEL), None));
        script.expect_end((!ended).then_some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
        script.expect_event(Event::SessionEnded(session));
        if !ended {
            assert_eq!(script.reason(Event::SessionEnded(session)).unwrap().cause(), &Cause::Exhausted);
            script.give(&peer_sender("link"));
            script.give(&End::default());
        }
        script.expect_nothing();
        assert!(script.engine.close_reason().is_none());
        assert_eq!(script.engine.counters().sessions, 0);
    }
}

/// §2.5.1: without a channel nothing can be written, and who asks for it hears that.
#[test]
fn what_has_no_channel_cannot_be_refused_or_ended() {
    for refuses in [false, true] {
        let mut script = Script::client(ConnectionOptions::new("engine").limits(Limits::default()));
        script.open(&Open { channel_max: 0, ..peer_open() });
        script.engine.begin(SessionOptions::default()).unwrap();
        script.expect_frame::<Begin>();
        let session = asked(&mut script);
        let mut view = script.engine.session(session).unwrap();
        let done = if refuses { view.refuse(ErrorCondition::NOT_ALLOWED) } else { view.end(None) };
        assert_eq!(done, Err(StateError::Closed));
        script.expect_nothing();
        assert_eq!(script.take_events(), [Event::SessionEnded(session)]);
        assert_eq!(script.reason(Event::SessionEnded(session)).unwrap().cause(), &Cause::Exhausted);
        script.give(&End::default());
        assert_eq!(script.engine.counters().sessions, 1);
    }
}
