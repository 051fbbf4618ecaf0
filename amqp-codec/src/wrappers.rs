//! How optional and boxed values are encoded: as what is inside.

use crate::error::DecodeError;
use crate::format::code;
use crate::read::{Decode, Reader};
use crate::write::{Encode, Writer};
use alloc::boxed::Box;
use alloc::sync::Arc;

impl<T: Decode> Decode for Option<T> {
    #[inline(always)]
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if reader.peek() == Some(code::NULL) {
            return reader.octet().map(|_| None);
        }
        T::decode(reader).map(Some)
    }

    #[inline]
    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Encode> Encode for Option<T> {
    #[inline]
    fn encode(&self, writer: &mut Writer<'_>) {
        match self {
            Some(value) => value.encode(writer),
            None => writer.put(&[code::NULL]),
        }
    }

    #[inline]
    fn is_null(&self) -> bool {
        match self {
            Some(value) => value.is_null(),
            None => true,
        }
    }
}

macro_rules! pointers {
    ($($pointer:ident)+) => {$(
        impl<T: Decode> Decode for $pointer<T> {
            #[inline]
            fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                T::decode(reader).map(Self::new)
            }

            #[inline]
            fn absent() -> Option<Self> {
                T::absent().map(Self::new)
            }
        }

        impl<T: Encode> Encode for $pointer<T> {
            #[inline]
            fn encode(&self, writer: &mut Writer<'_>) {
                T::encode(self, writer);
            }

            #[inline]
            fn is_null(&self) -> bool {
                T::is_null(self)
            }
        }
    )+};
}

pointers! { Box Arc }
