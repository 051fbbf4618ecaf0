//! A world in a seed: two engines, a transport with all its whims, and applications that do what they like.
//!
//! Time is virtual, and everything random comes from the seed, so that a run can be repeated octet by octet. What has
//! to hold in every run is checked all the way: the [oracle](crate::oracle) judges every frame, each accepted message
//! resolves exactly once and arrives at most once, in order and unaltered, whatever can go on does when both sides come
//! to rest, and in the end nothing is held any more.

mod application;
mod chance;
mod ledger;
mod plan;
mod report;
mod wire;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use report::Log;
pub use report::{Failure, Summary};
use world::World;

/// Runs the world of `seed`.
///
/// # Errors
/// [`Failure`] where something did not hold; it was then run a second time, for its trace.
pub fn run(seed: u64) -> Result<Summary, Box<Failure>> {
    attempt(seed, Log::default()).map_err(|first| {
        let again = attempt(seed, Log::writing());
        let mut failure = again.err().unwrap_or_else(|| first.clone());
        if failure.what != first.what {
            failure.what = format!("{} (and at first: {})", failure.what, first.what);
        }
        failure
    })
}

/// Runs the world of `seed` and gives its trace.
///
/// # Errors
/// [`Failure`] where something did not hold.
pub fn trace(seed: u64) -> Result<String, Box<Failure>> {
    let log = Log::writing();
    attempt(seed, log.clone()).map(|_| log.text())
}

fn attempt(seed: u64, log: Log) -> Result<Summary, Box<Failure>> {
    let mut world = World::new(seed, log);
    let played = catch_unwind(AssertUnwindSafe(|| world.play()));
    let what = match played {
        Ok(Ok(summary)) => return Ok(summary),
        Ok(Err(what)) => what,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            format!("panic: {}", text.unwrap_or_default())
        }
    };
    Err(Box::new(Failure { seed, what, trace: world.log() }))
}
