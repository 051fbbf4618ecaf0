//! Electron's example: a client sends three messages, a server prints them. Both are in this program.

use std::error::Error;

use adapter_tokio::{
    Connection, ConnectionOptions, Container, Dial, Endpoint, Incoming, Message, Receiver, SenderOptions,
};
use tokio::net::TcpListener;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move {
        let connection = Container::new("server").accept(&listener, ConnectionOptions::default()).await?;
        serve(connection).await
    });
    send_three(&address.to_string()).await?;
    server.await?
}

/// Sends three messages and waits until the server has accepted them.
async fn send_three(address: &str) -> Outcome<()> {
    let connection = Container::new("client").dial(address).await?;
    let sender = connection.sender(SenderOptions::new("hello"))?;
    for number in 0..3 {
        sender.send(Message::value(format!("hello {number}"))).await.accepted()?;
    }
    connection.close().await?;
    Ok(())
}

/// Accepts whatever the client opens, and prints the messages of its sender.
async fn serve(connection: Connection) -> Outcome<()> {
    let mut printing = None;
    while let Some(incoming) = connection.incoming().await {
        match incoming {
            Incoming::Receiver(receiver) => printing = Some(tokio::spawn(print_messages(receiver.accept()))),
            other => other.accept(),
        }
    }
    match printing {
        Some(printing) => printing.await?,
        None => Ok(()),
    }
}

async fn print_messages(receiver: Receiver) -> Outcome<()> {
    loop {
        match receiver.receive().await {
            Ok(received) => {
                println!("server received: {}", received.message.body()?);
                received.delivery.accept();
            }
            Err(error) => {
                println!("server receiver closed: {error}");
                return Ok(());
            }
        }
    }
}
