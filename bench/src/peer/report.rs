//! What is measured of a process, and how it is printed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use amqp_bench::Outcome;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};

use super::say;

/// Measures from the first message on.
#[derive(Default)]
pub(crate) struct Meter {
    first: OnceLock<(Instant, Processor)>,
    last: Mutex<Option<Instant>>,
    messages: AtomicU64,
    octets: AtomicU64,
}

/// Seconds that the process has worked.
#[derive(Clone, Copy)]
struct Processor {
    user: f64,
    system: f64,
}

impl Meter {
    /// A first message is there, or is about to be sent; told of later ones as well.
    pub(crate) fn begin(&self) {
        self.first.get_or_init(|| (Instant::now(), Processor::so_far()));
    }

    /// A last message is done; the latest time counts.
    pub(crate) fn end(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Counts messages that were received: how many there were before.
    pub(crate) fn add_messages(&self, messages: u64) -> u64 {
        self.messages.fetch_add(messages, Ordering::Relaxed)
    }

    /// Counts octets of bodies.
    pub(crate) fn add_octets(&self, octets: u64) {
        self.octets.fetch_add(octets, Ordering::Relaxed);
    }

    /// Messages that were received.
    pub(crate) fn messages(&self) -> u64 {
        self.messages.load(Ordering::Relaxed)
    }

    /// Prints what was measured of `count` messages.
    pub(crate) fn report(&self, role: &str, count: u64) -> Outcome<()> {
        let processor = Processor::so_far();
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some((first, before)), Some(last)) = (self.first.get(), last) else {
            return Err("there was nothing to measure".into());
        };
        let seconds = last.saturating_duration_since(*first).as_secs_f64();
        let between = count.saturating_sub(1) as f64;
        say(&format!(
            "{{\"role\":\"{role}\",\"count\":{count},\"body_bytes\":{},\"secs\":{seconds:.6},\"msgs_per_s\":{:.0},\
             \"user\":{:.3},\"sys\":{:.3},\"rss_kb\":{}}}",
            self.octets.load(Ordering::Relaxed),
            if seconds > 0.0 { between / seconds } else { 0.0 },
            processor.user - before.user,
            processor.system - before.system,
            peak_memory()?,
        ))
    }
}

impl Processor {
    fn so_far() -> Self {
        let seconds = |time: TimeVal| time.num_microseconds() as f64 / 1e6;
        // It fails for no process that asks for itself.
        getrusage(UsageWho::RUSAGE_SELF).map_or(Self { user: 0.0, system: 0.0 }, |usage| Self {
            user: seconds(usage.user_time()),
            system: seconds(usage.system_time()),
        })
    }
}

/// KiB of the most memory that the process had.
fn peak_memory() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(peak.and_then(|it| it.split_whitespace().next()).unwrap_or("0").parse()?)
}

/// Prints the spread of round trips, given in nanoseconds.
pub(crate) fn round_trips(mut times: Vec<u64>) -> Outcome<()> {
    times.sort_unstable();
    let microseconds = |place: usize| times.get(place).map_or(0.0, |time| *time as f64 / 1e3);
    let count = times.len();
    say(&format!(
        "{{\"role\":\"pinger\",\"count\":{count},\"p50_us\":{:.1},\"p99_us\":{:.1},\"max_us\":{:.1}}}",
        microseconds(count / 2),
        microseconds(count.saturating_mul(99) / 100),
        microseconds(count.saturating_sub(1)),
    ))
}
