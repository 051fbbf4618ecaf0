//! What is wrong with octets that do not decode.

use crate::conditions::ErrorCondition;

/// Octets that are not a well-formed value of the expected type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at octet {at}")]
pub struct DecodeError {
    /// What is wrong.
    pub kind: DecodeErrorKind,
    /// Where: octets from the start of what was given to the [`Reader`](crate::Reader).
    pub at: usize,
}

/// What is wrong, without where.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeErrorKind {
    /// The value goes on after the end of its container or of the input.
    #[error("value cut short")]
    Truncated,
    /// A format code that §1.6 gives no meaning.
    #[error("unassigned format code 0x{0:02x}")]
    UnassignedFormatCode(u8),
    /// Another type than the one that belongs here.
    #[error("expected {expected}, found format code 0x{found:02x}")]
    UnexpectedType {
        /// The spec's name of the type that belongs here.
        expected: &'static str,
        /// The format code that stands here.
        found: u8,
    },
    /// A size that does not agree with the items inside.
    #[error("size does not match the contents")]
    SizeMismatch,
    /// A count that the octets cannot hold.
    #[error("count does not match the contents")]
    CountMismatch,
    /// A string that is not UTF-8.
    #[error("string is not UTF-8")]
    InvalidUtf8,
    /// A symbol with octets above 127.
    #[error("symbol is not ASCII")]
    InvalidAscii,
    /// A char that is a surrogate or beyond U+10FFFF.
    #[error("char is not a Unicode scalar value")]
    InvalidChar,
    /// A one-octet boolean other than 0 and 1.
    #[error("boolean is neither 0 nor 1")]
    InvalidBoolean,
    /// A map with a key and no value.
    #[error("map with an odd number of items")]
    OddMapCount,
    /// A map with two equal keys (§1.6.23).
    #[error("map with a duplicate key")]
    DuplicateKey,
    /// Lists, maps, arrays and descriptors nested deeper than [`MAX_DEPTH`](crate::MAX_DEPTH).
    #[error("values nested too deeply")]
    TooDeep,
    /// More elements than may be built in memory.
    #[error("too many elements")]
    TooManyElements,
    /// A mandatory field that is null or absent, as `open.container-id`.
    #[error("mandatory field {0} is missing")]
    MissingField(&'static str),
    /// A field of the right type whose value is out of range, or of the wrong kind.
    #[error("field {0} is invalid")]
    InvalidField(&'static str),
    /// A list with more items than its type has fields.
    #[error("more fields than the type has")]
    TooManyFields,
    /// A described value of a type that does not belong here.
    #[error("unexpected descriptor")]
    UnexpectedDescriptor,
    /// A plain value where only a described one may stand.
    #[error("value is not described")]
    NotDescribed,
    /// Octets after the end of what a frame may hold.
    #[error("octets after the end of the value")]
    TrailingOctets,
    /// A message whose sections are out of order, repeated, mixed, or lack a body (§3.2).
    #[error("message sections out of order, repeated or missing")]
    InvalidSections,
}

impl DecodeError {
    /// The condition with which the endpoint that met the octets ends.
    ///
    /// `amqp:invalid-field` where a field is missing or out of range, `amqp:connection:framing-error` where octets follow a
    /// complete frame body, and otherwise `amqp:decode-error`.
    pub fn condition(&self) -> ErrorCondition {
        match self.kind {
            DecodeErrorKind::MissingField(_) | DecodeErrorKind::InvalidField(_) => {
                ErrorCondition::INVALID_FIELD
            }
            DecodeErrorKind::TrailingOctets => ErrorCondition::FRAMING_ERROR,
            _ => ErrorCondition::DECODE_ERROR,
        }
    }

    /// The same error in octets that start `offset` octets into a larger input.
    #[must_use]
    pub const fn after(mut self, offset: usize) -> Self {
        self.at = self.at.saturating_add(offset);
        self
    }
}
