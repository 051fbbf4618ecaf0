//! How links attach (§2.6.3, §2.7.3): asked for here, asked for by the peer, answered, and attached again.

use alloc::boxed::Box;

use amqp_codec::{Attach, Error, MIN_MAX_FRAME_SIZE, Role};

use crate::context::Unanswered;
use crate::endpoints::Endpoints;
use crate::error::{Cause, CloseReason, Exhausted, Scope, StateError, Violation};
use crate::event::{Event, LinkId, ReceiverId, SenderId, SessionId};
use crate::link::receiver::ReceiverEndpoint;
use crate::link::sender::SenderEndpoint;
use crate::link::{DetachIntent, LinkEndpoint, negotiate, refuses};
use crate::options::{ReceiverOptions, SenderOptions};
use crate::state::{LinkState, LinkStep, SessionState};

impl Endpoints {
    pub(crate) fn attach_sender(
        &mut self,
        session: SessionId,
        mut options: SenderOptions,
    ) -> Result<SenderId, Exhausted> {
        let name = self.name_for(session, Role::Sender, options.name.take())?;
        let count = SenderOptions { source: None, target: None, ..options.clone() };
        let link = LinkEndpoint::new(session, negotiate::sender_attach(name, options));
        let id = self.senders.insert_with(|_| Box::new(SenderEndpoint::new(link, &count)));
        self.begin_attach(session, LinkId::Sender(id));
        Ok(id)
    }

    pub(crate) fn attach_receiver(
        &mut self,
        session: SessionId,
        mut options: ReceiverOptions,
    ) -> Result<ReceiverId, Exhausted> {
        let name = self.name_for(session, Role::Receiver, options.name.take())?;
        let size = options.max_message_size.filter(|size| *size != 0).unwrap_or(self.cx.limits.message_size);
        let kept = ReceiverOptions { source: None, target: None, ..options.clone() };
        let link = LinkEndpoint::new(session, negotiate::receiver_attach(name, options, size));
        let id = self.receivers.insert_with(|_| Box::new(ReceiverEndpoint::new(link, &kept)));
        self.begin_attach(session, LinkId::Receiver(id));
        self.top_up(id);
        Ok(id)
    }

    /// Gives a new link its handle and its place among the names, and has its attach written.
    fn begin_attach(&mut self, session: SessionId, id: LinkId) {
        self.register(session, id);
        let Some(link) = self.link_mut(id) else { return };
        link.state.step(LinkStep::SendAttach);
        link.wants_attach = true;
        self.queue_up(id);
    }

    fn register(&mut self, session: SessionId, id: LinkId) {
        let Some(endpoint) = self.sessions.get_mut(session) else { return };
        let handle = endpoint.own_handles.take();
        endpoint.links.insert(id);
        if let Some(link) = self.link_mut(id) {
            link.handle_out = Some(handle);
        }
    }

    /// The peer's attach, which had so many octets.
    pub(crate) fn on_attach(
        &mut self,
        session: SessionId,
        attach: Attach,
        octets: usize,
    ) -> Result<(), Violation> {
        let endpoint = self.sessions.get(session).ok_or(Violation::UnattachedHandle(attach.handle))?;
        if attach.handle > endpoint.local.handle_max {
            return Err(Violation::HandleMax(attach.handle));
        }
        if endpoint.handles_in.get(attach.handle).is_some() {
            return Err(Violation::HandleInUse(attach.handle));
        }
        // §2.7.3: a sender says where its delivery-count begins.
        if attach.role == Role::Sender && attach.initial_delivery_count.is_none() {
            return Err(Violation::InitialDeliveryCount);
        }
        let role = if attach.role == Role::Receiver { Role::Sender } else { Role::Receiver };
        let here = |link: &LinkEndpoint| link.session == session;
        // §2.6.4: a detach is answered before the name goes on, on whatever session that is.
        let leaving = self.find_named(role, &attach.name, |it| it.state == LinkState::DetachRcvd);
        if let Some(theirs) = leaving.and_then(|id| self.link(id)).map(|link| link.session) {
            self.write_owed_detaches(theirs);
        }
        if let Some(id) = self.find_named(role, &attach.name, |it| here(it) && it.awaits_attach()) {
            self.describe_link(id, octets)?;
            self.on_attach_answered(session, id, attach);
            return Ok(());
        }
        let detached = |it: &LinkEndpoint| here(it) && it.state == LinkState::Detached && it.reason.is_none();
        if let Some(id) = self.find_named(role, &attach.name, detached) {
            self.describe_link(id, octets)?;
            self.map_handle(session, id, attach);
            self.ask(id);
            return Ok(());
        }
        let waiting = self.vacate(role, &attach.name);
        if self.sessions.get(session).is_none_or(|session| session.reason.is_some()) {
            // There was no handle or no room for what was to be said of the name before.
            return Ok(());
        }
        let attached = self.on_attach_requested(session, attach, octets);
        if let Some(waiting) = waiting {
            self.queue_up(waiting);
        }
        attached
    }

    /// Counts what the peer says of a link in place of what it said before.
    pub(crate) fn describe_link(&mut self, id: LinkId, octets: usize) -> Result<(), Violation> {
        let before = self.link(id).map_or(0, |link| link.described);
        self.cx.forget(before);
        self.cx
            .describe(octets)
            .inspect_err(|_| self.cx.described = self.cx.described.saturating_add(before))?;
        self.link_mut(id).into_iter().for_each(|link| link.described = octets);
        Ok(())
    }

    /// The peer's handle stands for this link now.
    fn map_handle(&mut self, session: SessionId, id: LinkId, attach: Attach) {
        if let Some(endpoint) = self.sessions.get_mut(session) {
            endpoint.handles_in.insert(attach.handle, id);
        }
        if let (LinkId::Receiver(receiver), Some(count)) = (id, attach.initial_delivery_count)
            && let Some(receiver) = self.receivers.get_mut(receiver)
        {
            receiver.start_count(count);
        }
        let Some(link) = self.link_mut(id) else { return };
        link.handle_in = Some(attach.handle);
        link.refused = refuses(&attach);
        link.state.step(LinkStep::ReceiveAttach);
        link.remote = Some(Box::new(attach));
        if link.refused && link.detach.is_some() {
            // Our detach may have waited for deliveries that go nowhere now.
            self.mark_link(id);
        }
        if let LinkId::Sender(sender) = id {
            self.return_too_large(sender);
            self.return_stranded(sender, &CloseReason::new(Scope::Link, Cause::Remote(None)));
        }
    }

    fn on_attach_answered(&mut self, session: SessionId, id: LinkId, attach: Attach) {
        let unknown = super::unknown_terminus(&attach);
        self.map_handle(session, id, attach);
        let Some(link) = self.link_mut(id) else { return };
        if link.is_closing() || link.refused {
            return;
        }
        if unknown {
            self.link_violation(id, Violation::Terminus);
            return;
        }
        self.cx.event(match id {
            LinkId::Sender(id) => Event::SenderOpened(id),
            LinkId::Receiver(id) => Event::ReceiverOpened(id),
        });
    }

    fn on_attach_requested(
        &mut self,
        session: SessionId,
        attach: Attach,
        octets: usize,
    ) -> Result<(), Violation> {
        let full =
            self.sessions.get(session).is_some_and(|it| it.links.len() >= self.cx.limits.links as usize);
        if full {
            return Err(Violation::TooManyLinks);
        }
        self.cx.describe(octets)?;
        let impossible = negotiate::impossible(&attach);
        let mut link = LinkEndpoint::new(session, negotiate::refusal(&attach));
        link.described = octets;
        let id = match attach.role {
            Role::Receiver => {
                let options = SenderOptions::default();
                LinkId::Sender(self.senders.insert_with(|_| Box::new(SenderEndpoint::new(link, &options))))
            }
            Role::Sender => {
                let options = ReceiverOptions::default();
                LinkId::Receiver(
                    self.receivers.insert_with(|_| Box::new(ReceiverEndpoint::new(link, &options))),
                )
            }
        };
        if let Some(endpoint) = self.sessions.get_mut(session) {
            endpoint.links.insert(id);
        }
        self.names.insert((attach.name.clone(), id));
        self.map_handle(session, id, attach);
        match impossible {
            Some(violation) => self.refuse_quietly(id, violation),
            None => self.ask(id),
        }
        Ok(())
    }

    /// Tells the application of an attach that waits for its answer.
    fn ask(&mut self, id: LinkId) {
        let Some(link) = self.link_mut(id) else { return };
        (link.unanswered, link.asked) = (true, link.asked.wrapping_add(1));
        let asked = link.asked;
        self.cx.awaits_answer(Unanswered::Link(id, asked));
        self.cx.event(match id {
            LinkId::Sender(id) => Event::SenderOpening(id),
            LinkId::Receiver(id) => Event::ReceiverOpening(id),
        });
    }

    pub(crate) fn accept_sender(&mut self, id: SenderId, options: SenderOptions) -> Result<(), StateError> {
        let sender = self.senders.get_mut(id).ok_or(crate::Gone)?;
        let wish = sender.link.take_question()?;
        let again = sender.link.attached_before;
        if !again {
            sender.delivery_count = options.initial_delivery_count;
            sender.auto_drain = options.auto_drain;
            sender.drained = options.auto_drain;
            sender.auto_settle = options.auto_settle;
            sender.retain_unsettled = options.retain_unsettled;
        }
        // The flow that granted some, or drains it, may have come behind the attach.
        let asks = sender.drain && !sender.drained && sender.credit > 0 && !again;
        let answer = (!again).then(|| negotiate::sender_answer(&wish, options));
        self.check_address(LinkId::Sender(id), answer.as_ref())?;
        self.answer(LinkId::Sender(id), answer)?;
        self.offer_credit(id);
        if asks {
            self.cx.event(Event::Draining(id));
        }
        Ok(())
    }

    pub(crate) fn accept_receiver(
        &mut self,
        id: ReceiverId,
        options: ReceiverOptions,
    ) -> Result<(), StateError> {
        let size = options.max_message_size.filter(|size| *size != 0).unwrap_or(self.cx.limits.message_size);
        let receiver = self.receivers.get_mut(id).ok_or(crate::Gone)?;
        let wish = receiver.link.take_question()?;
        let again = receiver.link.attached_before;
        if !again {
            (receiver.mode, receiver.streaming) = (options.credit, options.streaming);
        }
        let answer = (!again).then(|| negotiate::receiver_answer(&wish, options, size));
        self.check_address(LinkId::Receiver(id), answer.as_ref())?;
        self.answer(LinkId::Receiver(id), answer)?;
        self.top_up(id);
        Ok(())
    }

    /// An answer that makes a dynamic node without an address is not given, and the question stays.
    fn check_address(&mut self, id: LinkId, answer: Option<&Attach>) -> Result<(), StateError> {
        if !answer.is_some_and(negotiate::lacks_address) {
            return Ok(());
        }
        self.link_mut(id).into_iter().for_each(|link| link.unanswered = true);
        Err(StateError::NoAddress)
    }

    /// Answers the peer's attach, with what this side said before where it attaches again.
    fn answer(&mut self, id: LinkId, attach: Option<Attach>) -> Result<(), StateError> {
        let session = self.link(id).ok_or(crate::Gone)?.session;
        let endpoint = self.sessions.get(session).ok_or(crate::Gone)?;
        let handle_max = endpoint.remote.as_ref().map_or(u32::MAX, |begin| begin.handle_max);
        let fits = endpoint.own_handles.lowest_free() <= handle_max;
        if !fits {
            self.exhausted(session);
            return Err(StateError::Closed);
        }
        self.register(session, id);
        let link = self.link_mut(id).ok_or(crate::Gone)?;
        if let Some(attach) = attach {
            *link.local = attach;
        }
        link.state.step(LinkStep::SendAttach);
        link.wants_attach = true;
        self.mark_link(id);
        Ok(())
    }

    /// §2.6.3: answers with a null terminus, because a detach needs an attach before it.
    pub(crate) fn answer_with_null(&mut self, id: LinkId) -> Result<(), StateError> {
        let wish = self.link_mut(id).ok_or(crate::Gone)?.take_question()?;
        self.answer(id, Some(negotiate::refusal(&wish)))
    }

    /// §2.6.3: an attach with a null terminus, and a detach that says why.
    pub(crate) fn refuse_link(&mut self, id: LinkId, error: Error) -> Result<(), StateError> {
        self.answer_with_null(id)?;
        if let LinkId::Sender(sender) = id {
            // Nothing of what was accepted before a detach can go through an attach that is refused.
            let reason = CloseReason::new(Scope::Link, Cause::Local(Some(error.clone())));
            self.return_waiting(sender, &reason, |_, _| true);
        }
        let link = self.link_mut(id).ok_or(crate::Gone)?;
        link.detach = Some(DetachIntent::closing(Some(error)));
        Ok(())
    }

    /// Refuses what the application never hears of.
    fn refuse_quietly(&mut self, id: LinkId, violation: Violation) {
        if let Some(link) = self.link_mut(id) {
            (link.unanswered, link.farewell) = (true, true);
            link.reason = Some(CloseReason::new(Scope::Link, Cause::Violation(violation)));
        }
        self.link_violation(id, violation);
    }

    /// Attaches a detached link again.
    pub(crate) fn reattach(&mut self, id: LinkId) -> Result<(), StateError> {
        let closing = self.closing;
        let link = self.link_mut(id).ok_or(crate::Gone)?;
        if link.is_closing() || closing {
            return Err(StateError::Closed);
        }
        if link.state != LinkState::Detached {
            return Err(StateError::NotAsked);
        }
        self.attach_again(id);
        if let LinkId::Receiver(receiver) = id {
            self.top_up(receiver);
        }
        Ok(())
    }

    /// Gives a detached link a handle, and has its attach written.
    pub(crate) fn attach_again(&mut self, id: LinkId) {
        let Some(link) = self.link_mut(id) else { return };
        link.state.step(LinkStep::SendAttach);
        link.wants_attach = true;
        link.remote = None;
        let session = link.session;
        self.register(session, id);
        self.mark_link(id);
    }

    /// Writes the link's attach; true when it stands on the wire.
    pub(crate) fn write_attach(&mut self, session: SessionId, id: LinkId) -> bool {
        let count = match id {
            LinkId::Sender(sender) => self.senders.get(sender).map(|sender| sender.delivery_count),
            LinkId::Receiver(_) => None,
        };
        let Some(endpoint) = self.sessions.get(session) else { return false };
        let (channel, mapped) = (endpoint.channel_out, endpoint.remote.is_some());
        let handle_max = endpoint.remote.as_ref().map_or(0, |begin| begin.handle_max);
        let ending = endpoint.is_discarding() || endpoint.state == SessionState::Unmapped;
        let limit = if mapped { self.cx.out.max_frame_size } else { MIN_MAX_FRAME_SIZE };
        let Some(link) = self.link_mut(id) else { return false };
        if !link.wants_attach {
            return link.attach_written;
        }
        let (Some(channel), Some(handle), false) = (channel, link.handle_out, ending) else { return false };
        let mut attach = (*link.local).clone();
        attach.handle = handle;
        attach.initial_delivery_count =
            count.or(attach.initial_delivery_count).filter(|_| attach.role == Role::Sender);
        // Before the peer's begin only what fits every peer is written: handle 0 and 512 octets.
        if handle <= handle_max && self.cx.out.frame(channel, &attach, limit) {
            let Some(link) = self.link_mut(id) else { return false };
            link.wants_attach = false;
            link.attach_written = true;
            // §2.6.7: a receiver that has not seen this attach counts its credit from here.
            link.local.initial_delivery_count = attach.initial_delivery_count;
            link.attached_before = true;
            if let LinkId::Sender(sender) = id {
                // What waits may have had its credit before this.
                self.mark_sending(sender);
            }
            return true;
        }
        if mapped {
            self.link_over_unattached(id);
            return false;
        }
        if let Some(link) = self.link_mut(id) {
            link.held = true;
        }
        if let Some(endpoint) = self.sessions.get_mut(session) {
            endpoint.held.push(id);
        }
        false
    }

    /// The peer's handle-max or max-frame-size has no room for our attach.
    fn link_over_unattached(&mut self, id: LinkId) {
        let Some(link) = self.link(id) else { return };
        if link.state != LinkState::AttachSent {
            // It waits for an answer that cannot be given.
            self.exhausted(link.session);
            return;
        }
        self.take_off_wire(id);
        self.link_over(id, CloseReason::new(Scope::Link, Cause::Exhausted));
        self.released(id);
    }
}

impl LinkEndpoint {
    /// Our attach is written, or will be, and its answer has not come, even if our detach was written behind it.
    pub(crate) fn awaits_attach(&self) -> bool {
        let attaches = self.attach_written || self.wants_attach || self.sent_detach.is_some();
        attaches && self.handle_in.is_none() && self.remote.is_none()
    }

    /// Takes the peer's attach that waits for an answer.
    fn take_question(&mut self) -> Result<Attach, StateError> {
        if !core::mem::take(&mut self.unanswered) {
            return Err(StateError::NotAsked);
        }
        self.remote.as_deref().cloned().ok_or(StateError::NotAsked)
    }
}
