//! What lies between two peers, and can stop carrying anything.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// Carries the octets of one connection both ways, on threads of its own, until it is frozen.
#[derive(Clone)]
pub(crate) struct Relay(Arc<(Mutex<bool>, Condvar)>);

impl Relay {
    pub(crate) fn new() -> Self {
        Self(Arc::new((Mutex::new(false), Condvar::new())))
    }

    /// Where to connect to in place of `address`.
    pub(crate) fn to(&self, address: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let here = listener.local_addr().expect("bound");
        let relay = self.clone();
        thread::spawn(move || -> io::Result<()> {
            let (client, _) = listener.accept()?;
            let server = TcpStream::connect(address)?;
            let back = (server.try_clone()?, client.try_clone()?, relay.clone());
            thread::spawn(move || back.2.carry(back.0, back.1));
            relay.carry(client, server);
            Ok(())
        });
        here
    }

    /// Stops; what arrives from now on is held.
    pub(crate) fn freeze(&self) {
        *self.0.0.lock().expect("no panic") = true;
    }

    /// Goes on with what was held.
    pub(crate) fn thaw(&self) {
        *self.0.0.lock().expect("no panic") = false;
        self.0.1.notify_all();
    }

    fn carry(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut octets = [0; 4096];
        while let Ok(read @ 1..) = from.read(&mut octets) {
            let frozen = self.0.0.lock().expect("no panic");
            drop(self.0.1.wait_while(frozen, |frozen| *frozen).expect("no panic"));
            if to.write_all(&octets[..read]).is_err() {
                break;
            }
        }
        _ = to.shutdown(Shutdown::Write);
    }
}
