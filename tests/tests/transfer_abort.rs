//! §2.6.14: deliveries taken back and cut off, in both directions.
#![cfg(test)]

use amqp_core::codec::{Begin, DeliveryState, DeliveryTag, Flow, Open, Serial, Transfer};
use amqp_core::{
    ConnectionOptions, DeliveryKey, Event, Gone, Outgoing, ReceiverOptions, Resolution, SenderId,
    SenderOptions, SessionOptions, StateError,
};
use amqp_tests::pair::Pair;
use amqp_tests::script::{HANDLE, Script, peer_begin, peer_open, peer_receiver, peer_transfer};
use bytes::Bytes;

/// A client engine whose peer takes frames of 512 octets, so many of them; with credit for ten deliveries.
fn narrow(window: u32) -> (Script, SenderId) {
    let mut script = Script::client(ConnectionOptions::new("engine"));
    script.open(&Open { max_frame_size: 512, ..peer_open() });
    let peer = Begin { incoming_window: window, ..peer_begin() };
    let session = script.begin(SessionOptions::default(), &peer);
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer_receiver(""));
    script.give(&Flow { incoming_window: window, ..script.grant(0, 10) });
    (script, sender)
}

fn tagged(tag: &[u8], octets: Vec<u8>) -> Outgoing {
    Outgoing { tag: Some(DeliveryTag::new(tag).unwrap()), ..Bytes::from(octets).into() }
}

fn send(script: &mut Script, sender: SenderId, octets: usize) -> DeliveryKey {
    script.engine.sender(sender).unwrap().send(Bytes::from(vec![1; octets])).unwrap()
}

fn abort(script: &mut Script, sender: SenderId, key: DeliveryKey) -> Result<Option<Outgoing>, StateError> {
    script.engine.sender(sender).unwrap().abort(key)
}

/// electron.md §7: the octets of the frame that aborts a delivery.
#[test]
fn the_octets_of_an_abort() {
    let (mut script, sender) = narrow(1);
    let key = script.engine.sender(sender).unwrap().send(tagged(b"tag", vec![1; 1000])).unwrap();
    assert!(script.expect_transfer().0.more);
    assert_eq!(abort(&mut script, sender, key), Ok(None));
    script.give(&script.flow());
    let octets = script.engine.poll_output(script.now()).unwrap();
    let expected =
        b"\0\0\0\x1c\x02\0\0\0\0\x53\x14\xc0\x0f\x0a\x43\x43\xa0\x03tag\x43\x41\x40\x40\x40\x40\x41";
    assert_eq!(octets[..], expected[..]);
}

/// TRANSPORT-2.6.12-7, TRANSPORT-2.6.12-8: it is the last frame of its delivery, and a delivery all the same.
#[test]
fn an_aborted_delivery_counts_and_has_no_outcome() {
    let (mut script, sender) = narrow(1);
    let cut = send(&mut script, sender, 2000);
    let good = send(&mut script, sender, 1);
    script.expect_transfer();
    abort(&mut script, sender, cut).unwrap();
    assert_eq!(script.engine.sender(sender).unwrap().tag(good).map(|tag| tag.len()), Some(4));
    script.give(&script.flow());
    let (transfer, payload) = script.expect_transfer();
    assert!(transfer.aborted && !transfer.more && payload.is_empty());
    let (transfer, _) = script.expect_transfer();
    assert_eq!(transfer.delivery_id, Some(Serial(1)));
    let mut view = script.engine.sender(sender).unwrap();
    assert_eq!((view.delivery_count(), view.credit(), view.unsettled()), (Serial(2), 8, 1));
    assert_eq!(view.next_outcome(), None);
    assert_eq!(abort(&mut script, sender, cut), Err(StateError::Gone(Gone)));
}

/// Before its first frame a delivery leaves no trace: neither frame nor number nor count, and the message comes back.
#[test]
fn a_delivery_withdrawn_before_its_first_frame_leaves_no_trace() {
    let (mut script, sender) = Script::sending(5);
    let keys = [1, 2, 3].map(|size| send(&mut script, sender, size));
    let message = abort(&mut script, sender, keys[1]).unwrap().unwrap();
    assert_eq!(message.payload.len(), 2);
    let sizes: Vec<_> = [(); 2]
        .map(|()| script.expect_transfer())
        .iter()
        .map(|(it, payload)| (it.delivery_id, payload.len()))
        .collect();
    assert_eq!(sizes, [(Some(Serial(0)), 1), (Some(Serial(1)), 3)]);
    script.expect_nothing();
    let mut view = script.engine.sender(sender).unwrap();
    assert_eq!((view.delivery_count(), view.credit(), view.next_outcome()), (Serial(2), 3, None));
    let again = view.send(message).unwrap();
    assert_ne!(again, keys[1]);
    script.expect_transfer();
}

/// What is sent is sent.
#[test]
fn a_delivery_that_was_sent_cannot_be_aborted() {
    let (mut script, sender) = Script::sending(1);
    let key = send(&mut script, sender, 1);
    script.expect_transfer();
    assert_eq!(abort(&mut script, sender, key), Err(StateError::Closed));
    script.expect_nothing();
    assert_eq!(script.engine.sender(sender).unwrap().unsettled(), 1);
}

/// An abort is said once.
#[test]
fn an_abort_is_said_once() {
    let (mut script, sender) = narrow(1);
    let key = send(&mut script, sender, 1000);
    script.expect_transfer();
    abort(&mut script, sender, key).unwrap();
    assert_eq!(abort(&mut script, sender, key), Err(StateError::Closed));
    assert_eq!(script.engine.sender(sender).unwrap().settle(key), Err(Gone));
    script.give(&script.flow());
    assert!(script.expect_transfer().0.aborted);
    script.expect_nothing();
    assert_eq!(script.engine.counters().outgoing, 0);
}

/// Aborted, and then closed: the abort goes first.
#[test]
fn a_close_waits_for_the_abort() {
    let (mut script, sender) = narrow(1);
    let key = send(&mut script, sender, 1000);
    script.expect_transfer();
    abort(&mut script, sender, key).unwrap();
    script.engine.sender(sender).unwrap().close(None).unwrap();
    script.expect_nothing();
    script.give(&script.flow());
    assert!(script.expect_transfer().0.aborted);
    script.expect_detach(None);
    assert_eq!(script.engine.sender(sender).unwrap().next_outcome(), None);
}

/// The octets of what was aborted or withdrawn no longer count as waiting.
#[test]
fn aborted_octets_do_not_wait() {
    let (mut script, sender) = narrow(1);
    let (cut, withdrawn) = (send(&mut script, sender, 5000), send(&mut script, sender, 5000));
    script.expect_transfer();
    assert!(script.engine.counters().buffered_output > 9000);
    abort(&mut script, sender, cut).unwrap();
    abort(&mut script, sender, withdrawn).unwrap();
    assert_eq!(script.engine.counters().buffered_output, 0);
}

/// TRANSPORT-2.6.12-7, electron D21: the receiver sees nothing of it, and counts it.
#[test]
fn an_aborted_delivery_is_not_shown() {
    let (mut script, receiver) = Script::receiving(3);
    script.give_transfer(&Transfer { more: true, ..peer_transfer(0) }, b"some");
    let end = Transfer { handle: HANDLE, aborted: true, more: true, ..Transfer::default() };
    script.give_transfer(&end, b"ignored");
    script.give_transfer(&peer_transfer(1), b"good");
    assert_eq!(script.take_events(), [Event::Deliveries(receiver)]);
    let mut view = script.engine.receiver(receiver).unwrap();
    assert_eq!(view.next_delivery().unwrap().payload.into_bytes(), "good");
    assert_eq!((view.next_delivery(), view.credit(), view.delivery_count()), (None, 1, Serial(2)));
    assert_eq!((view.unsettled(), script.engine.counters().incoming), (1, 1));
    assert_eq!(script.engine.counters().buffered_input, 0);
    script.expect_nothing();
}

/// Aborted with its very first frame: the delivery uses up its number and its credit, and nothing else.
#[test]
fn a_delivery_aborted_by_its_first_frame_is_counted() {
    let (mut script, receiver) = Script::receiving(2);
    script.give_transfer(&Transfer { aborted: true, ..peer_transfer(0) }, b"ignored");
    script.give_transfer(&peer_transfer(1), b"good");
    let mut view = script.engine.receiver(receiver).unwrap();
    assert_eq!(view.next_delivery().unwrap().payload.into_bytes(), "good");
    assert_eq!((view.next_delivery(), view.credit(), view.unsettled()), (None, 0, 1));
    script.expect_nothing();
}

/// An abort may say settled on a link that only sends unsettled.
#[test]
fn an_abort_may_be_settled_on_an_unsettled_link() {
    let (mut script, session) = Script::begun();
    let peer = amqp_core::codec::Attach {
        snd_settle_mode: amqp_core::codec::SenderSettleMode::Unsettled,
        ..amqp_tests::script::peer_sender("")
    };
    let receiver = script.attach_receiver(session, ReceiverOptions::new("node").prefetch(5), &peer);
    script.rest();
    script.give_transfer(&Transfer { more: true, ..peer_transfer(0) }, b"some");
    script.give_transfer(
        &Transfer { handle: HANDLE, aborted: true, settled: Some(true), ..Transfer::default() },
        b"",
    );
    script.give_transfer(&peer_transfer(1), b"good");
    script.expect_nothing();
    assert_eq!(script.engine.receiver(receiver).unwrap().waiting(), 1);
}

/// Good and aborted messages mixed, between two engines: the good ones arrive, in order, and only they have outcomes.
#[test]
fn aborted_messages_between_good_ones_do_no_harm() {
    let small = amqp_tests::pair::server_options().max_frame_size(512_u32);
    let mut pair = Pair::opened_with(amqp_tests::pair::client_options(), small);
    let sessions = pair.begin(SessionOptions::default(), SessionOptions::default().incoming_window(4_u32));
    let options = ReceiverOptions::default().prefetch(5);
    let link =
        pair.attach_sender(amqp_tests::oracle::Side::Client, sessions, SenderOptions::new("node"), options);
    let mut good = Vec::new();
    for round in 0..30_u8 {
        let cut = pair.sender(&link).start(Bytes::from(vec![0xFF; 700])).unwrap();
        pair.drive();
        if round % 3 == 0 {
            pair.sender(&link).append(cut, Bytes::from(vec![0xFF; 700])).unwrap();
        }
        assert_eq!(pair.sender(&link).abort(cut), Ok(None));
        good.push(pair.send(&link, &vec![round; usize::from(round) * 40]));
        pair.drive();
        for delivery in pair.deliveries(&link) {
            assert!(delivery.payload.chunks().all(|chunk| chunk.iter().all(|octet| *octet == round)));
            assert_eq!(delivery.payload.len(), usize::from(round) * 40);
            pair.receiver(&link).settle(delivery.key, DeliveryState::Accepted).unwrap();
        }
        pair.drive();
    }
    let accepted = |key: &DeliveryKey| (*key, Resolution::Settled(Some(DeliveryState::Accepted)));
    assert_eq!(pair.outcomes(&link), good.iter().map(accepted).collect::<Vec<_>>());
    pair.finish();
}
