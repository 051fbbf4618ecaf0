//! A broker: queues in memory, made when they are first asked for.
//!
//! A message is accepted once it is in its queue. A full queue takes no more, so its producers get no more credit. A
//! consumer gets a message only when it has credit for it, and the queue gets back what it does not accept. Durable
//! messages are rejected, because nothing is kept when the broker ends.

pub(crate) mod broker;
mod queue;
mod queues;
mod selector;

use std::error::Error;
use std::process;
use std::time::Duration;

use adapter_tokio::codec::{Error as Condition, ErrorCondition};
use adapter_tokio::{Connection, Container, Dial, Endpoint, Incoming, ReceiveError, Received, Receiver};
use clap::Parser;
use tokio::net::TcpListener;

use broker::{Arguments, Broker};
use queue::Consumer;
use queues::Link;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let broker = Broker::new(Arguments::parse());
    let listener = TcpListener::bind(broker.address()).await?;
    println!("Listening on {}", listener.local_addr()?);
    run(broker, listener).await
}

/// Accepts clients.
async fn run(broker: Broker, listener: TcpListener) -> ! {
    let container = Container::new(format!("broker[{}]", process::id()));
    loop {
        match container.accept(&listener, Broker::options()).await {
            Ok(connection) => drop(tokio::spawn(serve(broker.clone(), connection))),
            Err(error) => {
                // A client that is gone already, or too many files: both pass.
                eprintln!("cannot accept: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Answers what a client opens.
pub(crate) async fn serve(broker: Broker, connection: Connection) {
    while let Some(incoming) = connection.incoming().await {
        match incoming {
            Incoming::Sender(link) => {
                if let Some((queue, consumer)) = broker.consumer(link) {
                    tokio::spawn(send(queue, consumer));
                }
            }
            Incoming::Receiver(link) => {
                if let Some((queue, receiver)) = broker.producer(link) {
                    tokio::spawn(receive(broker.clone(), queue, receiver));
                }
            }
            other => other.accept(),
        }
    }
    broker.log(format_args!("a client has gone: {}", connection.done().await));
}

/// Sends a consumer what its queue has for it.
async fn send(queue: Link, consumer: Consumer) {
    // Credit comes first: a message in the hands of a consumer that is slow would be missing for the others.
    while consumer.sender.ready().await.is_ok() {
        if let Some(message) = queue.take(&consumer).await {
            queue.send(&consumer, message);
        }
    }
}

/// Puts what a producer sends into its queue, or where each message says.
async fn receive(broker: Broker, queue: Option<Link>, receiver: Receiver) {
    loop {
        match (receiver.receive().await, &queue) {
            (Ok(received), _) if broker.would_lose(&received.message) => {
                Broker::refuse_durable(received, &receiver);
            }
            (Ok(received), Some(queue)) => put(queue, received, &receiver).await,
            (Ok(received), None) => match broker.route(&received.message) {
                Ok(queue) => put(&queue, received, &receiver).await,
                Err(error) => drop(received.delivery.reject(Some(error))),
            },
            (Err(ReceiveError::Unreadable(it)), _) => drop(it.delivery.reject(None)),
            (Err(_), _) => return,
        }
    }
}

/// Accepts a message once it is in its queue. Until then no other of its link is looked at.
async fn put(queue: &Link, Received { message, delivery }: Received, receiver: &Receiver) {
    if queue.put(message, receiver.done()).await {
        delivery.accept();
    } else {
        // Where the link is over instead, nobody hears that.
        delivery.reject(Some(Condition::new(ErrorCondition::RESOURCE_DELETED, "the queue is gone")));
    }
}
