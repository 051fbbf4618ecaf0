//! Wrong frames of sessions: channels, windows, session flows.

use amqp_codec::{Begin, End, ErrorCondition, Fields, Flow, Serial};

use crate::play::{CLIENT, Play, SERVER, begin, end, failure, grant, receiver, sender, transfer, window};
use crate::verdict::{Case, check, client, server};

/// The client may send two transfers, and has credit for more.
fn narrow() -> Play {
    let mut play = Play::begun_with(begin(), Begin { incoming_window: 2, ..begin() });
    play.says(CLIENT, 0, &sender("l", 0));
    play.says(SERVER, 3, &receiver("l", 5));
    play.says(SERVER, 3, &Flow { incoming_window: 2, ..grant(0, 0, 9) });
    play
}

/// The client pipelines a receiver and a flow, upon which the server sends one delivery. Only then does the server read
/// the client's second flow, which left before the client had read anything: it counts from the server's start.
fn pipelined(first_window: u32, credit: u32, second_window: u32) -> Play {
    let mut play = Play::opened();
    play.says(CLIENT, 0, &Begin { incoming_window: first_window, ..begin() });
    play.says(CLIENT, 0, &receiver("l", 0));
    let flow = |incoming_window| Flow {
        next_incoming_id: None,
        handle: Some(0),
        link_credit: Some(credit),
        incoming_window,
        ..window(0, 0, 0)
    };
    play.says(CLIENT, 0, &flow(first_window));
    play.sends(SERVER, 0, &Begin { remote_channel: Some(0), ..begin() });
    play.sends(SERVER, 0, &sender("l", 0));
    play.sends(SERVER, 0, &transfer(0));
    play.says(CLIENT, 0, &flow(second_window));
    play
}

fn sends(play: &mut Play, deliveries: std::ops::Range<u32>) {
    for number in deliveries {
        play.transfers(CLIENT, 0, &transfer(number));
    }
}

#[test]
fn channels() {
    check(CHANNELS);
}

const CHANNELS: &[Case] = &[
    server("TRANSPORT-2.5.1-2", Play::opened, |play| {
        play.says(SERVER, 0, &Begin { remote_channel: Some(9), ..begin() })
    }),
    server("TRANSPORT-2.5.1-2", Play::begun, |play| {
        play.says(SERVER, 4, &Begin { remote_channel: Some(0), ..begin() })
    }),
    client("TRANSPORT-2.5.1-5", Play::begun, |play| play.says(CLIENT, 7, &window(0, 0, 8))),
    server(
        "TRANSPORT-2.5.1-5",
        || {
            let mut play = Play::opened();
            play.says(CLIENT, 0, &begin());
            play
        },
        |play| play.says(SERVER, 0, &end()),
    ),
    client("TRANSPORT-2.5.1-6", Play::begun, |play| play.says(CLIENT, 0, &begin())),
    server("TRANSPORT-2.5.1-8", Play::begun, |play| {
        play.says(CLIENT, 0, &end());
        play.oracle.finish();
    }),
    client(
        "TRANSPORT-2.5.1-11",
        || {
            let mut play = Play::begun();
            play.says(CLIENT, 0, &end());
            play
        },
        |play| play.says(CLIENT, 0, &window(0, 0, 8)),
    ),
    client(
        "TRANSPORT-2.5.1-15",
        || Play::begun_with(begin(), Begin { handle_max: 7, ..begin() }),
        |play| play.says(CLIENT, 0, &sender("l", 8)),
    ),
    client(
        "TRANSPORT-2.5.1-15",
        || {
            let mut play = Play::opened();
            play.says(CLIENT, 0, &begin());
            play
        },
        |play| play.says(CLIENT, 0, &sender("l", 1)),
    ),
];

#[test]
fn windows() {
    check(WINDOWS);
}

const WINDOWS: &[Case] = &[
    client("TRANSPORT-2.5.6-2", narrow, |play| sends(play, 0..3)),
    client("TRANSPORT-2.5.6-2", narrow, |play| {
        // The flow that widens the window is under way and not read when the third transfer leaves.
        sends(play, 0..2);
        play.sends(SERVER, 3, &window(0, 2, 8));
        sends(play, 2..3);
    }),
    client("TRANSPORT-2.5.6-6", narrow, |play| {
        play.says(SERVER, 3, &window(0, 0, 1));
        sends(play, 0..2);
    }),
    client(
        "TRANSPORT-2.5.6-6",
        || {
            let mut play = narrow();
            play.says(SERVER, 3, &window(0, 0, 8));
            play.says(SERVER, 3, &window(0, 0, 2));
            sends(&mut play, 0..2);
            play
        },
        |play| sends(play, 2..3),
    ),
    server(
        "TRANSPORT-2.5.6-2",
        || pipelined(1, 9, 2),
        |play| {
            play.transfers(SERVER, 0, &transfer(1));
            play.oracle.assert_silent();
            play.transfers(SERVER, 0, &transfer(2));
        },
    ),
    server(
        "TRANSPORT-2.6.7-5",
        || pipelined(8, 2, 8),
        |play| {
            play.transfers(SERVER, 0, &transfer(1));
            play.oracle.assert_silent();
            play.transfers(SERVER, 0, &transfer(2));
        },
    ),
    client(
        "TRANSPORT-2.5.6-11",
        || {
            let mut play = narrow();
            play.says(CLIENT, 0, &Flow { outgoing_window: 0, ..window(0, 0, 8) });
            play
        },
        |play| sends(play, 0..1),
    ),
    server(
        "TRANSPORT-2.5.6-13",
        || {
            let mut play = narrow();
            // In flight when the window shrinks: legal, and no reason to complain.
            play.sends(SERVER, 3, &window(0, 0, 0));
            sends(&mut play, 0..2);
            play.reads(CLIENT);
            play
        },
        |play| play.says(SERVER, 3, &End { error: failure(ErrorCondition::WINDOW_VIOLATION) }),
    ),
];

#[test]
fn session_flows() {
    check(SESSION_FLOWS);
}

const SESSION_FLOWS: &[Case] = &[
    client("TRANSPORT-2.5.6-1", || Play::delivered(5, 2), |play| play.says(CLIENT, 0, &window(1, 0, 8))),
    server("TRANSPORT-2.5.6-3", || Play::delivered(5, 2), |play| play.says(SERVER, 3, &window(0, 1, 8))),
    server(
        "TRANSPORT-2.5.6-9",
        || {
            let mut play = Play::granted(5);
            // Sent, and not read by the side that says so.
            play.sends(CLIENT, 0, &transfer(0));
            play
        },
        |play| play.says(SERVER, 3, &window(0, 1, 8)),
    ),
    server("TRANSPORT-2.5.6-10", Play::begun, |play| {
        play.says(SERVER, 3, &Flow { next_incoming_id: None, ..window(0, 0, 8) })
    }),
    client(
        "TRANSPORT-2.5.6-10",
        || {
            let mut play = Play::opened();
            play.says(CLIENT, 0, &begin());
            play
        },
        |play| play.says(CLIENT, 0, &window(0, 0, 8)),
    ),
    client("TRANSPORT-2.6.7-15", Play::begun, |play| {
        play.says(SERVER, 3, &Flow { echo: true, ..window(0, 0, 8) });
        play.oracle.quiet();
    }),
    client(
        "TRANSPORT-2.6.7-15",
        || Play::granted(1),
        |play| {
            play.says(SERVER, 3, &Flow { echo: true, ..grant(0, 0, 1) });
            // This answers for the session and not for the link.
            play.says(CLIENT, 0, &window(0, 0, 8));
            play.oracle.quiet();
        },
    ),
];

#[test]
fn link_fields_without_a_handle() {
    let strays = [
        Flow { delivery_count: Some(Serial(0)), ..window(0, 0, 8) },
        Flow { link_credit: Some(1), ..window(0, 0, 8) },
        Flow { available: Some(1), ..window(0, 0, 8) },
        Flow { drain: true, ..window(0, 0, 8) },
        Flow { properties: Some(Fields::default()), ..window(0, 0, 8) },
    ];
    for stray in strays {
        let mut play = Play::begun();
        play.says(SERVER, 3, &stray);
        let rules: Vec<_> = play.oracle.faults().iter().map(|fault| fault.rule).collect();
        assert_eq!(rules, ["TRANSPORT-2.6.7-13"], "{stray}");
    }
}
