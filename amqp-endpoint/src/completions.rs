//! A queue of outcomes, each with a value that the sender gave.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use crate::after::After;
use crate::outcome::Outcome;
use crate::sends::Deliver;
use crate::waiters::{Ticket, Waiters};

/// A queue of outcomes, for [`crate::Sender::send_async`]: of any number of senders and connections. It holds at most as
/// many as messages were sent into it, and never holds up a connection. Clones share it.
pub struct Completions<T>(Arc<Mutex<Queue<T>>>);

struct Queue<T> {
    outcomes: VecDeque<(Outcome, T)>,
    waiters: Waiters,
}

impl<T: Send + 'static> Completions<T> {
    /// An empty queue.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Queue { outcomes: VecDeque::new(), waiters: Waiters::default() })))
    }

    /// Waits for an outcome, of whatever message is the first to get one.
    pub fn next(&self) -> Completion<T> {
        Completion { completions: self.clone(), ticket: None }
    }

    /// Takes an outcome that is there, also where somebody waits for one: then that goes on waiting.
    pub fn try_next(&self) -> Option<(Outcome, T)> {
        self.lock().outcomes.pop_front()
    }

    pub(crate) fn place_for(&self, value: T) -> Box<dyn Deliver> {
        Box::new(Place { queue: self.clone(), value: Some(value) })
    }
}

impl<T> Queue<T> {
    /// Somebody is done with waiting: what is left is for the next.
    fn leave(&mut self, ticket: &mut Option<Ticket>, after: &mut After) {
        self.waiters.leave(ticket, after);
        self.waiters.wake(self.outcomes.len(), after);
    }
}

impl<T> Completions<T> {
    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<R>(&self, act: impl FnOnce(&mut Queue<T>, &mut After) -> R) -> R {
        let mut after = After::default();
        let result = act(&mut self.lock(), &mut after);
        after.run();
        result
    }
}

impl<T: Send + 'static> Default for Completions<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for Completions<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Completions<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completions").field("waiting", &self.lock().outcomes.len()).finish_non_exhaustive()
    }
}

/// Where the outcome of one message goes.
struct Place<T> {
    queue: Completions<T>,
    /// There until its outcome is.
    value: Option<T>,
}

impl<T: Send + 'static> Deliver for Place<T> {
    fn deliver(&mut self, outcome: Outcome, after: &mut After) {
        let Some(value) = self.value.take() else { return };
        let mut queue = self.queue.lock();
        queue.outcomes.push_back((outcome, value));
        let ready = queue.outcomes.len();
        queue.waiters.wake(ready, after);
    }
}

/// Waits for the next outcome of a queue, see [`Completions::next`]. Dropped, it leaves the outcome in the queue.
#[must_use = "nothing is taken unless it is awaited"]
pub struct Completion<T> {
    completions: Completions<T>,
    ticket: Option<Ticket>,
}

impl<T> Unpin for Completion<T> {}

impl<T> Future for Completion<T> {
    type Output = (Outcome, T);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut waker = Some(cx.waker().clone());
        let Self { completions, ticket } = &mut *self;
        completions.with(|queue, after| {
            if queue.waiters.admits(*ticket)
                && let Some(outcome) = queue.outcomes.pop_front()
            {
                queue.leave(ticket, after);
                return Poll::Ready(outcome);
            }
            queue.waiters.wait(ticket, &mut waker, after);
            Poll::Pending
        })
    }
}

impl<T> Drop for Completion<T> {
    fn drop(&mut self) {
        let Self { completions, ticket } = self;
        if ticket.is_some() {
            completions.with(|queue, after| queue.leave(ticket, after));
        }
    }
}
