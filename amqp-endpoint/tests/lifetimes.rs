//! Every operation and handle dropped in every state: nothing panics, nothing is left.
#![cfg(test)]

mod kit;

use std::any::Any;
use std::io;
use std::time::Duration;

use amqp_endpoint::{
    AnyEndpoint, Completions, Connection, Endpoint, Receiver, ReceiverOptions, Sender, SenderOptions,
    SessionOptions,
};
use kit::{Pair, Side, Task, message};

/// An operation that was made, by the name of its type, polled or not.
trait Operation {
    /// True once it is done.
    fn poll(&mut self) -> bool;
    fn is_woken(&self) -> bool;
}

impl<F: Future> Operation for Task<F> {
    fn poll(&mut self) -> bool {
        Self::poll(self).is_ready()
    }

    fn is_woken(&self) -> bool {
        Self::is_woken(self)
    }
}

/// Both ends of a link on which the client sends, and what their operations need.
struct Scene {
    sender: Sender,
    receiver: Receiver,
    client: Connection,
    server: Connection,
    completions: Completions<u8>,
}

type Make = fn(&Scene) -> Box<dyn Operation>;

fn operation<F: Future + 'static>(operation: F) -> Box<dyn Operation> {
    Box::new(Task::new(operation))
}

/// Every operation that there is.
const OPERATIONS: [(&str, Make); 20] = [
    ("submit", |scene| operation(scene.sender.submit(message("m")))),
    ("send", |scene| operation(scene.sender.send(message("m")))),
    ("send_forget", |scene| operation(scene.sender.send_forget(message("m")))),
    ("send_async", |scene| operation(scene.sender.send_async(message("m"), &scene.completions, 1))),
    ("try_send", |scene| match scene.sender.try_send(message("m")) {
        Ok(submitted) => operation(submitted),
        Err(_) => operation(std::future::ready(())),
    }),
    ("start", |scene| operation(scene.sender.start(message("m")))),
    ("ready", |scene| operation(scene.sender.ready())),
    ("receive", |scene| operation(scene.receiver.receive())),
    ("receive_batch", |scene| operation(scene.receiver.receive_batch(3))),
    ("receive_stream", |scene| operation(scene.receiver.receive_stream())),
    ("settle", |scene| match scene.receiver.try_receive() {
        Ok(Some(received)) => operation(received.delivery.accept()),
        _ => operation(std::future::ready(())),
    }),
    ("drain", |scene| operation(scene.receiver.drain())),
    ("sync", |scene| operation(scene.sender.sync())),
    ("done", |scene| operation(scene.receiver.done())),
    ("session done", |scene| operation(scene.sender.session().done())),
    ("connection done", |scene| operation(scene.client.done())),
    ("completion", |scene| operation(scene.completions.next())),
    ("incoming", |scene| operation(scene.server.incoming())),
    ("close sender", |scene| operation(scene.sender.close())),
    ("close connection", |scene| operation(scene.client.close())),
];

/// How far an operation gets before it is dropped.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Progress {
    Fresh,
    Polled,
    /// The wire was carried: woken where there was a reason.
    Carried,
    /// Polled until it is not woken any more.
    Finished,
}

/// What else happens to the link.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Open,
    Closing,
    Closed,
    PeerDetached,
    SessionEnded,
    ConnectionLost,
    DriverDropped,
}

const PROGRESS: [Progress; 4] = [Progress::Fresh, Progress::Polled, Progress::Carried, Progress::Finished];
const FATES: [Fate; 7] = [
    Fate::Open,
    Fate::Closing,
    Fate::Closed,
    Fate::PeerDetached,
    Fate::SessionEnded,
    Fate::ConnectionLost,
    Fate::DriverDropped,
];

impl Fate {
    fn happens(self, pair: &mut Pair, scene: &Scene) {
        match self {
            Self::Open => {}
            Self::Closing => drop(scene.sender.close()),
            Self::Closed => {
                drop(scene.sender.close());
                pair.wire.pump();
            }
            Self::PeerDetached => {
                // Where the operation has closed it already, it stays closed.
                _ = scene.receiver.detach();
                pair.wire.pump();
            }
            Self::SessionEnded => {
                drop(scene.receiver.session().close());
                pair.wire.pump();
            }
            Self::ConnectionLost => {
                pair.wire.whole = false;
                pair.wire.driver(Side::Client).on_io_error(io::ErrorKind::ConnectionReset.into());
                pair.wire.pump();
            }
            Self::DriverDropped => drop(pair.wire.take_driver(Side::Client)),
        }
    }
}

/// `before`: the link's fate comes before the operation is made.
fn one(make: Make, progress: Progress, fate: Fate, before: bool, messages: bool) {
    let mut pair = Pair::opened();
    // With messages there is credit, and something for every operation; without, all of them wait.
    let credit = if messages { 10 } else { 0 };
    let (sender, receiver) =
        pair.sender(SenderOptions::new("a"), ReceiverOptions::default().prefetch(credit));
    pair.wire.pump();
    let (client, server) = (pair.client.clone(), pair.server.clone());
    let scene = Scene { sender, receiver, client, server, completions: Completions::new() };
    if messages {
        for _ in 0..2 {
            drop(scene.sender.try_send(message("m")).expect("credit"));
        }
        pair.wire.run(scene.sender.send_async(message("m"), &scene.completions, 0)).expect("credit");
        pair.wire.pump();
        drop(scene.receiver.try_receive().expect("open").expect("a message").delivery.accept());
    }
    if before {
        fate.happens(&mut pair, &scene);
    }
    let mut operation = make(&scene);
    if progress != Progress::Fresh {
        operation.poll();
    }
    if !before {
        fate.happens(&mut pair, &scene);
    }
    if matches!(progress, Progress::Carried | Progress::Finished) {
        pair.wire.pump();
    }
    if progress == Progress::Finished {
        for _ in 0..10 {
            if operation.is_woken() {
                operation.poll();
            }
            pair.wire.pump();
        }
    }
    drop(operation);
    pair.wire.pump();
    drop(scene);
    pair.wire.pump();
    pair.wire.advance(Duration::from_secs(10));
    pair.assert_no_links();
    let Pair { mut wire, client, server } = pair;
    drop((client, server));
    wire.pump();
    wire.advance(Duration::from_secs(60));
    assert!(wire.is_finished(Side::Client) && wire.is_finished(Side::Server));
}

#[test]
fn every_operation_dropped_in_every_state() {
    for (name, make) in OPERATIONS {
        for progress in PROGRESS {
            for fate in FATES {
                for (before, messages) in [(false, false), (false, true), (true, false), (true, true)] {
                    let _shown =
                        Shown(format!("{name} {progress:?} {fate:?} before: {before} messages: {messages}"));
                    one(make, progress, fate, before, messages);
                }
            }
        }
    }
}

/// Says what was tried when it fails.
struct Shown(String);

impl Drop for Shown {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("with {}", self.0);
        }
    }
}

/// Every order of `n` things.
fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(n - 1);
    let put = |order: &Vec<usize>, at: usize| {
        let mut order = order.clone();
        order.insert(at, n - 1);
        order
    };
    shorter.iter().flat_map(|order| (0..n).map(|at| put(order, at)).collect::<Vec<_>>()).collect()
}

/// Handles of all kinds dropped in every order, carried in between or not: everything closes in the end.
#[test]
fn handles_dropped_in_every_order() {
    for carried in [true, false] {
        for order in orders(6) {
            let _shown = Shown(format!("{order:?} carried: {carried}"));
            let mut pair = Pair::opened();
            let session = pair.client.session(SessionOptions::default()).expect("a channel");
            let sender = session.sender(SenderOptions::new("a")).expect("a handle");
            let receiver = pair.incoming_receiver().accept_with(ReceiverOptions::default().prefetch(2));
            pair.wire.pump();
            let submitted = sender.try_send(message("m")).expect("credit");
            let delivery = pair.wire.run(receiver.receive()).expect("a message").delivery;
            let Pair { mut wire, client, server } = pair;
            let server_counters = server.clone();
            let handles: [Box<dyn Any>; 6] = [
                Box::new(client),
                Box::new(session),
                Box::new(sender),
                Box::new(submitted),
                Box::new((receiver, server)),
                Box::new(delivery),
            ];
            let mut handles = handles.map(Some);
            for at in &order {
                drop(handles[*at].take());
                if carried {
                    wire.pump();
                }
            }
            wire.pump();
            assert_eq!(server_counters.counters().incoming, 0);
            drop(server_counters);
            wire.pump();
            assert!(wire.is_finished(Side::Client) && wire.is_finished(Side::Server));
            wire.oracle.finish();
        }
    }
}

/// The same with the receiving end at the client, whose default session has no handle that keeps it.
#[test]
fn handles_of_the_default_session_dropped_in_every_order() {
    for order in orders(5) {
        let _shown = Shown(format!("{order:?}"));
        let mut pair = Pair::opened();
        let (receiver, sender) =
            pair.receiver(ReceiverOptions::new("a").prefetch(3), SenderOptions::default());
        pair.wire.pump();
        for _ in 0..2 {
            drop(sender.try_send(message("m")).expect("credit"));
        }
        let delivery = pair.wire.run(receiver.receive()).expect("a message").delivery;
        let waits = Task::polled(sender.done());
        let Pair { mut wire, client, server } = pair;
        let handles: [Box<dyn Any>; 5] = [
            Box::new(client),
            Box::new(receiver),
            Box::new((sender, server)),
            Box::new(delivery),
            Box::new(waits),
        ];
        let mut handles = handles.map(Some);
        for at in order {
            drop(handles[at].take());
            wire.pump();
        }
        assert!(wire.is_finished(Side::Client) && wire.is_finished(Side::Server));
        wire.oracle.finish();
    }
}

/// A handle of any kind is the same endpoint.
#[test]
fn any_endpoint_keeps_what_it_names() {
    let mut pair = Pair::opened();
    let (sender, receiver) = pair.sender(SenderOptions::new("a"), ReceiverOptions::default());
    let any = AnyEndpoint::from(sender);
    pair.wire.pump();
    assert!(receiver.error().is_none());
    drop(any);
    pair.wire.pump();
    assert!(receiver.error().is_some_and(|error| error.is_clean()));
}
