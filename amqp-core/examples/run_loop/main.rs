//! The bare engine over `std::net`: everything an AMQP client and a server need around [`Connection`].
//!
//! ```text
//! run_loop                               a client and a server in one process, over a real socket
//! run_loop serve ADDR                    a server that keeps messages by address, in memory
//! run_loop send ADDR ADDRESS COUNT       sends "hello 0", "hello 1", …
//! run_loop receive ADDR ADDRESS COUNT    receives and accepts
//! ```
//!
//! The engine owns no socket and no clock: `wire.rs` is the I/O loop, this file what two clients and a server do with it.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "an I/O loop is where the clock belongs"
)]

mod wire;

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver as Inbox, SyncSender, sync_channel};
use std::thread;

use amqp_core::codec::{
    AttachSource, AttachTarget, Body, DeliveryState, LazyMessage, Message, Payload, Symbol, Value,
};
use amqp_core::{
    Connection, ConnectionOptions, Event, ReceiverId, ReceiverOptions, Resolution, SaslServer, SenderId,
    SenderOptions, SessionOptions,
};

use wire::{News, What, Wire, wait};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => client_and_server(),
        ["serve", addr] => {
            let listener = TcpListener::bind(addr)?;
            println!("listening on {}", listener.local_addr()?);
            Server::new(false).run(&listener)
        }
        ["send", addr, address, count] => send(addr, address, count.parse()?),
        ["receive", addr, address, count] => receive(addr, address, count.parse()?),
        _ => {
            Err("usage: run_loop [serve ADDR | send ADDR ADDRESS COUNT | receive ADDR ADDRESS COUNT]".into())
        }
    }
}

// ---------------------------------------------------------------------------------------------- clients

/// One wire and its news.
struct Client {
    wire: Wire,
    inbox: Inbox<News>,
}

impl Client {
    fn connect(addr: &str, container: &str) -> Outcome<Self> {
        let (news, inbox) = sync_channel(2);
        let connection = Connection::client(ConnectionOptions::new(container));
        Ok(Self { wire: Wire::new(TcpStream::connect(addr)?, connection, 0, &news)?, inbox })
    }

    /// Turns until there is an event. The socket comes first: that output was taken can be an event itself.
    fn next_event(&mut self) -> Outcome<Event> {
        loop {
            self.wire.pump();
            match self.wire.connection.poll_event() {
                Some(Event::Closed) => break,
                Some(event) => return Ok(event),
                None => self.turn()?,
            }
        }
        while !self.wire.is_over() {
            self.turn()?;
            self.wire.pump();
        }
        Err(closed(self.wire.connection.close_reason()))
    }

    /// Waits for the socket or for the engine's next deadline, and tells the engine which it was.
    fn turn(&mut self) -> Outcome<()> {
        match wait(&self.inbox, self.wire.patience())? {
            Some((_, what)) => self.wire.tell(what),
            None => _ = self.wire.connection.handle_timeout(self.wire.now()),
        }
        Ok(())
    }

    /// Closes, and turns until the peer has closed as well.
    fn close(mut self) -> Outcome<()> {
        self.wire.connection.close(None);
        while self.next_event().is_ok() {}
        let reason = self.wire.connection.close_reason().filter(|reason| !reason.is_clean());
        reason.map_or(Ok(()), |reason| Err(closed(Some(reason))))
    }
}

/// Sends messages as fast as the receiver grants credit, and waits until it has accepted all of them.
fn send(addr: &str, address: &str, count: usize) -> Outcome<()> {
    let mut client = Client::connect(addr, "run_loop-send")?;
    let session = client.wire.connection.begin(SessionOptions::default())?;
    let sender = client.wire.connection.session(session)?.attach_sender(SenderOptions::new(address))?;
    let (mut sent, mut settled, mut accepted) = (0, 0, 0);
    while settled < count {
        let event = client.next_event()?;
        let mut link = client.wire.connection.sender(sender)?;
        match event {
            Event::Credit(_) => {
                while sent < count && link.credit() > 0 {
                    link.send(Message::value(format!("hello {sent}")).to_payload())?;
                    sent += 1;
                }
            }
            Event::Outcomes(_) => {
                while let Some((_, resolution)) = link.next_outcome() {
                    settled += 1;
                    accepted += usize::from(resolution == Resolution::Settled(Some(DeliveryState::Accepted)));
                }
            }
            Event::SenderClosed(_) => return Err(closed(link.close_reason())),
            _ => {}
        }
    }
    println!("sent {count} accepted {accepted}");
    client.close()
}

/// Receives as many messages as wanted, accepts and prints them.
fn receive(addr: &str, address: &str, count: usize) -> Outcome<()> {
    let mut client = Client::connect(addr, "run_loop-receive")?;
    let session = client.wire.connection.begin(SessionOptions::default())?;
    let receiver = client.wire.connection.session(session)?.attach_receiver(ReceiverOptions::new(address))?;
    client.wire.connection.receiver(receiver)?.grant(u32::try_from(count)?);
    let mut received = 0;
    while received < count {
        let event = client.next_event()?;
        let mut link = client.wire.connection.receiver(receiver)?;
        match event {
            Event::Deliveries(_) => {
                while let Some(delivery) = link.next_delivery() {
                    println!("received {address}: {}", body(delivery.payload));
                    link.settle(delivery.key, DeliveryState::Accepted)?;
                    received += 1;
                }
            }
            Event::ReceiverClosed(_) => return Err(closed(link.close_reason())),
            _ => {}
        }
    }
    client.close()
}

fn closed(reason: Option<&amqp_core::CloseReason>) -> Box<dyn Error> {
    reason.map_or_else(|| "closed".into(), |reason| reason.clone().into())
}

/// A message's body in words.
fn body(payload: Payload) -> String {
    let message = match LazyMessage::parse(payload) {
        Ok(message) => message,
        Err(error) => return format!("({error})"),
    };
    match message.body() {
        Ok(Body::Value(Value::String(text))) => text.to_string(),
        Ok(Body::Value(value)) => value.to_string(),
        Ok(_) => format!("({} octets)", message.body_len()),
        Err(error) => format!("({error})"),
    }
}

// ---------------------------------------------------------------------------------------------- a server

/// Messages by address, and the clients that bring and take them.
struct Server {
    wires: BTreeMap<usize, Wire>,
    queues: BTreeMap<String, VecDeque<Payload>>,
    /// Senders with the address that they serve.
    senders: Vec<(usize, SenderId, String)>,
    /// Prints as electron's example does, and stops after the first client.
    example: bool,
}

impl Server {
    fn new(example: bool) -> Self {
        Self { wires: BTreeMap::new(), queues: BTreeMap::new(), senders: Vec::new(), example }
    }

    /// Serves until the listener fails, or, in the example, until the first client has gone.
    fn run(mut self, listener: &TcpListener) -> Outcome<()> {
        let (news, inbox) = sync_channel(64);
        let listener = listener.try_clone()?;
        let acceptor = news.clone();
        thread::spawn(move || {
            let mut streams = (1..).zip(listener.incoming().map_while(Result::ok));
            streams.try_for_each(|(client, stream)| acceptor.send((client, What::Connected(stream))))
        });
        let mut met = false;
        while !(self.example && met && self.wires.is_empty()) {
            let patience = self.wires.values().filter_map(Wire::patience).min();
            match wait(&inbox, patience)? {
                Some((client, What::Connected(stream))) => {
                    met = true;
                    self.connected(client, stream, &news)?;
                }
                Some((client, what)) => {
                    // It may be left already.
                    if let Some(wire) = self.wires.get_mut(&client) {
                        wire.tell(what);
                    }
                }
                None => {
                    self.wires.values_mut().for_each(|wire| _ = wire.connection.handle_timeout(wire.now()))
                }
            }
            self.serve();
        }
        Ok(())
    }

    fn connected(&mut self, client: usize, stream: TcpStream, news: &SyncSender<News>) -> Outcome<()> {
        // Clients may begin with SASL or without; who they are does not matter here.
        let options = ConnectionOptions::new("run_loop")
            .sasl(SaslServer::new([Symbol::from_static("ANONYMOUS")]).optional())
            .accept_connection(true)
            .accept_sessions(SessionOptions::default());
        self.wires.insert(client, Wire::new(stream, Connection::server(options), client, news)?);
        Ok(())
    }

    /// Does what events ask for, moves messages, and has the sockets go on. Whatever these bring is news, and so is that
    /// output was taken, which can be an event itself.
    fn serve(&mut self) {
        let clients: Vec<usize> = self.wires.keys().copied().collect();
        for client in clients {
            while let Some(event) = self.wires.get_mut(&client).and_then(|wire| wire.connection.poll_event())
            {
                if let Err(error) = self.on_event(client, event) {
                    eprintln!("client {client}: {error}");
                }
            }
        }
        self.deliver();
        self.wires.values_mut().for_each(Wire::pump);
        self.wires.retain(|_, wire| !wire.is_over());
        self.senders.retain(|(client, ..)| self.wires.contains_key(client));
    }

    fn on_event(&mut self, client: usize, event: Event) -> Outcome<()> {
        let Some(wire) = self.wires.get_mut(&client) else { return Ok(()) };
        match event {
            Event::SenderOpening(id) => {
                let mut sender = wire.connection.sender(id)?;
                // Who asks for a dynamic node gets one of its own; to others this address means nothing.
                sender.accept(SenderOptions::default().dynamic_address(format!("{client}-{id:?}")))?;
                let address = match sender.local().and_then(|attach| attach.source.as_deref()) {
                    Some(AttachSource::Source(source)) => {
                        source.address.as_deref().unwrap_or_default().to_owned()
                    }
                    _ => String::new(),
                };
                self.senders.push((client, id, address));
            }
            Event::ReceiverOpening(id) => {
                let options = ReceiverOptions::default().dynamic_address(format!("{client}-{id:?}"));
                wire.connection.receiver(id)?.accept(options.prefetch(100))?;
            }
            Event::Deliveries(id) => self.take_deliveries(client, id)?,
            Event::Outcomes(id) => {
                let mut sender = wire.connection.sender(id)?;
                while sender.next_outcome().is_some() {}
            }
            Event::SenderClosed(id) => {
                self.senders.retain(|(owner, sender, _)| (*owner, *sender) != (client, id))
            }
            Event::ReceiverClosed(_) if self.example => println!("server receiver closed: EOF"),
            _ => {}
        }
        Ok(())
    }

    /// Accepts what has arrived and keeps it by the address of its link.
    fn take_deliveries(&mut self, client: usize, id: ReceiverId) -> Outcome<()> {
        let Some(wire) = self.wires.get_mut(&client) else { return Ok(()) };
        let mut receiver = wire.connection.receiver(id)?;
        let address = match receiver.local().and_then(|attach| attach.target.as_deref()) {
            Some(AttachTarget::Target(target)) => target.address.as_deref().unwrap_or_default().to_owned(),
            _ => String::new(),
        };
        while let Some(delivery) = receiver.next_delivery() {
            if self.example {
                println!("server received: {:?}", body(delivery.payload.clone()));
            } else {
                println!("received {address}: {}", body(delivery.payload.clone()));
            }
            self.queues.entry(address.clone()).or_default().push_back(delivery.payload);
            if !delivery.settled {
                receiver.settle(delivery.key, DeliveryState::Accepted)?;
            }
        }
        Ok(())
    }

    /// Sends what is kept to whoever has credit for it.
    fn deliver(&mut self) {
        for (client, id, address) in &self.senders {
            let (Some(wire), Some(queue)) = (self.wires.get_mut(client), self.queues.get_mut(address)) else {
                continue;
            };
            let Ok(mut sender) = wire.connection.sender(*id) else { continue };
            while sender.credit() > 0
                && let Some(payload) = queue.pop_front()
            {
                if let Err(refused) = sender.send(payload) {
                    // With credit there it is the message: too large for this receiver.
                    eprintln!("client {client}: {refused}");
                }
            }
        }
    }
}

// ---------------------------------------------------------------------------------------------- both in one

/// Electron's example: a client sends three messages, a server prints them.
fn client_and_server() -> Outcome<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?.to_string();
    let server = thread::spawn(move || Server::new(true).run(&listener).map_err(|error| error.to_string()));
    send(&addr, "hello", 3)?;
    server.join().map_err(|_| "the server panicked")?.map_err(Into::into)
}
