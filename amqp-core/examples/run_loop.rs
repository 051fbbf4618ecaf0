//! The bare engine over `std::net`: everything an AMQP client and a server need around [`Connection`].
//!
//! ```text
//! run_loop                               a client and a server in one process, over a real socket
//! run_loop serve ADDR                    a server that keeps messages by address, in memory
//! run_loop send ADDR ADDRESS COUNT       sends "hello 0", "hello 1", …
//! run_loop receive ADDR ADDRESS COUNT    receives and accepts
//! ```
//!
//! The engine owns no socket and no clock. [`Wire`] below is all there is to an I/O loop: it writes what
//! `poll_output` gives, waits no longer than `poll_timeout` says, and hands in what the socket gives. Errors of the
//! socket are errors of the loop; errors of the protocol are events.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "an I/O loop is where the clock belongs"
)]

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver as Inbox, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant as Clock};

use amqp_core::codec::{
    AttachSource, AttachTarget, Body, DeliveryState, LazyMessage, Message, Payload, Symbol, Value,
};
use amqp_core::{
    Connection, ConnectionOptions, Event, Instant, ReceiverId, ReceiverOptions, Resolution, SaslServer,
    SenderId, SenderOptions, SessionOptions,
};

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

// ---------------------------------------------------------------------------------------------- the loop itself

/// A socket, an engine, and the moment that the engine's time counts from.
struct Wire {
    stream: TcpStream,
    connection: Connection,
    origin: Clock,
}

impl Wire {
    fn new(stream: TcpStream, connection: Connection) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        // Whoever does not read for so long is left, because nobody else is served while this waits.
        stream.set_write_timeout(Some(Duration::from_secs(5)))?;
        Ok(Self { stream, connection, origin: Clock::now() })
    }

    fn now(&self) -> Instant {
        Instant::new(self.origin.elapsed())
    }

    /// Writes everything there is to write.
    fn flush(&mut self) -> io::Result<()> {
        while let Some(octets) = self.connection.poll_output(self.now()) {
            self.stream.write_all(&octets)?;
        }
        if self.connection.wants_shutdown() {
            self.stream.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }

    /// One turn, when there is nothing to write and no event: wait for the peer or for the engine's next deadline, and
    /// tell the engine which it was.
    fn turn(&mut self) -> io::Result<()> {
        let now = self.now();
        let patience =
            self.connection.poll_timeout().map(|at| at.saturating_since(now).max(Duration::from_millis(1)));
        self.stream.set_read_timeout(patience)?;
        let mut buffer = [0; 16 * 1024];
        // The events that the doors return stay in the engine for `poll_event` when they are not looked at here.
        match self.stream.read(&mut buffer) {
            Ok(0) => _ = self.connection.handle_eof(self.now()),
            Ok(octets) => _ = self.connection.handle_input(&buffer[..octets], self.now()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                _ = self.connection.handle_timeout(self.now());
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Writes, and turns until there is an event. Writing comes first: that output was taken can be an event itself.
    fn next_event(&mut self) -> Outcome<Event> {
        loop {
            self.flush()?;
            match self.connection.poll_event() {
                Some(Event::Closed) => {
                    return Err(self
                        .connection
                        .close_reason()
                        .map_or_else(|| "closed".into(), |reason| reason.clone().into()));
                }
                Some(event) => return Ok(event),
                None => self.turn()?,
            }
        }
    }

    /// Closes, and turns until the peer has closed as well.
    fn close(mut self) -> Outcome<()> {
        self.connection.close(None);
        while self.next_event().is_ok() {}
        let reason = self.connection.close_reason().cloned();
        reason.filter(|reason| !reason.is_clean()).map_or(Ok(()), |reason| Err(reason.into()))
    }
}

// ---------------------------------------------------------------------------------------------- clients

fn connect(addr: &str, container: &str) -> Outcome<Wire> {
    let connection = Connection::client(ConnectionOptions::new(container));
    Ok(Wire::new(TcpStream::connect(addr)?, connection)?)
}

/// Sends messages as fast as the receiver grants credit, and waits until it has accepted all of them.
fn send(addr: &str, address: &str, count: usize) -> Outcome<()> {
    let mut wire = connect(addr, "run_loop-send")?;
    let session = wire.connection.begin(SessionOptions::default())?;
    let sender = wire.connection.session(session)?.attach_sender(SenderOptions::new(address))?;
    let (mut sent, mut settled, mut accepted) = (0, 0, 0);
    while settled < count {
        let event = wire.next_event()?;
        let mut link = wire.connection.sender(sender)?;
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
    wire.close()
}

/// Receives as many messages as wanted, accepts and prints them.
fn receive(addr: &str, address: &str, count: usize) -> Outcome<()> {
    let mut wire = connect(addr, "run_loop-receive")?;
    let session = wire.connection.begin(SessionOptions::default())?;
    let receiver = wire.connection.session(session)?.attach_receiver(ReceiverOptions::new(address))?;
    wire.connection.receiver(receiver)?.grant(u32::try_from(count)?);
    let mut received = 0;
    while received < count {
        let event = wire.next_event()?;
        let mut link = wire.connection.receiver(receiver)?;
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
    wire.close()
}

fn closed(reason: Option<&amqp_core::CloseReason>) -> Box<dyn Error> {
    reason.map_or_else(|| "link closed".into(), |reason| reason.clone().into())
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

/// What the threads that accept and read tell the one thread that owns all engines.
enum News {
    Connected(TcpStream),
    Octets(usize, Vec<u8>),
    Ended(usize),
}

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
        // Bounded: a client that sends faster than it is served waits in its socket.
        let (news, inbox) = sync_channel(64);
        let listener = listener.try_clone()?;
        let acceptor = news.clone();
        thread::spawn(move || {
            listener
                .incoming()
                .map_while(Result::ok)
                .try_for_each(|stream| acceptor.send(News::Connected(stream)))
        });
        let mut clients = 0;
        while !(self.example && clients > 0 && self.wires.is_empty()) {
            match self.wait(&inbox)? {
                Some(News::Connected(stream)) => {
                    clients += 1;
                    self.connected(clients, stream, &news)?;
                }
                Some(News::Octets(client, octets)) => {
                    self.with(client, |wire| _ = wire.connection.handle_input(&octets, wire.now()))
                }
                Some(News::Ended(client)) => {
                    self.with(client, |wire| _ = wire.connection.handle_eof(wire.now()))
                }
                None => {
                    self.wires.values_mut().for_each(|wire| _ = wire.connection.handle_timeout(wire.now()))
                }
            }
            while self.serve() {}
        }
        Ok(())
    }

    /// The next news, or `None` when a deadline of some engine has come.
    fn wait(&self, inbox: &Inbox<News>) -> Outcome<Option<News>> {
        let left = |wire: &Wire| wire.connection.poll_timeout().map(|at| at.saturating_since(wire.now()));
        match self.wires.values().filter_map(left).min() {
            None => Ok(Some(inbox.recv()?)),
            Some(patience) => match inbox.recv_timeout(patience) {
                Ok(news) => Ok(Some(news)),
                Err(RecvTimeoutError::Timeout) => Ok(None),
                Err(error) => Err(error.into()),
            },
        }
    }

    fn connected(&mut self, client: usize, stream: TcpStream, news: &SyncSender<News>) -> Outcome<()> {
        // Clients may begin with SASL or without; who they are does not matter here.
        let options = ConnectionOptions::new("run_loop")
            .sasl(SaslServer::new([Symbol::from_static("ANONYMOUS")]).optional())
            .accept_connection(true)
            .accept_sessions(SessionOptions::default());
        let reader = stream.try_clone()?;
        self.wires.insert(client, Wire::new(stream, Connection::server(options))?);
        let news = news.clone();
        thread::spawn(move || read_all(reader, client, &news));
        Ok(())
    }

    fn with(&mut self, client: usize, tell: impl FnOnce(&mut Wire)) {
        if let Some(wire) = self.wires.get_mut(&client) {
            tell(wire);
        }
    }

    /// Does what events ask for, moves messages, and writes. False when there was no event: only then is there nothing
    /// to do until something arrives, because that output was taken can be an event itself.
    fn serve(&mut self) -> bool {
        let clients: Vec<usize> = self.wires.keys().copied().collect();
        let mut any = false;
        for client in &clients {
            while let Some(event) = self.wires.get_mut(client).and_then(|wire| wire.connection.poll_event()) {
                any = true;
                if let Err(error) = self.on_event(*client, event) {
                    eprintln!("client {client}: {error}");
                }
            }
        }
        self.deliver();
        for client in clients {
            let Some(wire) = self.wires.get_mut(&client) else { continue };
            if wire.flush().is_err() {
                _ = wire.connection.handle_eof(wire.now());
            }
            if wire.connection.is_finished() {
                self.wires.remove(&client);
                self.senders.retain(|(owner, ..)| *owner != client);
            }
        }
        any
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

fn read_all(mut stream: TcpStream, client: usize, news: &SyncSender<News>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(octets @ 1..) = stream.read(&mut buffer) {
        if news.send(News::Octets(client, buffer[..octets].to_vec())).is_err() {
            return;
        }
    }
    // Nobody is left to hear it when the server has stopped.
    news.send(News::Ended(client)).ok();
}

// ---------------------------------------------------------------------------------------------- both in one

/// Electron's example: a client sends three messages, a server prints them.
fn client_and_server() -> Outcome<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?.to_string();
    let server = thread::spawn(move || Server::new(true).run(&listener).map_err(|error| error.to_string()));
    let mut wire = connect(&addr, "client")?;
    let session = wire.connection.begin(SessionOptions::default())?;
    let sender = wire.connection.session(session)?.attach_sender(SenderOptions::new("hello"))?;
    let mut sent = 0;
    loop {
        match wire.next_event()? {
            Event::Credit(_) if sent == 0 => {
                for number in 0..3 {
                    wire.connection
                        .sender(sender)?
                        .send(Message::value(format!("hello {number}")).to_payload())?;
                }
            }
            Event::Outcomes(_) => {
                while wire.connection.sender(sender)?.next_outcome().is_some() {
                    sent += 1;
                }
                if sent == 3 {
                    break;
                }
            }
            _ => {}
        }
    }
    wire.close()?;
    server.join().map_err(|_| "the server panicked")?.map_err(Into::into)
}
