//! D13 to D19: what crashed, and what touched memory that was not its own.

use amqp_endpoint::codec::{Annotations, ErrorCondition, Symbol};
use amqp_endpoint::{
    Connection, Endpoint, Fault, Incoming, Message, Outcome, ReceiveError, ReceiverOptions, SenderOptions,
    SentStatus, SessionOptions, Value,
};
use bytes::Bytes;

use crate::kit::{Pair, Side, client_options, message, server_options, text};
use crate::words::{is_wrong, link, now, waits, wrong};

/// The condition that an endpoint of the peer was refused with.
fn condition(endpoint: &impl Endpoint) -> Option<ErrorCondition> {
    endpoint.error().and_then(|error| error.condition())
}

#[test]
fn electron_d13_a_session_that_nobody_wants_is_refused() {
    let mut pair = Pair::opened();
    let unwanted = pair.server.session(SessionOptions::default()).expect("begun");
    pair.wire.pump();
    assert_eq!(condition(&unwanted), Some(ErrorCondition::NOT_ALLOWED));
    // A link on a session of our own.
    let (sender, receiver) = link(&mut pair, ReceiverOptions::default());
    let unwanted = receiver.session().sender(SenderOptions::new("unwanted")).expect("attached");
    pair.wire.pump();
    assert_eq!(condition(&unwanted), Some(ErrorCondition::NOT_ALLOWED));
    assert!(sender.error().is_none() && pair.client.error().is_none());
}

#[test]
fn electron_d14_rejecting_says_why_for_whatever_comes() {
    // That there is something to say is a matter of types: `reject` asks for an error.
    let mut pair = Pair::new(client_options(), server_options().accept_connection(false));
    pair.incoming().reject(wrong());
    pair.wire.pump();
    assert!(pair.client.error().is_some_and(|error| is_wrong(&error)));

    let mut options = server_options();
    options.accept_sessions = None;
    let mut pair = Pair::new(client_options(), options);
    let session = pair.client.session(SessionOptions::default()).expect("begun");
    let Incoming::Session(incoming) = pair.incoming() else { panic!("no session") };
    incoming.reject(wrong());
    pair.wire.pump();
    assert!(session.error().is_some_and(|error| is_wrong(&error)));

    let mut pair = Pair::opened();
    let sender = pair.client.sender(SenderOptions::new("link")).expect("attached");
    let receiver = pair.client.receiver(ReceiverOptions::new("link")).expect("attached");
    pair.incoming_receiver().reject(wrong());
    pair.incoming_sender().reject(wrong());
    pair.wire.pump();
    assert!(sender.error().is_some_and(|error| is_wrong(&error)));
    assert!(receiver.error().is_some_and(|error| is_wrong(&error)));
    assert_eq!(pair.client.counters().links, 0);
}

#[test]
fn electron_d15_no_message_ends_more_than_its_own_reading() {
    let unreadable: [&'static [u8]; 4] = [
        // Application-properties with an int as key.
        b"\x00\x53\x74\xc1\x04\x02\x54\x01\xa1\x00\x00\x53\x77\x40",
        // Annotations that are a list.
        b"\x00\x53\x72\x45\x00\x53\x77\x40",
        // A value that breaks off, and octets that are nothing.
        b"\x00\x53\x77\xa1\xff",
        b"\xff\xff\xff",
    ];
    let mut pair = Pair::opened();
    let (sender, receiver) = link(&mut pair, ReceiverOptions::default().prefetch(9));
    for octets in unreadable {
        let mut send = sender.send(Bytes::from_static(octets));
        assert!(waits(&mut send));
        pair.wire.pump();
        match now(receiver.receive()) {
            Err(ReceiveError::Unreadable(it)) => {
                assert_eq!(it.payload.clone().into_bytes(), octets);
                drop(it);
            }
            Ok(received) => {
                let message = &received.message;
                assert!(message.to_message().is_err(), "{octets:?} is read as {message:?}");
                drop(received.delivery.reject(Some(wrong())));
            }
            Err(error) => panic!("{octets:?}: {error}"),
        }
        pair.wire.pump();
        assert!(matches!(now(send), Outcome::Rejected(Some(_))));
    }
    // A decimal is a value like any other.
    drop(now(sender.submit(Bytes::from_static(b"\x00\x53\x77\x74\x22\x33\x44\x55"))).expect("credit"));
    drop(now(sender.submit(message("fine"))).expect("credit"));
    pair.wire.pump();
    let decimal = now(receiver.receive()).expect("readable").message.body().expect("readable");
    assert!(matches!(decimal.as_value(), Some(Value::Decimal32(_))), "{decimal:?}");
    assert_eq!(text(&now(receiver.receive()).expect("readable").message), "fine");
}

#[test]
fn electron_d16_whatever_has_the_type_of_a_value_can_be_sent() {
    let mut pair = Pair::opened();
    let (sender, receiver) = link(&mut pair, ReceiverOptions::default().prefetch(9));
    let odd = Value::List(vec![
        Value::Null,
        Value::Char('x'),
        Value::Map([(Value::List(vec![]), Value::Map(Default::default()))].into_iter().collect()),
    ]);
    let sent = Message::value(odd.clone()).annotation(Symbol::from_static("x-odd"), odd.clone());
    drop(now(sender.submit(&sent)).expect("credit"));
    pair.wire.pump();
    let received = now(receiver.receive()).expect("readable");
    assert_eq!(received.message.to_message().expect("readable"), sent);
    let annotations: Option<Annotations> = received.message.message_annotations().expect("readable");
    assert!(annotations.is_some());
}

#[test]
fn electron_d17_handles_outlive_what_moves_their_octets() {
    let mut pair = Pair::opened();
    let (sender, receiver) = link(&mut pair, ReceiverOptions::default().prefetch(9));
    drop(now(sender.submit(message("arrived"))).expect("credit"));
    pair.wire.pump();
    let mut send = sender.send(message("on its way"));
    assert!(waits(&mut send));
    drop(pair.wire.take_driver(Side::Client));
    drop(pair.wire.take_driver(Side::Server));
    let error = pair.client.error().expect("over");
    assert_eq!(error.fault(), Fault::Transport, "{error}");
    assert!(matches!(now(send).status(), SentStatus::Unsent | SentStatus::Unacknowledged));
    assert_eq!(text(&now(receiver.receive()).expect("it had arrived").message), "arrived");
    assert!(now(receiver.receive()).is_err());
}

#[test]
fn electron_d18_a_delivery_is_settled_once_and_no_other_in_its_place() {
    let mut pair = Pair::opened();
    let (sender, receiver) = link(&mut pair, ReceiverOptions::default().prefetch(9));
    let first = now(sender.submit(message("first"))).expect("credit");
    pair.wire.pump();
    // `accept` takes the delivery: there is nothing left to accept again. `leave` leaves its place to the next one.
    drop(now(receiver.receive()).expect("a message").delivery.accept());
    pair.wire.pump();
    assert_eq!(now(first).status(), SentStatus::Accepted);
    let mut second = now(sender.submit(message("second"))).expect("credit");
    pair.wire.pump();
    let delivery = now(receiver.receive()).expect("a message").delivery;
    assert!(waits(&mut second));
    drop(delivery.reject(None));
    pair.wire.pump();
    assert_eq!(now(second).status(), SentStatus::Rejected);
}

#[test]
fn electron_d19_settling_after_the_end_is_an_error_that_says_why() {
    let ends: [fn(&Connection, &amqp_endpoint::Receiver); 3] = [
        |_, receiver| drop(receiver.close_with(wrong())),
        |_, receiver| drop(receiver.session().close_with(wrong())),
        |connection, _| drop(connection.close_with(wrong())),
    ];
    for (number, end) in ends.into_iter().enumerate() {
        let mut pair = Pair::opened();
        let (sender, receiver) = link(&mut pair, ReceiverOptions::default().prefetch(9));
        drop(now(sender.submit(message("late"))).expect("credit"));
        pair.wire.pump();
        let delivery = now(receiver.receive()).expect("a message").delivery;
        end(&pair.server, &receiver);
        pair.wire.pump();
        let error = now(delivery.accept()).expect_err("nobody is there to be told");
        assert!(is_wrong(&error), "{number}: {error}");
    }
}
