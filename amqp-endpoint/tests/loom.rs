//! Operations racing the driver in every order of threads (with three preemptions at most): no wake-up is lost, nothing
//! stands still, each message has one outcome.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p amqp-endpoint --release --test loom
//! ```
#![cfg(loom)]
#![cfg(test)]

mod kit;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use amqp_endpoint::{
    Completions, Connection, Endpoint, Outcome, Receiver, ReceiverOptions, Sender, SenderOptions, SentStatus,
};
use kit::{Counter, Pair, Side, Task, Wire, message, text};
use loom::thread;

fn model(test: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(builder.preemption_bound.unwrap_or(3));
    builder.max_branches = 100_000;
    let orders = Arc::new(AtomicUsize::new(0));
    let tried = Arc::clone(&orders);
    builder.check(move || {
        tried.fetch_add(1, Ordering::Relaxed);
        test();
    });
    let orders = orders.load(Ordering::Relaxed);
    println!("{orders} orders");
    assert!(orders > 1, "nothing races");
}

/// A link on which the client sends, with this credit, and no octet under way.
fn link(prefetch: u32) -> (Wire, Connection, Connection, Sender, Receiver) {
    let mut pair = Pair::opened();
    let (sender, receiver) =
        pair.sender(SenderOptions::new("a"), ReceiverOptions::default().prefetch(prefetch));
    pair.wire.pump();
    let Pair { wire, client, server } = pair;
    (wire, client, server, sender, receiver)
}

/// Takes what is there and accepts it.
fn accept_all(receiver: &Receiver) -> usize {
    let mut taken = 0;
    while let Ok(Some(received)) = receiver.try_receive() {
        drop(received.delivery.accept());
        taken += 1;
    }
    taken
}

/// Polls it as often as it was woken by now.
fn poll_while_woken<F: Future>(task: &mut Task<F>) -> Option<F::Output> {
    while let Some(poll) = task.poll_if_woken() {
        if let Poll::Ready(output) = poll {
            return Some(output);
        }
    }
    None
}

/// Everything is dropped, and the connection closes.
fn finish(mut wire: Wire, client: Connection, server: Connection) {
    wire.pump();
    assert_eq!((client.unresolved(), client.counters().outgoing, server.counters().incoming), (0, 0, 0));
    drop((client, server));
    wire.pump();
    assert!(wire.is_finished(Side::Client) && wire.is_finished(Side::Server));
}

#[test]
fn send_races_the_driver() {
    model(|| {
        let (mut wire, client, server, sender, receiver) = link(1);
        let driver = thread::spawn(move || {
            wire.pump();
            accept_all(&receiver);
            wire.pump();
            (wire, receiver)
        });
        let mut task = Task::new(sender.send(message("m")));
        let mut outcome = poll_while_woken(&mut task);
        let (mut wire, receiver) = driver.join().unwrap();
        if outcome.is_none() {
            wire.pump();
            accept_all(&receiver);
            wire.pump();
            outcome = poll_while_woken(&mut task);
        }
        assert!(matches!(outcome, Some(Outcome::Accepted)), "the wake-up was lost");
        drop((task, sender, receiver));
        finish(wire, client, server);
    });
}

#[test]
fn receive_races_the_driver() {
    model(|| {
        let (mut wire, client, server, sender, receiver) = link(1);
        drop(sender.try_send(message("m")).expect("credit"));
        let driver = thread::spawn(move || {
            wire.pump();
            wire
        });
        let mut task = Task::new(receiver.receive());
        let received = poll_while_woken(&mut task);
        let wire = driver.join().unwrap();
        let received = received.or_else(|| poll_while_woken(&mut task)).expect("the wake-up was lost");
        drop(received.expect("a message").delivery.accept());
        drop((task, sender, receiver));
        finish(wire, client, server);
    });
}

/// One message, and two who want it, of whom one goes away.
#[test]
fn a_receive_that_is_dropped_passes_it_on() {
    model(|| {
        let (mut wire, client, server, sender, receiver) = link(1);
        drop(sender.try_send(message("m")).expect("credit"));
        let driver = thread::spawn(move || {
            wire.pump();
            wire
        });
        let other = receiver.clone();
        let leaver = thread::spawn(move || {
            let mut task = Task::new(other.receive());
            // Where it got the message it drops it, and that releases it.
            _ = task.poll().is_ready();
        });
        let mut task = Task::new(receiver.receive());
        let received = poll_while_woken(&mut task);
        leaver.join().unwrap();
        let mut wire = driver.join().unwrap();
        let received = received.or_else(|| poll_while_woken(&mut task));
        if let Some(received) = received {
            drop(received.expect("a message").delivery.accept());
        } else {
            wire.pump();
            assert_eq!(client.counters().outgoing, 0, "neither of them has it");
        }
        drop((task, sender, receiver));
        finish(wire, client, server);
    });
}

/// Credit for one, and two who want it: the other gets the next.
#[test]
fn two_submits_race_for_credit() {
    model(|| {
        let (mut wire, client, server, sender, receiver) = link(0);
        receiver.grant(1);
        let driver = thread::spawn(move || {
            wire.pump();
            wire
        });
        let other = sender.clone();
        let rival = thread::spawn(move || {
            let mut task = Task::new(other.send_forget(message("m")));
            let done = poll_while_woken(&mut task).is_some();
            (task, done)
        });
        let mut mine = Task::new(sender.send_forget(message("m")));
        let mut done = poll_while_woken(&mut mine).is_some();
        let (mut theirs, mut other_done) = rival.join().unwrap();
        let mut wire = driver.join().unwrap();
        done = done || poll_while_woken(&mut mine).is_some();
        other_done = other_done || poll_while_woken(&mut theirs).is_some();
        assert!(done != other_done, "the one credit is used once: {done} {other_done}");
        receiver.grant(1);
        wire.pump();
        done = done || poll_while_woken(&mut mine).is_some();
        other_done = other_done || poll_while_woken(&mut theirs).is_some();
        assert!(done && other_done, "the wake-up was lost");
        wire.pump();
        assert_eq!(accept_all(&receiver), 2);
        drop((mine, theirs, sender, receiver));
        finish(wire, client, server);
    });
}

#[test]
fn close_races_send() {
    model(|| {
        let (mut wire, client, server, sender, receiver) = link(1);
        let driver = thread::spawn(move || {
            wire.pump();
            wire
        });
        let other = sender.clone();
        let closer = thread::spawn(move || drop(other.close()));
        let mut task = Task::new(sender.send(message("m")));
        let outcome = poll_while_woken(&mut task);
        closer.join().unwrap();
        let mut wire = driver.join().unwrap();
        wire.pump();
        accept_all(&receiver);
        wire.pump();
        let outcome = outcome.or_else(|| poll_while_woken(&mut task)).expect("the wake-up was lost");
        let expected = [SentStatus::Accepted, SentStatus::Unacknowledged, SentStatus::Unsent];
        assert!(expected.contains(&outcome.status()), "{outcome}");
        assert!(sender.error().is_some_and(|error| error.is_clean()));
        drop((task, sender, receiver));
        finish(wire, client, server);
    });
}

/// The sender is closed by the last drop, in whatever thread that is.
#[test]
fn last_drops_race_the_driver() {
    model(|| {
        let (mut wire, client, server, sender, receiver) = link(1);
        let submitted = sender.try_send(message("m")).expect("credit");
        let driver = thread::spawn(move || {
            wire.pump();
            wire
        });
        let dropper = thread::spawn(move || drop(submitted));
        drop(sender);
        dropper.join().unwrap();
        let mut wire = driver.join().unwrap();
        wire.pump();
        assert_eq!(accept_all(&receiver), 1, "what was accepted is sent before the close");
        wire.pump();
        assert!(receiver.error().is_some_and(|error| error.is_clean()));
        drop(receiver);
        assert_eq!((client.counters().links, server.counters().links), (0, 0));
        finish(wire, client, server);
    });
}

#[test]
fn the_drop_of_the_driver_races_send() {
    model(|| {
        let (mut wire, client, _server, sender, receiver) = link(2);
        let submitted = sender.try_send(message("a")).expect("credit");
        let driver = wire.take_driver(Side::Client);
        let dropper = thread::spawn(move || drop(driver));
        let mut tasks = [Task::new(sender.send(message("b"))), Task::new(sender.send(message("c")))];
        let outcomes = tasks.each_mut().map(poll_while_woken);
        dropper.join().unwrap();
        for (task, outcome) in tasks.iter_mut().zip(outcomes) {
            let outcome = outcome.or_else(|| poll_while_woken(task)).expect("the wake-up was lost");
            assert_eq!(outcome.status(), SentStatus::Unsent);
        }
        let mut submitted = Task::new(submitted);
        assert!(
            poll_while_woken(&mut submitted).is_some_and(|outcome| outcome.status() == SentStatus::Unsent)
        );
        assert_eq!(client.unresolved(), 0);
        drop((receiver, wire));
    });
}

/// The third step of exactly-once comes while somebody begins to wait for it.
#[test]
fn settling_races_the_driver() {
    model(|| {
        let mut pair = Pair::opened();
        let (sender, receiver) =
            pair.sender(SenderOptions::new("a").exactly_once(), ReceiverOptions::default().prefetch(1));
        let submitted = sender.try_send(message("m")).expect("credit");
        pair.wire.pump();
        let settling = receiver.try_receive().expect("open").expect("a message").delivery.accept();
        let Pair { mut wire, client, server } = pair;
        let driver = thread::spawn(move || {
            wire.pump();
            wire
        });
        let mut task = Task::new(settling);
        let settled = poll_while_woken(&mut task);
        let wire = driver.join().unwrap();
        settled
            .or_else(|| poll_while_woken(&mut task))
            .expect("the wake-up was lost")
            .expect("it is settled");
        let mut submitted = Task::new(submitted);
        assert!(matches!(poll_while_woken(&mut submitted), Some(Outcome::Accepted)));
        drop((task, submitted, sender, receiver));
        finish(wire, client, server);
    });
}

/// A completion comes while somebody begins to wait for it and somebody else gives up.
#[test]
fn completions_race_the_driver() {
    model(|| {
        let (mut wire, client, server, sender, receiver) = link(1);
        let completions = Completions::new();
        let mut sent = Task::new(sender.send_async(message("m"), &completions, 7));
        assert!(matches!(poll_while_woken(&mut sent), Some(Ok(()))));
        wire.pump();
        accept_all(&receiver);
        let driver = thread::spawn(move || {
            wire.pump();
            wire
        });
        // It has its place, and looks again with the lock of the connection in between.
        let leaver = Task::polled(completions.next());
        let mut task = Task::new(completions.next());
        let mut next = poll_while_woken(&mut task);
        _ = client.unresolved();
        next = next.or_else(|| poll_while_woken(&mut task));
        drop(leaver);
        let wire = driver.join().unwrap();
        let next = next.or_else(|| poll_while_woken(&mut task));
        assert!(matches!(next, Some((Outcome::Accepted, 7))), "the wake-up was lost");
        drop((task, sent, sender, receiver));
        finish(wire, client, server);
    });
}

/// Whoever writes finds nothing and registers, while there is something to write.
#[test]
fn the_writer_is_told() {
    model(|| {
        let (mut wire, client, server, sender, receiver) = link(2);
        let driver = wire.take_driver(Side::Client);
        let now = wire.now;
        let writer = thread::spawn(move || {
            let counter = Counter::new();
            let mut written = 0;
            while let Some(octets) = driver.next_write(now) {
                written += octets.len();
            }
            driver.register_writer(&counter.clone().into());
            (driver, counter, written)
        });
        let mut tasks = [Task::new(sender.send(message("a"))), Task::new(sender.send(message("b")))];
        for task in &mut tasks {
            assert!(poll_while_woken(task).is_none());
        }
        let (driver, counter, _) = writer.join().unwrap();
        let is_left = driver.next_write(now).is_some();
        assert!(!is_left || counter.wakes() > 0, "the writer sleeps and there is output");
        drop((tasks, sender, receiver, client, server, driver, wire));
    });
}

/// Somebody asks for what comes in while it comes in.
#[test]
fn incoming_races_the_driver() {
    model(|| {
        let pair = Pair::opened();
        let sender = pair.client.sender(SenderOptions::new("a")).expect("a link");
        let Pair { mut wire, client, server } = pair;
        let driver = thread::spawn(move || {
            wire.pump();
            wire
        });
        let mut task = Task::new(server.incoming());
        let incoming = poll_while_woken(&mut task);
        let mut wire = driver.join().unwrap();
        let incoming =
            incoming.or_else(|| poll_while_woken(&mut task)).flatten().expect("the wake-up was lost");
        drop(incoming);
        wire.pump();
        assert!(sender.error().is_some(), "it is rejected");
        drop((task, sender));
        finish(wire, client, server);
    });
}

/// The texts arrive in the order of the first polls, whoever carries them.
#[test]
fn order_is_kept() {
    model(|| {
        let (mut wire, client, server, sender, receiver) = link(0);
        let mut first = Task::polled(sender.send_forget(message("first")));
        receiver.grant(2);
        let driver = thread::spawn(move || {
            wire.pump();
            wire
        });
        let mut second = Task::new(sender.send_forget(message("second")));
        let second_done = poll_while_woken(&mut second).is_some();
        let first_done = poll_while_woken(&mut first).is_some();
        let mut wire = driver.join().unwrap();
        assert!(first_done || poll_while_woken(&mut first).is_some(), "the wake-up was lost");
        assert!(second_done || poll_while_woken(&mut second).is_some(), "the wake-up was lost");
        wire.pump();
        for wanted in ["first", "second"] {
            let received = receiver.try_receive().expect("open").expect("a message");
            assert_eq!(text(&received.message), wanted);
            drop(received.delivery.accept());
        }
        drop((first, second, sender, receiver));
        finish(wire, client, server);
    });
}
