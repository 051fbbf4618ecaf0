//! Reading: a cursor over octets.

use crate::definitions::code_of_symbol;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::format::{DESCRIBED, Layout, code};
use bytes::Bytes;

/// How many lists, maps, arrays and descriptors may stand inside each other.
pub const MAX_DEPTH: usize = 32;

/// A type that can be read from its AMQP encoding.
pub trait Decode: Sized {
    /// Reads one value. Every legal encoding is accepted.
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// What a field of this type is when it is null or left out; `None` where it must be there.
    #[inline]
    fn absent() -> Option<Self> {
        None
    }
}

/// A cursor over encoded values.
///
/// ```
/// use amqp_codec::{Decode, Reader};
/// let mut reader = Reader::new(&[0x52, 0x07]);
/// assert_eq!(u32::decode(&mut reader), Ok(7));
/// assert!(reader.is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// Where `rest` ends, in octets from the start of the whole input.
    end: usize,
    /// The whole input, where binaries are to be slices of it.
    shared: Option<&'a Bytes>,
    depth: u8,
}

impl<'a> Reader<'a> {
    /// Reads `octets`; binaries are copied out of them.
    #[inline]
    pub const fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets, end: octets.len(), shared: None, depth: 0 }
    }

    /// Reads `octets`; binaries share their memory.
    #[inline]
    pub fn shared(octets: &'a Bytes) -> Self {
        Self { shared: Some(octets), ..Self::new(octets) }
    }

    /// How many octets have been read: the offset of the next one.
    #[inline]
    pub const fn position(&self) -> usize {
        self.end - self.rest.len()
    }

    /// The octets that are left.
    #[inline]
    pub const fn remaining(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether nothing is left.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// An error at the present position.
    #[cold]
    pub const fn fail(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError { kind, at: self.position() }
    }

    /// Reads a described value's `00` and descriptor, up to the value itself.
    ///
    /// `Some(code)` for a ulong or one of the spec's symbols, `None` for any other descriptor.
    /// Fails with [`NotDescribed`](DecodeErrorKind::NotDescribed) on a plain value.
    #[inline]
    pub fn descriptor(&mut self) -> Result<Option<u64>, DecodeError> {
        match self.rest {
            &[DESCRIBED, code::SMALL_ULONG, descriptor, ref rest @ ..] => {
                self.rest = rest;
                Ok(Some(u64::from(descriptor)))
            }
            _ => self.long_descriptor(),
        }
    }

    fn long_descriptor(&mut self) -> Result<Option<u64>, DecodeError> {
        match self.peek() {
            Some(DESCRIBED) => self.octet()?,
            Some(_) => return Err(self.fail(DecodeErrorKind::NotDescribed)),
            None => return Err(self.fail(DecodeErrorKind::Truncated)),
        };
        match self.peek() {
            Some(code::ULONG | code::SMALL_ULONG | code::ULONG0) => u64::decode(self).map(Some),
            Some(code::SYMBOL8 | code::SYMBOL32) => {
                let code = self.octet()?;
                let symbol = self.variable(code)?;
                Ok(code_of_symbol(symbol))
            }
            _ => self.skip().map(|()| None),
        }
    }

    /// Reads a list's header, for reading its items one by one as fields.
    #[inline(always)]
    pub fn list(&mut self) -> Result<ListReader<'a>, DecodeError> {
        // Numbers and not a reader come out of here: they stay in registers.
        let (left, length) = match self.rest {
            &[code::LIST8, size, count, ref rest @ ..] if count < size => {
                self.rest = rest;
                (u32::from(count), usize::from(size) - 1)
            }
            _ => self.other_list()?,
        };
        Ok(ListReader { body: self.compound_of(length)?, left })
    }

    fn other_list(&mut self) -> Result<(u32, usize), DecodeError> {
        let at = self.clone();
        match self.octet()? {
            code::LIST0 => Ok((0, 0)),
            code @ (code::LIST8 | code::LIST32) => self.compound_header(code),
            found => Err(at.unexpected("list", found)),
        }
    }

    /// Steps over one value by its sizes, without looking inside.
    pub fn skip(&mut self) -> Result<(), DecodeError> {
        // A described value is two values, so that a chain of descriptors needs a number and not a stack.
        let mut values = 1_usize;
        while values > 0 {
            let at = self.clone();
            let code = self.octet()?;
            if code == DESCRIBED {
                values += 1;
                continue;
            }
            let length = match Layout::of_code(code) {
                Some(Layout::Fixed(width)) => usize::from(width),
                Some(Layout::Size8) => usize::from(self.octet()?),
                Some(Layout::Size32) => self.size32()?,
                None => return Err(at.fail(DecodeErrorKind::UnassignedFormatCode(code))),
            };
            self.take(length)?;
            values -= 1;
        }
        Ok(())
    }

    /// The next octet, left unread.
    #[inline]
    pub(crate) const fn peek(&self) -> Option<u8> {
        match self.rest {
            [octet, ..] => Some(*octet),
            [] => None,
        }
    }

    #[inline]
    pub(crate) fn octet(&mut self) -> Result<u8, DecodeError> {
        let [octet] = self.octets()?;
        Ok(octet)
    }

    #[inline]
    pub(crate) fn octets<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk() {
            Some((octets, rest)) => {
                self.rest = rest;
                Ok(*octets)
            }
            None => Err(self.fail(DecodeErrorKind::Truncated)),
        }
    }

    #[inline]
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        match self.rest.split_at_checked(length) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.fail(DecodeErrorKind::Truncated)),
        }
    }

    /// Takes octets to keep: a slice of the shared input, or a copy.
    #[inline]
    pub(crate) fn take_bytes(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        let start = self.position();
        let taken = self.take(length)?;
        Ok(match self.shared {
            Some(shared) => shared.slice(start..start + taken.len()),
            None => Bytes::copy_from_slice(taken),
        })
    }

    /// The length in front of a variable-width value whose format code was `code`.
    #[inline]
    pub(crate) fn length(&mut self, code: u8) -> Result<usize, DecodeError> {
        if code & 0x10 == 0 { self.octet().map(usize::from) } else { self.size32() }
    }

    /// The octets of a binary, string or symbol whose format code was `code`.
    #[inline]
    pub(crate) fn variable(&mut self, code: u8) -> Result<&'a [u8], DecodeError> {
        let length = self.length(code)?;
        self.take(length)
    }

    /// The count and the items of a list, map or array whose format code was `code`.
    pub(crate) fn compound(&mut self, code: u8) -> Result<(u32, Self), DecodeError> {
        let (count, length) = self.compound_header(code)?;
        Ok((count, self.compound_of(length)?))
    }

    /// The count of a compound, and how many octets its items have.
    fn compound_header(&mut self, code: u8) -> Result<(u32, usize), DecodeError> {
        let at = self.clone();
        let size = self.length(code)?;
        let (count, width) = match code & 0x10 {
            0 => (u32::from(self.octet()?), 1),
            _ => (u32::from_be_bytes(self.octets()?), 4),
        };
        // §1.2: the size counts the octets of the count.
        let length = size.checked_sub(width).ok_or_else(|| at.fail(DecodeErrorKind::SizeMismatch))?;
        Ok((count, length))
    }

    #[inline(always)]
    fn compound_of(&mut self, length: usize) -> Result<Self, DecodeError> {
        let depth = self.deeper()?;
        let rest = self.take(length)?;
        Ok(Self { rest, end: self.position(), shared: self.shared, depth })
    }

    /// Runs `read` one level deeper.
    #[inline]
    pub(crate) fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let depth = self.depth;
        self.depth = self.deeper()?;
        let result = read(self);
        self.depth = depth;
        result
    }

    /// Stays one level deeper from here on.
    #[inline]
    pub(crate) fn deepen(&mut self) -> Result<(), DecodeError> {
        self.depth = self.deeper()?;
        Ok(())
    }

    /// Ends what [`deepen`](Self::deepen) began.
    #[inline]
    pub(crate) const fn rise(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    #[inline]
    fn deeper(&self) -> Result<u8, DecodeError> {
        if usize::from(self.depth) < MAX_DEPTH {
            Ok(self.depth + 1)
        } else {
            Err(self.fail(DecodeErrorKind::TooDeep))
        }
    }

    /// A reader of `octets` at the same depth.
    pub(crate) fn same_depth<'b>(&self, octets: &'b Bytes) -> Reader<'b> {
        Reader { depth: self.depth, ..Reader::shared(octets) }
    }

    /// Fails unless all items of a compound have been read.
    #[inline]
    pub(crate) fn finish(&self) -> Result<(), DecodeError> {
        if self.is_empty() { Ok(()) } else { Err(self.fail(DecodeErrorKind::SizeMismatch)) }
    }

    /// How many `T` to make room for when `count` are announced: no more than the octets could pay for.
    ///
    /// An item takes at least one octet, but nested lists could each claim all of them, so that the count is not trusted.
    pub(crate) fn room<T>(&self, count: u32) -> usize {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        count.min((self.rest.len() / size_of::<T>().max(1)).max(8))
    }

    /// Fails if `count` items of at least one octet each cannot be here.
    pub(crate) fn check_count(&self, count: u32) -> Result<(), DecodeError> {
        match usize::try_from(count) {
            Ok(count) if count <= self.rest.len() => Ok(()),
            _ => Err(self.fail(DecodeErrorKind::CountMismatch)),
        }
    }

    /// The error for a format code that does not start a value of the type `expected`.
    #[cold]
    pub(crate) fn unexpected(&self, expected: &'static str, found: u8) -> DecodeError {
        self.fail(if found == DESCRIBED || Layout::of_code(found).is_some() {
            DecodeErrorKind::UnexpectedType { expected, found }
        } else {
            DecodeErrorKind::UnassignedFormatCode(found)
        })
    }

    fn size32(&mut self) -> Result<usize, DecodeError> {
        let size = u32::from_be_bytes(self.octets()?);
        usize::try_from(size).map_err(|_| self.fail(DecodeErrorKind::Truncated))
    }
}

/// The items of a list that are read as the fields of a composite type (§1.4).
///
/// All of it is inlined into the type's decoder: a value that crosses a call is written to memory and read back, which
/// costs more than reading it from the wire.
#[derive(Clone, Debug)]
pub struct ListReader<'a> {
    body: Reader<'a>,
    left: u32,
}

impl ListReader<'_> {
    /// The next field. `name` is for errors: `open.container-id`.
    #[inline(always)]
    pub fn field<T: Decode>(&mut self, name: &'static str) -> Result<T, DecodeError> {
        match self.present(name)? {
            Some(value) => Ok(value),
            None => T::absent().ok_or_else(|| self.body.fail(DecodeErrorKind::MissingField(name))),
        }
    }

    /// The next field, which is `default` where it is null or left out.
    #[inline(always)]
    pub fn field_or<T: Decode>(&mut self, name: &'static str, default: T) -> Result<T, DecodeError> {
        Ok(self.present(name)?.unwrap_or(default))
    }

    /// Steps over the next field, if there is one.
    pub fn skip_field(&mut self) -> Result<(), DecodeError> {
        if self.left > 0 {
            self.left -= 1;
            self.body.skip()?;
        }
        Ok(())
    }

    /// Fails if there are more items than fields, or octets after the last item.
    #[inline]
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.left > 0 {
            return Err(self.body.fail(DecodeErrorKind::TooManyFields));
        }
        self.body.finish()
    }

    #[inline(always)]
    fn present<T: Decode>(&mut self, name: &'static str) -> Result<Option<T>, DecodeError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        if let [code::NULL, rest @ ..] = self.body.rest {
            self.body.rest = rest;
            return Ok(None);
        }
        match T::decode(&mut self.body) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(named(error, name)),
        }
    }
}

/// Types do not know which field they are: an invalid value, or a plain one where a described one belongs, is named here.
#[cold]
fn named(mut error: DecodeError, name: &'static str) -> DecodeError {
    if matches!(error.kind, DecodeErrorKind::InvalidField("") | DecodeErrorKind::NotDescribed) {
        error.kind = DecodeErrorKind::InvalidField(name);
    }
    error
}
