//! §2.5.2 to §2.5.5: how sessions end.
#![cfg(test)]

use amqp_core::codec::{
    Attach, Begin, DeliveryState, Detach, End, Error, ErrorCondition, Flow, Payload, Serial, Transfer,
};
use amqp_core::{
    Cause, CloseReason, Event, Exhausted, Gone, ReceiverOptions, Resolution, Scope, SendErrorReason,
    SenderOptions, SessionOptions, SessionState, StateError, Violation,
};
use amqp_tests::oracle::Side;
use amqp_tests::pair::Pair;
use amqp_tests::script::{
    CHANNEL, HANDLE, Script, frame, peer_begin, peer_receiver, peer_sender, peer_transfer,
};
use bytes::Bytes;

fn error() -> Error {
    Error::new(ErrorCondition::INTERNAL_ERROR, "it broke")
}

/// A flow that acknowledges a transfer that was never sent.
fn wrong_flow(script: &Script) -> Flow {
    Flow { next_incoming_id: Some(Serial(1)), ..script.flow() }
}

/// TRANSPORT-2.5.1-8
#[test]
fn an_end_is_answered_once() {
    let (mut pair, sessions) = Pair::begun();
    pair.client.session(sessions.client).unwrap().end(None).unwrap();
    pair.drive();
    assert_eq!(pair.written_of::<End>(Side::Server).len(), 1);
    assert_eq!(pair.written_of::<End>(Side::Client).len(), 1);
    for (side, cause) in [(Side::Client, Cause::Local(None)), (Side::Server, Cause::Remote(None))] {
        let ended = Event::SessionEnded(sessions.on(side));
        assert_eq!(pair.take_events(side), [ended]);
        assert_eq!(pair.reason(side, ended).unwrap().cause(), &cause);
        assert!(matches!(pair.side(side).session(sessions.on(side)).map(|_| ()), Err(Gone)));
        assert_eq!(pair.side(side).counters().sessions, 0);
    }
    pair.finish();
}

/// TRANSPORT-2.5.1-9
#[test]
fn ends_may_cross() {
    for (ours, theirs) in [(None, None), (Some(error()), None), (Some(error()), Some(error()))] {
        let (mut pair, sessions) = Pair::begun();
        pair.client.session(sessions.client).unwrap().end(ours).unwrap();
        pair.server.session(sessions.server).unwrap().end(theirs).unwrap();
        pair.flush(Side::Client);
        pair.flush(Side::Server);
        pair.drive();
        for side in [Side::Client, Side::Server] {
            assert_eq!(pair.take_events(side), [Event::SessionEnded(sessions.on(side))]);
            assert_eq!(pair.written_of::<End>(side).len(), 1);
            assert_eq!(pair.side(side).counters().sessions, 0);
        }
        pair.finish();
    }
}

/// TRANSPORT-2.5.1-8
#[test]
fn an_error_is_told_to_the_session_and_its_links() {
    let (mut pair, sessions) = Pair::begun();
    let link =
        pair.attach_sender(Side::Client, sessions, SenderOptions::new("n"), ReceiverOptions::default());
    pair.server.session(sessions.server).unwrap().end(Some(error())).unwrap();
    pair.drive();
    let events = [Event::SenderClosed(link.sender), Event::SessionEnded(sessions.client)];
    assert_eq!(pair.take_events(Side::Client), events);
    for event in events {
        let reason = pair.reason(Side::Client, event).unwrap();
        assert_eq!((reason.scope(), reason.cause()), (Scope::Session, &Cause::Remote(Some(error()))));
    }
    let ended = Event::SessionEnded(sessions.server);
    assert_eq!(pair.take_events(Side::Server), [Event::ReceiverClosed(link.receiver), ended]);
    assert_eq!(pair.reason(Side::Server, ended).unwrap().cause(), &Cause::Local(Some(error())));
    pair.finish();
}

/// TRANSPORT-2.5.1-7
#[test]
fn the_peer_may_use_its_channel_again_before_our_end() {
    let (mut script, first) = Script::begun();
    script.give(&End::default());
    script.give(&peer_begin());
    let events = script.take_events();
    let [Event::SessionEnded(ended), Event::SessionOpening(second)] = events[..] else {
        unreachable!("{events:?}")
    };
    assert_eq!(ended, first);
    script.expect_end(None);
    script.engine.session(second).unwrap().accept(SessionOptions::default()).unwrap();
    script.expect_frame::<Begin>();
    script.give(&peer_sender("link"));
    script.expect_some(|event| matches!(event, Event::ReceiverOpening(_)).then_some(()));
}

/// TRANSPORT-2.5.1-10, TRANSPORT-2.5.6-9
#[test]
fn everything_is_dropped_behind_our_end_with_an_error() {
    let (mut script, session) = Script::begun();
    script.give(&wrong_flow(&script));
    script.expect_end(Some(ErrorCondition::WINDOW_VIOLATION));
    script.give(&peer_sender("link"));
    script.give_transfer(&peer_transfer(0), b"payload");
    script.give(&wrong_flow(&script));
    script.give(&Detach { handle: 77, ..Detach::default() });
    script.expect_nothing();
    script.give(&End::default());
    assert_eq!(script.take_events(), [Event::SessionEnded(session)]);
    let reason = script.reason(Event::SessionEnded(session)).unwrap();
    assert_eq!(reason.cause(), &Cause::Violation(Violation::Acknowledged));
    script.expect_nothing();
    assert_eq!(script.engine.counters().sessions, 0);
    script.begin(SessionOptions::default(), &peer_begin());
}

/// TRANSPORT-2.5.1-10: a channel is not lent again while frames of its last session may come.
#[test]
fn our_channel_is_free_when_the_peer_has_ended_as_well() {
    let (mut script, _) = Script::begun();
    script.give(&wrong_flow(&script));
    script.expect_end(Some(ErrorCondition::WINDOW_VIOLATION));
    script.engine.begin(SessionOptions::default()).unwrap();
    assert_eq!(script.expect_on::<Begin>().0, 1);
}

/// TRANSPORT-2.5.1-11
#[test]
fn nothing_is_said_behind_our_end() {
    let (mut script, sender) = Script::sending(5);
    let session = script.engine.sender(sender).unwrap().session().unwrap();
    script.engine.session(session).unwrap().end(None).unwrap();
    let mut view = script.engine.session(session).unwrap();
    assert_eq!(view.attach_sender(SenderOptions::new("late")), Err(Exhausted::Closed));
    assert_eq!(view.end(None), Err(StateError::Closed));
    script.expect_end(None);
    script.engine.session(session).unwrap().echo();
    let refused = script.engine.sender(sender).unwrap().send(Payload::from_static(b"late")).unwrap_err();
    assert_eq!(refused.reason, SendErrorReason::Closed);
    script.give(&Flow { echo: true, ..script.grant(0, 10) });
    script.expect_nothing();
    assert_eq!(script.engine.session(session).unwrap().state(), SessionState::EndSent);
}

/// TRANSPORT-2.5.1-11
#[test]
fn what_the_peer_says_between_both_ends_is_not_answered() {
    let (mut script, receiver) = Script::receiving(5);
    let session = script.engine.receiver(receiver).unwrap().session().unwrap();
    script.engine.session(session).unwrap().end(None).unwrap();
    script.expect_end(None);
    // It may not know of our end yet.
    script.give_transfer(&peer_transfer(0), b"payload");
    let delivery = script.engine.receiver(receiver).unwrap().next_delivery().unwrap();
    script.engine.receiver(receiver).unwrap().settle(delivery.key, DeliveryState::Accepted).unwrap();
    script.give(&Attach { handle: HANDLE + 1, ..peer_receiver("other") });
    script.give(&wrong_flow(&script));
    script.give(&Detach { handle: HANDLE, closed: true, error: None });
    script.expect_nothing();
    script.take_events();
    script.give(&End::default());
    script.expect_event(Event::SessionEnded(session));
    script.expect_nothing();
    assert_eq!((script.engine.counters().sessions, script.engine.counters().links), (0, 0));
}

/// TRANSPORT-2.5.1-11: what was accepted goes first, and what arrives meanwhile is not lost.
#[test]
fn an_end_waits_for_what_was_accepted() {
    let (mut script, sender) = Script::sending(2);
    for _ in 0..2 {
        script.engine.sender(sender).unwrap().send(Payload::from_static(b"message")).unwrap();
    }
    let session = script.engine.sender(sender).unwrap().session().unwrap();
    script.engine.session(session).unwrap().end(None).unwrap();
    script.expect_transfer();
    script.expect_transfer();
    script.expect_end(None);
    script.give(&End::default());
    let events = script.take_events();
    assert_eq!(
        events.iter().filter(|event| **event != Event::Credit(sender)).copied().collect::<Vec<_>>(),
        [Event::Outcomes(sender), Event::SenderClosed(sender), Event::SessionEnded(session)]
    );
    for _ in 0..2 {
        let (_, resolution) = script.engine.sender(sender).unwrap().next_outcome().unwrap();
        assert!(matches!(resolution, Resolution::Unacknowledged(_)), "{resolution:?}");
    }
}

/// TRANSPORT-2.5.1-11
#[test]
fn an_end_waits_for_the_window_of_what_was_accepted() {
    let mut script = Script::opened_client();
    let session = script.begin(SessionOptions::default(), &Begin { incoming_window: 0, ..peer_begin() });
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer_receiver("link"));
    script.give(&Flow { incoming_window: 0, ..script.grant(0, 1) });
    script.engine.sender(sender).unwrap().send(Payload::from_static(b"message")).unwrap();
    script.engine.session(session).unwrap().end(None).unwrap();
    script.expect_nothing();
    script.give(&Flow { incoming_window: 1, ..script.flow() });
    script.expect_transfer();
    script.expect_end(None);
}

/// TRANSPORT-2.5.1-13
#[test]
fn frames_behind_the_peers_end_are_frames_without_a_session() {
    let (mut script, _) = Script::begun();
    script.give(&End::default());
    script.expect_end(None);
    script.give_transfer(&peer_transfer(0), b"payload");
    script.expect_closed(ErrorCondition::NOT_ALLOWED);
}

/// TRANSPORT-2.5.1-8: D20 of electron.
#[test]
fn deliveries_that_came_before_the_end_stay_readable() {
    let (mut script, receiver) = Script::receiving(3);
    let transfer = |id| frame(CHANNEL, &peer_transfer(id), b"payload");
    script.give_octets(&[transfer(0), transfer(1), frame(CHANNEL, &End::default(), &[])].concat());
    let events = script.take_events();
    let [Event::Deliveries(first), Event::ReceiverClosed(closed), Event::SessionEnded(_)] = events[..] else {
        unreachable!("{events:?}")
    };
    assert_eq!((first, closed), (receiver, receiver));
    script.expect_end(None);
    for _ in 0..2 {
        let delivery = script.engine.receiver(receiver).unwrap().next_delivery().unwrap();
        assert_eq!(delivery.payload, Payload::from_static(b"payload"));
    }
    assert!(matches!(script.engine.receiver(receiver).map(|_| ()), Err(Gone)));
}

/// TRANSPORT-2.5.1-9: the peer's end comes before its answer to our begin was looked at, or before ours is written.
#[test]
fn a_session_may_end_before_it_is_accepted() {
    let mut script = Script::opened_server();
    script.give(&peer_begin());
    script.give(&End { error: Some(error()) });
    let events = script.take_events();
    let [Event::SessionOpening(session), Event::SessionEnded(ended)] = events[..] else {
        unreachable!("{events:?}")
    };
    assert_eq!(session, ended);
    let reason = script.reason(Event::SessionEnded(ended)).map(CloseReason::cause);
    assert_eq!(reason, Some(&Cause::Remote(Some(error()))));
    if let Ok(mut view) = script.engine.session(session) {
        assert_eq!(view.accept(SessionOptions::default()), Err(StateError::NotAsked));
    }
    // An end needs a begin before it.
    let begin: Begin = script.expect_frame();
    assert_eq!(begin.remote_channel, Some(CHANNEL));
    script.expect_end(None);
    script.expect_nothing();
    assert_eq!(script.engine.counters().sessions, 0);
}

#[test]
fn a_session_that_was_never_answered_can_be_ended() {
    let mut script = Script::opened_server();
    script.give(&peer_begin());
    let session = script.expect_some(|event| match event {
        Event::SessionOpening(id) => Some(id),
        _ => None,
    });
    script.engine.session(session).unwrap().end(Some(error())).unwrap();
    script.expect_frame::<Begin>();
    script.expect_end(Some(ErrorCondition::INTERNAL_ERROR));
    script.give(&End::default());
    script.expect_event(Event::SessionEnded(session));
}

/// TRANSPORT-2.5.1-12
#[test]
fn our_end_may_be_pipelined_behind_our_begin() {
    let mut script = Script::opened_client();
    let session = script.engine.begin(SessionOptions::default()).unwrap();
    script.engine.session(session).unwrap().end(None).unwrap();
    script.expect_frame::<Begin>();
    script.expect_end(None);
    script.give(&Begin { remote_channel: Some(0), ..peer_begin() });
    script.give(&peer_receiver("link"));
    script.give(&End::default());
    assert_eq!(script.take_events(), [Event::SessionEnded(session)]);
    script.expect_nothing();
    assert_eq!(script.engine.counters(), {
        let mut none = script.engine.counters();
        (none.sessions, none.links) = (0, 0);
        none
    });
}

/// TRANSPORT-2.5.1-10
#[test]
fn a_session_that_breaks_a_rule_leaves_the_others_alone() {
    let (mut script, first) = Script::begun();
    let second = script.engine.begin(SessionOptions::default()).unwrap();
    assert_eq!(script.expect_on::<Begin>().0, 1);
    script.give_on(6, &Begin { remote_channel: Some(1), ..peer_begin() });
    script.expect_event(Event::SessionOpened(second));
    script.give(&wrong_flow(&script));
    script.expect_end(Some(ErrorCondition::WINDOW_VIOLATION));
    script.expect_event(Event::SessionEnded(first));
    script.give_on(6, &Attach { handle: HANDLE, ..peer_sender("link") });
    script.expect_some(|event| matches!(event, Event::ReceiverOpening(_)).then_some(()));
    assert_eq!(script.engine.session(second).unwrap().state(), SessionState::Mapped);
    script.give(&End::default());
    assert_eq!(script.take_events(), []);
}

/// TRANSPORT-2.6.4-8
#[test]
fn frames_for_a_handle_that_is_not_attached_end_the_session() {
    let give: [fn(&mut Script); 3] = [
        |script| script.give_transfer(&peer_transfer(0), b"payload"),
        |script| script.give(&script.grant(0, 1)),
        |script| script.give(&Detach { handle: HANDLE, ..Detach::default() }),
    ];
    for give in give {
        let (mut script, session) = Script::begun();
        give(&mut script);
        script.expect_end(Some(ErrorCondition::UNATTACHED_HANDLE));
        script.give(&End::default());
        script.expect_event(Event::SessionEnded(session));
    }
}

/// TYPES-1.5-6
#[test]
fn a_missing_field_ends_the_session_only() {
    let (mut script, session) = Script::begun();
    // A transfer without handle, a detach without handle.
    script.give_octets(b"\0\0\0\x0c\x02\0\0\x05\x00\x53\x14\x45");
    script.expect_end(Some(ErrorCondition::INVALID_FIELD));
    script.give_octets(b"\0\0\0\x0c\x02\0\0\x05\x00\x53\x16\x45");
    script.expect_nothing();
    script.give(&End::default());
    script.expect_event(Event::SessionEnded(session));
    assert!(script.engine.close_reason().is_none());
}

/// TRANSPORT-2.5.1-8
#[test]
fn a_transfer_under_way_is_cut_by_the_peers_end() {
    let (mut script, sender) = Script::sending(1);
    script.engine.sender(sender).unwrap().start(Payload::from_static(b"beginning")).unwrap();
    let (Transfer { more, .. }, _) = script.expect_transfer();
    assert!(more);
    script.give(&End::default());
    script.expect_end(None);
    script.expect_nothing();
    script.expect_event(Event::Outcomes(sender));
    let (_, resolution) = script.engine.sender(sender).unwrap().next_outcome().unwrap();
    assert!(matches!(resolution, Resolution::Unacknowledged(_)), "{resolution:?}");
}

/// TRANSPORT-2.5.2-1: what waits on a link that is detached, or takes nothing, does not hold up the end.
#[test]
fn an_end_does_not_wait_for_what_cannot_be_sent() {
    for again in [false, true] {
        let (mut script, session) = Script::begun();
        let sender = script.attach_sender(session, SenderOptions::new("node"), &peer_receiver("link"));
        script.give(&Flow { incoming_window: 0, ..script.grant(0, 1) });
        script.engine.sender(sender).unwrap().send(Bytes::from_static(b"waits")).unwrap();
        script.give(&Detach { handle: HANDLE, closed: false, error: None });
        if again {
            // The answer to the detach is not written yet.
            script.engine.session(session).unwrap().end(None).unwrap();
            assert!(!script.expect_frame::<Detach>().closed);
        } else {
            assert!(!script.expect_frame::<Detach>().closed);
            script.engine.session(session).unwrap().end(None).unwrap();
        }
        script.expect_end(None);
        let (_, outcome) = script.engine.sender(sender).unwrap().next_outcome().unwrap();
        assert!(matches!(outcome, Resolution::Unsent(..)), "{outcome:?}");
    }
}

/// An end that cannot be read is the last of its session all the same: nobody waits for another.
#[test]
fn an_end_that_is_malformed_closes() {
    for ended in [false, true] {
        let (mut script, session) = Script::begun();
        if ended {
            script.engine.session(session).unwrap().end(None).unwrap();
            script.expect_end(None);
        }
        // An error without condition.
        script.give_octets(b"\0\0\0\x12\x02\0\0\x05\x00\x53\x17\xc0\x05\x01\x00\x53\x1d\x45");
        script.expect_close(Some(ErrorCondition::INVALID_FIELD));
        script.expect_event(Event::SessionEnded(session));
    }
}

/// The first error is the one that is told, however much comes before it is written.
#[test]
fn the_first_error_of_a_session_counts() {
    let flow = b"\0\0\0\x0c\x02\0\0\x05\x00\x53\x13\x45";
    for behind in [flow.to_vec(), frame(CHANNEL, &End::default(), &[]).to_vec()] {
        let (mut script, session) = Script::begun();
        script.give(&wrong_flow(&script));
        script.give_octets(&behind);
        script.expect_end(Some(ErrorCondition::WINDOW_VIOLATION));
        script.expect_nothing();
        let reason = script.reason(Event::SessionEnded(session)).unwrap();
        assert_eq!(reason.cause(), &Cause::Violation(Violation::Acknowledged));
    }
}
