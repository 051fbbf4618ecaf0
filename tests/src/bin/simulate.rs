//! Runs many simulated worlds; `--help` tells its options. Stops at the first failure, with its seed and trace.

use std::process::ExitCode;
use std::time::Instant;

use amqp_tests::simulator::{Failure, run, trace};

const USAGE: &str = "\
usage: simulate [--seeds N] [--from S] [--trace]
  --seeds N   so many worlds, 1000 without it
  --from S    the seed of the first, 0 without it
  --trace     shows what happened in each of them, also where nothing is wrong
One seed again: cargo run --release -p amqp-tests --bin simulate -- --from S --seeds 1";

struct Options {
    seeds: u64,
    from: u64,
    traced: bool,
}

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let Some(options) = options() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match worlds(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            println!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Option<Options> {
    let mut options = Options { seeds: 1000, from: 0, traced: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(option) = arguments.next() {
        let mut number = || arguments.next()?.parse().ok();
        match option.as_str() {
            "--seeds" => options.seeds = number()?,
            "--from" => options.from = number()?,
            "--trace" => options.traced = true,
            _ => return None,
        }
    }
    Some(options)
}

fn worlds(&Options { seeds, from, traced }: &Options) -> Result<(), Box<Failure>> {
    let begun = Instant::now();
    let (mut messages, mut octets) = (0, 0);
    for seed in from..from.saturating_add(seeds) {
        if traced {
            println!("seed {seed}\n{}", trace(seed)?);
        }
        let summary = run(seed)?;
        messages += summary.messages;
        octets += summary.octets;
        let done = seed - from + 1;
        if done % 1000 == 0 || done == seeds {
            let seconds = begun.elapsed().as_secs_f64();
            eprintln!("{done} of {seeds} seeds, {messages} messages, {octets} octets, {seconds:.1} s");
        }
    }
    Ok(())
}
