//! All endpoints of a connection in flat arenas, and how they are found: by id, by channel and handle, by name.

use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};

use amqp_codec::{Role, Str};

use crate::context::{Context, Unanswered};
use crate::delivery::incoming::IncomingDelivery;
use crate::delivery::outgoing::OutgoingDelivery;
use crate::error::CloseReason;
use crate::event::{DeliveryKey, Event, LinkId, ReceivedKey, ReceiverId, SenderId, SessionId};
use crate::link::LinkEndpoint;
use crate::link::receiver::ReceiverEndpoint;
use crate::link::sender::SenderEndpoint;
use crate::numbers::Numbers;
use crate::options::ConnectionOptions;
use crate::session::SessionEndpoint;
use crate::slots::Slots;
use crate::steps::step;
use crate::table::Table;

/// Sessions, links and deliveries of one connection, with what they share.
pub(crate) struct Endpoints {
    pub(crate) sessions: Slots<SessionId, Box<SessionEndpoint>>,
    pub(crate) senders: Slots<SenderId, Box<SenderEndpoint>>,
    pub(crate) receivers: Slots<ReceiverId, Box<ReceiverEndpoint>>,
    pub(crate) outgoing: Slots<DeliveryKey, OutgoingDelivery>,
    pub(crate) incoming: Slots<ReceivedKey, IncomingDelivery>,
    /// §2.5.1: channels are chosen by each side for what it sends.
    pub(crate) channels_out: Table<SessionId>,
    pub(crate) own_channels: Numbers,
    pub(crate) channels_in: Table<SessionId>,
    /// §2.6.1: names are unique for a direction. Links that wait for their name are not in it.
    pub(crate) names: BTreeSet<(Str, LinkId)>,
    pub(crate) options: Box<ConnectionOptions>,
    /// Names made here so far.
    pub(crate) names_made: u64,
    /// Set once the connection takes no new endpoints.
    pub(crate) closing: bool,
    /// Our open is written.
    pub(crate) opened: bool,
    /// The event that was taken last, where it was an endpoint's final one.
    farewell: Option<Event>,
    pub(crate) cx: Context,
}

impl Endpoints {
    pub(crate) fn new(options: ConnectionOptions) -> Self {
        let cx = Context::new(options.limits.clone());
        Self {
            sessions: Slots::new(),
            senders: Slots::new(),
            receivers: Slots::new(),
            outgoing: Slots::new(),
            incoming: Slots::new(),
            channels_out: Table::new(),
            own_channels: Numbers::default(),
            channels_in: Table::new(),
            names: BTreeSet::new(),
            options: Box::new(options),
            names_made: 0,
            closing: false,
            opened: false,
            farewell: None,
            cx,
        }
    }

    pub(crate) fn link(&self, id: LinkId) -> Option<&LinkEndpoint> {
        match id {
            LinkId::Sender(id) => self.senders.get(id).map(|sender| &sender.link),
            LinkId::Receiver(id) => self.receivers.get(id).map(|receiver| &receiver.link),
        }
    }

    pub(crate) fn link_mut(&mut self, id: LinkId) -> Option<&mut LinkEndpoint> {
        match id {
            LinkId::Sender(id) => self.senders.get_mut(id).map(|sender| &mut sender.link),
            LinkId::Receiver(id) => self.receivers.get_mut(id).map(|receiver| &mut receiver.link),
        }
    }

    /// The link that the peer's `handle` stands for.
    #[inline]
    pub(crate) fn link_by_handle(&self, session: SessionId, handle: u32) -> Option<LinkId> {
        self.sessions.get(session)?.handles_in.get(handle)
    }

    /// The links of this role and name, on whatever session.
    pub(crate) fn links_named(&self, role: Role, name: &Str) -> impl Iterator<Item = LinkId> + use<'_> {
        let (name, first) = (name.clone(), (name.clone(), LinkId::FIRST));
        let named =
            self.names.range(first..).inspect(|_| step()).take_while(move |(other, _)| *other == name);
        named.map(|(_, id)| *id).filter(move |id| id.role() == role)
    }

    /// Puts the session in turn to write.
    #[inline]
    pub(crate) fn mark_session(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(id)
            && !session.ready
        {
            session.ready = true;
            self.cx.ready.push_back(id);
        }
    }

    /// Puts the link in turn to write an attach, a flow or a detach.
    pub(crate) fn mark_link(&mut self, id: LinkId) {
        let Some(link) = self.link_mut(id) else { return };
        let session = link.session;
        if !link.listed && !link.held {
            link.listed = true;
            if let Some(session) = self.sessions.get_mut(session) {
                session.talking.push_back(id);
            }
        }
        self.mark_session(session);
    }

    /// Puts the sender in turn to write transfers.
    #[inline]
    pub(crate) fn mark_sending(&mut self, id: SenderId) {
        let Some(sender) = self.senders.get_mut(id) else { return };
        let session = sender.link.session;
        if !sender.sending {
            sender.sending = true;
            if let Some(session) = self.sessions.get_mut(session) {
                session.sending.push_back(id);
            }
        }
        self.mark_session(session);
    }

    /// Whether the application has not answered that question.
    pub(crate) fn waits(&self, who: Unanswered) -> bool {
        match who {
            Unanswered::Session(id) => self.sessions.get(id).is_some_and(|session| session.unanswered),
            Unanswered::Link(id, asked) => {
                self.link(id).is_some_and(|link| link.unanswered && link.asked == asked)
            }
        }
    }

    /// Takes the next event. What the one before it was the final event of could be read until now.
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        if let Some(read) = self.farewell.take() {
            self.said_farewell(read);
        }
        let event = self.cx.events.pop_front()?;
        match event {
            Event::Credit(id) => {
                self.senders.get_mut(id).into_iter().for_each(|it| it.credit_announced = false)
            }
            Event::Outcomes(id) => {
                self.senders.get_mut(id).into_iter().for_each(|it| it.outcomes_announced = false)
            }
            Event::Deliveries(id) => {
                self.receivers.get_mut(id).into_iter().for_each(|it| it.deliveries_announced = false);
            }
            Event::Updates(id) => self
                .receivers
                .get_mut(id)
                .and_then(|it| it.updates.as_mut())
                .into_iter()
                .for_each(|updates| updates.announced = false),
            Event::SenderClosed(_) | Event::ReceiverClosed(_) | Event::SessionEnded(_) => {
                self.farewell = Some(event);
            }
            _ => {}
        }
        Some(event)
    }

    /// The application knows that the endpoint of this final event is over.
    fn said_farewell(&mut self, last: Event) {
        let link = match last {
            Event::SenderClosed(id) => LinkId::Sender(id),
            Event::ReceiverClosed(id) => LinkId::Receiver(id),
            Event::SessionEnded(id) => {
                self.sessions.get_mut(id).into_iter().for_each(|session| session.farewell = true);
                return self.reap_session(id);
            }
            _ => return,
        };
        if let Some(link) = self.link_mut(link) {
            link.farewell = true;
        }
        self.reap_link(link);
    }

    /// Frees a link that is over once the application has read everything of it.
    pub(crate) fn reap_link(&mut self, id: LinkId) {
        if self.link(id).is_none_or(|link| link.on_wire()) {
            return;
        }
        let done = match id {
            LinkId::Sender(id) => {
                self.senders.get(id).is_some_and(|it| it.link.farewell && it.outcomes.is_empty())
            }
            LinkId::Receiver(id) => self.receivers.get(id).is_some_and(|it| it.link.farewell && it.is_read()),
        };
        if !done {
            return;
        }
        let removed = match id {
            LinkId::Sender(id) => self.senders.remove(id).map(|it| it.link),
            LinkId::Receiver(id) => {
                self.abandon_received(id);
                self.receivers.remove(id).map(|it| it.link)
            }
        };
        if let Some(link) = removed {
            self.cx.forget(link.described);
            self.names.remove(&(link.local.name.clone(), id));
            let senders = &self.senders;
            if let Some(session) = self.sessions.get_mut(link.session) {
                session.links.remove(&id);
                forget_gone(&mut session.sending, senders.len(), |id| senders.get(id).is_some());
            }
            forget_gone(&mut self.cx.blocked, senders.len(), |id| senders.get(id).is_some());
            self.reap_session(link.session);
        }
    }

    /// Frees a session that is over once its end and all its links have been read.
    pub(crate) fn reap_session(&mut self, id: SessionId) {
        if self.sessions.get(id).is_some_and(|it| {
            it.farewell && it.links.is_empty() && it.channel_out.is_none() && it.channel_in.is_none()
        }) {
            let removed = self.sessions.remove(id);
            self.cx.forget(removed.map_or(0, |session| session.described));
            let sessions = &self.sessions;
            forget_gone(&mut self.cx.starved, sessions.len(), |id| sessions.get(id).is_some());
        }
    }

    /// Ends everything: the connection is over for this reason.
    pub(crate) fn end_all(&mut self, reason: &CloseReason) {
        self.closing = true;
        let sessions: alloc::vec::Vec<_> = self.sessions.ids().collect();
        for id in sessions {
            self.session_over(id, reason.clone());
        }
        self.cx.ready.clear();
        self.cx.unanswered.clear();
    }
}

/// Who comes and goes while nobody takes anything must not make a list grow: cleared where it is much longer than what lives.
fn forget_gone<T: Copy>(waiting: &mut VecDeque<T>, live: usize, lives: impl Fn(T) -> bool) {
    if waiting.len() > live.saturating_mul(2).saturating_add(64) {
        waiting.retain(|id| lives(*id));
    }
}
