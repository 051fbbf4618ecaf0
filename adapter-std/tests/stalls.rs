//! Peers that read slowly, late or not at all.
#![cfg(feature = "threads")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is test code")]

mod kit;

use std::collections::VecDeque;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use adapter_std::{
    Cause, ConnectionOptions, Endpoint, Limits, Message, Outcome, Receiver, ReceiverOptions, Sender, Stream,
    Violation, Wait,
};
use kit::pipe::pipe;
use kit::{connect, limited, link, tcp};

const COUNT: usize = 10_000;

/// Both ends send and receive at once, each with a thread a direction.
fn both_ways<S: Stream>(ends: (S, S), size: usize) {
    let (client, server) = connect(ends, ConnectionOptions::default());
    let (there, arriving) = link(&client, &server, ReceiverOptions::default().prefetch(500));
    let (back, returning) = link(&server, &client, ReceiverOptions::default().prefetch(500));
    let start = Arc::new(Barrier::new(4));
    let mut threads = Vec::new();
    for sender in [there, back] {
        let start = Arc::clone(&start);
        threads.push(thread::spawn(move || {
            start.wait();
            let mut window = VecDeque::new();
            for number in 0..COUNT {
                let mut body = number.to_be_bytes().to_vec();
                body.resize(size, 7);
                window.push_back(sender.submit(Message::data(body)).wait().unwrap());
                if window.len() == 1000 {
                    window.pop_front().unwrap().wait().accepted().unwrap();
                }
            }
            window.into_iter().for_each(|sent| sent.wait().accepted().unwrap());
        }));
    }
    for receiver in [arriving, returning] {
        let start = Arc::clone(&start);
        threads.push(thread::spawn(move || {
            start.wait();
            for number in 0..COUNT {
                let received = receiver.receive().wait().unwrap();
                let body = received.message.data().unwrap().into_bytes();
                assert_eq!((&body[..8], body.len()), (&number.to_be_bytes()[..], size));
                received.delivery.accept();
            }
        }));
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    client.close().wait().unwrap();
    assert!(server.done().wait().is_clean());
}

#[test]
fn both_ways_at_once_through_narrow_pipes() {
    limited(|| both_ways(pipe(4096), 100));
}

#[test]
fn both_ways_at_once_over_tcp() {
    limited(|| both_ways(tcp(), 3000));
}

#[cfg(unix)]
#[test]
fn both_ways_at_once_over_unix_sockets() {
    limited(|| both_ways(std::os::unix::net::UnixStream::pair().unwrap(), 3000));
}

/// A body that is like no other, nor like itself elsewhere.
fn body(number: u32, size: usize) -> Vec<u8> {
    (number..).flat_map(|word| word.wrapping_mul(0x9E37_79B1).to_be_bytes()).take(size).collect()
}

/// Sends until there is no room for more, and tells how many there was room for.
fn fill(sender: &Sender) -> u32 {
    let sent = (0..1000).take_while(|number| sender.try_send(Message::data(body(*number, 10_000))).is_ok());
    let sent = u32::try_from(sent.count()).unwrap();
    assert!(sent < 1000, "nothing holds it up: {:?}", sender.connection().counters());
    sent
}

/// Receives what [`fill`] has sent.
fn drain(receiver: &Receiver, sent: u32) {
    for number in 0..sent {
        let received = receiver.receive().wait().unwrap();
        assert!(received.message.data().unwrap().into_bytes() == body(number, 10_000), "{number} is damaged");
        received.delivery.accept();
    }
}

#[test]
fn a_peer_that_does_not_read_holds_up_nobody_for_long() {
    limited(|| {
        let (near, far) = pipe(4096);
        let freeze = far.freezer();
        let (client, server) = connect((near, far), ConnectionOptions::default());
        let (sender, receiver) = link(&client, &server, ReceiverOptions::default().prefetch(2000));
        freeze(true);
        let begun = Instant::now();
        let sent = fill(&sender);
        let Err(blocked) = sender.send(Message::value("more")).wait_timeout(Duration::from_millis(1)) else {
            panic!("there is no room")
        };
        let Err(receiving) = client.incoming().wait_timeout(Duration::from_millis(1)) else {
            panic!("there is nothing")
        };
        // Some 20 ms for the first that finds it so; the machine may be busy.
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());

        // All of it goes on where the peer reads again, in order and whole.
        freeze(false);
        let more = thread::spawn(move || blocked.wait());
        drain(&receiver, sent);
        receiver.receive().wait().unwrap().delivery.accept();
        more.join().unwrap().accepted().unwrap();
        server.close().wait().unwrap();
        assert!(receiving.wait().is_none());
    });
}

#[test]
fn what_got_stuck_is_written_later() {
    limited(|| {
        let (near, far) = pipe(4096);
        let freeze = far.freezer();
        let (client, server) = connect((near, far), ConnectionOptions::default());
        let (sender, receiver) = link(&client, &server, ReceiverOptions::default().prefetch(10));
        freeze(true);
        // So much is written at once, by this thread, which then does nothing more about it.
        let _submitted = sender.try_send(Message::data(body(0, 50_000))).unwrap();
        freeze(false);
        let received = receiver.receive().wait().unwrap();
        assert!(received.message.data().unwrap().into_bytes() == body(0, 50_000));
    });
}

#[test]
fn what_the_application_does_not_take_is_not_read() {
    limited(|| {
        const MOST: usize = 100_000;
        let limits = Limits::default().buffered_input(MOST).message_size(50_000_u32);
        let (client, server) = connect(pipe(4096), ConnectionOptions::default().limits(limits));
        let (sender, receiver) = link(&client, &server, ReceiverOptions::default().prefetch(2000));
        let sent = {
            let mut sent = 0;
            // Until it stays full: by then the peer has stopped.
            while let Ok(submitted) =
                sender.submit(Message::data(body(sent, 10_000))).wait_timeout(Duration::from_millis(200))
            {
                drop(submitted.unwrap());
                sent += 1;
            }
            sent
        };
        let held = server.counters().buffered_input;
        assert!((MOST..MOST + 100_000).contains(&held), "{held} of {sent} messages");
        drain(&receiver, sent);
    });
}

#[test]
fn a_peer_that_does_not_read_at_all_is_given_up() {
    limited(|| {
        let limits = Limits::default().write_stall(Duration::from_millis(200));
        let (near, far) = pipe(4096);
        let freeze = far.freezer();
        let (client, server) = connect((near, far), ConnectionOptions::default().limits(limits));
        let (sender, _receiver) = link(&client, &server, ReceiverOptions::default().prefetch(2000));
        freeze(true);
        fill(&sender);
        let error = client.done().wait();
        let reason = error.close_reason().expect("it was this side's engine");
        assert!(matches!(reason.cause(), Cause::Violation(Violation::WriteStall)), "{error}");
        assert!(matches!(sender.send(Message::value(1)).wait(), Outcome::Unsent(_)));
        freeze(false);
        assert!(!server.done().wait().is_clean());
    });
}
