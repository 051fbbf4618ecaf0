//! What every endpoint of a connection shares: events, output, limits and the lists of who has something to do.

use alloc::collections::VecDeque;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::AtomicUsize;

use amqp_codec::Open;
use bytes::{Bytes, BytesMut};

use crate::error::Violation;
use crate::event::{Event, EventQueue, LinkId, SenderId, SessionId};
use crate::options::Limits;
use crate::output::{LARGE, Output};
use crate::time::Instant;

/// Small payloads that are kept lie densely in chunks of at most this size.
const ARENA: usize = 32 * 1024;
const FIRST_ARENA: usize = 1024;

/// Payloads are shared with the input until this part of `Limits::buffered_input` waits: one of [`LARGE`] octets may hold
/// a whole read.
const SHARED_PART: usize = 16;

/// An endpoint that waits for the application's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    Session(SessionId),
    Link(LinkId, u8),
}

pub(crate) struct Context {
    pub(crate) events: EventQueue,
    pub(crate) out: Output,
    pub(crate) limits: Limits,
    /// The latest time given.
    pub(crate) now: Instant,
    /// §2.7.1: what the peer said of itself.
    pub(crate) remote_open: Option<Box<Open>>,
    /// Sessions with something to write, in turn.
    pub(crate) ready: VecDeque<SessionId>,
    /// Who waits for the application, and since when, oldest first.
    pub(crate) unanswered: VecDeque<(Instant, Unanswered)>,
    /// Octets of the begins and attaches of the peer whose sessions and links are there.
    pub(crate) described: usize,
    /// Octets of the states of deliveries that the peer told and that are kept: each takes its own back when it goes.
    pub(crate) states: Arc<AtomicUsize>,
    /// Octets of deliveries that have arrived and not been taken.
    pub(crate) buffered: usize,
    /// How many of them belong to deliveries that can be taken.
    pub(crate) takeable: usize,
    /// Deliveries accepted from the application whose last frame is not written.
    pub(crate) queued: usize,
    /// Octets of them that are not written.
    pub(crate) queued_octets: usize,
    /// Senders that wait for room in the output.
    pub(crate) blocked: VecDeque<SenderId>,
    /// Sessions whose incoming window was not renewed because too much is buffered.
    pub(crate) starved: VecDeque<SessionId>,
    arena: BytesMut,
    arena_size: usize,
    /// Octets of the chunks that were begun since nothing was buffered: what is kept of them holds no more than that.
    arena_spent: usize,
}

impl Context {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            events: EventQueue::new(),
            out: Output::new(),
            limits,
            now: Instant::ORIGIN,
            remote_open: None,
            ready: VecDeque::new(),
            unanswered: VecDeque::new(),
            described: 0,
            states: Arc::default(),
            buffered: 0,
            takeable: 0,
            queued: 0,
            queued_octets: 0,
            blocked: VecDeque::new(),
            starved: VecDeque::new(),
            arena: BytesMut::new(),
            arena_size: FIRST_ARENA,
            arena_spent: 0,
        }
    }

    /// So much waits to be polled or to be encoded that no more is accepted.
    #[inline]
    pub(crate) fn output_is_full(&self) -> bool {
        self.out.len().saturating_add(self.queued_octets) >= self.limits.buffered_output
    }

    /// There is room for more input, or nothing that the application could take to make room: whoever sends more then is
    /// over the limit, and has to be let to.
    #[inline]
    pub(crate) fn takes_in(&self) -> bool {
        self.buffered < self.limits.buffered_input || self.takeable == 0
    }

    /// The peer describes an endpoint in so many octets.
    ///
    /// # Errors
    /// Where it has described too much.
    pub(crate) fn describe(&mut self, octets: usize) -> Result<(), Violation> {
        let described = self.described.saturating_add(octets);
        if described > self.limits.descriptions {
            return Err(Violation::Descriptions);
        }
        self.described = described;
        Ok(())
    }

    /// So many octets describe nothing any more.
    pub(crate) fn forget(&mut self, octets: usize) {
        self.described = self.described.saturating_sub(octets);
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(crate) fn awaits_answer(&mut self, who: Unanswered) {
        self.unanswered.push_back((self.now, who));
    }

    /// §2.4.1: the channel-max of the peer, 0 until it is known: channel 0 fits everyone.
    pub(crate) fn remote_channel_max(&self) -> u16 {
        self.remote_open.as_ref().map_or(0, |open| open.channel_max)
    }

    /// Keeps a payload: large ones by reference where the input is shared, small ones densely, because a slice of 100
    /// octets that holds a whole read buffer costs the whole read buffer.
    #[inline]
    pub(crate) fn keep(&mut self, octets: &[u8], shared: Option<&Bytes>) -> Bytes {
        if octets.len() >= LARGE {
            return self.keep_large(octets, shared);
        }
        let room = self.arena.capacity().saturating_sub(self.arena.len());
        if room < octets.len() && !self.begin_chunk(octets.len()) {
            return Bytes::copy_from_slice(octets);
        }
        self.arena.extend_from_slice(octets);
        self.arena.split().freeze()
    }

    /// Makes room for a small payload; false where it should lie alone, because what waits may hold too many chunks: one
    /// small payload that is not taken holds a whole one.
    #[cold]
    fn begin_chunk(&mut self, octets: usize) -> bool {
        if self.buffered == 0 {
            self.arena_spent = 0;
        }
        if self.arena_spent >= self.limits.buffered_input {
            return false;
        }
        let size = self.arena_size.max(octets);
        self.arena.reserve(size);
        self.arena_spent = self.arena_spent.saturating_add(size);
        self.arena_size = self.arena_size.saturating_mul(2).min(ARENA);
        true
    }

    fn keep_large(&self, octets: &[u8], shared: Option<&Bytes>) -> Bytes {
        let shared = shared.filter(|_| self.buffered < self.limits.buffered_input / SHARED_PART);
        shared.map_or_else(|| Bytes::copy_from_slice(octets), |whole| whole.slice_ref(octets))
    }
}
