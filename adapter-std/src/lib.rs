//! AMQP 1.0 on blocking threads and `std::net`: the endpoints of [`amqp_endpoint`], the [`Dial`] trait that connects them,
//! and the [`Wait`] trait, whose `.wait()` blocks until an operation is done.
//!
//! ```no_run
//! use adapter_std::{Container, Dial, Endpoint, Message, ReceiverOptions, SenderOptions, Wait};
//!
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let connection = Container::new("example").dial("amqp://127.0.0.1:5672").wait()?;
//! let sender = connection.sender(SenderOptions::new("orders"))?;
//! sender.send(Message::value("one apple")).wait().accepted()?;
//!
//! let receiver = connection.receiver(ReceiverOptions::new("orders").prefetch(10))?;
//! let received = receiver.receive().wait()?;
//! println!("{:?}", received.message.body()?);
//! received.delivery.accept();
//! connection.close().wait()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Threads
//! A connection has two, `amqp-read` and `amqp-write`, which end with it. Who is about to wait writes what is to be written
//! before it does, and so does who fills 16 KiB; what is left after a millisecond the writing thread writes. A thread of
//! the application is held up by a peer that does not read for some 20 ms at most: then the rest is the writing thread's.
//!
//! A program that ends does not wait for what was not written: only `close`, waited for, promises that it was.
//!
//! # Features
//! `threads` (default): all of the above. Without it this crate is [`amqp_endpoint`] and no more.
#![forbid(unsafe_code)]

#[cfg(feature = "threads")]
mod dial;
#[cfg(feature = "threads")]
mod listen;
#[cfg(feature = "threads")]
mod threads;
#[cfg(feature = "threads")]
mod wait;

pub use amqp_endpoint::*;
#[cfg(feature = "threads")]
pub use dial::{Dial, Dialing};
#[cfg(feature = "threads")]
pub use listen::Accept;
#[cfg(feature = "threads")]
pub use threads::{Stream, drive};
#[cfg(feature = "threads")]
pub use wait::Wait;
