//! How sends end: each resolves exactly once, and is forgotten when it is settled and told.

use alloc::boxed::Box;
use alloc::vec::Vec;

use amqp_codec::{DeliveryNumber, DeliveryState, Role};

use crate::context::Context;
use crate::delivery::outgoing::{OutgoingDelivery, Unresolved, exceeds};
use crate::delivery::told::Told;
use crate::endpoints::Endpoints;
use crate::error::{Cause, CloseReason, Scope};
use crate::event::{DeliveryKey, Event, LinkId, SenderId, SessionId};
use crate::link::negotiate::default_outcome;
use crate::link::sender::{Ending, Resolution, SenderEndpoint};
use crate::state::LinkState;

impl Endpoints {
    /// §2.7.6: a disposition of the receiver over deliveries that we sent.
    pub(crate) fn on_receiver_disposition(
        &mut self,
        id: SessionId,
        range: (DeliveryNumber, DeliveryNumber),
        settled: bool,
        state: Option<&Told>,
    ) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        // The index leaves while its entries are looked at, because what they say changes the rest of the endpoints.
        let mut index = session.outgoing.detach();
        let mut unblocks = None;
        index.retain_range(range.0, range.1, |key| self.on_outcome(id, key, (settled, state), &mut unblocks));
        unblocks.into_iter().for_each(|sender| self.unblock(sender));
        if let Some(session) = self.sessions.get_mut(id) {
            session.outgoing = index;
        }
    }

    /// What the receiver told of one delivery; false when it is settled. `unblocks` is the sender that had one settled last.
    #[inline]
    fn on_outcome(
        &mut self,
        session: SessionId,
        key: DeliveryKey,
        (settled, state): (bool, Option<&Told>),
        unblocks: &mut Option<SenderId>,
    ) -> bool {
        let Some(delivery) = self.outgoing.get_mut(key) else { return false };
        let Some(sender) = self.senders.get_mut(delivery.link) else { return false };
        // §3.4: once an outcome is told it does not change.
        let news = state.filter(|_| !delivery.resolved);
        let known = news.or(delivery.remote_state.as_ref());
        let resolves =
            !delivery.resolved && (settled || known.is_some_and(|known| known.state().is_terminal()));
        if resolves {
            // §3.5.3: what is settled without an outcome has the source's default.
            let default = match known.map(Told::state) {
                None | Some(DeliveryState::Received(_)) => default_outcome(&sender.link.local),
                Some(_) => None,
            };
            let outcome = default.map(|state| Told::Plain(state.clone())).or_else(|| known.cloned());
            let ending = outcome.map_or_else(|| Ending::Other(Resolution::Settled(None)), Ending::Told);
            sender.push_outcome(&mut self.cx, delivery.link, key, ending);
        }
        // §2.6.12: the receiver told its outcome and waits for us to settle, or did not wait.
        let settles = settled || (resolves && sender.auto_settle);
        if !settles {
            if news.is_some() {
                delivery.remote_state = news.cloned();
            }
            delivery.resolved |= resolves;
            return true;
        }
        delivery.resolved = true;
        let (link, number, sent) = (delivery.link, delivery.id, delivery.sent);
        let repeated = state.filter(|_| delivery.told_outcome().is_none()).and_then(Told::repeatable);
        if !settled && !sender.link.has_left() {
            self.queue_settlement(session, number, repeated.cloned());
        }
        self.settled(link, key, sent);
        if let Some(other) = unblocks.replace(link).filter(|other| *other != link) {
            self.unblock(other);
        }
        false
    }

    /// Counts a delivery as settled and forgets it once its last frame is written.
    fn settled(&mut self, link: SenderId, key: DeliveryKey, sent: bool) {
        if let Some(sender) = self.senders.get_mut(link) {
            sender.unsettled = sender.unsettled.saturating_sub(1);
        }
        if sent {
            self.discard_sent(key);
        } else if let Some(delivery) = self.outgoing.get_mut(key) {
            delivery.remote_settled = true;
        }
    }

    /// Tells the peer that we have settled what it told its outcome of.
    fn queue_settlement(
        &mut self,
        session: SessionId,
        number: Option<DeliveryNumber>,
        state: Option<DeliveryState>,
    ) {
        if let (Some(session), Some(number)) = (self.sessions.get_mut(session), number) {
            session.dispositions.push(Role::Sender, number, true, state);
        }
        self.mark_session(session);
    }

    /// Puts an outcome where the application takes it.
    #[inline]
    pub(crate) fn resolve(&mut self, link: SenderId, key: DeliveryKey, resolution: Resolution) {
        if let Some(sender) = self.senders.get_mut(link) {
            sender.push_outcome(&mut self.cx, link, key, Ending::Other(resolution));
        }
    }

    #[inline]
    pub(crate) fn next_outcome(&mut self, id: SenderId) -> Option<(DeliveryKey, Resolution)> {
        let sender = self.senders.get_mut(id)?;
        let (key, ending) = sender.outcomes.pop_front()?;
        if sender.blocked {
            self.unblock(id);
        }
        self.reap_link(LinkId::Sender(id));
        Some((key, ending.into()))
    }

    /// Has the application told of its credit: at once, or when something else no longer stands in the way.
    pub(crate) fn offer_credit(&mut self, id: SenderId) {
        if let Some(sender) = self.senders.get_mut(id) {
            sender.blocked = true;
            self.unblock(id);
        }
    }

    /// Tells a sender that could not send that it can, or has it wait for room in the output.
    pub(crate) fn unblock(&mut self, id: SenderId) {
        if self.senders.get(id).is_none_or(|sender| !sender.blocked) {
            return;
        }
        if self.sendable(id) > 0 {
            self.announce_credit(id);
        } else if self.cx.output_is_full()
            && let Some(sender) = self.senders.get_mut(id)
            && !core::mem::replace(&mut sender.waits_for_room, true)
        {
            self.cx.blocked.push_back(id);
        }
    }

    /// There is less output than there was: senders that wait for room can go on.
    pub(crate) fn unblock_senders(&mut self) {
        let cx = &self.cx;
        // Half of what was written has to be gone, but not what waits for a window: nobody may ever take that.
        if cx.blocked.is_empty() || cx.output_is_full() || cx.out.len() > cx.limits.buffered_output / 2 {
            return;
        }
        for id in core::mem::take(&mut self.cx.blocked) {
            if let Some(sender) = self.senders.get_mut(id) {
                sender.waits_for_room = false;
            }
            self.unblock(id);
        }
    }

    fn announce_credit(&mut self, id: SenderId) {
        let Some(sender) = self.senders.get_mut(id) else { return };
        sender.blocked = false;
        if !sender.credit_announced {
            sender.credit_announced = true;
            self.cx.event(Event::Credit(id));
        }
    }

    /// Settles what the application has done with, whether or not the receiver told its outcome.
    pub(crate) fn settle_outgoing(&mut self, id: SenderId, key: DeliveryKey) -> Result<(), crate::Gone> {
        let delivery =
            self.outgoing.get_mut(key).filter(|delivery| delivery.link == id).ok_or(crate::Gone)?;
        let number = delivery.id.filter(|_| delivery.is_indexed()).ok_or(crate::Gone)?;
        let state = delivery.remote_state.as_ref().filter(|_| delivery.told_outcome().is_none());
        // §3.4.1: what is no outcome may not be repeated.
        let state = state.and_then(Told::repeatable).filter(|state| state.is_terminal()).cloned();
        let sent = delivery.sent;
        delivery.resolved = true;
        let link = self.senders.get(id).map(|sender| &sender.link).ok_or(crate::Gone)?;
        let (session, tells) = (link.session, !link.has_left());
        if let Some(session) = self.sessions.get_mut(session) {
            session.outgoing.remove(number);
            if tells {
                session.dispositions.push(Role::Sender, number, true, state);
            }
        }
        self.mark_session(session);
        self.settled(id, key, sent);
        self.unblock(id);
        Ok(())
    }

    /// Forgets a delivery that nobody asks for any more.
    #[inline]
    pub(crate) fn discard_sent(&mut self, key: DeliveryKey) {
        let Some(delivery) = self.outgoing.get(key) else { return };
        if let Some(sender) = self.senders.get_mut(delivery.link)
            && let Some(extra) = &mut sender.extra
        {
            extra.own_tags.remove(&delivery.tag);
        }
        self.outgoing.discard(key);
    }

    /// Takes a delivery out.
    pub(crate) fn forget_sent(&mut self, key: DeliveryKey) -> Option<OutgoingDelivery> {
        let delivery = self.outgoing.remove(key)?;
        if let Some(sender) = self.senders.get_mut(delivery.link)
            && let Some(extra) = &mut sender.extra
        {
            extra.own_tags.remove(&delivery.tag);
        }
        Some(delivery)
    }

    /// The link closes: a message that was started and not finished is cut off, so that nothing waits for its end.
    pub(crate) fn cut_unfinished(&mut self, id: SenderId, reason: &CloseReason) {
        let Some(key) =
            self.senders.get(id).filter(|sender| sender.unfinished).and_then(|sender| sender.queue.back())
        else {
            return;
        };
        let key = *key;
        let resolved = self.outgoing.get(key).is_none_or(|delivery| delivery.resolved);
        // It is unfinished, so it can be aborted.
        let resolution = match self.abort(id, key) {
            Ok(Some(message)) => Resolution::Unsent(Box::new(message), reason.clone()),
            _ => Resolution::Unacknowledged(reason.clone()),
        };
        if !resolved {
            self.resolve(id, key, resolution);
        }
    }

    /// The link is detached: what is half sent is not gone on with, because the peer may have dropped its beginning.
    pub(crate) fn cut_begun(&mut self, id: SenderId, reason: &CloseReason) {
        if let Some((key, Some(_))) = self.take_begun(id) {
            self.resolve(id, key, Resolution::Unacknowledged(reason.clone()));
        }
    }

    /// Forgets what is half sent, so that no frame of it follows. What it was is the second, where it has no outcome.
    fn take_begun(&mut self, id: SenderId) -> Option<(DeliveryKey, Option<Unresolved>)> {
        let sender = self.senders.get_mut(id).filter(|sender| sender.mid_delivery)?;
        let key = sender.queue.pop_front()?;
        sender.mid_delivery = false;
        sender.unfinished &= !sender.queue.is_empty();
        self.unqueue(id);
        let delivery = self.outgoing.get(key)?;
        self.cx.queued_octets = self.cx.queued_octets.saturating_sub(delivery.payload.len());
        let told = delivery.resolved || delivery.aborted;
        let unresolved = (!told).then(|| delivery.clone().into_unresolved());
        // Where the peer has kept it, it hears that nothing more comes. Where it is settled already, this does nothing.
        self.settle_outgoing(id, key).ok();
        self.forget_sent(key);
        Some((key, unresolved))
    }

    /// §2.7.3: the peer's new attach takes smaller messages than its last: what waits and is too large comes back.
    pub(crate) fn return_too_large(&mut self, id: SenderId) {
        let reason = CloseReason::new(Scope::Link, Cause::Exhausted);
        self.return_waiting(id, &reason, |sender, delivery| exceeds(&sender.link, delivery.octets));
    }

    /// What waits on a link that carries nothing goes nowhere any more where its session or the connection ends.
    pub(crate) fn return_stranded(&mut self, id: SenderId, reason: &CloseReason) {
        let Some(sender) = self.senders.get(id) else { return };
        let ends = self.closing || self.sessions.get(sender.link.session).is_none_or(|it| it.is_closing());
        if ends && (sender.link.refused || sender.link.state == LinkState::Detached) {
            self.return_waiting(id, reason, |_, _| true);
        }
    }

    /// Gives back what waits on a link that was detached. What the detach has cut does not wait.
    pub(crate) fn return_waiting(
        &mut self,
        id: SenderId,
        reason: &CloseReason,
        chosen: impl Fn(&SenderEndpoint, &OutgoingDelivery) -> bool,
    ) {
        let Some(sender) = self.senders.get(id) else { return };
        let chosen = |key: &DeliveryKey| self.outgoing.get(*key).is_some_and(|it| chosen(sender, it));
        let keys: Vec<_> = sender.queue.iter().copied().filter(chosen).collect();
        for key in keys {
            if let Ok(Some(message)) = self.abort(id, key) {
                self.resolve(id, key, Resolution::Unsent(Box::new(message), reason.clone()));
            }
        }
    }

    /// The link is over: everything that was accepted and has no outcome gets one.
    pub(crate) fn resolve_all(&mut self, id: SenderId, reason: &CloseReason) {
        for key in self.unresolved(id, |_| true) {
            let Some(delivery) = self.forget_sent(key) else { continue };
            if delivery.resolved || delivery.aborted {
                continue;
            }
            let resolution = if delivery.id.is_some() {
                self.leave_behind(id, delivery);
                Resolution::Unacknowledged(reason.clone())
            } else {
                Resolution::Unsent(Box::new(delivery.into_message()), reason.clone())
            };
            self.resolve(id, key, resolution);
        }
    }

    /// §2.6.13: what a link that retains it could resume with when it is attached on another connection.
    fn leave_behind(&mut self, id: SenderId, delivery: OutgoingDelivery) {
        if let Some(sender) = self.senders.get_mut(id).filter(|sender| sender.retain_unsettled) {
            sender.extra.get_or_insert_default().left_behind.push(delivery);
        }
    }

    /// Takes what is not settled out of the link as a value.
    pub(crate) fn take_unsettled(&mut self, id: SenderId) -> Vec<Unresolved> {
        if let Some(sender) = self.senders.get_mut(id).filter(|sender| sender.link.reason.is_some()) {
            let left = sender.extra.as_mut().map(|extra| core::mem::take(&mut extra.left_behind));
            return left.into_iter().flatten().map(OutgoingDelivery::into_unresolved).collect();
        }
        let begun = if self.is_leaving(id) {
            // The end of the link is the end of it, and needs no window.
            self.take_begun(id).map(|(_, unresolved)| (None, unresolved))
        } else {
            self.set_begun_aside(id).map(|(key, unresolved)| (Some(key), unresolved))
        };
        // What has its outcome was not taken back, and is still to be settled.
        let keys = self.unresolved(id, |delivery| !delivery.resolved);
        let mut taken: Vec<_> = keys
            .into_iter()
            .filter_map(|key| self.forget_sent(key))
            .filter(|delivery| !delivery.resolved && !delivery.aborted)
            .map(OutgoingDelivery::into_unresolved)
            .collect();
        if let Some((key, unresolved)) = begun {
            let place = taken.iter().take_while(|older| older.sent).count();
            taken.splice(place..place, unresolved);
            if let (Some(sender), Some(key)) = (self.senders.get_mut(id), key) {
                sender.queue.push_front(key);
                sender.mid_delivery = true;
            }
        }
        self.unblock(id);
        self.unblock_senders();
        taken
    }

    /// The link, its session or the connection ends once what was accepted is sent.
    fn is_leaving(&self, id: SenderId) -> bool {
        let link = self.senders.get(id).map(|sender| &sender.link);
        let session = link.and_then(|link| self.sessions.get(link.session));
        self.closing
            || link.is_some_and(|link| link.detach.is_some())
            || session.is_some_and(|session| session.is_closing())
    }

    /// Takes the delivery that is half sent off the queue, because it has to be ended on the wire, with an abort where it
    /// is not settled. What it was is the second.
    fn set_begun_aside(&mut self, id: SenderId) -> Option<(DeliveryKey, Option<Unresolved>)> {
        let sender = self.senders.get(id).filter(|sender| sender.mid_delivery)?;
        let key = *sender.queue.front()?;
        let delivery = self.outgoing.get(key)?;
        let unresolved =
            (!delivery.resolved && !delivery.aborted).then(|| delivery.clone().into_unresolved());
        if !delivery.aborted {
            // Some of it is sent and some is not, so it can be aborted.
            self.abort(id, key).ok();
        }
        let sender = self.senders.get_mut(id)?;
        sender.mid_delivery = false;
        sender.queue.pop_front();
        Some((key, unresolved))
    }

    /// The session is over: finds for each of its links what is not settled, in one go, for [`Self::unresolved`].
    pub(crate) fn share_out_sent(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        for key in session.outgoing.drain() {
            if let Some(delivery) = self.outgoing.get(key) {
                session.orphans.entry(delivery.link).or_default().push(key);
            }
        }
    }

    /// Empties the link's queue and, of what is `chosen`, its part of the session's index: what has an id first, then what
    /// waits for one.
    fn unresolved(&mut self, id: SenderId, chosen: impl Fn(&OutgoingDelivery) -> bool) -> Vec<DeliveryKey> {
        let Some(sender) = self.senders.get_mut(id) else { return Vec::new() };
        sender.mid_delivery = false;
        let queue = core::mem::take(&mut sender.queue);
        let (session, unsettled) = (sender.link.session, sender.unsettled);
        let span = sender.unsettled_span;
        sender.unfinished = false;
        let (mut keys, mut left) = (Vec::new(), 0_u32);
        if unsettled > 0
            && let Some(session) = self.sessions.get_mut(session)
        {
            keys = session.orphans.remove(&id).unwrap_or_default();
            let outgoing = &self.outgoing;
            session.outgoing.retain_span(span, |key| {
                let delivery = outgoing.get(key);
                let other = delivery.is_some_and(|delivery| delivery.link != id);
                let stays = !other && delivery.is_some_and(|delivery| !chosen(delivery));
                left = left.saturating_add(u32::from(stays));
                if !other && !stays {
                    keys.push(key);
                }
                other || stays
            });
        }
        self.senders.get_mut(id).into_iter().for_each(|sender| sender.unsettled = left);
        for key in queue {
            let delivery = self.outgoing.get(key);
            let octets = delivery.map_or(0, |delivery| delivery.payload.len());
            // The one that is being sent unsettled was in the index.
            let seen = delivery.is_some_and(OutgoingDelivery::is_indexed);
            self.cx.queued_octets = self.cx.queued_octets.saturating_sub(octets);
            self.unqueue(id);
            if !seen {
                keys.push(key);
            }
        }
        keys
    }
}

impl SenderEndpoint {
    #[inline]
    fn push_outcome(&mut self, cx: &mut Context, id: SenderId, key: DeliveryKey, ending: Ending) {
        self.outcomes.push_back((key, ending));
        if !self.outcomes_announced {
            self.outcomes_announced = true;
            cx.event(Event::Outcomes(id));
        }
    }
}
