//! Who writes, and when.

use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError, Weak};
use std::task::Wake;
use std::thread::{self, ThreadId};
use std::time::Duration;

use amqp_endpoint::{Driver, Instant, WriteQueue};

use super::WRITE_TIME;
use super::alarm::Alarm;
use super::stream::Stream;

/// How long others leave the writing to the writing thread after the peer did not read for [`WRITE_TIME`].
const WARY: Duration = Duration::from_millis(100);

/// What the threads of a connection share with those of the application: the way out.
pub(super) struct Output<S> {
    pub(super) driver: Driver,
    pub(super) alarm: Alarm,
    /// The reading thread writes what follows from what it read.
    pub(super) reader: OnceLock<ThreadId>,
    /// There is something to write that whoever holds the socket may not have seen.
    wanted: AtomicBool,
    socket: Mutex<Socket<S>>,
}

struct Socket<S> {
    stream: S,
    queue: WriteQueue,
    /// The writing thread is at it, and goes on until all is written.
    stuck: bool,
    /// Only the writing thread writes until then.
    wary_until: Instant,
    failed: Option<io::Error>,
}

/// How far writing came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// All is written that there was.
    Done,
    /// The peer does not read: there is more.
    Stuck,
    /// The stream is broken.
    Failed,
}

impl<S: Stream> Output<S> {
    pub(super) fn new(stream: S, driver: Driver) -> Self {
        let (queue, wary_until) = (WriteQueue::new(), Instant::ORIGIN);
        let socket = Socket { stream, queue, stuck: false, wary_until, failed: None };
        Self {
            driver,
            alarm: Alarm::new(),
            reader: OnceLock::new(),
            wanted: AtomicBool::new(false),
            socket: Mutex::new(socket),
        }
    }

    /// There is something to write, the deadline is an earlier one, or the connection is finished. Called by whoever made it
    /// so, outside of the lock of the connection.
    fn told(&self) {
        if self.driver.is_finished() {
            self.alarm.at_once();
        } else if self.driver.is_urgent() || self.reader.get() == Some(&thread::current().id()) {
            self.write_in_place();
        } else {
            self.alarm.soon();
        }
    }

    /// Writes what there is, for [`WRITE_TIME`] or two; the rest is for the writing thread. Where another thread is writing,
    /// that one goes on with what there is now.
    fn write_in_place(&self) {
        let until = self.alarm.now() + WRITE_TIME;
        self.wanted.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        while self.wanted.load(Ordering::Relaxed) {
            let mut socket = match self.socket.try_lock() {
                Ok(socket) => socket,
                // It looks at `wanted` once it has let go.
                Err(TryLockError::WouldBlock) => return,
                Err(TryLockError::Poisoned(socket)) => socket.into_inner(),
            };
            let now = self.alarm.now();
            if socket.stuck || now < socket.wary_until || now >= until {
                return self.alarm.at_once();
            }
            self.wanted.store(false, Ordering::Relaxed);
            let progress = self.write(&mut socket, until);
            drop(socket);
            if progress != Progress::Done {
                return self.alarm.at_once();
            }
            fence(Ordering::SeqCst);
        }
        self.plan();
    }

    /// Writes what there is, in turns of [`WRITE_TIME`]: for the writing thread.
    pub(super) fn write_on(&self) -> Progress {
        loop {
            self.wanted.store(false, Ordering::Relaxed);
            let progress = self.write(&mut self.lock(), self.alarm.now() + WRITE_TIME);
            fence(Ordering::SeqCst);
            if progress != Progress::Done || !self.wanted.load(Ordering::Relaxed) {
                return progress;
            }
        }
    }

    /// The writing thread will be there at the next deadline.
    pub(super) fn plan(&self) {
        if let Some(deadline) = self.driver.deadline() {
            self.alarm.at(deadline);
        }
    }

    /// Shuts one or both sides of the stream, and gives the error that it had.
    pub(super) fn shut(&self, how: std::net::Shutdown) -> Option<io::Error> {
        let mut socket = self.lock();
        // It may be shut already.
        _ = socket.stream.shutdown(how);
        socket.failed.take()
    }

    /// One holder of the socket at a time: writes until nothing is left, the peer does not read, or the time has come.
    fn write(&self, socket: &mut Socket<S>, until: Instant) -> Progress {
        if socket.failed.is_some() {
            return Progress::Failed;
        }
        loop {
            let now = self.alarm.now();
            let more = socket.queue.fill(&self.driver, now);
            if socket.queue.is_empty() {
                break;
            }
            let Socket { stream, queue, .. } = socket;
            match write_one(queue, stream) {
                Ok(Wrote::All) if queue.is_empty() && !more => break,
                Ok(Wrote::All) if self.alarm.now() < until => {}
                Ok(wrote) => {
                    socket.stuck = true;
                    if wrote == Wrote::Part {
                        socket.wary_until = self.alarm.now() + WARY;
                    }
                    return Progress::Stuck;
                }
                Err(error) => {
                    // The reading thread may still find why: the writing thread waits for it, then tells.
                    socket.failed = Some(error);
                    return Progress::Failed;
                }
            }
        }
        socket.stuck = false;
        Progress::Done
    }

    fn lock(&self) -> MutexGuard<'_, Socket<S>> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrote {
    /// All that it was given.
    All,
    /// A part, or nothing: the peer does not read.
    Part,
}

fn write_one(queue: &mut WriteQueue, stream: &mut impl Stream) -> io::Result<Wrote> {
    let (offered, done) = queue.offer(|pieces| {
        let offered: usize = pieces.iter().map(|piece: &IoSlice<'_>| piece.len()).sum();
        (offered, stream.write_vectored(pieces))
    });
    let written = match done {
        Ok(0) if offered > 0 => return Err(io::ErrorKind::WriteZero.into()),
        Ok(written) => written,
        Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(Wrote::All),
        Err(error) if is_time_out(&error) => 0,
        Err(error) => return Err(error),
    };
    queue.advance(written);
    Ok(if written < offered { Wrote::Part } else { Wrote::All })
}

/// Systems differ in what they call it.
fn is_time_out(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// The waker of the writing side. It does not keep the connection's threads and their stream.
pub(super) struct Told<S>(pub(super) Weak<Output<S>>);

impl<S: Stream> Wake for Told<S> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(output) = self.0.upgrade() {
            output.told();
        }
    }
}
