//! The oracle itself is tried: with legal exchanges, of which it must say nothing, and with single wrong frames, each of
//! which it must name by its rule.

mod coverage;
mod legal_connection;
mod legal_deliveries;
mod legal_links;
mod legal_windows;
mod play;
mod verdict;
mod wrong_connection;
mod wrong_deliveries;
mod wrong_links;
mod wrong_sessions;
mod wrong_settlement;
