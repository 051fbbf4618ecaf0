//! Wakers and values that call back into the connection when they are woken or dropped: nothing of them runs under the
//! lock.
#![cfg(test)]

mod kit;

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use amqp_endpoint::{
    Completions, Connection, Endpoint, Outcome, Receiver, ReceiverOptions, Sender, SenderOptions,
};
use kit::{Pair, message, poll_once};

/// Runs a test on a thread of its own: a deadlock is a failure.
fn in_time(test: impl FnOnce() + Send + 'static) {
    let (done, over) = mpsc::channel();
    let thread = thread::spawn(move || {
        test();
        _ = done.send(());
    });
    match over.recv_timeout(Duration::from_secs(20)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it stands still"),
        _ => thread.join().expect("the test passes"),
    }
}

/// A waker that calls the connection when it is woken and when it is dropped.
struct Caller {
    connection: Connection,
    calls: Arc<AtomicUsize>,
}

impl Caller {
    fn waker(connection: &Connection, calls: &Arc<AtomicUsize>) -> Waker {
        Arc::new(Self { connection: connection.clone(), calls: Arc::clone(calls) }).into()
    }

    fn call(&self) {
        drop(
            self.connection
                .sender(SenderOptions::new("called"))
                .map(|sender| sender.try_send(message("called"))),
        );
        _ = self.connection.counters();
        self.calls.fetch_add(1, Ordering::SeqCst);
    }
}

impl Wake for Caller {
    fn wake(self: Arc<Self>) {
        self.call();
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.call();
    }
}

fn poll_with<F: Future>(operation: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    operation.poll(&mut Context::from_waker(waker))
}

/// One pending operation, polled by a waker that calls, and then by another, dropped and finished.
fn everything_about<F: Future>(
    pair: &mut Pair,
    connection: &Connection,
    operation: impl Fn() -> F,
    act: impl FnOnce(&mut Pair),
) {
    let calls = Arc::default();
    let hostile = || Caller::waker(connection, &calls);
    // Dropped while it waits: the waker goes with it.
    let mut dropped = Box::pin(operation());
    assert!(poll_with(dropped.as_mut(), &hostile()).is_pending());
    drop(dropped);
    assert_eq!(calls.swap(0, Ordering::SeqCst), 1, "dropped with its operation");
    // Replaced by the waker of another task.
    let mut replaced = Box::pin(operation());
    assert!(poll_with(replaced.as_mut(), &hostile()).is_pending());
    assert!(poll_with(replaced.as_mut(), Waker::noop()).is_pending());
    assert_eq!(calls.swap(0, Ordering::SeqCst), 1, "dropped when it was replaced");
    // Woken.
    let mut woken = Box::pin(operation());
    assert!(poll_with(woken.as_mut(), &hostile()).is_pending());
    act(pair);
    assert!(calls.swap(0, Ordering::SeqCst) >= 1, "woken");
    drop((replaced, woken));
    pair.wire.pump();
}

#[test]
fn wakers_of_receive_call_back() {
    in_time(|| {
        let mut pair = Pair::opened();
        let (sender, receiver) =
            pair.sender(SenderOptions::new("a"), ReceiverOptions::default().prefetch(10));
        let server = pair.server.clone();
        everything_about(
            &mut pair,
            &server,
            || receiver.receive(),
            |pair| {
                for text in 0..3 {
                    drop(sender.try_send(message(text)).expect("credit"));
                }
                pair.wire.pump();
            },
        );
    });
}

#[test]
fn wakers_of_submit_call_back() {
    in_time(|| {
        let mut pair = Pair::opened();
        let (sender, receiver) = pair.sender(SenderOptions::new("a"), ReceiverOptions::default().prefetch(0));
        let client = pair.client.clone();
        everything_about(
            &mut pair,
            &client,
            || sender.submit(message("m")),
            |pair| {
                receiver.grant(3);
                pair.wire.pump();
            },
        );
    });
}

#[test]
fn wakers_of_outcomes_call_back() {
    in_time(|| {
        let mut pair = Pair::opened();
        let (sender, receiver) =
            pair.sender(SenderOptions::new("a"), ReceiverOptions::default().prefetch(10));
        let client = pair.client.clone();
        // Not written yet, so what is dropped is withdrawn.
        everything_about(
            &mut pair,
            &client,
            || sender.send(message("m")),
            |pair| {
                pair.wire.pump();
                while let Ok(Some(received)) = receiver.try_receive() {
                    drop(received.delivery.accept());
                }
                pair.wire.pump();
            },
        );
        // Written, so only the wait is given up.
        everything_about(
            &mut pair,
            &client,
            || sender.try_send(message("m")).expect("credit"),
            |pair| {
                pair.wire.pump();
                while let Ok(Some(received)) = receiver.try_receive() {
                    drop(received.delivery.accept());
                }
                pair.wire.pump();
            },
        );
    });
}

#[test]
fn wakers_of_endpoints_call_back() {
    in_time(|| {
        let mut pair = Pair::opened();
        let (sender, _receiver) =
            pair.sender(SenderOptions::new("a"), ReceiverOptions::default().prefetch(10));
        let client = pair.client.clone();
        everything_about(
            &mut pair,
            &client,
            || sender.done(),
            |pair| {
                drop(sender.close());
                pair.wire.pump();
            },
        );
        let server = pair.server.clone();
        everything_about(
            &mut pair,
            &server.clone(),
            || server.incoming(),
            |pair| {
                let _links = ["b", "c"].map(|node| pair.client.sender(SenderOptions::new(node)));
                pair.wire.pump();
            },
        );
    });
}

#[test]
fn wakers_of_the_driver_call_back() {
    in_time(|| {
        let mut pair = Pair::opened();
        let calls = Arc::default();
        let waker = || Caller::waker(&pair.client.clone(), &calls);
        let driver = pair.wire.take_driver(kit::Side::Client);
        for _ in 0..2 {
            driver.register_reader(&waker());
            driver.register_writer(&waker());
        }
        assert!(calls.swap(0, Ordering::SeqCst) >= 2, "replaced");
        drop(driver);
        assert!(calls.swap(0, Ordering::SeqCst) >= 2, "woken at the end");
    });
}

/// A value that holds handles and calls the connection when it is dropped.
struct Holder {
    sender: Sender,
    _receiver: Receiver,
    dropped: Arc<AtomicUsize>,
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.sender.connection().sender(SenderOptions::new("dropped")));
        self.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn completions_dropped_before_their_outcomes() {
    in_time(|| {
        let mut pair = Pair::opened();
        let (sender, receiver) =
            pair.sender(SenderOptions::new("a"), ReceiverOptions::default().prefetch(10));
        let (other, _other_end) = pair.receiver(ReceiverOptions::new("b"), SenderOptions::default());
        let dropped = Arc::default();
        let completions = Completions::new();
        for _ in 0..2 {
            let value =
                Holder { sender: sender.clone(), _receiver: other.clone(), dropped: Arc::clone(&dropped) };
            let sent = poll_once(sender.send_async(message("m"), &completions, value));
            assert!(matches!(sent, Poll::Ready(Ok(()))));
        }
        drop(completions);
        pair.wire.pump();
        receiver.accept_all(std::iter::from_fn(|| {
            receiver.try_receive().ok()?.map(|received| received.delivery)
        }));
        pair.wire.pump();
        assert_eq!(dropped.load(Ordering::SeqCst), 2);
        assert_eq!(pair.client.unresolved(), 0);
    });
}

#[test]
fn a_waker_that_polls_its_operation() {
    struct Poller {
        operation: Mutex<Option<Pin<Box<amqp_endpoint::Sending>>>>,
        outcome: Mutex<Option<Outcome>>,
    }
    impl Wake for Poller {
        fn wake(self: Arc<Self>) {
            let Some(mut operation) = self.operation.lock().unwrap().take() else { return };
            match poll_with(operation.as_mut(), &Waker::from(Arc::clone(&self))) {
                Poll::Ready(outcome) => *self.outcome.lock().unwrap() = Some(outcome),
                Poll::Pending => *self.operation.lock().unwrap() = Some(operation),
            }
        }
    }
    in_time(|| {
        let mut pair = Pair::opened();
        let (sender, receiver) = pair.sender(SenderOptions::new("a"), ReceiverOptions::default());
        let operation = Mutex::new(Some(Box::pin(sender.send(message("m")))));
        let poller = Arc::new(Poller { operation, outcome: Mutex::new(None) });
        Arc::clone(&poller).wake();
        let received = pair.wire.run(receiver.receive()).expect("a message");
        drop(received.delivery.accept());
        pair.wire.pump();
        assert!(matches!(*poller.outcome.lock().unwrap(), Some(Outcome::Accepted)));
    });
}
