//! Messages that are sent while they are made.
#![cfg(test)]

use amqp_core::codec::{Attach, DeliveryState, Disposition, Role, Serial};
use amqp_core::{DeliveryKey, Outgoing, Resolution, SendErrorReason, SenderId, SenderOptions, StateError};
use amqp_tests::script::{Script, peer_receiver};
use bytes::Bytes;

fn start(script: &mut Script, sender: SenderId, octets: &[u8]) -> DeliveryKey {
    script.engine.sender(sender).unwrap().start(Bytes::copy_from_slice(octets)).unwrap()
}

fn append(script: &mut Script, sender: SenderId, key: DeliveryKey, octets: &[u8]) {
    script.engine.sender(sender).unwrap().append(key, Bytes::copy_from_slice(octets)).unwrap();
}

/// Every piece goes out when it is there, and the last frame may be empty.
#[test]
fn every_piece_goes_out_before_the_next() {
    let (mut script, sender) = Script::sending(1);
    let key = start(&mut script, sender, &[0; 100]);
    let (first, payload) = script.expect_transfer();
    assert_eq!((first.delivery_id, first.more, payload.len()), (Some(Serial(0)), true, 100));
    for piece in 1..10 {
        script.expect_nothing();
        append(&mut script, sender, key, &[piece; 100]);
        let (transfer, payload) = script.expect_transfer();
        assert_eq!((transfer.delivery_id, transfer.more, &payload[..]), (None, true, &[piece; 100][..]));
    }
    script.engine.sender(sender).unwrap().finish(key).unwrap();
    let (last, payload) = script.expect_transfer();
    assert_eq!((last.more, payload.len()), (false, 0));
    script.expect_nothing();
    let view = script.engine.sender(sender).unwrap();
    assert_eq!((view.unsettled(), view.delivery_count()), (1, Serial(1)));
}

/// Finished before anything was written, it is one frame.
#[test]
fn what_is_finished_before_it_is_written_is_one_frame() {
    let (mut script, sender) = Script::sending(1);
    let key = start(&mut script, sender, b"one, ");
    append(&mut script, sender, key, b"two");
    script.engine.sender(sender).unwrap().finish(key).unwrap();
    let (transfer, payload) = script.expect_transfer();
    assert_eq!((transfer.more, payload), (false, Bytes::from_static(b"one, two")));
    script.expect_nothing();
}

/// Begun with nothing, it waits for something.
#[test]
fn nothing_is_written_of_an_empty_beginning() {
    let (mut script, sender) = Script::sending(1);
    let key = start(&mut script, sender, b"");
    script.expect_nothing();
    append(&mut script, sender, key, b"");
    script.expect_nothing();
    append(&mut script, sender, key, b"x");
    assert_eq!(script.expect_transfer().1, "x");
}

/// Begun with nothing and finished, it is an empty message.
#[test]
fn an_empty_message_can_be_streamed() {
    let (mut script, sender) = Script::sending(1);
    let key = start(&mut script, sender, b"");
    script.engine.sender(sender).unwrap().finish(key).unwrap();
    let (transfer, payload) = script.expect_transfer();
    assert_eq!((transfer.more, payload.len()), (false, 0));
}

/// While a message is not finished the link takes no other; other links do.
#[test]
fn an_unfinished_message_has_the_link_for_itself() {
    let (mut script, sender) = Script::sending(5);
    let session = script.engine.sender(sender).unwrap().session().unwrap();
    let other =
        script.attach_sender(session, SenderOptions::new("b"), &Attach { handle: 10, ..peer_receiver("") });
    script.give(&amqp_core::codec::Flow { handle: Some(10), ..script.grant(0, 5) });
    let key = start(&mut script, sender, b"begun");
    script.expect_transfer();
    let mut view = script.engine.sender(sender).unwrap();
    assert_eq!(view.send(Bytes::from_static(b"x")).unwrap_err().reason, SendErrorReason::Unfinished);
    assert_eq!(view.start(Bytes::from_static(b"x")).unwrap_err().reason, SendErrorReason::Unfinished);
    script.engine.sender(other).unwrap().send(Bytes::from_static(b"between")).unwrap();
    let (transfer, payload) = script.expect_transfer();
    assert_eq!((transfer.handle, transfer.delivery_id, &payload[..]), (1, Some(Serial(1)), &b"between"[..]));
    script.engine.sender(sender).unwrap().finish(key).unwrap();
    script.engine.sender(sender).unwrap().send(Bytes::from_static(b"next")).unwrap();
    let (last, _) = script.expect_transfer();
    assert_eq!((last.handle, last.delivery_id, last.more), (0, None, false));
    assert_eq!(script.expect_transfer().0.delivery_id, Some(Serial(2)));
}

/// What is finished, aborted or settled takes no more.
#[test]
fn what_is_finished_takes_no_more() {
    let (mut script, sender) = Script::sending(5);
    let key = start(&mut script, sender, b"x");
    let mut view = script.engine.sender(sender).unwrap();
    view.finish(key).unwrap();
    assert_eq!(view.append(key, Bytes::from_static(b"y")), Err(StateError::NotAsked));
    assert_eq!(view.finish(key), Err(StateError::NotAsked));
    script.expect_transfer();
    let whole = script.engine.sender(sender).unwrap().send(Bytes::from_static(b"z")).unwrap();
    let mut view = script.engine.sender(sender).unwrap();
    assert_eq!(view.append(whole, Bytes::from_static(b"y")), Err(StateError::NotAsked));
    script.expect_transfer();
    let cut = start(&mut script, sender, b"x");
    script.expect_transfer();
    let mut view = script.engine.sender(sender).unwrap();
    view.abort(cut).unwrap();
    assert_eq!(view.append(cut, Bytes::from_static(b"y")), Err(StateError::NotAsked));
    // And the link is free again.
    view.send(Bytes::from_static(b"next")).unwrap();
    assert!(script.expect_transfer().0.aborted);
    script.expect_transfer();
}

/// Withdrawn before anything was written, a beginning leaves no trace.
#[test]
fn a_beginning_can_be_withdrawn() {
    let (mut script, sender) = Script::sending(1);
    let key = start(&mut script, sender, b"never");
    let message = script.engine.sender(sender).unwrap().abort(key).unwrap().unwrap();
    assert_eq!(message.payload.into_bytes(), "never");
    script.expect_nothing();
    script.engine.sender(sender).unwrap().send(Bytes::from_static(b"x")).unwrap();
    assert_eq!(script.expect_transfer().0.delivery_id, Some(Serial(0)));
}

/// TRANSPORT-2.6.1-16: pieces add up to what the receiver takes.
#[test]
fn pieces_together_keep_to_the_peers_size() {
    let (mut script, session) = Script::begun();
    let peer = Attach { max_message_size: Some(10), ..peer_receiver("") };
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer);
    script.give(&script.grant(0, 2));
    let key = start(&mut script, sender, &[0; 6]);
    script.expect_transfer();
    append(&mut script, sender, key, &[0; 4]);
    script.expect_transfer();
    let mut view = script.engine.sender(sender).unwrap();
    assert_eq!(view.append(key, Bytes::from_static(b"x")), Err(StateError::TooLarge));
    view.finish(key).unwrap();
    assert!(!script.expect_transfer().0.more);
}

/// A message that is made up of large pieces is cut at the peer's frames like any other.
#[test]
fn large_pieces_are_cut() {
    let (mut script, session) = Script::begun();
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer_receiver(""));
    script.give(&script.grant(0, 1));
    let key = start(&mut script, sender, &[1; 300_000]);
    append(&mut script, sender, key, &[2; 300_000]);
    script.engine.sender(sender).unwrap().finish(key).unwrap();
    let (mut ones, mut twos) = (0, 0);
    while let Some(amqp_tests::frames::Unit::Frame(frame)) = script.next_unit() {
        ones += frame.payload.iter().filter(|octet| **octet == 1).count();
        twos += frame.payload.iter().filter(|octet| **octet == 2).count();
    }
    assert_eq!((ones, twos), (300_000, 300_000));
}

/// Settled by the receiver early, what is streamed has its outcome, and may still be finished or cut.
#[test]
fn a_stream_that_was_settled_can_be_cut() {
    let (mut script, sender) = Script::sending(2);
    let key = start(&mut script, sender, b"x");
    script.expect_transfer();
    script.give(&Disposition {
        role: Role::Receiver,
        first: Serial(0),
        settled: true,
        state: Some(DeliveryState::Released),
        ..Disposition::default()
    });
    let mut view = script.engine.sender(sender).unwrap();
    assert_eq!(view.next_outcome(), Some((key, Resolution::Settled(Some(DeliveryState::Released)))));
    assert_eq!(view.abort(key), Ok(None));
    assert!(script.expect_transfer().0.aborted);
    let mut view = script.engine.sender(sender).unwrap();
    assert_eq!((view.unsettled(), view.next_outcome()), (0, None));
    view.send(Bytes::from_static(b"next")).unwrap();
    assert_eq!(script.expect_transfer().0.delivery_id, Some(Serial(1)));
}

/// A message sent settled says so with its first frame, and has its outcome with the last.
#[test]
fn a_settled_stream_resolves_with_its_last_frame() {
    let (mut script, sender) = Script::sending(1);
    let message = Outgoing { settled: Some(true), ..Bytes::from_static(b"x").into() };
    let key = script.engine.sender(sender).unwrap().start(message).unwrap();
    assert_eq!(script.expect_transfer().0.settled, Some(true));
    assert_eq!(script.engine.sender(sender).unwrap().next_outcome(), None);
    script.engine.sender(sender).unwrap().finish(key).unwrap();
    script.expect_transfer();
    let mut view = script.engine.sender(sender).unwrap();
    assert_eq!(view.next_outcome(), Some((key, Resolution::Settled(None))));
}
