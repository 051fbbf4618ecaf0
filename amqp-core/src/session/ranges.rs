//! Sets of numbers that lie in ranges.

use alloc::collections::BTreeMap;

use crate::steps::step;

/// Ranges of which no two have a number in common.
#[derive(Debug, Default)]
pub(crate) struct Ranges(
    /// The last number of each by its first.
    BTreeMap<u64, u64>,
);

impl Ranges {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds the numbers from `first` to `last`. What lies there becomes one with them, so that it is looked at once.
    pub(crate) fn insert(&mut self, mut first: u64, mut last: u64) {
        while let Some((from, to)) = self.newest_to(last).filter(|(_, to)| *to >= first) {
            step();
            self.0.remove(&from);
            (first, last) = (first.min(from), last.max(to));
        }
        self.0.insert(first, last);
    }

    /// The first of the ranges that have numbers from `first` to `last`.
    pub(crate) fn first_in(&self, first: u64, last: u64) -> Option<(u64, u64)> {
        step();
        let around = self.newest_to(first).filter(|(_, to)| *to >= first);
        let behind = || self.0.range(first..).next().map(|(from, to)| (*from, *to));
        around.or_else(behind).filter(|(from, _)| *from <= last)
    }

    /// The last range that begins at a number or before it.
    fn newest_to(&self, number: u64) -> Option<(u64, u64)> {
        self.0.range(..=number).next_back().map(|(from, to)| (*from, *to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn ranges_hold_what_was_added() {
        let (mut ranges, mut numbers) = (Ranges::default(), BTreeSet::new());
        for turn in 0..60_u64 {
            let (first, wide) = (turn * 37 % 211, turn * 13 % 9);
            ranges.insert(first, first + wide);
            numbers.extend(first..=first + wide);
            for number in 0..230 {
                let found = ranges.first_in(number, number).is_some();
                assert_eq!(found, numbers.contains(&number), "{number} in {ranges:?}");
            }
            let (from, to) = ranges.first_in(0, u64::MAX).unwrap();
            assert!((from..=to).all(|number| numbers.contains(&number)));
            assert_eq!(Some(&from), numbers.first());
        }
        assert!(ranges.len() < 60 && !ranges.is_empty());
    }
}
