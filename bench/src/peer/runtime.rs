//! What the adapters have different names for; everything else is the same code on each.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use adapter_std::Wait;
use amqp_bench::Outcome;
use amqp_endpoint::{Connection, Container};
use tokio::sync::oneshot;

use super::options;

/// Where tasks run and sockets come from.
pub(crate) trait Runtime: Clone + Send + Sync + 'static {
    type Listener: Send + Sync + 'static;

    /// Runs a program.
    fn run<T: Send>(&self, program: impl Future<Output = Outcome<T>> + Send) -> Outcome<T>;

    /// Runs a task beside the others.
    fn start(&self, task: impl Future<Output = ()> + Send + 'static);

    /// Listens at 127.0.0.1.
    fn listen(&self, port: u16) -> io::Result<Self::Listener>;

    /// The server's end of the next connection.
    fn accept(
        &self,
        container: &Container,
        listener: &Self::Listener,
    ) -> impl Future<Output = Outcome<Connection>> + Send;

    /// The client's end of a connection to 127.0.0.1.
    fn dial(&self, container: &Container, port: u16) -> impl Future<Output = Outcome<Connection>> + Send;

    /// Runs a task beside the others whose result is waited for.
    fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (tell, told) = oneshot::channel();
        self.start(async move {
            // Nobody asks any more where the program is over.
            _ = tell.send(task.await);
        });
        told
    }
}

/// tokio's runtime, with one thread or one for each core.
#[derive(Clone)]
pub(crate) struct Tokio(Arc<tokio::runtime::Runtime>);

impl Tokio {
    pub(crate) fn new(multi_thread: bool) -> io::Result<Self> {
        let mut builder = match multi_thread {
            true => tokio::runtime::Builder::new_multi_thread(),
            false => tokio::runtime::Builder::new_current_thread(),
        };
        Ok(Self(Arc::new(builder.enable_all().build()?)))
    }
}

impl Runtime for Tokio {
    type Listener = tokio::net::TcpListener;

    fn run<T: Send>(&self, program: impl Future<Output = Outcome<T>> + Send) -> Outcome<T> {
        self.0.block_on(program)
    }

    fn start(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(task);
    }

    fn listen(&self, port: u16) -> io::Result<Self::Listener> {
        let listener = Threads.listen(port)?;
        listener.set_nonblocking(true)?;
        tokio::net::TcpListener::from_std(listener)
    }

    async fn accept(&self, container: &Container, listener: &Self::Listener) -> Outcome<Connection> {
        Ok(adapter_tokio::Dial::accept(container, listener, options()).await?)
    }

    async fn dial(&self, container: &Container, port: u16) -> Outcome<Connection> {
        Ok(adapter_tokio::Dial::dial_with(container, address(port), options()).await?)
    }
}

/// A thread for each task.
#[derive(Clone, Copy)]
pub(crate) struct Threads;

impl Runtime for Threads {
    type Listener = std::net::TcpListener;

    fn run<T: Send>(&self, program: impl Future<Output = Outcome<T>> + Send) -> Outcome<T> {
        Box::pin(program).wait()
    }

    fn start(&self, task: impl Future<Output = ()> + Send + 'static) {
        std::thread::spawn(|| Box::pin(task).wait());
    }

    fn listen(&self, port: u16) -> io::Result<Self::Listener> {
        std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))
    }

    async fn accept(&self, container: &Container, listener: &Self::Listener) -> Outcome<Connection> {
        Ok(adapter_std::Dial::accept(container, listener, options()).wait()?)
    }

    async fn dial(&self, container: &Container, port: u16) -> Outcome<Connection> {
        Ok(adapter_std::Dial::dial_with(container, address(port), options()).wait()?)
    }
}

fn address(port: u16) -> String {
    format!("amqp://{}:{port}", Ipv4Addr::LOCALHOST)
}
