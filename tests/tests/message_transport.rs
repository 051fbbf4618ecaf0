//! §2.4, §3.2: what the engine says of itself without being told to, and what it owes to messages that it only carries.
#![cfg(test)]

use amqp_core::codec::{
    Attach, Begin, Close, DeliveryState, Disposition, ErrorCondition, Flow, LazyMessage, Message, Multiple,
    Open, Symbol, Transfer,
};
use amqp_core::{Event, ReceiverOptions, SenderOptions, SessionOptions};
use amqp_tests::pair::{Pair, client_options, server_options};
use amqp_tests::script::{HANDLE, Script, peer_begin, peer_open, peer_sender, peer_transfer};
use bytes::Bytes;

/// TYPES-1.6-23: whatever a peer would rather hear, it gets en-US, which everybody understands: that is what an open
/// without locales says.
#[test]
fn a_peer_with_other_locales_is_spoken_to_in_the_common_one() {
    let locales = || [Symbol::from_static("de-DE"), Symbol::from_static("x-private")].into_iter().collect();
    let peer = Open { incoming_locales: locales(), outgoing_locales: locales(), ..peer_open() };
    let mut script = Script::server(server_options());
    let open = script.open(&peer);
    assert_eq!(
        (&open.outgoing_locales, &open.incoming_locales),
        (&Multiple::default(), &Multiple::default())
    );
    script.give_on(1, &peer_open());
    let close: Close = script.expect_frame();
    assert_eq!(close.error.unwrap().description.as_deref(), Some("second open"));

    let options = client_options().outgoing_locales(locales()).incoming_locales(locales());
    let mut pair = Pair::opened_with(options, server_options());
    let sessions = pair.begin(SessionOptions::default(), SessionOptions::default());
    assert!(pair.server.session(sessions.server).is_ok());
    pair.finish();
}

/// TRANSPORT-2.4.1-13, TRANSPORT-2.5.1-17: nothing is used that is not negotiated, so an engine that was not told to offers
/// and desires nothing, whatever the peer would like.
#[test]
fn capabilities_are_the_applications() {
    let wishes = || [Symbol::from_static("ANONYMOUS-RELAY"), Symbol::from_static("x")].into_iter().collect();
    let none = Multiple::default();
    let peer = Open { offered_capabilities: wishes(), desired_capabilities: wishes(), ..peer_open() };
    let mut script = Script::server(server_options());
    let open = script.open(&peer);
    assert_eq!(
        (&open.offered_capabilities, &open.desired_capabilities, open.properties),
        (&none, &none, None)
    );
    script.give(&Begin { offered_capabilities: wishes(), desired_capabilities: wishes(), ..peer_begin() });
    let session = script.expect_some(|event| match event {
        Event::SessionOpening(id) => Some(id),
        _ => None,
    });
    script.engine.session(session).unwrap().accept(SessionOptions::default()).unwrap();
    let begin: Begin = script.expect_frame();
    assert_eq!(
        (&begin.offered_capabilities, &begin.desired_capabilities, begin.properties),
        (&none, &none, None)
    );
    let peer =
        Attach { offered_capabilities: wishes(), desired_capabilities: wishes(), ..peer_sender("link") };
    script.give(&peer);
    let receiver = script.expect_some(|event| match event {
        Event::ReceiverOpening(id) => Some(id),
        _ => None,
    });
    script.engine.receiver(receiver).unwrap().accept(ReceiverOptions::default()).unwrap();
    let attach: Attach = script.expect_frame();
    assert_eq!(
        (&attach.offered_capabilities, &attach.desired_capabilities, attach.properties),
        (&none, &none, None)
    );
    assert_eq!(script.engine.receiver(receiver).unwrap().remote().unwrap().offered_capabilities, wishes());
}

/// MESSAGING-3.2-11: the engine carries messages as they are. An application that has to understand all annotations looks
/// at them and detaches.
#[test]
fn an_application_may_detach_for_annotations_that_it_does_not_know() {
    let optional = Symbol::from_static("x-opt-colour");
    let (mut script, receiver) = Script::receiving(2);
    for (number, key) in [(0, optional.clone()), (1, Symbol::from_static("colour"))] {
        let message = Message::value("x").annotation(key, "red").to_payload().into_bytes();
        script.give_transfer(&peer_transfer(number), &message);
        let mut view = script.engine.receiver(receiver).unwrap();
        let delivery = view.next_delivery().unwrap();
        let message = LazyMessage::parse(delivery.payload).unwrap();
        let annotations = message.message_annotations().unwrap().unwrap();
        match annotations.not_understood(|_| false) {
            None => view.settle(delivery.key, DeliveryState::Accepted).unwrap(),
            Some(key) => {
                let error = amqp_core::codec::Error::new(ErrorCondition::NOT_IMPLEMENTED, format!("{key:?}"));
                view.close(Some(error)).unwrap();
            }
        }
    }
    assert_eq!(script.expect_frame::<Disposition>().state, Some(DeliveryState::Accepted));
    script.expect_detach(Some(ErrorCondition::NOT_IMPLEMENTED));
}

/// MESSAGING-3.2-20: octets of a body are handed out as they come, those of a section that is not whole too, and nothing
/// is decoded for it.
#[test]
fn a_body_can_be_read_before_it_is_whole() {
    let (mut script, session) = Script::begun();
    let options = ReceiverOptions::new("node").streaming(true).prefetch(1);
    let receiver = script.attach_receiver(session, options, &peer_sender("link"));
    script.rest();
    let message = Message::data(vec![7; 1000]).to_payload().into_bytes();
    let (head, tail) = message.split_at(300);
    script.give_transfer(&Transfer { more: true, ..peer_transfer(0) }, head);
    script.expect_event(Event::Deliveries(receiver));
    let mut view = script.engine.receiver(receiver).unwrap();
    let delivery = view.next_delivery().unwrap();
    assert_eq!((&delivery.payload.into_bytes()[..], delivery.complete), (head, false));
    script.give_transfer(&Transfer { handle: HANDLE, ..Transfer::default() }, tail);
    let mut view = script.engine.receiver(receiver).unwrap();
    let (rest, complete) = view.read(delivery.key).unwrap();
    assert_eq!((&rest.into_bytes()[..], complete), (tail, true));
    view.settle(delivery.key, DeliveryState::Accepted).unwrap();
    script.expect_frame::<Flow>();
    assert_eq!(script.expect_frame::<Disposition>().state, Some(DeliveryState::Accepted));
}

/// MESSAGING-3.2-21: said of every message that is not said to be another, on its first frame.
#[test]
fn messages_are_of_format_0_where_nothing_else_is_said() {
    let (mut script, sender) = Script::sending(2);
    let message = Message::value("x").to_payload();
    script.engine.sender(sender).unwrap().send(message).unwrap();
    assert_eq!(script.expect_transfer().0.message_format, Some(0));
    let mut outgoing = amqp_core::Outgoing::from(Bytes::from_static(b"x"));
    outgoing.message_format = 7;
    script.engine.sender(sender).unwrap().send(outgoing).unwrap();
    assert_eq!(script.expect_transfer().0.message_format, Some(7));
}

/// MESSAGING-3.2-21
#[test]
fn a_message_in_many_frames_says_its_format() {
    let peer = Open { max_frame_size: 512, ..peer_open() };
    let mut script = Script::client(client_options());
    script.open(&peer);
    let session = script.begin(SessionOptions::default(), &peer_begin());
    let peer = amqp_tests::script::peer_receiver("link");
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer);
    script.give(&script.grant(0, 1));
    script.engine.sender(sender).unwrap().send(Bytes::from(vec![0; 1200])).unwrap();
    let formats: Vec<_> = (0..3).map(|_| script.expect_transfer().0.message_format).collect();
    assert_eq!(formats[0], Some(0));
    assert!(formats[1..].iter().all(|format| format.is_none_or(|format| format == 0)), "{formats:?}");
    script.expect_nothing();
}
