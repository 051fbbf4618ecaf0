//! Chance: everything random in a run comes from its seed.

use crate::chop;

/// A sequence of choices that the seed determines.
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        // Neighbouring seeds must not give overlapping sequences.
        let mut state = seed;
        let spread = chop::random(&mut state);
        Self(spread ^ seed.rotate_left(32))
    }

    /// A number below `bound`, or 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        chop::random(&mut self.0) % bound.max(1)
    }

    /// As [`Self::below`], for lengths and places.
    pub(super) fn up_to(&mut self, most: usize) -> usize {
        usize::try_from(self.below(most as u64 + 1)).unwrap_or(most)
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u32, high: u32) -> u32 {
        let span = u64::from(high.saturating_sub(low)) + 1;
        low.saturating_add(u32::try_from(self.below(span)).unwrap_or(0))
    }

    /// True in so many of 100 cases.
    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of `choices`, which must not be empty.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        let at = self.up_to(choices.len().saturating_sub(1));
        choices.get(at).copied().expect("there is a choice")
    }

    /// One of `items`, if there are any.
    pub(super) fn one<T>(&mut self, mut items: impl ExactSizeIterator<Item = T>) -> Option<T> {
        let at = self.up_to(items.len().saturating_sub(1));
        items.nth(at)
    }
}
