//! One attachment of a link as one of its ends knows it (§2.6).

use amqp_codec::{
    Attach, AttachSource, AttachTarget, DeliveryTag, Detach, Flow, ReceiverSettleMode, Role,
    SenderSettleMode, Str,
};

use super::credit::{ReceiverCount, SenderCredit};
use super::delivery::Progress;
use super::fault::Verdicts;

/// One half of an attachment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tie {
    /// No attach yet.
    #[default]
    Never,
    /// Attached with this handle.
    Attached(u32),
    /// Detached again.
    Detached {
        /// The link was closed.
        closed: bool,
        /// There was an error.
        failed: bool,
    },
}

/// One attachment: the attach frames of both sides and what followed on their handles.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) name: Str,
    /// This end's role.
    pub(super) role: Role,
    /// The link under all its attachments.
    pub(super) lineage: u64,
    pub(super) local: Tie,
    pub(super) remote: Tie,
    /// This end answers an attach, and has no terminus for it: it must close the link again.
    pub(super) refusing: bool,
    /// One of the ends has no terminus.
    pub(super) carries_nothing: bool,
    /// What this end said, where it sends.
    pub(super) sender_mode: SenderSettleMode,
    /// What the receiver said; unknown before its attach.
    pub(super) receiver_mode: Option<ReceiverSettleMode>,
    /// The tags in this end's unsettled map.
    pub(super) resumable: Vec<DeliveryTag>,
    /// This end's unsettled map was incomplete.
    pub(super) incomplete_here: bool,
    /// The peer's unsettled map was incomplete.
    pub(super) incomplete_there: bool,
    /// The largest message that the peer takes.
    pub(super) max_message_size: Option<u64>,
    pub(super) credit: SenderCredit,
    pub(super) count: ReceiverCount,
    /// The delivery whose last frame is still to come.
    pub(super) progress: Option<Progress>,
    /// The peer asked for the state of this link.
    pub(super) owes_echo: bool,
}

impl Link {
    pub(super) fn new(name: Str, role: Role, lineage: u64) -> Self {
        Self {
            name,
            role,
            lineage,
            local: Tie::Never,
            remote: Tie::Never,
            refusing: false,
            carries_nothing: false,
            sender_mode: SenderSettleMode::default(),
            receiver_mode: None,
            resumable: Vec::new(),
            incomplete_here: false,
            incomplete_there: false,
            max_message_size: None,
            credit: SenderCredit::default(),
            count: ReceiverCount::default(),
            progress: None,
            owes_echo: false,
        }
    }

    /// This end attaches.
    pub(super) fn attach_sent(&mut self, attach: &Attach, verdicts: &mut Verdicts) {
        let answers = self.remote != Tie::Never;
        self.local = Tie::Attached(attach.handle);
        if self.role == Role::Sender {
            // §2.7.3: a sender's attach says where its delivery-count begins.
            verdicts.require(attach.initial_delivery_count.is_some(), "TRANSPORT-2.6.1-9", || {
                "a sender's attach without initial-delivery-count".to_owned()
            });
            self.sender_mode = attach.snd_settle_mode;
            self.credit.attach_sent(attach.initial_delivery_count.unwrap_or_default());
        } else {
            self.receiver_mode = Some(attach.rcv_settle_mode);
        }
        let homeless = own_terminus_is_null(attach);
        self.refusing = answers && homeless;
        self.carries_nothing |= homeless;
        self.incomplete_here = attach.incomplete_unsettled;
        if let Some(unsettled) = &attach.unsettled {
            self.resumable = unsettled.iter().map(|(tag, _)| tag.clone()).collect();
        }
        judge_dynamic(attach, answers, verdicts);
    }

    /// The peer's attach was delivered.
    pub(super) fn attach_received(&mut self, attach: &Attach) {
        self.remote = Tie::Attached(attach.handle);
        if self.role == Role::Sender {
            self.receiver_mode = Some(attach.rcv_settle_mode);
        } else {
            self.count = ReceiverCount::new(attach.initial_delivery_count.unwrap_or_default());
        }
        self.max_message_size = attach.max_message_size.filter(|size| *size > 0);
        self.carries_nothing |= own_terminus_is_null(attach);
        self.incomplete_there = attach.incomplete_unsettled;
    }

    /// This end detaches.
    pub(super) fn detach_sent(&mut self, detach: &Detach, verdicts: &mut Verdicts) {
        // §2.6.3: a link that could not be made is closed, not suspended.
        verdicts.require(detach.closed || !self.refusing, "TRANSPORT-2.6.1-8", || {
            "a refused link is detached without being closed".to_owned()
        });
        // §2.6.6: closing is answered by closing.
        let must_close = matches!(self.remote, Tie::Detached { closed: true, .. });
        verdicts.require(detach.closed || !must_close, "TRANSPORT-2.6.4-2", || {
            "a closing detach is answered by one that does not close".to_owned()
        });
        self.local = Tie::Detached { closed: detach.closed, failed: detach.error.is_some() };
    }

    /// The peer's detach was delivered.
    pub(super) fn detach_received(&mut self, detach: &Detach) {
        self.remote = Tie::Detached { closed: detach.closed, failed: detach.error.is_some() };
    }

    /// This end sends a flow or a transfer on its handle: may it still?
    pub(super) fn judge_use(&self, verdicts: &mut Verdicts) {
        verdicts.require(!self.refusing, "TRANSPORT-2.6.1-8", || {
            format!("link {} is refused, so that only its detach may follow", self.name)
        });
        // §2.6.5: the peer destroyed its end.
        let failed = matches!(self.remote, Tie::Detached { failed: true, .. });
        verdicts.require(!failed, "TRANSPORT-2.6.4-6", || {
            format!("the peer detached {} with an error", self.name)
        });
    }

    /// This end sends a transfer on its handle: does the peer still want any?
    pub(super) fn judge_transfer(&self, verdicts: &mut Verdicts) {
        self.judge_use(verdicts);
        // §2.6.6: a flow may have been due, but no message should go to an end that is gone.
        let closed = matches!(self.remote, Tie::Detached { closed: true, failed: false });
        verdicts.require(!closed, "TRANSPORT-2.6.4-2", || {
            format!("the peer closed {} and waits for the answer", self.name)
        });
    }

    /// This end sends a flow about this link.
    pub(super) fn flow_sent(&mut self, flow: &Flow, verdicts: &mut Verdicts) {
        self.judge_use(verdicts);
        self.owes_echo = false;
        let unfinished = self.progress.is_some();
        match self.role {
            Role::Sender => self.credit.flow_sent(flow, unfinished, verdicts),
            Role::Receiver => self.count.flow_sent(flow, unfinished, verdicts),
        }
    }

    /// The peer's flow about this link was delivered.
    pub(super) fn flow_received(&mut self, flow: &Flow) {
        self.owes_echo |= flow.echo;
        match self.role {
            Role::Sender => self.credit.flow_received(flow),
            // §2.7.4: the credit of a link is the receiver's to set, whatever its sender writes.
            Role::Receiver => self.count.flow_received(flow),
        }
    }

    /// Both halves are detached.
    pub(super) fn is_over(&self) -> bool {
        matches!((self.local, self.remote), (Tie::Detached { .. }, Tie::Detached { .. }))
    }

    /// How a new delivery breaks the limits that incomplete unsettled maps set.
    pub(super) fn incomplete_rule(&self) -> Option<&'static str> {
        if self.incomplete_there {
            Some("TRANSPORT-2.6.1-21")
        } else {
            self.incomplete_here.then_some("TRANSPORT-2.6.1-22")
        }
    }

    /// A delivery begins: both ends count it.
    pub(super) fn counts_delivery(&mut self) {
        match self.role {
            Role::Sender => self.credit.spend(),
            Role::Receiver => self.count.count(),
        }
    }

    /// A delivery on this link that is not sent settled is settled second by its receiver.
    pub(super) fn settles_second(&self, asked: Option<ReceiverSettleMode>) -> bool {
        asked.or(self.receiver_mode).unwrap_or_default() == ReceiverSettleMode::Second
    }
}

/// The terminus at the end that sends this attach is missing.
fn own_terminus_is_null(attach: &Attach) -> bool {
    match attach.role {
        Role::Sender => attach.source.is_none(),
        Role::Receiver => attach.target.is_none(),
    }
}

/// §3.5.3, §3.5.4: who asks for a dynamic node leaves the address open, who makes it says its address.
fn judge_dynamic(attach: &Attach, answers: bool, verdicts: &mut Verdicts) {
    let source = match attach.source.as_deref() {
        Some(AttachSource::Source(source)) if source.dynamic => Some(source.address.is_some()),
        _ => None,
    };
    let target = match attach.target.as_deref() {
        Some(AttachTarget::Target(target)) if target.dynamic => Some(target.address.is_some()),
        _ => None,
    };
    let (asked, made) = match attach.role {
        Role::Sender => (target, source),
        Role::Receiver => (source, target),
    };
    if !answers {
        verdicts.require(asked != Some(true), "MESSAGING-3.5-2", || {
            "a dynamic node is asked for by address".to_owned()
        });
    } else {
        verdicts.require(made != Some(false), "MESSAGING-3.5-2", || {
            "a dynamic node was made and has no address".to_owned()
        });
    }
}
