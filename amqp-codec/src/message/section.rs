//! Where the sections of a message lie: one pass over their outermost octets.

use core::ops::Range;

use crate::{
    DecodeError, DecodeErrorKind, Reader,
    format::{DESCRIBED, PrimitiveType, code},
};

/// The most sections that a message may have: an empty data section costs its sender five octets, and §3.2 sets no
/// bound.
pub const MAX_SECTIONS: usize = 10_000;

/// The kinds of section, in the order in which they stand in a message (§3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SectionKind {
    /// Delivery details for the next node (§3.2.1).
    Header,
    /// Annotations for the next node (§3.2.2).
    DeliveryAnnotations,
    /// Annotations for all nodes on the way (§3.2.3).
    MessageAnnotations,
    /// The standard properties, with which the bare message begins (§3.2.4).
    Properties,
    /// The application's own properties (§3.2.5).
    ApplicationProperties,
    /// A body section of opaque octets; several may follow each other (§3.2.6).
    Data,
    /// A body section of structured elements; several may follow each other (§3.2.7).
    AmqpSequence,
    /// The body as a single value (§3.2.8).
    AmqpValue,
    /// Annotations that need the whole bare message to be known (§3.2.9).
    Footer,
}

impl SectionKind {
    /// The kind that a descriptor names.
    pub const fn from_code(code: u64) -> Option<Self> {
        Some(match code {
            0x70 => Self::Header,
            0x71 => Self::DeliveryAnnotations,
            0x72 => Self::MessageAnnotations,
            0x73 => Self::Properties,
            0x74 => Self::ApplicationProperties,
            0x75 => Self::Data,
            0x76 => Self::AmqpSequence,
            0x77 => Self::AmqpValue,
            0x78 => Self::Footer,
            _ => return None,
        })
    }

    /// The numeric descriptor, 0x70 to 0x78.
    pub const fn code(self) -> u64 {
        self as u64 + Self::FIRST_CODE
    }

    /// Whether the section is part of the body.
    pub const fn is_body(self) -> bool {
        matches!(self, Self::Data | Self::AmqpSequence | Self::AmqpValue)
    }

    const FIRST_CODE: u64 = 0x70;

    /// The only type that the section's value may have; `None` where it may have any.
    const fn value_type(self) -> Option<PrimitiveType> {
        match self {
            Self::Header | Self::Properties | Self::AmqpSequence => Some(PrimitiveType::List),
            Self::DeliveryAnnotations
            | Self::MessageAnnotations
            | Self::ApplicationProperties
            | Self::Footer => Some(PrimitiveType::Map),
            Self::Data => Some(PrimitiveType::Binary),
            Self::AmqpValue => None,
        }
    }

    /// The format code with which values of the section mostly begin; one with a size of one octet.
    const fn usual_constructor(self) -> u8 {
        match self.value_type() {
            Some(PrimitiveType::List) => code::LIST8,
            Some(PrimitiveType::Map) => code::MAP8,
            Some(PrimitiveType::Binary) => code::BINARY8,
            _ => code::STRING8,
        }
    }

    /// Where the section stands; the kinds of body share one place.
    pub(super) const fn place(self) -> Place {
        match self {
            Self::Header => Place::Header,
            Self::DeliveryAnnotations => Place::DeliveryAnnotations,
            Self::MessageAnnotations => Place::MessageAnnotations,
            Self::Properties => Place::Properties,
            Self::ApplicationProperties => Place::ApplicationProperties,
            Self::Data | Self::AmqpSequence | Self::AmqpValue => Place::Body,
            Self::Footer => Place::Footer,
        }
    }
}

/// The places of a message. `End` follows the last octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Header,
    DeliveryAnnotations,
    MessageAnnotations,
    Properties,
    ApplicationProperties,
    Body,
    Footer,
    End,
}

/// One section: what it is and where its value begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct SectionHead {
    pub(super) kind: SectionKind,
    pub(super) value: usize,
}

impl SectionHead {
    /// Steps over one section, looking at its descriptor, the type of its value and its size only.
    #[inline]
    pub(super) fn skip(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if let &[DESCRIBED, code::SMALL_ULONG, descriptor, constructor, size, ..] = reader.remaining()
            && let Some(kind) = SectionKind::from_code(u64::from(descriptor))
            && kind.usual_constructor() == constructor
        {
            let value = reader.position().wrapping_add(3);
            reader.take(usize::from(size).wrapping_add(5))?;
            return Ok(Self { kind, value });
        }
        Self::skip_unusual(reader)
    }

    fn skip_unusual(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let start = reader.clone();
        let Some(kind) = reader.descriptor()?.and_then(SectionKind::from_code) else {
            return Err(start.fail(DecodeErrorKind::UnexpectedDescriptor));
        };
        let value = reader.position();
        if let (Some(expected), Some(found)) = (kind.value_type(), reader.peek())
            && PrimitiveType::of_code(found) != Some(expected)
        {
            return Err(reader.unexpected(expected.name(), found));
        }
        reader.skip()?;
        Ok(Self { kind, value })
    }

    /// The octets in a data section, or those of any other value with its constructor, for a section up to `end`.
    fn content_len(&self, octets: &[u8], end: usize) -> usize {
        let constructor = match (self.kind, octets.get(self.value)) {
            (SectionKind::Data, Some(&code::BINARY8)) => 2,
            (SectionKind::Data, _) => 5,
            _ => 0,
        };
        end.saturating_sub(self.value).saturating_sub(constructor)
    }
}

const PLACES: usize = Place::End as usize + 1;

/// Where each place of a message begins; an absent one begins where the next one does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    starts: [usize; PLACES],
    /// The kind of the body's sections.
    pub(super) body: Option<SectionKind>,
    /// Octets in the data sections, or of the encoded values of another kind of body.
    pub(super) body_len: usize,
}

impl Layout {
    /// Looks at every section of a message. Their order and number are checked here, their contents are not.
    pub(super) fn of(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(octets);
        if reader.is_empty() {
            return Err(reader.fail(DecodeErrorKind::InvalidSections));
        }
        let mut layout = Self { starts: [0; PLACES], body: None, body_len: 0 };
        let mut next = Place::Header as usize;
        for _ in 0..=MAX_SECTIONS {
            let start = reader.position();
            if reader.is_empty() {
                layout.begin(next, Place::End, start);
                return Ok(layout);
            }
            let head = SectionHead::skip(&mut reader)?;
            let place = head.kind.place();
            if place as usize >= next {
                next = layout.begin(next, place, start);
            } else if !layout.repeats(head.kind, next) {
                return Err(DecodeError { kind: DecodeErrorKind::InvalidSections, at: start });
            }
            if place == Place::Body {
                layout.body = Some(head.kind);
                layout.body_len = layout.body_len.saturating_add(head.content_len(octets, reader.position()));
            }
        }
        Err(reader.fail(DecodeErrorKind::TooManyElements))
    }

    /// The octets that a place takes up, empty where the message has no such section.
    #[inline]
    pub(super) fn range(&self, place: Place) -> Range<usize> {
        let index = place as usize;
        let start = self.starts.get(index).copied().unwrap_or_default();
        start..self.starts.get(index.wrapping_add(1)).copied().unwrap_or(start)
    }

    /// Says that `place` begins at `start`, and that the places from `next` up to it are empty. Returns the place that
    /// may follow.
    fn begin(&mut self, next: usize, place: Place, start: usize) -> usize {
        self.starts.get_mut(next..=place as usize).unwrap_or_default().fill(start);
        (place as usize).wrapping_add(1)
    }

    /// §3.2: data sections may follow each other and so may sequences; every other section stands once.
    fn repeats(&self, kind: SectionKind, next: usize) -> bool {
        matches!(kind, SectionKind::Data | SectionKind::AmqpSequence)
            && self.body == Some(kind)
            && next == Place::Footer as usize
    }
}
