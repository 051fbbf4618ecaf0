//! §2.7.6: dispositions that arrive, over ranges of deliveries of either direction.
#![cfg(test)]

use amqp_core::codec::{
    Attach, DeliveryState, Detach, Disposition, ErrorCondition, Flow, Role, Serial, Transfer,
};
use amqp_core::{
    DeliveryKey, Event, ReceivedKey, ReceiverId, ReceiverOptions, Resolution, SenderId, SenderOptions,
    SessionOptions,
};
use amqp_tests::script::{HANDLE, Script, peer_begin, peer_receiver, peer_transfer};
use bytes::Bytes;

fn says(
    role: Role,
    first: u32,
    last: Option<u32>,
    settled: bool,
    state: Option<DeliveryState>,
) -> Disposition {
    Disposition { role, first: Serial(first), last: last.map(Serial), settled, state, batchable: false }
}

fn accepts(first: u32, last: u32) -> Disposition {
    says(Role::Receiver, first, Some(last), true, Some(DeliveryState::Accepted))
}

/// A sender whose first delivery has the id `first`, with so many deliveries sent.
fn sent(first: u32, deliveries: u32) -> (Script, SenderId, Vec<DeliveryKey>) {
    let mut script = Script::opened_client();
    let options = SessionOptions::default().next_delivery_id(Serial(first));
    let session = script.begin(options, &peer_begin());
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer_receiver(""));
    script.give(&script.grant(0, deliveries));
    let keys = (0..deliveries)
        .map(|_| script.engine.sender(sender).unwrap().send(Bytes::from_static(b"x")).unwrap())
        .collect();
    script.rest();
    script.take_events();
    (script, sender, keys)
}

fn outcomes(script: &mut Script, sender: SenderId) -> Vec<(DeliveryKey, Resolution)> {
    let mut view = script.engine.sender(sender).unwrap();
    std::iter::from_fn(|| view.next_outcome()).collect()
}

/// A receiver with so many deliveries that were taken.
fn taken(deliveries: u32) -> (Script, ReceiverId, Vec<ReceivedKey>) {
    let (mut script, receiver) = Script::receiving(deliveries);
    for number in 0..deliveries {
        script.give_transfer(&peer_transfer(number), b"x");
    }
    script.take_events();
    let mut view = script.engine.receiver(receiver).unwrap();
    let keys = std::iter::from_fn(|| view.next_delivery()).map(|it| it.key).collect();
    (script, receiver, keys)
}

/// TRANSPORT-2.7.6-1: the role tells whose deliveries are meant; ids of the two directions are not each other's.
#[test]
fn the_role_tells_the_direction() {
    let (mut script, session) = Script::begun();
    let sender = script.attach_sender(session, SenderOptions::new("a"), &peer_receiver(""));
    let peer = Attach { handle: HANDLE + 1, ..amqp_tests::script::peer_sender("") };
    let receiver = script.attach_receiver(session, ReceiverOptions::new("b").prefetch(1), &peer);
    script.give(&script.grant(0, 1));
    let key = script.engine.sender(sender).unwrap().send(Bytes::from_static(b"x")).unwrap();
    script.rest();
    script.give_transfer(&Transfer { handle: HANDLE + 1, ..peer_transfer(0) }, b"x");
    let taken = script.engine.receiver(receiver).unwrap().next_delivery().unwrap().key;
    script.rest();
    script.take_events();
    script.give(&says(Role::Sender, 0, None, true, None));
    assert_eq!(script.take_events(), [Event::Updates(receiver)]);
    assert_eq!(script.engine.receiver(receiver).unwrap().next_update().unwrap().key, taken);
    script.give(&says(Role::Receiver, 0, None, true, Some(DeliveryState::Accepted)));
    assert_eq!(script.take_events(), [Event::Outcomes(sender)]);
    assert_eq!(outcomes(&mut script, sender)[0].0, key);
}

/// TRANSPORT-2.7.6-2: a range has both its ends, and without a last one it is one delivery.
#[test]
fn a_range_has_both_its_ends() {
    let (mut script, sender, keys) = sent(0, 10);
    script.give(&says(Role::Receiver, 1, None, true, Some(DeliveryState::Released)));
    script.give(&accepts(4, 6));
    let resolved: Vec<_> = outcomes(&mut script, sender).into_iter().map(|(key, _)| key).collect();
    assert_eq!(resolved, [keys[1], keys[4], keys[5], keys[6]]);
    assert_eq!(script.engine.sender(sender).unwrap().unsettled(), 6);
}

/// TRANSPORT-2.7.6-2: a range crosses the wrap.
#[test]
fn a_range_crosses_the_wrap() {
    let (mut script, sender, keys) = sent(0xFFFF_FFFC, 10);
    script.give(&accepts(0xFFFF_FFFE, 1));
    let resolved: Vec<_> = outcomes(&mut script, sender).into_iter().map(|(key, _)| key).collect();
    assert_eq!(resolved, keys[2..6]);
}

/// TRANSPORT-2.7.6-2
#[test]
fn a_range_that_runs_backwards_ends_the_session() {
    for last in [4, 0x8000_0005] {
        let (mut script, _, _) = sent(0, 10);
        script.give(&accepts(5, last));
        script.expect_end(Some(ErrorCondition::INVALID_FIELD));
    }
}

/// TRANSPORT-2.7.6-3: how wide a range is does not matter, only what is live in it.
#[test]
fn a_range_costs_what_is_live_in_it() {
    let (mut script, sender, keys) = sent(0, 10);
    script.give(&accepts(0, 0x7FFF_FFFF));
    assert_eq!(outcomes(&mut script, sender).len(), keys.len());
    // This many walks over two thousand million ids would not end today.
    for _ in 0..20_000 {
        script.give(&accepts(0, 0x7FFF_FFFF));
        script.give(&says(Role::Sender, 0, Some(0x7FFF_FFFF), true, None));
    }
    script.expect_nothing();
}

/// TRANSPORT-2.7.6-4: ids that are settled or were never used are passed over.
#[test]
fn ids_that_are_not_live_are_passed_over() {
    let (mut script, sender, _) = sent(100, 4);
    script.give(&accepts(101, 101));
    script.give(&accepts(0, 500));
    script.give(&accepts(100, 103));
    assert_eq!(outcomes(&mut script, sender).len(), 4);
    script.give(&accepts(7, 7));
    script.give(&accepts(1000, 2000));
    assert_eq!(outcomes(&mut script, sender), []);
    script.expect_nothing();
}

/// TRANSPORT-2.7.6-5: one disposition for the deliveries of several links.
#[test]
fn a_range_covers_several_links() {
    let (mut script, session) = Script::begun();
    let senders = [HANDLE, HANDLE + 1].map(|handle| {
        let peer = Attach { handle, ..peer_receiver("") };
        let sender = script.attach_sender(session, SenderOptions::new("node"), &peer);
        script.give(&Flow { handle: Some(handle), ..script.grant(0, 5) });
        sender
    });
    for _ in 0..5 {
        for sender in senders {
            script.engine.sender(sender).unwrap().send(Bytes::from_static(b"x")).unwrap();
        }
    }
    script.rest();
    script.take_events();
    script.give(&accepts(1, 8));
    assert_eq!(script.take_events(), [Event::Outcomes(senders[1]), Event::Outcomes(senders[0])]);
    assert_eq!(senders.map(|sender| outcomes(&mut script, sender).len()), [4, 4]);
}

/// TRANSPORT-2.7.6-6: also of links that are detached, on both sides.
#[test]
fn deliveries_of_detached_links_are_live() {
    let (mut script, receiver, keys) = taken(2);
    script.give(&Detach { handle: HANDLE, closed: false, error: None });
    script.rest();
    script.expect_event(Event::ReceiverDetached(receiver));
    script.give(&says(Role::Sender, 0, Some(1), true, None));
    let mut view = script.engine.receiver(receiver).unwrap();
    let updated: Vec<_> = std::iter::from_fn(|| view.next_update()).map(|update| update.key).collect();
    assert_eq!(updated, keys);
}

/// TRANSPORT-2.7.6-7: settled by the receiver is settled, and needs no answer.
#[test]
fn what_the_receiver_has_settled_needs_no_answer() {
    let (mut script, sender, keys) = sent(0, 1);
    script.give(&says(Role::Receiver, 0, None, true, None));
    assert_eq!(outcomes(&mut script, sender), [(keys[0], Resolution::Settled(None))]);
    assert_eq!(script.engine.counters().outgoing, 0);
    script.expect_nothing();
}

/// TRANSPORT-2.7.6-8: a receiver that tells an outcome and does not settle is told that the sender has.
#[test]
fn an_outcome_that_is_not_settled_is_settled_by_the_sender() {
    let (mut script, sender, keys) = sent(0, 3);
    let rejected = Some(DeliveryState::Rejected(amqp_core::codec::Rejected::default()));
    script.give(&says(Role::Receiver, 0, Some(2), false, rejected.clone()));
    let settled = Resolution::Settled(rejected.clone());
    assert_eq!(
        outcomes(&mut script, sender),
        keys.iter().map(|key| (*key, settled.clone())).collect::<Vec<_>>()
    );
    let answer: Disposition = script.expect_frame();
    assert_eq!(answer, says(Role::Sender, 0, Some(2), true, rejected));
    script.expect_nothing();
    // The receiver settles as well; there is nothing left to say.
    script.give(&accepts(0, 2));
    assert_eq!(outcomes(&mut script, sender), []);
    script.expect_nothing();
}

/// TRANSPORT-2.7.6-8: a state that is no outcome is remembered, and resolves nothing.
#[test]
fn a_state_that_is_no_outcome_resolves_nothing() {
    let (mut script, sender, keys) = sent(0, 1);
    let received =
        DeliveryState::Received(amqp_core::codec::Received { section_number: 1, section_offset: 7 });
    script.give(&says(Role::Receiver, 0, None, false, Some(received.clone())));
    assert_eq!((script.take_events(), outcomes(&mut script, sender)), (Vec::new(), Vec::new()));
    assert_eq!(script.engine.sender(sender).unwrap().remote_state(keys[0]), Some(&received));
    script.expect_nothing();
    script.give(&accepts(0, 0));
    assert_eq!(
        outcomes(&mut script, sender),
        [(keys[0], Resolution::Settled(Some(DeliveryState::Accepted)))]
    );
}

/// TRANSPORT-2.7.6-9: a sender that comes to an outcome by itself tells it, and the receiver confirms by settling.
#[test]
fn a_sender_can_tell_an_outcome_of_its_own() {
    let (mut script, sender, keys) = sent(0, 1);
    script.engine.sender(sender).unwrap().update(keys[0], DeliveryState::Released).unwrap();
    let told: Disposition = script.expect_frame();
    assert_eq!(told, says(Role::Sender, 0, None, false, Some(DeliveryState::Released)));
    assert_eq!(script.engine.sender(sender).unwrap().unsettled(), 1);
    script.give(&says(Role::Receiver, 0, None, true, Some(DeliveryState::Released)));
    assert_eq!(outcomes(&mut script, sender).len(), 1);
    script.expect_nothing();
}

/// TRANSPORT-2.7.6-12: a delivery can be settled while it is being sent; the rest of it still goes out.
#[test]
fn a_delivery_can_be_settled_while_it_is_sent() {
    let (mut script, sender) = Script::sending(2);
    let mut view = script.engine.sender(sender).unwrap();
    let key = view.start(Bytes::from_static(b"first")).unwrap();
    assert!(script.expect_transfer().0.more);
    script.give(&accepts(0, 0));
    let accepted = Resolution::Settled(Some(DeliveryState::Accepted));
    assert_eq!(outcomes(&mut script, sender), [(key, accepted)]);
    assert_eq!(script.engine.sender(sender).unwrap().settle(key), Err(amqp_core::Gone));
    let mut view = script.engine.sender(sender).unwrap();
    view.append(key, Bytes::from_static(b"second")).unwrap();
    view.finish(key).unwrap();
    assert_eq!(script.expect_transfer().1, "second");
    script.expect_nothing();
    assert_eq!((outcomes(&mut script, sender), script.engine.counters().outgoing), (Vec::new(), 0));
}

/// TRANSPORT-2.7.6-12: and while it is being received.
#[test]
fn a_delivery_can_be_settled_by_its_sender_before_it_is_whole() {
    let (mut script, receiver) = Script::receiving(1);
    script.give_transfer(&Transfer { more: true, ..peer_transfer(0) }, b"first, ");
    script.give(&says(Role::Sender, 0, None, true, None));
    script.give_transfer(&Transfer { handle: HANDLE, ..Transfer::default() }, b"second");
    assert_eq!(script.take_events(), [Event::Deliveries(receiver)]);
    let mut view = script.engine.receiver(receiver).unwrap();
    let delivery = view.next_delivery().unwrap();
    assert_eq!((delivery.settled, delivery.payload.into_bytes()), (true, "first, second".into()));
    assert_eq!((view.unsettled(), script.engine.counters().incoming), (0, 0));
}

/// MESSAGING-3.4-3: an outcome does not change once it was told.
#[test]
fn an_outcome_does_not_change() {
    let (mut script, session) = Script::begun();
    let options = SenderOptions::new("node").auto_settle(false);
    let sender = script.attach_sender(session, options, &peer_receiver(""));
    script.give(&script.grant(0, 1));
    let key = script.engine.sender(sender).unwrap().send(Bytes::from_static(b"x")).unwrap();
    script.expect_transfer();
    for state in [DeliveryState::Accepted, DeliveryState::Released] {
        script.give(&says(Role::Receiver, 0, None, false, Some(state)));
    }
    script.give(&says(Role::Receiver, 0, None, true, Some(DeliveryState::Released)));
    assert_eq!(outcomes(&mut script, sender), [(key, Resolution::Settled(Some(DeliveryState::Accepted)))]);
}

/// A sender changes its state of deliveries, and settles some: each is told once, and in order.
#[test]
fn a_receiver_hears_what_the_sender_does() {
    let (mut script, receiver, keys) = taken(3);
    script.give(&says(Role::Sender, 0, Some(2), false, Some(DeliveryState::Released)));
    script.give(&says(Role::Sender, 1, None, true, Some(DeliveryState::Released)));
    let mut view = script.engine.receiver(receiver).unwrap();
    let updates: Vec<_> = std::iter::from_fn(|| view.next_update()).map(|it| (it.key, it.settled)).collect();
    assert_eq!(updates[..3], [0, 1, 2].map(|at| (keys[at], false)));
    assert_eq!(updates[3..], [(keys[1], true)]);
    assert_eq!((view.unsettled(), script.engine.counters().incoming), (2, 2));
}

/// Nothing of the other side's dispositions is told of deliveries that the application has not seen, but what they are.
#[test]
fn a_delivery_that_was_not_taken_shows_its_newest_state() {
    let (mut script, receiver) = Script::receiving(1);
    script.give_transfer(&peer_transfer(0), b"x");
    script.take_events();
    script.give(&says(Role::Sender, 0, None, true, Some(DeliveryState::Released)));
    assert_eq!(script.take_events(), []);
    let delivery = script.engine.receiver(receiver).unwrap().next_delivery().unwrap();
    assert_eq!((delivery.settled, delivery.state), (true, Some(DeliveryState::Released)));
}
