//! Messages that are read while they arrive.
#![cfg(test)]

use amqp_core::codec::{DeliveryState, Detach, Disposition, Role, Serial, Transfer};
use amqp_core::{Delivery, Event, Gone, ReceivedKey, ReceiverId, ReceiverOptions, SenderOptions, StateError};
use amqp_tests::oracle::Side;
use amqp_tests::pair::Pair;
use amqp_tests::script::{CHANNEL, HANDLE, Script, frame, peer_sender, peer_transfer};
use bytes::Bytes;

/// A streaming receiver with credit for ten.
fn streaming() -> (Script, ReceiverId) {
    let (mut script, session) = Script::begun();
    let options = ReceiverOptions::new("node").streaming(true).prefetch(10);
    let receiver = script.attach_receiver(session, options, &peer_sender(""));
    script.rest();
    (script, receiver)
}

fn first(number: u32) -> Transfer {
    Transfer { more: true, ..peer_transfer(number) }
}

fn next(more: bool) -> Transfer {
    Transfer { handle: HANDLE, more, ..Transfer::default() }
}

fn abort() -> Transfer {
    Transfer { handle: HANDLE, aborted: true, ..Transfer::default() }
}

fn take(script: &mut Script, receiver: ReceiverId) -> Delivery {
    script.engine.receiver(receiver).unwrap().next_delivery().unwrap()
}

fn read(script: &mut Script, receiver: ReceiverId, key: ReceivedKey) -> Result<(Bytes, bool), Gone> {
    let (payload, complete) = script.engine.receiver(receiver)?.read(key)?;
    Ok((payload.into_bytes(), complete))
}

/// In pieces of a hundred octets, each of which can be read before the next is there (proton's message stream).
#[test]
fn every_piece_can_be_read_before_the_next() {
    let options = ReceiverOptions::default().streaming(true).prefetch(10);
    let (mut pair, link) = Pair::linked(SenderOptions::new("node"), options);
    let key = pair.sender(&link).start(Bytes::from_static(&[0; 100])).unwrap();
    pair.drive();
    pair.expect_event(Side::Server, Event::Deliveries(link.receiver));
    let delivery = pair.deliveries(&link).remove(0);
    assert_eq!((delivery.payload.into_bytes(), delivery.complete), (vec![0; 100].into(), false));
    for piece in 1..20_u8 {
        let (payload, complete) = pair.receiver(&link).read(delivery.key).unwrap();
        assert!(payload.is_empty() && !complete);
        pair.sender(&link).append(key, Bytes::from(vec![piece; 100])).unwrap();
        pair.drive();
        pair.expect_event(Side::Server, Event::Deliveries(link.receiver));
        let (payload, complete) = pair.receiver(&link).read(delivery.key).unwrap();
        assert_eq!((payload.into_bytes(), complete), (vec![piece; 100].into(), false));
        assert_eq!(pair.server.counters().buffered_input, 0);
    }
    pair.sender(&link).finish(key).unwrap();
    pair.drive();
    pair.expect_event(Side::Server, Event::Deliveries(link.receiver));
    let (payload, complete) = pair.receiver(&link).read(delivery.key).unwrap();
    assert!(payload.is_empty() && complete);
    pair.receiver(&link).settle(delivery.key, DeliveryState::Accepted).unwrap();
    pair.drive();
    assert_eq!(pair.outcomes(&link)[0].0, key);
    assert_eq!((pair.server.counters().incoming, pair.client.counters().outgoing), (0, 0));
    pair.finish();
}

/// A delivery is shown once, with whatever is there of it.
#[test]
fn a_delivery_is_shown_once() {
    let (mut script, receiver) = streaming();
    script.give_transfer(&first(0), b"one, ");
    script.give_transfer(&next(true), b"two, ");
    assert_eq!(script.engine.receiver(receiver).unwrap().waiting(), 1);
    let delivery = take(&mut script, receiver);
    assert_eq!((delivery.payload.into_bytes(), delivery.complete), ("one, two, ".into(), false));
    script.give_transfer(&next(false), b"three");
    assert_eq!(script.engine.receiver(receiver).unwrap().waiting(), 0);
    assert_eq!(read(&mut script, receiver, delivery.key), Ok(("three".into(), true)));
    assert_eq!(read(&mut script, receiver, delivery.key), Ok((Bytes::new(), true)));
}

/// Settled by the sender and read to its end, it is forgotten.
#[test]
fn a_settled_stream_is_forgotten_at_its_end() {
    let (mut script, receiver) = streaming();
    script.give_transfer(&Transfer { settled: Some(true), ..first(0) }, b"one, ");
    let delivery = take(&mut script, receiver);
    assert!(delivery.settled);
    script.give_transfer(&next(false), b"two");
    assert_eq!(read(&mut script, receiver, delivery.key), Ok(("two".into(), true)));
    assert_eq!(read(&mut script, receiver, delivery.key), Err(Gone));
    assert_eq!(script.engine.counters().incoming, 0);
}

/// Whoever reads a message hears that it was aborted.
#[test]
fn a_reader_hears_of_an_abort() {
    let (mut script, receiver) = streaming();
    script.give_transfer(&first(0), b"one, ");
    let delivery = take(&mut script, receiver);
    script.take_events();
    script.give_transfer(&next(true), b"unread");
    script.give_transfer(&abort(), b"");
    assert!(script.take_events().contains(&Event::Deliveries(receiver)));
    assert_eq!(read(&mut script, receiver, delivery.key), Err(Gone));
    let mut view = script.engine.receiver(receiver).unwrap();
    assert_eq!(view.settle(delivery.key, DeliveryState::Accepted), Err(StateError::Gone(Gone)));
    assert_eq!(view.unsettled(), 0);
    let counters = script.engine.counters();
    assert_eq!((counters.incoming, counters.buffered_input), (0, 0));
    script.expect_nothing();
}

/// An abort that comes alone is announced as well: nothing else would wake the reader.
#[test]
fn an_abort_is_announced() {
    let (mut script, receiver) = streaming();
    script.give_transfer(&first(0), b"one, ");
    let delivery = take(&mut script, receiver);
    script.take_events();
    script.give_transfer(&abort(), b"");
    assert_eq!(script.take_events(), [Event::Deliveries(receiver)]);
    assert_eq!(read(&mut script, receiver, delivery.key), Err(Gone));
    assert_eq!(script.engine.counters().incoming, 0);
}

/// What was not taken when it was aborted is not shown.
#[test]
fn an_aborted_beginning_is_taken_back() {
    let (mut script, receiver) = streaming();
    script.give_transfer(&first(0), b"one");
    script.give_transfer(&abort(), b"");
    script.give_transfer(&peer_transfer(1), b"good");
    assert_eq!(script.engine.receiver(receiver).unwrap().waiting(), 1);
    assert_eq!(take(&mut script, receiver).payload.into_bytes(), "good");
    assert_eq!(script.engine.counters().incoming, 1);
}

/// D20: what has arrived before the end of its link can be read to its end, though the delivery was taken before.
#[test]
fn the_rest_of_a_stream_outlives_its_link() {
    for settled in [None, Some(true)] {
        let (mut script, receiver) = streaming();
        script.give_transfer(&Transfer { settled, ..first(0) }, b"one, ");
        let delivery = take(&mut script, receiver);
        let last = frame(CHANNEL, &next(false), b"two");
        let detach = frame(CHANNEL, &Detach { handle: HANDLE, closed: true, error: None }, &[]);
        script.give_octets(&[last, detach].concat());
        script.rest();
        script.expect_event(Event::ReceiverClosed(receiver));
        script.take_events();
        assert_eq!(read(&mut script, receiver, delivery.key), Ok(("two".into(), true)), "{settled:?}");
        assert_eq!(script.engine.receiver(receiver).err(), Some(Gone));
        let counters = script.engine.counters();
        assert_eq!((counters.incoming, counters.buffered_input, counters.links), (0, 0, 0));
    }
}

/// What is cut off by the end of its link cannot be read on, and costs nothing.
#[test]
fn a_stream_that_is_cut_off_by_the_end_of_its_link_is_gone() {
    let (mut script, receiver) = streaming();
    script.give_transfer(&first(0), b"one, ");
    let delivery = take(&mut script, receiver);
    script.give_transfer(&next(true), b"unread");
    script.give(&Detach { handle: HANDLE, closed: true, error: None });
    script.rest();
    script.take_events();
    assert_eq!(read(&mut script, receiver, delivery.key), Err(Gone));
    let counters = script.engine.counters();
    assert_eq!((counters.incoming, counters.buffered_input, counters.links), (0, 0, 0));
}

/// A detach cuts off what is half here; attached again, the link begins with a new delivery.
#[test]
fn a_detach_cuts_off_what_is_half_here() {
    let (mut script, receiver) = streaming();
    script.give_transfer(&first(0), b"one, ");
    let delivery = take(&mut script, receiver);
    script.give(&Detach { handle: HANDLE, closed: false, error: None });
    script.expect_frame::<Detach>();
    script.expect_event(Event::ReceiverDetached(receiver));
    assert_eq!(read(&mut script, receiver, delivery.key), Err(Gone));
    script.engine.receiver(receiver).unwrap().attach().unwrap();
    let attach: amqp_core::codec::Attach = script.expect_frame();
    script.rest();
    let again = amqp_core::codec::Attach {
        name: attach.name,
        initial_delivery_count: Some(Serial(1)),
        ..peer_sender("")
    };
    script.give(&again);
    script.give_transfer(&peer_transfer(1), b"whole");
    let delivery = take(&mut script, receiver);
    assert_eq!((delivery.payload.into_bytes(), delivery.complete), ("whole".into(), true));
    assert_eq!(script.engine.counters().incoming, 1);
}

/// The sender settles between the pieces: the reader hears of it and can read on.
#[test]
fn a_stream_that_the_sender_settles_can_be_read_on() {
    let (mut script, receiver) = streaming();
    script.give_transfer(&first(0), b"one, ");
    let delivery = take(&mut script, receiver);
    let settles =
        Disposition { role: Role::Sender, first: Serial(0), settled: true, ..Disposition::default() };
    script.give(&settles);
    let update = script.engine.receiver(receiver).unwrap().next_update().unwrap();
    assert_eq!((update.key, update.settled), (delivery.key, true));
    script.give_transfer(&next(false), b"two");
    assert_eq!(read(&mut script, receiver, delivery.key), Ok(("two".into(), true)));
    assert_eq!(
        (script.engine.counters().incoming, script.engine.receiver(receiver).unwrap().unsettled()),
        (0, 0)
    );
}

/// Settled and never read to its end: nothing of it stays.
#[test]
fn what_nobody_reads_to_its_end_is_forgotten_when_it_is_settled() {
    let (mut script, receiver) = streaming();
    script.give_transfer(&first(0), b"one, ");
    let delivery = take(&mut script, receiver);
    script.give_transfer(&next(false), b"unread");
    let mut view = script.engine.receiver(receiver).unwrap();
    view.settle(delivery.key, DeliveryState::Accepted).unwrap();
    let counters = script.engine.counters();
    assert_eq!((counters.incoming, counters.buffered_input), (0, 0));
    assert_eq!(read(&mut script, receiver, delivery.key), Err(Gone));
}

/// Settling what can no longer be settled still says that nobody reads on.
#[test]
fn a_reader_can_give_up_on_what_its_link_has_left() {
    let (mut script, receiver) = streaming();
    script.give_transfer(&first(0), b"one, ");
    let delivery = take(&mut script, receiver);
    script.give_transfer(&next(false), b"unread");
    script.give(&Detach { handle: HANDLE, closed: true, error: None });
    script.rest();
    script.take_events();
    let mut view = script.engine.receiver(receiver).unwrap();
    assert_eq!(view.settle(delivery.key, DeliveryState::Released), Err(StateError::Gone(Gone)));
    let counters = script.engine.counters();
    assert_eq!((counters.incoming, counters.buffered_input, counters.links), (0, 0, 0));
}

/// The same where the sender has settled it, and the rest is still on its way.
#[test]
fn a_reader_can_give_up_on_what_the_sender_has_settled() {
    let (mut script, receiver) = streaming();
    script.give_transfer(&Transfer { settled: Some(true), ..first(0) }, b"one, ");
    let delivery = take(&mut script, receiver);
    script.give_transfer(&next(true), b"unread");
    let mut view = script.engine.receiver(receiver).unwrap();
    assert_eq!(view.settle(delivery.key, DeliveryState::Released), Err(StateError::Gone(Gone)));
    script.give_transfer(&next(false), b"unwanted");
    script.give_transfer(&peer_transfer(1), b"next");
    assert_eq!(take(&mut script, receiver).payload.into_bytes(), "next");
    let counters = script.engine.counters();
    assert_eq!((counters.incoming, counters.buffered_input), (1, 0));
}

/// A message larger than the session's window streams through: reading makes room.
#[test]
fn a_message_larger_than_the_window_streams_through() {
    let small = amqp_tests::pair::server_options().max_frame_size(512_u32);
    let mut pair = Pair::opened_with(amqp_tests::pair::client_options(), small);
    let narrow = amqp_core::SessionOptions::default().incoming_window(4_u32);
    let sessions = pair.begin(amqp_core::SessionOptions::default(), narrow);
    let options = ReceiverOptions::default().streaming(true).prefetch(1);
    let link = pair.attach_sender(Side::Client, sessions, SenderOptions::new("node"), options);
    pair.send(&link, &[5; 100_000]);
    pair.drive();
    let delivery = pair.deliveries(&link).remove(0);
    let mut octets = delivery.payload.len();
    let mut complete = delivery.complete;
    while !complete {
        let (payload, end) = pair.receiver(&link).read(delivery.key).unwrap();
        octets += payload.len();
        complete = end;
        pair.drive();
    }
    assert_eq!(octets, 100_000);
    pair.finish();
}
