//! What a connection holds at the most: each term of `docs/security.md`'s formula against the worst that a peer can do.

use amqp_core::codec::{
    Attach, AttachSource, DeliveryState, Described, Disposition, Encode, Error, Fields, Flow, Modified,
    Rejected, Role, Serial, Source, Symbol, TransactionId, TransactionalState, Transfer, Value, Writer,
};
use amqp_core::{
    Connection, ConnectionOptions, Event, Instant, ReceiverId, ReceiverOptions, SenderId, SenderOptions,
    SessionOptions,
};
use amqp_tests::oracle::Side;
use amqp_tests::pages;
use amqp_tests::script::{frame, peer_begin, peer_receiver, peer_sender, peer_transfer};
use bytes::{Bytes, BytesMut};

use crate::memory::feed;
use crate::stage::{Setup, Stage, grant};
use crate::written::delivery::part;

/// A connection without anything on it.
const CONNECTION: usize = 4 * 1024;
/// A session, a link, and a delivery without its payload.
const SESSION: usize = 1024;
const LINK: usize = 1280;
const DELIVERY: usize = 768;
/// An octet of a value while it is decoded, and an octet of a begin or attach that was answered.
const DECODED: usize = 96;
const DESCRIBED: usize = 104;
/// An octet of a state of a delivery.
const TOLD: usize = 96;
/// Octets that one read brings.
const READ: usize = 64 * 1024;

/// The formula: what an engine with these options holds at the most, beside so many deliveries that the application granted
/// credit for or sent.
fn most(options: &ConnectionOptions, session: &SessionOptions, deliveries: usize) -> usize {
    let limits = &options.limits;
    let number = |number: u32| usize::try_from(number).unwrap();
    let sessions = number(limits.sessions);
    let links = sessions * number(limits.links.min(session.handle_max + 1));
    CONNECTION
        + SESSION * sessions
        + LINK * links
        + DELIVERY * deliveries
        + DECODED * number(limits.pre_open_frame + options.max_frame_size)
        + DESCRIBED * limits.descriptions
        + TOLD * limits.states
        + 3 * limits.buffered_input
        + 3 * limits.buffered_output
        + 2 * READ
}

/// The most that is held of the heap while `work` goes on.
fn peak(work: impl FnOnce()) -> usize {
    usize::try_from(allocation_counter::measure(work).bytes_max).unwrap()
}

/// An engine without limits in the way of what is tried.
fn wide(change: impl FnOnce(amqp_core::Limits) -> amqp_core::Limits) -> Setup {
    let mut setup = Setup::new(Side::Server).limits(|limits| change(limits.message_size(1_000_000_u64)));
    setup.connection.max_frame_size = 64 * 1024;
    setup.connection.channel_max = 255;
    setup.session.handle_max = 255;
    setup
}

/// Accepts all links there are news of.
fn accept(stage: &mut Stage) -> Vec<ReceiverId> {
    let mut receivers = Vec::new();
    let engine = &mut stage.script.engine;
    while let Some(event) = engine.poll_event() {
        match event {
            Event::SenderOpening(id) => engine.sender(id).unwrap().accept(SenderOptions::default()).unwrap(),
            Event::ReceiverOpening(id) => {
                engine.receiver(id).unwrap().accept(ReceiverOptions::default()).unwrap();
                receivers.push(id);
            }
            _ => {}
        }
    }
    receivers
}

/// A stage with two links that the peer sends on, and credit for so many deliveries on each.
fn two_receivers(setup: Setup, credit: u32) -> (Stage, [ReceiverId; 2]) {
    let mut stage = Stage::new("PB", setup);
    for handle in 0..2 {
        stage.script.give_on(0, &Attach { handle, ..peer_sender(&handle.to_string()) });
    }
    let news = stage.script.take_events();
    let ids = news.into_iter().filter_map(|event| match event {
        Event::ReceiverOpening(id) => Some(id),
        _ => None,
    });
    let ids: [ReceiverId; 2] = ids.collect::<Vec<_>>().try_into().unwrap();
    for id in ids {
        let mut receiver = stage.script.engine.receiver(id).unwrap();
        receiver.accept(ReceiverOptions::default()).unwrap();
        receiver.grant(credit);
    }
    stage.settle();
    (stage, ids)
}

fn delivery(handle: u32, number: u32, octets: usize) -> BytesMut {
    frame(0, &Transfer { handle, ..peer_transfer(number) }, &vec![b'x'; octets])
}

/// An open whose one property is a list of as many of these items as there is room for.
fn open_of(item: &[u8], room: usize) -> Vec<u8> {
    let compound = |code: u8, count: usize, items: &[u8]| {
        let count = u32::try_from(count).unwrap().to_be_bytes();
        let size = u32::try_from(items.len() + 4).unwrap().to_be_bytes();
        [&[code][..], &size, &count, items].concat()
    };
    let items = (room - 80) / item.len();
    let map = compound(0xD1, 2, &[b"\xa3\x01k", &*compound(0xD0, items, &item.repeat(items))].concat());
    let body = [
        &[0, 0x53, 0x10][..],
        &compound(0xD0, 10, &[b"\xa1\x01x\x40\x40\x40\x40\x40\x40\x40\x40", &*map].concat()),
    ];
    let size = u32::try_from(body.concat().len() + 8).unwrap().to_be_bytes();
    [&size[..], &[2, 0, 0, 0], &body.concat()].concat()
}

/// Before anybody is authenticated: what a frame of every kind of value costs.
#[test]
fn an_octet_of_a_value_costs_what_it_is_said_to() {
    let items: [&[u8]; 9] = [
        &[0x40],
        &[0x45],
        &[0xA1, 0],
        &[0xA0, 1, 1],
        &[0xC0, 2, 1, 0x40],
        &[0xC1, 3, 2, 0x40, 0x40],
        &[0, 0x40, 0x40],
        &[0xE0, 2, 0, 0x40],
        &[0xE0, 4, 0, 0, 0x40, 0x40],
    ];
    let room = usize::try_from(ConnectionOptions::default().limits.pre_open_frame).unwrap();
    let mut worst = 0;
    for item in items {
        let mut engine = Connection::server(ConnectionOptions::new("engine"));
        _ = engine.handle_input(b"AMQP\0\x01\0\0", Instant::ORIGIN);
        let octets = open_of(item, room);
        let held = peak(|| _ = engine.handle_input(&octets, Instant::ORIGIN));
        assert!(engine.remote().is_some(), "{item:x?}: {:?}", engine.close_reason());
        assert!(held <= CONNECTION + DECODED * octets.len(), "{item:x?}: {held} for {}", octets.len());
        worst = worst.max(held);
    }
    assert!(worst > DECODED / 2 * room, "the page says too much: {worst}");
}

#[test]
fn sessions_and_links_cost_what_they_are_said_to() {
    let (sessions, links) = (32_u16, 256_u32);
    let mut setup = wide(|limits| limits);
    setup.connection.accept_sessions = Some(setup.session.clone());
    let mut stage = Stage::new("PO", setup);
    let mut all = Vec::new();
    for channel in 0..sessions {
        all.push(frame(channel, &peer_begin(), &[]));
        for handle in 0..links {
            let name = format!("{handle}");
            let attach = if handle % 2 == 0 { peer_receiver(&name) } else { peer_sender(&name) };
            all.push(frame(channel, &Attach { handle, ..attach }, &[]));
        }
    }
    let now = stage.script.now();
    let held = peak(|| {
        for octets in &all {
            _ = stage.script.engine.handle_input(octets, now);
            accept(&mut stage);
            while stage.script.engine.poll_output(now).is_some() {}
        }
    });
    let (sessions, links) = (usize::from(sessions), usize::try_from(links).unwrap());
    assert_eq!(stage.script.engine.counters().links, sessions * links);
    let most = CONNECTION + SESSION * sessions + LINK * sessions * links;
    assert!(held <= most && held > most / 2, "{held} of {most}");
}

/// Attaches with sources that cost as much as can be, which the answers repeat, until there is no more room for them.
#[test]
fn descriptions_cost_what_they_are_said_to() {
    let descriptions = 300_000;
    let mut stage = Stage::new("PB", wide(|limits| limits.descriptions(descriptions)));
    let nulls = Value::List(vec![Value::Null; 50_000]);
    let filter: Fields = [(Symbol::from_static("k"), nulls)].into_iter().collect();
    let source = AttachSource::from(Source { filter: Some(filter), ..Source::default() });
    let attach = |handle: u32| {
        let source = Some(Box::new(source.clone()));
        frame(0, &Attach { handle, source, ..peer_receiver(&handle.to_string()) }, &[])
    };
    let now = stage.script.now();
    let mut attached = 0;
    let all: Vec<_> = (0..10).map(attach).collect();
    let held = peak(|| {
        for octets in &all {
            _ = stage.script.engine.handle_input(octets, now);
            accept(&mut stage);
            while stage.script.engine.poll_output(now).is_some() {}
            attached = attached.max(stage.script.engine.counters().links);
        }
    });
    assert_eq!(attached, 5);
    let most = CONNECTION + LINK * attached + DESCRIBED * descriptions + DECODED * READ;
    assert!(held <= most && held > most / 2, "{held} of {most}");
}

#[test]
fn deliveries_cost_what_they_are_said_to() {
    // Just over where what they lie in grows.
    let count = 16_400;
    let (mut stage, _) = two_receivers(wide(|limits| limits), count);
    let state = transactional(Some(DeliveryState::Accepted));
    let told = |number| Transfer { handle: 0, state: Some(state.clone()), ..peer_transfer(number) };
    let all: Vec<_> = (0..count).map(|number| frame(0, &told(number), &[])).collect();
    let held = peak(|| all.iter().for_each(|octets| feed(&mut stage, octets)));
    let incoming = stage.script.engine.counters().incoming;
    assert_eq!(incoming, 16_400);
    assert!(held <= CONNECTION + DELIVERY * incoming && held > DELIVERY / 2 * incoming, "{held}");

    // Each is told an outcome of its own, which is not taken.
    let (mut stage, id) = sender(wide(|limits| limits), false);
    let held = peak(|| {
        for number in 0..count {
            send(&mut stage, id, number);
            feed(&mut stage, &tell(number, number, state.clone()));
        }
    });
    let outgoing = stage.script.engine.counters().outgoing;
    assert_eq!(outgoing, 16_400);
    assert!(held <= CONNECTION + DELIVERY * outgoing && held > DELIVERY / 2 * outgoing, "{held}");
}

/// A stage with a link that the engine sends on.
fn sender(setup: Setup, auto_settle: bool) -> (Stage, SenderId) {
    let mut stage = Stage::new("PB", setup);
    stage.script.give_on(0, &Attach { handle: 0, ..peer_receiver("L") });
    let id = stage.script.expect_some(|event| match event {
        Event::SenderOpening(id) => Some(id),
        _ => None,
    });
    let options = SenderOptions::default().auto_settle(auto_settle);
    stage.script.engine.sender(id).unwrap().accept(options).unwrap();
    stage.settle();
    (stage, id)
}

/// Credit for one more, which is sent.
fn send(stage: &mut Stage, id: SenderId, number: u32) {
    let (next_incoming_id, delivery_count) = (Some(Serial(number)), Some(Serial(number)));
    feed(stage, &frame(0, &Flow { next_incoming_id, delivery_count, ..grant(1) }, &[]));
    stage.script.engine.sender(id).unwrap().send(Bytes::new()).unwrap();
    feed(stage, &[]);
}

/// What the peer tells of some that it was sent.
fn tell(first: u32, last: u32, state: DeliveryState) -> BytesMut {
    let (first, last) = (Serial(first), Some(Serial(last)));
    frame(
        0,
        &Disposition { role: Role::Receiver, first, last, state: Some(state), ..Disposition::default() },
        &[],
    )
}

fn transactional(outcome: Option<DeliveryState>) -> DeliveryState {
    let txn_id = TransactionId::from([7; 32]);
    DeliveryState::Transactional(TransactionalState { txn_id, outcome }.into())
}

fn modified(annotations: Fields) -> DeliveryState {
    DeliveryState::Modified(Modified { message_annotations: Some(annotations.into()), ..Modified::default() })
}

/// A state of sixty thousand nulls.
fn nulls() -> DeliveryState {
    let nulls = Value::List(vec![Value::Null; 60_000]);
    modified([(Symbol::from_static("k"), nulls)].into_iter().collect())
}

fn octets_of(state: &DeliveryState) -> usize {
    let mut octets = BytesMut::new();
    state.encode(&mut Writer::new(&mut octets));
    octets.len()
}

#[test]
fn a_state_for_many_costs_what_one_is_said_to() {
    for auto_settle in [true, false] {
        let (mut stage, id) = sender(wide(|limits| limits), auto_settle);
        (0..1000).for_each(|number| send(&mut stage, id, number));
        let octets = tell(0, 999, nulls());
        let held = peak(|| feed(&mut stage, &octets));
        let most = CONNECTION + DELIVERY * 1000 + TOLD * octets.len();
        assert!(held <= most && held > most / 3, "{held} of {most}");
        let mut view = stage.script.engine.sender(id).unwrap();
        assert_eq!(std::iter::from_fn(|| view.next_outcome()).count(), 1000);
    }
}

/// Frames that each have a state of their own: the costliest, of which not all are kept, and the smallest that count.
#[test]
fn states_cost_what_they_are_said_to() {
    let none = DeliveryState::Unknown(Described { descriptor: 0_u64.into(), value: Value::Null }.into());
    let bare = Error { condition: Symbol::from_static("x").into(), description: None, info: None };
    let rejected = DeliveryState::Rejected(Rejected { error: Some(bare.into()) });
    let small = [none, rejected, modified(Fields::default()), transactional(Some(transactional(None)))];
    let all = [(nulls(), 20)].into_iter().chain(small.map(|state| (state, 1000)));
    for (state, count) in all {
        let octets = octets_of(&state);
        let limit = (1000 * octets).min(300_000);
        let setup = || wide(|limits| limits.states(limit));
        let held = |stage: &mut Stage, frame: &dyn Fn(u32) -> BytesMut| {
            let all: Vec<_> = (0..count).map(frame).collect();
            let held = peak(|| all.iter().for_each(|octets| feed(stage, octets)));
            let most = CONNECTION + DELIVERY * 1000 + TOLD * limit + DECODED * all[0].len();
            assert!(held <= most && (count == 1000 || held > most / 4), "{held} of {most} for {octets}");
            let session = stage.script.engine.session(stage.session.unwrap()).unwrap();
            assert_eq!(session.close_reason().is_none(), count == 1000, "{octets}");
        };
        let (mut stage, _) = two_receivers(setup(), count);
        let told = |number| Transfer { handle: 0, state: Some(state.clone()), ..peer_transfer(number) };
        held(&mut stage, &|number| frame(0, &told(number), &[]));

        let (mut stage, id) = sender(setup(), false);
        (0..count).for_each(|number| send(&mut stage, id, number));
        held(&mut stage, &|number| tell(number, number, state.clone()));
    }
}

/// Payloads just large enough to be shared, each in a read that is full of empty frames otherwise.
#[test]
fn shared_reads_cost_what_is_buffered() {
    let buffered = 2_000_000;
    let (mut stage, _) = two_receivers(wide(|limits| limits.buffered_input(buffered)), 10_000);
    let now = stage.script.now();
    let mut number = 0;
    let held = peak(|| {
        while stage.script.engine.wants_read() {
            let mut read = BytesMut::with_capacity(READ);
            read.extend_from_slice(&delivery(0, number, 4096));
            while read.len() + 8 <= READ {
                read.extend_from_slice(&[0, 0, 0, 8, 2, 0, 0, 0]);
            }
            _ = stage.script.engine.handle_input_buf(&mut read, now);
            feed(&mut stage, &[]);
            number += 1;
        }
    });
    let incoming = stage.script.engine.counters().incoming;
    assert_eq!(incoming, buffered / 4096 + 1);
    let most = CONNECTION + DELIVERY * incoming + 3 * buffered + 2 * READ;
    assert!(held <= most && held > buffered, "{held} of {most}");
}

/// One octet here that waits, between many there that are taken at once: what they would share is not kept for it.
fn drip(buffered: usize, one: impl Fn(u32) -> Option<BytesMut>) {
    let (mut stage, [_, taken]) = two_receivers(wide(|limits| limits.buffered_input(buffered)), 60_000);
    let rounds = u32::try_from(buffered / 1000).unwrap();
    let mut number = 0;
    let held = peak(|| {
        for _ in 0..rounds {
            if let Some(octets) = one(number) {
                feed(&mut stage, &octets);
                number += 1;
            } else {
                feed(&mut stage, &part(0, 0, 1));
            }
            for _ in 0..9 {
                feed(&mut stage, &delivery(1, number, 4000));
                number += 1;
                let mut receiver = stage.script.engine.receiver(taken).unwrap();
                let key = receiver.next_delivery().unwrap().key;
                receiver.settle(key, DeliveryState::Accepted).unwrap();
            }
            feed(&mut stage, &[]);
        }
    });
    let counters = stage.script.engine.counters();
    assert_eq!(counters.buffered_input, buffered / 1000);
    let most = CONNECTION + DELIVERY * counters.incoming + 3 * buffered + 2 * READ;
    assert!(held <= most, "{held} of {most}");
}

#[test]
fn small_deliveries_among_others_cost_what_is_buffered() {
    drip(1_000_000, |number| Some(delivery(0, number, 1)));
}

#[test]
fn small_parts_among_others_cost_what_is_buffered() {
    drip(1_000_000, |number| (number == 0).then(|| part(0, 0, 1)));
}

/// Octets that come one by one, whether they can be read before the last of them is there or not.
#[test]
fn frames_of_one_octet_cost_what_is_buffered() {
    for streaming in [false, true] {
        let mut stage = Stage::new("PB", wide(|limits| limits));
        stage.script.give_on(0, &Attach { handle: 0, ..peer_sender("L") });
        let id = stage.script.expect_some(|event| match event {
            Event::ReceiverOpening(id) => Some(id),
            _ => None,
        });
        let options = ReceiverOptions::default().streaming(streaming).prefetch(1);
        stage.script.engine.receiver(id).unwrap().accept(options).unwrap();
        stage.settle();
        let octets = part(0, 0, 1);
        let held = peak(|| (0..60_000).for_each(|_| feed(&mut stage, &octets)));
        assert_eq!(stage.script.engine.counters().buffered_input, 60_000);
        assert!(held < CONNECTION + DELIVERY + 3 * 60_000, "{held}");
        let read = stage.script.engine.receiver(id).unwrap().next_delivery();
        assert_eq!(read.map_or(0, |delivery| delivery.payload.len()), if streaming { 60_000 } else { 0 });
    }
}

/// What is put together on the way is what was sent.
#[test]
fn parts_of_all_sizes_stay_in_order() {
    let sizes = [1, 5000, 10, 4095, 4096, 0, 3, 2000, 3000, 5000, 7, 0];
    let (mut stage, [id, _]) = two_receivers(wide(|limits| limits), 1);
    let mut sent = Vec::new();
    for (number, size) in (0_u8..).zip(sizes) {
        let transfer =
            Transfer { handle: 0, more: usize::from(number) + 1 < sizes.len(), ..peer_transfer(0) };
        let piece = vec![number; size];
        sent.extend_from_slice(&piece);
        feed(&mut stage, &frame(0, &transfer, &piece));
    }
    let delivery = stage.script.engine.receiver(id).unwrap().next_delivery().unwrap();
    assert_eq!(delivery.payload.into_bytes(), sent);
}

/// What a connection holds at the most with the options that it has when nobody changes them.
#[test]
fn the_page_says_what_the_formula_gives() {
    let (options, session) = (ConnectionOptions::default(), SessionOptions::default());
    let small = options.limits.clone().sessions(2_u32).links(32_u32).unsettled(256_u32);
    let small = small.message_size(512 * 1024_u64).buffered_input(1024 * 1024_usize);
    let small = small.descriptions(64 * 1024_usize).states(64 * 1024_usize);
    let small = options.clone().limits(small).max_frame_size(16 * 1024_u32).channel_max(0_u16);
    let few = session.clone().handle_max(15_u32);
    let sum = |options, session, count| most(options, session, count).div_ceil(1024 * 1024);
    for sum in [sum(&options, &session, 0), sum(&small, &few, 2 * 16 * 256)] {
        assert!(pages::page("security.md").contains(&format!("that is {sum} MiB")), "it is {sum} MiB");
    }
}
