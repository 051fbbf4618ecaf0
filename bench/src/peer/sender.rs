//! Sends messages and waits until they are accepted.

use std::collections::VecDeque;
use std::sync::Arc;

use amqp_bench::Outcome;
use amqp_bench::engine::Settlement;
use amqp_core::codec::SenderSettleMode;
use amqp_endpoint::{Container, Endpoint, SenderOptions, Submitted};
use clap::Args;

use super::message::Template;
use super::report::Meter;
use super::runtime::Runtime;
use super::{ADDRESS, Task};

#[derive(Args, Clone)]
pub(crate) struct Sender {
    /// Of 127.0.0.1
    port: u16,
    /// Messages on all connections together
    count: u64,
    /// Octets of a message's data section
    body_bytes: usize,
    /// unsettled or settled
    settlement: Settlement,
    /// Unsettled: messages sent ahead of the oldest whose outcome is not known
    window: usize,
    /// Each with its share of the messages
    #[arg(default_value_t = 1)]
    connections: u64,
}

impl Task for Sender {
    async fn run<R: Runtime>(self, runtime: R) -> Outcome<()> {
        let container = Container::new("bench-client");
        let meter = Arc::<Meter>::default();
        let mut shares = Vec::new();
        for _ in 0..self.connections {
            let share = self.clone().send_share(runtime.clone(), container.clone(), meter.clone());
            shares.push(runtime.spawn(share));
        }
        for share in shares {
            share.await??;
        }
        meter.report("sender", self.count)
    }
}

impl Sender {
    async fn send_share<R: Runtime>(
        self,
        runtime: R,
        container: Container,
        meter: Arc<Meter>,
    ) -> Outcome<()> {
        let connection = runtime.dial(&container, self.port).await?;
        let link = connection.sender(link(self.settlement))?;
        link.sync().await?;
        meter.begin();
        let mut message = Template::new(self.body_bytes);
        let mut outstanding = VecDeque::<Submitted>::with_capacity(self.window);
        for id in 1..=self.count.checked_div(self.connections).unwrap_or(0) {
            if outstanding.len() >= self.window.max(1)
                && let Some(oldest) = outstanding.pop_front()
            {
                oldest.await.accepted()?;
            }
            let submitted = link.submit(message.stamp(id)?).await?;
            if self.settlement == Settlement::Unsettled {
                outstanding.push_back(submitted);
            }
        }
        for submitted in outstanding {
            submitted.await.accepted()?;
        }
        meter.end();
        Ok(connection.close().await?)
    }
}

/// A link to send on.
pub(crate) fn link(settlement: Settlement) -> SenderOptions {
    SenderOptions::new(ADDRESS).name("out").snd_settle_mode(match settlement {
        Settlement::Unsettled => SenderSettleMode::Unsettled,
        Settlement::Settled => SenderSettleMode::Settled,
    })
}
