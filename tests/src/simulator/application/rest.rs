//! At rest an application does everything that is left to do, and then nothing may be left.

use amqp_core::codec::DeliveryState;
use amqp_core::{CreditMode, LinkState};

use super::endpoints::view;
use super::{Application, Turn};
use crate::simulator::ledger::{Check, Fate, check};

impl Application {
    /// Rest begins: nothing new is begun, and receivers let everything come.
    pub(in crate::simulator) fn begin_rest(&mut self, turn: &mut Turn<'_>) -> Check {
        self.winding_down = true;
        self.listen(turn, true)?;
        for id in self.receivers.keys() {
            if let Ok(mut receiver) = turn.engine.receiver(*id) {
                receiver.set_credit_mode(CreditMode::Prefetch(20));
            }
        }
        Ok(())
    }

    /// Does what is left to do now.
    pub(in crate::simulator) fn rest(&mut self, turn: &mut Turn<'_>) -> Check {
        self.listen(turn, true)?;
        while !self.questions.is_empty() {
            self.answer(turn)?;
        }
        self.rest_sending(turn)?;
        self.rest_receiving(turn)?;
        self.forget_the_gone(turn);
        Ok(())
    }

    fn rest_sending(&mut self, turn: &mut Turn<'_>) -> Check {
        let ids: Vec<_> = self.senders.keys().copied().collect();
        for id in ids {
            if let Some(key) = self.senders.get(&id).and_then(|it| it.streaming) {
                self.finish_stream(turn, id, key)?;
            }
            self.outcomes_of(turn, id, usize::MAX)?;
            let Some(sending) = self.senders.get_mut(&id) else { continue };
            let keys = std::mem::take(&mut sending.to_settle);
            let detached = std::mem::take(&mut sending.detached);
            let Ok(mut sender) = turn.engine.sender(id) else { continue };
            for key in keys {
                // The receiver may have settled it at once.
                sender.settle(key).ok();
            }
            if detached && turn.chance.percent(50) {
                sender.attach().ok();
            } else if detached {
                sender.close(None).ok();
            }
        }
        Ok(())
    }

    fn rest_receiving(&mut self, turn: &mut Turn<'_>) -> Check {
        let ids: Vec<_> = self.receivers.keys().copied().collect();
        for id in ids {
            self.deliveries_of(turn, id, usize::MAX)?;
            self.updates_of(turn, id)?;
            let held = self.receivers.get(&id).map_or(0, |it| it.held.len());
            for at in (0..held).rev() {
                if self.receivers.get(&id).and_then(|it| it.held.get(at)).is_some_and(|it| !it.whole) {
                    self.read_held(turn, id, at)?;
                }
            }
            let held = self.receivers.get(&id).map_or(0, |it| it.held.len());
            for at in (0..held).rev() {
                let ready = self.receivers.get(&id).and_then(|it| it.held.get(at));
                let Some(held) = ready.filter(|it| it.whole && !it.told) else { continue };
                let told = turn.ledger.get(held.number)?.told.clone();
                self.settle_held(turn, id, at, told.unwrap_or(DeliveryState::Accepted))?;
            }
            let Some(receiving) = self.receivers.get_mut(&id) else { continue };
            let detached = std::mem::take(&mut receiving.detached);
            let Ok(mut receiver) = turn.engine.receiver(id) else { continue };
            if detached && turn.chance.percent(50) {
                receiver.attach().ok();
            } else if detached {
                receiver.close(None).ok();
            }
        }
        Ok(())
    }

    /// Forgets links that are over and read to their end: their ids must be stale.
    fn forget_the_gone(&mut self, turn: &mut Turn<'_>) {
        self.senders.retain(|id, it| !it.over || turn.engine.sender(*id).is_ok());
        self.receivers.retain(|id, it| !it.over || turn.engine.receiver(*id).is_ok());
    }

    /// Nothing moves any more, so nothing may be left to do on links that both sides keep.
    pub(in crate::simulator) fn is_at_rest(&mut self, turn: &mut Turn<'_>) -> Check {
        let buffered = turn.engine.counters().buffered_input;
        check(buffered == 0, || format!("everything is read, and {buffered} octets are buffered"))?;
        for (id, sending) in &self.senders {
            let mut sender = view(turn.engine.sender(*id))?;
            let (name, credit) = (sender.name().to_owned(), sender.credit());
            check(!sending.over, || format!("{name} is over and read to its end, and its id is not stale"))?;
            check(!sending.awaits_credit || credit == 0, || {
                format!("{name} has credit {credit}, and no event has said so")
            })?;
            check(sender.state() == LinkState::Attached, || format!("{name} stays {:?}", sender.state()))?;
            let open = |it: &&crate::simulator::ledger::Message| {
                it.from == turn.side && it.sender == *id && it.fate == Fate::Pending && !it.shaken
            };
            let stuck = turn.ledger.messages().find(open);
            check(stuck.is_none(), || format!("stuck on {name}: {stuck:?}"))?;
            let shaken =
                turn.ledger.messages().any(|it| it.sender == *id && it.from == turn.side && it.shaken);
            check(shaken || sender.unsettled() == 0, || {
                format!("{} deliveries on {name} stay unsettled at the sender", sender.unsettled())
            })?;
        }
        for (id, receiving) in &self.receivers {
            let receiver = view(turn.engine.receiver(*id))?;
            let name = receiver.name();
            check(!receiving.over, || {
                format!("{name} is over and read to its end, and its id is not stale")
            })?;
            check(receiver.state() == LinkState::Attached, || {
                format!("{name} stays {:?}", receiver.state())
            })?;
            check(!receiving.draining, || format!("the drain of {name} has no end"))?;
            let shaken =
                turn.ledger.messages().any(|it| it.from != turn.side && it.link == name && it.shaken);
            check(shaken || receiver.unsettled() == 0, || {
                format!("{} deliveries on {name} stay unsettled at the receiver", receiver.unsettled())
            })?;
        }
        Ok(())
    }

    /// The rest is over.
    pub(in crate::simulator) fn end_rest(&mut self) {
        self.winding_down = false;
    }
}
