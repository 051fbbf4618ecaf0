//! Fields that hold any number of values (`multiple="true"`, §1.4).

use crate::error::{DecodeError, DecodeErrorKind};
use crate::format::{DESCRIBED, Layout, code};
use crate::primitive::Primitive;
use crate::read::{Decode, Reader};
use crate::text::Symbol;
use crate::write::{Encode, Writer};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Deref;

/// The values of a field that may hold several: none is null, one stands bare, more are an array.
///
/// ```
/// use amqp_codec::{Multiple, Symbol};
/// let none = Multiple::<Symbol>::default();
/// let one = Multiple::from(Symbol::from_static("queue"));
/// assert_eq!((none.len(), one.len()), (0, 1));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multiple<T>(
    // One word, and none on the heap, for the many that are empty. Never an empty slice.
    Option<Box<Box<[T]>>>,
);

impl<T> Multiple<T> {
    /// Whether there is at least one value, as a mandatory field asks.
    pub(crate) fn is_filled(&self) -> bool {
        self.0.is_some()
    }
}

impl<T> Default for Multiple<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Deref for Multiple<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.0.as_deref().map_or(&[], |values| values)
    }
}

impl<T> FromIterator<T> for Multiple<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        values.into_iter().collect::<Vec<_>>().into()
    }
}

impl<T> From<Vec<T>> for Multiple<T> {
    fn from(values: Vec<T>) -> Self {
        Self((!values.is_empty()).then(|| Box::new(values.into_boxed_slice())))
    }
}

impl<T, const N: usize> From<[T; N]> for Multiple<T> {
    fn from(values: [T; N]) -> Self {
        Vec::from(values).into()
    }
}

impl<T> From<T> for Multiple<T> {
    fn from(value: T) -> Self {
        Self::from([value])
    }
}

impl<T> IntoIterator for Multiple<T> {
    type Item = T;
    type IntoIter = alloc::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.map_or_else(Vec::new, |values| values.into_vec()).into_iter()
    }
}

impl<'a, T> IntoIterator for &'a Multiple<T> {
    type Item = &'a T;
    type IntoIter = core::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Decode for Multiple<Symbol> {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let start = reader.clone();
        let values = match reader.octet()? {
            code::NULL => Ok(Self::default()),
            code @ (code::ARRAY8 | code::ARRAY32) => decode_array(code, reader).map(Self::from),
            code => Symbol::read(code, reader).map(Self::from),
        };
        // §1.4: one value or an array of that type, and nothing else.
        values.map_err(|error| match error.kind {
            DecodeErrorKind::UnexpectedType { .. } => start.fail(DecodeErrorKind::InvalidField("")),
            _ => error,
        })
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}

fn decode_array(code: u8, reader: &mut Reader<'_>) -> Result<Vec<Symbol>, DecodeError> {
    let (count, mut body) = reader.compound(code)?;
    let start = body.clone();
    let code = body.octet()?;
    if code == DESCRIBED || !matches!(Layout::of_code(code), Some(Layout::Size8 | Layout::Size32)) {
        return Err(start.unexpected(Symbol::TYPE.name(), code));
    }
    body.check_count(count)?;
    let mut values = Vec::with_capacity(body.room::<Symbol>(count));
    for _ in 0..count {
        values.push(Symbol::read(code, &mut body)?);
    }
    body.finish()?;
    Ok(values)
}

impl Encode for Multiple<Symbol> {
    fn encode(&self, writer: &mut Writer<'_>) {
        match &**self {
            [] => writer.put(&[code::NULL]),
            [one] => one.encode(writer),
            values => {
                let code = values.iter().map(Primitive::code).fold(code::SYMBOL8, u8::max);
                let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
                writer.compound(code::ARRAY8, count, |writer| {
                    writer.put(&[code]);
                    for value in values {
                        value.write(code, writer);
                    }
                });
            }
        }
    }

    fn is_null(&self) -> bool {
        !self.is_filled()
    }
}
