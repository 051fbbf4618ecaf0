//! Each test's connections under the wire oracle: a layer between socket and AMQP sees what either engine reads and writes,
//! in the order in which it does.

use std::cell::RefCell;
use std::io;
use std::sync::{Arc, Mutex};

use amqp_tests::oracle::{Oracle, Side};
use bytes::{Bytes, BytesMut};

use crate::adapter::{Connection, Driver, Layer, TransportFacts};

thread_local! {
    /// Those of the test that runs on this thread.
    static JUDGES: RefCell<Vec<Arc<Mutex<Oracle>>>> = const { RefCell::new(Vec::new()) };
}

/// Both ends of a connection, judged together.
pub(crate) fn judged(
    client: (Connection, Driver),
    server: (Connection, Driver),
) -> [(Connection, Driver); 2] {
    let oracle = Arc::new(Mutex::new(Oracle::new("client", "server")));
    JUDGES.with_borrow_mut(|judges| judges.push(Arc::clone(&oracle)));
    [(client, Side::Client), (server, Side::Server)].map(|((connection, driver), side)| {
        let oracle = Arc::clone(&oracle);
        (connection, driver.through(Box::new(Judge { side, oracle, written: Vec::new() })))
    })
}

/// At the end of a test: nobody broke a rule.
pub(crate) fn assert_silent() {
    let judges = JUDGES.take();
    judges.iter().for_each(|oracle| oracle.lock().expect("no panic").assert_silent());
}

/// What one end reads and writes.
struct Judge {
    side: Side,
    oracle: Arc<Mutex<Oracle>>,
    written: Vec<Bytes>,
}

impl Layer for Judge {
    fn read(&mut self, wire: &mut BytesMut, plain: &mut BytesMut) -> io::Result<()> {
        self.oracle.lock().expect("no panic").delivered(self.side, wire.len());
        plain.unsplit(wire.split());
        Ok(())
    }

    fn read_end(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn write(&mut self, plain: Bytes) -> io::Result<()> {
        self.oracle.lock().expect("no panic").sent(self.side, &plain);
        self.written.push(plain);
        Ok(())
    }

    fn close(&mut self) {}

    fn next_write(&mut self) -> Option<Bytes> {
        self.written.pop()
    }

    fn wants_write(&self) -> bool {
        !self.written.is_empty()
    }

    fn facts(&self) -> Option<TransportFacts> {
        Some(TransportFacts::default())
    }
}
