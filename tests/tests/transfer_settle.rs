//! §2.6.12, §2.8.2, §2.8.3: who settles when, by the settle modes of the link and of the transfer.
#![cfg(test)]

use amqp_core::codec::{
    Attach, DeliveryState, Disposition, ErrorCondition, ReceiverSettleMode, Role, SenderSettleMode, Serial,
    Transfer,
};
use amqp_core::{
    Event, Gone, Outgoing, ReceiverId, ReceiverOptions, Resolution, SendErrorReason, SenderId, SenderOptions,
    StateError, Update,
};
use amqp_tests::oracle::Side;
use amqp_tests::pair::Pair;
use amqp_tests::script::{HANDLE, Script, peer_receiver, peer_sender, peer_transfer};
use bytes::Bytes;

fn message(settled: Option<bool>) -> Outgoing {
    Outgoing { settled, ..Bytes::from_static(b"x").into() }
}

/// A sender with credit for ten, attached with these modes.
fn sending(snd: SenderSettleMode, rcv: ReceiverSettleMode) -> (Script, SenderId) {
    let (mut script, session) = Script::begun();
    let peer = Attach { rcv_settle_mode: rcv, ..peer_receiver("") };
    let options = SenderOptions::new("node").snd_settle_mode(snd).rcv_settle_mode(rcv);
    let sender = script.attach_sender(session, options, &peer);
    script.give(&script.grant(0, 10));
    (script, sender)
}

/// A receiver with credit for ten, attached with these modes.
fn receiving(snd: SenderSettleMode, rcv: ReceiverSettleMode) -> (Script, ReceiverId) {
    let (mut script, session) = Script::begun();
    let peer = Attach { snd_settle_mode: snd, rcv_settle_mode: rcv, ..peer_sender("") };
    let options = ReceiverOptions::new("node").rcv_settle_mode(rcv).prefetch(10);
    let receiver = script.attach_receiver(session, options, &peer);
    script.rest();
    (script, receiver)
}

fn told(role: Role, first: u32, settled: bool, state: Option<DeliveryState>) -> Disposition {
    Disposition { role, first: Serial(first), last: None, settled, state, batchable: false }
}

/// TRANSPORT-2.6.12-11: what each mode makes of each wish.
#[test]
fn the_mode_decides_whether_a_message_goes_out_settled() {
    use SenderSettleMode::{Mixed, Settled, Unsettled};
    let refused = Err(SendErrorReason::SettleMode);
    for (mode, wish, goes) in [
        (Settled, None, Ok(true)),
        (Settled, Some(true), Ok(true)),
        (Settled, Some(false), refused),
        (Unsettled, None, Ok(false)),
        (Unsettled, Some(false), Ok(false)),
        (Unsettled, Some(true), refused),
        (Mixed, None, Ok(false)),
        (Mixed, Some(false), Ok(false)),
        (Mixed, Some(true), Ok(true)),
    ] {
        let (mut script, sender) = sending(mode, ReceiverSettleMode::First);
        let sent = script.engine.sender(sender).unwrap().send(message(wish)).map_err(|it| it.reason);
        let settled = sent.map(|_| script.expect_transfer().0.settled == Some(true));
        assert_eq!(settled, goes, "{mode:?} {wish:?}");
    }
}

/// TRANSPORT-2.6.12-11: what arrives against the mode detaches the link.
#[test]
fn a_delivery_against_the_senders_mode_detaches_the_link() {
    for (mode, settled) in [(SenderSettleMode::Settled, None), (SenderSettleMode::Unsettled, Some(true))] {
        let (mut script, _) = receiving(mode, ReceiverSettleMode::First);
        script.give_transfer(&Transfer { settled: settled.map(|it| !it), ..peer_transfer(0) }, b"x");
        if settled.is_none() {
            script.expect_detach(Some(ErrorCondition::INVALID_FIELD));
            continue;
        }
        script.expect_nothing();
        script.give_transfer(&Transfer { settled, ..peer_transfer(1) }, b"x");
        script.expect_detach(Some(ErrorCondition::INVALID_FIELD));
    }
}

/// TRANSPORT-2.6.12-11: on a settled link one frame of the delivery has to say so, whichever.
#[test]
fn a_settled_delivery_says_so_in_any_of_its_frames() {
    let (mut script, receiver) = receiving(SenderSettleMode::Settled, ReceiverSettleMode::First);
    script.give_transfer(&Transfer { more: true, ..peer_transfer(0) }, b"x");
    script.give_transfer(&Transfer { handle: HANDLE, settled: Some(true), ..Transfer::default() }, b"x");
    script.expect_nothing();
    let delivery = script.engine.receiver(receiver).unwrap().next_delivery().unwrap();
    assert!(delivery.settled);
}

/// TRANSPORT-2.6.12-14: a later frame may not ask for more than the link's mode either.
#[test]
fn no_frame_of_a_delivery_asks_for_second_where_the_link_has_first() {
    for frames in [1, 2] {
        let (mut script, _) = receiving(SenderSettleMode::Unsettled, ReceiverSettleMode::First);
        let second = Some(ReceiverSettleMode::Second);
        if frames == 1 {
            script.give_transfer(&Transfer { rcv_settle_mode: second, ..peer_transfer(0) }, b"x");
        } else {
            script.give_transfer(&Transfer { more: true, ..peer_transfer(0) }, b"x");
            let last = Transfer { handle: HANDLE, rcv_settle_mode: second, ..Transfer::default() };
            script.give_transfer(&last, b"y");
        }
        script.expect_detach(Some(ErrorCondition::INVALID_FIELD));
    }
}

/// TRANSPORT-2.6.12-14: and any frame may ask for less.
#[test]
fn any_frame_of_a_delivery_may_choose_first() {
    for (chosen, settled) in [(ReceiverSettleMode::First, true), (ReceiverSettleMode::Second, false)] {
        let (mut script, receiver) = receiving(SenderSettleMode::Unsettled, ReceiverSettleMode::Second);
        script.give_transfer(&Transfer { more: true, ..peer_transfer(0) }, b"x");
        let last = Transfer { handle: HANDLE, rcv_settle_mode: Some(chosen), ..Transfer::default() };
        script.give_transfer(&last, b"y");
        let mut view = script.engine.receiver(receiver).unwrap();
        let key = view.next_delivery().unwrap().key;
        view.settle(key, DeliveryState::Accepted).unwrap();
        assert_eq!(script.expect_frame::<Disposition>().settled, settled);
    }
}

/// TRANSPORT-2.7.6-11: a delivery that came settled is answered by nothing, and there is nothing to settle.
#[test]
fn a_settled_delivery_is_not_answered() {
    let (mut script, receiver) = Script::receiving(1);
    script.give_transfer(&Transfer { settled: Some(true), ..peer_transfer(0) }, b"x");
    let mut view = script.engine.receiver(receiver).unwrap();
    let delivery = view.next_delivery().unwrap();
    assert_eq!(view.settle(delivery.key, DeliveryState::Accepted), Err(StateError::Gone(Gone)));
    assert_eq!((view.unsettled(), script.engine.counters().incoming), (0, 0));
    script.expect_nothing();
}

/// A message that is sent settled is resolved when it is written.
#[test]
fn a_settled_send_resolves_when_it_is_written() {
    let (mut script, sender) = Script::sending(1);
    let key = script.engine.sender(sender).unwrap().send(message(Some(true))).unwrap();
    assert_eq!(script.engine.sender(sender).unwrap().next_outcome(), None);
    script.expect_transfer();
    script.expect_event(Event::Outcomes(sender));
    let mut view = script.engine.sender(sender).unwrap();
    assert_eq!(view.next_outcome(), Some((key, Resolution::Settled(None))));
    assert_eq!((view.settle(key), view.unsettled()), (Err(Gone), 0));
    script.expect_nothing();
}

/// A message that is sent settled in many frames cannot be settled again between them.
#[test]
fn a_settled_send_is_not_settled_again_while_it_is_sent() {
    let (mut script, sender) = Script::sending(1);
    let key = script.engine.sender(sender).unwrap().start(message(Some(true))).unwrap();
    assert_eq!(script.expect_transfer().0.settled, Some(true));
    assert_eq!(script.engine.sender(sender).unwrap().settle(key), Err(Gone));
    script.engine.sender(sender).unwrap().finish(key).unwrap();
    script.expect_transfer();
    script.expect_nothing();
    assert_eq!(script.engine.sender(sender).unwrap().next_outcome(), Some((key, Resolution::Settled(None))));
}

/// TRANSPORT-2.6.12-12
#[test]
fn a_transfer_cannot_ask_for_second_on_a_link_that_is_first() {
    let (mut script, _) = Script::receiving(2);
    let second = Some(ReceiverSettleMode::Second);
    // Ignored where the delivery is settled.
    script
        .give_transfer(&Transfer { rcv_settle_mode: second, settled: Some(true), ..peer_transfer(0) }, b"x");
    script.expect_nothing();
    script.give_transfer(&Transfer { rcv_settle_mode: second, ..peer_transfer(1) }, b"x");
    script.expect_detach(Some(ErrorCondition::INVALID_FIELD));
}

/// TRANSPORT-2.6.12-12
#[test]
fn a_sender_cannot_ask_for_second_on_a_link_that_is_first() {
    let (mut script, sender) = Script::sending(1);
    let asks = Outgoing { rcv_settle_mode: Some(ReceiverSettleMode::Second), ..message(None) };
    let refused = script.engine.sender(sender).unwrap().send(asks).unwrap_err();
    assert_eq!(refused.reason, SendErrorReason::SettleMode);
    script.expect_nothing();
}

/// TRANSPORT-2.6.12-12: for one delivery, second is lowered to first.
#[test]
fn a_transfer_can_lower_second_to_first() {
    let (mut script, receiver) = receiving(SenderSettleMode::Mixed, ReceiverSettleMode::Second);
    let first = Some(ReceiverSettleMode::First);
    script.give_transfer(&Transfer { rcv_settle_mode: first, ..peer_transfer(0) }, b"x");
    script.give_transfer(&peer_transfer(1), b"y");
    let mut view = script.engine.receiver(receiver).unwrap();
    for _ in 0..2 {
        let delivery = view.next_delivery().unwrap();
        view.settle(delivery.key, DeliveryState::Accepted).unwrap();
    }
    let accepted = Some(DeliveryState::Accepted);
    assert_eq!(script.expect_frame::<Disposition>(), told(Role::Receiver, 0, true, accepted.clone()));
    assert_eq!(script.expect_frame::<Disposition>(), told(Role::Receiver, 1, false, accepted));
}

/// TRANSPORT-2.6.12-13
#[test]
fn a_first_receiver_settles_at_once() {
    let (mut script, receiver) = Script::receiving(1);
    script.give_transfer(&peer_transfer(0), b"x");
    let mut view = script.engine.receiver(receiver).unwrap();
    let delivery = view.next_delivery().unwrap();
    view.settle(delivery.key, DeliveryState::Accepted).unwrap();
    assert_eq!(view.settle(delivery.key, DeliveryState::Accepted), Err(StateError::Gone(Gone)));
    assert_eq!(view.unsettled(), 0);
    let expected = told(Role::Receiver, 0, true, Some(DeliveryState::Accepted));
    assert_eq!(script.expect_frame::<Disposition>(), expected);
    script.expect_nothing();
}

/// TRANSPORT-2.6.12-14: the receiver tells its outcome, the sender settles, and only then the receiver has.
#[test]
fn a_second_receiver_waits_for_the_sender() {
    let (mut script, receiver) = receiving(SenderSettleMode::Mixed, ReceiverSettleMode::Second);
    script.give_transfer(&peer_transfer(0), b"x");
    script.take_events();
    let mut view = script.engine.receiver(receiver).unwrap();
    let delivery = view.next_delivery().unwrap();
    view.settle(delivery.key, DeliveryState::Accepted).unwrap();
    assert_eq!(view.unsettled(), 1);
    let accepted = Some(DeliveryState::Accepted);
    assert_eq!(script.expect_frame::<Disposition>(), told(Role::Receiver, 0, false, accepted.clone()));
    script.give(&told(Role::Sender, 0, true, accepted.clone()));
    assert_eq!(script.take_events(), [Event::Updates(receiver)]);
    let mut view = script.engine.receiver(receiver).unwrap();
    let update = Update { key: delivery.key, state: accepted, settled: true };
    assert_eq!((view.next_update(), view.next_update()), (Some(update), None));
    assert_eq!(view.settle(delivery.key, DeliveryState::Accepted), Err(StateError::Gone(Gone)));
    assert_eq!((view.unsettled(), script.engine.counters().incoming), (0, 0));
    script.expect_nothing();
}

/// TRANSPORT-2.6.12-14, electron D11: the sender's side of the three steps.
#[test]
fn a_sender_settles_what_a_second_receiver_tells() {
    let (mut script, sender) = sending(SenderSettleMode::Mixed, ReceiverSettleMode::Second);
    let key = script.engine.sender(sender).unwrap().send(message(None)).unwrap();
    script.expect_transfer();
    let accepted = Some(DeliveryState::Accepted);
    script.give(&told(Role::Receiver, 0, false, accepted.clone()));
    assert_eq!(script.expect_frame::<Disposition>(), told(Role::Sender, 0, true, accepted.clone()));
    let mut view = script.engine.sender(sender).unwrap();
    assert_eq!(view.next_outcome(), Some((key, Resolution::Settled(accepted))));
    assert_eq!((view.unsettled(), script.engine.counters().outgoing), (0, 0));
}

/// The three steps between two engines, for many deliveries at once: exactly once on both sides.
#[test]
fn exactly_once_takes_three_steps() {
    let options = SenderOptions::new("node").rcv_settle_mode(ReceiverSettleMode::Second);
    let (mut pair, link) = Pair::linked(options, ReceiverOptions::default().prefetch(50));
    let keys: Vec<_> = (0..50).map(|_| pair.send(&link, b"once")).collect();
    pair.drive();
    for delivery in pair.deliveries(&link) {
        pair.receiver(&link).settle(delivery.key, DeliveryState::Accepted).unwrap();
    }
    pair.take_events(Side::Server);
    pair.written(Side::Client);
    pair.written(Side::Server);
    pair.drive();
    let accepted = Resolution::Settled(Some(DeliveryState::Accepted));
    assert_eq!(pair.outcomes(&link), keys.iter().map(|key| (*key, accepted.clone())).collect::<Vec<_>>());
    assert_eq!(pair.take_events(Side::Server), [Event::Updates(link.receiver)]);
    let mut view = pair.receiver(&link);
    assert_eq!(std::iter::from_fn(|| view.next_update()).filter(|update| update.settled).count(), 50);
    let (ours, theirs): (Vec<Disposition>, Vec<Disposition>) =
        (pair.written_of(Side::Client), pair.written_of(Side::Server));
    assert_eq!((ours.len(), theirs.len()), (1, 1));
    assert_eq!((pair.client.counters().outgoing, pair.server.counters().incoming), (0, 0));
    pair.finish();
}

/// A sender that settles by itself, after it has stored the outcome.
#[test]
fn an_application_can_settle_what_it_was_told() {
    let options = SenderOptions::new("node").auto_settle(false).rcv_settle_mode(ReceiverSettleMode::Second);
    let (mut pair, link) = Pair::linked(options, ReceiverOptions::default().prefetch(5));
    let key = pair.send(&link, b"x");
    pair.drive();
    let delivery = pair.deliveries(&link).remove(0);
    pair.receiver(&link).settle(delivery.key, DeliveryState::Released).unwrap();
    pair.drive();
    let released = Resolution::Settled(Some(DeliveryState::Released));
    assert_eq!(pair.outcomes(&link), [(key, released)]);
    assert_eq!((pair.sender(&link).unsettled(), pair.receiver(&link).unsettled()), (1, 1));
    assert_eq!(pair.sender(&link).remote_state(key), Some(&DeliveryState::Released));
    pair.sender(&link).settle(key).unwrap();
    assert_eq!(pair.sender(&link).settle(key), Err(Gone));
    pair.drive();
    assert_eq!((pair.sender(&link).unsettled(), pair.receiver(&link).unsettled()), (0, 0));
    assert_eq!(pair.outcomes(&link), []);
    pair.finish();
}

/// A sender can give up on a delivery: it has no outcome then, and the receiver hears that it is settled.
#[test]
fn a_sender_can_settle_without_an_outcome() {
    let (mut pair, link) = Pair::linked(SenderOptions::new("node"), ReceiverOptions::default().prefetch(5));
    let key = pair.send(&link, b"x");
    pair.drive();
    let delivery = pair.deliveries(&link).remove(0);
    pair.sender(&link).settle(key).unwrap();
    pair.drive();
    pair.expect_event(Side::Server, Event::Updates(link.receiver));
    let update = pair.receiver(&link).next_update().unwrap();
    assert_eq!((update.key, update.state, update.settled), (delivery.key, None, true));
    let late = pair.receiver(&link).settle(delivery.key, DeliveryState::Accepted);
    assert_eq!(late, Err(StateError::Gone(Gone)));
    assert_eq!(pair.outcomes(&link), []);
    pair.finish();
}
