//! §2.5.1: how sessions begin.
#![cfg(test)]

use amqp_core::codec::{
    Attach, Begin, Detach, End, Error, ErrorCondition, Fields, Flow, Multiple, Open, Performative, Serial,
    Source, Symbol, Value,
};
use amqp_core::{
    Cause, ConnectionOptions, Event, Exhausted, Gone, Limits, ReceiverOptions, SenderOptions, SessionOptions,
    SessionState, StateError, Violation,
};
use amqp_tests::oracle::Side;
use amqp_tests::pair::{Pair, client_options, server_options};
use amqp_tests::script::{CHANNEL, HANDLE, Script, peer_begin, peer_open, peer_receiver, peer_sender};

/// TRANSPORT-2.5.1-1, TRANSPORT-2.5.1-3
#[test]
fn a_begin_is_answered_with_the_channel_it_came_on() {
    let mut script = Script::opened_server();
    for channel in [CHANNEL, 200, 0] {
        script.give_on(channel, &peer_begin());
    }
    let events = script.take_events();
    for (own, (event, channel)) in (0..).zip(events.into_iter().zip([CHANNEL, 200, 0])) {
        let Event::SessionOpening(session) = event else { unreachable!("{event:?}") };
        script.engine.session(session).unwrap().accept(SessionOptions::default()).unwrap();
        let (on, begin) = script.expect_on::<Begin>();
        assert_eq!((on, begin.remote_channel), (own, Some(channel)));
        assert_eq!(script.engine.session(session).unwrap().channel(), Some(own));
    }
}

/// TRANSPORT-2.5.1-1
#[test]
fn our_begin_names_no_remote_channel_and_is_answered() {
    let mut script = Script::opened_client();
    let session = script.engine.begin(SessionOptions::default()).unwrap();
    assert_eq!(script.expect_on::<Begin>().1.remote_channel, None);
    assert_eq!(script.engine.session(session).unwrap().state(), SessionState::BeginSent);
    script.give(&Begin { remote_channel: Some(0), ..peer_begin() });
    assert_eq!(script.take_events(), [Event::SessionOpened(session)]);
    assert_eq!(script.engine.session(session).unwrap().state(), SessionState::Mapped);
}

/// TRANSPORT-2.5.1-2
#[test]
fn a_remote_channel_that_waits_for_no_answer_closes() {
    let answer = |channel| Begin { remote_channel: Some(channel), ..peer_begin() };
    let violated = |script: &mut Script, channel| {
        script.expect_closed(ErrorCondition::INVALID_FIELD);
        let violation = Violation::RemoteChannel(channel);
        assert_eq!(script.engine.close_reason().unwrap().cause(), &Cause::Violation(violation));
    };
    let mut never_begun = Script::opened_client();
    never_begun.give(&answer(9));
    violated(&mut never_begun, 9);

    let (mut answered, _) = Script::begun();
    answered.give_on(CHANNEL + 1, &answer(0));
    violated(&mut answered, 0);

    let mut not_written = Script::opened_client();
    not_written.engine.begin(SessionOptions::default()).unwrap();
    not_written.give(&answer(0));
    not_written.expect_close(Some(ErrorCondition::INVALID_FIELD));
}

/// TRANSPORT-2.5.1-3
#[test]
fn frames_come_on_the_peers_channel_and_leave_on_ours() {
    let mut script = Script::opened_client();
    script.begin(SessionOptions::default(), &peer_begin());
    let second = script.engine.begin(SessionOptions::default()).unwrap();
    assert_eq!(script.expect_on::<Begin>().0, 1);
    script.give_on(77, &Begin { remote_channel: Some(1), ..peer_begin() });
    script.expect_event(Event::SessionOpened(second));
    script.give_on(77, &peer_sender("link"));
    let receiver = script.expect_some(|event| match event {
        Event::ReceiverOpening(id) => Some(id),
        _ => None,
    });
    assert_eq!(script.engine.receiver(receiver).unwrap().session(), Some(second));
    script.engine.receiver(receiver).unwrap().accept(ReceiverOptions::default()).unwrap();
    assert_eq!(script.expect_on::<Attach>().0, 1);
}

/// TRANSPORT-2.5.1-4
#[test]
fn the_lowest_free_channel_is_used() {
    let mut script = Script::opened_client();
    let sessions: Vec<_> = (0..3)
        .map(|channel| {
            let session = script.engine.begin(SessionOptions::default()).unwrap();
            assert_eq!(script.expect_on::<Begin>().0, channel);
            script.give_on(channel, &Begin { remote_channel: Some(channel), ..peer_begin() });
            session
        })
        .collect();
    for channel in [1, 0] {
        script.engine.session(sessions[usize::from(channel)]).unwrap().end(None).unwrap();
        script.expect_end(None);
        script.give_on(channel, &End::default());
    }
    for channel in [0, 1, 3] {
        script.engine.begin(SessionOptions::default()).unwrap();
        assert_eq!(script.expect_on::<Begin>().0, channel);
    }
}

/// TRANSPORT-2.5.1-4: where the peer accepts no channel for the answer there is none: the session is over here, and what the
/// peer says on it before it knows breaks nothing.
#[test]
fn a_begin_for_which_no_channel_is_left() {
    let mut script = Script::client(ConnectionOptions::new("engine"));
    script.open(&Open { channel_max: 0, ..peer_open() });
    script.begin(SessionOptions::default(), &peer_begin());
    for _ in 0..2 {
        script.give_on(7, &peer_begin());
        let session = script.expect_some(|event| match event {
            Event::SessionOpening(id) => Some(id),
            _ => None,
        });
        let accepted = script.engine.session(session).unwrap().accept(SessionOptions::default());
        assert_eq!(accepted, Err(StateError::Closed));
        script.give_on(7, &peer_sender("link"));
        script.expect_nothing();
        assert_eq!(script.take_events(), [Event::SessionEnded(session)]);
        assert_eq!(script.reason(Event::SessionEnded(session)).unwrap().cause(), &Cause::Exhausted);
        script.give_on(7, &End::default());
        script.expect_nothing();
        assert_eq!(script.engine.counters().sessions, 1);
    }
}

/// TRANSPORT-2.5.1-5
#[test]
fn a_sessions_frame_on_a_channel_without_a_session_closes() {
    let flow = Flow { next_incoming_id: Some(Serial(0)), ..Flow::default() };
    let frames: [Performative; 3] = [peer_sender("link").into(), flow.into(), End::default().into()];
    for frame in frames {
        let (mut script, _) = Script::begun();
        script.give_on(7, &frame);
        script.expect_closed(ErrorCondition::NOT_ALLOWED);
        let violation = Violation::UnmappedChannel(7);
        assert_eq!(script.engine.close_reason().unwrap().cause(), &Cause::Violation(violation));
    }
}

/// TRANSPORT-2.5.1-6
#[test]
fn a_second_begin_on_a_channel_closes() {
    let mut script = Script::opened_server();
    script.give(&peer_begin());
    script.give(&peer_begin());
    script.expect_closed(ErrorCondition::NOT_ALLOWED);
    let violation = Violation::ChannelInUse(CHANNEL);
    assert_eq!(script.engine.close_reason().unwrap().cause(), &Cause::Violation(violation));
}

/// TRANSPORT-2.5.1-12
#[test]
fn attach_and_flow_are_pipelined_behind_the_begin() {
    let mut script = Script::opened_client();
    let session = script.engine.begin(SessionOptions::default()).unwrap();
    let mut view = script.engine.session(session).unwrap();
    let receiver = view.attach_receiver(ReceiverOptions::new("node")).unwrap();
    script.engine.receiver(receiver).unwrap().grant(3);
    script.expect_frame::<Begin>();
    let attach: Attach = script.expect_frame();
    assert_eq!(attach.handle, 0);
    let flow: Flow = script.expect_frame();
    assert_eq!((flow.next_incoming_id, flow.handle), (None, Some(0)));
    assert_eq!((flow.delivery_count, flow.link_credit), (None, Some(3)));
    script.expect_nothing();
}

/// TRANSPORT-2.5.1-12
#[test]
fn a_second_link_waits_for_the_peers_begin() {
    let mut script = Script::opened_client();
    let session = script.engine.begin(SessionOptions::default()).unwrap();
    for name in ["a", "b"] {
        script.engine.session(session).unwrap().attach_sender(SenderOptions::new(name)).unwrap();
    }
    script.expect_frame::<Begin>();
    assert_eq!(script.expect_frame::<Attach>().handle, 0);
    script.expect_nothing();
    script.give(&Begin { remote_channel: Some(0), ..peer_begin() });
    assert_eq!(script.expect_frame::<Attach>().handle, 1);
}

/// TRANSPORT-2.5.1-15
#[test]
fn no_handle_is_used_above_the_peers_handle_max() {
    let mut script = Script::opened_client();
    let session = script.begin(SessionOptions::default(), &Begin { handle_max: 1, ..peer_begin() });
    for handle in 0..2 {
        script.engine.session(session).unwrap().attach_sender(SenderOptions::new("node")).unwrap();
        assert_eq!(script.expect_frame::<Attach>().handle, handle);
    }
    let mut view = script.engine.session(session).unwrap();
    assert_eq!(view.attach_sender(SenderOptions::new("node")), Err(Exhausted::Handles));
    script.expect_nothing();
}

/// TRANSPORT-2.5.1-15: where the peer accepts no handle for the answer to its attach, it hears why there is none.
#[test]
fn an_attach_for_which_no_handle_is_left() {
    for detaches in [false, true] {
        let mut script = Script::opened_client();
        let session = script.begin(SessionOptions::default(), &Begin { handle_max: 0, ..peer_begin() });
        script.engine.session(session).unwrap().attach_sender(SenderOptions::new("node")).unwrap();
        script.expect_frame::<Attach>();
        script.give(&peer_sender("link"));
        let link = script.expect_some(|event| match event {
            Event::ReceiverOpening(id) => Some(id),
            _ => None,
        });
        if detaches {
            script.give(&Detach { handle: HANDLE, closed: true, error: None });
        } else {
            let accepted = script.engine.receiver(link).unwrap().accept(ReceiverOptions::default());
            assert_eq!(accepted, Err(StateError::Closed));
        }
        script.expect_end(Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
        script.give(&End::default());
        script.expect_nothing();
        script.take_events();
        assert_eq!(script.reason(Event::SessionEnded(session)).unwrap().cause(), &Cause::Exhausted);
        assert_eq!(script.engine.counters().sessions, 0);
    }
}

/// TRANSPORT-2.5.1-15: also where the session itself waits for its answer.
#[test]
fn an_attach_for_which_no_handle_is_left_on_an_unanswered_session() {
    let mut script = Script::opened_server();
    script.give(&Begin { handle_max: 0, ..peer_begin() });
    // Attaches that are refused without asking: dynamic, with an address.
    for handle in 0..2 {
        let source = Source { dynamic: true, address: Some("node".into()), ..Source::default() };
        let name = format!("link {handle}");
        script.give(&Attach { handle, source: Some(Box::new(source.into())), ..peer_receiver(&name) });
    }
    script.expect_frame::<Begin>();
    script.expect_end(Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
    script.give(&End::default());
    script.expect_nothing();
    script.take_events();
    assert_eq!(script.engine.counters().sessions, 0);
}

/// TRANSPORT-2.5.1-15
#[test]
fn a_link_attached_ahead_that_does_not_fit_is_exhausted() {
    let mut script = Script::opened_client();
    let session = script.engine.begin(SessionOptions::default()).unwrap();
    let mut view = script.engine.session(session).unwrap();
    view.attach_sender(SenderOptions::new("a")).unwrap();
    let second = view.attach_sender(SenderOptions::new("b")).unwrap();
    script.rest();
    script.give(&Begin { remote_channel: Some(0), handle_max: 0, ..peer_begin() });
    script.expect_nothing();
    script.expect_event(Event::SenderClosed(second));
    assert_eq!(script.reason(Event::SenderClosed(second)).unwrap().cause(), &Cause::Exhausted);
}

/// TRANSPORT-2.5.1-15
#[test]
fn a_handle_above_our_handle_max_closes() {
    let mut script = Script::opened_client();
    let options = SessionOptions::default().handle_max(HANDLE - 1);
    script.begin(options, &peer_begin());
    script.give(&peer_receiver("link"));
    script.expect_closed(ErrorCondition::FRAMING_ERROR);
    let violation = Violation::HandleMax(HANDLE);
    assert_eq!(script.engine.close_reason().unwrap().cause(), &Cause::Violation(violation));
}

/// TRANSPORT-2.5.1-16
#[test]
fn a_link_attached_in_a_second_session_leaves_the_first() {
    let (mut script, _) = Script::begun();
    let second = script.engine.begin(SessionOptions::default()).unwrap();
    assert_eq!(script.expect_on::<Begin>().0, 1);
    script.give_on(6, &Begin { remote_channel: Some(1), ..peer_begin() });
    script.give(&peer_sender("link"));
    let opening = |event| match event {
        Event::ReceiverOpening(id) => Some(id),
        _ => None,
    };
    let old = script.expect_some(opening);
    script.engine.receiver(old).unwrap().accept(ReceiverOptions::default()).unwrap();
    script.expect_frame::<Attach>();
    script.give_on(6, &peer_sender("link"));
    let (channel, Detach { closed, error, .. }) = script.expect_on();
    assert_eq!((channel, closed), (0, true));
    assert_eq!(error.unwrap().condition, ErrorCondition::STOLEN);
    let new = script.expect_some(opening);
    assert_eq!(
        script.reason(Event::ReceiverClosed(old)).unwrap().cause(),
        &Cause::Violation(Violation::Stolen)
    );
    assert_eq!(script.engine.receiver(new).unwrap().session(), Some(second));
}

/// TRANSPORT-2.5.1-17
#[test]
fn what_the_peer_says_of_its_session_is_readable() {
    let symbols = |text| Multiple::from(Symbol::from_static(text));
    let client = SessionOptions::default()
        .incoming_window(10_u32)
        .outgoing_window(20_u32)
        .handle_max(30_u32)
        .offered_capabilities(symbols("offer"))
        .desired_capabilities(symbols("wish"))
        .properties(Fields::from_iter([(Symbol::from_static("key"), Value::from(1_u32))]));
    let mut pair = Pair::opened();
    let sessions = pair.begin(client, SessionOptions::default().handle_max(7_u32));
    let server = pair.server.session(sessions.server).unwrap();
    let begin = server.remote().unwrap();
    assert_eq!((begin.incoming_window, begin.outgoing_window, begin.handle_max), (10, 20, 30));
    assert_eq!(begin.offered_capabilities, symbols("offer"));
    assert_eq!(begin.desired_capabilities, symbols("wish"));
    assert_eq!(begin.properties.as_ref().unwrap().get("key"), Some(&Value::from(1_u32)));
    let client = pair.client.session(sessions.client).unwrap();
    assert_eq!(client.remote().unwrap().handle_max, 7);
    assert_eq!(client.local().unwrap().incoming_window, 10);
    pair.finish();
}

#[test]
fn a_session_can_be_refused() {
    let mut pair = Pair::opened();
    let session = pair.client.begin(SessionOptions::default()).unwrap();
    pair.drive();
    let other = pair.expect_some(Side::Server, |event| match event {
        Event::SessionOpening(id) => Some(id),
        _ => None,
    });
    let error = Error::new(ErrorCondition::UNAUTHORIZED_ACCESS, "no");
    pair.server.session(other).unwrap().refuse(error.clone()).unwrap();
    pair.drive();
    assert_eq!(pair.take_events(Side::Client), [Event::SessionOpened(session), Event::SessionEnded(session)]);
    let reason = pair.reason(Side::Client, Event::SessionEnded(session)).unwrap();
    assert_eq!(reason.cause(), &Cause::Remote(Some(error)));
    pair.expect_event(Side::Server, Event::SessionEnded(other));
    assert!(matches!(pair.server.session(other).map(|_| ()), Err(Gone)));
    pair.finish();
}

#[test]
fn a_begin_is_answered_once() {
    let mut pair = Pair::opened();
    let sessions = pair.begin(SessionOptions::default(), SessionOptions::default());
    for side in [Side::Client, Side::Server] {
        let mut session = pair.side(side).session(sessions.on(side)).unwrap();
        assert_eq!(session.accept(SessionOptions::default()), Err(StateError::NotAsked));
        assert_eq!(session.refuse(ErrorCondition::INTERNAL_ERROR), Err(StateError::NotAsked));
    }
    pair.finish();
}

/// TRANSPORT-2.5.1-1: electron's D1, a client that cannot be begun with.
#[test]
fn a_server_may_begin_too() {
    let mut pair = Pair::opened();
    let sessions = pair.begin_from(Side::Server, SessionOptions::default(), SessionOptions::default());
    pair.attach_sender(Side::Server, sessions, SenderOptions::new("node"), ReceiverOptions::default());
    pair.finish();
}

/// TRANSPORT-2.5.1-1
#[test]
fn sessions_begun_from_both_sides_at_once_are_two() {
    let mut pair = Pair::opened();
    let client = pair.client.begin(SessionOptions::default()).unwrap();
    let server = pair.server.begin(SessionOptions::default()).unwrap();
    pair.drive();
    for (side, own) in [(Side::Client, client), (Side::Server, server)] {
        let id = pair.expect_some(side, |event| match event {
            Event::SessionOpening(id) => Some(id),
            _ => None,
        });
        assert_ne!(id, own);
        pair.side(side).session(id).unwrap().accept(SessionOptions::default()).unwrap();
    }
    pair.drive();
    pair.expect_event(Side::Client, Event::SessionOpened(client));
    pair.expect_event(Side::Server, Event::SessionOpened(server));
    pair.finish();
}

#[test]
fn accept_sessions_answers_by_itself() {
    let options = server_options().accept_sessions(SessionOptions::default().handle_max(3_u32));
    let mut pair = Pair::opened_with(client_options(), options);
    let session = pair.client.begin(SessionOptions::default()).unwrap();
    pair.drive();
    assert_eq!(pair.take_events(Side::Client), [Event::SessionOpened(session)]);
    assert!(matches!(pair.take_events(Side::Server)[..], [Event::SessionOpening(_)]));
    assert_eq!(pair.client.session(session).unwrap().remote().unwrap().handle_max, 3);
    pair.finish();
}

/// The peer's sessions are limited by number, whatever channels they are on.
#[test]
fn too_many_sessions_close() {
    let mut script = Script::server(server_options().limits(Limits::default().sessions(2_u32)));
    script.open(&peer_open());
    script.give_on(0, &peer_begin());
    script.give_on(200, &peer_begin());
    script.expect_nothing();
    assert_eq!(script.engine.begin(SessionOptions::default()), Err(Exhausted::Channels));
    script.give_on(100, &peer_begin());
    script.expect_closed(ErrorCondition::RESOURCE_LIMIT_EXCEEDED);
    assert_eq!(script.engine.close_reason().unwrap().cause(), &Cause::Violation(Violation::TooManySessions));
}

/// TYPES-1.5-6
#[test]
fn a_begin_without_windows_closes() {
    for body in [&b"\x00\x53\x11\x45"[..], b"\x00\x53\x11\xc0\x04\x03\x40\x43\x43"] {
        let mut script = Script::opened_server();
        let size = u8::try_from(8 + body.len()).unwrap();
        script.give_octets(&[&[0, 0, 0, size, 2, 0, 0, 0], body].concat());
        script.expect_closed(ErrorCondition::INVALID_FIELD);
    }
}
