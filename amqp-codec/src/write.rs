//! Writing: values appended to a buffer, sizes patched in afterwards.

use crate::format::{DESCRIBED, code};
use bytes::BytesMut;

/// A type that can be written in its AMQP encoding.
pub trait Encode {
    /// Appends the value in its shortest encoding.
    fn encode(&self, writer: &mut Writer<'_>);

    /// Whether the encoding is `null`, so that a trailing field of this value is left out.
    #[inline]
    fn is_null(&self) -> bool {
        false
    }
}

/// Appends encoded values to a buffer.
///
/// ```
/// use amqp_codec::{Encode, Writer};
/// let mut octets = bytes::BytesMut::new();
/// 7_u32.encode(&mut Writer::new(&mut octets));
/// assert_eq!(octets[..], [0x52, 0x07]);
/// ```
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut BytesMut,
}

impl<'a> Writer<'a> {
    /// Appends to `out`.
    #[inline]
    pub const fn new(out: &'a mut BytesMut) -> Self {
        Self { out }
    }

    /// Appends octets as they are.
    #[inline]
    pub fn put(&mut self, octets: &[u8]) {
        self.out.extend_from_slice(octets);
    }

    /// Appends `00` and a ulong descriptor: what follows is the described value.
    #[inline]
    pub fn descriptor(&mut self, descriptor: u64) {
        match u8::try_from(descriptor) {
            Ok(small) => self.put(&[DESCRIBED, code::SMALL_ULONG, small]),
            Err(_) => {
                self.put(&[DESCRIBED, code::ULONG]);
                self.put(&descriptor.to_be_bytes());
            }
        }
    }

    /// Appends a list whose items are the fields of a composite type: trailing nulls are left out.
    #[inline]
    pub fn list(&mut self, write: impl FnOnce(&mut ListWriter<'_, 'a>)) {
        let start = self.out.len();
        self.put(&[code::LIST8, 0, 0]);
        let mut list = ListWriter { writer: self, count: 0, nulls: 0 };
        write(&mut list);
        match list.count {
            0 => {
                self.out.truncate(start);
                self.put(&[code::LIST0]);
            }
            count => self.patch(start, code::LIST8, count),
        }
    }

    /// Appends a list, map or array: `code8` is its one-octet form, `write` appends `count` items.
    #[inline]
    pub(crate) fn compound(&mut self, code8: u8, count: u32, write: impl FnOnce(&mut Self)) {
        let start = self.out.len();
        self.put(&[code8, 0, 0]);
        write(self);
        self.patch(start, code8, count);
    }

    /// Appends a list, map or array in its four-octet form without the format code, as array elements stand.
    pub(crate) fn compound32(&mut self, count: u32, write: impl FnOnce(&mut Self)) {
        let start = self.out.len();
        self.put(&[0; 4]);
        self.put(&count.to_be_bytes());
        write(self);
        let size = u32::try_from(self.out.len() - start - 4).unwrap_or(u32::MAX);
        self.overwrite(start, &size.to_be_bytes());
    }

    /// Appends a format code and its data, of which there are at most 16 octets, as one piece.
    #[inline]
    pub(crate) fn put_coded<const N: usize>(&mut self, code: u8, data: [u8; N]) {
        let mut piece = [0; 17];
        if let Some((first, rest)) = piece.split_first_mut()
            && let Some(place) = rest.first_chunk_mut()
        {
            *first = code;
            *place = data;
        }
        self.put(piece.get(..=N).unwrap_or_default());
    }

    /// Appends octets with their length in front; the low forms of `code` have one octet of length, the high ones four.
    #[inline]
    pub(crate) fn variable(&mut self, code: u8, octets: &[u8]) {
        let [a, b, c, length] = u32::try_from(octets.len()).unwrap_or(u32::MAX).to_be_bytes();
        if code & 0x10 == 0 {
            self.put(&[length])
        } else {
            self.put(&[a, b, c, length])
        }
        self.put(octets);
    }

    /// The same with the format code in front.
    #[inline]
    pub(crate) fn variable_coded(&mut self, code: u8, octets: &[u8]) {
        let [a, b, c, length] = u32::try_from(octets.len()).unwrap_or(u32::MAX).to_be_bytes();
        if code & 0x10 == 0 {
            self.put(&[code, length])
        } else {
            self.put(&[code, a, b, c, length])
        }
        self.put(octets);
    }

    /// Patches the size and count of a compound that starts at `start`.
    #[inline]
    fn patch(&mut self, start: usize, code8: u8, count: u32) {
        let size = self.out.len() - start - 2;
        match (u8::try_from(size), u8::try_from(count)) {
            (Ok(size), Ok(count)) => self.overwrite(start, &[code8, size, count]),
            _ => self.widen(start, code8, count),
        }
    }

    /// Moves the items of a compound so that size and count have four octets each.
    #[cold]
    fn widen(&mut self, start: usize, code8: u8, count: u32) {
        const GROWTH: usize = 6;
        let items = start + 3..self.out.len();
        // §1.2: the size counts the octets of the count, not its own.
        let size = u32::try_from(items.len() + 4).unwrap_or(u32::MAX);
        self.put(&[0; GROWTH]);
        self.out.copy_within(items, start + 3 + GROWTH);
        self.overwrite(start, &[code8 | 0x10]);
        self.overwrite(start + 1, &size.to_be_bytes());
        self.overwrite(start + 5, &count.to_be_bytes());
    }

    #[inline]
    pub(crate) fn overwrite(&mut self, at: usize, octets: &[u8]) {
        if let Some(place) = self.out.get_mut(at..at + octets.len()) {
            place.copy_from_slice(octets);
        }
    }
}

/// Appends the fields of a composite type; see [`Writer::list`].
#[derive(Debug)]
pub struct ListWriter<'w, 'a> {
    writer: &'w mut Writer<'a>,
    count: u32,
    /// Nulls that are written when a field follows, and forgotten when none does.
    nulls: u32,
}

impl ListWriter<'_, '_> {
    /// Appends the next field.
    #[inline]
    pub fn field<T: Encode>(&mut self, value: &T) {
        if value.is_null() {
            self.null();
        } else {
            self.present(value);
        }
    }

    /// Appends the next field, as null where it is `default`.
    #[inline]
    pub fn field_or<T: Encode + PartialEq>(&mut self, value: &T, default: &T) {
        if value == default {
            self.null();
        } else {
            self.present(value);
        }
    }

    #[inline]
    const fn null(&mut self) {
        self.nulls += 1;
    }

    #[inline]
    fn present<T: Encode>(&mut self, value: &T) {
        self.count += self.nulls + 1;
        while self.nulls > 0 {
            self.nulls -= 1;
            self.writer.put(&[code::NULL]);
        }
        value.encode(self.writer);
    }
}
