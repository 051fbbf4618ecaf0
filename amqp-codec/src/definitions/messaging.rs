//! Part 3: sections, delivery states, sources and targets.

use super::{Declared, Error, TransactionalState};
use crate::choices::{TerminusDurability, TerminusExpiryPolicy};
use crate::composite::{composites, sections, unions};
use crate::map::{Annotations, Fields, OrderedMap};
use crate::message_id::MessageId;
use crate::multiple::Multiple;
use crate::scalar::Timestamp;
use crate::serial::SequenceNo;
use crate::text::{Str, Symbol};
use crate::value::{Described, Value};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;

composites! {
    table MESSAGING;

    /// How far a delivery has come (§3.4.1): not an outcome.
    Received = 0x23 "amqp:received:list" {
        /// The section that is not complete yet, counted from 0.
        section_number: u32,
        /// How many octets of it have come.
        section_offset: u64,
    }

    /// The message is accepted (§3.4.2).
    Accepted = 0x24 "amqp:accepted:list" {}

    /// The message is invalid (§3.4.3).
    Rejected = 0x25 "amqp:rejected:list" {
        /// What is wrong with it.
        error: Option<Arc<Error>>,
    }

    /// The message was not processed, and is as if it had not been sent (§3.4.4).
    Released = 0x26 "amqp:released:list" {}

    /// The message was not processed, but something of it changes (§3.4.5).
    Modified = 0x27 "amqp:modified:list" {
        /// Whether this counts as a failed delivery.
        delivery_failed: bool = false,
        /// Whether it is not to be sent here again.
        undeliverable_here: bool = false,
        /// Annotations to add to the message's.
        message_annotations: Option<Arc<Fields>>,
    }

    /// Where messages come from (§3.5.3).
    Source = 0x28 "amqp:source:list" {
        /// The node's address.
        address: Option<Str>,
        /// What of the terminus survives.
        durable: TerminusDurability = TerminusDurability::None,
        /// When it begins to expire.
        expiry_policy: TerminusExpiryPolicy = TerminusExpiryPolicy::SessionEnd,
        /// After how many seconds it is then gone.
        timeout: u32 = 0,
        /// Whether the peer is to make the node.
        dynamic: bool = false,
        /// What the node that is to be made is like.
        dynamic_node_properties: Option<Fields>,
        /// Whether messages are moved or copied: see [`StdDistMode`](crate::StdDistMode).
        distribution_mode: Option<Symbol>,
        /// Which messages pass: described values by name.
        filter: Option<Fields>,
        /// The outcome of deliveries that are settled without one.
        default_outcome: Option<Box<DeliveryState>>,
        /// The outcomes that may be used.
        outcomes: Multiple<Symbol>,
        /// What the node is to be able to do, or is.
        capabilities: Multiple<Symbol>,
    }

    /// Where messages go to (§3.5.4).
    Target = 0x29 "amqp:target:list" {
        /// The node's address; none means that each message says where it goes.
        address: Option<Str>,
        /// What of the terminus survives.
        durable: TerminusDurability = TerminusDurability::None,
        /// When it begins to expire.
        expiry_policy: TerminusExpiryPolicy = TerminusExpiryPolicy::SessionEnd,
        /// After how many seconds it is then gone.
        timeout: u32 = 0,
        /// Whether the peer is to make the node.
        dynamic: bool = false,
        /// What the node that is to be made is like.
        dynamic_node_properties: Option<Fields>,
        /// What the node is to be able to do, or is.
        capabilities: Multiple<Symbol>,
    }

    /// A dynamic node goes with the link that made it (§3.5.10).
    DeleteOnClose = 0x2b "amqp:delete-on-close:list" {}

    /// A dynamic node goes when no link is left (§3.5.11).
    DeleteOnNoLinks = 0x2c "amqp:delete-on-no-links:list" {}

    /// A dynamic node goes with its last message (§3.5.12).
    DeleteOnNoMessages = 0x2d "amqp:delete-on-no-messages:list" {}

    /// A dynamic node goes when neither link nor message is left (§3.5.13).
    DeleteOnNoLinksOrMessages = 0x2e "amqp:delete-on-no-links-or-messages:list" {}

    /// How a message is to be transported (§3.2.1).
    Header = 0x70 "amqp:header:list" {
        /// Whether the message must survive its node's restart.
        durable: bool = false,
        /// From 0, the lowest.
        priority: u8 = 4,
        /// For how many milliseconds the message is of use.
        ttl: Option<u32>,
        /// Whether nobody else has had the message.
        first_acquirer: bool = false,
        /// How many deliveries of it have failed before.
        delivery_count: u32 = 0,
    }

    /// What is fixed about a message (§3.2.4).
    Properties = 0x73 "amqp:properties:list" {
        /// The message's own id.
        message_id: Option<MessageId>,
        /// The user who made it.
        user_id: Option<Bytes>,
        /// The address of the node that it is for.
        to: Option<Str>,
        /// What it is about.
        subject: Option<Str>,
        /// The address of the node for answers.
        reply_to: Option<Str>,
        /// The id of what it answers.
        correlation_id: Option<MessageId>,
        /// The MIME type of a data body.
        content_type: Option<Symbol>,
        /// The encoding of a data body.
        content_encoding: Option<Symbol>,
        /// When it is out of date.
        absolute_expiry_time: Option<Timestamp>,
        /// When it was made.
        creation_time: Option<Timestamp>,
        /// The group that it belongs to.
        group_id: Option<Str>,
        /// Its place in the group.
        group_sequence: Option<SequenceNo>,
        /// The group for answers.
        reply_to_group_id: Option<Str>,
    }
}

sections! {
    table SECTIONS;

    /// Annotations for the next node only (§3.2.2).
    DeliveryAnnotations(Annotations) = 0x71 "amqp:delivery-annotations:map";
    /// Annotations that stay with the message (§3.2.3).
    MessageAnnotations(Annotations) = 0x72 "amqp:message-annotations:map";
    /// The application's own properties (§3.2.5).
    ApplicationProperties(OrderedMap<Str, Value>) = 0x74 "amqp:application-properties:map";
    /// A body of octets, or a part of one (§3.2.6).
    Data(Bytes) = 0x75 "amqp:data:binary";
    /// A body of values, or a part of one (§3.2.7).
    AmqpSequence(Vec<Value>) = 0x76 "amqp:amqp-sequence:list";
    /// A body of one value (§3.2.8).
    AmqpValue(Value) = 0x77 "amqp:amqp-value:*";
    /// What can only be known after the body (§3.2.9).
    Footer(Annotations) = 0x78 "amqp:footer:map";
}

unions! {
    /// What is known of a delivery (§3.4).
    enum DeliveryState {
        /// It has come this far.
        Received(Received),
        /// It is accepted.
        Accepted,
        /// It is invalid.
        Rejected(Rejected),
        /// It was not processed.
        Released,
        /// It was not processed, and something of it changes.
        Modified(Modified),
        /// A transaction was declared.
        Declared(Arc<Declared>),
        /// It has this state if its transaction commits.
        Transactional(Arc<TransactionalState>),
    } else
        /// A state of some other type.
        Unknown(Arc<Described>)

    /// When a dynamic node goes (§3.5.9).
    enum LifetimePolicy {
        /// With the link that made it.
        DeleteOnClose,
        /// When no link is left.
        DeleteOnNoLinks,
        /// With its last message.
        DeleteOnNoMessages,
        /// When neither link nor message is left.
        DeleteOnNoLinksOrMessages,
    }
}

impl DeliveryState {
    /// Whether this is an outcome: the state that a delivery ends in (§3.4). A transactional state is one if it holds one.
    pub fn is_terminal(&self) -> bool {
        match self {
            Self::Accepted | Self::Rejected(_) | Self::Released | Self::Modified(_) | Self::Declared(_) => {
                true
            }
            Self::Transactional(state) => state.outcome.as_ref().is_some_and(Self::is_terminal),
            Self::Received(_) | Self::Unknown(_) => false,
        }
    }
}

impl From<Error> for Rejected {
    fn from(error: Error) -> Self {
        Self { error: Some(Arc::new(error)) }
    }
}
