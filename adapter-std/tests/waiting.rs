//! Blocking until an operation is done.
#![cfg(feature = "threads")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is test code")]

mod kit;

use std::future::poll_fn;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use adapter_std::{Completions, ConnectionOptions, Endpoint, Error, Message, ReceiverOptions, Wait};
use kit::{connect, in_time, limited, link, tcp};

const SHORT: Duration = Duration::from_millis(30);

#[test]
fn a_time_out_gives_the_operation_back() {
    limited(|| {
        let (client, server) = connect(tcp(), ConnectionOptions::default());
        let (sender, receiver) = link(&client, &server, ReceiverOptions::default().prefetch(10));
        let begun = Instant::now();
        let Err(first) = receiver.receive().wait_timeout(SHORT) else { panic!("nothing was sent") };
        assert!(begun.elapsed() >= SHORT);
        let Err(second) = receiver.receive().wait_timeout(Duration::ZERO) else { panic!("nothing was sent") };
        for number in 0..2 {
            sender.send_forget(Message::value(number)).wait().unwrap();
        }
        // It kept its place, and goes on on another thread.
        let second = thread::spawn(move || second.wait().unwrap());
        let bodies = [first.wait_timeout(kit::LIMIT).ok().unwrap().unwrap(), second.join().unwrap()]
            .map(|received| received.message.body().unwrap().to_string());
        assert_eq!(bodies, ["0", "1"]);
    });
}

#[test]
fn what_is_done_is_not_waited_for() {
    assert_eq!(std::future::ready(1).wait_timeout(Duration::ZERO).ok(), Some(1));
    assert_eq!(std::future::ready(1).wait_timeout(Duration::MAX).ok(), Some(1));
}

#[test]
fn a_whole_block_can_be_waited_for() {
    limited(|| {
        let (client, server) = connect(tcp(), ConnectionOptions::default());
        let (sender, receiver) = link(&client, &server, ReceiverOptions::default().prefetch(10));
        let completions = Completions::new();
        let exchange = std::pin::pin!(async {
            sender.send_async(Message::value("one"), &completions, 7).await.unwrap();
            receiver.receive().await.unwrap().delivery.accept();
            completions.next().await
        });
        let (outcome, value) = exchange.wait();
        outcome.accepted().unwrap();
        assert_eq!(value, 7);
    });
}

/// Ready once it was told so, from another thread.
fn told_from_elsewhere() -> impl Future<Output = ()> + Unpin {
    let told = Arc::new(Mutex::new((false, None::<Waker>)));
    let shared = Arc::clone(&told);
    thread::spawn(move || {
        let waker = {
            let mut told = shared.lock().unwrap();
            told.0 = true;
            told.1.take()
        };
        waker.into_iter().for_each(Waker::wake);
    });
    poll_fn(move |cx| {
        let mut told = told.lock().unwrap();
        told.1 = Some(cx.waker().clone());
        if told.0 { Poll::Ready(()) } else { Poll::Pending }
    })
}

#[test]
fn a_wait_within_a_wait_takes_nothing_from_it() {
    in_time(|| {
        for _ in 0..100 {
            let mut polls = 0;
            poll_fn(|cx| {
                polls += 1;
                if polls == 1 {
                    // The wake-up of the outer one comes before the inner one sleeps and is woken.
                    cx.waker().wake_by_ref();
                    told_from_elsewhere().wait();
                    return Poll::Pending;
                }
                Poll::Ready(())
            })
            .wait();
            assert_eq!(polls, 2);
        }
    });
}

#[test]
fn an_unpark_that_means_nothing_is_slept_through() {
    in_time(|| {
        let (polls, (asleep, ready)) = (Arc::new(AtomicU32::new(0)), mpsc::channel());
        let counted = Arc::clone(&polls);
        let waiting = thread::spawn(move || {
            let mut done = false;
            poll_fn(|cx| {
                counted.fetch_add(1, Ordering::Relaxed);
                if std::mem::replace(&mut done, true) {
                    return Poll::Ready(());
                }
                asleep.send((thread::current(), cx.waker().clone())).unwrap();
                Poll::Pending
            })
            .wait();
        });
        let (thread, waker) = ready.recv().unwrap();
        for _ in 0..1000 {
            thread.unpark();
            thread::yield_now();
        }
        assert_eq!(polls.load(Ordering::Relaxed), 1);
        waker.wake();
        waiting.join().unwrap();
        assert_eq!(polls.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn disconnecting_ends_what_another_thread_waits_for() {
    limited(|| {
        let (client, server) = connect(tcp(), ConnectionOptions::default());
        let (sender, receiver) = link(&client, &server, ReceiverOptions::default().prefetch(10));
        let Err(receiving) = receiver.receive().wait_timeout(Duration::ZERO) else { panic!("nothing") };
        let receiving = thread::spawn(move || receiving.wait());
        let begun = Instant::now();
        server.disconnect(None);
        let error = receiving.join().unwrap().unwrap_err();
        assert!(matches!(error.closed(), Some(Error::Disconnected(None))), "{error}");
        // The peer is not lingered for.
        let error = client.done().wait();
        assert!(!error.is_clean(), "{error}");
        assert!(begun.elapsed() < Duration::from_millis(900));
        assert!(sender.try_send(Message::value("late")).is_err());
    });
}

#[test]
fn what_nobody_waits_for_is_written_as_well() {
    limited(|| {
        let (client, server) = connect(tcp(), ConnectionOptions::default());
        let (sender, receiver) = link(&client, &server, ReceiverOptions::default().prefetch(100));
        let (received, arrival) = mpsc::channel();
        thread::spawn(move || {
            while let Ok(it) = receiver.receive().wait() {
                received.send(it.message.body().unwrap().to_string()).unwrap();
            }
        });
        for number in 0..50 {
            // Neither this nor what follows on this thread waits for anything of the connection.
            let _submitted = sender.try_send(Message::value(number)).unwrap();
            assert_eq!(arrival.recv_timeout(kit::LIMIT).unwrap(), number.to_string());
        }
    });
}
