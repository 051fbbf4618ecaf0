//! Receives and accepts messages.

use std::sync::Arc;

use amqp_bench::Outcome;
use amqp_endpoint::{Connection, Incoming, ReceiveError, Received, ReceiverOptions};
use clap::Args;

use super::report::Meter;
use super::runtime::Runtime;
use super::{CREDIT, Task, message, server};

#[derive(Args)]
pub(crate) struct Receiver {
    /// Of 127.0.0.1
    port: u16,
    /// Messages to wait for; 0: until killed
    count: u64,
    /// Messages that are received and accepted by one call
    #[arg(long, default_value_t = 1)]
    batch: usize,
}

impl Task for Receiver {
    async fn run<R: Runtime>(self, runtime: R) -> Outcome<()> {
        let sink = Sink { count: self.count, batch: self.batch, meter: Arc::default() };
        let Sink { count, meter, .. } = sink.clone();
        let links = runtime.clone();
        let serve_one = move |connection| sink.clone().serve(links.clone(), connection);
        server::serve(runtime, self.port, serve_one, || count > 0 && meter.messages() >= count).await?;
        meter.report("receiver", meter.messages())
    }
}

/// What all links share.
#[derive(Clone)]
struct Sink {
    count: u64,
    batch: usize,
    meter: Arc<Meter>,
}

impl Sink {
    async fn serve<R: Runtime>(self, runtime: R, connection: Connection) -> Outcome<()> {
        let mut links = Vec::new();
        while let Some(incoming) = connection.incoming().await {
            match incoming {
                Incoming::Receiver(link) => {
                    let link = link.accept_with(ReceiverOptions::default().prefetch(CREDIT));
                    links.push(runtime.spawn(self.clone().drain(link)));
                }
                other => other.accept(),
            }
        }
        for link in links {
            match link.await? {
                // Whatever becomes of a client, the next one is served.
                Err(error) if self.count == 0 => eprintln!("{error}"),
                other => other?,
            }
        }
        Ok(())
    }

    /// Takes a link's messages until it is closed.
    async fn drain(self, link: amqp_endpoint::Receiver) -> Outcome<()> {
        let mut octets = 0_usize;
        loop {
            let taken = if self.batch > 1 { self.take_batch(&link).await } else { self.take(&link).await };
            match taken? {
                Some(more) => octets = octets.saturating_add(more),
                None => break,
            }
        }
        self.meter.add_octets(octets as u64);
        Ok(())
    }

    /// Octets of the next message's body; none where the link is closed.
    async fn take(&self, link: &amqp_endpoint::Receiver) -> Outcome<Option<usize>> {
        let received = match link.receive().await {
            Ok(received) => received,
            Err(error) => return closed(error),
        };
        self.meter.begin();
        let octets = message::read(&received.message)?;
        drop(received.delivery.accept());
        self.add(1);
        Ok(Some(octets))
    }

    /// Octets of the bodies of the messages that are there; none where the link is closed.
    async fn take_batch(&self, link: &amqp_endpoint::Receiver) -> Outcome<Option<usize>> {
        let batch = match link.receive_batch(self.batch).await {
            Ok(batch) => batch,
            Err(error) => return closed(error),
        };
        self.meter.begin();
        let mut octets = 0_usize;
        let mut deliveries = Vec::with_capacity(batch.len());
        for received in batch {
            let Received { message, delivery } = received.map_err(ReceiveError::Unreadable)?;
            octets = octets.saturating_add(message::read(&message)?);
            deliveries.push(delivery);
        }
        let messages = deliveries.len();
        link.accept_all(deliveries);
        self.add(messages as u64);
        Ok(Some(octets))
    }

    fn add(&self, messages: u64) {
        let before = self.meter.add_messages(messages);
        // Another link may have taken the last one meanwhile.
        if before < self.count && before.saturating_add(messages) >= self.count {
            self.meter.end();
        }
    }
}

/// No more messages, or an error.
fn closed(error: ReceiveError) -> Outcome<Option<usize>> {
    match error.closed() {
        Some(reason) if reason.is_clean() => Ok(None),
        _ => Err(error.into()),
    }
}
