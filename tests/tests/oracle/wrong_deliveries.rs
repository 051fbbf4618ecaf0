//! Wrong transfers.

use amqp_codec::{Attach, DeliveryState, Received, ReceiverSettleMode, SenderSettleMode, Serial, Transfer};

use crate::play::{CLIENT, Play, SERVER, grant, receiver, sender, tag, transfer, unsettled};
use crate::verdict::{Case, check, client};

/// The first frame of delivery 0 was sent, and more is to follow.
fn unfinished() -> Play {
    unfinished_after(Transfer { more: true, ..transfer(0) })
}

fn unfinished_after(first: Transfer) -> Play {
    let mut play = Play::granted(5);
    play.transfers(CLIENT, 0, &first);
    play
}

fn continuation() -> Transfer {
    Transfer::default()
}

fn modes(snd_settle_mode: SenderSettleMode) -> Play {
    let mut play = Play::attached_with(Attach { snd_settle_mode, ..sender("l", 0) }, receiver("l", 5));
    play.says(SERVER, 3, &grant(0, 0, 5));
    play
}

fn resuming() -> Play {
    let mut play = Play::attached_with(
        Attach { unsettled: unsettled(0), ..sender("l", 0) },
        Attach { unsettled: unsettled(0), ..receiver("l", 5) },
    );
    play.says(SERVER, 3, &grant(0, 0, 5));
    play
}

fn received() -> Option<DeliveryState> {
    Some(DeliveryState::Received(Received { section_number: 0, section_offset: 0 }))
}

fn says(play: &mut Play, transfer: &Transfer) {
    play.transfers(CLIENT, 0, transfer);
}

#[test]
fn first_frames() {
    check(FIRST_FRAMES);
}

const FIRST_FRAMES: &[Case] = &[
    client(
        "TRANSPORT-2.6.12-1",
        || Play::granted(5),
        |play| says(play, &Transfer { delivery_id: None, ..transfer(0) }),
    ),
    client(
        "TRANSPORT-2.6.12-1",
        || Play::granted(5),
        |play| says(play, &Transfer { delivery_tag: None, ..transfer(0) }),
    ),
    client(
        "TRANSPORT-2.6.12-1",
        || Play::granted(5),
        |play| {
            says(play, &Transfer { message_format: None, ..transfer(0) });
        },
    ),
    client("TRANSPORT-2.6.12-2", || Play::delivered(5, 1), |play| says(play, &transfer(2))),
    client(
        "TRANSPORT-2.6.12-2",
        || Play::delivered(5, 1),
        |play| {
            says(play, &Transfer { delivery_tag: Some(tag(1)), ..transfer(0) });
        },
    ),
    client(
        "TRANSPORT-2.6.12-3",
        || Play::delivered(5, 1),
        |play| {
            says(play, &Transfer { delivery_tag: Some(tag(0)), ..transfer(1) });
        },
    ),
    client(
        "TRANSPORT-2.6.12-16",
        || Play::granted(5),
        |play| says(play, &Transfer { resume: true, ..transfer(0) }),
    ),
    client(
        "MESSAGING-3.4-1",
        || Play::granted(5),
        |play| says(play, &Transfer { state: received(), ..transfer(0) }),
    ),
];

#[test]
fn later_frames() {
    check(LATER_FRAMES);
}

const LATER_FRAMES: &[Case] = &[
    client("TRANSPORT-2.6.12-4", unfinished, |play| {
        says(play, &Transfer { delivery_id: Some(Serial(1)), ..continuation() });
    }),
    client("TRANSPORT-2.6.12-4", unfinished, |play| {
        says(play, &Transfer { delivery_tag: Some(tag(1)), ..continuation() });
    }),
    client("TRANSPORT-2.6.12-4", unfinished, |play| {
        says(play, &Transfer { message_format: Some(1), ..continuation() });
    }),
    client("TRANSPORT-2.6.12-5", unfinished, |play| says(play, &transfer(1))),
    client(
        "TRANSPORT-2.6.12-10",
        || unfinished_after(Transfer { more: true, settled: Some(true), ..transfer(0) }),
        |play| says(play, &Transfer { settled: Some(false), ..continuation() }),
    ),
    client("TRANSPORT-2.6.12-17", unfinished, |play| {
        says(play, &Transfer { resume: true, ..continuation() })
    }),
    client(
        "MESSAGING-3.4-1",
        || {
            let mut play = resuming();
            let state = received();
            says(&mut play, &Transfer { more: true, resume: true, state, ..transfer(0) });
            play
        },
        |play| says(play, &Transfer { state: received(), ..continuation() }),
    ),
    client("TRANSPORT-2.6.12-8", unfinished, |play| {
        says(play, &Transfer { aborted: true, more: true, ..continuation() });
    }),
    client("TRANSPORT-2.6.12-8", unfinished, |play| {
        says(play, &Transfer { aborted: true, more: true, ..continuation() });
        // It is over all the same, so that another delivery may begin.
        says(play, &transfer(1));
    }),
    // After the abort the next frame begins a delivery, and has nothing of what a first frame needs.
    client(
        "TRANSPORT-2.6.12-1",
        || {
            let mut play = unfinished();
            says(&mut play, &Transfer { aborted: true, ..continuation() });
            play
        },
        |play| says(play, &Transfer { message_format: None, ..transfer(1) }),
    ),
];

#[test]
fn modes_and_sizes() {
    check(MODES_AND_SIZES);
}

const MODES_AND_SIZES: &[Case] = &[
    client("TRANSPORT-2.6.12-11", || modes(SenderSettleMode::Settled), |play| says(play, &transfer(0))),
    client(
        "TRANSPORT-2.6.12-11",
        || modes(SenderSettleMode::Unsettled),
        |play| {
            says(play, &Transfer { settled: Some(true), ..transfer(0) });
        },
    ),
    client(
        "TRANSPORT-2.6.12-12",
        || Play::granted(5),
        |play| {
            let rcv_settle_mode = Some(ReceiverSettleMode::Second);
            says(play, &Transfer { rcv_settle_mode, ..transfer(0) });
        },
    ),
    client(
        "TRANSPORT-2.6.12-15",
        || unfinished_after(Transfer { more: true, state: Some(DeliveryState::Accepted), ..transfer(0) }),
        |play| says(play, &Transfer { state: Some(DeliveryState::Released), ..continuation() }),
    ),
    client(
        "TRANSPORT-2.6.1-16",
        || sized(3),
        |play| {
            says(play, &Transfer { more: true, ..transfer(0) });
            play.oracle.assert_silent();
            says(play, &continuation());
        },
    ),
];

fn sized(octets: u64) -> Play {
    let mut play =
        Play::attached_with(sender("l", 0), Attach { max_message_size: Some(octets), ..receiver("l", 5) });
    play.says(SERVER, 3, &grant(0, 0, 5));
    play
}
