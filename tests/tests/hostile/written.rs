//! Cases without octets, a test each.

pub(crate) mod connection;
pub(crate) mod delivery;
pub(crate) mod frames;
pub(crate) mod messages;
pub(crate) mod session;
