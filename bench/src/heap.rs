//! The heap, counted where the program's allocator is `stats_alloc`'s: what has been asked of it.

use std::ops::{AddAssign, Sub};

use stats_alloc::INSTRUMENTED_SYSTEM;

/// What the program asked of the heap in some stretch of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heap {
    /// How often memory was asked for: allocations, and those that grew or shrank.
    pub allocations: i64,
    /// Octets asked for.
    pub allocated: i64,
    /// Octets asked for and not given back; negative where more was given back.
    pub held: i64,
}

impl Heap {
    /// All of it since the program began.
    fn so_far() -> Self {
        let stats = INSTRUMENTED_SYSTEM.stats();
        let signed = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let allocated = signed(stats.bytes_allocated);
        Self {
            allocations: signed(stats.allocations).saturating_add(signed(stats.reallocations)),
            allocated,
            held: allocated.saturating_sub(signed(stats.bytes_deallocated)),
        }
    }

    /// Runs `work` and adds what it asked of the heap to this account. Exact only while no other thread runs.
    pub fn charge<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let before = Self::so_far();
        let result = work();
        *self += Self::so_far() - before;
        result
    }
}

impl Sub for Heap {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            allocations: self.allocations.saturating_sub(earlier.allocations),
            allocated: self.allocated.saturating_sub(earlier.allocated),
            held: self.held.saturating_sub(earlier.held),
        }
    }
}

impl AddAssign for Heap {
    fn add_assign(&mut self, more: Self) {
        self.allocations = self.allocations.saturating_add(more.allocations);
        self.allocated = self.allocated.saturating_add(more.allocated);
        self.held = self.held.saturating_add(more.held);
    }
}
