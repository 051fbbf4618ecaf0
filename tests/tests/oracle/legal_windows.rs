//! Legal flow control: windows and credit, in flight and across the wrap.

use amqp_codec::{Attach, Begin, End, ErrorCondition, Flow, Serial, Transfer};

use crate::play::{CLIENT, Play, SERVER, begin, failure, grant, receiver, sender, transfer, window};

fn sends(play: &mut Play, deliveries: std::ops::Range<u32>) {
    for number in deliveries {
        play.transfers(CLIENT, 0, &transfer(number));
    }
}

/// The client's flow for handle 0.
fn state(transfers: u32, deliveries: u32, credit: u32) -> Flow {
    Flow {
        handle: Some(0),
        delivery_count: Some(Serial(deliveries)),
        link_credit: Some(credit),
        ..window(transfers, 0, 8)
    }
}

#[test]
fn the_window_is_used_up_and_widened() {
    let mut play = Play::granted(100);
    sends(&mut play, 0..8);
    play.says(SERVER, 3, &window(0, 8, 8));
    sends(&mut play, 8..16);
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn what_is_in_flight_when_the_window_shrinks_is_legal() {
    let mut play = Play::granted(100);
    play.sends(SERVER, 3, &window(0, 0, 0));
    sends(&mut play, 0..8);
    play.reads(CLIENT);
    play.oracle.assert_silent();
    // The next flow counts from what has arrived, and opens the window again.
    play.says(SERVER, 3, &window(0, 8, 1));
    sends(&mut play, 8..9);
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn a_window_violation_may_be_complained_of() {
    let wrongs: [fn(&mut Play); 5] = [
        |play| sends(play, 0..9),
        // One transfer after eight that the flow says were sent.
        |play| {
            play.says(CLIENT, 0, &window(8, 0, 8));
            sends(play, 0..1);
        },
        // Back to before the first transfer, and half a circle away.
        |play| play.says(CLIENT, 0, &window(u32::MAX, 0, 8)),
        |play| play.says(CLIENT, 0, &window(1 << 31, 0, 8)),
        // A transfer acknowledged that was never sent.
        |play| play.says(CLIENT, 0, &window(0, 1, 8)),
    ];
    for wrong in wrongs {
        let mut play = Play::granted(100);
        play.oracle.watch_only(SERVER);
        wrong(&mut play);
        play.says(SERVER, 3, &End { error: failure(ErrorCondition::WINDOW_VIOLATION) });
        play.oracle.assert_silent();
    }
}

#[test]
fn a_flow_tells_what_is_expected_next() {
    let mut play = Play::granted(5);
    play.oracle.watch_only(SERVER);
    play.says(CLIENT, 0, &window(5, 0, 8));
    play.says(SERVER, 3, &window(0, 5, 8));
    play.oracle.assert_silent();
}

#[test]
fn what_is_in_flight_when_credit_shrinks_is_legal() {
    let mut play = Play::granted(5);
    play.sends(SERVER, 3, &grant(0, 0, 0));
    sends(&mut play, 0..3);
    play.reads(CLIENT);
    play.oracle.assert_silent();
    // Three deliveries beyond the limit: a credit of two is one too few, and four lets one through.
    play.says(SERVER, 3, &grant(3, 3, 1));
    sends(&mut play, 3..4);
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn credit_counts_from_what_the_receiver_had_seen() {
    let mut play = Play::granted(2);
    play.sends(SERVER, 3, &grant(0, 0, 4));
    sends(&mut play, 0..2);
    play.reads(CLIENT);
    sends(&mut play, 2..4);
    play.oracle.assert_silent();
    sends(&mut play, 4..5);
    assert_eq!(play.oracle.faults().first().map(|fault| fault.rule), Some("TRANSPORT-2.6.7-5"));
}

#[test]
fn a_delivery_that_has_begun_needs_no_credit() {
    let mut play = Play::granted(1);
    play.transfers(CLIENT, 0, &Transfer { more: true, ..transfer(0) });
    play.says(SERVER, 3, &grant(1, 1, 0));
    play.transfers(CLIENT, 0, &Transfer { more: true, ..Transfer::default() });
    play.transfers(CLIENT, 0, &Transfer::default());
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn a_delivery_under_way_may_be_counted_at_either_end_of_it() {
    for counted in [0, 1] {
        let mut play = Play::granted(2);
        play.transfers(CLIENT, 0, &Transfer { more: true, ..transfer(0) });
        play.says(CLIENT, 0, &state(1, counted, 2 - counted));
        play.says(SERVER, 3, &grant(1, counted, 2 - counted));
        play.oracle.assert_silent();
    }
}

#[test]
fn drain_gives_up_what_is_left() {
    let mut play = Play::granted(5);
    sends(&mut play, 0..2);
    play.says(SERVER, 3, &Flow { drain: true, ..grant(2, 2, 3) });
    sends(&mut play, 2..3);
    play.says(CLIENT, 0, &Flow { drain: true, ..state(3, 5, 0) });
    play.says(SERVER, 3, &grant(3, 5, 2));
    sends(&mut play, 3..5);
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn drain_of_the_widest_credit() {
    let mut play = Play::granted(u32::MAX);
    play.says(SERVER, 3, &Flow { drain: true, ..grant(0, 0, u32::MAX) });
    play.says(CLIENT, 0, &Flow { drain: true, ..state(0, u32::MAX, 0) });
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn drain_with_enough_messages_needs_no_flow() {
    let mut play = Play::granted(2);
    play.says(SERVER, 3, &Flow { drain: true, ..grant(0, 0, 2) });
    sends(&mut play, 0..2);
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn drain_waits_for_the_window() {
    let mut play = Play::granted(5);
    play.says(SERVER, 3, &Flow { drain: true, incoming_window: 0, ..grant(0, 0, 5) });
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn drain_waits_for_the_message_under_way() {
    let mut play = Play::granted(5);
    play.transfers(CLIENT, 0, &Transfer { more: true, ..transfer(0) });
    play.says(SERVER, 3, &Flow { drain: true, ..grant(1, 1, 4) });
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn a_sender_may_write_any_credit_that_it_has_seen() {
    let mut play = Play::granted(5);
    sends(&mut play, 0..2);
    play.says(CLIENT, 0, &state(2, 2, 3));
    play.says(CLIENT, 0, &state(2, 2, 5));
    play.says(CLIENT, 0, &Flow { link_credit: None, ..state(2, 2, 0) });
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn echoes_are_answered() {
    let mut play = Play::granted(5);
    play.says(SERVER, 3, &Flow { echo: true, ..window(0, 0, 8) });
    play.says(SERVER, 3, &Flow { echo: true, ..grant(0, 0, 5) });
    play.says(CLIENT, 0, &state(0, 0, 5));
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn every_counter_may_wrap() {
    let start = Serial(u32::MAX);
    let mut play = Play::begun_with(
        Begin { next_outgoing_id: start, ..begin() },
        Begin { next_outgoing_id: start, incoming_window: 3, ..begin() },
    );
    play.says(CLIENT, 0, &Attach { initial_delivery_count: Some(start), ..sender("l", 0) });
    play.says(SERVER, 3, &receiver("l", 5));
    play.says(SERVER, 3, &Flow { next_outgoing_id: start, ..grant(u32::MAX, u32::MAX, 4) });
    for number in 0..4_u32 {
        let id = Some(start.add(number));
        play.transfers(CLIENT, 0, &Transfer { delivery_id: id, ..transfer(number) });
    }
    play.says(CLIENT, 0, &Flow { next_incoming_id: Some(start), ..state(3, 3, 0) });
    play.says(SERVER, 3, &Flow { next_outgoing_id: start, ..grant(3, 3, 4) });
    let range = amqp_codec::Disposition {
        first: start,
        last: Some(Serial(2)),
        ..crate::play::accepted(amqp_codec::Role::Receiver, 0, 0, true)
    };
    play.says(SERVER, 3, &range);
    assert_eq!(play.oracle.unsettled(CLIENT), 0);
    play.oracle.finish();
    play.oracle.assert_silent();
}
