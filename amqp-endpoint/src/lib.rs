//! AMQP 1.0 endpoints as values: connections, sessions, links and deliveries, in the words of Go's `electron` package.
//!
//! ```text
//!   Container ─ client, server ─► Connection ─► Session ─► Sender    submit · send · try_send · send_async · send_forget
//!                    │                │                └─► Receiver  receive · receive_batch · try_receive
//!                    │                └─ incoming ─► Incoming ─ accept, reject
//!                    └─► Driver: turned by an adapter, which owns the socket
//! ```
//!
//! This crate does no I/O: `adapter-tokio` and `adapter-std` add the methods that connect and listen, and the verb to
//! wait with.
//!
//! # Operations are values
//! Every method that waits returns a small named type that is a `Future` and nothing else: it needs no runtime but the
//! task that polls it. Handles are cheap to clone and can be used from any thread.
//!
//! # What dropping does
//! | dropped | what happens |
//! | --- | --- |
//! | [`Submit`], [`SendForget`] before it is done | the message is withdrawn |
//! | [`Sending`] before its first frame is written | the message is withdrawn |
//! | [`Sending`] later, [`Submitted`] | only the wait is given up |
//! | [`Receive`], [`ReceiveBatch`], [`ReceiveStream`] | the message is for the next; one that has begun to arrive is released |
//! | [`Start`], [`Ready`], [`Drain`], [`Append`] | only the wait is given up: nothing was started or added |
//! | [`Streaming`] before it is finished | the message is aborted |
//! | [`ReceivedStream`] | its delivery is released, the rest of it is not wanted |
//! | [`Completion`] | the outcome is for the next |
//! | [`Settling`], [`Close`], [`Syncing`], [`Done`] | only the wait is given up |
//! | an unsettled [`Delivery`] | it is released ([`Delivery::leave`] leaves it unsettled) |
//! | [`Incoming`], [`Authentication`] | it is rejected |
//! | last handle of a link | it closes; it is detached where its far end is durable or never expires |
//! | last handle of a session begun here | it ends |
//! | last handle of a connection and all on it | it is flushed and closes, within `Limits::close` |
//! | [`Driver`] | everything ends as if the transport was lost |
//!
//! Only `close`, awaited, promises that what was accepted for sending was written.
//!
//! # Where to find what
//! `container`, `connection`, `session`, `sender`, `receiver`, `incoming`, `delivery`: the handles. `send`, `receive`,
//! `endpoint`: their operations. `outcome`, `completions`, `error`, `address`: values. `state` is what lies behind the
//! lock of a connection, `shared` the lock, `events` what the engine tells, `lifetime` what follows from dropping,
//! `waiters` who waits in which order, `wire` who is told to write, `driver` the adapter's side.
#![forbid(unsafe_code)]

mod address;
mod after;
mod backlog;
mod completions;
mod connection;
mod container;
mod delivery;
mod drain;
mod draining;
mod driver;
mod encode;
mod endpoint;
mod error;
mod events;
mod incoming;
mod layer;
mod lifetime;
mod link;
mod outcome;
mod progress;
mod read_buffer;
mod ready;
mod receive;
mod receiver;
mod records;
mod send;
mod sender;
mod sends;
mod session;
mod shared;
mod state;
mod status;
mod stream;
mod sync;
mod taking;
mod trace;
mod waiters;
mod wire;
mod write_queue;

pub use address::{Address, AddressError, AddressPart, Scheme};
pub use amqp_core::codec::{self, Error as Condition, LazyMessage, Message, Symbol, Value};
pub use amqp_core::{
    Cause, CloseReason, ConnectionOptions, Counters, Credentials, CreditMode, DeliveryKey, Direction,
    Exhausted, Instant, Limits, Outgoing, PlainCredentials, ReceiverOptions, SaslRequest, SaslServer, Scope,
    SendErrorReason, SenderOptions, SessionOptions, StateError, Trace, TransportFacts, Unresolved, Violation,
};
pub use completions::{Completion, Completions};
pub use connection::Connection;
pub use container::Container;
pub use delivery::{Delivery, Settling};
pub use drain::Drain;
pub use driver::Driver;
pub use encode::IntoOutgoing;
pub use endpoint::{AnyEndpoint, Close, Done, Endpoint, Syncing};
pub use error::{Error, Fault};
pub use incoming::{
    Authentication, Incoming, IncomingConnection, IncomingReceiver, IncomingSender, IncomingSession, Next,
};
pub use layer::Layer;
pub use outcome::{NotAccepted, Outcome, SentStatus, Unsent, UnsentReason};
pub use read_buffer::ReadBuffer;
pub use ready::Ready;
pub use receive::{Receive, ReceiveBatch, ReceiveError, Received, Unreadable};
pub use receiver::Receiver;
pub use send::{SendForget, Sending, Submit, Submitted};
pub use sender::Sender;
pub use session::Session;
pub use status::EndpointState;
pub use stream::{Append, NextPart, ReceiveStream, ReceivedStream, Start, Streaming};
pub use write_queue::WriteQueue;
