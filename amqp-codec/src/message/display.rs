//! Messages as text, for logs.

use core::fmt;

use bytes::BytesMut;

use super::{Message, body::Body};
use crate::{Annotations, Composite, Decode, Reader, Value, Writer};

/// One line with everything that is set: `Message{durable=true, message-id=7, to="q", body="hello"}`.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Message{")?;
        let mut line = Line { f, separator: "" };
        if self.message_format != 0 {
            line.entry("message-format", &self.message_format)?;
        }
        if let Some(header) = &self.header {
            line.fields(header)?;
        }
        line.annotations("delivery-annotations", self.delivery_annotations.as_ref())?;
        line.annotations("message-annotations", self.message_annotations.as_ref())?;
        if let Some(properties) = &self.properties {
            line.fields(properties)?;
        }
        if let Some(properties) = &self.application_properties {
            line.entry("application-properties", &**properties)?;
        }
        line.body(&self.body)?;
        line.annotations("footer", self.footer.as_ref())?;
        f.write_str("}")
    }
}

struct Line<'a, 'b> {
    f: &'a mut fmt::Formatter<'b>,
    separator: &'static str,
}

impl Line<'_, '_> {
    fn entry(&mut self, name: &str, value: &dyn fmt::Display) -> fmt::Result {
        let separator = core::mem::replace(&mut self.separator, ", ");
        write!(self.f, "{separator}{name}={value}")
    }

    /// The fields of a section that are not null. A field equal to its default is null on the wire as well as here.
    fn fields<T: Composite>(&mut self, section: &T) -> fmt::Result {
        let mut octets = BytesMut::new();
        section.encode_body(&mut Writer::new(&mut octets));
        let values = alloc::vec::Vec::<Value>::decode(&mut Reader::new(&octets)).map_err(|_| fmt::Error)?;
        let present = T::FIELDS.iter().zip(&values).filter(|(_, value)| **value != Value::Null);
        for (name, value) in present {
            self.entry(name.split_once('.').map_or(name, |(_, field)| field), value)?;
        }
        Ok(())
    }

    fn annotations(&mut self, name: &str, annotations: Option<&Annotations>) -> fmt::Result {
        annotations.map_or(Ok(()), |annotations| self.entry(name, annotations))
    }

    fn body(&mut self, body: &Body) -> fmt::Result {
        match body {
            Body::Data(sections) => {
                sections.iter().try_for_each(|section| self.entry("body", &Value::Binary(section.clone())))
            }
            Body::Sequence(sections) => {
                sections.iter().try_for_each(|section| self.entry("body", &Value::List(section.clone())))
            }
            Body::Value(value) => self.entry("body", value),
            Body::Empty => Ok(()),
        }
    }
}

/// The value; each section where there are several, separated by commas; nothing where there is no section.
impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut show = |section: usize, value: &dyn fmt::Display| {
            let separator = if section == 0 { "" } else { ", " };
            write!(f, "{separator}{value}")
        };
        match self {
            Self::Data(sections) => {
                sections.iter().enumerate().try_for_each(|(at, it)| show(at, &Value::Binary(it.clone())))
            }
            Self::Sequence(sections) => {
                sections.iter().enumerate().try_for_each(|(at, it)| show(at, &Value::List(it.clone())))
            }
            Self::Value(value) => show(0, value),
            Self::Empty => Ok(()),
        }
    }
}
