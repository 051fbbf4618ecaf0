//! A broker: queues in memory, made when they are first asked for.
//!
//! A message is accepted once it is in its queue. A full queue takes no more, so its producers get no more credit. A
//! consumer gets a message only when it has credit for it, and the queue gets back what it does not accept. Durable
//! messages are rejected, because nothing is kept when the broker ends.

#[path = "../../../adapter-tokio/examples/broker/broker.rs"]
mod broker;
#[path = "../../../adapter-tokio/examples/broker/queue.rs"]
mod queue;
#[path = "../../../adapter-tokio/examples/broker/queues.rs"]
mod queues;
#[path = "../../../adapter-tokio/examples/broker/selector.rs"]
mod selector;

use std::error::Error;
use std::net::TcpListener;
use std::process;
use std::thread;
use std::time::Duration;

use adapter_std::codec::{Error as Condition, ErrorCondition};
use adapter_std::{Connection, Container, Dial, Endpoint, Incoming, ReceiveError, Received, Receiver, Wait};
use clap::Parser;

use broker::{Arguments, Broker};
use queue::Consumer;
use queues::Link;

fn main() -> Result<(), Box<dyn Error>> {
    let broker = Broker::new(Arguments::parse());
    let listener = TcpListener::bind(broker.address())?;
    println!("Listening on {}", listener.local_addr()?);
    let container = Container::new(format!("broker[{}]", process::id()));
    loop {
        match container.accept(&listener, Broker::options()).wait() {
            Ok(connection) => {
                let broker = broker.clone();
                thread::spawn(move || serve(broker, connection));
            }
            Err(error) => {
                // A client that is gone already, or too many files: both pass.
                eprintln!("cannot accept: {error}");
                thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

/// Answers what a client opens.
fn serve(broker: Broker, connection: Connection) {
    while let Some(incoming) = connection.incoming().wait() {
        match incoming {
            Incoming::Sender(link) => {
                if let Some((queue, consumer)) = broker.consumer(link) {
                    thread::spawn(move || send(queue, consumer));
                }
            }
            Incoming::Receiver(link) => {
                if let Some((queue, receiver)) = broker.producer(link) {
                    let broker = broker.clone();
                    thread::spawn(move || receive(broker, queue, receiver));
                }
            }
            other => other.accept(),
        }
    }
    broker.log(format_args!("a client has gone: {}", connection.done().wait()));
}

/// Sends a consumer what its queue has for it.
fn send(queue: Link, consumer: Consumer) {
    // Credit comes first: a message in the hands of a consumer that is slow would be missing for the others.
    while consumer.sender.ready().wait().is_ok() {
        if let Some(message) = queue.take(&consumer).wait() {
            queue.send(&consumer, message);
        }
    }
}

/// Puts what a producer sends into its queue, or where each message says.
fn receive(broker: Broker, queue: Option<Link>, receiver: Receiver) {
    loop {
        match (receiver.receive().wait(), &queue) {
            (Ok(received), _) if broker.would_lose(&received.message) => {
                Broker::refuse_durable(received, &receiver);
            }
            (Ok(received), Some(queue)) => put(queue, received, &receiver),
            (Ok(received), None) => match broker.route(&received.message) {
                Ok(queue) => put(&queue, received, &receiver),
                Err(error) => drop(received.delivery.reject(Some(error))),
            },
            (Err(ReceiveError::Unreadable(it)), _) => drop(it.delivery.reject(None)),
            (Err(_), _) => return,
        }
    }
}

/// Accepts a message once it is in its queue. Until then no other of its link is looked at.
fn put(queue: &Link, Received { message, delivery }: Received, receiver: &Receiver) {
    if queue.put(message, receiver.done()).wait() {
        delivery.accept();
    } else {
        // Where the link is over instead, nobody hears that.
        delivery.reject(Some(Condition::new(ErrorCondition::RESOURCE_DELETED, "the queue is gone")));
    }
}
