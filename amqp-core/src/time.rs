//! The engine's own clock reading: it never looks at a clock, every door that needs the time is given it.

use core::ops::Add;
use core::time::Duration;

/// A monotonic stamp: the time since an origin that the caller chooses and keeps for one connection.
///
/// An adapter takes the moment when it made the connection as origin; a simulator takes zero and steps. A stamp that
/// is earlier than one already given counts as that one, so a clock that jumps back does no harm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The origin itself.
    pub const ORIGIN: Self = Self(Duration::ZERO);

    /// The stamp that lies `since_origin` after the origin.
    pub const fn new(since_origin: Duration) -> Self {
        Self(since_origin)
    }

    /// The stamp `millis` milliseconds after the origin.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// Time passed since the origin.
    pub const fn since_origin(self) -> Duration {
        self.0
    }

    /// Time passed since `earlier`, zero when `earlier` lies ahead.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates at the largest stamp.
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}
