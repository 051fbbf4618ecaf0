//! Messages whose sections are read when they are asked for.

use bytes::{Bytes, BytesMut};

use super::{
    application_properties,
    body::Body,
    encode::put_annotations,
    section::{Layout, Place, SectionHead, SectionKind},
};
use crate::{
    AmqpSequence, AmqpValue, Annotations, ApplicationProperties, Data, Decode, DecodeError,
    DeliveryAnnotations, Footer, Header, Message, MessageAnnotations, MessageId, Payload, Properties, Reader,
    Str, Value, Writer,
};

/// A message as it came, of which nothing but the sections' extents has been read.
///
/// What is asked for is decoded then, each time, and only then is found to be malformed; octets are shared with the
/// payload and not copied. The bare message keeps its octets, as a relay must (§3.2).
///
/// ```
/// use amqp_codec::{LazyMessage, Message, Value};
///
/// let sent = Message::data("hello").id(7_u64).property("SendTime", 42_i64);
/// let message = LazyMessage::parse(sent.to_payload())?;
/// assert_eq!(message.message_id()?, Some(7_u64.into()));
/// assert_eq!(message.application_property("SendTime")?, Some(Value::Long(42)));
/// assert_eq!(message.body_len(), 5);
/// assert_eq!(message.to_message()?, sent);
/// # Ok::<(), amqp_codec::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct LazyMessage {
    octets: Bytes,
    layout: Layout,
}

impl LazyMessage {
    /// Finds the sections of a message. A payload in several pieces is joined, one in a single piece is not copied.
    ///
    /// # Errors
    /// A section that is unknown, of the wrong type, out of order or one too many (§3.2); more than
    /// [`MAX_SECTIONS`](crate::MAX_SECTIONS); octets that are no sections, or none at all. Sections of annotations or
    /// properties without a body are let pass.
    pub fn parse(payload: Payload) -> Result<Self, DecodeError> {
        Self::try_from(payload).map_err(|malformed| malformed.error)
    }

    /// The header section.
    ///
    /// # Errors
    /// Like all accessors that return a `Result`: what the asked-for part of its section holds that does not decode.
    pub fn header(&self) -> Result<Option<Header>, DecodeError> {
        self.section(Place::Header)
    }

    /// The delivery-annotations section.
    pub fn delivery_annotations(&self) -> Result<Option<Annotations>, DecodeError> {
        Ok(self.section(Place::DeliveryAnnotations)?.map(|DeliveryAnnotations(annotations)| annotations))
    }

    /// The message-annotations section.
    pub fn message_annotations(&self) -> Result<Option<Annotations>, DecodeError> {
        Ok(self.section(Place::MessageAnnotations)?.map(|MessageAnnotations(annotations)| annotations))
    }

    /// The properties section.
    pub fn properties(&self) -> Result<Option<Properties>, DecodeError> {
        self.section(Place::Properties)
    }

    /// The application-properties section.
    pub fn application_properties(&self) -> Result<Option<ApplicationProperties>, DecodeError> {
        self.reader(Place::ApplicationProperties).map(application_properties::decode).transpose()
    }

    /// The footer section.
    pub fn footer(&self) -> Result<Option<Annotations>, DecodeError> {
        Ok(self.section(Place::Footer)?.map(|Footer(annotations)| annotations))
    }

    /// The field `message-id` of the properties; the other fields are not looked at.
    pub fn message_id(&self) -> Result<Option<MessageId>, DecodeError> {
        self.property(0, "properties.message-id")
    }

    /// The field `to` of the properties; only the fields before it are stepped over.
    pub fn to(&self) -> Result<Option<Str>, DecodeError> {
        self.property(2, "properties.to")
    }

    /// The field `subject` of the properties; only the fields before it are stepped over.
    pub fn subject(&self) -> Result<Option<Str>, DecodeError> {
        self.property(3, "properties.subject")
    }

    /// The field `reply-to` of the properties; only the fields before it are stepped over.
    pub fn reply_to(&self) -> Result<Option<Str>, DecodeError> {
        self.property(4, "properties.reply-to")
    }

    /// The field `correlation-id` of the properties; only the fields before it are stepped over.
    pub fn correlation_id(&self) -> Result<Option<MessageId>, DecodeError> {
        self.property(5, "properties.correlation-id")
    }

    /// The application property called `key`, the first if a faulty peer sent two; the entries after it are not
    /// looked at.
    pub fn application_property(&self, key: &str) -> Result<Option<Value>, DecodeError> {
        match self.reader(Place::ApplicationProperties) {
            Some(reader) => application_properties::find(reader, key),
            None => Ok(None),
        }
    }

    /// The body.
    pub fn body(&self) -> Result<Body, DecodeError> {
        let (Some(mut reader), Some(kind)) = (self.reader(Place::Body), self.layout.body) else {
            return Ok(Body::Empty);
        };
        let end = self.layout.range(Place::Body).end;
        Ok(match kind {
            SectionKind::Data => Body::Data(each_section(&mut reader, end, |Data(octets)| octets)?),
            SectionKind::AmqpSequence => {
                Body::Sequence(each_section(&mut reader, end, |AmqpSequence(items)| items)?)
            }
            _ => Body::Value(AmqpValue::decode(&mut reader)?.0),
        })
    }

    /// The kind of the body's sections, `None` where there are none.
    pub fn body_kind(&self) -> Option<SectionKind> {
        self.layout.body
    }

    /// Octets of application data: those in the data sections, or those of the encoded sequences or value.
    pub fn body_len(&self) -> usize {
        self.layout.body_len
    }

    /// The octets of all data sections, uncopied and in one piece for each section that is not empty; `None` where the
    /// body is not data.
    pub fn data(&self) -> Option<Payload> {
        match (self.layout.body?, self.reader(Place::Body)?) {
            (SectionKind::Data, mut reader) => {
                let end = self.layout.range(Place::Body).end;
                each_section(&mut reader, end, |Data(octets)| octets).ok()
            }
            _ => None,
        }
    }

    /// The octets of the bare message: properties, application-properties and body as the sender encoded them (§3.2).
    pub fn bare(&self) -> Bytes {
        self.octets.slice(self.layout.range(Place::Properties).start..self.layout.range(Place::Body).end)
    }

    /// All octets of the message.
    pub fn payload(&self) -> Payload {
        self.octets.clone().into()
    }

    /// The message as a relay sends it on: with the given sections in front, followed by the bare message and the footer
    /// as they came, which are not copied.
    pub fn relay(
        &self,
        header: Option<&Header>,
        delivery_annotations: Option<&Annotations>,
        message_annotations: Option<&Annotations>,
    ) -> Payload {
        let mut out = BytesMut::new();
        put_annotations(&mut Writer::new(&mut out), header, delivery_annotations, message_annotations);
        let mut payload = Payload::from(out);
        payload.push(self.octets.slice(self.layout.range(Place::Properties).start..));
        payload
    }

    /// The sections in order.
    pub fn sections(&self) -> Sections<'_> {
        Sections { octets: &self.octets, reader: Reader::new(&self.octets) }
    }

    /// All sections, decoded. `message_format` is 0.
    pub fn to_message(&self) -> Result<Message, DecodeError> {
        Ok(Message {
            header: self.header()?,
            delivery_annotations: self.delivery_annotations()?,
            message_annotations: self.message_annotations()?,
            properties: self.properties()?,
            application_properties: self.application_properties()?,
            body: self.body()?,
            footer: self.footer()?,
            message_format: 0,
        })
    }

    /// A reader at the start of `place`, where there is a section.
    #[inline]
    fn reader(&self, place: Place) -> Option<Reader<'_>> {
        let range = self.layout.range(place);
        if range.is_empty() {
            return None;
        }
        let mut reader = Reader::shared(&self.octets);
        reader.take(range.start).ok()?;
        Some(reader)
    }

    fn section<T: Decode>(&self, place: Place) -> Result<Option<T>, DecodeError> {
        self.reader(place).map(|mut reader| T::decode(&mut reader)).transpose()
    }

    #[inline]
    fn property<T: Decode>(&self, index: usize, name: &'static str) -> Result<Option<T>, DecodeError> {
        let Some(mut reader) = self.reader(Place::Properties) else { return Ok(None) };
        reader.descriptor()?;
        let mut fields = reader.list()?;
        for _ in 0..index {
            fields.skip_field()?;
        }
        fields.field(name)
    }
}

/// Decodes the sections up to `end` and collects what is in them.
fn each_section<S: Decode, T, C: FromIterator<T>>(
    reader: &mut Reader<'_>,
    end: usize,
    content: impl Fn(S) -> T,
) -> Result<C, DecodeError> {
    core::iter::from_fn(|| (reader.position() < end).then(|| S::decode(reader).map(&content))).collect()
}

/// Octets that are no message.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{error}")]
pub struct Malformed {
    /// What is wrong with them.
    pub error: DecodeError,
    /// The octets, in one piece.
    pub payload: Payload,
}

/// As [`LazyMessage::parse`]; the octets come back where they are no message.
impl TryFrom<Payload> for LazyMessage {
    type Error = Malformed;

    #[inline]
    fn try_from(payload: Payload) -> Result<Self, Malformed> {
        let octets = payload.into_bytes();
        match Layout::of(&octets) {
            Ok(layout) => Ok(Self { octets, layout }),
            Err(error) => Err(Malformed { error, payload: octets.into() }),
        }
    }
}

/// One section of a [`LazyMessage`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// What the section is.
    pub kind: SectionKind,
    /// The whole section, its descriptor included.
    pub octets: Bytes,
    /// The encoded value without the descriptor.
    pub value: Bytes,
}

/// The sections of a [`LazyMessage`] in order, made by [`LazyMessage::sections`].
#[derive(Clone, Debug)]
pub struct Sections<'a> {
    octets: &'a Bytes,
    reader: Reader<'a>,
}

impl Iterator for Sections<'_> {
    type Item = Section;

    fn next(&mut self) -> Option<Section> {
        let start = self.reader.position();
        // All sections were stepped over before, so that only the end is left to find.
        let SectionHead { kind, value } = SectionHead::skip(&mut self.reader).ok()?;
        let end = self.reader.position();
        Some(Section { kind, octets: self.octets.slice(start..end), value: self.octets.slice(value..end) })
    }
}
