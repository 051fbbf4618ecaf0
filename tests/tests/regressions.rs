//! What the simulator has found, each as the shortest story that shows it. The oracle judges every frame of them.
#![cfg(test)]

use amqp_core::codec::{Close, DeliveryState, Detach, Flow, Open, Received};
use amqp_core::{
    Cause, ConnectionOptions, Event, Exhausted, Limits, ReceiverId, ReceiverOptions, Resolution, SenderId,
    SenderOptions, SessionId, SessionOptions, StateError,
};
use amqp_tests::oracle::Side::{Client, Server};
use amqp_tests::pair::{Link, Pair, client_options, server_options};
use amqp_tests::script::{CHANNEL, Script, frame, peer_begin, peer_open};
use bytes::Bytes;

fn session_opening(event: Event) -> Option<SessionId> {
    match event {
        Event::SessionOpening(id) => Some(id),
        _ => None,
    }
}

fn receiver_opening(event: Event) -> Option<ReceiverId> {
    match event {
        Event::ReceiverOpening(id) => Some(id),
        _ => None,
    }
}

fn sender_opening(event: Event) -> Option<SenderId> {
    match event {
        Event::SenderOpening(id) => Some(id),
        _ => None,
    }
}

/// A link whose client end, the sender's, was detached, with both ends' events taken.
fn detached(receiver: ReceiverOptions) -> (Pair, Link) {
    let (mut pair, link) = Pair::linked(SenderOptions::new("node"), receiver);
    pair.sender(&link).detach().unwrap();
    pair.drive();
    (pair, link)
}

/// The client attaches a detached link again, and the server is asked.
fn asked_again(pair: &mut Pair, link: &Link) {
    pair.sender(link).attach().unwrap();
    pair.drive();
    pair.expect_some(Server, receiver_opening);
}

/// §2.6.3: an attach that is refused is followed by its detach and by nothing else.
#[test]
fn a_refused_link_says_nothing_of_its_credit() {
    let (mut pair, link) = detached(ReceiverOptions::default());
    asked_again(&mut pair, &link);
    pair.receiver(&link).stop();
    pair.sender(&link).close(None).unwrap();
    pair.written(Server);
    pair.drive();
    assert_eq!(pair.written_of::<Flow>(Server), []);
}

/// §2.7.1, §2.7.2: the peer answers on a channel and a handle of its own, so our limits hold for what we begin as well.
#[test]
fn no_more_is_begun_than_the_peer_can_answer() {
    let mut pair = Pair::opened_with(
        ConnectionOptions::new("client").channel_max(0_u16),
        ConnectionOptions::new("server").accept_connection(true),
    );
    let sessions = pair.begin(SessionOptions::default().handle_max(0_u32), SessionOptions::default());
    assert_eq!(pair.client.begin(SessionOptions::default()), Err(Exhausted::Channels));
    pair.attach_sender(Client, sessions, SenderOptions::new("node"), ReceiverOptions::default());
    let more = pair.client.session(sessions.client).unwrap().attach_sender(SenderOptions::new("node"));
    assert_eq!(more, Err(Exhausted::Handles));
}

/// A link may be answered before its session is: what it sends waits for that.
#[test]
fn a_link_that_is_accepted_before_its_session_sends() {
    let mut pair = Pair::opened();
    let session = pair.client.begin(SessionOptions::default()).unwrap();
    let options = ReceiverOptions::new("node").prefetch(5);
    let receiver = pair.client.session(session).unwrap().attach_receiver(options).unwrap();
    pair.drive();
    let theirs = pair.expect_some(Server, session_opening);
    let sender = pair.expect_some(Server, sender_opening);
    let link = Link { from: Server, sender, receiver };
    pair.sender(&link).accept(SenderOptions::default()).unwrap();
    assert_eq!(pair.sender(&link).credit(), 5);
    pair.send(&link, b"early");
    pair.server.session(theirs).unwrap().accept(SessionOptions::default()).unwrap();
    pair.drive();
    assert_eq!(pair.deliveries(&link).len(), 1);
}

/// What is closing takes no messages, and says so.
#[test]
fn a_session_that_ends_has_no_credit() {
    let (mut pair, sessions) = Pair::begun();
    let options = ReceiverOptions::default().prefetch(5);
    let link = pair.attach_sender(Client, sessions, SenderOptions::new("node"), options);
    assert_eq!(pair.sender(&link).credit(), 5);
    pair.client.session(sessions.client).unwrap().end(None).unwrap();
    pair.take_events(Client);
    assert_eq!(pair.sender(&link).credit(), 0);
    assert_eq!(pair.take_events(Client), []);
}

/// §2.4.3: a close is answered, also while the application has not answered the open before it.
#[test]
fn a_close_before_our_open_is_answered_with_both() {
    let mut script = Script::server(ConnectionOptions::new("server"));
    script.exchange_headers();
    script.give_on(0, &peer_open());
    script.give(&Close::default());
    script.expect_frame::<Open>();
    script.expect_close(None);
}

/// A receiver whose credit the engine keeps up gets more once it is drained.
#[test]
fn prefetch_goes_on_after_a_drain() {
    let (mut pair, link) = Pair::linked(SenderOptions::new("node"), ReceiverOptions::default().prefetch(10));
    pair.receiver(&link).drain();
    pair.drive();
    pair.expect_event(Server, Event::Drained(link.receiver));
    assert_eq!((pair.receiver(&link).credit(), pair.sender(&link).credit()), (10, 10));
}

/// What a sender gives back for a drain may arrive when the drain was taken back by another grant.
#[test]
fn prefetch_goes_on_when_a_drain_crosses_a_grant() {
    let (mut pair, link) = Pair::linked(SenderOptions::new("node"), ReceiverOptions::default().prefetch(10));
    pair.receiver(&link).drain();
    pair.flush(Server);
    pair.receiver(&link).grant(1);
    pair.deliver(Client);
    pair.drive();
    assert!(pair.sender(&link).credit() >= 5);
}

/// §2.6.7: a receiver that has not seen the sender's new attach counts its credit from where that begins.
#[test]
fn credit_granted_with_an_attach_counts_from_the_attach_of_the_other_side() {
    for crossing in [true, false] {
        let (mut pair, link) = detached(ReceiverOptions::default().prefetch(3));
        pair.drive();
        pair.sender(&link).attach().unwrap();
        pair.drive();
        let receiver = pair.expect_some(Server, receiver_opening);
        pair.server.receiver(receiver).unwrap().accept(ReceiverOptions::default().prefetch(3)).unwrap();
        pair.drive();
        for _ in 0..3 {
            pair.send(&link, b"x");
            pair.drive();
        }
        pair.receiver(&link).detach().unwrap();
        pair.drive();
        pair.receiver(&link).attach().unwrap();
        if crossing {
            pair.sender(&link).attach().unwrap();
        }
        pair.receiver(&link).grant(7);
        pair.drive();
        if !crossing {
            pair.take_events(Client);
            pair.sender(&link).accept(SenderOptions::default()).unwrap();
            pair.drive();
        }
        assert_eq!(pair.sender(&link).credit(), pair.receiver(&link).credit(), "crossing={crossing}");
    }
}

/// Nothing is told of a link after its final event.
#[test]
fn draining_what_is_closed_tells_nothing() {
    let (mut pair, link) = Pair::linked(SenderOptions::new("node"), ReceiverOptions::default().prefetch(1));
    pair.send(&link, b"keeps the id valid");
    pair.drive();
    pair.sender(&link).close(None).unwrap();
    pair.drive();
    pair.expect_event(Server, Event::ReceiverClosed(link.receiver));
    pair.receiver(&link).drain();
    assert_eq!(pair.take_events(Server), []);
}

/// A link that is attached again says what it said before, and holds the peer to that.
#[test]
fn a_link_that_is_accepted_again_keeps_its_max_message_size() {
    let (mut pair, link) = detached(ReceiverOptions::default().prefetch(1));
    asked_again(&mut pair, &link);
    let options = ReceiverOptions::default().prefetch(1).max_message_size(10_u64);
    pair.receiver(&link).accept(options).unwrap();
    pair.drive();
    assert_ne!(pair.sender(&link).remote().unwrap().max_message_size, Some(10));
    pair.send(&link, &[0; 100]);
    pair.drive();
    assert_eq!(pair.deliveries(&link).len(), 1);
}

/// What grows while the link is detached may not fit the peer when it is attached again: then it comes back.
#[test]
fn what_became_too_large_while_detached_comes_back() {
    let options = ReceiverOptions::default().max_message_size(10_u64);
    let (mut pair, link) = Pair::linked(SenderOptions::new("node"), options);
    pair.receiver(&link).grant(1);
    pair.drive();
    let key = pair.sender(&link).start(amqp_core::codec::Payload::new()).unwrap();
    pair.receiver(&link).detach().unwrap();
    pair.drive();
    pair.sender(&link).attach().unwrap();
    pair.sender(&link).append(key, amqp_core::codec::Payload::copy_from_slice(&[0; 20])).unwrap();
    pair.drive();
    pair.expect_some(Server, receiver_opening);
    pair.receiver(&link).accept(ReceiverOptions::default()).unwrap();
    pair.drive();
    let outcomes = pair.outcomes(&link);
    let [(of, Resolution::Unsent(message, reason))] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!((*of, message.payload.len(), reason.cause()), (key, 20, &Cause::Exhausted));
}

/// §2.6.3: what waits on a detached link comes back where attaching it again is refused.
#[test]
fn refusing_to_attach_again_gives_back_what_waits() {
    let (mut pair, link) = Pair::linked(SenderOptions::new("node"), ReceiverOptions::default().prefetch(1));
    let key = pair.send(&link, b"x");
    pair.receiver(&link).stop();
    pair.receiver(&link).detach().unwrap();
    pair.flush(Server);
    pair.deliver(Client);
    pair.drive();
    pair.receiver(&link).attach().unwrap();
    pair.drive();
    pair.sender(&link).refuse(amqp_core::codec::ErrorCondition::NOT_ALLOWED).unwrap();
    pair.drive();
    let outcomes = pair.outcomes(&link);
    assert!(matches!(&outcomes[..], [(of, Resolution::Unsent(..))] if *of == key), "{outcomes:?}");
    pair.expect_event(Client, Event::SenderClosed(link.sender));
}

/// §2.5.6: a session that ends after what it has to send goes on taking what comes until then.
#[test]
fn an_ending_session_renews_its_window() {
    let mut pair = Pair::opened();
    let sessions = pair.begin(SessionOptions::default(), SessionOptions::default().incoming_window(1_u32));
    let options = ReceiverOptions::default().prefetch(10);
    let link = pair.attach_sender(Client, sessions, SenderOptions::new("node"), options);
    let back = pair.attach_sender(Server, sessions, SenderOptions::new("node"), ReceiverOptions::default());
    pair.receiver(&back).grant(1);
    pair.drive();
    pair.send(&back, b"waits for credit");
    pair.receiver(&back).stop();
    pair.flush(Client);
    pair.deliver(Server);
    pair.server.session(sessions.server).unwrap().end(None).unwrap();
    for _ in 0..5 {
        pair.send(&link, b"x");
    }
    pair.drive();
    assert_eq!(pair.deliveries(&link).len(), 5);
}

/// §2.6.6: once our closing detach is written nothing is said of the link's deliveries.
#[test]
fn nothing_is_told_of_deliveries_behind_our_closing_detach() {
    let (mut pair, link) = Pair::linked(SenderOptions::new("node"), ReceiverOptions::default().prefetch(5));
    let key = pair.send(&link, b"x");
    pair.send(&link, b"y");
    pair.drive();
    let deliveries = pair.deliveries(&link);
    pair.receiver(&link).settle(deliveries[0].key, DeliveryState::Accepted).unwrap();
    pair.flush(Server);
    pair.receiver(&link).close(None).unwrap();
    pair.flush(Server);
    let told = pair.receiver(&link).settle(deliveries[1].key, DeliveryState::Accepted);
    assert!(matches!(told, Err(StateError::Gone(_))), "{told:?}");
    pair.drive();
    assert_eq!(pair.outcomes(&link)[0], (key, Resolution::Settled(Some(DeliveryState::Accepted))));
}

/// §3.4.1: a sender that settles does not repeat how far the receiver had come.
#[test]
fn a_sender_that_gives_up_does_not_repeat_received() {
    let (mut pair, link) = Pair::linked(SenderOptions::new("node"), ReceiverOptions::default().prefetch(5));
    let key = pair.send(&link, b"x");
    pair.drive();
    let delivery = pair.deliveries(&link).remove(0);
    let state = DeliveryState::Received(Received { section_number: 0, section_offset: 1 });
    pair.receiver(&link).update(delivery.key, state).unwrap();
    pair.drive();
    pair.sender(&link).settle(key).unwrap();
    pair.drive();
    pair.finish();
}

/// A script's peer closes its receiver in the middle of a message, and the rest is not written.
#[test]
fn a_message_is_not_gone_on_with_behind_the_peers_close() {
    let (mut script, sender) = Script::sending(5);
    let message = amqp_core::codec::Payload::copy_from_slice(b"begin");
    let key = script.engine.sender(sender).unwrap().start(message).unwrap();
    script.expect_transfer();
    let close = Detach { handle: amqp_tests::script::HANDLE, closed: true, error: None };
    script.give_octets(&frame(CHANNEL, &close, &[]));
    let more =
        script.engine.sender(sender).unwrap().append(key, amqp_core::codec::Payload::from_static(b"more"));
    assert!(matches!(more, Err(StateError::Gone(_))), "{more:?}");
    script.expect_detach(None);
    script.expect_nothing();
    let _ = peer_begin();
}

/// What is taken back gives its credit to its own link, and its room in the output to all of them.
#[test]
fn a_message_that_is_taken_back_makes_credit_and_room() {
    let limits = Limits::default().buffered_output(1000_usize);
    let mut pair = Pair::opened_with(client_options().limits(limits), server_options());
    let sessions = pair.begin(SessionOptions::default(), SessionOptions::default());
    let one_message = || ReceiverOptions::default().prefetch(1);
    let one = pair.attach_sender(Client, sessions, SenderOptions::new("one"), one_message());
    let other = pair.attach_sender(Client, sessions, SenderOptions::new("other"), one_message());
    pair.drive();
    while pair.client.poll_event().is_some() {}
    let large = pair.sender(&one).send(Bytes::from(vec![0; 2000])).unwrap();
    assert_eq!((pair.sender(&one).credit(), pair.sender(&other).credit()), (0, 0));
    assert!(pair.sender(&one).withdraw(large).is_some());
    let told = [pair.client.poll_event(), pair.client.poll_event()];
    assert_eq!(told, [Some(Event::Credit(one.sender)), Some(Event::Credit(other.sender))]);
    assert!(pair.sender(&one).withdraw(large).is_none(), "it is gone");
    pair.finish();
}
