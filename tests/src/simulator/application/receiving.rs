//! What an application does with the links that it receives on.

use amqp_core::codec::{DeliveryState, Modified, Received, Rejected};
use amqp_core::{CreditMode, LinkState, ReceivedKey, ReceiverId, StateError};

use super::endpoints::view;
use super::{Application, Turn};
use crate::simulator::ledger::{Check, check};

/// A link that this side receives on.
#[derive(Debug, Default)]
pub(in crate::simulator) struct Receiving {
    /// Attached on both sides, as far as it was told.
    pub(super) attached: bool,
    /// Detached, and not attached again.
    pub(super) detached: bool,
    /// This side has closed it.
    pub(super) closing: bool,
    /// Its final event has come.
    pub(super) over: bool,
    pub(super) has_deliveries: bool,
    pub(super) has_updates: bool,
    /// A drain was asked for, and nothing has said that it is done.
    pub(super) draining: bool,
    /// Deliveries that are to be settled, or read to their end.
    pub(super) held: Vec<Held>,
}

/// A delivery that was taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) key: ReceivedKey,
    pub(super) number: u32,
    /// All of it is here.
    pub(super) whole: bool,
    /// Nothing is to be told of it any more, or nobody waits for it.
    pub(super) settled: bool,
    /// Its outcome was told, and the sender is to settle.
    pub(super) told: bool,
    /// The link was detached before all of it was here.
    pub(super) cut: bool,
}

impl Application {
    fn a_receiver(&self, turn: &mut Turn<'_>) -> Option<ReceiverId> {
        turn.chance.one(self.receivers.keys().copied())
    }

    /// Takes some deliveries.
    pub(super) fn take_deliveries(&mut self, turn: &mut Turn<'_>) -> Check {
        let ready = self.receivers.iter().filter(|(_, it)| it.has_deliveries).map(|(id, _)| *id);
        let Some(id) = turn.chance.one(ready.collect::<Vec<_>>().into_iter()) else { return Ok(()) };
        let most = turn.chance.up_to(10);
        self.deliveries_of(turn, id, most)
    }

    pub(super) fn deliveries_of(&mut self, turn: &mut Turn<'_>, id: ReceiverId, most: usize) -> Check {
        for _ in 0..most {
            let Some(receiving) = self.receivers.get_mut(&id) else { return Ok(()) };
            let Ok(mut receiver) = turn.engine.receiver(id) else {
                receiving.has_deliveries = false;
                return Ok(());
            };
            let name = receiver.name().to_owned();
            let Some(delivery) = receiver.next_delivery() else {
                receiving.has_deliveries = false;
                return Ok(());
            };
            let number = delivery.message_format;
            turn.note(|| {
                format!(
                    "take {number} = {:?}, {} octets, complete={} settled={}",
                    delivery.key,
                    delivery.payload.len(),
                    delivery.complete,
                    delivery.settled
                )
            });
            check(receiving.has_deliveries, || "a delivery without an event".to_owned())?;
            turn.ledger.delivered(turn.side, id, &name, &delivery)?;
            if !delivery.settled || !delivery.complete {
                receiving.held.push(Held {
                    key: delivery.key,
                    number,
                    whole: delivery.complete,
                    settled: delivery.settled,
                    told: false,
                    cut: false,
                });
            }
        }
        Ok(())
    }

    /// Reads more of a delivery that was taken before it was complete.
    pub(super) fn read(&mut self, turn: &mut Turn<'_>) -> Check {
        let Some(id) = self.a_receiver(turn) else { return Ok(()) };
        let Some(receiving) = self.receivers.get_mut(&id) else { return Ok(()) };
        let unread: Vec<_> =
            receiving.held.iter().enumerate().filter(|(_, it)| !it.whole).map(|(at, _)| at).collect();
        match turn.chance.one(unread.into_iter()) {
            Some(at) => self.read_held(turn, id, at),
            None => Ok(()),
        }
    }

    /// Reads more of the delivery held at place `at`; forgets it where no more will come.
    pub(super) fn read_held(&mut self, turn: &mut Turn<'_>, id: ReceiverId, at: usize) -> Check {
        let Some(receiving) = self.receivers.get_mut(&id) else { return Ok(()) };
        let Some(held) = receiving.held.get_mut(at) else { return Ok(()) };
        let number = held.number;
        let read = turn.engine.receiver(id).map_err(|_| amqp_core::Gone).and_then(|mut it| it.read(held.key));
        turn.log.note(turn.side, || format!("read {number}: {read:?}"));
        match read {
            Ok((more, complete)) => {
                held.whole = complete;
                if complete && held.settled {
                    receiving.held.remove(at);
                }
                turn.ledger.read(number, &more, complete)
            }
            Err(_) => {
                let cut = held.cut || held.told;
                receiving.held.remove(at);
                let left = turn.engine.receiver(id).map_or(true, |it| it.state() != LinkState::Attached);
                let message = turn.ledger.get(number)?;
                check(left || cut || message.may_be_over(), || {
                    format!("the rest of message {number} is gone")
                })
            }
        }
    }

    /// Settles one of the deliveries that are held, in any order.
    pub(super) fn settle_received(&mut self, turn: &mut Turn<'_>) -> Check {
        let Some(id) = self.a_receiver(turn) else { return Ok(()) };
        let Some(receiving) = self.receivers.get(&id) else { return Ok(()) };
        if receiving.held.is_empty() {
            return Ok(());
        }
        let at = turn.chance.up_to(receiving.held.len() - 1);
        let outcome = outcome(turn);
        self.settle_held(turn, id, at, outcome)
    }

    pub(super) fn settle_held(
        &mut self,
        turn: &mut Turn<'_>,
        id: ReceiverId,
        at: usize,
        outcome: DeliveryState,
    ) -> Check {
        let Some(receiving) = self.receivers.get_mut(&id) else { return Ok(()) };
        let Some(held) = receiving.held.get_mut(at).filter(|held| !held.settled) else { return Ok(()) };
        let Ok(mut receiver) = turn.engine.receiver(id) else {
            receiving.held.clear();
            return Ok(());
        };
        let done = receiver.settle(held.key, outcome.clone());
        let number = held.number;
        let over = receiver.close_reason().is_some() || receiving.closing;
        let cut = held.cut || !held.whole && receiver.state() != LinkState::Attached;
        turn.log.note(turn.side, || format!("settle {number} as {outcome:?}: {done:?}"));
        match done {
            Ok(()) => {
                held.told = true;
                turn.ledger.told(number, &outcome)
            }
            Err(StateError::Gone(_)) => {
                let message = turn.ledger.get(number)?;
                let lawful = over || cut || held.told || message.told.is_some() || message.may_be_over();
                if held.whole {
                    receiving.held.remove(at);
                } else {
                    // Whoever settles does not want the rest, whether or not it could be told.
                    (held.settled, held.cut) = (true, true);
                }
                check(lawful, || format!("message {number} cannot be settled"))
            }
            Err(other) => {
                // An outcome that was told does not change.
                let told = turn.ledger.get(number)?.told.as_ref();
                let changes = told.is_some_and(|told| *told != outcome);
                check(other == StateError::NotAsked && changes, || {
                    format!("message {number} cannot be settled: {other}")
                })
            }
        }
    }

    /// Tells the sender a state without settling.
    pub(super) fn update_received(&mut self, turn: &mut Turn<'_>) -> Check {
        let Some(id) = self.a_receiver(turn) else { return Ok(()) };
        let Some(receiving) = self.receivers.get_mut(&id) else { return Ok(()) };
        let Some(held) = turn.chance.one(receiving.held.iter()) else { return Ok(()) };
        let state = if turn.chance.percent(60) {
            DeliveryState::Received(Received { section_number: 1, section_offset: turn.now })
        } else {
            outcome(turn)
        };
        let Ok(mut receiver) = turn.engine.receiver(id) else { return Ok(()) };
        let done = receiver.update(held.key, state.clone());
        turn.note(|| format!("update {} to {state:?}: {done:?}", held.number));
        if done.is_ok() { turn.ledger.told(held.number, &state) } else { Ok(()) }
    }

    /// Takes what senders have changed.
    pub(super) fn take_updates(&mut self, turn: &mut Turn<'_>) -> Check {
        let ready = self.receivers.iter().filter(|(_, it)| it.has_updates).map(|(id, _)| *id);
        let Some(id) = turn.chance.one(ready.collect::<Vec<_>>().into_iter()) else { return Ok(()) };
        self.updates_of(turn, id)
    }

    pub(super) fn updates_of(&mut self, turn: &mut Turn<'_>, id: ReceiverId) -> Check {
        let Some(receiving) = self.receivers.get_mut(&id) else { return Ok(()) };
        while let Some(update) = turn.engine.receiver(id).ok().and_then(|mut it| it.next_update()) {
            turn.note(|| format!("{update:?}"));
            check(receiving.has_updates, || "an update without an event".to_owned())?;
            let at = receiving.held.iter().position(|held| held.key == update.key);
            let Some(at) = at.filter(|_| update.settled) else { continue };
            let Some(held) = receiving.held.get_mut(at) else { continue };
            held.settled = true;
            let (number, whole) = (held.number, held.whole);
            if whole {
                receiving.held.remove(at);
            }
            let message = turn.ledger.get(number)?;
            check(message.told.is_some() || message.may_be_over(), || {
                format!("message {number} was settled by its sender, which had no outcome of it")
            })?;
        }
        receiving.has_updates = false;
        Ok(())
    }

    pub(super) fn grant(&mut self, turn: &mut Turn<'_>) -> Check {
        let Some(id) = self.a_receiver(turn) else { return Ok(()) };
        let most = turn.chance.pick(&[1, 3, 20]);
        let more = turn.chance.between(0, most);
        let Ok(mut receiver) = turn.engine.receiver(id) else { return Ok(()) };
        turn.log.note(turn.side, || format!("grant or demand {more} on {}", receiver.name()));
        if turn.chance.percent(50) {
            receiver.grant(more)
        } else {
            receiver.demand(more)
        }
        if let Some(receiving) = self.receivers.get_mut(&id) {
            // A grant takes a drain back.
            receiving.draining = false;
        }
        Ok(())
    }

    pub(super) fn drain(&mut self, turn: &mut Turn<'_>) -> Check {
        let Some(id) = self.a_receiver(turn) else { return Ok(()) };
        let Some(receiving) = self.receivers.get_mut(&id).filter(|it| it.attached) else { return Ok(()) };
        let Ok(mut receiver) = turn.engine.receiver(id) else { return Ok(()) };
        turn.log.note(turn.side, || format!("drain {}", receiver.name()));
        receiver.drain();
        receiving.draining = true;
        Ok(())
    }

    pub(super) fn stop(&mut self, turn: &mut Turn<'_>) -> Check {
        let Some(id) = self.a_receiver(turn) else { return Ok(()) };
        let Ok(mut receiver) = turn.engine.receiver(id) else { return Ok(()) };
        turn.log.note(turn.side, || format!("stop {}", receiver.name()));
        receiver.stop();
        Ok(())
    }

    pub(super) fn change_mode(&mut self, turn: &mut Turn<'_>) -> Check {
        let Some(id) = self.a_receiver(turn) else { return Ok(()) };
        let few = turn.chance.between(0, 30);
        let mode =
            turn.chance.pick(&[CreditMode::Manual, CreditMode::Prefetch(few), CreditMode::OnDemand(few)]);
        let Ok(mut receiver) = turn.engine.receiver(id) else { return Ok(()) };
        turn.log.note(turn.side, || format!("{mode:?} on {}", receiver.name()));
        receiver.set_credit_mode(mode);
        Ok(())
    }

    /// Asks for the peer's state of a link or a session.
    pub(super) fn echo(&mut self, turn: &mut Turn<'_>) -> Check {
        if turn.chance.percent(50)
            && let Some(id) = turn.chance.one(self.sessions.iter().copied())
        {
            turn.note(|| format!("echo on {id:?}"));
            view(turn.engine.session(id))?.echo();
        } else if let Some(id) = self.a_receiver(turn)
            && let Ok(mut receiver) = turn.engine.receiver(id)
        {
            turn.log.note(turn.side, || format!("echo on {}", receiver.name()));
            receiver.echo();
        }
        Ok(())
    }
}

/// Any outcome.
fn outcome(turn: &mut Turn<'_>) -> DeliveryState {
    match turn.chance.below(6) {
        0 => DeliveryState::Released,
        1 => DeliveryState::Rejected(Rejected::default()),
        2 => DeliveryState::Modified(Modified { delivery_failed: true, ..Modified::default() }),
        _ => DeliveryState::Accepted,
    }
}
