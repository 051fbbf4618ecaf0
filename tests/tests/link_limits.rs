//! Every bound of `Limits` that concerns links and deliveries.
#![cfg(test)]

use amqp_core::codec::{Attach, DeliveryState, Disposition, ErrorCondition, Flow, Role, Serial, Transfer};
use amqp_core::{
    Cause, ConnectionOptions, Event, Exhausted, Limits, ReceiverId, ReceiverOptions, SendErrorReason,
    SenderId, SenderOptions, SessionOptions, Violation,
};
use amqp_tests::script::{
    CHANNEL, HANDLE, Script, frame, peer_begin, peer_open, peer_receiver, peer_sender, peer_transfer,
};
use bytes::Bytes;

fn begun(limits: Limits) -> (Script, amqp_core::SessionId) {
    let mut script = Script::client(ConnectionOptions::new("engine").limits(limits));
    script.open(&peer_open());
    let session = script.begin(SessionOptions::default(), &peer_begin());
    (script, session)
}

fn receiving(limits: Limits, options: ReceiverOptions) -> (Script, ReceiverId) {
    let (mut script, session) = begun(limits);
    let receiver = script.attach_receiver(session, options, &peer_sender(""));
    script.rest();
    (script, receiver)
}

fn sending(limits: Limits, credit: u32) -> (Script, SenderId) {
    let (mut script, session) = begun(limits);
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer_receiver(""));
    script.give(&script.grant(0, credit));
    (script, sender)
}

fn send(script: &mut Script, sender: SenderId) -> Result<(), SendErrorReason> {
    let sent = script.engine.sender(sender).unwrap().send(Bytes::from_static(b"message"));
    sent.map(|_| ()).map_err(|refused| refused.reason)
}

fn more(transfer: Transfer) -> Transfer {
    Transfer { more: true, ..transfer }
}

fn next() -> Transfer {
    Transfer { handle: HANDLE, ..Transfer::default() }
}

fn accepts(last: u32) -> Disposition {
    Disposition {
        role: Role::Receiver,
        first: Serial(0),
        last: Some(Serial(last)),
        settled: true,
        state: Some(DeliveryState::Accepted),
        batchable: false,
    }
}

/// TRANSPORT-2.6.1-16: `message_size` is what a receiver announces and keeps, decided on the running total.
#[test]
fn message_size() {
    let (mut script, session) = begun(Limits::default().message_size(10_u64));
    let options = ReceiverOptions::new("node").prefetch(9);
    let receiver = script.engine.session(session).unwrap().attach_receiver(options).unwrap();
    let attach: Attach = script.expect_frame();
    assert_eq!(attach.max_message_size, Some(10));
    script.give(&Attach { name: attach.name, ..peer_sender("") });
    script.rest();
    script.give_transfer(&more(peer_transfer(0)), &[0; 5]);
    script.give_transfer(&next(), &[0; 5]);
    script.expect_nothing();
    script.give_transfer(&more(peer_transfer(1)), &[0; 5]);
    script.give_transfer(&more(next()), &[0; 6]);
    script.expect_detach(Some(ErrorCondition::MESSAGE_SIZE_EXCEEDED));
    // What was whole before can still be taken.
    let mut view = script.engine.receiver(receiver).unwrap();
    assert_eq!((view.next_delivery().unwrap().payload.len(), view.next_delivery()), (10, None));
    assert_eq!(script.engine.counters().buffered_input, 0);
}

#[test]
fn frames_per_delivery() {
    for (frames, stays) in [(5, true), (6, false)] {
        let options = ReceiverOptions::new("node").prefetch(9);
        let (mut script, receiver) = receiving(Limits::default().frames_per_delivery(5_u32), options);
        script.give_transfer(&more(peer_transfer(0)), b"");
        for _ in 1..frames {
            script.give_transfer(&more(next()), b"");
        }
        if stays {
            script.expect_nothing();
            continue;
        }
        script.expect_detach(Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
        let reason = script.engine.receiver(receiver).unwrap().close_reason().cloned();
        assert_eq!(*reason.unwrap().cause(), Cause::Violation(Violation::Buffer));
    }
}

/// Above `buffered_input` the window is not renewed and nothing is read, until the application takes something.
#[test]
fn buffered_input_stops_reading() {
    let limits = Limits::default().buffered_input(1000_usize);
    let mut script = Script::client(ConnectionOptions::new("engine").limits(limits));
    script.open(&peer_open());
    let session = script.begin(SessionOptions::default().incoming_window(4_u32), &peer_begin());
    let options = ReceiverOptions::new("node").prefetch(100);
    let receiver = script.attach_receiver(session, options, &peer_sender(""));
    script.rest();
    for number in 0..3 {
        assert!(script.engine.wants_read());
        script.give_transfer(&peer_transfer(number), &[0; 400]);
    }
    assert!(!script.engine.wants_read());
    let windows = |script: &mut Script| -> Vec<u32> {
        std::iter::from_fn(|| script.next_unit())
            .filter_map(|unit| match unit {
                amqp_tests::frames::Unit::Frame(frame) => match frame.performative? {
                    amqp_core::codec::Performative::Flow(flow) => Some(flow.incoming_window),
                    _ => None,
                },
                _ => None,
            })
            .collect()
    };
    // Half of the window was used before the limit was reached; no more is announced beyond it.
    windows(&mut script);
    script.give_transfer(&peer_transfer(3), &[0; 400]);
    script.give(&Flow { echo: true, ..script.flow() });
    assert!(windows(&mut script).iter().all(|window| *window <= 2));
    for _ in 0..2 {
        script.engine.receiver(receiver).unwrap().next_delivery().unwrap();
    }
    assert!(script.engine.wants_read());
    assert_eq!(windows(&mut script).last(), Some(&4));
}

/// Where nothing can be taken, because no message is whole, the link that goes over `buffered_input` is detached.
#[test]
fn buffered_input_without_anything_to_take_detaches() {
    let limits = Limits::default().buffered_input(1000_usize);
    let (mut script, receiver) = receiving(limits, ReceiverOptions::new("node").prefetch(9));
    script.give_transfer(&more(peer_transfer(0)), &[0; 600]);
    script.give_transfer(&more(next()), &[0; 400]);
    script.rest();
    script.give_transfer(&more(next()), &[0; 1]);
    script.expect_detach(Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
    assert_eq!(script.engine.counters().buffered_input, 0);
    script.expect_event(Event::ReceiverClosed(receiver));
}

/// `buffered_output` refuses sends, and stops reading, until the output was taken.
#[test]
fn buffered_output() {
    let (mut script, sender) = sending(Limits::default().buffered_output(70_usize), 1000);
    let mut accepted = 0;
    while send(&mut script, sender).is_ok() {
        accepted += 1;
    }
    assert_eq!((accepted, send(&mut script, sender)), (10, Err(SendErrorReason::Blocked)));
    assert_eq!(script.engine.counters().buffered_output, 70);
    script.take_events();
    script.rest();
    assert_eq!(script.take_events(), [Event::Credit(sender)]);
    assert_eq!(send(&mut script, sender), Ok(()));
    script.rest();
}

/// Answers of the engine itself count as output: who makes it answer and does not read is not read any more.
#[test]
fn answers_are_encoded_when_they_are_polled() {
    let (mut script, _) = begun(Limits::default().buffered_output(2000_usize));
    let mut attaches = 0;
    let peer = |number: u32| Attach { handle: number, name: number.to_string().into(), ..peer_sender("") };
    // Unknown termini are refused without asking: an attach and a detach each, written when output is polled.
    while attaches < 200 {
        _ = script.engine.handle_input(&frame(CHANNEL, &peer(attaches), &[]), script.now());
        attaches += 1;
    }
    // Nothing is encoded before it is polled, so a flood of questions costs no output.
    assert_eq!(script.engine.counters().buffered_output, 0);
    assert!(script.engine.wants_read());
}

#[test]
fn unsettled_deliveries_that_are_sent() {
    let (mut script, sender) = sending(Limits::default().unsettled(3_u32), 1000);
    for _ in 0..3 {
        assert_eq!(send(&mut script, sender), Ok(()));
    }
    assert_eq!(send(&mut script, sender), Err(SendErrorReason::Blocked));
    script.rest();
    assert_eq!(send(&mut script, sender), Err(SendErrorReason::Blocked));
    script.take_events();
    script.give(&accepts(1));
    let events = script.take_events();
    assert!(events.contains(&Event::Credit(sender)), "{events:?}");
    assert_eq!(script.engine.sender(sender).unwrap().credit(), 2);
}

/// What is half sent counts once.
#[test]
fn unsettled_deliveries_that_are_being_sent_count_once() {
    let (mut script, sender) = sending(Limits::default().unsettled(2_u32), 1000);
    let key = script.engine.sender(sender).unwrap().start(Bytes::from_static(b"begun")).unwrap();
    script.expect_transfer();
    script.engine.sender(sender).unwrap().finish(key).unwrap();
    assert_eq!(send(&mut script, sender), Ok(()));
    assert_eq!(send(&mut script, sender), Err(SendErrorReason::Blocked));
    script.rest();
}

#[test]
fn unsettled_deliveries_that_arrive() {
    let (mut script, receiver) = receiving(Limits::default().unsettled(3_u32), ReceiverOptions::new("node"));
    script.engine.receiver(receiver).unwrap().grant(100);
    script.rest();
    for number in 0..3 {
        script.give_transfer(&peer_transfer(number), b"x");
    }
    // Settled ones do not count.
    script.give_transfer(&Transfer { settled: Some(true), ..peer_transfer(3) }, b"x");
    script.expect_nothing();
    script.give_transfer(&peer_transfer(4), b"x");
    script.expect_detach(Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
    let mut view = script.engine.receiver(receiver).unwrap();
    assert_eq!(std::iter::from_fn(|| view.next_delivery()).count(), 4);
}

/// Credit that the engine grants by itself keeps to the limit, and is granted on when something was settled, by either
/// side.
#[test]
fn prefetch_keeps_to_the_unsettled_deliveries_there_may_be() {
    let options = ReceiverOptions::new("node").prefetch(100);
    let (mut script, session) = begun(Limits::default().unsettled(3_u32));
    let receiver = script.attach_receiver(session, options, &peer_sender(""));
    let granted = |script: &mut Script| -> Vec<_> {
        let credit = |unit| match unit {
            amqp_tests::frames::Unit::Frame(frame) => match frame.performative? {
                amqp_core::codec::Performative::Flow(flow) => flow.link_credit,
                _ => None,
            },
            _ => None,
        };
        script.rest().into_iter().filter_map(credit).collect()
    };
    assert_eq!(granted(&mut script), [3]);
    for number in 0..3 {
        script.give_transfer(&peer_transfer(number), b"x");
    }
    let mut view = script.engine.receiver(receiver).unwrap();
    let keys: Vec<_> = std::iter::from_fn(|| view.next_delivery()).map(|it| it.key).collect();
    assert_eq!((keys.len(), granted(&mut script)), (3, vec![]));
    script.engine.receiver(receiver).unwrap().settle(keys[0], DeliveryState::Accepted).unwrap();
    assert_eq!(granted(&mut script), [1]);
    script.give(&Disposition { role: Role::Sender, first: Serial(1), ..accepts(2) });
    assert_eq!(granted(&mut script), [3]);
}

#[test]
fn untaken_outcomes() {
    let (mut script, sender) = sending(Limits::default().untaken_outcomes(3_u32), 1000);
    for _ in 0..3 {
        assert_eq!(send(&mut script, sender), Ok(()));
    }
    script.rest();
    script.give(&accepts(2));
    assert_eq!(send(&mut script, sender), Err(SendErrorReason::Blocked));
    script.take_events();
    script.engine.sender(sender).unwrap().next_outcome().unwrap();
    assert_eq!(script.take_events(), [Event::Credit(sender)]);
    assert_eq!(send(&mut script, sender), Ok(()));
    assert_eq!(send(&mut script, sender), Err(SendErrorReason::Blocked));
    script.rest();
}

#[test]
fn links_that_are_attached_here() {
    let (mut script, session) = begun(Limits::default().links(2_u32));
    let mut view = script.engine.session(session).unwrap();
    view.attach_sender(SenderOptions::new("a")).unwrap();
    view.attach_receiver(ReceiverOptions::new("b")).unwrap();
    assert_eq!(view.attach_sender(SenderOptions::new("c")), Err(Exhausted::Handles));
    script.rest();
}

#[test]
fn links_that_the_peer_attaches() {
    let limits = Limits::default().links(2_u32);
    let mut script = Script::server(ConnectionOptions::new("engine").accept_connection(true).limits(limits));
    script.open(&peer_open());
    script.accept_session(&peer_begin(), SessionOptions::default());
    for (handle, name) in [(0, "a"), (1, "b")] {
        script.give(&Attach { handle, ..peer_sender(name) });
    }
    script.expect_nothing();
    script.give(&Attach { handle: 2, ..peer_sender("c") });
    script.expect_end(Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
}

/// A link that has ended counts until it was read to its end: a peer cannot fill memory by attaching and detaching.
#[test]
fn links_that_were_not_read_to_their_end() {
    let limits = Limits::default().links(2_u32);
    let mut script = Script::server(ConnectionOptions::new("engine").accept_connection(true).limits(limits));
    script.open(&peer_open());
    script.accept_session(&peer_begin(), SessionOptions::default());
    let mut octets = Vec::new();
    for number in 0..3 {
        octets.extend_from_slice(&frame(
            CHANNEL,
            &Attach { handle: 0, ..peer_sender(&number.to_string()) },
            &[],
        ));
        let detach = amqp_core::codec::Detach { handle: 0, closed: true, error: None };
        octets.extend_from_slice(&frame(CHANNEL, &detach, &[]));
    }
    script.give_octets(&octets);
    let last = script.rest().pop();
    let Some(amqp_tests::frames::Unit::Frame(last)) = last else { unreachable!("{last:?}") };
    let Some(amqp_core::codec::Performative::End(end)) = last.performative else { unreachable!("{last:?}") };
    assert_eq!(end.error.unwrap().condition, ErrorCondition::RESOURCE_LIMIT_EXCEEDED);
}

/// TRANSPORT-2.6.2: a handle above our handle-max closes the connection.
#[test]
fn handle_max() {
    let mut script = Script::opened_server();
    script.accept_session(&peer_begin(), SessionOptions::default().handle_max(3_u32));
    script.give(&Attach { handle: 3, ..peer_sender("a") });
    script.expect_nothing();
    script.give(&Attach { handle: 4, ..peer_sender("b") });
    script.expect_closed(ErrorCondition::FRAMING_ERROR);
}
