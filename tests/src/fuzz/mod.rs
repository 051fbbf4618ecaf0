//! The bodies of the fuzz targets: functions of any octets, which panic where something does not hold.
//!
//! `fuzz/` runs them under a fuzzer, `tests/tests/corpus.rs` on what is kept of its finds and on random octets.

mod application;
mod calls;
mod chop;
mod connection;
mod excuses;
mod frame;
mod input;
mod message;
mod operations;
mod peer;
mod peer_frames;
mod setup;
mod subject;
mod value;

pub use chop::chop;
pub use connection::{connection_client, connection_server};
pub use frame::frame;
pub use message::message;
pub use operations::operations;
pub use peer::peer;
pub use value::value;

/// The name of a target, which is also that of its corpus and of its program, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 8] = [
    ("frame", frame),
    ("value", value),
    ("message", message),
    ("connection_client", connection_client),
    ("connection_server", connection_server),
    ("peer", peer),
    ("operations", operations),
    ("chop", chop),
];
