//! What octets make an engine ask of the heap.
//!
//! The account is that of the whole program, so that each measurement has a process of its own.

use std::alloc::System;
use std::process::Command;

use amqp_core::codec::{
    Attach, Detach, Disposition, End, Role, SaslMechanisms, Serial, Symbol, encode_sasl_frame,
};
use amqp_tests::oracle::Side;
use amqp_tests::script::{frame, peer_begin, peer_sender};
use bytes::BytesMut;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use crate::rows;
use crate::stage::{Setup, Stage};
use crate::written::delivery::{large_state, live, part};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Asked for whatever comes: error texts, events, the first buffers.
const CONSTANT: usize = 8 * 1024;
/// Asked for at the most for an octet that arrives.
const PER_OCTET: usize = 8;

/// Runs the test `name` of this module with nothing beside it.
fn alone(name: &str) {
    let name = format!("memory::{name}");
    let mut program = Command::new(std::env::current_exe().unwrap());
    let output =
        program.args(["--exact", &name, "--include-ignored", "--nocapture", "--test-threads=1"]).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The engine alone gets the octets; everything that it says and tells is dropped.
fn feed(stage: &mut Stage, octets: &[u8]) {
    let now = stage.script.now();
    let engine = &mut stage.script.engine;
    _ = engine.handle_input(octets, now);
    while engine.poll_event().is_some() {}
    while engine.poll_output(now).is_some() {}
}

/// What is asked of the heap in all, and what is still held of it.
fn charge(work: impl FnOnce()) -> (usize, usize) {
    let region = Region::new(HEAP);
    work();
    let change = region.change();
    (change.bytes_allocated, change.bytes_allocated.saturating_sub(change.bytes_deallocated))
}

/// Nothing is reserved for what octets only name.
#[test]
pub(crate) fn what_is_named_is_not_reserved() {
    alone("each_case_measured");
}

#[test]
#[ignore = "is run alone by another"]
fn each_case_measured() {
    for row in rows::for_engines() {
        let octets = row.octets.unwrap_or_default();
        for side in [Side::Client, Side::Server] {
            let mut stage = Stage::new(&row.start, Setup::new(side));
            let (allocated, held) = charge(|| feed(&mut stage, &octets));
            let most = CONSTANT + PER_OCTET * octets.len();
            assert!(
                allocated <= most && held <= most,
                "{} on the {side}: {allocated}, {held} of {most}",
                row.id
            );
        }
    }
}

/// Whatever comes and goes leaves nothing behind.
#[test]
pub(crate) fn what_comes_and_goes_leaves_nothing() {
    alone("churn_measured");
}

#[test]
#[ignore = "is run alone by another"]
fn churn_measured() {
    let session = |_: u32| [frame(0, &peer_begin(), &[]), frame(0, &End::default(), &[])].concat();
    let link = |round: u32| {
        let capability = |what| Symbol::new(&format!("{what}-{round}")).unwrap();
        let attach = Attach {
            handle: 0,
            offered_capabilities: [capability("offered")].into_iter().collect(),
            desired_capabilities: [capability("desired")].into_iter().collect(),
            ..peer_sender(&format!("link-{round}"))
        };
        let detach = Detach { handle: 0, closed: true, error: None };
        [frame(0, &attach, &[]), frame(0, &detach, &[])].concat()
    };
    type Round<'a> = &'a dyn Fn(u32) -> Vec<u8>;
    for (start, round) in [("PO", &session as Round<'_>), ("PB", &link)] {
        let mut stage = Stage::new(start, Setup::new(Side::Server));
        let mut run = |rounds: std::ops::Range<u32>| {
            let rounds: Vec<_> = rounds.map(round).collect();
            charge(|| rounds.iter().for_each(|octets| feed(&mut stage, octets))).1
        };
        run(0..1000);
        let held = run(1000..5000);
        assert!(held < 1024, "{start}: {held} for 4000 rounds");
        assert!(stage.script.engine.close_reason().is_none());
    }
}

/// Before anybody is authenticated, names are not kept.
#[test]
#[ignore = "is run alone by another"]
fn names_measured() {
    let names = |round: usize| (0..16).map(move |at| Symbol::new(&format!("{round}-{at}")).unwrap());
    let mut held = 0;
    for round in 0..100 {
        let mut octets = BytesMut::new();
        let offer = SaslMechanisms { sasl_server_mechanisms: names(round).collect() };
        encode_sasl_frame(&mut octets, &offer);
        let (_, left) = charge(|| {
            let mut stage = Stage::new("QC", Setup::new(Side::Client));
            feed(&mut stage, &octets);
        });
        held += left;
    }
    assert!(held < 1024, "{held}");
}

#[test]
pub(crate) fn names_before_authentication_leave_nothing() {
    alone("names_measured");
}

/// A frame of one octet costs its octet and a place in a list.
#[test]
pub(crate) fn small_frames_are_kept_densely() {
    alone("small_frames_measured");
}

#[test]
#[ignore = "is run alone by another"]
fn small_frames_measured() {
    let setup = Setup::new(Side::Server).limits(|limits| limits.message_size(1_000_000_u64));
    let mut stage = Stage::new("PR1", setup);
    let octets = part(0, 0, 1).repeat(2000);
    let (_, held) = charge(|| feed(&mut stage, &octets));
    assert_eq!(stage.script.engine.counters().buffered_input, 2000);
    assert!(held < CONSTANT + 40 * 2000, "{held} for 2000 octets");
}

/// One state for a thousand deliveries is one state.
#[test]
pub(crate) fn a_large_state_is_kept_once() {
    alone("large_state_measured");
}

#[test]
#[ignore = "is run alone by another"]
fn large_state_measured() {
    let mut stage = live(1000);
    let octets = frame(
        0,
        &Disposition {
            role: Role::Receiver,
            last: Some(Serial(999)),
            state: Some(large_state()),
            ..Disposition::default()
        },
        &[],
    );
    let (allocated, _) = charge(|| feed(&mut stage, &octets));
    assert!(allocated < 100_000, "{allocated} for a state of {} octets", octets.len());
    assert_eq!(stage.script.engine.counters().outgoing, 0);
}
