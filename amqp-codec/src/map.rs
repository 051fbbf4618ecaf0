//! Maps: entries in order, without duplicate keys (§1.6.23).

use crate::annotation_key::AnnotationKey;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::format::{PrimitiveType, code};
use crate::primitive::{Primitive, unexpected};
use crate::read::{Decode, Reader};
use crate::text::Symbol;
use crate::value::Value;
use crate::write::{Encode, Writer};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::{fmt, mem, slice};

/// A map of §1.6.23: entries keep their order, and no two keys are equal.
///
/// Two maps are equal when they have the same entries in the same order, as the spec asks.
///
/// ```
/// use amqp_codec::{Map, Value};
/// let mut map = Map::new();
/// map.insert("colour".into(), "green".into());
/// assert_eq!(map.get("colour"), Some(&Value::from("green")));
/// assert!(map.push("colour".into(), "red".into()).is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderedMap<K, V>(Box<[(K, V)]>);

/// A map from any value to any value.
pub type Map = OrderedMap<Value, Value>;
/// The spec's type `fields`: a map from symbols to any value (§2.8.13).
pub type Fields = OrderedMap<Symbol, Value>;
/// The spec's type `annotations` (§3.2.10).
pub type Annotations = OrderedMap<AnnotationKey, Value>;

/// A key that the map already has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the map has this key already")]
pub struct DuplicateKey;

impl<K, V> OrderedMap<K, V> {
    /// A map without entries.
    pub fn new() -> Self {
        Self(Box::default())
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries in order.
    pub fn iter(&self) -> slice::Iter<'_, (K, V)> {
        self.0.iter()
    }

    /// The value of `key`: a key of the map's type, or text.
    pub fn get<Q: ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: PartialEq<Q>,
    {
        self.0.iter().find(|(each, _)| each == key).map(|(_, value)| value)
    }

    /// The value of `key`, to change it.
    pub fn get_mut<Q: ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: PartialEq<Q>,
    {
        self.0.iter_mut().find(|(each, _)| each == key).map(|(_, value)| value)
    }

    /// Whether there is an entry with `key`.
    pub fn contains_key<Q: ?Sized>(&self, key: &Q) -> bool
    where
        K: PartialEq<Q>,
    {
        self.get(key).is_some()
    }

    /// Takes the entry with `key` out.
    pub fn remove<Q: ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: PartialEq<Q>,
    {
        let index = self.0.iter().position(|(each, _)| each == key)?;
        self.change(|entries| Some(entries.remove(index).1))
    }

    fn change<T>(&mut self, change: impl FnOnce(&mut Vec<(K, V)>) -> T) -> T {
        let mut entries = mem::take(&mut self.0).into_vec();
        let result = change(&mut entries);
        self.0 = entries.into_boxed_slice();
        result
    }
}

impl<K: PartialEq, V> OrderedMap<K, V> {
    /// Sets the value of `key`: in place where the map has it, otherwise at the end. Returns the value that was replaced.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.get_mut(&key) {
            Some(place) => Some(mem::replace(place, value)),
            None => {
                self.change(|entries| entries.push((key, value)));
                None
            }
        }
    }

    /// Appends an entry, or fails if the map has the key.
    pub fn push(&mut self, key: K, value: V) -> Result<(), DuplicateKey> {
        if self.contains_key(&key) {
            return Err(DuplicateKey);
        }
        self.change(|entries| entries.push((key, value)));
        Ok(())
    }
}

impl<K, V> Default for OrderedMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for OrderedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(key, value)| (key, value))).finish()
    }
}

impl<K, V> IntoIterator for OrderedMap<K, V> {
    type Item = (K, V);
    type IntoIter = alloc::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_vec().into_iter()
    }
}

impl<'a, K, V> IntoIterator for &'a OrderedMap<K, V> {
    type Item = &'a (K, V);
    type IntoIter = slice::Iter<'a, (K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Of entries with equal keys the last value stands in the place of the first.
impl<K: Ord, V> FromIterator<(K, V)> for OrderedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let entries: Vec<_> = entries.into_iter().collect();
        if !has_duplicates(&entries) {
            return Self(entries.into_boxed_slice());
        }
        let mut map = Self::new();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

impl<K: Ord, V, const N: usize> From<[(K, V); N]> for OrderedMap<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

/// Fails where two keys are equal.
impl<K: Ord, V> TryFrom<Vec<(K, V)>> for OrderedMap<K, V> {
    type Error = DuplicateKey;

    fn try_from(entries: Vec<(K, V)>) -> Result<Self, DuplicateKey> {
        if has_duplicates(&entries) { Err(DuplicateKey) } else { Ok(Self(entries.into_boxed_slice())) }
    }
}

/// A few keys are compared with each other; many, which a peer may have chosen to cost time, are sorted first.
fn has_duplicates<K: Ord, V>(entries: &[(K, V)]) -> bool {
    const FEW: usize = 16;
    if entries.len() <= FEW {
        let mut rest = entries;
        while let [(key, _), after @ ..] = rest {
            if after.iter().any(|(other, _)| other == key) {
                return true;
            }
            rest = after;
        }
        return false;
    }
    let mut keys: Vec<&K> = entries.iter().map(|(key, _)| key).collect();
    keys.sort_unstable();
    keys.windows(2).any(|pair| matches!(pair, [one, two] if one == two))
}

impl<K: Decode + Encode + Ord, V: Decode + Encode> Primitive for OrderedMap<K, V> {
    const TYPE: PrimitiveType = PrimitiveType::Map;

    fn code(&self) -> u8 {
        code::MAP32
    }

    fn read(code: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let start = reader.clone();
        let (count, mut body) = match code {
            code::MAP8 | code::MAP32 => reader.compound(code)?,
            _ => return Err(unexpected::<Self>(code, reader)),
        };
        body.check_count(count)?;
        if count % 2 != 0 {
            return Err(start.fail(DecodeErrorKind::OddMapCount));
        }
        let mut entries = Vec::with_capacity(body.room::<(K, V)>(count / 2));
        for _ in 0..count / 2 {
            let key = K::decode(&mut body)?;
            entries.push((key, V::decode(&mut body)?));
        }
        body.finish()?;
        entries.try_into().map_err(|DuplicateKey| start.fail(DecodeErrorKind::DuplicateKey))
    }

    fn write(&self, _code: u8, writer: &mut Writer<'_>) {
        writer.compound32(self.count(), |writer| self.encode_entries(writer));
    }
}

impl<K: Decode + Encode + Ord, V: Decode + Encode> Decode for OrderedMap<K, V> {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let code = reader.octet()?;
        Self::read(code, reader)
    }
}

impl<K: Encode, V: Encode> Encode for OrderedMap<K, V> {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.compound(code::MAP8, self.count(), |writer| self.encode_entries(writer));
    }
}

impl<K: Encode, V: Encode> OrderedMap<K, V> {
    /// Keys and values together (§1.6.23).
    fn count(&self) -> u32 {
        u32::try_from(self.0.len().saturating_mul(2)).unwrap_or(u32::MAX)
    }

    fn encode_entries(&self, writer: &mut Writer<'_>) {
        for (key, value) in &self.0 {
            key.encode(writer);
            value.encode(writer);
        }
    }
}
