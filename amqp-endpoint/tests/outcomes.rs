//! Every message that was accepted for sending gets exactly one outcome, whatever ends the link and wherever it was then.
#![cfg(test)]

mod kit;

use std::io;
use std::task::Poll;

use amqp_endpoint::codec::{Disposition, ErrorCondition, Modified, Role, Transfer};
use amqp_endpoint::{
    Completions, ConnectionOptions, DeliveryKey, Endpoint, Limits, Outcome, Receiver, ReceiverOptions,
    Sender, SenderOptions, SentStatus, SessionOptions, UnsentReason,
};
use kit::{Pair, Side, Task, message, text};

/// What ends the link.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    CloseSender,
    CloseReceiver,
    CloseReceiverWithError,
    SessionEnds,
    PeerEndsSession,
    CloseConnection,
    PeerClosesConnection,
    Disconnect,
    DisconnectWithError,
    PeerDisconnects,
    IoError,
    Eof,
    DropDriver,
}

const FATES: [Fate; 13] = [
    Fate::CloseSender,
    Fate::CloseReceiver,
    Fate::CloseReceiverWithError,
    Fate::SessionEnds,
    Fate::PeerEndsSession,
    Fate::CloseConnection,
    Fate::PeerClosesConnection,
    Fate::Disconnect,
    Fate::DisconnectWithError,
    Fate::PeerDisconnects,
    Fate::IoError,
    Fate::Eof,
    Fate::DropDriver,
];

impl Fate {
    fn happens(self, pair: &mut Pair, sender: &Sender, receiver: &Receiver) {
        let error = (ErrorCondition::INTERNAL_ERROR, "enough");
        let error = amqp_endpoint::codec::Error::new(error.0, error.1);
        let now = pair.wire.now;
        pair.wire.whole &= matches!(
            self,
            Self::CloseSender | Self::CloseReceiver | Self::SessionEnds | Self::CloseConnection
        );
        match self {
            Self::CloseSender => drop(sender.close()),
            Self::CloseReceiver => drop(receiver.close()),
            Self::CloseReceiverWithError => drop(receiver.close_with(error)),
            Self::SessionEnds => drop(sender.session().close()),
            Self::PeerEndsSession => drop(receiver.session().close_with(error)),
            Self::CloseConnection => drop(pair.client.close()),
            Self::PeerClosesConnection => drop(pair.server.close_with(error)),
            Self::Disconnect => pair.client.disconnect(None),
            Self::DisconnectWithError => pair.client.disconnect(Some(error)),
            Self::PeerDisconnects => pair.server.disconnect(None),
            Self::IoError => pair.wire.driver(Side::Client).on_io_error(io::ErrorKind::BrokenPipe.into()),
            Self::Eof => pair.wire.driver(Side::Client).on_eof(now),
            Self::DropDriver => drop(pair.wire.take_driver(Side::Client)),
        }
    }
}

/// At most so many octets of each side are carried before the end comes.
fn carry(pair: &mut Pair, steps: usize) {
    for step in 0..steps {
        let side = if step % 2 == 0 { Side::Client } else { Side::Server };
        pair.wire.flush(side);
        pair.wire.deliver_at_most(side.other(), 64);
    }
}

/// One message of every kind; they end at every point between being accepted and being settled.
fn exactly_once(end: Fate, steps: usize, settles: bool) {
    let mut pair = Pair::opened();
    let small = ReceiverOptions::default().prefetch(6);
    let (sender, receiver) = pair.sender(SenderOptions::new("a"), small);
    pair.wire.pump();
    let completions = Completions::new();
    let mut sends = [0, 1].map(|n| Task::polled(sender.send(message(n))));
    let mut submitted = [2, 3].map(|n| Task::polled(sender.try_send(message(n)).expect("credit")));
    let mut queued = [4, 5].map(|n| Task::new(sender.send_async(message(n), &completions, n)));
    queued.iter_mut().for_each(|task| assert!(matches!(task.ready(), Ok(()))));
    // There is no credit for these.
    let mut blocked = Task::polled(sender.send(message(6)));
    let mut forgotten = Task::polled(sender.send_forget(message(7)));
    let mut behind = Task::polled(sender.send_async(message(8), &completions, 8));
    carry(&mut pair, steps);
    if settles {
        while let Ok(Some(received)) = receiver.try_receive() {
            drop(received.delivery.accept());
        }
        carry(&mut pair, steps % 5);
    }
    end.happens(&mut pair, &sender, &receiver);
    pair.wire.pump();
    pair.wire.advance(std::time::Duration::from_secs(60));
    let mut outcomes: Vec<SentStatus> = Vec::new();
    outcomes.extend(sends.iter_mut().map(|task| outcome(task).status()));
    outcomes.extend(submitted.iter_mut().map(|task| outcome(task).status()));
    let mut left: Vec<_> = std::iter::from_fn(|| completions.try_next()).collect();
    left.sort_by_key(|(_, n)| *n);
    assert!(left.iter().map(|(_, n)| *n).take(2).eq([4, 5]), "{end:?} after {steps}: {left:?}");
    outcomes.extend(left.iter().map(|(outcome, _)| outcome.status()));
    let told = |status: &SentStatus| {
        matches!(
            status,
            SentStatus::Accepted | SentStatus::Released | SentStatus::Unacknowledged | SentStatus::Unsent
        )
    };
    assert!(outcomes.iter().all(told), "{end:?} after {steps}: {outcomes:?}");
    drop(outcome(&mut blocked));
    let was_accepted = forgotten.poll_if_woken().expect("it was woken").is_ready();
    assert!(was_accepted, "{end:?} after {steps}");
    let accepted_behind = match behind.poll_if_woken().expect("it was woken") {
        Poll::Ready(answer) => answer.is_ok(),
        Poll::Pending => panic!("{end:?} after {steps}"),
    };
    let one_more = left.len() + completions.try_next().into_iter().count();
    assert_eq!(
        one_more,
        2 + usize::from(accepted_behind),
        "{end:?} after {steps}: a completion for each accepted"
    );
    assert_eq!(pair.client.unresolved(), 0, "{end:?} after {steps}");
    assert_eq!(pair.client.counters().outgoing, 0, "{end:?} after {steps}");
    assert!(sender.error().is_some(), "{end:?} after {steps}");
}

#[track_caller]
fn outcome<F: Future<Output = Outcome>>(task: &mut Task<F>) -> Outcome {
    match task.poll() {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("it has no outcome"),
    }
}

#[test]
fn exactly_one_outcome_whatever_ends_the_link() {
    for end in FATES {
        for steps in 0..12 {
            exactly_once(end, steps, false);
            exactly_once(end, steps, true);
        }
    }
}

/// A large message is in many frames: the link ends in the middle of it.
#[test]
fn exactly_one_outcome_in_the_middle_of_a_message() {
    for end in FATES {
        for steps in 0..6 {
            let client = kit::client_options();
            let session = SessionOptions::default().incoming_window(20_u32);
            let server = kit::server_options().max_frame_size(512_u32).accept_sessions(session);
            let mut pair = Pair::new(client, server);
            pair.wire.pump();
            let (sender, receiver) =
                pair.sender(SenderOptions::new("a"), ReceiverOptions::default().prefetch(2));
            pair.wire.pump();
            let mut large = Task::polled(sender.send(message("x".repeat(200_000))));
            let mut next = Task::polled(sender.send(message("next")));
            carry(&mut pair, steps);
            end.happens(&mut pair, &sender, &receiver);
            pair.wire.pump();
            pair.wire.advance(std::time::Duration::from_secs(60));
            drop(outcome(&mut large));
            drop(outcome(&mut next));
            assert_eq!(pair.client.unresolved(), 0, "{end:?} after {steps}");
        }
    }
}

#[test]
fn the_message_comes_back_with_unsent() {
    let mut pair = Pair::opened();
    let (sender, receiver) = pair.sender(SenderOptions::new("a"), ReceiverOptions::default().prefetch(1));
    pair.wire.pump();
    let accepted = sender.try_send(message("accepted")).expect("credit");
    let mut waits = Task::polled(sender.send(message("waits")));
    pair.client.disconnect(None);
    pair.wire.whole = false;
    for (outcome, wanted) in [(pair.wire.run(accepted), "accepted"), (waits.ready(), "waits")] {
        let Outcome::Unsent(unsent) = outcome else { panic!("{outcome:?}") };
        assert!(matches!(&unsent.reason, UnsentReason::Closed(error) if error.is_clean()), "{unsent}");
        let message = amqp_endpoint::LazyMessage::parse(unsent.message.payload).expect("it decodes");
        assert_eq!(text(&message), wanted);
    }
    let late = sender.try_send(message("late")).err().expect("it is over");
    assert!(matches!(late.reason, UnsentReason::Closed(_)));
    drop(receiver);
}

#[test]
fn every_outcome() {
    let mut pair = Pair::opened();
    let (sender, receiver) = pair.sender(SenderOptions::new("a"), ReceiverOptions::default().prefetch(10));
    let error = || amqp_endpoint::codec::Error::new(ErrorCondition::INVALID_FIELD, "no such colour");
    let modified = || Modified { delivery_failed: true, undeliverable_here: true, ..Modified::default() };
    let mut settle = |settle: &dyn Fn(amqp_endpoint::Delivery)| {
        let submitted = sender.try_send(message("m")).expect("credit");
        settle(pair.wire.run(receiver.receive()).expect("a message").delivery);
        pair.wire.run(submitted)
    };
    assert!(matches!(settle(&|it| drop(it.accept())), Outcome::Accepted));
    assert!(matches!(settle(&|it| drop(it.release())), Outcome::Released));
    assert!(matches!(settle(&|it| drop(it.reject(None))), Outcome::Rejected(None)));
    let rejected = settle(&|it| drop(it.reject(Some(error()))));
    assert!(matches!(&rejected, Outcome::Rejected(Some(told)) if *told == error()), "{rejected}");
    assert_eq!(rejected.to_string(), format!("rejected: {}", error()));
    let told = settle(&|it| drop(it.modify(modified())));
    assert!(matches!(&told, Outcome::Modified(told) if *told == modified()), "{told}");
    assert_eq!(told.accepted().expect_err("it is not").0.status(), SentStatus::Modified);
    // What is no outcome is an error here, and the sender gets it released.
    let submitted = sender.try_send(message("m")).expect("credit");
    let delivery = pair.wire.run(receiver.receive()).expect("a message").delivery;
    let received = amqp_endpoint::codec::DeliveryState::Received(Default::default());
    pair.wire.run(delivery.settle(received)).expect_err("not terminal");
    assert!(matches!(pair.wire.run(submitted), Outcome::Released));
    let names = [
        SentStatus::Accepted,
        SentStatus::Rejected,
        SentStatus::Released,
        SentStatus::Modified,
        SentStatus::Unknown,
        SentStatus::Unacknowledged,
        SentStatus::Unsent,
    ];
    assert_eq!(
        names.map(|name| name.to_string()).join(" "),
        "accepted rejected released modified unknown unacknowledged unsent"
    );
}

#[test]
fn sent_settled_is_accepted() {
    let mut pair = Pair::opened();
    let (sender, receiver) =
        pair.sender(SenderOptions::new("a").at_most_once(), ReceiverOptions::default().prefetch(2));
    let submitted = sender.try_send(message("m")).expect("credit");
    let received = pair.wire.run(receiver.receive()).expect("a message");
    assert!(received.delivery.is_settled());
    assert!(matches!(pair.wire.run(submitted), Outcome::Accepted));
    pair.wire.run(received.delivery.accept()).expect("nothing is left to settle");
    assert_eq!(pair.wire.written_of::<Disposition>(Side::Server), []);
    drop(sender.try_send(message("m")).expect("credit"));
    drop(pair.wire.run(receiver.receive()).expect("a message"));
    pair.assert_idle();
}

#[test]
fn settled_by_the_sender_once_it_is_safe() {
    let mut pair = Pair::opened();
    let (sender, receiver) = pair.sender(
        SenderOptions::new("a").auto_settle(false).exactly_once(),
        ReceiverOptions::default().prefetch(2),
    );
    let submitted = sender.try_send(message("m")).expect("credit");
    let key: DeliveryKey = submitted.delivery();
    let mut settling = Task::polled(pair.wire.run(receiver.receive()).expect("a message").delivery.accept());
    assert!(matches!(pair.wire.run(submitted), Outcome::Accepted));
    pair.wire.pump();
    settling.waits();
    assert!(pair.wire.written_of::<Disposition>(Side::Client).is_empty(), "not before it is safe here");
    sender.settle(key).expect("it is not settled");
    pair.wire.pump();
    settling.ready().expect("both sides have settled");
    assert!(sender.settle(key).is_err(), "once");
    pair.assert_idle();
}

#[test]
fn three_steps() {
    let mut pair = Pair::opened();
    let (sender, receiver) =
        pair.sender(SenderOptions::new("a").exactly_once(), ReceiverOptions::default().prefetch(2));
    pair.wire.written(Side::Server);
    let submitted = sender.try_send(message("m")).expect("credit");
    let received = pair.wire.run(receiver.receive()).expect("a message");
    let mut settling = Task::polled(received.delivery.accept());
    assert!(matches!(pair.wire.run(submitted), Outcome::Accepted));
    pair.wire.pump();
    settling.ready().expect("both sides have settled");
    let step = |it: &Disposition| (it.role, it.settled);
    let first: Vec<_> = pair.wire.written_of::<Disposition>(Side::Server).iter().map(step).collect();
    let second: Vec<_> = pair.wire.written_of::<Disposition>(Side::Client).iter().map(step).collect();
    assert_eq!((&first[..], &second[..]), (&[(Role::Receiver, false)][..], &[(Role::Sender, true)][..]));
    pair.assert_idle();
}

#[test]
fn settling_ends_with_the_link() {
    let mut pair = Pair::opened();
    let (sender, receiver) = pair.sender(
        SenderOptions::new("a").exactly_once().auto_settle(false),
        ReceiverOptions::default().prefetch(2),
    );
    let _submitted = sender.try_send(message("m")).expect("credit");
    let mut settling = Task::polled(pair.wire.run(receiver.receive()).expect("a message").delivery.accept());
    pair.client.disconnect(None);
    pair.wire.whole = false;
    pair.wire.pump();
    settling.ready().expect_err("the sender will not settle");
}

/// A message that is given up has an outcome too: whoever waits for it does not wait for ever.
#[test]
fn messages_given_up() {
    let mut pair = Pair::opened();
    let (sender, _receiver) = pair.sender(SenderOptions::new("a"), ReceiverOptions::default().prefetch(3));
    let settled = sender.try_send(message("settled")).expect("credit");
    let mut taken = Task::polled(sender.try_send(message("taken")).expect("credit"));
    pair.wire.pump();
    let mut unsent = Task::polled(sender.try_send(message("unsent")).expect("credit"));
    sender.settle(settled.delivery()).expect("it is not settled");
    assert_eq!(pair.wire.run(settled).status(), SentStatus::Unacknowledged);
    assert_eq!(sender.take_unsettled().len(), 2);
    assert_eq!(taken.ready().status(), SentStatus::Unacknowledged);
    assert_eq!(unsent.ready().status(), SentStatus::Unacknowledged);
    pair.wire.pump();
    assert_eq!(pair.client.unresolved(), 0);
    assert_eq!(pair.wire.written_of::<Transfer>(Side::Client).len(), 2);
}

/// Outcomes come to a queue in any order, each with its value; who waits for them is woken.
#[test]
fn completions() {
    let mut pair = Pair::opened();
    let (sender, receiver) = pair.sender(SenderOptions::new("a"), ReceiverOptions::default().prefetch(100));
    let completions = Completions::new();
    let mut next = Task::polled(completions.next());
    for n in 0..3 {
        pair.wire.run(sender.send_async(message(n), &completions, n)).expect("credit");
    }
    let mut received: Vec<_> =
        (0..3).map(|_| pair.wire.run(receiver.receive()).expect("a message")).collect();
    next.waits();
    drop(received.remove(2).delivery.accept());
    drop(received.remove(1).delivery.release());
    pair.wire.pump();
    let mut told: Vec<_> = [Some(next.ready()), completions.try_next()]
        .into_iter()
        .flatten()
        .map(|(outcome, n)| (n, outcome.status()))
        .collect();
    told.sort_by_key(|(n, _)| *n);
    assert_eq!(told, [(1, SentStatus::Released), (2, SentStatus::Accepted)]);
    assert!(completions.try_next().is_none());
    assert_eq!(pair.client.unresolved(), 1);
    drop(received);
    pair.wire.pump();
    assert!(matches!(completions.try_next(), Some((Outcome::Released, 0))));
    pair.assert_idle();
}

#[test]
fn a_message_that_does_not_fit_comes_back() {
    let limits = Limits::default().message_size(1000_u64);
    let mut pair = Pair::new(kit::client_options(), ConnectionOptions::limits(kit::server_options(), limits));
    pair.wire.pump();
    let (sender, _receiver) = pair.sender(SenderOptions::new("a"), ReceiverOptions::default().prefetch(100));
    let unsent = pair.wire.run(sender.submit(message("x".repeat(2000)))).err().expect("too large");
    assert!(
        matches!(unsent.reason, UnsentReason::Refused(amqp_endpoint::SendErrorReason::TooLarge)),
        "{unsent}"
    );
    assert_eq!(sender.credit(), 100);
}
