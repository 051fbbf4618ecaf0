//! Rule 9: every counter wraps, wherever it starts.
#![cfg(test)]

use amqp_core::codec::{DeliveryState, Serial};
use amqp_core::{ReceiverOptions, Resolution, SenderOptions, SessionOptions};
use amqp_tests::chop::Chop;
use amqp_tests::oracle::Side;
use amqp_tests::pair::{Link, Pair, client_options, server_options};

const SEEDS: [u32; 4] = [0, 0x7FFF_FFF0, 0xFFFF_FFF0, u32::MAX];

fn session(seed: u32) -> SessionOptions {
    SessionOptions::default()
        .next_outgoing_id(Serial(seed))
        .next_delivery_id(Serial(seed))
        .incoming_window(5_u32)
}

fn sender(seed: u32) -> SenderOptions {
    SenderOptions::new("node").initial_delivery_count(Serial(seed))
}

/// Sends one message of so many octets on `link`, and has it accepted.
fn exchange(pair: &mut Pair, link: &Link, octets: usize) {
    let key = pair.send(link, &vec![7; octets]);
    pair.drive();
    let deliveries = pair.deliveries(link);
    assert_eq!(deliveries.len(), 1, "{}", pair.oracle.trace());
    assert_eq!(deliveries[0].payload.len(), octets);
    pair.receiver(link).settle(deliveries[0].key, DeliveryState::Accepted).unwrap();
    pair.drive();
    let settled = Resolution::Settled(Some(DeliveryState::Accepted));
    assert_eq!(pair.outcomes(link), [(key, settled)]);
}

/// A hundred messages each way, some of them of several frames, past the wrap of all counters.
#[test]
fn a_hundred_messages_each_way_from_every_seed() {
    for seed in SEEDS {
        let options = |options: amqp_core::ConnectionOptions| options.max_frame_size(512_u32);
        let mut pair = Pair::opened_with(options(client_options()), options(server_options()));
        pair.chop = Chop::Random(u64::from(seed));
        let sessions = pair.begin(session(seed), session(seed));
        let receiver = || ReceiverOptions::new("node").prefetch(3);
        let links = [
            pair.attach_sender(Side::Client, sessions, sender(seed), receiver()),
            pair.attach_receiver(Side::Client, sessions, receiver(), sender(seed)),
        ];
        pair.drive();
        for number in 0..100 {
            for link in &links {
                exchange(&mut pair, link, if number % 10 == 0 { 1500 } else { 10 });
            }
        }
        for link in &links {
            assert_eq!(pair.sender(link).delivery_count(), Serial(seed).add(100));
            assert_eq!(pair.receiver(link).delivery_count(), Serial(seed).add(100));
        }
        pair.finish();
    }
}

/// Settled in one range that goes over the wrap.
#[test]
fn a_range_of_outcomes_wraps() {
    let mut pair = Pair::opened();
    let sessions = pair
        .begin(SessionOptions::default().next_delivery_id(Serial(u32::MAX - 4)), SessionOptions::default());
    let options = ReceiverOptions::default().prefetch(20);
    let link = pair.attach_sender(Side::Client, sessions, SenderOptions::new("node"), options);
    let keys: Vec<_> = (0..10).map(|_| pair.send(&link, b"message")).collect();
    pair.drive();
    pair.written(Side::Server);
    for delivery in pair.deliveries(&link) {
        pair.receiver(&link).settle(delivery.key, DeliveryState::Accepted).unwrap();
    }
    pair.drive();
    let dispositions = pair.written_of::<amqp_core::codec::Disposition>(Side::Server);
    assert_eq!(dispositions.len(), 1);
    assert_eq!((dispositions[0].first, dispositions[0].last), (Serial(u32::MAX - 4), Some(Serial(4))));
    let outcomes: Vec<_> = pair.outcomes(&link).into_iter().map(|(key, _)| key).collect();
    assert_eq!(outcomes, keys);
    pair.finish();
}

/// Credit that goes over the wrap, given back by a drain.
#[test]
fn a_drain_wraps() {
    let mut pair = Pair::opened();
    let sessions = pair.begin(SessionOptions::default(), SessionOptions::default());
    let link = pair.attach_sender(Side::Client, sessions, sender(u32::MAX - 2), ReceiverOptions::default());
    pair.receiver(&link).grant(10);
    pair.drive();
    pair.send(&link, b"message");
    pair.drive();
    pair.receiver(&link).drain();
    pair.drive();
    pair.expect_event(Side::Server, amqp_core::Event::Drained(link.receiver));
    assert_eq!(pair.receiver(&link).delivery_count(), Serial(7));
    assert_eq!((pair.sender(&link).credit(), pair.receiver(&link).credit()), (0, 0));
    pair.finish();
}
