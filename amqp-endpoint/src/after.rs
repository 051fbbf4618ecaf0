//! What waits until the lock is free again: wakers are foreign code, which may call back.

use std::task::Waker;

use smallvec::SmallVec;

/// Wakers to fire, and wakers and values to drop, once the lock is free.
#[derive(Default)]
pub(crate) struct After {
    wake: SmallVec<[Waker; 2]>,
    retired: SmallVec<[Waker; 1]>,
    /// Users' values, or what has them in it.
    buried: Vec<Box<dyn Send>>,
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
    pub(crate) fn bury(&mut self, value: impl Send + 'static) {
        self.buried.push(Box::new(value));
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
