//! Cases of attaches and detaches.

use amqp_core::codec::{AttachTarget, Detach, Performative};
use amqp_core::{Cause, Event, LinkState, ReceiverId, ReceiverOptions, Violation};
use amqp_tests::pair::Door;

use super::Check;
use crate::answer::{Expected, names};
use crate::run::Answer;
use crate::stage::Stage;

pub(crate) const CHECKS: &[(&str, Check)] = &[
    ("F05", steals_the_name),
    ("F13", drops_until_the_detach),
    ("F15", makes_a_second_link),
    ("F16", closes_by_attaching),
    ("F19", refuses_with_a_null_target),
    ("F21", hands_the_address_over),
];

fn opening(events: &[Event]) -> Vec<ReceiverId> {
    let id = |event: &Event| if let Event::ReceiverOpening(id) = event { Some(*id) } else { None };
    events.iter().filter_map(id).collect()
}

fn steals_the_name(stage: &mut Stage, _: &[u8], answer: &Answer) {
    let [first, second] = opening(&answer.events)[..] else { unreachable!("{answer:?}") };
    let detached = |what: char, word| matches!(answer.errors()[..], [(ended, error)] if ended == what && names(&error.condition, word));
    assert!(detached('D', "stolen"), "{answer:?}");
    let reason = stage.script.reason(Event::ReceiverClosed(first)).unwrap();
    assert_eq!(reason.cause(), &Cause::Violation(Violation::Stolen));
    assert!(stage.script.engine.receiver(second).unwrap().accept(ReceiverOptions::default()).is_ok());
}

/// §2.6.5, and A-2 of what is on its way.
fn drops_until_the_detach(stage: &mut Stage, octets: &[u8], answer: &Answer) {
    assert!(Expected::Ignore.is(answer), "{answer:?}");
    stage.script.give_on(0, &Detach { handle: 0, closed: true, error: None });
    stage.script.expect_event(Event::ReceiverClosed(stage.receiver.unwrap()));
    let late = stage.give(&[octets], Door::Slice);
    // The handle is free by now, so that the frame is for no link, neither the errant one nor another.
    assert!(Expected::End(vec!["unattached-handle".into()]).is(&late), "{late:?}");
}

fn makes_a_second_link(stage: &mut Stage, _: &[u8], answer: &Answer) {
    let [second] = opening(&answer.events)[..] else { unreachable!("{answer:?}") };
    assert!(Expected::Accept.is(answer));
    assert!(stage.script.engine.receiver(second).unwrap().accept(ReceiverOptions::default()).is_ok());
    assert_eq!(stage.script.engine.receiver(second).unwrap().state(), LinkState::Attached);
    assert_eq!(stage.script.engine.sender(stage.sender.unwrap()).unwrap().state(), LinkState::AttachSent);
}

/// §2.6.6: the detaches cross.
fn closes_by_attaching(stage: &mut Stage, octets: &[u8], answer: &Answer) {
    // What the case says of the octets alone: the peer closes.
    assert!(
        matches!(answer.performatives().collect::<Vec<_>>()[..], [Performative::Detach(it)] if it.closed)
    );
    let mut stage = Stage::new("PS", stage.setup.clone());
    let sender = stage.sender.unwrap();
    stage.script.engine.sender(sender).unwrap().detach().unwrap();
    assert!(!stage.script.expect_frame::<Detach>().closed);
    let crossed = stage.give(&[octets], Door::Slice);
    let said: Vec<_> = crossed.performatives().collect();
    assert!(
        matches!(said[..], [Performative::Attach(_), Performative::Detach(detach)] if detach.closed),
        "{said:?}"
    );
    assert_eq!(crossed.events, [Event::SenderClosed(sender)]);
}

fn refuses_with_a_null_target(_: &mut Stage, _: &[u8], answer: &Answer) {
    let said: Vec<_> = answer.performatives().collect();
    assert!(
        matches!(said[..], [Performative::Attach(attach), Performative::Detach(_)] if attach.target.is_none()),
        "{said:?}"
    );
    assert!(answer.events.is_empty(), "{answer:?}");
}

fn hands_the_address_over(stage: &mut Stage, _: &[u8], answer: &Answer) {
    let [id] = opening(&answer.events)[..] else { unreachable!("{answer:?}") };
    assert!(answer.units.is_empty());
    let receiver = stage.script.engine.receiver(id).unwrap();
    let target = receiver.remote().and_then(|attach| attach.target.clone());
    let Some(AttachTarget::Target(target)) = target.as_deref() else { unreachable!("{target:?}") };
    let address = target.address.as_deref().unwrap();
    assert_eq!((address.len(), &address[..6]), (256, "../../"));
}
