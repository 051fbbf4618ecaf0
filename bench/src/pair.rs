//! Two ends of one connection, and the octets between them.

use amqp_core::codec::SenderSettleMode;
use amqp_core::{
    Connection, ConnectionOptions, Event, Instant, ReceiverId, ReceiverOptions, SenderId, SenderOptions,
    SessionId, SessionOptions,
};
use bytes::Bytes;

use crate::Outcome;
use crate::heap::Heap;

/// One end, and what it has asked of the heap and written.
pub struct End {
    /// The engine.
    pub connection: Connection,
    /// What everything done with it asked of the heap.
    pub heap: Heap,
    /// Octets that it wrote.
    pub octets: u64,
}

impl End {
    fn new(make: impl FnOnce() -> Connection) -> Self {
        let mut heap = Heap::default();
        let connection = heap.charge(make);
        heap.held = heap.held.saturating_add(i64::try_from(size_of::<Connection>()).unwrap_or(i64::MAX));
        Self { connection, heap, octets: 0 }
    }

    /// Works with the engine on this end's account.
    pub fn charge<T>(&mut self, work: impl FnOnce(&mut Connection) -> T) -> T {
        let connection = &mut self.connection;
        self.heap.charge(|| work(connection))
    }

    /// Forgets what it asked of the heap and wrote so far.
    pub fn reset(&mut self) {
        (self.heap, self.octets) = (Heap::default(), 0);
    }

    fn poll_output(&mut self) -> Option<Bytes> {
        let octets = self.charge(|connection| connection.poll_output(Instant::ORIGIN))?;
        self.octets = self.octets.saturating_add(octets.len() as u64);
        Some(octets)
    }
}

/// A client that sends and a server that receives, on one session.
pub struct Pair {
    /// The client.
    pub sender: End,
    /// The server.
    pub receiver: End,
    session: SessionId,
}

impl Pair {
    /// Connects both and begins a session; everything is written and read.
    ///
    /// # Errors
    /// Where the engine refuses what it should not.
    pub fn new() -> Outcome<Self> {
        let options = || ConnectionOptions::new("bench").max_frame_size(65_536_u32);
        let session = || SessionOptions::default().handle_max(u32::MAX);
        let mut sender = End::new(|| Connection::client(options()));
        let receiver =
            End::new(|| Connection::server(options().accept_connection(true).accept_sessions(session())));
        let id = sender.charge(|connection| connection.begin(session()))?;
        let mut pair = Self { sender, receiver, session: id };
        let mut opened = false;
        while pair.move_octets() {
            opened |= pair.sender_events().contains(&Event::SessionOpened(id));
            pair.receiver_events();
        }
        if opened { Ok(pair) } else { Err("the session did not open".into()) }
    }

    /// Attaches a link from the sender to the receiver; the receiver grants credit for `prefetch` messages.
    ///
    /// # Errors
    /// Where the engine refuses what it should not.
    pub fn attach(&mut self, mode: SenderSettleMode, prefetch: u32) -> Outcome<(SenderId, ReceiverId)> {
        let session = self.session;
        let sender = self.sender.charge(|connection| -> Outcome<SenderId> {
            let options = SenderOptions::new("bench").snd_settle_mode(mode);
            Ok(connection.session(session)?.attach_sender(options)?)
        })?;
        let mut receiver = None;
        let mut credit = false;
        while self.move_octets() {
            credit |= self.sender_events().contains(&Event::Credit(sender));
            for event in self.receiver_events() {
                if let Event::ReceiverOpening(id) = event {
                    receiver = Some(id);
                    self.receiver.charge(|connection| -> Outcome<()> {
                        Ok(connection.receiver(id)?.accept(ReceiverOptions::default().prefetch(prefetch))?)
                    })?;
                }
            }
        }
        match receiver {
            Some(receiver) if credit => Ok((sender, receiver)),
            _ => Err("the link did not attach".into()),
        }
    }

    /// Moves octets in both directions, once; whether there were any.
    fn move_octets(&mut self) -> bool {
        let forth = self.to_receiver();
        let back = self.to_sender();
        forth || back
    }

    /// Gives the receiver what the sender has written; whether that was anything.
    pub fn to_receiver(&mut self) -> bool {
        hand_over(&mut self.sender, &mut self.receiver)
    }

    /// Gives the sender what the receiver has written; whether that was anything.
    pub fn to_sender(&mut self) -> bool {
        hand_over(&mut self.receiver, &mut self.sender)
    }

    fn sender_events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.sender.charge(Connection::poll_event)).collect()
    }

    fn receiver_events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.receiver.charge(Connection::poll_event)).collect()
    }
}

fn hand_over(from: &mut End, to: &mut End) -> bool {
    let mut any = false;
    while let Some(octets) = from.poll_output() {
        to.charge(|connection| {
            // Left for `poll_event`.
            let _events = connection.handle_input(&octets, Instant::ORIGIN);
        });
        // The memory goes back to whoever it came from.
        from.charge(|_| drop(octets));
        any = true;
    }
    any
}
