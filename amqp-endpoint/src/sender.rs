//! The sending end of a link.

use std::fmt;

use amqp_core::codec::{SenderSettleMode, Str};
use amqp_core::{DeliveryKey, Outgoing, SendError, SendErrorReason, SenderId, Unresolved};

use crate::completions::Completions;
use crate::connection::Connection;
use crate::encode::IntoOutgoing;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::link::{link_handle, source_address, target_address};
use crate::outcome::{Outcome, Unsent, UnsentReason};
use crate::ready::Ready;
use crate::send::{Accepting, SendForget, Sending, Submit, Submitted};
use crate::sends::Interest;
use crate::session::Session;
use crate::state::{Place, State};
use crate::status::{EndpointState, Status};
use crate::stream::Start;
use crate::sync::Arc;
use crate::waiters::Waiters;

/// The sending end of a link; a handle that can be cloned. The link closes when the last of them is gone, with all its
/// operations; one whose source never expires is detached instead.
///
/// Electron's eight ways to send are two stages here. [`Sender::submit`] waits for credit and room, and yields a
/// [`Submitted`], which waits for the outcome; [`Sender::send`] is both. Messages are sent in the order in which their
/// operations were first polled.
#[derive(Clone)]
pub struct Sender(Arc<SenderHandle>);

struct SenderHandle {
    session: Session,
    key: usize,
    id: SenderId,
}

/// A sender as its handles share it.
#[derive(Debug)]
pub(crate) struct SenderRecord {
    pub(crate) status: Status,
    /// Operations that wait for credit.
    pub(crate) waiters: Waiters,
    /// The application said that it has nothing to send: false, it may have something again; none, it never says.
    pub(crate) idle: Option<bool>,
}

impl SenderRecord {
    pub(crate) fn new() -> Self {
        Self { status: Status::new(), waiters: Waiters::default(), idle: None }
    }
}

impl Sender {
    /// The handle of a link whose record exists.
    pub(crate) fn new(session: Session, key: usize, id: SenderId) -> Self {
        Self(Arc::new(SenderHandle { session, key, id }))
    }

    pub(crate) fn id(&self) -> SenderId {
        self.0.id
    }

    pub(crate) fn key(&self) -> usize {
        self.0.key
    }

    /// Waits for credit and for room in the output. Yields what the outcome is awaited with. Dropped before that, the
    /// message is withdrawn. Who waits is served in the order of the first polls: an operation that is kept and not polled
    /// when it is woken holds up those behind it.
    ///
    /// # Errors
    /// The operation yields [`Unsent`], with the message, where the link ends first or cannot carry it.
    pub fn submit(&self, message: impl IntoOutgoing) -> Submit {
        Submit(Accepting::new(self.clone(), message.into_outgoing()))
    }

    /// Sends a message and waits for its outcome. Dropped while nothing of the message was written, it is withdrawn; later
    /// only the waiting is given up. Whoever must know which of the two it
    /// was, after a time-out, uses [`Sender::submit`], whose [`Submitted`] says that the message is on its way.
    pub fn send(&self, message: impl IntoOutgoing) -> Sending {
        Sending::new(self.clone(), message.into_outgoing())
    }

    /// Sends a message now, where there is credit, room and nobody waiting in front.
    ///
    /// # Errors
    /// [`Unsent`] has the message, [`UnsentReason::Blocked`] where it would have to wait.
    pub fn try_send(&self, message: impl IntoOutgoing) -> Result<Submitted, Unsent> {
        let mut accepting = Accepting::new(self.clone(), message.into_outgoing());
        accepting
            .accept_now(|| Interest::Submitted(None))
            .map(|(key, id)| Submitted::new(self.clone(), key, id))
    }

    /// Sends a message whose outcome nobody wants, once there is credit and room for it.
    pub fn send_forget(&self, message: impl IntoOutgoing) -> SendForget {
        SendForget::new(self.clone(), message.into_outgoing(), None)
    }

    /// Sends a message, once there is credit and room for it, and has its outcome with `value` put into `completions`.
    /// Where the operation itself yields an error there is no completion.
    pub fn send_async<T: Send + 'static>(
        &self,
        message: impl IntoOutgoing,
        completions: &Completions<T>,
        value: T,
    ) -> SendForget {
        SendForget::new(self.clone(), message.into_outgoing(), Some(completions.place_for(value)))
    }

    /// Sends a message in parts, which need not be known yet: `beginning` is the sections before the body, or none
    /// (`Bytes::new()`). Waits for credit and for room in the output, as [`Sender::submit`] does.
    ///
    /// # Errors
    /// The operation yields [`Unsent`] where the link ends first or cannot carry it.
    pub fn start(&self, beginning: impl IntoOutgoing) -> Start {
        Start(Accepting::in_parts(self.clone(), beginning.into_outgoing()))
    }

    /// As [`Sender::send_async`], but now or not at all.
    ///
    /// # Errors
    /// As [`Sender::try_send`]; there is no completion then.
    pub fn try_send_async<T: Send + 'static>(
        &self,
        message: impl IntoOutgoing,
        completions: &Completions<T>,
        value: T,
    ) -> Result<(), Unsent> {
        let mut place = Some(completions.place_for(value));
        let mut accepting = Accepting::new(self.clone(), message.into_outgoing());
        accepting.accept_now(|| place.take().map_or(Interest::None, Interest::Queue)).map(|_| ())
    }

    /// Waits until a message can be sent without waiting, behind those that wait already: to look for one only then.
    /// Nothing is reserved: [`Sender::try_send`] finds out whether the credit is still there.
    ///
    /// # Errors
    /// The operation yields why the link is over, where that comes first.
    pub fn ready(&self) -> Ready {
        Ready::new(self.clone())
    }

    /// Messages that can be sent now without waiting.
    pub fn credit(&self) -> u32 {
        self.look(|state, id| state.engine.sender(id).map_or(0, |mut sender| sender.credit()))
    }

    /// The address of the node that messages go to: the one that the peer gave, where it has answered.
    pub fn target(&self) -> Option<Str> {
        let attach = self.remote().filter(|attach| attach.target.is_some()).or_else(|| self.local())?;
        target_address(&attach)
    }

    /// The address of the node that messages come from.
    pub fn source(&self) -> Option<Str> {
        source_address(&self.local()?)
    }

    /// Whether messages are sent settled, as negotiated.
    pub fn snd_settle_mode(&self) -> SenderSettleMode {
        self.look(|state, id| {
            state.engine.sender(id).map_or_else(|_| SenderSettleMode::default(), |it| it.snd_settle_mode())
        })
    }

    /// With `auto_settle(false)`: settles a message whose outcome was taken and is safe on this side. One that has no
    /// outcome yet is given up: its outcome is `Unacknowledged`.
    ///
    /// # Errors
    /// [`Error::State`] where it is settled already.
    pub fn settle(&self, delivery: DeliveryKey) -> Result<(), Error> {
        self.change(|state, id| {
            state.engine.sender(id)?.settle(delivery)?;
            if state.sends.is_pending(delivery) {
                state.give_up(delivery);
            }
            Ok(())
        })
    }

    /// Takes everything that is not settled out of the link, to be sent again on another connection: see
    /// [`amqp_core::Sender::take_unsettled`]. What had no outcome has `Unacknowledged` then.
    pub fn take_unsettled(&self) -> Vec<Unresolved> {
        self.with(|state, _, id| {
            let Ok(mut sender) = state.engine.sender(id) else { return Vec::new() };
            let given_up: Vec<_> =
                state.sends.pending().filter(|delivery| sender.tag(*delivery).is_some()).collect();
            let taken = sender.take_unsettled();
            given_up.into_iter().for_each(|delivery| state.give_up(delivery));
            taken
        })
    }

    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut State, usize, SenderId) -> R) -> R {
        self.connection().shared().with(|state| act(state, self.0.key, self.0.id))
    }

    /// The session that it is on.
    pub fn session(&self) -> &Session {
        &self.0.session
    }

    pub(crate) fn place(&self) -> Place {
        Place::Sender(self.0.key, self.0.id)
    }
}

link_handle!(
    Sender,
    SenderId,
    sender,
    "what was submitted is sent first, outcomes still arrive once it is attached again"
);

impl State {
    /// Nobody will hear what became of a message.
    fn give_up(&mut self, delivery: DeliveryKey) {
        let outcome = Outcome::Unacknowledged(amqp_core::Gone.into());
        self.sends.resolve(delivery, outcome, &mut self.after);
    }

    /// Why the engine did not take a message, in the endpoint's words; `None` where waiting helps.
    pub(crate) fn unsent(&self, key: usize, error: SendError) -> Result<Unsent, Box<Outgoing>> {
        let SendError { reason, message } = error;
        let status = self.senders.get(key).map(|sender| &sender.status);
        let reason = match (reason, status) {
            (_, None) => UnsentReason::Closing,
            (_, Some(status)) if status.error().is_some() => {
                status.error().cloned().map_or(UnsentReason::Closing, UnsentReason::Closed)
            }
            (SendErrorReason::NotAttached | SendErrorReason::Blocked, Some(status))
                if status.state() == EndpointState::Detached =>
            {
                UnsentReason::Detached
            }
            (SendErrorReason::NotAttached | SendErrorReason::Blocked | SendErrorReason::Unfinished, _) => {
                return Err(message);
            }
            (SendErrorReason::Closed | SendErrorReason::Gone, _) => UnsentReason::Closing,
            (reason, _) => UnsentReason::Refused(reason),
        };
        Ok(Unsent { reason, message })
    }
}

impl Drop for SenderHandle {
    fn drop(&mut self) {
        let place = Place::Sender(self.key, self.id);
        self.session.connection().shared().with(|state| state.let_go(place));
    }
}
