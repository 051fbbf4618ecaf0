//! Connections over TCP: made, used, refused and broken.
#![cfg(feature = "threads")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is test code")]

mod kit;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use adapter_std::{
    Cause, Connection, ConnectionOptions, Container, Dial, Endpoint, Error, Fault, Incoming, Limits, Message,
    ReceiverOptions, SenderOptions, Stream, Wait,
};
use kit::pipe::pipe;
use kit::{client, connect, in_time, limited, link, listener, server, tcp};

#[test]
fn client_and_server() {
    limited(|| {
        let (listener, address) = listener();
        let client = Container::new("client").dial(format!("amqp://{address}/hello")).wait().unwrap();
        let server = server(listener.accept().unwrap().0, ConnectionOptions::default());
        let server = thread::spawn(move || serve(&server));
        let sender = client.sender(SenderOptions::new("hello")).unwrap();
        for number in 0..3 {
            sender.send(Message::value(number)).wait().accepted().unwrap();
        }
        client.close().wait().unwrap();
        assert_eq!(server.join().unwrap(), ["0", "1", "2"]);
    });
}

/// The bodies that the peer sends until it closes.
fn serve(connection: &Connection) -> Vec<String> {
    let mut bodies = Vec::new();
    while let Some(incoming) = connection.incoming().wait() {
        match incoming {
            Incoming::Receiver(receiver) => {
                let receiver = receiver.accept();
                while let Ok(received) = receiver.receive().wait() {
                    bodies.push(received.message.body().unwrap().to_string());
                    received.delivery.accept();
                }
            }
            other => other.accept(),
        }
    }
    assert!(connection.error().unwrap().is_clean());
    bodies
}

fn dial(address: &str) -> Result<Connection, Error> {
    Container::new("client").dial(address).wait()
}

#[test]
fn what_cannot_be_reached() {
    in_time(|| {
        let (listener, address) = listener();
        drop(listener);
        let refused = dial(&address).unwrap_err();
        let Error::Connect { host, error } = &refused else { panic!("{refused}") };
        assert_eq!((host, error.kind()), (&address, io::ErrorKind::ConnectionRefused));
        assert!(refused.is_retryable());
        let again = Container::new("client").dial(address).wait_timeout(kit::LIMIT).unwrap().unwrap_err();
        assert_eq!(again.to_string(), refused.to_string());

        // No name has a part so long, so nobody is asked for it.
        let unknown = dial(&"x".repeat(64)).unwrap_err();
        assert!(matches!(unknown, Error::Connect { .. }) && unknown.fault() == Fault::Transport, "{unknown}");

        let encrypted = dial("amqps://127.0.0.1").unwrap_err();
        let Error::Connect { error, .. } = &encrypted else { panic!("{encrypted}") };
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);

        for wrong in ["http://127.0.0.1", "127.0.0.1:port"] {
            assert!(matches!(dial(wrong), Err(Error::Address(_))), "{wrong}");
            let timed = Container::new("client").dial(wrong).wait_timeout(kit::LIMIT).unwrap();
            assert!(matches!(timed, Err(Error::Address(_))), "{wrong}");
        }
    });
}

/// What a connection ends with whose server says `answer` and closes.
fn answered(answer: &'static [u8]) -> Error {
    let (listener, address) = listener();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; 8]).unwrap();
        stream.write_all(answer).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        // What the client says is read, so that the answer is not lost with it.
        _ = stream.read_to_end(&mut Vec::new());
    });
    let client = client(TcpStream::connect(address).unwrap(), ConnectionOptions::default());
    let error = client.sync().wait().unwrap_err();
    server.join().unwrap();
    error
}

#[test]
fn what_does_not_speak_amqp() {
    limited(|| {
        for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"\x15\x03\x01\x00\x02\x02\x0a"] {
            let error = answered(answer);
            let cause = error.close_reason().expect("it ended").cause();
            assert!(matches!(cause, Cause::Header(None)), "{error}");
            assert_eq!(error.fault(), Fault::Peer);
        }
        let silent = answered(b"");
        assert!(matches!(silent.close_reason().unwrap().cause(), Cause::TransportLost), "{silent}");
        assert_eq!(silent.fault(), Fault::Transport);
    });
}

#[test]
fn who_says_nothing_is_given_up() {
    limited(|| {
        let (listener, address) = listener();
        let limits = Limits::default().handshake(Duration::from_millis(100));
        let options = ConnectionOptions::default().limits(limits);
        let client = client(TcpStream::connect(address).unwrap(), options);
        // Nobody writes or reads meanwhile: it is the deadline that ends it.
        let error = client.done().wait();
        assert!(matches!(error.close_reason().unwrap().cause(), Cause::Timeout), "{error}");
        drop(listener);
    });
}

#[test]
fn dialing_goes_on_after_a_time_out() {
    limited(|| {
        let (listener, address) = listener();
        listener.set_nonblocking(true).unwrap();
        for _ in 0..50 {
            let mut dialing = Container::new("client").dial(address.as_str());
            let client = loop {
                match dialing.wait_timeout(Duration::ZERO) {
                    Ok(client) => break client.unwrap(),
                    Err(back) => dialing = back,
                }
            };
            let options = ConnectionOptions::default().accept_connection(true);
            let stream = loop {
                match listener.accept() {
                    Ok((stream, _)) => break stream,
                    Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
                }
            };
            let _server = server(stream, options);
            client.sync().wait().unwrap();
            // There was no other connection.
            assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        }
    });
}

fn accept_once(listener: &TcpListener, address: &str) -> (Connection, Connection) {
    const SHORT: Duration = Duration::from_millis(50);
    let server = Container::new("server");
    let options = ConnectionOptions::default().accept_connection(true);
    let begun = Instant::now();
    let Err(accepting) = server.accept(listener, options).wait_timeout(SHORT) else { panic!("nobody came") };
    assert!(begun.elapsed() >= SHORT);
    let client = client(TcpStream::connect(address).unwrap(), ConnectionOptions::default());
    let server = accepting.wait_timeout(kit::LIMIT).ok().unwrap().unwrap();
    client.sync().wait().unwrap();
    (client, server)
}

#[test]
fn accepting_goes_on_after_a_time_out() {
    limited(|| {
        let (listener, address) = listener();
        let (client, server) = accept_once(&listener, &address);
        client.close().wait().unwrap();
        assert!(server.done().wait().is_clean());
        // The listener waits again without limit.
        #[cfg(target_os = "linux")]
        assert_eq!(TcpStream::from(std::os::fd::OwnedFd::from(listener)).read_timeout().unwrap(), None);

        let (busy, _) = kit::listener();
        busy.set_nonblocking(true).unwrap();
        let accepting =
            Container::new("server").accept(&busy, ConnectionOptions::default()).wait_timeout(kit::LIMIT);
        let error = accepting.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    });
}

#[test]
fn what_a_stream_was_set_to_does_not_matter() {
    limited(|| {
        let (near, far) = tcp();
        near.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        far.set_nonblocking(true).unwrap();
        let (client, server) = connect((near, far), ConnectionOptions::default());
        let (sender, receiver) = link(&client, &server, ReceiverOptions::default().prefetch(1));
        let Err(receiving) = receiver.receive().wait_timeout(Duration::from_millis(50)) else { panic!() };
        sender.send_forget(Message::value(1)).wait().unwrap();
        receiving.wait().unwrap();
    });
}

#[test]
fn what_the_peer_said_counts_though_it_does_not_listen() {
    limited(|| {
        let (near, mut far) = pipe(1024);
        let freeze = near.freezer();
        freeze(true);
        far.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        Stream::shutdown(&far, Shutdown::Both).unwrap();
        let client = client(near, ConnectionOptions::default());
        // This writes, in vain.
        let Err(opening) = client.sync().wait_timeout(Duration::from_millis(20)) else {
            panic!("nothing was read")
        };
        freeze(false);
        let error = opening.wait().unwrap_err();
        assert!(matches!(error.close_reason().unwrap().cause(), Cause::Header(None)), "{error}");
    });
}

#[test]
fn who_is_answered_and_left_can_still_read_the_answer() {
    limited(|| {
        let (near, mut far) = pipe(1024);
        let server = server(near, ConnectionOptions::default());
        far.write_all(b"AMQP\x09\x09\x09\x09").unwrap();
        let mut answer = Vec::new();
        far.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, b"AMQP\x00\x01\x00\x00");
        server.done().wait();
        // Over TCP what is not read would take the answer with it.
        far.write_all(&[0; 10_000]).unwrap();
    });
}

#[test]
fn the_last_handle_closes() {
    limited(|| {
        let (client, server) = connect(tcp(), ConnectionOptions::default());
        drop(client);
        assert!(server.done().wait().is_clean());
    });
}

#[test]
fn a_stream_that_breaks() {
    limited(|| {
        let (near, far) = tcp();
        let hand = near.try_clone().unwrap();
        let (client, server) = connect((near, far), ConnectionOptions::default());
        let sender = client.sender(SenderOptions::new("link")).unwrap();
        hand.shutdown(Shutdown::Both).unwrap();
        for error in [client.done().wait(), server.done().wait()] {
            assert!(!error.is_clean() && error.fault() == Fault::Transport, "{error}");
        }
        assert!(sender.try_send(Message::value("late")).is_err());
    });
}
