//! Two engines back to back, and two applications that call anything.

use std::time::Duration;

use amqp_core::{Cause, Violation};

use super::application::Application;
use super::excuses;
use super::input::Input;
use super::setup;
use crate::chop::Chop;
use crate::oracle::{Fault, Oracle, Side};
use crate::pair::Pair;

const SIDES: [Side; 2] = [Side::Client, Side::Server];
/// More turns than this without coming to rest are a livelock.
const TURNS: usize = 10_000;

/// The input chooses how both sides are made and then what happens, call by call. Neither side breaks a rule, whatever
/// is accepted for sending is resolved once and arrives as it was, and in the end nothing is held.
pub fn operations(data: &[u8]) {
    let mut input = Input::new(data);
    let mut world = World::new(&mut input);
    while !input.is_empty() {
        world.step(&mut input);
    }
    world.end();
}

struct World {
    pair: Pair,
    applications: [Application; 2],
}

impl World {
    fn new(input: &mut Input<'_>) -> Self {
        let client = setup::connection(input.octet()).allow_incoming(true);
        let server = setup::connection(input.octet());
        let mut pair = Pair::new(client, server);
        pair.chop = match input.octet() {
            0..=99 => Chop::Whole,
            100..=109 => Chop::Octets,
            seed => Chop::Random(u64::from(seed)),
        };
        let applications = [(); 2].map(|()| Application::new(input.octet(), true));
        Self { pair, applications }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let what = input.octet();
        let side = if what & 1 == 0 { Side::Client } else { Side::Server };
        match what >> 1 {
            0..=79 => {
                let application = &mut self.applications[at(side)];
                application.call(self.pair.side(side), input);
            }
            80..=99 => self.pair.drive(),
            100..=109 => drop(self.pair.flush(side)),
            110..=115 => drop(self.pair.deliver(side)),
            116..=122 => drop(self.attend(side)),
            123..=125 => self.pair.advance(Duration::from_millis(u64::from(input.octet()))),
            _ => self.pair.advance(Duration::from_secs(u64::from(input.octet() % 70))),
        }
        self.listen();
    }

    /// Both applications hear what there is to hear.
    fn listen(&mut self) -> bool {
        let mut heard = false;
        for side in SIDES {
            for event in self.pair.take_events(side) {
                self.applications[at(side)].hear(event);
                heard = true;
            }
        }
        heard
    }

    fn attend(&mut self, side: Side) -> bool {
        self.applications[at(side)].attend(self.pair.side(side))
    }

    /// Both do what is left to do, until there is nothing.
    fn rest(&mut self) {
        for _ in 0..TURNS {
            self.pair.drive();
            let mut busy = self.listen();
            busy |= self.attend(Side::Client);
            busy |= self.attend(Side::Server);
            if !busy {
                return;
            }
        }
        unreachable!("no rest:\n{}", self.pair.oracle.trace());
    }

    fn end(mut self) {
        self.rest();
        self.pair.client.close(None);
        self.rest();
        // What holds it up has its deadline.
        for _ in 0..20 {
            if SIDES.iter().all(|side| self.pair.side(*side).is_finished()) {
                break;
            }
            self.pair.advance(Duration::from_secs(6));
            self.rest();
        }
        SIDES.iter().for_each(|side| self.is_over(*side));
        self.judge();
    }

    fn is_over(&mut self, side: Side) {
        let causes = SIDES.map(|side| self.pair.side(side).close_reason().map(|it| it.cause().clone()));
        let engine = self.pair.side(side);
        let (counters, finished, unopened) =
            (engine.counters(), engine.is_finished(), engine.remote().is_none());
        let trace = || self.pair.oracle.trace();
        assert!(finished, "{side}: {counters:?}\n{}", trace());
        let (Some(cause), Some(other)) = (&causes[at(side)], &causes[at(side.other())]) else {
            unreachable!("{side} is over without a cause\n{}", trace())
        };
        // Before its open a side has no frame to close with.
        let unopened = unopened && *cause == Cause::TransportLost;
        assert!(unopened || is_lawful(cause, other), "{side}: {cause:?}, {other:?}\n{}", trace());
        let held = [counters.sessions, counters.links, counters.outgoing, counters.incoming];
        let octets = [counters.buffered_input, counters.buffered_output];
        assert!(held == [0; 4] && octets == [0; 2], "{side}: {counters:?}\n{}", trace());
        let application = &self.applications[at(side)];
        assert!(application.is_over(), "{side} was not told of the end");
        application.is_settled();
    }

    /// The oracle has found nothing.
    fn judge(mut self) {
        let oracle = std::mem::replace(&mut self.pair.oracle, Oracle::new("client", "server"));
        let excused = |fault: &Fault| excuses::crossed(fault) || excuses::of_application(fault);
        let faults: Vec<_> = oracle.faults().iter().filter(|fault| !excused(fault)).collect();
        assert!(faults.is_empty(), "{faults:?}\n{}", oracle.trace());
    }
}

const fn at(side: Side) -> usize {
    match side {
        Side::Client => 0,
        Side::Server => 1,
    }
}

/// Whether a connection may end for this cause where both sides keep the rules: they may take too long, also before
/// they could say so, and more than a side has room for.
fn is_lawful(cause: &Cause, other: &Cause) -> bool {
    match cause {
        Cause::Local(_) | Cause::Remote(_) | Cause::Timeout => true,
        Cause::Violation(violation) => *violation == Violation::TooManySessions,
        Cause::TransportLost => *other == Cause::Timeout,
        _ => false,
    }
}
