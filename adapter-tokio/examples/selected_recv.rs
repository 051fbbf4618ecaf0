//! Receives only the messages that a selector lets pass, from a broker that knows selectors.

use std::error::Error;

use adapter_tokio::codec::Fields;
use adapter_tokio::{
    Address, Connection, Container, Dial, Endpoint, Message, ReceiverOptions, SenderOptions, Symbol, Value,
};
use clap::Parser;

/// Sends messages that are red or green, and receives the green ones
#[derive(Parser)]
#[command(name = "selected_recv")]
struct Arguments {
    /// Messages to send
    #[arg(long, default_value_t = 5)]
    count: u32,
    /// Where to send to and to receive from
    #[arg(long, default_value = "/examples")]
    url: Address,
}

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let Arguments { count, url } = Arguments::parse();
    let path = url.path().to_owned();
    let container = Container::new(format!("selected_recv[{}]", std::process::id()));
    let connection = container.dial(url).await?;
    send(&connection, &path, count).await?;
    receive(&connection, &path, count / 2).await?;
    connection.close().await?;
    Ok(())
}

/// Sends the numbers below `count`: the even ones are red, the odd ones green.
async fn send(connection: &Connection, path: &str, count: u32) -> Outcome<()> {
    let sender = connection.sender(SenderOptions::new(path))?;
    for number in 0..count {
        let colour = if number % 2 == 0 { "red" } else { "green" };
        sender.send(Message::value(number).property("colour", colour)).await.accepted()?;
    }
    sender.close().await?;
    Ok(())
}

/// Receives `count` of the green ones.
async fn receive(connection: &Connection, path: &str, count: u32) -> Outcome<()> {
    let kind = Symbol::from_static("apache.org:selector-filter:string");
    let green = Value::described(kind, "colour = 'green'");
    let filter = Fields::from([(Symbol::from_static("selector"), green)]);
    let receiver = connection.receiver(ReceiverOptions::new(path).filter(filter))?;
    for _ in 0..count {
        let received = receiver.receive().await?;
        println!("{}", received.message.body()?);
        received.delivery.accept();
    }
    receiver.close().await?;
    Ok(())
}
