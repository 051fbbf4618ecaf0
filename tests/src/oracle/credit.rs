//! Link credit and delivery-count as one end of the link knows them (§2.6.7).

use amqp_codec::{Flow, SequenceNo};

use super::fault::Verdicts;

/// The sender's idea of its credit.
#[derive(Debug, Default)]
pub(super) struct SenderCredit {
    initial: SequenceNo,
    count: SequenceNo,
    credit: i64,
    /// link-credit as the receiver last wrote it.
    seen: u32,
    drain: bool,
}

impl SenderCredit {
    /// This sender attaches. A receiver that attached first may have granted credit already.
    pub(super) fn attach_sent(&mut self, initial: SequenceNo) {
        self.initial = initial;
        self.count = initial;
    }

    /// A delivery may begin.
    pub(super) fn allows(&self) -> bool {
        self.credit > 0
    }

    /// The receiver waits for this sender to use up its credit.
    pub(super) fn must_drain(&self) -> bool {
        self.drain && self.credit > 0
    }

    /// A delivery begins.
    pub(super) fn spend(&mut self) {
        self.count = self.count.next();
        self.credit -= 1;
    }

    /// The receiver's flow was delivered.
    pub(super) fn flow_received(&mut self, flow: &Flow) {
        self.drain = flow.drain;
        let Some(credit) = flow.link_credit else { return };
        // §2.6.7: link-credit_snd := delivery-count_rcv + link-credit_rcv - delivery-count_snd, and a receiver that
        // has not seen the attach counts from the initial delivery-count.
        let base = flow.delivery_count.unwrap_or(self.initial);
        if let Some(behind) = base.distance_from(self.count) {
            self.seen = credit;
            self.credit = i64::from(behind) + i64::from(credit);
        }
    }

    /// This sender sends a flow, `unfinished` where a delivery has begun whose last frame is still to come: its
    /// delivery may or may not be counted yet.
    pub(super) fn flow_sent(&mut self, flow: &Flow, unfinished: bool, verdicts: &mut Verdicts) {
        let Some(said) = flow.delivery_count else {
            return verdicts.fault("TRANSPORT-2.6.7-14", "a sender's flow without delivery-count");
        };
        let uncounted = unfinished && said == self.count.sub(1);
        if said != self.count && !uncounted {
            self.advance_to(said, verdicts);
        }
        if flow.drain {
            verdicts.require(self.drain, "TRANSPORT-2.6.7-7", || "drain that nobody asked for".to_owned());
        }
        let credit = self.credit.max(0) + i64::from(uncounted);
        if let Some(said) = flow.link_credit {
            verdicts.require(i64::from(said) == credit || said == self.seen, "TRANSPORT-2.6.7-4", || {
                format!("link-credit {said} should be {credit}")
            });
        }
    }

    fn advance_to(&mut self, said: SequenceNo, verdicts: &mut Verdicts) {
        let advance = i64::from(said.distance_from(self.count).unwrap_or(i32::MIN));
        let wide = i64::from(said.since(self.count));
        // Credit may be wider than what serial numbers can compare.
        let advance = if wide == self.credit { wide } else { advance };
        let (count, credit) = (self.count.0, self.credit);
        if !self.drain || advance < 0 {
            return verdicts
                .fault("TRANSPORT-2.6.7-1", format!("delivery-count {} should be {count}", said.0));
        }
        // §2.6.7: draining uses all of the credit and no more.
        verdicts.require(advance == credit, "TRANSPORT-2.6.7-7", || {
            format!("delivery-count went up by {advance} to drain a credit of {credit}")
        });
        self.count = said;
        self.credit -= advance;
    }
}

/// The receiver's idea of the sender's delivery-count.
#[derive(Debug, Default)]
pub(super) struct ReceiverCount(Option<SequenceNo>);

impl ReceiverCount {
    /// The sender's attach was delivered.
    pub(super) fn new(initial: SequenceNo) -> Self {
        Self(Some(initial))
    }

    /// The first frame of a delivery was delivered.
    pub(super) fn count(&mut self) {
        self.0 = self.0.map(SequenceNo::next);
    }

    /// The sender's flow was delivered.
    pub(super) fn flow_received(&mut self, flow: &Flow) {
        self.0 = flow.delivery_count.or(self.0);
    }

    /// This receiver sends a flow.
    pub(super) fn flow_sent(&self, flow: &Flow, unfinished: bool, verdicts: &mut Verdicts) {
        match (flow.delivery_count, self.0) {
            (Some(said), Some(known)) => {
                let right = said == known || (unfinished && said == known.sub(1));
                verdicts.require(right, "TRANSPORT-2.6.7-14", || {
                    format!("delivery-count {} should be the sender's {}", said.0, known.0)
                });
            }
            (Some(_), None) => {
                verdicts.fault("TRANSPORT-2.6.7-14", "delivery-count before the sender's attach")
            }
            (None, Some(_)) => {
                verdicts.fault("TRANSPORT-2.6.7-14", "no delivery-count after the sender's attach")
            }
            (None, None) => {}
        }
    }
}
