//! Deliveries (§2.6.12): how messages become transfer frames and transfer frames messages, and what is kept of them
//! until both sides have settled.

pub(crate) mod incoming;
pub(crate) mod index;
pub(crate) mod outgoing;
mod resolve;
pub(crate) mod settle;
pub(crate) mod tags;
pub(crate) mod told;
pub(crate) mod transfer_in;
pub(crate) mod transfer_out;
