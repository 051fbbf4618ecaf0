//! Links (§2.6): what both ends of a link have in common. What only a sender or a receiver has is in its own file.

pub(crate) mod attach;
pub(crate) mod credit;
pub(crate) mod detach;
mod name;
pub(crate) mod negotiate;
pub(crate) mod receiver;
pub(crate) mod sender;
mod view;

use alloc::boxed::Box;

use amqp_codec::{Attach, AttachSource, AttachTarget, Error, ReceiverSettleMode, Role, SenderSettleMode};

use crate::error::CloseReason;
use crate::event::{LinkId, SessionId};
use crate::state::LinkState;

/// One end of a link, whatever its direction.
pub(crate) struct LinkEndpoint {
    pub(crate) session: SessionId,
    pub(crate) state: LinkState,
    /// §2.6.2: handles are chosen by each side for what it sends.
    pub(crate) handle_out: Option<u32>,
    pub(crate) handle_in: Option<u32>,
    /// What this side says; its handle field is not used.
    pub(crate) local: Box<Attach>,
    /// What the peer said last.
    pub(crate) remote: Option<Box<Attach>>,
    /// Octets of the peer's last attach, counted in [`crate::context::Context::described`].
    pub(crate) described: usize,
    /// Attach is wanted and not yet written.
    pub(crate) wants_attach: bool,
    /// Our attach stands on the wire and no detach after it.
    pub(crate) attach_written: bool,
    /// A flow is wanted and not yet written.
    pub(crate) wants_flow: bool,
    /// The flow that is wanted asks for an answer.
    pub(crate) wants_echo: bool,
    /// A detach is wanted and not yet written.
    pub(crate) detach: Option<Box<DetachIntent>>,
    /// The detach that is written and waits for the peer's.
    pub(crate) sent_detach: Option<Box<DetachIntent>>,
    /// Our attach was written at some time.
    pub(crate) attached_before: bool,
    /// In the session's list of links with something to say.
    pub(crate) listed: bool,
    /// Its attach waits until the peer's begin is known, in the session's list of those, or until its name is free.
    pub(crate) held: bool,
    /// The peer's attach waits for the application.
    pub(crate) unanswered: bool,
    /// How often it has waited for that: who has answered an earlier question may still owe the last.
    pub(crate) asked: u8,
    /// §2.6.3: the peer's attach has a null terminus on its side, so we send nothing; in an answer it says that a detach
    /// follows.
    pub(crate) refused: bool,
    /// Set once, when the link is over.
    pub(crate) reason: Option<CloseReason>,
    /// The final event was taken.
    pub(crate) farewell: bool,
    /// A link of the same name that waits until this one is off the wire.
    pub(crate) successor: Option<LinkId>,
}

/// A detach to write.
#[derive(Clone, Debug)]
pub(crate) struct DetachIntent {
    pub(crate) closed: bool,
    pub(crate) error: Option<Error>,
    /// It waits for nothing, and what the peer sends before its own detach does not count any more.
    pub(crate) at_once: bool,
}

impl DetachIntent {
    /// Written after what was accepted for sending.
    pub(crate) fn closing(error: Option<Error>) -> Box<Self> {
        Box::new(Self { closed: true, error, at_once: false })
    }

    /// Written without waiting for anything: the link is over already, or the peer has left it.
    pub(crate) fn at_once(closed: bool, error: Option<Error>) -> Box<Self> {
        Box::new(Self { closed, error, at_once: true })
    }
}

impl LinkEndpoint {
    pub(crate) fn new(session: SessionId, local: Attach) -> Self {
        Self {
            session,
            state: LinkState::Detached,
            handle_out: None,
            handle_in: None,
            local: Box::new(local),
            remote: None,
            described: 0,
            wants_attach: false,
            attach_written: false,
            wants_flow: false,
            wants_echo: false,
            detach: None,
            sent_detach: None,
            attached_before: false,
            listed: false,
            held: false,
            unanswered: false,
            asked: 0,
            refused: false,
            reason: None,
            farewell: false,
            successor: None,
        }
    }

    /// §2.6.7: the sender's value is the one that holds.
    pub(crate) fn snd_settle_mode(&self) -> SenderSettleMode {
        match (self.local.role, &self.remote) {
            (Role::Receiver, Some(remote)) => remote.snd_settle_mode,
            _ => self.local.snd_settle_mode,
        }
    }

    /// §2.6.7: the receiver's value is the one that holds.
    pub(crate) fn rcv_settle_mode(&self) -> ReceiverSettleMode {
        match (self.local.role, &self.remote) {
            (Role::Sender, Some(remote)) => remote.rcv_settle_mode,
            _ => self.local.rcv_settle_mode,
        }
    }

    /// Attaches are exchanged, nothing was refused and no detach is on its way.
    pub(crate) fn is_live(&self) -> bool {
        self.state == LinkState::Attached && !self.refused && self.detach.is_none()
    }

    /// The link is over, or will be once a detach is written and answered.
    pub(crate) fn is_closing(&self) -> bool {
        let closes = |intent: &Option<Box<DetachIntent>>| intent.as_ref().is_some_and(|intent| intent.closed);
        self.reason.is_some() || closes(&self.detach) || closes(&self.sent_detach)
    }

    /// The link is over, or our closing detach is on the wire: nothing can be told of its deliveries any more.
    pub(crate) fn has_left(&self) -> bool {
        self.reason.is_some() || self.sent_detach.as_ref().is_some_and(|intent| intent.closed)
    }

    /// §2.6.5: what arrives is dropped until the peer's detach.
    pub(crate) fn is_discarding(&self) -> bool {
        self.reason.is_some()
            || self.state == LinkState::ErrDetachSent
            || self.detach.as_ref().is_some_and(|detach| detach.at_once)
    }
}

/// §2.6.3: whether an attach carries the terminus of its own side: a sender's source, a receiver's target.
pub(crate) fn refuses(attach: &Attach) -> bool {
    match attach.role {
        Role::Sender => attach.source.is_none(),
        Role::Receiver => attach.target.is_none(),
    }
}

/// A terminus of a kind that nobody knows (§2.6.1).
pub(crate) fn unknown_terminus(attach: &Attach) -> bool {
    matches!(attach.source.as_deref(), Some(AttachSource::Unknown(_)))
        || matches!(attach.target.as_deref(), Some(AttachTarget::Unknown(_)))
}
