//! How a row of the tables in [`definitions`](crate::definitions) becomes a type.

use crate::error::{DecodeError, DecodeErrorKind};
use crate::names::type_name;
use crate::read::Reader;
use crate::write::Writer;
use alloc::boxed::Box;
use alloc::sync::Arc;

/// A described type of the spec: a descriptor that always goes with it, and a list of fields or one restricted value.
pub trait Composite: Sized {
    /// The numeric descriptor.
    const CODE: u64;
    /// The symbolic descriptor: `amqp:open:list`.
    const SYMBOL: &'static str;
    /// The names of the fields: `open.container-id`.
    const FIELDS: &'static [&'static str];

    /// Reads what follows the descriptor.
    fn decode_body(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Appends what follows the descriptor.
    fn encode_body(&self, writer: &mut Writer<'_>);
}

macro_rules! pointers {
    ($($pointer:ident)+) => {$(
        impl<T: Composite> Composite for $pointer<T> {
            const CODE: u64 = T::CODE;
            const SYMBOL: &'static str = T::SYMBOL;
            const FIELDS: &'static [&'static str] = T::FIELDS;

            #[inline(never)]
            fn decode_body(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                T::decode_body(reader).map(Self::new)
            }

            #[inline]
            fn encode_body(&self, writer: &mut Writer<'_>) {
                T::encode_body(self, writer);
            }
        }
    )+};
}

pointers! { Box Arc }

/// Reads the descriptor of `T` and the value.
#[inline]
pub(crate) fn decode_composite<T: Composite>(reader: &mut Reader<'_>) -> Result<T, DecodeError> {
    let start = reader.clone();
    reader.nested(|reader| match reader.descriptor()? {
        Some(code) if code == T::CODE => T::decode_body(reader),
        _ => Err(start.fail(DecodeErrorKind::UnexpectedDescriptor)),
    })
}

/// Appends the descriptor and the value.
#[inline]
pub(crate) fn encode_composite<T: Composite>(value: &T, writer: &mut Writer<'_>) {
    writer.descriptor(T::CODE);
    value.encode_body(writer);
}

/// What the tables know of a described type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schema {
    pub(crate) code: u64,
    pub(crate) symbol: &'static str,
    pub(crate) fields: &'static [&'static str],
}

impl Schema {
    pub(crate) const fn of<T: Composite>() -> Self {
        Self { code: T::CODE, symbol: T::SYMBOL, fields: T::FIELDS }
    }

    /// `open`.
    pub(crate) const fn name(&self) -> &'static str {
        type_name(self.symbol)
    }
}

/// Described lists: `Name = code "symbol" { field: type, … }`. `table` names the constant that lists them all.
///
/// A field with `= default` is left out where it is equal to that; one whose type has a value for "absent" (`Option`,
/// `Multiple`) may be null; every other one is mandatory. `where check` refuses values for which `check` is false.
macro_rules! composites {
    (table $table:ident; $(
        $(#[$doc:meta])*
        $name:ident = $code:literal $symbol:literal {
            $($(#[$field_doc:meta])* $field:ident: $type:ty $(where $check:path)? $(= $default:expr)?,)*
        }
    )+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq)]
            pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }

            impl $name {
                /// The numeric descriptor.
                pub const CODE: u64 = $code;
                /// The symbolic descriptor.
                pub const SYMBOL: &'static str = $symbol;
            }

            impl Default for $name {
                fn default() -> Self {
                    Self { $($field: $crate::composite::composites!(@default $($default)?),)* }
                }
            }

            impl $crate::composite::Composite for $name {
                const CODE: u64 = $code;
                const SYMBOL: &'static str = $symbol;
                const FIELDS: &'static [&'static str] = &[$($crate::names::field_name!($symbol, $field),)*];

                #[inline]
                #[allow(unused_mut, reason = "some lists have no fields")]
                fn decode_body(reader: &mut $crate::read::Reader<'_>) -> Result<Self, $crate::error::DecodeError> {
                    let mut list = reader.list()?;
                    $(let $field = {
                        const NAME: &str = $crate::names::field_name!($symbol, $field);
                        let field = $crate::composite::composites!(@read list, NAME, $type $(, $default)?);
                        $(if !$check(&field) {
                            return Err(reader.fail($crate::error::DecodeErrorKind::InvalidField(NAME)));
                        })?
                        field
                    };)*
                    list.finish()?;
                    Ok(Self { $($field),* })
                }

                #[inline]
                #[allow(unused_variables, reason = "some lists have no fields")]
                fn encode_body(&self, writer: &mut $crate::write::Writer<'_>) {
                    writer.list(|list| {
                        $($crate::composite::composites!(@write list, self.$field $(, $default)?);)*
                    });
                }
            }

            $crate::composite::described_type! { $name }
        )+

        pub(super) const $table: &[$crate::composite::Schema] = &[$($crate::composite::Schema::of::<$name>(),)+];
    };
    (@default) => { Default::default() };
    (@default $default:expr) => { $default };
    (@read $list:ident, $name:ident, $type:ty) => { $list.field::<$type>($name)? };
    (@read $list:ident, $name:ident, $type:ty, $default:expr) => { $list.field_or::<$type>($name, $default)? };
    (@write $list:ident, $value:expr) => { $list.field(&$value) };
    (@write $list:ident, $value:expr, $default:expr) => { $list.field_or(&$value, &$default) };
}
pub(crate) use composites;

/// Described values of one other type: `Name(Type) = code "symbol"`.
macro_rules! sections {
    (table $table:ident; $($(#[$doc:meta])* $name:ident($type:ty) = $code:literal $symbol:literal;)+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Default, PartialEq, Eq)]
            pub struct $name(pub $type);

            impl $name {
                /// The numeric descriptor.
                pub const CODE: u64 = $code;
                /// The symbolic descriptor.
                pub const SYMBOL: &'static str = $symbol;
            }

            impl $crate::composite::Composite for $name {
                const CODE: u64 = $code;
                const SYMBOL: &'static str = $symbol;
                const FIELDS: &'static [&'static str] = &[];

                fn decode_body(reader: &mut $crate::read::Reader<'_>) -> Result<Self, $crate::error::DecodeError> {
                    $crate::read::Decode::decode(reader).map(Self)
                }

                fn encode_body(&self, writer: &mut $crate::write::Writer<'_>) {
                    $crate::write::Encode::encode(&self.0, writer);
                }
            }

            impl core::ops::Deref for $name {
                type Target = $type;
                fn deref(&self) -> &$type {
                    &self.0
                }
            }

            impl core::ops::DerefMut for $name {
                fn deref_mut(&mut self) -> &mut $type {
                    &mut self.0
                }
            }

            impl From<$type> for $name {
                fn from(value: $type) -> Self {
                    Self(value)
                }
            }

            $crate::composite::described_type! { $name }
        )+

        pub(super) const $table: &[$crate::composite::Schema] = &[$($crate::composite::Schema::of::<$name>(),)+];
    };
}
pub(crate) use sections;

/// What every described type has beside its body.
macro_rules! described_type {
    ($name:ident) => {
        impl $crate::read::Decode for $name {
            #[inline]
            fn decode(reader: &mut $crate::read::Reader<'_>) -> Result<Self, $crate::error::DecodeError> {
                $crate::composite::decode_composite(reader)
            }
        }

        impl $crate::write::Encode for $name {
            #[inline]
            fn encode(&self, writer: &mut $crate::write::Writer<'_>) {
                $crate::composite::encode_composite(self, writer);
            }
        }
    };
}
pub(crate) use described_type;

/// One of several described types, told apart by the descriptor: `enum Name { Variant(Type), … } else Unknown(Type)`.
///
/// A variant without a type stands for the field-less composite of its name. `else` keeps other described values.
macro_rules! unions {
    ($(
        $(#[$doc:meta])*
        enum $name:ident { $($(#[$variant_doc:meta])* $variant:ident $(($type:ty))?,)+ }
        $(else $(#[$other_doc:meta])* $other:ident($other_type:ty))?
    )+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant $(($type))?,)+
            $($(#[$other_doc])* $other($other_type),)?
        }

        impl $name {
            /// Reads a value and hands it to `then`, variant by variant: where the value ends up is known to each, so that
            /// none of them is made in one place and copied to another.
            #[inline(always)]
            pub(crate) fn decode_then<T>(
                reader: &mut $crate::read::Reader<'_>,
                then: impl Fn(Self, &$crate::read::Reader<'_>) -> Result<T, $crate::error::DecodeError>,
            ) -> Result<T, $crate::error::DecodeError> {
                let start = reader.clone();
                reader.deepen()?;
                match reader.descriptor()? {
                    $(Some($crate::composite::unions!(@code $variant $($type)?)) => {
                        let value = $crate::composite::unions!(@read reader $variant $($type)?);
                        reader.rise();
                        then(value, reader)
                    })+
                    _ => {
                        *reader = start;
                        $crate::composite::unions!(@other reader then $($other $other_type)?)
                    }
                }
            }
        }

        impl $crate::read::Decode for $name {
            fn decode(reader: &mut $crate::read::Reader<'_>) -> Result<Self, $crate::error::DecodeError> {
                Self::decode_then(reader, |value, _| Ok(value))
            }
        }

        impl $crate::write::Encode for $name {
            #[inline]
            fn encode(&self, writer: &mut $crate::write::Writer<'_>) {
                match self {
                    $(Self::$variant $(($crate::composite::unions!(@bind value $type)))? => {
                        $crate::composite::unions!(@write writer $variant $(value $type)?);
                    })+
                    $(Self::$other(value) => $crate::write::Encode::encode(value, writer),)?
                }
            }
        }

        $($(impl From<$type> for $name {
            fn from(value: $type) -> Self {
                Self::$variant(value)
            }
        })?)+
    )+};
    (@code $variant:ident) => { $variant::CODE };
    (@code $variant:ident $type:ty) => { <$type as $crate::composite::Composite>::CODE };
    (@read $reader:ident $variant:ident) => {{
        <$variant as $crate::composite::Composite>::decode_body($reader)?;
        Self::$variant
    }};
    (@read $reader:ident $variant:ident $type:ty) => {
        Self::$variant(<$type as $crate::composite::Composite>::decode_body($reader)?)
    };
    (@other $reader:ident $then:ident) => {
        Err($reader.fail($crate::error::DecodeErrorKind::UnexpectedDescriptor))
    };
    (@other $reader:ident $then:ident $other:ident $type:ty) => {{
        let value = <$type as $crate::read::Decode>::decode($reader)?;
        $then(Self::$other(value), $reader)
    }};
    (@bind $value:ident $type:ty) => { $value };
    (@write $writer:ident $variant:ident) => {
        $crate::composite::encode_composite(&$variant {}, $writer)
    };
    (@write $writer:ident $variant:ident $value:ident $type:ty) => {
        $crate::composite::encode_composite($value, $writer)
    };
}
pub(crate) use unions;
