//! Sends a message and waits for the answer, again and again.

use std::time::Instant;

use amqp_bench::Outcome;
use amqp_bench::engine::Settlement;
use amqp_endpoint::{Container, Endpoint, ReceiverOptions};
use clap::Args;

use super::runtime::Runtime;
use super::{ADDRESS, CREDIT, Task, message, report, sender};

#[derive(Args)]
pub(crate) struct Pinger {
    /// Of 127.0.0.1
    port: u16,
    /// Round trips
    count: u64,
    /// Octets of a message's data section
    body_bytes: usize,
}

impl Task for Pinger {
    async fn run<R: Runtime>(self, runtime: R) -> Outcome<()> {
        let connection = runtime.dial(&Container::new("bench-client"), self.port).await?;
        let out = connection.sender(sender::link(Settlement::Settled))?;
        let back = connection.receiver(ReceiverOptions::new(ADDRESS).name("in").prefetch(CREDIT))?;
        out.sync().await?;
        back.sync().await?;
        let mut message = message::Template::new(self.body_bytes);
        let mut times = Vec::with_capacity(usize::try_from(self.count)?);
        for id in 0..self.count {
            let start = Instant::now();
            out.send_forget(message.stamp(id)?).await?;
            let received = back.receive().await?;
            message::read(&received.message)?;
            times.push(u64::try_from(start.elapsed().as_nanos())?);
            drop(received.delivery.accept());
        }
        report::round_trips(times)?;
        Ok(connection.close().await?)
    }
}
