//! What the engine tells: each event has to fit what is known of its endpoint.

use amqp_core::{CloseReason, Event, ReceiverId, SenderId, SessionId};

use super::{Application, Endpoint, Question, Receiving, Sending, Turn};
use crate::simulator::ledger::{Check, check, lawful};

impl Application {
    /// Takes the events, all or as many as it likes.
    pub(in crate::simulator) fn listen(&mut self, turn: &mut Turn<'_>, all: bool) -> Check {
        loop {
            if !all && turn.chance.percent(turn.plan.habits.lazy_events) {
                return Ok(());
            }
            let Some(event) = turn.engine.poll_event() else { return Ok(()) };
            turn.note(|| format!("event {event:?}"));
            self.on_event(turn, event)?;
        }
    }

    fn on_event(&mut self, turn: &mut Turn<'_>, event: Event) -> Check {
        check(!self.closed, || format!("{event:?} after the connection was over"))?;
        match event {
            Event::Opening => self.questions.push_back(Question::Open),
            Event::Opened => self.opened = true,
            Event::SessionOpening(id) => {
                self.alive(Endpoint::Session(id), event)?;
                self.questions.push_back(Question::Session(id));
            }
            Event::SessionOpened(id) => {
                self.alive(Endpoint::Session(id), event)?;
                self.sessions.insert(id);
            }
            Event::SessionEnded(id) => self.session_ended(turn, id)?,
            Event::SenderOpening(id) | Event::SenderOpened(id) => self.sender_opened(turn, id, event)?,
            Event::SenderDetached(id) => self.sender_detached(turn, id)?,
            Event::SenderClosed(id) => self.sender_closed(turn, id)?,
            Event::Credit(id) => self.known_sender(id, event)?.awaits_credit = false,
            Event::Outcomes(id) => self.known_sender(id, event)?.has_outcomes = true,
            Event::ReceiverOpening(id) | Event::ReceiverOpened(id) => self.receiver_opened(id, event)?,
            Event::ReceiverDetached(id) => self.receiver_detached(id, event)?,
            Event::ReceiverClosed(id) => self.receiver_closed(turn, id)?,
            Event::Deliveries(id) => self.known_receiver(id, event)?.has_deliveries = true,
            Event::Updates(id) => self.known_receiver(id, event)?.has_updates = true,
            Event::Drained(id) => self.known_receiver(id, event)?.draining = false,
            Event::Closed => self.connection_closed(turn)?,
            other => return Err(format!("unexpected {other:?}")),
        }
        Ok(())
    }

    fn alive(&self, endpoint: Endpoint, event: Event) -> Check {
        check(!self.over.contains(&endpoint), || format!("{event:?} after its final event"))
    }

    /// A sender that is not over.
    fn known_sender(&mut self, id: SenderId, event: Event) -> Result<&mut Sending, String> {
        self.alive(Endpoint::Sender(id), event)?;
        self.senders.get_mut(&id).ok_or_else(|| format!("{event:?} of an unknown link"))
    }

    fn known_receiver(&mut self, id: ReceiverId, event: Event) -> Result<&mut Receiving, String> {
        self.alive(Endpoint::Receiver(id), event)?;
        self.receivers.get_mut(&id).ok_or_else(|| format!("{event:?} of an unknown link"))
    }

    fn final_event(&mut self, endpoint: Endpoint, reason: Option<&CloseReason>, cut: bool) -> Check {
        check(self.over.insert(endpoint), || format!("a second final event of {endpoint:?}"))?;
        let reason = reason.ok_or_else(|| format!("{endpoint:?} is over without a reason"))?;
        check(lawful(reason.cause(), cut), || format!("{endpoint:?} is over: {reason}"))
    }

    fn session_ended(&mut self, turn: &mut Turn<'_>, id: SessionId) -> Check {
        let view = turn.engine.session(id).map_err(|gone| format!("{id:?}: {gone}"))?;
        self.final_event(Endpoint::Session(id), view.close_reason(), turn.cut || !self.opened)?;
        self.sessions.remove(&id);
        self.questions.retain(|question| *question != Question::Session(id));
        Ok(())
    }

    fn sender_opened(&mut self, turn: &mut Turn<'_>, id: SenderId, event: Event) -> Check {
        self.alive(Endpoint::Sender(id), event)?;
        let view = turn.engine.sender(id).map_err(|gone| format!("{id:?}: {gone}"))?;
        let name = view.name().to_owned();
        let sending = self.senders.entry(id).or_insert_with(|| Sending::new(name, None));
        (sending.attached, sending.awaits_credit) = (event == Event::SenderOpened(id), true);
        if event == Event::SenderOpening(id) {
            self.questions.push_back(Question::Sender(id));
        }
        Ok(())
    }

    fn sender_detached(&mut self, turn: &mut Turn<'_>, id: SenderId) -> Check {
        let sending = self.known_sender(id, Event::SenderDetached(id))?;
        (sending.attached, sending.detached) = (false, true);
        turn.ledger.shake(turn.side, id);
        Ok(())
    }

    fn sender_closed(&mut self, turn: &mut Turn<'_>, id: SenderId) -> Check {
        let view = turn.engine.sender(id).map_err(|gone| format!("{id:?}: {gone}"))?;
        self.final_event(Endpoint::Sender(id), view.close_reason(), turn.cut || !self.opened)?;
        self.questions.retain(|question| *question != Question::Sender(id));
        if let Some(sending) = self.senders.get_mut(&id) {
            (sending.attached, sending.detached, sending.over) = (false, false, true);
            sending.streaming = None;
        }
        Ok(())
    }

    fn receiver_opened(&mut self, id: ReceiverId, event: Event) -> Check {
        self.alive(Endpoint::Receiver(id), event)?;
        let receiving = self.receivers.entry(id).or_default();
        receiving.attached = event == Event::ReceiverOpened(id);
        if event == Event::ReceiverOpening(id) {
            self.questions.push_back(Question::Receiver(id));
        }
        Ok(())
    }

    fn receiver_detached(&mut self, id: ReceiverId, event: Event) -> Check {
        let receiving = self.known_receiver(id, event)?;
        (receiving.attached, receiving.detached, receiving.draining) = (false, true, false);
        receiving.held.iter_mut().for_each(|held| held.cut |= !held.whole);
        Ok(())
    }

    fn receiver_closed(&mut self, turn: &mut Turn<'_>, id: ReceiverId) -> Check {
        let view = turn.engine.receiver(id).map_err(|gone| format!("{id:?}: {gone}"))?;
        self.final_event(Endpoint::Receiver(id), view.close_reason(), turn.cut || !self.opened)?;
        self.questions.retain(|question| *question != Question::Receiver(id));
        if let Some(receiving) = self.receivers.get_mut(&id) {
            (receiving.attached, receiving.detached, receiving.over) = (false, false, true);
        }
        Ok(())
    }

    fn connection_closed(&mut self, turn: &Turn<'_>) -> Check {
        self.closed = true;
        self.questions.clear();
        let reason = turn.engine.close_reason().ok_or("closed without a reason")?;
        // Before its open a side has no frame to close with.
        let cut = turn.cut || !self.opened;
        check(lawful(reason.cause(), cut), || format!("the connection is over: {reason}"))
    }
}
