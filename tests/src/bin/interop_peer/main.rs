//! The engine's side of the interop suite: `interop_peer connect|listen HOST:PORT MODE [NAME=VALUE]...`.
//!
//! Prints `listening on HOST:PORT` once it listens and `passed` at the end, or one line `failed: REASON` for each thing
//! that was wrong, with exit status 1. The suite, `tests/interop/run`, bounds it in time.

mod deliveries;
mod driver;
mod ends;
mod idle;
mod logins;
mod outcomes;
mod program;
mod receiving;
mod sections;
mod sending;
mod settings;
mod transfers;
mod values;

use std::process::ExitCode;

use crate::program::{Problem, Problems, Program};
use crate::settings::Settings;

fn main() -> ExitCode {
    let problems = match run() {
        Ok(problems) => problems,
        Err(problem) => vec![problem.to_string()],
    };
    for problem in &problems {
        println!("failed: {problem}");
    }
    if problems.is_empty() {
        println!("passed");
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs the mode that the command line names to its end: what was wrong.
fn run() -> Result<Problems, Problem> {
    let settings = Settings::from_command_line()?;
    driver::run(&settings, &mut *program(&settings)?)
}

/// The program of a mode.
fn program(settings: &Settings) -> Result<Box<dyn Program>, Problem> {
    Ok(match settings.mode.as_str() {
        "types-send" => Box::new(values::send()?),
        "types-receive" => Box::new(values::receive()?),
        "sections-send" => Box::new(sections::send()?),
        "sections-receive" => Box::new(sections::receive()?),
        "outcomes-send" => Box::new(outcomes::send()),
        "outcomes-receive" => Box::new(outcomes::receive()),
        "big-send" => Box::new(transfers::big_send(settings)?),
        "big-receive" | "window-receive" => Box::new(transfers::big_receive(settings)?),
        "hello-send" => Box::new(transfers::hello_send(settings)?),
        "hello-receive" => Box::new(transfers::hello_receive(settings)?),
        "settled-send" => Box::new(transfers::settled_send(settings)?),
        "settled-receive" => Box::new(transfers::settled_receive(settings)?),
        "second-send" => Box::new(transfers::second_send(settings)?),
        "second-receive" => Box::new(transfers::second_receive(settings)?),
        "drain-send" => Box::new(transfers::drain_send()),
        "drain-receive" => Box::new(transfers::drain_receive()),
        "lost-send" => Box::new(transfers::lost_send(settings)?),
        "lost-receive" => Box::new(transfers::lost_receive()),
        "abort-send" => Box::new(deliveries::AbortSend::new(settings)?),
        "abort-receive" => Box::new(deliveries::abort_receive()),
        "reattach-send" => Box::new(deliveries::reattach_send(settings)?),
        "reattach-receive" => Box::new(deliveries::reattach_receive(settings)?),
        "dynamic-send" => Box::new(deliveries::dynamic_send()),
        "dynamic-receive" => Box::new(deliveries::DynamicReceive::new()),
        "turn-away" => Box::new(ends::TurnAway::default()),
        "turned-away" => Box::new(ends::TurnedAway::default()),
        "end" => Box::new(ends::End::new(settings)?),
        "ended" => Box::new(ends::Ended::new(settings)?),
        "idle" => Box::new(idle::Idle::new(settings)?),
        "login" => Box::new(logins::Login::new(settings)),
        "refused" => Box::new(logins::Refused::new(settings)),
        mode => return Err(format!("no mode {mode}").into()),
    })
}
