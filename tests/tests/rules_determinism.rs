//! Rule 12: the same inputs give the same outputs, octet for octet, however they are cut.
#![cfg(test)]

use std::time::Duration;

use amqp_core::codec::{Close, DeliveryState, Detach, End, ProtocolHeader};
use amqp_core::{Connection, Event, Instant, ReceiverOptions, SenderOptions, SessionOptions};
use amqp_tests::chop::{Chop, every_split};
use amqp_tests::oracle::Side;
use amqp_tests::pair::{Door, Pair, client_options, server_options};
use amqp_tests::script::{CHANNEL, HANDLE, frame, peer_begin, peer_open, peer_sender};
use bytes::BytesMut;

/// What an application of the test does with an event: accepts everything and settles everything.
fn serve(engine: &mut Connection, event: Event) {
    match event {
        Event::SessionOpening(id) => {
            engine.session(id).unwrap().accept(SessionOptions::default()).ok();
        }
        Event::ReceiverOpening(id) => {
            let options = ReceiverOptions::default().prefetch(10);
            engine.receiver(id).unwrap().accept(options).ok();
        }
        Event::Deliveries(id) => {
            let mut receiver = engine.receiver(id).unwrap();
            while let Some(delivery) = receiver.next_delivery() {
                receiver.settle(delivery.key, DeliveryState::Accepted).ok();
            }
        }
        _ => {}
    }
}

/// A whole life of a connection, as a peer that does not wait for answers sends it.
fn life() -> Vec<u8> {
    let frames = [
        frame(0, &peer_open(), &[]),
        frame(CHANNEL, &peer_begin(), &[]),
        frame(CHANNEL, &peer_sender("link"), &[]),
        frame(CHANNEL, &Detach { handle: HANDLE, closed: true, error: None }, &[]),
        frame(CHANNEL, &End::default(), &[]),
        frame(0, &Close::default(), &[]),
    ];
    [&ProtocolHeader::AMQP.to_bytes()[..], &frames.concat()].concat()
}

/// A server that reads `pieces` without answering in between: events, and then what it has to say.
fn read(pieces: &[&[u8]], door: Door) -> (Vec<Event>, Vec<u8>) {
    let mut engine = Connection::server(server_options());
    let mut buffer = BytesMut::new();
    let mut events = Vec::new();
    for (number, piece) in pieces.iter().enumerate() {
        let now = Instant::from_millis(1);
        if door == Door::Buffer || !buffer.is_empty() || door == Door::Both && number % 2 == 1 {
            buffer.extend_from_slice(piece);
            events.extend(engine.handle_input_buf(&mut buffer, now));
        } else {
            events.extend(engine.handle_input(piece, now));
        }
    }
    let output = std::iter::from_fn(|| engine.poll_output(Instant::from_millis(1)));
    let output = output.flatten().collect();
    (events, output)
}

#[test]
fn every_cut_and_every_door_give_the_same() {
    let octets = life();
    let wanted = read(&[&octets], Door::Slice);
    assert_eq!(wanted.0.len(), 6, "{:?}", wanted.0);
    for door in [Door::Slice, Door::Buffer, Door::Both] {
        assert_eq!(every_split(&octets, |pieces| read(pieces, door)), wanted, "{door:?}");
    }
}

/// Two engines with work to do, their octets cut by `chop`; returns all octets of both.
fn play(chop: Chop, door: Door) -> [Vec<u8>; 2] {
    let mut octets = [Vec::new(), Vec::new()];
    let mut pair = Pair::new(client_options().idle_time_out(Duration::from_secs(1)), server_options());
    (pair.chop, pair.door) = (chop, door);
    let session = pair.client.begin(SessionOptions::default()).unwrap();
    let mut view = pair.client.session(session).unwrap();
    let sender = view.attach_sender(SenderOptions::new("node")).unwrap();
    for round in 0..20 {
        pair.drive();
        for event in pair.take_events(Side::Server) {
            serve(&mut pair.server, event);
        }
        pair.take_events(Side::Client);
        let mut view = pair.client.sender(sender).unwrap();
        while view.credit() > 0 {
            view.send(bytes::Bytes::from(vec![7; 100 * round + 1])).unwrap();
        }
        while view.next_outcome().is_some() {}
        pair.advance(Duration::from_millis(137));
    }
    pair.client.close(None);
    pair.drive();
    for (side, octets) in [Side::Client, Side::Server].into_iter().zip(&mut octets) {
        octets.extend(format!("{:?}", pair.written(side)).into_bytes());
    }
    octets
}

#[test]
fn two_runs_are_the_same_octet_for_octet() {
    for chop in [Chop::Whole, Chop::Random(1), Chop::Random(2)] {
        assert_eq!(play(chop, Door::Both), play(chop, Door::Both));
    }
}

#[test]
fn how_the_octets_are_cut_changes_nothing_that_is_said() {
    let wanted = play(Chop::Whole, Door::Slice);
    assert!(wanted[0].len() > 10_000);
    for chop in [Chop::Octets, Chop::Random(3), Chop::Random(4)] {
        for door in [Door::Slice, Door::Buffer, Door::Both] {
            assert_eq!(play(chop, door), wanted, "{chop:?} {door:?}");
        }
    }
}
