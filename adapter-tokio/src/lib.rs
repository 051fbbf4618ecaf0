//! AMQP 1.0 on tokio: the endpoints of [`amqp_endpoint`], and the [`Dial`] trait that connects them.
//!
//! ```no_run
//! use adapter_tokio::{Container, Dial, Endpoint, Message, ReceiverOptions, SenderOptions};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let connection = Container::new("example").dial("amqp://127.0.0.1:5672").await?;
//! let sender = connection.sender(SenderOptions::new("orders"))?;
//! sender.send(Message::value("one apple")).await.accepted()?;
//!
//! let receiver = connection.receiver(ReceiverOptions::new("orders").prefetch(10))?;
//! let received = receiver.receive().await?;
//! println!("{:?}", received.message.body()?);
//! received.delivery.accept();
//! connection.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! A connection is one task, spawned on the runtime that it is made on, which needs tokio's time driver
//! (`enable_all`). It ends when the connection is over; where its runtime ends first, everything that waits ends as if the
//! transport was lost. Operations can be awaited on any runtime.
#![forbid(unsafe_code)]

mod dial;
mod task;

pub use amqp_endpoint::*;
pub use dial::{Dial, drive};
