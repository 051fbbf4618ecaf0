//! What the application chooses: one table a kind of endpoint, each field with its default.

mod connection;
mod limits;
mod link;
mod sasl;
mod session;

pub use connection::{ConnectionOptions, TransportFacts};
pub use limits::Limits;
pub use link::{CreditMode, ReceiverOptions, SenderOptions};
pub use sasl::{Credentials, SaslServer};
pub use session::SessionOptions;

/// Declares a struct of public fields with defaults, and a chainable setter for each of them. `field?: T` is an `Option<T>`
/// that is `None` by default and whose setter takes a `T`.
macro_rules! options {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$field_doc:meta])* $field:ident $(? : $some:ty)? $(: $type:ty = $default:expr)?,)+
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $(Option<$some>)? $($type)?,)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $(super::options!(none $some))? $($default)?,)+ }
            }
        }

        impl $name {
            $(
                $(#[$field_doc])*
                #[must_use]
                pub fn $field(mut self, $field: impl Into<$($some)? $($type)?>) -> Self {
                    self.$field = $(super::options!(some $some, $field.into()))? $(super::options!(plain $type, $field.into()))?;
                    self
                }
            )+
        }
    };
    (none $type:ty) => { None };
    (some $type:ty, $value:expr) => { Some($value) };
    (plain $type:ty, $value:expr) => { $value };
}
use options;
