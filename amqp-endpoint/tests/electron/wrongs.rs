//! D20 to D34: what was lost or done wrong.

use amqp_endpoint::codec::{Modified, ReceiverSettleMode, SenderSettleMode, Str, Symbol};
use amqp_endpoint::{
    Cause, Completions, Credentials, Endpoint, EndpointState, Incoming, Message, Outcome, ReceiveError,
    ReceiverOptions, SaslServer, SenderOptions, SentStatus, SessionOptions, TransportFacts, UnsentReason,
};
use bytes::Bytes;

use crate::kit::{Pair, Side, client_options, message, server_options, text};
use crate::words::{is_wrong, link, now, waits, wrong};

#[test]
fn electron_d20_what_arrives_with_the_end_is_received_first() {
    for end in ["link", "session", "connection"] {
        let mut pair = Pair::opened();
        let settled = SenderOptions::new("link").at_most_once();
        let (sender, receiver) = pair.sender(settled, ReceiverOptions::default().prefetch(9));
        for number in 0..5 {
            assert_eq!(now(sender.submit(message(number))).map(|_| ()).map_err(|it| it.to_string()), Ok(()));
        }
        match end {
            "link" => drop(sender.close()),
            "session" => drop(sender.session().close()),
            _ => drop(pair.client.close()),
        }
        // All of it is one read.
        pair.wire.flush(Side::Client);
        pair.wire.deliver(Side::Server);
        for number in 0..5 {
            let received = now(receiver.receive()).expect("it arrived before the end");
            assert_eq!(text(&received.message), number.to_string());
        }
        assert!(
            now(receiver.receive()).expect_err("no more").closed().is_some_and(|it| it.is_clean()),
            "{end}"
        );
    }
}

#[test]
fn electron_d21_an_aborted_message_is_not_received_and_an_empty_one_is_told() {
    let mut pair = Pair::opened();
    let (sender, receiver) = link(&mut pair, ReceiverOptions::default().prefetch(9));
    let aborted = now(sender.start(Bytes::new())).expect("credit");
    pair.wire.pump();
    drop(aborted);
    let empty = now(sender.submit(Bytes::new())).expect("credit");
    drop(now(sender.submit(message("next"))).expect("credit"));
    pair.wire.pump();
    // §3.2: no section at all is no message.
    let unreadable = now(receiver.receive()).expect_err("nothing");
    assert!(matches!(&unreadable, ReceiveError::Unreadable(it) if it.payload.is_empty()), "{unreadable}");
    drop(unreadable);
    assert_eq!(text(&now(receiver.receive()).expect("the link goes on").message), "next");
    pair.wire.pump();
    assert_eq!(now(empty).status(), SentStatus::Rejected);
}

#[test]
fn electron_d22_every_section_arrives() {
    let mut pair = Pair::opened();
    let (sender, receiver) = link(&mut pair, ReceiverOptions::default().prefetch(9));
    let several = Message::sequence([1, 2]).footer_annotation(Symbol::from_static("x-end"), true);
    drop(now(sender.submit(&several)).expect("credit"));
    let data = Bytes::from_static(b"\x00\x53\x75\xa0\x01a\x00\x53\x75\xa0\x01b");
    drop(now(sender.submit(data)).expect("credit"));
    pair.wire.pump();
    let received = now(receiver.receive()).expect("a message").message;
    assert_eq!(received.to_message().expect("readable"), several);
    let received = now(receiver.receive()).expect("a message").message;
    assert_eq!(received.data().expect("data").into_bytes(), b"ab"[..]);
}

#[test]
fn electron_d23_what_nobody_received_is_released() {
    let mut pair = Pair::opened();
    let (sender, receiver) = link(&mut pair, ReceiverOptions::default());
    let mut abandoned = receiver.receive();
    assert!(waits(&mut abandoned));
    pair.wire.pump();
    drop(abandoned);
    let sent = now(sender.submit(message("nobody's"))).expect("the credit stays");
    pair.wire.pump();
    drop(receiver);
    pair.wire.pump();
    assert_eq!(now(sent).status(), SentStatus::Released);
}

#[test]
fn electron_d24_drain_is_answered_by_itself() {
    let mut pair = Pair::opened();
    let (sender, receiver) = link(&mut pair, ReceiverOptions::default().capacity(1));
    receiver.grant(10);
    pair.wire.pump();
    assert_eq!(sender.credit(), 10);
    let mut drain = receiver.drain();
    assert!(waits(&mut drain));
    pair.wire.pump();
    now(drain).expect("the credit came back");
    assert_eq!((sender.credit(), receiver.credit()), (0, 0));
}

#[test]
fn electron_d25_a_link_is_detached_and_attached_again() {
    let mut pair = Pair::opened();
    let (sender, receiver) = link(&mut pair, ReceiverOptions::default().prefetch(9));
    let sent = now(sender.submit(message("kept"))).expect("credit");
    pair.wire.pump();
    let delivery = now(receiver.receive()).expect("a message").delivery;
    sender.detach().expect("attached");
    pair.wire.pump();
    assert_eq!((sender.state(), receiver.state()), (EndpointState::Detached, EndpointState::Detached));
    sender.attach().expect("detached");
    pair.wire.pump();
    assert_eq!((sender.state(), receiver.state()), (EndpointState::Open, EndpointState::Open));
    drop(delivery.accept());
    pair.wire.pump();
    assert_eq!(now(sent).status(), SentStatus::Accepted);
}

#[test]
fn electron_d26_the_address_of_a_dynamic_node_can_be_given_and_read() {
    let mut pair = Pair::opened();
    let replies = pair.client.receiver(ReceiverOptions::new("").dynamic().prefetch(1)).expect("attached");
    let incoming = pair.incoming_sender();
    assert!(incoming.is_dynamic());
    let sender = incoming.accept_with(SenderOptions::default().dynamic_address(Str::from("made-1")));
    pair.wire.pump();
    assert_eq!(replies.source().as_deref(), Some("made-1"));
    assert_eq!(sender.source().as_deref(), Some("made-1"));
}

#[test]
fn electron_d27_a_refused_link_was_never_open() {
    let mut pair = Pair::opened();
    let sender = pair.client.sender(SenderOptions::new("refused")).expect("attached");
    let mut sync = sender.sync();
    let incoming = pair.incoming_receiver();
    incoming.reject(wrong());
    // The attach alone opens nothing: its target is null.
    pair.wire.flush(Side::Server);
    while pair.wire.deliver_at_most(Side::Client, 1) {
        assert_ne!(sender.state(), EndpointState::Open);
        if sender.error().is_none() {
            assert!(waits(&mut sync));
        }
    }
    assert!(now(sync).is_err_and(|error| is_wrong(&error)));
}

#[test]
fn electron_d28_an_accepted_link_answers_with_the_modes_it_was_asked_for() {
    for (asked, snd, rcv) in [
        (SenderOptions::new("link").at_most_once(), SenderSettleMode::Settled, ReceiverSettleMode::First),
        (SenderOptions::new("link").at_least_once(), SenderSettleMode::Unsettled, ReceiverSettleMode::First),
        (SenderOptions::new("link").exactly_once(), SenderSettleMode::Unsettled, ReceiverSettleMode::Second),
    ] {
        let mut pair = Pair::opened();
        let (_sender, receiver) = pair.sender(asked, ReceiverOptions::default());
        let answer = receiver.local().expect("attached");
        assert_eq!((answer.snd_settle_mode, answer.rcv_settle_mode), (snd, rcv));
    }
}

#[test]
fn electron_d29_a_message_larger_than_the_window_gets_through_and_one_too_large_does_not() {
    let mut small = server_options().max_frame_size(512_u32);
    small.accept_sessions = Some(SessionOptions::default().incoming_window(1_u32));
    small.limits.message_size = 100_000;
    let mut pair = Pair::new(client_options(), small);
    pair.wire.pump();
    let (sender, receiver) = link(&mut pair, ReceiverOptions::default().prefetch(9));
    drop(now(sender.submit(Message::data(vec![7; 90_000]))).expect("credit"));
    pair.wire.pump();
    let received = now(receiver.receive()).expect("all of it");
    assert_eq!(received.message.body_len(), 90_000);
    let refused = now(sender.submit(Message::data(vec![7; 110_000]))).err().expect("too large");
    assert!(matches!(refused.reason, UnsentReason::Refused(_)), "{refused}");
    assert!(sender.error().is_none() && pair.server.error().is_none());
}

fn plain_server() -> SaslServer {
    SaslServer::new([Symbol::from_static("PLAIN")])
}

#[test]
fn electron_d30_every_connection_authenticates_as_its_options_say() {
    for _ in 0..3 {
        let anonymous = SaslServer::new([Symbol::from_static("ANONYMOUS")]);
        let options = client_options().credentials(Credentials::Anonymous);
        let mut pair = Pair::new(options, server_options().sasl(anonymous));
        pair.wire.pump();
        assert_eq!(
            (pair.client.state(), pair.server.user().as_deref()),
            (EndpointState::Open, Some("anonymous"))
        );
        // Others in between say nothing of SASL, and do without.
        let mut plain = Pair::opened();
        assert_eq!(plain.client.state(), EndpointState::Open);
        plain.wire.pump();
    }
}

#[test]
fn electron_d31_authentication_cannot_be_skipped() {
    let sasl = plain_server().allow_insecure();
    let mut pair = Pair::new(client_options(), server_options().sasl(sasl));
    pair.wire.pump();
    assert!(pair.client.error().is_some_and(|error| !error.is_clean()));
    assert!(pair.server.error().is_some_and(|error| !error.is_clean()));
    assert!(now(pair.server.incoming()).is_none());
}

#[test]
fn electron_d32_what_the_transport_knows_counts() {
    let encrypted = TransportFacts { encrypted: true, ..TransportFacts::default() };
    for (facts, open) in [(encrypted, true), (TransportFacts::default(), false)] {
        let client = client_options().credentials(Credentials::plain("fred", "xxx")).transport(facts.clone());
        let mut pair = Pair::new(client, server_options().sasl(plain_server()).transport(facts));
        pair.wire.pump();
        if open {
            let Incoming::Authentication(authentication) = pair.incoming() else { panic!("not asked") };
            authentication.accept().expect("it waits");
            pair.wire.pump();
        }
        assert_eq!(pair.client.state() == EndpointState::Open, open);
        let refused = pair.server.error().and_then(|error| error.close_reason().map(|it| it.cause().clone()));
        assert_eq!(refused, (!open).then_some(Cause::NoMechanism));
    }
}

#[test]
fn electron_d33_modified_and_the_reason_of_a_reject_arrive() {
    let mut pair = Pair::opened();
    let (sender, receiver) = link(&mut pair, ReceiverOptions::default().prefetch(9));
    let completions = Completions::new();
    for number in 0..3 {
        now(sender.send_async(message(number), &completions, number)).expect("credit");
    }
    pair.wire.pump();
    let modified = Modified { delivery_failed: true, undeliverable_here: true, ..Modified::default() };
    drop(now(receiver.receive()).expect("a message").delivery.modify(modified.clone()));
    drop(now(receiver.receive()).expect("a message").delivery.reject(Some(wrong())));
    drop(now(receiver.receive()).expect("a message").delivery.release());
    pair.wire.pump();
    assert!(matches!(now(completions.next()), (Outcome::Modified(it), 0) if it == modified));
    assert!(matches!(now(completions.next()), (Outcome::Rejected(Some(it)), 1) if it == wrong()));
    assert!(matches!(now(completions.next()), (Outcome::Released, 2)));
}

#[test]
fn electron_d34_what_is_closed_is_closed_at_once() {
    let mut pair = Pair::opened();
    let (sender, _receiver) = link(&mut pair, ReceiverOptions::default().prefetch(9));
    drop(sender.close());
    assert_eq!(sender.state(), EndpointState::Closing);
    let late = now(sender.submit(message("late"))).err().expect("closing");
    assert!(matches!(late.reason, UnsentReason::Closing));
    // The default session begins again where it has ended.
    drop(pair.client.default_session().expect("begun").close());
    pair.wire.pump();
    let (sender, _receiver) = link(&mut pair, ReceiverOptions::default());
    assert_eq!(sender.state(), EndpointState::Open);
    // To cut off without an error is clean.
    pair.client.disconnect(None);
    assert!(sender.error().expect("over").is_clean());
    assert_eq!(pair.client.error().expect("over").to_string(), "EOF");
}
