//! Measures the engine: see the usage below.

use std::io::Write;
use std::process::ExitCode;

use amqp_bench::{Outcome, engine, memory};

const USAGE: &str = "usage: amqp-bench engine COUNT BODY_BYTES unsettled|settled
       amqp-bench memory CONNECTIONS LINKS

engine: COUNT messages between two engines without sockets: ns, allocations and bytes a message
memory: bytes of an idle connection with a session, and of an idle link";

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
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (line, json) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["engine", count, body, settlement] => {
            let report = engine::run(count.parse()?, body.parse()?, settlement.parse()?)?;
            (report.to_string(), report.json())
        }
        ["memory", connections, links] => {
            let report = memory::run(connections.parse()?, links.parse()?)?;
            (report.to_string(), report.json())
        }
        _ => return Err(USAGE.into()),
    };
    writeln!(std::io::stdout(), "{line}\n{json}")?;
    Ok(())
}
