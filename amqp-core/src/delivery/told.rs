//! States that the peer tells of deliveries: each is kept once, however many deliveries it is for, and what the large ones
//! are in all has a limit.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering};

use amqp_codec::DeliveryState;

use crate::context::Context;
use crate::delivery::settle::state_octets;
use crate::error::Violation;

/// A state that the peer told. Cheap to clone.
#[derive(Clone)]
pub(crate) enum Told {
    /// One that costs no more than a delivery is said to cost, or one that is kept elsewhere anyway.
    Plain(DeliveryState),
    /// One as large as the peer likes.
    Counted(Arc<Counted>),
}

/// A state that counts until nothing holds it any more.
pub(crate) struct Counted {
    state: DeliveryState,
    octets: usize,
    /// Octets of all of them on the connection.
    sum: Arc<AtomicUsize>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.sum.fetch_sub(self.octets, Ordering::Relaxed);
    }
}

impl Told {
    #[inline]
    pub(crate) fn state(&self) -> &DeliveryState {
        match self {
            Self::Plain(state) => state,
            Self::Counted(counted) => &counted.state,
        }
    }

    /// The state for the application, where it does not count any more.
    #[inline]
    pub(crate) fn into_state(self) -> DeliveryState {
        match self {
            Self::Plain(state) => state,
            // What is large of it lies behind a pointer that is shared.
            Self::Counted(counted) => counted.state.clone(),
        }
    }

    /// What of it this side says again when it settles the delivery. §2.7.6: nothing has to be said, and the peer knows what
    /// it said: a large one is not worth its octets, nor is comparing it with others.
    #[inline]
    pub(crate) fn repeatable(&self) -> Option<&DeliveryState> {
        match self {
            Self::Plain(state) => Some(state),
            Self::Counted(_) => None,
        }
    }

    /// Surely the same. Two large ones are where they came in one frame: their contents are not compared, because a frame
    /// may name many deliveries that were told something like it before.
    #[inline]
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Plain(one), Self::Plain(other)) => one == other,
            (Self::Counted(one), Self::Counted(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl Context {
    /// What a frame of the peer tells of its deliveries.
    ///
    /// # Errors
    /// Where what is kept of such states becomes too much.
    #[inline]
    pub(crate) fn told(&self, state: &DeliveryState) -> Result<Told, Violation> {
        match state {
            // Nearly all there are.
            DeliveryState::Accepted => Ok(Told::Plain(DeliveryState::Accepted)),
            state => self.told_rarely(state),
        }
    }

    #[cold]
    fn told_rarely(&self, state: &DeliveryState) -> Result<Told, Violation> {
        if is_small(state) {
            return Ok(Told::Plain(state.clone()));
        }
        let octets = state_octets(state);
        if self.states.load(Ordering::Relaxed).saturating_add(octets) > self.limits.states {
            return Err(Violation::States);
        }
        self.states.fetch_add(octets, Ordering::Relaxed);
        Ok(Told::Counted(Arc::new(Counted { state: state.clone(), octets, sum: self.states.clone() })))
    }
}

/// Whether the size of a state is not the peer's to choose.
fn is_small(state: &DeliveryState) -> bool {
    match state {
        // An id of a transaction has its most octets.
        DeliveryState::Declared(_) => true,
        DeliveryState::Transactional(state) => state.outcome.as_ref().is_none_or(owns_nothing),
        state => owns_nothing(state),
    }
}

fn owns_nothing(state: &DeliveryState) -> bool {
    match state {
        DeliveryState::Received(_) | DeliveryState::Accepted | DeliveryState::Released => true,
        DeliveryState::Rejected(rejected) => rejected.error.is_none(),
        DeliveryState::Modified(modified) => modified.message_annotations.is_none(),
        // A transaction in a transaction may go on like that.
        DeliveryState::Declared(_) | DeliveryState::Transactional(_) | DeliveryState::Unknown(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_takes_no_more_room_than_a_state() {
        assert_eq!(size_of::<Option<Told>>(), size_of::<Option<DeliveryState>>());
    }
}
