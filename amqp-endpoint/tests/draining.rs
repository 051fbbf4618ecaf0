//! Receivers that want all credit used up or given back, and applications that need a moment for it (§2.6.7).
#![cfg(test)]

mod kit;

use std::time::Duration;

use amqp_endpoint::{ReceiverOptions, SenderOptions};
use kit::{Pair, Task, message};

/// Five deliveries of credit that is drained, where the application waits for credit with two messages in mind.
#[test]
fn whoever_waited_for_credit_sends_before_it_is_given_back() {
    let mut pair = Pair::opened();
    let (receiver, sender) =
        pair.receiver(ReceiverOptions::new("node").capacity(0), SenderOptions::default());
    // The answer may come later than the wire is at rest.
    pair.wire.whole = false;
    let mut ready = Task::polled(sender.ready());
    receiver.grant(5);
    let mut drain = Task::polled(receiver.drain());
    pair.wire.pump();
    // The wire is quiet, and nothing was given back: the application has not had its turn.
    drain.waits();
    ready.ready().expect("open");
    let sent: Vec<_> = (0..2).map(|number| sender.try_send(message(number)).expect("credit")).collect();
    assert!(sender.is_draining());
    sender.drained();
    pair.wire.pump();
    drain.ready().expect("open");
    assert_eq!((receiver.waiting(), receiver.credit(), sender.credit()), (2, 0, 0));
    drop(sent);
}

#[test]
fn patience_with_an_application_that_says_nothing_ends() {
    let mut pair = Pair::opened();
    let (receiver, sender) =
        pair.receiver(ReceiverOptions::new("node").capacity(0), SenderOptions::default());
    // The answer may come later than the wire is at rest.
    pair.wire.whole = false;
    let ready = Task::polled(sender.ready());
    receiver.grant(5);
    let mut drain = Task::polled(receiver.drain());
    pair.wire.pump();
    pair.wire.advance(Duration::from_millis(99));
    drain.waits();
    pair.wire.advance(Duration::from_millis(1));
    drain.ready().expect("open");
    drop(ready);
}

#[test]
fn where_nobody_has_something_it_is_given_back_at_once() {
    let mut pair = Pair::opened();
    let (receiver, sender) =
        pair.receiver(ReceiverOptions::new("node").capacity(0), SenderOptions::default());
    receiver.grant(5);
    pair.wire.pump();
    assert_eq!(sender.credit(), 5);
    sender.drained();
    let mut drain = Task::polled(receiver.drain());
    pair.wire.pump();
    drain.ready().expect("open");
    assert_eq!((receiver.credit(), sender.credit()), (0, 0));
}

/// On another thread it may have seen the credit, and be about to send: when the link is new, when it was told of credit,
/// and when it has just sent.
#[test]
fn who_has_not_said_that_it_is_drained_gets_a_moment() {
    for step in 0..3 {
        let mut pair = Pair::opened();
        let (receiver, sender) =
            pair.receiver(ReceiverOptions::new("node").capacity(0), SenderOptions::default());
        pair.wire.whole = false;
        receiver.grant(5);
        pair.wire.pump();
        if step > 0 {
            sender.drained();
            Task::new(sender.ready()).ready().expect("open");
        }
        if step > 1 {
            sender.drained();
            drop(sender.try_send(message(0)).expect("credit"));
            pair.wire.pump();
        }
        let mut drain = Task::polled(receiver.drain());
        pair.wire.pump();
        drain.waits();
        sender.drained();
        pair.wire.pump();
        drain.ready().expect("open");
    }
}
