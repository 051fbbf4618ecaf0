//! One direction of the transport: octets arrive late, in other pieces, after a stall, or not at all.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::chance::Chance;
use super::plan::WirePlan;

/// What is on its way to one side.
#[derive(Debug, Default)]
pub(super) struct Wire {
    flight: VecDeque<(u64, Bytes)>,
    /// When the last octet so far arrives: nothing overtakes.
    latest: u64,
    /// When the end of the stream arrives.
    end: Option<u64>,
    /// The reader knows of the end.
    ended: bool,
    /// What the engine left in the buffer that it was given, because a frame is cut.
    pub(super) rest: BytesMut,
}

impl Wire {
    /// Takes octets from the writer.
    pub(super) fn carry(&mut self, mut octets: Bytes, now: u64, plan: &WirePlan, chance: &mut Chance) {
        if self.end.is_some() {
            return;
        }
        if plan.stalls > 0 && chance.below(1000) < plan.stalls {
            self.latest = self.latest.max(now) + chance.below(plan.longest_stall);
        }
        while !octets.is_empty() {
            let piece = plan.piece(octets.len(), chance);
            let at = (now + plan.delay + chance.below(plan.jitter + 1)).max(self.latest);
            self.latest = at;
            self.flight.push_back((at, octets.split_to(piece)));
        }
    }

    /// The writer writes no more.
    pub(super) fn finish(&mut self, now: u64, plan: &WirePlan) {
        let at = self.latest.max(now + plan.delay);
        self.end.get_or_insert(at);
    }

    /// The transport breaks: what is on its way is lost from somewhere on.
    pub(super) fn cut(&mut self, now: u64, chance: &mut Chance) {
        let kept = chance.up_to(self.flight.len());
        self.flight.truncate(kept);
        let last = self.flight.back().map_or(now, |(at, _)| *at);
        self.end = Some(last.max(now) + chance.below(20));
    }

    /// When something arrives next.
    pub(super) fn next(&self) -> Option<u64> {
        let octets = self.flight.front().map(|(at, _)| *at);
        octets.or_else(|| self.end.filter(|_| !self.ended))
    }

    /// Octets that have arrived by now: one piece, or all pieces at once.
    pub(super) fn arrived(&mut self, now: u64, together: bool) -> Option<Bytes> {
        let (_, first) = self.take(now)?;
        if !together {
            return Some(first);
        }
        let mut all = BytesMut::from(&first[..]);
        while let Some((_, more)) = self.take(now) {
            all.extend_from_slice(&more);
        }
        Some(all.freeze())
    }

    /// True once, when the end of the stream has arrived and nothing is before it.
    pub(super) fn ends(&mut self, now: u64) -> bool {
        let ends = !self.ended && self.flight.is_empty() && self.end.is_some_and(|at| at <= now);
        self.ended |= ends;
        ends
    }

    fn take(&mut self, now: u64) -> Option<(u64, Bytes)> {
        let due = self.flight.front().is_some_and(|(at, _)| *at <= now);
        if due { self.flight.pop_front() } else { None }
    }
}
