//! Legal attaches, detaches and ends, in whatever order they cross.

use amqp_codec::{Attach, Begin, Detach, ErrorCondition, Open, Serial, UnsettledMap};

use crate::play::{
    CLIENT, Play, SERVER, begin, close, detach, end, failure, grant, open, receiver, sender, transfer, window,
};

#[test]
fn a_link_is_closed_and_answered() {
    let mut play = Play::attached();
    play.says(CLIENT, 0, &detach(0, true));
    play.says(SERVER, 3, &detach(5, true));
    play.says(CLIENT, 0, &sender("m", 0));
    play.says(SERVER, 3, &receiver("m", 5));
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn detach_and_attach_follow_each_other_on_one_handle() {
    let mut play = Play::delivered(5, 1);
    // The figure of §2.6.4: the attach does not wait for the answer to the detach.
    play.sends(CLIENT, 0, &detach(0, false));
    play.sends(CLIENT, 0, &Attach { initial_delivery_count: Some(Serial(1)), ..sender("l", 0) });
    play.reads(SERVER);
    play.says(SERVER, 3, &detach(5, false));
    play.says(SERVER, 3, &receiver("l", 5));
    play.says(SERVER, 3, &grant(1, 1, 3));
    play.transfers(CLIENT, 0, &transfer(1));
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn a_flow_that_was_due_may_come_before_the_answer_to_a_detach() {
    let mut play = Play::attached();
    play.says(CLIENT, 0, &detach(0, true));
    play.says(SERVER, 3, &grant(0, 0, 5));
    play.says(SERVER, 3, &detach(5, true));
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn detaches_may_cross() {
    let mut play = Play::attached();
    play.sends(CLIENT, 0, &detach(0, true));
    play.sends(SERVER, 3, &detach(5, true));
    play.reads(SERVER);
    play.reads(CLIENT);
    play.says(CLIENT, 0, &sender("l", 0));
    play.says(SERVER, 3, &receiver("l", 5));
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn a_closing_detach_may_cross_one_that_does_not_close() {
    let mut play = Play::attached();
    play.sends(CLIENT, 0, &detach(0, false));
    play.sends(SERVER, 3, &detach(5, true));
    play.reads(SERVER);
    play.reads(CLIENT);
    // §2.6.6: the side that did not close attaches again to close.
    play.says(CLIENT, 0, &sender("l", 0));
    play.says(CLIENT, 0, &detach(0, true));
    play.says(SERVER, 3, &receiver("l", 5));
    play.says(SERVER, 3, &detach(5, true));
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn a_link_is_closed_and_opened_again_in_one_batch() {
    let mut play = Play::attached();
    play.sends(CLIENT, 0, &detach(0, true));
    play.sends(CLIENT, 0, &sender("l", 1));
    play.reads(SERVER);
    play.says(SERVER, 3, &detach(5, true));
    play.says(SERVER, 3, &receiver("l", 5));
    play.says(SERVER, 3, &grant(0, 0, 1));
    play.transfers(CLIENT, 0, &amqp_codec::Transfer { handle: 1, ..transfer(0) });
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn a_link_may_be_closed_before_its_attach_is_answered() {
    let mut play = Play::begun();
    play.sends(CLIENT, 0, &sender("l", 0));
    play.sends(CLIENT, 0, &detach(0, true));
    play.reads(SERVER);
    play.says(SERVER, 3, &receiver("l", 0));
    play.says(SERVER, 3, &detach(0, true));
    play.says(CLIENT, 0, &sender("l", 0));
    play.says(SERVER, 3, &receiver("l", 0));
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn a_link_is_refused() {
    let mut play = Play::attached_with(sender("l", 0), Attach { target: None, ..receiver("l", 5) });
    play.says(SERVER, 3, &Detach { error: failure(ErrorCondition::NOT_FOUND), ..detach(5, true) });
    play.says(CLIENT, 0, &detach(0, true));
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn a_link_that_failed_is_resumed_with_a_map() {
    let mut play = Play::attached();
    play.says(SERVER, 3, &Detach { error: failure(ErrorCondition::DETACH_FORCED), ..detach(5, false) });
    play.says(CLIENT, 0, &detach(0, false));
    play.says(CLIENT, 0, &Attach { unsettled: Some(UnsettledMap::default()), ..sender("l", 0) });
    play.says(SERVER, 3, &receiver("l", 5));
    // From here on it is a link like any other, and is attached again without a map.
    play.says(CLIENT, 0, &detach(0, false));
    play.says(SERVER, 3, &detach(5, false));
    play.says(CLIENT, 0, &sender("l", 0));
    play.says(SERVER, 3, &receiver("l", 5));
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn a_link_that_failed_may_be_closed_and_made_anew() {
    let mut play = Play::attached();
    play.says(SERVER, 3, &Detach { error: failure(ErrorCondition::DETACH_FORCED), ..detach(5, false) });
    play.says(CLIENT, 0, &detach(0, true));
    play.says(CLIENT, 0, &sender("l", 0));
    play.says(SERVER, 3, &receiver("l", 5));
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn one_name_may_be_a_link_in_each_direction() {
    let mut play = Play::attached();
    play.says(CLIENT, 0, &receiver("l", 1));
    play.says(SERVER, 3, &sender("l", 6));
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn both_sides_may_attach_the_same_link_at_once() {
    let mut play = Play::begun();
    play.sends(CLIENT, 0, &sender("l", 0));
    play.sends(SERVER, 3, &Attach { target: None, ..receiver("l", 5) });
    play.reads(SERVER);
    play.reads(CLIENT);
    // There is no target, but nobody had asked for one when the attach left: that refuses nothing.
    play.says(SERVER, 3, &grant(0, 0, 1));
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn ends_may_cross_and_the_channel_is_free_at_once() {
    let mut play = Play::attached();
    play.sends(CLIENT, 0, &end());
    play.sends(CLIENT, 0, &begin());
    play.sends(SERVER, 3, &grant(0, 0, 5));
    play.sends(SERVER, 3, &end());
    play.reads(SERVER);
    play.reads(CLIENT);
    play.says(SERVER, 3, &Begin { remote_channel: Some(0), ..begin() });
    play.says(CLIENT, 0, &window(0, 0, 8));
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn a_session_may_end_before_its_begin_is_answered() {
    let mut play = Play::opened();
    for _ in 0..2 {
        play.sends(CLIENT, 0, &begin());
        play.sends(CLIENT, 0, &end());
    }
    play.reads(SERVER);
    for _ in 0..2 {
        play.says(SERVER, 0, &Begin { remote_channel: Some(0), ..begin() });
        play.says(SERVER, 0, &end());
    }
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn both_sides_may_begin_sessions_on_the_same_channel() {
    let mut play = Play::opened_with(Open { channel_max: 1, ..open() }, Open { channel_max: 1, ..open() });
    play.sends(CLIENT, 0, &begin());
    play.sends(SERVER, 0, &begin());
    play.reads(SERVER);
    play.reads(CLIENT);
    play.says(SERVER, 1, &Begin { remote_channel: Some(0), ..begin() });
    play.says(CLIENT, 1, &Begin { remote_channel: Some(0), ..begin() });
    play.says(CLIENT, 0, &sender("l", 0));
    play.says(SERVER, 1, &receiver("l", 0));
    play.says(SERVER, 0, &sender("l", 0));
    play.says(CLIENT, 1, &receiver("l", 0));
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn nothing_is_owed_across_a_close() {
    let mut play = Play::attached();
    play.says(CLIENT, 0, &detach(0, true));
    play.says(CLIENT, 0, &end());
    play.says(CLIENT, 0, &close());
    play.says(SERVER, 0, &close());
    play.oracle.finish();
    play.oracle.assert_silent();
}
