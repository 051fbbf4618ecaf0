//! Strings and symbols: short ones inline, long ones shared.

use alloc::string::String;
use alloc::sync::Arc;
use core::borrow::Borrow;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::Deref;

/// How many octets are kept without an allocation.
const INLINE: usize = 22;

/// A string of §1.6.20: UTF-8, 24 octets in memory, cheap to clone.
///
/// Up to 22 octets stand inline; longer text is shared.
///
/// ```
/// use amqp_codec::Str;
/// let name = Str::from("orders");
/// assert_eq!(name, "orders");
/// assert_eq!(size_of::<Option<Str>>(), 24);
/// ```
#[derive(Clone)]
pub struct Str(Text);

/// A symbol of §1.6.21: 7-bit ASCII, 24 octets in memory, cheap to clone.
///
/// ```
/// use amqp_codec::Symbol;
/// const COPY: Symbol = Symbol::from_static("copy");
/// assert_eq!(Symbol::new("copy").unwrap(), COPY);
/// assert!(Symbol::new("naïve").is_err());
/// ```
#[derive(Clone)]
pub struct Symbol(Text);

/// Text that is not 7-bit ASCII and so cannot be a [`Symbol`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 7-bit ASCII")]
pub struct NotAscii;

impl Str {
    /// Text known at compile time: no copy, no allocation.
    pub const fn from_static(text: &'static str) -> Self {
        Self(Text::Static(text))
    }
}

impl Symbol {
    /// A symbol with this text, or [`NotAscii`].
    pub fn new(text: &str) -> Result<Self, NotAscii> {
        if text.is_ascii() { Ok(Self(Text::new(text))) } else { Err(NotAscii) }
    }

    /// A symbol known at compile time: no copy, no allocation. Text is kept up to its first octet that is not ASCII.
    pub const fn from_static(text: &'static str) -> Self {
        let mut length = 0;
        while length < text.len() && text.as_bytes()[length].is_ascii() {
            length += 1;
        }
        Self(Text::Static(text.split_at(length).0))
    }
}

#[derive(Clone)]
enum Text {
    Inline { length: u8, octets: [u8; INLINE] },
    Static(&'static str),
    Shared(Arc<str>),
}

impl Text {
    #[inline]
    fn new(text: &str) -> Self {
        let mut octets = [0; INLINE];
        match (octets.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(start), Ok(length)) => {
                start.copy_from_slice(text.as_bytes());
                Self::Inline { length, octets }
            }
            _ => Self::Shared(text.into()),
        }
    }

    #[inline]
    fn as_octets(&self) -> &[u8] {
        match self {
            Self::Inline { length, octets } => octets.get(..usize::from(*length)).unwrap_or_default(),
            Self::Static(text) => text.as_bytes(),
            Self::Shared(text) => text.as_bytes(),
        }
    }

    #[inline]
    fn as_str(&self) -> &str {
        match self {
            // Inline octets are copied from a str, so that the check always passes.
            Self::Inline { .. } => core::str::from_utf8(self.as_octets()).unwrap_or_default(),
            Self::Static(text) => text,
            Self::Shared(text) => text,
        }
    }
}

macro_rules! text_types {
    ($($name:ident)+) => {$(
        impl $name {
            /// The text.
            #[inline]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }

            /// The octets of the text: cheaper than going by [`as_str`](Self::as_str).
            #[inline]
            pub fn as_octets(&self) -> &[u8] {
                self.0.as_octets()
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self(Text::Static(""))
            }
        }

        impl Deref for $name {
            type Target = str;
            #[inline]
            fn deref(&self) -> &str {
                self.as_str()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                self.as_str()
            }
        }

        impl PartialEq for $name {
            #[inline]
            fn eq(&self, other: &Self) -> bool {
                self.as_octets() == other.as_octets()
            }
        }

        impl Eq for $name {}

        impl PartialEq<str> for $name {
            #[inline]
            fn eq(&self, other: &str) -> bool {
                self.as_octets() == other.as_bytes()
            }
        }

        impl PartialEq<&str> for $name {
            #[inline]
            fn eq(&self, other: &&str) -> bool {
                self.as_octets() == other.as_bytes()
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                self.as_octets().cmp(other.as_octets())
            }
        }

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.as_str().hash(state);
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self.as_str(), f)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.as_str().into()
            }
        }
    )+};
}

text_types! { Str Symbol }

impl From<&str> for Str {
    #[inline]
    fn from(text: &str) -> Self {
        Self(Text::new(text))
    }
}

impl From<String> for Str {
    fn from(text: String) -> Self {
        Self(Text::new(&text))
    }
}

impl From<&String> for Str {
    fn from(text: &String) -> Self {
        Self(Text::new(text))
    }
}

impl From<Arc<str>> for Str {
    fn from(text: Arc<str>) -> Self {
        Self(Text::Shared(text))
    }
}

impl From<Symbol> for Str {
    fn from(symbol: Symbol) -> Self {
        Self(symbol.0)
    }
}

impl TryFrom<&str> for Symbol {
    type Error = NotAscii;

    fn try_from(text: &str) -> Result<Self, NotAscii> {
        Self::new(text)
    }
}

impl TryFrom<String> for Symbol {
    type Error = NotAscii;

    fn try_from(text: String) -> Result<Self, NotAscii> {
        Self::new(&text)
    }
}

/// Whether a character would let a text of the peer look like another line of a log, or like another text: control
/// characters, separators of lines and paragraphs, and those that turn the direction.
pub(crate) fn leaves_line(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
