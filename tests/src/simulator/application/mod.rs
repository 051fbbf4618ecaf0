//! The application on one side: it does something at random, and at rest it does what is left to do.

mod endpoints;
mod events;
mod receiving;
mod rest;
mod sending;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use amqp_core::{Connection, ReceiverId, SenderId, SessionId};

use super::chance::Chance;
use super::ledger::{Check, Ledger};
use super::plan::Plan;
use super::report::Log;
use crate::oracle::Side;
pub(super) use receiving::Receiving;
pub(super) use sending::Sending;

/// What an application may look at and change while it is its turn.
pub(super) struct Turn<'a> {
    pub(super) side: Side,
    pub(super) now: u64,
    pub(super) engine: &'a mut Connection,
    pub(super) ledger: &'a mut Ledger,
    pub(super) chance: &'a mut Chance,
    pub(super) plan: &'a Plan,
    pub(super) log: &'a Log,
    /// The transport has been cut.
    pub(super) cut: bool,
}

impl Turn<'_> {
    pub(super) fn note(&self, text: impl FnOnce() -> String) {
        self.log.note(self.side, text);
    }
}

/// What an application knows.
#[derive(Debug, Default)]
pub(super) struct Application {
    /// Sessions that can be used.
    sessions: BTreeSet<SessionId>,
    senders: BTreeMap<SenderId, Sending>,
    receivers: BTreeMap<ReceiverId, Receiving>,
    /// What the peer asked and has no answer.
    questions: VecDeque<Question>,
    /// Endpoints whose final event has come.
    over: BTreeSet<Endpoint>,
    /// Links made so far, for their names.
    links_made: u32,
    tags_made: u64,
    /// Opens were exchanged.
    opened: bool,
    /// The connection is over.
    pub(super) closed: bool,
    /// Nothing new is begun.
    pub(super) winding_down: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    Open,
    Session(SessionId),
    Sender(SenderId),
    Receiver(ReceiverId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Endpoint {
    Session(SessionId),
    Sender(SenderId),
    Receiver(ReceiverId),
}

/// What can be done, and how often it is.
type Act = fn(&mut Application, &mut Turn<'_>) -> Check;

impl Application {
    /// Does one thing.
    pub(super) fn act(&mut self, turn: &mut Turn<'_>) -> Check {
        let habits = turn.plan.habits;
        let acts: [(u64, Act); 26] = [
            (3, Self::begin_session),
            (6, Self::attach_sender),
            (6, Self::attach_receiver),
            (40, Self::answer),
            (120, Self::send),
            (habits.streaming / 2, Self::start),
            (40, Self::append),
            (10, Self::finish),
            (if habits.aborts { 8 } else { 0 }, Self::abort),
            (40, Self::take_outcomes),
            (15, Self::settle_sent),
            (if habits.give_up { 6 } else { 0 }, Self::give_up),
            (if habits.give_up { 4 } else { 0 }, Self::update_sent),
            (60, Self::take_deliveries),
            (20, Self::read),
            (80, Self::settle_received),
            (4, Self::update_received),
            (10, Self::take_updates),
            (25, Self::grant),
            (5, Self::drain),
            (2, Self::stop),
            (6, Self::change_mode),
            (4, Self::echo),
            (if habits.detaches { 4 } else { 0 }, Self::detach),
            (if habits.detaches { 15 } else { 0 }, Self::attach_again),
            (if habits.closes { 3 } else { 0 }, Self::close),
        ];
        let total = acts.iter().map(|(weight, _)| weight).sum();
        let mut place = turn.chance.below(total);
        for (weight, act) in acts {
            if place < weight {
                return act(self, turn);
            }
            place -= weight;
        }
        Ok(())
    }
}
