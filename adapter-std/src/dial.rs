//! How connections are made.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use amqp_endpoint::{Address, AddressError, Connection, ConnectionOptions, Container, Error};

use crate::listen::Accept;
use crate::threads::{Stream, drive};

/// Connecting and listening, for [`Container`].
pub trait Dial {
    /// Connects to an address. The address' host is the virtual host, its user and password authenticate (a password goes
    /// over an unencrypted transport only with [`Address::allow_insecure`]); its path is for links to use.
    ///
    /// What is returned is to be waited for: [`Dialing::wait`].
    fn dial<A>(&self, address: A) -> Dialing
    where
        A: TryInto<Address, Error: Into<AddressError>>,
    {
        self.dial_with(address, ConnectionOptions::default())
    }

    /// As [`Dial::dial`], with options: virtual host and credentials in them come before the address'.
    fn dial_with<A>(&self, address: A, options: ConnectionOptions) -> Dialing
    where
        A: TryInto<Address, Error: Into<AddressError>>;

    /// The client end of a connection over any stream: TCP, a Unix socket. What is known of it belongs into
    /// `options.transport`.
    ///
    /// Where its threads cannot be started the connection is over at once.
    fn connect<S: Stream>(&self, stream: S, options: ConnectionOptions) -> Connection;

    /// The server end of a connection over any stream. What the peer opens arrives at [`Connection::incoming`].
    ///
    /// Where its threads cannot be started the connection is over at once.
    fn serve<S: Stream>(&self, stream: S, options: ConnectionOptions) -> Connection;

    /// The server end of the connection of a listener's next client.
    ///
    /// What is returned is to be waited for: [`Accept::wait`].
    fn accept<'a>(&self, listener: &'a TcpListener, options: ConnectionOptions) -> Accept<'a>;
}

impl Dial for Container {
    fn dial_with<A>(&self, address: A, options: ConnectionOptions) -> Dialing
    where
        A: TryInto<Address, Error: Into<AddressError>>,
    {
        let address = address.try_into().map_err(Into::into);
        Dialing(Box::new(Attempt { container: self.clone(), address, options, begun: None }))
    }

    fn connect<S: Stream>(&self, stream: S, options: ConnectionOptions) -> Connection {
        drive(stream, self.client(options))
    }

    fn serve<S: Stream>(&self, stream: S, options: ConnectionOptions) -> Connection {
        drive(stream, self.server(options))
    }

    fn accept<'a>(&self, listener: &'a TcpListener, options: ConnectionOptions) -> Accept<'a> {
        Accept::new(self.clone(), listener, options)
    }
}

/// A connection that is to be made, see [`Dial::dial`]. Nothing happens before it is waited for.
#[must_use = "nothing is dialed unless it is waited for"]
#[derive(Debug)]
pub struct Dialing(Box<Attempt>);

#[derive(Debug)]
struct Attempt {
    container: Container,
    address: Result<Address, AddressError>,
    options: ConnectionOptions,
    /// Goes on in a thread.
    begun: Option<Receiver<io::Result<TcpStream>>>,
}

impl Dialing {
    /// Waits until the transport is there: [`amqp_endpoint::Endpoint::sync`] waits for the peer.
    ///
    /// # Errors
    /// [`Error::Address`], and [`Error::Connect`] where the host is not found, refuses, or does not answer within
    /// `Limits::handshake`; or for `amqps`, which needs a TLS stream and [`Dial::connect`].
    pub fn wait(self) -> Result<Connection, Error> {
        let stream = match &self.0.begun {
            Some(begun) => begun.recv().unwrap_or_else(|_| Err(lost())),
            None => self.0.target().and_then(|(host, port)| connect(&host, port, self.0.time())),
        };
        self.0.finish(stream)
    }

    /// Waits for `time` at most.
    ///
    /// # Errors
    /// The attempt itself where that was not enough: it goes on meanwhile, on a thread of its own, and can be waited for
    /// again. Dropped, its connection is closed as soon as it is there.
    pub fn wait_timeout(mut self, time: Duration) -> Result<Result<Connection, Error>, Self> {
        if self.0.begun.is_none() {
            match self.0.begin() {
                Ok(begun) => self.0.begun = Some(begun),
                Err(error) => return Ok(self.0.finish(Err(error))),
            }
        }
        let stream = match self.0.begun.as_ref().map(|begun| begun.recv_timeout(time)) {
            Some(Ok(stream)) => stream,
            Some(Err(RecvTimeoutError::Timeout)) => return Err(self),
            Some(Err(RecvTimeoutError::Disconnected)) | None => Err(lost()),
        };
        Ok(self.0.finish(stream))
    }
}

impl Attempt {
    fn begin(&self) -> io::Result<Receiver<io::Result<TcpStream>>> {
        let ((host, port), time) = (self.target()?, self.time());
        let (done, begun) = mpsc::sync_channel(1);
        // Nobody may be there for it any more.
        let dial = move || _ = done.send(connect(&host, port, time));
        thread::Builder::new().name("amqp-dial".to_owned()).spawn(dial)?;
        Ok(begun)
    }

    fn finish(self, stream: io::Result<TcpStream>) -> Result<Connection, Error> {
        let address = self.address?;
        let stream = stream.map_err(|error| Error::connect(&address, error))?;
        Ok(self.container.connect(stream, address.complete(self.options)))
    }

    /// Host and port. The error of an address that is none is found by [`Attempt::finish`].
    fn target(&self) -> io::Result<(String, u16)> {
        let address = self.address.as_ref().map_err(|_| io::ErrorKind::InvalidInput)?;
        address.plain_tcp().map(|(host, port)| (host.to_owned(), port))
    }

    fn time(&self) -> Duration {
        self.options.limits.handshake
    }
}

fn connect(host: &str, port: u16, time: Duration) -> io::Result<TcpStream> {
    let begun = Instant::now();
    let addresses: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    let shares = (1..=u32::try_from(addresses.len()).unwrap_or(u32::MAX)).rev();
    for (address, share) in addresses.iter().zip(shares) {
        // One that does not answer leaves their shares of the time to the others.
        let share = time.saturating_sub(begun.elapsed()).checked_div(share).unwrap_or_default();
        if share.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match TcpStream::connect_timeout(address, share) {
            Ok(stream) => return stream.set_nodelay(true).map(|()| stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn lost() -> io::Error {
    io::Error::other("the thread that was dialing is gone")
}
