//! Why things end: what the peer broke, and one cause for every endpoint.

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::sync::Arc;
use core::fmt;

use amqp_codec::{DecodeError, Error, ErrorCondition, FrameError, ProtocolHeader, SaslCode};

/// Which endpoint an error ends, with all that lives inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// One link.
    Link,
    /// One session and its links.
    Session,
    /// The connection and everything on it.
    Connection,
}

/// Declares [`Violation`]: each row a rule that a peer can break, with the scope it ends and the condition it gets.
macro_rules! violations {
    ($($(#[$doc:meta])* $name:ident $(($inner:ty))? = $scope:ident $condition:ident $text:literal)+) => {
        /// A rule that the peer broke.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Violation { $($(#[$doc])* $name $(($inner))?),+ }

        impl Violation {
            /// The endpoint that ends because of it.
            pub const fn scope(&self) -> Scope {
                match self { $(Self::$name { .. } => Scope::$scope),+ }
            }

            /// §2.8.15 to §2.8.18: the condition of the rule.
            const fn table_condition(&self) -> ErrorCondition {
                match self {
                    $(Self::$name { .. } => ErrorCondition::$condition),+
                }
            }

            const fn text(&self) -> &'static str {
                match self { $(Self::$name { .. } => $text),+ }
            }
        }
    };
}

violations! {
    /// §2.3.1: SIZE, DOFF or TYPE of a frame header is not possible.
    FrameHeader(FrameError) = Connection FRAMING_ERROR "malformed frame header"
    /// §2.4.1: a frame larger than our max-frame-size.
    FrameTooLarge(u32) = Connection FRAMING_ERROR "frame larger than max-frame-size"
    /// §2.3: a SASL frame after the SASL layer, or an AMQP frame inside it.
    FrameType = Connection FRAMING_ERROR "frame of another layer"
    /// §1: octets that do not decode.
    Decode(DecodeError) = Connection DECODE_ERROR "frame does not decode"
    /// §1.4: a field of a session's frame is missing or has no possible value.
    SessionField(DecodeError) = Session INVALID_FIELD "field is missing or invalid"
    /// §2.4.1: the first frame is not an open.
    NotOpened = Connection NOT_ALLOWED "frame before open"
    /// §2.4.1: open on a channel other than 0.
    OpenChannel = Connection NOT_ALLOWED "open on a channel other than 0"
    /// §2.4.1: a second open.
    OpenedTwice = Connection NOT_ALLOWED "second open"
    /// §2.7.1: max-frame-size below 512.
    MaxFrameSizeTooSmall(u32) = Connection INVALID_FIELD "max-frame-size below 512"
    /// §2.4.5: an idle-time-out that is shorter than we can keep.
    IdleTimeOutTooShort(u32) = Connection NOT_ALLOWED "idle-time-out is too short"
    /// §2.7.1: a channel above our channel-max.
    ChannelMax(u16) = Connection FRAMING_ERROR "channel above channel-max"
    /// §2.5.1: a session's frame on a channel that has no session.
    UnmappedChannel(u16) = Connection NOT_ALLOWED "no session on this channel"
    /// §2.5.1: a second begin on a channel.
    ChannelInUse(u16) = Connection NOT_ALLOWED "channel has a session already"
    /// §2.7.2: remote-channel names no session that waits for it.
    RemoteChannel(u16) = Connection INVALID_FIELD "remote-channel names no session that waits for an answer"
    /// More sessions than `Limits::sessions`.
    TooManySessions = Connection RESOURCE_LIMIT_EXCEEDED "too many sessions"
    /// §2.7.2: a handle above our handle-max.
    HandleMax(u32) = Connection FRAMING_ERROR "handle above handle-max"
    /// §2.4.5: no frame came for the whole idle time-out.
    Idle = Connection RESOURCE_LIMIT_EXCEEDED "local idle-time-out expired"
    /// A frame took longer than `Limits::frame_assembly` to arrive.
    SlowFrame = Connection RESOURCE_LIMIT_EXCEEDED "frame took too long to arrive"
    /// The peer did not read for `Limits::write_stall`.
    WriteStall = Connection RESOURCE_LIMIT_EXCEEDED "output was not read"
    /// §2.5.6: a transfer beyond the furthest window that we ever announced.
    Window = Session WINDOW_VIOLATION "transfer beyond the incoming window"
    /// §2.5.6: next-incoming-id names transfers that we never sent.
    Acknowledged = Session WINDOW_VIOLATION "next-incoming-id is ahead of what was sent"
    /// §2.5.6: next-outgoing-id lies behind what was already received.
    Rewound = Session WINDOW_VIOLATION "next-outgoing-id moved backwards"
    /// §2.7.4: next-incoming-id is missing though our begin was seen.
    NextIncomingIdMissing = Session INVALID_FIELD "next-incoming-id is missing"
    /// §2.7.4: fields of a link in a flow without handle.
    FlowWithoutHandle = Session INVALID_FIELD "link state in a flow without handle"
    /// §2.8.17: a frame for a handle that is not attached.
    UnattachedHandle(u32) = Session UNATTACHED_HANDLE "handle is not attached"
    /// §2.8.17: attach for a handle that is attached.
    HandleInUse(u32) = Session HANDLE_IN_USE "handle is attached already"
    /// More links than `Limits::links`.
    TooManyLinks = Session RESOURCE_LIMIT_EXCEEDED "too many links"
    /// Begins and attaches of more octets than `Limits::descriptions`.
    Descriptions = Session RESOURCE_LIMIT_EXCEEDED "sessions and links are described at too great a length"
    /// States of deliveries of more octets than `Limits::states`.
    States = Session RESOURCE_LIMIT_EXCEEDED "deliveries are described at too great a length"
    /// §2.7.3: a sender's attach without initial-delivery-count.
    InitialDeliveryCount = Session INVALID_FIELD "attach of a sender without initial-delivery-count"
    /// §2.7.4: the receiver's delivery-count is ahead of ours.
    DeliveryCount = Session INVALID_FIELD "delivery-count is ahead of the sender's"
    /// §2.7.5: transfer on a link whose sender we are.
    WrongDirection = Session NOT_ALLOWED "transfer towards the sender"
    /// §2.7.5: delivery-id is missing, or not the next one of the session.
    DeliveryId = Session INVALID_FIELD "delivery-id is not the next one"
    /// §2.7.6: the range of a disposition runs backwards.
    DispositionRange = Session INVALID_FIELD "last is before first"
    /// §2.6.7: a delivery beyond the credit.
    Credit = Link TRANSFER_LIMIT_EXCEEDED "delivery beyond link-credit"
    /// §2.7.5: delivery-tag is missing on a first transfer.
    DeliveryTagMissing = Link INVALID_FIELD "delivery-tag is missing"
    /// §2.6.12: delivery-tag of a delivery that is still unsettled.
    DeliveryTagInUse = Link INVALID_FIELD "delivery-tag is in use"
    /// §2.7.5: a continuation differs from the first transfer, or another delivery interleaves.
    Continuation = Link INVALID_FIELD "transfer does not continue the delivery"
    /// §2.7.5: settled against the negotiated snd-settle-mode, or first true and then false.
    Settled = Link INVALID_FIELD "settled contradicts the link or an earlier transfer"
    /// §2.7.5: rcv-settle-mode second on a link that is first.
    SettleMode = Link INVALID_FIELD "rcv-settle-mode of the transfer contradicts the link"
    /// §2.7.3: a message larger than our max-message-size.
    MessageSize = Link MESSAGE_SIZE_EXCEEDED "message larger than max-message-size"
    /// A delivery in more frames than `Limits::frames_per_delivery`, or more unread octets than `Limits::buffered_input`.
    Buffer = Link RESOURCE_LIMIT_EXCEEDED "too much buffered"
    /// More unsettled deliveries than `Limits::unsettled`.
    Unsettled = Link RESOURCE_LIMIT_EXCEEDED "too many unsettled deliveries"
    /// §2.6.1: another attach took the link's name.
    Stolen = Link STOLEN "another attach has the same name"
    /// §3.5.3: dynamic with an address.
    DynamicAddress = Link INVALID_FIELD "dynamic node with an address"
    /// §3.5.3: dynamic-node-properties without dynamic, or with a lifetime-policy that is none.
    NodeProperties = Link INVALID_FIELD "dynamic-node-properties without dynamic, or of a wrong type"
    /// §2.6.1: a terminus of an unknown kind.
    Terminus = Link NOT_IMPLEMENTED "unknown kind of terminus"
}

impl Violation {
    /// §2.8.15 to §2.8.18: the condition that the peer is told.
    pub fn condition(&self) -> ErrorCondition {
        match self {
            Self::Decode(error) | Self::SessionField(error) => error.condition(),
            _ => self.table_condition(),
        }
    }

    /// The error that the peer is sent.
    pub fn to_error(&self) -> Error {
        Error::new(self.condition(), self.to_string())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) | Self::SessionField(error) => write!(f, "{}: {error}", self.text()),
            Self::FrameHeader(error) => write!(f, "{}: {error}", self.text()),
            Self::FrameTooLarge(n) | Self::MaxFrameSizeTooSmall(n) | Self::IdleTimeOutTooShort(n) => {
                write!(f, "{}: {n}", self.text())
            }
            Self::HandleMax(n) | Self::UnattachedHandle(n) | Self::HandleInUse(n) => {
                write!(f, "{}: {n}", self.text())
            }
            Self::ChannelMax(n)
            | Self::UnmappedChannel(n)
            | Self::ChannelInUse(n)
            | Self::RemoteChannel(n) => {
                write!(f, "{}: {n}", self.text())
            }
            _ => f.write_str(self.text()),
        }
    }
}

/// What is kept of an error of the peer where there is no room for all of it: its condition, where that is a short symbol.
pub(crate) fn essence(error: Error) -> Error {
    let short = error.condition.as_str().len() <= usize::from(u8::MAX);
    Error::from(if short { error.condition } else { ErrorCondition::default() })
}

/// What ended an endpoint.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// This side closed it, with or without an error.
    Local(Option<Error>),
    /// The peer closed it, with or without an error.
    Remote(Option<Error>),
    /// The peer broke a rule and was told so.
    Violation(Violation),
    /// SASL did not succeed: the code of §5.3.3.6, or none where the exchange itself failed.
    Sasl(Option<SaslCode>),
    /// No SASL mechanism can be used: client and server have none in common, or a password would go over a transport
    /// that is not encrypted.
    NoMechanism,
    /// The peer's protocol header is not the one that this side wants, or its octets are none (`None`).
    Header(Option<ProtocolHeader>),
    /// The peer's channel-max, handle-max or max-frame-size leaves no room for it.
    Exhausted,
    /// The peer did not answer in time while the connection was set up or closed.
    Timeout,
    /// The transport ended without a close.
    TransportLost,
}

/// Why an endpoint ended: one value for the endpoint, for everything inside it and for every operation that waited.
///
/// Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct CloseReason {
    scope: Scope,
    cause: Arc<Cause>,
}

impl CloseReason {
    pub(crate) fn new(scope: Scope, cause: Cause) -> Self {
        Self { scope, cause: Arc::new(cause) }
    }

    /// The endpoint that ended first: a link that went down with its session has the scope `Session`.
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// What happened.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// The error that went over the wire in either direction, or would have gone.
    pub fn error(&self) -> Option<Box<Error>> {
        match &*self.cause {
            Cause::Local(error) | Cause::Remote(error) => error.clone().map(Box::new),
            Cause::Violation(violation) => Some(Box::new(violation.to_error())),
            // AMQP without a layer is an answer only to who wants SASL: nobody is authenticated either way.
            Cause::Header(Some(ProtocolHeader::SASL | ProtocolHeader::AMQP))
            | Cause::Sasl(_)
            | Cause::NoMechanism => {
                Some(Box::new(Error::new(ErrorCondition::UNAUTHORIZED_ACCESS, self.to_string())))
            }
            Cause::Header(_) => Some(Box::new(Error::new(ErrorCondition::FRAMING_ERROR, self.to_string()))),
            Cause::Exhausted => {
                Some(Box::new(Error::new(ErrorCondition::RESOURCE_LIMIT_EXCEEDED, self.to_string())))
            }
            Cause::Timeout | Cause::TransportLost => {
                Some(Box::new(Error::new(ErrorCondition::CONNECTION_FORCED, self.to_string())))
            }
        }
    }

    /// True where either side closed it without an error.
    pub fn is_clean(&self) -> bool {
        matches!(*self.cause, Cause::Local(None) | Cause::Remote(None))
    }

    /// True where it was this side that closed it.
    pub fn is_local(&self) -> bool {
        matches!(*self.cause, Cause::Local(_) | Cause::Violation(_) | Cause::Exhausted)
    }

    /// True where the same attempt may succeed later: the transport was lost, the peer was slow or told us to go.
    pub fn is_retryable(&self) -> bool {
        match &*self.cause {
            Cause::TransportLost | Cause::Timeout => true,
            Cause::Violation(violation) => matches!(violation, Violation::Idle | Violation::WriteStall),
            Cause::Sasl(code) => matches!(code, Some(SaslCode::Sys | SaslCode::SysTemp)),
            Cause::Remote(Some(error)) => {
                error.condition == ErrorCondition::CONNECTION_FORCED
                    || error.condition == ErrorCondition::DETACH_FORCED
            }
            _ => false,
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.cause {
            Cause::Local(None) => f.write_str("closed"),
            Cause::Remote(None) => f.write_str("closed by the peer"),
            Cause::Local(Some(error)) => write!(f, "closed: {error}"),
            Cause::Remote(Some(error)) => write!(f, "closed by the peer: {error}"),
            Cause::Violation(violation) => write!(f, "the peer broke a rule: {violation}"),
            Cause::Sasl(Some(SaslCode::SysPerm)) => f.write_str("SASL failed: the peer cannot authenticate (sys-perm)"),
            Cause::Sasl(Some(SaslCode::Sys | SaslCode::SysTemp)) => {
                f.write_str("SASL failed: the peer cannot authenticate at the moment (sys)")
            }
            Cause::Sasl(Some(_)) => f.write_str("SASL failed: wrong user or password (auth)"),
            Cause::Sasl(None) => f.write_str("SASL failed: the peer broke off, or broke a rule"),
            Cause::NoMechanism => f.write_str(
                "no SASL mechanism can be used: none in common, or a password over a transport that is not encrypted",
            ),
            Cause::Header(Some(ProtocolHeader::SASL)) => f.write_str(
                "the peer wants SASL, and this side does not (a client needs credentials for it, a server mechanisms)",
            ),
            Cause::Header(Some(ProtocolHeader::AMQP)) => f.write_str("the peer wants no SASL, and this side does"),
            Cause::Header(Some(ProtocolHeader { id, major, minor, revision })) => {
                write!(f, "the peer speaks another protocol: id {}, version {major}.{minor}.{revision}", id.0)
            }
            Cause::Header(None) => f.write_str("the peer does not speak AMQP"),
            Cause::Exhausted => f.write_str("the peer's limits leave no room for it"),
            Cause::Timeout => f.write_str("the peer did not answer in time"),
            Cause::TransportLost => f.write_str("the transport ended without a close"),
        }
    }
}

impl core::error::Error for CloseReason {}

/// The id names something that has ended and been read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the endpoint or delivery is gone")]
pub struct Gone;

/// No number, name or slot is left for a new endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Exhausted {
    /// The connection or session is closing or closed.
    #[error("the parent is closing or closed")]
    Closed,
    /// All channels up to the lower channel-max are taken, or `Limits::sessions` is reached.
    #[error("no channel is left")]
    Channels,
    /// All handles up to the lower handle-max are taken, or `Limits::links` is reached.
    #[error("no handle is left")]
    Handles,
    /// A link of this name and direction is attached already.
    #[error("a link of this name and direction is attached")]
    Name,
}

/// The call does not fit the state of the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// Nothing waits for this answer.
    #[error("nothing waits for this answer")]
    NotAsked,
    /// Something waits, but for another answer: a SASL server cannot reject with `ok`, a SASL client cannot accept.
    #[error("what waits cannot be answered with this")]
    WrongAnswer,
    /// The endpoint is closing or closed.
    #[error("the endpoint is closing or closed")]
    Closed,
    /// §3.5.3, §3.5.4: the peer asks for a dynamic node, and the answer has no address for it.
    #[error("the peer asks for a dynamic node, and the answer has no address for it")]
    NoAddress,
    /// It exceeds a limit that the peer announced.
    #[error("larger than the peer accepts")]
    TooLarge,
    /// The id is stale.
    #[error(transparent)]
    Gone(#[from] Gone),
}
