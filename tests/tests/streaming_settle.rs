//! Messages whose outcome is told while they arrive, on links whose rcv-settle-mode is second (§2.6.12).
#![cfg(test)]

use amqp_core::codec::{
    Attach, DeliveryState, Detach, Disposition, ReceiverSettleMode, Role, Serial, Transfer,
};
use amqp_core::{Event, Gone, Limits, ReceivedKey, ReceiverId, ReceiverOptions, SessionOptions};
use amqp_tests::pair::client_options;
use amqp_tests::script::{CHANNEL, HANDLE, Script, frame, peer_begin, peer_open, peer_sender, peer_transfer};

/// A streaming receiver that has taken the first frame of delivery 0, of which more follows.
fn reading(limits: Limits) -> (Script, ReceiverId, ReceivedKey) {
    let mut script = Script::client(client_options().limits(limits));
    script.open(&peer_open());
    let session = script.begin(SessionOptions::default(), &peer_begin());
    let second = ReceiverSettleMode::Second;
    let options = ReceiverOptions::new("node").streaming(true).prefetch(10).rcv_settle_mode(second);
    let peer = Attach { rcv_settle_mode: second, ..peer_sender("") };
    let receiver = script.attach_receiver(session, options, &peer);
    script.rest();
    script.give_transfer(&Transfer { more: true, ..peer_transfer(0) }, b"one, ");
    let key = script.engine.receiver(receiver).unwrap().next_delivery().unwrap().key;
    script.take_events();
    (script, receiver, key)
}

/// The same, and its outcome is told.
fn told() -> (Script, ReceiverId, ReceivedKey) {
    let (mut script, receiver, key) = reading(Limits::default());
    script.engine.receiver(receiver).unwrap().settle(key, DeliveryState::Accepted).unwrap();
    assert!(!script.expect_frame::<Disposition>().settled);
    (script, receiver, key)
}

fn next(more: bool) -> Transfer {
    Transfer { handle: HANDLE, more, ..Transfer::default() }
}

fn settles() -> Disposition {
    Disposition { role: Role::Sender, first: Serial(0), settled: true, ..Disposition::default() }
}

/// The third step was told, once, and nothing of the delivery is left.
#[track_caller]
fn expect_over(script: &mut Script, receiver: ReceiverId, key: ReceivedKey) {
    let mut view = script.engine.receiver(receiver).unwrap();
    let update = view.next_update().expect("the third step is told");
    assert_eq!((update.key, update.settled), (key, true));
    assert_eq!((view.next_update(), view.unsettled(), view.waiting()), (None, 0, 0));
    assert_eq!(view.read(key).err(), Some(Gone));
    let counters = script.engine.counters();
    assert_eq!((counters.incoming, counters.buffered_input), (0, 0));
}

/// What is decided before its end is not read to there: nothing of it is kept, wherever the sender settles.
#[test]
fn what_is_decided_early_is_not_kept() {
    for ends_first in [true, false] {
        let (mut script, receiver, key) = told();
        script.give_transfer(&next(true), b"unwanted");
        assert_eq!(script.engine.receiver(receiver).unwrap().read(key).err(), Some(Gone));
        assert_eq!(script.engine.counters().buffered_input, 0);
        if ends_first {
            script.give_transfer(&next(false), b"unwanted");
            script.give(&settles());
        } else {
            script.give(&settles());
            script.give_transfer(&next(false), b"unwanted");
        }
        expect_over(&mut script, receiver, key);
        // The next is as any other.
        script.give_transfer(&peer_transfer(1), b"whole");
        let delivery = script.engine.receiver(receiver).unwrap().next_delivery().unwrap();
        assert_eq!((delivery.payload.into_bytes(), delivery.complete), ("whole".into(), true));
    }
}

/// What was there and not read goes as well, and room for it is there again.
#[test]
fn what_is_unread_goes_with_the_outcome() {
    let (mut script, receiver, key) = reading(Limits::default().buffered_input(1000_usize));
    script.give_transfer(&next(true), &[0; 600]);
    script.give_transfer(&next(true), &[0; 600]);
    assert!(!script.engine.wants_read());
    script.engine.receiver(receiver).unwrap().settle(key, DeliveryState::Accepted).unwrap();
    assert!(script.engine.wants_read());
    assert_eq!(script.engine.counters().buffered_input, 0);
    script.give_transfer(&next(false), b"unwanted");
    script.give(&settles());
    expect_over(&mut script, receiver, key);
}

/// Nothing of it keeps the link alive when that is over.
#[test]
fn a_link_ends_with_what_was_decided_early() {
    for whole in [true, false] {
        let (mut script, receiver, _) = told();
        script.give_transfer(&next(!whole), b"unwanted");
        script.give(&Detach { handle: HANDLE, closed: true, error: None });
        script.rest();
        script.expect_event(Event::ReceiverClosed(receiver));
        script.take_events();
        assert_eq!(script.engine.receiver(receiver).err(), Some(Gone));
        let counters = script.engine.counters();
        assert_eq!((counters.incoming, counters.buffered_input, counters.links), (0, 0, 0));
    }
}

/// TRANSPORT-2.6.12-13: the third step may come with a transfer, and an abort or a detach stand for it.
#[test]
fn the_third_step_comes_with_any_frame() {
    let settled = Some(true);
    let last = frame(CHANNEL, &Transfer { settled, ..next(false) }, b"end");
    let more = frame(CHANNEL, &Transfer { settled, ..next(true) }, b"on");
    let aborted = frame(CHANNEL, &Transfer { aborted: true, ..next(false) }, b"");
    let detach = frame(CHANNEL, &Detach { handle: HANDLE, closed: false, error: None }, b"");
    for octets in [last, more, aborted, detach] {
        let (mut script, receiver, key) = told();
        script.give_octets(&octets);
        script.rest();
        expect_over(&mut script, receiver, key);
    }
}

/// TRANSPORT-2.6.12-15: a state that comes with a further frame is told, and with a settlement it is told with that.
#[test]
fn a_state_that_comes_with_a_transfer_is_told() {
    let (mut script, receiver, key) = reading(Limits::default());
    let state = Some(DeliveryState::Released);
    script.give_transfer(&Transfer { state: state.clone(), ..next(true) }, b"two, ");
    script.give_transfer(&Transfer { state: state.clone(), ..next(true) }, b"three");
    let mut view = script.engine.receiver(receiver).unwrap();
    let update = view.next_update().unwrap();
    assert_eq!((update.key, update.state, update.settled), (key, state.clone(), false));
    assert_eq!(view.next_update(), None);

    let (mut script, receiver, key) = reading(Limits::default());
    script.give_transfer(&Transfer { state: state.clone(), settled: Some(true), ..next(false) }, b"two");
    let mut view = script.engine.receiver(receiver).unwrap();
    let update = view.next_update().unwrap();
    assert_eq!((update.key, update.state, update.settled), (key, state, true));
    assert_eq!(view.next_update(), None);
    let (payload, complete) = view.read(key).unwrap();
    assert_eq!((payload.into_bytes(), complete), ("two".into(), true));
    assert_eq!(script.engine.counters().incoming, 0);
}

/// An update that nobody looked at and that went does not stand in the way of those that follow.
#[test]
fn updates_that_went_are_followed_by_others() {
    let (mut script, receiver, first) = reading(Limits::default().untaken_outcomes(1_u32));
    script.give_transfer(&next(false), b"two");
    script.give_transfer(&peer_transfer(1), b"other");
    let other = script.engine.receiver(receiver).unwrap().next_delivery().unwrap().key;
    let received = |section_offset| {
        let received = amqp_core::codec::Received { section_number: 0, section_offset };
        Some(DeliveryState::Received(received))
    };
    for (id, offset) in [(0, 1), (1, 1), (0, 2)] {
        let (first, state) = (Serial(id), received(offset));
        script.give(&Disposition { role: Role::Sender, first, state, ..Disposition::default() });
    }
    let mut view = script.engine.receiver(receiver).unwrap();
    let update = view.next_update().unwrap();
    assert_eq!((update.key, update.state), (first, received(2)));
    assert_eq!(view.next_update(), None);
    assert_ne!(first, other);
}
