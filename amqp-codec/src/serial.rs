//! Serial numbers: 32-bit counters that wrap (RFC 1982).

/// A 32-bit serial number (§2.8.10 `sequence-no`).
///
/// Serial numbers have no order that holds for all of them, so there is no `Ord`: ask for the [distance](Self::distance_from).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Serial(pub u32);

/// Identifies a delivery within a session and direction (§2.8.8).
pub type DeliveryNumber = Serial;
/// Identifies a transfer frame within a session and direction (§2.8.9).
pub type TransferNumber = Serial;
/// A sequence number (§2.8.10).
pub type SequenceNo = Serial;

impl Serial {
    /// The number after this one.
    #[must_use]
    #[inline]
    pub const fn next(self) -> Self {
        self.add(1)
    }

    /// The number `n` steps later.
    #[must_use]
    #[inline]
    #[allow(clippy::should_implement_trait, reason = "the right side is a count, and the sum wraps")]
    pub const fn add(self, n: u32) -> Self {
        Self(self.0.wrapping_add(n))
    }

    /// The number `n` steps earlier.
    #[must_use]
    #[inline]
    #[allow(clippy::should_implement_trait, reason = "the right side is a count, and the difference wraps")]
    pub const fn sub(self, n: u32) -> Self {
        Self(self.0.wrapping_sub(n))
    }

    /// How many steps lie from `earlier` to this number; negative where this number precedes it.
    ///
    /// `None` where the two are exactly 2³¹ apart, which RFC 1982 leaves undefined.
    #[inline]
    pub const fn distance_from(self, earlier: Self) -> Option<i32> {
        match self.0.wrapping_sub(earlier.0).cast_signed() {
            i32::MIN => None,
            distance => Some(distance),
        }
    }

    /// How many steps forward lead from `earlier` to this number, whichever of the two comes first.
    #[inline]
    pub const fn since(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }

    /// Whether this number comes before `other`; false where they are equal or exactly 2³¹ apart.
    #[inline]
    pub const fn precedes(self, other: Self) -> bool {
        matches!(other.distance_from(self), Some(1..))
    }
}

impl From<u32> for Serial {
    #[inline]
    fn from(number: u32) -> Self {
        Self(number)
    }
}

impl core::fmt::Display for Serial {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::Serial;

    #[test]
    fn wraps_at_the_end() {
        assert_eq!(Serial(u32::MAX).next(), Serial(0));
        assert_eq!(Serial(1).sub(3), Serial(u32::MAX - 1));
        assert_eq!(Serial(2).since(Serial(u32::MAX)), 3);
    }

    #[test]
    fn distance_is_signed_and_undefined_at_half_the_circle() {
        for origin in [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe] {
            let origin = Serial(origin);
            assert_eq!(origin.distance_from(origin), Some(0));
            assert_eq!(origin.add(5).distance_from(origin), Some(5));
            assert_eq!(origin.distance_from(origin.add(5)), Some(-5));
            assert_eq!(origin.add(0x7fff_ffff).distance_from(origin), Some(i32::MAX));
            assert_eq!(origin.add(0x8000_0000).distance_from(origin), None);
            assert!(
                origin.precedes(origin.next()) && !origin.next().precedes(origin) && !origin.precedes(origin)
            );
            assert!(!origin.precedes(origin.add(0x8000_0000)) && !origin.add(0x8000_0000).precedes(origin));
        }
    }
}
