//! How sessions begin (§2.5.1, §2.7.2).

use alloc::boxed::Box;

use amqp_codec::{Begin, Error};

use crate::context::Unanswered;
use crate::delivery::index::DeliveryIndex;
use crate::endpoints::Endpoints;
use crate::error::{Cause, CloseReason, Exhausted, Scope, StateError, Violation};
use crate::event::{Event, SessionId};
use crate::options::SessionOptions;
use crate::session::{SessionEndpoint, begin_of};
use crate::state::{SessionState, SessionStep};

impl Endpoints {
    /// Begins a session; its begin is written when the peer's limits are known, or at once on channel 0.
    pub(crate) fn begin(&mut self, options: SessionOptions) -> Result<SessionId, Exhausted> {
        if self.closing {
            return Err(Exhausted::Closed);
        }
        let room = self.sessions.len() < self.cx.limits.sessions as usize;
        // §2.7.1: the peer answers on a channel that we accept, so our own limit holds for what we begin as well.
        let answerable = |channel: &u16| room && *channel <= self.options.channel_max;
        let channel = self.free_channel().filter(answerable).ok_or(Exhausted::Channels)?;
        let id = self.insert_session(options);
        if let Some(session) = self.sessions.get_mut(id) {
            session.state.step(SessionStep::SendBegin);
            session.channel_out = Some(channel);
        }
        self.take_channel(channel, id);
        self.mark_session(id);
        Ok(id)
    }

    /// §2.5.1: the lowest channel that is free and that the peer accepts.
    fn free_channel(&self) -> Option<u16> {
        let limit = self.cx.remote_open.as_ref().map_or(u16::MAX, |open| open.channel_max);
        u16::try_from(self.own_channels.lowest_free()).ok().filter(|channel| *channel <= limit)
    }

    /// Takes the channel that is free.
    fn take_channel(&mut self, channel: u16, id: SessionId) {
        self.own_channels.take();
        self.channels_out.insert(u32::from(channel), id);
    }

    fn insert_session(&mut self, options: SessionOptions) -> SessionId {
        self.sessions.insert_with(|_| Box::new(SessionEndpoint::new(options)))
    }

    /// The peer's begin, which had so many octets.
    pub(crate) fn on_begin(&mut self, channel: u16, begin: Begin, octets: usize) -> Result<(), Violation> {
        if self.channels_in.get(u32::from(channel)).is_some() {
            return Err(Violation::ChannelInUse(channel));
        }
        let id = match begin.remote_channel {
            Some(ours) => self.on_begin_answered(channel, ours, begin)?,
            None => self.on_begin_requested(channel, begin)?,
        };
        // Where that is too much the connection is over.
        self.describe_session(id, octets)
    }

    /// The peer says more of a session, in so many octets.
    pub(crate) fn describe_session(&mut self, id: SessionId, octets: usize) -> Result<(), Violation> {
        self.cx.describe(octets)?;
        match self.sessions.get_mut(id) {
            Some(session) => session.described = session.described.saturating_add(octets),
            None => self.cx.forget(octets),
        }
        Ok(())
    }

    fn on_begin_answered(&mut self, channel: u16, ours: u16, begin: Begin) -> Result<SessionId, Violation> {
        // §2.7.2: it answers one begin of ours that is written and not yet answered.
        let id = self.channels_out.get(u32::from(ours)).ok_or(Violation::RemoteChannel(ours))?;
        let session = self.sessions.get_mut(id).ok_or(Violation::RemoteChannel(ours))?;
        if !session.begin_written || session.remote.is_some() {
            return Err(Violation::RemoteChannel(ours));
        }
        session.channel_in = Some(channel);
        session.window.on_begin(&begin, true);
        session.remote = Some(Box::new(begin));
        self.channels_in.insert(u32::from(channel), id);
        if session.state == SessionState::BeginSent {
            session.state.step(SessionStep::ReceiveBegin);
            self.cx.event(Event::SessionOpened(id));
        }
        self.release_held(id);
        self.mark_session(id);
        Ok(id)
    }

    fn on_begin_requested(&mut self, channel: u16, begin: Begin) -> Result<SessionId, Violation> {
        if self.sessions.len() >= self.cx.limits.sessions as usize {
            return Err(Violation::TooManySessions);
        }
        let accept = self.options.accept_sessions.clone();
        let id = self.insert_session(SessionOptions::default());
        self.channels_in.insert(u32::from(channel), id);
        if let Some(session) = self.sessions.get_mut(id) {
            session.state.step(SessionStep::ReceiveBegin);
            session.channel_in = Some(channel);
            session.window.on_begin(&begin, false);
            session.remote = Some(Box::new(begin));
            session.unanswered = true;
        }
        self.cx.event(Event::SessionOpening(id));
        match accept {
            // Where no channel is left for the answer the session is over.
            Some(options) => drop(self.accept_session(id, options)),
            None => self.cx.awaits_answer(Unanswered::Session(id)),
        }
        Ok(id)
    }

    pub(crate) fn accept_session(
        &mut self,
        id: SessionId,
        options: SessionOptions,
    ) -> Result<(), StateError> {
        let channel_in = self.answerable(id)?;
        let Some(channel) = self.free_channel() else {
            self.exhausted(id);
            return Err(StateError::Closed);
        };
        let session = self.sessions.get_mut(id).ok_or(crate::Gone)?;
        session.channel_out = Some(channel);
        session.state.step(SessionStep::SendBegin);
        session.outgoing = DeliveryIndex::new(options.next_delivery_id);
        session.window.answer(&options);
        *session.local = Begin { remote_channel: Some(channel_in), ..begin_of(options) };
        self.take_channel(channel, id);
        self.mark_session(id);
        Ok(())
    }

    /// The peer's channel of a session that waits for an answer.
    fn answerable(&mut self, id: SessionId) -> Result<u16, StateError> {
        let session = self.sessions.get_mut(id).ok_or(crate::Gone)?;
        match session.channel_in {
            Some(channel) if session.unanswered && session.reason.is_none() => {
                session.unanswered = false;
                Ok(channel)
            }
            _ => Err(StateError::NotAsked),
        }
    }

    /// Answers with a begin, because an end needs one before it, and an end.
    pub(crate) fn refuse_session(&mut self, id: SessionId, error: Error) -> Result<(), StateError> {
        if !self.sessions.get(id).ok_or(crate::Gone)?.unanswered {
            return Err(StateError::NotAsked);
        }
        self.end_session(id, Some(error))
    }

    /// The peer's begin is known: attaches that waited for it can be written.
    pub(crate) fn release_held(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        for id in core::mem::take(&mut session.held) {
            if let Some(link) = self.link_mut(id) {
                link.held = false;
            }
            self.mark_link(id);
        }
    }

    /// Writes the begin once its channel fits the peer; true when it is on the wire.
    pub(crate) fn write_begin(&mut self, id: SessionId) -> bool {
        let Some(session) = self.sessions.get_mut(id) else { return false };
        if session.begin_written {
            return true;
        }
        let Some(channel) = session.channel_out else { return false };
        let fits = channel <= self.cx.remote_channel_max();
        let known = self.cx.remote_open.is_some();
        if fits && self.cx.out.frame(channel, &*session.local, self.cx.out.max_frame_size) {
            session.begin_written = true;
            if session.remote.is_some() {
                // The peer may use our window once it has read of it.
                session.window.open();
            }
            return true;
        }
        if session.remote.is_some() {
            // §2.7.1: the answer is larger than the peer's max-frame-size. The end needs a begin before it: one that fits.
            let begin = &mut *session.local;
            (begin.offered_capabilities, begin.desired_capabilities) = Default::default();
            begin.properties = None;
            self.exhausted(id);
            self.mark_session(id);
        } else if known {
            // §2.4.1: what was begun ahead does not fit the peer's channel-max or max-frame-size.
            self.session_over(id, CloseReason::new(Scope::Session, Cause::Exhausted));
        }
        false
    }
}
