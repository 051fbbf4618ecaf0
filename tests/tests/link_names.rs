//! §2.6.1: a name is one link in each direction: taken over from wherever it is, waited for, and spoken of in order.
#![cfg(test)]

use amqp_core::codec::{Attach, Begin, Detach, End, ErrorCondition, Flow, Role, Serial};
use amqp_core::{
    Cause, Event, Exhausted, ReceiverId, ReceiverOptions, SenderId, SenderOptions, SessionId, SessionOptions,
};
use amqp_tests::oracle::Side;
use amqp_tests::pair::Pair;
use amqp_tests::script::{HANDLE, Script, peer_begin, peer_receiver, peer_sender};
use bytes::Bytes;

/// TRANSPORT-2.6.1-2
#[test]
fn an_attach_from_another_session_steals_the_link() {
    let mut pair = Pair::opened();
    let first = pair.begin(SessionOptions::default(), SessionOptions::default());
    let second = pair.begin(SessionOptions::default(), SessionOptions::default());
    let options = || SenderOptions::new("node").name("stolen");
    let old = pair.attach_sender(Side::Client, first, options(), ReceiverOptions::default());
    // The client's engine would not attach a name twice, so the thief is a peer by hand.
    assert_eq!(
        pair.client.session(second.client).unwrap().attach_sender(options()),
        Err(Exhausted::Name),
        "{old:?}"
    );
    pair.finish();

    let (mut script, _, new) = stolen(|_, _| {});
    script.expect_detach(Some(ErrorCondition::STOLEN));
    script.engine.receiver(new).unwrap().accept(ReceiverOptions::default()).unwrap();
    let (channel, attach) = script.expect_on::<Attach>();
    assert_eq!((channel, attach.name.as_str(), attach.role), (1, "stolen", Role::Receiver));
    script.oracle.quiet();
}

/// TRANSPORT-2.6.1-2: what was being detached is over with its name, and never detached.
#[test]
fn a_link_that_is_stolen_while_it_is_detached_is_over() {
    let (mut script, old, _) = stolen(|script, old| {
        script.engine.receiver(old).unwrap().detach().unwrap();
        assert!(!script.expect_frame::<Detach>().closed);
    });
    script.expect_nothing();
    script.give(&Detach { handle: HANDLE, closed: false, error: None });
    let events = script.take_events();
    assert!(!events.contains(&Event::ReceiverDetached(old)), "{events:?}");
    assert_eq!(script.engine.counters().links, 1);
}

/// TRANSPORT-2.6.1-2: whether or not the application has answered the session by then.
#[test]
fn names_that_are_stolen_ahead_are_answered_in_order() {
    let mut script = Script::opened_server();
    script.give(&peer_begin());
    let session = script.expect_some(session_opening);
    for handle in [15, 12] {
        script.give(&Attach { handle, ..peer_sender("stolen") });
    }
    script.engine.session(session).unwrap().accept(SessionOptions::default()).unwrap();
    script.give(&Detach { handle: 15, closed: true, error: None });
    script.give(&Attach { handle: 9, ..peer_sender("stolen") });
    script.expect_frame::<Begin>();
    for _ in 0..2 {
        script.expect_frame::<Attach>();
        script.expect_detach(Some(ErrorCondition::STOLEN));
    }
    script.expect_nothing();
}

/// TRANSPORT-2.6.1-2: what the application has closed and not flushed yet ends with its name, and as it was closed.
#[test]
fn a_link_that_is_stolen_while_it_closes_is_over() {
    let mut script = Script::opened_server();
    script.accept_session(&Begin { incoming_window: 0, ..peer_begin() }, SessionOptions::default());
    script.give(&peer_receiver("stolen"));
    let old = script.expect_some(sender_opening);
    script.engine.sender(old).unwrap().accept(SenderOptions::default()).unwrap();
    script.expect_frame::<Attach>();
    let (handle, delivery_count, link_credit) = (Some(HANDLE), Some(Serial(0)), Some(1));
    script.give(&Flow { handle, delivery_count, link_credit, incoming_window: 0, ..script.flow() });
    script.engine.sender(old).unwrap().send(Bytes::from_static(b"waits for the window")).unwrap();
    script.engine.sender(old).unwrap().close(None).unwrap();
    script.expect_nothing();
    script.give(&Attach { handle: 15, ..peer_receiver("stolen") });
    script.expect_detach(None);
    let closed = script.expect_some(|event| (event == Event::SenderClosed(old)).then_some(event));
    assert_eq!(script.reason(closed).unwrap().cause(), &Cause::Local(None));
    script.give(&Detach { handle: HANDLE, closed: true, error: None });
    let new = script.expect_some(sender_opening);
    script.engine.sender(new).unwrap().accept(SenderOptions::default()).unwrap();
    assert_eq!(script.expect_frame::<Attach>().name, "stolen");
}

/// TRANSPORT-2.6.1-2: who takes a name again and again gets the answers in the order in which it asked.
#[test]
fn a_name_that_is_stolen_in_a_row_is_answered_in_order() {
    let mut script = serving();
    for handle in [15, 12, 9] {
        script.give(&Attach { handle, ..peer_sender("stolen") });
        let link = script.expect_some(receiver_opening);
        script.engine.receiver(link).unwrap().accept(ReceiverOptions::default()).unwrap();
    }
    for stolen in [true, true, false] {
        script.expect_frame::<Attach>();
        if stolen {
            script.expect_detach(Some(ErrorCondition::STOLEN));
        }
    }
    script.expect_nothing();
}

/// TRANSPORT-2.5.1-11: a link is taken over whose session we have ended: nothing is said of it behind our end.
#[test]
fn a_link_that_is_stolen_behind_our_end_is_not_spoken_of() {
    let mut script = Script::opened_server();
    let ended = script.accept_session(&peer_begin(), SessionOptions::default());
    script.give(&peer_sender("stolen"));
    script.engine.session(ended).unwrap().end(None).unwrap();
    script.expect_end(None);
    script.give_on(6, &peer_begin());
    let other = script.expect_some(session_opening);
    script.engine.session(other).unwrap().accept(SessionOptions::default()).unwrap();
    script.expect_frame::<Begin>();
    script.give_on(6, &peer_sender("stolen"));
    script.expect_nothing();
}

/// TRANSPORT-2.6.1-1: a name that is waited for, and that the peer takes meanwhile, is waited for until the peer is done.
#[test]
fn a_name_that_the_peer_takes_meanwhile_is_waited_for() {
    for accepted in [true, false] {
        let (mut script, session) = Script::begun();
        let options = || SenderOptions::new("node").name("L");
        let old = script.attach_sender(session, options(), &peer_receiver("L"));
        script.engine.sender(old).unwrap().close(None).unwrap();
        script.expect_detach(None);
        let waiting = script.engine.session(session).unwrap().attach_sender(options()).unwrap();
        script.give(&Attach { handle: 77, ..peer_receiver("L") });
        let theirs = script.expect_some(|event| match event {
            Event::SenderOpening(id) => Some(id),
            _ => None,
        });
        let mut view = script.engine.sender(theirs).unwrap();
        if accepted {
            view.accept(SenderOptions::default()).unwrap();
        } else {
            view.refuse(ErrorCondition::NOT_FOUND).unwrap();
        }
        script.rest();
        let again = script.engine.session(session).unwrap().attach_sender(options());
        assert_eq!(again, Err(Exhausted::Name));
        script.give(&Detach { handle: HANDLE, closed: true, error: None });
        script.expect_nothing();
        script.give(&Detach { handle: 77, closed: true, error: None });
        if accepted {
            script.expect_detach(None);
        }
        assert_eq!(script.expect_frame::<Attach>().name, "L");
        script.give(&Attach { handle: 78, ..peer_receiver("L") });
        script.expect_event(Event::SenderOpened(waiting));
    }
}

/// TRANSPORT-2.6.4-2, TRANSPORT-2.6.1-2: a link that the peer has detached is not robbed of its name: its detach is answered as it asked.
#[test]
fn a_link_that_moves_to_another_session_is_answered_first() {
    let (mut script, old) = lent();
    script.give(&Detach { handle: HANDLE, closed: false, error: None });
    script.give_on(6, &peer_sender("stolen"));
    let (channel, detach) = script.expect_on::<Detach>();
    assert_eq!((channel, detach), (0, Detach { handle: 0, closed: false, error: None }));
    script.expect_event(Event::ReceiverClosed(old));
    let new = script.expect_some(receiver_opening);
    script.engine.receiver(new).unwrap().accept(ReceiverOptions::default()).unwrap();
    assert_eq!(script.expect_on::<Attach>().0, 1);
    script.expect_nothing();
}

/// TRANSPORT-2.6.1-2, TRANSPORT-2.6.4-4: a name that another link has by now is not taken back to close the old one.
#[test]
fn a_stolen_link_is_not_attached_again() {
    let (mut script, old) = lent();
    script.engine.receiver(old).unwrap().detach().unwrap();
    assert!(!script.expect_frame::<Detach>().closed);
    script.give_on(6, &peer_sender("stolen"));
    let new = script.expect_some(receiver_opening);
    script.give(&Detach { handle: HANDLE, closed: true, error: None });
    script.expect_nothing();
    script.engine.receiver(new).unwrap().accept(ReceiverOptions::default()).unwrap();
    script.expect_frame::<Attach>();
    script.expect_nothing();
    script.take_events();
    assert_eq!(script.engine.counters().links, 1);
}

/// TRANSPORT-2.6.1-2: where there is no handle to say that a link was stolen, the session ends, and no link comes after that.
#[test]
fn nothing_is_attached_to_a_session_that_ends_over_a_stolen_name() {
    let mut script = Script::opened_server();
    script.accept_session(&Begin { handle_max: 0, ..peer_begin() }, SessionOptions::default());
    script.give(&peer_sender("other"));
    let other = script.expect_some(receiver_opening);
    script.engine.receiver(other).unwrap().accept(ReceiverOptions::default()).unwrap();
    script.expect_frame::<Attach>();
    for handle in [1, 2] {
        script.give(&Attach { handle, ..peer_sender("stolen") });
    }
    let events = script.take_events();
    let ended = events.iter().position(|event| matches!(event, Event::SessionEnded(_))).unwrap();
    assert!(!events[ended..].iter().any(|event| matches!(event, Event::ReceiverOpening(_))), "{events:?}");
    script.expect_end(Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
    script.give(&End::default());
    script.take_events();
    assert_eq!(script.engine.counters().links, 0);
}

/// A server with a link of the peer and another session of it, from which the name can be taken.
fn lent() -> (Script, ReceiverId) {
    let mut script = serving();
    script.give(&peer_sender("stolen"));
    let old = script.expect_some(receiver_opening);
    script.engine.receiver(old).unwrap().accept(ReceiverOptions::default()).unwrap();
    script.expect_frame::<Attach>();
    script.give_on(6, &peer_begin());
    let session = script.expect_some(session_opening);
    script.engine.session(session).unwrap().accept(SessionOptions::default()).unwrap();
    script.expect_frame::<Begin>();
    (script, old)
}

/// The same where the name was taken, before which `first` was done with the old link; the old one and the new.
fn stolen(first: impl FnOnce(&mut Script, ReceiverId)) -> (Script, ReceiverId, ReceiverId) {
    let (mut script, old) = lent();
    first(&mut script, old);
    script.give_on(6, &peer_sender("stolen"));
    script.expect_event(Event::ReceiverClosed(old));
    let new = script.expect_some(receiver_opening);
    (script, old, new)
}

/// A server engine with a session that the peer began.
fn serving() -> Script {
    let mut script = Script::opened_server();
    script.accept_session(&peer_begin(), SessionOptions::default());
    script
}

fn session_opening(event: Event) -> Option<SessionId> {
    match event {
        Event::SessionOpening(id) => Some(id),
        _ => None,
    }
}

fn receiver_opening(event: Event) -> Option<ReceiverId> {
    match event {
        Event::ReceiverOpening(id) => Some(id),
        _ => None,
    }
}

fn sender_opening(event: Event) -> Option<SenderId> {
    match event {
        Event::SenderOpening(id) => Some(id),
        _ => None,
    }
}
