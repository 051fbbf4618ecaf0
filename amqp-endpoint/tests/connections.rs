//! How connections open, authenticate and end, and what their errors say.
#![cfg(test)]

mod kit;

use std::io;
use std::time::Duration;

use amqp_endpoint::codec::{Close, Error as Condition, ErrorCondition, Open, SaslCode};
use amqp_endpoint::{
    Cause, ConnectionOptions, Credentials, Endpoint, EndpointState, Error, Exhausted, Fault, Incoming,
    Limits, ReceiverOptions, SaslServer, Scope, SenderOptions, SentStatus, SessionOptions, StateError,
    Symbol,
};
use kit::{Pair, Side, Task, message};

fn broken() -> Condition {
    Condition::new(ErrorCondition::INTERNAL_ERROR, "broken")
}

fn plain() -> SaslServer {
    SaslServer::new([Symbol::from_static("PLAIN")]).allow_insecure()
}

fn authenticating() -> Pair {
    let client = kit::client_options().credentials(Credentials::plain_insecure("fred", "secret"));
    let mut pair = Pair::new(client, kit::server_options().sasl(plain()));
    pair.wire.pump();
    pair
}

#[test]
fn plain_is_asked_and_accepted() {
    let mut pair = authenticating();
    assert_eq!(pair.client.user().as_deref(), Some("fred"));
    let Incoming::Authentication(asked) = pair.incoming() else { panic!("not asked") };
    let login = asked.request().and_then(|request| request.plain()).expect("PLAIN");
    assert_eq!((login.user.as_str(), login.password.as_str()), ("fred", "secret"));
    assert_eq!(pair.client.state(), EndpointState::Opening, "not before it is answered");
    asked.accept().expect("it waits");
    pair.wire.run(pair.client.sync()).expect("it opens");
    assert_eq!(pair.server.user().as_deref(), Some("fred"));
    pair.finish();
}

#[test]
fn plain_is_asked_and_rejected() {
    for drops in [true, false] {
        let mut pair = authenticating();
        let mut sync = Task::polled(pair.client.sync());
        let Incoming::Authentication(asked) = pair.incoming() else { panic!("not asked") };
        if drops {
            drop(asked);
        } else {
            asked.reject(SaslCode::Auth).expect("it waits");
        }
        pair.wire.pump();
        let error = sync.ready().expect_err("it is rejected");
        assert!(matches!(
            error.close_reason().map(|it| it.cause().clone()),
            Some(Cause::Sasl(Some(SaslCode::Auth)))
        ));
        assert_eq!((error.fault(), error.is_retryable()), (Fault::Local, false));
        assert_eq!(error.condition(), Some(ErrorCondition::UNAUTHORIZED_ACCESS));
        assert_ne!(pair.server.user().as_deref(), Some("fred"));
        assert!(pair.wire.is_finished(Side::Client) && pair.wire.is_finished(Side::Server));
    }
}

/// What a client says of itself the server can read, and the other way round.
#[test]
fn what_the_opens_say() {
    let client = kit::client_options().virtual_host("example.org").heartbeat(Duration::from_secs(5));
    let mut pair = Pair::new(client, ConnectionOptions::default());
    pair.wire.pump();
    let Incoming::Connection(incoming) = pair.incoming() else { panic!("not asked") };
    assert_eq!(incoming.virtual_host().as_deref(), Some("example.org"));
    assert_eq!(incoming.remote().map(|open| open.container_id.to_string()).as_deref(), Some("client"));
    assert!(incoming.heartbeat().is_some());
    let options = ConnectionOptions::default().container_id("ignored").max_frame_size(1000_u32);
    let server = incoming.accept_with(options);
    pair.wire.run(pair.client.sync()).expect("it opens");
    let opens = pair.wire.written_of::<Open>(Side::Server);
    assert!(matches!(&opens[..], [open] if open.container_id == "server" && open.max_frame_size == 1000));
    assert_eq!(server.virtual_host().as_deref(), Some("example.org"));
    assert_eq!((pair.client.user(), server.user()), (Some("anonymous".into()), Some("anonymous".into())));
}

#[test]
fn everything_ends_with_its_connection() {
    for error in [None, Some(broken())] {
        let mut pair = Pair::opened();
        let (sender, receiver) = pair.sender(SenderOptions::new("a"), ReceiverOptions::default());
        let session = pair.client.session(SessionOptions::default()).expect("a channel");
        pair.wire.pump();
        let mut dones = [
            Task::polled(pair.client.done()),
            Task::polled(session.done()),
            Task::polled(sender.done()),
            Task::polled(pair.server.done()),
            Task::polled(receiver.done()),
        ];
        let mut incoming = Task::polled(pair.server.incoming());
        let mut receive = Task::polled(receiver.receive());
        let mut close = Task::new(match &error {
            None => pair.client.close(),
            Some(error) => pair.client.close_with(error.clone()),
        });
        assert_eq!(pair.client.state(), EndpointState::Closing);
        pair.wire.finish(&mut close).expect("it ends as it was asked to");
        assert!(incoming.ready().is_none());
        let told = receive.ready().expect_err("it is over");
        for over in dones.iter_mut().map(Task::ready).chain(told.closed().cloned()) {
            assert_eq!((over.is_clean(), over.error().map(|it| *it)), (error.is_none(), error.clone()));
            assert_eq!(over.scope(), Some(Scope::Connection));
            assert_eq!(over.to_string() == "EOF", error.is_none(), "{over}");
        }
        assert!(pair.client.session(SessionOptions::default()).is_err());
        let written = pair.wire.written_of::<Close>(Side::Client);
        assert_eq!(written.into_iter().map(|close| close.error).collect::<Vec<_>>(), [error]);
    }
}

#[test]
fn disconnected_at_once() {
    for error in [None, Some(broken())] {
        let mut pair = Pair::opened();
        let (sender, receiver) = pair.sender(SenderOptions::new("a"), ReceiverOptions::default().prefetch(1));
        pair.wire.pump();
        let sent = sender.try_send(message("m")).expect("credit");
        pair.wire.flush(Side::Client);
        pair.wire.whole = false;
        let mut done = Task::polled(sender.done());
        pair.client.disconnect(error.clone());
        let over = done.ready();
        assert!(matches!(&over, Error::Disconnected(it) if it.as_deref() == error.as_ref()), "{over}");
        assert_eq!(over.is_clean(), error.is_none());
        assert_eq!(over.fault(), if error.is_none() { Fault::Nobody } else { Fault::Local });
        assert_eq!(pair.wire.run(sent).status(), SentStatus::Unacknowledged);
        assert!(pair.wire.is_finished(Side::Client));
        pair.wire.pump();
        assert_eq!(pair.wire.written_of::<Close>(Side::Client), [], "not a word to the peer");
        let lost = receiver.error().expect("the transport was lost");
        assert_eq!((lost.fault(), lost.is_retryable()), (Fault::Transport, true));
        // Again is nothing.
        pair.client.disconnect(Some(broken()));
        assert_eq!(sender.error().is_some_and(|error| error.is_clean()), error.is_none());
    }
}

/// The transport may fail at any point; afterwards there is nothing to write and the driver is done.
#[test]
fn a_failed_transport_finishes_the_driver() {
    type Act = fn(&mut Pair);
    let before: [(&str, Act); 6] = [
        ("fresh", |_| {}),
        ("opened", |pair| pair.wire.pump()),
        ("closing", |pair| {
            pair.wire.pump();
            drop(pair.client.close());
        }),
        ("close written", |pair| {
            pair.wire.pump();
            drop(pair.client.close());
            pair.wire.flush(Side::Client);
        }),
        ("close received", |pair| {
            pair.wire.pump();
            drop(pair.server.close());
            pair.wire.flush(Side::Server);
            pair.wire.deliver(Side::Client);
        }),
        ("message written", |pair| {
            pair.wire.pump();
            drop(pair.client.sender(SenderOptions::new("a")));
        }),
    ];
    for (name, act) in before {
        let mut pair = Pair::new(kit::client_options(), kit::server_options());
        act(&mut pair);
        pair.wire.whole = false;
        let now = pair.wire.now;
        let driver = pair.wire.driver(Side::Client);
        driver.on_io_error(io::Error::new(io::ErrorKind::ConnectionReset, "reset"));
        assert!(driver.is_finished(), "{name}");
        assert_eq!((driver.next_write(now), driver.deadline()), (None, None), "{name}");
        let error = pair.client.error().expect("it is over");
        if matches!(name, "fresh" | "opened" | "message written") {
            assert!(matches!(&error, Error::Lost { .. }), "{name}: {error}");
            assert!(error.to_string().ends_with(": reset"), "{error}");
            assert_eq!((error.fault(), error.is_retryable()), (Fault::Transport, true));
        }
    }
}

/// §2.4.6: who has closed hears no more, and the other still answers.
#[test]
fn a_peer_that_closes_and_leaves_is_clean() {
    let mut pair = Pair::opened();
    drop(pair.server.close());
    pair.wire.flush(Side::Server);
    pair.wire.deliver(Side::Client);
    let now = pair.wire.now;
    pair.wire.driver(Side::Client).on_eof(now);
    assert!(pair.client.error().is_some_and(|error| error.is_clean()));
    assert!(!pair.wire.is_finished(Side::Client), "the answer is to be written");
    pair.wire.pump();
    assert!(pair.wire.is_finished(Side::Client) && pair.wire.is_finished(Side::Server));
    assert!(pair.server.error().is_some_and(|error| error.is_clean()));
}

#[test]
fn a_handshake_has_a_deadline() {
    let limits = Limits::default().handshake(Duration::from_secs(2));
    let mut pair = Pair::new(kit::client_options().limits(limits), kit::server_options());
    pair.wire.stall(Side::Server, true);
    let mut sync = Task::polled(pair.client.sync());
    pair.wire.advance(Duration::from_millis(1999));
    sync.waits();
    pair.wire.advance(Duration::from_millis(1));
    let error = sync.ready().expect_err("nobody answered");
    assert_eq!((error.fault(), error.is_retryable()), (Fault::Transport, true));
}

/// A connection is over after `Limits::close` at the latest, also where its octets do not get away.
#[test]
fn a_close_has_a_deadline_where_nothing_can_be_written() {
    let mut pair = Pair::opened();
    let (sender, _receiver) = pair.sender(SenderOptions::new("a"), ReceiverOptions::default().prefetch(100));
    pair.wire.pump();
    pair.wire.whole = false;
    for _ in 0..10 {
        drop(sender.try_send(message("x".repeat(20_000))).expect("credit"));
    }
    let driver = pair.wire.take_driver(Side::Client);
    let now = pair.wire.now;
    assert!(driver.next_write(now).is_some(), "and the socket takes nothing of it");
    let mut done = Task::polled(pair.client.close());
    let mut now = now;
    while let Some(deadline) = driver.deadline().filter(|_| !done.is_woken()) {
        now = deadline;
        driver.on_deadline(now);
    }
    assert!(now <= pair.wire.now + Duration::from_secs(10), "{now:?}");
    _ = done.ready();
}

/// Every kind of error: whose fault, whether to try again, its condition, whether it is clean.
#[test]
fn what_errors_say() {
    let mut pair = Pair::opened();
    let (sender, receiver) = pair.sender(SenderOptions::new("a"), ReceiverOptions::default());
    drop(receiver.close_with(broken()));
    pair.wire.pump();
    let (local, remote) = (receiver.error().expect("closed"), sender.error().expect("closed"));
    let again = Condition::new(ErrorCondition::DETACH_FORCED, "later");
    let (sender, receiver) = pair.sender(SenderOptions::new("a"), ReceiverOptions::default());
    drop(receiver.close_with(again));
    pair.wire.pump();
    let forced = sender.error().expect("closed");
    let (sender, receiver) = pair.sender(SenderOptions::new("a"), ReceiverOptions::default());
    drop(receiver.close());
    pair.wire.pump();
    let clean = sender.error().expect("closed");
    let connect = Error::Connect {
        host: "example.org:5672".into(),
        error: io::Error::from(io::ErrorKind::TimedOut).into(),
    };
    let internal = Some(ErrorCondition::INTERNAL_ERROR);
    let table = [
        (local, Fault::Local, false, internal.clone(), Some(Scope::Link)),
        (remote, Fault::Peer, false, internal, Some(Scope::Link)),
        (forced, Fault::Peer, true, Some(ErrorCondition::DETACH_FORCED), Some(Scope::Link)),
        (clean, Fault::Nobody, false, None, Some(Scope::Link)),
        (connect, Fault::Transport, true, None, None),
        (Error::Exhausted(Exhausted::Name), Fault::Local, false, None, None),
        (Error::State(StateError::Closed), Fault::Local, false, None, None),
        (Error::Disconnected(None), Fault::Nobody, false, None, Some(Scope::Connection)),
    ];
    for (error, fault, retry, condition, scope) in table {
        let told = (error.fault(), error.is_retryable(), error.condition(), error.scope());
        assert_eq!(told, (fault, retry, condition, scope), "{error}");
        assert_eq!(error.is_clean(), fault == Fault::Nobody, "{error}");
        assert_eq!(error.is_clean(), error.to_string() == "EOF", "{error}");
    }
}

/// A session that ends takes its links with it and nothing else, and says that it was the session.
#[test]
fn a_session_ends_with_its_links() {
    let mut pair = Pair::opened();
    let (other, _other_end) = pair.sender(SenderOptions::new("other"), ReceiverOptions::default());
    let session = pair.client.session(SessionOptions::default()).expect("a channel");
    let sender = session.sender(SenderOptions::new("a")).expect("a handle");
    let receiver = pair.incoming_receiver().accept();
    pair.wire.pump();
    drop(receiver.session().close_with(broken()));
    pair.wire.pump();
    let error = sender.error().expect("its session ended");
    assert_eq!(
        (error.scope(), error.condition()),
        (Some(Scope::Session), Some(ErrorCondition::INTERNAL_ERROR))
    );
    assert!(other.error().is_none() && pair.client.error().is_none());
    assert!(session.sender(SenderOptions::new("late")).is_err());
    drop((sender, receiver, session));
    pair.finish_with(other);
}

impl Pair {
    fn finish_with<T>(self, handles: T) {
        drop(handles);
        let Self { mut wire, client, server } = self;
        wire.pump();
        drop((client, server));
        wire.pump();
    }
}
