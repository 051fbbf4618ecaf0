//! One of two processes that exchange messages over 127.0.0.1, to be compared with programs on other libraries.
//!
//! A message has a data section, a message-id (ulong) and an application property `SendTime` (long, milliseconds). It is
//! sent by one call, and received and accepted by one each. What is measured is printed as a line of JSON.

mod idle;
mod message;
mod pinger;
mod ponger;
mod receiver;
mod report;
mod runtime;
mod sender;
mod server;

use amqp_bench::Outcome;
use amqp_endpoint::ConnectionOptions;
use clap::{Args, Subcommand, ValueEnum};

use runtime::{Runtime, Threads, Tokio};

/// Messages that a receiver lets the sender send ahead; renewed at half.
const CREDIT: u32 = 1000;
/// The address of every link.
const ADDRESS: &str = "bench";

/// What the process does.
#[derive(Subcommand)]
pub(crate) enum Role {
    /// Listens, prints "listening", accepts messages, ends when there were enough and all connections are closed
    Receiver(On<receiver::Receiver>),
    /// Sends messages and waits until all are accepted
    Sender(On<sender::Sender>),
    /// Listens, prints "listening", answers each message with one as large, ends with the connection
    Ponger(On<ponger::Ponger>),
    /// Sends a message, waits for the ponger's, and so on: microseconds there and back
    Pinger(On<pinger::Pinger>),
    /// Opens connections with senders, prints "ready", and holds them until killed
    Idle(On<idle::Idle>),
}

pub(crate) fn run(role: Role) -> Outcome<()> {
    match role {
        Role::Receiver(task) => task.run(),
        Role::Sender(task) => task.run(),
        Role::Ponger(task) => task.run(),
        Role::Pinger(task) => task.run(),
        Role::Idle(task) => task.run(),
    }
}

/// What a role does, on whatever adapter.
pub(crate) trait Task: Args {
    fn run<R: Runtime>(self, runtime: R) -> impl Future<Output = Outcome<()>> + Send;
}

// No documentation: clap would put it in the place of the role's.
#[derive(Args)]
pub(crate) struct On<T: Task> {
    #[command(flatten)]
    task: T,
    /// What moves the octets
    #[arg(long, value_enum, default_value_t = Adapter::Tokio)]
    adapter: Adapter,
    /// With tokio: a thread for each core, rather than one
    #[arg(long)]
    multi_thread: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Adapter {
    Tokio,
    Threads,
}

impl<T: Task> On<T> {
    fn run(self) -> Outcome<()> {
        match self.adapter {
            Adapter::Tokio => {
                let runtime = Tokio::new(self.multi_thread)?;
                runtime.run(self.task.run(runtime.clone()))
            }
            Adapter::Threads => Threads.run(self.task.run(Threads)),
        }
    }
}

fn options() -> ConnectionOptions {
    ConnectionOptions::default().max_frame_size(65_536_u32)
}

/// Says where the process is, for whoever started it.
fn say(word: &str) -> Outcome<()> {
    use std::io::Write;
    writeln!(std::io::stdout(), "{word}")?;
    Ok(())
}
