//! The same octets in different pieces.

use std::fmt::Debug;

/// How a stream of octets is cut into pieces.
#[derive(Clone, Copy, Debug)]
pub enum Chop {
    /// Not at all: everything there is at once.
    Whole,
    /// Into single octets.
    Octets,
    /// At places that follow from the seed.
    Random(u64),
}

impl Chop {
    /// The length of the next piece, of so many octets that are there.
    pub fn next(&mut self, available: usize) -> usize {
        match self {
            Self::Whole => available,
            Self::Octets => available.min(1),
            Self::Random(state) => {
                let longest = 1_u64 << (random(state) % 10);
                let piece = usize::try_from(random(state) % longest).unwrap_or_default() + 1;
                piece.min(available)
            }
        }
    }
}

/// The next number of a sequence that its state determines (splitmix64).
pub fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Runs `run` on `octets` whole, cut at every single place, and cut into single octets. Returns what it says of the
/// whole, which it has to say of all the others, too.
///
/// # Panics
/// Where the pieces make a difference.
#[track_caller]
pub fn every_split<T: PartialEq + Debug>(octets: &[u8], mut run: impl FnMut(&[&[u8]]) -> T) -> T {
    let whole = run(&[octets]);
    for at in 1..octets.len() {
        let (head, tail) = octets.split_at(at);
        assert_eq!(run(&[head, tail]), whole, "cut at {at} of {}", octets.len());
    }
    let single: Vec<&[u8]> = octets.chunks(1).collect();
    assert_eq!(run(&single), whole, "cut into single octets");
    whole
}
