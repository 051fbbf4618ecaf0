//! Everything between an engine and its socket:
//!
//! * Write what `poll_output` gives, and poll no more before that is written: the engine minds what waits in it.
//! * Read while `wants_read` is true, and only then: `handle_input`, and at the end `handle_eof`.
//! * Wait no longer than `poll_timeout` says: `handle_timeout`.
//! * After each of these look at `poll_event`.
//! * When `wants_shutdown` is true and everything polled is written, shut the writing side. Read on until the peer has
//!   done the same, but not for long; then shut both.
//!
//! Blocking sockets cannot be waited for together, so each has a thread that reads and one that writes, and the thread
//! that owns the engines never blocks on a socket. With a poller the same loop needs no threads.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver as Inbox, RecvError, RecvTimeoutError, Sender, SyncSender, channel};
use std::thread;
use std::time::{Duration, Instant as Clock};

use amqp_core::{Connection, Instant};
use bytes::Bytes;

/// What the thread that owns engines is told by the others, and of which client.
pub(crate) type News = (usize, What);

pub(crate) enum What {
    Connected(TcpStream),
    /// The octets of one read; none at the end.
    Read(Vec<u8>),
    /// What was polled last is written.
    Written,
}

/// How long the socket of a connection that is over is kept, for the rest to be written and the peer to end.
const LINGER: Duration = Duration::from_secs(5);

/// A socket, an engine, and the moment that the engine's time counts from.
pub(crate) struct Wire {
    pub(crate) connection: Connection,
    origin: Clock,
    stream: Arc<TcpStream>,
    /// Each asks for one read, and `reading` is true until it is done.
    reads: Sender<()>,
    reading: bool,
    /// Each is one chunk to write, and `writing` is true until it is done.
    writes: Sender<Bytes>,
    writing: bool,
    /// The peer sends no more.
    ended: bool,
    /// Set once the engine is over.
    give_up: Option<Instant>,
}

impl Wire {
    pub(crate) fn new(
        stream: TcpStream,
        connection: Connection,
        client: usize,
        news: &SyncSender<News>,
    ) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let stream = Arc::new(stream);
        let (reads, asked) = channel();
        let (reader, reader_news) = (Arc::clone(&stream), news.clone());
        thread::spawn(move || read_all(&reader, &asked, client, &reader_news));
        let (writes, chunks) = channel();
        let (writer, writer_news) = (Arc::clone(&stream), news.clone());
        thread::spawn(move || write_all(&writer, &chunks, client, &writer_news));
        let (reading, writing, ended, give_up) = (false, false, false, None);
        let origin = Clock::now();
        Ok(Self { connection, origin, stream, reads, reading, writes, writing, ended, give_up })
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::new(self.origin.elapsed())
    }

    /// Tells the engine what has happened. The events that the doors return stay in it for `poll_event`.
    pub(crate) fn tell(&mut self, what: What) {
        let now = self.now();
        match what {
            What::Read(octets) if octets.is_empty() => {
                self.ended = true;
                _ = self.connection.handle_eof(now);
            }
            What::Read(octets) => {
                self.reading = false;
                _ = self.connection.handle_input(&octets, now);
            }
            What::Written => self.writing = false,
            What::Connected(_) => {}
        }
    }

    /// Has the socket do what the engine wants. Due after every call to the engine, and before waiting.
    pub(crate) fn pump(&mut self) {
        let now = self.now();
        if !self.writing
            && let Some(octets) = self.connection.poll_output(now)
        {
            self.writing = self.writes.send(octets).is_ok();
        }
        if !self.writing && self.connection.wants_shutdown() {
            // The peer may have been faster.
            _ = self.stream.shutdown(Shutdown::Write);
        }
        let finished = self.connection.is_finished();
        if finished {
            self.give_up.get_or_insert(now + LINGER);
        }
        // A socket that is closed with something unread in it resets the connection, and the last words may be lost.
        if !self.reading && !self.ended && (finished || self.connection.wants_read()) {
            self.reading = self.reads.send(()).is_ok();
        }
    }

    /// How long to wait at the most.
    pub(crate) fn patience(&self) -> Option<Duration> {
        let at = self.give_up.or_else(|| self.connection.poll_timeout());
        at.map(|at| at.saturating_since(self.now()))
    }

    /// True when the engine is over and the socket too, or when that takes too long.
    pub(crate) fn is_over(&self) -> bool {
        self.give_up.is_some_and(|at| (self.ended && !self.writing) || self.now() >= at)
    }
}

/// Shutting both sides ends the threads, wherever they are.
impl Drop for Wire {
    fn drop(&mut self) {
        _ = self.stream.shutdown(Shutdown::Both);
    }
}

fn read_all(mut stream: &TcpStream, asked: &Inbox<()>, client: usize, news: &SyncSender<News>) {
    let mut buffer = vec![0; 64 * 1024];
    while asked.recv().is_ok() {
        // An error of the socket is the end of it.
        let octets = stream.read(&mut buffer).unwrap_or(0);
        let told = news.send((client, What::Read(buffer[..octets].to_vec())));
        if octets == 0 || told.is_err() {
            return;
        }
    }
}

fn write_all(mut stream: &TcpStream, chunks: &Inbox<Bytes>, client: usize, news: &SyncSender<News>) {
    for octets in chunks {
        if stream.write_all(&octets).is_err() {
            // Whoever reads learns that it is the end.
            _ = stream.shutdown(Shutdown::Both);
        }
        if news.send((client, What::Written)).is_err() {
            return;
        }
    }
}

/// The next news, or `None` when it took too long.
pub(crate) fn wait(inbox: &Inbox<News>, patience: Option<Duration>) -> Result<Option<News>, RecvError> {
    let Some(patience) = patience else { return Ok(Some(inbox.recv()?)) };
    match inbox.recv_timeout(patience) {
        Ok(news) => Ok(Some(news)),
        Err(RecvTimeoutError::Timeout) => Ok(None),
        Err(RecvTimeoutError::Disconnected) => Err(RecvError),
    }
}
