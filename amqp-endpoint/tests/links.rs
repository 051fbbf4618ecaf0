//! How links open, detach and end, and what a side makes of what its peer opens.
#![cfg(test)]

mod kit;

use std::time::Duration;

use amqp_endpoint::codec::{Attach, AttachTarget, Detach, ErrorCondition, Target};
use amqp_endpoint::{
    ConnectionOptions, Endpoint, EndpointState, Incoming, Limits, Outcome, ReceiverOptions, SenderOptions,
    SentStatus, SessionOptions, UnsentReason,
};
use kit::{Pair, Side, Task, message, text};

#[test]
fn addresses_and_names() {
    let mut pair = Pair::opened();
    let sender = pair.client.sender(SenderOptions::new("node").name("mine")).expect("a link");
    let incoming = pair.incoming_receiver();
    assert_eq!(
        (incoming.name(), incoming.target().as_deref(), incoming.source()),
        ("mine", Some("node"), None)
    );
    assert!(!incoming.is_dynamic());
    let receiver = incoming.accept();
    pair.wire.run(sender.sync()).expect("it opens");
    assert_eq!((sender.name(), sender.target().as_deref()), ("mine".to_owned(), Some("node")));
    assert_eq!((receiver.name(), receiver.target().as_deref()), ("mine".to_owned(), Some("node")));
    let taken = pair.client.sender(SenderOptions::new("node").name("mine"));
    assert!(taken.is_err(), "the name is taken");
    // The other direction has names of its own.
    assert!(pair.client.receiver(ReceiverOptions::new("node").name("mine")).is_ok());
}

#[test]
fn dynamic_nodes_both_ways() {
    let mut pair = Pair::opened();
    let receiver = pair.client.receiver(ReceiverOptions::default().dynamic()).expect("a link");
    let incoming = pair.incoming_sender();
    assert!(incoming.is_dynamic() && incoming.source().is_none());
    let sender = incoming.accept_with(SenderOptions::default().dynamic_address("made"));
    pair.wire.run(receiver.sync()).expect("it opens");
    assert_eq!((receiver.source().as_deref(), sender.source().as_deref()), (Some("made"), Some("made")));
    // Where nobody says how it is called, it gets a name that no other has.
    let others = [0, 1].map(|_| pair.client.receiver(ReceiverOptions::default().dynamic()).expect("a link"));
    let _ends = [0, 1].map(|_| pair.incoming_sender().accept());
    pair.wire.pump();
    let addresses = others.each_ref().map(|receiver| receiver.source().expect("an address"));
    assert_ne!(addresses[0], addresses[1]);
    // A node of its own to send to.
    let target = AttachTarget::from(Target { dynamic: true, ..Target::default() });
    let sender = pair.client.sender(SenderOptions::default().with_target(target)).expect("a link");
    let incoming = pair.incoming_receiver();
    assert!(incoming.is_dynamic());
    let receiver = incoming.accept_with(ReceiverOptions::default().dynamic_address("inbox"));
    pair.wire.run(sender.sync()).expect("it opens");
    assert_eq!((sender.target().as_deref(), receiver.target().as_deref()), (Some("inbox"), Some("inbox")));
}

#[test]
fn a_refused_link_is_never_open() {
    let mut pair = Pair::opened();
    let sender = pair.client.sender(SenderOptions::new("a")).expect("a link");
    let mut sync = Task::polled(sender.sync());
    let mut send = Task::polled(sender.send(message("m")));
    pair.incoming_receiver()
        .reject(amqp_endpoint::codec::Error::new(ErrorCondition::NOT_FOUND, "no such node"));
    pair.wire.pump();
    let error = sync.ready().expect_err("it is refused");
    assert_eq!(error.condition(), Some(ErrorCondition::NOT_FOUND));
    match send.ready() {
        Outcome::Unsent(unsent) => assert!(matches!(unsent.reason, UnsentReason::Closed(_)), "{unsent}"),
        other => panic!("{other:?}"),
    }
    assert!(pair.wire.written_of::<Attach>(Side::Server).iter().all(|attach| attach.target.is_none()));
    drop((sync, send, sender));
    pair.wire.pump();
    pair.assert_no_links();
}

#[test]
fn a_link_is_detached_and_attached_again() {
    let mut pair = Pair::opened();
    let (sender, receiver) = pair.sender(SenderOptions::new("a"), ReceiverOptions::default().prefetch(2));
    pair.wire.pump();
    let mut unsettled = Task::polled(sender.try_send(message("before")).expect("credit"));
    let received = pair.wire.run(receiver.receive()).expect("a message");
    sender.detach().expect("it is attached");
    pair.wire.pump();
    assert_eq!((sender.state(), receiver.state()), (EndpointState::Detached, EndpointState::Detached));
    assert!(sender.error().is_none() && receiver.error().is_none());
    let unsent = sender.try_send(message("m")).err().expect("it is detached");
    assert!(matches!(unsent.reason, UnsentReason::Detached), "{unsent}");
    assert!(sender.detach().is_err(), "it is detached already");
    unsettled.waits();
    sender.attach().expect("it is detached");
    pair.wire.run(sender.sync()).expect("it opens again");
    pair.wire.pump();
    assert_eq!((sender.state(), receiver.state()), (EndpointState::Open, EndpointState::Open));
    drop(received.delivery.accept());
    pair.wire.pump();
    assert!(matches!(unsettled.ready(), Outcome::Accepted), "deliveries stay live");
    pair.wire.run(sender.send_forget(message("after"))).expect("credit is granted anew");
    assert_eq!(text(&pair.wire.run(receiver.receive()).expect("a message").message), "after");
}

/// Who waits for a message goes on waiting, and has credit again once the link is attached.
#[test]
fn a_receive_outlasts_a_detach() {
    for (prefetch, from_here) in [(None, true), (None, false), (Some(2), true), (Some(2), false)] {
        let mut pair = Pair::opened();
        let mut options = ReceiverOptions::new("a");
        if let Some(credit) = prefetch {
            options = options.prefetch(credit);
        }
        let (receiver, sender) = pair.receiver(options, SenderOptions::default());
        let mut task = Task::polled(receiver.receive());
        pair.wire.pump();
        if from_here { receiver.detach() } else { sender.detach() }.expect("it is attached");
        pair.wire.pump();
        assert!(!task.is_woken());
        if from_here { receiver.attach() } else { sender.attach() }.expect("it is detached");
        pair.wire.pump();
        pair.wire.run(sender.send_forget(message("m"))).expect("there is credit");
        pair.wire.pump();
        assert_eq!(text(&task.ready().expect("a message").message), "m", "{prefetch:?} {from_here}");
    }
}

/// Both ends detach and attach at once, in whatever way their frames cross.
#[test]
fn detaches_and_attaches_cross() {
    for steps in 0_u32..64 {
        let mut pair = Pair::opened();
        let (receiver, sender) =
            pair.receiver(ReceiverOptions::new("a").prefetch(2), SenderOptions::default());
        pair.wire.pump();
        let both = |pair: &mut Pair, bits: u32| {
            let sides = [Side::Client, Side::Server];
            for (bit, side) in [0, 1, 2].iter().zip(sides.iter().cycle()) {
                if bits >> bit & 1 == 1 {
                    pair.wire.flush(*side);
                    pair.wire.deliver(side.other());
                }
            }
        };
        _ = receiver.detach();
        both(&mut pair, steps & 7);
        _ = sender.detach();
        pair.wire.pump();
        assert_eq!((receiver.state(), sender.state()), (EndpointState::Detached, EndpointState::Detached));
        _ = sender.attach();
        both(&mut pair, steps >> 3);
        _ = receiver.attach();
        pair.wire.pump();
        assert_eq!((receiver.state(), sender.state()), (EndpointState::Open, EndpointState::Open), "{steps}");
        pair.wire.run(sender.send_forget(message("m"))).expect("there is credit");
        drop(pair.wire.run(receiver.receive()).expect("a message").delivery.accept());
    }
}

/// Who settles goes on as it was said when the link was made.
#[test]
fn settling_by_hand_outlasts_a_detach() {
    let mut pair = Pair::opened();
    let (receiver, sender) = pair.receiver(
        ReceiverOptions::new("a").exactly_once().prefetch(5),
        SenderOptions::default().auto_settle(false),
    );
    receiver.detach().expect("it is attached");
    pair.wire.pump();
    receiver.attach().expect("it is detached");
    pair.wire.run(receiver.sync()).expect("it opens again");
    pair.wire.pump();
    let submitted = pair.wire.run(sender.submit(message("m"))).expect("there is credit");
    let key = submitted.delivery();
    let mut settling = Task::polled(pair.wire.run(receiver.receive()).expect("a message").delivery.accept());
    assert!(matches!(pair.wire.run(submitted), Outcome::Accepted));
    pair.wire.pump();
    settling.waits();
    sender.settle(key).expect("it is not settled");
    pair.wire.pump();
    settling.ready().expect("both sides have settled");
}

/// Operations that wait for a link that is detached get to know.
#[test]
fn submits_that_wait_come_back_when_the_link_is_detached() {
    let mut pair = Pair::opened();
    let (sender, receiver) = pair.sender(SenderOptions::new("a"), ReceiverOptions::default().prefetch(0));
    let mut tasks: Vec<_> = (0..3).map(|n| Task::polled(sender.submit(message(n)))).collect();
    receiver.detach().expect("it is attached");
    pair.wire.pump();
    // In whatever order they are polled.
    let mut left = 3;
    for _ in 0..6 {
        for task in tasks.iter_mut().rev() {
            if let Some(std::task::Poll::Ready(answer)) = task.poll_if_woken() {
                assert!(matches!(answer.err().expect("it is detached").reason, UnsentReason::Detached));
                left -= 1;
            }
        }
    }
    assert_eq!(left, 0);
}

/// A subscription that was let go of is there for the same connection to come back to.
#[test]
fn a_durable_subscription_is_come_back_to() {
    let mut pair = Pair::opened();
    let options = || ReceiverOptions::new("topic").durable_subscription("news").prefetch(2);
    let (receiver, sender) = pair.receiver(options(), SenderOptions::default());
    drop(receiver);
    pair.wire.pump();
    drop(sender);
    pair.wire.pump();
    let receiver = pair.client.receiver(options()).expect("the name is its own");
    let sender = pair.incoming_sender().accept();
    pair.wire.run(receiver.sync()).expect("it opens again");
    pair.wire.run(sender.send_forget(message("news"))).expect("there is credit");
    assert_eq!(text(&pair.wire.run(receiver.receive()).expect("a message").message), "news");
    // To end it, it is closed.
    pair.wire.written(Side::Client);
    pair.wire.run(receiver.close()).expect("it is closed");
    assert!(pair.wire.written_of::<Detach>(Side::Client).iter().all(|detach| detach.closed));
}

#[test]
fn a_client_that_wants_no_incoming_refuses_it() {
    let mut pair = Pair::opened();
    let session = pair.server.session(SessionOptions::default()).expect("a channel");
    assert_eq!(pair.wire.run(session.done()).condition(), Some(ErrorCondition::NOT_ALLOWED));
    let _ours = pair.client.default_session().expect("a channel");
    pair.wire.pump();
    let mut pair = Pair::new(kit::client_options().allow_incoming(true), kit::server_options());
    pair.wire.pump();
    let session = pair.server.session(SessionOptions::default()).expect("a channel");
    match pair.wire.run(pair.client.incoming()).expect("it is allowed") {
        Incoming::Session(incoming) => drop(incoming.accept()),
        other => panic!("{other:?}"),
    }
    pair.wire.run(session.sync()).expect("it opens");
}

/// What nobody answers is refused after a while, and whoever asks for it then gets what is left.
#[test]
fn what_nobody_asks_for_is_refused_after_a_while() {
    let limits = Limits::default().answer(Duration::from_secs(7));
    let mut pair = Pair::new(kit::client_options(), kit::server_options().limits(limits));
    pair.wire.pump();
    let sender = pair.client.sender(SenderOptions::new("a")).expect("a link");
    let mut done = Task::polled(sender.done());
    pair.wire.advance(Duration::from_millis(6999));
    done.waits();
    pair.wire.advance(Duration::from_millis(1));
    assert_eq!(done.ready().condition(), Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
    let mut incoming = Task::polled(pair.server.incoming());
    let _next = pair.client.receiver(ReceiverOptions::new("next")).expect("a link");
    pair.wire.pump();
    assert!(matches!(incoming.ready(), Some(Incoming::Sender(_))), "the one before is over");
}

/// Links that come and go while nobody asks for them leave nothing behind.
#[test]
fn floods_of_links_leave_nothing() {
    let mut pair = Pair::opened();
    for round in 0..2000 {
        let sender = pair.client.sender(SenderOptions::new("a")).expect("a link");
        let session =
            (round % 10 == 0).then(|| pair.client.session(SessionOptions::default()).expect("a channel"));
        pair.wire.pump();
        pair.wire.written(Side::Client);
        pair.wire.written(Side::Server);
        drop((sender, session));
    }
    pair.wire.pump();
    pair.assert_no_links();
    let last = pair.client.sender(SenderOptions::new("last")).expect("a link");
    assert_eq!(pair.incoming_receiver().target().as_deref(), Some("last"), "and nothing stands in front");
    drop(last);
}

/// An incoming link whose peer has gone meanwhile is accepted and over.
#[test]
fn accepting_what_is_over() {
    let mut pair = Pair::opened();
    let sender = pair.client.sender(SenderOptions::new("a")).expect("a link");
    let [one, other] = [pair.incoming_receiver(), {
        drop(pair.client.receiver(ReceiverOptions::new("gone")));
        drop(sender);
        let again = pair.client.sender(SenderOptions::new("b")).expect("a link");
        let incoming = pair.incoming_receiver();
        drop(again);
        incoming
    }];
    pair.wire.pump();
    for incoming in [one, other] {
        let receiver = incoming.accept();
        assert!(receiver.error().is_some());
        assert!(pair.wire.run(receiver.receive()).is_err());
    }
    pair.assert_no_links();
}

#[test]
fn the_default_session_is_begun_again_when_it_has_ended() {
    let mut pair = Pair::opened();
    let (sender, receiver) = pair.sender(SenderOptions::new("a"), ReceiverOptions::default());
    drop(receiver.session().close());
    pair.wire.pump();
    assert!(sender.error().is_some() && pair.client.error().is_none());
    let (sender, _receiver) = pair.sender(SenderOptions::new("b"), ReceiverOptions::default().prefetch(1));
    pair.wire.run(sender.send_forget(message("m"))).expect("credit");
    // Also where this side ends it, at once.
    drop(sender.session().close());
    let next = pair.client.sender(SenderOptions::new("c"));
    assert!(next.is_ok(), "{next:?}");
}

#[test]
fn modes_are_as_asked_for() {
    let mut pair = Pair::opened();
    let (sender, receiver) = pair.receiver_of_settled();
    let submitted = sender.try_send(message("m")).expect("credit");
    assert_eq!(pair.wire.run(submitted).status(), SentStatus::Accepted);
    assert!(pair.wire.run(receiver.receive()).expect("a message").delivery.is_settled());
}

impl Pair {
    /// The client receives settled deliveries because it asked for them.
    fn receiver_of_settled(&mut self) -> (amqp_endpoint::Sender, amqp_endpoint::Receiver) {
        let (receiver, sender) =
            self.receiver(ReceiverOptions::new("a").at_most_once().prefetch(1), SenderOptions::default());
        self.wire.pump();
        (sender, receiver)
    }
}

/// A server accepts sessions one by one where its options do not accept them all.
#[test]
fn sessions_are_accepted_one_by_one() {
    let mut pair = Pair::new(kit::client_options(), ConnectionOptions::default());
    let sessions = [0, 1].map(|_| pair.client.session(SessionOptions::default()).expect("a channel"));
    match pair.incoming() {
        Incoming::Connection(incoming) => drop(incoming.accept()),
        other => panic!("{other:?}"),
    }
    match pair.incoming() {
        Incoming::Session(incoming) => {
            incoming.reject(amqp_endpoint::codec::Error::new(ErrorCondition::UNAUTHORIZED_ACCESS, "no"))
        }
        other => panic!("{other:?}"),
    }
    match pair.incoming() {
        Incoming::Session(incoming) => drop(incoming.accept()),
        other => panic!("{other:?}"),
    }
    let [refused, accepted] = sessions;
    assert_eq!(
        pair.wire.run(refused.sync()).expect_err("rejected").condition(),
        Some(ErrorCondition::UNAUTHORIZED_ACCESS)
    );
    pair.wire.run(accepted.sync()).expect("accepted");
}
