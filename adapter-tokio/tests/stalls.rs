//! Transports that stand still: the task of a connection ends all the same, and does not turn in vain.
#![cfg(test)]

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use adapter_tokio::{
    Connection, ConnectionOptions, Container, Endpoint, Error, Incoming, Message, Receiver, ReceiverOptions,
    Sender, SenderOptions, SessionOptions, drive,
};
use amqp_tests::judge::{assert_silent, judged};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, duplex};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// A client whose sender has credit, on a runtime of its own, and a server that has stopped: its runtime is not turned.
struct Stalled {
    client: Connection,
    sender: Sender,
    own: Runtime,
    _server: (Connection, Receiver, Runtime),
}

fn stalled() -> Stalled {
    let (own, other) = (runtime(), runtime());
    let (near, far) = duplex(4096);
    let mut options = ConnectionOptions::default();
    options.limits.close = Duration::from_millis(100);
    options.limits.write_stall = Duration::from_millis(300);
    let client = Container::new("client").client(options);
    let options = ConnectionOptions::default().accept_connection(true);
    let server = Container::new("server").server(options.accept_sessions(SessionOptions::default()));
    let [client, server] = judged(client, server);
    let client = own.block_on(async { drive(near, client) });
    let server = other.block_on(async { drive(far, server) });
    let sender = client.sender(SenderOptions::new("node")).expect("a sender");
    let (stop, stopped) = oneshot::channel();
    let serving = std::thread::spawn(move || {
        let receiver = other.block_on(async {
            match server.incoming().await {
                Some(Incoming::Receiver(link)) => {
                    let receiver = link.accept_with(ReceiverOptions::default().prefetch(1000));
                    stopped.await.expect("the client has its credit");
                    receiver
                }
                incoming => panic!("{incoming:?}"),
            }
        });
        (server, receiver, other)
    });
    own.block_on(sender.ready()).expect("credit");
    stop.send(()).expect("it serves");
    Stalled { client, sender, own, _server: serving.join().expect("it serves") }
}

impl Stalled {
    /// More than the transport and the task hold.
    fn fill(&self) {
        for _ in 0..20 {
            drop(self.sender.try_send(Message::data(vec![0; 10_000])));
        }
        self.own.block_on(tokio::task::yield_now());
    }

    /// Turns the runtime until its tasks have ended.
    fn ends(&self) {
        let ended = async {
            while self.own.metrics().num_alive_tasks() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let ended = self.own.block_on(async { tokio::time::timeout(Duration::from_secs(20), ended).await });
        ended.expect("the task goes on for ever");
        assert_silent();
    }
}

#[test]
fn a_connection_that_is_cut_off_ends_at_once() {
    let stalled = stalled();
    stalled.fill();
    stalled.client.disconnect(None);
    stalled.ends();
}

#[test]
fn a_close_that_nobody_reads_is_no_success() {
    let stalled = stalled();
    stalled.fill();
    let closed = stalled.own.block_on(stalled.client.close());
    assert!(closed.expect_err("nothing was read").is_retryable());
    stalled.ends();
}

#[test]
fn a_peer_that_does_not_read_is_given_up() {
    let stalled = stalled();
    stalled.fill();
    let error = stalled.own.block_on(async {
        let done = tokio::time::timeout(Duration::from_secs(20), stalled.client.done());
        done.await.expect("it is held up for ever")
    });
    assert!(matches!(error, Error::Closed(_)), "{error}");
    assert!(error.is_retryable());
    stalled.ends();
}

/// A stream whose shutdown never ends.
struct Unending<S>(S);

impl<S: AsyncRead + Unpin> AsyncRead for Unending<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Unending<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

#[test]
fn a_shutdown_that_hangs_is_not_waited_for() {
    let own = runtime();
    let (near, far) = duplex(4096);
    let client = Container::new("client").client(ConnectionOptions::default());
    let server = Container::new("server").server(ConnectionOptions::default().accept_connection(true));
    let [client, server] = judged(client, server);
    own.block_on(async {
        let (client, server) = (drive(Unending(near), client), drive(Unending(far), server));
        client.sync().await.expect("open");
        client.close().await.expect("closed");
        server.done().await;
        let ended = async {
            while tokio::runtime::Handle::current().metrics().num_alive_tasks() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), ended).await.expect("the tasks go on for ever");
    });
    assert_silent();
}
