//! §2.7.6: dispositions that are written: what is merged, what is said once, and what fits.
#![cfg(test)]

use amqp_core::codec::{
    DeliveryState, Disposition, Error, ErrorCondition, Open, Rejected, Role, Serial, Transfer,
};
use amqp_core::{
    ConnectionOptions, Gone, ReceivedKey, ReceiverId, ReceiverOptions, SessionOptions, StateError,
};
use amqp_tests::frames::{Frame, Unit};
use amqp_tests::script::{HANDLE, Script, peer_begin, peer_open, peer_sender, peer_transfer};

/// A receiver that has taken so many deliveries, numbered from `first`.
fn taken(first: u32, deliveries: u32) -> (Script, ReceiverId, Vec<ReceivedKey>) {
    let (mut script, receiver) = Script::receiving(deliveries);
    for number in 0..deliveries {
        script.give_transfer(&peer_transfer(first.wrapping_add(number)), b"x");
    }
    let mut view = script.engine.receiver(receiver).unwrap();
    let keys = std::iter::from_fn(|| view.next_delivery()).map(|it| it.key).collect();
    script.rest();
    (script, receiver, keys)
}

fn settle(script: &mut Script, receiver: ReceiverId, key: ReceivedKey, state: DeliveryState) {
    script.engine.receiver(receiver).unwrap().settle(key, state).unwrap();
}

/// The ranges of all dispositions that are written now.
fn ranges(script: &mut Script) -> Vec<(u32, Option<u32>, DeliveryState)> {
    let range = |unit| match unit {
        Unit::Frame(Frame {
            performative: Some(amqp_core::codec::Performative::Disposition(it)), ..
        }) => {
            assert!(it.settled && it.role == Role::Receiver);
            (it.first.0, it.last.map(|last| last.0), it.state.unwrap())
        }
        other => unreachable!("{other:?}"),
    };
    script.rest().into_iter().map(range).collect()
}

/// TRANSPORT-2.7.6-11: what the sender settles with a later frame is not spoken of, and nothing is said twice.
#[test]
fn what_is_settled_on_the_way_is_not_spoken_of() {
    for settled in [None, Some(true)] {
        let (mut script, session) = Script::begun();
        let options = ReceiverOptions::new("node").streaming(true).prefetch(9);
        let receiver = script.attach_receiver(session, options, &peer_sender("link"));
        script.rest();
        script.give_transfer(&Transfer { more: true, ..peer_transfer(0) }, b"x");
        let mut view = script.engine.receiver(receiver).unwrap();
        let key = view.next_delivery().unwrap().key;
        for _ in 0..3 {
            view.update(key, DeliveryState::Accepted).unwrap();
        }
        script.give_transfer(&Transfer { handle: HANDLE, settled, ..Transfer::default() }, b"y");
        let said =
            script.rest().into_iter().filter(|unit| format!("{unit:?}").contains("Disposition")).count();
        assert_eq!(said, usize::from(settled.is_none()));
    }
}

/// TRANSPORT-2.7.6-14
#[test]
fn neighbours_with_one_outcome_share_a_disposition() {
    let (mut script, receiver, keys) = taken(0, 10);
    for key in keys {
        settle(&mut script, receiver, key, DeliveryState::Accepted);
    }
    assert_eq!(ranges(&mut script), [(0, Some(9), DeliveryState::Accepted)]);
}

/// TRANSPORT-2.7.6-14: in either direction, across the wrap.
#[test]
fn ranges_grow_both_ways_across_the_wrap() {
    let (mut script, receiver, keys) = taken(0xFFFF_FFFC, 8);
    for at in [4, 3, 5, 2, 1, 6] {
        settle(&mut script, receiver, keys[at], DeliveryState::Accepted);
    }
    assert_eq!(ranges(&mut script), [(0xFFFF_FFFD, Some(2), DeliveryState::Accepted)]);
}

/// TRANSPORT-2.7.6-14: what differs, or is not next to each other, is said apart, in the order in which it was decided.
#[test]
fn what_differs_is_said_apart() {
    let (mut script, receiver, keys) = taken(0, 8);
    use DeliveryState::{Accepted, Released};
    for (at, state) in [(0, Accepted), (1, Accepted), (2, Released), (5, Released), (3, Accepted)] {
        settle(&mut script, receiver, keys[at], state);
    }
    let expected = [(0, Some(1), Accepted), (2, None, Released), (5, None, Released), (3, None, Accepted)];
    assert_eq!(ranges(&mut script), expected);
}

/// Four thousand unsettled deliveries, settled forwards, backwards and at random.
#[test]
fn four_thousand_deliveries_are_settled_in_any_order() {
    for order in 0..3_u64 {
        let (mut script, receiver) = Script::receiving(4000);
        for number in 0..4000 {
            script.give_transfer(&peer_transfer(number), b"x");
            if number % 500 == 0 {
                script.rest();
            }
        }
        let mut view = script.engine.receiver(receiver).unwrap();
        let mut keys: Vec<_> = std::iter::from_fn(|| view.next_delivery()).map(|it| it.key).collect();
        script.rest();
        assert_eq!(script.engine.receiver(receiver).unwrap().unsettled(), 4000);
        match order {
            0 => {}
            1 => keys.reverse(),
            mut seed => keys.sort_by_cached_key(|_| amqp_tests::chop::random(&mut seed)),
        }
        for key in keys {
            settle(&mut script, receiver, key, DeliveryState::Accepted);
        }
        let ranges = ranges(&mut script);
        let settled: u32 = ranges.iter().map(|(first, last, _)| last.unwrap_or(*first) - first + 1).sum();
        assert_eq!((settled, script.engine.counters().incoming), (4000, 0));
        assert_eq!(ranges.len() == 1, order < 2, "{}", ranges.len());
    }
}

/// TRANSPORT-2.7.6-10
#[test]
fn a_delivery_is_settled_once() {
    let (mut script, receiver, keys) = taken(0, 1);
    settle(&mut script, receiver, keys[0], DeliveryState::Accepted);
    let mut view = script.engine.receiver(receiver).unwrap();
    assert_eq!(view.settle(keys[0], DeliveryState::Accepted), Err(StateError::Gone(Gone)));
    assert_eq!(ranges(&mut script).len(), 1);
    let mut view = script.engine.receiver(receiver).unwrap();
    assert_eq!(view.settle(keys[0], DeliveryState::Released), Err(StateError::Gone(Gone)));
    script.expect_nothing();
}

/// TRANSPORT-2.7.6-10: nor where the sender was first.
#[test]
fn what_the_sender_has_settled_is_not_settled_again() {
    let (mut script, receiver, keys) = taken(0, 1);
    let settled =
        Disposition { role: Role::Sender, first: Serial(0), settled: true, ..Disposition::default() };
    script.give(&settled);
    let mut view = script.engine.receiver(receiver).unwrap();
    assert_eq!(view.settle(keys[0], DeliveryState::Accepted), Err(StateError::Gone(Gone)));
    script.expect_nothing();
}

/// Nor once the link is over.
#[test]
fn what_is_over_is_not_settled() {
    let (mut script, receiver, keys) = taken(0, 2);
    script.give(&amqp_core::codec::Detach { handle: HANDLE, closed: true, error: None });
    let mut view = script.engine.receiver(receiver).unwrap();
    assert_eq!(view.settle(keys[0], DeliveryState::Accepted), Err(StateError::Gone(Gone)));
    assert_eq!(view.update(keys[1], DeliveryState::Accepted), Err(StateError::Gone(Gone)));
    script.expect_detach(None);
    script.expect_nothing();
    assert_eq!(script.engine.counters().incoming, 0);
}

/// What was settled before a close is told before it.
#[test]
fn what_was_settled_is_told_before_the_close() {
    let (mut script, receiver, keys) = taken(0, 1);
    settle(&mut script, receiver, keys[0], DeliveryState::Accepted);
    script.engine.receiver(receiver).unwrap().close(None).unwrap();
    script.expect_frame::<Disposition>();
    script.expect_detach(None);
}

/// A state can be told without settling.
#[test]
fn a_state_can_be_told_without_settling() {
    let (mut script, receiver, keys) = taken(0, 1);
    let received =
        DeliveryState::Received(amqp_core::codec::Received { section_number: 0, section_offset: 9 });
    let mut view = script.engine.receiver(receiver).unwrap();
    assert_eq!(view.settle(keys[0], received.clone()), Err(StateError::NotAsked));
    view.update(keys[0], received.clone()).unwrap();
    assert_eq!(view.unsettled(), 1);
    let told: Disposition = script.expect_frame();
    assert_eq!((told.settled, told.state), (false, Some(received)));
    settle(&mut script, receiver, keys[0], DeliveryState::Accepted);
    assert_eq!(ranges(&mut script).len(), 1);
}

/// A state that does not fit the peer's frames is refused, and the delivery can still be settled.
#[test]
fn a_state_that_fits_no_frame_is_refused() {
    let mut script = Script::client(ConnectionOptions::new("engine"));
    script.open(&Open { max_frame_size: 512, ..peer_open() });
    let session = script.begin(SessionOptions::default(), &peer_begin());
    let options = ReceiverOptions::new("node").prefetch(5);
    let receiver = script.attach_receiver(session, options, &peer_sender(""));
    script.rest();
    script.give_transfer(&peer_transfer(0), b"x");
    let key = script.engine.receiver(receiver).unwrap().next_delivery().unwrap().key;
    let rejected = |length: usize| {
        let error = Error::new(ErrorCondition::INTERNAL_ERROR, "x".repeat(length));
        DeliveryState::Rejected(Rejected { error: Some(error.into()) })
    };
    let mut view = script.engine.receiver(receiver).unwrap();
    assert_eq!(view.settle(key, rejected(500)), Err(StateError::TooLarge));
    assert_eq!(view.update(key, rejected(500)), Err(StateError::TooLarge));
    view.settle(key, rejected(300)).unwrap();
    assert!(script.expect_any_frame().size <= 512);
    script.expect_nothing();
}

/// Settled before all of it has come: the rest is dropped as it comes, and the next delivery is whole.
#[test]
fn an_incomplete_delivery_can_be_settled() {
    let (mut script, session) = Script::begun();
    let options = ReceiverOptions::new("node").streaming(true).prefetch(5);
    let receiver = script.attach_receiver(session, options, &peer_sender(""));
    script.rest();
    let next = |more| Transfer { handle: HANDLE, more, ..Transfer::default() };
    script.give_transfer(&Transfer { more: true, ..peer_transfer(0) }, b"enough");
    let early = script.engine.receiver(receiver).unwrap().next_delivery().unwrap();
    assert!(!early.complete);
    script.give_transfer(&next(true), b"unread");
    settle(&mut script, receiver, early.key, DeliveryState::Accepted);
    assert_eq!(script.engine.receiver(receiver).unwrap().read(early.key), Err(Gone));
    script.give_transfer(&next(true), b"unwanted");
    script.give_transfer(&next(false), b"unwanted");
    script.give_transfer(&peer_transfer(1), b"whole");
    assert_eq!(script.expect_frame::<Disposition>().first, Serial(0));
    let mut view = script.engine.receiver(receiver).unwrap();
    let delivery = view.next_delivery().unwrap();
    assert_eq!((delivery.complete, delivery.payload.into_bytes()), (true, "whole".into()));
    assert_eq!((view.unsettled(), view.waiting()), (1, 0));
    assert_eq!((script.engine.counters().incoming, script.engine.counters().buffered_input), (1, 0));
}

/// TRANSPORT-2.6.4-2: a link that is closed tells first of all that was settled on it, however much there is to write.
#[test]
fn everything_is_told_before_the_link_is_closed() {
    const COUNT: u32 = 1500;
    let error = Error::new(ErrorCondition::NOT_ALLOWED, "x".repeat(100));
    let rejected = DeliveryState::Rejected(Rejected { error: Some(error.into()) });
    let (mut script, receiver, keys) = taken(0, COUNT);
    for (key, state) in keys.iter().zip([rejected, DeliveryState::Released].iter().cycle()) {
        settle(&mut script, receiver, *key, state.clone());
    }
    script.engine.receiver(receiver).unwrap().close(None).unwrap();
    for id in 0..COUNT {
        assert_eq!(script.expect_frame::<Disposition>().first, Serial(id));
    }
    script.expect_detach(None);
}

/// TRANSPORT-2.7.6-11: of a range that waits, and of what waits behind it, what the sender settles meanwhile is left out.
#[test]
fn what_is_settled_meanwhile_is_left_out_of_ranges() {
    let first = u32::MAX - 4;
    let id = |number: u32| first.wrapping_add(number);
    let (mut script, receiver, keys) = taken(first, 12);
    script.engine.receiver(receiver).unwrap().grant(1);
    script.rest();
    for (number, key) in keys.into_iter().enumerate() {
        let state = if number < 10 { DeliveryState::Accepted } else { DeliveryState::Released };
        settle(&mut script, receiver, key, state);
    }
    for (from, to) in [(3, 4), (4, 5), (7, 7), (11, 40)] {
        let (first, last) = (Serial(id(from)), Some(Serial(id(to))));
        script.give(&Disposition {
            role: Role::Sender,
            first,
            last,
            settled: true,
            ..Disposition::default()
        });
    }
    // Numbers that were not used yet were named, and are as any other later on.
    script.give_transfer(&peer_transfer(id(12)), b"x");
    let key = script.engine.receiver(receiver).unwrap().next_delivery().unwrap().key;
    settle(&mut script, receiver, key, DeliveryState::Released);
    let said: Vec<_> = script
        .rest()
        .into_iter()
        .filter_map(|unit| match unit {
            Unit::Frame(Frame {
                performative: Some(amqp_core::codec::Performative::Disposition(it)),
                ..
            }) => Some((it.first, it.last.unwrap_or(it.first))),
            _ => None,
        })
        .collect();
    let expected = [(0, 2), (6, 6), (8, 9), (10, 10), (12, 12)];
    assert_eq!(said, expected.map(|(from, to)| (Serial(id(from)), Serial(id(to)))));
}
