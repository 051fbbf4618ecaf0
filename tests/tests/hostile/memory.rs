//! What octets make an engine ask of the heap.

use amqp_core::codec::{
    Attach, Begin, Detach, Disposition, End, Flow, Payload, Role, SaslMechanisms, Serial, Symbol,
    encode_sasl_frame,
};
use amqp_core::{ConnectionOptions, Event, Limits, SenderOptions, SessionOptions};
use amqp_tests::oracle::Side;
use amqp_tests::script::{Script, frame, peer_begin, peer_open, peer_receiver, peer_sender};
use bytes::BytesMut;

use crate::rows;
use crate::stage::{Setup, Stage};
use crate::written::delivery::{large_state, live, part};

/// Asked for whatever comes: error texts, events, the first buffers.
const CONSTANT: usize = 8 * 1024;
/// Asked for at the most for an octet that arrives.
const PER_OCTET: usize = 8;

/// The engine alone gets the octets; everything that it says and tells is dropped.
pub(crate) fn feed(stage: &mut Stage, octets: &[u8]) {
    let now = stage.script.now();
    let engine = &mut stage.script.engine;
    _ = engine.handle_input(octets, now);
    while engine.poll_event().is_some() {}
    while engine.poll_output(now).is_some() {}
}

/// What this thread asks of the heap in all, and what it still holds of it.
fn charge(work: impl FnOnce()) -> (usize, usize) {
    let account = allocation_counter::measure(work);
    let octets = |sum: u64| usize::try_from(sum).unwrap();
    (octets(account.bytes_total), octets(u64::try_from(account.bytes_current).unwrap_or(0)))
}

/// Nothing is reserved for what octets only name.
#[test]
pub(crate) fn what_is_named_is_not_reserved() {
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

/// Also where the output stays full, because the window of another session is shut: who waits for room and leaves is forgotten.
#[test]
pub(crate) fn who_waits_for_room_and_leaves_leaves_nothing() {
    let limits = Limits::default().buffered_output(10_000_usize);
    let options = ConnectionOptions::new("engine").accept_connection(true).limits(limits);
    let mut script = Script::server(options.accept_sessions(SessionOptions::default())).unjudged();
    script.open(&peer_open());
    script.give(&Begin { incoming_window: 0, ..peer_begin() });
    script.give(&peer_receiver("stuck"));
    script.give(&Flow { incoming_window: 0, ..script.grant(0, 10) });
    let opening = |event| match event {
        Event::SenderOpening(id) => Some(id),
        _ => None,
    };
    let stuck = script.expect_some(opening);
    script.engine.sender(stuck).unwrap().accept(SenderOptions::default()).unwrap();
    script.rest();
    script.engine.sender(stuck).unwrap().send(Payload::from(vec![0; 10_000])).unwrap();
    script.give_on(0, &peer_begin());
    script.rest();
    script.take_events();

    let attach = frame(0, &Attach { handle: 0, ..peer_receiver("visitor") }, &[]);
    let flow = frame(0, &Flow { handle: Some(0), ..script.grant(0, 5) }, &[]);
    let detach = frame(0, &Detach { handle: 0, closed: true, error: None }, &[]);
    let (now, engine) = (script.now(), &mut script.engine);
    let mut run = |rounds: u32| {
        for _ in 0..rounds {
            _ = engine.handle_input(&[&attach[..], &flow].concat(), now);
            while let Some(event) = engine.poll_event() {
                if let Some(visitor) = opening(event) {
                    engine.sender(visitor).unwrap().accept(SenderOptions::default()).unwrap();
                }
            }
            while engine.poll_output(now).is_some() {}
            _ = engine.handle_input(&detach, now);
            while engine.poll_event().is_some() {}
            while engine.poll_output(now).is_some() {}
        }
    };
    run(1000);
    let (_, held) = charge(|| run(10_000));
    assert!(held < 1024, "{held} for 10000 rounds");
    assert_eq!((engine.counters().links, engine.close_reason().is_none()), (1, true));
}

/// Before anybody is authenticated, names are not kept.
#[test]
pub(crate) fn names_before_authentication_leave_nothing() {
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

/// A frame of one octet costs its octet and a place in a list.
#[test]
pub(crate) fn small_frames_are_kept_densely() {
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
    // Kept for each it would be four megabytes.
    assert!(allocated < 200_000, "{allocated} for a state of {} octets", octets.len());
    assert_eq!(stage.script.engine.counters().outgoing, 0);
}
