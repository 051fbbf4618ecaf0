//! How connections are accepted.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use amqp_endpoint::{Connection, ConnectionOptions, Container};

use crate::dial::Dial;

/// A connection that is to be accepted, see [`Dial::accept`]. Nothing happens before it is waited for.
#[must_use = "nothing is accepted unless it is waited for"]
#[derive(Debug)]
pub struct Accept<'a>(Box<Acceptance<'a>>);

#[derive(Debug)]
struct Acceptance<'a> {
    container: Container,
    listener: &'a TcpListener,
    options: ConnectionOptions,
}

impl<'a> Accept<'a> {
    pub(crate) fn new(container: Container, listener: &'a TcpListener, options: ConnectionOptions) -> Self {
        Self(Box::new(Acceptance { container, listener, options }))
    }

    /// Waits for a client.
    ///
    /// # Errors
    /// What the system says: some errors (a client that is gone already, too many open files) pass.
    pub fn wait(self) -> io::Result<Connection> {
        let accepted = self.0.listener.accept();
        self.finish(accepted.map(|(stream, _)| stream))
    }

    /// Waits for a client, for `time` at most.
    ///
    /// Meanwhile everybody who uses the listener finds it with a time-out (on Linux) or not blocking (elsewhere): that is a
    /// property of the listener. So only one thread at a time should wait for it in this way, and none in another.
    ///
    /// # Errors
    /// The operation itself where that was not enough: it can be waited for again.
    pub fn wait_timeout(self, time: Duration) -> Result<io::Result<Connection>, Self> {
        match accept_timeout(self.0.listener, time) {
            Ok(Some(stream)) => Ok(self.finish(Ok(stream))),
            Ok(None) => Err(self),
            Err(error) => Ok(Err(error)),
        }
    }

    fn finish(self, stream: io::Result<TcpStream>) -> io::Result<Connection> {
        let stream = stream?;
        stream.set_nodelay(true)?;
        Ok(self.0.container.serve(stream, self.0.options))
    }
}

/// `None` where nobody came.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn accept_timeout(listener: &TcpListener, time: Duration) -> io::Result<Option<TcpStream>> {
    // The same socket: this system's accept keeps to the time-out for reading, which the type for streams can set.
    let socket = TcpStream::from(std::os::fd::OwnedFd::from(listener.try_clone()?));
    let begun = Instant::now();
    let accepted = loop {
        let left = time.saturating_sub(begun.elapsed());
        socket.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        match listener.accept() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let passed = begun.elapsed();
                if passed >= time {
                    break Ok(None);
                }
                if passed < time / 2 {
                    // It does not block at all.
                    break Err(error);
                }
            }
            accepted => break accepted.map(|(stream, _)| Some(stream)),
        }
    };
    socket.set_read_timeout(None)?;
    accepted
}

/// `None` where nobody came. This system's accept has no time-out.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn accept_timeout(listener: &TcpListener, time: Duration) -> io::Result<Option<TcpStream>> {
    const PAUSE: Duration = Duration::from_millis(10);
    let begun = Instant::now();
    listener.set_nonblocking(true)?;
    let accepted = loop {
        match listener.accept() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let left = time.saturating_sub(begun.elapsed());
                if left.is_zero() {
                    break Ok(None);
                }
                std::thread::sleep(left.min(PAUSE));
            }
            accepted => break accepted.map(|(stream, _)| Some(stream)),
        }
    };
    listener.set_nonblocking(false)?;
    accepted
}
