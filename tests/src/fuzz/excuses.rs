//! What the oracle takes for a fault of an engine, and is none.

use crate::oracle::Fault;

/// What was to be said of a delivery when its link failed, or when the frame that broke its link settled or aborted it, is said
/// nevertheless: whoever says it may not have known.
pub(super) fn crossed(fault: &Fault) -> bool {
    fault.rule == "TRANSPORT-2.6.4-6" && fault.detail.ends_with("went with the link that failed")
        || fault.rule == "TRANSPORT-2.7.6-11" && fault.detail.ends_with("was sent settled")
        || fault.rule == "TRANSPORT-2.6.12-7" && fault.detail.ends_with("was aborted, which settles it")
}

/// Applications that do anything may leave a message unfinished that was to go out before the drain, and take their time
/// to drain.
pub(super) fn of_application(fault: &Fault) -> bool {
    fault.rule == "TRANSPORT-2.6.7-7" && fault.detail.ends_with("was not drained")
}

/// A tag that is in use already is not followed, and peers settle what they have not got yet.
pub(super) fn astray(fault: &Fault) -> bool {
    fault.rule == "TRANSPORT-2.6.12-20" && fault.detail.ends_with("since it was resumed")
        || fault.rule == "TRANSPORT-2.7.6-10" && fault.detail.ends_with("was settled by the peer already")
}

/// Of two that do not agree about a flow none is right.
pub(super) fn of_credit(fault: &Fault) -> bool {
    fault.rule.starts_with("TRANSPORT-2.6.7-") || fault.rule.starts_with("TRANSPORT-2.5.6-")
}

/// Rows that are open in `docs/conformance.md`: incomplete unsettled maps.
pub(super) fn open(fault: &Fault) -> bool {
    matches!(fault.rule, "TRANSPORT-2.6.1-21" | "TRANSPORT-2.6.1-22")
}

/// Headers and SASL go by turns: what was to be said before the peer spoke out of turn is out of turn behind it.
pub(super) fn out_of_turn(fault: &Fault) -> bool {
    fault.rule.starts_with("SEC-5-") || fault.rule.starts_with("TRANSPORT-2.2-")
}

/// The part of the oracle's trace before a frame that does not decode. Behind it the oracle reads nothing of the peer,
/// and the engine goes on where only a session ends for it (§1.4), or has ended before.
pub(super) fn before_the_unreadable(trace: &str) -> &str {
    trace.split("a body that does not decode").next().unwrap_or_default()
}
