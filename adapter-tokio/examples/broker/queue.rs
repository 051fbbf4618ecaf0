//! A queue in memory: first in, first out, and what a consumer did not accept goes back to where it was. What is out of
//! date is dropped when somebody would get it, or when its room is needed.
//!
//! Waiting is done by futures of std alone, so that every adapter can use it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::iter::from_fn;
use std::mem::take;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use amqp_endpoint::codec::{DeliveryState, ErrorCondition};
use amqp_endpoint::{Completions, Endpoint, LazyMessage, Outcome, Sender, UnsentReason};

use super::selector::Selector;

/// Octets that consumers may add to a message in all.
const ADDED: usize = 64 * 1024;

/// A queue.
pub(crate) struct Queue {
    /// What it is called.
    pub(crate) address: String,
    state: Mutex<State>,
    /// What became of the messages that consumers were sent. Whoever uses the queue looks at that first, so that nothing
    /// overtakes a message that comes back.
    outcomes: Completions<Sent>,
}

#[derive(Default)]
struct State {
    /// How many messages it may hold.
    limit: usize,
    /// How many messages and consumers it has had: the last number.
    counter: u64,
    messages: BTreeMap<u64, Entry>,
    /// Messages that there is no room for, and their producers.
    blocked: BTreeMap<u64, (Entry, Waker)>,
    /// Consumers that want a message, the one that has waited longest in front.
    waiting: VecDeque<(Consumer, Waker)>,
    /// What they got while they waited.
    given: HashMap<u64, Entry>,
    deleted: bool,
}

/// A message of a queue; its number is its place.
#[derive(Clone)]
pub(crate) struct Entry {
    number: u64,
    message: LazyMessage,
    arrived: Instant,
    /// How long it is of use from then on.
    ttl: Option<Duration>,
    /// Octets it may have with what consumers add to it.
    most: usize,
    /// Consumers that are not to have it again.
    refused_by: Vec<u64>,
}

/// A message on its way to a consumer.
struct Sent {
    entry: Entry,
    consumer: u64,
    /// What becomes of it where nobody tells.
    default_outcome: DeliveryState,
}

/// A consumer of a queue.
#[derive(Clone)]
pub(crate) struct Consumer {
    number: u64,
    selector: Option<Selector>,
    default_outcome: DeliveryState,
    /// Where it gets messages.
    pub(crate) sender: Sender,
}

impl Queue {
    /// An empty queue that holds at most `limit` messages.
    pub(crate) fn new(address: String, limit: u32) -> Self {
        let state = State { limit: limit as usize, ..State::default() };
        Self { address, state: Mutex::new(state), outcomes: Completions::new() }
    }

    /// Puts a message at the end, once there is room. False where it is not there because `over` came first or the queue
    /// is deleted.
    pub(crate) fn put(
        &self,
        message: LazyMessage,
        mut over: impl Future + Unpin,
    ) -> impl Future<Output = bool> + Unpin {
        let number = self.lock().push(message);
        poll_fn(move |cx| {
            let Some(number) = number else { return Poll::Ready(true) };
            let over = Pin::new(&mut over).poll(cx).is_ready();
            let mut state = self.lock();
            match state.blocked.get_mut(&number) {
                None => Poll::Ready(!state.deleted),
                Some(_) if over => {
                    state.blocked.remove(&number);
                    Poll::Ready(false)
                }
                Some((_, waker)) => {
                    waker.clone_from(cx.waker());
                    Poll::Pending
                }
            }
        })
    }

    /// A new consumer, of the messages that `selector` lets pass. What it settles without an outcome, or leaves behind, has
    /// the default one.
    pub(crate) fn consumer(
        &self,
        selector: Option<Selector>,
        default_outcome: DeliveryState,
        sender: Sender,
    ) -> Consumer {
        Consumer { number: self.lock().count(), selector, default_outcome, sender }
    }

    /// Takes the first message that a consumer wants, once there is one. None where it has no credit for it any more, or its
    /// link is over, which it is soon when the queue is deleted.
    pub(crate) fn take(&self, consumer: &Consumer) -> impl Future<Output = Option<Entry>> + Unpin {
        let (mut over, mut outcome) = (consumer.sender.done(), self.outcomes.next());
        poll_fn(move |cx| {
            if let Some(entry) = self.lock().take(consumer) {
                return Poll::Ready(Some(entry));
            }
            let over = Pin::new(&mut over).poll(cx).is_ready();
            let mut state = self.lock();
            state.settle(|| match Pin::new(&mut outcome).poll(cx) {
                Poll::Ready(outcome) => Some(outcome),
                Poll::Pending => None,
            });
            if state.deleted {
                consumer.sender.close_with(ErrorCondition::RESOURCE_DELETED);
            }
            if over || state.deleted || consumer.sender.credit() == 0 {
                state.leave(consumer);
                return Poll::Ready(None);
            }
            let entry = state.take(consumer);
            if entry.is_none() {
                state.wait(consumer, cx.waker());
                // §2.6.7: a receiver that drains is told at once that this was all.
                consumer.sender.drained();
                return Poll::Pending;
            }
            Poll::Ready(entry)
        })
    }

    /// Sends a message that was taken, where it is not out of date by now. It comes back unless the consumer accepts or
    /// rejects it.
    pub(crate) fn send(&self, consumer: &Consumer, mut entry: Entry) {
        let Some(message) = entry.forwarded() else { return };
        let default_outcome = consumer.default_outcome.clone();
        let sent = Sent { entry: entry.clone(), consumer: consumer.number, default_outcome };
        if let Err(unsent) = consumer.sender.try_send_async(&message, &self.outcomes, sent) {
            // Another consumer may take what is too large for this one.
            if matches!(unsent.reason, UnsentReason::Refused(_)) {
                entry.refused_by.push(consumer.number);
            }
            self.lock().give(entry);
        }
    }

    /// Ends it for all that use it.
    pub(crate) fn delete(&self) {
        let mut state = self.lock();
        state.deleted = true;
        state.messages.clear();
        take(&mut state.blocked).into_values().for_each(|(_, waker)| waker.wake());
        take(&mut state.waiting).into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Whether it has no messages.
    pub(crate) fn is_empty(&self) -> bool {
        let state = self.lock();
        state.messages.is_empty() && state.blocked.is_empty()
    }

    /// What is behind the lock, up to date.
    fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.settle(|| self.outcomes.try_next());
        state
    }
}

impl State {
    fn count(&mut self) -> u64 {
        self.counter = self.counter.saturating_add(1);
        self.counter
    }

    /// A message arrives. Its number, where it has to wait for room.
    fn push(&mut self, message: LazyMessage) -> Option<u64> {
        let number = self.count();
        let entry = Entry::new(number, message);
        if self.deleted {
            return Some(number);
        }
        if self.messages.len() >= self.limit {
            self.messages.retain(|_, entry| !entry.is_out_of_date());
            self.admit();
        }
        if self.messages.len() < self.limit {
            self.give(entry);
            return None;
        }
        self.blocked.insert(number, (entry, Waker::noop().clone()));
        Some(number)
    }

    /// Gives a message to the consumer that has waited longest for one like it, or puts it in its place.
    fn give(&mut self, entry: Entry) {
        if self.deleted {
            return;
        }
        while let Some(next) = self.waiting.iter().position(|(consumer, _)| consumer.fits(&entry))
            && let Some((consumer, waker)) = self.waiting.remove(next)
        {
            waker.wake();
            // Otherwise its credit was taken back, and it is woken to wait for more.
            if consumer.sender.credit() > 0 {
                self.given.insert(consumer.number, entry);
                return;
            }
        }
        self.messages.insert(entry.number, entry);
    }

    /// Takes the first message that the consumer wants, if it has credit; that makes room for those that are blocked.
    fn take(&mut self, consumer: &Consumer) -> Option<Entry> {
        if consumer.sender.credit() == 0 {
            return None;
        }
        if let Some(entry) = self.given.remove(&consumer.number) {
            return Some(entry);
        }
        let number = self.messages.values().find(|entry| consumer.fits(entry))?.number;
        let taken = self.messages.remove(&number);
        self.admit();
        taken
    }

    /// Lets those that are blocked in where there is room.
    fn admit(&mut self) {
        while self.messages.len() < self.limit
            && let Some((_, (entry, waker))) = self.blocked.pop_first()
        {
            self.give(entry);
            waker.wake();
        }
    }

    /// The consumer waits, or goes on waiting.
    fn wait(&mut self, consumer: &Consumer, waker: &Waker) {
        match self.waiting.iter_mut().find(|(other, _)| other.number == consumer.number) {
            Some((_, known)) => known.clone_from(waker),
            None => self.waiting.push_back((consumer.clone(), waker.clone())),
        }
    }

    /// The consumer waits no longer.
    fn leave(&mut self, consumer: &Consumer) {
        self.waiting.retain(|(other, _)| other.number != consumer.number);
        if let Some(entry) = self.given.remove(&consumer.number) {
            self.give(entry);
        }
    }

    /// Deals with outcomes: what was not accepted comes back, in the old order.
    fn settle(&mut self, next: impl FnMut() -> Option<(Outcome, Sent)>) {
        let mut returned: Vec<Entry> = from_fn(next).filter_map(returned).collect();
        returned.sort_unstable_by_key(|entry| entry.number);
        returned.into_iter().for_each(|entry| self.give(entry));
    }
}

impl Entry {
    fn new(number: u64, message: LazyMessage) -> Self {
        let ttl = message.header().ok().flatten().and_then(|header| header.ttl);
        let ttl = ttl.map(|ttl| Duration::from_millis(ttl.into()));
        let most = message.payload().len().saturating_add(ADDED);
        Self { number, message, arrived: Instant::now(), ttl, most, refused_by: Vec::new() }
    }

    fn is_out_of_date(&self) -> bool {
        self.ttl.is_some_and(|ttl| self.arrived.elapsed() > ttl)
    }

    /// The message as it goes out now. None where it is out of date.
    fn forwarded(&self) -> Option<LazyMessage> {
        let message = self.message.forwarded(self.arrived.elapsed());
        message.unwrap_or_else(|_| Some(self.message.clone()))
    }
}

impl Consumer {
    fn fits(&self, entry: &Entry) -> bool {
        !entry.refused_by.contains(&self.number)
            && self.selector.as_ref().is_none_or(|selector| selector.matches(&entry.message))
    }
}

/// The message, where its outcome brings it back (§3.3): what is accepted or rejected is done with.
fn returned((outcome, sent): (Outcome, Sent)) -> Option<Entry> {
    let Sent { mut entry, consumer, default_outcome } = sent;
    let outcome = match outcome {
        Outcome::Unsent(_) => return Some(entry),
        Outcome::Accepted => DeliveryState::Accepted,
        // What nobody can read is of no use to the next either.
        Outcome::Rejected(_) => return None,
        Outcome::Released => DeliveryState::Released,
        Outcome::Modified(modified) => DeliveryState::Modified(modified),
        _ => default_outcome,
    };
    match &outcome {
        DeliveryState::Accepted | DeliveryState::Rejected(_) => return None,
        DeliveryState::Modified(modified) if modified.undeliverable_here => entry.refused_by.push(consumer),
        _ => {}
    }
    let changed = entry.message.delivered(&outcome).ok();
    if let Some(changed) = changed.filter(|changed| changed.payload().len() <= entry.most) {
        entry.message = changed;
    }
    Some(entry)
}
