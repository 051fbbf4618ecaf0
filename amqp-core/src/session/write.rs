//! What a session writes in its turn, in an order that keeps every frame legal.

use crate::delivery::transfer_out::Turn;
use crate::endpoints::Endpoints;
use crate::event::{LinkId, SessionId};
use crate::state::SessionState;

impl Endpoints {
    /// Writes what the session has to say, until nothing is left, nothing more is allowed, or the output is full.
    pub(crate) fn write_session(&mut self, id: SessionId) {
        let ended = self.sessions.get(id).is_none_or(|session| session.has_ended());
        // §2.5.4: nothing follows an end, not even the answer to a detach.
        if ended || !self.write_begin(id) {
            return;
        }
        loop {
            // Links that are over first: an attach under their name may be next.
            let mut wrote = self.write_detaches(id);
            wrote |= self.write_links(id);
            wrote |= self.write_dispositions(id);
            wrote |= self.write_session_flow(id);
            wrote |= self.write_transfers(id);
            // After the rest, because a detach makes what was said of the link's deliveries void.
            wrote |= self.write_detaches(id);
            if self.cx.out.is_full() {
                self.mark_session(id);
                return;
            }
            if !wrote {
                break;
            }
        }
        self.write_end(id);
    }

    /// Attaches and flows of links; links that want to leave go on to [`Self::write_detaches`].
    fn write_links(&mut self, id: SessionId) -> bool {
        let mut wrote = false;
        while let Some(link) = self.sessions.get_mut(id).and_then(|session| session.talking.pop_front()) {
            if let Some(endpoint) = self.link_mut(link) {
                endpoint.listed = false;
            }
            wrote = true;
            if !self.write_attach(id, link) {
                continue;
            }
            self.write_link_flow(id, link);
            if self.link(link).is_some_and(|endpoint| endpoint.detach.is_some())
                && let Some(session) = self.sessions.get_mut(id)
            {
                session.leaving.push_back(link);
            }
            if self.cx.out.is_full() {
                break;
            }
        }
        wrote
    }

    fn write_dispositions(&mut self, id: SessionId) -> bool {
        let mut wrote = false;
        while !self.cx.out.is_full() && self.write_next_disposition(id) {
            wrote = true;
        }
        wrote
    }

    fn write_next_disposition(&mut self, id: SessionId) -> bool {
        let Some(session) = self.sessions.get_mut(id) else { return false };
        let Some(channel) = session.channel_out.filter(|_| session.state != SessionState::Unmapped) else {
            return false;
        };
        let Some(disposition) = session.next_disposition() else { return false };
        // It fits: larger states were refused when they were given.
        self.cx.out.frame(channel, &disposition, u32::MAX);
        true
    }

    fn write_session_flow(&mut self, id: SessionId) -> bool {
        let Some(session) = self.sessions.get_mut(id) else { return false };
        let Some(channel) = session.channel_out.filter(|_| session.wants_flow && !session.is_discarding())
        else {
            return false;
        };
        session.wants_flow = false;
        let renew = self.cx.takes_in();
        let mut flow = session.window.flow(renew);
        flow.echo = core::mem::take(&mut session.wants_echo);
        self.cx.out.frame(channel, &flow, u32::MAX);
        if !renew {
            // It could not announce the whole window: that is still to be done.
            self.renew_window(id);
        }
        true
    }

    /// §2.6.12: links take turns, a frame each.
    fn write_transfers(&mut self, id: SessionId) -> bool {
        let mut wrote = false;
        while !self.cx.out.is_full() {
            let Some(session) = self.sessions.get_mut(id) else { break };
            if session.window.remote_incoming_window() == 0 {
                break;
            }
            let Some(sender) = session.sending.pop_front() else { break };
            let turn = self.write_transfer(id, sender);
            let more = turn == Turn::Wrote
                && self.senders.get(sender).is_some_and(|sender| !sender.queue.is_empty());
            wrote |= turn == Turn::Wrote;
            if more {
                self.sessions.get_mut(id).into_iter().for_each(|session| session.sending.push_back(sender));
            } else if let Some(sender) = self.senders.get_mut(sender) {
                sender.sending = false;
            }
        }
        wrote
    }

    /// Detaches, and before them all that is to be said of deliveries and, of a link that never was, its attach.
    pub(crate) fn write_detaches(&mut self, id: SessionId) -> bool {
        let mut wrote = false;
        while let Some(link) = self.sessions.get_mut(id).and_then(|session| session.leaving.pop_front()) {
            while self.write_next_disposition(id) {}
            // A sender with deliveries to write comes back when the last of them is written.
            let waits = match link {
                LinkId::Sender(sender) => self.senders.get(sender).is_some_and(|sender| sender.must_flush()),
                LinkId::Receiver(_) => false,
            };
            if !waits && self.write_attach(id, link) {
                self.write_detach(id, link);
                wrote = true;
            }
        }
        wrote
    }

    /// Announces the incoming window again once half of it is used, unless too much waits for the application.
    #[inline]
    pub(crate) fn renew_window(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        // A session that ends after what it has to send still takes what comes until then.
        let over = session.reason.is_some() || session.is_discarding();
        // The begin announces the whole window.
        if session.wants_flow || !session.window.is_low() || over || !session.begin_written {
            return;
        }
        if self.cx.takes_in() {
            session.wants_flow = true;
            self.mark_session(id);
        } else if !session.starved {
            session.starved = true;
            self.cx.starved.push_back(id);
        }
    }

    /// §2.5.6: counts a transfer frame that arrived.
    #[inline]
    pub(crate) fn count_transfer(&mut self, id: SessionId) -> Result<(), crate::Violation> {
        let Some(session) = self.sessions.get_mut(id) else { return Ok(()) };
        session.window.received()?;
        self.renew_window(id);
        Ok(())
    }

    pub(crate) fn request_session_echo(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(id) {
            (session.wants_flow, session.wants_echo) = (true, true);
        }
        self.mark_session(id);
    }
}
