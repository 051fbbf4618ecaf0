//! Sessions (§2.5): one end of a session, and the view of it.

pub(crate) mod begin;
pub(crate) mod disposition;
pub(crate) mod end;
mod ranges;
pub(crate) mod window;
mod write;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use amqp_codec::{Begin, Error};

use crate::delivery::index::DeliveryIndex;
use crate::endpoints::Endpoints;
use crate::error::{CloseReason, Exhausted, StateError};
use crate::event::{DeliveryKey, LinkId, ReceivedKey, ReceiverId, SenderId, SessionId};
use crate::numbers::Numbers;
use crate::options::{ReceiverOptions, SenderOptions, SessionOptions};
use crate::session::disposition::Dispositions;
use crate::session::end::EndIntent;
use crate::session::window::Window;
use crate::state::SessionState;
use crate::table::Table;

/// One end of a session.
pub(crate) struct SessionEndpoint {
    pub(crate) state: SessionState,
    /// §2.5.1: channels are chosen by each side for what it sends.
    pub(crate) channel_out: Option<u16>,
    pub(crate) channel_in: Option<u16>,
    pub(crate) local: Box<Begin>,
    pub(crate) remote: Option<Box<Begin>>,
    /// Octets of the peer's begin, counted in [`crate::context::Context::described`].
    pub(crate) described: usize,
    pub(crate) window: Window,
    pub(crate) own_handles: Numbers,
    pub(crate) handles_in: Table<LinkId>,
    /// All links of the session, attached or not.
    pub(crate) links: BTreeSet<LinkId>,
    /// Deliveries sent and not settled.
    pub(crate) outgoing: DeliveryIndex<DeliveryKey>,
    /// The session is over, and so are these: what was sent on links whose end is still to be told.
    pub(crate) orphans: BTreeMap<SenderId, Vec<DeliveryKey>>,
    /// Deliveries received and not settled.
    pub(crate) incoming: DeliveryIndex<ReceivedKey>,
    /// The peer has chosen its first delivery-id.
    pub(crate) deliveries_received: bool,
    /// Links with an attach, a flow or a detach to write.
    pub(crate) talking: VecDeque<LinkId>,
    /// Links whose attach waits until the peer's begin is known.
    pub(crate) held: Vec<LinkId>,
    /// Links whose detach is to be written: at once, or once their deliveries are.
    pub(crate) leaving: VecDeque<LinkId>,
    /// Senders with transfers to write, in turn.
    pub(crate) sending: VecDeque<SenderId>,
    pub(crate) dispositions: Dispositions,
    /// Deliveries of this session whose last frame is not written.
    pub(crate) queued: usize,
    pub(crate) begin_written: bool,
    pub(crate) wants_flow: bool,
    /// The flow that is wanted asks for an answer.
    pub(crate) wants_echo: bool,
    pub(crate) end: Option<Box<EndIntent>>,
    /// In the connection's list of sessions with something to write.
    pub(crate) ready: bool,
    /// In the connection's list of sessions whose window waits for room.
    pub(crate) starved: bool,
    /// The peer's begin waits for the application.
    pub(crate) unanswered: bool,
    /// Set once, when the session is over.
    pub(crate) reason: Option<CloseReason>,
    /// The final event was taken.
    pub(crate) farewell: bool,
}

impl SessionEndpoint {
    pub(crate) fn new(options: SessionOptions) -> Self {
        let window = Window::new(&options);
        Self {
            state: SessionState::Unmapped,
            channel_out: None,
            channel_in: None,
            outgoing: DeliveryIndex::new(options.next_delivery_id),
            orphans: BTreeMap::new(),
            local: Box::new(begin_of(options)),
            remote: None,
            described: 0,
            window,
            own_handles: Numbers::default(),
            handles_in: Table::new(),
            links: BTreeSet::new(),
            incoming: DeliveryIndex::new(amqp_codec::Serial(0)),
            deliveries_received: false,
            talking: VecDeque::new(),
            held: Vec::new(),
            leaving: VecDeque::new(),
            sending: VecDeque::new(),
            dispositions: Dispositions::default(),
            queued: 0,
            begin_written: false,
            wants_flow: false,
            wants_echo: false,
            end: None,
            ready: false,
            starved: false,
            unanswered: false,
            reason: None,
            farewell: false,
        }
    }

    /// No more is to be begun on it.
    pub(crate) fn is_closing(&self) -> bool {
        self.reason.is_some() || self.end.is_some()
    }

    /// Our end is written.
    pub(crate) fn has_ended(&self) -> bool {
        self.end.as_ref().is_some_and(|end| end.written)
    }

    /// §2.5.5: what arrives is dropped until the peer's end.
    pub(crate) fn is_discarding(&self) -> bool {
        self.state == SessionState::Discarding || self.end.as_ref().is_some_and(|end| end.at_once)
    }
}

/// What this side says when it begins.
pub(crate) fn begin_of(options: SessionOptions) -> Begin {
    Begin {
        remote_channel: None,
        next_outgoing_id: options.next_outgoing_id,
        incoming_window: options.incoming_window.min(window::LARGEST),
        outgoing_window: options.outgoing_window,
        handle_max: options.handle_max,
        offered_capabilities: options.offered_capabilities,
        desired_capabilities: options.desired_capabilities,
        properties: options.properties,
    }
}

/// A short-lived borrow of a session: `connection.session(id)?`.
pub struct Session<'a> {
    pub(crate) endpoints: &'a mut Endpoints,
    pub(crate) id: SessionId,
}

impl Session<'_> {
    /// Answers the peer's begin.
    ///
    /// # Errors
    /// [`StateError::NotAsked`] where no begin waits.
    pub fn accept(&mut self, options: SessionOptions) -> Result<(), StateError> {
        self.endpoints.accept_session(self.id, options)
    }

    /// Answers the peer's begin with a begin and an end that carries `error`.
    ///
    /// # Errors
    /// [`StateError::NotAsked`] where no begin waits.
    pub fn refuse(&mut self, error: impl Into<Error>) -> Result<(), StateError> {
        self.endpoints.refuse_session(self.id, error.into())
    }

    /// Attaches a link to send on (§2.6.3). The peer answers with
    /// [`Event::SenderOpened`](crate::Event::SenderOpened), or refuses with
    /// [`Event::SenderClosed`](crate::Event::SenderClosed).
    ///
    /// # Errors
    /// [`Exhausted`] where no handle or slot is left, the name is taken, or the session is closing.
    pub fn attach_sender(&mut self, options: SenderOptions) -> Result<SenderId, Exhausted> {
        self.endpoints.attach_sender(self.id, options)
    }

    /// Attaches a link to receive on (§2.6.3). The peer answers with
    /// [`Event::ReceiverOpened`](crate::Event::ReceiverOpened), or refuses with
    /// [`Event::ReceiverClosed`](crate::Event::ReceiverClosed).
    ///
    /// # Errors
    /// [`Exhausted`] where no handle or slot is left, the name is taken, or the session is closing.
    pub fn attach_receiver(&mut self, options: ReceiverOptions) -> Result<ReceiverId, Exhausted> {
        self.endpoints.attach_receiver(self.id, options)
    }

    /// Ends the session: what was accepted for sending is sent first.
    ///
    /// # Errors
    /// [`StateError::Closed`] where it is ending or over.
    pub fn end(&mut self, error: Option<Error>) -> Result<(), StateError> {
        self.endpoints.end_session(self.id, error)
    }

    /// Asks the peer for its state of the session (§2.7.4, echo).
    pub fn echo(&mut self) {
        self.endpoints.request_session_echo(self.id);
    }

    /// Where the session stands between begin and end.
    pub fn state(&self) -> SessionState {
        self.endpoint().map_or(SessionState::Unmapped, |session| session.state)
    }

    /// What this side said in its begin, or will say.
    pub fn local(&self) -> Option<&Begin> {
        self.endpoint().map(|session| &*session.local)
    }

    /// What the peer said in its begin.
    pub fn remote(&self) -> Option<&Begin> {
        self.endpoint()?.remote.as_deref()
    }

    /// The channel that this side sends on, while it has one.
    pub fn channel(&self) -> Option<u16> {
        self.endpoint()?.channel_out
    }

    /// Transfer frames that the peer takes now (§2.5.6).
    pub fn remote_incoming_window(&self) -> u32 {
        self.endpoint().map_or(0, |session| session.window.remote_incoming_window())
    }

    /// Why the session is over.
    pub fn close_reason(&self) -> Option<&CloseReason> {
        self.endpoint()?.reason.as_ref()
    }

    fn endpoint(&self) -> Option<&SessionEndpoint> {
        self.endpoints.sessions.get(self.id).map(|session| &**session)
    }
}
