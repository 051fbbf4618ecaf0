//! What is put up with is varied.

use std::time::Duration;

use amqp_tests::pair::Door;

use super::{each_case, end, play};
use crate::stage::Setup;

type Change = fn(&mut Setup, u8);

/// Every limit that is a number, set to one.
const NUMBERS: &[(&str, Change)] = &[
    ("max_frame_size", |it, least| it.connection.max_frame_size = least.into()),
    ("channel_max", |it, least| it.connection.channel_max = least.into()),
    ("incoming_window", |it, least| it.session.incoming_window = least.into()),
    ("handle_max", |it, least| it.session.handle_max = least.into()),
    ("pre_open_frame", |it, least| it.connection.limits.pre_open_frame = least.into()),
    ("sasl_frame", |it, least| it.connection.limits.sasl_frame = least.into()),
    ("sasl_rounds", |it, least| it.connection.limits.sasl_rounds = least.into()),
    ("sessions", |it, least| it.connection.limits.sessions = least.into()),
    ("links", |it, least| it.connection.limits.links = least.into()),
    ("descriptions", |it, least| it.connection.limits.descriptions = least.into()),
    ("states", |it, least| it.connection.limits.states = least.into()),
    ("message_size", |it, least| it.connection.limits.message_size = least.into()),
    ("frames_per_delivery", |it, least| it.connection.limits.frames_per_delivery = least.into()),
    ("buffered_input", |it, least| it.connection.limits.buffered_input = least.into()),
    ("buffered_output", |it, least| it.connection.limits.buffered_output = least.into()),
    ("unsettled", |it, least| it.connection.limits.unsettled = least.into()),
    ("untaken_outcomes", |it, least| it.connection.limits.untaken_outcomes = least.into()),
];

/// Every limit that is a time, set to none at all.
const TIMES: &[(&str, Change)] = &[
    ("handshake", |it, _| it.connection.limits.handshake = Duration::ZERO),
    ("frame_assembly", |it, _| it.connection.limits.frame_assembly = Duration::ZERO),
    ("write_stall", |it, _| it.connection.limits.write_stall = Duration::ZERO),
    ("close", |it, _| it.connection.limits.close = Duration::ZERO),
    ("answer", |it, _| it.connection.limits.answer = Duration::ZERO),
    ("idle_time_out", |it, _| it.connection.limits.idle_time_out = Duration::ZERO),
];

/// At nothing, and at one, with which more of the state before the case is reached.
#[test]
fn every_limit_at_its_minimum() {
    let numbers = NUMBERS.iter().flat_map(|(name, change)| [(name, change, 0), (name, change, 1)]);
    let times = TIMES.iter().map(|(name, change)| (name, change, 0));
    for (name, change, least) in numbers.chain(times) {
        each_case(name, |case| {
            let mut setup = case.setup.clone();
            change(&mut setup, least);
            let case = case.with(setup);
            let (mut stage, _trying) = case.stage(&least);
            play(&mut stage, &[case.octets], Door::Slice);
            stage.script.advance(Duration::from_millis(50));
            let events = stage.script.take_events();
            stage.live(&events);
            end(&mut stage);
        });
    }
}
