//! D1 to D12: what hung.

use std::task::Waker;
use std::time::Duration;

use amqp_endpoint::codec::{ErrorCondition, SenderSettleMode, Symbol};
use amqp_endpoint::{
    Completions, Credentials, Endpoint, EndpointState, Incoming, Outcome, ReceiverOptions, SaslServer,
    SenderOptions, SentStatus, Unsent, UnsentReason,
};

use crate::kit::{Counter, Pair, Side, client_options, message, server_options, text};
use crate::words::{is_wrong, link, now, waits, wrong};

/// What became of a send that found its link over, and the text that came back.
fn unsent(outcome: Outcome) -> (UnsentReason, String) {
    let Outcome::Unsent(Unsent { reason, message }) = outcome else { panic!("{outcome}") };
    let message = amqp_endpoint::LazyMessage::parse(message.payload).expect("a message");
    (reason, text(&message))
}

#[test]
fn electron_d01_forget_and_accept() {
    let mut pair = Pair::opened();
    let (sender, receiver) = link(&mut pair, ReceiverOptions::default().prefetch(100));
    for _ in 0..200 {
        for _ in 0..50 {
            now(sender.send_forget(message("forgotten"))).expect("credit");
        }
        pair.wire.pump();
        let batch = now(receiver.receive_batch(50)).expect("messages");
        assert_eq!(batch.len(), 50);
        receiver.accept_all(batch.into_iter().map(|received| received.expect("readable").delivery));
        pair.wire.pump();
    }
    assert_eq!(pair.client.unresolved(), 0);
    assert_eq!(pair.client.state(), EndpointState::Open);
}

#[test]
fn electron_d02_what_waits_for_credit_comes_back_when_its_link_ends() {
    for end in ["link", "session", "connection", "transport"] {
        let mut pair = Pair::opened();
        let (sender, receiver) = link(&mut pair, ReceiverOptions::default());
        let mut send = sender.send(message("wanted back"));
        assert!(waits(&mut send));
        match end {
            "link" => drop(receiver.close_with(wrong())),
            "session" => drop(receiver.session().close_with(wrong())),
            "connection" => drop(pair.server.close_with(wrong())),
            _ => drop(pair.wire.take_driver(Side::Client)),
        }
        pair.wire.pump();
        let (reason, text) = unsent(now(send));
        let UnsentReason::Closed(error) = reason else { panic!("{end}: {reason}") };
        assert_eq!(is_wrong(&error), end != "transport", "{end}: {error}");
        assert_eq!(text, "wanted back");
    }
}

#[test]
fn electron_d03_a_send_after_the_connection_ended_says_so_at_once() {
    let mut pair = Pair::opened();
    let (sender, _receiver) = link(&mut pair, ReceiverOptions::default().prefetch(9));
    drop(pair.server.close_with(wrong()));
    pair.wire.pump();
    let outcomes = [
        now(sender.send(message("late"))),
        now(sender.submit(message("late"))).err().map(Outcome::Unsent).expect("late"),
    ];
    for outcome in outcomes {
        let (reason, text) = unsent(outcome);
        assert!(matches!(&reason, UnsentReason::Closed(error) if is_wrong(error)));
        assert_eq!(text, "late");
    }
    assert!(pair.client.sender(SenderOptions::new("late")).is_err());
}

#[test]
fn electron_d04_a_send_on_a_closed_link_says_so_at_once() {
    let mut pair = Pair::opened();
    let (sender, receiver) = link(&mut pair, ReceiverOptions::default().prefetch(9));
    drop(receiver.close_with(wrong()));
    pair.wire.pump();
    let (reason, _) = unsent(now(sender.send(message("late"))));
    assert!(matches!(&reason, UnsentReason::Closed(error) if is_wrong(error)));
    assert_eq!(pair.client.state(), EndpointState::Open);
}

#[test]
fn electron_d05_what_is_unsettled_resolves_with_its_link_and_never_for_another() {
    let mut pair = Pair::opened();
    for _ in 0..3 {
        let (sender, receiver) = link(&mut pair, ReceiverOptions::default().prefetch(9));
        let lost = now(sender.submit(message("lost"))).expect("credit");
        pair.wire.pump();
        drop(receiver.close());
        pair.wire.pump();
        let (next, receiver) = link(&mut pair, ReceiverOptions::default().prefetch(9));
        let kept = now(next.submit(message("kept"))).expect("credit");
        pair.wire.pump();
        drop(now(receiver.receive()).expect("a message").delivery.accept());
        pair.wire.pump();
        assert_eq!(now(kept).status(), SentStatus::Accepted);
        assert_eq!(now(lost).status(), SentStatus::Unacknowledged);
    }
}

#[test]
fn electron_d06_outcomes_that_nobody_takes_hold_nobody_up() {
    let beat = Duration::from_millis(100);
    let mut pair = Pair::new(client_options().heartbeat(beat), server_options().heartbeat(beat));
    let (sender, receiver) = link(&mut pair, ReceiverOptions::default().prefetch(1000));
    let completions = Completions::new();
    for number in 0..500 {
        now(sender.send_async(message("counted"), &completions, number)).expect("credit");
    }
    pair.wire.pump();
    let batch = now(receiver.receive_batch(500)).expect("messages");
    receiver.accept_all(batch.into_iter().map(|received| received.expect("readable").delivery));
    pair.wire.advance(Duration::from_secs(1));
    let (other, _receiver) = link(&mut pair, ReceiverOptions::default().prefetch(1));
    assert!(now(other.submit(message("another link"))).is_ok());
    let values: Vec<_> = std::iter::from_fn(|| completions.try_next()).map(|(_, value)| value).collect();
    assert_eq!(values, (0..500).collect::<Vec<_>>());
}

#[test]
fn electron_d07_an_incoming_link_that_nobody_asks_for_holds_nobody_up() {
    let beat = Duration::from_millis(100);
    let mut pair = Pair::new(client_options().heartbeat(beat), server_options().heartbeat(beat));
    let (_, receiver) = link(&mut pair, ReceiverOptions::default());
    let unserved = pair.client.sender(SenderOptions::new("unserved")).expect("attached");
    pair.wire.advance(Duration::from_secs(1));
    assert_eq!((pair.client.state(), unserved.state()), (EndpointState::Open, EndpointState::Opening));
    // Nobody ever does: it is refused, and nothing else is.
    pair.wire.advance(Duration::from_secs(60));
    assert_eq!(unserved.state(), EndpointState::Closed);
    assert!(receiver.connection().error().is_none());
    // One that is dropped is refused at once, and closing waits for nobody.
    let dropped = pair.client.sender(SenderOptions::new("dropped")).expect("attached");
    pair.wire.pump();
    drop(now(pair.server.incoming()));
    pair.wire.pump();
    assert_eq!(dropped.error().and_then(|error| error.condition()), Some(ErrorCondition::NOT_ALLOWED));
    let _unserved = pair.client.sender(SenderOptions::new("unserved")).expect("attached");
    let close = pair.server.close();
    pair.wire.pump();
    now(close).expect("clean");
}

#[test]
fn electron_d08_a_close_has_a_deadline_and_a_disconnect_needs_nobody() {
    let mut pair = Pair::opened();
    let close = pair.client.close();
    // The peer is silent from here on.
    pair.wire.flush(Side::Client);
    let start = pair.wire.now;
    let driver = pair.wire.take_driver(Side::Client);
    let deadline = driver.deadline().expect("a deadline");
    assert_eq!(deadline, start + Duration::from_secs(5));
    driver.on_deadline(deadline);
    assert!(now(close).is_err_and(|error| error.is_retryable()));

    let mut pair = Pair::opened();
    let (sender, _receiver) = link(&mut pair, ReceiverOptions::default());
    let mut send = sender.send(message("waits"));
    assert!(waits(&mut send));
    pair.client.disconnect(Some(wrong()));
    assert!(matches!(unsent(now(send)).0, UnsentReason::Closed(error) if is_wrong(&error)));
    let (said, finished) = (pair.wire.flush(Side::Client), pair.wire.is_finished(Side::Client));
    assert_eq!((said, finished), (0, true));
}

#[test]
fn electron_d09_who_gives_up_knows_what_became_of_the_message() {
    let mut pair = Pair::opened();
    let (sender, receiver) = link(&mut pair, ReceiverOptions::default());
    let blocked = sender.try_send(message("at once")).err().expect("no credit");
    assert!(matches!(blocked.reason, UnsentReason::Blocked));
    let mut send = sender.send(message("withdrawn"));
    assert!(waits(&mut send));
    drop(send);
    let mut receive = receiver.receive();
    assert!(waits(&mut receive));
    pair.wire.pump();
    // Accepted for sending, and withdrawn before it was written.
    let mut send = sender.send(message("withdrawn too"));
    assert!(waits(&mut send));
    drop(send);
    assert_eq!(pair.client.unresolved(), 0);
    // Written: only the waiting is given up.
    let mut send = sender.send(message("on its way"));
    assert!(waits(&mut send));
    pair.wire.pump();
    drop(send);
    assert_eq!(text(&now(receive).expect("a message").message), "on its way");
    assert_eq!(receiver.waiting(), 0);
}

#[test]
fn electron_d10_a_receiver_that_wants_settled_deliveries_gets_an_outcome_too() {
    let mut pair = Pair::opened();
    let wants = ReceiverOptions::default().prefetch(1).snd_settle_mode(SenderSettleMode::Settled);
    let (sender, receiver) = link(&mut pair, wants);
    let mut send = sender.send(message("settled or not"));
    assert!(waits(&mut send));
    pair.wire.pump();
    let received = now(receiver.receive()).expect("a message");
    drop(received.delivery.accept());
    pair.wire.pump();
    assert_eq!(now(send).status(), SentStatus::Accepted);
}

#[test]
fn electron_d11_a_receiver_that_settles_second_gets_the_third_step() {
    let mut pair = Pair::opened();
    let (sender, receiver) =
        pair.sender(SenderOptions::new("link").exactly_once(), ReceiverOptions::default().prefetch(1));
    let send = now(sender.submit(message("exactly once"))).expect("credit");
    pair.wire.pump();
    let mut settling = now(receiver.receive()).expect("a message").delivery.accept();
    assert!(waits(&mut settling), "settled before the sender");
    pair.wire.pump();
    now(settling).expect("settled at both ends");
    assert_eq!(now(send).status(), SentStatus::Accepted);
    assert_eq!((pair.client.counters().outgoing, pair.server.counters().incoming), (0, 0));
}

#[test]
fn electron_d12_whatever_there_is_to_write_wakes_the_writer() {
    let credentials = client_options().credentials(Credentials::plain_insecure("fred", "xxx"));
    let server = SaslServer::new([Symbol::from_static("PLAIN")]).allow_insecure();
    let mut pair = Pair::new(credentials, server_options().sasl(server));
    pair.wire.pump();
    let woken = Counter::new();
    let writer = Waker::from(woken.clone());
    pair.wire.driver(Side::Client).register_writer(&writer);
    pair.wire.driver(Side::Server).register_writer(&writer);
    assert_eq!(woken.wakes(), 0, "something was left behind");
    let Incoming::Authentication(authentication) = pair.incoming() else { panic!("not asked") };
    authentication.accept().expect("it waits");
    assert_eq!(woken.wakes(), 1, "the outcome stays");
    pair.wire.pump();
    assert_eq!(pair.client.state(), EndpointState::Open);
}
