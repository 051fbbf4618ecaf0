//! What kind of run a seed is: sizes, limits, delays, habits of the applications, and how it ends.

use std::time::Duration;

use amqp_core::codec::Serial;
use amqp_core::{ConnectionOptions, Limits, SessionOptions};

use super::chance::Chance;

/// Everything that is chosen once for a run.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) wire: WirePlan,
    pub(super) habits: Habits,
    /// Times of unrest, each followed by a rest in which everything has to come right.
    pub(super) rounds: u64,
    /// What an application does in one of them, at the most.
    pub(super) actions: u64,
    pub(super) ending: Ending,
}

/// How octets travel; times in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct WirePlan {
    pub(super) delay: u64,
    pub(super) jitter: u64,
    /// The longest piece is so many bits long.
    piece_bits: u32,
    /// In so many of 1000 writes the wire stalls.
    pub(super) stalls: u64,
    pub(super) longest_stall: u64,
    /// The longest time for which a side does not come to write.
    pub(super) lazy_writes: u64,
}

/// What the applications like to do; in percent where nothing else is said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habits {
    /// How long messages are.
    pub(super) sizes: Sizes,
    /// Events are left for later.
    pub(super) lazy_events: u64,
    /// Answers to what the peer opens come later.
    pub(super) late_answers: u64,
    pub(super) refusals: u64,
    pub(super) second: u64,
    pub(super) auto_settle_off: u64,
    pub(super) streaming: u64,
    pub(super) own_tags: u64,
    /// Milliseconds between two actions.
    pub(super) pace: u64,
    /// Links may be detached and attached again.
    pub(super) detaches: bool,
    /// Links and sessions may be closed.
    pub(super) closes: bool,
    /// Deliveries may be taken back.
    pub(super) aborts: bool,
    /// Senders may give up on deliveries, and tell states.
    pub(super) give_up: bool,
    /// Counters begin shortly before they wrap.
    pub(super) wrapping: bool,
    pub(super) most_links: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sizes {
    Tiny,
    Small,
    Mixed,
    Large,
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// One side closes at rest.
    Close,
    /// Both close, in the middle of everything.
    CloseInUnrest,
    /// The transport breaks in the middle of everything.
    Cut,
}

impl Plan {
    pub(super) fn new(chance: &mut Chance) -> Self {
        let calm = chance.percent(30);
        Self {
            wire: WirePlan::new(chance),
            habits: Habits::new(chance, calm),
            rounds: 1 + chance.below(3),
            actions: 20 + chance.below(200),
            ending: chance.pick(&[Ending::Close, Ending::Close, Ending::CloseInUnrest, Ending::Cut]),
        }
    }

    /// Options of one side's connection.
    pub(super) fn connection(&self, name: &str, chance: &mut Chance) -> ConnectionOptions {
        // Slow wires take their time for what is to be sent before a close; who is still not done by then hangs.
        let limits = Limits::default().close(Duration::from_secs(600));
        ConnectionOptions::new(name)
            .max_frame_size(chance.pick(&[512_u32, 512, 517, 700, 1024, 5000, 65_536]))
            .channel_max(chance.pick(&[15_u16, 255]))
            .limits(limits)
    }

    /// Options of one side's session.
    pub(super) fn session(&self, chance: &mut Chance) -> SessionOptions {
        SessionOptions::default()
            .incoming_window(chance.pick(&[1_u32, 2, 3, 7, 40, 2048]))
            .outgoing_window(chance.pick(&[1_u32, 100, u32::MAX]))
            .handle_max(chance.pick(&[30_u32, 255, u32::MAX]))
            .next_outgoing_id(Serial(self.counter(chance)))
            .next_delivery_id(Serial(self.counter(chance)))
    }

    /// Where a counter begins.
    pub(super) fn counter(&self, chance: &mut Chance) -> u32 {
        if !self.habits.wrapping {
            return 0;
        }
        let near = chance.between(0, 40);
        chance.pick(&[0, u32::MAX - near, 0x7FFF_FFFF - near, near])
    }
}

impl WirePlan {
    fn new(chance: &mut Chance) -> Self {
        let stalls = chance.pick(&[0, 0, 5, 50]);
        Self {
            delay: chance.pick(&[0, 0, 1, 5, 40]),
            jitter: chance.pick(&[0, 0, 3, 30]),
            piece_bits: chance.pick(&[1_u32, 5, 9, 13, 30]),
            stalls,
            longest_stall: chance.pick(&[50, 400]),
            lazy_writes: chance.pick(&[0, 0, 2, 20]),
        }
    }

    /// The length of the next piece of so many octets.
    pub(super) fn piece(&self, available: usize, chance: &mut Chance) -> usize {
        let bits = 1 + chance.below(u64::from(self.piece_bits));
        chance.up_to((1 << bits) - 1).max(1).min(available)
    }
}

impl Habits {
    fn new(chance: &mut Chance, calm: bool) -> Self {
        let mut sometimes = |percent| !calm && chance.percent(percent);
        let (detaches, closes, aborts, give_up) =
            (sometimes(40), sometimes(50), sometimes(50), sometimes(50));
        Self {
            sizes: chance.pick(&[Sizes::Tiny, Sizes::Small, Sizes::Mixed, Sizes::Mixed, Sizes::Large]),
            lazy_events: chance.pick(&[0, 10, 60]),
            late_answers: chance.pick(&[0, 30, 90]),
            refusals: if calm { 0 } else { chance.pick(&[0, 0, 10, 30]) },
            second: chance.pick(&[0, 30, 100]),
            auto_settle_off: chance.pick(&[0, 0, 40]),
            streaming: chance.pick(&[0, 0, 40]),
            own_tags: chance.pick(&[0, 0, 30]),
            pace: chance.pick(&[0, 2, 15]),
            detaches,
            closes,
            aborts,
            give_up,
            wrapping: chance.percent(60),
            most_links: chance.pick(&[1, 2, 5, 12]),
        }
    }
}

impl Sizes {
    /// The length of a message.
    pub(super) fn length(self, chance: &mut Chance) -> usize {
        let most = match self {
            Self::Tiny => 8,
            Self::Small => 600,
            Self::Mixed => chance.pick(&[0, 20, 500, 3000, 9000]),
            Self::Large => chance.pick(&[600, 20_000, 70_000]),
        };
        chance.up_to(most)
    }
}
