//! Connections of adapters under the [`Oracle`]: a layer between socket and AMQP sees what an engine reads and writes, in the
//! order in which it does. One end can be judged without the other, which then only has its octets read.

use std::cell::RefCell;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use amqp_endpoint::{Connection, Driver, Layer, TransportFacts};
use bytes::{Bytes, BytesMut};

use crate::oracle::{Oracle, Side};

thread_local! {
    /// Those of the test that runs on this thread.
    static JUDGES: RefCell<Vec<Arc<Mutex<Oracle>>>> = const { RefCell::new(Vec::new()) };
}

/// Both ends of a connection as `Container::client` and `Container::server` give them, judged together.
#[must_use]
pub fn judged(client: (Connection, Driver), server: (Connection, Driver)) -> [(Connection, Driver); 2] {
    let oracle = known(Oracle::new("client", "server"));
    [(client, Side::Client), (server, Side::Server)].map(|((connection, driver), side)| {
        let judge = Judge { side, oracle: Arc::clone(&oracle), alone: false, written: None };
        (connection, driver.through(Box::new(judge)))
    })
}

/// One end of a connection, judged by itself: its peer is another program, or an end that cannot be had apart.
#[must_use]
pub fn judged_alone(side: Side, (connection, driver): (Connection, Driver)) -> (Connection, Driver) {
    let mut oracle = Oracle::new("client", "server");
    oracle.watch_only(side);
    let judge = Judge { side, oracle: known(oracle), alone: true, written: None };
    (connection, driver.through(Box::new(judge)))
}

/// At the end of a test, on the thread on which its ends were given to the judge: none of them has broken a rule.
///
/// # Panics
/// Where one broke a rule, or where nothing was judged.
pub fn assert_silent() {
    let judges = JUDGES.take();
    assert!(!judges.is_empty(), "nothing was judged");
    judges.iter().for_each(|oracle| lock(oracle).assert_silent());
}

fn known(oracle: Oracle) -> Arc<Mutex<Oracle>> {
    let oracle = Arc::new(Mutex::new(oracle));
    JUDGES.with_borrow_mut(|judges| judges.push(Arc::clone(&oracle)));
    oracle
}

fn lock(oracle: &Mutex<Oracle>) -> MutexGuard<'_, Oracle> {
    oracle.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What one end reads and writes.
struct Judge {
    side: Side,
    oracle: Arc<Mutex<Oracle>>,
    /// Nobody else tells the oracle what the peer has sent.
    alone: bool,
    written: Option<Bytes>,
}

impl Layer for Judge {
    fn read(&mut self, wire: &mut BytesMut, plain: &mut BytesMut) -> io::Result<()> {
        let mut oracle = lock(&self.oracle);
        if self.alone {
            oracle.sent(self.side.other(), wire);
        }
        oracle.delivered(self.side, wire.len());
        plain.unsplit(wire.split());
        Ok(())
    }

    fn read_end(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn write(&mut self, plain: Bytes) -> io::Result<()> {
        lock(&self.oracle).sent(self.side, &plain);
        self.written = Some(plain);
        Ok(())
    }

    fn close(&mut self) {}

    fn next_write(&mut self) -> Option<Bytes> {
        self.written.take()
    }

    fn wants_write(&self) -> bool {
        self.written.is_some()
    }

    fn facts(&self) -> Option<TransportFacts> {
        Some(TransportFacts::default())
    }
}
