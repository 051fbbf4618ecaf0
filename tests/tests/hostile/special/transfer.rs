//! Cases of transfers and dispositions.

use amqp_core::codec::{DeliveryState, DeliveryTag, Message, Performative};
use amqp_core::{Delivery, Event, Resolution};
use amqp_tests::pair::Door;
use amqp_tests::script::peer_transfer;

use super::Check;
use crate::answer::Expected;
use crate::run::{Answer, Taken};
use crate::stage::Stage;

pub(crate) const CHECKS: &[(&str, Check)] = &[
    ("G17", costs_a_credit),
    ("G22", costs_a_credit),
    ("G24", costs_a_credit),
    ("G25", keeps_the_format),
    ("G27", grants_within_limits),
    ("H02", accepts_all),
    ("H04", accepts_all),
    ("H05", leaves_all),
    ("H06", leaves_all),
    ("H09", leaves_all),
    ("H10", keeps_the_first_outcome),
    ("K12", delivers_nothing_readable),
];

/// The delivery is dropped, and has used up its number and its credit.
fn costs_a_credit(stage: &mut Stage, octets: &[u8], answer: &Answer) {
    assert!(Expected::Ignore.is(answer), "{answer:?}");
    let id = stage.receiver.unwrap();
    let state = |stage: &mut Stage| {
        let receiver = stage.script.engine.receiver(id).unwrap();
        (receiver.credit(), receiver.unsettled(), receiver.waiting(), receiver.delivery_count().0)
    };
    assert_eq!(state(stage), (8, 0, 0, 1));
    assert_eq!(stage.script.engine.counters().incoming, 0);
    // The delivery-id is used up, so that the same again is a gap backwards.
    let again = stage.give(&[octets], Door::Slice);
    assert!(Expected::End(vec!["invalid-field".into()]).is(&again), "{again:?}");

    let mut stage = Stage::new(PR9, stage.setup.clone());
    stage.give(&[octets], Door::Slice);
    let next = amqp_core::codec::Transfer { handle: 0, ..peer_transfer(1) };
    stage.script.give_on(0, &next);
    assert_eq!(state(&mut stage), (7, 1, 1, 2));
}
const PR9: &str = "PR9";

fn the_delivery(stage: &mut Stage, answer: &Answer) -> Delivery {
    assert_eq!(answer.events, [Event::Deliveries(stage.receiver.unwrap())]);
    assert!(answer.units.is_empty(), "{answer:?}");
    let mut taken = stage.live(&answer.events).into_iter();
    let delivery = |taken| if let Taken::Delivery(delivery) = taken { Some(delivery) } else { None };
    taken.find_map(delivery).unwrap()
}

fn keeps_the_format(stage: &mut Stage, _: &[u8], answer: &Answer) {
    let delivery = the_delivery(stage, answer);
    assert_eq!((delivery.message_format, delivery.tag), (u32::MAX, DeliveryTag::new(&[0]).unwrap()));
}

fn delivers_nothing_readable(stage: &mut Stage, _: &[u8], answer: &Answer) {
    let delivery = the_delivery(stage, answer);
    assert!(delivery.complete && delivery.payload.is_empty());
    assert!(Message::decode(&delivery.payload).is_err());
}

/// All the credit there can be: what may be in flight is ours to limit.
fn grants_within_limits(stage: &mut Stage, _: &[u8], answer: &Answer) {
    let id = stage.sender.unwrap();
    assert_eq!(answer.events, [Event::Credit(id)]);
    let limit = stage.setup.connection.limits.unsettled;
    assert_eq!(stage.script.engine.sender(id).unwrap().credit(), limit);
}

fn outcomes(stage: &mut Stage, answer: &Answer) -> Vec<Resolution> {
    let outcome = |taken| if let Taken::Outcome(_, outcome) = taken { Some(outcome) } else { None };
    stage.live(&answer.events).into_iter().filter_map(outcome).collect()
}

fn accepts_all(stage: &mut Stage, _: &[u8], answer: &Answer) {
    assert_eq!(answer.events, [Event::Outcomes(stage.sender.unwrap())]);
    assert!(answer.units.is_empty(), "{answer:?}");
    assert_eq!(outcomes(stage, answer), vec![Resolution::Settled(Some(DeliveryState::Accepted)); 10]);
    assert_eq!(stage.script.engine.counters().outgoing, 0);
}

fn leaves_all(stage: &mut Stage, octets: &[u8], answer: &Answer) {
    assert!(Expected::Ignore.is(answer), "{answer:?}");
    let flood = stage.give(&[&octets.repeat(100)], Door::Slice);
    assert!(Expected::Ignore.is(&flood), "{flood:?}");
    assert_eq!(stage.script.engine.counters().outgoing, 10);
}

fn keeps_the_first_outcome(stage: &mut Stage, octets: &[u8], answer: &Answer) {
    // In one read the receiver has told its outcome and settled, so that nothing is left to say.
    assert!(answer.units.is_empty(), "{answer:?}");
    assert_eq!(outcomes(stage, answer), [Resolution::Settled(Some(DeliveryState::Accepted))]);
    assert_eq!(stage.script.engine.counters().outgoing, 9);

    let mut stage = Stage::new("PS10", stage.setup.clone());
    let (first, second) = octets.split_at(22);
    let settles = stage.give(&[first], Door::Slice);
    let said: Vec<_> = settles.performatives().collect();
    assert!(
        matches!(said[..], [Performative::Disposition(it)] if it.settled && it.state == Some(DeliveryState::Accepted)),
        "{said:?}"
    );
    assert!(Expected::Ignore.is(&stage.give(&[second], Door::Slice)));
    assert_eq!(outcomes(&mut stage, &settles), [Resolution::Settled(Some(DeliveryState::Accepted))]);
}
