//! Writing a message.

use bytes::BytesMut;

use super::{Message, body::Body, section::SectionKind};
use crate::{Annotations, Encode, Header, Payload, Value, Writer, format::code};

/// Data sections of at least this many octets go into a payload uncopied.
const UNCOPIED: u32 = 4096;

impl Message {
    /// Appends the sections to `out`; nothing is allocated beyond its growth.
    ///
    /// A message that has no section at all is written as one whose body is null: no octets are no message.
    pub fn encode(&self, out: &mut BytesMut) {
        let mut writer = Writer::new(out);
        self.encode_before_body(&mut writer);
        if let Body::Data(sections) = &self.body {
            for section in sections.iter() {
                put_section(&mut writer, SectionKind::Data, Some(section));
            }
        } else {
            self.encode_structured_body(&mut writer);
        }
        put_section(&mut writer, SectionKind::Footer, self.footer.as_ref());
    }

    /// The octets of the message. Data sections of 4 KiB and more are not copied: the payload shares them.
    pub fn to_payload(&self) -> Payload {
        self.to_payload_in(&mut BytesMut::with_capacity(256))
    }

    /// As [`Message::to_payload`], encoded behind what is in `out` and split off: where `out` is kept for the next
    /// message, most messages allocate nothing.
    pub fn to_payload_in(&self, out: &mut BytesMut) -> Payload {
        let mut payload = Payload::new();
        drop(out.split());
        self.encode_before_body(&mut Writer::new(out));
        if let Body::Data(sections) = &self.body {
            for section in sections.iter() {
                let mut writer = Writer::new(out);
                match u32::try_from(section.len()) {
                    Ok(length @ UNCOPIED..) => {
                        writer.descriptor(SectionKind::Data.code());
                        writer.put(&[code::BINARY32]);
                        writer.put(&length.to_be_bytes());
                        payload.push(out.split().freeze());
                        payload.push(section.clone());
                    }
                    _ => put_section(&mut writer, SectionKind::Data, Some(section)),
                }
            }
        } else {
            self.encode_structured_body(&mut Writer::new(out));
        }
        put_section(&mut Writer::new(out), SectionKind::Footer, self.footer.as_ref());
        payload.push(out.split().freeze());
        payload
    }

    fn encode_before_body(&self, writer: &mut Writer<'_>) {
        put_annotations(
            writer,
            self.header.as_ref(),
            self.delivery_annotations.as_ref(),
            self.message_annotations.as_ref(),
        );
        if let Some(properties) = &self.properties {
            properties.encode(writer);
        }
        if let Some(properties) = &self.application_properties {
            properties.encode(writer);
        }
    }

    /// Appends a body that is not data.
    fn encode_structured_body(&self, writer: &mut Writer<'_>) {
        match &self.body {
            Body::Sequence(sections) if sections.is_empty() => {
                writer.descriptor(SectionKind::AmqpSequence.code());
                writer.put(&[code::LIST0]);
            }
            Body::Sequence(sections) => {
                for section in sections {
                    put_section(writer, SectionKind::AmqpSequence, Some(section));
                }
            }
            Body::Value(value) => put_section(writer, SectionKind::AmqpValue, Some(value)),
            Body::Empty if self.has_no_section() => {
                put_section(writer, SectionKind::AmqpValue, Some(&Value::Null));
            }
            Body::Empty | Body::Data(_) => {}
        }
    }

    fn has_no_section(&self) -> bool {
        self.header.is_none()
            && self.delivery_annotations.is_none()
            && self.message_annotations.is_none()
            && self.properties.is_none()
            && self.application_properties.is_none()
            && self.footer.is_none()
    }
}

/// Appends the sections that stand in front of the bare message.
pub(super) fn put_annotations(
    writer: &mut Writer<'_>,
    header: Option<&Header>,
    delivery_annotations: Option<&Annotations>,
    message_annotations: Option<&Annotations>,
) {
    if let Some(header) = header {
        header.encode(writer);
    }
    put_section(writer, SectionKind::DeliveryAnnotations, delivery_annotations);
    put_section(writer, SectionKind::MessageAnnotations, message_annotations);
}

fn put_section<T: Encode>(writer: &mut Writer<'_>, kind: SectionKind, value: Option<&T>) {
    if let Some(value) = value {
        writer.descriptor(kind.code());
        value.encode(writer);
    }
}
