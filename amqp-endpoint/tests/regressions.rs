//! What readers of the code found, each as the shortest story that shows it.
#![cfg(test)]

mod kit;

use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use amqp_endpoint::{
    Connection, Endpoint, Message, Outcome, Receiver, ReceiverOptions, Sender, SenderOptions,
};
use amqp_tests::oracle::Side;
use bytes::Bytes;
use kit::{Counter, Pair, Task, client_options, message, server_options};

fn link() -> (Pair, Sender, Receiver) {
    let mut pair = Pair::opened();
    let (sender, receiver) = pair.sender(SenderOptions::new("a"), ReceiverOptions::default().prefetch(10));
    (pair, sender, receiver)
}

/// The link was detached with its last handle, and the peer keeps its end, as brokers do.
#[test]
fn a_durable_subscription_is_taken_up_again_by_its_name() {
    let mut pair = Pair::opened();
    let options = || ReceiverOptions::new("topic").durable_subscription("news").prefetch(2);
    let (receiver, sender) = pair.receiver(options(), SenderOptions::default());
    drop(receiver);
    pair.wire.pump();
    let receiver = pair.client.receiver(options()).expect("the name is its own");
    pair.wire.run(receiver.sync()).expect("attached again");
    assert_eq!(receiver.name(), "news");
    drop(pair.wire.run(sender.submit(message("later"))).expect("credit"));
    pair.wire.run(receiver.receive()).expect("a message").delivery.accept();
    pair.wire.pump();
}

/// Room is made between the question whether to read and the registration of the reader.
#[test]
fn a_reader_that_registers_late_is_told_to_read() {
    let mut options = server_options();
    options.limits.buffered_input = 1000;
    let mut pair = Pair::new(client_options(), options);
    pair.wire.pump();
    let (sender, receiver) = pair.sender(SenderOptions::new("a"), ReceiverOptions::default().prefetch(100));
    (0..10).for_each(|_| drop(sender.try_send(message("x".repeat(400)))));
    pair.wire.flush(Side::Client);
    while pair.wire.driver(Side::Server).wants_read() {
        assert!(pair.wire.deliver_at_most(Side::Server, 500), "it never has enough");
    }
    let now = pair.wire.now;
    let driver = pair.wire.driver(Side::Server);
    while driver.next_write(now).is_some() {}
    let mut taken = Vec::new();
    while let Ok(Some(received)) = receiver.try_receive() {
        taken.push(received);
    }
    let counter = Counter::new();
    driver.register_reader(&Waker::from(Arc::clone(&counter)));
    assert!(driver.wants_read());
    assert_eq!(counter.wakes(), 1);
    pair.wire.whole = false;
}

/// The octets of a message whose owner uses the connection when it is dropped.
struct Owner(Connection, Vec<u8>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.1
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        assert!(self.0.counters().frames_out > 0);
    }
}

fn owned(connection: &Connection) -> Bytes {
    let octets = Message::data(vec![7_u8; 10_000]).to_payload().into_bytes();
    Bytes::from_owner(Owner(connection.clone(), octets.to_vec()))
}

/// Runs a story that may stand still for ever.
fn in_time(story: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel();
    thread::spawn(move || {
        story();
        done.send(()).expect("the test waits");
    });
    wait.recv_timeout(Duration::from_secs(20)).expect("a deadlock, or a panic");
}

#[test]
fn messages_are_dropped_when_the_lock_is_free() {
    in_time(|| {
        let (mut pair, sender, _receiver) = link();
        // Withdrawn; sent; unsent and forgotten; unsent, and nobody wanted to know.
        drop(Task::polled(sender.send(owned(&pair.client))));
        drop(sender.try_send(owned(&pair.client)).expect("credit"));
        pair.wire.pump();
        let submitted = sender.try_send(owned(&pair.client)).expect("credit");
        Task::new(sender.send_forget(owned(&pair.client))).ready().expect("credit");
        pair.client.disconnect(None);
        drop(submitted);
    });
}

#[test]
fn a_submitted_that_is_asked_again_takes_no_other_outcome() {
    let (mut pair, sender, receiver) = link();
    let mut first = sender.try_send(message("1")).expect("credit");
    pair.wire.pump();
    pair.wire.run(receiver.receive()).expect("a message").delivery.accept();
    pair.wire.pump();
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(Pin::new(&mut first).poll(&mut context), Poll::Ready(Outcome::Accepted)));
    let second = sender.try_send(message("2")).expect("credit");
    pair.wire.pump();
    pair.wire.run(receiver.receive()).expect("a message").delivery.reject(None);
    pair.wire.pump();
    assert!(matches!(Pin::new(&mut first).poll(&mut context), Poll::Ready(Outcome::Unknown(None))));
    assert!(matches!(pair.wire.run(second), Outcome::Rejected(_)));
}

#[test]
fn whoever_waits_to_add_to_a_message_hears_that_its_link_is_over() {
    let mut options = client_options();
    options.limits.buffered_output = 1000;
    let mut pair = Pair::new(options, server_options());
    pair.wire.pump();
    let (sender, receiver) = pair.sender(SenderOptions::new("a"), ReceiverOptions::default().prefetch(10));
    let streaming = pair.wire.run(sender.start(Bytes::new())).expect("credit");
    let part = || Bytes::from(vec![0; 5000]);
    Task::new(streaming.append(part())).ready().expect("room");
    let mut waiting = Task::polled(streaming.append(part()));
    assert!(!waiting.is_woken());
    // The peer ends the link, and reads nothing.
    drop(receiver.close());
    pair.wire.flush(Side::Server);
    pair.wire.deliver(Side::Client);
    assert!(waiting.is_woken());
    assert!(waiting.ready().is_err());
}
