//! Why something ended or could not begin: what happened, whose fault it is, whether to try again.

use std::fmt;
use std::io;
use std::sync::Arc;

use amqp_core::codec::{Error as Condition, ErrorCondition, ProtocolHeader};
use amqp_core::{Cause, CloseReason, Exhausted, Scope, StateError};

use crate::address::{Address, AddressError};

/// Why an endpoint ended, or an operation failed. Cheap to clone: every operation that waited gets the same one.
///
/// What electron calls `Closed` or `EOF` is an error for which [`Error::is_clean`] is true; it reads `EOF`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The text is no address.
    Address(AddressError),
    /// The host could not be found or reached.
    Connect {
        /// Host and port.
        host: String,
        /// What the system said.
        error: Arc<io::Error>,
    },
    /// The endpoint, or one that it lies in, ended.
    Closed(CloseReason),
    /// The transport failed.
    Lost {
        /// What it did to the connection.
        reason: CloseReason,
        /// What the system said.
        error: Arc<io::Error>,
    },
    /// This side cut the connection off, see [`crate::Connection::disconnect`].
    Disconnected(Option<Box<Condition>>),
    /// No number, name or place is left for a new endpoint.
    Exhausted(Exhausted),
    /// The call does not fit the state of the endpoint.
    State(StateError),
}

/// Who can do something about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Nobody: it was closed without an error.
    Nobody,
    /// This side: what it asked for, its address, its credentials or its limits.
    Local,
    /// The peer: it closed with an error, broke a rule, or speaks another protocol.
    Peer,
    /// What lies between: the host cannot be reached, the transport broke, an answer did not come in time.
    Transport,
}

impl Error {
    /// What keeps a connection to `address` from being made.
    pub fn connect(address: &Address, error: io::Error) -> Self {
        Self::Connect { host: address.host_port(), error: Arc::new(error) }
    }

    /// True where either side closed it without an error.
    pub fn is_clean(&self) -> bool {
        match self {
            Self::Closed(reason) => reason.is_clean(),
            Self::Disconnected(error) => error.is_none(),
            _ => false,
        }
    }

    /// Who can do something about it.
    pub fn fault(&self) -> Fault {
        match self {
            _ if self.is_clean() => Fault::Nobody,
            Self::Address(_) | Self::Disconnected(_) | Self::Exhausted(_) | Self::State(_) => Fault::Local,
            Self::Connect { error, .. } if error.kind() == io::ErrorKind::InvalidInput => Fault::Local,
            Self::Connect { .. } | Self::Lost { .. } => Fault::Transport,
            Self::Closed(reason) => match reason.cause() {
                Cause::Local(_) | Cause::Sasl(Some(_)) | Cause::NoMechanism => Fault::Local,
                Cause::Header(Some(header)) if *header == ProtocolHeader::SASL => Fault::Local,
                Cause::Timeout | Cause::TransportLost => Fault::Transport,
                _ => Fault::Peer,
            },
        }
    }

    /// True where the same attempt may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Closed(reason) | Self::Lost { reason, .. } => reason.is_retryable(),
            // A name that cannot be resolved may be one that is not there yet.
            Self::Connect { error, .. } => error.kind() != io::ErrorKind::InvalidInput,
            _ => false,
        }
    }

    /// The endpoint that ended first; `None` where none did.
    pub fn scope(&self) -> Option<Scope> {
        match self {
            Self::Closed(reason) | Self::Lost { reason, .. } => Some(reason.scope()),
            Self::Disconnected(_) => Some(Scope::Connection),
            _ => None,
        }
    }

    /// The error that went over the wire in either direction, or would have gone.
    pub fn error(&self) -> Option<Box<Condition>> {
        match self {
            Self::Closed(reason) | Self::Lost { reason, .. } => reason.error(),
            Self::Disconnected(error) => error.clone(),
            _ => None,
        }
    }

    /// Its condition.
    pub fn condition(&self) -> Option<ErrorCondition> {
        self.error().map(|error| error.condition)
    }

    /// The engine's reason where an endpoint ended.
    pub fn close_reason(&self) -> Option<&CloseReason> {
        match self {
            Self::Closed(reason) | Self::Lost { reason, .. } => Some(reason),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            _ if self.is_clean() => f.write_str("EOF"),
            Self::Address(error) => error.fmt(f),
            Self::Connect { host, error } => write!(f, "cannot connect to {host}: {error}"),
            Self::Closed(reason) => reason.fmt(f),
            Self::Lost { reason, error } => write!(f, "{reason}: {error}"),
            Self::Disconnected(Some(error)) => write!(f, "disconnected: {error}"),
            Self::Disconnected(None) => f.write_str("disconnected"),
            Self::Exhausted(error) => error.fmt(f),
            Self::State(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connect { error, .. } | Self::Lost { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl From<AddressError> for Error {
    fn from(error: AddressError) -> Self {
        Self::Address(error)
    }
}

impl From<Exhausted> for Error {
    fn from(error: Exhausted) -> Self {
        Self::Exhausted(error)
    }
}

impl From<StateError> for Error {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl From<amqp_core::Gone> for Error {
    fn from(gone: amqp_core::Gone) -> Self {
        Self::State(gone.into())
    }
}
