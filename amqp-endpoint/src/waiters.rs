//! Operations that wait for one condition, first come first served.

use std::collections::VecDeque;
use std::task::Waker;

use slab::Slab;

use crate::after::After;

/// The place of an operation among the waiters of one condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// A queue of waiting operations.
///
/// As many are woken as can go on, from the front. A woken operation keeps its place until it went on or was dropped, so
/// nobody overtakes it meanwhile, and what it does not use goes to the next.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    /// Ordered by ticket; whoever left out of the middle stays as `Left`.
    queue: VecDeque<(Ticket, Place)>,
    /// Tasks that operations of the queue wait in: those that came one after the other share a waker.
    tasks: Slab<Task>,
    /// The task of the operation that came last.
    last: usize,
    next: u64,
    /// How many of the queue are still there.
    waiting: usize,
    /// The front part of the queue that was woken: its length, and how many of it are still there.
    woken: usize,
    woken_waiting: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Asleep(usize),
    Woken,
    Left,
}

#[derive(Debug)]
struct Task {
    waker: Waker,
    /// Its operations that are asleep.
    operations: usize,
}

impl Waiters {
    /// Operations that wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting
    }

    /// Whether the operation may try: not while it would overtake.
    pub(crate) fn admits(&self, ticket: Option<Ticket>) -> bool {
        match ticket.and_then(|ticket| self.find(ticket)) {
            Some(place) => place == 0,
            None => self.waiting == 0,
        }
    }

    /// Waits, or goes on waiting: in the place that `ticket` names, or at the end.
    pub(crate) fn wait(&mut self, ticket: &mut Option<Ticket>, waker: &mut Option<Waker>, after: &mut After) {
        let Some(waker) = waker.take() else { return };
        let Some(place) = ticket.and_then(|ticket| self.find(ticket)) else {
            self.next = self.next.saturating_add(1);
            *ticket = Some(Ticket(self.next));
            let task = self.task_of(waker, after);
            self.queue.push_back((Ticket(self.next), Place::Asleep(task)));
            self.waiting = self.waiting.saturating_add(1);
            return;
        };
        if let Some((_, Place::Asleep(task))) = self.queue.get(place)
            && self.tasks.get(*task).is_some_and(|task| task.waker.will_wake(&waker))
        {
            return after.retire(waker);
        }
        if place < self.woken {
            self.sleep_from(place);
        }
        let task = self.task_of(waker, after);
        self.change(place, Place::Asleep(task), after);
    }

    /// The operation waits no longer: it went on, or was dropped.
    pub(crate) fn leave(&mut self, ticket: &mut Option<Ticket>, after: &mut After) {
        let Some(place) = ticket.take().and_then(|ticket| self.find(ticket)) else { return };
        self.waiting = self.waiting.saturating_sub(1);
        if place < self.woken {
            self.woken_waiting = self.woken_waiting.saturating_sub(1);
        }
        self.change(place, Place::Left, after);
        self.trim();
    }

    /// Wakes operations until `available` of them are on their way.
    pub(crate) fn wake(&mut self, available: usize, after: &mut After) {
        let mut fired = None;
        while self.woken_waiting < available
            && let Some((_, how)) = self.queue.get(self.woken).copied()
        {
            if let Place::Asleep(task) = how
                && fired.replace(task) != Some(task)
                && let Some(task) = self.tasks.get(task)
            {
                after.wake(task.waker.clone());
            }
            if how != Place::Left {
                self.woken_waiting = self.woken_waiting.saturating_add(1);
                self.change(self.woken, Place::Woken, after);
            }
            self.woken = self.woken.saturating_add(1);
        }
    }

    /// Wakes all.
    pub(crate) fn wake_all(&mut self, after: &mut After) {
        self.wake(usize::MAX, after);
    }

    fn find(&self, ticket: Ticket) -> Option<usize> {
        let place = self.queue.binary_search_by_key(&ticket, |(ticket, _)| *ticket).ok()?;
        self.queue.get(place).filter(|(_, how)| *how != Place::Left).map(|_| place)
    }

    /// The task that `waker` wakes, with one operation more.
    fn task_of(&mut self, waker: Waker, after: &mut After) -> usize {
        if let Some(task) = self.tasks.get_mut(self.last)
            && task.waker.will_wake(&waker)
        {
            task.operations = task.operations.saturating_add(1);
            after.retire(waker);
        } else {
            self.last = self.tasks.insert(Task { waker, operations: 1 });
        }
        self.last
    }

    fn change(&mut self, place: usize, how: Place, after: &mut After) {
        let Some((_, old)) = self.queue.get_mut(place) else { return };
        let Place::Asleep(key) = std::mem::replace(old, how) else { return };
        let Some(task) = self.tasks.get_mut(key) else { return };
        task.operations = task.operations.saturating_sub(1);
        if task.operations == 0 {
            after.retire(self.tasks.remove(key).waker);
        }
    }

    /// The operations from `place` on are no longer on their way.
    fn sleep_from(&mut self, place: usize) {
        let slept = self.queue.range(place..self.woken).filter(|(_, how)| *how != Place::Left).count();
        self.woken_waiting = self.woken_waiting.saturating_sub(slept);
        self.woken = place;
    }

    /// Forgets those at both ends that left, and all of them where they are the most.
    fn trim(&mut self) {
        while let Some((_, Place::Left)) = self.queue.front() {
            self.queue.pop_front();
            self.woken = self.woken.saturating_sub(1);
        }
        while let Some((_, Place::Left)) = self.queue.back() {
            self.queue.pop_back();
        }
        self.woken = self.woken.min(self.queue.len());
        if self.queue.len() > 32 && self.queue.len() / 4 > self.waiting {
            self.queue.retain(|(_, how)| *how != Place::Left);
            self.woken = self.woken_waiting;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// An operation in a task of its own, as it would see itself.
    #[derive(Default)]
    struct Operation {
        ticket: Option<Ticket>,
        counter: Arc<Counter>,
    }

    impl Operation {
        fn wait(&mut self, waiters: &mut Waiters) {
            let mut after = After::default();
            waiters.wait(&mut self.ticket, &mut Some(Arc::clone(&self.counter).into()), &mut after);
            after.run();
        }

        fn leave(&mut self, waiters: &mut Waiters, available: usize) {
            let mut after = After::default();
            waiters.leave(&mut self.ticket, &mut after);
            waiters.wake(available, &mut after);
            after.run();
        }
    }

    proptest! {
        /// Whatever comes, polls in vain, leaves and is woken in whatever order: where something is available, whoever is
        /// in front has been woken, and nobody else may go.
        #[test]
        fn the_first_is_woken(steps in vec((0_u8..5, any::<prop::sample::Index>()), 1..300)) {
            let mut waiters = Waiters::default();
            let mut operations: Vec<Operation> = Vec::new();
            let mut available = 0;
            for (step, which) in steps {
                let at = if operations.is_empty() { 0 } else { which.index(operations.len()) };
                match (step, operations.is_empty()) {
                    (2, _) => {
                        available += 1;
                        let mut after = After::default();
                        waiters.wake(available, &mut after);
                        after.run();
                    }
                    (_, true) if waiters.admits(None) && available > 0 => available -= 1,
                    (0, _) | (_, true) => {
                        let mut operation = Operation::default();
                        operation.wait(&mut waiters);
                        operations.push(operation);
                    }
                    (1, false) => operations.remove(at).leave(&mut waiters, available),
                    // It is polled, woken or not.
                    (_, false) => {
                        let operation = &mut operations[at];
                        let admitted = waiters.admits(operation.ticket);
                        prop_assert_eq!(admitted, at == 0);
                        operation.counter.0.store(0, Ordering::Relaxed);
                        if admitted && available > 0 {
                            available -= 1;
                            operations.remove(at).leave(&mut waiters, available);
                        } else {
                            operation.wait(&mut waiters);
                        }
                    }
                }
                prop_assert_eq!(waiters.len(), operations.len());
                prop_assert!(waiters.queue.len() <= 33.max(5 * operations.len() + 5));
                prop_assert_eq!(waiters.admits(None), operations.is_empty());
                if let Some(first) = operations.first().filter(|_| available > 0) {
                    prop_assert!(first.counter.0.load(Ordering::Relaxed) > 0, "whoever is in front sleeps");
                }
            }
            operations.iter_mut().for_each(|operation| operation.leave(&mut waiters, 0));
            prop_assert_eq!((waiters.len(), waiters.queue.len(), waiters.tasks.len()), (0, 0, 0));
        }
    }
}
