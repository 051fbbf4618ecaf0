//! The reading thread.

use std::future::poll_fn;
use std::io::{self, Read};
use std::task::Poll;
use std::thread;

use amqp_endpoint::{Driver, ReadBuffer};
use bytes::BytesMut;

use super::output::Output;
use super::stream::Stream;
use crate::wait::Wait;

/// Octets of the smallest and the largest read. Room is cleared for each, so it should not be much more than what arrives.
const LEAST: usize = 4 * 1024;
const MOST: usize = 64 * 1024;

/// Reads until the connection is over, and then to the end of the stream.
pub(super) fn run<S: Stream>(output: &Output<S>, stream: S) {
    // It is set once, here.
    _ = output.reader.set(thread::current().id());
    let mut input = Input { stream, buffer: ReadBuffer::new(), room: LEAST };
    let Output { driver, alarm, .. } = output;
    while !driver.is_finished() {
        if !driver.wants_read() {
            wait_for_room(driver);
            continue;
        }
        match input.read(|octets| driver.on_bytes(octets, alarm.now())) {
            Ok(true) => {}
            Ok(false) => {
                driver.on_eof(alarm.now());
                return alarm.reader_ended();
            }
            Err(error) => {
                driver.on_io_error(error);
                return alarm.reader_ended();
            }
        }
    }
    // What still comes is dropped. The writing thread shuts the stream where that takes too long.
    while input.read(BytesMut::clear).is_ok_and(|more| more) {}
    alarm.reader_ended();
}

fn wait_for_room(driver: &Driver) {
    poll_fn(|cx| {
        driver.register_reader(cx.waker());
        if driver.wants_read() || driver.is_finished() { Poll::Ready(()) } else { Poll::Pending }
    })
    .wait();
}

struct Input<S> {
    stream: S,
    buffer: ReadBuffer,
    /// Octets of the next read.
    room: usize,
}

impl<S: Read> Input<S> {
    /// One read; false at the end of the stream.
    fn read(&mut self, take: impl FnOnce(&mut BytesMut)) -> io::Result<bool> {
        let Self { stream, buffer, room } = self;
        buffer.lend(|buffer| {
            let begin = buffer.len();
            let space = buffer.capacity().saturating_sub(begin).clamp(LEAST, *room);
            buffer.resize(begin.saturating_add(space), 0);
            let read = stream.read(buffer.get_mut(begin..).unwrap_or_default());
            buffer.truncate(begin.saturating_add(*read.as_ref().unwrap_or(&0)));
            match read {
                Ok(0) => Ok(false),
                Ok(octets) => {
                    if octets == space {
                        *room = room.saturating_mul(2).min(MOST);
                    } else if octets < *room / 4 {
                        *room = (*room / 2).max(LEAST);
                    }
                    take(buffer);
                    Ok(true)
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
                Err(error) => Err(error),
            }
        })
    }
}
