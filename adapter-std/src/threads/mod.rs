//! The two threads of a connection.
//!
//! ```text
//!   amqp-read ── read ─► Driver ─► next_write ── whoever holds Output's socket ─► write
//!                          │ waker                    ▲ in place: who is about to wait, who filled 16 KiB, amqp-read
//!                          └──────── told ────────────┤
//!                                                     └ amqp-write: 1 ms later, what got stuck, deadlines, the end
//! ```
//! `output` is who writes when, `alarm` when the writing thread has its next turn,
//! `reader` and `writer` the threads, `stream` what they can work with.

mod alarm;
mod output;
mod reader;
mod stream;
mod writer;

use std::io;
use std::sync::Arc;
use std::task::Waker;
use std::thread;
use std::time::Duration;

use amqp_endpoint::{Connection, Driver};

use output::{Output, Told};
pub use stream::Stream;

/// How long one write may take before the writing thread has to go on with it.
const WRITE_TIME: Duration = Duration::from_millis(20);

/// Reads and writes a stream for one end of a connection as [`Container::client`](amqp_endpoint::Container::client) and
/// [`Container::server`](amqp_endpoint::Container::server) give it, perhaps [through](Driver::through) a layer such as TLS.
/// What [`Dial`](crate::Dial) does for those without one.
///
/// Where its threads cannot be started the connection is over at once.
pub fn drive<S: Stream>(stream: S, (connection, driver): (Connection, Driver)) -> Connection {
    match stream.split(WRITE_TIME) {
        Ok((reading, writing)) => start(reading, Output::new(writing, driver)),
        Err(error) => driver.on_io_error(error),
    }
    connection
}

fn start<S: Stream>(reading: S, output: Output<S>) {
    let output = Arc::new(output);
    let started = spawn("amqp-write", &output, |output| writer::run(output)).and_then(|()| {
        let reads = spawn("amqp-read", &output, |output| reader::run(output, reading));
        reads.inspect_err(|_| output.alarm.reader_ended())
    });
    if let Err(error) = started {
        output.driver.on_io_error(error);
    }
    // Where it is over already this is what tells the writing thread.
    output.driver.register_writer(&Waker::from(Arc::new(Told(Arc::downgrade(&output)))));
}

fn spawn<S: Stream>(
    name: &str,
    output: &Arc<Output<S>>,
    work: impl FnOnce(&Output<S>) + Send + 'static,
) -> io::Result<()> {
    let output = Arc::clone(output);
    let named = thread::Builder::new().name(name.to_owned());
    named.spawn(move || work(OrElse(&output).0)).map(drop)
}

/// A thread that panics, in a callback of the application, takes the connection with it.
struct OrElse<'a, S>(&'a Output<S>);

impl<S> Drop for OrElse<'_, S> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.driver.on_io_error(io::Error::other("a thread of the connection panicked"));
        }
    }
}
