//! What became of a message that was sent.

use std::fmt;

use amqp_core::codec::{DeliveryState, Error as Condition, Modified};
use amqp_core::{DeliveryKey, Outgoing, Resolution, SendErrorReason};

use crate::error::Error;
use crate::state::State;

/// What became of a message. Each accepted message gets exactly one.
///
/// ```
/// # use amqp_endpoint::Outcome;
/// # fn check(outcome: Outcome) -> Result<(), amqp_endpoint::NotAccepted> {
/// outcome.accepted()?;
/// # Ok(())
/// # }
/// ```
#[must_use = "only `Accepted` says that the receiver has the message"]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The receiver accepted it (§3.4.2); or it was sent settled, which asks for no answer.
    Accepted,
    /// The receiver found it invalid (§3.4.3), and may have said why.
    Rejected(Option<Condition>),
    /// The receiver did not process it (§3.4.4): it may be sent again, to anyone.
    Released,
    /// The receiver did not process it and wants something of it changed (§3.4.5).
    Modified(Modified),
    /// The receiver settled it with another state; or with none, where the source has no default outcome (§3.5.3).
    Unknown(Option<DeliveryState>),
    /// Some or all of it was sent, and its link ended before the receiver answered: it may have arrived or not.
    Unacknowledged(Error),
    /// Nothing of it was sent: here it is.
    Unsent(Unsent),
}

/// Electron's status of a message that was sent, without what comes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SentStatus {
    /// See [`Outcome::Accepted`].
    Accepted,
    /// See [`Outcome::Rejected`].
    Rejected,
    /// See [`Outcome::Released`].
    Released,
    /// See [`Outcome::Modified`]; electron calls it released.
    Modified,
    /// See [`Outcome::Unknown`].
    Unknown,
    /// See [`Outcome::Unacknowledged`].
    Unacknowledged,
    /// See [`Outcome::Unsent`].
    Unsent,
}

impl Outcome {
    /// The outcome without what comes with it.
    pub const fn status(&self) -> SentStatus {
        match self {
            Self::Accepted => SentStatus::Accepted,
            Self::Rejected(_) => SentStatus::Rejected,
            Self::Released => SentStatus::Released,
            Self::Modified(_) => SentStatus::Modified,
            Self::Unknown(_) => SentStatus::Unknown,
            Self::Unacknowledged(_) => SentStatus::Unacknowledged,
            Self::Unsent(_) => SentStatus::Unsent,
        }
    }

    /// Why the link ended, where that is why the message was not acknowledged or not sent.
    pub const fn error(&self) -> Option<&Error> {
        match self {
            Self::Unacknowledged(error) => Some(error),
            Self::Unsent(unsent) => unsent.error(),
            _ => None,
        }
    }

    /// Every outcome but `Accepted` as an error, for `?`.
    ///
    /// # Errors
    /// The outcome itself.
    pub fn accepted(self) -> Result<(), NotAccepted> {
        match self {
            Self::Accepted => Ok(()),
            other => Err(NotAccepted(Box::new(other))),
        }
    }
}

impl fmt::Display for SentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Released => "released",
            Self::Modified => "modified",
            Self::Unknown => "unknown",
            Self::Unacknowledged => "unacknowledged",
            Self::Unsent => "unsent",
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(Some(error)) => write!(f, "rejected: {error}"),
            Self::Unknown(Some(state)) => write!(f, "unknown: {state}"),
            Self::Unacknowledged(error) => write!(f, "unacknowledged: {error}"),
            Self::Unsent(unsent) => unsent.fmt(f),
            _ => self.status().fmt(f),
        }
    }
}

/// An outcome other than `Accepted`, as an error.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the message was not accepted: {0}")]
pub struct NotAccepted(pub Box<Outcome>);

impl NotAccepted {
    /// Why the link ended, where that is the cause: whose fault it is, and whether to try again.
    pub const fn error(&self) -> Option<&Error> {
        self.0.error()
    }
}

/// A message of which nothing was sent, and why.
#[derive(Clone, thiserror::Error)]
#[error("the message was not sent: {reason}")]
pub struct Unsent {
    /// Why not.
    pub reason: UnsentReason,
    /// The message, encoded; it can be sent as it is.
    pub message: Box<Outgoing>,
}

impl Unsent {
    /// Why the link ended, where that is the cause.
    pub const fn error(&self) -> Option<&Error> {
        match &self.reason {
            UnsentReason::Closed(error) => Some(error),
            _ => None,
        }
    }
}

/// Without the message.
impl fmt::Debug for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unsent").field("reason", &self.reason).finish_non_exhaustive()
    }
}

/// Why nothing of a message was sent.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnsentReason {
    /// [`crate::Sender::try_send`]: there is no credit, or too much output waits.
    #[error("there is no credit or no room for it now")]
    Blocked,
    /// The message contradicts what was negotiated with the receiver: it is too large, or its settle modes or tag do not
    /// fit.
    #[error(transparent)]
    Refused(SendErrorReason),
    /// The link is detached, see [`crate::Sender::attach`].
    #[error("the link is detached")]
    Detached,
    /// This side closes the link, its session or the connection.
    #[error("the link is closing")]
    Closing,
    /// The link is over.
    #[error(transparent)]
    Closed(Error),
}

impl State {
    /// What users are told for the engine's resolution.
    pub(crate) fn outcome_of(&self, key: DeliveryKey, resolution: Resolution) -> Outcome {
        match resolution {
            Resolution::Settled(None) if self.sends.was_settled(key) => Outcome::Accepted,
            Resolution::Settled(state) => match state {
                Some(DeliveryState::Accepted) => Outcome::Accepted,
                Some(DeliveryState::Rejected(rejected)) => {
                    Outcome::Rejected(rejected.error.map(|error| (*error).clone()))
                }
                Some(DeliveryState::Released) => Outcome::Released,
                Some(DeliveryState::Modified(modified)) => Outcome::Modified(modified),
                other => Outcome::Unknown(other),
            },
            Resolution::Unacknowledged(reason) => Outcome::Unacknowledged(self.error_of(&reason)),
            Resolution::Unsent(message, reason) => {
                Outcome::Unsent(Unsent { reason: UnsentReason::Closed(self.error_of(&reason)), message })
            }
        }
    }
}
