//! How sessions end (§2.5.2, §2.5.4, §2.7.8), and with them their links.

use alloc::boxed::Box;
use alloc::vec::Vec;

use amqp_codec::{End, Error};

use crate::endpoints::Endpoints;
use crate::error::{Cause, CloseReason, Scope, StateError, Violation, essence};
use crate::event::{Event, LinkId, SessionId};
use crate::options::SessionOptions;
use crate::state::{SessionState, SessionStep};

/// An end to write.
#[derive(Debug)]
pub(crate) struct EndIntent {
    pub(crate) error: Option<Error>,
    /// It waits for nothing, and what the peer sends before its own end does not count any more.
    pub(crate) at_once: bool,
    pub(crate) written: bool,
}

impl EndIntent {
    fn new(error: Option<Error>, at_once: bool) -> Box<Self> {
        Box::new(Self { error, at_once, written: false })
    }
}

impl Endpoints {
    /// The application ends the session: its end is written after everything accepted for sending.
    pub(crate) fn end_session(&mut self, id: SessionId, error: Option<Error>) -> Result<(), StateError> {
        if self.sessions.get(id).ok_or(crate::Gone)?.is_closing() {
            return Err(StateError::Closed);
        }
        self.answer_begin(id);
        if self.sessions.get(id).is_none_or(|session| session.reason.is_some()) {
            // There was no channel for the answer.
            return Err(StateError::Closed);
        }
        let reason = CloseReason::new(Scope::Session, Cause::Local(error.clone()));
        if let Some(session) = self.sessions.get_mut(id) {
            session.end = Some(EndIntent::new(error, false));
        }
        self.cut_unfinished_of(id, &reason);
        self.mark_session(id);
        Ok(())
    }

    pub(crate) fn cut_unfinished_of(&mut self, id: SessionId, reason: &CloseReason) {
        let links: Vec<_> =
            self.sessions.get(id).into_iter().flat_map(|session| session.links.iter().copied()).collect();
        for link in links {
            if let LinkId::Sender(sender) = link {
                self.cut_unfinished(sender, reason);
                self.return_stranded(sender, reason);
            }
        }
    }

    /// §2.5.2: an end needs a begin before it, so a begin that waits for an answer gets one.
    fn answer_begin(&mut self, id: SessionId) {
        if self.sessions.get(id).is_some_and(|session| session.unanswered) {
            // Without a channel for the answer the session is over, and nothing is left to do.
            self.accept_session(id, SessionOptions::default()).ok();
        }
    }

    /// §2.5.4: the peer broke a rule of the session: end with an error, then drop everything until its end.
    pub(crate) fn session_violation(&mut self, id: SessionId, violation: Violation) {
        if self.sessions.get(id).is_none_or(|session| session.has_ended() || session.is_discarding()) {
            // §2.5.1: one end is all there is to say, and the first error is the one that counts.
            return;
        }
        let reason = CloseReason::new(Scope::Session, Cause::Violation(violation));
        // Before those who wait for the names of its links.
        self.mark_session(id);
        self.links_over(id, &reason);
        self.answer_begin(id);
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.dispositions.clear();
        session.end = Some(EndIntent::new(Some(violation.to_error()), true));
        self.close_session(id, reason);
    }

    /// The peer's end, which had so many octets.
    pub(crate) fn on_end(&mut self, id: SessionId, mut end: End, octets: usize) {
        // What it says is kept until the application has read it.
        if end.error.is_some() && self.describe_session(id, octets).is_err() {
            end.error = end.error.map(essence);
        }
        self.answer_begin(id);
        let Some(session) = self.sessions.get_mut(id) else { return };
        if let Some(channel) = session.channel_in.take() {
            // §2.5.2: the peer may use the channel again at once, even before our end.
            self.channels_in.remove(u32::from(channel));
        }
        let ours = matches!(session.state, SessionState::EndSent | SessionState::Discarding);
        let cause = match (&mut session.end, end.error) {
            (Some(intent), None) => Cause::Local(intent.error.clone()),
            (_, error) => Cause::Remote(error),
        };
        session.state.step(SessionStep::ReceiveEnd);
        let answered = session.channel_out.is_some();
        if !ours {
            // §2.5.2: answered once, with the error where the peer broke a rule before; what was not sent is not sent
            // any more.
            let error = session.end.take().filter(|intent| intent.at_once).and_then(|intent| intent.error);
            session.end = Some(EndIntent::new(error, true));
            session.dispositions.clear();
            self.mark_session(id);
        }
        self.close_session(id, CloseReason::new(Scope::Session, cause));
        if ours || !answered {
            self.free_channel_out(id);
        }
    }

    /// The peer waits for an answer that its limits leave no channel, handle or frame for: the session is over, which it is
    /// told where there is a channel for it. What it says meanwhile is dropped.
    pub(crate) fn exhausted(&mut self, id: SessionId) {
        let reason = CloseReason::new(Scope::Session, Cause::Exhausted);
        self.answer_begin(id);
        let Some(session) = self.sessions.get_mut(id).filter(|it| !it.has_ended() && !it.is_discarding())
        else {
            return;
        };
        session.dispositions.clear();
        session.end = Some(EndIntent::new(reason.error().map(|error| *error), true));
        self.mark_session(id);
        self.close_session(id, reason);
    }

    /// The session is over on this side, with all its links.
    fn close_session(&mut self, id: SessionId, reason: CloseReason) {
        self.links_over(id, &reason);
        if let Some(session) = self.sessions.get_mut(id)
            && session.reason.is_none()
        {
            session.reason = Some(reason);
            self.cx.event(Event::SessionEnded(id));
        }
    }

    /// The session is over and off the wire: the connection is, or the session never came to be.
    pub(crate) fn session_over(&mut self, id: SessionId, reason: CloseReason) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        if let Some(channel) = session.channel_in.take() {
            self.channels_in.remove(u32::from(channel));
        }
        session.state.step(SessionStep::Lose);
        session.unanswered = false;
        session.end = None;
        self.close_session(id, reason);
        self.free_channel_out(id);
    }

    /// Our end is on the wire and the peer's has come.
    fn free_channel_out(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(id)
            && let Some(channel) = session.channel_out.take()
        {
            self.channels_out.remove(u32::from(channel));
            self.own_channels.give_back(u32::from(channel));
        }
        self.reap_session(id);
    }

    fn links_over(&mut self, id: SessionId, reason: &CloseReason) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.talking.clear();
        session.held.clear();
        session.leaving.clear();
        session.sending.clear();
        self.abandon_all_received(id);
        self.share_out_sent(id);
        let Some(session) = self.sessions.get_mut(id) else { return };
        let links: Vec<_> = session.links.iter().copied().collect();
        for link in links {
            if let Some(endpoint) = self.link_mut(link) {
                endpoint.leave_wire();
            }
            self.link_over(link, reason.clone());
            self.released(link);
        }
    }

    /// Writes the end once everything accepted for sending is written.
    pub(crate) fn write_end(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let Some(channel) = session.channel_out.filter(|_| session.begin_written) else { return };
        let queued = session.queued;
        let Some(intent) = session.end.as_mut().filter(|end| !end.written && (end.at_once || queued == 0))
        else {
            return;
        };
        intent.written = true;
        let error = intent.error.clone();
        // §2.5.5: after an end with an error nothing but the peer's end counts, whoever made the error.
        let discards = intent.at_once || error.is_some();
        session.state.step(if discards { SessionStep::SendErrorEnd } else { SessionStep::SendEnd });
        let over = session.state == SessionState::Unmapped;
        self.cx.out.last_frame(channel, error, |error| End { error });
        if over {
            self.free_channel_out(id);
        }
    }
}
