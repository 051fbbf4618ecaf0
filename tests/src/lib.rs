//! The test kit: engines back to back ([`pair`]), one engine against a scripted peer ([`script`]), any input in any
//! pieces ([`chop`]), and the [`oracle`] that judges every octet of all of them, and of the adapters' connections ([`judge`]).

pub mod chop;
pub mod frames;
pub mod fuzz;
pub mod judge;
pub mod oracle;
pub mod pages;
pub mod pair;
pub mod script;
pub mod simulator;

/// The README's program compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
