//! Rule 8: everything that a peer can make the engine hold is bounded, and each bound has a name.
#![cfg(test)]

use amqp_core::codec::{
    Attach, Begin, Close, Detach, Disposition, End, Error, ErrorCondition, Flow, Open, Payload, Role, Serial,
    Transfer,
};
use amqp_core::{
    Cause, Event, Exhausted, Limits, ReceiverOptions, SendErrorReason, SenderOptions, SessionOptions,
    Violation,
};
use amqp_tests::pair::{client_options, server_options};
use amqp_tests::script::{
    CHANNEL, HANDLE, Script, frame, peer_begin, peer_open, peer_receiver, peer_sender, peer_transfer,
};

fn server(limits: Limits) -> Script {
    let mut script = Script::server(server_options().limits(limits));
    script.open(&peer_open());
    script
}

fn client(limits: Limits) -> Script {
    let mut script = Script::client(client_options().limits(limits));
    script.open(&peer_open());
    script
}

#[test]
fn links_of_the_peer_and_of_our_own_count_together() {
    let mut script = server(Limits::default().links(3_u32));
    let session = script.accept_session(&peer_begin(), SessionOptions::default());
    script.engine.session(session).unwrap().attach_sender(SenderOptions::new("ours")).unwrap();
    script.expect_frame::<Attach>();
    script.give(&Attach { handle: 0, ..peer_sender("a") });
    script.give(&Attach { handle: 1, ..peer_receiver("b") });
    script.expect_nothing();
    let mut view = script.engine.session(session).unwrap();
    assert_eq!(view.attach_sender(SenderOptions::new("more")), Err(Exhausted::Handles));
    script.give(&Attach { handle: 2, ..peer_receiver("c") });
    script.expect_end(Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
    script.give(&End::default());
    script.expect_event(Event::SessionEnded(session));
    let reason = script.reason(Event::SessionEnded(session)).unwrap();
    assert_eq!(reason.cause(), &Cause::Violation(Violation::TooManyLinks));
}

#[test]
fn links_that_come_and_go_leave_nothing_behind() {
    let mut script = server(Limits::default().links(1_u32));
    script.accept_session(&peer_begin(), SessionOptions::default());
    for round in 0..1000 {
        script.give(&peer_sender("link"));
        script.give(&Detach { handle: HANDLE, closed: true, error: None });
        let events = script.take_events();
        assert!(
            matches!(events[..], [Event::ReceiverOpening(_), Event::ReceiverClosed(_)]),
            "{round}: {events:?}"
        );
        script.rest();
    }
    assert_eq!(script.engine.counters().links, 0);
}

#[test]
fn sessions_that_come_and_go_leave_nothing_behind() {
    let mut script = server(Limits::default().sessions(1_u32));
    for _ in 0..1000 {
        let (begin, end) = (frame(CHANNEL, &peer_begin(), &[]), frame(CHANNEL, &End::default(), &[]));
        script.give_octets(&[begin, end].concat());
        script.take_events();
        script.expect_frame::<Begin>();
        script.expect_end(None);
    }
    assert_eq!(script.engine.counters().sessions, 0);
}

#[test]
fn a_peer_that_begins_and_ends_without_reading_is_stopped() {
    let mut script = server(Limits::default().sessions(10_u32));
    let (begin, end) = (frame(CHANNEL, &peer_begin(), &[]), frame(CHANNEL, &End::default(), &[]));
    script.give_octets(&[begin, end].concat().repeat(100));
    let closed = script.take_events().contains(&Event::Closed);
    assert!(closed, "{:?}", script.engine.counters());
    assert_eq!(script.engine.close_reason().unwrap().cause(), &Cause::Violation(Violation::TooManySessions));
}

#[test]
fn accepted_output_is_bounded_and_comes_back() {
    let limits = Limits::default().buffered_output(1000_usize);
    let mut script = client(limits);
    let session = script.begin(SessionOptions::default(), &Begin { incoming_window: 0, ..peer_begin() });
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer_receiver("link"));
    script.give(&Flow { incoming_window: 0, ..script.grant(0, 100) });
    let mut view = script.engine.sender(sender).unwrap();
    let accepted = (0..100).take_while(|_| view.send(Payload::from(vec![0; 300])).is_ok()).count();
    assert_eq!(accepted, 4, "what goes over the limit is the last that was taken");
    assert_eq!(view.send(Payload::new()).unwrap_err().reason, SendErrorReason::Blocked);
    assert_eq!(view.credit(), 0);
    script.take_events();
    script.give(&script.grant(0, 100));
    for _ in 0..4 {
        script.expect_transfer();
    }
    script.expect_event(Event::Credit(sender));
    script.engine.sender(sender).unwrap().send(Payload::new()).unwrap();
}

#[test]
fn untaken_outcomes_are_bounded() {
    let mut script = client(Limits::default().untaken_outcomes(3_u32));
    let session = script.begin(SessionOptions::default(), &peer_begin());
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer_receiver("link"));
    script.give(&script.grant(0, 100));
    for _ in 0..3 {
        script.engine.sender(sender).unwrap().send(Payload::from_static(b"message")).unwrap();
    }
    let refused = script.engine.sender(sender).unwrap().send(Payload::new()).unwrap_err();
    assert_eq!(refused.reason, SendErrorReason::Blocked);
}

#[test]
fn unsettled_deliveries_of_the_peer_are_bounded() {
    let mut script = client(Limits::default().unsettled(3_u32));
    let session = script.begin(SessionOptions::default(), &peer_begin());
    let receiver = script.attach_receiver(session, ReceiverOptions::new("node"), &peer_sender("link"));
    script.engine.receiver(receiver).unwrap().grant(100);
    script.expect_frame::<Flow>();
    for id in 0..3 {
        script.give_transfer(&peer_transfer(id), b"payload");
    }
    script.expect_nothing();
    script.give_transfer(&peer_transfer(3), b"payload");
    script.expect_detach(Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
}

/// What the peer says of its sessions and links is bounded over all of them, and what is gone does not count.
#[test]
fn descriptions_of_the_peer_are_bounded() {
    let attach = |handle: u32, name: usize| Attach { handle, ..peer_sender(&"x".repeat(name)) };
    let mut script = server(Limits::default().descriptions(1000_usize));
    let session = script.accept_session(&peer_begin(), SessionOptions::default());
    for round in 0..10 {
        script.give(&attach(round, 600));
        script.give(&Detach { handle: round, closed: true, error: None });
        script.take_events();
        assert!(!script.rest().is_empty());
    }
    script.give(&attach(0, 600));
    script.give(&attach(1, 200));
    assert_eq!((script.take_events().len(), script.engine.counters().links), (2, 2));
    script.give(&attach(2, 201));
    script.expect_end(Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
    script.give(&End::default());
    script.expect_event(Event::SessionEnded(session));
    let reason = script.reason(Event::SessionEnded(session)).unwrap();
    assert_eq!(reason.cause(), &Cause::Violation(Violation::Descriptions));
    // All of it is free again.
    script.take_events();
    script.accept_session(&peer_begin(), SessionOptions::default());
    script.give(&attach(0, 800));
    script.expect_some(|event| matches!(event, Event::ReceiverOpening(_)).then_some(()));
}

/// What the peer says when it ends something is kept until the application reads it, as far as there is room.
#[test]
fn errors_that_are_not_read_are_descriptions() {
    let mut script = server(Limits::default().descriptions(10_000_usize)).unjudged();
    script.accept_session(&peer_begin(), SessionOptions::default());
    let error = Error::new(ErrorCondition::INTERNAL_ERROR, "x".repeat(3000));
    let now = script.now();
    for handle in 0..4 {
        // No event is taken.
        let attach = Attach { handle, ..peer_receiver(&format!("link {handle}")) };
        _ = script.engine.handle_input(&frame(CHANNEL, &attach, b""), now);
        let detach = Detach { handle, closed: true, error: Some(error.clone()) };
        _ = script.engine.handle_input(&frame(CHANNEL, &detach, b""), now);
        script.expect_frame::<Attach>();
        script.expect_detach(None);
        script.expect_nothing();
    }
    let closed = script.take_events().into_iter().filter(|event| matches!(event, Event::SenderClosed(_)));
    let reasons: Vec<_> = closed.map(|event| script.reason(event).unwrap().cause().clone()).collect();
    let bare = Cause::Remote(Some(ErrorCondition::INTERNAL_ERROR.into()));
    let whole = Cause::Remote(Some(error));
    assert_eq!(reasons, [whole.clone(), whole.clone(), whole, bare]);
}

/// A link that the peer attaches again is described once.
#[test]
fn a_link_that_comes_back_is_described_once() {
    let mut script = server(Limits::default().descriptions(1000_usize));
    script.accept_session(&peer_begin(), SessionOptions::default());
    let name = "x".repeat(600);
    for _ in 0..20 {
        script.give(&Attach { handle: 0, ..peer_receiver(&name) });
        let link = script.expect_some(|event| match event {
            Event::SenderOpening(id) => Some(id),
            _ => None,
        });
        script.engine.sender(link).unwrap().accept(SenderOptions::default()).unwrap();
        script.expect_frame::<Attach>();
        script.give(&Detach { handle: 0, closed: false, error: None });
        script.rest();
        script.expect_event(Event::SenderDetached(link));
    }
    assert_eq!(script.engine.counters().links, 1);
}

/// Links that are detached and may come back are links.
#[test]
fn links_that_are_only_detached_count() {
    let mut script = server(Limits::default().links(3_u32));
    script.accept_session(&peer_begin(), SessionOptions::default());
    for name in ["a", "b", "c"] {
        script.give(&Attach { handle: 0, ..peer_receiver(name) });
        let link = script.expect_some(|event| match event {
            Event::SenderOpening(id) => Some(id),
            _ => None,
        });
        script.engine.sender(link).unwrap().accept(SenderOptions::default()).unwrap();
        script.give(&Detach { handle: 0, closed: false, error: None });
        script.rest();
    }
    script.give(&Attach { handle: 0, ..peer_receiver("d") });
    script.expect_end(Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
}

#[test]
fn begins_of_the_peer_are_descriptions() {
    let capabilities = [amqp_core::codec::Symbol::new(&"x".repeat(600)).unwrap()];
    let begin = Begin { offered_capabilities: capabilities.into_iter().collect(), ..peer_begin() };
    let mut script = server(Limits::default().descriptions(1000_usize));
    for _ in 0..10 {
        script.give(&begin);
        script.give(&End::default());
        script.take_events();
        script.rest();
    }
    script.give(&begin);
    script.expect_some(|event| matches!(event, Event::SessionOpening(_)).then_some(()));
    script.give_on(CHANNEL + 1, &begin);
    let Close { error } = script.expect_frame();
    assert_eq!(error.unwrap().condition, ErrorCondition::RESOURCE_LIMIT_EXCEEDED);
}

/// Small frames that make up a message can be taken once it is whole, so they hold the peer back instead of ending its link.
#[test]
fn what_came_in_small_frames_can_be_taken() {
    let mut script = client(Limits::default().buffered_input(1000_usize));
    let session = script.begin(SessionOptions::default(), &peer_begin());
    let receiver = script.attach_receiver(session, ReceiverOptions::new("node"), &peer_sender("link"));
    script.engine.receiver(receiver).unwrap().grant(10);
    script.expect_frame::<Flow>();
    script.give_transfer(&Transfer { more: true, ..peer_transfer(0) }, &[0; 500]);
    script.give_transfer(&Transfer { handle: HANDLE, ..Transfer::default() }, &[0; 500]);
    assert!(!script.engine.wants_read());
    script.give_transfer(&peer_transfer(1), &[0; 100]);
    script.expect_nothing();
    let mut view = script.engine.receiver(receiver).unwrap();
    assert_eq!(view.next_delivery().unwrap().payload.len(), 1000);
    assert!(script.engine.wants_read());
}

/// Changes that a sender makes to deliveries and nobody looks at: the newest ones stay.
#[test]
fn updates_that_are_not_taken_are_bounded() {
    let mut script = client(Limits::default().untaken_outcomes(3_u32));
    let session = script.begin(SessionOptions::default(), &peer_begin());
    let receiver = script.attach_receiver(session, ReceiverOptions::new("node"), &peer_sender("link"));
    script.engine.receiver(receiver).unwrap().grant(10);
    script.expect_frame::<Flow>();
    let mut keys = Vec::new();
    for id in 0..5 {
        script.give_transfer(&peer_transfer(id), b"payload");
        keys.push(script.engine.receiver(receiver).unwrap().next_delivery().unwrap().key);
    }
    let settled = Disposition { last: Some(Serial(4)), settled: true, ..Disposition::default() };
    script.give(&Disposition { role: Role::Sender, ..settled });
    let mut view = script.engine.receiver(receiver).unwrap();
    let updates: Vec<_> = std::iter::from_fn(|| view.next_update()).map(|update| update.key).collect();
    assert_eq!(updates, keys[2..]);
}

/// Rule 10: a number that the peer chooses costs the same whatever it is.
#[test]
fn the_largest_channel_and_handle_work_like_the_smallest() {
    let mut script = Script::server(server_options().channel_max(u16::MAX));
    script.open(&peer_open());
    script.give_on(u16::MAX, &peer_begin());
    let session = script.expect_some(|event| match event {
        Event::SessionOpening(id) => Some(id),
        _ => None,
    });
    let options = SessionOptions::default().handle_max(u32::MAX);
    script.engine.session(session).unwrap().accept(options).unwrap();
    let begin: Begin = script.expect_frame();
    assert_eq!((begin.remote_channel, begin.handle_max), (Some(u16::MAX), u32::MAX));
    script.give_on(u16::MAX, &Attach { handle: u32::MAX, ..peer_sender("link") });
    let receiver = script.expect_some(|event| match event {
        Event::ReceiverOpening(id) => Some(id),
        _ => None,
    });
    script.engine.receiver(receiver).unwrap().accept(ReceiverOptions::default()).unwrap();
    script.expect_frame::<Attach>();
    script.give_on(u16::MAX, &Detach { handle: u32::MAX, closed: true, error: None });
    script.expect_detach(None);
    script.give_on(u16::MAX, &End::default());
    script.expect_end(None);
}

/// §2.4.1: the limit of frames before the open is not the one behind it.
#[test]
fn the_limit_of_a_frame_changes_with_the_open() {
    let options = server_options().max_frame_size(600_u32).limits(Limits::default().pre_open_frame(8192_u32));
    let mut script = Script::server(options);
    let large = |length: usize| Open { hostname: Some("x".repeat(length).as_str().into()), ..peer_open() };
    script.exchange_headers();
    script.give_on(0, &large(8000));
    script.expect_frame::<Open>();
    let octets = frame(0, &large(700), &[]);
    script.give_octets(&octets[..8]);
    let Close { error } = script.expect_frame();
    assert_eq!(error.unwrap().condition, ErrorCondition::FRAMING_ERROR);
}

/// A session that the peer ends politely is no reason to lose the connection: of its error the condition is kept.
#[test]
fn an_end_that_says_too_much_is_an_end() {
    for (condition, kept) in
        [("some:condition".to_owned(), "some:condition"), ("x".repeat(300), "amqp:internal-error")]
    {
        let mut script = server(Limits::default().descriptions(200_usize));
        let session = script.accept_session(&peer_begin(), SessionOptions::default());
        let error = Error::new(ErrorCondition::new(&condition).unwrap(), "x".repeat(200));
        script.give(&End { error: Some(error) });
        script.expect_end(None);
        let reason = script.reason(Event::SessionEnded(session)).unwrap();
        let error = Error::from(ErrorCondition::new(kept).unwrap());
        assert_eq!(reason.cause(), &Cause::Remote(Some(error)));
        assert!(script.engine.close_reason().is_none());
    }
}
