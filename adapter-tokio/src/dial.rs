//! How connections are made.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use amqp_endpoint::{Address, AddressError, Connection, ConnectionOptions, Container, Driver, Error};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use crate::task::Task;

/// Connecting and listening, for [`Container`].
pub trait Dial {
    /// Connects to an address. The address' host is the virtual host, its user and password authenticate (a password goes
    /// over an unencrypted transport only with [`Address::allow_insecure`]); its path is for links to use.
    ///
    /// The connection is returned once the transport is there: [`amqp_endpoint::Endpoint::sync`] waits for the peer.
    ///
    /// # Errors
    /// [`Error::Address`], and [`Error::Connect`] where the host is not found, refuses, or does not answer within
    /// `Limits::handshake`; or for `amqps`, which needs a TLS stream and [`Dial::connect`].
    fn dial<A>(&self, address: A) -> impl Future<Output = Result<Connection, Error>> + Send
    where
        A: TryInto<Address, Error: Into<AddressError>> + Send,
    {
        self.dial_with(address, ConnectionOptions::default())
    }

    /// As [`Dial::dial`], with options: virtual host and credentials in them come before the address'.
    ///
    /// # Errors
    /// As [`Dial::dial`].
    fn dial_with<A>(
        &self,
        address: A,
        options: ConnectionOptions,
    ) -> impl Future<Output = Result<Connection, Error>> + Send
    where
        A: TryInto<Address, Error: Into<AddressError>> + Send;

    /// The client end of a connection over any stream: TCP, a Unix socket, TLS, one in memory. What is known of it belongs
    /// into `options.transport`.
    ///
    /// Outside of a tokio runtime the connection is over at once.
    fn connect<S>(&self, stream: S, options: ConnectionOptions) -> Connection
    where
        S: AsyncRead + AsyncWrite + Send + 'static;

    /// The server end of a connection over any stream. What the peer opens arrives at [`Connection::incoming`].
    ///
    /// Outside of a tokio runtime the connection is over at once.
    fn serve<S>(&self, stream: S, options: ConnectionOptions) -> Connection
    where
        S: AsyncRead + AsyncWrite + Send + 'static;

    /// Waits for a client of a listener: the server end of its connection. May be dropped and called again.
    ///
    /// # Errors
    /// What the system says: some errors (a client that is gone already, too many open files) pass.
    fn accept(
        &self,
        listener: &TcpListener,
        options: ConnectionOptions,
    ) -> impl Future<Output = io::Result<Connection>> + Send;
}

impl Dial for Container {
    async fn dial_with<A>(&self, address: A, options: ConnectionOptions) -> Result<Connection, Error>
    where
        A: TryInto<Address, Error: Into<AddressError>> + Send,
    {
        let address = address.try_into().map_err(|error| Error::Address(error.into()))?;
        let stream = connect(&address, options.limits.handshake).await;
        let stream = stream.map_err(|error| Error::connect(&address, error))?;
        Ok(self.connect(stream, address.complete(options)))
    }

    fn connect<S>(&self, stream: S, options: ConnectionOptions) -> Connection
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        drive(stream, self.client(options))
    }

    fn serve<S>(&self, stream: S, options: ConnectionOptions) -> Connection
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        drive(stream, self.server(options))
    }

    async fn accept(&self, listener: &TcpListener, options: ConnectionOptions) -> io::Result<Connection> {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok(self.serve(stream, options))
    }
}

/// Tries one address of the host after the other. One that does not answer leaves their shares of the time to the others.
async fn connect(address: &Address, time: Duration) -> io::Result<TcpStream> {
    let until = Instant::now().checked_add(time);
    let left = || until.map_or(time, |until| until.saturating_duration_since(Instant::now()));
    let found = timeout(time, lookup_host(address.plain_tcp()?)).await??;
    let mut addresses: VecDeque<SocketAddr> = found.collect();
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    while let Some(address) = addresses.pop_front() {
        let shares = u32::try_from(addresses.len()).unwrap_or(u32::MAX).saturating_add(1);
        match timeout(left() / shares, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return stream.set_nodelay(true).map(|()| stream),
            Ok(Err(error)) => failed = error,
            Err(passed) => failed = passed.into(),
        }
    }
    Err(failed)
}

/// Reads and writes a stream for one end of a connection as [`Container::client`] and [`Container::server`] give it, perhaps
/// [through](Driver::through) a layer such as TLS. What [`Dial`] does for those without one.
///
/// Outside of a tokio runtime the connection is over at once.
pub fn drive<S>(stream: S, (connection, driver): (Connection, Driver)) -> Connection
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn(async move { Task::new(stream, driver).await })),
        Err(error) => driver.on_io_error(io::Error::other(error)),
    }
    connection
}
