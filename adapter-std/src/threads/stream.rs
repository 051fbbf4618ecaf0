//! Streams that two threads can use.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A stream that one thread reads and another writes: TCP, a Unix socket, or what is made of one.
///
/// It has no buffer of its own for what is written.
pub trait Stream: Read + Write + Send + Sized + 'static {
    /// Two handles of it, one to read and one to write.
    ///
    /// A read blocks until there are octets, or the stream has ended or is shut down. A write may take `write_time`, and then
    /// says how much was written, or is [`WouldBlock`](io::ErrorKind::WouldBlock) or [`TimedOut`](io::ErrorKind::TimedOut)
    /// where that is nothing.
    ///
    /// # Errors
    /// What the system says.
    fn split(self, write_time: Duration) -> io::Result<(Self, Self)>;

    /// Shuts the writing side, or both; then a read that is waiting ends.
    ///
    /// # Errors
    /// What the system says, for example that it is shut already.
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;
}

macro_rules! socket {
    ($socket:ident) => {
        impl Stream for $socket {
            fn split(self, write_time: Duration) -> io::Result<(Self, Self)> {
                // A listener that does not block, or has a time-out, passes that on to its streams on some systems.
                self.set_nonblocking(false)?;
                self.set_read_timeout(None)?;
                self.set_write_timeout(Some(write_time))?;
                Ok((self.try_clone()?, self))
            }

            fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                Self::shutdown(self, how)
            }
        }
    };
}
socket!(TcpStream);
#[cfg(unix)]
socket!(UnixStream);
