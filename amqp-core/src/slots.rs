//! A generational arena: what is looked up by a key of something removed is not there, whoever sits in its place now.

use alloc::vec::Vec;
use core::marker::PhantomData;

use crate::steps::step;

/// Where a thing lies, and which of the things that have lain there it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) slot: u32,
    generation: u32,
}

impl Key {
    /// Not after any other.
    pub(crate) const FIRST: Self = Self { slot: 0, generation: 0 };
}

/// A typed wrapper around [`Key`].
pub(crate) trait Id: Copy {
    fn from_key(key: Key) -> Self;
    fn key(self) -> Key;
}

/// Declares public identifiers over [`Key`].
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name($crate::slots::Key);

        impl $name {
            /// A small number that no other live one of its kind on the connection has: its place in a table of the
            /// caller's.
            #[inline]
            pub const fn index(self) -> usize {
                self.0.slot as usize
            }
        }

        impl $crate::slots::Id for $name {
            fn from_key(key: $crate::slots::Key) -> Self {
                Self(key)
            }

            fn key(self) -> $crate::slots::Key {
                self.0
            }
        }
    )+ };
}
pub(crate) use ids;

#[derive(Debug)]
struct Entry<T> {
    generation: u32,
    value: Option<T>,
}

/// The arena. All operations cost O(1).
#[derive(Debug)]
pub(crate) struct Slots<I, T> {
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
    id: PhantomData<fn() -> I>,
}

impl<I: Id, T> Slots<I, T> {
    pub(crate) const fn new() -> Self {
        Self { entries: Vec::new(), free: Vec::new(), id: PhantomData }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len().saturating_sub(self.free.len())
    }

    /// Stores what `make` builds for its own key.
    #[inline(always)]
    pub(crate) fn insert_with(&mut self, make: impl FnOnce(I) -> T) -> I {
        step();
        let slot = self.free.pop().unwrap_or_else(|| {
            self.entries.push(Entry { generation: 0, value: None });
            u32::try_from(self.entries.len().saturating_sub(1)).unwrap_or(u32::MAX)
        });
        let Some(entry) = self.entries.get_mut(slot as usize) else {
            return I::from_key(Key { slot, generation: 0 });
        };
        let id = I::from_key(Key { slot, generation: entry.generation });
        // Made in its place: nothing is there before.
        entry.value.get_or_insert_with(|| make(id));
        id
    }

    #[inline]
    pub(crate) fn get(&self, id: I) -> Option<&T> {
        step();
        let key = id.key();
        let entry = self.entries.get(key.slot as usize)?;
        entry.value.as_ref().filter(|_| entry.generation == key.generation)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: I) -> Option<&mut T> {
        step();
        let key = id.key();
        let entry = self.entries.get_mut(key.slot as usize)?;
        entry.value.as_mut().filter(|_| entry.generation == key.generation)
    }

    pub(crate) fn remove(&mut self, id: I) -> Option<T> {
        step();
        let key = id.key();
        let entry = self.entries.get_mut(key.slot as usize)?;
        if entry.generation != key.generation {
            return None;
        }
        let value = entry.value.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(key.slot);
        Some(value)
    }

    /// Removes without moving what was stored.
    pub(crate) fn discard(&mut self, id: I) {
        step();
        let key = id.key();
        if let Some(entry) = self.entries.get_mut(key.slot as usize)
            && entry.generation == key.generation
            && entry.value.is_some()
        {
            entry.value = None;
            entry.generation = entry.generation.wrapping_add(1);
            self.free.push(key.slot);
        }
    }

    /// The ids of all that is stored, in the order of their slots.
    pub(crate) fn ids(&self) -> impl Iterator<Item = I> + '_ {
        self.entries.iter().inspect(|_| step()).enumerate().filter(|(_, entry)| entry.value.is_some()).map(
            |(slot, entry)| {
                I::from_key(Key {
                    slot: u32::try_from(slot).unwrap_or(u32::MAX),
                    generation: entry.generation,
                })
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy)]
    struct TestId(Key);

    impl Id for TestId {
        fn from_key(key: Key) -> Self {
            Self(key)
        }

        fn key(self) -> Key {
            self.0
        }
    }

    #[test]
    fn a_stale_id_names_nothing() {
        let mut slots = Slots::<TestId, &str>::new();
        let first = slots.insert_with(|_| "first");
        assert_eq!(slots.remove(first), Some("first"));
        let second = slots.insert_with(|_| "second");
        assert_eq!(first.key().slot, second.key().slot);
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.get_mut(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get(second), Some(&"second"));
        assert_eq!(slots.len(), 1);
    }
}
