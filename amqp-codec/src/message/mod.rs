//! Messages: the sections of §3.2 as one value, owned or read on demand.

mod application_properties;
mod body;
mod builder;
mod display;
mod encode;
mod lazy;
mod passing;
mod priority;
mod section;

pub use body::{Body, DataSections};
pub use lazy::{LazyMessage, Malformed, Section, Sections};
pub use priority::priority_level;
pub use section::{MAX_SECTIONS, SectionKind};

use crate::{Annotations, ApplicationProperties, DecodeError, Header, Payload, Properties};

/// A message: its sections (§3.2), each of them owned.
///
/// All fields are public, so that a message can be kept and sent again with, say, another `message_id` without
/// allocating. A section that is `None` is absent; `Some` of a default is a section that is present and says nothing.
///
/// ```
/// use amqp_codec::Message;
/// use bytes::BytesMut;
///
/// let mut message = Message::data("hello").id(0_u64).to("queue").property("SendTime", 1_700_000_000_000_i64);
/// let mut out = BytesMut::new();
/// for id in 1..=3_u64 {
///     message = message.id(id);
///     message.encode(&mut out);
/// }
/// let payload = message.to_payload();
/// assert_eq!(Message::decode(&payload)?, message);
/// # Ok::<(), amqp_codec::DecodeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// Delivery details for the next node. Absent, the receiver takes the defaults (§3.2.1).
    pub header: Option<Header>,
    /// Annotations for the next node (§3.2.2).
    pub delivery_annotations: Option<Annotations>,
    /// Annotations for every node on the way (§3.2.3).
    pub message_annotations: Option<Annotations>,
    /// The standard properties (§3.2.4).
    pub properties: Option<Properties>,
    /// The application's own properties (§3.2.5).
    pub application_properties: Option<ApplicationProperties>,
    /// The application's data (§3.2.6 to §3.2.8).
    pub body: Body,
    /// Annotations that follow the bare message (§3.2.9).
    pub footer: Option<Annotations>,
    /// The `message-format` of the transfer that carries the message (§2.8.11), 0 for the sections of §3.2. It is not
    /// among the octets of the message: encoding ignores it and decoding leaves 0.
    pub message_format: u32,
}

impl Message {
    /// Reads all sections of a message.
    ///
    /// # Errors
    /// Whatever [`LazyMessage::parse`] or the decoding of one of its sections refuses.
    pub fn decode(payload: &Payload) -> Result<Self, DecodeError> {
        LazyMessage::parse(payload.clone())?.to_message()
    }
}
