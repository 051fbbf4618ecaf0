//! Part 2: the performatives and the error.

use super::{Coordinator, DeliveryState, Source, Target};
use crate::choices::{ReceiverSettleMode, Role, SenderSettleMode};
use crate::composite::{composites, unions};
use crate::conditions::ErrorCondition;
use crate::map::{Fields, OrderedMap};
use crate::multiple::Multiple;
use crate::serial::{DeliveryNumber, SequenceNo, TransferNumber};
use crate::tag::DeliveryTag;
use crate::text::{Str, Symbol, leaves_line};
use crate::value::Described;
use alloc::boxed::Box;

/// The unsettled deliveries of a link that is attached again, with what is known of each (§2.7.3).
pub type UnsettledMap = OrderedMap<DeliveryTag, Option<DeliveryState>>;

composites! {
    table TRANSPORT;

    /// Negotiates the connection (§2.7.1).
    Open = 0x10 "amqp:open:list" {
        /// The name of the container that sends this.
        container_id: Str,
        /// The host that the sender wants to reach: as in SNI, what it was addressed as.
        hostname: Option<Str>,
        /// The largest frame that the sender can take, in octets.
        max_frame_size: u32 = u32::MAX,
        /// The highest channel number that may be used.
        channel_max: u16 = u16::MAX,
        /// After how many milliseconds without a frame the sender gives the connection up.
        idle_time_out: Option<u32>,
        /// Languages for outgoing text, best first.
        outgoing_locales: Multiple<Symbol>,
        /// Languages for incoming text, best first.
        incoming_locales: Multiple<Symbol>,
        /// Extensions that the sender supports.
        offered_capabilities: Multiple<Symbol>,
        /// Extensions that the sender may use if the peer supports them.
        desired_capabilities: Multiple<Symbol>,
        /// Anything else about the connection.
        properties: Option<Fields>,
    }

    /// Begins a session on a channel (§2.7.2).
    Begin = 0x11 "amqp:begin:list" {
        /// The peer's channel that this answers; none where this begins a session.
        remote_channel: Option<u16>,
        /// The transfer-id of the sender's first transfer.
        next_outgoing_id: TransferNumber,
        /// How many transfers the sender can take.
        incoming_window: u32,
        /// How many transfers the sender may send.
        outgoing_window: u32,
        /// The highest handle that may be used.
        handle_max: u32 = u32::MAX,
        /// Extensions that the sender supports.
        offered_capabilities: Multiple<Symbol>,
        /// Extensions that the sender may use if the peer supports them.
        desired_capabilities: Multiple<Symbol>,
        /// Anything else about the session.
        properties: Option<Fields>,
    }

    /// Attaches a link to a session (§2.7.3).
    Attach = 0x12 "amqp:attach:list" {
        /// The link's name.
        name: Str,
        /// The number that stands for the link in the sender's other frames.
        handle: u32,
        /// Which end of the link the sender of this is.
        role: Role,
        /// How the sending end settles.
        snd_settle_mode: SenderSettleMode = SenderSettleMode::Mixed,
        /// How the receiving end settles.
        rcv_settle_mode: ReceiverSettleMode = ReceiverSettleMode::First,
        /// Where messages come from; none where there is no such terminus.
        source: Option<Box<AttachSource>>,
        /// Where messages go to; none where there is no such terminus.
        target: Option<Box<AttachTarget>>,
        /// The deliveries that are unsettled from an earlier attachment.
        unsettled: Option<UnsettledMap>,
        /// Whether there are more unsettled deliveries than are listed.
        incomplete_unsettled: bool = false,
        /// The delivery-count at the start; only and always from a sender.
        initial_delivery_count: Option<SequenceNo>,
        /// The largest message that the sender of this takes, in octets; none and 0 mean any.
        max_message_size: Option<u64>,
        /// Extensions that the sender supports.
        offered_capabilities: Multiple<Symbol>,
        /// Extensions that the sender may use if the peer supports them.
        desired_capabilities: Multiple<Symbol>,
        /// Anything else about the link.
        properties: Option<Fields>,
    }

    /// Tells session windows, and where there is a handle, a link's credit (§2.7.4).
    Flow = 0x13 "amqp:flow:list" {
        /// The transfer-id that the sender expects next; none only before it has seen the peer's begin.
        next_incoming_id: Option<TransferNumber>,
        /// How many transfers the sender can take.
        incoming_window: u32,
        /// The transfer-id of the sender's next transfer.
        next_outgoing_id: TransferNumber,
        /// How many transfers the sender may send.
        outgoing_window: u32,
        /// The link; none where this is about the session alone.
        handle: Option<u32>,
        /// How many deliveries the link has seen.
        delivery_count: Option<SequenceNo>,
        /// How many more deliveries the receiver can take.
        link_credit: Option<u32>,
        /// How many deliveries the sender has waiting.
        available: Option<u32>,
        /// Whether the sender is to use up the credit now.
        drain: bool = false,
        /// Whether the peer is to answer with its own state.
        echo: bool = false,
        /// Anything else about the link.
        properties: Option<Fields>,
    }

    /// Carries a delivery, or a part of one (§2.7.5).
    Transfer = 0x14 "amqp:transfer:list" {
        /// The link.
        handle: u32,
        /// The delivery's number in the session; may be left out after the first transfer.
        delivery_id: Option<DeliveryNumber>,
        /// The delivery's name in the link; may be left out after the first transfer.
        delivery_tag: Option<DeliveryTag>,
        /// The format of the message; may be left out after the first transfer.
        message_format: Option<u32>,
        /// Whether the sender has settled the delivery.
        settled: Option<bool>,
        /// Whether more transfers of this delivery follow.
        more: bool = false,
        /// How the receiver is to settle this delivery, where it differs from the link's mode.
        rcv_settle_mode: Option<ReceiverSettleMode>,
        /// What the sender knows of the delivery.
        state: Option<DeliveryState>,
        /// Whether this resumes a delivery from an earlier attachment.
        resume: bool = false,
        /// Whether the delivery is to be forgotten.
        aborted: bool = false,
        /// Whether there is no hurry to settle.
        batchable: bool = false,
    }

    /// Tells the state of deliveries (§2.7.6).
    Disposition = 0x15 "amqp:disposition:list" {
        /// Which end the sender of this is: a receiver speaks of deliveries that it received.
        role: Role,
        /// The first delivery.
        first: DeliveryNumber,
        /// The last delivery, where it is not the first.
        last: Option<DeliveryNumber>,
        /// Whether the deliveries are settled.
        settled: bool = false,
        /// The state that they all have.
        state: Option<DeliveryState>,
        /// Whether there is no hurry to answer.
        batchable: bool = false,
    }

    /// Detaches a link from its session (§2.7.7).
    Detach = 0x16 "amqp:detach:list" {
        /// The link.
        handle: u32,
        /// Whether the link is closed for good.
        closed: bool = false,
        /// Why, where it is because of an error.
        error: Option<Error>,
    }

    /// Ends a session (§2.7.8).
    End = 0x17 "amqp:end:list" {
        /// Why, where it is because of an error.
        error: Option<Error>,
    }

    /// Closes the connection (§2.7.9).
    Close = 0x18 "amqp:close:list" {
        /// Why, where it is because of an error.
        error: Option<Error>,
    }

    /// Why an endpoint ended or a delivery was rejected (§2.8.14).
    Error = 0x1d "amqp:error:list" {
        /// The condition: one of the spec's or anyone else's.
        condition: ErrorCondition,
        /// What a person may want to know beside it.
        description: Option<Str>,
        /// What a program may want to know beside it.
        info: Option<Fields>,
    }
}

impl Error {
    /// An error with a description for people.
    pub fn new(condition: ErrorCondition, description: impl Into<Str>) -> Self {
        Self { condition, description: Some(description.into()), info: None }
    }
}

impl From<ErrorCondition> for Error {
    fn from(condition: ErrorCondition) -> Self {
        Self { condition, description: None, info: None }
    }
}

/// `amqp:not-found: no such queue`. Characters that break a line or turn its direction are escaped: the text is the peer's,
/// and where it is shown it must not look like more than one line, nor like another.
impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let condition = self.condition.as_str().chars();
        let description = self.description.iter().flat_map(|text| ": ".chars().chain(text.chars()));
        condition.chain(description).try_for_each(|character| match leaves_line(character) {
            true => write!(f, "{}", character.escape_default()),
            false => core::fmt::Write::write_char(f, character),
        })
    }
}

impl core::error::Error for Error {}

unions! {
    /// What an AMQP frame says (§2.7).
    enum Performative {
        /// Negotiates the connection.
        Open(Box<Open>),
        /// Begins a session.
        Begin(Box<Begin>),
        /// Attaches a link.
        Attach(Box<Attach>),
        /// Tells windows and credit.
        Flow(Flow),
        /// Carries a delivery.
        Transfer(Transfer),
        /// Tells the state of deliveries.
        Disposition(Disposition),
        /// Detaches a link.
        Detach(Detach),
        /// Ends a session.
        End(End),
        /// Closes the connection.
        Close(Close),
    }

    /// What an attach may have as its source.
    enum AttachSource {
        /// A source of §3.5.3.
        Source(Source),
    } else
        /// A source of some other type.
        Unknown(Described)

    /// What an attach may have as its target.
    enum AttachTarget {
        /// A target of §3.5.4.
        Target(Target),
        /// The coordinator of transactions (§4.5.1).
        Coordinator(Coordinator),
    } else
        /// A target of some other type.
        Unknown(Described)
}

macro_rules! boxed {
    ($($name:ident)+) => {$(
        impl From<$name> for Performative {
            fn from(performative: $name) -> Self {
                Self::$name(Box::new(performative))
            }
        }
    )+};
}

boxed! { Open Begin Attach }
