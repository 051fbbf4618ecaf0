//! What a message is identified by.

use crate::error::{DecodeError, DecodeErrorKind};
use crate::format::code;
use crate::read::{Decode, Reader};
use crate::scalar::Uuid;
use crate::text::Str;
use crate::value::Value;
use crate::write::{Encode, Writer};
use alloc::string::String;
use bytes::Bytes;

macro_rules! message_ids {
    ($($(#[$doc:meta])* $name:ident($type:ty) = $($code:ident)|+;)+) => {
        /// The id of a message or of the one that it answers: one of four types (§3.2.11–14).
        ///
        /// ```
        /// use amqp_codec::MessageId;
        /// assert_eq!(MessageId::from(7), MessageId::Ulong(7));
        /// assert_eq!(MessageId::from("seven"), MessageId::String("seven".into()));
        /// ```
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum MessageId { $($(#[$doc])* $name($type)),+ }

        impl Decode for MessageId {
            fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                match reader.peek() {
                    $(Some($(code::$code)|+) => <$type>::decode(reader).map(Self::$name),)+
                    Some(found) => Err(reader.unexpected("message-id", found)),
                    None => Err(reader.fail(DecodeErrorKind::Truncated)),
                }
            }
        }

        impl Encode for MessageId {
            fn encode(&self, writer: &mut Writer<'_>) {
                match self { $(Self::$name(id) => id.encode(writer)),+ }
            }
        }

        $(impl From<$type> for MessageId {
            fn from(id: $type) -> Self {
                Self::$name(id)
            }
        })+

        impl From<MessageId> for Value {
            fn from(id: MessageId) -> Self {
                match id { $(MessageId::$name(id) => Self::$name(id)),+ }
            }
        }
    };
}

message_ids! {
    /// A number.
    Ulong(u64) = ULONG | SMALL_ULONG | ULONG0;
    /// A universally unique identifier.
    Uuid(Uuid) = UUID;
    /// Octets.
    Binary(Bytes) = BINARY8 | BINARY32;
    /// Text.
    String(Str) = STRING8 | STRING32;
}

impl From<&str> for MessageId {
    fn from(id: &str) -> Self {
        Self::String(id.into())
    }
}

impl From<String> for MessageId {
    fn from(id: String) -> Self {
        Self::String(id.into())
    }
}
