//! A link's unsettled deliveries taken out as a value, with what resumption needs of them.
#![cfg(test)]

use amqp_core::codec::{Begin, DeliveryState, DeliveryTag, Disposition, Flow, Open, Received, Role, Serial};
use amqp_core::{
    ConnectionOptions, DeliveryKey, Gone, Outgoing, ReceiverOptions, SenderId, SenderOptions, SessionOptions,
};
use amqp_tests::oracle::Side;
use amqp_tests::pair::Pair;
use amqp_tests::script::{Script, peer_begin, peer_open, peer_receiver};
use bytes::Bytes;

/// A sender whose peer takes frames of 512 octets, three of them, that retains or not.
fn sending(retain: bool) -> (Script, SenderId) {
    let mut script = Script::client(ConnectionOptions::new("engine"));
    script.open(&Open { max_frame_size: 512, ..peer_open() });
    let session = script.begin(SessionOptions::default(), &Begin { incoming_window: 3, ..peer_begin() });
    let options = SenderOptions::new("node").retain_unsettled(retain);
    let sender = script.attach_sender(session, options, &peer_receiver(""));
    script.give(&Flow { incoming_window: 3, ..script.grant(0, 10) });
    (script, sender)
}

fn send(script: &mut Script, sender: SenderId, tag: &[u8], size: usize) -> DeliveryKey {
    let tag = Some(DeliveryTag::new(tag).unwrap());
    let message = Outgoing { tag, ..Bytes::from(vec![7; size]).into() };
    script.engine.sender(sender).unwrap().send(message).unwrap()
}

fn told(first: u32, settled: bool, state: DeliveryState) -> Disposition {
    Disposition {
        role: Role::Receiver,
        first: Serial(first),
        settled,
        state: Some(state),
        ..Disposition::default()
    }
}

/// Four deliveries: settled, sent, half sent, not begun; the receiver has told how far it is with the second.
fn four(retain: bool) -> (Script, SenderId, [DeliveryKey; 4]) {
    let (mut script, sender) = sending(retain);
    let keys = [(b"a", 10), (b"b", 20), (b"c", 1000), (b"d", 2000)]
        .map(|(tag, size)| send(&mut script, sender, tag, size));
    script.rest();
    script.give(&told(0, true, DeliveryState::Accepted));
    script.give(&told(1, false, received()));
    (script, sender, keys)
}

fn received() -> DeliveryState {
    DeliveryState::Received(Received { section_number: 0, section_offset: 5 })
}

#[test]
fn what_is_unsettled_is_taken_out_oldest_first() {
    let (mut script, sender, keys) = four(true);
    let taken = script.engine.sender(sender).unwrap().take_unsettled();
    let facts: Vec<_> = taken
        .iter()
        .map(|it| (&it.tag[..], it.message.payload.len(), it.sent, it.remote_state.clone()))
        .collect();
    let expected =
        [(&b"b"[..], 20, true, Some(received())), (b"c", 1000, true, None), (b"d", 2000, false, None)];
    assert_eq!(facts, expected);
    let mut view = script.engine.sender(sender).unwrap();
    assert_eq!(view.next_outcome().map(|(key, _)| key), Some(keys[0]));
    assert_eq!((view.next_outcome(), view.unsettled(), view.take_unsettled()), (None, 0, Vec::new()));
    for key in &keys[1..] {
        assert_eq!(view.settle(*key), Err(Gone));
    }
    script.give_eof();
    assert!(script.engine.sender(sender).is_err());
    assert_eq!(script.engine.counters().outgoing, 0);
}

#[test]
fn without_retaining_only_what_was_not_sent_is_there() {
    let (mut script, sender, _) = four(false);
    let taken = script.engine.sender(sender).unwrap().take_unsettled();
    let sizes: Vec<_> = taken.iter().map(|it| it.message.payload.len()).collect();
    assert_eq!((sizes[0], sizes[2]), (0, 2000));
    assert!(sizes[1] < 1000);
    script.give_eof();
}

/// What was taken out is no longer there to be settled, and what is sent afterwards is.
#[test]
fn the_link_goes_on_behind_what_was_taken_out() {
    let (mut script, sender, _) = four(true);
    script.engine.sender(sender).unwrap().take_unsettled();
    script.give(&script.flow());
    // The half sent one ends with an abort: something has to end it before another message begins.
    assert!(script.expect_transfer().0.aborted);
    script.expect_nothing();
    script.give(&told(1, true, DeliveryState::Accepted));
    assert_eq!(script.engine.sender(sender).unwrap().next_outcome().map(|(_, it)| it).iter().count(), 1);
    let key = send(&mut script, sender, b"b", 5);
    assert_eq!(script.expect_transfer().0.delivery_id, Some(Serial(3)));
    script.give(&told(3, true, DeliveryState::Released));
    let mut view = script.engine.sender(sender).unwrap();
    assert_eq!(view.next_outcome().map(|(key, _)| key), Some(key));
    assert_eq!(view.next_outcome(), None);
}

/// What was taken out of one connection goes out on another, as it was.
#[test]
fn what_was_taken_out_can_be_sent_again() {
    let (mut script, sender, _) = four(true);
    let taken = script.engine.sender(sender).unwrap().take_unsettled();
    script.give_eof();
    let (mut pair, link) = Pair::linked(SenderOptions::new("node"), ReceiverOptions::default().prefetch(10));
    for unresolved in taken {
        pair.sender(&link).send(unresolved.message).unwrap();
    }
    pair.drive();
    let arrived: Vec<_> =
        pair.deliveries(&link).into_iter().map(|it| (it.tag.to_vec(), it.payload.into_bytes())).collect();
    let expected =
        [(b"b", 20), (b"c", 1000), (b"d", 2000)].map(|(tag, size)| (tag.to_vec(), vec![7; size].into()));
    assert_eq!(arrived, expected);
    pair.finish();
}

/// A message that comes back without a tag of the application's own can be sent again on any link.
#[test]
fn what_comes_back_can_be_sent_on_any_link() {
    let (mut pair, sessions) = Pair::begun();
    let options = || ReceiverOptions::default().prefetch(10);
    let one = pair.attach_sender(Side::Client, sessions, SenderOptions::new("one"), options());
    let two = pair.attach_sender(Side::Client, sessions, SenderOptions::new("two"), options());
    for _ in 0..3 {
        pair.send(&two, b"other");
    }
    let key = pair.send(&one, b"mine");
    let message = pair.sender(&one).abort(key).unwrap().unwrap();
    pair.sender(&two).send(message.clone()).unwrap();
    pair.sender(&one).send(message).unwrap();
    pair.drive();
    assert_eq!((pair.deliveries(&one).len(), pair.deliveries(&two).len()), (1, 4));
    pair.finish();
}

/// What is retained of a message in pieces is all of it.
#[test]
fn pieces_are_retained_as_well() {
    let (mut script, sender) = sending(true);
    let mut view = script.engine.sender(sender).unwrap();
    let key = view.start(Bytes::from_static(b"one, ")).unwrap();
    view.append(key, Bytes::from_static(b"two")).unwrap();
    script.expect_transfer();
    let taken = script.engine.sender(sender).unwrap().take_unsettled();
    assert_eq!(taken[0].message.payload.clone().into_bytes(), "one, two");
    assert!(script.expect_transfer().0.aborted);
}

/// What retained payloads weigh does not count as output that waits.
#[test]
fn retained_octets_do_not_wait_for_output() {
    let (mut script, sender) = sending(true);
    send(&mut script, sender, b"a", 400);
    script.expect_transfer();
    assert_eq!(script.engine.counters().buffered_output, 0);
}

/// What is cut off on a link that closes needs no window: the end of the link, or of its session, is the end of it.
#[test]
fn a_link_that_leaves_does_not_wait_to_cut_off_what_was_taken_out() {
    for session in [false, true] {
        let (mut script, sender, _) = four(true);
        let mut view = script.engine.sender(sender).unwrap();
        let id = view.session().unwrap();
        if session {
            script.engine.session(id).unwrap().end(None).unwrap();
        } else {
            view.close(None).unwrap();
        }
        assert!(script.rest().is_empty(), "what was accepted is waited for");
        assert_eq!(script.engine.sender(sender).unwrap().take_unsettled().len(), 3);
        let rest = format!("{:?}", script.rest());
        assert!(
            rest.contains(if session { "End" } else { "Detach" }) && !rest.contains("Transfer"),
            "{rest}"
        );
        assert_eq!(script.engine.counters().buffered_output, 0);
    }
}

/// What has its outcome and waits to be settled is not taken out, and can be settled afterwards.
#[test]
fn what_is_resolved_is_left_to_be_settled() {
    let (mut script, session) = Script::begun();
    let options = SenderOptions::new("node").auto_settle(false);
    let sender = script.attach_sender(session, options, &peer_receiver(""));
    script.give(&script.grant(0, 10));
    let keys = [b"a", b"b"].map(|tag| send(&mut script, sender, tag, 10));
    script.rest();
    script.give(&told(0, false, DeliveryState::Accepted));
    let mut view = script.engine.sender(sender).unwrap();
    assert_eq!(view.take_unsettled().len(), 1);
    assert_eq!((view.unsettled(), view.next_outcome().map(|(key, _)| key)), (1, Some(keys[0])));
    assert_eq!((view.settle(keys[1]), view.settle(keys[0])), (Err(Gone), Ok(())));
    let said: Disposition = script.expect_frame();
    assert_eq!((said.first, said.settled, said.role), (Serial(0), true, Role::Sender));
    assert_eq!(script.engine.sender(sender).unwrap().unsettled(), 0);
    assert_eq!(script.engine.counters().outgoing, 0);
}
