//! The primitive types of §1.6: format code and data of each.

use crate::error::{DecodeError, DecodeErrorKind};
use crate::format::{PrimitiveType, code};
use crate::read::{Decode, Reader};
use crate::scalar::{Decimal32, Decimal64, Decimal128, Timestamp, Uuid};
use crate::serial::Serial;
use crate::tag::{DeliveryTag, TransactionId};
use crate::text::{Str, Symbol};
use crate::write::{Encode, Writer};
use bytes::Bytes;

/// A value that is a format code and then data: what may be the element of an array.
pub(crate) trait Primitive: Sized {
    /// The AMQP type.
    const TYPE: PrimitiveType;

    /// The format code of the shortest encoding.
    fn code(&self) -> u8;

    /// Reads the data that follows the format code `code`. The reader stands behind `code`.
    fn read(code: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Appends the data that follows the format code `code`, which is [`code`](Self::code) or a wider one.
    fn write(&self, code: u8, writer: &mut Writer<'_>);

    /// Appends format code and data: in one piece where that is easy, since a piece costs more than its octets.
    #[inline]
    fn write_coded(&self, code: u8, writer: &mut Writer<'_>) {
        writer.put(&[code]);
        self.write(code, writer);
    }
}

/// The error for a format code that [`Primitive::read`] does not know.
#[cold]
pub(crate) fn unexpected<T: Primitive>(code: u8, reader: &Reader<'_>) -> DecodeError {
    let mut error = reader.unexpected(T::TYPE.name(), code);
    error.at = error.at.saturating_sub(1);
    error
}

/// `Decode` and `Encode` by way of [`Primitive`].
macro_rules! by_format_code {
    ($($type:ty)+) => {$(
        impl Decode for $type {
            #[inline(always)]
            fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                let code = reader.octet()?;
                Self::read(code, reader)
            }
        }

        impl Encode for $type {
            #[inline]
            fn encode(&self, writer: &mut Writer<'_>) {
                self.write_coded(self.code(), writer);
            }
        }
    )+};
}

by_format_code! {
    bool u8 u16 u32 u64 i8 i16 i32 i64 f32 f64 Decimal32 Decimal64 Decimal128 char Timestamp Uuid Bytes Str Symbol
}

/// Types with one encoding: the octets of the value.
macro_rules! fixed {
    ($($type:ty: $name:ident = $code:ident, $to:expr, $from:expr;)+) => {$(
        impl Primitive for $type {
            const TYPE: PrimitiveType = PrimitiveType::$name;

            #[inline]
            fn code(&self) -> u8 {
                code::$code
            }

            #[inline]
            fn read(code: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                match code {
                    code::$code => reader.octets().map($from),
                    _ => Err(unexpected::<Self>(code, reader)),
                }
            }

            #[inline]
            fn write(&self, _code: u8, writer: &mut Writer<'_>) {
                writer.put(&$to(*self));
            }

            #[inline]
            fn write_coded(&self, code: u8, writer: &mut Writer<'_>) {
                writer.put_coded(code, $to(*self));
            }
        }
    )+};
}

fixed! {
    u8: Ubyte = UBYTE, Self::to_be_bytes, Self::from_be_bytes;
    u16: Ushort = USHORT, Self::to_be_bytes, Self::from_be_bytes;
    i8: Byte = BYTE, Self::to_be_bytes, Self::from_be_bytes;
    i16: Short = SHORT, Self::to_be_bytes, Self::from_be_bytes;
    f32: Float = FLOAT, Self::to_be_bytes, Self::from_be_bytes;
    f64: Double = DOUBLE, Self::to_be_bytes, Self::from_be_bytes;
    Decimal32: Decimal32 = DECIMAL32, |value: Self| value.0, Self;
    Decimal64: Decimal64 = DECIMAL64, |value: Self| value.0, Self;
    Decimal128: Decimal128 = DECIMAL128, |value: Self| value.0, Self;
    Timestamp: Timestamp = TIMESTAMP, |value: Self| value.0.to_be_bytes(), |octets| Self(i64::from_be_bytes(octets));
    Uuid: Uuid = UUID, |value: Self| value.0, Self;
}

/// Integers with a one-octet form, and for unsigned ones a form for zero without octets.
macro_rules! integers {
    ($($type:ty, $small:ty: $name:ident = $wide:ident $short:ident $($zero:ident)?;)+) => {$(
        impl Primitive for $type {
            const TYPE: PrimitiveType = PrimitiveType::$name;

            #[inline]
            fn code(&self) -> u8 {
                match <$small>::try_from(*self) {
                    $(Ok(0) => code::$zero,)?
                    Ok(_) => code::$short,
                    Err(_) => code::$wide,
                }
            }

            #[inline(always)]
            fn read(code: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                match code {
                    code::$short => Ok(Self::from(<$small>::from_be_bytes(reader.octets()?))),
                    code::$wide => Ok(Self::from_be_bytes(reader.octets()?)),
                    $(code::$zero => Ok(0),)?
                    _ => Err(unexpected::<Self>(code, reader)),
                }
            }

            #[inline]
            fn write(&self, code: u8, writer: &mut Writer<'_>) {
                match code {
                    code::$wide => writer.put(&self.to_be_bytes()),
                    code::$short => writer.put(&[low(self.to_le_bytes())]),
                    _ => {}
                }
            }

            #[inline]
            fn write_coded(&self, code: u8, writer: &mut Writer<'_>) {
                match code {
                    code::$wide => writer.put_coded(code, self.to_be_bytes()),
                    code::$short => writer.put_coded(code, [low(self.to_le_bytes())]),
                    _ => writer.put(&[code]),
                }
            }
        }
    )+};
}

/// The one-octet form of an integer that has one, in two's complement or not.
#[inline]
const fn low<const N: usize>(octets: [u8; N]) -> u8 {
    if let [low, ..] = octets.as_slice() { *low } else { 0 }
}

integers! {
    u32, u8: Uint = UINT SMALL_UINT UINT0;
    u64, u8: Ulong = ULONG SMALL_ULONG ULONG0;
    i32, i8: Int = INT SMALL_INT;
    i64, i8: Long = LONG SMALL_LONG;
}

impl Primitive for bool {
    const TYPE: PrimitiveType = PrimitiveType::Boolean;

    #[inline]
    fn code(&self) -> u8 {
        if *self { code::TRUE } else { code::FALSE }
    }

    #[inline]
    fn read(code: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match code {
            code::TRUE => Ok(true),
            code::FALSE => Ok(false),
            code::BOOLEAN => match reader.octet()? {
                0 => Ok(false),
                1 => Ok(true),
                _ => Err(reader.fail(DecodeErrorKind::InvalidBoolean)),
            },
            _ => Err(unexpected::<Self>(code, reader)),
        }
    }

    #[inline]
    fn write(&self, code: u8, writer: &mut Writer<'_>) {
        if code == code::BOOLEAN {
            writer.put(&[u8::from(*self)]);
        }
    }
}

impl Primitive for char {
    const TYPE: PrimitiveType = PrimitiveType::Char;

    fn code(&self) -> u8 {
        code::CHAR
    }

    fn read(code: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match code {
            code::CHAR => Self::from_u32(u32::from_be_bytes(reader.octets()?))
                .ok_or_else(|| reader.fail(DecodeErrorKind::InvalidChar)),
            _ => Err(unexpected::<Self>(code, reader)),
        }
    }

    fn write(&self, _code: u8, writer: &mut Writer<'_>) {
        writer.put(&u32::from(*self).to_be_bytes());
    }
}

/// Types with a length in front of their octets.
macro_rules! variable {
    ($($type:ty: $name:ident = $short:ident $long:ident, $octets:ident, $read:expr;)+) => {$(
        impl Primitive for $type {
            const TYPE: PrimitiveType = PrimitiveType::$name;

            #[inline]
            fn code(&self) -> u8 {
                if self.$octets().len() <= usize::from(u8::MAX) { code::$short } else { code::$long }
            }

            #[inline]
            fn read(code: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                match code {
                    code::$short | code::$long => {
                        let length = reader.length(code)?;
                        $read(reader, length)
                    }
                    _ => Err(unexpected::<Self>(code, reader)),
                }
            }

            #[inline]
            fn write(&self, code: u8, writer: &mut Writer<'_>) {
                writer.variable(code, self.$octets());
            }

            #[inline]
            fn write_coded(&self, code: u8, writer: &mut Writer<'_>) {
                writer.variable_coded(code, self.$octets());
            }
        }
    )+};
}

variable! {
    Bytes: Binary = BINARY8 BINARY32, as_ref, Reader::take_bytes;
    Str: String = STRING8 STRING32, as_octets, read_string;
    Symbol: Symbol = SYMBOL8 SYMBOL32, as_octets, read_symbol;
}

#[inline]
fn read_string(reader: &mut Reader<'_>, length: usize) -> Result<Str, DecodeError> {
    let start = reader.clone();
    match core::str::from_utf8(reader.take(length)?) {
        Ok(text) => Ok(Str::from(text)),
        Err(_) => Err(start.fail(DecodeErrorKind::InvalidUtf8)),
    }
}

#[inline]
fn read_symbol(reader: &mut Reader<'_>, length: usize) -> Result<Symbol, DecodeError> {
    let start = reader.clone();
    let symbol = core::str::from_utf8(reader.take(length)?).ok().and_then(|text| Symbol::new(text).ok());
    symbol.ok_or_else(|| start.fail(DecodeErrorKind::InvalidAscii))
}

impl Decode for Serial {
    #[inline(always)]
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        u32::decode(reader).map(Self)
    }
}

impl Encode for Serial {
    #[inline]
    fn encode(&self, writer: &mut Writer<'_>) {
        self.0.encode(writer);
    }
}

/// Binaries of at most 32 octets, kept inline.
macro_rules! tags {
    ($($type:ident)+) => {$(
        impl Decode for $type {
            #[inline]
            fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                let code = reader.octet()?;
                if !matches!(code, code::BINARY8 | code::BINARY32) {
                    return Err(unexpected::<Bytes>(code, reader));
                }
                let octets = reader.variable(code)?;
                // §2.8.7: at most 32 octets.
                Self::new(octets).map_err(|_| reader.fail(DecodeErrorKind::InvalidField("")))
            }
        }

        impl Encode for $type {
            #[inline]
            fn encode(&self, writer: &mut Writer<'_>) {
                writer.variable_coded(code::BINARY8, self);
            }
        }
    )+};
}

tags! { DeliveryTag TransactionId }
