//! Operations polled by hand, and wakers that count.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Counts how often it was woken.
#[derive(Default)]
pub struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Counter {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    pub fn wakes(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    pub fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

/// An operation in a task.
pub struct Task<F> {
    operation: Pin<Box<F>>,
    pub counter: Arc<Counter>,
}

impl<F: Future> Task<F> {
    /// In a task of its own; it wants to be polled.
    pub fn new(operation: F) -> Self {
        let counter = Counter::new();
        counter.0.store(1, Ordering::SeqCst);
        Self::of(operation, counter)
    }

    /// In a task that has others.
    pub fn of(operation: F, counter: Arc<Counter>) -> Self {
        Self { operation: Box::pin(operation), counter }
    }

    /// Polled once.
    pub fn polled(operation: F) -> Self {
        let mut task = Self::new(operation);
        assert!(task.poll().is_pending());
        task
    }

    /// Polls it, whether or not it was woken.
    pub fn poll(&mut self) -> Poll<F::Output> {
        self.counter.take();
        let waker = Waker::from(Arc::clone(&self.counter));
        self.operation.as_mut().poll(&mut Context::from_waker(&waker))
    }

    pub fn poll_if_woken(&mut self) -> Option<Poll<F::Output>> {
        self.is_woken().then(|| self.poll())
    }

    pub fn is_woken(&self) -> bool {
        self.counter.wakes() > 0
    }

    /// It was woken, and is done now.
    #[track_caller]
    pub fn ready(&mut self) -> F::Output {
        assert!(self.is_woken(), "it was not woken");
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it is not done"),
        }
    }

    /// It was not woken, and has to wait.
    #[track_caller]
    pub fn waits(&mut self) {
        assert!(!self.is_woken(), "it was woken");
        assert!(self.poll().is_pending(), "it is done");
    }
}

/// Polls an operation once, with nobody to wake.
pub fn poll_once<F: Future>(operation: F) -> Poll<F::Output> {
    pin!(operation).poll(&mut Context::from_waker(Waker::noop()))
}
