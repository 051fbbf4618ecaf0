//! From attach to the end of an id: what an unanswered link holds up, what is read after a link is over, and when its id
//! names nothing any more.
#![cfg(test)]

use amqp_core::codec::{
    Attach, Begin, DeliveryState, Detach, End, ErrorCondition, Open, Performative, Source, Target,
};
use amqp_core::{
    Cause, ConnectionOptions, Event, Exhausted, Gone, LinkState, ReceiverId, ReceiverOptions, Resolution,
    SenderOptions, SessionOptions, StateError,
};
use amqp_tests::frames::{Frame, Unit};
use amqp_tests::oracle::Side;
use amqp_tests::pair::Pair;
use amqp_tests::script::{
    CHANNEL, HANDLE, Script, frame, peer_begin, peer_open, peer_receiver, peer_sender, peer_transfer,
};
use bytes::Bytes;

fn receiver_opening(event: Event) -> Option<ReceiverId> {
    match event {
        Event::ReceiverOpening(id) => Some(id),
        _ => None,
    }
}

fn close_of(handle: u32) -> Detach {
    Detach { handle, closed: true, error: None }
}

/// The kinds of frames, in order.
fn kinds(units: &[Unit]) -> Vec<&'static str> {
    let kind = |unit: &Unit| match unit {
        Unit::Frame(Frame { performative: Some(performative), .. }) => match performative {
            Performative::Attach(_) => "attach",
            Performative::Flow(_) => "flow",
            Performative::Transfer(_) => "transfer",
            Performative::Detach(_) => "detach",
            Performative::End(_) => "end",
            _ => "other",
        },
        _ => "none",
    };
    units.iter().map(kind).collect()
}

/// An incoming link that nobody answers stops neither its session nor the links beside it.
#[test]
fn an_unanswered_link_stops_only_itself() {
    let (mut pair, sessions) = Pair::begun();
    let mut view = pair.client.session(sessions.client).unwrap();
    let ignored = view.attach_sender(SenderOptions::new("ignored")).unwrap();
    pair.drive();
    pair.expect_some(Side::Server, receiver_opening);
    let link = pair.attach_sender(
        Side::Client,
        sessions,
        SenderOptions::new("answered"),
        ReceiverOptions::default().prefetch(1),
    );
    pair.send(&link, b"x");
    pair.drive();
    assert_eq!(pair.deliveries(&link).len(), 1);
    assert_eq!(pair.client.sender(ignored).unwrap().state(), LinkState::AttachSent);
    pair.finish();
}

/// Events say who: five hundred transfers in one read are one event.
#[test]
fn five_hundred_transfers_in_one_read_are_one_event() {
    let (mut script, receiver) = Script::receiving(500);
    let transfers: Vec<u8> =
        (0..500).flat_map(|number| frame(CHANNEL, &peer_transfer(number), b"x").to_vec()).collect();
    script.give_octets(&transfers);
    assert_eq!(script.take_events(), [Event::Deliveries(receiver)]);
    let mut view = script.engine.receiver(receiver).unwrap();
    assert_eq!((view.waiting(), std::iter::from_fn(|| view.next_delivery()).count()), (500, 500));
}

/// D20: what arrived in the same read as the end of its link, session or connection can still be taken, and the id
/// lives until it was.
#[test]
fn nothing_that_arrived_before_an_end_is_lost() {
    for end in 0..4 {
        let (mut script, receiver) = Script::receiving(3);
        let mut octets = Vec::new();
        for number in 0..3 {
            octets.extend_from_slice(&frame(CHANNEL, &peer_transfer(number), b"body"));
        }
        match end {
            0 => octets.extend_from_slice(&frame(CHANNEL, &close_of(HANDLE), &[])),
            1 => octets.extend_from_slice(&frame(CHANNEL, &End::default(), &[])),
            2 => octets.extend_from_slice(&frame(0, &amqp_core::codec::Close::default(), &[])),
            _ => {}
        }
        script.give_octets(&octets);
        if end == 3 {
            script.give_eof();
        }
        script.rest();
        let events = script.take_events();
        assert_eq!(events[..2], [Event::Deliveries(receiver), Event::ReceiverClosed(receiver)], "{end}");
        for left in (0..3).rev() {
            let mut view = script.engine.receiver(receiver).unwrap();
            let delivery = view.next_delivery().unwrap();
            assert_eq!(delivery.payload.into_bytes(), "body");
            assert_eq!(script.engine.receiver(receiver).is_ok(), left > 0);
        }
        assert_eq!((script.engine.counters().incoming, script.engine.counters().buffered_input), (0, 0));
    }
}

/// D20 on two engines, with messages that are sent settled.
#[test]
fn a_settled_burst_and_a_close_arrive_whole() {
    let (mut pair, link) =
        Pair::linked(SenderOptions::new("burst"), ReceiverOptions::default().prefetch(100));
    for number in 0..100_u8 {
        let mut message = amqp_core::Outgoing::from(Bytes::copy_from_slice(&[number]));
        message.settled = Some(true);
        pair.sender(&link).send(message).unwrap();
    }
    pair.sender(&link).close(None).unwrap();
    pair.drive();
    let deliveries = pair.deliveries(&link);
    let bodies: Vec<u8> = deliveries.iter().map(|it| it.payload.chunks().next().unwrap()[0]).collect();
    assert_eq!(bodies, (0..100).collect::<Vec<u8>>());
    assert!(deliveries.iter().all(|delivery| delivery.settled));
    assert_eq!(pair.server.receiver(link.receiver).err(), Some(Gone));
    pair.finish();
}

/// A sender's id lives until its final event and its last outcome were taken.
#[test]
fn a_senders_id_lives_until_its_outcomes_are_taken() {
    let (mut script, sender) = Script::sending(2);
    let keys =
        [(); 2].map(|()| script.engine.sender(sender).unwrap().send(Bytes::from_static(b"x")).unwrap());
    script.expect_transfer();
    script.expect_transfer();
    script.give(&close_of(HANDLE));
    script.expect_detach(None);
    assert_eq!(script.take_events()[1..], [Event::Outcomes(sender), Event::SenderClosed(sender)]);
    for key in keys {
        let (resolved, resolution) = script.engine.sender(sender).unwrap().next_outcome().unwrap();
        assert_eq!(resolved, key);
        assert!(matches!(resolution, Resolution::Unacknowledged(_)));
    }
    assert_eq!(script.engine.sender(sender).err(), Some(Gone));
    assert_eq!(script.engine.counters().links, 0);
}

/// The final event itself keeps the id until the next is asked for: it is there to be asked for the reason.
#[test]
fn an_id_lives_until_its_final_event_is_taken() {
    let (mut script, sender) = Script::sending(0);
    // Not through the kit, which takes events at once.
    _ = script.engine.handle_input(&frame(CHANNEL, &close_of(HANDLE), &[]), script.now());
    script.engine.poll_output(script.now()).unwrap();
    let reason = script.engine.sender(sender).unwrap().close_reason().unwrap().clone();
    assert_eq!(*reason.cause(), Cause::Remote(None));
    assert_eq!(script.engine.poll_event(), Some(Event::SenderClosed(sender)));
    assert_eq!(script.engine.sender(sender).unwrap().close_reason(), Some(&reason));
    assert_eq!(script.engine.poll_event(), None);
    assert_eq!(script.engine.sender(sender).err(), Some(Gone));
}

/// Generational ids: the link in the place of an old one is not reached by the old id, nor are its deliveries.
#[test]
fn stale_ids_and_keys_name_nothing_else() {
    let (mut pair, sessions) = Pair::begun();
    let options = || ReceiverOptions::default().prefetch(4);
    let old = pair.attach_sender(Side::Client, sessions, SenderOptions::new("a"), options());
    let old_key = pair.send(&old, b"old");
    pair.drive();
    let old_delivery = pair.deliveries(&old).remove(0).key;
    pair.receiver(&old).settle(old_delivery, DeliveryState::Accepted).unwrap();
    pair.drive();
    assert_eq!(pair.outcomes(&old).len(), 1);
    let next_key = pair.send(&old, b"next");
    pair.drive();
    let next_delivery = pair.deliveries(&old).remove(0).key;
    assert_ne!((old_key, old_delivery), (next_key, next_delivery));
    let gone = Err(StateError::Gone(Gone));
    assert_eq!(pair.sender(&old).settle(old_key), Err(Gone));
    assert_eq!(pair.sender(&old).abort(old_key).map(|_| ()), gone);
    assert_eq!(pair.sender(&old).append(old_key, Bytes::from_static(b"x")), gone);
    assert_eq!(pair.sender(&old).update(old_key, DeliveryState::Accepted), gone);
    assert!(pair.sender(&old).tag(old_key).is_none());
    assert_eq!(pair.receiver(&old).settle(old_delivery, DeliveryState::Released), gone);
    assert_eq!(pair.receiver(&old).update(old_delivery, DeliveryState::Released), gone);
    assert_eq!(pair.receiver(&old).read(old_delivery), Err(Gone));
    pair.sender(&old).close(None).unwrap();
    pair.drive();
    pair.outcomes(&old);
    pair.take_events(Side::Client);
    let new = pair.attach_sender(Side::Client, sessions, SenderOptions::new("b"), options());
    assert_ne!(new.sender, old.sender);
    assert_eq!(pair.client.sender(old.sender).err(), Some(Gone));
    assert_eq!(pair.server.receiver(old.receiver).err(), Some(Gone));
    pair.finish();
}

/// A key of one link does nothing on another link of the connection.
#[test]
fn a_key_belongs_to_its_link() {
    let (mut pair, sessions) = Pair::begun();
    let options = || ReceiverOptions::default().prefetch(4);
    let one = pair.attach_sender(Side::Client, sessions, SenderOptions::new("a"), options());
    let two = pair.attach_sender(Side::Client, sessions, SenderOptions::new("b"), options());
    let key = pair.send(&one, b"x");
    pair.drive();
    let received = pair.deliveries(&one).remove(0).key;
    let gone = Err(StateError::Gone(Gone));
    assert_eq!(pair.sender(&two).settle(key), Err(Gone));
    assert_eq!(pair.sender(&two).abort(key).map(|_| ()), gone);
    assert_eq!(pair.receiver(&two).settle(received, DeliveryState::Accepted), gone);
    pair.receiver(&one).settle(received, DeliveryState::Accepted).unwrap();
    pair.drive();
    assert_eq!(pair.outcomes(&one), [(key, Resolution::Settled(Some(DeliveryState::Accepted)))]);
    pair.finish();
}

/// PROTON-1832: close and attach of one name in one batch are attach, detach, attach on the wire.
#[test]
fn a_name_can_be_closed_and_attached_again_in_one_batch() {
    let (mut pair, sessions) = Pair::begun();
    let named = || SenderOptions::new("node").name("again");
    let old = pair.attach_sender(Side::Client, sessions, named(), ReceiverOptions::default());
    pair.written(Side::Client);
    pair.sender(&old).close(None).unwrap();
    let new = pair.client.session(sessions.client).unwrap().attach_sender(named()).unwrap();
    pair.drive();
    assert_eq!(kinds(&pair.written(Side::Client)), ["detach", "attach"]);
    let receiver = pair.expect_some(Side::Server, receiver_opening);
    pair.server.receiver(receiver).unwrap().accept(ReceiverOptions::default()).unwrap();
    pair.drive();
    pair.expect_event(Side::Client, Event::SenderClosed(old.sender));
    pair.expect_event(Side::Client, Event::SenderOpened(new));
    pair.finish();
}

/// PROTON-1832 before the first attach was even answered: the answer belongs to the first link, not to its successor.
#[test]
fn a_name_can_be_closed_and_attached_again_before_it_was_answered() {
    let (mut script, session) = Script::begun();
    let named = || SenderOptions::new("node").name("again");
    let old = script.engine.session(session).unwrap().attach_sender(named()).unwrap();
    script.expect_frame::<Attach>();
    script.engine.sender(old).unwrap().close(None).unwrap();
    let new = script.engine.session(session).unwrap().attach_sender(named()).unwrap();
    script.expect_detach(None);
    script.give(&peer_receiver("again"));
    script.expect_nothing();
    script.give(&close_of(HANDLE));
    assert_eq!(script.take_events(), [Event::SenderClosed(old)]);
    script.expect_frame::<Attach>();
    script.give(&peer_receiver("again"));
    assert_eq!(script.take_events(), [Event::SenderOpened(new)]);
}

/// The successor of a link waits for the old one only, also where that goes with its session.
#[test]
fn a_successor_in_another_session_attaches_when_the_old_session_ends() {
    let mut script = Script::opened_client();
    let first = script.begin(SessionOptions::default(), &peer_begin());
    let second = script.engine.begin(SessionOptions::default()).unwrap();
    let (channel, _) = script.expect_on::<Begin>();
    script.give_on(6, &Begin { remote_channel: Some(channel), ..peer_begin() });
    let named = || SenderOptions::new("node").name("again");
    let old = script.engine.session(first).unwrap().attach_sender(named()).unwrap();
    script.expect_frame::<Attach>();
    script.engine.sender(old).unwrap().close(None).unwrap();
    script.expect_detach(None);
    script.engine.session(second).unwrap().attach_sender(named()).unwrap();
    script.expect_nothing();
    script.give(&End::default());
    let rest = script.rest();
    assert_eq!(rest.len(), 2, "{rest:?}");
    assert!(kinds(&rest).contains(&"attach") && kinds(&rest).contains(&"end"));
}

/// A third link of the name has to wait until the second is attached.
#[test]
fn a_name_has_one_successor() {
    let (mut script, session) = Script::begun();
    let named = || SenderOptions::new("node").name("again");
    let old = script.engine.session(session).unwrap().attach_sender(named()).unwrap();
    script.expect_frame::<Attach>();
    script.engine.sender(old).unwrap().close(None).unwrap();
    let mut view = script.engine.session(session).unwrap();
    view.attach_sender(named()).unwrap();
    assert_eq!(view.attach_sender(named()), Err(Exhausted::Name));
    script.rest();
}

/// A successor that is closed before its turn never was on the wire.
#[test]
fn a_successor_that_is_closed_leaves_no_trace() {
    let (mut script, session) = Script::begun();
    let named = || SenderOptions::new("node").name("again");
    let old = script.engine.session(session).unwrap().attach_sender(named()).unwrap();
    script.expect_frame::<Attach>();
    script.engine.sender(old).unwrap().close(None).unwrap();
    let new = script.engine.session(session).unwrap().attach_sender(named()).unwrap();
    script.expect_detach(None);
    script.engine.sender(new).unwrap().close(None).unwrap();
    script.give(&peer_receiver("again"));
    script.give(&close_of(HANDLE));
    script.expect_nothing();
    assert_eq!(script.engine.counters().links, 0);
    script.engine.session(session).unwrap().attach_sender(named()).unwrap();
    script.expect_frame::<Attach>();
}

/// Both sides attach the same link at the same time: their attaches answer each other.
#[test]
fn attaches_of_one_link_that_cross_answer_each_other() {
    let (mut script, session) = Script::begun();
    let named = SenderOptions::new("node").name("met");
    let sender = script.engine.session(session).unwrap().attach_sender(named).unwrap();
    // Our attach is not even written when the peer's comes.
    script.give(&peer_receiver("met"));
    let attach: Attach = script.expect_frame();
    assert_eq!(attach.name, "met");
    script.expect_nothing();
    assert_eq!(script.take_events(), [Event::SenderOpened(sender)]);
}

/// Attaches that were made ahead of the peer's begin and do not fit its handle-max end as exhausted.
#[test]
fn what_does_not_fit_the_peers_handle_max_is_exhausted() {
    let mut script = Script::opened_client();
    let session = script.engine.begin(SessionOptions::default()).unwrap();
    let mut view = script.engine.session(session).unwrap();
    let first = view.attach_sender(SenderOptions::new("a")).unwrap();
    let second = view.attach_receiver(ReceiverOptions::new("b")).unwrap();
    let (channel, _) = script.expect_on::<Begin>();
    assert_eq!(script.expect_frame::<Attach>().handle, 0);
    script.expect_nothing();
    script.give(&Begin { remote_channel: Some(channel), handle_max: 0, ..peer_begin() });
    script.expect_nothing();
    assert_eq!(script.take_events()[1..], [Event::ReceiverClosed(second)]);
    assert_eq!(*script.reason(Event::ReceiverClosed(second)).unwrap().cause(), Cause::Exhausted);
    assert!(script.engine.sender(first).is_ok());
    let more = script.engine.session(session).unwrap().attach_sender(SenderOptions::new("c"));
    assert_eq!(more, Err(Exhausted::Handles));
}

/// TRANSPORT-2.4.1-2: an attach of more than 512 octets waits for the peer's limits, and is exhausted where it does not
/// fit them.
#[test]
fn an_attach_that_does_not_fit_the_peers_frames_is_exhausted() {
    for (max_frame_size, fits) in [(512, false), (4096, true)] {
        let mut script = Script::client(ConnectionOptions::new("engine"));
        let session = script.engine.begin(SessionOptions::default()).unwrap();
        let mut view = script.engine.session(session).unwrap();
        let long = Source { address: Some("x".repeat(600).into()), ..Source::default() };
        let options = ReceiverOptions::default().with_source(long).with_target(Target::default());
        let large = view.attach_receiver(options).unwrap();
        script.expect_header(amqp_core::codec::ProtocolHeader::AMQP);
        script.expect_frame::<Open>();
        let (channel, _) = script.expect_on::<Begin>();
        script.expect_nothing();
        script.give_header(amqp_core::codec::ProtocolHeader::AMQP);
        script.give_on(0, &Open { max_frame_size, ..peer_open() });
        script.expect_nothing();
        script.give(&Begin { remote_channel: Some(channel), ..peer_begin() });
        if fits {
            script.expect_frame::<Attach>();
        } else {
            script.expect_nothing();
            let reason = script.take_events().pop().and_then(|event| script.reason(event).cloned());
            assert_eq!(*reason.unwrap().cause(), Cause::Exhausted);
            assert!(script.engine.receiver(large).is_err());
        }
    }
}

/// A link whose peer answers nothing is refused when the application does not answer in time.
#[test]
fn a_link_that_is_not_answered_in_time_is_refused() {
    let mut script = Script::opened_server();
    script.accept_session(&peer_begin(), SessionOptions::default());
    script.give(&peer_sender("link"));
    let id = script.expect_some(receiver_opening);
    script.advance(amqp_core::Limits::default().answer);
    assert_eq!(script.expect_frame::<Attach>().target, None);
    script.expect_detach(Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
    script.give(&close_of(HANDLE));
    script.expect_event(Event::ReceiverClosed(id));
}

/// A link is answered once.
#[test]
fn an_answer_that_was_not_asked_for_is_an_error() {
    let (mut script, receiver) = Script::receiving(0);
    let mut view = script.engine.receiver(receiver).unwrap();
    assert_eq!(view.accept(ReceiverOptions::default()), Err(StateError::NotAsked));
    assert_eq!(view.refuse(ErrorCondition::NOT_FOUND), Err(StateError::NotAsked));
    assert_eq!(view.attach(), Err(StateError::NotAsked));
    view.close(None).unwrap();
    assert_eq!(view.close(None), Err(StateError::Closed));
    assert_eq!(view.detach(), Err(StateError::Closed));
    assert_eq!(view.attach(), Err(StateError::Closed));
    script.expect_detach(None);
}

/// TRANSPORT-2.4.1-2: an answer that does not fit the peer's frames cannot be left out: the session ends.
#[test]
fn an_answer_that_does_not_fit_the_peers_frames_ends_the_session() {
    let mut script = Script::server(ConnectionOptions::new("engine").accept_connection(true));
    script.open(&Open { max_frame_size: 512, ..peer_open() });
    script.accept_session(&peer_begin(), SessionOptions::default());
    script.give(&peer_sender("link"));
    let link = script.expect_some(receiver_opening);
    let long = Source { address: Some("x".repeat(600).into()), ..Source::default() };
    let options = ReceiverOptions::default().with_source(long).with_target(Target::default());
    script.engine.receiver(link).unwrap().accept(options).unwrap();
    script.expect_end(Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
    script.give(&End::default());
    script.take_events();
    assert_eq!((script.engine.counters().links, script.engine.counters().sessions), (0, 0));
}
