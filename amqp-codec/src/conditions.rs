//! Error conditions: an open set of symbols.

use crate::error::DecodeError;
use crate::read::{Decode, Reader};
use crate::text::{NotAscii, Symbol};
use crate::write::{Encode, Writer};
use core::fmt;

macro_rules! conditions {
    ($(#[$doc:meta])* $name:ident { $($(#[$const_doc:meta])* $const:ident = $symbol:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Symbol);

        impl $name {
            $($(#[$const_doc])* pub const $const: Self = Self(Symbol::from_static($symbol));)+
        }
    };
}

conditions! {
    /// Why an endpoint ended or a delivery was rejected: one of the spec's symbols, or anyone else's.
    ///
    /// ```
    /// use amqp_codec::ErrorCondition;
    /// assert_eq!(ErrorCondition::NOT_FOUND.as_str(), "amqp:not-found");
    /// let own = ErrorCondition::new("com.example:too-late").unwrap();
    /// assert_ne!(own, ErrorCondition::NOT_FOUND);
    /// ```
    ErrorCondition {
        /// An error inside the peer (§2.8.15).
        INTERNAL_ERROR = "amqp:internal-error",
        /// There is no node or terminus with that address.
        NOT_FOUND = "amqp:not-found",
        /// The access is not allowed to this user.
        UNAUTHORIZED_ACCESS = "amqp:unauthorized-access",
        /// Octets that do not decode.
        DECODE_ERROR = "amqp:decode-error",
        /// Some limit of the peer is exhausted.
        RESOURCE_LIMIT_EXCEEDED = "amqp:resource-limit-exceeded",
        /// The frame may not be used in this way.
        NOT_ALLOWED = "amqp:not-allowed",
        /// A field of a frame is missing or has an impossible value.
        INVALID_FIELD = "amqp:invalid-field",
        /// The function is not implemented.
        NOT_IMPLEMENTED = "amqp:not-implemented",
        /// Another client has the resource to itself.
        RESOURCE_LOCKED = "amqp:resource-locked",
        /// A precondition does not hold.
        PRECONDITION_FAILED = "amqp:precondition-failed",
        /// The resource was deleted while in use.
        RESOURCE_DELETED = "amqp:resource-deleted",
        /// The frame may not be sent in the present state.
        ILLEGAL_STATE = "amqp:illegal-state",
        /// The peer's frames are too small for what must be sent.
        FRAME_SIZE_TOO_SMALL = "amqp:frame-size-too-small",
        /// An operator closed the connection (§2.8.16).
        CONNECTION_FORCED = "amqp:connection:forced",
        /// Octets that are not a frame.
        FRAMING_ERROR = "amqp:connection:framing-error",
        /// The container is to be reached elsewhere: see the error's info.
        CONNECTION_REDIRECT = "amqp:connection:redirect",
        /// A transfer beyond the session's incoming window (§2.8.17).
        WINDOW_VIOLATION = "amqp:session:window-violation",
        /// Input for a link that was detached with an error.
        ERRANT_LINK = "amqp:session:errant-link",
        /// An attach with a handle that is in use.
        HANDLE_IN_USE = "amqp:session:handle-in-use",
        /// A frame with a handle that no link has.
        UNATTACHED_HANDLE = "amqp:session:unattached-handle",
        /// An operator detached the link (§2.8.18).
        DETACH_FORCED = "amqp:link:detach-forced",
        /// A transfer beyond the link's credit.
        TRANSFER_LIMIT_EXCEEDED = "amqp:link:transfer-limit-exceeded",
        /// A message larger than the link's max-message-size.
        MESSAGE_SIZE_EXCEEDED = "amqp:link:message-size-exceeded",
        /// The address is to be reached elsewhere: see the error's info.
        LINK_REDIRECT = "amqp:link:redirect",
        /// The link was attached elsewhere.
        STOLEN = "amqp:link:stolen",
        /// There is no such transaction (§4.5.8).
        TRANSACTION_UNKNOWN_ID = "amqp:transaction:unknown-id",
        /// The transaction was rolled back.
        TRANSACTION_ROLLBACK = "amqp:transaction:rollback",
        /// The transaction took too long.
        TRANSACTION_TIMEOUT = "amqp:transaction:timeout",
    }
}

impl ErrorCondition {
    /// The condition with this symbol, or [`NotAscii`].
    pub fn new(symbol: &str) -> Result<Self, NotAscii> {
        Symbol::new(symbol).map(Self)
    }

    /// The symbol.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Default for ErrorCondition {
    fn default() -> Self {
        Self::INTERNAL_ERROR
    }
}

impl fmt::Display for ErrorCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Symbol> for ErrorCondition {
    fn from(symbol: Symbol) -> Self {
        Self(symbol)
    }
}

impl Decode for ErrorCondition {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Symbol::decode(reader).map(Self)
    }
}

impl Encode for ErrorCondition {
    fn encode(&self, writer: &mut Writer<'_>) {
        self.0.encode(writer);
    }
}
