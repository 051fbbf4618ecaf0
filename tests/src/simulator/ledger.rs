//! Every message of a run: what was accepted, what arrived, what was told of it, and how it ended.
//!
//! A message's number travels as its message-format, and its octets follow from its number, so that whatever arrives
//! can be judged by itself.

use std::collections::BTreeMap;

use amqp_core::codec::{DeliveryState, DeliveryTag, Payload};
use amqp_core::{Cause, Delivery, DeliveryKey, ReceiverId, Resolution, SenderId};
use bytes::Bytes;

use crate::oracle::Side;

/// An invariant that holds, or how it does not.
pub(super) type Check = Result<(), String>;

/// Fails unless `holds`.
pub(super) fn check(holds: bool, what: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(what()) }
}

/// How far a message is at its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It has no outcome.
    Pending,
    /// Taken back before anything was sent.
    Withdrawn,
    /// Cut off after some of it was sent.
    Aborted,
    /// The sender settled it without an outcome.
    GivenUp,
    /// It has its outcome.
    Resolved,
    /// It was resolved as never sent.
    Unsent,
}

/// A message that was accepted for sending.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) number: u32,
    pub(super) from: Side,
    pub(super) sender: SenderId,
    pub(super) link: String,
    pub(super) tag: DeliveryTag,
    /// Octets given so far.
    pub(super) length: usize,
    /// The application has given all of it.
    pub(super) complete: bool,
    /// Sent settled.
    pub(super) settled: bool,
    pub(super) fate: Fate,
    /// Octets that the receiver has, once it has any.
    pub(super) arrived: Option<usize>,
    /// The receiver has all of it.
    pub(super) whole: bool,
    /// The first outcome that the receiver told.
    pub(super) told: Option<DeliveryState>,
    /// Its link was detached while it was under way: it may stay without an outcome, or not arrive.
    pub(super) shaken: bool,
}

/// All messages of a run.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    messages: Vec<Message>,
    keys: BTreeMap<(bool, DeliveryKey), u32>,
    /// The last message that a receiver was given.
    latest: BTreeMap<(bool, ReceiverId), u32>,
}

/// The octets of message `number` from place `from` on.
pub(super) fn content(number: u32, from: usize, length: usize) -> Bytes {
    (from..from + length).map(|at| octet(number, at)).collect()
}

fn octet(number: u32, at: usize) -> u8 {
    let [low, high, ..] = at.to_le_bytes();
    let number = number.wrapping_mul(0x9E37_79B1).to_le_bytes();
    let salt = number.get(at % 4).copied().unwrap_or_default();
    salt ^ low.wrapping_mul(31) ^ high.wrapping_mul(7)
}

fn is_content(number: u32, from: usize, payload: &Payload) -> bool {
    let octets = payload.chunks().flat_map(|chunk| chunk.iter().copied());
    octets.enumerate().all(|(at, found)| found == octet(number, from + at))
}

impl Ledger {
    /// The number that the next message will have.
    pub(super) fn next_number(&self) -> u32 {
        u32::try_from(self.messages.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn accepted(&mut self, key: DeliveryKey, message: Message) -> Check {
        let (number, from) = (message.number, message.from);
        self.messages.push(message);
        let before = self.keys.insert((from == Side::Client, key), number);
        check(before.is_none(), || format!("message {number} has the key of message {before:?}"))
    }

    pub(super) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter()
    }

    pub(super) fn get(&mut self, number: u32) -> Result<&mut Message, String> {
        self.messages.get_mut(number as usize).ok_or_else(|| format!("there is no message {number}"))
    }

    /// The message that a sender knows by `key`.
    pub(super) fn by_key(&mut self, side: Side, key: DeliveryKey) -> Result<&mut Message, String> {
        let number = self.keys.get(&(side == Side::Client, key)).copied();
        self.get(number.ok_or_else(|| format!("{side}: no message has the key {key:?}"))?)
    }

    /// A sender was told how a message ended.
    pub(super) fn resolved(&mut self, side: Side, key: DeliveryKey, resolution: &Resolution) -> Check {
        let message = self.by_key(side, key)?;
        let number = message.number;
        // Its outcome was there already, and not taken.
        let late = matches!(message.fate, Fate::Aborted | Fate::GivenUp) && message.told.is_some();
        check(message.fate == Fate::Pending || late, || {
            format!("message {number} was {:?} and is resolved: {resolution:?}", message.fate)
        })?;
        message.fate = Fate::Resolved;
        match resolution {
            Resolution::Settled(None) => {
                check(message.settled, || format!("message {number} is settled without an outcome"))
            }
            Resolution::Settled(state) => check(*state == message.told && !message.settled, || {
                format!("message {number} ended as {state:?}, and {:?} was told", message.told)
            }),
            Resolution::Unacknowledged(_) => check(!message.settled || !message.whole, || {
                format!("message {number} was sent settled, and is unacknowledged")
            }),
            Resolution::Unsent(back, reason) => {
                message.fate = Fate::Unsent;
                check(message.arrived.is_none(), || {
                    format!("message {number} arrived and is unsent: {reason}")
                })?;
                message.same(back)
            }
        }
    }

    /// A receiver was given a delivery.
    pub(super) fn delivered(
        &mut self,
        side: Side,
        receiver: ReceiverId,
        link: &str,
        delivery: &Delivery,
    ) -> Check {
        let number = delivery.message_format;
        let before = self.latest.insert((side == Side::Client, receiver), number);
        check(before.is_none_or(|before| before < number), || {
            format!("message {number} arrives behind message {before:?}")
        })?;
        let message = self.get(number)?;
        check(message.from != side && message.link == link, || {
            format!("message {number} of {} arrives at {side} on {link}", message.link)
        })?;
        check(message.arrived.is_none(), || format!("message {number} arrives twice"))?;
        check(!matches!(message.fate, Fate::Withdrawn | Fate::Unsent), || {
            format!("message {number} arrives and was {:?}", message.fate)
        })?;
        check(message.tag == delivery.tag, || format!("message {number} has the tag {:?}", delivery.tag))?;
        check(message.settled == delivery.settled || message.may_be_over(), || {
            format!("message {number} arrives with settled={}", delivery.settled)
        })?;
        message.arrived = Some(0);
        self.read(number, &delivery.payload, delivery.complete)
    }

    /// A receiver was given more of a message.
    pub(super) fn read(&mut self, number: u32, payload: &Payload, complete: bool) -> Check {
        let message = self.get(number)?;
        let from = message.arrived.unwrap_or_default();
        check(is_content(number, from, payload), || {
            format!("message {number} is altered behind octet {from}")
        })?;
        let there = from + payload.len();
        check(there <= message.length, || {
            format!("message {number} has {} octets, and {there} arrived", message.length)
        })?;
        check(!complete || message.complete && there == message.length, || {
            format!("message {number} ends at octet {there} of {}", message.length)
        })?;
        message.arrived = Some(there);
        message.whole = complete;
        Ok(())
    }

    /// A receiver told an outcome or another state.
    pub(super) fn told(&mut self, number: u32, state: &DeliveryState) -> Check {
        let message = self.get(number)?;
        if state.is_terminal() {
            message.told.get_or_insert_with(|| state.clone());
        }
        Ok(())
    }

    /// Messages of this link that are under way now may get lost.
    pub(super) fn shake(&mut self, side: Side, sender: SenderId) {
        for message in &mut self.messages {
            message.shaken |= message.from == side && message.sender == sender;
        }
    }

    /// Everything has come to its end.
    pub(super) fn is_settled(&self) -> Check {
        let open = self.messages.iter().find(|message| message.fate == Fate::Pending);
        check(open.is_none(), || format!("never resolved: {open:?}"))
    }
}

impl Message {
    /// Its sender may have settled it or cut it off.
    pub(super) fn may_be_over(&self) -> bool {
        self.shaken || self.fate != Fate::Pending
    }

    /// Whether it came back as it was accepted.
    pub(super) fn same(&self, back: &amqp_core::Outgoing) -> Check {
        let same = back.payload.len() == self.length
            && is_content(self.number, 0, &back.payload)
            && back.message_format == self.number;
        check(same, || format!("message {} comes back altered", self.number))
    }
}

/// Whether an endpoint may end for this cause while both sides keep the rules.
pub(super) fn lawful(cause: &Cause, cut: bool) -> bool {
    match cause {
        Cause::Local(_) | Cause::Remote(_) | Cause::Exhausted => true,
        Cause::TransportLost => cut,
        _ => false,
    }
}
