//! The one lock of a connection: everything is state behind it, and foreign code runs when it is free again.

use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};

use crate::container::Container;
use crate::state::State;
use crate::sync::{Mutex, MutexGuard};

/// A connection as its handles and its driver share it.
pub(crate) struct Shared {
    pub(crate) container: Container,
    state: Mutex<State>,
}

impl Shared {
    pub(crate) fn new(container: Container, state: State) -> Self {
        Self { container, state: Mutex::new(state) }
    }

    /// Changes the state, then does what follows from it.
    #[inline]
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        let result = act(&mut state);
        state.settle_down();
        if state.after.is_empty() {
            return result;
        }
        let after = std::mem::take(&mut state.after);
        drop(state);
        after.run();
        result
    }

    /// Looks at the state, or changes what nothing follows from.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        look(&mut self.lock())
    }

    /// Polls an operation: tries it, and tries it again with the waker that it can wait with.
    #[inline]
    pub(crate) fn poll<R>(
        &self,
        cx: &Context<'_>,
        mut attempt: impl FnMut(&mut State, &mut Option<Waker>) -> Poll<R>,
    ) -> Poll<R> {
        match self.with(|state| attempt(state, &mut None)) {
            Poll::Pending => self.poll_again(cx, attempt),
            ready => ready,
        }
    }

    /// Kept out of the way of those that need not wait.
    #[cold]
    fn poll_again<R>(
        &self,
        cx: &Context<'_>,
        mut attempt: impl FnMut(&mut State, &mut Option<Waker>) -> Poll<R>,
    ) -> Poll<R> {
        let mut waker = Some(cx.waker().clone());
        self.with(|state| {
            let again = attempt(state, &mut waker);
            if again.is_pending() {
                state.wire.hurry();
            }
            again
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
