//! Legal transfers and settlement.

use amqp_codec::{
    Attach, DeliveryState, Disposition, Received, ReceiverSettleMode, Role, SenderSettleMode, Serial,
    Transfer,
};

use crate::play::{
    CLIENT, Play, SERVER, accepted, close, detach, grant, receiver, sender, tag, transfer, unsettled,
};

fn settles(play: &mut Play, first: u32, last: u32) {
    play.says(SERVER, 3, &accepted(Role::Receiver, first, last, true));
}

fn closes(play: &mut Play) {
    play.says(CLIENT, 0, &close());
    play.says(SERVER, 0, &close());
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn deliveries_of_two_links_interleave() {
    let mut play = Play::granted(5);
    play.says(CLIENT, 0, &sender("m", 1));
    play.says(SERVER, 3, &receiver("m", 6));
    play.says(SERVER, 3, &amqp_codec::Flow { handle: Some(6), ..grant(0, 0, 5) });
    play.transfers(CLIENT, 0, &Transfer { more: true, ..transfer(0) });
    play.transfers(CLIENT, 0, &Transfer { handle: 1, more: true, ..transfer(1) });
    play.transfers(CLIENT, 0, &Transfer { more: true, ..transfer(0) });
    play.transfers(CLIENT, 0, &Transfer { handle: 1, ..Transfer::default() });
    play.transfers(CLIENT, 0, &Transfer::default());
    play.transfers(CLIENT, 0, &Transfer { handle: 1, ..transfer(2) });
    settles(&mut play, 0, 2);
    assert_eq!(play.oracle.unsettled(CLIENT), 0);
    closes(&mut play);
}

#[test]
fn an_aborted_delivery_counts_and_frees_its_tag() {
    let mut play = Play::granted(2);
    play.transfers(CLIENT, 0, &Transfer { more: true, ..transfer(0) });
    play.transfers(CLIENT, 0, &Transfer { aborted: true, ..Transfer::default() });
    assert_eq!(play.oracle.unsettled(CLIENT), 0);
    play.transfers(CLIENT, 0, &Transfer { delivery_tag: Some(tag(0)), ..transfer(1) });
    play.oracle.assert_silent();
    play.transfers(CLIENT, 0, &transfer(2));
    assert_eq!(play.oracle.faults().first().map(|fault| fault.rule), Some("TRANSPORT-2.6.7-5"));
}

#[test]
fn a_settled_mode_needs_it_on_one_frame() {
    let modes = [
        (SenderSettleMode::Settled, [None, Some(true)]),
        (SenderSettleMode::Settled, [Some(true), None]),
        (SenderSettleMode::Mixed, [Some(false), Some(true)]),
        (SenderSettleMode::Unsettled, [None, Some(false)]),
    ];
    for (snd_settle_mode, [first, last]) in modes {
        let mut play = Play::attached_with(Attach { snd_settle_mode, ..sender("l", 0) }, receiver("l", 5));
        play.says(SERVER, 3, &grant(0, 0, 5));
        play.transfers(CLIENT, 0, &Transfer { more: true, settled: first, ..transfer(0) });
        play.transfers(CLIENT, 0, &Transfer { settled: last, ..Transfer::default() });
        play.oracle.assert_silent();
    }
}

#[test]
fn a_tag_is_free_once_its_delivery_is_settled() {
    let mut play = Play::delivered(5, 1);
    settles(&mut play, 0, 0);
    play.transfers(CLIENT, 0, &Transfer { delivery_tag: Some(tag(0)), ..transfer(1) });
    play.transfers(CLIENT, 0, &Transfer { settled: Some(true), delivery_tag: Some(tag(5)), ..transfer(2) });
    play.transfers(CLIENT, 0, &Transfer { settled: Some(true), delivery_tag: Some(tag(5)), ..transfer(3) });
    play.oracle.assert_silent();
}

#[test]
fn a_receiver_that_settles_second_takes_three_steps() {
    let second = Attach { rcv_settle_mode: ReceiverSettleMode::Second, ..receiver("l", 5) };
    let mut play = Play::attached_with(sender("l", 0), second);
    play.says(SERVER, 3, &grant(0, 0, 5));
    play.transfers(CLIENT, 0, &transfer(0));
    play.says(SERVER, 3, &accepted(Role::Receiver, 0, 0, false));
    assert_eq!(play.oracle.unsettled(CLIENT), 1);
    play.says(CLIENT, 0, &accepted(Role::Sender, 0, 0, true));
    assert_eq!(play.oracle.unsettled(CLIENT), 0);
    // One delivery asks for the receiver to settle first, which it may on this link.
    let rcv_settle_mode = Some(ReceiverSettleMode::First);
    play.transfers(CLIENT, 0, &Transfer { rcv_settle_mode, ..transfer(1) });
    settles(&mut play, 1, 1);
    closes(&mut play);
}

#[test]
fn a_settled_transfer_may_name_any_mode() {
    let mut play = Play::granted(5);
    let rcv_settle_mode = Some(ReceiverSettleMode::Second);
    play.transfers(CLIENT, 0, &Transfer { settled: Some(true), rcv_settle_mode, ..transfer(0) });
    closes(&mut play);
}

#[test]
fn a_message_size_of_zero_is_no_limit() {
    let mut play =
        Play::attached_with(sender("l", 0), Attach { max_message_size: Some(0), ..receiver("l", 5) });
    play.says(SERVER, 3, &grant(0, 0, 1));
    play.transfers(CLIENT, 0, &transfer(0));
    closes(&mut play);
}

#[test]
fn settlements_may_cross() {
    let mut play = Play::delivered(5, 3);
    play.sends(CLIENT, 0, &accepted(Role::Sender, 0, 1, true));
    play.sends(SERVER, 3, &accepted(Role::Receiver, 0, 1, true));
    play.reads(SERVER);
    play.reads(CLIENT);
    // Ids that are settled already are skipped inside a range that settles another.
    settles(&mut play, 0, 2);
    closes(&mut play);
}

#[test]
fn the_sender_settles_what_the_receiver_has_judged() {
    let mut play = Play::delivered(5, 2);
    play.says(SERVER, 3, &accepted(Role::Receiver, 0, 1, false));
    play.says(CLIENT, 0, &accepted(Role::Sender, 0, 1, true));
    closes(&mut play);
}

#[test]
fn a_range_may_be_wider_than_what_is_live() {
    let mut play = Play::delivered(5, 2);
    settles(&mut play, 0, (1 << 31) - 1);
    assert_eq!(play.oracle.unsettled(CLIENT), 0);
    play.oracle.assert_silent();
}

#[test]
fn a_delivery_may_be_disposed_of_while_it_is_under_way() {
    let mut play = Play::granted(5);
    play.transfers(CLIENT, 0, &Transfer { more: true, ..transfer(0) });
    let state = Some(DeliveryState::Rejected(amqp_codec::Rejected::default()));
    play.says(SERVER, 3, &Disposition { state, ..accepted(Role::Receiver, 0, 0, true) });
    play.transfers(CLIENT, 0, &Transfer { aborted: true, ..Transfer::default() });
    play.transfers(CLIENT, 0, &transfer(1));
    settles(&mut play, 1, 1);
    closes(&mut play);
}

#[test]
fn deliveries_outlive_a_detach() {
    let mut play = Play::delivered(5, 2);
    play.says(CLIENT, 0, &detach(0, false));
    play.says(SERVER, 3, &detach(5, false));
    settles(&mut play, 0, 0);
    assert_eq!(play.oracle.unsettled(CLIENT), 1);
    play.says(CLIENT, 0, &Attach { initial_delivery_count: Some(Serial(2)), ..sender("l", 0) });
    play.says(SERVER, 3, &receiver("l", 5));
    settles(&mut play, 1, 1);
    assert_eq!(play.oracle.unsettled(CLIENT), 0);
    closes(&mut play);
}

#[test]
fn a_delivery_is_resumed_under_another_number() {
    let mut play = Play::granted(5);
    play.transfers(CLIENT, 0, &transfer(0));
    play.transfers(CLIENT, 0, &transfer(1));
    play.says(CLIENT, 0, &detach(0, false));
    play.says(SERVER, 3, &detach(5, false));
    let initial_delivery_count = Some(Serial(2));
    play.says(CLIENT, 0, &Attach { unsettled: unsettled(0), initial_delivery_count, ..sender("l", 0) });
    // The receiver no longer knows delivery 1, which settles it.
    play.says(SERVER, 3, &Attach { unsettled: unsettled(0), ..receiver("l", 5) });
    assert_eq!(play.oracle.unsettled(CLIENT), 1);
    play.says(SERVER, 3, &grant(2, 2, 5));
    let state = Some(DeliveryState::Received(Received { section_number: 0, section_offset: 0 }));
    let resumed = Transfer { resume: true, delivery_tag: Some(tag(0)), state, more: true, ..transfer(2) };
    play.transfers(CLIENT, 0, &resumed);
    play.transfers(CLIENT, 0, &Transfer { state: Some(DeliveryState::Accepted), ..Transfer::default() });
    play.transfers(CLIENT, 0, &Transfer { delivery_tag: Some(tag(1)), ..transfer(3) });
    settles(&mut play, 2, 3);
    assert_eq!(play.oracle.unsettled(CLIENT), 0);
    closes(&mut play);
}

#[test]
fn a_connection_may_close_over_what_nobody_judged() {
    let mut play = Play::delivered(5, 2);
    // The sender reached an outcome by itself, and the receiver has not confirmed it.
    play.says(CLIENT, 0, &accepted(Role::Sender, 0, 0, false));
    assert_eq!(play.oracle.unsettled(CLIENT), 2);
    closes(&mut play);
}
