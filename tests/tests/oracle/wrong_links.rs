//! Wrong frames of links: attach, detach, link flows.

use amqp_codec::{Attach, AttachSource, Detach, ErrorCondition, Flow, Serial, Source};

use crate::play::{
    CLIENT, Play, SERVER, close, detach, failure, grant, receiver, sender, transfer, unsettled, window,
};
use crate::verdict::{Case, check, client, server};

/// The server answered the client's attach with no target.
fn refused() -> Play {
    Play::attached_with(sender("l", 0), Attach { target: None, ..receiver("l", 5) })
}

fn server_detached(frame: Detach) -> Play {
    let mut play = Play::granted(5);
    play.says(SERVER, 3, &frame);
    play
}

fn failed(closed: bool) -> Detach {
    Detach { error: failure(ErrorCondition::INTERNAL_ERROR), ..detach(5, closed) }
}

/// The client's flow for handle 0: it has sent so many transfers in so many deliveries.
fn state(transfers: u32, deliveries: u32, credit: u32) -> Flow {
    Flow {
        handle: Some(0),
        delivery_count: Some(Serial(deliveries)),
        link_credit: Some(credit),
        ..window(transfers, 0, 8)
    }
}

fn dynamic(address: Option<&str>) -> Option<Box<AttachSource>> {
    let source = Source { dynamic: true, address: address.map(Into::into), ..Source::default() };
    Some(Box::new(AttachSource::Source(source)))
}

#[test]
fn attaching() {
    check(ATTACHING);
}

const ATTACHING: &[Case] = &[
    client("TRANSPORT-2.6.1-1", Play::attached, |play| play.says(CLIENT, 0, &sender("l", 1))),
    client("TRANSPORT-2.6.1-4", Play::attached, |play| play.says(CLIENT, 0, &sender("m", 0))),
    client("TRANSPORT-2.6.1-9", Play::begun, |play| {
        play.says(CLIENT, 0, &Attach { initial_delivery_count: None, ..sender("l", 0) })
    }),
    server("TRANSPORT-2.6.1-8", refused, |play| play.says(SERVER, 3, &grant(0, 0, 1))),
    server("TRANSPORT-2.6.1-8", refused, |play| play.says(SERVER, 3, &detach(5, false))),
    server("TRANSPORT-2.6.1-8", refused, |play| {
        play.oracle.quiet();
    }),
    client(
        "TRANSPORT-2.6.4-11",
        || {
            let mut play = Play::attached();
            play.says(CLIENT, 0, &detach(0, true));
            play.sends(SERVER, 3, &detach(5, true));
            play
        },
        |play| play.says(CLIENT, 0, &sender("m", 0)),
    ),
    client("MESSAGING-3.5-2", Play::begun, |play| {
        play.says(CLIENT, 0, &Attach { source: dynamic(Some("q")), ..receiver("l", 0) })
    }),
    server(
        "MESSAGING-3.5-2",
        || {
            let mut play = Play::begun();
            play.says(CLIENT, 0, &Attach { source: dynamic(None), ..receiver("l", 0) });
            play
        },
        |play| play.says(SERVER, 3, &Attach { source: dynamic(None), ..sender("l", 5) }),
    ),
];

#[test]
fn detaching() {
    check(DETACHING);
}

const DETACHING: &[Case] = &[
    client(
        "TRANSPORT-2.6.4-2",
        || server_detached(detach(5, true)),
        |play| play.says(CLIENT, 0, &detach(0, false)),
    ),
    client(
        "TRANSPORT-2.6.4-2",
        || server_detached(detach(5, true)),
        |play| play.transfers(CLIENT, 0, &transfer(0)),
    ),
    client(
        "TRANSPORT-2.6.4-2",
        || server_detached(detach(5, false)),
        |play| {
            play.oracle.quiet();
        },
    ),
    client(
        "TRANSPORT-2.6.4-6",
        || server_detached(failed(true)),
        |play| play.transfers(CLIENT, 0, &transfer(0)),
    ),
    client(
        "TRANSPORT-2.6.4-7",
        || {
            let mut play = server_detached(failed(false));
            play.says(CLIENT, 0, &detach(0, false));
            play
        },
        |play| play.says(CLIENT, 0, &sender("l", 0)),
    ),
    client("TRANSPORT-2.6.4-8", Play::begun, |play| play.says(CLIENT, 0, &detach(4, true))),
    client("TRANSPORT-2.6.4-8", Play::begun, |play| play.transfers(CLIENT, 0, &transfer(0))),
    client("TRANSPORT-2.6.4-9", Play::begun, |play| play.says(CLIENT, 0, &state(0, 0, 0))),
];

#[test]
fn sender_flows() {
    check(SENDER_FLOWS);
}

const SENDER_FLOWS: &[Case] = &[
    client("TRANSPORT-2.6.7-1", || Play::delivered(5, 2), |play| play.says(CLIENT, 0, &state(2, 3, 3))),
    client("TRANSPORT-2.6.7-4", || Play::delivered(5, 2), |play| play.says(CLIENT, 0, &state(2, 2, 4))),
    client(
        "TRANSPORT-2.6.7-7",
        || drained(5),
        |play| play.says(CLIENT, 0, &Flow { drain: true, ..state(0, 4, 1) }),
    ),
    client(
        "TRANSPORT-2.6.7-7",
        || drained(5),
        |play| {
            play.oracle.quiet();
        },
    ),
    client(
        "TRANSPORT-2.6.7-7",
        || Play::granted(5),
        |play| play.says(CLIENT, 0, &Flow { drain: true, ..state(0, 0, 5) }),
    ),
    client(
        "TRANSPORT-2.6.7-7",
        || {
            let mut play = drained(5);
            play.says(SERVER, 3, &grant(0, 0, 5));
            play
        },
        |play| play.says(CLIENT, 0, &Flow { drain: true, ..state(0, 0, 5) }),
    ),
    client(
        "TRANSPORT-2.6.7-14",
        || Play::granted(5),
        |play| play.says(CLIENT, 0, &Flow { delivery_count: None, ..state(0, 0, 5) }),
    ),
];

fn drained(credit: u32) -> Play {
    let mut play = Play::granted(credit);
    play.says(SERVER, 3, &Flow { drain: true, ..grant(0, 0, credit) });
    play
}

#[test]
fn receiver_flows() {
    check(RECEIVER_FLOWS);
}

const RECEIVER_FLOWS: &[Case] = &[
    server("TRANSPORT-2.6.7-14", || Play::delivered(5, 2), |play| play.says(SERVER, 3, &grant(2, 1, 5))),
    server("TRANSPORT-2.6.7-14", Play::attached, |play| {
        play.says(SERVER, 3, &Flow { delivery_count: None, ..grant(0, 0, 5) })
    }),
    client(
        "TRANSPORT-2.6.7-14",
        || {
            let mut play = Play::begun();
            play.says(CLIENT, 0, &receiver("l", 0));
            play
        },
        |play| play.says(CLIENT, 0, &state(0, 0, 5)),
    ),
];

#[test]
fn permission_to_send() {
    check(PERMISSION_TO_SEND);
}

const PERMISSION_TO_SEND: &[Case] = &[
    client(
        "TRANSPORT-2.6.7-5",
        || Play::delivered(2, 2),
        |play| {
            play.transfers(CLIENT, 0, &transfer(2));
        },
    ),
    client("TRANSPORT-2.6.7-5", Play::attached, |play| {
        // Granted, and not read when the transfer leaves.
        play.sends(SERVER, 3, &grant(0, 0, 5));
        play.transfers(CLIENT, 0, &transfer(0));
    }),
    client(
        "TRANSPORT-2.6.7-5",
        || {
            let mut play = Play::delivered(5, 2);
            play.says(SERVER, 3, &grant(2, 2, 0));
            play
        },
        |play| play.transfers(CLIENT, 0, &transfer(2)),
    ),
    client("TRANSPORT-2.6.1-13", refused, |play| play.transfers(CLIENT, 0, &transfer(0))),
    client(
        "TRANSPORT-2.6.12-23",
        || {
            let mut play = Play::begun();
            play.says(CLIENT, 0, &sender("l", 0));
            play
        },
        |play| play.transfers(CLIENT, 0, &transfer(0)),
    ),
    server(
        "TRANSPORT-2.6.12-22",
        || Play::granted(5),
        |play| play.transfers(SERVER, 3, &amqp_codec::Transfer { handle: 5, ..transfer(0) }),
    ),
    incomplete("TRANSPORT-2.6.1-21", || {
        Play::attached_with(
            sender("l", 0),
            Attach { incomplete_unsettled: true, unsettled: unsettled(9), ..receiver("l", 5) },
        )
    }),
    incomplete("TRANSPORT-2.6.1-22", || {
        Play::attached_with(
            Attach { incomplete_unsettled: true, unsettled: unsettled(9), ..sender("l", 0) },
            receiver("l", 5),
        )
    }),
];

/// A row whose client sends a new delivery where an unsettled map was incomplete.
const fn incomplete(rule: &'static str, start: fn() -> Play) -> Case {
    client(rule, start, |play| {
        play.says(SERVER, 3, &grant(0, 0, 5));
        play.transfers(CLIENT, 0, &transfer(0));
    })
}

#[test]
fn a_peer_that_misbehaves_on_purpose_is_not_judged() {
    let mut play = Play::attached();
    play.oracle.watch_only(SERVER);
    play.transfers(CLIENT, 0, &transfer(0));
    play.says(CLIENT, 0, &detach(7, true));
    play.oracle.assert_silent();
    play.says(
        SERVER,
        3,
        &Detach { error: failure(ErrorCondition::TRANSFER_LIMIT_EXCEEDED), ..detach(5, true) },
    );
    play.says(SERVER, 3, &close());
    play.says(SERVER, 0, &close());
    let found: Vec<_> = play.oracle.faults().iter().map(|fault| (fault.who, fault.rule)).collect();
    assert_eq!(found, [(SERVER, "TRANSPORT-2.4.3-1")]);
}
