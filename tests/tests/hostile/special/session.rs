//! Cases of sessions and their windows.

use amqp_core::codec::{End, ErrorCondition, Flow, Message, Performative};
use amqp_core::{Event, SendErrorReason};
use amqp_tests::pair::Door;

use super::Check;
use crate::answer::Expected;
use crate::run::Answer;
use crate::stage::{Stage, grant};

pub(crate) const CHECKS: &[(&str, Check)] = &[
    ("D14", leaves_nothing_behind),
    ("E08", stops_the_application),
    ("E10", is_answered_once),
    ("E15", holds_what_was_announced),
    ("E17", waits_for_the_end),
];

/// A session that comes and goes, over and over.
fn leaves_nothing_behind(stage: &mut Stage, octets: &[u8], answer: &Answer) {
    let said: Vec<_> = answer.performatives().collect();
    assert!(
        matches!(said[..], [Performative::Begin(_), Performative::End(end)] if end.error.is_none()),
        "{said:?}"
    );
    assert!(matches!(answer.events[..], [Event::SessionOpening(_), Event::SessionEnded(_)]));
    for _ in 0..1000 {
        let again = stage.give(&[octets], Door::Slice);
        assert_eq!(again.units, answer.units);
        assert_eq!(stage.script.engine.counters().sessions, 0);
    }
    // Of a peer that does not read, and with an application that does not look, no more than the limit is kept.
    let limit = stage.setup.connection.limits.sessions as usize;
    for _ in 0..2 * limit {
        let now = stage.script.now();
        _ = stage.script.engine.handle_input(octets, now);
        assert!(stage.script.engine.counters().sessions <= limit);
    }
    assert!(stage.script.engine.close_reason().is_some());
}

/// The peer's window is shut: what is sent waits, up to a limit.
fn stops_the_application(stage: &mut Stage, _: &[u8], answer: &Answer) {
    assert!(Expected::Ignore.is(answer), "{answer:?}");
    stage.script.give_on(0, &Flow { incoming_window: 0, ..grant(1000) });
    let mut sender = stage.script.engine.sender(stage.sender.unwrap()).unwrap();
    let message = Message::data(vec![0; 10_000]).to_payload();
    let refused = (0..1000).find_map(|_| sender.send(message.clone()).err()).unwrap();
    assert_eq!(refused.reason, SendErrorReason::Blocked);
    stage.script.expect_nothing();
    assert!(stage.script.engine.counters().buffered_output < 300_000);
}

/// A thousand questions in one read are one question.
fn is_answered_once(stage: &mut Stage, octets: &[u8], answer: &Answer) {
    let said: Vec<_> = answer.performatives().collect();
    assert!(matches!(said[..], [Performative::Flow(flow)] if !flow.echo), "{said:?}");
    let flood = stage.give(&[&octets.repeat(1000)], Door::Slice);
    assert_eq!(flood, *answer);
}

/// Three frames were announced: the third is taken, the fourth is too much, whatever our flows said meanwhile.
fn holds_what_was_announced(stage: &mut Stage, octets: &[u8], answer: &Answer) {
    let receiver = stage.receiver.unwrap();
    assert_eq!(answer.events, [Event::Deliveries(receiver)]);
    assert!(answer.errors().is_empty());
    let mut stage = Stage::new("PR3, window 3", stage.setup.clone());
    let (first, second) = octets.split_at(24);
    let third = numbered(second, 2);
    let taken = stage.give(&[first, second, &third], Door::Slice);
    assert!(taken.errors().is_empty(), "{taken:?}");
    let mut stage = Stage::new("PR3, window 3", stage.setup.clone());
    let refused = stage.give(&[first, second, &third, &numbered(second, 3)], Door::Slice);
    assert!(Expected::End(vec!["window-violation".into()]).is(&refused), "{refused:?}");
}

/// The transfer frame `like` with another delivery-id, and a tag to go with it.
fn numbered(like: &[u8], number: u8) -> Vec<u8> {
    let mut octets = like.to_vec();
    let at = octets.windows(2).position(|pair| pair == [0x52, 1]).unwrap();
    octets[at + 1] = number;
    octets[at + 4] = number;
    octets
}

fn waits_for_the_end(stage: &mut Stage, octets: &[u8], answer: &Answer) {
    assert!(Expected::Ignore.is(answer), "{answer:?}");
    stage.script.give_on(0, &End::default());
    stage.script.expect_event(Event::SessionEnded(stage.session.unwrap()));
    stage.script.expect_nothing();
    // Now the channel is nobody's.
    let late = stage.give(&[octets], Door::Slice);
    assert_eq!(
        late.errors().first().map(|(_, error)| error.condition.clone()),
        Some(ErrorCondition::NOT_ALLOWED)
    );
}
