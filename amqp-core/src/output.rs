//! Octets on their way out: frames are appended to one buffer, large payloads are queued beside it uncopied.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::fmt::Display;

use amqp_codec::{
    EMPTY_FRAME, Encode, Error, Payload, ProtocolHeader, Str, encode_frame_head, encode_sasl_frame,
};
use bytes::{Bytes, BytesMut};

use crate::trace::{Direction, Trace};

/// Payload pieces of at least this size are not copied.
pub(crate) const LARGE: usize = 4096;
/// Encoding stops for the caller to take what there is at this size.
const CHUNK: usize = 64 * 1024;
/// Room of a fresh buffer; it doubles up to [`CHUNK`] when more than it holds is written at once, so that a connection with
/// little to say owns little.
const FIRST_BUFFER: usize = 1024;
/// Room that most performatives do with.
const HEAD: usize = 256;

/// The writing side of a connection: what was encoded and not yet taken, and the peer's limit on frames.
pub(crate) struct Output {
    chunks: VecDeque<Bytes>,
    tail: BytesMut,
    octets: usize,
    buffer_size: usize,
    /// §2.7.1: the peer's max-frame-size; 512 until its open is known (§2.4.1).
    pub(crate) max_frame_size: u32,
    /// Frames written, empty ones included.
    pub(crate) frames: u64,
    pub(crate) trace: Option<Box<dyn Trace>>,
}

/// Where a frame began, to take it back.
#[derive(Clone, Copy)]
pub(crate) struct Mark(usize);

impl Output {
    pub(crate) fn new() -> Self {
        Self {
            chunks: VecDeque::new(),
            tail: BytesMut::new(),
            octets: 0,
            buffer_size: FIRST_BUFFER,
            max_frame_size: amqp_codec::MIN_MAX_FRAME_SIZE,
            frames: 0,
            trace: None,
        }
    }

    /// Octets that wait to be taken.
    pub(crate) fn len(&self) -> usize {
        self.octets.saturating_add(self.tail.len())
    }

    /// True when there is enough for one write of the caller: also where the buffer is nearly used up, because making it
    /// grow would copy it.
    pub(crate) fn is_full(&self) -> bool {
        let used_up = self.tail.len() >= CHUNK / 4 && self.room() < LARGE;
        used_up || self.len() >= CHUNK
    }

    pub(crate) fn take(&mut self) -> Option<Bytes> {
        if let Some(chunk) = self.chunks.pop_front() {
            self.octets = self.octets.saturating_sub(chunk.len());
            return Some(chunk);
        }
        (!self.tail.is_empty()).then(|| self.tail.split().freeze())
    }

    /// Drops everything that was not taken.
    pub(crate) fn discard(&mut self) {
        self.chunks.clear();
        self.tail.clear();
        self.octets = 0;
    }

    pub(crate) fn header(&mut self, header: ProtocolHeader) {
        if let Some(trace) = &mut self.trace {
            trace.header(Direction::Out, header);
        }
        self.tail.extend_from_slice(&header.to_bytes());
    }

    /// §2.4.5: the frame that says no more than that this side is alive.
    pub(crate) fn empty_frame(&mut self) {
        self.frames = self.frames.wrapping_add(1);
        if let Some(trace) = &mut self.trace {
            trace.frame(Direction::Out, 0, &"(empty)", 0);
        }
        self.tail.extend_from_slice(&EMPTY_FRAME);
    }

    pub(crate) fn sasl(&mut self, frame: &(impl Encode + Display)) {
        self.frames = self.frames.wrapping_add(1);
        if let Some(trace) = &mut self.trace {
            trace.sasl(Direction::Out, frame);
        }
        self.reserve();
        encode_sasl_frame(&mut self.tail, frame);
    }

    /// Writes a frame without payload, or nothing where it does not fit `limit` octets.
    pub(crate) fn frame(&mut self, channel: u16, performative: &(impl Encode + Display), limit: u32) -> bool {
        let (mark, size) = self.head(channel, performative, 0);
        if size > limit as usize {
            self.retract(mark);
            return false;
        }
        self.written(channel, performative, 0);
        true
    }

    /// Writes a frame that ends something, its error's text cut until the frame fits (§2.8.14 has no minimum).
    pub(crate) fn last_frame<P: Encode + Display>(
        &mut self,
        channel: u16,
        error: Option<Error>,
        make: impl Fn(Option<Error>) -> P,
    ) {
        let limit = self.max_frame_size;
        if self.frame(channel, &make(error.clone()), limit) {
            return;
        }
        let cut = error.map(|error| Error { info: None, description: error.description.map(cut), ..error });
        if !self.frame(channel, &make(cut.clone()), limit) {
            let bare = cut.map(|error| Error { description: None, ..error });
            self.frame(channel, &make(bare), u32::MAX);
        }
    }

    /// Begins a frame of `performative` whose payload of `payload` octets follows; returns its size without payload.
    #[inline]
    pub(crate) fn head(&mut self, channel: u16, performative: &impl Encode, payload: usize) -> (Mark, usize) {
        self.reserve();
        let mark = Mark(self.tail.len());
        (mark, encode_frame_head(&mut self.tail, channel, performative, payload))
    }

    /// Takes back a frame just begun.
    pub(crate) fn retract(&mut self, mark: Mark) {
        self.tail.truncate(mark.0);
    }

    /// Corrects the SIZE of the frame that began at `mark`.
    pub(crate) fn resize(&mut self, mark: Mark, size: usize) {
        let octets = u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes();
        if let Some(place) = self.tail.get_mut(mark.0..mark.0.saturating_add(4)) {
            place.copy_from_slice(&octets);
        }
    }

    /// Counts and shows a frame that was written.
    #[inline]
    pub(crate) fn written(&mut self, channel: u16, performative: &impl Display, payload: usize) {
        self.frames = self.frames.wrapping_add(1);
        if let Some(trace) = &mut self.trace {
            trace.frame(Direction::Out, channel, performative, payload);
        }
    }

    /// Moves `octets` from the front of `payload` behind the frame's head.
    #[inline]
    pub(crate) fn payload(&mut self, payload: &mut Payload, mut octets: usize) {
        while octets > 0 {
            let Some(piece) = payload.take_front(octets) else { return };
            octets = octets.saturating_sub(piece.len());
            if piece.len() < LARGE {
                self.tail.extend_from_slice(&piece);
            } else {
                self.cut_chunk();
                self.octets = self.octets.saturating_add(piece.len());
                self.chunks.push_back(piece);
            }
        }
    }

    fn cut_chunk(&mut self) {
        if !self.tail.is_empty() {
            let chunk = self.tail.split().freeze();
            self.octets = self.octets.saturating_add(chunk.len());
            self.chunks.push_back(chunk);
        }
    }

    /// Room for a small frame: asked once a frame instead of once a field.
    #[inline]
    fn reserve(&mut self) {
        if self.tail.is_empty() {
            // A small rest of a buffer is not begun with, because growing copies what is in it. Nothing is allocated where
            // all that was taken from the buffer is gone.
            if self.room() < self.buffer_size / 2 {
                self.tail.reserve(self.buffer_size);
            }
        } else if self.room() < HEAD {
            self.buffer_size = self.buffer_size.saturating_mul(2).min(CHUNK);
            self.tail.reserve(self.buffer_size);
        }
    }

    #[inline]
    fn room(&self) -> usize {
        self.tail.capacity().saturating_sub(self.tail.len())
    }
}

/// The first 200 octets, at a character's edge.
fn cut(text: Str) -> Str {
    let end = (0..=text.len().min(200)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    Str::from(text.get(..end).unwrap_or_default())
}
