//! When the writing thread has its next turn.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant as Clock};

use amqp_endpoint::Instant;

/// How long output that nobody waits for may wait for more.
const LINGER: Duration = Duration::from_millis(1);
/// Later than everything.
const NEVER: Instant = Instant::new(Duration::MAX);

/// The clock of a connection, and what its writing thread sleeps on.
pub(super) struct Alarm {
    origin: Clock,
    times: Mutex<Times>,
    changed: Condvar,
}

struct Times {
    /// What was told to be written soon should be written. A later one takes the place of an earlier, because the former
    /// was written meanwhile if there is something new to tell: so a busy connection wakes its writer once a millisecond at
    /// most, and not for every batch that others have written.
    soon: Instant,
    /// There is something to do.
    turn: Instant,
    /// The writer wakes then anyway; zero while it is awake.
    sleeps_until: Instant,
    reader_ended: bool,
}

impl Alarm {
    pub(super) fn new() -> Self {
        let times = Times { soon: NEVER, turn: NEVER, sleeps_until: Instant::ORIGIN, reader_ended: false };
        Self { origin: Clock::now(), times: Mutex::new(times), changed: Condvar::new() }
    }

    /// The time as the driver counts it.
    pub(super) fn now(&self) -> Instant {
        Instant::new(self.origin.elapsed())
    }

    /// Asks for a turn after the linger.
    pub(super) fn soon(&self) {
        let time = self.now() + LINGER;
        self.change(|times| times.soon = time);
    }

    /// Asks for a turn at `time` at the latest.
    pub(super) fn at(&self, time: Instant) {
        self.change(|times| times.turn = times.turn.min(time));
    }

    /// Asks for a turn now.
    pub(super) fn at_once(&self) {
        self.at(Instant::ORIGIN);
    }

    /// Sleeps until the next turn; what it was asked for is forgotten.
    pub(super) fn wait(&self) {
        let mut times = self.lock();
        loop {
            let due = times.turn.min(times.soon);
            let left = due.saturating_since(self.now());
            if left.is_zero() {
                (times.turn, times.soon) = (NEVER, NEVER);
                return;
            }
            times.sleeps_until = due;
            times = self.sleep(times, left);
            times.sleeps_until = Instant::ORIGIN;
        }
    }

    /// The reading thread is done with the stream.
    pub(super) fn reader_ended(&self) {
        self.lock().reader_ended = true;
        self.changed.notify_one();
    }

    /// Sleeps until then, or until the reading thread is done.
    pub(super) fn wait_for_reader(&self, until: Instant) {
        let mut times = self.lock();
        loop {
            let left = until.saturating_since(self.now());
            if times.reader_ended || left.is_zero() {
                return;
            }
            times = self.sleep(times, left);
        }
    }

    fn change(&self, change: impl FnOnce(&mut Times)) {
        let mut times = self.lock();
        change(&mut times);
        let due = times.turn.min(times.soon);
        if due < times.sleeps_until {
            times.sleeps_until = due;
            drop(times);
            self.changed.notify_one();
        }
    }

    fn sleep<'a>(&self, times: MutexGuard<'a, Times>, time: Duration) -> MutexGuard<'a, Times> {
        self.changed.wait_timeout(times, time).unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
