//! The threads of connections end with them. This test is alone in its process, to count them.
#![cfg(all(target_os = "linux", feature = "threads"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is test code")]

mod kit;

use std::fmt::Display;
use std::io::Write;
use std::time::{Duration, Instant};

use adapter_std::codec::ProtocolHeader;
use adapter_std::{ConnectionOptions, Direction, Endpoint, SessionOptions, Trace, Wait};
use kit::pipe::pipe;
use kit::{LIMIT, connect, limited, tcp};

/// How many threads of this process are those of connections.
fn threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    // A thread may end meanwhile.
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
    names.filter(|name| name.starts_with("amqp-")).count()
}

/// Threads name themselves, so they are not counted at once.
fn there_are(count: usize) {
    let begun = Instant::now();
    while threads() != count {
        assert!(begun.elapsed() < LIMIT, "{} threads instead of {count}", threads());
        std::thread::yield_now();
    }
}

fn all_end() {
    there_are(0);
}

/// Breaks the thread that shows it a frame.
#[derive(Debug)]
struct Breaks;

impl Trace for Breaks {
    fn header(&mut self, _: Direction, _: ProtocolHeader) {}

    fn sasl(&mut self, _: Direction, _: &dyn Display) {}

    fn frame(&mut self, _: Direction, _: u16, _: &dyn Display, _: usize) {
        panic!("a callback panics, as the test wants");
    }
}

#[test]
fn threads_end_with_their_connection() {
    limited(|| {
        let mut ends = Vec::new();
        for number in 0..100 {
            let (client, server) = connect(tcp(), ConnectionOptions::default());
            match number % 4 {
                0 => client.close().wait().unwrap(),
                1 => client.disconnect(None),
                2 => server.disconnect(None),
                // The last handles of both.
                _ => continue,
            }
            ends.extend([client, server]);
        }
        // Nobody lingers for a peer that is gone.
        let begun = Instant::now();
        all_end();
        assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
        assert!(ends.iter().all(|end| end.error().is_some()));

        // One whose peer neither reads nor ends: what cannot be written is not tried, and the peer not lingered for.
        let (near, _far) = pipe(4);
        let client = kit::client(near, ConnectionOptions::default());
        there_are(2);
        let begun = Instant::now();
        client.disconnect(None);
        all_end();
        assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());

        // One that ended, and whose peer does not.
        let (near, mut far) = pipe(1024);
        let client = kit::client(near, ConnectionOptions::default());
        far.write_all(b"HTTP/1.1 200 OK").unwrap();
        client.done().wait();
        all_end();

        // One whose reader panics.
        let (client, server) = connect(tcp(), ConnectionOptions::default());
        client.set_trace(Some(Box::new(Breaks)));
        let _session = server.session(SessionOptions::default()).unwrap();
        let error = client.done().wait();
        assert!(error.to_string().contains("panicked"), "{error}");
        server.done().wait();
        all_end();
    });
}
