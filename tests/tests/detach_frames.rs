//! §2.6.4 to §2.6.6: detach and close, asked for, answered, crossing, and because of an error.
#![cfg(test)]

use amqp_core::codec::{
    Attach, DeliveryState, Detach, Disposition, Error, ErrorCondition, Flow, Role, Serial, Transfer,
};
use amqp_core::{
    Cause, Event, ReceiverOptions, Resolution, Scope, SendErrorReason, SenderOptions, SessionOptions,
};
use amqp_tests::oracle::Side;
use amqp_tests::pair::Pair;
use amqp_tests::script::{
    CHANNEL, HANDLE, Script, frame, peer_begin, peer_receiver, peer_sender, peer_transfer,
};
use bytes::Bytes;

fn close_of(handle: u32) -> Detach {
    Detach { handle, closed: true, error: None }
}

fn detach_of(handle: u32) -> Detach {
    Detach { handle, closed: false, error: None }
}

fn accepted(first: u32) -> Disposition {
    Disposition {
        role: Role::Receiver,
        first: Serial(first),
        settled: true,
        state: Some(DeliveryState::Accepted),
        ..Disposition::default()
    }
}

/// TRANSPORT-2.6.4-1, and electron.md §7: the octets of a closing detach.
#[test]
fn a_close_is_sixteen_octets() {
    let (mut script, sender) = Script::sending(0);
    script.engine.sender(sender).unwrap().close(None).unwrap();
    let octets = script.engine.poll_output(script.now()).unwrap();
    assert_eq!(octets[..], [0, 0, 0, 0x10, 2, 0, 0, 0, 0, 0x53, 0x16, 0xc0, 3, 2, 0x43, 0x41]);
}

/// TRANSPORT-2.6.4-2
#[test]
fn a_detach_is_answered_in_kind() {
    for closed in [true, false] {
        let (mut script, sender) = Script::sending(0);
        script.give(&Detach { handle: HANDLE, closed, error: None });
        assert_eq!(script.expect_frame::<Detach>(), Detach { handle: 0, closed, error: None });
        let event = if closed { Event::SenderClosed(sender) } else { Event::SenderDetached(sender) };
        assert_eq!(script.take_events(), [event]);
        script.expect_nothing();
    }
}

/// TRANSPORT-2.6.4-2, TRANSPORT-2.6.4-4: closed by the application before the peer's detach is answered, the link is detached
/// as the peer wished, and then attached again to be closed.
#[test]
fn a_close_follows_the_answer_to_a_detach() {
    let (mut script, sender) = Script::sending(1);
    script.engine.sender(sender).unwrap().send(Bytes::from_static(b"message")).unwrap();
    script.expect_frame::<Transfer>();
    script.give(&detach_of(HANDLE));
    script.engine.sender(sender).unwrap().close(None).unwrap();
    assert_eq!(script.expect_frame::<Detach>(), detach_of(0));
    script.expect_frame::<Attach>();
    assert_eq!(script.expect_frame::<Detach>(), close_of(0));
    script.give(&Disposition { settled: false, ..accepted(0) });
    script.expect_nothing();
    script.give(&peer_receiver("engine-1"));
    script.give(&close_of(HANDLE));
    let closed = script.expect_some(|event| (event == Event::SenderClosed(sender)).then_some(event));
    assert_eq!(script.reason(closed).unwrap().cause(), &Cause::Local(None));
    script.expect_nothing();
}

/// TRANSPORT-2.6.4-2
#[test]
fn a_close_of_ours_is_over_when_the_peer_has_answered() {
    let (mut script, receiver) = Script::receiving(0);
    script.engine.receiver(receiver).unwrap().close(None).unwrap();
    script.expect_detach(None);
    assert_eq!(script.take_events(), []);
    script.give(&close_of(HANDLE));
    assert_eq!(script.take_events(), [Event::ReceiverClosed(receiver)]);
    assert_eq!(*script.reason(Event::ReceiverClosed(receiver)).unwrap().cause(), Cause::Local(None));
    script.expect_nothing();
}

/// TRANSPORT-2.6.4-3: deliveries of a link that is detached and not closed stay live.
#[test]
fn deliveries_outlive_a_detach() {
    let (mut script, sender) = Script::sending(3);
    let keys =
        [(); 2].map(|()| script.engine.sender(sender).unwrap().send(Bytes::from_static(b"x")).unwrap());
    script.rest();
    script.engine.sender(sender).unwrap().detach().unwrap();
    assert!(!script.expect_frame::<Detach>().closed);
    script.give(&accepted(0));
    script.give(&detach_of(HANDLE));
    script.expect_event(Event::SenderDetached(sender));
    script.give(&accepted(1));
    let mut view = script.engine.sender(sender).unwrap();
    let outcomes: Vec<_> = std::iter::from_fn(|| view.next_outcome()).collect();
    let accepted = Resolution::Settled(Some(DeliveryState::Accepted));
    assert_eq!(outcomes, keys.map(|key| (key, accepted.clone())));
}

/// TRANSPORT-2.6.4-3: what was received before a detach can be settled after it.
#[test]
fn what_was_received_can_be_settled_while_detached() {
    let (mut script, receiver) = Script::receiving(1);
    script.give_transfer(&peer_transfer(0), b"x");
    script.give(&detach_of(HANDLE));
    script.expect_frame::<Detach>();
    let mut view = script.engine.receiver(receiver).unwrap();
    let delivery = view.next_delivery().unwrap();
    view.settle(delivery.key, DeliveryState::Accepted).unwrap();
    assert_eq!(script.expect_frame::<Disposition>().first, Serial(0));
}

/// TRANSPORT-2.6.4-3, D25: a detached link attaches again under its old id, with its old counts and no credit.
#[test]
fn a_detached_link_attaches_again() {
    let (mut pair, link) = Pair::linked(SenderOptions::new("node"), ReceiverOptions::default());
    pair.receiver(&link).grant(10);
    pair.drive();
    let before = pair.send(&link, b"before");
    pair.drive();
    pair.sender(&link).detach().unwrap();
    pair.drive();
    pair.expect_event(Side::Client, Event::SenderDetached(link.sender));
    pair.expect_event(Side::Server, Event::ReceiverDetached(link.receiver));
    let refused = pair.sender(&link).send(Bytes::from_static(b"y")).unwrap_err();
    assert_eq!(refused.reason, SendErrorReason::NotAttached);
    pair.written(Side::Client);
    pair.sender(&link).attach().unwrap();
    pair.drive();
    pair.expect_event(Side::Server, Event::ReceiverOpening(link.receiver));
    pair.receiver(&link).accept(ReceiverOptions::default()).unwrap();
    pair.drive();
    pair.expect_event(Side::Client, Event::SenderOpened(link.sender));
    let attaches: Vec<Attach> = pair.written_of(Side::Client);
    assert_eq!(attaches.len(), 1);
    assert_eq!((attaches[0].initial_delivery_count, &attaches[0].unsettled), (Some(Serial(1)), &None));
    assert_eq!(pair.sender(&link).credit(), 0);
    pair.receiver(&link).grant(1);
    pair.drive();
    let after = pair.send(&link, b"after");
    pair.drive();
    for delivery in pair.deliveries(&link) {
        pair.receiver(&link).settle(delivery.key, DeliveryState::Accepted).unwrap();
    }
    pair.drive();
    let accepted = Resolution::Settled(Some(DeliveryState::Accepted));
    assert_eq!(pair.outcomes(&link), [(before, accepted.clone()), (after, accepted)]);
    pair.finish();
}

/// The side that receives can attach again as well.
#[test]
fn a_detached_receiver_attaches_again() {
    let (mut pair, link) = Pair::linked(SenderOptions::new("node"), ReceiverOptions::default());
    pair.receiver(&link).detach().unwrap();
    pair.drive();
    pair.expect_event(Side::Client, Event::SenderDetached(link.sender));
    pair.receiver(&link).attach().unwrap();
    pair.receiver(&link).grant(2);
    pair.drive();
    pair.expect_event(Side::Client, Event::SenderOpening(link.sender));
    pair.sender(&link).accept(SenderOptions::default()).unwrap();
    pair.drive();
    pair.expect_event(Side::Client, Event::Credit(link.sender));
    assert_eq!(pair.sender(&link).credit(), 2);
    pair.send(&link, b"x");
    pair.drive();
    assert_eq!(pair.deliveries(&link).len(), 1);
    pair.finish();
}

/// TRANSPORT-2.6.4-4: we detach and the peer closes at the same time, so we attach again and close.
#[test]
fn a_close_that_crosses_our_detach_is_answered_by_attaching_and_closing() {
    let (mut script, sender) = Script::sending(1);
    script.engine.sender(sender).unwrap().detach().unwrap();
    assert!(!script.expect_frame::<Detach>().closed);
    script.give(&close_of(HANDLE));
    assert_eq!(script.take_events()[1..], [Event::SenderClosed(sender)]);
    script.expect_frame::<Attach>();
    script.expect_detach(None);
    // The peer answers the attach without a terminus, and the close.
    script.give(&Attach { target: None, ..peer_receiver("engine-1") });
    script.give(&close_of(HANDLE));
    script.expect_nothing();
    assert_eq!((script.take_events(), script.engine.counters().links), (Vec::new(), 0));
}

/// TRANSPORT-2.6.4-4, both engines at once, in either order.
#[test]
fn crossing_detaches_of_every_kind_come_to_rest() {
    for (client, server) in [(true, true), (true, false), (false, true), (false, false)] {
        let (mut pair, link) = Pair::linked(SenderOptions::new("node"), ReceiverOptions::default());
        let mut view = pair.sender(&link);
        if client { view.close(None) } else { view.detach() }.unwrap();
        let mut view = pair.receiver(&link);
        if server { view.close(None) } else { view.detach() }.unwrap();
        pair.flush(Side::Client);
        pair.flush(Side::Server);
        pair.drive();
        if client || server {
            pair.expect_event(Side::Client, Event::SenderClosed(link.sender));
            pair.expect_event(Side::Server, Event::ReceiverClosed(link.receiver));
            pair.take_events(Side::Client);
            pair.take_events(Side::Server);
            let links = (pair.client.counters().links, pair.server.counters().links);
            assert_eq!(links, (0, 0), "{client} {server}\n{}", pair.oracle.trace());
        } else {
            pair.expect_event(Side::Client, Event::SenderDetached(link.sender));
            pair.expect_event(Side::Server, Event::ReceiverDetached(link.receiver));
        }
        pair.finish();
    }
}

/// A detached link is closed by attaching it again (§2.6.6).
#[test]
fn a_detached_link_can_be_closed() {
    let (mut script, sender) = Script::sending(0);
    script.give(&detach_of(HANDLE));
    script.expect_frame::<Detach>();
    script.expect_event(Event::SenderDetached(sender));
    script.engine.sender(sender).unwrap().close(None).unwrap();
    script.expect_frame::<Attach>();
    script.expect_detach(None);
    script.give(&peer_receiver("engine-1"));
    script.give(&close_of(HANDLE));
    script.expect_event(Event::SenderClosed(sender));
    script.expect_nothing();
}

/// TRANSPORT-2.6.4-5
#[test]
fn a_detach_with_an_error_ends_the_link_whether_closed_or_not() {
    for closed in [true, false] {
        let (mut script, sender) = Script::sending(1);
        script.take_events();
        let error = Some(Error::new(ErrorCondition::RESOURCE_DELETED, "gone"));
        script.give(&Detach { handle: HANDLE, closed, error });
        script.expect_frame::<Detach>();
        assert_eq!(script.take_events(), [Event::SenderClosed(sender)]);
        let reason = script.reason(Event::SenderClosed(sender)).unwrap();
        assert_eq!(reason.scope(), Scope::Link);
        let error = reason.error().unwrap();
        assert_eq!(
            (error.condition, error.description.as_deref()),
            (ErrorCondition::RESOURCE_DELETED, Some("gone"))
        );
        assert!(!reason.is_local());
    }
}

/// TRANSPORT-2.6.4-6, A-2: what was on its way when we detached with an error is dropped, until the peer's detach.
#[test]
fn input_on_its_way_is_dropped_after_our_error() {
    let (mut script, receiver) = Script::receiving(1);
    // The second delivery has no credit.
    script.give_transfer(&peer_transfer(0), b"x");
    script.give_transfer(&peer_transfer(1), b"y");
    script.give_transfer(&peer_transfer(2), b"z");
    script.give(&Flow { handle: Some(HANDLE), ..script.flow() });
    script.expect_detach(Some(ErrorCondition::TRANSFER_LIMIT_EXCEEDED));
    script.give_transfer(&peer_transfer(3), b"z");
    script.give(&close_of(HANDLE));
    script.expect_nothing();
    assert_eq!(script.take_events(), [Event::Deliveries(receiver), Event::ReceiverClosed(receiver)]);
    script.give_transfer(&peer_transfer(4), b"late");
    script.expect_end(Some(ErrorCondition::UNATTACHED_HANDLE));
}

/// The delivery-ids of what was dropped count: the session's sequence goes on on another link.
#[test]
fn what_is_dropped_counts_in_the_sessions_sequence() {
    let (mut script, session) = Script::begun();
    let first = script.attach_receiver(session, ReceiverOptions::new("a"), &peer_sender(""));
    let peer = Attach { handle: HANDLE + 1, ..peer_sender("") };
    let second = script.attach_receiver(session, ReceiverOptions::new("b"), &peer);
    script.engine.receiver(second).unwrap().grant(1);
    script.rest();
    script.give_transfer(&peer_transfer(70), b"no credit");
    script.expect_detach(Some(ErrorCondition::TRANSFER_LIMIT_EXCEEDED));
    script.give_transfer(&peer_transfer(71), b"dropped");
    script.give_transfer(&Transfer { handle: HANDLE + 1, ..peer_transfer(72) }, b"good");
    script.expect_event(Event::ReceiverClosed(first));
    assert_eq!(script.take_events(), [Event::Deliveries(second)]);
    script.expect_nothing();
}

/// TRANSPORT-2.6.4-8, TRANSPORT-2.6.4-9
#[test]
fn frames_for_a_handle_that_is_not_attached_end_the_session() {
    let flow = |script: &Script| Flow { handle: Some(40), ..script.flow() };
    for kind in 0..3 {
        let (mut script, session) = Script::begun();
        match kind {
            0 => script.give(&flow(&script)),
            1 => script.give_transfer(&Transfer { handle: 40, ..peer_transfer(0) }, b"x"),
            _ => script.give(&close_of(40)),
        }
        script.expect_end(Some(ErrorCondition::UNATTACHED_HANDLE));
        script.give(&amqp_core::codec::End::default());
        script.expect_event(Event::SessionEnded(session));
    }
}

/// TRANSPORT-2.6.4-10
#[test]
fn a_detach_carries_the_applications_error() {
    let (mut script, sender) = Script::sending(0);
    let error = Error::new(ErrorCondition::INTERNAL_ERROR, "ran out of ideas");
    script.engine.sender(sender).unwrap().close(Some(error.clone())).unwrap();
    assert_eq!(
        script.expect_frame::<Detach>(),
        Detach { handle: 0, closed: true, error: Some(error.clone()) }
    );
    script.give(&close_of(HANDLE));
    script.expect_event(Event::SenderClosed(sender));
    assert_eq!(*script.reason(Event::SenderClosed(sender)).unwrap().cause(), Cause::Local(Some(error)));
}

/// TRANSPORT-2.6.4-11
#[test]
fn a_handle_is_free_after_both_detaches_only() {
    let (mut script, sender) = Script::sending(0);
    let session = script.engine.sender(sender).unwrap().session().unwrap();
    script.engine.sender(sender).unwrap().close(None).unwrap();
    script.expect_detach(None);
    script.engine.session(session).unwrap().attach_sender(SenderOptions::new("b")).unwrap();
    assert_eq!(script.expect_frame::<Attach>().handle, 1);
    script.give(&close_of(HANDLE));
    script.engine.session(session).unwrap().attach_sender(SenderOptions::new("c")).unwrap();
    assert_eq!(script.expect_frame::<Attach>().handle, 0);
}

/// The peer closes a link that it attached before it was answered: it gets its attach and its detach, and the
/// application hears of the end and of who ended it.
#[test]
fn a_link_closed_before_it_was_answered_is_answered_and_closed() {
    let mut script = Script::opened_server();
    script.accept_session(&peer_begin(), SessionOptions::default());
    let both = [frame(CHANNEL, &peer_sender("hasty"), &[]), frame(CHANNEL, &close_of(HANDLE), &[])].concat();
    script.give_octets(&both);
    script.expect_frame::<Attach>();
    script.expect_frame::<Detach>();
    let events = script.take_events();
    assert!(matches!(events[..], [Event::ReceiverOpening(_), Event::ReceiverClosed(_)]), "{events:?}");
    assert_eq!(*script.reason(events[1]).unwrap().cause(), Cause::Remote(None));
    assert_eq!(script.engine.counters().links, 0);
}

/// A transfer that is on its way when we detach is still delivered: a detach of ours without error drops nothing.
#[test]
fn a_transfer_that_crosses_our_detach_is_delivered() {
    let (mut script, receiver) = Script::receiving(1);
    script.engine.receiver(receiver).unwrap().close(None).unwrap();
    script.expect_detach(None);
    script.give_transfer(&peer_transfer(0), b"x");
    script.give(&close_of(HANDLE));
    assert_eq!(script.take_events(), [Event::Deliveries(receiver), Event::ReceiverClosed(receiver)]);
    let mut view = script.engine.receiver(receiver).unwrap();
    assert_eq!(view.next_delivery().unwrap().payload.into_bytes(), "x");
    script.expect_nothing();
}

/// TRANSPORT-2.8-5: the text of an error is cut where the peer's frames are too small for it.
#[test]
fn the_text_of_an_error_is_cut_to_the_peers_frames() {
    let mut script = Script::client(amqp_core::ConnectionOptions::new("engine"));
    script.open(&amqp_core::codec::Open { max_frame_size: 512, ..amqp_tests::script::peer_open() });
    let session = script.begin(SessionOptions::default(), &peer_begin());
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer_receiver(""));
    let error = Error::new(ErrorCondition::INTERNAL_ERROR, "é".repeat(1000));
    script.engine.sender(sender).unwrap().close(Some(error)).unwrap();
    let frame = script.expect_any_frame();
    assert!(frame.size <= 512);
    let Some(amqp_core::codec::Performative::Detach(detach)) = frame.performative else { unreachable!() };
    let error = detach.error.unwrap();
    assert_eq!(error.condition, ErrorCondition::INTERNAL_ERROR);
    assert!(error.description.unwrap().starts_with("ééé"));
}

/// TRANSPORT-2.6.4-2: the same where not even our attach was written: nothing that came is left without its answer.
#[test]
fn a_close_follows_the_answers_to_an_attach_and_a_detach() {
    let mut script = Script::opened_server();
    script.accept_session(&peer_begin(), SessionOptions::default());
    script.give(&peer_sender("link"));
    let link = script.expect_some(|event| match event {
        Event::ReceiverOpening(id) => Some(id),
        _ => None,
    });
    script.engine.receiver(link).unwrap().accept(ReceiverOptions::default()).unwrap();
    script.give(&detach_of(HANDLE));
    script.engine.receiver(link).unwrap().close(None).unwrap();
    for closed in [false, true] {
        script.expect_frame::<Attach>();
        assert_eq!(script.expect_frame::<Detach>().closed, closed);
    }
    script.expect_nothing();
}

/// TRANSPORT-2.6.4-10: also where the peer detaches while the messages before it wait.
#[test]
fn an_answer_to_a_detach_carries_the_error_of_a_close_that_waits() {
    let (mut script, session) = Script::begun();
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer_receiver("link"));
    script.give(&Flow { incoming_window: 0, ..script.grant(0, 1) });
    script.engine.sender(sender).unwrap().send(Bytes::from_static(b"waits")).unwrap();
    script.engine.sender(sender).unwrap().close(Some(ErrorCondition::NOT_FOUND.into())).unwrap();
    script.expect_nothing();
    script.give(&detach_of(HANDLE));
    script.expect_detach(Some(ErrorCondition::NOT_FOUND));
}

/// TRANSPORT-2.6.1-13: a close that waits for messages waits no longer once the peer takes none.
#[test]
fn a_close_does_not_wait_for_what_nobody_takes() {
    let (mut script, session) = Script::begun();
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer_receiver("link"));
    script.give(&Flow { incoming_window: 0, ..script.grant(0, 1) });
    script.engine.sender(sender).unwrap().send(Bytes::from_static(b"waits")).unwrap();
    script.give(&detach_of(HANDLE));
    assert!(!script.expect_frame::<Detach>().closed);
    script.engine.sender(sender).unwrap().attach().unwrap();
    script.engine.sender(sender).unwrap().close(None).unwrap();
    script.expect_frame::<Attach>();
    script.expect_nothing();
    script.give(&Attach { target: None, ..peer_receiver("engine-1") });
    script.expect_detach(None);
}
