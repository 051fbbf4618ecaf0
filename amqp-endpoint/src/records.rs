//! What the endpoints keep about engine endpoints and deliveries: found by a key that its handle owns, or by the
//! engine's id.

use amqp_core::{DeliveryKey, ReceiverId, SenderId, SessionId};
use slab::Slab;

/// An id that the engine made.
pub(crate) trait EngineId: Copy + PartialEq {
    /// A small number that no other live one has.
    fn place(self) -> usize;
}

macro_rules! engine_ids {
    ($($id:ident)+) => { $(
        impl EngineId for $id {
            fn place(self) -> usize {
                self.index()
            }
        }
    )+ };
}
engine_ids! { SessionId SenderId ReceiverId DeliveryKey }

/// Records with the engine ids that they belong to. A record outlives what its id names, until its handle removes it.
#[derive(Debug)]
pub(crate) struct Records<I, T> {
    records: Slab<(I, T)>,
    /// By the id's place: the key of the record that was made last for it.
    keys: Vec<usize>,
}

impl<I: EngineId, T> Records<I, T> {
    pub(crate) const fn new() -> Self {
        Self { records: Slab::new(), keys: Vec::new() }
    }

    pub(crate) fn insert(&mut self, id: I, record: T) -> usize {
        let key = self.records.insert((id, record));
        let place = id.place();
        if self.keys.len() <= place {
            self.keys.resize(place.saturating_add(1), usize::MAX);
        }
        if let Some(slot) = self.keys.get_mut(place) {
            *slot = key;
        }
        key
    }

    pub(crate) fn get(&self, key: usize) -> Option<&T> {
        self.records.get(key).map(|(_, record)| record)
    }

    pub(crate) fn get_mut(&mut self, key: usize) -> Option<&mut T> {
        self.records.get_mut(key).map(|(_, record)| record)
    }

    /// The key of the record of `id`.
    pub(crate) fn find(&self, id: I) -> Option<usize> {
        let key = *self.keys.get(id.place())?;
        self.records.get(key).filter(|(of, _)| *of == id).map(|_| key)
    }

    /// The record of `id`.
    pub(crate) fn of(&mut self, id: I) -> Option<&mut T> {
        let key = self.find(id)?;
        self.get_mut(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (I, &T)> {
        self.records.iter().map(|(_, (id, record))| (*id, record))
    }

    pub(crate) fn remove(&mut self, key: usize) -> Option<T> {
        self.records.try_remove(key).map(|(_, record)| record)
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Id(usize, u32);

    impl EngineId for Id {
        fn place(self) -> usize {
            self.0
        }
    }

    /// A record outlives its id, and the next id in its place finds a record of its own.
    #[test]
    fn a_stale_id_finds_nothing() {
        let mut records = Records::new();
        let old = records.insert(Id(7, 1), "old");
        let new = records.insert(Id(7, 2), "new");
        assert_eq!(
            (records.find(Id(7, 1)), records.find(Id(7, 2)), records.find(Id(8, 1))),
            (None, Some(new), None)
        );
        assert_eq!((records.get(old), records.get(new), records.len()), (Some(&"old"), Some(&"new"), 2));
        assert_eq!(records.remove(new), Some("new"));
        assert_eq!((records.find(Id(7, 2)), records.remove(new)), (None, None));
        // The slot is used again: by another id.
        let next = records.insert(Id(3, 1), "next");
        assert_eq!((next, records.find(Id(7, 2)), records.of(Id(3, 1))), (new, None, Some(&mut "next")));
    }
}
