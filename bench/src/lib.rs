//! Measures the engine without sockets: two ends of a connection in one thread that hand each other their octets.
//!
//! [`engine`] measures the life of a message, [`memory`] what idle connections and links hold. A program
//! whose allocations [`heap`] is to count has `stats_alloc`'s allocator.

pub mod engine;
pub mod heap;
pub mod memory;
pub mod pair;

/// What can go wrong while a measurement is set up and run: nothing that it should go on after.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
