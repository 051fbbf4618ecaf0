//! Messages in parts: sent before they are complete, read while they arrive, aborted, and with back-pressure.
#![cfg(test)]

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use amqp_endpoint::codec::Body;
use amqp_endpoint::{
    ConnectionOptions, Container, Driver, Endpoint, Error, Incoming, Instant, Limits, Message, Outcome,
    Receiver, ReceiverOptions, SendErrorReason, Sender, SenderOptions, StateError, UnsentReason,
};
use bytes::{Bytes, BytesMut};

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn now<F: Future>(future: F) -> F::Output {
    match poll(pin!(future)) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it has to wait"),
    }
}

/// A sender at one end, a receiver at the other, and what carries their octets.
struct Link {
    sender: Sender,
    receiver: Receiver,
    drivers: [Driver; 2],
}

impl Link {
    fn new(streaming: bool) -> Self {
        let limits = Limits::default().buffered_output(8192_usize);
        let (client, client_driver) =
            Container::new("client").client(ConnectionOptions::default().limits(limits));
        let (server, server_driver) =
            Container::new("server").server(ConnectionOptions::default().accept_connection(true));
        let drivers = [client_driver, server_driver];
        let sender = client.sender(SenderOptions::new("node")).expect("a sender");
        loop {
            carry(&drivers);
            match now(server.incoming()).expect("open") {
                Incoming::Receiver(incoming) => {
                    let options = ReceiverOptions::default().streaming(streaming).prefetch(10);
                    let receiver = incoming.accept_with(options);
                    carry(&drivers);
                    return Self { sender, receiver, drivers };
                }
                other => other.accept(),
            }
        }
    }

    fn carry(&self) {
        carry(&self.drivers);
    }
}

fn carry([one, other]: &[Driver; 2]) {
    let mut quiet = false;
    while !quiet {
        quiet = true;
        for (from, to) in [(one, other), (other, one)] {
            while let Some(octets) = from.next_write(Instant::ORIGIN) {
                quiet = false;
                to.on_bytes(&mut BytesMut::from(&octets[..]), Instant::ORIGIN);
            }
        }
    }
}

fn part(octet: u8) -> Message {
    Message::data(Bytes::from(vec![octet; 1000]))
}

#[test]
fn parts_become_one_message_with_a_data_section_each() {
    for streaming in [false, true] {
        let link = Link::new(streaming);
        let message = now(link.sender.start(Message::new(Body::Empty).subject("parts"))).expect("accepted");
        let mut receive = pin!(link.receiver.receive());
        for octet in 0..10 {
            now(message.append(part(octet))).expect("room");
            link.carry();
            assert!(poll(receive.as_mut()).is_pending());
        }
        let submitted = message.finish().expect("open");
        link.carry();
        let Poll::Ready(Ok(received)) = poll(receive) else { panic!("the message is here") };
        assert_eq!(received.message.subject().expect("a subject").as_deref(), Some("parts"));
        let body = received.message.body().expect("a body");
        assert_eq!(body.as_data().expect("data").iter().count(), 10);
        drop(received.delivery.accept());
        link.carry();
        assert!(matches!(now(submitted), Outcome::Accepted));
    }
}

#[test]
fn each_part_can_be_read_before_the_next_is_there() {
    let link = Link::new(true);
    let message = now(link.sender.start(part(0))).expect("accepted");
    link.carry();
    let mut stream = now(link.receiver.receive_stream()).expect("the beginning");
    let first = now(stream.next_part()).expect("live").expect("more");
    assert_eq!(first.len(), part(0).to_payload().len());
    for octet in 1..20 {
        assert!(poll(pin!(stream.next_part())).is_pending());
        now(message.append(part(octet))).expect("room");
        link.carry();
        let read = now(stream.next_part()).expect("live").expect("more");
        assert_eq!(read.into_bytes(), part(octet).to_payload().into_bytes());
    }
    let submitted = message.finish().expect("open");
    link.carry();
    assert!(now(stream.next_part()).expect("live").is_none());
    drop(stream.delivery.accept());
    link.carry();
    assert!(matches!(now(submitted), Outcome::Accepted));
    assert_eq!(link.receiver.connection().counters().incoming, 0);
}

#[test]
fn a_message_that_is_dropped_unfinished_is_aborted_and_the_link_goes_on() {
    for streaming in [false, true] {
        let link = Link::new(streaming);
        let message = now(link.sender.start(part(0))).expect("accepted");
        let mut next = pin!(link.sender.submit(Message::value("whole")));
        assert!(poll(next.as_mut()).is_pending(), "two messages at a time");
        link.carry();
        let mut stream = streaming.then(|| now(link.receiver.receive_stream()).expect("the beginning"));
        drop(message);
        let Poll::Ready(Ok(next)) = poll(next) else { panic!("the link is free") };
        link.carry();
        if let Some(stream) = &mut stream {
            assert!(now(stream.next_part()).expect("what was there").is_some());
            assert!(matches!(now(stream.next_part()), Err(Error::State(StateError::Gone(_)))));
        }
        drop(stream);
        let received = now(link.receiver.receive()).expect("the next message");
        assert_eq!(received.message.to_message().expect("a message"), Message::value("whole"));
        drop(received.delivery.accept());
        link.carry();
        assert!(matches!(now(next), Outcome::Accepted));
        assert_eq!(link.sender.connection().unresolved(), 0);
        assert_eq!(link.sender.connection().counters().outgoing, 0);
    }
}

#[test]
fn parts_wait_for_room_in_the_output() {
    let link = Link::new(true);
    let message = now(link.sender.start(part(0))).expect("accepted");
    let mut taken = 0;
    while poll(pin!(message.append(part(1)))).is_ready() {
        taken += 1;
        assert!(taken < 100, "nothing bounds what is taken");
    }
    let mut waiting = pin!(message.append(part(2)));
    assert!(poll(waiting.as_mut()).is_pending());
    link.carry();
    assert!(poll(waiting).is_ready());
    assert!(taken >= 7, "{taken}");
}

#[test]
fn the_end_of_the_link_ends_both_halves() {
    let link = Link::new(true);
    let message = now(link.sender.start(part(0))).expect("accepted");
    link.carry();
    let mut stream = now(link.receiver.receive_stream()).expect("the beginning");
    drop(now(stream.next_part()));
    drop(link.receiver.close());
    link.carry();
    assert!(now(stream.next_part()).is_err());
    assert!(now(message.append(part(1))).is_err());
    assert!(message.finish().is_err());
    let unsent = now(link.sender.start(part(0))).expect_err("it is closed");
    assert!(matches!(unsent.reason, UnsentReason::Closed(_)), "{unsent}");
    assert_eq!(link.sender.connection().unresolved(), 0);
}

#[test]
fn more_than_the_receiver_accepts_is_refused_at_the_part_that_goes_over() {
    let link = Link::new(true);
    let most = link.sender.remote().expect("attached").max_message_size.expect("a limit");
    let message = now(link.sender.start(part(0))).expect("accepted");
    let large = Bytes::from(vec![0; usize::try_from(most).expect("fits")]);
    assert!(matches!(now(message.append(large.clone())), Err(Error::State(StateError::TooLarge))));
    message.abort();
    let Err(whole) = link.sender.try_send(Message::data(large)) else { panic!("too large") };
    assert!(matches!(whole.reason, UnsentReason::Refused(SendErrorReason::TooLarge)), "{whole}");
}
