//! What receivers get: credit, what is left after the end, what cannot be read, batches and drains.
#![cfg(test)]

mod kit;

use amqp_endpoint::codec::{Body, ErrorCondition, Flow, Payload};
use amqp_endpoint::{
    CreditMode, Endpoint, EndpointState, Outcome, Outgoing, ReceiveError, Receiver, ReceiverOptions, Sender,
    SenderOptions,
};
use bytes::Bytes;
use kit::{Pair, Side, Task, message, text};

fn link(options: ReceiverOptions) -> (Pair, Sender, Receiver) {
    let mut pair = Pair::opened();
    let (sender, receiver) = pair.sender(SenderOptions::new("a"), options);
    pair.wire.pump();
    (pair, sender, receiver)
}

fn prefetch(credit: u32) -> (Pair, Sender, Receiver) {
    link(ReceiverOptions::default().prefetch(credit))
}

fn granted(pair: &mut Pair) -> Vec<u32> {
    pair.wire.pump();
    pair.wire.written_of::<Flow>(Side::Server).iter().filter_map(|flow| flow.link_credit).collect()
}

/// electron §1.8: without prefetch, credit is for those that wait and for nothing else.
#[test]
fn credit_on_demand() {
    let (mut pair, sender, receiver) = link(ReceiverOptions::default());
    assert_eq!(granted(&mut pair), []);
    let first = Task::polled(receiver.receive());
    assert_eq!(granted(&mut pair), [1]);
    let mut second = Task::polled(receiver.receive());
    assert_eq!(granted(&mut pair), [2]);
    second.waits();
    assert_eq!(granted(&mut pair), [], "polling again asks for no more");
    drop((first, second));
    assert_eq!(granted(&mut pair), [], "credit is not taken back, the next receive uses it");
    for n in 0..2 {
        drop(sender.try_send(message(n)).expect("credit"));
    }
    assert!(sender.try_send(message("more")).is_err());
    pair.wire.pump();
    for n in ["0", "1"] {
        let received = receiver.try_receive().expect("open").expect("a message");
        assert_eq!(text(&received.message), n);
        drop(received.delivery.accept());
    }
    assert_eq!(granted(&mut pair), [], "both were asked for");
    assert!(receiver.try_receive().expect("open").is_none());
    assert_eq!(granted(&mut pair), [1], "trying asks for one");
    assert!(receiver.try_receive().expect("open").is_none());
    assert_eq!(granted(&mut pair), [], "once");
}

#[test]
fn credit_on_demand_up_to_the_capacity() {
    let (mut pair, sender, receiver) = link(ReceiverOptions::default().capacity(2));
    let mut waiting: Vec<_> = (0..4).map(|_| Task::polled(receiver.receive())).collect();
    assert_eq!(granted(&mut pair), [2]);
    for n in 0..2 {
        drop(sender.try_send(message(n)).expect("credit"));
    }
    pair.wire.pump();
    for task in waiting.drain(..2) {
        let mut task = task;
        drop(task.ready().expect("a message").delivery.accept());
    }
    assert_eq!(granted(&mut pair).last(), Some(&2), "for the other two");
}

/// electron §1.8: with prefetch there is credit before anybody asks, renewed at half.
#[test]
fn credit_ahead() {
    let (mut pair, sender, receiver) = prefetch(10);
    assert_eq!((granted(&mut pair), sender.credit()), (vec![10], 10));
    for n in 0..4 {
        drop(sender.try_send(message(n)).expect("credit"));
        drop(pair.wire.run(receiver.receive()).expect("a message").delivery.accept());
    }
    assert_eq!(granted(&mut pair), []);
    drop(sender.try_send(message("half")).expect("credit"));
    drop(pair.wire.run(receiver.receive()).expect("a message").delivery.accept());
    assert_eq!(granted(&mut pair), [10], "half of it is used");
}

#[test]
fn credit_by_hand() {
    let (mut pair, sender, receiver) = link(ReceiverOptions::default().credit(CreditMode::Manual));
    let mut waits = Task::polled(receiver.receive());
    assert_eq!(granted(&mut pair), []);
    receiver.grant(2);
    receiver.grant(1);
    assert_eq!((granted(&mut pair), sender.credit(), receiver.credit()), (vec![3], 3, 3));
    drop(sender.try_send(message("m")).expect("credit"));
    pair.wire.pump();
    drop(waits.ready().expect("a message"));
    assert_eq!((sender.credit(), receiver.credit()), (2, 2));
    receiver.set_credit_mode(CreditMode::Prefetch(20));
    assert_eq!(granted(&mut pair), [20]);
}

/// electron D20: what arrived before the end is received, and then its reason.
#[test]
fn what_arrived_is_received_after_the_end() {
    for cut in [false, true] {
        let (mut pair, sender, receiver) = prefetch(10);
        for n in 0..3 {
            drop(sender.try_send(message(n)).expect("credit"));
        }
        pair.wire.pump();
        let submitted = sender.try_send(message(3)).expect("credit");
        if cut {
            pair.wire.flush(Side::Client);
            pair.client.disconnect(None);
            pair.wire.whole = false;
        } else {
            drop(sender.close_with(amqp_endpoint::codec::Error::new(ErrorCondition::INTERNAL_ERROR, "gone")));
        }
        pair.wire.pump();
        assert!(receiver.error().is_some() && receiver.state() == EndpointState::Closed);
        let mut both = [Task::new(receiver.receive()), Task::new(receiver.receive())];
        for (task, wanted) in both.iter_mut().zip(["0", "1"]) {
            assert_eq!(text(&task.ready().expect("it arrived").message), wanted);
        }
        let batch = pair.wire.run(receiver.receive_batch(10)).expect("they arrived");
        assert_eq!(batch.len(), 2);
        for _ in 0..2 {
            match pair.wire.run(receiver.receive()) {
                Err(ReceiveError::Closed(error)) => assert!(!error.is_clean(), "{error}"),
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(receiver.try_receive(), Err(ReceiveError::Closed(_))));
        drop((batch, submitted));
    }
}

/// Who is woken by the end while messages are left gets one of them, in whatever order they are polled.
#[test]
fn messages_left_at_the_end_are_for_those_who_wait() {
    let (mut pair, sender, receiver) = prefetch(10);
    let mut tasks: Vec<_> = (0..3).map(|_| Task::polled(receiver.receive())).collect();
    for n in 0..3 {
        drop(sender.try_send(message(n)).expect("credit"));
    }
    drop(sender.close());
    pair.wire.pump();
    assert!(receiver.error().is_some());
    // One that comes now is behind them.
    let mut late = Task::polled(receiver.receive());
    let mut texts = vec![String::new(); 3];
    for round in 0..6 {
        for at in (0..3).rev() {
            if texts[at].is_empty()
                && let Some(std::task::Poll::Ready(received)) = tasks[at].poll_if_woken()
            {
                texts[at] =
                    text(&received.unwrap_or_else(|error| panic!("in round {round}: {error}")).message);
            }
        }
    }
    assert_eq!(texts, ["0", "1", "2"]);
    assert!(matches!(late.ready(), Err(ReceiveError::Closed(_))));
}

/// Octets that are no message do not end the link; dropped, they are rejected.
#[test]
fn what_cannot_be_read() {
    let (mut pair, sender, receiver) = prefetch(10);
    let octets = Bytes::from_static(&[0x00, 0x53, 0x75, 0xA0, 0x09, 1]);
    let rejected = sender.try_send(octets.clone()).expect("credit");
    let accepted = sender.try_send(octets.clone()).expect("credit");
    let next = sender.try_send(message("next")).expect("credit");
    let unreadable = match pair.wire.run(receiver.receive()) {
        Err(ReceiveError::Unreadable(unreadable)) => unreadable,
        other => panic!("{other:?}"),
    };
    assert_eq!(unreadable.payload.clone().into_bytes(), octets);
    let says = unreadable.to_string();
    assert!(says.starts_with("malformed message: "), "{says}");
    drop(unreadable);
    match pair.wire.run(rejected) {
        Outcome::Rejected(Some(error)) => assert_eq!(error.condition, ErrorCondition::DECODE_ERROR),
        other => panic!("{other:?}"),
    }
    match receiver.try_receive() {
        Err(ReceiveError::Unreadable(unreadable)) => drop(unreadable.delivery.accept()),
        other => panic!("{other:?}"),
    }
    assert!(matches!(pair.wire.run(accepted), Outcome::Accepted), "whoever reads it all the same accepts it");
    assert_eq!(text(&pair.wire.run(receiver.receive()).expect("the link goes on").message), "next");
    drop(next);
}

/// Another format is for the application to read (§2.8.11); nothing is wrong with it, so dropped it is released.
#[test]
fn a_message_of_another_format() {
    let (mut pair, sender, receiver) = prefetch(10);
    let outgoing = || Outgoing {
        message_format: 0x80,
        ..Payload::from(Bytes::from_static(b"of another format")).into()
    };
    let submitted = sender.try_send(outgoing()).expect("credit");
    match pair.wire.run(receiver.receive()) {
        Err(error @ ReceiveError::Unreadable(_)) => assert_eq!(error.to_string(), "message of format 0x80"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(pair.wire.run(submitted), Outcome::Released));
}

/// A batch shows what cannot be read among the others, and each of them is settled for itself.
#[test]
fn batches() {
    let (mut pair, sender, receiver) = prefetch(10);
    let broken = Bytes::from_static(b"\x00\x53\x75");
    let sent = vec![
        sender.try_send(message("a")).expect("credit"),
        sender.try_send(broken).expect("credit"),
        sender.try_send(message("b")).expect("credit"),
        sender.try_send(message("c")).expect("credit"),
    ];
    let mut waits = Task::polled(receiver.receive_batch(3));
    pair.wire.pump();
    let batch = waits.ready().expect("messages");
    let read: Vec<_> =
        batch.iter().map(|it| it.as_ref().ok().map(|received| text(&received.message))).collect();
    assert_eq!(read, [Some("a".to_owned()), None, Some("b".to_owned())]);
    for received in batch.into_iter().flatten() {
        drop(received.delivery.accept());
    }
    let mut outcomes: Vec<_> = Vec::new();
    for (at, submitted) in sent.into_iter().enumerate() {
        if at < 3 {
            outcomes.push(pair.wire.run(submitted).status().to_string());
        }
    }
    assert_eq!(outcomes, ["accepted", "rejected", "accepted"]);
    assert_eq!(pair.wire.run(receiver.receive_batch(10)).expect("the rest").len(), 1);
    pair.wire.pump();
    pair.assert_idle();
}

/// A batch leaves as many messages as there are others who wait for one.
#[test]
fn a_batch_leaves_messages_for_those_who_wait() {
    let (mut pair, sender, receiver) = prefetch(10);
    let mut batch = Task::polled(receiver.receive_batch(10));
    let mut other = Task::polled(receiver.receive());
    for n in 0..4 {
        drop(sender.try_send(message(n)).expect("credit"));
    }
    pair.wire.pump();
    assert_eq!(batch.ready().expect("messages").len(), 3);
    assert_eq!(text(&other.ready().expect("one is left").message), "3");
}

#[test]
fn accept_all_accepts_all() {
    let (mut pair, sender, receiver) = prefetch(10);
    let sent: Vec<_> = (0..5).map(|n| sender.try_send(message(n)).expect("credit")).collect();
    let batch = pair.wire.run(receiver.receive_batch(10)).expect("messages");
    receiver.accept_all(batch.into_iter().flatten().map(|received| received.delivery));
    for submitted in sent {
        assert!(matches!(pair.wire.run(submitted), Outcome::Accepted));
    }
}

/// §2.6.7: what the sender had is there when the drain is done, and the rest of the credit is gone.
#[test]
fn a_drain_ends_when_the_credit_is_used_or_given_back() {
    let (mut pair, sender, receiver) = link(ReceiverOptions::default().credit(CreditMode::Manual));
    receiver.grant(5);
    pair.wire.pump();
    drop(sender.try_send(message("m")).expect("credit"));
    pair.wire.run(receiver.drain()).expect("it is drained");
    assert_eq!((receiver.waiting(), receiver.credit(), sender.credit()), (1, 0, 0));
    pair.wire.run(receiver.drain()).expect("there is nothing to drain");
}

/// Nobody waits for a drain that will not end.
#[test]
fn a_drain_ends_with_what_it_is_for() {
    type Act = fn(&mut Pair, &Sender, &Receiver);
    let ends: [(&str, Act, bool); 4] = [
        ("granted again", |_, _, receiver| receiver.grant(1), true),
        ("detached", |_, _, receiver| receiver.detach().expect("it is attached"), true),
        ("closed", |_, sender, _| drop(sender.close()), false),
        ("disconnected", |pair, _, _| pair.server.disconnect(None), false),
    ];
    for (name, act, is_ok) in ends {
        let (mut pair, sender, receiver) = link(ReceiverOptions::default().credit(CreditMode::Manual));
        receiver.grant(5);
        pair.wire.pump();
        let mut drains = [Task::polled(receiver.drain()), Task::polled(receiver.drain())];
        act(&mut pair, &sender, &receiver);
        pair.wire.whole = name != "disconnected";
        pair.wire.pump();
        for drain in &mut drains {
            assert_eq!(drain.ready().is_ok(), is_ok, "{name}");
        }
    }
}

/// A message sent on is the same octet for octet.
#[test]
fn what_is_received_can_be_sent_on() {
    let (mut pair, sender, receiver) = prefetch(10);
    let (back, onward) = pair.receiver(ReceiverOptions::new("b").prefetch(1), SenderOptions::default());
    pair.wire.pump();
    drop(sender.try_send(message("m")).expect("credit"));
    let received = pair.wire.run(receiver.receive()).expect("a message");
    drop(onward.try_send(&received.message).expect("credit"));
    let again = pair.wire.run(back.receive()).expect("a message");
    assert_eq!(again.message.payload().clone().into_bytes(), received.message.payload().clone().into_bytes());
    assert!(matches!(again.message.body(), Ok(Body::Value(_))));
    assert!(!again.delivery.is_settled());
}
