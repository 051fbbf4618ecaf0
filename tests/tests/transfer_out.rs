//! §2.6.12, §2.7.5: what transfers say, how messages become frames, and in which order.
#![cfg(test)]

use amqp_core::codec::{
    Attach, Begin, DeliveryState, DeliveryTag, Error, ErrorCondition, Open, Performative, Rejected, Serial,
    Transfer,
};
use amqp_core::{
    ConnectionOptions, Event, Outgoing, ReceiverOptions, SendErrorReason, SenderId, SenderOptions, SessionId,
    SessionOptions,
};
use amqp_tests::frames::{Frame, Unit};
use amqp_tests::oracle::Side;
use amqp_tests::pair::{Pair, client_options, server_options};
use amqp_tests::script::{HANDLE, Script, peer_begin, peer_open, peer_receiver};
use bytes::Bytes;

/// A client engine whose peer takes frames of 512 octets.
fn narrow() -> (Script, SessionId) {
    let limits = amqp_core::Limits::default().buffered_output(10_000_000_usize);
    let mut script = Script::client(ConnectionOptions::new("engine").limits(limits));
    script.open(&Open { max_frame_size: 512, ..peer_open() });
    let session = script.begin(SessionOptions::default(), &peer_begin());
    (script, session)
}

fn attach(script: &mut Script, session: SessionId, handle: u32, credit: u32) -> SenderId {
    let peer = Attach { handle, ..peer_receiver("") };
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer);
    script.give(&amqp_core::codec::Flow { handle: Some(handle), ..script.grant(0, credit) });
    sender
}

fn send(script: &mut Script, sender: SenderId, octets: Vec<u8>) -> amqp_core::DeliveryKey {
    script.engine.sender(sender).unwrap().send(Bytes::from(octets)).unwrap()
}

/// All transfers that are written now, with their sizes and payloads.
fn transfers(script: &mut Script) -> Vec<(u32, Transfer, Bytes)> {
    let transfer = |unit| match unit {
        Unit::Frame(Frame {
            size, performative: Some(Performative::Transfer(transfer)), payload, ..
        }) => Some((size, transfer, payload)),
        _ => None,
    };
    script.rest().into_iter().filter_map(transfer).collect()
}

/// TRANSPORT-2.6.12-1
#[test]
fn the_first_transfer_says_id_tag_and_format() {
    let (mut script, sender) = Script::sending(1);
    send(&mut script, sender, vec![1]);
    let (transfer, payload) = script.expect_transfer();
    assert_eq!((transfer.delivery_id, transfer.message_format), (Some(Serial(0)), Some(0)));
    assert!(transfer.delivery_tag.is_some());
    assert_eq!(
        (transfer.more, transfer.aborted, transfer.resume, transfer.batchable),
        (false, false, false, false)
    );
    assert_eq!(payload[..], [1]);
}

/// TRANSPORT-2.6.12-2: delivery-ids are one sequence for the session, in wire order, beginning where the session says.
#[test]
fn fifteen_hundred_deliveries_of_three_links_are_numbered_in_order() {
    let (mut script, _) = narrow();
    let options = SessionOptions::default().next_delivery_id(Serial(0xFFFF_FFF0));
    let session = script.engine.begin(options).unwrap();
    let (channel, _) = script.expect_on::<Begin>();
    let wide = Begin { remote_channel: Some(channel), incoming_window: 100_000, ..peer_begin() };
    script.give_on(6, &wide);
    script.expect_event(Event::SessionOpened(session));
    let mut senders = Vec::new();
    for handle in 0..3 {
        script.engine.session(session).unwrap().attach_sender(SenderOptions::new("node")).unwrap();
        let attach: Attach = script.expect_frame();
        script.give_on(6, &Attach { name: attach.name, handle, ..peer_receiver("") });
        let grant = amqp_core::codec::Flow {
            handle: Some(handle),
            link_credit: Some(500),
            next_incoming_id: Some(Serial(0)),
            incoming_window: 100_000,
            ..script.flow()
        };
        script.give_on(6, &grant);
        senders.push(script.expect_some(|event| match event {
            Event::SenderOpened(id) => Some(id),
            _ => None,
        }));
    }
    for number in 0..500_usize {
        for (at, sender) in senders.iter().enumerate() {
            send(&mut script, *sender, vec![0; (number % 7) * 150 * at]);
        }
    }
    let firsts: Vec<_> = transfers(&mut script).into_iter().filter_map(|(_, it, _)| it.delivery_id).collect();
    let expected: Vec<_> = (0..1500).map(|number| Serial(0xFFFF_FFF0).add(number)).collect();
    assert_eq!(firsts, expected);
}

/// Two links with messages of many frames that interleave, one of them closed before anything was written: everything
/// is sent, and the ids are in order without gaps.
#[test]
fn interleaved_messages_of_a_link_that_closes_are_numbered_without_gaps() {
    let (mut script, session) = narrow();
    let one = attach(&mut script, session, HANDLE, 10);
    let two = attach(&mut script, session, HANDLE + 1, 10);
    for _ in 0..3 {
        send(&mut script, one, vec![1; 1100]);
        send(&mut script, two, vec![2; 1100]);
    }
    script.engine.sender(one).unwrap().close(None).unwrap();
    let units = script.rest();
    let mut ids = Vec::new();
    let (mut octets, mut changes, mut last) = ([0, 0], 0, None);
    let mut detached = false;
    for unit in units {
        let Unit::Frame(Frame { performative, payload, size, .. }) = unit else { unreachable!() };
        assert!(size <= 512);
        match performative {
            Some(Performative::Transfer(transfer)) => {
                assert!(!(detached && transfer.handle == 0), "a transfer behind the detach");
                ids.extend(transfer.delivery_id.map(|id| id.0));
                octets[transfer.handle as usize] += payload.len();
                changes += usize::from(last.replace(transfer.handle) != Some(transfer.handle));
            }
            Some(Performative::Detach(_)) => detached = true,
            other => unreachable!("{other:?}"),
        }
    }
    assert_eq!((ids, octets), ((0..6).collect::<Vec<_>>(), [3300, 3300]));
    assert!(detached && changes > 10, "links take turns: {changes}");
}

/// TRANSPORT-2.6.12-3
#[test]
fn a_tag_in_use_is_refused_until_its_delivery_is_settled() {
    let (mut pair, link) = Pair::linked(SenderOptions::new("node"), ReceiverOptions::default().prefetch(9));
    let tagged =
        || Outgoing { tag: Some(DeliveryTag::new(b"mine").unwrap()), ..Bytes::from_static(b"x").into() };
    pair.sender(&link).send(tagged()).unwrap();
    let refused = pair.sender(&link).send(tagged()).unwrap_err();
    assert_eq!(refused.reason, SendErrorReason::TagInUse);
    pair.drive();
    let delivery = pair.deliveries(&link).remove(0);
    assert_eq!(&delivery.tag[..], b"mine");
    pair.receiver(&link).settle(delivery.key, DeliveryState::Accepted).unwrap();
    pair.drive();
    pair.sender(&link).send(tagged()).unwrap();
    pair.drive();
    pair.finish();
}

/// TRANSPORT-2.6.12-3: nor can the application take a tag that the link has made itself.
#[test]
fn a_tag_that_the_link_made_is_in_use() {
    let (mut script, sender) = Script::sending(5);
    let key = send(&mut script, sender, vec![0]);
    let made = script.engine.sender(sender).unwrap().tag(key).unwrap().clone();
    let again = Outgoing { tag: Some(made), ..Bytes::from_static(b"x").into() };
    let refused = script.engine.sender(sender).unwrap().send(again).unwrap_err();
    assert_eq!(refused.reason, SendErrorReason::TagInUse);
    script.rest();
}

/// TRANSPORT-2.6.12-3: and the link makes none that the application has chosen.
#[test]
fn a_tag_that_the_application_chose_is_not_made() {
    let (mut script, sender) = Script::sending(5);
    let chosen = Outgoing { tag: Some([0, 0, 0, 1].into()), ..Bytes::from_static(b"x").into() };
    script.engine.sender(sender).unwrap().send(chosen).unwrap();
    for _ in 0..3 {
        send(&mut script, sender, vec![0]);
    }
    let mut tags: Vec<_> =
        transfers(&mut script).into_iter().map(|(_, it, _)| it.delivery_tag.unwrap()).collect();
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 4);
}

/// TRANSPORT-2.6.12-6
#[test]
fn a_large_message_goes_in_frames_that_the_peer_takes() {
    let (mut script, session) = narrow();
    let sender = attach(&mut script, session, HANDLE, 1);
    let message: Vec<u8> = (0..100_000_u32).map(|at| (at % 251) as u8).collect();
    send(&mut script, sender, message.clone());
    let frames = transfers(&mut script);
    assert!(frames.iter().all(|(size, ..)| *size <= 512));
    let (last, rest) = frames.split_last().unwrap();
    assert!(rest.iter().all(|(size, it, _)| it.more && *size == 512) && !last.1.more);
    // What is true of the whole is said once.
    assert!(
        rest[1..].iter().all(|(_, it, _)| *it == Transfer { handle: 0, more: true, ..Transfer::default() })
    );
    let octets: Vec<u8> = frames.iter().flat_map(|(.., payload)| payload.to_vec()).collect();
    assert_eq!(octets, message);
}

/// TRANSPORT-2.6.12-6: of every size around the edge of a frame nothing is lost, and no frame is empty.
#[test]
fn messages_at_the_edge_of_a_frame_are_cut_right() {
    let (mut script, session) = narrow();
    let sender = attach(&mut script, session, HANDLE, 1000);
    for size in 440..540 {
        send(&mut script, sender, vec![9; size]);
        let frames = transfers(&mut script);
        assert_eq!(frames.iter().map(|(.., payload)| payload.len()).sum::<usize>(), size);
        assert!(frames.iter().all(|(frame, _, payload)| *frame <= 512 && !payload.is_empty()), "{size}");
        assert!(
            frames.len() <= 2 && (frames.len() == 2) == (frames[0].0 == 512 && frames[0].1.more),
            "{size}"
        );
    }
}

/// TRANSPORT-2.6.12-6: both ways between two engines that take 512 octets only.
#[test]
fn large_messages_go_both_ways_in_small_frames() {
    let small = |options: ConnectionOptions| options.max_frame_size(512_u32);
    let mut pair = Pair::opened_with(small(client_options()), small(server_options()));
    let sessions = pair.begin(SessionOptions::default(), SessionOptions::default());
    let there = pair.attach_sender(
        Side::Client,
        sessions,
        SenderOptions::new("node"),
        ReceiverOptions::default().prefetch(5),
    );
    let back = pair.attach_sender(
        Side::Server,
        sessions,
        SenderOptions::new("node"),
        ReceiverOptions::default().prefetch(5),
    );
    for seed in [3, 5, 7_u8] {
        pair.send(&there, &vec![seed; 20_000]);
        pair.send(&back, &vec![seed + 1; 30_000]);
    }
    pair.drive();
    for (link, size, first) in [(there, 20_000, 3), (back, 30_000, 4)] {
        let bodies: Vec<_> = pair.deliveries(&link).into_iter().map(|it| it.payload.into_bytes()).collect();
        assert_eq!(bodies, [0, 2, 4].map(|more| vec![first + more; size]));
    }
    pair.finish();
}

/// TRANSPORT-2.6.12-6: a state that leaves no room for its message is refused; the largest that is not leaves some.
#[test]
fn a_state_that_leaves_no_room_for_the_message_is_refused() {
    let (mut script, session) = narrow();
    let sender = attach(&mut script, session, HANDLE, 1000);
    let with_state = |length: usize| {
        let error = Error::new(ErrorCondition::INTERNAL_ERROR, "x".repeat(length));
        let state = DeliveryState::Rejected(Rejected { error: Some(error.into()) });
        Outgoing {
            state: Some(state),
            tag: Some(DeliveryTag::new(&length.to_be_bytes().repeat(4)).unwrap()),
            message_format: u32::MAX,
            rcv_settle_mode: Some(amqp_core::codec::ReceiverSettleMode::First),
            batchable: true,
            ..Bytes::from_static(b"payload").into()
        }
    };
    let mut accepted = 0;
    for length in 250..600 {
        match script.engine.sender(sender).unwrap().send(with_state(length)) {
            Ok(_) => accepted += 1,
            Err(refused) => assert_eq!(refused.reason, SendErrorReason::TooLarge),
        }
    }
    assert!((1..250).contains(&accepted));
    let frames = transfers(&mut script);
    let ids: Vec<_> = frames.iter().filter_map(|(_, it, _)| it.delivery_id).collect();
    assert_eq!(ids, (0..accepted).map(Serial).collect::<Vec<_>>());
    assert!(frames.iter().all(|(size, _, payload)| *size <= 512 && !payload.is_empty()));
}

/// TRANSPORT-2.6.12-21
#[test]
fn batchable_is_said_when_it_was_asked_for() {
    let (mut script, sender) = Script::sending(1);
    let message = Outgoing { batchable: true, ..Bytes::from_static(b"x").into() };
    script.engine.sender(sender).unwrap().send(message).unwrap();
    assert!(script.expect_transfer().0.batchable);
}

/// TRANSPORT-2.6.12-15, TRANSPORT-2.6.12-25: state and format reach the other side.
#[test]
fn state_and_format_of_a_delivery_reach_the_receiver() {
    let (mut pair, link) = Pair::linked(SenderOptions::new("node"), ReceiverOptions::default().prefetch(9));
    let message = Outgoing {
        state: Some(DeliveryState::Accepted),
        message_format: 0x8001_3700,
        ..Bytes::from_static(b"x").into()
    };
    pair.sender(&link).send(message).unwrap();
    pair.drive();
    let delivery = pair.deliveries(&link).remove(0);
    assert_eq!((delivery.state, delivery.message_format), (Some(DeliveryState::Accepted), 0x8001_3700));
    pair.finish();
}

/// TRANSPORT-2.6.12-24: an empty message is a message.
#[test]
fn an_empty_message_is_delivered() {
    let (mut pair, link) = Pair::linked(SenderOptions::new("node"), ReceiverOptions::default().prefetch(9));
    let key = pair.send(&link, b"");
    pair.drive();
    let delivery = pair.deliveries(&link).remove(0);
    assert!(delivery.complete && delivery.payload.is_empty());
    pair.receiver(&link).settle(delivery.key, DeliveryState::Accepted).unwrap();
    pair.drive();
    assert_eq!(pair.outcomes(&link)[0].0, key);
    pair.finish();
}

/// Every counter begins just before it wraps, on both sides and in both directions.
#[test]
fn every_counter_wraps() {
    let mut pair = Pair::opened();
    let seeded = || {
        let options = SessionOptions::default().incoming_window(8_u32);
        options.next_outgoing_id(Serial(0xFFFF_FFF0)).next_delivery_id(Serial(0xFFFF_FFF0))
    };
    let sessions = pair.begin(seeded(), seeded());
    let sender = || SenderOptions::new("node").initial_delivery_count(Serial(0xFFFF_FFF0));
    let there = pair.attach_sender(Side::Client, sessions, sender(), ReceiverOptions::default().prefetch(4));
    let back = pair.attach_sender(Side::Server, sessions, sender(), ReceiverOptions::default().prefetch(4));
    for round in 0..40_u8 {
        for link in [there, back] {
            let key = pair.send(&link, &[round]);
            pair.drive();
            let delivery = pair.deliveries(&link).remove(0);
            assert_eq!(delivery.payload.into_bytes()[..], [round]);
            pair.receiver(&link).settle(delivery.key, DeliveryState::Accepted).unwrap();
            pair.drive();
            assert_eq!(pair.outcomes(&link)[0].0, key);
        }
    }
    for link in [there, back] {
        assert_eq!(pair.sender(&link).delivery_count(), Serial(0xFFFF_FFF0).add(40));
        assert_eq!(pair.receiver(&link).delivery_count(), Serial(0xFFFF_FFF0).add(40));
        assert_eq!((pair.sender(&link).unsettled(), pair.receiver(&link).unsettled()), (0, 0));
    }
    pair.finish();
}
