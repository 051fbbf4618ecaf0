//! The keys of annotations.

use crate::error::{DecodeError, DecodeErrorKind};
use crate::format::code;
use crate::map::Annotations;
use crate::read::{Decode, Reader};
use crate::text::{NotAscii, Symbol};
use crate::write::{Encode, Writer};

/// The key of an annotation (§3.2.10): a symbol, or a ulong that the spec reserves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnnotationKey {
    /// A name.
    Symbol(Symbol),
    /// A number.
    Ulong(u64),
}

impl AnnotationKey {
    /// Whether a node that does not know the annotation ignores it (§3.2.10): whether the name begins with `x-opt-`.
    pub fn is_optional(&self) -> bool {
        matches!(self, Self::Symbol(name) if name.starts_with("x-opt-"))
    }
}

impl Annotations {
    /// The first annotation that is neither optional nor among those that `knows` says yes to. §3.2.10: a node that gets
    /// one detaches the link with `amqp:not-implemented`. Nobody is asked to: peers differ in what they reserve, so that
    /// is for a node to choose.
    pub fn not_understood(&self, knows: impl Fn(&AnnotationKey) -> bool) -> Option<&AnnotationKey> {
        self.iter().map(|(key, _)| key).find(|key| !key.is_optional() && !knows(key))
    }
}

impl Decode for AnnotationKey {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.peek() {
            Some(code::SYMBOL8 | code::SYMBOL32) => Symbol::decode(reader).map(Self::Symbol),
            Some(code::ULONG | code::SMALL_ULONG | code::ULONG0) => u64::decode(reader).map(Self::Ulong),
            Some(found) => Err(reader.unexpected("symbol or ulong", found)),
            None => Err(reader.fail(DecodeErrorKind::Truncated)),
        }
    }
}

impl Encode for AnnotationKey {
    fn encode(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Symbol(symbol) => symbol.encode(writer),
            Self::Ulong(number) => number.encode(writer),
        }
    }
}

/// Equality with text: of a symbol.
impl PartialEq<str> for AnnotationKey {
    fn eq(&self, other: &str) -> bool {
        matches!(self, Self::Symbol(symbol) if symbol == other)
    }
}

impl From<Symbol> for AnnotationKey {
    fn from(symbol: Symbol) -> Self {
        Self::Symbol(symbol)
    }
}

impl From<u64> for AnnotationKey {
    fn from(number: u64) -> Self {
        Self::Ulong(number)
    }
}

impl TryFrom<&str> for AnnotationKey {
    type Error = NotAscii;

    fn try_from(text: &str) -> Result<Self, NotAscii> {
        Symbol::new(text).map(Self::Symbol)
    }
}
