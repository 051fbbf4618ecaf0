//! All deadlines of a connection in one table: each is set, cleared and asked for by name.

use crate::time::Instant;

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// Headers, SASL and opens must be done by then.
    Handshake,
    /// §2.4.5: the peer must have sent a frame by then.
    LocalIdle,
    /// §2.4.5: something must have been sent to the peer by then.
    Heartbeat,
    /// The frame that has begun to arrive must be complete by then.
    FrameAssembly,
    /// Output that waits must have been taken by then.
    WriteStall,
    /// §2.4.3: the close handshake must be over by then.
    Close,
    /// The oldest endpoint that waits for the application's answer is refused then.
    Answer,
}

impl Timer {
    /// All, in the order in which those that are due at once are met.
    pub(crate) const ALL: [Self; 7] = [
        Self::Handshake,
        Self::LocalIdle,
        Self::Heartbeat,
        Self::FrameAssembly,
        Self::WriteStall,
        Self::Close,
        Self::Answer,
    ];
}

/// One optional deadline for each [`Timer`].
#[derive(Debug, Default)]
pub(crate) struct TimerTable {
    deadlines: [Option<Instant>; Timer::ALL.len()],
}

impl TimerTable {
    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        self.put(timer, Some(at));
    }

    /// Sets the deadline unless one is running already.
    pub(crate) fn set_if_clear(&mut self, timer: Timer, at: Instant) {
        if self.at(timer).is_none() {
            self.set(timer, at);
        }
    }

    pub(crate) fn clear(&mut self, timer: Timer) {
        self.put(timer, None);
    }

    pub(crate) fn clear_all(&mut self) {
        self.deadlines = Default::default();
    }

    pub(crate) fn at(&self, timer: Timer) -> Option<Instant> {
        self.deadlines.get(timer as usize).copied().flatten()
    }

    /// The earliest deadline of all.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.deadlines.iter().flatten().min().copied()
    }

    /// Takes out a deadline that has passed; false where it has not.
    pub(crate) fn expire(&mut self, timer: Timer, now: Instant) -> bool {
        self.at(timer).is_some_and(|at| at <= now) && self.take(timer).is_some()
    }

    /// Takes out a deadline.
    pub(crate) fn take(&mut self, timer: Timer) -> Option<Instant> {
        self.deadlines.get_mut(timer as usize)?.take()
    }

    fn put(&mut self, timer: Timer, at: Option<Instant>) {
        if let Some(deadline) = self.deadlines.get_mut(timer as usize) {
            *deadline = at;
        }
    }
}
