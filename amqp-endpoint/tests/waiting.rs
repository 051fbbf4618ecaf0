//! Who waits in which order: first come first served, woken once each, and what is not used goes to the next.
#![cfg(test)]

mod kit;

use std::sync::Arc;
use std::task::Poll;

use amqp_endpoint::{
    Completions, Endpoint, Outcome, ReceiveError, Received, Receiver, ReceiverOptions, SenderOptions,
    UnsentReason,
};
use kit::{Counter, Pair, Side, Task, message, poll_once, text};

fn said(received: Result<Received, ReceiveError>) -> String {
    text(&received.expect("a message").message)
}

/// A link with the sender at the client and this credit.
fn link(prefetch: u32) -> (Pair, amqp_endpoint::Sender, Receiver) {
    let mut pair = Pair::opened();
    let (sender, receiver) =
        pair.sender(SenderOptions::new("a"), ReceiverOptions::default().prefetch(prefetch));
    (pair, sender, receiver)
}

#[test]
fn receivers_are_served_in_order() {
    let (mut pair, sender, receiver) = link(10);
    let mut waiting: Vec<_> = (0..5).map(|_| Task::polled(receiver.receive())).collect();
    for served in 0..5 {
        drop(sender.try_send(message(served)).expect("credit"));
        pair.wire.pump();
        let woken: Vec<_> = waiting.iter().map(Task::is_woken).collect();
        assert_eq!(woken.iter().position(|woken| *woken), Some(0), "only the first is woken: {woken:?}");
        assert_eq!(woken.iter().filter(|woken| **woken).count(), 1, "{woken:?}");
        assert_eq!(said(waiting.remove(0).ready()), served.to_string());
    }
}

#[test]
fn submits_are_served_in_order() {
    let (mut pair, sender, receiver) = link(0);
    let mut waiting: Vec<_> = (0..5).map(|n| Task::polled(sender.submit(message(n)))).collect();
    for _ in 0..5 {
        receiver.grant(1);
        pair.wire.pump();
        assert_eq!(waiting.iter().filter(|task| task.is_woken()).count(), 1);
        drop(waiting.remove(0).ready().expect("credit"));
        pair.wire.pump();
    }
    let received: Vec<_> = (0..5).map(|_| said(pair.wire.run(receiver.receive()))).collect();
    assert_eq!(received, ["0", "1", "2", "3", "4"]);
}

#[test]
fn all_who_wait_for_an_endpoint_are_woken() {
    let mut pair = Pair::opened();
    let sender = pair.client.sender(SenderOptions::new("a")).expect("a link");
    let mut syncs: Vec<_> = (0..3).map(|_| Task::polled(sender.sync())).collect();
    let mut dones: Vec<_> = (0..3).map(|_| Task::polled(sender.done())).collect();
    let receiver = pair.incoming_receiver().accept();
    pair.wire.pump();
    syncs.iter_mut().for_each(|sync| sync.ready().expect("it is open"));
    dones.iter_mut().for_each(|done| assert!(done.poll().is_pending()));
    drop(receiver.close());
    pair.wire.pump();
    assert!(dones.iter_mut().all(|done| done.ready().is_clean()));
}

#[test]
fn two_tasks_in_each_operation_of_a_link() {
    let (mut pair, sender, receiver) = link(0);
    let mut receives = [0, 1].map(|_| Task::polled(receiver.receive()));
    let mut submits = [0, 1].map(|n| Task::polled(sender.submit(message(n))));
    receiver.grant(1);
    pair.wire.pump();
    submits[1].waits();
    let first = submits[0].ready().expect("credit");
    pair.wire.pump();
    receives[1].waits();
    drop(receives[0].ready().expect("a message").delivery.accept());
    receiver.grant(1);
    pair.wire.pump();
    let second = submits[1].ready().expect("credit");
    pair.wire.pump();
    drop(receives[1].ready().expect("a message").delivery.accept());
    for submitted in [first, second] {
        assert!(matches!(pair.wire.run(submitted), Outcome::Accepted));
    }
}

#[test]
fn a_woken_receive_that_is_dropped_passes_it_on() {
    let (mut pair, sender, receiver) = link(10);
    let [first, mut second, third] = [0, 1, 2].map(|_| Task::polled(receiver.receive()));
    // One that waits in the middle goes without a trace.
    drop(sender.try_send(message("m")).expect("credit"));
    pair.wire.pump();
    assert!(first.is_woken());
    second.waits();
    drop(third);
    drop(first);
    assert_eq!(said(second.ready()), "m");
}

#[test]
fn a_woken_submit_that_is_dropped_passes_it_on() {
    let (mut pair, sender, receiver) = link(0);
    let first = Task::polled(sender.send(message("first")));
    let mut second = Task::polled(sender.submit(message("second")));
    receiver.grant(1);
    pair.wire.pump();
    assert!(first.is_woken());
    second.waits();
    drop(first);
    drop(second.ready().expect("credit"));
    assert_eq!(said(pair.wire.run(receiver.receive())), "second");
}

#[test]
fn a_send_taken_back_leaves_its_credit_to_the_next() {
    let (mut pair, sender, receiver) = link(1);
    // Accepted, not written.
    let accepted = Task::polled(sender.send(message("first")));
    let mut second = Task::polled(sender.submit(message("second")));
    second.waits();
    drop(accepted);
    drop(second.ready().expect("the credit is free again"));
    assert_eq!(said(pair.wire.run(receiver.receive())), "second");
    pair.wire.pump();
    assert_eq!(pair.client.unresolved(), 0);
}

#[test]
fn an_incoming_that_is_dropped_passes_it_on() {
    let mut pair = Pair::opened();
    let first = Task::polled(pair.server.incoming());
    let mut second = Task::polled(pair.server.incoming());
    let _sender = pair.client.sender(SenderOptions::new("a"));
    pair.wire.pump();
    assert!(first.is_woken() && !second.is_woken());
    drop(first);
    drop(second.ready().expect("a link"));
}

#[test]
fn a_completion_that_is_dropped_passes_it_on() {
    let (mut pair, sender, receiver) = link(10);
    let completions = Completions::new();
    let first = Task::polled(completions.next());
    let mut second = Task::polled(completions.next());
    pair.wire.run(sender.send_async(message("m"), &completions, 7)).expect("credit");
    drop(pair.wire.run(receiver.receive()).expect("a message").delivery.accept());
    pair.wire.pump();
    assert!(first.is_woken() && !second.is_woken());
    drop(first);
    assert!(matches!(second.ready(), (Outcome::Accepted, 7)));
}

#[test]
fn polling_for_no_reason_overtakes_nobody() {
    let (mut pair, sender, receiver) = link(0);
    let mut receives: Vec<_> = (0..3).map(|_| Task::polled(receiver.receive())).collect();
    let mut submits: Vec<_> = (0..3).map(|n| Task::polled(sender.submit(message(n)))).collect();
    for at in [2, 1, 2, 0, 1] {
        assert!(receives[at].poll().is_pending());
        assert!(submits[at].poll().is_pending());
    }
    receiver.grant(1);
    pair.wire.pump();
    for at in [2, 1] {
        assert!(submits[at].poll().is_pending(), "the credit is for the first");
    }
    assert!(sender.try_send(message("fresh")).is_err(), "the credit is for the first");
    drop(submits[0].ready().expect("credit"));
    pair.wire.pump();
    for at in [2, 1] {
        assert!(receives[at].poll().is_pending(), "the message is for the first");
    }
    assert!(receiver.try_receive().expect("open").is_none(), "the message is for the first");
    assert_eq!(said(receives[0].ready()), "0");
    receiver.grant(2);
    pair.wire.pump();
    submits.iter_mut().skip(1).for_each(|task| drop(task.ready().expect("credit")));
    pair.wire.pump();
    assert_eq!(said(receives[1].ready()), "1");
    assert_eq!(said(receives[2].ready()), "2");
}

#[test]
fn an_operation_keeps_its_place_in_another_task() {
    let (mut pair, sender, receiver) = link(0);
    let mut moved = Box::pin(receiver.receive());
    let counters = [Counter::new(), Counter::new()];
    for counter in &counters {
        let waker = Arc::clone(counter).into();
        assert!(moved.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending());
        if Arc::ptr_eq(counter, &counters[0]) {
            // Somebody comes between.
            receiver.grant(1);
        }
    }
    let mut behind = Task::polled(receiver.receive());
    drop(pair.wire.run(sender.submit(message("m"))).expect("credit"));
    pair.wire.pump();
    assert_eq!((counters[0].wakes(), counters[1].wakes()), (0, 1), "the task that has it now is woken");
    behind.waits();
    assert!(matches!(
        moved.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())),
        Poll::Ready(Ok(_))
    ));
}

/// Both are woken, and the task of the second runs first: it waits for its turn, and is woken for it.
#[test]
fn a_woken_operation_that_is_polled_first_waits_for_its_turn() {
    let (mut pair, sender, receiver) = link(0);
    let mut sends = [0, 1, 2].map(|n| Task::polled(sender.send_forget(message(n))));
    receiver.grant(10);
    pair.wire.pump();
    let [first, second, third] = &mut sends;
    assert!(third.poll().is_pending() && second.poll().is_pending());
    assert!(!second.is_woken() && !third.is_woken(), "it does not spin until then");
    first.ready().expect("credit");
    assert!(second.is_woken());
    second.ready().expect("credit");
    third.ready().expect("credit");
    for wanted in ["0", "1", "2"] {
        assert_eq!(said(pair.wire.run(receiver.receive())), wanted);
    }
}

/// Moved to another task after it was woken: the place stays, and the new task is woken for the next chance.
#[test]
fn a_woken_operation_moves_to_another_task() {
    let (mut pair, sender, receiver) = link(0);
    let mut tasks = [0, 1].map(|n| Task::polled(sender.submit(message(n))));
    receiver.grant(1);
    pair.wire.pump();
    // The credit goes before it is used.
    let mut drain = Task::polled(receiver.drain());
    pair.wire.flush(Side::Server);
    pair.wire.deliver(Side::Client);
    sender.drained();
    pair.wire.pump();
    drain.ready().expect("it is drained");
    let [first, second] = &mut tasks;
    first.counter = Counter::new();
    assert!(first.poll().is_pending());
    second.waits();
    receiver.grant(1);
    pair.wire.pump();
    second.waits();
    drop(first.ready().expect("credit"));
}

#[test]
fn operations_of_one_task_share_a_waker() {
    let (mut pair, sender, receiver) = link(0);
    let counter = Counter::new();
    let mut receives: Vec<_> = (0..100).map(|_| Task::of(receiver.receive(), Arc::clone(&counter))).collect();
    for task in &mut receives {
        assert!(task.poll().is_pending());
    }
    // This one and the one that is stored.
    let tasks = receives.len();
    assert_eq!(Arc::strong_count(&counter), 1 + tasks + 1, "100 operations, one waker");
    receiver.grant(100);
    pair.wire.pump();
    (0..100).for_each(|n| drop(sender.try_send(message(n)).expect("credit")));
    pair.wire.pump();
    assert_eq!(counter.wakes(), 1, "woken once for all of them");
    let texts: Vec<_> = receives
        .iter_mut()
        .map(|task| match task.poll() {
            Poll::Ready(received) => said(received),
            Poll::Pending => panic!("there is one for each"),
        })
        .collect();
    assert_eq!(texts, (0..100).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(Arc::strong_count(&counter), 1 + tasks, "no waker is left");
}

#[test]
fn a_hundred_thousand_sends_in_order() {
    let (mut pair, sender, receiver) = link(1000);
    let mut submitted = std::collections::VecDeque::new();
    let (mut sent, mut resolved, mut received) = (0_u32, 0_u32, 0_u32);
    while resolved < 100_000 {
        while sent < 100_000 {
            let Ok(next) = sender.try_send(amqp_endpoint::Message::value(sent)) else { break };
            submitted.push_back(next);
            sent += 1;
        }
        pair.wire.pump();
        pair.wire.written(Side::Client);
        pair.wire.written(Side::Server);
        while let Ok(Some(next)) = receiver.try_receive() {
            let amqp_endpoint::codec::Body::Value(value) = next.message.body().expect("a body") else {
                panic!()
            };
            assert_eq!(value, amqp_endpoint::Value::from(received));
            received += 1;
            drop(next.delivery.accept());
        }
        pair.wire.pump();
        for next in submitted.drain(..) {
            assert!(matches!(poll_once(next), Poll::Ready(Outcome::Accepted)));
            resolved += 1;
        }
        assert_eq!(pair.client.unresolved(), 0);
        let counters = [pair.client.counters(), pair.server.counters()];
        assert!(counters.iter().all(|it| it.incoming == 0 && it.outgoing == 0), "{counters:?}");
    }
    assert_eq!(received, 100_000);
    pair.assert_idle();
}

#[test]
fn try_send_gives_the_message_back() {
    let (_pair, sender, _receiver) = link(0);
    let unsent = sender.try_send(message("m")).err().expect("there is no credit");
    assert!(matches!(unsent.reason, UnsentReason::Blocked));
    let back = amqp_endpoint::LazyMessage::parse(unsent.message.payload).expect("it decodes");
    assert_eq!(text(&back), "m");
}
