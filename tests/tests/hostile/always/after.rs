//! What comes after a case: nothing, where it was fatal; and time.

use std::collections::BTreeMap;
use std::time::Duration;

use amqp_core::ConnectionState;
use amqp_core::codec::{Attach, Disposition, Flow, Role, Serial, Transfer};
use amqp_tests::pair::Door;
use amqp_tests::script::{frame, peer_begin, peer_open, peer_sender, peer_transfer};
use bytes::BytesMut;

use super::{each_case, play};
use crate::answer::Expected;
use crate::run::Answer;

/// What a peer may say to an endpoint that is over: `C` for the connection, `E` for session 0, `D` for link 0.
fn late_frames(ended: char) -> BytesMut {
    let flow = Flow {
        next_incoming_id: Some(Serial(0)),
        incoming_window: 9,
        next_outgoing_id: Serial(10),
        ..Flow::default()
    };
    let of_link = [
        frame(0, &Transfer { handle: 0, ..peer_transfer(7) }, b"late"),
        frame(0, &Flow { handle: Some(0), link_credit: Some(9), ..flow.clone() }, &[]),
    ];
    let of_session = [
        frame(0, &Attach { handle: 3, ..peer_sender("late") }, &[]),
        frame(0, &Flow { echo: true, ..flow }, &[]),
        frame(0, &Disposition { role: Role::Receiver, settled: true, ..Disposition::default() }, &[]),
    ];
    let of_connection = [frame(2, &peer_begin(), &[]), frame(0, &peer_open(), &[])];
    let all = match ended {
        'C' => [&of_link[..], &of_session, &of_connection].concat(),
        'E' => [&of_link[..], &of_session].concat(),
        _ => of_link.to_vec(),
    };
    all.into_iter().flatten().collect()
}

fn ended(answer: &Answer) -> Option<char> {
    if answer.reason.is_some() { Some('C') } else { answer.errors().first().map(|(ended, _)| *ended) }
}

#[test]
fn nothing_is_acted_on_after_a_fatal_error() {
    let seen = std::cell::RefCell::new(BTreeMap::new());
    each_case("what comes late", |case| {
        let (mut stage, _trying) = case.stage(&"");
        let (answer, _) = play(&mut stage, &[case.octets], Door::Slice);
        let Some(ended) = ended(&answer) else { return };
        let late = stage.give(&[&late_frames(ended)], Door::Slice);
        assert!(Expected::Ignore.is(&late), "{late:?}");
        *seen.borrow_mut().entry(ended).or_insert(0) += 1;
    });
    let seen = seen.into_inner();
    assert!(seen[&'C'] > 100 && seen[&'E'] > 10 && seen[&'D'] > 5, "{seen:?}");
}

/// An hour later the connection stands and waits for nothing, or it is over.
#[test]
fn time_passes() {
    each_case("an hour", |case| {
        let (mut stage, _trying) = case.stage(&"");
        play(&mut stage, &[case.octets], Door::Slice);
        stage.script.advance(Duration::from_secs(3600));
        let events = stage.script.take_events();
        stage.live(&events);
        let engine = &stage.script.engine;
        let stands = engine.state() == ConnectionState::Opened && engine.close_reason().is_none();
        assert!(stands || engine.is_finished(), "{:?}", engine.state());
        assert_eq!(engine.poll_timeout(), None);
    });
}
