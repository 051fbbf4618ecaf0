//! Format codes: the octet in front of a value that says type and width (§1.2, §1.6).

macro_rules! format_codes {
    ($( $type:ident $name:literal { $($code:ident = $value:literal),+ $(,)? } )+) => {
        /// The primitive types of §1.6.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum PrimitiveType { $(#[doc = concat!("The type `", $name, "`.")] $type),+ }

        impl PrimitiveType {
            /// The type that a format code stands for; `None` where the code is not assigned.
            pub const fn of_code(code: u8) -> Option<Self> {
                match code { $($($value)|+ => Some(Self::$type),)+ _ => None }
            }

            /// The name that the spec gives the type.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$type => $name),+ }
            }
        }

        /// Every format code by name.
        pub(crate) mod code { $($(pub(crate) const $code: u8 = $value;)+)+ }
    };
}

format_codes! {
    Null       "null"       { NULL = 0x40 }
    Boolean    "boolean"    { BOOLEAN = 0x56, TRUE = 0x41, FALSE = 0x42 }
    Ubyte      "ubyte"      { UBYTE = 0x50 }
    Ushort     "ushort"     { USHORT = 0x60 }
    Uint       "uint"       { UINT = 0x70, SMALL_UINT = 0x52, UINT0 = 0x43 }
    Ulong      "ulong"      { ULONG = 0x80, SMALL_ULONG = 0x53, ULONG0 = 0x44 }
    Byte       "byte"       { BYTE = 0x51 }
    Short      "short"      { SHORT = 0x61 }
    Int        "int"        { INT = 0x71, SMALL_INT = 0x54 }
    Long       "long"       { LONG = 0x81, SMALL_LONG = 0x55 }
    Float      "float"      { FLOAT = 0x72 }
    Double     "double"     { DOUBLE = 0x82 }
    Decimal32  "decimal32"  { DECIMAL32 = 0x74 }
    Decimal64  "decimal64"  { DECIMAL64 = 0x84 }
    Decimal128 "decimal128" { DECIMAL128 = 0x94 }
    Char       "char"       { CHAR = 0x73 }
    Timestamp  "timestamp"  { TIMESTAMP = 0x83 }
    Uuid       "uuid"       { UUID = 0x98 }
    Binary     "binary"     { BINARY8 = 0xa0, BINARY32 = 0xb0 }
    String     "string"     { STRING8 = 0xa1, STRING32 = 0xb1 }
    Symbol     "symbol"     { SYMBOL8 = 0xa3, SYMBOL32 = 0xb3 }
    List       "list"       { LIST0 = 0x45, LIST8 = 0xc0, LIST32 = 0xd0 }
    Map        "map"        { MAP8 = 0xc1, MAP32 = 0xd1 }
    Array      "array"      { ARRAY8 = 0xe0, ARRAY32 = 0xf0 }
}

/// The octet in front of a descriptor.
pub(crate) const DESCRIBED: u8 = 0x00;

/// How the data after a format code is delimited (§1.2: the high four bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// As many octets, no size.
    Fixed(u8),
    /// A size of one octet, then as many octets. Compounds and arrays count as well: their count is inside the size.
    Size8,
    /// A size of four octets, then as many octets.
    Size32,
}

impl Layout {
    /// The layout of an assigned format code; `None` for every other octet.
    pub(crate) const fn of_code(code: u8) -> Option<Self> {
        if PrimitiveType::of_code(code).is_none() {
            return None;
        }
        Some(match code >> 4 {
            0x4 => Self::Fixed(0),
            0x5 => Self::Fixed(1),
            0x6 => Self::Fixed(2),
            0x7 => Self::Fixed(4),
            0x8 => Self::Fixed(8),
            0x9 => Self::Fixed(16),
            0xa | 0xc | 0xe => Self::Size8,
            _ => Self::Size32,
        })
    }
}
