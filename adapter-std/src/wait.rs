//! Waiting: an operation is polled on the thread that wants its result, which sleeps in between.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Blocks the thread until an operation is done. Every operation of this crate can be waited for, and every other future
/// once it is pinned: `std::pin::pin!(future).wait()`.
///
/// Waiting in a future that is itself waited for is possible, but holds up the whole thread.
pub trait Wait: Future + Unpin + Sized {
    /// Waits until it is done.
    fn wait(mut self) -> Self::Output {
        loop {
            if let Some(output) = poll_until(&mut self, None) {
                return output;
            }
        }
    }

    /// Waits until it is done, for `time` at most and some 20 ms more where the peer does not read. It is tried at least once.
    ///
    /// # Errors
    /// The operation itself where that was not enough: it can be waited for again, here or on another thread. It keeps its
    /// place meanwhile; dropping it does what dropping that operation does.
    fn wait_timeout(mut self, time: Duration) -> Result<Self::Output, Self> {
        // What lies beyond the range of the clock never comes.
        let until = Instant::now().checked_add(time);
        poll_until(&mut self, until).ok_or(self)
    }
}

impl<F: Future + Unpin> Wait for F {}

thread_local! {
    /// The sleeper of this thread while nobody uses it: who waits within a wait makes another.
    static SLEEPER: Cell<Option<Sleeper>> = const { Cell::new(None) };
}

/// `None` where the time has come first; without a time never.
fn poll_until<F: Future + Unpin>(operation: &mut F, until: Option<Instant>) -> Option<F::Output> {
    let sleeper = SLEEPER.try_with(Cell::take).ok().flatten().unwrap_or_else(Sleeper::new);
    let output = loop {
        match Pin::new(&mut *operation).poll(&mut Context::from_waker(&sleeper.waker)) {
            Poll::Ready(output) => break Some(output),
            Poll::Pending if sleeper.bell.sleep(until) => {}
            Poll::Pending => break None,
        }
    };
    // At the end of its thread there is no place for it any more.
    _ = SLEEPER.try_with(|place| place.set(Some(sleeper)));
    output
}

/// How a thread sleeps, and is woken.
struct Sleeper {
    bell: Arc<Bell>,
    waker: Waker,
}

impl Sleeper {
    fn new() -> Self {
        let bell = Arc::new(Bell { thread: thread::current(), rung: AtomicBool::new(false) });
        Self { waker: Waker::from(Arc::clone(&bell)), bell }
    }
}

struct Bell {
    thread: Thread,
    /// The thread's token alone would not do: others take it and give it, such as a wait within this one.
    rung: AtomicBool,
}

impl Bell {
    /// Sleeps until it has rung since the last time; false where the time came first.
    fn sleep(&self, until: Option<Instant>) -> bool {
        while !self.rung.swap(false, Ordering::Acquire) {
            match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => thread::park(),
                Some(Duration::ZERO) => return false,
                Some(left) => thread::park_timeout(left),
            }
        }
        true
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.thread.unpark();
        }
    }
}
