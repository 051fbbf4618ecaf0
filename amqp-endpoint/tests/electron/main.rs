//! The defects of electron, one test each, where a run can show that they cannot happen here. `docs/electron.md` lists
//! them all.
#![cfg(test)]

#[path = "../kit/mod.rs"]
mod kit;

mod api;
mod crashes;
mod hangs;
mod leaks;
mod words;
mod wrongs;
