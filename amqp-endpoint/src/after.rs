//! What waits until the lock is free again: wakers are foreign code, which may call back.

use std::task::Waker;

use smallvec::SmallVec;

use crate::sends::Deliver;

/// Wakers to fire, and wakers and values to drop, once the lock is free.
#[derive(Default)]
pub(crate) struct After {
    wake: SmallVec<[Waker; 2]>,
    retired: SmallVec<[Waker; 1]>,
    /// Users' values may be dropped with them.
    buried: Vec<Box<dyn Deliver>>,
}

impl After {
    /// Will be fired.
    pub(crate) fn wake(&mut self, waker: Waker) {
        self.wake.push(waker);
    }

    /// Will be dropped.
    pub(crate) fn retire(&mut self, waker: Waker) {
        self.retired.push(waker);
    }

    /// Will be dropped.
    pub(crate) fn bury(&mut self, place: Box<dyn Deliver>) {
        self.buried.push(place);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.wake.is_empty() && self.retired.is_empty() && self.buried.is_empty()
    }

    /// Fires and drops them.
    pub(crate) fn run(self) {
        for waker in self.wake {
            waker.wake();
        }
    }
}
