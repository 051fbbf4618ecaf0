//! What holds whatever the octets are: every case in every variation, one at a time, as client and as server.

mod after;
mod limits;
pub(crate) mod variations;

use amqp_core::{Cause, Event, steps};
use amqp_tests::oracle::Side;
use amqp_tests::pair::Door;

use crate::rows::{self, Row};
use crate::run::{Answer, Taken, Trying};
use crate::stage::{Setup, Stage};

/// What an octet may cost, what everything that lived before may cost once, and what is done in any case, in steps of work.
const STEPS_AN_OCTET: usize = 2;
const STEPS_A_THING: usize = 8;
const STEPS: usize = 48;

/// Has `attempt` try every case on either side.
fn each_case(variation: &str, attempt: impl Fn(&Case<'_>)) {
    for row in rows::for_engines() {
        for side in [Side::Client, Side::Server] {
            let octets = row.octets.as_deref().unwrap_or_default();
            attempt(&Case { row: &row, octets, setup: Setup::new(side), variation });
        }
    }
}

/// A case as it is tried.
struct Case<'a> {
    row: &'a Row,
    octets: &'a [u8],
    setup: Setup,
    variation: &'a str,
}

impl Case<'_> {
    /// An engine in the state of the case, and a name for what is tried with it.
    fn stage(&self, detail: &dyn std::fmt::Display) -> (Stage, Trying) {
        let Self { row, setup, variation, .. } = self;
        let trying = Trying(format!("{} of {} on the {}: {detail}", variation, row.id, setup.side));
        (Stage::new(&row.start, setup.clone()), trying)
    }

    /// The same with another setup.
    fn with(&self, setup: Setup) -> Case<'_> {
        Case { row: self.row, octets: self.octets, setup, variation: self.variation }
    }

    /// The places inside the octets.
    fn places(&self) -> std::ops::Range<usize> {
        1..self.octets.len()
    }
}

/// Gives octets to an engine, then lets the application live on, and judges what always holds.
fn play(stage: &mut Stage, pieces: &[&[u8]], door: Door) -> (Answer, Vec<Taken>) {
    let (live, done) = (live(stage), steps());
    let answer = stage.give(pieces, door);
    let taken = stage.live(&answer.events);
    stage.script.expect_nothing();
    assert_eq!(stage.script.take_events(), []);
    let octets: usize = pieces.iter().map(|piece| piece.len()).sum();
    is_bounded(stage, &answer, octets);
    let (work, most) = ((steps() - done) as usize, STEPS_AN_OCTET * octets + STEPS_A_THING * live + STEPS);
    assert!(work <= most, "{work} steps for {octets} octets and {live} that lived, not {most}");
    (answer, taken)
}

/// Sessions, links and deliveries.
fn live(stage: &Stage) -> usize {
    let it = stage.script.engine.counters();
    it.sessions + it.links + it.outgoing + it.incoming
}

/// What so many octets may have led to.
fn is_bounded(stage: &Stage, answer: &Answer, octets: usize) {
    let (counters, limits) = (stage.script.engine.counters(), &stage.setup.connection.limits);
    assert!(counters.sessions <= limits.sessions as usize, "{counters:?}");
    assert!(counters.links <= counters.sessions * limits.links as usize, "{counters:?}");
    assert!(counters.buffered_input <= octets, "{counters:?}");
    // A frame has 8 octets, and at most two frames answer one.
    assert!(answer.units.len() <= 2 + 2 * octets / 8, "{answer:?}");
    let closes = answer.errors().iter().filter(|(ended, _)| *ended == 'C').count();
    assert!(closes <= 1 && answer.events.iter().filter(|event| **event == Event::Closed).count() <= 1);
}

/// The octets of the peer come to their end: the engine is over, for a reason that does not change any more, and holds
/// nothing.
fn end(stage: &mut Stage) {
    let before = stage.script.engine.close_reason().cloned();
    stage.script.give_eof();
    let events = stage.script.take_events();
    let closed = events.iter().filter(|event| **event == Event::Closed).count();
    assert_eq!(closed, usize::from(before.is_none()), "{events:?}");
    stage.live(&events);
    let reason = stage.script.engine.close_reason().cloned().unwrap();
    match before {
        Some(before) => assert_eq!(reason, before),
        // Or we had closed it, and the peer did not answer.
        None => assert!(matches!(reason.cause(), Cause::TransportLost | Cause::Local(_)), "{reason:?}"),
    }
    is_empty(stage);
}

fn is_empty(stage: &mut Stage) {
    stage.script.expect_eof();
    let it = stage.script.engine.counters();
    let held = [it.sessions, it.links, it.outgoing, it.incoming, it.buffered_input, it.buffered_output];
    assert_eq!(held, [0; 6], "{it:?}");
}
