//! Names made of at most 32 octets: delivery tags and transaction ids.

use core::fmt;
use core::ops::Deref;

/// The most octets that a delivery tag or transaction id may have (§2.8.7, §4.5.4).
pub const MAX_TAG: usize = 32;

/// More than [`MAX_TAG`] octets for a delivery tag or transaction id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {MAX_TAG} octets")]
pub struct TagTooLong;

macro_rules! tags {
    ($($(#[$doc:meta])* $name:ident)+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name {
            // Octets beyond the length are zero, so that comparing all of them and then the length compares the contents.
            // In words, since tags are read and moved for every transfer: words stay in registers.
            words: [[u8; 8]; 4],
            length: usize,
        }

        impl $name {
            /// Copies `octets`, of which there may be at most [`MAX_TAG`].
            #[inline(always)]
            pub fn new(octets: &[u8]) -> Result<Self, TagTooLong> {
                if octets.len() > MAX_TAG {
                    return Err(TagTooLong);
                }
                let words = if octets.len() <= 8 {
                    [word(octets), [0; 8], [0; 8], [0; 8]]
                } else {
                    [0, 8, 16, 24].map(|start| word(octets.get(start..).unwrap_or_default()))
                };
                Ok(Self { words, length: octets.len() })
            }
        }

        impl Deref for $name {
            type Target = [u8];
            #[inline]
            fn deref(&self) -> &[u8] {
                self.words.as_flattened().get(..self.length).unwrap_or_default()
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                self
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = TagTooLong;
            fn try_from(octets: &[u8]) -> Result<Self, TagTooLong> {
                Self::new(octets)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "(b\"{}\")"), self.escape_ascii())
            }
        }

        tags! { @arrays $name 1 2 4 8 16 32 }
    )+};
    (@arrays $name:ident $($size:literal)+) => {$(
        impl From<[u8; $size]> for $name {
            #[inline]
            fn from(octets: [u8; $size]) -> Self {
                // Not too long.
                Self::new(&octets).unwrap_or_default()
            }
        }
    )+};
}

/// The first eight octets, with zeros after the last.
#[inline(always)]
fn word(octets: &[u8]) -> [u8; 8] {
    if let Some(word) = octets.first_chunk() {
        return *word;
    }
    // Put together in a register: octets that are stored one by one are slow to load as a word.
    let word = match (octets.first_chunk(), octets.last_chunk()) {
        (Some(first), Some(last)) => {
            let overlap = 8 * (octets.len() - 4);
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << overlap
        }
        _ => octets.iter().rev().fold(0, |word, octet| word << 8 | u64::from(*octet)),
    };
    word.to_le_bytes()
}

tags! {
    /// Names a delivery within its link (§2.8.7): at most 32 octets, kept inline.
    ///
    /// ```
    /// use amqp_codec::DeliveryTag;
    /// assert_eq!(DeliveryTag::new(b"t-1").unwrap()[..], *b"t-1");
    /// assert!(DeliveryTag::new(&[0; 33]).is_err());
    /// ```
    DeliveryTag
    /// Names a transaction within its coordinator (§4.5.4): at most 32 octets, kept inline.
    TransactionId
}
