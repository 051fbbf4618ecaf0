//! Receives messages from the nodes that URLs name, so many in all.

use std::error::Error;
use std::process::ExitCode;

use adapter_tokio::{Address, Container, Dial, Endpoint, ReceiveError, Received, Receiver, ReceiverOptions};
use clap::{CommandFactory, Parser};
use tokio::sync::mpsc;

/// Receives messages from URLs, such as amqp://127.0.0.1:5672/examples, and accepts them
#[derive(Parser)]
#[command(name = "receive")]
struct Arguments {
    /// Where to receive from
    #[arg(value_name = "URL")]
    urls: Vec<Address>,
    /// Messages to receive in all
    #[arg(long, default_value_t = 1)]
    count: u32,
    /// Messages that may be on their way from each URL; 0: one when it is wanted
    #[arg(long, default_value_t = 0)]
    prefetch: u32,
    /// Show the messages
    #[arg(long)]
    debug: bool,
}

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<ExitCode> {
    let arguments = Arguments::parse();
    if arguments.urls.is_empty() {
        eprintln!("No URL provided\n{}", Arguments::command().render_help());
        return Ok(ExitCode::FAILURE);
    }
    let container = Container::new(format!("receive[{}]", std::process::id()));
    let (sink, mut messages) = mpsc::channel(1);
    let mut connections = Vec::new();
    for url in arguments.urls {
        let options = ReceiverOptions::new(url.path());
        let options = match arguments.prefetch {
            0 => options.capacity(arguments.count),
            window => options.prefetch(window),
        };
        let connection = container.dial(url).await?;
        tokio::spawn(receive(connection.receiver(options)?, sink.clone()));
        connections.push(connection);
    }
    drop(sink);
    println!("Listening on {} connections", connections.len());

    for number in 0..arguments.count {
        let Some(received) = messages.recv().await else {
            return Err(format!("all connections are closed after {number} messages").into());
        };
        let Received { message, delivery } = received?;
        if arguments.debug {
            eprintln!("received: {}", message.body()?);
        }
        delivery.accept();
    }
    // What was received in excess is dropped, which releases it.
    drop(messages);
    println!("Received {} messages", arguments.count);
    for connection in connections {
        connection.close().await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Hands on what a receiver gets, or why it gets no more.
async fn receive(receiver: Receiver, sink: mpsc::Sender<Result<Received, ReceiveError>>) {
    loop {
        let received = receiver.receive().await;
        let over = match &received {
            Ok(_) => false,
            Err(error) if error.closed().is_some_and(|error| error.is_clean()) => return,
            Err(_) => true,
        };
        if sink.send(received).await.is_err() || over {
            return;
        }
    }
}
