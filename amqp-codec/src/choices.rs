//! Restricted types with a closed set of values.

use crate::error::{DecodeError, DecodeErrorKind};
use crate::read::{Decode, Reader};
use crate::text::Symbol;
use crate::write::{Encode, Writer};

macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident: $raw:ident { $($(#[$choice_doc:meta])* $choice:ident = $value:literal),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$choice_doc])* $choice),+ }

        impl Decode for $name {
            #[inline]
            fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                let value = <$raw>::decode(reader)?;
                $(if value == $value {
                    return Ok(Self::$choice);
                })+
                Err(reader.fail(DecodeErrorKind::InvalidField("")))
            }
        }

        impl Encode for $name {
            #[inline]
            fn encode(&self, writer: &mut Writer<'_>) {
                match self { $(Self::$choice => choices!(@raw $raw $value).encode(writer)),+ }
            }
        }
    )+};
    (@raw Symbol $value:literal) => { Symbol::from_static($value) };
    (@raw $raw:ident $value:literal) => {{
        const VALUE: $raw = $value;
        VALUE
    }};
}

choices! {
    /// Which end of a link a peer is (§2.8.1).
    Role: bool {
        /// The end that sends transfers.
        Sender = false,
        /// The end that receives transfers.
        Receiver = true,
    }
    /// How a sender settles (§2.8.2).
    SenderSettleMode: u8 {
        /// All deliveries are sent unsettled.
        Unsettled = 0,
        /// All deliveries are sent settled.
        Settled = 1,
        /// Each delivery as the sender wishes.
        Mixed = 2,
    }
    /// How a receiver settles (§2.8.3).
    ReceiverSettleMode: u8 {
        /// The receiver settles first.
        First = 0,
        /// The receiver settles after the sender has.
        Second = 1,
    }
    /// What of a terminus survives (§3.5.5).
    TerminusDurability: u32 {
        /// Nothing.
        None = 0,
        /// That it exists, and how it is configured.
        Configuration = 1,
        /// Its unsettled deliveries as well.
        UnsettledState = 2,
    }
    /// When a terminus begins to expire (§3.5.6).
    TerminusExpiryPolicy: Symbol {
        /// When the link is detached.
        LinkDetach = "link-detach",
        /// When the session ends.
        SessionEnd = "session-end",
        /// When the connection closes.
        ConnectionClose = "connection-close",
        /// Never.
        Never = "never",
    }
    /// How a SASL dialogue came out (§5.3.3.6).
    SaslCode: u8 {
        /// The client is who it says.
        Ok = 0,
        /// The credentials were refused.
        Auth = 1,
        /// A system error.
        Sys = 2,
        /// A system error that stays until someone acts.
        SysPerm = 3,
        /// A system error that may pass by itself.
        SysTemp = 4,
    }
}

macro_rules! defaults {
    ($($name:ident::$choice:ident)+) => {$(
        impl Default for $name {
            fn default() -> Self {
                Self::$choice
            }
        }
    )+};
}

defaults! {
    Role::Sender SenderSettleMode::Mixed ReceiverSettleMode::First
    TerminusDurability::None TerminusExpiryPolicy::SessionEnd SaslCode::Ok
}

/// The values of `distribution-mode` that the spec names (§3.5.7).
#[derive(Clone, Copy, Debug)]
pub struct StdDistMode;

impl StdDistMode {
    /// A message that was delivered here is no longer there for others.
    pub const MOVE: Symbol = Symbol::from_static("move");
    /// A message that was delivered here stays there for others.
    pub const COPY: Symbol = Symbol::from_static("copy");
}

/// The transaction capabilities of a coordinator (§4.5.7).
#[derive(Clone, Copy, Debug)]
pub struct TxnCapability;

impl TxnCapability {
    /// Local transactions.
    pub const LOCAL_TRANSACTIONS: Symbol = Symbol::from_static("amqp:local-transactions");
    /// Distributed transactions.
    pub const DISTRIBUTED_TRANSACTIONS: Symbol = Symbol::from_static("amqp:distributed-transactions");
    /// Promotable transactions.
    pub const PROMOTABLE_TRANSACTIONS: Symbol = Symbol::from_static("amqp:promotable-transactions");
    /// Several transactions in one session.
    pub const MULTI_TXNS_PER_SSN: Symbol = Symbol::from_static("amqp:multi-txns-per-ssn");
    /// One transaction in several sessions.
    pub const MULTI_SSNS_PER_TXN: Symbol = Symbol::from_static("amqp:multi-ssns-per-txn");
}
