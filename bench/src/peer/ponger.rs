//! Answers every message.

use std::sync::Arc;

use amqp_bench::Outcome;
use amqp_endpoint::{Connection, Endpoint, Error, Incoming, Receiver, ReceiverOptions, Sender};
use clap::Args;

use super::report::Meter;
use super::runtime::Runtime;
use super::{CREDIT, Task, message, server};

#[derive(Args)]
pub(crate) struct Ponger {
    /// Of 127.0.0.1
    port: u16,
    /// Messages that there will be; it ends when the connection is closed
    count: u64,
}

impl Task for Ponger {
    async fn run<R: Runtime>(self, runtime: R) -> Outcome<()> {
        let meter = Arc::<Meter>::default();
        let (answering, counting) = (runtime.clone(), meter.clone());
        let serve_one = move |connection| serve(answering.clone(), connection, counting.clone());
        server::serve(runtime, self.port, serve_one, || true).await?;
        meter.report("ponger", self.count)
    }
}

/// Answers on the peer's receiving link what comes on its sending one.
async fn serve<R: Runtime>(runtime: R, connection: Connection, meter: Arc<Meter>) -> Outcome<()> {
    let (mut from, mut to, mut answering) = (None, None, None);
    while let Some(incoming) = connection.incoming().await {
        match incoming {
            Incoming::Receiver(link) => {
                from = Some(link.accept_with(ReceiverOptions::default().prefetch(CREDIT)));
            }
            Incoming::Sender(link) => to = Some(link.accept()),
            other => other.accept(),
        }
        if answering.is_none()
            && let (Some(from), Some(to)) = (&from, &to)
        {
            answering = Some(runtime.spawn(answer(from.clone(), to.clone(), meter.clone())));
        }
    }
    match (answering, connection.error()) {
        (Some(answering), _) => answering.await?,
        (None, Some(error)) if !error.is_clean() => Err(error.into()),
        (None, _) => Ok(()),
    }
}

async fn answer(from: Receiver, to: Sender, meter: Arc<Meter>) -> Outcome<()> {
    let mut template = None;
    for id in 0.. {
        let received = match from.receive().await {
            Ok(received) => received,
            Err(error) if error.closed().is_some_and(Error::is_clean) => break,
            Err(error) => return Err(error.into()),
        };
        meter.begin();
        let octets = message::read(&received.message)?;
        drop(received.delivery.accept());
        let answer = template.get_or_insert_with(|| message::Template::new(octets));
        to.send_forget(answer.stamp(id)?).await?;
        meter.add_octets(octets as u64);
    }
    meter.end();
    Ok(())
}
