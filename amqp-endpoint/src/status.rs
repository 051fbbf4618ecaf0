//! Where an endpoint stands, and who waits for that to change.

use crate::after::After;
use crate::error::Error;
use crate::waiters::Waiters;

/// Where an endpoint stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndpointState {
    /// The peer has not answered.
    Opening,
    /// Both sides have opened it.
    Open,
    /// A link that was detached without being closed: it can be attached again.
    Detached,
    /// This side closes it, and the peer has not answered: nothing new is accepted.
    Closing,
    /// It is over, see [`crate::Endpoint::error`].
    Closed,
}

/// What the handles of an endpoint share about it.
#[derive(Debug)]
pub(crate) struct Status {
    state: EndpointState,
    error: Option<Error>,
    /// Whoever waits for it to be opened or to end.
    pub(crate) watchers: Waiters,
    /// Handles that keep it open.
    pub(crate) handles: usize,
    /// It has or had handles: it does not wait to be asked for.
    pub(crate) taken: bool,
}

impl Status {
    pub(crate) fn new() -> Self {
        Self {
            state: EndpointState::Opening,
            error: None,
            watchers: Waiters::default(),
            handles: 0,
            taken: false,
        }
    }

    pub(crate) fn state(&self) -> EndpointState {
        self.state
    }

    pub(crate) fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// A link that was detached and that nobody has.
    pub(crate) fn is_left_detached(&self) -> bool {
        self.state == EndpointState::Detached && self.handles == 0
    }

    pub(crate) fn change(&mut self, state: EndpointState, after: &mut After) {
        if self.error.is_none() {
            self.state = state;
            self.watchers.wake_all(after);
        }
    }

    pub(crate) fn end(&mut self, error: Error, after: &mut After) {
        if self.error.is_none() {
            self.state = EndpointState::Closed;
            self.error = Some(error);
            self.watchers.wake_all(after);
        }
    }
}
