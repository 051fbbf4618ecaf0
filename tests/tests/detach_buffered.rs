//! Messages that wait in a sender while link, session or connection end on either side: all nine pairs, in every order.
#![cfg(test)]

use std::collections::BTreeSet;

use amqp_core::{DeliveryKey, Event, ReceiverOptions, Resolution, SenderOptions, SessionOptions};
use amqp_tests::oracle::Side;
use amqp_tests::pair::{Link, Pair, Sessions};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Link,
    Session,
    Connection,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// The receiving side's end arrives before anything of the messages was written.
    RemoteFirst,
    /// Both ends are on their way at once.
    Crossing,
    /// The sending side ends first.
    LocalFirst,
}

const WHATS: [What; 3] = [What::Link, What::Session, What::Connection];
const ORDERS: [Order; 3] = [Order::RemoteFirst, Order::Crossing, Order::LocalFirst];

fn end(pair: &mut Pair, side: Side, what: What, sessions: Sessions, link: &Link) {
    // It may be over already because of what the other side did: then there is nothing to do.
    match what {
        What::Link if side == link.from => {
            pair.side(side).sender(link.sender).ok().map(|mut view| view.close(None));
        }
        What::Link => {
            pair.side(side).receiver(link.receiver).ok().map(|mut view| view.close(None));
        }
        What::Session => {
            pair.side(side).session(sessions.on(side)).ok().map(|mut view| view.end(None));
        }
        What::Connection => pair.side(side).close(None),
    }
}

/// Ten messages wait; the receiving side ends `remote` and the sending side `local`. Returns how the messages ended:
/// (settled, unacknowledged, unsent).
fn buffered(remote: What, local: What, order: Order) -> (usize, usize, usize) {
    let mut pair = Pair::opened();
    let sessions = pair.begin(SessionOptions::default(), SessionOptions::default());
    let link = pair.attach_sender(
        Side::Client,
        sessions,
        SenderOptions::new("node"),
        ReceiverOptions::default().prefetch(10),
    );
    let keys: BTreeSet<DeliveryKey> = (0..10).map(|_| pair.send(&link, b"message")).collect();
    pair.take_events(Side::Client);
    match order {
        Order::RemoteFirst => {
            end(&mut pair, Side::Server, remote, sessions, &link);
            pair.flush(Side::Server);
            pair.deliver(Side::Client);
            end(&mut pair, Side::Client, local, sessions, &link);
        }
        Order::Crossing => {
            end(&mut pair, Side::Server, remote, sessions, &link);
            end(&mut pair, Side::Client, local, sessions, &link);
            pair.flush(Side::Server);
            pair.flush(Side::Client);
        }
        Order::LocalFirst => {
            end(&mut pair, Side::Client, local, sessions, &link);
            pair.flush(Side::Client);
            pair.deliver(Side::Server);
            end(&mut pair, Side::Server, remote, sessions, &link);
        }
    }
    pair.drive();
    let outcomes = pair.outcomes(&link);
    assert_eq!(outcomes.len(), 10, "every one resolves once");
    assert_eq!(outcomes.iter().map(|(key, _)| *key).collect::<BTreeSet<_>>(), keys);
    let count = |of: fn(&Resolution) -> bool| outcomes.iter().filter(|(_, it)| of(it)).count();
    let settled = count(|it| matches!(it, Resolution::Settled(_)));
    let unacknowledged = count(|it| matches!(it, Resolution::Unacknowledged(_)));
    let events = pair.take_events(Side::Client);
    let closed = events.iter().filter(|event| **event == Event::SenderClosed(link.sender)).count();
    assert_eq!(closed, 1, "{events:?}");
    // What has arrived can be read, whatever ended.
    let arrived = pair.server.receiver(link.receiver).map_or(0, |mut view| {
        std::iter::from_fn(|| view.next_delivery()).filter(|it| it.payload.len() == 7).count()
    });
    assert_eq!(arrived, if settled + unacknowledged > 0 { 10 } else { 0 });
    let over = remote == What::Connection || local == What::Connection;
    for side in [Side::Client, Side::Server] {
        let counters = pair.side(side).counters();
        assert_eq!((counters.links, counters.outgoing, counters.incoming), (0, 0, 0), "{side}");
        assert_eq!((counters.buffered_input, counters.buffered_output), (0, 0), "{side}");
        assert_eq!(pair.side(side).is_finished(), over, "{side} {remote:?} {local:?}");
    }
    if !over {
        pair.finish();
    }
    (settled, unacknowledged, 10 - settled - unacknowledged)
}

#[test]
fn messages_that_wait_come_back_when_the_receiving_side_ends_first() {
    for remote in WHATS {
        for local in WHATS {
            assert_eq!(buffered(remote, local, Order::RemoteFirst), (0, 0, 10), "{remote:?} {local:?}");
        }
    }
}

#[test]
fn messages_that_wait_are_sent_before_what_the_sending_side_ends() {
    for order in [Order::Crossing, Order::LocalFirst] {
        for remote in WHATS {
            for local in WHATS {
                assert_eq!(buffered(remote, local, order), (0, 10, 0), "{remote:?} {local:?} {order:?}");
            }
        }
    }
}

/// The same with frames of 512 octets and messages that take three of them, two of which do not fit the window: the
/// outcome is one for every message in every order.
#[test]
fn messages_that_are_half_sent_resolve_once() {
    for remote in WHATS {
        for local in WHATS {
            for order in ORDERS {
                half_sent(remote, local, order);
            }
        }
    }
}

fn half_sent(remote: What, local: What, order: Order) {
    let server = amqp_tests::pair::server_options().max_frame_size(512_u32);
    let mut pair = Pair::opened_with(amqp_tests::pair::client_options(), server);
    // The window is used up by the first frame, and not renewed while nobody reads.
    let narrow = SessionOptions::default().incoming_window(1_u32);
    let sessions = pair.begin(SessionOptions::default(), narrow);
    let options = ReceiverOptions::default().prefetch(2);
    let link = pair.attach_sender(Side::Client, sessions, SenderOptions::new("node"), options);
    let keys = [(); 2].map(|()| pair.send(&link, &[7; 1200]));
    pair.flush(Side::Client);
    let close = |pair: &mut Pair, side| {
        let what = if side == Side::Client { local } else { remote };
        end(pair, side, what, sessions, &link);
        pair.flush(side);
    };
    let sides =
        if order == Order::LocalFirst { [Side::Client, Side::Server] } else { [Side::Server, Side::Client] };
    for side in sides {
        close(&mut pair, side);
        if order != Order::Crossing {
            pair.deliver(side.other());
        }
    }
    pair.drive();
    let outcomes = pair.outcomes(&link);
    assert_eq!(
        outcomes.iter().map(|(key, _)| *key).collect::<Vec<_>>(),
        keys,
        "{remote:?} {local:?} {order:?}"
    );
    let context = format!("{remote:?} {local:?} {order:?} {outcomes:?}");
    assert!(matches!(outcomes[0].1, Resolution::Unacknowledged(_)), "{context}");
    if let Resolution::Unsent(message, _) = &outcomes[1].1 {
        assert_eq!(message.payload.len(), 1200, "{context}");
    }
    if let Ok(mut view) = pair.server.receiver(link.receiver) {
        while view.next_delivery().is_some() {}
    }
    for side in [Side::Client, Side::Server] {
        let counters = pair.side(side).counters();
        let held = (counters.links, counters.outgoing, counters.incoming, counters.buffered_input);
        assert_eq!(held, (0, 0, 0, 0), "{side} {context}");
    }
}
