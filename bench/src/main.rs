//! Measures the endpoints between two processes: `amqp-bench help` says how.

mod peer;

use std::process::ExitCode;

use clap::Parser;

/// Measures the endpoints between two processes
#[derive(Parser)]
struct Command {
    #[command(subcommand)]
    role: peer::Role,
}

fn main() -> ExitCode {
    match peer::run(Command::parse().role) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
