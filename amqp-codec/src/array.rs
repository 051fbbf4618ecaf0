//! Arrays: values of one type behind one constructor (§1.6.24).

use crate::error::{DecodeError, DecodeErrorKind};
use crate::format::{DESCRIBED, Layout, PrimitiveType, code};
use crate::primitive::{Primitive, unexpected};
use crate::read::{Decode, Reader};
use crate::value::{Described, Value};
use crate::write::{Encode, Writer};
use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::{Bytes, BytesMut};
use core::cmp::Ordering;
use core::fmt;

/// The most elements without any data of their own that are built in memory.
pub const MAX_ELEMENTS: u32 = 65_536;

/// An array of §1.6.24: a type, and elements that are kept as they stand on the wire until asked for.
///
/// An array whose elements take no octets (of nulls, say) may have four thousand million of them at no cost.
///
/// ```
/// use amqp_codec::{Array, PrimitiveType, Value};
/// let array = Array::new(PrimitiveType::Int, &[1_i32, -2, 300].map(Value::from)).unwrap();
/// assert_eq!((array.len(), array.element_type()), (3, PrimitiveType::Int));
/// assert_eq!(array.iter().last(), Some(Value::Int(300)));
/// assert!(Array::new(PrimitiveType::Int, &[Value::from("one")]).is_err());
/// ```
#[derive(Clone)]
pub struct Array(Box<Contents>);

#[derive(Clone)]
struct Contents {
    /// What describes each element, outermost first; usually nothing.
    descriptors: Vec<Value>,
    code: u8,
    count: u32,
    data: Bytes,
}

/// Values that cannot be the elements of one array: of another type than said, described, or nested too deeply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not all values have the array's element type")]
pub struct MixedElements;

impl Array {
    /// An array of `values`, which all have the type `element`.
    pub fn new(element: PrimitiveType, values: &[Value]) -> Result<Self, MixedElements> {
        if values.iter().any(|value| value.primitive_type() != Some(element)) {
            return Err(MixedElements);
        }
        let code = values.iter().map(Value::element_code).fold(empty_code(element), u8::max);
        let count = u32::try_from(values.len()).map_err(|_| MixedElements)?;
        let mut data = BytesMut::new();
        let mut writer = Writer::new(&mut data);
        for value in values {
            value.write(code, &mut writer);
        }
        let array = Self(Box::new(Contents { descriptors: Vec::new(), code, count, data: data.freeze() }));
        let checked = Reader::new(&[]).nested(|outer| array.check(outer));
        checked.map(|()| array).map_err(|_| MixedElements)
    }

    /// The same array with each element described by `descriptor`.
    #[must_use]
    pub fn described_by(mut self, descriptor: impl Into<Value>) -> Self {
        self.0.descriptors.insert(0, descriptor.into());
        self
    }

    /// The type of the elements, below what describes them.
    pub fn element_type(&self) -> PrimitiveType {
        PrimitiveType::of_code(self.0.code).unwrap_or(PrimitiveType::Null)
    }

    /// What describes each element, outermost first; usually nothing.
    pub fn descriptors(&self) -> &[Value] {
        &self.0.descriptors
    }

    /// The number of elements.
    pub fn len(&self) -> u32 {
        self.0.count
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.0.count == 0
    }

    /// Whether the elements take no octets, so that they are all the same.
    pub(crate) fn is_weightless(&self) -> bool {
        self.0.data.is_empty()
    }

    /// The elements, each made when it is asked for.
    pub fn iter(&self) -> Elements<'_> {
        Elements { array: &self.0, reader: Reader::shared(&self.0.data), left: self.0.count }
    }

    /// All elements, or `None` where they take no octets and are more than [`MAX_ELEMENTS`].
    pub fn to_values(&self) -> Option<Vec<Value>> {
        (self.0.count <= MAX_ELEMENTS || !self.is_weightless()).then(|| self.iter().collect())
    }

    /// Reads all elements once, so that reading them later cannot fail. `outer` knows the depth.
    fn check(&self, outer: &Reader<'_>) -> Result<(), DecodeError> {
        let contents = &*self.0;
        let mut reader = outer.same_depth(&contents.data);
        match Layout::of_code(contents.code) {
            Some(Layout::Fixed(width)) => {
                let expected = u64::from(contents.count) * u64::from(width);
                if u64::try_from(contents.data.len()) != Ok(expected) {
                    return Err(reader.fail(DecodeErrorKind::CountMismatch));
                }
                // Only these have octets that mean nothing.
                if !matches!(contents.code, code::BOOLEAN | code::CHAR) {
                    return Ok(());
                }
            }
            _ => reader.check_count(contents.count)?,
        }
        for _ in 0..contents.count {
            Value::read(contents.code, &mut reader)?;
        }
        reader.finish()
    }
}

/// The format code of elements that are yet to come: the shortest that takes any room.
const fn empty_code(element: PrimitiveType) -> u8 {
    match element {
        PrimitiveType::Null => code::NULL,
        PrimitiveType::Boolean => code::BOOLEAN,
        PrimitiveType::Ubyte => code::UBYTE,
        PrimitiveType::Ushort => code::USHORT,
        PrimitiveType::Uint => code::SMALL_UINT,
        PrimitiveType::Ulong => code::SMALL_ULONG,
        PrimitiveType::Byte => code::BYTE,
        PrimitiveType::Short => code::SHORT,
        PrimitiveType::Int => code::SMALL_INT,
        PrimitiveType::Long => code::SMALL_LONG,
        PrimitiveType::Float => code::FLOAT,
        PrimitiveType::Double => code::DOUBLE,
        PrimitiveType::Decimal32 => code::DECIMAL32,
        PrimitiveType::Decimal64 => code::DECIMAL64,
        PrimitiveType::Decimal128 => code::DECIMAL128,
        PrimitiveType::Char => code::CHAR,
        PrimitiveType::Timestamp => code::TIMESTAMP,
        PrimitiveType::Uuid => code::UUID,
        PrimitiveType::Binary => code::BINARY8,
        PrimitiveType::String => code::STRING8,
        PrimitiveType::Symbol => code::SYMBOL8,
        PrimitiveType::List => code::LIST32,
        PrimitiveType::Map => code::MAP32,
        PrimitiveType::Array => code::ARRAY32,
    }
}

/// The elements of an [`Array`].
#[derive(Clone)]
pub struct Elements<'a> {
    array: &'a Contents,
    reader: Reader<'a>,
    left: u32,
}

impl Iterator for Elements<'_> {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        self.left = self.left.checked_sub(1)?;
        let value = Value::read(self.array.code, &mut self.reader).ok()?;
        let wrap =
            |value, descriptor: &Value| Value::from(Described { descriptor: descriptor.clone(), value });
        Some(self.array.descriptors.iter().rev().fold(value, wrap))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // Elements without octets may be more than memory can hold: no room is made for them in advance.
        let left = usize::try_from(self.left).ok();
        (left.unwrap_or(usize::MAX).min(self.reader.remaining().len()), left)
    }
}

impl<'a> IntoIterator for &'a Array {
    type Item = Value;
    type IntoIter = Elements<'a>;

    fn into_iter(self) -> Elements<'a> {
        self.iter()
    }
}

impl Ord for Array {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |array: &Self| (array.element_type(), array.0.count);
        key(self).cmp(&key(other)).then_with(|| self.0.descriptors.cmp(&other.0.descriptors)).then_with(
            || {
                // Elements without octets are all the same, and may be very many.
                let empty = self.0.data.is_empty() && other.0.data.is_empty();
                let count = if empty { 1 } else { usize::MAX };
                self.iter().take(count).cmp(other.iter().take(count))
            },
        )
    }
}

impl PartialOrd for Array {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Array {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Array {}

impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Elements of no octets may be thousands of millions, and are not shown one by one.
        fmt::Display::fmt(self, f)
    }
}

impl Decode for Array {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let code = reader.octet()?;
        Self::read(code, reader)
    }
}

impl Encode for Array {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.compound(code::ARRAY8, self.0.count, |writer| self.0.write(writer));
    }
}

impl Primitive for Array {
    const TYPE: PrimitiveType = PrimitiveType::Array;

    fn code(&self) -> u8 {
        code::ARRAY32
    }

    fn read(code: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (count, mut body) = match code {
            code::ARRAY8 | code::ARRAY32 => reader.compound(code)?,
            _ => return Err(unexpected::<Self>(code, reader)),
        };
        let mut descriptors = Vec::new();
        let mut start = body.clone();
        let mut code = body.octet()?;
        // §1.2.4: the one constructor of all elements may be described, more than once.
        while code == DESCRIBED {
            body.deepen()?;
            descriptors.push(Value::decode(&mut body)?);
            start = body.clone();
            code = body.octet()?;
        }
        if Layout::of_code(code).is_none() {
            return Err(start.fail(DecodeErrorKind::UnassignedFormatCode(code)));
        }
        let position = body.position();
        let data = body.take_bytes(body.remaining().len())?;
        let array = Self(Box::new(Contents { descriptors, code, count, data }));
        array.check(&body).map_err(|error| error.after(position))?;
        Ok(array)
    }

    fn write(&self, _code: u8, writer: &mut Writer<'_>) {
        writer.compound32(self.0.count, |writer| self.0.write(writer));
    }
}

impl Contents {
    /// Appends the constructor and the elements.
    fn write(&self, writer: &mut Writer<'_>) {
        for descriptor in &self.descriptors {
            writer.put(&[DESCRIBED]);
            descriptor.encode(writer);
        }
        writer.put(&[self.code]);
        writer.put(&self.data);
    }
}
