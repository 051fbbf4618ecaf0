//! Octets that were taken from the driver and not written.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};

use bytes::{Buf, Bytes};

/// Octets that are taken for one write.
const WRITE: usize = 128 * 1024;
/// Pieces that go into one write.
const PIECES: usize = 16;

/// Octets in the order in which they are to be written.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pieces: VecDeque<Bytes>,
    octets: usize,
}

/// What a write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrote {
    /// All that it was given.
    All,
    /// A part, or nothing: the peer does not read.
    Part,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Takes as much as there is for one write; false where there is no more.
    pub(super) fn fill(&mut self, mut next: impl FnMut() -> Option<Bytes>) -> bool {
        while self.octets < WRITE {
            let Some(piece) = next() else { return false };
            self.octets = self.octets.saturating_add(piece.len());
            self.pieces.push_back(piece);
        }
        true
    }

    /// One write.
    pub(super) fn write_to(&mut self, stream: &mut impl Write) -> io::Result<Wrote> {
        let mut slices = [IoSlice::new(&[]); PIECES];
        let mut offered: usize = 0;
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            *slice = IoSlice::new(piece);
            offered = offered.saturating_add(piece.len());
        }
        let used = slices.get(..self.pieces.len().min(PIECES)).unwrap_or_default();
        let written = match stream.write_vectored(used) {
            Ok(0) if offered > 0 => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(Wrote::All),
            Err(error) if is_time_out(&error) => 0,
            Err(error) => return Err(error),
        };
        self.take(written);
        Ok(if written < offered { Wrote::Part } else { Wrote::All })
    }

    fn take(&mut self, mut octets: usize) {
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

/// Systems differ in what they call it.
fn is_time_out(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
