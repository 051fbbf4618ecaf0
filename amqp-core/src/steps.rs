//! How much work the engine does: counted for tests, with the feature `count-steps`.
//!
//! A step is an entry of one of the engine's tables that was looked at, or a frame that was read or written. What loops
//! without a bound of its own steps: so a test can say that the work is in proportion to the octets and to what is live.

#[cfg(feature = "count-steps")]
extern crate std;

#[cfg(feature = "count-steps")]
std::thread_local! {
    static STEPS: core::cell::Cell<u64> = const { core::cell::Cell::new(0) };
}

/// One step of work.
#[inline(always)]
pub(crate) fn step() {
    #[cfg(feature = "count-steps")]
    STEPS.with(|steps| steps.set(steps.get().wrapping_add(1)));
}

/// The steps of all engines on this thread so far. Only with the feature `count-steps`, which is for tests: it costs time.
#[cfg(feature = "count-steps")]
pub fn steps() -> u64 {
    STEPS.with(core::cell::Cell::get)
}
