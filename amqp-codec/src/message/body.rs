//! The application data of a message.

use alloc::{vec, vec::Vec};
use core::{fmt, ops::Deref};

use bytes::Bytes;

use crate::{Payload, Value};

/// The application data of a message: one or more data sections, one or more sequence sections, or one value (§3.2).
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Opaque octets, in one or more `data` sections (§3.2.6).
    Data(DataSections),
    /// Structured elements, in one or more `amqp-sequence` sections (§3.2.7). Written with no section at all it would
    /// not be a sequence any more, so an empty vector is written as one section without elements.
    Sequence(Vec<Vec<Value>>),
    /// A single value (§3.2.8). `Value::Null` is how peers send a message that has nothing to say, and the default.
    Value(Value),
    /// No body section. The standard asks for one, but messages of headers alone are met and are accepted.
    Empty,
}

impl Body {
    /// The value, when the body is one.
    pub fn as_value(&self) -> Option<&Value> {
        if let Self::Value(value) = self { Some(value) } else { None }
    }

    /// The data sections, when the body is data.
    pub fn as_data(&self) -> Option<&DataSections> {
        if let Self::Data(sections) = self { Some(sections) } else { None }
    }

    /// The sequence sections, when the body is sequences.
    pub fn as_sequence(&self) -> Option<&[Vec<Value>]> {
        if let Self::Sequence(sections) = self { Some(sections) } else { None }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::Value(Value::Null)
    }
}

impl From<Value> for Body {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

impl From<DataSections> for Body {
    fn from(sections: DataSections) -> Self {
        Self::Data(sections)
    }
}

impl From<Bytes> for Body {
    fn from(octets: Bytes) -> Self {
        Self::Data(octets.into())
    }
}

/// The contents of one or more `data` sections, a slice of [`Bytes`] that is never empty.
///
/// The cuts between sections are kept; whether they mean something is between the two applications.
/// A single section, the usual case, needs no allocation.
#[derive(Clone)]
pub struct DataSections(Sections);

#[derive(Clone)]
enum Sections {
    One(Bytes),
    Many(Vec<Bytes>),
}

impl DataSections {
    /// Appends a section.
    pub fn push(&mut self, section: Bytes) {
        match &mut self.0 {
            Sections::One(first) => self.0 = Sections::Many(vec![core::mem::take(first), section]),
            Sections::Many(sections) => sections.push(section),
        }
    }

    /// The number of octets in all sections.
    pub fn octets(&self) -> usize {
        self.iter().fold(0, |sum, section| sum.saturating_add(section.len()))
    }

    /// All octets in order, without the cuts between sections and without copying.
    pub fn to_payload(&self) -> Payload {
        self.iter().cloned().collect()
    }
}

impl Default for DataSections {
    /// One section without octets.
    fn default() -> Self {
        Bytes::new().into()
    }
}

impl Deref for DataSections {
    type Target = [Bytes];

    fn deref(&self) -> &[Bytes] {
        match &self.0 {
            Sections::One(section) => core::slice::from_ref(section),
            Sections::Many(sections) => sections,
        }
    }
}

impl PartialEq for DataSections {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for DataSections {}

impl fmt::Debug for DataSections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl From<Bytes> for DataSections {
    fn from(section: Bytes) -> Self {
        Self(Sections::One(section))
    }
}

/// One section for each item; of no items, one section without octets.
impl FromIterator<Bytes> for DataSections {
    fn from_iter<I: IntoIterator<Item = Bytes>>(sections: I) -> Self {
        let mut sections = sections.into_iter();
        let mut all = Self::from(sections.next().unwrap_or_default());
        sections.for_each(|section| all.push(section));
        all
    }
}
