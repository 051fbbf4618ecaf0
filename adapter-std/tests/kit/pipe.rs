//! A stream in memory that holds little, and whose peer can be kept from reading.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use adapter_std::Stream;

/// Both ends of a stream; each direction holds `capacity` octets.
pub(crate) fn pipe(capacity: usize) -> (Pipe, Pipe) {
    let (there, back) = (Arc::new(Way::new(capacity)), Arc::new(Way::new(capacity)));
    let end = |input: &Arc<Way>, output: &Arc<Way>| Pipe {
        input: Arc::clone(input),
        output: Arc::clone(output),
        write_time: Duration::MAX,
    };
    (end(&back, &there), end(&there, &back))
}

pub(crate) struct Pipe {
    input: Arc<Way>,
    output: Arc<Way>,
    write_time: Duration,
}

impl Pipe {
    /// What keeps this end from reading, until it is called with false.
    pub(crate) fn freezer(&self) -> impl Fn(bool) + Send + use<> {
        let input = Arc::clone(&self.input);
        move |frozen| input.change(|state| state.frozen = frozen)
    }
}

struct Way {
    capacity: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    octets: VecDeque<u8>,
    frozen: bool,
    ended: bool,
}

impl Way {
    fn new(capacity: usize) -> Self {
        Self { capacity, state: Mutex::default(), changed: Condvar::new() }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let waits = |state: &mut State| state.frozen || (!state.ended && state.octets.is_empty());
        let mut state = self.input.changed.wait_while(self.input.state.lock().unwrap(), waits).unwrap();
        let read = state.octets.read(buffer);
        self.input.changed.notify_all();
        read
    }
}

impl Write for Pipe {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let (way, begun, mut written) = (&self.output, Instant::now(), 0);
        let mut state = way.state.lock().unwrap();
        loop {
            if state.ended {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let room = (way.capacity - state.octets.len()).min(octets.len() - written);
            state.octets.extend(&octets[written..written + room]);
            written += room;
            way.changed.notify_all();
            let left = self.write_time.saturating_sub(begun.elapsed());
            match written {
                all if all == octets.len() => return Ok(all),
                0 if left.is_zero() => return Err(io::ErrorKind::WouldBlock.into()),
                part if left.is_zero() => return Ok(part),
                _ => state = way.changed.wait_timeout(state, left).unwrap().0,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Pipe {
    fn split(self, write_time: Duration) -> io::Result<(Self, Self)> {
        let Self { input, output, .. } = self;
        let half = || Self { input: Arc::clone(&input), output: Arc::clone(&output), write_time };
        Ok((half(), half()))
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.output.change(|state| state.ended = true);
        if how == Shutdown::Both {
            self.input.change(|state| (state.ended, state.frozen) = (true, false));
        }
        Ok(())
    }
}
