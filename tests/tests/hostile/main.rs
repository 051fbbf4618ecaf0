//! What a hostile peer may send, and the right answer.
//!
//! `tests/data/hostile.ndjson` has a case a line: the state before it, the octets where there are some, and what is
//! expected. [`answers`] gives each row to an engine in that state and judges the answer; [`always`] tries every row in
//! every variation, and judges what holds whatever the octets are.
#![cfg(test)]

mod always;
mod answer;
mod answers;
mod bounds;
mod memory;
mod rows;
mod run;
mod special;
mod stage;
mod table;
mod variants;
mod written;
