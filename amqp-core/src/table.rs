//! Numbers that a peer chooses (channels, handles) looked up: small ones index a `Vec`, larger ones a map, so that no
//! number costs memory in proportion to its size.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

const DENSE: u32 = 64;

/// A map from a small number to a `Copy` value.
#[derive(Debug)]
pub(crate) struct Table<T> {
    dense: Vec<Option<T>>,
    sparse: BTreeMap<u32, T>,
}

impl<T: Copy> Table<T> {
    pub(crate) const fn new() -> Self {
        Self { dense: Vec::new(), sparse: BTreeMap::new() }
    }

    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<T> {
        if number < DENSE {
            self.dense.get(number as usize).copied().flatten()
        } else {
            self.sparse.get(&number).copied()
        }
    }

    pub(crate) fn insert(&mut self, number: u32, value: T) {
        if number >= DENSE {
            self.sparse.insert(number, value);
            return;
        }
        let index = number as usize;
        if self.dense.len() <= index {
            self.dense.resize(index.saturating_add(1), None);
        }
        if let Some(place) = self.dense.get_mut(index) {
            *place = Some(value);
        }
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<T> {
        if number < DENSE { self.dense.get_mut(number as usize)?.take() } else { self.sparse.remove(&number) }
    }

    /// The lowest number that is not taken: §2.5.1 and §2.6.2 advise it for channels and handles.
    pub(crate) fn lowest_free(&self) -> u32 {
        let dense = self.dense.iter().position(Option::is_none).unwrap_or(self.dense.len());
        let mut candidate = u32::try_from(dense).unwrap_or(u32::MAX);
        if candidate < DENSE {
            return candidate;
        }
        for number in self.sparse.keys() {
            if *number != candidate {
                break;
            }
            candidate = candidate.saturating_add(1);
        }
        candidate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_cost_one_entry_and_the_lowest_free_is_found() {
        let mut table = Table::new();
        table.insert(u32::MAX, 1);
        assert_eq!((table.dense.len(), table.get(u32::MAX), table.lowest_free()), (0, Some(1), 0));
        for number in 0..=DENSE {
            table.insert(number, 2);
        }
        assert_eq!(table.lowest_free(), DENSE + 1);
        assert_eq!(table.remove(3), Some(2));
        assert_eq!((table.lowest_free(), table.get(3)), (3, None));
    }
}
