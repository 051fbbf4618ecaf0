//! What is wrong with the text of an address.

use core::fmt;

use thiserror::Error;

/// What is wrong with the text of an [`Address`](crate::Address), and where: `at` counts octets from the text's
/// beginning, from 0. No text is shown, because with a stray `/` or `@` any of it can be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Before the `://` is neither `amqp` nor `amqps`, or the `//` after one of them is missing.
    #[error("an address begins with amqp:// or amqps:// or has no scheme")]
    Scheme,
    /// A password without a user.
    #[error("the address has no user before the password at octet {at}")]
    NoUser {
        /// Where the password begins.
        at: usize,
    },
    /// A `%` without two hexadecimal digits after it.
    #[error("the {part} of the address has a '%' without two hexadecimal digits at octet {at}")]
    Percent {
        /// What it is in.
        part: AddressPart,
        /// Where the `%` is.
        at: usize,
    },
    /// What is percent-encoded is not UTF-8.
    #[error("the {part} of the address, from octet {at}, does not decode to UTF-8")]
    Utf8 {
        /// What does not decode.
        part: AddressPart,
        /// Where that part begins.
        at: usize,
    },
    /// A control character such as NUL or a line feed.
    #[error("the {part} of the address, from octet {at}, contains a control character")]
    Control {
        /// What it is in.
        part: AddressPart,
        /// Where that part begins.
        at: usize,
    },
    /// A `[` without a `]`.
    #[error("the '[' at octet {at} of the address is not closed")]
    Bracket {
        /// Where the `[` is.
        at: usize,
    },
    /// A host with characters that no host has, or brackets around anything but an IPv6 address, or one without
    /// them.
    #[error("the host of the address is wrong at octet {at} (an IPv6 address has to be in brackets)")]
    Host {
        /// Where the first such character is, or what is in brackets begins.
        at: usize,
    },
    /// What follows the `:` is no port.
    #[error(
        "the port at octet {at} of the address is not a number up to 65535 (a '/' in a password is written %2F)"
    )]
    Port {
        /// Where it begins.
        at: usize,
    },
}

/// A part of an address that is percent-decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AddressPart {
    /// The user's name.
    User,
    /// The password.
    Password,
    /// The node's address.
    Path,
}

impl fmt::Display for AddressPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Password => "password",
            Self::Path => "path",
        })
    }
}
