//! Electron's own tests on tokio, over TCP. The bodies are in `electron/`, and the threads run the same ones: what differs
//! is how one waits, and how a connection is made.
#![cfg(test)]

use std::time::Duration;

use adapter_tokio as adapter;
use adapter_tokio::{Connection, ConnectionOptions, Container, drive};
use amqp_tests::judge::judged;
use tokio::net::{TcpListener, TcpStream};

/// No test takes so long, unless something waits for good.
const LIMIT: Duration = Duration::from_secs(30);

/// A test.
macro_rules! scenario {
    ($name:ident, { $($body:tt)* }) => {
        #[tokio::test]
        async fn $name() {
            tokio::time::timeout(crate::LIMIT, async { $($body)* }).await.expect("it does not hang");
            amqp_tests::judge::assert_silent();
        }
    };
}

/// Waits for an operation.
macro_rules! wait {
    ($operation:expr) => {
        $operation.await
    };
}

/// Waits for an operation, for a time; `None` where that was not enough, and the operation is dropped.
macro_rules! wait_for {
    ($operation:expr, $time:expr) => {
        tokio::time::timeout($time, $operation).await.ok()
    };
}

/// Runs statements elsewhere, at the same time; `join!` waits for what they yield.
macro_rules! spawn {
    ({ $($body:tt)* }) => {
        tokio::spawn(async move { $($body)* })
    };
}
macro_rules! join {
    ($task:expr) => {
        $task.await.expect("no panic")
    };
}

/// Both ends of a connection over TCP: the client's, and the server's, whose open waits for an answer.
macro_rules! pair {
    ($client:expr, $server:expr) => {
        crate::pair($client, $server, |address| address).await
    };
    ($client:expr, $server:expr, $relay:expr) => {
        crate::pair($client, $server, $relay).await
    };
}

async fn pair(
    client: ConnectionOptions,
    server: ConnectionOptions,
    through: impl FnOnce(std::net::SocketAddr) -> std::net::SocketAddr,
) -> (Connection, Connection) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = through(listener.local_addr().expect("bound"));
    let (client, server) = (Container::new("client").client(client), Container::new("server").server(server));
    let [client, server] = judged(client, server);
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    (drive(near.expect("connected"), client), drive(far.expect("accepted").0, server))
}

#[macro_use]
#[path = "electron/words.rs"]
mod words;

#[path = "electron/interrupts.rs"]
mod interrupts;
#[path = "electron/messages.rs"]
mod messages;
#[path = "electron/programs.rs"]
mod programs;
#[path = "electron/relay.rs"]
mod relay;
#[path = "electron/settings.rs"]
mod settings;
