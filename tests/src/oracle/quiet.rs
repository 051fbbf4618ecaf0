//! What an end still owes its peer when everything sent has been delivered and nobody has anything to add.

use super::connection::Connection;
use super::fault::Verdicts;
use super::link::{Link, Tie};
use super::session::Session;

/// The answers that `connection` owes at a quiet point.
pub(super) fn owed(connection: &Connection, verdicts: &mut Verdicts) {
    if connection.local.open.is_none() || connection.local.close.is_some() {
        return;
    }
    if connection.remote.close.is_some() {
        // §2.4.3: close is answered by close.
        return verdicts.fault("TRANSPORT-2.4.3-3", "the peer's close has no answer");
    }
    for session in connection.sessions.iter() {
        owed_by_session(session, verdicts);
    }
}

/// What a clean close leaves open that it should not. The fault is the receiver's, as its peer sees it.
pub(super) fn left_hanging(connection: &Connection, verdicts: &mut Verdicts) {
    let hanging: usize =
        connection.sessions.iter().map(|session| session.outgoing.ledger.left_hanging()).sum();
    // §2.8.3: a receiver in mode first settles when it is done, and does not wait for the sender.
    verdicts.require(hanging == 0, "TRANSPORT-2.6.12-13", || {
        format!("{hanging} deliveries have an outcome and were never settled")
    });
}

fn owed_by_session(session: &Session, verdicts: &mut Verdicts) {
    let (Some(channel), false) = (session.local_channel, session.local_ended) else { return };
    if session.remote_ended {
        // §2.5.3: end is answered by end.
        return verdicts
            .fault("TRANSPORT-2.5.1-8", format!("the peer's end has no answer on channel {channel}"));
    }
    verdicts.require(!session.owes_echo, "TRANSPORT-2.6.7-15", || {
        format!("the peer's echo has no answer on channel {channel}")
    });
    for link in session.links.iter() {
        owed_by_link(link, session.window.is_open(), verdicts);
    }
}

fn owed_by_link(link: &Link, window_is_open: bool, verdicts: &mut Verdicts) {
    let Tie::Attached(handle) = link.local else { return };
    let name = &link.name;
    if let Tie::Detached { .. } = link.remote {
        // §2.6.4: detach is answered by detach.
        return verdicts.fault(
            "TRANSPORT-2.6.4-2",
            format!("the peer's detach of {name} has no answer on handle {handle}"),
        );
    }
    verdicts
        .require(!link.refusing, "TRANSPORT-2.6.1-8", || format!("{name} was refused and is not detached"));
    // §2.6.7: what is at hand goes out, and the rest of the credit is given up; a full window or a message under way
    // are reasons to wait.
    let waits = !window_is_open || link.progress.is_some();
    verdicts.require(waits || !link.credit.must_drain(), "TRANSPORT-2.6.7-7", || {
        format!("{name} was not drained")
    });
    verdicts.require(!link.owes_echo, "TRANSPORT-2.6.7-15", || {
        format!("the peer's echo about {name} has no answer")
    });
}
