//! Measures the engine by itself, and the endpoints between two processes: `amqp-bench help` says how.

mod peer;

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use amqp_bench::engine::{self, Settlement};
use amqp_bench::{Outcome, memory};
use clap::Parser;

/// Measures the engine by itself, and the endpoints between two processes
#[derive(Parser)]
enum Command {
    /// Sends messages between two engines without sockets: ns, allocations and octets a message
    Engine {
        /// Messages
        count: u64,
        /// Octets of a message's data section
        body_bytes: usize,
        /// unsettled or settled
        settlement: Settlement,
    },
    /// Counts the octets of an idle connection with a session, and of an idle link
    Memory {
        /// Pairs of connected engines
        connections: u32,
        /// Links of each pair
        links: u32,
    },
    #[command(flatten)]
    Peer(peer::Role),
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome<()> {
    match Command::parse() {
        Command::Engine { count, body_bytes, settlement } => {
            let report = engine::run(count, body_bytes, settlement)?;
            print(&report, &report.json())
        }
        Command::Memory { connections, links } => {
            let report = memory::run(connections, links)?;
            print(&report, &report.json())
        }
        Command::Peer(role) => peer::run(role),
    }
}

/// A line for people, and one of JSON.
fn print(report: &impl Display, json: &str) -> Outcome<()> {
    writeln!(std::io::stdout(), "{report}\n{json}")?;
    Ok(())
}
