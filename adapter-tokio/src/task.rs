//! The task that moves a connection's octets.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use amqp_endpoint::{Driver, Instant, ReadBuffer, WriteQueue};
use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::time::{Instant as Clock, Sleep, sleep_until};

/// How long the peer may take to close the transport after this side did, so that nothing it was told is lost.
const LINGER: Duration = Duration::from_secs(1);

/// Reads and writes at the same time, until the connection is over; gives way to other tasks after one of each.
pub(crate) struct Task<S> {
    stream: Pin<Box<S>>,
    driver: Driver,
    origin: Clock,
    buffer: ReadBuffer,
    writing: WriteQueue,
    unflushed: bool,
    timer: Pin<Box<Sleep>>,
    /// The peer sends no more.
    read_to_end: bool,
    /// The writing side is shut.
    shut: bool,
    /// The connection is over: what is left of the transport has until then.
    until: Option<Clock>,
}

impl<S: AsyncRead + AsyncWrite> Task<S> {
    pub(crate) fn new(stream: S, driver: Driver) -> Self {
        let origin = Clock::now();
        Self {
            stream: Box::pin(stream),
            driver,
            origin,
            buffer: ReadBuffer::new(),
            writing: WriteQueue::new(),
            unflushed: false,
            timer: Box::pin(sleep_until(origin)),
            read_to_end: false,
            shut: false,
            until: None,
        }
    }

    fn now(&self) -> Instant {
        Instant::new(self.origin.elapsed())
    }

    /// Nothing is left to read or write.
    fn is_done(&self) -> bool {
        self.driver.is_finished() && self.writing.is_empty() && !self.unflushed
    }

    /// One read; ready where it brought something, or the end.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.read_to_end || !self.driver.wants_read() {
            return Poll::Pending;
        }
        let now = self.now();
        let Self { stream, driver, buffer, .. } = self;
        let octets = ready!(buffer.lend(|buffer| {
            let octets = ready!(poll_read_buf(stream.as_mut(), cx, buffer))?;
            if octets > 0 {
                driver.on_bytes(buffer, now);
            }
            Poll::Ready(Ok::<_, io::Error>(octets))
        }))?;
        if octets == 0 {
            self.read_to_end = true;
            self.driver.on_eof(now);
        }
        Poll::Ready(Ok(()))
    }

    /// One write of all there is; ready where it wrote something.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let now = self.now();
        self.writing.fill(&self.driver, now);
        if self.writing.is_empty() {
            if std::mem::take(&mut self.unflushed) && self.stream.as_mut().poll_flush(cx)?.is_pending() {
                self.unflushed = true;
            }
            return Poll::Pending;
        }
        let Self { stream, writing, .. } = self;
        let written = ready!(writing.offer(|pieces| stream.as_mut().poll_write_vectored(cx, pieces)))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.unflushed = true;
        self.writing.advance(written);
        Poll::Ready(Ok(()))
    }

    /// Ready where a deadline has come.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.driver.deadline() else { return Poll::Pending };
        let at = self.origin.checked_add(deadline.since_origin()).unwrap_or_else(|| self.timer.deadline());
        // One that moved away is found out when the old one has come: that costs less than moving the timer for each.
        if at < self.timer.deadline() || self.timer.is_elapsed() {
            self.timer.as_mut().reset(at);
        }
        ready!(self.timer.as_mut().poll(cx));
        self.driver.on_deadline(self.now());
        Poll::Ready(())
    }

    /// Ready where what is left of the transport has had its time.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.until.is_none() {
            let until = Clock::now().checked_add(LINGER).unwrap_or_else(Clock::now);
            self.until = Some(until);
            self.timer.as_mut().reset(until);
        }
        self.timer.as_mut().poll(cx)
    }

    /// Everything is written: shuts the writing side, and waits a moment for the peer to do so.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.poll_patience(cx).is_ready() {
            return Poll::Ready(());
        }
        if !self.shut {
            let shut = ready!(self.stream.as_mut().poll_shutdown(cx));
            if shut.is_err() || self.read_to_end {
                return Poll::Ready(());
            }
            self.shut = true;
        }
        let Self { stream, buffer, .. } = self;
        let read = buffer.lend(|buffer| {
            let read = poll_read_buf(stream.as_mut(), cx, buffer);
            buffer.clear();
            read
        });
        if matches!(ready!(read), Ok(1..)) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// The transport has failed. What the peer said before may tell why.
    fn fail(&mut self, cx: &mut Context<'_>, error: io::Error) {
        while let Poll::Ready(Ok(())) = self.poll_read(cx) {}
        self.driver.on_io_error(error);
    }
}

impl<S: AsyncRead + AsyncWrite> Future for Task<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if !this.is_done() && !this.driver.is_cut_off() {
            // While it runs it needs no waking.
            this.driver.register_writer(Waker::noop());
            let read = this.poll_read(cx);
            let write = this.poll_write(cx);
            let (read_some, write_some) = (read.is_ready(), write.is_ready());
            if !write_some && !this.writing.is_empty() {
                // The peer does not read: how long that lasts counts from when the engine hears the time.
                this.driver.on_deadline(this.now());
            }
            if let Some(error) = failure(read).or_else(|| failure(write)) {
                this.fail(cx, error);
                return Poll::Ready(());
            }
            if this.driver.is_finished() && !write_some && !this.is_done() {
                // Nothing more comes; what was taken may still be written.
                return this.poll_patience(cx);
            }
            // Before the deadline is asked for: what makes it an earlier one must not find nobody to tell.
            this.driver.register_reader(cx.waker());
            if this.writing.is_empty() {
                this.driver.register_writer(cx.waker());
            } else {
                this.driver.register_stuck_writer(cx.waker());
            }
            let deadline = this.poll_deadline(cx);
            let busy = read_some || write_some || deadline.is_ready();
            if !this.is_done() {
                if busy {
                    cx.waker().wake_by_ref();
                }
                return Poll::Pending;
            }
        }
        if this.driver.is_cut_off() {
            return Poll::Ready(());
        }
        this.poll_end(cx)
    }
}

fn failure(done: Poll<io::Result<()>>) -> Option<io::Error> {
    match done {
        Poll::Ready(Err(error)) => Some(error),
        _ => None,
    }
}

/// Reads into the room that the buffer has.
fn poll_read_buf<S: AsyncRead>(
    mut stream: Pin<&mut S>,
    cx: &mut Context<'_>,
    buffer: &mut BytesMut,
) -> Poll<io::Result<usize>> {
    pin!(stream.read_buf(buffer)).poll(cx)
}
