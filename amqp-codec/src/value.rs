//! Any AMQP value.

use crate::array::Array;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::format::{DESCRIBED, PrimitiveType, code};
use crate::map::Map;
use crate::primitive::{Primitive, unexpected};
use crate::read::{Decode, Reader};
use crate::scalar::{Decimal32, Decimal64, Decimal128, Timestamp, Uuid};
use crate::text::{Str, Symbol};
use crate::write::{Encode, Writer};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::{Bytes, BytesMut};
use core::cmp::Ordering;

/// A value with its descriptor (§1.1.2). Nothing is said about what the descriptor means.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Described {
    /// Says what the value stands for: usually a ulong or a symbol, but any value is allowed.
    pub descriptor: Value,
    /// What is described.
    pub value: Value,
}

macro_rules! values {
    ($($(#[$doc:meta])* $name:ident($type:ty) by $compare:path;)+) => {
        /// Any value of §1.6, or a described one.
        ///
        /// Two values are equal when type and contents are, floating point numbers bit by bit. The order is one of types
        /// first: it serves as a key, not for arithmetic.
        ///
        /// ```
        /// use amqp_codec::{Decode, Encode, Reader, Value, Writer};
        /// let value = Value::List(vec![1_u64.into(), "two".into(), Value::Null]);
        /// let mut octets = bytes::BytesMut::new();
        /// value.encode(&mut Writer::new(&mut octets));
        /// assert_eq!(Value::decode(&mut Reader::new(&octets)), Ok(value));
        /// ```
        #[derive(Clone, Debug, Default)]
        pub enum Value {
            /// No value.
            #[default]
            Null,
            $($(#[$doc])* $name($type),)+
            /// A value with a descriptor.
            Described(Box<Described>),
        }

        impl Value {
            /// The type, or `None` for a described value.
            pub const fn primitive_type(&self) -> Option<PrimitiveType> {
                match self {
                    Self::Null => Some(PrimitiveType::Null),
                    $(Self::$name(_) => Some(PrimitiveType::$name),)+
                    Self::Described(_) => None,
                }
            }

            /// The format code of this value as an array element: the shortest that takes any room at all.
            pub(crate) fn element_code(&self) -> u8 {
                match self {
                    $(Self::$name(value) => value.code(),)+
                    Self::Null | Self::Described(_) => code::NULL,
                }
            }

            /// Reads what follows the format code `code`.
            pub(crate) fn read(code: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                match PrimitiveType::of_code(code) {
                    Some(PrimitiveType::Null) => Ok(Self::Null),
                    $(Some(PrimitiveType::$name) => <$type>::read(code, reader).map(Self::$name),)+
                    None => Err(unexpected::<Vec<Self>>(code, reader)),
                }
            }

            /// Appends what follows the format code `code`, which fits the type.
            pub(crate) fn write(&self, code: u8, writer: &mut Writer<'_>) {
                match self {
                    $(Self::$name(value) => value.write(code, writer),)+
                    Self::Null | Self::Described(_) => {}
                }
            }
        }

        impl Encode for Value {
            fn encode(&self, writer: &mut Writer<'_>) {
                match self {
                    Self::Null => writer.put(&[code::NULL]),
                    $(Self::$name(value) => value.encode(writer),)+
                    Self::Described(described) => described.encode(writer),
                }
            }

            #[inline]
            fn is_null(&self) -> bool {
                matches!(self, Self::Null)
            }
        }

        impl Ord for Value {
            fn cmp(&self, other: &Self) -> Ordering {
                match (self, other) {
                    $((Self::$name(one), Self::$name(two)) => $compare(one, two),)+
                    (Self::Described(one), Self::Described(two)) => one.cmp(two),
                    _ => self.primitive_type().cmp(&other.primitive_type()),
                }
            }
        }

        $(impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$name(value)
            }
        })+
    };
}

values! {
    /// True or false.
    Boolean(bool) by Ord::cmp;
    /// An unsigned integer of 8 bits.
    Ubyte(u8) by Ord::cmp;
    /// An unsigned integer of 16 bits.
    Ushort(u16) by Ord::cmp;
    /// An unsigned integer of 32 bits.
    Uint(u32) by Ord::cmp;
    /// An unsigned integer of 64 bits.
    Ulong(u64) by Ord::cmp;
    /// A signed integer of 8 bits.
    Byte(i8) by Ord::cmp;
    /// A signed integer of 16 bits.
    Short(i16) by Ord::cmp;
    /// A signed integer of 32 bits.
    Int(i32) by Ord::cmp;
    /// A signed integer of 64 bits.
    Long(i64) by Ord::cmp;
    /// A floating point number of 32 bits.
    Float(f32) by f32::total_cmp;
    /// A floating point number of 64 bits.
    Double(f64) by f64::total_cmp;
    /// A decimal number of 32 bits.
    Decimal32(Decimal32) by Ord::cmp;
    /// A decimal number of 64 bits.
    Decimal64(Decimal64) by Ord::cmp;
    /// A decimal number of 128 bits.
    Decimal128(Decimal128) by Ord::cmp;
    /// One Unicode character.
    Char(char) by Ord::cmp;
    /// A point in time.
    Timestamp(Timestamp) by Ord::cmp;
    /// A universally unique identifier.
    Uuid(Uuid) by Ord::cmp;
    /// Octets.
    Binary(Bytes) by Ord::cmp;
    /// Unicode text.
    String(Str) by Ord::cmp;
    /// A name from some constrained domain.
    Symbol(Symbol) by Ord::cmp;
    /// Values of any types.
    List(Vec<Value>) by Ord::cmp;
    /// Keys and values, in order.
    Map(Map) by Ord::cmp;
    /// Values of one type.
    Array(Array) by Ord::cmp;
}

impl Value {
    /// A described value.
    pub fn described(descriptor: impl Into<Self>, value: impl Into<Self>) -> Self {
        Self::Described(Box::new(Described { descriptor: descriptor.into(), value: value.into() }))
    }

    /// Anything else of this crate, such as a lifetime policy for the properties of a dynamic node.
    ///
    /// # Errors
    /// Where it is nested deeper than values may be.
    pub fn of(value: &impl Encode) -> Result<Self, DecodeError> {
        let mut octets = BytesMut::new();
        value.encode(&mut Writer::new(&mut octets));
        Self::decode(&mut Reader::shared(&octets.freeze()))
    }

    /// The value as another type of this crate, such as [`LifetimePolicy`](crate::LifetimePolicy).
    ///
    /// # Errors
    /// Where it is none.
    pub fn to<T: Decode>(&self) -> Result<T, DecodeError> {
        let mut octets = BytesMut::new();
        self.encode(&mut Writer::new(&mut octets));
        T::decode(&mut Reader::shared(&octets.freeze()))
    }

    /// The text of a string or symbol.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Symbol(symbol) => Some(symbol),
            _ => None,
        }
    }

    /// The octets of a binary.
    pub const fn as_binary(&self) -> Option<&Bytes> {
        if let Self::Binary(octets) = self { Some(octets) } else { None }
    }

    /// A boolean.
    pub const fn as_bool(&self) -> Option<bool> {
        if let Self::Boolean(value) = self { Some(*value) } else { None }
    }

    /// An unsigned integer of any width; `None` for signed ones.
    pub fn as_u64(&self) -> Option<u64> {
        match *self {
            Self::Ubyte(value) => Some(value.into()),
            Self::Ushort(value) => Some(value.into()),
            Self::Uint(value) => Some(value.into()),
            Self::Ulong(value) => Some(value),
            _ => None,
        }
    }

    /// A signed integer of any width; `None` for unsigned ones.
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Self::Byte(value) => Some(value.into()),
            Self::Short(value) => Some(value.into()),
            Self::Int(value) => Some(value.into()),
            Self::Long(value) => Some(value),
            _ => None,
        }
    }

    /// A floating point number of either width.
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Self::Float(value) => Some(value.into()),
            Self::Double(value) => Some(value),
            _ => None,
        }
    }

    /// The items of a list.
    pub const fn as_list(&self) -> Option<&Vec<Self>> {
        if let Self::List(items) = self { Some(items) } else { None }
    }

    /// A map.
    pub const fn as_map(&self) -> Option<&Map> {
        if let Self::Map(map) = self { Some(map) } else { None }
    }

    /// An array.
    pub const fn as_array(&self) -> Option<&Array> {
        if let Self::Array(array) = self { Some(array) } else { None }
    }
}

impl Decode for Value {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.octet()? {
            DESCRIBED => Ok(Self::Described(Box::new(Described::read(reader)?))),
            code => Self::read(code, reader),
        }
    }
}

impl Described {
    /// Reads what follows the octet `00`.
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.nested(|reader| {
            let descriptor = Value::decode(reader)?;
            Ok(Self { descriptor, value: Value::decode(reader)? })
        })
    }
}

impl Decode for Described {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let start = reader.clone();
        match reader.octet()? {
            DESCRIBED => Self::read(reader),
            _ => Err(start.fail(DecodeErrorKind::NotDescribed)),
        }
    }
}

impl Encode for Described {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.put(&[DESCRIBED]);
        self.descriptor.encode(writer);
        self.value.encode(writer);
    }
}

impl Primitive for Vec<Value> {
    const TYPE: PrimitiveType = PrimitiveType::List;

    fn code(&self) -> u8 {
        code::LIST32
    }

    fn read(code: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (count, mut body) = match code {
            code::LIST0 => return reader.nested(|_| Ok(Self::new())),
            code::LIST8 | code::LIST32 => reader.compound(code)?,
            _ => return Err(unexpected::<Self>(code, reader)),
        };
        body.check_count(count)?;
        let mut items = Self::with_capacity(body.room::<Value>(count));
        for _ in 0..count {
            items.push(Value::decode(&mut body)?);
        }
        body.finish()?;
        Ok(items)
    }

    fn write(&self, _code: u8, writer: &mut Writer<'_>) {
        writer.compound32(count_of(self), |writer| encode_all(self, writer));
    }
}

impl Decode for Vec<Value> {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let code = reader.octet()?;
        Self::read(code, reader)
    }
}

impl Encode for Vec<Value> {
    fn encode(&self, writer: &mut Writer<'_>) {
        match self.as_slice() {
            [] => writer.put(&[code::LIST0]),
            items => writer.compound(code::LIST8, count_of(items), |writer| encode_all(items, writer)),
        }
    }
}

fn count_of(items: &[Value]) -> u32 {
    u32::try_from(items.len()).unwrap_or(u32::MAX)
}

fn encode_all(items: &[Value], writer: &mut Writer<'_>) {
    for item in items {
        item.encode(writer);
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Equality with text: of a string or of a symbol.
impl PartialEq<str> for Value {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<Described> for Value {
    fn from(described: Described) -> Self {
        Self::Described(Box::new(described))
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
