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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_cost_one_entry() {
        let mut table = Table::new();
        table.insert(u32::MAX, 1);
        assert_eq!((table.dense.len(), table.get(u32::MAX)), (0, Some(1)));
        for number in 0..=DENSE {
            table.insert(number, 2);
        }
        assert_eq!((table.dense.len(), table.sparse.len()), (DENSE as usize, 2));
        assert_eq!((table.remove(3), table.get(3), table.get(DENSE)), (Some(2), None, Some(2)));
    }
}
