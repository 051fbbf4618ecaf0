//! Waiting for credit with nothing in hand, and sending now or not at all.
#![cfg(test)]

mod kit;

use amqp_endpoint::{
    Completions, Endpoint, Outcome, Receiver, ReceiverOptions, Sender, SenderOptions, UnsentReason,
};
use kit::{Pair, Task, message, text};

fn link() -> (Pair, Sender, Receiver) {
    let mut pair = Pair::opened();
    let (sender, receiver) = pair.sender(SenderOptions::new("a"), ReceiverOptions::default().prefetch(0));
    (pair, sender, receiver)
}

#[test]
fn ready_waits_for_credit_and_takes_none() {
    let (mut pair, sender, receiver) = link();
    let mut ready = Task::polled(sender.ready());
    assert!(!ready.is_woken());
    receiver.grant(1);
    pair.wire.pump();
    assert!(ready.is_woken());
    ready.ready().expect("the link is open");
    Task::new(sender.ready()).ready().expect("the credit is still there");
    drop(sender.try_send(message(0)).expect("credit"));
    // The credit is used.
    Task::polled(sender.ready());
}

#[test]
fn ready_stands_in_line() {
    let (mut pair, sender, receiver) = link();
    let mut ready = Task::polled(sender.ready());
    let mut submit = Task::polled(sender.submit(message(0)));
    receiver.grant(1);
    pair.wire.pump();
    assert_eq!((ready.is_woken(), submit.is_woken()), (true, false), "the first is woken");
    ready.ready().expect("the link is open");
    assert!(submit.is_woken(), "what the first did not use goes to the next");
    drop(submit.ready().expect("credit"));
    let dropped = Task::polled(sender.ready());
    let submit = Task::polled(sender.submit(message(1)));
    receiver.grant(1);
    pair.wire.pump();
    drop(dropped);
    assert!(submit.is_woken(), "so does what a dropped one was woken for");
}

#[test]
fn ready_ends_with_the_link() {
    let (mut pair, sender, receiver) = link();
    let mut ready = Task::polled(sender.ready());
    drop(receiver.close());
    pair.wire.pump();
    let error = ready.ready().expect_err("the link is over");
    assert!(error.is_clean(), "{error}");
    Task::new(sender.ready()).ready().expect_err("it stays over");
}

#[test]
fn now_or_not_at_all() {
    let (mut pair, sender, receiver) = link();
    let completions = Completions::new();
    let unsent = sender.try_send_async(message(0), &completions, 0).expect_err("no credit");
    assert!(matches!(unsent.reason, UnsentReason::Blocked), "{unsent}");
    assert_eq!(sender.connection().unresolved(), 0);

    receiver.grant(1);
    pair.wire.pump();
    sender.try_send_async(message(1), &completions, 1).expect("credit");
    let received = pair.wire.run(receiver.receive()).expect("a message");
    assert_eq!(text(&received.message), "1");
    received.delivery.accept();
    pair.wire.pump();
    assert!(matches!(completions.try_next(), Some((Outcome::Accepted, 1))));
    assert!(completions.try_next().is_none(), "what was not sent has no outcome");
}

#[test]
fn an_outcome_is_there_for_whoever_comes_first() {
    let (mut pair, sender, receiver) = link();
    let completions = Completions::new();
    let mut next = Task::polled(completions.next());
    receiver.grant(2);
    pair.wire.pump();
    for number in 0..2 {
        sender.try_send_async(message(number), &completions, number).expect("credit");
        pair.wire.run(receiver.receive()).expect("a message").delivery.accept();
        pair.wire.pump();
        assert!(next.is_woken());
        if number == 0 {
            assert!(matches!(completions.try_next(), Some((Outcome::Accepted, 0))), "also where one waits");
            assert!(next.poll().is_pending(), "that goes on waiting");
        }
    }
    assert!(matches!(next.ready(), (Outcome::Accepted, 1)));
}
