//! Receives messages from the nodes that URLs name, so many in all.

use std::error::Error;
use std::process::ExitCode;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use adapter_std::{
    Address, Container, Dial, Endpoint, ReceiveError, Received, Receiver, ReceiverOptions, Wait,
};
use clap::{CommandFactory, Parser};

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

fn main() -> Outcome<ExitCode> {
    let arguments = Arguments::parse();
    if arguments.urls.is_empty() {
        eprintln!("No URL provided\n{}", Arguments::command().render_help());
        return Ok(ExitCode::FAILURE);
    }
    let container = Container::new(format!("receive[{}]", std::process::id()));
    let (sink, messages) = sync_channel(1);
    let mut connections = Vec::new();
    for url in arguments.urls {
        let options = ReceiverOptions::new(url.path());
        let options = match arguments.prefetch {
            0 => options.capacity(arguments.count),
            window => options.prefetch(window),
        };
        let connection = container.dial(url).wait()?;
        let (receiver, sink) = (connection.receiver(options)?, sink.clone());
        thread::spawn(move || receive(receiver, sink));
        connections.push(connection);
    }
    drop(sink);
    println!("Listening on {} connections", connections.len());

    for number in 0..arguments.count {
        let Ok(received) = messages.recv() else {
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
        connection.close().wait()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Hands on what a receiver gets, or why it gets no more.
fn receive(receiver: Receiver, sink: SyncSender<Result<Received, ReceiveError>>) {
    loop {
        let received = receiver.receive().wait();
        let over = match &received {
            Ok(_) => false,
            Err(error) if error.closed().is_some_and(|error| error.is_clean()) => return,
            Err(_) => true,
        };
        if sink.send(received).is_err() || over {
            return;
        }
    }
}
