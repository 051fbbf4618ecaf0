//! What the engine tells, and who gets to know it.

use amqp_core::codec::{Error as Condition, ErrorCondition};
use amqp_core::{Event, ReceiverId, SenderId, SessionId};

use crate::backlog::Arrival;
use crate::error::Error;
use crate::receiver::ReceiverRecord;
use crate::sender::SenderRecord;
use crate::state::{Place, SessionRecord, State};
use crate::status::{EndpointState, Status};

impl State {
    pub(crate) fn look_at_events(&mut self) {
        while let Some(event) = self.engine.poll_event() {
            self.on_event(event);
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Authenticate => self.arrived(Arrival::Authentication),
            Event::Authenticated => self.authenticated = true,
            Event::Opening => self.arrived(Arrival::Connection),
            Event::Opened => self.connection.change(EndpointState::Open, &mut self.after),
            Event::SessionOpening(id) => self.on_session_opening(id),
            Event::SessionOpened(id) => self.set_session(id, EndpointState::Open),
            Event::SessionEnded(id) => self.on_session_ended(id),
            Event::SenderOpening(id) => self.on_sender_opening(id),
            Event::SenderOpened(id) => self.set_sender(id, EndpointState::Open),
            Event::SenderDetached(id) => self.set_sender(id, EndpointState::Detached),
            Event::SenderClosed(id) => self.on_sender_closed(id),
            Event::Credit(id) => self.on_credit(id),
            Event::Draining(id) => self.on_draining(id),
            Event::Outcomes(id) => self.on_outcomes(id),
            Event::ReceiverOpening(id) => self.on_receiver_opening(id),
            Event::ReceiverOpened(id) => self.set_receiver(id, EndpointState::Open),
            Event::ReceiverDetached(id) => {
                self.set_receiver(id, EndpointState::Detached);
                // The credit went with the attachment.
                self.on_drained(id);
            }
            Event::ReceiverClosed(id) => self.on_receiver_closed(id),
            Event::Deliveries(id) => self.on_deliveries(id),
            Event::Updates(id) => self.on_updates(id),
            Event::Drained(id) => self.on_drained(id),
            Event::Closed => self.on_closed(),
            _ => {}
        }
    }

    /// Something of the peer waits for an answer of the application.
    fn arrived(&mut self, arrival: Arrival) {
        self.backlog.push(arrival, &mut self.after);
    }

    fn on_session_opening(&mut self, id: SessionId) {
        if !self.backlog.is_open() {
            if let Ok(mut session) = self.engine.session(id) {
                // Nothing can be wrong with answering what has just been asked.
                _ = session.refuse(not_allowed());
            }
            return;
        }
        let key = self.sessions.insert(id, SessionRecord { status: Status::new(), ours: false });
        if self.engine.options().accept_sessions.is_some() {
            self.set_session(id, EndpointState::Open);
        } else {
            self.arrived(Arrival::Session(key, id));
        }
    }

    fn on_session_ended(&mut self, id: SessionId) {
        let reason = self.engine.session(id).ok().and_then(|session| session.close_reason().cloned());
        let Some(reason) = reason else { return };
        let error = self.error_of(&reason);
        if self.default_session.is_some_and(|(_, default)| default == id) {
            self.default_session = None;
        }
        let Some(key) = self.sessions.find(id) else { return };
        self.end(Place::Session(key, id), error);
    }

    fn on_sender_opening(&mut self, id: SenderId) {
        let known = self.senders.find(id);
        let served = known.is_some_and(|key| self.senders.get(key).is_some_and(|it| it.status.handles > 0));
        let Ok(mut sender) = self.engine.sender(id) else { return };
        if served {
            // The peer attaches a link again that the application has: the deliveries stayed live.
            _ = sender.accept(amqp_core::SenderOptions::default());
            return self.set_sender(id, EndpointState::Open);
        }
        if !self.backlog.is_open() {
            _ = sender.refuse(not_allowed());
            return;
        }
        let attach = sender.remote().cloned().map(Box::new).unwrap_or_default();
        let Some(session) = sender.session().and_then(|id| Some((self.sessions.find(id)?, id))) else {
            return;
        };
        // One that was let go of when it was detached is asked for like a new one.
        known.into_iter().for_each(|key| drop(self.senders.remove(key)));
        // Whoever accepts it may have something to send, and needs a moment to ask for credit.
        let key = self.senders.insert(id, SenderRecord { idle: Some(false), ..SenderRecord::new() });
        self.arrived(Arrival::Sender { key, id, session, attach });
    }

    fn on_sender_closed(&mut self, id: SenderId) {
        // What resolves with the link comes before its end.
        self.on_outcomes(id);
        let reason = self.engine.sender(id).ok().and_then(|sender| sender.close_reason().cloned());
        let (Some(reason), Some(key)) = (reason, self.senders.find(id)) else { return };
        let error = self.error_of(&reason);
        self.end(Place::Sender(key, id), error);
    }

    fn on_credit(&mut self, id: SenderId) {
        let Ok(mut sender) = self.engine.sender(id) else { return };
        let credit = sender.credit();
        if let Some(record) = self.senders.of(id) {
            record.waiters.wake(credit as usize, &mut self.after);
        }
    }

    fn on_outcomes(&mut self, id: SenderId) {
        while let Ok(mut sender) = self.engine.sender(id)
            && let Some((key, resolution)) = sender.next_outcome()
        {
            let outcome = self.outcome_of(key, resolution);
            self.sends.resolve(key, outcome, &mut self.after);
        }
    }

    fn on_receiver_opening(&mut self, id: ReceiverId) {
        let known = self.receivers.find(id);
        let served = known.is_some_and(|key| self.receivers.get(key).is_some_and(|it| it.status.handles > 0));
        let Ok(mut receiver) = self.engine.receiver(id) else { return };
        if served {
            _ = receiver.accept(amqp_core::ReceiverOptions::default());
            return self.set_receiver(id, EndpointState::Open);
        }
        if !self.backlog.is_open() {
            _ = receiver.refuse(not_allowed());
            return;
        }
        let attach = receiver.remote().cloned().map(Box::new).unwrap_or_default();
        let Some(session) = receiver.session().and_then(|id| Some((self.sessions.find(id)?, id))) else {
            return;
        };
        known.into_iter().for_each(|key| drop(self.receivers.remove(key)));
        let key = self.receivers.insert(id, ReceiverRecord::new());
        self.arrived(Arrival::Receiver { key, id, session, attach });
    }

    fn on_receiver_closed(&mut self, id: ReceiverId) {
        self.on_updates(id);
        let reason = self.engine.receiver(id).ok().and_then(|receiver| receiver.close_reason().cloned());
        let (Some(reason), Some(key)) = (reason, self.receivers.find(id)) else { return };
        let error = self.error_of(&reason);
        self.end(Place::Receiver(key, id), error);
    }

    fn on_deliveries(&mut self, id: ReceiverId) {
        let Ok(receiver) = self.engine.receiver(id) else { return };
        let ready = receiver.waiting();
        match self.receivers.of(id) {
            Some(record) if record.abandoned => self.release_arrived(id),
            Some(record) => {
                record.waiters.wake(ready, &mut self.after);
                record.progress.wake_all(&mut self.after);
            }
            None => {}
        }
    }

    /// §2.6.12: with rcv-settle-mode second a delivery is settled when the sender has settled it.
    fn on_updates(&mut self, id: ReceiverId) {
        let Some(key) = self.receivers.find(id) else { return };
        while let Ok(mut receiver) = self.engine.receiver(id)
            && let Some(update) = receiver.next_update()
        {
            if let Some(record) = self.receivers.get_mut(key).filter(|_| update.settled) {
                record.unsettled.remove(&update.key);
                record.progress.wake_all(&mut self.after);
            }
        }
    }

    pub(crate) fn on_drained(&mut self, id: ReceiverId) {
        if let Some(record) = self.receivers.of(id) {
            record.draining = false;
            record.progress.wake_all(&mut self.after);
        }
    }

    fn on_closed(&mut self) {
        let Some(reason) = self.engine.close_reason().cloned() else { return };
        let error = self.error_of(&reason);
        self.end(Place::Connection, error);
        self.backlog.close(&mut self.after);
        self.offer_room();
    }

    /// An endpoint is over: everybody who waits for something of it gets to know.
    fn end(&mut self, place: Place, error: Error) {
        let after = &mut self.after;
        match place {
            Place::Connection => self.connection.end(error, after),
            Place::Session(key, _) => {
                if let Some(session) = self.sessions.get_mut(key) {
                    session.status.end(error, after);
                }
            }
            Place::Sender(key, _) => {
                if let Some(sender) = self.senders.get_mut(key) {
                    sender.status.end(error, after);
                    sender.waiters.wake_all(after);
                    self.room.wake_all(after);
                }
            }
            Place::Receiver(key, _) => {
                if let Some(receiver) = self.receivers.get_mut(key) {
                    receiver.status.end(error, after);
                    receiver.waiters.wake_all(after);
                    receiver.progress.wake_all(after);
                }
            }
        }
        self.forget(place);
    }

    fn set_session(&mut self, id: SessionId, state: EndpointState) {
        if let Some(session) = self.sessions.of(id) {
            session.status.change(state, &mut self.after);
        }
    }

    fn set_sender(&mut self, id: SenderId, state: EndpointState) {
        if let Some(sender) = self.senders.of(id) {
            sender.status.change(state, &mut self.after);
            sender.waiters.wake_all(&mut self.after);
        }
    }

    fn set_receiver(&mut self, id: ReceiverId, state: EndpointState) {
        if let Some(receiver) = self.receivers.of(id) {
            receiver.status.change(state, &mut self.after);
            if state == EndpointState::Open {
                // The link forgets with a detach who waits.
                let waiting = u32::try_from(receiver.waiters.len()).unwrap_or(u32::MAX);
                _ = self.engine.receiver(id).map(|mut receiver| receiver.demand(waiting));
            }
        }
    }
}

/// What a peer is told whose sessions and links nobody asks for.
fn not_allowed() -> Condition {
    Condition::new(ErrorCondition::NOT_ALLOWED, "sessions and links of the peer are not wanted here")
}
