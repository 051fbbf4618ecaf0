//! The engine that is tried: with its application on the one side, and on the other a peer that says anything.

use std::time::Duration;

use amqp_core::Event;
use amqp_core::codec::EMPTY_FRAME;

use super::application::Application;
use super::excuses;
use crate::frames::{Frame, Unit};
use crate::oracle::Fault;
use crate::script::Script;

/// More turns than this without any input are a livelock.
const TURNS: usize = 10_000;

/// An engine under the oracle, and its application.
pub(super) struct Subject {
    pub(super) script: Script,
    pub(super) application: Application,
    /// Octets given by the peer.
    given: usize,
    /// Octets that the engine wrote, without empty frames.
    pub(super) written: usize,
    /// The peer went on before it could read an answer.
    pub(super) hasty: bool,
    /// The peer says what cannot be about windows and credit.
    astray: bool,
}

impl Subject {
    pub(super) fn new(script: Script, application: Application) -> Self {
        Self { script: script.unjudged(), application, given: 0, written: 0, hasty: false, astray: false }
    }

    /// The peer says `octets`, and nothing is asked about it yet.
    pub(super) fn give(&mut self, octets: &[u8]) {
        self.given += octets.len();
        if self.script.engine.wants_shutdown() {
            // The oracle reads nothing that an engine does not look at.
            _ = self.script.engine.handle_input(octets, self.script.now());
            self.is_silent();
        } else {
            self.script.give_octets(octets);
        }
    }

    /// Everything there is to say and tell is taken, and the application does what follows from it.
    pub(super) fn settle(&mut self) {
        for _ in 0..TURNS {
            let mut busy = self.write();
            // Also what a poll has told that gave nothing.
            busy |= self.listen();
            busy |= self.application.attend(&mut self.script.engine);
            if !busy {
                return;
            }
        }
        unreachable!("no rest:\n{}", self.script.oracle.trace());
    }

    /// The application hears what there is to hear.
    pub(super) fn listen(&mut self) -> bool {
        let events = self.script.take_events();
        events.iter().for_each(|event| self.application.hear(*event));
        !events.is_empty()
    }

    /// The peer reads what there is to read.
    pub(super) fn write(&mut self) -> bool {
        let units = self.script.rest();
        self.written += units.iter().map(octets_of).sum::<usize>();
        !units.is_empty()
    }

    /// From now on the oracle's idea of windows and credit need not be the engine's.
    pub(super) fn goes_astray(&mut self) {
        if !self.astray {
            self.is_lawful();
            self.astray = true;
        }
    }

    /// Time passes, as long as the engine has a use for it.
    pub(super) fn advance(&mut self, duration: Duration) {
        let end = self.script.now() + duration;
        while !self.script.engine.wants_shutdown() && self.script.now() < end {
            let due = self.script.engine.poll_timeout().map_or(end, |due| due.min(end));
            self.script.advance(due.saturating_since(self.script.now()));
            self.settle();
        }
    }

    /// What is held is within the limits.
    pub(super) fn is_bounded(&self) {
        let (limits, counters) = (&self.script.engine.options().limits, self.script.engine.counters());
        let sessions = limits.sessions as usize;
        assert!(counters.sessions <= sessions, "{counters:?}");
        assert!(counters.links <= sessions * limits.links as usize, "{counters:?}");
        // One frame may go over it.
        let most = limits.buffered_input + self.script.engine.options().max_frame_size as usize;
        assert!(counters.buffered_input <= most, "{counters:?}");
    }

    /// What is written is in proportion to what was given: nobody can make an engine talk.
    pub(super) fn is_terse(&self) {
        assert!(self.written <= 4096 + 64 * self.given, "{} for {}", self.written, self.given);
    }

    /// Without input nothing comes any more.
    fn is_silent(&mut self) {
        for _ in 0..3 {
            assert_eq!(self.script.rest(), []);
            assert_eq!(self.script.take_events(), [Event::Opened; 0]);
        }
    }

    /// A quiet point, then the end of the transport, at which everything is over at once and nothing is held.
    pub(super) fn end(mut self) {
        self.settle();
        self.is_silent();
        self.is_bounded();
        if self.script.engine.wants_shutdown() {
            self.give(b"AMQP\0\x01\0\0");
            self.give(&EMPTY_FRAME);
        }
        self.script.give_eof();
        self.settle();
        let trace = || self.script.oracle.trace();
        let (engine, counters) = (&self.script.engine, self.script.engine.counters());
        assert!(engine.is_finished() && self.application.is_over(), "{:?}\n{}", engine.state(), trace());
        assert!(engine.poll_timeout().is_none() && engine.close_reason().is_some());
        let held = [counters.sessions, counters.links, counters.outgoing, counters.incoming];
        let octets = [counters.buffered_input, counters.buffered_output];
        assert!(held == [0; 4] && octets == [0; 2], "{counters:?}\n{}", trace());
        self.application.is_settled();
        self.is_silent();
        self.is_lawful();
    }

    /// The oracle has found nothing, as long as it knew as much as the engine.
    fn is_lawful(&self) {
        let oracle = &self.script.oracle;
        let mut faults = oracle.faults().iter().filter(|fault| !self.excuses(fault)).peekable();
        if faults.peek().is_some() {
            let trace = oracle.trace();
            let known = excuses::before_the_unreadable(&trace);
            let faults: Vec<_> = faults.filter(|fault| known.contains(&fault.detail)).collect();
            assert!(faults.is_empty(), "{faults:?}\n{trace}");
        }
    }

    fn excuses(&self, fault: &Fault) -> bool {
        let turns = self.hasty && excuses::out_of_turn(fault);
        let own = excuses::crossed(fault) || excuses::of_application(fault) || excuses::open(fault);
        let credit = self.astray && excuses::of_credit(fault);
        turns || own || credit || excuses::astray(fault)
    }
}

fn octets_of(unit: &Unit) -> usize {
    match unit {
        Unit::Header(_) => 8,
        Unit::Sasl(frame) => frame.to_string().len(),
        Unit::Frame(Frame { performative: None, .. }) => 0,
        Unit::Frame(frame) => frame.size as usize,
    }
}
