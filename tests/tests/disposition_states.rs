//! §3.4: every delivery state with every field, as a receiver tells it and as a sender does.
#![cfg(test)]

use amqp_core::codec::{
    DeliveryState, Described, Disposition, Error, ErrorCondition, Fields, Modified, Received, Rejected, Role,
    Serial, Symbol, TransactionId, TransactionalState, Value,
};
use amqp_core::{Outgoing, ReceiverOptions, Resolution, SendErrorReason, SenderOptions, StateError};
use amqp_tests::oracle::Side;
use amqp_tests::pair::{Link, Pair};
use amqp_tests::script::{Script, peer_transfer};
use bytes::Bytes;

fn fields() -> Fields {
    Fields::from_iter([(Symbol::from_static("x-opt-why"), Value::from("because"))])
}

/// Outcomes with and without their fields.
fn outcomes() -> Vec<DeliveryState> {
    let mut error = Error::new(ErrorCondition::PRECONDITION_FAILED, "no");
    error.info = Some(fields());
    let modified = |delivery_failed, undeliverable_here, annotated: bool| {
        let message_annotations = annotated.then(|| fields().into());
        DeliveryState::Modified(Modified { delivery_failed, undeliverable_here, message_annotations })
    };
    let transactional = TransactionalState {
        txn_id: TransactionId::new(b"transaction").unwrap(),
        outcome: Some(DeliveryState::Released),
    };
    vec![
        DeliveryState::Accepted,
        DeliveryState::Rejected(Rejected::default()),
        DeliveryState::Rejected(Rejected { error: Some(error.into()) }),
        DeliveryState::Released,
        modified(false, false, false),
        modified(true, false, false),
        modified(false, true, false),
        modified(true, true, true),
        DeliveryState::Transactional(transactional.into()),
    ]
}

/// States that are not outcomes, and one of a kind that nobody knows.
fn states() -> Vec<DeliveryState> {
    let unknown = Described { descriptor: Value::Ulong(0x99), value: Value::List(Vec::new()) };
    vec![
        DeliveryState::Received(Received { section_number: 3, section_offset: 1 << 40 }),
        DeliveryState::Unknown(unknown.into()),
    ]
}

fn linked() -> (Pair, Link) {
    Pair::linked(SenderOptions::new("node").auto_settle(false), ReceiverOptions::default().prefetch(10))
}

/// MESSAGING-3.4-2
#[test]
fn every_outcome_reaches_the_sender() {
    for outcome in outcomes().into_iter().filter(DeliveryState::is_terminal) {
        let (mut pair, link) = linked();
        let key = pair.send(&link, b"x");
        pair.drive();
        let delivery = pair.deliveries(&link).remove(0);
        pair.receiver(&link).settle(delivery.key, outcome.clone()).unwrap();
        pair.drive();
        assert_eq!(pair.outcomes(&link), [(key, Resolution::Settled(Some(outcome)))]);
        pair.finish();
    }
}

/// MESSAGING-3.4-1, TRANSPORT-2.7.6-13: so does every state that settles nothing.
#[test]
fn every_state_reaches_the_sender() {
    for state in states() {
        let (mut pair, link) = linked();
        let key = pair.send(&link, b"x");
        pair.drive();
        let delivery = pair.deliveries(&link).remove(0);
        pair.receiver(&link).update(delivery.key, state.clone()).unwrap();
        pair.drive();
        assert_eq!(pair.sender(&link).remote_state(key), Some(&state));
        assert_eq!((pair.outcomes(&link), pair.sender(&link).unsettled()), (Vec::new(), 1));
        pair.receiver(&link).settle(delivery.key, DeliveryState::Accepted).unwrap();
        pair.drive();
        pair.finish();
    }
}

/// MESSAGING-3.4-1, MESSAGING-3.4-2: and what the sender tells reaches the receiver, with the transfer and behind it.
#[test]
fn every_state_reaches_the_receiver() {
    for state in outcomes().into_iter().chain(states().pop()) {
        let (mut pair, link) = linked();
        let key = pair.send(&link, b"x");
        let message = Outgoing { state: Some(state.clone()), ..Bytes::from_static(b"y").into() };
        pair.sender(&link).send(message).unwrap();
        pair.drive();
        let deliveries = pair.deliveries(&link);
        assert_eq!(deliveries[1].state, Some(state.clone()));
        pair.sender(&link).update(key, state.clone()).unwrap();
        pair.drive();
        pair.expect_event(Side::Server, amqp_core::Event::Updates(link.receiver));
        let update = pair.receiver(&link).next_update().unwrap();
        assert_eq!((update.key, update.state, update.settled), (deliveries[0].key, Some(state), false));
        for delivery in deliveries {
            pair.receiver(&link).settle(delivery.key, DeliveryState::Accepted).unwrap();
        }
        pair.drive();
        pair.finish();
    }
}

/// MESSAGING-3.4-1: a sender has no use for `received` but to resume a delivery.
#[test]
fn a_sender_does_not_say_received() {
    let (mut pair, link) = linked();
    let received = states().remove(0);
    let message = Outgoing { state: Some(received.clone()), ..Bytes::from_static(b"y").into() };
    let refused = pair.sender(&link).send(message).unwrap_err();
    assert_eq!(refused.reason, SendErrorReason::State);
    let key = pair.send(&link, b"x");
    assert_eq!(pair.sender(&link).update(key, DeliveryState::Released), Err(StateError::NotAsked));
    pair.drive();
    assert_eq!(pair.sender(&link).update(key, received), Err(StateError::NotAsked));
    pair.finish();
}

/// MESSAGING-3.4-3: nor does what a sender told change any more once it was an outcome.
#[test]
fn an_outcome_that_the_sender_told_does_not_change() {
    let (mut script, receiver) = Script::receiving(1);
    script.give_transfer(&peer_transfer(0), b"x");
    script.take_events();
    let key = script.engine.receiver(receiver).unwrap().next_delivery().unwrap().key;
    let tells = |state| Disposition {
        role: Role::Sender,
        first: Serial(0),
        settled: false,
        state: Some(state),
        ..Disposition::default()
    };
    script.give(&tells(DeliveryState::Released));
    script.give(&tells(DeliveryState::Accepted));
    let mut view = script.engine.receiver(receiver).unwrap();
    let updates: Vec<_> = std::iter::from_fn(|| view.next_update()).map(|it| (it.key, it.state)).collect();
    assert_eq!(updates, [(key, Some(DeliveryState::Released))]);
}

/// TRANSPORT-2.6.12-15: this side keeps to it as well, in the transfer as later, and where it settles what the receiver
/// saw otherwise.
#[test]
fn an_outcome_that_this_side_told_does_not_change() {
    for auto_settle in [true, false] {
        let options = SenderOptions::new("node").auto_settle(auto_settle);
        let (mut pair, link) = Pair::linked(options, ReceiverOptions::default().prefetch(10));
        let message = Outgoing { state: Some(DeliveryState::Released), ..Bytes::from_static(b"x").into() };
        let keys = [pair.sender(&link).send(message).unwrap(), pair.send(&link, b"y")];
        pair.drive();
        pair.sender(&link).update(keys[1], DeliveryState::Released).unwrap();
        for key in keys {
            let again = pair.sender(&link).update(key, DeliveryState::Accepted);
            assert_eq!(again, Err(StateError::NotAsked));
            assert_eq!(pair.sender(&link).update(key, DeliveryState::Released), Ok(()));
        }
        pair.drive();
        for delivery in pair.deliveries(&link) {
            pair.receiver(&link).update(delivery.key, DeliveryState::Accepted).unwrap();
        }
        pair.drive();
        let accepted = || Resolution::Settled(Some(DeliveryState::Accepted));
        assert_eq!(pair.outcomes(&link), keys.map(|key| (key, accepted())));
        for key in keys {
            assert_eq!(pair.sender(&link).settle(key).is_ok(), !auto_settle);
        }
        pair.finish();
    }
}

/// MESSAGING-3.4-5, MESSAGING-3.4-6: what outcomes a source has reaches the other side, for the application to keep to.
#[test]
fn the_outcomes_of_a_source_can_be_read() {
    let (mut pair, sessions) = Pair::begun();
    let source = amqp_core::codec::Source {
        outcomes: [Symbol::from_static("amqp:accepted:list"), Symbol::from_static("amqp:released:list")]
            .into_iter()
            .collect(),
        default_outcome: Some(Box::new(DeliveryState::Released)),
        ..Default::default()
    };
    let options = SenderOptions::default().with_source(source.clone());
    let link = pair.attach_sender(Side::Client, sessions, options, ReceiverOptions::default());
    let view = pair.receiver(&link);
    let Some(amqp_core::codec::AttachSource::Source(seen)) = view.remote().unwrap().source.as_deref() else {
        unreachable!()
    };
    assert_eq!(*seen, source);
    pair.finish();
}
