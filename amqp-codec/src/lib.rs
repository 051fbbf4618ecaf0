//! The wire format of AMQP 1.0, without state and without I/O: octets into values, and values into octets.
//!
//! * [`Value`] is any value; [`Str`], [`Symbol`], [`OrderedMap`], [`Array`], [`Multiple`] and the rest are its parts.
//! * [`Performative`] is what a frame says, [`SaslFrame`] what a SASL frame says. Every described type of the spec is a
//!   struct with the spec's fields: [`Transfer`], [`Attach`], [`Source`], [`Accepted`], [`Error`] …
//! * [`Message`] is what a delivery carries, [`LazyMessage`] the same read on demand, [`Payload`] its octets.
//! * [`FrameHeader`], [`decode_performative`] and [`encode_frame`] go between frames and octets.
//! * [`Reader`] with [`Decode`], and [`Writer`] with [`Encode`], are what all of that is made of.
//!
//! Reading accepts every legal encoding, writing produces the shortest. Nothing panics on any input, and nothing is
//! allocated for a length or count that the octets themselves do not back.
//!
//! Octets into a frame:
//!
//! ```
//! use amqp_codec::{FrameHeader, Performative, decode_performative};
//!
//! let octets = *b"\0\0\0\x14\x02\0\0\0\0\x53\x10\xc0\x07\x01\xa1\x04test";
//! let header = FrameHeader::decode(*octets.first_chunk().unwrap()).unwrap();
//! let body = &octets[header.body_offset()..header.size as usize];
//! match decode_performative(body)? {
//!     (Performative::Open(open), _) => assert_eq!(open.container_id, "test"),
//!     other => unreachable!("{other:?}"),
//! }
//! # Ok::<(), amqp_codec::DecodeError>(())
//! ```
//!
//! A frame into octets:
//!
//! ```
//! use amqp_codec::{Serial, Transfer, encode_frame};
//!
//! let transfer = Transfer { delivery_id: Some(Serial(0)), delivery_tag: Some([0].into()), ..Transfer::default() };
//! let mut out = bytes::BytesMut::new();
//! let size = encode_frame(&mut out, 0, &transfer, b"\0\x53\x77\xa1\x02hi");
//! assert_eq!(size, out.len());
//! ```

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod annotation_key;
mod array;
mod choices;
mod composite;
mod conditions;
mod definitions;
mod error;
mod format;
mod frame;
mod map;
mod message;
mod message_id;
mod multiple;
mod names;
mod payload;
mod primitive;
mod read;
mod scalar;
mod serial;
mod tag;
mod text;
mod trace;
mod value;
mod wrappers;
mod write;

pub use annotation_key::AnnotationKey;
pub use array::{Array, Elements, MAX_ELEMENTS, MixedElements};
pub use choices::*;
pub use composite::Composite;
pub use conditions::ErrorCondition;
pub use definitions::*;
pub use error::{DecodeError, DecodeErrorKind};
pub use format::PrimitiveType;
pub use frame::*;
pub use map::{Annotations, DuplicateKey, Fields, Map, OrderedMap};
pub use message::*;
pub use message_id::MessageId;
pub use multiple::Multiple;
pub use payload::{Chunks, Payload};
pub use read::{Decode, ListReader, MAX_DEPTH, Reader};
pub use scalar::{Decimal32, Decimal64, Decimal128, Timestamp, Uuid};
pub use serial::{DeliveryNumber, SequenceNo, Serial, TransferNumber};
pub use tag::{DeliveryTag, MAX_TAG, TagTooLong, TransactionId};
pub use text::{NotAscii, Str, Symbol};
pub use value::{Described, Value};
pub use write::{Encode, ListWriter, Writer};
