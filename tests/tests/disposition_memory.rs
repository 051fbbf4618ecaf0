//! What settlement costs: one delivery that is held back for ever, and a million that are not.
#![cfg(test)]

use amqp_core::codec::{DeliveryState, Disposition, Encode, Flow, Role, Serial};
use amqp_core::{Connection, ConnectionOptions, Instant, ReceiverId, Resolution, SenderId};
use amqp_tests::script::{CHANNEL, Script, frame, peer_transfer};
use bytes::Bytes;

const DELIVERIES: u32 = 1_000_000;
const BATCH: u32 = 500;
/// What a million forgotten deliveries may leave behind: much less than four octets each.
const GROWTH: usize = 3 * 1024 * 1024;

/// An engine whose octets nobody judges and nobody keeps.
struct Bare(Connection);

impl Bare {
    /// The engine of a script in the state that it is in.
    fn of(script: &mut Script) -> Self {
        Self(std::mem::replace(&mut script.engine, Connection::client(ConnectionOptions::default())))
    }

    fn give(&mut self, performative: &impl Encode, payload: &[u8]) {
        _ = self.0.handle_input(&frame(CHANNEL, performative, payload), Instant::ORIGIN);
        self.rest();
    }

    fn rest(&mut self) {
        while self.0.poll_output(Instant::ORIGIN).is_some() {}
        while self.0.poll_event().is_some() {}
    }

    fn send(&mut self, sender: SenderId) {
        self.0.sender(sender).unwrap().send(Bytes::from_static(b"message")).unwrap();
    }

    fn outcomes(&mut self, sender: SenderId) -> u32 {
        let mut view = self.0.sender(sender).unwrap();
        let accepted = Resolution::Settled(Some(DeliveryState::Accepted));
        let outcomes = std::iter::from_fn(|| view.next_outcome());
        outcomes.map(|(_, it)| u32::from(it == accepted)).sum()
    }

    /// Takes and settles everything that has come.
    fn settle(&mut self, receiver: ReceiverId) -> u32 {
        let mut view = self.0.receiver(receiver).unwrap();
        let mut settled = 0;
        while let Some(delivery) = view.next_delivery() {
            view.settle(delivery.key, DeliveryState::Accepted).unwrap();
            settled += 1;
        }
        self.rest();
        settled
    }
}

fn accepts(role: Role, first: u32, last: u32) -> Disposition {
    Disposition {
        role,
        first: Serial(first),
        last: Some(Serial(last)),
        settled: true,
        state: Some(DeliveryState::Accepted),
        batchable: false,
    }
}

/// Octets of memory that this process uses, where that can be read.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<usize>().ok()? * 1024)
}

/// Runs batches up to a million deliveries, the first of them as a warming up that may take memory for good.
fn a_million(mut batch: impl FnMut(u32)) {
    let mut before = None;
    for first in (1..DELIVERIES).step_by(BATCH as usize) {
        batch(first);
        if first > DELIVERIES / 10 && before.is_none() {
            before = resident();
        }
    }
    if let (Some(before), Some(after)) = (before, resident()) {
        assert!(after < before + GROWTH, "from {before} to {after} octets");
    }
}

/// TRANSPORT-2.7.6-3: sent, and never settled by the receiver.
#[test]
fn a_delivery_held_back_by_the_receiver_costs_itself() {
    let (mut script, sender) = Script::sending(1);
    let mut bare = Bare::of(&mut script);
    bare.send(sender);
    bare.rest();
    let mut outcomes = 0;
    a_million(|first| {
        let flow = Flow { next_incoming_id: Some(Serial(first)), ..script.grant(first, BATCH) };
        bare.give(&flow, &[]);
        (0..BATCH).for_each(|_| bare.send(sender));
        bare.rest();
        bare.give(&accepts(Role::Receiver, first, first + BATCH - 1), &[]);
        outcomes += bare.outcomes(sender);
        assert_eq!(bare.0.counters().outgoing, 1);
    });
    assert_eq!(outcomes, DELIVERIES);
    // The widest range there is, from behind the one that is live: nothing to walk over.
    for _ in 0..100_000 {
        bare.give(&accepts(Role::Receiver, 1, 0x8000_0000), &[]);
    }
    assert_eq!(bare.0.sender(sender).unwrap().unsettled(), 1);
    bare.give(&accepts(Role::Receiver, 0, 0x7FFF_FFFF), &[]);
    assert_eq!((bare.outcomes(sender), bare.0.counters().outgoing), (1, 0));
}

/// TRANSPORT-2.7.6-3: received, and never settled by the application.
#[test]
fn a_delivery_held_back_by_the_application_costs_itself() {
    let (mut script, receiver) = Script::receiving(1);
    let mut bare = Bare::of(&mut script);
    bare.give(&peer_transfer(0), b"held");
    let held = bare.0.receiver(receiver).unwrap().next_delivery().unwrap().key;
    let mut settled = 0;
    a_million(|first| {
        bare.0.receiver(receiver).unwrap().grant(BATCH);
        bare.rest();
        for number in first..first + BATCH {
            bare.give(&peer_transfer(number), b"message");
        }
        settled += bare.settle(receiver);
        assert_eq!(bare.0.counters().incoming, 1);
    });
    assert_eq!(settled, DELIVERIES);
    for _ in 0..100_000 {
        bare.give(&accepts(Role::Sender, 1, 0x8000_0000), &[]);
    }
    let mut view = bare.0.receiver(receiver).unwrap();
    assert_eq!((view.unsettled(), view.next_update()), (1, None));
    view.settle(held, DeliveryState::Accepted).unwrap();
    assert_eq!(bare.0.counters().incoming, 0);
}
