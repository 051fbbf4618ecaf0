//! Primitive types that Rust has no type of its own for.

use core::fmt;

/// A universally unique identifier: sixteen octets in the order of RFC 4122 (§1.6.18).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Uuid(pub [u8; 16]);

/// A point in time: milliseconds since the Unix epoch, negative before it (§1.6.17).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(pub i64);

/// An IEEE 754 decimal32 in the binary integer encoding, as it stands on the wire (§1.6.13).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Decimal32(pub [u8; 4]);

/// An IEEE 754 decimal64 in the binary integer encoding, as it stands on the wire (§1.6.14).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Decimal64(pub [u8; 8]);

/// An IEEE 754 decimal128 in the binary integer encoding, as it stands on the wire (§1.6.15).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Decimal128(pub [u8; 16]);

/// The usual form: `f81d4fae-7dec-11d0-a765-00a0c91e6bf6`.
impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, octet) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{octet:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
