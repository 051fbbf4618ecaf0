//! Electron's example: a client sends three messages, a server prints them. Both are in this program.

use std::error::Error;
use std::net::TcpListener;
use std::thread;

use adapter_std::{
    Connection, ConnectionOptions, Container, Dial, Endpoint, Incoming, Message, Receiver, SenderOptions,
    Wait,
};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = thread::spawn(move || {
        let connection = Container::new("server").accept(&listener, ConnectionOptions::default()).wait()?;
        serve(connection)
    });
    send_three(&address.to_string())?;
    join(server)
}

/// Sends three messages and waits until the server has accepted them.
fn send_three(address: &str) -> Outcome<()> {
    let connection = Container::new("client").dial(address).wait()?;
    let sender = connection.sender(SenderOptions::new("hello"))?;
    for number in 0..3 {
        sender.send(Message::value(format!("hello {number}"))).wait().accepted()?;
    }
    connection.close().wait()?;
    Ok(())
}

/// Accepts whatever the client opens, and prints the messages of its sender.
fn serve(connection: Connection) -> Outcome<()> {
    let mut printing = None;
    while let Some(incoming) = connection.incoming().wait() {
        match incoming {
            Incoming::Receiver(receiver) => {
                let receiver = receiver.accept();
                printing = Some(thread::spawn(move || print_messages(receiver)));
            }
            other => other.accept(),
        }
    }
    match printing {
        Some(printing) => join(printing),
        None => Ok(()),
    }
}

fn print_messages(receiver: Receiver) -> Outcome<()> {
    loop {
        match receiver.receive().wait() {
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

fn join(thread: thread::JoinHandle<Outcome<()>>) -> Outcome<()> {
    thread.join().map_err(|_| "a thread panicked")?
}
