//! Credit (§2.6.7 to §2.6.9, §2.7.4): flows that arrive, flows to be written, and who grants when.

use amqp_codec::{Flow, SequenceNo};

use crate::endpoints::Endpoints;
use crate::error::Violation;
use crate::event::{Event, LinkId, ReceiverId, SenderId, SessionId};
use crate::link::receiver::ReceiverEndpoint;
use crate::link::refuses;
use crate::link::sender::SenderEndpoint;
use crate::options::CreditMode;
use crate::session::window::LARGEST;

impl Endpoints {
    pub(crate) fn on_flow(&mut self, session: SessionId, flow: &Flow) -> Result<(), Violation> {
        let Some(endpoint) = self.sessions.get_mut(session) else { return Ok(()) };
        let link_state =
            flow.delivery_count.is_some() || flow.link_credit.is_some() || flow.available.is_some();
        // §2.7.4: without a handle the frame speaks of the session only.
        if flow.handle.is_none() && (link_state || flow.drain || flow.properties.is_some()) {
            return Err(Violation::FlowWithoutHandle);
        }
        endpoint.window.on_flow(flow)?;
        if !endpoint.sending.is_empty() {
            self.mark_session(session);
        }
        // §2.5.6: a peer that skips transfer-ids uses up our window as well.
        self.renew_window(session);
        let Some(handle) = flow.handle else {
            if flow.echo
                && let Some(endpoint) = self.sessions.get_mut(session)
            {
                endpoint.wants_flow = true;
                self.mark_session(session);
            }
            return Ok(());
        };
        let id = self.link_by_handle(session, handle).ok_or(Violation::UnattachedHandle(handle))?;
        if self.link(id).is_none_or(|link| link.is_discarding()) {
            return Ok(());
        }
        match id {
            LinkId::Sender(sender) => self.on_receiver_flow(sender, flow)?,
            LinkId::Receiver(receiver) => self.on_sender_flow(receiver, flow)?,
        }
        if flow.echo
            && let Some(link) = self.link_mut(id)
        {
            link.wants_flow = true;
            self.mark_link(id);
        }
        Ok(())
    }

    /// The receiver's flow: what we may send.
    fn on_receiver_flow(&mut self, id: SenderId, flow: &Flow) -> Result<(), Violation> {
        let Some(sender) = self.senders.get_mut(id) else { return Ok(()) };
        let written = sender.link.local.initial_delivery_count.filter(|_| sender.link.attach_written);
        let initial = written.unwrap_or(sender.delivery_count);
        // §2.6.7: before the receiver has seen our attach it counts from where that begins.
        let counted = flow.delivery_count.unwrap_or(initial);
        let in_flight =
            sender.delivery_count.distance_from(counted).and_then(|behind| u32::try_from(behind).ok());
        let in_flight = in_flight.ok_or(Violation::DeliveryCount)?;
        let asked = sender.drain && !sender.drained && sender.credit > 0;
        if let Some(credit) = flow.link_credit {
            sender.credit = credit.saturating_sub(in_flight);
        }
        sender.drain = flow.drain;
        sender.drained = sender.auto_drain;
        let (credit, waiting, drain) = (sender.credit, !sender.queue.is_empty(), sender.drain);
        let asks = drain && credit > 0 && !sender.drained && !asked;
        if credit > 0 && waiting {
            self.mark_sending(id);
        }
        if drain && !waiting {
            self.mark_link(LinkId::Sender(id));
        }
        if credit > 0 {
            self.offer_credit(id);
        }
        if asks {
            self.cx.event(Event::Draining(id));
        }
        Ok(())
    }

    /// The application has nothing more to send.
    pub(crate) fn drained(&mut self, id: SenderId) {
        if let Some(sender) = self.senders.get_mut(id).filter(|sender| sender.drain && !sender.drained) {
            sender.drained = true;
            self.mark_link(LinkId::Sender(id));
        }
    }

    /// The sender's flow: how far it has counted, and what it has.
    fn on_sender_flow(&mut self, id: ReceiverId, flow: &Flow) -> Result<(), Violation> {
        let Some(receiver) = self.receivers.get_mut(id) else { return Ok(()) };
        if let Some(count) = flow.delivery_count {
            // §2.6.7: a sender advances its count by credit that it gives back, and by nothing else.
            if receiver.edge.precedes(count) {
                return Err(Violation::Credit);
            }
            if receiver.delivery_count.precedes(count) {
                let given_back = count.since(receiver.delivery_count);
                receiver.delivery_count = count;
                receiver.credit = receiver.credit.saturating_sub(given_back);
            }
        }
        if let Some(available) = flow.available {
            receiver.available = available;
        }
        self.check_drained(id);
        // Credit for a drain that was taken back meanwhile may have been given back all the same.
        self.top_up(id);
        Ok(())
    }

    /// §2.6.7: all credit is used or given back, and what it was used for can be taken.
    #[inline]
    pub(crate) fn check_drained(&mut self, id: ReceiverId) {
        if let Some(receiver) = self.receivers.get_mut(id)
            && receiver.drain
            && receiver.credit == 0
            && !receiver.link.wants_flow
            && !receiver.is_arriving()
        {
            receiver.drain = false;
            self.cx.event(Event::Drained(id));
            self.top_up(id);
        }
    }

    pub(crate) fn grant(&mut self, id: ReceiverId, more: u32) {
        let Some(receiver) = self.receivers.get_mut(id) else { return };
        if more == 0 || receiver.link.is_closing() {
            return;
        }
        receiver.credit = receiver.credit.saturating_add(more).min(LARGEST);
        receiver.drain = false;
        receiver.link.wants_flow = true;
        self.mark_link(LinkId::Receiver(id));
    }

    pub(crate) fn stop(&mut self, id: ReceiverId) {
        let Some(receiver) = self.receivers.get_mut(id).filter(|it| it.link.reason.is_none()) else { return };
        (receiver.credit, receiver.demand, receiver.mode) = (0, 0, CreditMode::Manual);
        receiver.link.wants_flow = true;
        self.mark_link(LinkId::Receiver(id));
    }

    pub(crate) fn drain(&mut self, id: ReceiverId) {
        let Some(receiver) = self.receivers.get_mut(id).filter(|it| it.link.reason.is_none()) else { return };
        receiver.drain = true;
        if receiver.credit == 0 {
            self.check_drained(id);
            return;
        }
        receiver.link.wants_flow = true;
        self.mark_link(LinkId::Receiver(id));
    }

    pub(crate) fn demand(&mut self, id: ReceiverId, deliveries: u32) {
        if let Some(receiver) = self.receivers.get_mut(id) {
            receiver.demand = deliveries;
        }
        self.top_up(id);
    }

    pub(crate) fn set_credit_mode(&mut self, id: ReceiverId, mode: CreditMode) {
        if let Some(receiver) = self.receivers.get_mut(id) {
            receiver.mode = mode;
        }
        self.top_up(id);
    }

    /// Grants what the link's mode wants to be granted by now.
    #[inline]
    pub(crate) fn top_up(&mut self, id: ReceiverId) {
        let Some(receiver) = self.receivers.get(id) else { return };
        let waiting = u32::try_from(receiver.ready.len()).unwrap_or(u32::MAX);
        let arriving = u32::from(receiver.is_arriving());
        let there = receiver.credit.saturating_add(waiting).saturating_add(arriving);
        let wanted = match receiver.mode {
            CreditMode::Manual => 0,
            CreditMode::Prefetch(window) if there <= window / 2 => window,
            CreditMode::Prefetch(_) => 0,
            CreditMode::OnDemand(most) => receiver.demand.min(most),
        };
        // A peer that uses its credit must not break the limit with it.
        let room = self.cx.limits.unsettled.saturating_sub(receiver.may_be_unsettled());
        if wanted > there && !receiver.drain {
            self.grant(id, wanted.saturating_sub(there).min(room));
        }
    }

    pub(crate) fn request_echo(&mut self, id: LinkId) {
        if let Some(link) = self.link_mut(id).filter(|link| link.reason.is_none()) {
            (link.wants_flow, link.wants_echo) = (true, true);
            self.mark_link(id);
        }
    }

    /// Writes the link's flow, if one is wanted. An answer to echo never asks for one.
    pub(crate) fn write_link_flow(&mut self, session: SessionId, id: LinkId) {
        let Some(link) = self.link_mut(id) else { return };
        if link.is_discarding() || refuses(&link.local) {
            // §2.6.3, §2.6.5: nothing but the detach is still to be said.
            link.wants_flow = false;
            return;
        }
        let Some(endpoint) = self.sessions.get_mut(session) else { return };
        let Some(channel) = endpoint.channel_out else { return };
        let renew = self.cx.takes_in();
        let state = match id {
            LinkId::Sender(id) => self.senders.get_mut(id).and_then(|sender| sender.flow()),
            LinkId::Receiver(id) => self.receivers.get_mut(id).and_then(|receiver| receiver.flow()),
        };
        let Some(state) = state else { return };
        // It says all that a flow of the session would say, but for asking back.
        endpoint.wants_flow = endpoint.wants_echo;
        let flow = Flow {
            handle: state.handle,
            delivery_count: state.delivery_count,
            link_credit: state.link_credit,
            available: state.available,
            drain: state.drain,
            echo: state.echo,
            ..endpoint.window.flow(renew)
        };
        self.cx.out.frame(channel, &flow, u32::MAX);
        if !renew {
            self.renew_window(session);
        }
        if let LinkId::Receiver(id) = id {
            self.check_drained(id);
        }
    }
}

impl SenderEndpoint {
    /// Our state as sender, after giving back credit that the receiver wants drained and nothing is there for.
    fn flow(&mut self) -> Option<Flow> {
        if self.drain && self.drained && self.queue.is_empty() && self.credit > 0 {
            // §2.6.7: one step, however much it is.
            self.delivery_count = self.delivery_count.add(self.credit);
            self.credit = 0;
            self.link.wants_flow = true;
        }
        if !core::mem::take(&mut self.link.wants_flow) {
            return None;
        }
        Some(Flow {
            handle: self.link.handle_out,
            delivery_count: Some(self.delivery_count),
            link_credit: Some(self.credit),
            available: Some(u32::try_from(self.queue.len()).unwrap_or(u32::MAX)),
            drain: self.drain,
            echo: core::mem::take(&mut self.link.wants_echo),
            ..Flow::default()
        })
    }

    /// Deliveries must be written before the detach.
    pub(crate) fn must_flush(&self) -> bool {
        !self.queue.is_empty()
            && !self.link.refused
            && self.link.detach.as_ref().is_some_and(|intent| !intent.at_once)
    }
}

impl ReceiverEndpoint {
    fn flow(&mut self) -> Option<Flow> {
        if !core::mem::take(&mut self.link.wants_flow) {
            return None;
        }
        let edge = self.delivery_count.add(self.credit);
        if self.edge.precedes(edge) {
            self.edge = edge;
        }
        Some(Flow {
            handle: self.link.handle_out,
            delivery_count: self.link.remote.as_ref().map(|_| self.delivery_count),
            link_credit: Some(self.credit),
            drain: self.drain,
            echo: core::mem::take(&mut self.link.wants_echo),
            ..Flow::default()
        })
    }

    /// A message has begun to arrive that can be taken once it is whole.
    #[inline]
    fn is_arriving(&self) -> bool {
        !self.streaming && self.partial.as_ref().is_some_and(|partial| !partial.dropped)
    }

    /// Unsettled deliveries, and those that there is credit for.
    #[inline]
    pub(crate) fn may_be_unsettled(&self) -> u32 {
        self.unsettled.saturating_add(self.credit)
    }

    /// §2.6.7: the sender's first delivery-count is known; credit granted before counts from there.
    pub(crate) fn start_count(&mut self, initial: SequenceNo) {
        let granted = self.edge.since(self.delivery_count);
        self.delivery_count = initial;
        self.edge = initial.add(granted);
    }

    /// Detached: credit is granted anew when the link is attached again.
    pub(crate) fn reset_credit(&mut self) {
        (self.credit, self.drain, self.demand) = (0, false, 0);
        self.edge = self.delivery_count;
    }
}
