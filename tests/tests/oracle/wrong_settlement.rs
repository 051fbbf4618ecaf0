//! Wrong dispositions.

use amqp_codec::{
    Attach, DeliveryState, Detach, Disposition, ErrorCondition, Received, ReceiverSettleMode, Role, Serial,
    Transfer,
};

use crate::play::{
    CLIENT, Play, SERVER, accepted, close, detach, failure, grant, receiver, sender, tag, transfer, unsettled,
};
use crate::verdict::{Case, check, client, server};

fn second() -> Play {
    let second = Attach { rcv_settle_mode: ReceiverSettleMode::Second, ..receiver("l", 5) };
    let mut play = Play::attached_with(sender("l", 0), second);
    play.says(SERVER, 3, &grant(0, 0, 5));
    play.transfers(CLIENT, 0, &transfer(0));
    play
}

/// One delivery, of which the server is told that it is settled.
fn presettled() -> Play {
    let mut play = Play::granted(5);
    play.transfers(CLIENT, 0, &Transfer { settled: Some(true), ..transfer(0) });
    play
}

fn accepts(play: &mut Play, first: u32, last: u32) {
    play.says(SERVER, 3, &accepted(Role::Receiver, first, last, true));
}

#[test]
fn who_settles_what() {
    check(WHO_SETTLES_WHAT);
}

const WHO_SETTLES_WHAT: &[Case] = &[
    server("TRANSPORT-2.7.6-1", || Play::delivered(5, 2), |play| accepts(play, 2, 7)),
    server(
        "TRANSPORT-2.7.6-1",
        || Play::delivered(5, 2),
        |play| {
            // The server sent nothing that it could speak of as the sender.
            play.says(SERVER, 3, &accepted(Role::Sender, 0, 1, true));
        },
    ),
    server(
        "TRANSPORT-2.7.6-1",
        || {
            let mut play = Play::granted(5);
            play.sends(CLIENT, 0, &transfer(0));
            play
        },
        |play| {
            // Under way to the server, which cannot know of it.
            accepts(play, 0, 0);
        },
    ),
    server("TRANSPORT-2.7.6-2", || Play::delivered(5, 2), |play| accepts(play, 1, 0)),
    server("TRANSPORT-2.7.6-2", || Play::delivered(5, 2), |play| accepts(play, 0, 1 << 31)),
    server(
        "TRANSPORT-2.7.6-10",
        || {
            let mut play = Play::delivered(5, 2);
            accepts(&mut play, 0, 1);
            play
        },
        |play| accepts(play, 1, 1),
    ),
    client(
        "TRANSPORT-2.7.6-10",
        || {
            let mut play = Play::delivered(5, 2);
            accepts(&mut play, 0, 1);
            play
        },
        |play| play.says(CLIENT, 0, &accepted(Role::Sender, 0, 1, true)),
    ),
    server("TRANSPORT-2.7.6-11", presettled, |play| accepts(play, 0, 0)),
    server("TRANSPORT-2.6.12-14", second, |play| accepts(play, 0, 0)),
    server(
        "TRANSPORT-2.6.12-13",
        || {
            let mut play = Play::delivered(5, 1);
            play.says(SERVER, 3, &accepted(Role::Receiver, 0, 0, false));
            play
        },
        |play| {
            play.says(CLIENT, 0, &close());
            play.says(SERVER, 0, &close());
            play.oracle.finish();
        },
    ),
    client(
        "MESSAGING-3.4-1",
        || Play::delivered(5, 1),
        |play| {
            let state = Some(DeliveryState::Received(Received { section_number: 0, section_offset: 0 }));
            play.says(CLIENT, 0, &Disposition { state, ..accepted(Role::Sender, 0, 0, false) });
        },
    ),
    client(
        "TRANSPORT-2.6.12-15",
        || {
            let mut play = Play::delivered(5, 1);
            play.says(CLIENT, 0, &accepted(Role::Sender, 0, 0, false));
            play
        },
        |play| {
            let state = Some(DeliveryState::Released);
            play.says(CLIENT, 0, &Disposition { state, ..accepted(Role::Sender, 0, 0, true) });
        },
    ),
];

#[test]
fn deliveries_that_are_gone() {
    check(DELIVERIES_THAT_ARE_GONE);
}

const DELIVERIES_THAT_ARE_GONE: &[Case] = &[
    server(
        "TRANSPORT-2.6.12-7",
        || {
            let mut play = Play::granted(5);
            play.transfers(CLIENT, 0, &Transfer { aborted: true, ..transfer(0) });
            play
        },
        |play| accepts(play, 0, 0),
    ),
    server(
        "TRANSPORT-2.7.6-6",
        || {
            let mut play = Play::delivered(5, 1);
            play.says(SERVER, 3, &detach(5, true));
            play
        },
        |play| accepts(play, 0, 0),
    ),
    server(
        "TRANSPORT-2.6.4-6",
        || {
            let mut play = Play::delivered(5, 1);
            let error = failure(ErrorCondition::INTERNAL_ERROR);
            play.says(CLIENT, 0, &Detach { error, ..detach(0, true) });
            play
        },
        |play| accepts(play, 0, 0),
    ),
    server(
        "TRANSPORT-2.6.4-6",
        || {
            let mut play = Play::delivered(5, 1);
            let error = failure(ErrorCondition::INTERNAL_ERROR);
            play.says(SERVER, 3, &Detach { error, ..detach(5, false) });
            play
        },
        |play| accepts(play, 0, 0),
    ),
    server("TRANSPORT-2.6.12-20", resumed, |play| accepts(play, 0, 0)),
];

/// Delivery 0 was interrupted by a detach and goes on as delivery 1.
fn resumed() -> Play {
    let mut play = Play::delivered(5, 1);
    play.says(CLIENT, 0, &detach(0, false));
    play.says(SERVER, 3, &detach(5, false));
    let initial_delivery_count = Some(Serial(1));
    play.says(CLIENT, 0, &Attach { unsettled: unsettled(0), initial_delivery_count, ..sender("l", 0) });
    play.says(SERVER, 3, &Attach { unsettled: unsettled(0), ..receiver("l", 5) });
    play.says(SERVER, 3, &grant(1, 1, 5));
    play.transfers(CLIENT, 0, &Transfer { resume: true, delivery_tag: Some(tag(0)), ..transfer(1) });
    play
}
