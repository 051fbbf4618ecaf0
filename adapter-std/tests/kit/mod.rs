//! What the tests share: connected ends under the wire oracle, a stream in memory, and a limit of time.

#![allow(dead_code, reason = "every test file uses a part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is test code")]

pub(crate) mod pipe;

use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use adapter_std::{
    Connection, ConnectionOptions, Container, Endpoint, Incoming, Receiver, ReceiverOptions, Sender,
    SenderOptions, Stream, Wait, drive,
};
use amqp_tests::judge::{assert_silent, judged, judged_alone};
use amqp_tests::oracle::Side;

/// No test takes so long, unless something waits for good.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Runs a test of connections, which fails where it hangs, and where one of them breaks a rule of the protocol.
pub(crate) fn limited(test: impl FnOnce() + Send + 'static) {
    in_time(|| {
        test();
        assert_silent();
    });
}

/// Runs a test, which fails where it hangs.
pub(crate) fn in_time(test: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let test = thread::spawn(move || {
        test();
        done.send(()).unwrap();
    });
    if ended.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
        panic!("it hangs");
    }
    if let Err(panic) = test.join() {
        std::panic::resume_unwind(panic);
    }
}

/// A listener, and where it is.
pub(crate) fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// Both ends of a TCP connection.
pub(crate) fn tcp() -> (TcpStream, TcpStream) {
    let (listener, address) = listener();
    let client = TcpStream::connect(address).unwrap();
    (client, listener.accept().unwrap().0)
}

/// Client and server over both ends of a stream, once they are open.
pub(crate) fn connect<S: Stream>(
    (client, server): (S, S),
    options: ConnectionOptions,
) -> (Connection, Connection) {
    let near = Container::new("client").client(options.clone().allow_incoming(true));
    let far = Container::new("server").server(options.accept_connection(true));
    let [near, far] = judged(near, far);
    let (client, server) = (drive(client, near), drive(server, far));
    client.sync().wait().unwrap();
    (client, server)
}

/// A client whose peer is somebody else.
pub(crate) fn client(stream: impl Stream, options: ConnectionOptions) -> Connection {
    drive(stream, judged_alone(Side::Client, Container::new("client").client(options)))
}

/// A server whose peer is somebody else.
pub(crate) fn server(stream: impl Stream, options: ConnectionOptions) -> Connection {
    drive(stream, judged_alone(Side::Server, Container::new("server").server(options)))
}

/// A link from `from` to `to`, open and with credit.
pub(crate) fn link(from: &Connection, to: &Connection, options: ReceiverOptions) -> (Sender, Receiver) {
    let sender = from.sender(SenderOptions::new("link")).unwrap();
    let receiver = loop {
        match to.incoming().wait().expect("open") {
            Incoming::Receiver(receiver) => break receiver.accept_with(options),
            other => other.accept(),
        }
    };
    sender.sync().wait().unwrap();
    sender.ready().wait().unwrap();
    (sender, receiver)
}
