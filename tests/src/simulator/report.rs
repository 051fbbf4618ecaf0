//! What a run tells: a summary where all went well, and where it did not, what is needed to look for the cause.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use amqp_core::codec::ProtocolHeader;
use amqp_core::{Direction, Trace};

use crate::oracle::Side;

/// What a run did, when nothing was wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The same for the same octets at the same times.
    pub digest: u64,
    /// Octets sent, both ways.
    pub octets: u64,
    /// Messages accepted for sending.
    pub messages: u64,
    /// Of these, how many were received.
    pub received: u64,
    /// What the applications did.
    pub actions: u64,
}

impl Summary {
    /// Takes octets into the digest (FNV-1a).
    pub(super) fn digest(&mut self, side: Side, now: u64, octets: &[u8]) {
        let head = [u8::from(side == Side::Client)].into_iter().chain(now.to_be_bytes());
        for octet in head.chain(octets.iter().copied()) {
            self.digest = (self.digest ^ u64::from(octet)).wrapping_mul(0x0100_0000_01B3);
        }
        self.octets += octets.len() as u64;
    }
}

/// A run in which something was wrong.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The run.
    pub seed: u64,
    /// What was wrong.
    pub what: String,
    /// What both sides did and wrote, in its order and with its time.
    pub trace: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.trace)?;
        writeln!(f, "seed {}: {}", self.seed, self.what)?;
        write!(f, "again: cargo run --release -p amqp-tests --bin simulate -- --from {} --seeds 1", self.seed)
    }
}

/// The record of a run whose trace is wanted, because it failed or for itself; empty and free of cost otherwise.
#[derive(Clone, Debug, Default)]
pub(super) struct Log(Option<Arc<Mutex<Lines>>>);

#[derive(Debug, Default)]
struct Lines {
    now: u64,
    text: String,
}

impl Log {
    /// One that writes.
    pub(super) fn writing() -> Self {
        Self(Some(Arc::default()))
    }

    pub(super) fn at(&self, now: u64) {
        self.with(|lines| lines.now = now);
    }

    pub(super) fn note(&self, side: Side, text: impl FnOnce() -> String) {
        self.with(|lines| {
            let text = text();
            lines.text.push_str(&format!("{:>7} {side:<6} {text}\n", lines.now));
        });
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        self.with(|lines| text.clone_from(&lines.text));
        text
    }

    /// The engine of `side` shows its frames from now on.
    pub(super) fn observer(&self, side: Side) -> Option<Box<dyn Trace>> {
        self.0.as_ref()?;
        Some(Box::new(Observer { log: self.clone(), side }))
    }

    fn with(&self, act: impl FnOnce(&mut Lines)) {
        if let Some(lines) = &self.0 {
            act(&mut lines.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

struct Observer {
    log: Log,
    side: Side,
}

impl Observer {
    fn show(&self, direction: Direction, text: &str) {
        let arrow = if direction == Direction::Out { "->" } else { "  <-" };
        self.log.note(self.side, || format!("{arrow} {text}"));
    }
}

impl Trace for Observer {
    fn header(&mut self, direction: Direction, header: ProtocolHeader) {
        self.show(direction, &format!("{header:?}"));
    }

    fn sasl(&mut self, direction: Direction, frame: &dyn fmt::Display) {
        self.show(direction, &frame.to_string());
    }

    fn frame(&mut self, direction: Direction, channel: u16, performative: &dyn fmt::Display, payload: usize) {
        self.show(direction, &format!("[{channel}] {performative} ({payload} octets)"));
    }
}
