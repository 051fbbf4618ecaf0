//! How links detach and close (§2.6.4 to §2.6.6, §2.7.7).

use alloc::boxed::Box;

use amqp_codec::{Detach, Error};

use crate::endpoints::Endpoints;
use crate::error::{Cause, CloseReason, Scope, StateError, Violation, essence};
use crate::event::{Event, LinkId, SessionId};
use crate::link::{DetachIntent, LinkEndpoint};
use crate::state::{LinkState, LinkStep};

impl Endpoints {
    /// The application detaches or closes the link: the detach is written after everything accepted for sending.
    pub(crate) fn detach(
        &mut self,
        id: LinkId,
        closed: bool,
        error: Option<Error>,
    ) -> Result<(), StateError> {
        let link = self.link_mut(id).ok_or(crate::Gone)?;
        let idle = link.state == LinkState::Detached;
        let leaving = idle || link.detach.is_some() || link.sent_detach.is_some();
        if link.is_closing() || (!closed && leaving) {
            return Err(StateError::Closed);
        }
        if link.unanswered {
            // §2.6.3: detaching what was never answered is refusing it.
            let error = error.unwrap_or_else(|| amqp_codec::ErrorCondition::DETACH_FORCED.into());
            return self.refuse_link(id, error);
        }
        if link.wants_attach && !link.attached_before && link.state == LinkState::AttachSent {
            // Nothing of it is on the wire, from either side.
            self.take_off_wire(id);
            self.link_over(id, CloseReason::new(Scope::Link, Cause::Local(error)));
            return Ok(());
        }
        if link.state == LinkState::DetachRcvd {
            // §2.6.4: the peer's detach is answered in kind, before there is more to say.
            let session = link.session;
            self.write_owed_detaches(session);
        }
        self.detach_attached(id, DetachIntent { closed, error, at_once: false });
        Ok(())
    }

    /// Both have attached, now or before.
    fn detach_attached(&mut self, id: LinkId, intent: DetachIntent) {
        let Some(link) = self.link_mut(id).filter(|link| link.reason.is_none()) else { return };
        match link.state {
            // Its turn to be answered has not come, nor will it: the answer closes.
            LinkState::DetachRcvd => self.close_at_once(id, intent.error),
            // §2.6.6: a detached link is closed by attaching it again.
            LinkState::Detached => {
                link.detach = Some(Box::new(intent));
                self.attach_again(id);
            }
            _ => {
                let reason = CloseReason::new(Scope::Link, Cause::Local(intent.error.clone()));
                link.detach = Some(Box::new(intent));
                if let LinkId::Sender(sender) = id {
                    self.cut_unfinished(sender, &reason);
                }
                self.mark_link(id);
            }
        }
    }

    /// The application has closed the link, and what was accepted for sending is not waited for.
    pub(crate) fn close_at_once(&mut self, id: LinkId, error: Option<Error>) {
        self.link_over(id, CloseReason::new(Scope::Link, Cause::Local(error.clone())));
        self.owe_detach(id, DetachIntent::at_once(true, error));
    }

    /// §2.6.5: the peer broke a rule of the link: detach with an error, then drop everything until its detach.
    pub(crate) fn link_violation(&mut self, id: LinkId, violation: Violation) {
        let reason = CloseReason::new(Scope::Link, Cause::Violation(violation));
        let Some(link) = self.link_mut(id) else { return };
        let asked = link.unanswered;
        if asked {
            self.answer_with_null(id).ok();
        }
        self.link_over(id, reason);
        let error = Some(violation.to_error());
        self.owe_detach(id, DetachIntent::at_once(true, error));
    }

    /// Has a detach written before links say anything more, unless ours is on the wire already, or there is no handle to
    /// write it for.
    fn owe_detach(&mut self, id: LinkId, intent: Box<DetachIntent>) {
        let Some(link) = self.link_mut(id) else { return };
        if link.sent_detach.is_some() {
            return;
        }
        if link.handle_out.is_none() {
            link.detach = None;
            self.released(id);
            return;
        }
        link.detach = Some(intent);
        let session = link.session;
        self.sessions.get_mut(session).into_iter().for_each(|session| session.leaving.push_back(id));
        self.mark_session(session);
    }

    /// The peer goes on with a name, or the application with a link, before our detach was polled: it is written now, behind
    /// those of other links, so that frames keep their order.
    pub(crate) fn write_owed_detaches(&mut self, session: SessionId) {
        // §2.4.1, §2.4.3, §2.5.2: nothing is written before our open, behind a close, nor on a session behind its end.
        let ended = self.sessions.get(session).is_none_or(|session| session.has_ended());
        if self.opened && !self.closing && !ended && self.write_begin(session) {
            self.write_detaches(session);
        }
    }

    /// The peer's detach, which had so many octets.
    pub(crate) fn on_detach(
        &mut self,
        session: SessionId,
        mut detach: Detach,
        octets: usize,
    ) -> Result<(), Violation> {
        let unattached = Violation::UnattachedHandle(detach.handle);
        let endpoint = self.sessions.get_mut(session).ok_or(unattached)?;
        let id = endpoint.handles_in.get(detach.handle).ok_or(unattached)?;
        if detach.error.is_some() {
            // It is kept until the application has read it.
            let before = self.link(id).map_or(0, |link| link.described);
            if self.describe_link(id, before.saturating_add(octets)).is_err() {
                detach.error = detach.error.map(essence);
            }
        }
        let endpoint = self.sessions.get_mut(session).ok_or(unattached)?;
        endpoint.handles_in.remove(detach.handle);
        let link = self.link_mut(id).ok_or(unattached)?;
        link.handle_in = None;
        let refused = link.unanswered;
        if refused {
            // Without a handle for the answer the session is over, and nothing is left to do.
            self.answer_with_null(id).ok();
        }
        let Some(link) = self.link_mut(id) else { return Ok(()) };
        let ours = matches!(link.state, LinkState::DetachSent | LinkState::ErrDetachSent);
        link.state.step(LinkStep::ReceiveDetach);
        // §2.6.5: an error ends the link, whether or not closed is set; so does leaving before there was an answer.
        let ends = detach.closed || detach.error.is_some() || refused;
        if ours {
            self.on_detach_answered(id, ends, detach);
        } else {
            self.on_detach_requested(id, ends, detach);
        }
        Ok(())
    }

    /// Our detach crossed the peer's or was answered by it.
    fn on_detach_answered(&mut self, id: LinkId, ends: bool, detach: Detach) {
        // Attaching again would take the name from whoever has it now.
        let named = self.link(id).is_some_and(|link| self.names.contains(&(link.local.name.clone(), id)));
        let Some(link) = self.link_mut(id) else { return };
        let Some(intent) = link.sent_detach.take() else { return };
        let crossed = !intent.closed && detach.closed && named;
        // One whose name was taken meanwhile is over, and is not attached again.
        if !intent.closed && !ends && link.reason.is_none() {
            self.free_handle(id);
            self.suspended(id);
            return;
        }
        let cause = match detach.error {
            Some(error) => Cause::Remote(Some(error)),
            None if intent.closed => Cause::Local(intent.error),
            None => Cause::Remote(None),
        };
        // What else was to be written went with the handle.
        link.detach = None;
        self.free_handle(id);
        self.link_over(id, CloseReason::new(Scope::Link, cause));
        if crossed {
            self.close_by_attaching(id);
        } else {
            self.released(id);
        }
    }

    /// §2.6.6: the peer closed while our detach was under way, so we attach again and close.
    fn close_by_attaching(&mut self, id: LinkId) {
        if let Some(link) = self.link_mut(id) {
            link.detach = Some(DetachIntent::at_once(true, None));
        }
        self.attach_again(id);
    }

    fn on_detach_requested(&mut self, id: LinkId, ends: bool, detach: Detach) {
        let Some(link) = self.link_mut(id) else { return };
        let ours = link.detach.take();
        let refused = super::refuses(&link.local);
        let closed = detach.closed || refused || ours.as_ref().is_some_and(|intent| intent.closed);
        let closes = ours.as_ref().is_some_and(|intent| intent.closed);
        let error = ours.and_then(|intent| intent.error);
        if ends || closed {
            let cause = match detach.error {
                None if closes => Cause::Local(error.clone()),
                theirs => Cause::Remote(theirs),
            };
            self.link_over(id, CloseReason::new(Scope::Link, cause));
        }
        // §2.6.4: answered in kind, and without waiting for what was accepted.
        self.owe_detach(id, DetachIntent::at_once(closed, error));
    }

    /// Writes the detach of a link whose attach is on the wire.
    pub(crate) fn write_detach(&mut self, session: SessionId, id: LinkId) {
        let channel = self.sessions.get(session).and_then(|session| session.channel_out);
        let Some(link) = self.link_mut(id) else { return };
        let (Some(channel), Some(handle), true) = (channel, link.handle_out, link.attach_written) else {
            return;
        };
        let Some(intent) = link.detach.take() else { return };
        link.attach_written = false;
        link.wants_flow = false;
        let answered = link.state == LinkState::DetachRcvd;
        // §2.6.5: after a detach with an error nothing but the peer's detach counts, whoever made the error.
        let discards = intent.at_once || intent.error.is_some();
        link.state.step(if discards { LinkStep::SendErrorDetach } else { LinkStep::SendDetach });
        link.sent_detach = (!answered).then(|| intent.clone());
        let closed = intent.closed;
        self.cx.out.last_frame(channel, intent.error, |error| Detach { handle, closed, error });
        if answered {
            self.free_handle(id);
            if self.link(id).is_some_and(|link| link.reason.is_some()) {
                self.released(id);
            } else {
                self.suspended(id);
            }
        }
    }

    /// §2.6.4: detached and kept.
    fn suspended(&mut self, id: LinkId) {
        match id {
            LinkId::Sender(sender) => {
                let reason = CloseReason::new(Scope::Link, Cause::Remote(None));
                self.cut_begun(sender, &reason);
                self.return_stranded(sender, &reason);
                self.senders
                    .get_mut(sender)
                    .into_iter()
                    .for_each(|sender| (sender.credit, sender.drain) = (0, false));
            }
            LinkId::Receiver(receiver) => {
                self.cut_partial(receiver);
                self.receivers.get_mut(receiver).into_iter().for_each(|receiver| receiver.reset_credit());
            }
        }
        let Some(link) = self.link_mut(id) else { return };
        link.refused = false;
        if link.detach.is_some() {
            // Closed by the application while it was being detached.
            self.attach_again(id);
            return;
        }
        self.cx.event(match id {
            LinkId::Sender(sender) => Event::SenderDetached(sender),
            LinkId::Receiver(receiver) => Event::ReceiverDetached(receiver),
        });
    }

    /// §2.6.2: a handle is free once both detaches have passed.
    fn free_handle(&mut self, id: LinkId) {
        let Some(link) = self.link_mut(id) else { return };
        let (session, handle) = (link.session, link.handle_out.take());
        if let Some(session) = self.sessions.get_mut(session)
            && let Some(handle) = handle
        {
            session.own_handles.give_back(handle);
        }
    }

    /// The link is over and off the wire: who waited for its name attaches, and its slot can go.
    pub(crate) fn released(&mut self, id: LinkId) {
        if let Some(successor) = self.link_mut(id).and_then(|link| link.successor.take()) {
            self.queue_up(successor);
        }
        self.reap_link(id);
    }

    /// Forgets the handle of a link that never was on the wire.
    pub(crate) fn take_off_wire(&mut self, id: LinkId) {
        self.free_handle(id);
        if let Some(link) = self.link_mut(id) {
            link.leave_wire();
        }
    }

    /// The link is over on this side: what was sent gets its outcome, what was received can still be taken.
    pub(crate) fn link_over(&mut self, id: LinkId, reason: CloseReason) {
        let Some(link) = self.link_mut(id) else { return };
        if link.reason.is_some() {
            return;
        }
        link.reason = Some(reason.clone());
        link.unanswered = false;
        match id {
            LinkId::Sender(sender) => {
                self.resolve_all(sender, &reason);
                self.cx.event(Event::SenderClosed(sender));
            }
            LinkId::Receiver(receiver) => {
                self.abandon_received(receiver);
                self.cx.event(Event::ReceiverClosed(receiver));
            }
        }
    }
}

impl LinkEndpoint {
    /// Some frame of it is on the wire, or will be, that the peer has not answered for good.
    pub(crate) fn on_wire(&self) -> bool {
        self.handle_in.is_some() || self.handle_out.is_some() || self.wants_attach || self.detach.is_some()
    }

    /// The session is over: so is everything that was to be written.
    pub(crate) fn leave_wire(&mut self) {
        self.state.step(LinkStep::Lose);
        (self.handle_in, self.handle_out, self.detach, self.sent_detach) = (None, None, None, None);
        (self.wants_attach, self.attach_written, self.wants_flow) = (false, false, false);
    }
}
