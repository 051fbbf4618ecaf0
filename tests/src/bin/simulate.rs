//! Runs many simulated worlds: `simulate --seeds N [--from S]`. Stops at the first failure, with its seed and trace.

use std::process::ExitCode;
use std::time::Instant;

use amqp_tests::simulator::run;

fn main() -> ExitCode {
    let (mut seeds, mut from) = (1000_u64, 0_u64);
    let mut arguments = std::env::args().skip(1);
    while let Some(option) = arguments.next() {
        let value = arguments.next().and_then(|value| value.parse().ok());
        match (option.as_str(), value) {
            ("--seeds", Some(value)) => seeds = value,
            ("--from", Some(value)) => from = value,
            _ => {
                eprintln!("usage: simulate [--seeds N] [--from S]");
                return ExitCode::from(2);
            }
        }
    }
    let begun = Instant::now();
    let (mut messages, mut octets) = (0, 0);
    for seed in from..from.saturating_add(seeds) {
        match run(seed) {
            Ok(summary) => {
                messages += summary.messages;
                octets += summary.octets;
            }
            Err(failure) => {
                println!("{failure}");
                return ExitCode::FAILURE;
            }
        }
        let done = seed - from + 1;
        if done % 1000 == 0 || done == seeds {
            let seconds = begun.elapsed().as_secs_f64();
            eprintln!("{done} of {seeds} seeds, {messages} messages, {octets} octets, {seconds:.1} s");
        }
    }
    ExitCode::SUCCESS
}
