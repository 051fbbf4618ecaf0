//! Messages accepted for sending whose outcome somebody may want.

use std::task::{Poll, Waker};

use amqp_core::DeliveryKey;

use crate::after::After;
use crate::outcome::Outcome;
use crate::records::Records;

/// Who wants an outcome.
pub(crate) enum Interest {
    /// Nobody.
    None,
    /// A [`crate::Submitted`], which may wait for it.
    Submitted(Option<Waker>),
    /// A [`crate::Completions`].
    Queue(Box<dyn Deliver>),
}

/// A place that outcomes go to. Called under the connection's lock, so it only stores and leaves wakers, and itself, to
/// `After`.
pub(crate) trait Deliver: Send {
    fn deliver(&mut self, outcome: Outcome, after: &mut After);
}

/// The accepted messages of a connection, by the key that their `Submitted` has.
pub(crate) struct Sends(Records<DeliveryKey, SentMessage>);

struct SentMessage {
    /// Sent settled: no answer means success.
    settled: bool,
    interest: Interest,
    outcome: Option<Outcome>,
}

impl Sends {
    pub(crate) const fn new() -> Self {
        Self(Records::new())
    }

    pub(crate) fn insert(&mut self, delivery: DeliveryKey, settled: bool, interest: Interest) -> usize {
        self.0.insert(delivery, SentMessage { settled, interest, outcome: None })
    }

    pub(crate) fn was_settled(&self, delivery: DeliveryKey) -> bool {
        self.0.find(delivery).and_then(|key| self.0.get(key)).is_some_and(|send| send.settled)
    }

    /// The messages whose outcome is not known.
    pub(crate) fn pending(&self) -> impl Iterator<Item = DeliveryKey> {
        self.0.iter().filter(|(_, send)| send.outcome.is_none()).map(|(delivery, _)| delivery)
    }

    pub(crate) fn is_pending(&self, delivery: DeliveryKey) -> bool {
        self.0.find(delivery).and_then(|key| self.0.get(key)).is_some_and(|send| send.outcome.is_none())
    }

    /// Messages whose outcome is not known, or not taken.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Hands an outcome to whoever wants it.
    pub(crate) fn resolve(&mut self, delivery: DeliveryKey, outcome: Outcome, after: &mut After) {
        let Some(key) = self.0.find(delivery) else { return };
        let Some(send) = self.0.get_mut(key) else { return };
        if let Interest::Submitted(waker) = &mut send.interest {
            waker.take().into_iter().for_each(|waker| after.wake(waker));
            send.outcome = Some(outcome);
            return;
        }
        match self.0.remove(key).map(|send| send.interest) {
            Some(Interest::Queue(mut queue)) => {
                queue.deliver(outcome, after);
                after.bury(queue);
            }
            // It has the message in it, whose octets may be the application's.
            _ if matches!(outcome, Outcome::Unsent(_)) => after.bury(outcome),
            _ => {}
        }
    }

    /// Takes an outcome, or waits for it.
    pub(crate) fn poll(
        &mut self,
        key: usize,
        waker: &mut Option<Waker>,
        after: &mut After,
    ) -> Poll<Option<Outcome>> {
        let Some(send) = self.0.get_mut(key) else { return Poll::Ready(None) };
        if let Some(outcome) = send.outcome.take() {
            self.0.remove(key);
            return Poll::Ready(Some(outcome));
        }
        if let (Interest::Submitted(place), Some(waker)) = (&mut send.interest, waker.take()) {
            place.replace(waker).into_iter().for_each(|waker| after.retire(waker));
        }
        Poll::Pending
    }

    /// The message was taken back: there will be no outcome.
    pub(crate) fn withdraw(&mut self, key: usize, after: &mut After) {
        match self.0.remove(key).map(|send| send.interest) {
            Some(Interest::Submitted(Some(waker))) => after.retire(waker),
            Some(Interest::Queue(queue)) => after.bury(queue),
            _ => {}
        }
    }

    /// Nobody wants the outcome any more.
    pub(crate) fn forget(&mut self, key: usize, after: &mut After) {
        let Some(send) = self.0.get_mut(key) else { return };
        let known = send.outcome.is_some();
        if let Interest::Submitted(Some(waker)) = std::mem::replace(&mut send.interest, Interest::None) {
            after.retire(waker);
        }
        if known {
            self.0.remove(key).into_iter().for_each(|send| after.bury(send.outcome));
        }
    }
}
