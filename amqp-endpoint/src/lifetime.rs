//! How long endpoints live: as long as they have handles, and then as long as it takes to close them.

use amqp_core::codec::{Attach, AttachSource, AttachTarget, Role, TerminusDurability, TerminusExpiryPolicy};
use amqp_core::{CreditMode, ReceiverId, SenderId, SessionId};

use crate::error::Error;
use crate::state::{Place, State};
use crate::status::EndpointState;

impl State {
    /// An endpoint has a handle more.
    pub(crate) fn adopt(&mut self, place: Place) {
        if let Some(status) = self.status(place) {
            status.handles = status.handles.saturating_add(1);
            status.taken = true;
        }
    }

    /// An endpoint has a handle less. With the last of them it closes; a link whose far end outlives it is detached.
    pub(crate) fn let_go(&mut self, place: Place) {
        let Some(status) = self.status(place) else { return };
        status.handles = status.handles.saturating_sub(1);
        if status.handles > 0 {
            return;
        }
        if status.error().is_some() {
            return self.forget(place);
        }
        match place {
            Place::Session(key, _) if self.sessions.get(key).is_some_and(|session| !session.ours) => {}
            Place::Sender(_, id)
                if self.engine.sender(id).is_ok_and(|link| link.local().is_some_and(outlives_link)) =>
            {
                _ = self.engine.sender(id).map(|mut link| link.detach());
            }
            Place::Receiver(_, id)
                if self.engine.receiver(id).is_ok_and(|link| link.local().is_some_and(outlives_link)) =>
            {
                _ = self.engine.receiver(id).map(|mut link| link.detach());
            }
            _ => self.close(place, None),
        }
    }

    /// Drops the record of an endpoint that is over and has no handle.
    pub(crate) fn forget(&mut self, place: Place) {
        if self.status(place).is_none_or(|status| status.error().is_none() || status.handles > 0) {
            return;
        }
        let asked_for = self.status(place).is_some_and(|status| status.taken);
        match place {
            Place::Connection => {}
            Place::Session(key, _) => drop(self.sessions.remove(key)),
            Place::Sender(key, _) => drop(self.senders.remove(key)),
            Place::Receiver(key, id) => {
                // The engine keeps what has arrived until it is taken.
                self.release_arrived(id);
                self.receivers.remove(key);
            }
        }
        if !asked_for {
            self.arrival_is_over();
        }
    }

    /// Attaches a link again that was detached when its last handle went, and is asked for by its name.
    pub(crate) fn take_up_sender(&mut self, session: SessionId, name: &str) -> Option<(usize, SenderId)> {
        let detached = self.senders.iter().filter(|(_, record)| record.status.is_left_detached());
        let id = detached.map(|(id, _)| id).find(|id| {
            let link = self.engine.sender(*id);
            link.is_ok_and(|link| link.name() == name && link.session() == Some(session))
        })?;
        let key = self.senders.find(id)?;
        self.engine.sender(id).ok()?.attach().ok()?;
        self.change(Place::Sender(key, id), EndpointState::Opening);
        Some((key, id))
    }

    /// As `take_up_sender`, with credit granted as `credit` says.
    pub(crate) fn take_up_receiver(
        &mut self,
        session: SessionId,
        name: &str,
        credit: CreditMode,
    ) -> Option<(usize, ReceiverId)> {
        let detached = self.receivers.iter().filter(|(_, record)| record.status.is_left_detached());
        let id = detached.map(|(id, _)| id).find(|id| {
            let link = self.engine.receiver(*id);
            link.is_ok_and(|link| link.name() == name && link.session() == Some(session))
        })?;
        let key = self.receivers.find(id)?;
        let mut link = self.engine.receiver(id).ok()?;
        link.attach().ok()?;
        link.set_credit_mode(credit);
        self.receivers.get_mut(key)?.abandoned = false;
        self.change(Place::Receiver(key, id), EndpointState::Opening);
        Some((key, id))
    }

    /// Why an endpoint is over, where it is, in place of what the engine says of a call that came too late.
    pub(crate) fn reason(&mut self, place: Place, error: Error) -> Error {
        let own = self.status(place).and_then(|status| status.error().cloned());
        own.or_else(|| self.connection.error().cloned()).unwrap_or(error)
    }
}

/// The terminus at the peer is meant to be there when the link is not: it is durable or does not expire.
fn outlives_link(attach: &Attach) -> bool {
    let (durable, expiry) = match (attach.role, attach.source.as_deref(), attach.target.as_deref()) {
        (Role::Receiver, Some(AttachSource::Source(source)), _) => (source.durable, source.expiry_policy),
        (Role::Sender, _, Some(AttachTarget::Target(target))) => (target.durable, target.expiry_policy),
        _ => return false,
    };
    durable != TerminusDurability::None || expiry == TerminusExpiryPolicy::Never
}
