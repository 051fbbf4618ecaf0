//! Holds connections open.

use amqp_bench::Outcome;
use amqp_endpoint::{Container, Endpoint, SenderOptions};
use clap::Args;

use super::runtime::Runtime;
use super::{ADDRESS, Task, say};

#[derive(Args)]
pub(crate) struct Idle {
    /// Of 127.0.0.1
    port: u16,
    /// How many
    connections: u32,
    /// Senders on each
    links: u32,
}

impl Task for Idle {
    async fn run<R: Runtime>(self, runtime: R) -> Outcome<()> {
        let container = Container::new("bench-client");
        let mut held = Vec::new();
        for _ in 0..self.connections {
            let connection = runtime.dial(&container, self.port).await?;
            let session = connection.default_session()?;
            session.sync().await?;
            let mut links = Vec::new();
            for number in 0..self.links {
                let link = session.sender(SenderOptions::new(ADDRESS).name(format!("out-{number}")))?;
                link.sync().await?;
                links.push(link);
            }
            held.push((connection, links));
        }
        say("ready")?;
        std::future::pending().await
    }
}
