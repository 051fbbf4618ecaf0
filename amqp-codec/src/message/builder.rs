//! Making messages, field by field.

use alloc::{vec, vec::Vec};

use bytes::Bytes;

use super::{Message, body::Body};
use crate::{AnnotationKey, Annotations, Header, MessageId, Properties, Str, Symbol, Timestamp, Value};

/// Constructors, and methods that set one field each and can be chained. The section of a field is made when the field
/// is first set; setting it again replaces it, without allocating where the new value does not.
impl Message {
    /// A message with the given body and nothing else.
    pub fn new(body: impl Into<Body>) -> Self {
        Self { body: body.into(), ..Self::default() }
    }

    /// A message whose body is a single value.
    pub fn value(value: impl Into<Value>) -> Self {
        Self::new(value.into())
    }

    /// A message whose body is one data section.
    pub fn data(octets: impl Into<Bytes>) -> Self {
        Self::new(octets.into())
    }

    /// A message whose body is one sequence of values.
    pub fn sequence(items: impl IntoIterator<Item = impl Into<Value>>) -> Self {
        let items: Vec<Value> = items.into_iter().map(Into::into).collect();
        Self { body: Body::Sequence(vec![items]), ..Self::default() }
    }

    /// Sets whether the message must survive the failure of a node (§3.2.1).
    #[must_use]
    pub fn durable(self, durable: bool) -> Self {
        self.with_header(|header| header.durable = durable)
    }

    /// Sets the priority, 4 by default; higher numbers may be delivered first (§3.2.1).
    #[must_use]
    pub fn priority(self, priority: u8) -> Self {
        self.with_header(|header| header.priority = priority)
    }

    /// Sets for how many milliseconds the message is live (§3.2.1).
    #[must_use]
    pub fn ttl(self, milliseconds: u32) -> Self {
        self.with_header(|header| header.ttl = Some(milliseconds))
    }

    /// Sets the message-id (§3.2.4).
    #[must_use]
    pub fn id(self, id: impl Into<MessageId>) -> Self {
        self.with_properties(|properties| properties.message_id = Some(id.into()))
    }

    /// Sets the identity of the user who made the message (§3.2.4).
    #[must_use]
    pub fn user_id(self, user: impl Into<Bytes>) -> Self {
        self.with_properties(|properties| properties.user_id = Some(user.into()))
    }

    /// Sets the address of the node that the message is meant for (§3.2.4).
    #[must_use]
    pub fn to(self, address: impl Into<Str>) -> Self {
        self.with_properties(|properties| properties.to = Some(address.into()))
    }

    /// Sets the subject (§3.2.4).
    #[must_use]
    pub fn subject(self, subject: impl Into<Str>) -> Self {
        self.with_properties(|properties| properties.subject = Some(subject.into()))
    }

    /// Sets the address of the node to answer to (§3.2.4).
    #[must_use]
    pub fn reply_to(self, address: impl Into<Str>) -> Self {
        self.with_properties(|properties| properties.reply_to = Some(address.into()))
    }

    /// Sets the id of the message that this one belongs with (§3.2.4).
    #[must_use]
    pub fn correlation_id(self, id: impl Into<MessageId>) -> Self {
        self.with_properties(|properties| properties.correlation_id = Some(id.into()))
    }

    /// Sets the MIME type of the data sections (§3.2.4).
    #[must_use]
    pub fn content_type(self, content_type: impl Into<Symbol>) -> Self {
        self.with_properties(|properties| properties.content_type = Some(content_type.into()))
    }

    /// Sets what was done to the octets of the data sections, such as `gzip`. Other bodies have no encoding, and
    /// `identity` is said by leaving it out (§3.2.4): both leave the field unset.
    #[must_use]
    pub fn content_encoding(self, content_encoding: impl Into<Symbol>) -> Self {
        let encoded = matches!(self.body, Body::Data(_));
        let encoding = Some(content_encoding.into()).filter(|encoding| encoded && encoding != "identity");
        self.with_properties(|properties| properties.content_encoding = encoding)
    }

    /// Sets the time from which the message is of no use (§3.2.4).
    #[must_use]
    pub fn absolute_expiry_time(self, time: Timestamp) -> Self {
        self.with_properties(|properties| properties.absolute_expiry_time = Some(time))
    }

    /// Sets the time at which the message was made (§3.2.4).
    #[must_use]
    pub fn creation_time(self, time: Timestamp) -> Self {
        self.with_properties(|properties| properties.creation_time = Some(time))
    }

    /// Sets an application property. Its value may be anything but a list, map or array: receivers refuse those
    /// (§3.2.5).
    #[must_use]
    pub fn property(mut self, key: impl Into<Str>, value: impl Into<Value>) -> Self {
        self.application_properties.get_or_insert_default().insert(key.into(), value.into());
        self
    }

    /// Sets a delivery annotation, for the next node only (§3.2.2).
    #[must_use]
    pub fn delivery_annotation(mut self, key: impl Into<AnnotationKey>, value: impl Into<Value>) -> Self {
        annotate(&mut self.delivery_annotations, key.into(), value.into());
        self
    }

    /// Sets a message annotation, for every node on the way (§3.2.3). Keys of an application's own begin with `x-opt-`,
    /// so that nodes which do not know them let them pass (§3.2.10).
    #[must_use]
    pub fn annotation(mut self, key: impl Into<AnnotationKey>, value: impl Into<Value>) -> Self {
        annotate(&mut self.message_annotations, key.into(), value.into());
        self
    }

    /// Sets an annotation of the footer (§3.2.9).
    #[must_use]
    pub fn footer_annotation(mut self, key: impl Into<AnnotationKey>, value: impl Into<Value>) -> Self {
        annotate(&mut self.footer, key.into(), value.into());
        self
    }

    #[inline]
    fn with_header(mut self, set: impl FnOnce(&mut Header)) -> Self {
        set(self.header.get_or_insert_default());
        self
    }

    #[inline]
    fn with_properties(mut self, set: impl FnOnce(&mut Properties)) -> Self {
        set(self.properties.get_or_insert_default());
        self
    }
}

fn annotate(section: &mut Option<Annotations>, key: AnnotationKey, value: Value) {
    section.get_or_insert_default().insert(key, value);
}
