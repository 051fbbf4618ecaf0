//! Both windows of a session as one of its ends knows them (§2.5.6).

use amqp_codec::{Begin, Flow, TransferNumber};

use super::fault::Verdicts;

/// One end's transfer counters.
#[derive(Debug, Default)]
pub(super) struct Window {
    initial_outgoing: TransferNumber,
    next_outgoing: TransferNumber,
    outgoing_window: u32,
    /// Unknown until the peer's begin was delivered.
    next_incoming: Option<TransferNumber>,
    /// So many transfers this end may still send; unknown until the peer's begin was delivered.
    allowance: Option<i64>,
    /// The same against the furthest right edge that the peer ever announced.
    furthest: i64,
    /// So many transfers the peer may still send, against the furthest right edge that this end ever announced.
    announced: i64,
    /// The peer broke the window of this end, which makes a window-violation a just complaint.
    wronged: bool,
}

impl Window {
    /// This end sends its begin.
    pub(super) fn begin_sent(&mut self, begin: &Begin) {
        self.initial_outgoing = begin.next_outgoing_id;
        self.next_outgoing = begin.next_outgoing_id;
        self.outgoing_window = begin.outgoing_window;
        self.announced = i64::from(begin.incoming_window);
    }

    /// The peer's begin was delivered.
    pub(super) fn begin_received(&mut self, begin: &Begin) {
        self.next_incoming = Some(begin.next_outgoing_id);
        self.allowance = Some(i64::from(begin.incoming_window));
        self.furthest = i64::from(begin.incoming_window);
    }

    /// This end sends a transfer.
    pub(super) fn transfer_sent(&mut self, verdicts: &mut Verdicts) {
        // §2.5.6: remote-incoming-window is what the last flow made it, and counts down with every transfer.
        match self.allowance {
            None => verdicts.fault("TRANSPORT-2.5.6-2", "the peer's incoming-window is not known yet"),
            Some(allowance) if allowance > 0 => {}
            Some(_) if self.furthest > 0 => {
                verdicts
                    .fault("TRANSPORT-2.5.6-6", "the peer's last flow took the window back that this uses");
            }
            Some(_) => verdicts.fault("TRANSPORT-2.5.6-2", "the peer's incoming-window is used up"),
        }
        verdicts.require(self.outgoing_window > 0, "TRANSPORT-2.5.6-11", || {
            "own outgoing-window is 0".to_owned()
        });
        self.next_outgoing = self.next_outgoing.next();
        self.allowance = self.allowance.map(|allowance| allowance - 1);
        self.furthest -= 1;
    }

    /// A transfer of the peer was delivered.
    pub(super) fn transfer_received(&mut self) {
        // §2.5.6: what was announced once may be used, even if a later flow took it back.
        self.wronged |= self.announced <= 0;
        self.announced -= 1;
        self.next_incoming = self.next_incoming.map(TransferNumber::next);
    }

    /// This end sends a flow.
    pub(super) fn flow_sent(&mut self, flow: &Flow, verdicts: &mut Verdicts) {
        let next_outgoing = self.next_outgoing;
        verdicts.require(flow.next_outgoing_id == next_outgoing, "TRANSPORT-2.5.6-1", || {
            format!("next-outgoing-id {} should be {}", flow.next_outgoing_id.0, next_outgoing.0)
        });
        match (flow.next_incoming_id, self.next_incoming) {
            (Some(said), Some(known)) if said == known => {}
            (Some(said), Some(known)) => {
                let ahead = known.precedes(said);
                let rule = if ahead { "TRANSPORT-2.5.6-9" } else { "TRANSPORT-2.5.6-3" };
                verdicts.fault(rule, format!("next-incoming-id {} should be {}", said.0, known.0));
            }
            (None, Some(_)) => {
                verdicts.fault("TRANSPORT-2.5.6-10", "no next-incoming-id after the peer's begin")
            }
            (Some(_), None) => {
                verdicts.fault("TRANSPORT-2.5.6-10", "next-incoming-id before the peer's begin")
            }
            (None, None) => {}
        }
        self.outgoing_window = flow.outgoing_window;
        self.announced = self.announced.max(i64::from(flow.incoming_window));
    }

    /// A flow of the peer was delivered.
    pub(super) fn flow_received(&mut self, flow: &Flow) {
        if let Some(known) = self.next_incoming {
            match flow.next_outgoing_id.distance_from(known) {
                Some(forward) if forward >= 0 => self.announced -= i64::from(forward),
                Some(_) | None => self.wronged = true,
            }
        }
        self.next_incoming = Some(flow.next_outgoing_id);
        // §2.5.6: without a next-incoming-id the peer counts from this end's first transfer.
        let base = flow.next_incoming_id.unwrap_or(self.initial_outgoing);
        let Some(ahead) = base.distance_from(self.next_outgoing) else {
            self.wronged = true;
            return;
        };
        self.wronged |= ahead > 0;
        let allowance = i64::from(ahead) + i64::from(flow.incoming_window);
        self.allowance = Some(allowance);
        self.furthest = self.furthest.max(allowance);
    }

    /// The peer broke this end's window.
    pub(super) fn wronged(&self) -> bool {
        self.wronged
    }

    /// The peer's window lets another transfer through.
    pub(super) fn is_open(&self) -> bool {
        self.allowance.is_some_and(|allowance| allowance > 0)
    }
}
