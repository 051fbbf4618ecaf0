//! Measures the engine by itself: `engine help` says how.
//!
//! A program of its own, because what else a program contains changes how the compiler lays out the engine in it.

use std::alloc::System;
use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use amqp_bench::engine::{self, Settlement};
use amqp_bench::{Outcome, memory};
use clap::Parser;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Measures the engine by itself
#[derive(Parser)]
enum Command {
    /// Sends messages between two engines without sockets: ns, allocations and octets a message
    Messages {
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
        Command::Messages { count, body_bytes, settlement } => {
            let report = engine::run(count, body_bytes, settlement)?;
            print(&report, &report.json())
        }
        Command::Memory { connections, links } => {
            let report = memory::run(connections, links)?;
            print(&report, &report.json())
        }
    }
}

/// A line for people, and one of JSON.
fn print(report: &impl Display, json: &str) -> Outcome<()> {
    writeln!(std::io::stdout(), "{report}\n{json}")?;
    Ok(())
}
