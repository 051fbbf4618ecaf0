//! Deliveries and the transfer frames that they are made of (§2.6.12, §2.6.14, §2.7.5).

use amqp_codec::{
    DeliveryNumber, DeliveryState, DeliveryTag, ReceiverSettleMode, SenderSettleMode, Transfer,
};

use super::fault::Verdicts;
use super::link::{Link, Tie};
use super::settlement::{Grave, Ledger};

/// A delivery whose last frame is still to come.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) id: DeliveryNumber,
    tag: DeliveryTag,
    format: Option<u32>,
    settled: bool,
    resumed: bool,
    octets: u64,
}

/// The deliveries of one direction of a session.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    /// The number of the next delivery; the first is arbitrary.
    next: Option<DeliveryNumber>,
    pub(super) ledger: Ledger,
}

impl Deliveries {
    /// This end, which is the sender of `link`, sends a transfer.
    pub(super) fn transfer_sent(
        &mut self,
        link: &mut Link,
        transfer: &Transfer,
        payload: usize,
        verdicts: &mut Verdicts,
    ) {
        link.judge_transfer(verdicts);
        match &link.progress {
            None => self.judge_first(link, transfer, verdicts),
            Some(progress) => self.judge_continuation(progress, transfer, verdicts),
        }
        judge_settlement(link, transfer, verdicts);
        judge_size(link, transfer, payload, verdicts);
        self.track(link, transfer, payload, verdicts);
    }

    /// A transfer of the peer, which is the sender of `link`, was delivered.
    pub(super) fn transfer_received(&mut self, link: &mut Link, transfer: &Transfer, payload: usize) {
        self.track(link, transfer, payload, &mut Verdicts::default());
    }

    fn judge_first(&self, link: &Link, transfer: &Transfer, verdicts: &mut Verdicts) {
        // §2.7.5: the first transfer names the delivery and its format.
        let missing = [
            (transfer.delivery_id.is_none(), "delivery-id"),
            (transfer.delivery_tag.is_none(), "delivery-tag"),
            (transfer.message_format.is_none(), "message-format"),
        ];
        for (_, field) in missing.iter().filter(|(missing, _)| *missing) {
            verdicts.fault("TRANSPORT-2.6.12-1", format!("the first transfer of a delivery has no {field}"));
        }
        if let (Some(said), Some(next)) = (transfer.delivery_id, self.next) {
            verdicts.require(said == next, "TRANSPORT-2.6.12-2", || {
                format!("delivery-id {} should be {}", said.0, next.0)
            });
        }
        judge_permission(link, verdicts);
        if let Some(tag) = &transfer.delivery_tag {
            self.judge_tag(link, tag, transfer.resume, verdicts);
        }
        // §3.4.1: received tells where the payload of a resumed delivery goes on, and nothing else.
        let received = matches!(transfer.state, Some(DeliveryState::Received(_)));
        verdicts.require(transfer.resume || !received, "MESSAGING-3.4-1", || {
            "received on a delivery that is not resumed".to_owned()
        });
    }

    fn judge_tag(&self, link: &Link, tag: &DeliveryTag, resume: bool, verdicts: &mut Verdicts) {
        let unsettled = self.ledger.with_tag(link.lineage, tag);
        if resume {
            let known = unsettled.is_some() || link.resumable.contains(tag);
            verdicts.require(known, "TRANSPORT-2.6.12-16", || {
                format!("{tag:?} is resumed and was not in the unsettled map")
            });
            return;
        }
        if let Some(id) = unsettled {
            verdicts.fault("TRANSPORT-2.6.12-3", format!("{tag:?} is still delivery {}", id.0));
        }
        if let Some(rule) = link.incomplete_rule() {
            verdicts.fault(rule, "a new delivery while unsettled maps are incomplete");
        }
    }

    fn judge_continuation(&self, progress: &Progress, transfer: &Transfer, verdicts: &mut Verdicts) {
        let id = progress.id.0;
        let other_id = transfer.delivery_id.is_some_and(|said| said != progress.id);
        let other_tag = transfer.delivery_tag.as_ref().is_some_and(|said| *said != progress.tag);
        let other_format = transfer.message_format.is_some() && transfer.message_format != progress.format;
        if other_id && other_tag && transfer.delivery_id == self.next {
            // §2.6.14: deliveries on one link do not interleave.
            return verdicts
                .fault("TRANSPORT-2.6.12-5", format!("another delivery begins inside delivery {id}"));
        }
        verdicts.require(!(other_id || other_tag || other_format), "TRANSPORT-2.6.12-4", || {
            format!("delivery {id} goes on with another delivery-id, delivery-tag or message-format")
        });
        let unsettled = progress.settled && transfer.settled == Some(false);
        verdicts.require(!unsettled, "TRANSPORT-2.6.12-10", || {
            format!("delivery {id} was settled and is not now")
        });
        verdicts.require(progress.resumed || !transfer.resume, "TRANSPORT-2.6.12-17", || {
            format!("delivery {id} is resumed from its second frame on")
        });
        let received = matches!(transfer.state, Some(DeliveryState::Received(_)));
        verdicts.require(!received, "MESSAGING-3.4-1", || "received on a later frame".to_owned());
    }

    /// What both ends learn from a transfer.
    fn track(&mut self, link: &mut Link, transfer: &Transfer, payload: usize, verdicts: &mut Verdicts) {
        let Some(mut progress) = link.progress.take().or_else(|| self.start(link, transfer)) else { return };
        progress.settled |= transfer.settled == Some(true);
        progress.octets += payload as u64;
        let id = progress.id;
        if let Some(state) = &transfer.state {
            self.ledger.sender_state(id, state, verdicts);
        }
        if transfer.rcv_settle_mode.is_some() {
            self.ledger.set_second(id, link.settles_second(transfer.rcv_settle_mode));
        }
        if transfer.aborted {
            // §2.7.5: an aborted delivery is settled.
            self.ledger.bury(id, Grave::Aborted);
        } else if progress.settled {
            self.ledger.bury(id, Grave::Presettled);
        }
        if transfer.more && !transfer.aborted {
            link.progress = Some(progress);
        }
    }

    fn start(&mut self, link: &mut Link, transfer: &Transfer) -> Option<Progress> {
        let (id, tag) = (transfer.delivery_id?, transfer.delivery_tag.clone()?);
        self.next = Some(id.next());
        link.counts_delivery();
        if let Some(old) = self.ledger.with_tag(link.lineage, &tag) {
            self.ledger.bury(old, Grave::Resumed);
        }
        self.ledger.open(id, link.lineage, tag.clone());
        self.ledger.set_second(id, link.settles_second(None));
        let format = transfer.message_format;
        Some(Progress { id, tag, format, settled: false, resumed: transfer.resume, octets: 0 })
    }
}

/// A delivery may begin: both ends are there, and there is credit.
fn judge_permission(link: &Link, verdicts: &mut Verdicts) {
    if link.remote == Tie::Never {
        return verdicts.fault("TRANSPORT-2.6.12-23", format!("the peer has not attached {} yet", link.name));
    }
    if !verdicts.require(!link.carries_nothing, "TRANSPORT-2.6.1-13", || {
        format!("an end of {} has no terminus", link.name)
    }) {
        return;
    }
    // §2.6.7: no credit, no new delivery; one that has begun needs none.
    verdicts.require(link.credit.allows(), "TRANSPORT-2.6.7-5", || format!("no credit on {}", link.name));
}

/// §2.7.3, §2.7.5: what the settle modes of the link let a transfer say.
fn judge_settlement(link: &Link, transfer: &Transfer, verdicts: &mut Verdicts) {
    let before = link.progress.as_ref().is_some_and(|progress| progress.settled);
    let settled = before || transfer.settled == Some(true);
    verdicts.require(!(transfer.aborted && transfer.more), "TRANSPORT-2.6.12-8", || {
        "an aborted delivery has no more".to_owned()
    });
    if !transfer.aborted {
        let wrong = match link.sender_mode {
            SenderSettleMode::Unsettled => settled,
            SenderSettleMode::Settled => !settled && !transfer.more,
            SenderSettleMode::Mixed => false,
        };
        verdicts.require(!wrong, "TRANSPORT-2.6.12-11", || {
            format!("settled={settled} on a link with snd-settle-mode {:?}", link.sender_mode)
        });
    }
    let second = transfer.rcv_settle_mode == Some(ReceiverSettleMode::Second);
    let first = link.receiver_mode == Some(ReceiverSettleMode::First);
    verdicts.require(settled || !(second && first), "TRANSPORT-2.6.12-12", || {
        "rcv-settle-mode second on a link whose mode is first".to_owned()
    });
}

/// §2.7.3: a message may be as large as the peer said, all its frames together.
fn judge_size(link: &Link, transfer: &Transfer, payload: usize, verdicts: &mut Verdicts) {
    let before = link.progress.as_ref().map_or(0, |progress| progress.octets);
    let octets = before + payload as u64;
    if let Some(limit) = link.max_message_size {
        verdicts.require(transfer.aborted || octets <= limit, "TRANSPORT-2.6.1-16", || {
            format!("{octets} octets of a message where the peer takes {limit}")
        });
    }
}
