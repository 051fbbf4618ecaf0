//! Numbers that this side gives out: channels and handles.

use alloc::collections::BTreeSet;

/// Which numbers are taken. All operations cost O(log n).
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    /// Neither this one nor any above it is taken.
    next: u32,
    /// Below `next` and not taken.
    free: BTreeSet<u32>,
}

impl Numbers {
    /// The lowest that is not taken: §2.5.1 and §2.6.2 advise it for channels and handles.
    pub(crate) fn lowest_free(&self) -> u32 {
        self.free.first().copied().unwrap_or(self.next)
    }

    /// Takes the lowest that is not taken.
    pub(crate) fn take(&mut self) -> u32 {
        self.free.pop_first().unwrap_or_else(|| {
            let number = self.next;
            self.next = self.next.saturating_add(1);
            number
        })
    }

    /// One that was taken is free again.
    pub(crate) fn give_back(&mut self, number: u32) {
        self.free.insert(number);
        // So that what is remembered is never more than what was taken at a time.
        while let Some(last) = self.free.last().filter(|last| last.saturating_add(1) == self.next) {
            self.next = *last;
            self.free.pop_last();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_is_taken_and_what_comes_back_is_taken_again() {
        let mut numbers = Numbers::default();
        assert_eq!([numbers.take(), numbers.take(), numbers.take(), numbers.take()], [0, 1, 2, 3]);
        numbers.give_back(1);
        numbers.give_back(0);
        assert_eq!((numbers.lowest_free(), numbers.take(), numbers.take(), numbers.take()), (0, 0, 1, 4));
        for number in [3, 1, 4, 0, 2] {
            numbers.give_back(number);
        }
        assert_eq!((numbers.next, numbers.free.len()), (0, 0));
    }
}
