//! Cases whose right answer is more than a word: what is looked at beside, or instead.

mod connection;
mod link;
mod session;
mod transfer;

use crate::run::Answer;
use crate::stage::Stage;

/// What else is to be right about a case: it has the stage, and what was answered to the octets of the case.
pub(crate) type Check = fn(&mut Stage, &[u8], &Answer);

/// What is to be checked of the case `id` beyond its wording.
pub(crate) fn check(id: &str) -> Option<Check> {
    let tables = [connection::CHECKS, session::CHECKS, link::CHECKS, transfer::CHECKS];
    tables.into_iter().flatten().find(|(known, _)| *known == id).map(|(_, check)| *check)
}

/// The cases with a check.
pub(crate) fn ids() -> impl Iterator<Item = &'static str> {
    let tables = [connection::CHECKS, session::CHECKS, link::CHECKS, transfer::CHECKS];
    tables.into_iter().flatten().map(|(id, _)| *id)
}
