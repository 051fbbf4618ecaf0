//! The octets of a message as a rope of reference-counted pieces.

use alloc::{boxed::Box, collections::VecDeque, string::String, vec::Vec};
use core::fmt;

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The payload of one transfer or of a whole delivery: octets in order, in one piece or several.
///
/// A delivery that arrives in several transfers (§2.6.14) is one piece a transfer; pieces are counted references,
/// so building, cloning and splitting a payload never copies octets. Empty pieces are never kept.
///
/// ```
/// use amqp_codec::Payload;
/// use bytes::Bytes;
///
/// let mut payload = Payload::from_static(b"hello ");
/// payload.push(Bytes::from_static(b"world"));
/// assert_eq!(payload.len(), 11);
/// assert_eq!(payload.take_front(4).as_deref(), Some(&b"hell"[..]));
/// assert_eq!(payload.into_bytes(), "o world");
/// ```
#[derive(Clone, Default)]
pub struct Payload(Pieces);

#[derive(Clone)]
enum Pieces {
    One(Bytes),
    // Boxed so that the usual payload stays as small as its `Bytes`.
    Many(Box<Rope>),
}

#[derive(Clone, Default)]
struct Rope {
    /// No piece is empty.
    pieces: VecDeque<Bytes>,
    /// The sum of the pieces' lengths: a rope of many small pieces must answer `len` at once.
    len: usize,
}

impl Payload {
    /// No octets.
    pub const fn new() -> Self {
        Self(Pieces::One(Bytes::new()))
    }

    /// Octets that live as long as the program.
    pub const fn from_static(octets: &'static [u8]) -> Self {
        Self(Pieces::One(Bytes::from_static(octets)))
    }

    /// A payload of its own memory holding a copy of `octets`.
    pub fn copy_from_slice(octets: &[u8]) -> Self {
        Self(Pieces::One(Bytes::copy_from_slice(octets)))
    }

    /// The number of octets, in O(1).
    pub fn len(&self) -> usize {
        match &self.0 {
            Pieces::One(piece) => piece.len(),
            Pieces::Many(rope) => rope.len,
        }
    }

    /// Whether there are no octets.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends `piece` without copying it.
    pub fn push(&mut self, piece: Bytes) {
        if piece.is_empty() {
            return;
        }
        match &mut self.0 {
            Pieces::One(first) if first.is_empty() => *first = piece,
            Pieces::One(first) => {
                let mut rope = Box::<Rope>::default();
                rope.push(core::mem::take(first));
                rope.push(piece);
                self.0 = Pieces::Many(rope);
            }
            Pieces::Many(rope) => rope.push(piece),
        }
    }

    /// Appends all pieces of `other` without copying them.
    pub fn append(&mut self, other: Self) {
        match other.0 {
            Pieces::One(piece) => self.push(piece),
            Pieces::Many(rope) => rope.pieces.into_iter().for_each(|piece| self.push(piece)),
        }
    }

    /// The pieces in order; none is empty.
    pub fn chunks(&self) -> Chunks<'_> {
        match &self.0 {
            Pieces::One(piece) => Chunks { one: (!piece.is_empty()).then_some(piece), many: None },
            Pieces::Many(rope) => Chunks { one: None, many: Some(rope.pieces.iter()) },
        }
    }

    /// The payload when it is in one piece (or empty), else `None`.
    pub fn as_contiguous(&self) -> Option<&Bytes> {
        match &self.0 {
            Pieces::One(piece) => Some(piece),
            Pieces::Many(rope) if rope.pieces.len() == 1 => rope.pieces.front(),
            Pieces::Many(_) => None,
        }
    }

    /// Removes and returns the next contiguous piece of at most `max` octets, in O(1) and without copying.
    /// `None` when the payload is empty or `max` is 0.
    pub fn take_front(&mut self, max: usize) -> Option<Bytes> {
        if max == 0 {
            return None;
        }
        match &mut self.0 {
            Pieces::One(piece) if piece.is_empty() => None,
            Pieces::One(piece) if piece.len() <= max => Some(core::mem::take(piece)),
            Pieces::One(piece) => Some(piece.split_to(max)),
            Pieces::Many(rope) => rope.take_front(max),
        }
    }

    /// Removes and returns the first `n` octets, or all there are when there are fewer. Nothing is copied.
    pub fn split_to(&mut self, n: usize) -> Self {
        if n >= self.len() {
            return core::mem::take(self);
        }
        let mut front = Self::new();
        let mut wanted = n;
        while let Some(piece) = self.take_front(wanted) {
            wanted = wanted.saturating_sub(piece.len());
            front.push(piece);
        }
        front
    }

    /// The octets from `start` up to `end` (both cut to the length) as a payload of their own. Nothing is copied.
    pub fn slice(&self, start: usize, end: usize) -> Self {
        let end = end.min(self.len());
        let mut slice = Self::new();
        let mut offset = 0_usize;
        for piece in self.chunks() {
            let from = start.saturating_sub(offset).min(piece.len());
            let to = end.saturating_sub(offset).min(piece.len());
            if from < to {
                slice.push(piece.slice(from..to));
            }
            offset = offset.saturating_add(piece.len());
        }
        slice
    }

    /// All octets in one piece: the piece itself when there is only one, else a copy.
    pub fn into_bytes(self) -> Bytes {
        match self.0 {
            Pieces::One(piece) => piece,
            Pieces::Many(mut rope) if rope.pieces.len() == 1 => rope.pieces.pop_front().unwrap_or_default(),
            Pieces::Many(rope) => {
                let mut joined = BytesMut::with_capacity(rope.len);
                rope.pieces.iter().for_each(|piece| joined.extend_from_slice(piece));
                joined.freeze()
            }
        }
    }

    /// Appends a copy of all octets to `out`.
    pub fn copy_to(&self, out: &mut BytesMut) {
        out.reserve(self.len());
        self.chunks().for_each(|piece| out.put_slice(piece));
    }
}

impl Rope {
    fn push(&mut self, piece: Bytes) {
        self.len = self.len.saturating_add(piece.len());
        self.pieces.push_back(piece);
    }

    fn take_front(&mut self, max: usize) -> Option<Bytes> {
        let front = self.pieces.front_mut()?;
        let taken = if front.len() <= max { self.pieces.pop_front()? } else { front.split_to(max) };
        self.len = self.len.saturating_sub(taken.len());
        Some(taken)
    }
}

/// The pieces of a [`Payload`], made by [`Payload::chunks`].
#[derive(Clone, Debug)]
pub struct Chunks<'a> {
    one: Option<&'a Bytes>,
    many: Option<alloc::collections::vec_deque::Iter<'a, Bytes>>,
}

impl<'a> Iterator for Chunks<'a> {
    type Item = &'a Bytes;

    fn next(&mut self) -> Option<Self::Item> {
        self.one.take().or_else(|| self.many.as_mut()?.next())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::from(self.one.is_some())
            .saturating_add(self.many.as_ref().map_or(0, ExactSizeIterator::len));
        (left, Some(left))
    }
}

impl ExactSizeIterator for Chunks<'_> {}

impl Default for Pieces {
    fn default() -> Self {
        Self::One(Bytes::new())
    }
}

/// Equal when the octets are, wherever the pieces are cut.
impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && same_octets(self.chunks(), other.chunks())
    }
}

impl Eq for Payload {}

impl PartialEq<[u8]> for Payload {
    fn eq(&self, other: &[u8]) -> bool {
        let mut rest = other;
        self.len() == other.len()
            && self.chunks().all(|piece| match rest.split_at_checked(piece.len()) {
                Some((front, back)) => {
                    rest = back;
                    front == piece
                }
                None => false,
            })
    }
}

fn same_octets<'a>(
    mut left: impl Iterator<Item = &'a Bytes>,
    mut right: impl Iterator<Item = &'a Bytes>,
) -> bool {
    let (mut a, mut b): (&[u8], &[u8]) = (&[], &[]);
    loop {
        if a.is_empty() {
            a = left.next().map_or(&[], |piece| piece);
        }
        if b.is_empty() {
            b = right.next().map_or(&[], |piece| piece);
        }
        let common = a.len().min(b.len());
        if common == 0 {
            return a.is_empty() && b.is_empty();
        }
        let ((a_front, a_back), (b_front, b_back)) = (a.split_at(common), b.split_at(common));
        if a_front != b_front {
            return false;
        }
        (a, b) = (a_back, b_back);
    }
}

impl From<Bytes> for Payload {
    fn from(octets: Bytes) -> Self {
        Self(Pieces::One(octets))
    }
}

impl From<BytesMut> for Payload {
    fn from(octets: BytesMut) -> Self {
        octets.freeze().into()
    }
}

impl From<Vec<u8>> for Payload {
    fn from(octets: Vec<u8>) -> Self {
        Bytes::from(octets).into()
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static [u8]> for Payload {
    fn from(octets: &'static [u8]) -> Self {
        Self::from_static(octets)
    }
}

impl<const N: usize> From<&'static [u8; N]> for Payload {
    fn from(octets: &'static [u8; N]) -> Self {
        Self::from_static(octets)
    }
}

impl From<&'static str> for Payload {
    fn from(text: &'static str) -> Self {
        Self::from_static(text.as_bytes())
    }
}

impl FromIterator<Bytes> for Payload {
    fn from_iter<I: IntoIterator<Item = Bytes>>(pieces: I) -> Self {
        let mut payload = Self::new();
        payload.extend(pieces);
        payload
    }
}

impl Extend<Bytes> for Payload {
    fn extend<I: IntoIterator<Item = Bytes>>(&mut self, pieces: I) {
        pieces.into_iter().for_each(|piece| self.push(piece));
    }
}

impl Buf for Payload {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn chunk(&self) -> &[u8] {
        self.chunks().next().map_or(&[], |piece| piece)
    }

    /// Removes the first `count` octets; as many as there are when there are fewer.
    fn advance(&mut self, count: usize) {
        drop(self.split_to(count));
    }
}

/// Its length and how it begins: a message may be large, and no log wants it whole.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.chunks().next().map_or(Bytes::new(), |piece| piece.slice(..piece.len().min(32)));
        f.debug_struct("Payload").field("len", &self.len()).field("start", &start).finish()
    }
}

const _: () = assert!(size_of::<Payload>() <= 40);
