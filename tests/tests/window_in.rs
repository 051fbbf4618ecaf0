//! §2.5.6: what the peer may send.
#![cfg(test)]

use amqp_core::codec::{Attach, Begin, End, ErrorCondition, Flow, Serial, Transfer};
use amqp_core::{
    Cause, Event, Limits, ReceiverId, ReceiverOptions, SenderOptions, SessionOptions, Violation,
};
use amqp_tests::pair::client_options;
use amqp_tests::script::{
    CHANNEL, HANDLE, Script, frame, peer_begin, peer_open, peer_receiver, peer_sender, peer_transfer,
};

/// A client that takes so many transfer frames ahead, on a link with more than enough credit.
fn receiving(window: u32) -> (Script, ReceiverId) {
    receiving_with(window, Limits::default(), &peer_begin())
}

fn receiving_with(window: u32, limits: Limits, peer: &Begin) -> (Script, ReceiverId) {
    let mut script = Script::client(client_options().limits(limits));
    script.open(&peer_open());
    let session = script.begin(SessionOptions::default().incoming_window(window), peer);
    let receiver = script.attach_receiver(session, ReceiverOptions::new("node"), &peer_sender("link"));
    script.engine.receiver(receiver).unwrap().grant(1000);
    script.expect_frame::<Flow>();
    (script, receiver)
}

fn take(script: &mut Script, receiver: ReceiverId) -> usize {
    let mut view = script.engine.receiver(receiver).unwrap();
    std::iter::from_fn(|| view.next_delivery()).count()
}

#[track_caller]
fn expect_ended(script: &mut Script, violation: Violation) {
    script.expect_end(Some(violation.condition()));
    script.give(&End::default());
    let ended = script.expect_some(|event| matches!(event, Event::SessionEnded(_)).then_some(event));
    assert_eq!(script.reason(ended).unwrap().cause(), &Cause::Violation(violation));
}

/// TRANSPORT-2.5.6-3, TRANSPORT-2.5.6-1
#[test]
fn every_transfer_frame_counts() {
    let (mut script, receiver) = receiving(100);
    for (id, more) in [(0, true), (0, true), (0, false), (1, false)] {
        let mut transfer = peer_transfer(id);
        transfer.more = more;
        script.give_transfer(&transfer, b"payload");
    }
    assert_eq!(take(&mut script, receiver), 2);
    script.give(&Flow { echo: true, ..script.flow() });
    let flow: Flow = script.expect_frame();
    assert_eq!(flow.next_incoming_id, Some(Serial(4)));
}

/// TRANSPORT-2.5.6-4
#[test]
fn a_transfer_beyond_the_window_ends_the_session() {
    let (mut script, receiver) = receiving(2);
    let transfer = |id| frame(CHANNEL, &peer_transfer(id), b"payload");
    script.give_octets(&[transfer(0), transfer(1), transfer(2)].concat());
    expect_ended(&mut script, Violation::Window);
    assert_eq!(take(&mut script, receiver), 2);
}

/// TRANSPORT-2.5.6-4
#[test]
fn without_a_window_nothing_may_be_sent() {
    let (mut script, _) = receiving(0);
    script.give_transfer(&peer_transfer(0), b"payload");
    script.expect_end(Some(ErrorCondition::WINDOW_VIOLATION));
}

/// TRANSPORT-2.5.6-5: the ids that a peer skips count like frames.
#[test]
fn a_window_that_is_skipped_is_announced_anew() {
    let (mut script, _) = receiving(100);
    script.give(&Flow { next_outgoing_id: Serial(49), ..script.flow() });
    script.expect_nothing();
    script.give(&Flow { next_outgoing_id: Serial(50), ..script.flow() });
    let flow: Flow = script.expect_frame();
    assert_eq!((flow.next_incoming_id, flow.incoming_window), (Some(Serial(50)), 100));
    script.expect_nothing();
}

/// TRANSPORT-2.5.6-5: also so far ahead that the ids of the window before do not compare with those behind.
#[test]
fn half_of_all_ids_may_be_skipped() {
    let (mut script, receiver) = receiving(100);
    script.give(&Flow { next_outgoing_id: Serial(10), ..script.flow() });
    script.expect_nothing();
    for next in [0x8000_0009, 8] {
        script.give(&Flow { next_outgoing_id: Serial(next), ..script.flow() });
        let flow: Flow = script.expect_frame();
        assert_eq!((flow.next_incoming_id, flow.incoming_window), (Some(Serial(next)), 100));
        script.expect_nothing();
    }
    script.give_transfer(&peer_transfer(0), b"payload");
    assert_eq!(take(&mut script, receiver), 1);
}

/// TRANSPORT-2.5.1-7: the begin announces the window, so a peer that said more before it had ours is told nothing twice.
#[test]
fn what_is_said_ahead_of_our_begin_costs_no_flow() {
    let mut script = Script::opened_server();
    script.give(&peer_begin());
    script.give(&peer_receiver("link"));
    script.give(&Flow { next_incoming_id: None, ..script.grant(0, 5) });
    let session = script.expect_some(|event| match event {
        Event::SessionOpening(id) => Some(id),
        _ => None,
    });
    let link = script.expect_some(|event| match event {
        Event::SenderOpening(id) => Some(id),
        _ => None,
    });
    script.engine.session(session).unwrap().accept(SessionOptions::default()).unwrap();
    script.engine.sender(link).unwrap().accept(SenderOptions::default()).unwrap();
    script.expect_frame::<Begin>();
    script.expect_frame::<Attach>();
    script.expect_nothing();
}

/// TRANSPORT-2.5.6-5
#[test]
fn a_flow_may_jump_ahead() {
    let (mut script, receiver) = receiving(100);
    script.give(&Flow { next_outgoing_id: Serial(50), echo: true, ..script.flow() });
    let flow: Flow = script.expect_frame();
    assert_eq!(flow.next_incoming_id, Some(Serial(50)));
    script.give_transfer(&peer_transfer(0), b"payload");
    assert_eq!(take(&mut script, receiver), 1);
}

/// TRANSPORT-2.5.6-5
#[test]
fn a_flow_that_goes_back_ends_the_session() {
    let (mut script, _) = receiving(100);
    script.give_transfer(&peer_transfer(0), b"payload");
    script.give(&Flow { next_outgoing_id: Serial(0), ..script.flow() });
    expect_ended(&mut script, Violation::Rewound);
}

/// TYPES-1.6-19: at exactly half of all numbers there is no telling forwards from backwards.
#[test]
fn a_flow_half_of_all_numbers_away_ends_the_session() {
    let (mut script, _) = receiving(100);
    script.give(&Flow { next_outgoing_id: Serial(1 << 31), ..script.flow() });
    expect_ended(&mut script, Violation::Rewound);
}

/// TRANSPORT-2.5.6-10
#[test]
fn a_flow_without_next_incoming_id_from_a_peer_that_saw_our_begin_ends_the_session() {
    let (mut script, _) = receiving(100);
    script.give(&Flow { next_incoming_id: None, ..script.flow() });
    expect_ended(&mut script, Violation::NextIncomingIdMissing);
}

/// TRANSPORT-2.5.6-10, TRANSPORT-2.5.6-7
#[test]
fn a_peer_that_began_may_leave_next_incoming_id_out_until_it_has_seen_our_begin() {
    let mut script = Script::opened_client();
    let session = script.accept_session(&peer_begin(), SessionOptions::default());
    let window = |script: &mut Script| script.engine.session(session).unwrap().remote_incoming_window();
    script.give(&Flow { next_incoming_id: None, incoming_window: 77, ..script.flow() });
    assert_eq!(window(&mut script), 77);
    script.give(&Flow { incoming_window: 78, ..script.flow() });
    assert_eq!(window(&mut script), 78);
    script.expect_nothing();
    script.give(&Flow { next_incoming_id: None, ..script.flow() });
    expect_ended(&mut script, Violation::NextIncomingIdMissing);
}

/// TRANSPORT-2.5.6-12
#[test]
fn the_window_is_renewed_at_half() {
    let (mut script, receiver) = receiving(10);
    for id in 0..4 {
        script.give_transfer(&peer_transfer(id), b"payload");
    }
    take(&mut script, receiver);
    script.expect_nothing();
    script.give_transfer(&peer_transfer(4), b"payload");
    let flow: Flow = script.expect_frame();
    assert_eq!((flow.next_incoming_id, flow.incoming_window), (Some(Serial(5)), 10));
    script.expect_nothing();
}

/// TRANSPORT-2.5.6-15
#[test]
fn a_window_is_renewed_by_a_flow_without_a_link() {
    let (mut script, _) = receiving(2);
    script.give_transfer(&peer_transfer(0), b"payload");
    let flow: Flow = script.expect_frame();
    assert_eq!((flow.handle, flow.delivery_count, flow.link_credit), (None, None, None));
    assert_eq!((flow.available, flow.drain, flow.properties), (None, false, None));
}

/// TRANSPORT-2.5.6-12, TRANSPORT-2.5.6-14
#[test]
fn a_window_is_not_renewed_while_too_much_waits_to_be_taken() {
    let limits = Limits::default().buffered_input(1000_usize);
    let (mut script, receiver) = receiving_with(4, limits, &peer_begin());
    for id in 0..4 {
        script.give_transfer(&peer_transfer(id), &[0; 400]);
        script.rest();
    }
    assert_eq!(script.engine.counters().buffered_input, 1600);
    script.give(&Flow { echo: true, ..script.flow() });
    let flow: Flow = script.expect_frame();
    assert!(flow.incoming_window < 4, "{flow:?}");
    assert!(!script.engine.wants_read());
    assert_eq!(take(&mut script, receiver), 4);
    assert!(script.engine.wants_read());
    let flow: Flow = script.expect_frame();
    assert_eq!((flow.incoming_window, flow.next_incoming_id), (4, Some(Serial(4))));
    assert_eq!(script.engine.counters().buffered_input, 0);
}

/// Where all that waits is unfinished, nobody can make room: the window opens, and the link that sends on is detached.
#[test]
fn a_window_is_renewed_where_nothing_can_be_taken() {
    let limits = Limits::default().buffered_input(1000_usize);
    let (mut script, receiver) = receiving_with(4, limits, &peer_begin());
    let session = script.engine.receiver(receiver).unwrap().session().unwrap();
    let peer = Attach { handle: HANDLE + 1, ..peer_sender("other") };
    let other = script.attach_receiver(session, ReceiverOptions::new("other").prefetch(10), &peer);
    script.rest();
    script.give_transfer(&peer_transfer(0), b"whole");
    for (id, handle) in [(1, HANDLE), (2, HANDLE + 1)] {
        script.give_transfer(&Transfer { handle, more: true, ..peer_transfer(id) }, &[0; 600]);
    }
    script.give_transfer(&Transfer { handle: HANDLE, more: true, ..Transfer::default() }, b"x");
    script.rest();
    script.take_events();
    assert_eq!(take(&mut script, receiver), 1);
    let flow: Flow = script.expect_frame();
    assert_eq!((flow.next_incoming_id, flow.incoming_window), (Some(Serial(4)), 4));
    script.give_transfer(&Transfer { handle: HANDLE + 1, ..Transfer::default() }, b"x");
    script.expect_detach(Some(Violation::Buffer.condition()));
    script.expect_event(Event::ReceiverClosed(other));
    // There is room again for those who go on.
    script.give_transfer(&Transfer { handle: HANDLE, ..Transfer::default() }, b"x");
    assert_eq!(take(&mut script, receiver), 1);
}

/// TRANSPORT-2.5.6-13
#[test]
fn the_furthest_edge_ever_announced_counts() {
    let limits = Limits::default().buffered_input(1000_usize);
    let (mut script, receiver) = receiving_with(4, limits, &peer_begin());
    for id in 0..2 {
        script.give_transfer(&peer_transfer(id), &[0; 400]);
    }
    // Six were announced: four by the begin, and at half of them two more.
    let flow: Flow = script.expect_frame();
    assert_eq!((flow.next_incoming_id, flow.incoming_window), (Some(Serial(2)), 4));
    for id in 2..6 {
        script.give_transfer(&peer_transfer(id), &[0; 400]);
    }
    script.expect_nothing();
    script.give_transfer(&peer_transfer(6), &[0; 400]);
    expect_ended(&mut script, Violation::Window);
    assert_eq!(take(&mut script, receiver), 6);
}

/// TRANSPORT-2.5.6-1, TYPES-1.6-19
#[test]
fn the_numbers_of_the_peer_wrap() {
    let peer = Begin { next_outgoing_id: Serial(u32::MAX - 1), ..peer_begin() };
    let (mut script, receiver) = receiving_with(4, Limits::default(), &peer);
    for id in 0..10 {
        script.give_transfer(&peer_transfer(id), b"payload");
        assert_eq!(take(&mut script, receiver), 1);
        script.rest();
    }
    script.give(&Flow { next_outgoing_id: Serial(8), echo: true, ..script.flow() });
    assert_eq!(script.expect_frame::<Flow>().next_incoming_id, Some(Serial(8)));
}

/// TRANSPORT-2.5.6-3: a window as large as it can be does not run into the numbers behind.
#[test]
fn the_largest_window_is_half_of_all_numbers() {
    let (mut script, _) = {
        let mut script = Script::opened_client();
        let options = SessionOptions::default().incoming_window(u32::MAX);
        let session = script.engine.begin(options).unwrap();
        let begin: Begin = script.expect_frame();
        assert_eq!(begin.incoming_window, 0x7FFF_FFFF);
        script.give(&Begin { remote_channel: Some(0), ..peer_begin() });
        (script, session)
    };
    script.give(&Flow { echo: true, ..script.flow() });
    assert_eq!(script.expect_frame::<Flow>().incoming_window, 0x7FFF_FFFF);
}

/// TRANSPORT-2.6.7-16, TRANSPORT-2.6.7-15
#[test]
fn echoes_are_answered_once_for_all_of_a_read() {
    let (mut script, _) = receiving(100);
    let echo = Flow { echo: true, ..script.flow() };
    let octets = frame(CHANNEL, &echo, &[]);
    script.give_octets(&octets.repeat(1000));
    let flow: Flow = script.expect_frame();
    assert!(!flow.echo);
    script.expect_nothing();
}
