//! What dropping does: one test for each row of the table in the crate's documentation, seen from the wire and the peer.
#![cfg(test)]

mod kit;

use std::time::Duration;

use amqp_endpoint::codec::{Attach, Begin, Close, Detach, Disposition, End, ErrorCondition, Transfer};
use amqp_endpoint::{
    Completions, Connection, ConnectionOptions, Endpoint, Error, Incoming, Limits, Outcome, Receiver,
    ReceiverOptions, Sender, SenderOptions, SentStatus, SessionOptions,
};
use kit::{Pair, Side, Task, message, text};

fn link(prefetch: u32) -> (Pair, Sender, Receiver) {
    let mut pair = Pair::opened();
    let (sender, receiver) =
        pair.sender(SenderOptions::new("a"), ReceiverOptions::default().prefetch(prefetch));
    pair.wire.pump();
    pair.wire.written(Side::Client);
    pair.wire.written(Side::Server);
    (pair, sender, receiver)
}

#[test]
fn drop_submit_and_send_forget_before_they_are_done() {
    let (mut pair, sender, receiver) = link(0);
    let completions = Completions::new();
    drop(Task::polled(sender.submit(message("a"))));
    drop(Task::polled(sender.send_forget(message("b"))));
    drop(Task::polled(sender.send_async(message("c"), &completions, 1)));
    // What was never polled is nothing at all.
    drop(sender.submit(message("d")));
    receiver.grant(10);
    pair.wire.pump();
    assert_eq!(pair.wire.written_of::<Transfer>(Side::Client), []);
    assert!(completions.try_next().is_none());
    pair.assert_idle();
}

#[test]
fn drop_send_before_its_first_frame() {
    let (mut pair, sender, receiver) = link(0);
    // Before there is credit, and before it is written.
    drop(Task::polled(sender.send(message("a"))));
    receiver.grant(10);
    pair.wire.pump();
    drop(Task::polled(sender.send(message("b"))));
    assert_eq!((pair.client.unresolved(), sender.credit()), (0, 10));
    pair.wire.pump();
    assert_eq!(pair.wire.written_of::<Transfer>(Side::Client), []);
    pair.assert_idle();
}

#[test]
fn drop_send_later_and_submitted() {
    let (mut pair, sender, receiver) = link(10);
    let send = Task::polled(sender.send(message("a")));
    let submitted = sender.try_send(message("b")).expect("credit");
    let polled = Task::polled(sender.try_send(message("c")).expect("credit"));
    // A message whose outcome nobody waits for is sent all the same.
    drop(submitted);
    pair.wire.pump();
    drop((send, polled));
    assert_eq!(pair.wire.written_of::<Transfer>(Side::Client).len(), 3);
    for wanted in ["a", "b", "c"] {
        let received = pair.wire.run(receiver.receive()).expect("a message");
        assert_eq!(text(&received.message), wanted);
        drop(received.delivery.accept());
    }
    pair.wire.pump();
    pair.assert_idle();
}

#[test]
fn drop_a_submitted_whose_outcome_is_there() {
    let (mut pair, sender, receiver) = link(10);
    let submitted = sender.try_send(message("a")).expect("credit");
    drop(pair.wire.run(receiver.receive()).expect("a message").delivery.accept());
    pair.wire.pump();
    assert_eq!(pair.client.unresolved(), 1);
    drop(submitted);
    pair.assert_idle();
}

#[test]
fn drop_receive() {
    let (mut pair, sender, receiver) = link(10);
    let woken = Task::polled(receiver.receive());
    let waiting = Task::polled(receiver.receive());
    let submitted = sender.try_send(message("a")).expect("credit");
    pair.wire.pump();
    drop((waiting, woken));
    assert_eq!(pair.wire.written_of::<Disposition>(Side::Server), []);
    let received = pair.wire.run(receiver.receive()).expect("the message is for the next");
    drop(received.delivery.accept());
    assert!(matches!(pair.wire.run(submitted), Outcome::Accepted));
}

#[test]
fn drop_settling_close_sync_and_done() {
    let (mut pair, sender, receiver) = link(10);
    let submitted = sender.try_send(message("a")).expect("credit");
    let received = pair.wire.run(receiver.receive()).expect("a message");
    drop(received.delivery.accept());
    drop(Task::polled(sender.done()));
    drop(receiver.sync());
    assert!(matches!(pair.wire.run(submitted), Outcome::Accepted), "settled all the same");
    drop(sender.close());
    pair.wire.pump();
    let detaches = pair.wire.written_of::<Detach>(Side::Client);
    assert!(matches!(&detaches[..], [Detach { closed: true, error: None, .. }]), "{detaches:?}");
    assert!(receiver.error().is_some_and(|error| error.is_clean()), "closed all the same");
}

/// The third step of exactly-once comes whether or not anybody waits for it.
#[test]
fn drop_settling_that_waits() {
    let mut pair = Pair::opened();
    let (sender, receiver) =
        pair.sender(SenderOptions::new("a").exactly_once(), ReceiverOptions::default().prefetch(1));
    let submitted = sender.try_send(message("a")).expect("credit");
    let received = pair.wire.run(receiver.receive()).expect("a message");
    drop(Task::polled(received.delivery.accept()));
    assert!(matches!(pair.wire.run(submitted), Outcome::Accepted));
    pair.wire.pump();
    pair.assert_idle();
}

#[test]
fn drop_an_unsettled_delivery() {
    let (mut pair, sender, receiver) = link(10);
    let [released, left] = ["a", "b"].map(|text| sender.try_send(message(text)).expect("credit"));
    drop(pair.wire.run(receiver.receive()).expect("a message"));
    assert!(matches!(pair.wire.run(released), Outcome::Released));
    pair.wire.run(receiver.receive()).expect("a message").delivery.leave();
    let mut left = Task::polled(left);
    pair.wire.pump();
    left.waits();
    drop(receiver);
    pair.wire.pump();
    assert_eq!(left.ready().status(), SentStatus::Unacknowledged);
}

/// Everything that a peer can open is rejected when it is dropped: while it waits to be asked for it is not.
#[test]
fn drop_incoming() {
    let mut pair = Pair::new(kit::client_options(), ConnectionOptions::default());
    let session = pair.client.session(SessionOptions::default()).expect("a channel");
    let mut opening = Task::polled(session.sync());
    match pair.incoming() {
        Incoming::Connection(connection) => drop(connection.accept()),
        other => panic!("{other:?}"),
    }
    pair.wire.pump();
    opening.waits();
    match pair.incoming() {
        incoming @ Incoming::Session(_) => drop(incoming),
        other => panic!("{other:?}"),
    }
    pair.wire.pump();
    refused(&opening.ready().expect_err("it is rejected"));
    assert_eq!(pair.wire.written_of::<Begin>(Side::Server).len(), 1, "§2.5.1: answered before it is ended");
    let session = pair.client.session(SessionOptions::default()).expect("a channel");
    match pair.incoming() {
        Incoming::Session(incoming) => drop(incoming.accept()),
        other => panic!("{other:?}"),
    }
    let sender = session.sender(SenderOptions::new("a")).expect("a handle");
    drop(pair.incoming_receiver());
    refused(&pair.wire.run(sender.done()));
    let receiver = session.receiver(ReceiverOptions::new("a")).expect("a handle");
    drop(pair.incoming_sender());
    refused(&pair.wire.run(receiver.done()));
    assert!(session.error().is_none());
    pair.assert_no_links();
}

fn refused(error: &Error) {
    assert_eq!(error.condition(), Some(ErrorCondition::NOT_ALLOWED), "{error}");
}

#[test]
fn drop_an_incoming_connection() {
    let mut pair = Pair::new(kit::client_options(), ConnectionOptions::default());
    pair.wire.pump();
    drop(pair.incoming());
    refused(&pair.wire.run(pair.client.done()));
    assert!(pair.wire.is_finished(Side::Client) && pair.wire.is_finished(Side::Server));
}

#[test]
fn drop_the_last_handle_of_a_link() {
    let (mut pair, sender, receiver) = link(1);
    let clone = sender.clone();
    let operation = sender.done();
    drop(sender);
    drop(operation);
    pair.wire.pump();
    assert_eq!(pair.wire.written_of::<Detach>(Side::Client), [], "a clone is left");
    drop(clone);
    pair.wire.pump();
    let detaches = pair.wire.written_of::<Detach>(Side::Client);
    assert!(matches!(&detaches[..], [Detach { closed: true, error: None, .. }]), "{detaches:?}");
    assert!(receiver.error().is_some_and(|error| error.is_clean()));
    drop(receiver);
    pair.assert_no_links();
}

/// What was accepted is sent before the close, and its outcome is waited for by whoever has it: it holds the link.
#[test]
fn drop_the_last_handle_of_a_sender_with_messages() {
    let (mut pair, sender, receiver) = link(1);
    let submitted = sender.try_send(message("a")).expect("credit");
    drop(sender);
    drop(pair.wire.run(receiver.receive()).expect("it is sent").delivery.accept());
    assert!(matches!(pair.wire.run(submitted), Outcome::Accepted));
    pair.wire.pump();
    assert!(receiver.error().is_some_and(|error| error.is_clean()));
}

#[test]
fn drop_the_last_handle_of_a_receiver() {
    let (mut pair, sender, receiver) = link(3);
    let [taken, untaken] = ["a", "b"].map(|text| sender.try_send(message(text)).expect("credit"));
    let received = pair.wire.run(receiver.receive()).expect("a message");
    drop(receiver);
    assert!(matches!(pair.wire.run(untaken), Outcome::Released), "what nobody will take goes back");
    assert_eq!(sender.credit(), 0, "credit is taken back");
    assert_eq!(pair.wire.written_of::<Detach>(Side::Server), [], "a delivery keeps the link open");
    drop(received.delivery.accept());
    assert!(matches!(pair.wire.run(taken), Outcome::Accepted));
    pair.wire.pump();
    assert!(sender.error().is_some_and(|error| error.is_clean()));
    drop(sender);
    pair.assert_no_links();
}

#[test]
fn drop_the_last_handle_of_a_durable_link() {
    let mut pair = Pair::opened();
    let options = ReceiverOptions::new("topic").durable_subscription("news");
    let (receiver, sender) = pair.receiver(options, SenderOptions::default());
    pair.wire.written(Side::Client);
    drop(receiver);
    pair.wire.pump();
    let detaches = pair.wire.written_of::<Detach>(Side::Client);
    assert!(matches!(&detaches[..], [Detach { closed: false, error: None, .. }]), "{detaches:?}");
    assert!(sender.error().is_none(), "the subscription is kept");
    assert_eq!(sender.state(), amqp_endpoint::EndpointState::Detached);
}

#[test]
fn drop_the_last_handle_of_a_session() {
    let mut pair = Pair::opened();
    let session = pair.client.session(SessionOptions::default()).expect("a channel");
    let sender = session.sender(SenderOptions::new("a")).expect("a handle");
    drop(session);
    let receiver = pair.incoming_receiver().accept();
    pair.wire.pump();
    assert_eq!(pair.wire.written_of::<End>(Side::Client), [], "its links keep it");
    drop(sender);
    pair.wire.pump();
    assert_eq!(pair.wire.written_of::<End>(Side::Client).len(), 1);
    assert!(receiver.error().is_some());
    // The default session stays while the connection does.
    drop(pair.client.default_session().expect("a channel"));
    pair.wire.pump();
    assert_eq!(pair.wire.written_of::<End>(Side::Client), []);
}

/// A session that the peer began is the peer's to end.
#[test]
fn drop_the_last_handle_of_an_incoming_session() {
    let mut pair = Pair::new(kit::client_options(), ConnectionOptions::default().accept_connection(true));
    let session = pair.client.session(SessionOptions::default()).expect("a channel");
    match pair.incoming() {
        Incoming::Session(incoming) => drop(incoming.accept()),
        other => panic!("{other:?}"),
    }
    pair.wire.pump();
    assert!(session.error().is_none());
    let _sender = session.sender(SenderOptions::new("a")).expect("a handle");
    drop(pair.incoming_receiver().accept());
}

#[test]
fn drop_the_last_handle_of_a_connection_and_all_on_it() {
    let (pair, sender, receiver) = link(2);
    let submitted = sender.try_send(message("a")).expect("credit");
    let other = Connection::clone(&pair.client);
    let Pair { mut wire, client, server } = pair;
    drop((client, other, sender));
    wire.pump();
    assert_eq!(wire.written_of::<Close>(Side::Client), [], "an operation keeps it open");
    drop(submitted);
    wire.pump();
    assert_eq!(wire.written_of::<Close>(Side::Client).len(), 1);
    assert!(server.error().is_some_and(|error| error.is_clean()));
    let received = wire.run(receiver.receive()).expect("what was accepted was sent first");
    assert_eq!(text(&received.message), "a");
    assert!(wire.is_finished(Side::Client) && wire.is_finished(Side::Server));
}

/// A peer that never answers holds up nobody.
#[test]
fn drop_the_last_handle_of_a_connection_within_the_limit() {
    let limits = Limits::default().close(Duration::from_secs(3));
    let mut pair = Pair::new(kit::client_options().limits(limits), kit::server_options());
    pair.wire.pump();
    pair.wire.stall(Side::Server, true);
    let Pair { mut wire, client, server: _server } = pair;
    drop(client);
    wire.pump();
    wire.advance(Duration::from_secs(2));
    assert!(!wire.is_finished(Side::Client));
    wire.advance(Duration::from_secs(1));
    assert!(wire.is_finished(Side::Client));
}

#[test]
fn drop_the_driver() {
    let (mut pair, sender, receiver) = link(2);
    let sent = sender.try_send(message("a")).expect("credit");
    pair.wire.pump();
    let unsent = sender.try_send(message("b")).expect("credit");
    let mut waits = Task::polled(sender.send(message("c")));
    let mut done = Task::polled(pair.client.done());
    drop(pair.wire.take_driver(Side::Client));
    assert_eq!(pair.wire.run(sent).status(), SentStatus::Unacknowledged);
    assert_eq!(pair.wire.run(unsent).status(), SentStatus::Unsent);
    assert_eq!(waits.ready().status(), SentStatus::Unsent);
    assert!(matches!(done.ready(), Error::Lost { .. }), "as if the transport was lost");
    assert_eq!(pair.client.unresolved(), 0);
    drop(receiver);
}

/// Attaches of both directions are what the tests above look for: the kit shows them.
#[test]
fn frames_are_seen() {
    let mut pair = Pair::opened();
    let _links = pair.sender(SenderOptions::new("a"), ReceiverOptions::default());
    assert_eq!(pair.wire.written_of::<Attach>(Side::Client).len(), 1);
    assert_eq!(pair.wire.written_of::<Attach>(Side::Server).len(), 1);
}
