//! What the engine has to tell: who, never what. What happened is read from the views.

use alloc::collections::VecDeque;

use amqp_codec::Role;

use crate::slots::{Key, ids};

// Ids and keys are those of one connection. Given to another they name nothing or something else of it.
ids! {
    /// A session of a connection. Stale when the event behind [`Event::SessionEnded`] is asked for and its links are
    /// stale.
    SessionId
    /// A link whose sender this side is. Stale when the event behind [`Event::SenderClosed`] is asked for and all its
    /// outcomes have been taken.
    SenderId
    /// A link whose receiver this side is. Stale when the event behind [`Event::ReceiverClosed`] is asked for and all
    /// its deliveries have been taken to their end.
    ReceiverId
    /// A delivery that this side sends. Stale once it is resolved and settled.
    DeliveryKey
    /// A delivery that this side received. Stale once both sides have settled it.
    ReceivedKey
}

/// A link of either direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum LinkId {
    Sender(SenderId),
    Receiver(ReceiverId),
}

impl LinkId {
    /// Not after any other.
    pub(crate) const FIRST: Self = Self::Sender(SenderId(Key::FIRST));

    /// Our role on the link.
    pub(crate) const fn role(self) -> Role {
        match self {
            Self::Sender(_) => Role::Sender,
            Self::Receiver(_) => Role::Receiver,
        }
    }
}

/// Something that the application may want to look at.
///
/// Events keep the order of the wire. The four that can repeat (`Credit`, `Outcomes`, `Deliveries`, `Updates`) stand
/// in the queue at most once for a link at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// Server: a SASL client waits for [`crate::Connection::authenticate`]; client: a challenge does.
    Authenticate,
    /// SASL succeeded.
    Authenticated,
    /// The peer's open arrived and waits for [`crate::Connection::accept`] or [`crate::Connection::refuse`].
    Opening,
    /// Opens are exchanged.
    Opened,
    /// The peer began a session, which waits for accept or refuse.
    SessionOpening(SessionId),
    /// The peer answered the begin.
    SessionOpened(SessionId),
    /// Final for the session.
    SessionEnded(SessionId),
    /// The peer attached as receiver; the link waits for accept or refuse. Also when it re-attaches a detached link.
    SenderOpening(SenderId),
    /// The peer answered the attach with a target that takes messages.
    SenderOpened(SenderId),
    /// Detached without being closed: the deliveries stay live, `attach` re-attaches.
    SenderDetached(SenderId),
    /// Final for the link.
    SenderClosed(SenderId),
    /// Messages can be sent now.
    Credit(SenderId),
    /// With [`crate::SenderOptions::auto_drain`] false: the receiver wants all credit used up or given back.
    Draining(SenderId),
    /// Outcomes can be taken.
    Outcomes(SenderId),
    /// The peer attached as sender; the link waits for accept or refuse. Also when it re-attaches a detached link.
    ReceiverOpening(ReceiverId),
    /// The peer answered the attach with a source that gives messages.
    ReceiverOpened(ReceiverId),
    /// Detached without being closed: the deliveries stay live, `attach` re-attaches.
    ReceiverDetached(ReceiverId),
    /// Final for the link.
    ReceiverClosed(ReceiverId),
    /// Deliveries can be taken.
    Deliveries(ReceiverId),
    /// The peer settled deliveries, or changed their state: updates can be taken.
    Updates(ReceiverId),
    /// The peer has used up or given back all credit that was there when [`crate::Receiver::drain`] was called.
    Drained(ReceiverId),
    /// Final: the connection is over, see [`crate::Connection::close_reason`].
    Closed,
}

/// What waits to be taken, oldest first.
pub(crate) type EventQueue = VecDeque<Event>;
