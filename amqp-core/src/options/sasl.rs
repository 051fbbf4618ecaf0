//! Options of the SASL layer (§5.3).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use amqp_codec::Symbol;
use bytes::Bytes;

/// How a client authenticates.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credentials {
    /// ANONYMOUS (RFC 4505), with an optional trace of who it is.
    Anonymous,
    /// PLAIN (RFC 4616). Only sent where the transport is encrypted, or `allow_insecure` is set.
    Plain {
        /// On whose behalf to act; empty: the user's own.
        authorization: String,
        /// The user's name, without NUL.
        user: String,
        /// The password, without NUL.
        password: String,
        /// Send the password over a transport that is not encrypted.
        allow_insecure: bool,
    },
    /// EXTERNAL (RFC 4422): the identity that the transport proves, or the one named here.
    External {
        /// On whose behalf to act; empty: what the transport proves.
        authorization: String,
    },
    /// Any other mechanism, its messages made by the application: challenges arrive as
    /// [`crate::Event::Authenticate`].
    Mechanism {
        /// The mechanism's registered name.
        name: Symbol,
        /// The first message, where the mechanism lets the client begin.
        initial_response: Option<Bytes>,
    },
}

impl Credentials {
    /// PLAIN with a user's name and password, for encrypted transports only.
    pub fn plain(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Plain {
            authorization: String::new(),
            user: user.into(),
            password: password.into(),
            allow_insecure: false,
        }
    }

    /// PLAIN with a user's name and password, also over transports that are not encrypted.
    pub fn plain_insecure(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Plain {
            authorization: String::new(),
            user: user.into(),
            password: password.into(),
            allow_insecure: true,
        }
    }
}

/// Never shows a password or a first message.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("Anonymous"),
            Self::Plain { user, .. } => f.debug_struct("Plain").field("user", user).finish_non_exhaustive(),
            Self::External { authorization } => {
                f.debug_struct("External").field("authorization", authorization).finish()
            }
            Self::Mechanism { name, .. } => {
                f.debug_struct("Mechanism").field("name", name).finish_non_exhaustive()
            }
        }
    }
}

/// What a server offers and demands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SaslServer {
    /// The mechanisms in the order of preference, at least one. ANONYMOUS, where listed, is accepted without asking;
    /// PLAIN is only offered where the transport is encrypted, or `allow_insecure` is set.
    pub mechanisms: Vec<Symbol>,
    /// Refuse clients that begin without SASL. True by default: authentication cannot be skipped.
    pub required: bool,
    /// Take passwords over a transport that is not encrypted.
    pub allow_insecure: bool,
}

impl SaslServer {
    /// Demands one of these mechanisms.
    pub fn new(mechanisms: impl IntoIterator<Item = Symbol>) -> Self {
        Self { mechanisms: mechanisms.into_iter().collect(), required: true, allow_insecure: false }
    }

    /// Lets clients that begin without SASL in.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    /// Takes passwords over a transport that is not encrypted.
    #[must_use]
    pub fn allow_insecure(mut self) -> Self {
        self.allow_insecure = true;
        self
    }
}
