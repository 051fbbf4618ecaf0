//! The described types of the spec, one table for each of its parts.

mod messaging;
mod security;
mod transactions;
mod transport;

pub use messaging::*;
pub use security::*;
pub use transactions::*;
pub use transport::*;

use crate::composite::Schema;

const TABLES: [&[Schema]; 5] = [TRANSPORT, MESSAGING, SECTIONS, TRANSACTIONS, SECURITY];

/// The numeric descriptor of a symbolic one.
#[cold]
pub(crate) fn code_of_symbol(symbol: &[u8]) -> Option<u64> {
    schemas().find(|schema| schema.symbol.as_bytes() == symbol).map(|schema| schema.code)
}

/// What the tables know of the type with a numeric descriptor.
pub(crate) fn schema_of_code(code: u64) -> Option<&'static Schema> {
    schemas().find(|schema| schema.code == code)
}

fn schemas() -> impl Iterator<Item = &'static Schema> {
    TABLES.into_iter().flatten()
}
