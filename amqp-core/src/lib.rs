//! AMQP 1.0 (ISO/IEC 19464) as a pure state machine: no socket, no clock, no thread, no lock.
//!
//! [`Connection`] is one end of a connection, client or server. Sessions, links and deliveries live inside it and are
//! reached through views, short-lived borrows. Everything around it, the I/O loop, is the caller's:
//!
//! ```text
//!             octets read ──► handle_input ─┐            ┌─► poll_output  ──► octets to write
//!       reading side ended ─► handle_eof   ─┼─ Connection ┼─► poll_event   ──► what to look at
//!    poll_timeout has come ─► handle_timeout┘      ▲      └─► poll_timeout ──► when to come back
//!                                                  │
//!          begin · session(id) · sender(id) · receiver(id) · accept · authenticate · close
//! ```
//!
//! # The contract
//! * Nothing waits and nothing fails. What a peer does wrong becomes a close, end or detach to write, and an event.
//! * Any call may be made at any time, any number of times, in any order. After each, output, events and the deadline
//!   may have changed: poll all three before waiting.
//! * An [`Event`] says who, a view says what. Events keep the order of the wire; nothing that arrived before an end is
//!   lost by it, and an id stays valid until everything behind it was read.
//! * A message that [`Sender::send`] accepts gets exactly one [`Resolution`].
//! * Every resource that a peer can make the engine hold has a bound in [`Limits`].
//! * The same calls give the same octets and events, always.
//!
//! # What the caller minds
//! * **Begin** with a call that tells the time: with it the time of [`Limits`]' `handshake` begins, for both roles. A
//!   connection that is told nothing has no deadline.
//! * **Write** what was polled before polling more: octets that were taken are the caller's. Whoever takes more while a
//!   write is blocked moves the engine's bounds into a buffer of his own, which nothing bounds:
//!   [`Connection::wants_read`] stays true, sends are not refused, and each chunk that is taken begins the time of
//!   `write_stall` anew.
//! * **Read** only while [`Connection::wants_read`] is true: that is what bounds memory.
//! * **Close** the socket gently when [`Connection::wants_shutdown`] says so: write what was polled, shut the writing
//!   side, read on until the peer ends too, and drop it then. Octets that are unread when a socket is dropped make it
//!   send a reset, with which the close just written may be lost. The engine is over by then and has no deadlines any
//!   more: how long the rest of the write and the peer's end may take, the caller decides.
//!
//! # Two ends in one thread
//! ```
//! use amqp_core::codec::{DeliveryState, Message};
//! use amqp_core::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut client = Connection::client(ConnectionOptions::new("client"));
//! let server_options = ConnectionOptions::new("server").accept_connection(true);
//! let mut server = Connection::server(server_options.accept_sessions(SessionOptions::default()));
//!
//! let session = client.begin(SessionOptions::default())?;
//! let sender = client.session(session)?.attach_sender(SenderOptions::new("orders"))?;
//!
//! let now = Instant::ORIGIN;
//! let mut received = Vec::new();
//! let mut outcome = None;
//! while outcome.is_none() {
//!     // The wire: what one end gives is input of the other.
//!     while let Some(octets) = client.poll_output(now) {
//!         _ = server.handle_input(&octets, now);
//!     }
//!     while let Some(octets) = server.poll_output(now) {
//!         _ = client.handle_input(&octets, now);
//!     }
//!     // The applications.
//!     while let Some(event) = server.poll_event() {
//!         match event {
//!             Event::ReceiverOpening(id) => server.receiver(id)?.accept(ReceiverOptions::default().prefetch(10))?,
//!             Event::Deliveries(id) => {
//!                 let mut receiver = server.receiver(id)?;
//!                 while let Some(delivery) = receiver.next_delivery() {
//!                     received.push(Message::decode(&delivery.payload)?);
//!                     receiver.settle(delivery.key, DeliveryState::Accepted)?;
//!                 }
//!             }
//!             _ => {}
//!         }
//!     }
//!     while let Some(event) = client.poll_event() {
//!         match event {
//!             Event::Credit(id) => drop(client.sender(id)?.send(Message::value("one apple").to_payload())?),
//!             Event::Outcomes(id) => outcome = client.sender(id)?.next_outcome(),
//!             _ => {}
//!         }
//!     }
//! }
//! assert_eq!(received, [Message::value("one apple")]);
//! assert_eq!(outcome.map(|(_, resolution)| resolution), Some(Resolution::Settled(Some(DeliveryState::Accepted))));
//! # let _ = sender;
//! # Ok(())
//! # }
//! ```
//!
//! `examples/run_loop/` is the same over sockets.
//!
//! # Where to find what
//! `connection/` has one file a concern (handshake, input, output, close, timeout), `sasl/` one a side, `session/` the
//! begin, end, window and dispositions, `link/` attach, detach, credit and the two views, `delivery/` transfers in and
//! out, outcomes and settlement. `state.rs` holds the three transition tables, `error.rs` every rule that a peer can
//! break with the condition it gets, `options/` everything that can be chosen.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod connection;
mod context;
mod delivery;
mod endpoints;
mod error;
mod event;
mod link;
mod numbers;
mod options;
mod output;
mod sasl;
mod session;
mod slots;
mod state;
mod steps;
mod table;
mod time;
mod timer;
mod trace;

pub use amqp_codec as codec;
pub use connection::{Connection, Counters, Events};
pub use delivery::incoming::{Delivery, Update};
pub use delivery::outgoing::{Outgoing, SendError, SendErrorReason, Unresolved};
pub use error::{Cause, CloseReason, Exhausted, Gone, Scope, StateError, Violation};
pub use event::{DeliveryKey, Event, ReceivedKey, ReceiverId, SenderId, SessionId};
pub use link::receiver::Receiver;
pub use link::sender::{Resolution, Sender};
pub use options::{
    ConnectionOptions, Credentials, CreditMode, Limits, ReceiverOptions, SaslServer, SenderOptions,
    SessionOptions, TransportFacts,
};
pub use sasl::{PlainCredentials, SaslAnswer, SaslRequest};
pub use session::Session;
pub use state::{ConnectionState, LinkState, SessionState};
#[cfg(feature = "count-steps")]
pub use steps::steps;
pub use time::Instant;
pub use trace::{Direction, Trace};
