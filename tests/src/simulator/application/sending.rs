//! What an application does with the links that it sends on.

use std::collections::BTreeSet;

use amqp_core::codec::{DeliveryState, DeliveryTag, Payload, Received, ReceiverSettleMode, SenderSettleMode};
use amqp_core::{DeliveryKey, LinkState, Outgoing, SendErrorReason, SenderId, StateError};

use super::endpoints::view;
use super::{Application, Turn};
use crate::simulator::ledger::{Check, Fate, Message, check, content};

/// A link that this side sends on.
#[derive(Debug, Default)]
pub(in crate::simulator) struct Sending {
    name: String,
    /// Attached on both sides, as far as it was told.
    pub(super) attached: bool,
    /// Detached, and not attached again.
    pub(super) detached: bool,
    /// This side has closed it.
    pub(super) closing: bool,
    /// Its final event has come.
    pub(super) over: bool,
    /// A send was refused as blocked, or none was tried, and no event has said since that it is worth trying.
    pub(super) awaits_credit: bool,
    pub(super) has_outcomes: bool,
    /// Once it was said.
    pub(super) auto_settle: Option<bool>,
    /// A message that was started and not finished.
    pub(super) streaming: Option<DeliveryKey>,
    /// Deliveries without an outcome.
    pub(super) open: BTreeSet<DeliveryKey>,
    /// Deliveries that have an outcome and wait for this side to settle.
    pub(super) to_settle: Vec<DeliveryKey>,
}

impl Sending {
    pub(super) fn new(name: String, auto_settle: Option<bool>) -> Self {
        Self { name, auto_settle, ..Self::default() }
    }
}

impl Application {
    pub(super) fn send(&mut self, turn: &mut Turn<'_>) -> Check {
        self.submit(turn, true)
    }

    pub(super) fn start(&mut self, turn: &mut Turn<'_>) -> Check {
        self.submit(turn, false)
    }

    fn a_sender(&self, turn: &mut Turn<'_>) -> Option<SenderId> {
        turn.chance.one(self.senders.keys().copied())
    }

    fn submit(&mut self, turn: &mut Turn<'_>, complete: bool) -> Check {
        let Some(id) = self.a_sender(turn).filter(|_| !self.winding_down) else { return Ok(()) };
        let Some(sending) = self.senders.get(&id).filter(|it| !it.over) else { return Ok(()) };
        let name = sending.name.clone();
        let number = turn.ledger.next_number();
        let length = turn.plan.habits.sizes.length(turn.chance);
        let message = self.outgoing(turn, number, length);
        let (wish, own_tag) = (message.settled, message.tag.is_some());
        let mut sender = view(turn.engine.sender(id))?;
        let credit = sender.credit();
        let answer = if complete { sender.send(message) } else { sender.start(message) };
        let mode = sender.local().map(|local| local.snd_settle_mode);
        let settled = mode == Some(SenderSettleMode::Settled)
            || (mode != Some(SenderSettleMode::Unsettled) && wish.unwrap_or(false));
        match answer {
            Ok(key) => {
                check(credit > 0, || "a message was taken without credit".to_owned())?;
                let tag = sender.tag(key).cloned().ok_or("an accepted delivery has no tag")?;
                turn.note(|| format!("send {name} {length} octets, complete={complete}: {number} = {key:?}"));
                if let Some(sending) = self.senders.get_mut(&id) {
                    sending.open.insert(key);
                    sending.streaming = (!complete).then_some(key).or(sending.streaming);
                }
                let message = Message {
                    number,
                    from: turn.side,
                    sender: id,
                    link: name,
                    tag,
                    length,
                    complete,
                    settled,
                    fate: Fate::Pending,
                    arrived: None,
                    whole: false,
                    told: None,
                    shaken: false,
                };
                turn.ledger.accepted(key, message)
            }
            Err(error) => {
                let limit = sender.remote().and_then(|remote| remote.max_message_size);
                turn.note(|| format!("send {name} {length} octets: {}", error.reason));
                check(error.message.payload.len() == length, || "a refused message is altered".to_owned())?;
                let fits = match error.reason {
                    SendErrorReason::TooLarge => limit.is_some_and(|limit| length as u64 > limit),
                    SendErrorReason::TagInUse => own_tag,
                    reason => self.is_refused_for(reason, turn, id, credit),
                };
                check(fits, || format!("a send is refused: {}", error.reason))
            }
        }
    }

    /// Whether a sender with such credit may refuse a message for a reason that is not the message's.
    fn is_refused_for(
        &mut self,
        reason: SendErrorReason,
        turn: &Turn<'_>,
        id: SenderId,
        credit: u32,
    ) -> bool {
        let over = turn.cut || self.closed;
        let Some(sending) = self.senders.get_mut(&id) else { return true };
        match reason {
            SendErrorReason::Blocked => {
                sending.awaits_credit = true;
                credit == 0
            }
            SendErrorReason::Unfinished => sending.streaming.is_some(),
            SendErrorReason::SettleMode => true,
            SendErrorReason::NotAttached | SendErrorReason::Closed => credit == 0 || over,
            _ => false,
        }
    }

    fn outgoing(&mut self, turn: &mut Turn<'_>, number: u32, length: usize) -> Outgoing {
        let mut message = Outgoing::from(Payload::from(content(number, 0, length)));
        message.message_format = number;
        if turn.chance.percent(30) {
            message.settled = Some(turn.chance.percent(50));
        }
        if turn.chance.percent(10) {
            message.rcv_settle_mode =
                Some(turn.chance.pick(&[ReceiverSettleMode::First, ReceiverSettleMode::Second]));
        }
        if turn.chance.percent(turn.plan.habits.own_tags) {
            self.tags_made += 1;
            let size = turn.chance.up_to(27);
            let mut octets = [0x55; 32];
            octets[..5].copy_from_slice(&((1 << 39) | (self.tags_made % 50)).to_be_bytes()[3..]);
            message.tag = DeliveryTag::new(&octets[..size + 5]).ok();
        }
        message.batchable = turn.chance.percent(20);
        message
    }

    /// A link on which a message was started.
    fn a_stream(&self, turn: &mut Turn<'_>) -> Option<(SenderId, DeliveryKey)> {
        let streams: Vec<_> =
            self.senders.iter().filter_map(|(id, it)| it.streaming.map(|key| (*id, key))).collect();
        turn.chance.one(streams.into_iter())
    }

    pub(super) fn append(&mut self, turn: &mut Turn<'_>) -> Check {
        let Some((id, key)) = self.a_stream(turn) else { return Ok(()) };
        let message = turn.ledger.by_key(turn.side, key)?;
        let length = turn.plan.habits.sizes.length(turn.chance);
        let more = Payload::from(content(message.number, message.length, length));
        let mut sender = view(turn.engine.sender(id))?;
        let limit = sender.remote().and_then(|remote| remote.max_message_size).unwrap_or(0);
        let done = sender.append(key, more);
        turn.log.note(turn.side, || format!("append {length} octets to {}: {done:?}", message.number));
        match done {
            Ok(()) => {
                message.length += length;
                Ok(())
            }
            Err(StateError::TooLarge) => {
                check((message.length + length) as u64 > limit, || "more is refused as too large".to_owned())
            }
            Err(other) => self.stream_lost(turn, id, key, other),
        }
    }

    pub(super) fn finish(&mut self, turn: &mut Turn<'_>) -> Check {
        let Some((id, key)) = self.a_stream(turn) else { return Ok(()) };
        self.finish_stream(turn, id, key)
    }

    pub(super) fn finish_stream(&mut self, turn: &mut Turn<'_>, id: SenderId, key: DeliveryKey) -> Check {
        let done = view(turn.engine.sender(id))?.finish(key);
        let message = turn.ledger.by_key(turn.side, key)?;
        turn.log.note(turn.side, || format!("finish {}: {done:?}", message.number));
        match done {
            Ok(()) => {
                message.complete = true;
                if let Some(sending) = self.senders.get_mut(&id) {
                    sending.streaming = None;
                }
                Ok(())
            }
            Err(other) => self.stream_lost(turn, id, key, other),
        }
    }

    /// A stream can be lost with its link, and where the receiver settled it before its end.
    fn stream_lost(&mut self, turn: &mut Turn<'_>, id: SenderId, key: DeliveryKey, why: StateError) -> Check {
        let Some(sending) = self.senders.get_mut(&id) else { return Ok(()) };
        sending.streaming = None;
        let sender = view(turn.engine.sender(id))?;
        let left =
            sending.closing || sender.close_reason().is_some() || sender.state() != LinkState::Attached;
        let message = turn.ledger.by_key(turn.side, key)?;
        check(left || message.shaken || message.told.is_some() || message.fate != Fate::Pending, || {
            format!("message {} cannot be continued: {why}", message.number)
        })
    }

    /// Takes a delivery back.
    pub(super) fn abort(&mut self, turn: &mut Turn<'_>) -> Check {
        let Some(id) = self.a_sender(turn) else { return Ok(()) };
        let Some(sending) = self.senders.get_mut(&id).filter(|it| !it.over) else { return Ok(()) };
        let Some(key) = turn.chance.one(sending.open.iter().copied().collect::<Vec<_>>().into_iter()) else {
            return Ok(());
        };
        let done = view(turn.engine.sender(id))?.abort(key);
        let message = turn.ledger.by_key(turn.side, key)?;
        turn.log.note(turn.side, || format!("abort {}: {done:?}", message.number));
        if done.is_ok() && sending.streaming == Some(key) {
            sending.streaming = None;
        }
        match done {
            Ok(Some(back)) => {
                message.fate = Fate::Withdrawn;
                sending.open.remove(&key);
                check(message.arrived.is_none(), || {
                    format!("message {} arrived, and was withdrawn", message.number)
                })?;
                message.same(&back)
            }
            Ok(None) => {
                message.fate = Fate::Aborted;
                sending.open.remove(&key);
                check(!message.whole, || format!("message {} arrived, and was aborted", message.number))
            }
            Err(_) => Ok(()),
        }
    }

    /// Takes some outcomes.
    pub(super) fn take_outcomes(&mut self, turn: &mut Turn<'_>) -> Check {
        let ready = self.senders.iter().filter(|(_, it)| it.has_outcomes).map(|(id, _)| *id);
        let Some(id) = turn.chance.one(ready.collect::<Vec<_>>().into_iter()) else { return Ok(()) };
        let most = turn.chance.up_to(20);
        self.outcomes_of(turn, id, most)
    }

    pub(super) fn outcomes_of(&mut self, turn: &mut Turn<'_>, id: SenderId, most: usize) -> Check {
        for _ in 0..most {
            // Once its last outcome is taken, a link that is over is gone.
            let next = turn.engine.sender(id).ok().and_then(|mut sender| sender.next_outcome());
            let Some(sending) = self.senders.get_mut(&id) else { return Ok(()) };
            let Some((key, resolution)) = next else {
                sending.has_outcomes = false;
                return Ok(());
            };
            turn.note(|| format!("outcome of {key:?}: {resolution:?}"));
            check(sending.has_outcomes, || "an outcome without an event".to_owned())?;
            turn.ledger.resolved(turn.side, key, &resolution)?;
            sending.open.remove(&key);
            if sending.auto_settle == Some(false) && !sending.over {
                sending.to_settle.push(key);
            }
        }
        Ok(())
    }

    /// Settles what has its outcome.
    pub(super) fn settle_sent(&mut self, turn: &mut Turn<'_>) -> Check {
        let ready = self.senders.iter().filter(|(_, it)| !it.to_settle.is_empty()).map(|(id, _)| *id);
        let Some(id) = turn.chance.one(ready.collect::<Vec<_>>().into_iter()) else { return Ok(()) };
        let Some(sending) = self.senders.get_mut(&id) else { return Ok(()) };
        let key = sending.to_settle.swap_remove(turn.chance.up_to(sending.to_settle.len() - 1));
        // It may have been settled by the receiver at once, or its link may be over.
        let done = turn.engine.sender(id).ok().map(|mut sender| sender.settle(key));
        turn.note(|| format!("settle {key:?}: {done:?}"));
        Ok(())
    }

    /// Settles what has no outcome.
    pub(super) fn give_up(&mut self, turn: &mut Turn<'_>) -> Check {
        let Some(id) = self.a_sender(turn) else { return Ok(()) };
        let Some(sending) = self.senders.get_mut(&id).filter(|it| !it.over) else { return Ok(()) };
        let Some(key) = turn.chance.one(sending.open.iter().copied().collect::<Vec<_>>().into_iter()) else {
            return Ok(());
        };
        let done = view(turn.engine.sender(id))?.settle(key);
        let message = turn.ledger.by_key(turn.side, key)?;
        turn.log.note(turn.side, || format!("give up {}: {done:?}", message.number));
        if done.is_ok() && message.fate == Fate::Pending {
            message.fate = Fate::GivenUp;
        }
        Ok(())
    }

    /// Tells the receiver a state.
    pub(super) fn update_sent(&mut self, turn: &mut Turn<'_>) -> Check {
        let Some(id) = self.a_sender(turn) else { return Ok(()) };
        let Some(sending) = self.senders.get_mut(&id).filter(|it| !it.over) else { return Ok(()) };
        let Some(key) = turn.chance.one(sending.open.iter().copied().collect::<Vec<_>>().into_iter()) else {
            return Ok(());
        };
        let state = DeliveryState::Received(Received { section_number: 0, section_offset: turn.now });
        let done = view(turn.engine.sender(id))?.update(key, state);
        turn.note(|| format!("update {key:?}: {done:?}"));
        Ok(())
    }
}
