//! Connections over TCP: dialed, accepted, refused.
#![cfg(test)]

use std::io;
use std::time::Duration;

use adapter_tokio::{
    Connection, ConnectionOptions, Container, Dial, Endpoint, Error, Fault, Incoming, Message, SenderOptions,
    drive,
};
use amqp_tests::judge::{assert_silent, judged_alone};
use amqp_tests::oracle::Side;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// No test takes so long, unless something waits for good.
const LIMIT: Duration = Duration::from_secs(30);

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    (listener, address)
}

/// The bodies that the peer sends until it closes.
async fn serve(connection: Connection) -> Vec<String> {
    let mut bodies = Vec::new();
    while let Some(incoming) = connection.incoming().await {
        match incoming {
            Incoming::Receiver(receiver) => {
                let receiver = receiver.accept();
                while let Ok(received) = receiver.receive().await {
                    bodies.push(received.message.body().expect("it is whole").to_string());
                    received.delivery.accept();
                }
            }
            other => other.accept(),
        }
    }
    bodies
}

/// Sends three messages and closes.
async fn send(client: &Connection) {
    let sender = client.sender(SenderOptions::new("hello")).expect("attached");
    for number in 0..3 {
        sender.send(Message::value(number)).await.accepted().expect("accepted");
    }
    client.close().await.expect("closed");
}

#[tokio::test]
async fn who_dials_is_served() {
    let (listener, address) = listener().await;
    let client = Container::new("client").dial(format!("amqp://{address}/hello")).await.expect("connected");
    let (stream, _) = listener.accept().await.expect("accepted");
    let server = Container::new("server").server(ConnectionOptions::default());
    let server = tokio::spawn(serve(drive(stream, judged_alone(Side::Server, server))));
    timeout(LIMIT, send(&client)).await.expect("it does not hang");
    assert_eq!(server.await.expect("no panic"), ["0", "1", "2"]);
    assert_silent();
}

#[tokio::test]
async fn who_is_accepted_is_served() {
    let (listener, address) = listener().await;
    let container = Container::new("server");
    let early = container.accept(&listener, ConnectionOptions::default());
    assert!(timeout(Duration::from_millis(20), early).await.is_err(), "nobody came");
    let stream = TcpStream::connect(address).await.expect("connected");
    let server = container.accept(&listener, ConnectionOptions::default()).await.expect("accepted");
    let server = tokio::spawn(serve(server));
    let client = Container::new("client").client(ConnectionOptions::default());
    let client = drive(stream, judged_alone(Side::Client, client));
    timeout(LIMIT, send(&client)).await.expect("it does not hang");
    assert_eq!(server.await.expect("no panic"), ["0", "1", "2"]);
    assert_silent();
}

#[tokio::test]
async fn what_cannot_be_reached() {
    let (listener, address) = listener().await;
    drop(listener);
    let dial = async |address: &str| Container::new("client").dial(address).await.map(drop);
    let refused = dial(&address).await.expect_err("nobody listens");
    let Error::Connect { host, error } = &refused else { panic!("{refused}") };
    assert_eq!((host, error.kind()), (&address, io::ErrorKind::ConnectionRefused));
    assert!(refused.is_retryable() && refused.fault() == Fault::Transport, "{refused}");
    let encrypted = dial("amqps://127.0.0.1").await.expect_err("there is no TLS");
    assert!(
        matches!(&encrypted, Error::Connect { error, .. } if error.kind() == io::ErrorKind::InvalidInput)
    );
    for wrong in ["http://127.0.0.1", "127.0.0.1:port"] {
        assert!(matches!(dial(wrong).await, Err(Error::Address(_))), "{wrong}");
    }
}
