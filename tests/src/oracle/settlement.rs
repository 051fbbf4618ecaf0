//! Who settled what: the unsettled deliveries of one direction as one end of the session knows them (§2.6.12, §2.7.6).

use std::collections::{BTreeMap, VecDeque};

use amqp_codec::{DeliveryNumber, DeliveryState, DeliveryTag, Disposition, Role, Serial};

use super::fault::Verdicts;

/// So many deliveries are remembered after they are forgotten on the wire, to say why a frame about one is wrong.
const GRAVES: usize = 4096;

/// A delivery that neither end has settled.
#[derive(Debug)]
pub(super) struct Entry {
    /// The link under all its attachments.
    pub(super) lineage: u64,
    pub(super) tag: DeliveryTag,
    /// The receiver settles second.
    pub(super) second: bool,
    /// The terminal state that the sender reached.
    sender_outcome: Option<DeliveryState>,
    /// The receiver told a terminal state.
    receiver_done: bool,
}

/// Why a delivery is no longer unsettled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grave {
    /// A transfer said settled.
    Presettled,
    /// This end settled it.
    SettledHere,
    /// The peer settled it.
    SettledThere,
    /// A transfer said aborted.
    Aborted,
    /// A resumed delivery took its place.
    Resumed,
    /// Its link was closed by this end.
    LinkClosed,
    /// Its link was detached with an error.
    LinkFailed,
}

/// The deliveries of one direction.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    live: BTreeMap<u32, Entry>,
    tags: BTreeMap<(u64, DeliveryTag), u32>,
    graves: BTreeMap<u32, Grave>,
    order: VecDeque<u32>,
}

impl Ledger {
    /// A delivery begins.
    pub(super) fn open(&mut self, id: DeliveryNumber, lineage: u64, tag: DeliveryTag) {
        self.tags.insert((lineage, tag.clone()), id.0);
        let entry = Entry { lineage, tag, second: false, sender_outcome: None, receiver_done: false };
        self.live.insert(id.0, entry);
    }

    /// The unsettled delivery that has this tag.
    pub(super) fn with_tag(&self, lineage: u64, tag: &DeliveryTag) -> Option<DeliveryNumber> {
        self.tags.get(&(lineage, tag.clone())).copied().map(Serial)
    }

    /// The receiver of this delivery settles second.
    pub(super) fn set_second(&mut self, id: DeliveryNumber, second: bool) {
        if let Some(entry) = self.live.get_mut(&id.0) {
            entry.second = second;
        }
    }

    /// The delivery is no longer unsettled.
    pub(super) fn bury(&mut self, id: DeliveryNumber, grave: Grave) {
        if let Some(entry) = self.live.remove(&id.0) {
            self.tags.remove(&(entry.lineage, entry.tag));
            self.graves.insert(id.0, grave);
            self.order.push_back(id.0);
            if self.order.len() > GRAVES
                && let Some(oldest) = self.order.pop_front()
            {
                self.graves.remove(&oldest);
            }
        }
    }

    /// No delivery of this link is unsettled any more, except those that `keep` keeps.
    pub(super) fn bury_link(&mut self, lineage: u64, grave: Grave, keep: impl Fn(&DeliveryTag) -> bool) {
        let gone: Vec<u32> = self
            .live
            .iter()
            .filter(|(_, entry)| entry.lineage == lineage && !keep(&entry.tag))
            .map(|(id, _)| *id)
            .collect();
        for id in gone {
            self.bury(Serial(id), grave);
        }
    }

    /// The sender tells a state, on a transfer or in a disposition.
    pub(super) fn sender_state(
        &mut self,
        id: DeliveryNumber,
        state: &DeliveryState,
        verdicts: &mut Verdicts,
    ) {
        let Some(entry) = self.live.get_mut(&id.0) else { return };
        // §2.7.5: a terminal state at the sender never changes.
        if let Some(outcome) = &entry.sender_outcome {
            verdicts.require(outcome == state, "TRANSPORT-2.6.12-15", || {
                format!("delivery {} was {outcome:?} and becomes {state:?}", id.0)
            });
        } else if state.is_terminal() {
            entry.sender_outcome = Some(state.clone());
        }
    }

    /// This end sends a disposition about deliveries of this direction.
    pub(super) fn disposition_sent(&mut self, disposition: &Disposition, verdicts: &mut Verdicts) {
        let (first, last) = (disposition.first, disposition.last.unwrap_or(disposition.first));
        if last.distance_from(first).is_none_or(|width| width < 0) {
            return verdicts.fault("TRANSPORT-2.7.6-2", format!("last {} before first {}", last.0, first.0));
        }
        let sender = disposition.role == Role::Sender;
        // §3.4.1: at the sender, received has a meaning on resumed transfers only.
        let received = matches!(disposition.state, Some(DeliveryState::Received(_)));
        verdicts.require(!(sender && received), "MESSAGING-3.4-1", || "a sender's received state".to_owned());
        let live = covered(&self.live, first, last);
        if live.is_empty() {
            return self.complain(first, last, verdicts);
        }
        for id in live {
            if sender && let Some(state) = &disposition.state {
                self.sender_state(Serial(id), state, verdicts);
            }
            // §2.8.3: a receiver in mode second settles only after the sender has.
            let second = self.live.get(&id).is_some_and(|entry| entry.second);
            verdicts.require(sender || !disposition.settled || !second, "TRANSPORT-2.6.12-14", || {
                format!("delivery {id} settled by its receiver before its sender")
            });
        }
        self.apply(disposition, Grave::SettledHere);
    }

    /// A disposition of the peer about deliveries of this direction was delivered.
    pub(super) fn disposition_received(&mut self, disposition: &Disposition) {
        self.apply(disposition, Grave::SettledThere);
    }

    /// Unsettled deliveries.
    pub(super) fn unsettled(&self) -> usize {
        self.live.len()
    }

    /// The deliveries whose receiver settles first, told an outcome, and never settled.
    pub(super) fn left_hanging(&self) -> usize {
        self.live.values().filter(|entry| entry.receiver_done && !entry.second).count()
    }

    fn apply(&mut self, disposition: &Disposition, grave: Grave) {
        let last = disposition.last.unwrap_or(disposition.first);
        if last.distance_from(disposition.first).is_none_or(|width| width < 0) {
            return;
        }
        let done = disposition.state.as_ref().is_some_and(DeliveryState::is_terminal);
        for id in covered(&self.live, disposition.first, last) {
            if disposition.settled {
                self.bury(Serial(id), grave);
            } else if let Some(entry) = self.live.get_mut(&id) {
                entry.receiver_done |= disposition.role == Role::Receiver && done;
            }
        }
    }

    /// §2.6.12: settlement is announced once, and not to an end that has settled itself.
    fn complain(&self, first: DeliveryNumber, last: DeliveryNumber, verdicts: &mut Verdicts) {
        let grave = covered(&self.graves, first, last).first().and_then(|id| self.graves.get(id));
        let (rule, why) = match grave {
            Some(Grave::Presettled) => ("TRANSPORT-2.7.6-11", "was sent settled"),
            Some(Grave::SettledHere) => ("TRANSPORT-2.7.6-10", "was settled by this side already"),
            Some(Grave::SettledThere) => ("TRANSPORT-2.7.6-10", "was settled by the peer already"),
            Some(Grave::Aborted) => ("TRANSPORT-2.6.12-7", "was aborted, which settles it"),
            Some(Grave::Resumed) => ("TRANSPORT-2.6.12-20", "has another delivery-id since it was resumed"),
            Some(Grave::LinkClosed) => ("TRANSPORT-2.7.6-6", "went with its closed link"),
            Some(Grave::LinkFailed) => ("TRANSPORT-2.6.4-6", "went with the link that failed"),
            None => ("TRANSPORT-2.7.6-1", "is no delivery of this direction"),
        };
        verdicts.fault(rule, format!("{}..={}: {why}", first.0, last.0));
    }
}

/// The keys from `first` to `last`, which may lie on both sides of the wrap.
fn covered<T>(map: &BTreeMap<u32, T>, first: DeliveryNumber, last: DeliveryNumber) -> Vec<u32> {
    if first.0 <= last.0 {
        map.range(first.0..=last.0).map(|(id, _)| *id).collect()
    } else {
        map.range(first.0..).chain(map.range(..=last.0)).map(|(id, _)| *id).collect()
    }
}
