//! Electron's own tests on threads, over TCP. The bodies are those that run on tokio: what differs is how one waits, and
//! how a connection is made.
#![cfg(test)]
#![cfg(feature = "threads")]

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use adapter_std as adapter;
use adapter_std::{Connection, ConnectionOptions, Container, Wait, drive};
use amqp_tests::judge::judged;

/// No test takes so long, unless something waits for good.
const LIMIT: Duration = Duration::from_secs(30);

/// A test.
macro_rules! scenario {
    ($name:ident, { $($body:tt)* }) => {
        #[test]
        fn $name() {
            crate::within_limit(|| {
                $($body)*
                amqp_tests::judge::assert_silent();
            });
        }
    };
}

/// Waits for an operation.
macro_rules! wait {
    ($operation:expr) => {
        $crate::Wait::wait($operation)
    };
}

/// Waits for an operation, for a time; `None` where that was not enough, and the operation is dropped.
macro_rules! wait_for {
    ($operation:expr, $time:expr) => {
        $crate::Wait::wait_timeout($operation, $time).ok()
    };
}

/// Runs statements elsewhere, at the same time; `join!` waits for what they yield.
macro_rules! spawn {
    ({ $($body:tt)* }) => {
        std::thread::spawn(move || { $($body)* })
    };
}
macro_rules! join {
    ($task:expr) => {
        $task.join().expect("no panic")
    };
}

/// Both ends of a connection over TCP: the client's, and the server's, whose open waits for an answer.
macro_rules! pair {
    ($client:expr, $server:expr) => {
        crate::pair($client, $server, |address| address)
    };
    ($client:expr, $server:expr, $relay:expr) => {
        crate::pair($client, $server, $relay)
    };
}

fn pair(
    client: ConnectionOptions,
    server: ConnectionOptions,
    through: impl FnOnce(SocketAddr) -> SocketAddr,
) -> (Connection, Connection) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = through(listener.local_addr().expect("bound"));
    let (client, server) = (Container::new("client").client(client), Container::new("server").server(server));
    let [client, server] = judged(client, server);
    let near = TcpStream::connect(address).expect("connected");
    let (far, _) = listener.accept().expect("accepted");
    (drive(near, client), drive(far, server))
}

/// On a thread of its own, so that one that hangs fails.
fn within_limit(test: impl FnOnce() + Send + 'static) {
    let (done, finished) = mpsc::channel::<()>();
    let running = thread::spawn(move || {
        let _done = done;
        test();
    });
    let answer = finished.recv_timeout(LIMIT);
    assert!(answer != Err(mpsc::RecvTimeoutError::Timeout), "it hangs");
    running.join().expect("no panic");
}

#[macro_use]
#[path = "../../adapter-tokio/tests/electron/words.rs"]
mod words;

#[path = "../../adapter-tokio/tests/electron/interrupts.rs"]
mod interrupts;
#[path = "../../adapter-tokio/tests/electron/messages.rs"]
mod messages;
#[path = "../../adapter-tokio/tests/electron/programs.rs"]
mod programs;
#[path = "../../adapter-tokio/tests/electron/relay.rs"]
mod relay;
#[path = "../../adapter-tokio/tests/electron/settings.rs"]
mod settings;
