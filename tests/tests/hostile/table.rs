//! Which case is tried where: every one of them somewhere.

use std::collections::BTreeSet;

use crate::written::{connection, delivery, frames, messages, session};
use crate::{always, answers, memory, rows};

/// What each case waits for, or where else it is tried. Where it has octets it is nevertheless tried in all variations.
const WAITING: &[(&str, &str)] = &[
    ("F09", "resumption: an attach with more unsettled deliveries than are kept"),
    ("F10", "resumption: attaches that are never complete"),
    ("F11", "resumption: termini that never expire"),
    ("G23", "resumption: new deliveries while the unsettled map is incomplete"),
    ("J01", "the coordinator"),
    ("J02", "the coordinator"),
    ("J04", "the coordinator"),
    ("J05", "the coordinator"),
    ("J06", "the coordinator"),
    ("J07", "the coordinator"),
    ("J08", "the coordinator"),
    ("J11", "the coordinator: now it is the application that is asked"),
    ("L05", "the program, which says how many it accepts; what says nothing is D18"),
    ("L06", "TLS"),
    ("L07", "WebSocket"),
    ("L13", "amqp-endpoint::drops: every operation, dropped in every state"),
];

/// Cases without octets, or with those of a message, and the test of each.
const WRITTEN: &[(&str, fn())] = &[
    ("A38", frames::frames_that_end_too_early_are_errors),
    ("A39", frames::a_connection_in_any_pieces_is_the_same),
    ("A41", memory::what_comes_and_goes_leaves_nothing),
    ("A41", memory::names_before_authentication_leave_nothing),
    ("C05", frames::the_longest_extended_header_is_skipped),
    ("C17", frames::a_frame_that_trickles_is_given_up),
    ("C19", frames::what_does_not_fit_the_peers_frames_is_an_error_here),
    ("C20", memory::small_frames_are_kept_densely),
    ("D06", connection::after_our_error_only_the_close_counts),
    ("D13", connection::begins_on_every_channel_end_at_the_limit),
    ("D18", connection::who_says_nothing_is_left),
    ("D22", always::variations::every_prefix_and_the_end),
    ("E09", session::a_window_of_one_lets_one_through),
    ("E11", session::two_that_ask_do_not_ask_for_ever),
    ("E13", session::properties_that_are_too_deep_do_not_decode),
    ("F03", session::the_peers_handle_max_is_kept),
    ("F04", session::attaches_on_every_handle_end_at_the_limit),
    ("F20", session::filters_that_are_too_deep_do_not_decode),
    ("G11", delivery::a_message_without_end_is_cut_at_its_first_frame_too_many),
    ("G13", delivery::beginnings_on_many_links_have_one_limit),
    ("G14", delivery::a_message_without_end_is_cut_at_its_first_frame_too_many),
    ("G26", delivery::what_is_not_settled_holds_credit_back),
    ("G31", delivery::what_is_not_settled_holds_sends_back),
    ("H11", delivery::two_that_settle_say_it_once),
    ("H12", memory::a_large_state_is_kept_once),
    ("H16", delivery::a_state_for_all_costs_what_is_live),
    ("I01", connection::a_login_without_end_is_refused),
    ("K01", messages::every_message_is_refused),
    ("K02", messages::every_message_is_refused),
    ("K03", messages::every_message_is_refused),
    ("K03", messages::sections_out_of_order_are_refused),
    ("K04", messages::sections_are_counted),
    ("K05", messages::every_message_is_refused),
    ("K06", messages::every_message_is_refused),
    ("K08", messages::every_message_is_refused),
    ("K10", messages::every_message_is_refused),
    ("K11", messages::every_message_is_refused),
    ("L01", connection::who_does_not_read_is_left),
    ("L02", always::variations::every_prefix_and_the_end),
    ("L03", frames::a_connection_in_any_pieces_is_the_same),
    ("L04", connection::many_frames_in_one_read_are_few_events),
    ("L10", connection::a_redirection_is_only_told),
];

/// Whether the case `id` waits.
pub(crate) fn waits(id: &str) -> bool {
    WAITING.iter().any(|(waiting, _)| *waiting == id)
}

#[test]
fn every_case_is_somewhere() {
    let all: BTreeSet<String> = rows::all().into_iter().map(|row| row.id).collect();
    assert_eq!(all.len(), 171);
    let answered: BTreeSet<String> =
        rows::for_engines().into_iter().map(|row| row.id).filter(|id| !waits(id)).collect();
    let waiting = WAITING.iter().map(|(id, _)| (*id).to_owned()).collect();
    let written: BTreeSet<String> = WRITTEN.iter().map(|(id, _)| (*id).to_owned()).collect();
    for (one, other) in [(&answered, &written), (&answered, &waiting), (&written, &waiting)] {
        assert!(one.is_disjoint(other), "twice: {:?}", one.intersection(other).collect::<Vec<_>>());
    }
    let somewhere: BTreeSet<String> = [answered, written, waiting].into_iter().flatten().collect();
    assert_eq!(somewhere, all);
    answers::names_are_cases(&all);
}
