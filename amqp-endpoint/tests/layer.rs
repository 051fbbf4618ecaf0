//! A layer between socket and AMQP: nothing passes before its handshake, all passes through it after, and it says goodbye.
#![cfg(test)]

use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use amqp_endpoint::{
    Connection, ConnectionOptions, Container, Credentials, Driver, Endpoint, Error, Instant, Layer,
    TransportFacts,
};
use bytes::{Bytes, BytesMut};

const HELLO: &[u8] = b"hello!";
const GOODBYE: u8 = 0xFF;
const ALERT: &[u8] = b"what?";

/// Greets, then shows every octet with its bits turned.
#[derive(Default)]
struct Turned {
    out: Vec<Bytes>,
    greeted: bool,
    peer_greeted: bool,
    peer_left: bool,
}

impl Turned {
    fn greet(&mut self) {
        if !std::mem::replace(&mut self.greeted, true) {
            self.out.push(Bytes::from_static(HELLO));
        }
    }
}

fn turn(octets: &[u8]) -> Vec<u8> {
    octets.iter().flat_map(|octet| [0, !octet]).collect()
}

impl Layer for Turned {
    fn read(&mut self, wire: &mut BytesMut, plain: &mut BytesMut) -> io::Result<()> {
        if !self.peer_greeted {
            if wire.len() < HELLO.len() {
                return Ok(());
            }
            if wire.split_to(HELLO.len()) != HELLO {
                self.out.push(Bytes::from_static(ALERT));
                return Err(io::Error::new(io::ErrorKind::InvalidData, "no hello"));
            }
            self.peer_greeted = true;
            self.greet();
        }
        while wire.len() >= 2 {
            let pair = wire.split_to(2);
            match pair[0] {
                GOODBYE => self.peer_left = true,
                _ => plain.extend_from_slice(&[!pair[1]]),
            }
        }
        Ok(())
    }

    fn read_end(&mut self) -> io::Result<()> {
        if self.peer_left { Ok(()) } else { Err(io::Error::new(io::ErrorKind::UnexpectedEof, "no goodbye")) }
    }

    fn write(&mut self, plain: Bytes) -> io::Result<()> {
        self.out.push(turn(&plain).into());
        Ok(())
    }

    fn close(&mut self) {
        self.out.push(Bytes::from_static(&[GOODBYE, GOODBYE]));
    }

    fn next_write(&mut self) -> Option<Bytes> {
        self.greet();
        (!self.out.is_empty()).then(|| self.out.remove(0))
    }

    fn wants_write(&self) -> bool {
        !self.greeted || !self.out.is_empty()
    }

    fn facts(&self) -> Option<TransportFacts> {
        self.peer_greeted.then(|| TransportFacts { encrypted: true, ..TransportFacts::default() })
    }
}

fn ends(client: ConnectionOptions) -> ((Connection, Driver), (Connection, Driver)) {
    let (connection, driver) = Container::new("client").client(client);
    let server = ConnectionOptions::default()
        .sasl(amqp_endpoint::SaslServer::new([amqp_endpoint::Symbol::from_static("PLAIN")]))
        .accept_connection(true);
    let (server, server_driver) = Container::new("server").server(server);
    let client = (connection, driver.through(Box::<Turned>::default()));
    (client, (server, server_driver.through(Box::<Turned>::default())))
}

/// Carries octets, `cut` at a time, until neither has any; returns what the client wrote.
fn carry(client: &Driver, server: &Driver, cut: usize) -> Vec<u8> {
    let (mut to_server, mut to_client, mut seen) = (BytesMut::new(), BytesMut::new(), Vec::new());
    loop {
        let mut quiet = true;
        for (from, to, wire) in [(client, server, &mut to_server), (server, client, &mut to_client)] {
            while let Some(octets) = from.next_write(Instant::ORIGIN) {
                quiet = false;
                if std::ptr::eq(from, client) {
                    seen.extend_from_slice(&octets);
                }
                for part in octets.chunks(cut) {
                    wire.extend_from_slice(part);
                    to.on_bytes(wire, Instant::ORIGIN);
                }
            }
        }
        if quiet {
            return seen;
        }
    }
}

fn now_or_never<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

#[test]
fn a_password_goes_over_a_layer_that_encrypts_and_nothing_goes_in_the_clear() {
    for cut in [1, 3, usize::MAX] {
        let options = ConnectionOptions::default().credentials(Credentials::plain("anna", "secret"));
        let ((client, client_driver), (server, server_driver)) = ends(options);
        let mut seen = carry(&client_driver, &server_driver, cut);
        let Some(Some(amqp_endpoint::Incoming::Authentication(authentication))) =
            now_or_never(server.incoming())
        else {
            panic!("the server is not asked, cut {cut}");
        };
        assert_eq!(authentication.request().and_then(|it| it.plain()).expect("plain").password, "secret");
        authentication.accept().expect("it waits");
        seen.extend(carry(&client_driver, &server_driver, cut));
        assert!(now_or_never(client.sync()).expect("open").is_ok());
        drop(client.close());
        seen.extend(carry(&client_driver, &server_driver, cut));
        assert!(client_driver.is_finished() && server_driver.is_finished());
        assert!(seen.starts_with(HELLO) && seen.ends_with(&[GOODBYE, GOODBYE]));
        let clear = [&b"AMQP"[..], b"secret"];
        assert!(clear.iter().all(|clear| !seen.windows(clear.len()).any(|octets| octets == *clear)));
        client_driver.on_eof(Instant::ORIGIN);
        assert!(client.error().expect("over").is_clean());
    }
}

#[test]
fn what_is_no_layer_loses_the_connection_with_the_layers_error() {
    let ((client, driver), _) = ends(ConnectionOptions::default());
    _ = driver.next_write(Instant::ORIGIN);
    driver.on_bytes(&mut BytesMut::from(&b"HTTP/1.1 400"[..]), Instant::ORIGIN);
    let error = client.error().expect("over");
    assert!(matches!(&error, Error::Lost { error, .. } if error.to_string() == "no hello"), "{error}");
    // What the layer still says about it is written, unless nobody reads it.
    assert!(!driver.is_finished());
    assert_eq!(driver.next_write(Instant::ORIGIN).as_deref(), Some(ALERT));
    assert!(driver.is_finished());
}

#[test]
fn a_layer_that_is_cut_off_is_an_error() {
    let options = ConnectionOptions::default().credentials(Credentials::plain("anna", "secret"));
    let ((client, client_driver), (server, server_driver)) = ends(options);
    carry(&client_driver, &server_driver, usize::MAX);
    drop(server);
    client_driver.on_eof(Instant::ORIGIN);
    assert!(matches!(client.error(), Some(Error::Lost { error, .. }) if error.to_string() == "no goodbye"));
}

#[test]
fn a_handshake_that_stands_still_ends_at_its_deadline() {
    let ((client, driver), _) = ends(ConnectionOptions::default());
    assert_eq!(driver.next_write(Instant::ORIGIN).as_deref(), Some(HELLO));
    assert_eq!(driver.next_write(Instant::ORIGIN), None);
    let deadline = driver.deadline().expect("a deadline");
    assert_eq!(deadline, Instant::ORIGIN + Duration::from_secs(10));
    driver.on_deadline(Instant::from_millis(9_999));
    assert!(client.error().is_none());
    driver.on_deadline(deadline);
    assert!(client.error().expect("over").is_retryable());
}

#[test]
fn a_goodbye_that_is_not_taken_is_given_up() {
    let ((client, driver), (server, server_driver)) = ends(ConnectionOptions::default());
    drop(server);
    carry(&driver, &server_driver, usize::MAX);
    server_driver.on_eof(Instant::ORIGIN);
    // The handshake of AMQP ends in the time of AMQP; the layer has still to say so.
    let deadline = driver.deadline().expect("a deadline");
    driver.on_deadline(deadline);
    assert!(client.error().expect("over").is_retryable());
    assert!(!driver.is_finished());
    let late = driver.deadline().expect("a deadline");
    assert!(late > deadline);
    driver.on_deadline(late);
    assert!(driver.is_finished());
    assert_eq!(driver.next_write(late), None);
}
