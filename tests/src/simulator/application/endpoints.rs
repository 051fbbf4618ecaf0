//! Sessions and links: opened, answered, detached, attached again and closed.

use amqp_core::codec::{Error, ErrorCondition, ReceiverSettleMode, SenderSettleMode, Serial};
use amqp_core::{
    CreditMode, Exhausted, ReceiverId, ReceiverOptions, SenderId, SenderOptions, SessionId, StateError,
};

use super::{Application, Question, Receiving, Sending, Turn};
use crate::simulator::ledger::{Check, check};

const MODES: [SenderSettleMode; 3] =
    [SenderSettleMode::Unsettled, SenderSettleMode::Settled, SenderSettleMode::Mixed];

impl Application {
    pub(super) fn begin_session(&mut self, turn: &mut Turn<'_>) -> Check {
        if self.winding_down || self.sessions.len() >= 3 {
            return Ok(());
        }
        let options = turn.plan.session(turn.chance);
        let begun = turn.engine.begin(options);
        turn.note(|| format!("begin: {begun:?}"));
        match begun {
            Ok(id) => drop(self.sessions.insert(id)),
            Err(Exhausted::Closed | Exhausted::Channels) => {}
            Err(other) => return Err(format!("begin: {other}")),
        }
        Ok(())
    }

    fn a_session(&self, turn: &mut Turn<'_>) -> Option<SessionId> {
        if self.winding_down || self.senders.len() + self.receivers.len() >= turn.plan.habits.most_links {
            return None;
        }
        turn.chance.one(self.sessions.iter().copied())
    }

    pub(super) fn attach_sender(&mut self, turn: &mut Turn<'_>) -> Check {
        let Some(session) = self.a_session(turn) else { return Ok(()) };
        let name = self.new_name(turn);
        let options = sender_options(turn).name(name.as_str());
        let auto_settle = options.auto_settle;
        let mut view = turn.engine.session(session).map_err(|gone| format!("{session:?}: {gone}"))?;
        let made = view.attach_sender(options);
        turn.note(|| format!("attach sender {name} on {session:?}: {made:?}"));
        match made {
            Ok(id) => drop(self.senders.insert(id, Sending::new(name, Some(auto_settle)))),
            Err(Exhausted::Name) => return Err(format!("the name {name} is taken")),
            Err(_) => {}
        }
        Ok(())
    }

    pub(super) fn attach_receiver(&mut self, turn: &mut Turn<'_>) -> Check {
        let Some(session) = self.a_session(turn) else { return Ok(()) };
        let name = self.new_name(turn);
        let options = receiver_options(turn).name(name.as_str());
        let mut view = turn.engine.session(session).map_err(|gone| format!("{session:?}: {gone}"))?;
        let made = view.attach_receiver(options);
        turn.note(|| format!("attach receiver {name} on {session:?}: {made:?}"));
        match made {
            Ok(id) => drop(self.receivers.insert(id, Receiving::default())),
            Err(Exhausted::Name) => return Err(format!("the name {name} is taken")),
            Err(_) => {}
        }
        Ok(())
    }

    fn new_name(&mut self, turn: &Turn<'_>) -> String {
        self.links_made += 1;
        format!("{}-{}", turn.side, self.links_made)
    }

    /// Answers something that the peer asked.
    pub(super) fn answer(&mut self, turn: &mut Turn<'_>) -> Check {
        if !self.winding_down && turn.chance.percent(turn.plan.habits.late_answers) {
            return Ok(());
        }
        let at = turn.chance.up_to(self.questions.len().saturating_sub(1));
        let Some(question) = self.questions.remove(at) else { return Ok(()) };
        let refuses = !self.winding_down && turn.chance.percent(turn.plan.habits.refusals);
        let error = || Error::new(ErrorCondition::NOT_ALLOWED, "not today");
        let answered = match question {
            Question::Open => turn.engine.accept(turn.plan.connection("late", turn.chance)),
            Question::Session(id) if refuses => {
                // Links on it may have been accepted already.
                self.leave(turn, Some(id));
                view(turn.engine.session(id))?.refuse(error())
            }
            Question::Session(id) => {
                let options = turn.plan.session(turn.chance);
                let answered = view(turn.engine.session(id))?.accept(options);
                if answered.is_ok() {
                    self.sessions.insert(id);
                }
                answered
            }
            Question::Sender(id) if refuses => {
                self.senders.get_mut(&id).into_iter().for_each(|it| it.closing = true);
                view(turn.engine.sender(id))?.refuse(error())
            }
            Question::Sender(id) => self.accept_sender(turn, id)?,
            Question::Receiver(id) if refuses => {
                self.receivers.get_mut(&id).into_iter().for_each(|it| it.closing = true);
                view(turn.engine.receiver(id))?.refuse(error())
            }
            Question::Receiver(id) => self.accept_receiver(turn, id)?,
        };
        turn.note(|| format!("{} {question:?}: {answered:?}", if refuses { "refuse" } else { "accept" }));
        // The peer may have taken it back, or ended what it is part of, and the event of that is not taken yet.
        check(!matches!(answered, Err(StateError::Gone(_) | StateError::TooLarge)), || {
            format!("the answer to {question:?}: {answered:?}")
        })
    }

    fn accept_sender(&mut self, turn: &mut Turn<'_>, id: SenderId) -> Result<Result<(), StateError>, String> {
        let options = sender_options(turn);
        let auto_settle = options.auto_settle;
        let answered = view(turn.engine.sender(id))?.accept(options);
        if let Some(sending) = self.senders.get_mut(&id)
            && answered.is_ok()
        {
            (sending.attached, sending.detached, sending.awaits_credit) = (true, false, true);
            // What attaches again stays as it was.
            sending.auto_settle.get_or_insert(auto_settle);
        }
        Ok(answered)
    }

    fn accept_receiver(
        &mut self,
        turn: &mut Turn<'_>,
        id: ReceiverId,
    ) -> Result<Result<(), StateError>, String> {
        let mut options = receiver_options(turn);
        if self.winding_down {
            options = options.prefetch(20);
        }
        let answered = view(turn.engine.receiver(id))?.accept(options);
        if let Some(receiving) = self.receivers.get_mut(&id)
            && answered.is_ok()
        {
            (receiving.attached, receiving.detached) = (true, false);
        }
        Ok(answered)
    }

    /// Detaches a link and keeps it.
    pub(super) fn detach(&mut self, turn: &mut Turn<'_>) -> Check {
        let sends = turn.chance.percent(50);
        if sends {
            let live = self.senders.iter().filter(|(_, it)| it.attached).map(|(id, _)| *id);
            let Some(id) = turn.chance.one(live.collect::<Vec<_>>().into_iter()) else { return Ok(()) };
            let done = view(turn.engine.sender(id))?.detach();
            turn.note(|| format!("detach {id:?}: {done:?}"));
            if done.is_ok() {
                turn.ledger.shake(turn.side, id);
            }
        } else {
            let live = self.receivers.iter().filter(|(_, it)| it.attached).map(|(id, _)| *id);
            let Some(id) = turn.chance.one(live.collect::<Vec<_>>().into_iter()) else { return Ok(()) };
            let done = view(turn.engine.receiver(id))?.detach();
            turn.note(|| format!("detach {id:?}: {done:?}"));
        }
        Ok(())
    }

    /// Attaches a link again that was detached.
    pub(super) fn attach_again(&mut self, turn: &mut Turn<'_>) -> Check {
        let senders = self.senders.iter().filter(|(_, it)| it.detached).map(|(id, _)| *id);
        if let Some(id) = turn.chance.one(senders.collect::<Vec<_>>().into_iter()) {
            let done = view(turn.engine.sender(id))?.attach();
            turn.note(|| format!("attach {id:?} again: {done:?}"));
            if let Some(sending) = self.senders.get_mut(&id) {
                sending.detached = false;
            }
            return Ok(());
        }
        let receivers = self.receivers.iter().filter(|(_, it)| it.detached).map(|(id, _)| *id);
        if let Some(id) = turn.chance.one(receivers.collect::<Vec<_>>().into_iter()) {
            let done = view(turn.engine.receiver(id))?.attach();
            turn.note(|| format!("attach {id:?} again: {done:?}"));
            if let Some(receiving) = self.receivers.get_mut(&id) {
                receiving.detached = false;
            }
        }
        Ok(())
    }

    /// Closes a link or ends a session.
    pub(super) fn close(&mut self, turn: &mut Turn<'_>) -> Check {
        let error = turn.chance.percent(30).then(|| Error::new(ErrorCondition::INTERNAL_ERROR, "enough"));
        match turn.chance.below(5) {
            0 => {
                let Some(id) = turn.chance.one(self.sessions.iter().copied()) else { return Ok(()) };
                let done = view(turn.engine.session(id))?.end(error);
                turn.note(|| format!("end {id:?}: {done:?}"));
                if done.is_ok() {
                    self.leave(turn, Some(id));
                }
            }
            1 | 2 => {
                let live = self.senders.iter().filter(|(_, it)| !it.over).map(|(id, _)| *id);
                let Some(id) = turn.chance.one(live.collect::<Vec<_>>().into_iter()) else { return Ok(()) };
                let done = view(turn.engine.sender(id))?.close(error);
                turn.note(|| format!("close {id:?}: {done:?}"));
                if done.is_ok() {
                    self.senders.get_mut(&id).into_iter().for_each(|it| it.closing = true);
                    turn.ledger.shake(turn.side, id);
                }
            }
            _ => {
                let live = self.receivers.iter().filter(|(_, it)| !it.over).map(|(id, _)| *id);
                let Some(id) = turn.chance.one(live.collect::<Vec<_>>().into_iter()) else { return Ok(()) };
                let done = view(turn.engine.receiver(id))?.close(error);
                turn.note(|| format!("close {id:?}: {done:?}"));
                self.receivers.get_mut(&id).into_iter().for_each(|it| it.closing |= done.is_ok());
            }
        }
        Ok(())
    }
}

impl Application {
    /// Closes the connection.
    pub(in crate::simulator) fn close_connection(&mut self, turn: &mut Turn<'_>) -> Check {
        turn.note(|| "close".to_owned());
        turn.engine.close(None);
        self.leave(turn, None);
        Ok(())
    }

    /// This side closes the links of a session, or all.
    fn leave(&mut self, turn: &mut Turn<'_>, session: Option<SessionId>) {
        let goes = |of: Option<SessionId>| session.is_none() || of == session;
        for (id, sending) in &mut self.senders {
            if turn.engine.sender(*id).map_or(true, |it| goes(it.session())) {
                sending.closing = true;
                turn.ledger.shake(turn.side, *id);
            }
        }
        for (id, receiving) in &mut self.receivers {
            receiving.closing |= turn.engine.receiver(*id).map_or(true, |it| goes(it.session()));
        }
    }
}

/// An endpoint that must be there, because its final event was not taken.
pub(super) fn view<T>(found: Result<T, amqp_core::Gone>) -> Result<T, String> {
    found.map_err(|_| "an endpoint is gone before its final event".to_owned())
}

fn sender_options(turn: &mut Turn<'_>) -> SenderOptions {
    let habits = turn.plan.habits;
    let second = turn.chance.percent(habits.second);
    let mut options = SenderOptions::new("node")
        .initial_delivery_count(Serial(turn.plan.counter(turn.chance)))
        .auto_settle(!turn.chance.percent(habits.auto_settle_off))
        .retain_unsettled(turn.chance.percent(30));
    if turn.chance.percent(50) {
        options = options.snd_settle_mode(turn.chance.pick(&MODES));
    }
    if second {
        options = options.rcv_settle_mode(ReceiverSettleMode::Second);
    }
    options
}

fn receiver_options(turn: &mut Turn<'_>) -> ReceiverOptions {
    let habits = turn.plan.habits;
    let few = turn.chance.between(1, 30);
    let mut options = ReceiverOptions::new("node")
        .credit(turn.chance.pick(&[CreditMode::Manual, CreditMode::Prefetch(few), CreditMode::OnDemand(few)]))
        .streaming(turn.chance.percent(habits.streaming));
    if turn.chance.percent(50) {
        options = options.snd_settle_mode(turn.chance.pick(&MODES));
    }
    if turn.chance.percent(habits.second) {
        options = options.rcv_settle_mode(ReceiverSettleMode::Second);
    }
    if turn.chance.percent(20) {
        options = options.max_message_size(u64::from(turn.chance.between(0, 3000)));
    }
    options
}
