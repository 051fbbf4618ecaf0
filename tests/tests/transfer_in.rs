//! §2.6.12, §2.7.5: transfers that arrive: what each has to say, and how frames become messages.
#![cfg(test)]

use amqp_core::codec::{Attach, DeliveryState, DeliveryTag, ErrorCondition, Serial, Transfer};
use amqp_core::{Delivery, Event, ReceiverId, ReceiverOptions, SessionOptions};
use amqp_tests::chop::every_split;
use amqp_tests::script::{CHANNEL, HANDLE, Script, frame, peer_begin, peer_sender, peer_transfer};

fn more(transfer: Transfer) -> Transfer {
    Transfer { more: true, ..transfer }
}

/// A frame that goes on with a delivery and says no more than it must.
fn next() -> Transfer {
    Transfer { handle: HANDLE, ..Transfer::default() }
}

fn deliveries(script: &mut Script, receiver: ReceiverId) -> Vec<Delivery> {
    let mut view = script.engine.receiver(receiver).unwrap();
    std::iter::from_fn(|| view.next_delivery()).collect()
}

/// Two links of one session, each with credit, the peer's handles HANDLE and HANDLE + 1.
fn two_receivers() -> (Script, [ReceiverId; 2]) {
    let (mut script, session) = Script::begun();
    let receivers = [HANDLE, HANDLE + 1].map(|handle| {
        let peer = Attach { handle, ..peer_sender("") };
        let receiver = script.attach_receiver(session, ReceiverOptions::new("node").prefetch(100), &peer);
        script.rest();
        receiver
    });
    (script, receivers)
}

/// TRANSPORT-2.6.12-1, TRANSPORT-2.6.12-2
#[test]
fn a_delivery_without_an_id_ends_the_session() {
    let (mut script, _) = Script::receiving(5);
    script.give_transfer(&Transfer { delivery_id: None, ..peer_transfer(0) }, b"x");
    script.expect_end(Some(ErrorCondition::INVALID_FIELD));
}

/// TRANSPORT-2.6.12-1
#[test]
fn a_delivery_without_a_tag_detaches_its_link() {
    let (mut script, receiver) = Script::receiving(5);
    script.give_transfer(&Transfer { delivery_tag: None, ..peer_transfer(0) }, b"x");
    script.expect_detach(Some(ErrorCondition::INVALID_FIELD));
    assert_eq!(script.take_events(), [Event::ReceiverClosed(receiver)]);
}

/// TRANSPORT-2.6.12-1, A-7
#[test]
fn a_missing_message_format_is_zero() {
    let (mut script, receiver) = Script::receiving(5);
    script.give_transfer(&Transfer { message_format: None, ..peer_transfer(0) }, b"x");
    script.give_transfer(&Transfer { message_format: Some(0x8001_3700), ..peer_transfer(1) }, b"x");
    let formats: Vec<_> = deliveries(&mut script, receiver).iter().map(|it| it.message_format).collect();
    assert_eq!(formats, [0, 0x8001_3700]);
}

/// TRANSPORT-2.6.12-2: the first id is the sender's to choose; gaps, repetitions and steps back end the session.
#[test]
fn delivery_ids_are_one_sequence() {
    for wrong in [1000, 1001, 1003, 999] {
        let (mut script, [one, two]) = two_receivers();
        script.give_transfer(&peer_transfer(1000), b"a");
        script.give_transfer(&Transfer { handle: HANDLE + 1, ..peer_transfer(1001) }, b"b");
        assert_eq!(script.take_events(), [Event::Deliveries(one), Event::Deliveries(two)]);
        script.give_transfer(&peer_transfer(wrong), b"c");
        script.expect_end(Some(ErrorCondition::INVALID_FIELD));
    }
}

/// TRANSPORT-2.6.12-2
#[test]
fn delivery_ids_wrap() {
    let (mut script, receiver) = Script::receiving(5);
    for number in [0xFFFF_FFFE, 0xFFFF_FFFF, 0, 1] {
        script.give_transfer(&peer_transfer(number), b"x");
    }
    assert_eq!(deliveries(&mut script, receiver).len(), 4);
    script.expect_nothing();
}

/// TRANSPORT-2.6.12-3
#[test]
fn a_tag_that_is_unsettled_cannot_come_again() {
    let (mut script, receiver) = Script::receiving(5);
    let tagged =
        |number| Transfer { delivery_tag: Some(DeliveryTag::new(b"t").unwrap()), ..peer_transfer(number) };
    script.give_transfer(&tagged(0), b"x");
    let first = deliveries(&mut script, receiver).remove(0);
    script.engine.receiver(receiver).unwrap().settle(first.key, DeliveryState::Accepted).unwrap();
    script.rest();
    // Settled on this side, so it is free.
    script.give_transfer(&tagged(1), b"y");
    assert_eq!(deliveries(&mut script, receiver).len(), 1);
    script.give_transfer(&tagged(2), b"z");
    let detach: amqp_core::codec::Detach = script.expect_frame();
    assert!(detach.error.is_some());
}

/// TRANSPORT-2.6.12-3: settled deliveries may have any tag.
#[test]
fn settled_deliveries_may_share_a_tag() {
    let (mut script, receiver) = Script::receiving(5);
    for number in 0..3 {
        let tag = Some(DeliveryTag::new(b"").unwrap());
        script.give_transfer(
            &Transfer { delivery_tag: tag, settled: Some(true), ..peer_transfer(number) },
            b"x",
        );
    }
    assert_eq!(deliveries(&mut script, receiver).len(), 3);
}

/// TRANSPORT-2.6.12-4
#[test]
fn a_continuation_that_differs_detaches_the_link() {
    let differing = [
        Transfer { delivery_id: Some(Serial(1)), ..next() },
        Transfer { delivery_tag: Some(DeliveryTag::new(b"other").unwrap()), ..next() },
        Transfer { message_format: Some(1), ..next() },
    ];
    for wrong in differing {
        let (mut script, receiver) = Script::receiving(5);
        script.give_transfer(&more(peer_transfer(0)), b"x");
        script.give_transfer(&wrong, b"y");
        script.expect_detach(Some(ErrorCondition::INVALID_FIELD));
        assert_eq!(script.take_events(), [Event::ReceiverClosed(receiver)]);
    }
}

/// TRANSPORT-2.6.12-4
#[test]
fn a_continuation_may_repeat_what_the_first_said() {
    let (mut script, receiver) = Script::receiving(5);
    script.give_transfer(&more(peer_transfer(0)), b"one ");
    script.give_transfer(&more(peer_transfer(0)), b"two ");
    script.give_transfer(&peer_transfer(0), b"three");
    let delivery = deliveries(&mut script, receiver).remove(0);
    assert_eq!(delivery.payload.into_bytes(), "one two three");
}

/// TRANSPORT-2.6.12-5: on one link a delivery ends before the next begins.
#[test]
fn deliveries_of_one_link_cannot_interleave() {
    let (mut script, _) = Script::receiving(5);
    script.give_transfer(&more(peer_transfer(0)), b"x");
    script.give_transfer(&peer_transfer(1), b"y");
    script.expect_detach(Some(ErrorCondition::INVALID_FIELD));
}

/// TRANSPORT-2.6.12-2, TRANSPORT-2.6.12-5: the one that does has used up its id all the same, and other links go on.
#[test]
fn a_delivery_that_interleaves_ends_its_link_only() {
    let (mut script, [one, two]) = two_receivers();
    script.give_transfer(&more(peer_transfer(0)), b"x");
    script.give_transfer(&peer_transfer(1), b"y");
    script.expect_detach(Some(ErrorCondition::INVALID_FIELD));
    script.expect_event(Event::ReceiverClosed(one));
    script.give_transfer(&Transfer { handle: HANDLE + 1, ..peer_transfer(2) }, b"z");
    assert_eq!(deliveries(&mut script, two).remove(0).payload.into_bytes(), "z");
    script.expect_nothing();
}

/// TRANSPORT-2.6.12-5: on different links they may.
#[test]
fn deliveries_of_different_links_interleave() {
    let (mut script, [one, two]) = two_receivers();
    let on_two = |transfer| Transfer { handle: HANDLE + 1, ..transfer };
    script.give_transfer(&more(peer_transfer(0)), b"a");
    script.give_transfer(&on_two(more(peer_transfer(1))), b"x");
    script.give_transfer(&more(next()), b"b");
    script.give_transfer(&on_two(next()), b"y");
    assert_eq!(script.take_events(), [Event::Deliveries(two)]);
    script.give_transfer(&on_two(peer_transfer(2)), b"z");
    script.give_transfer(&next(), b"c");
    assert_eq!(script.take_events(), [Event::Deliveries(two), Event::Deliveries(one)]);
    let bodies = |deliveries: Vec<Delivery>| -> Vec<_> {
        deliveries.into_iter().map(|it| it.payload.into_bytes()).collect()
    };
    assert_eq!(bodies(deliveries(&mut script, one)), ["abc"]);
    assert_eq!(bodies(deliveries(&mut script, two)), ["xy", "z"]);
}

/// An unfinished delivery is not shown, and neither the window nor the credit of a message of many frames is taken twice.
#[test]
fn a_message_is_shown_when_it_is_complete() {
    let (mut script, receiver) = Script::receiving(1);
    script.give_transfer(&more(peer_transfer(0)), b"x");
    for _ in 0..20 {
        script.give_transfer(&more(next()), b"x");
    }
    assert_eq!((script.take_events(), script.engine.receiver(receiver).unwrap().waiting()), (Vec::new(), 0));
    script.give_transfer(&next(), b"");
    assert_eq!(script.take_events(), [Event::Deliveries(receiver)]);
    assert_eq!(deliveries(&mut script, receiver)[0].payload.len(), 21);
}

/// TRANSPORT-2.6.12-9: settled once, settled for good; unset is what it was.
#[test]
fn settled_is_said_by_any_frame() {
    let says = |settled| Transfer { settled, ..next() };
    let first = |settled| more(Transfer { settled, ..peer_transfer(0) });
    for (frames, settled) in [
        ([first(None), says(None)], false),
        ([first(Some(false)), says(None)], false),
        ([first(Some(true)), says(None)], true),
        ([first(None), says(Some(true))], true),
        ([first(Some(false)), says(Some(true))], true),
        ([first(Some(true)), says(Some(true))], true),
    ] {
        let (mut script, receiver) = Script::receiving(1);
        for transfer in &frames {
            script.give_transfer(transfer, b"x");
        }
        let delivery = deliveries(&mut script, receiver).remove(0);
        assert_eq!(delivery.settled, settled, "{frames:?}");
        let mut view = script.engine.receiver(receiver).unwrap();
        assert_eq!(view.settle(delivery.key, DeliveryState::Accepted).is_ok(), !settled);
        assert_eq!((view.unsettled(), script.engine.counters().incoming), (0, 0));
        assert_eq!(script.rest().len(), usize::from(!settled));
    }
}

/// TRANSPORT-2.6.12-10
#[test]
fn settled_and_then_not_detaches_the_link() {
    let (mut script, _) = Script::receiving(1);
    script.give_transfer(&more(Transfer { settled: Some(true), ..peer_transfer(0) }), b"x");
    script.give_transfer(&Transfer { settled: Some(false), ..next() }, b"y");
    script.expect_detach(Some(ErrorCondition::INVALID_FIELD));
}

/// TRANSPORT-2.6.12-15
#[test]
fn a_transfers_state_is_the_deliverys() {
    let (mut script, receiver) = Script::receiving(2);
    script.give_transfer(&more(Transfer { state: Some(DeliveryState::Released), ..peer_transfer(0) }), b"x");
    script.give_transfer(&next(), b"x");
    script.give_transfer(&peer_transfer(1), b"x");
    let states: Vec<_> = deliveries(&mut script, receiver).into_iter().map(|it| it.state).collect();
    assert_eq!(states, [Some(DeliveryState::Released), None]);
}

/// TRANSPORT-2.6.12-16: resumed deliveries that nobody knows of count and are ignored.
#[test]
fn a_resumed_delivery_that_is_not_known_is_ignored() {
    let (mut script, receiver) = Script::receiving(2);
    script.give_transfer(&more(Transfer { resume: true, ..peer_transfer(0) }), b"x");
    script.give_transfer(&next(), b"x");
    script.give_transfer(&peer_transfer(1), b"new");
    assert_eq!(deliveries(&mut script, receiver).len(), 1);
    let view = script.engine.receiver(receiver).unwrap();
    assert_eq!((view.credit(), view.unsettled(), view.delivery_count()), (0, 1, Serial(2)));
}

/// TRANSPORT-2.6.12-22
#[test]
fn a_transfer_towards_a_sender_ends_the_session() {
    let (mut script, _) = Script::sending(5);
    script.give_transfer(&peer_transfer(0), b"x");
    script.expect_end(Some(ErrorCondition::NOT_ALLOWED));
}

/// TRANSPORT-2.6.12-24
#[test]
fn an_empty_message_is_a_message() {
    let (mut script, receiver) = Script::receiving(1);
    script.give_transfer(&peer_transfer(0), b"");
    let delivery = deliveries(&mut script, receiver).remove(0);
    assert!(delivery.complete && delivery.payload.is_empty());
}

/// A transfer on a link that we have closed is looked at until the peer's detach, and dropped where the close was an
/// error: transfers afterwards are for a handle that is not attached.
#[test]
fn a_transfer_after_the_peers_detach_ends_the_session() {
    let (mut script, receiver) = Script::receiving(5);
    script.engine.receiver(receiver).unwrap().close(None).unwrap();
    script.expect_detach(None);
    script.give_transfer(&peer_transfer(0), b"on its way");
    script.give(&amqp_core::codec::Detach { handle: HANDLE, closed: true, error: None });
    script.give_transfer(&peer_transfer(1), b"too late");
    script.expect_end(Some(ErrorCondition::UNATTACHED_HANDLE));
    assert_eq!(script.engine.receiver(receiver).unwrap().waiting(), 1);
}

/// However octets are cut, the same messages come out of them.
#[test]
fn messages_do_not_depend_on_how_octets_are_cut() {
    let mut octets = Vec::new();
    octets.extend_from_slice(&frame(CHANNEL, &more(peer_transfer(0)), b"first, "));
    octets.extend_from_slice(&frame(CHANNEL, &next(), b"second"));
    octets.extend_from_slice(&frame(
        CHANNEL,
        &Transfer { settled: Some(true), ..peer_transfer(1) },
        b"settled",
    ));
    let bodies = every_split(&octets, |pieces| {
        let (mut script, receiver) = Script::receiving(2);
        pieces.iter().for_each(|piece| script.give_octets(piece));
        let all = deliveries(&mut script, receiver);
        all.into_iter().map(|it| (it.settled, it.payload.into_bytes())).collect::<Vec<_>>()
    });
    assert_eq!(bodies, [(false, "first, second".into()), (true, "settled".into())]);
}

/// A link that nobody has answered yet can be on a session with traffic on other links.
#[test]
fn ids_go_on_behind_a_link_that_was_refused() {
    let mut script = Script::opened_server();
    script.accept_session(&peer_begin(), SessionOptions::default());
    for handle in [HANDLE, HANDLE + 1] {
        script.give(&Attach { name: handle.to_string().into(), handle, ..peer_sender("") });
    }
    let ids: Vec<_> = script
        .take_events()
        .into_iter()
        .map(|event| match event {
            Event::ReceiverOpening(id) => id,
            other => unreachable!("{other:?}"),
        })
        .collect();
    script.engine.receiver(ids[1]).unwrap().accept(ReceiverOptions::default().prefetch(5)).unwrap();
    script.rest();
    script.give_transfer(&Transfer { handle: HANDLE + 1, ..peer_transfer(0) }, b"a");
    script.engine.receiver(ids[0]).unwrap().refuse(ErrorCondition::NOT_FOUND).unwrap();
    script.give_transfer(&Transfer { handle: HANDLE + 1, ..peer_transfer(1) }, b"b");
    assert_eq!(deliveries(&mut script, ids[1]).len(), 2);
    script.rest();
}
