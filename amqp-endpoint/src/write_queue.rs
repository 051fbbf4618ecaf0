//! Write queues: octets that were taken from the driver and are not yet written.

use std::collections::VecDeque;
use std::io::IoSlice;

use amqp_core::Instant;
use bytes::{Buf, Bytes};

use crate::driver::Driver;

/// Octets that are taken for one write.
const WRITE: usize = 128 * 1024;
/// Pieces that go into one write.
const PIECES: usize = 16;

/// The octets of one connection that its socket has still to take, in their order.
#[derive(Debug, Default)]
pub struct WriteQueue {
    pieces: VecDeque<Bytes>,
    octets: usize,
}

impl WriteQueue {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing is left to write.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Takes from the driver what there is, up to what is worth a write of 128 KiB. False: the driver has no more.
    pub fn fill(&mut self, driver: &Driver, now: Instant) -> bool {
        while self.octets < WRITE {
            let Some(piece) = driver.next_write(now) else { return false };
            if !piece.is_empty() {
                self.octets = self.octets.saturating_add(piece.len());
                self.pieces.push_back(piece);
            }
        }
        true
    }

    /// Lends the first pieces for one gathered write.
    pub fn offer<R>(&self, write: impl FnOnce(&[IoSlice<'_>]) -> R) -> R {
        let mut slices = [IoSlice::new(&[]); PIECES];
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            *slice = IoSlice::new(piece);
        }
        write(slices.get(..self.pieces.len().min(PIECES)).unwrap_or_default())
    }

    /// Drops the first octets: they are written.
    pub fn advance(&mut self, mut octets: usize) {
        self.octets = self.octets.saturating_sub(octets);
        while let Some(piece) = self.pieces.front_mut()
            && octets >= piece.len()
        {
            octets = octets.saturating_sub(piece.len());
            self.pieces.pop_front();
        }
        if let Some(piece) = self.pieces.front_mut() {
            piece.advance(octets);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_gone_and_the_rest_stays() {
        let pieces = [&b"abc"[..], b"", b"defg", b"h"].map(Bytes::from_static);
        let mut queue = WriteQueue { octets: 8, pieces: pieces.into() };
        let rest =
            |queue: &WriteQueue| queue.offer(|slices| slices.iter().flat_map(|it| it.to_vec()).collect());
        let left: [(usize, &[u8]); 4] = [(0, b"abcdefgh"), (2, b"cdefgh"), (2, b"efgh"), (4, b"")];
        for (written, left) in left {
            queue.advance(written);
            let rest: Vec<u8> = rest(&queue);
            assert_eq!((rest.as_slice(), queue.octets), (left, left.len()));
        }
        assert!(queue.is_empty());
    }
}
