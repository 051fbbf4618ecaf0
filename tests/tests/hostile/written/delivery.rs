//! Cases of deliveries and their settlement.

use amqp_core::codec::{
    Attach, DeliveryState, Disposition, Fields, Message, Modified, Received, ReceiverSettleMode, Role,
    Serial, Symbol, Transfer, Value,
};
use amqp_core::{Event, ReceiverOptions, SendErrorReason, SenderOptions};
use amqp_tests::oracle::Side;
use amqp_tests::pair::{Door, Pair};
use amqp_tests::script::{frame, peer_sender, peer_transfer};
use bytes::BytesMut;

use crate::answer::Expected;
use crate::stage::{Setup, Stage, grant};

/// A frame of a delivery on `handle` that goes on.
pub(crate) fn part(handle: u32, delivery_id: u32, octets: usize) -> BytesMut {
    let transfer = Transfer { handle, more: true, ..peer_transfer(delivery_id) };
    frame(0, &transfer, &vec![b'x'; octets])
}

#[test]
pub(crate) fn a_message_without_end_is_cut_at_its_first_frame_too_many() {
    for octets in [4000, 1000, 100, 1] {
        let mut stage = Stage::new("PR1", Setup::new(Side::Server));
        let attach = stage.script.engine.receiver(stage.receiver.unwrap()).unwrap().local().cloned();
        let most = usize::try_from(attach.and_then(|attach| attach.max_message_size).unwrap()).unwrap();
        assert_eq!(most, 1024);
        for _ in 0..most / octets {
            let answer = stage.give(&[&part(0, 0, octets)], Door::Slice);
            assert!(Expected::Accept.is(&answer), "{answer:?}");
        }
        assert!(stage.script.engine.counters().buffered_input <= most);
        let answer = stage.give(&[&part(0, 0, octets)], Door::Slice);
        assert!(Expected::Detach(vec!["message-size-exceeded".into()]).is(&answer), "{answer:?}");
        let counters = stage.script.engine.counters();
        assert_eq!((counters.buffered_input, counters.incoming), (0, 0));
        let rest = stage.give(&[&part(0, 0, octets), &part(0, 0, octets)], Door::Slice);
        assert!(Expected::Ignore.is(&rest), "{rest:?}");
    }
}

/// Beginnings of messages on many links, none of which can be taken, have one limit together.
#[test]
pub(crate) fn beginnings_on_many_links_have_one_limit() {
    let setup = Setup::new(Side::Server).limits(|limits| limits.buffered_input(4096_usize));
    let mut stage = Stage::new("PB", setup);
    for handle in 0..5 {
        stage.script.give_on(0, &Attach { handle, ..peer_sender(&handle.to_string()) });
        let id = stage.script.expect_some(|event| match event {
            Event::ReceiverOpening(id) => Some(id),
            _ => None,
        });
        stage.script.engine.receiver(id).unwrap().accept(ReceiverOptions::default().prefetch(1)).unwrap();
        stage.settle();
        let answer = stage.give(&[&part(handle, handle, 1000)], Door::Slice);
        assert_eq!(Expected::Ignore.is(&answer), handle < 4, "{answer:?}");
        let detached = Expected::Detach(vec!["resource-limit-exceeded".into()]).is(&answer);
        assert_eq!(detached, handle == 4, "{answer:?}");
    }
    assert_eq!(stage.script.engine.counters().buffered_input, 4000);
}

/// Who does not settle gets no more credit than there is room for.
#[test]
pub(crate) fn what_is_not_settled_holds_credit_back() {
    let setup = Setup::new(Side::Server).limits(|limits| limits.unsettled(10_u32));
    let mut stage = Stage::new("PB", setup);
    let attach = Attach { handle: 0, rcv_settle_mode: ReceiverSettleMode::Second, ..peer_sender("L") };
    stage.script.give_on(0, &attach);
    let id = stage.script.expect_some(|event| match event {
        Event::ReceiverOpening(id) => Some(id),
        _ => None,
    });
    stage.script.engine.receiver(id).unwrap().accept(ReceiverOptions::default().prefetch(4)).unwrap();
    stage.links.receivers.insert(id);
    stage.settle();
    let mut sent = 0;
    while stage.script.engine.receiver(id).unwrap().credit() > 0 {
        assert!(sent < 10, "no room is left");
        let transfer = Transfer { handle: 0, ..peer_transfer(sent) };
        let answer = stage.give(&[&frame(0, &transfer, b"x")], Door::Slice);
        assert!(answer.errors().is_empty(), "{answer:?}");
        stage.live(&answer.events);
        sent += 1;
    }
    assert_eq!(sent, 10);
    let settled =
        Disposition { role: Role::Sender, last: Some(Serial(9)), settled: true, ..Disposition::default() };
    stage.script.give_on(0, &settled);
    stage.settle();
    let credit = stage.script.engine.receiver(id).unwrap().credit();
    assert!((3..=4).contains(&credit), "renewed at half: {credit}");
}

#[test]
pub(crate) fn what_is_not_settled_holds_sends_back() {
    let setup = Setup::new(Side::Server).limits(|limits| limits.unsettled(100_u32));
    let mut stage = Stage::new("PS", setup);
    stage.script.give_on(0, &grant(1 << 31));
    let mut sent = 0;
    let refused = loop {
        let mut sender = stage.script.engine.sender(stage.sender.unwrap()).unwrap();
        match sender.send(Message::value("m").to_payload()) {
            Ok(_) => sent += 1,
            Err(refused) => break refused,
        }
        stage.settle();
    };
    assert_eq!((sent, refused.reason), (100, SendErrorReason::Blocked));
}

/// Both settle at the same time: each says it once.
#[test]
pub(crate) fn two_that_settle_say_it_once() {
    let options = ReceiverOptions::default().prefetch(1);
    let (mut pair, link) = Pair::linked(SenderOptions::new("node").auto_settle(false), options);
    let key = pair.send(&link, b"x");
    pair.drive();
    let delivery = pair.deliveries(&link).pop().unwrap();
    for side in [Side::Client, Side::Server] {
        pair.written(side);
    }
    pair.sender(&link).settle(key).unwrap();
    pair.receiver(&link).settle(delivery.key, DeliveryState::Accepted).unwrap();
    for side in [Side::Client, Side::Server] {
        pair.flush(side);
    }
    pair.drive();
    for side in [Side::Client, Side::Server] {
        assert_eq!(pair.written_of::<Disposition>(side).len(), 1, "{side}");
    }
    pair.finish();
}

/// A state for everything that is live, which changes nothing after the first time.
#[test]
pub(crate) fn a_state_for_all_costs_what_is_live() {
    let mut stage = live(1000);
    let received = Received { section_number: 1, section_offset: 7 };
    let disposition = Disposition {
        role: Role::Receiver,
        last: Some(Serial(0x7FFF_FFFF)),
        state: Some(DeliveryState::Received(received)),
        ..Disposition::default()
    };
    let octets = frame(0, &disposition, &[]).repeat(1000);
    let answer = stage.give(&[&octets], Door::Slice);
    assert!(Expected::Ignore.is(&answer), "{answer:?}");
    assert_eq!(stage.script.engine.counters().outgoing, 1000);
}

/// A state with annotations of four thousand octets.
pub(crate) fn large_state() -> DeliveryState {
    let annotations: Fields =
        [(Symbol::from_static("x-opt-large"), Value::from("y".repeat(4000)))].into_iter().collect();
    DeliveryState::Modified(Modified { message_annotations: Some(annotations.into()), ..Modified::default() })
}

/// So many deliveries that the peer may settle.
pub(crate) fn live(deliveries: u32) -> Stage {
    let mut stage = Stage::new("PS", Setup::new(Side::Server));
    stage.script.give_on(0, &grant(deliveries));
    for _ in 0..deliveries {
        let mut sender = stage.script.engine.sender(stage.sender.unwrap()).unwrap();
        sender.send(Message::value("m").to_payload()).unwrap();
    }
    stage.settle();
    stage
}
