//! §2.8.14 to §2.8.18 where links are concerned: which error says what, and what is no longer said.
#![cfg(test)]

use amqp_core::codec::{
    Attach, DeliveryState, Detach, End, Error, ErrorCondition, Fields, Flow, Performative,
    ReceiverSettleMode, Serial, Symbol, Transfer, Value,
};
use amqp_core::{Cause, Event, ReceiverOptions, Scope, SenderOptions, SessionOptions, Violation};
use amqp_tests::frames::{Frame, Unit};
use amqp_tests::script::{HANDLE, Script, peer_begin, peer_sender, peer_transfer};

/// TRANSPORT-2.8-1: an error without a condition is none.
#[test]
fn an_error_without_a_condition_ends_the_session() {
    let (mut script, sender) = Script::sending(0);
    let detach = b"\0\x53\x16\xc0\x0b\x03\x52\x09\x41\0\x53\x1d\xc0\x02\x01\x40";
    let size = u8::try_from(detach.len() + 8).unwrap();
    script.give_octets(&[&[0, 0, 0, size, 2, 0, 0, 5], &detach[..]].concat());
    script.expect_end(Some(ErrorCondition::INVALID_FIELD));
    script.expect_event(Event::SenderClosed(sender));
}

/// TRANSPORT-2.8-2
#[test]
fn a_condition_that_nobody_knows_is_passed_on() {
    let (mut script, sender) = Script::sending(0);
    let strange = ErrorCondition::new("com.example:out-of-cheese").unwrap();
    script.give(&Detach { handle: HANDLE, closed: true, error: Some(Error::new(strange.clone(), "redo")) });
    script.rest();
    script.expect_event(Event::SenderClosed(sender));
    let error = script.reason(Event::SenderClosed(sender)).unwrap().error().unwrap();
    assert_eq!((error.condition, error.description.as_deref()), (strange, Some("redo")));
}

/// TRANSPORT-2.8-3
#[test]
fn a_redirect_can_be_read_and_is_not_followed() {
    let (mut script, sender) = Script::sending(0);
    let info = Fields::from_iter([
        (Symbol::from_static("hostname"), Value::from("elsewhere")),
        (Symbol::from_static("network-host"), Value::from("10.0.0.1")),
        (Symbol::from_static("port"), Value::Ushort(5672)),
        (Symbol::from_static("address"), Value::from("other")),
    ]);
    let error = Error { info: Some(info.clone()), ..Error::new(ErrorCondition::LINK_REDIRECT, "moved") };
    script.give(&Detach { handle: HANDLE, closed: true, error: Some(error) });
    script.expect_detach(None);
    script.expect_nothing();
    script.expect_event(Event::SenderClosed(sender));
    let error = script.reason(Event::SenderClosed(sender)).unwrap().error().unwrap();
    assert_eq!((error.condition, error.info), (ErrorCondition::LINK_REDIRECT, Some(info)));
}

/// A peer makes a mistake towards a receiver with two credits for messages of a hundred octets: what it is told, and
/// which endpoint that ends.
#[track_caller]
fn expect_told(
    mistake: impl FnOnce(&mut Script),
    scope: Scope,
    condition: ErrorCondition,
    violation: Violation,
) {
    let (mut script, session) = Script::begun();
    let options = ReceiverOptions::new("node").max_message_size(100_u64);
    let receiver = script.attach_receiver(session, options, &peer_sender(""));
    script.engine.receiver(receiver).unwrap().grant(2);
    script.rest();
    mistake(&mut script);
    let told: Vec<_> = script.rest().into_iter().filter_map(error_of).collect();
    assert_eq!(told, [(scope, condition)], "{violation:?}");
    let reason = script.engine.receiver(receiver).ok().and_then(|view| view.close_reason().cloned());
    let reason = reason.or_else(|| script.reason(Event::ReceiverClosed(receiver)).cloned()).unwrap();
    assert_eq!(
        (reason.scope(), reason.cause(), reason.is_local()),
        (scope, &Cause::Violation(violation), true)
    );
}

/// TRANSPORT-2.8-4
#[test]
fn a_wrong_transfer_ends_its_link() {
    let ends = |transfers: Vec<(Transfer, usize)>, condition, violation| {
        let gives = |script: &mut Script| {
            transfers.iter().for_each(|(it, size)| script.give_transfer(it, &vec![0; *size]));
        };
        expect_told(gives, Scope::Link, condition, violation);
    };
    let three = (0..3).map(|number| (peer_transfer(number), 1)).collect();
    ends(three, ErrorCondition::TRANSFER_LIMIT_EXCEEDED, Violation::Credit);
    ends(vec![(peer_transfer(0), 101)], ErrorCondition::MESSAGE_SIZE_EXCEEDED, Violation::MessageSize);
    let untagged = Transfer { delivery_tag: None, ..peer_transfer(0) };
    ends(vec![(untagged, 1)], ErrorCondition::INVALID_FIELD, Violation::DeliveryTagMissing);
    let second = Transfer { rcv_settle_mode: Some(ReceiverSettleMode::Second), ..peer_transfer(0) };
    ends(vec![(second, 1)], ErrorCondition::INVALID_FIELD, Violation::SettleMode);
    let begun = Transfer { more: true, ..peer_transfer(0) };
    let differs = vec![(begun, 1), (peer_transfer(1), 1)];
    ends(differs, ErrorCondition::INVALID_FIELD, Violation::Continuation);
}

/// TRANSPORT-2.8-4
#[test]
fn a_wrong_flow_or_a_stolen_name_ends_its_link() {
    let credit = ErrorCondition::TRANSFER_LIMIT_EXCEEDED;
    let gives_back = |script: &mut Script| {
        script.give(&Flow { delivery_count: Some(Serial(9)), ..script.grant(0, 0) });
    };
    expect_told(gives_back, Scope::Link, credit, Violation::Credit);
    let steals = |script: &mut Script| script.give(&Attach { handle: HANDLE + 1, ..peer_sender("engine-1") });
    expect_told(steals, Scope::Link, ErrorCondition::STOLEN, Violation::Stolen);
}

/// TRANSPORT-2.8-4
#[test]
fn what_concerns_more_than_a_link_ends_the_session() {
    let gap = |script: &mut Script| {
        [5, 7].iter().for_each(|number| script.give_transfer(&peer_transfer(*number), b"x"));
    };
    expect_told(gap, Scope::Session, ErrorCondition::INVALID_FIELD, Violation::DeliveryId);
    let twice = |script: &mut Script| script.give(&peer_sender("other"));
    expect_told(twice, Scope::Session, ErrorCondition::HANDLE_IN_USE, Violation::HandleInUse(HANDLE));
    let unattached = |script: &mut Script| script.give(&Flow { handle: Some(70), ..script.flow() });
    expect_told(
        unattached,
        Scope::Session,
        ErrorCondition::UNATTACHED_HANDLE,
        Violation::UnattachedHandle(70),
    );
    let uncounted = |script: &mut Script| {
        script.give(&Attach { handle: HANDLE + 1, initial_delivery_count: None, ..peer_sender("new") });
    };
    expect_told(uncounted, Scope::Session, ErrorCondition::INVALID_FIELD, Violation::InitialDeliveryCount);
}

/// What an end or a detach says is wrong.
fn error_of(unit: Unit) -> Option<(Scope, ErrorCondition)> {
    let Unit::Frame(Frame { performative, .. }) = unit else { return None };
    match performative? {
        Performative::Detach(detach) => Some((Scope::Link, detach.error?.condition)),
        Performative::End(end) => Some((Scope::Session, end.error?.condition)),
        Performative::Close(close) => Some((Scope::Connection, close.error?.condition)),
        _ => None,
    }
}

/// Nothing follows our end: neither the answer to a detach, nor a disposition, nor a flow.
#[test]
fn nothing_follows_an_end() {
    let (mut script, receiver) = Script::receiving(5);
    script.give_transfer(&peer_transfer(0), b"x");
    let mut view = script.engine.receiver(receiver).unwrap();
    let (session, delivery) = (view.session().unwrap(), view.next_delivery().unwrap());
    script.engine.session(session).unwrap().end(None).unwrap();
    script.expect_end(None);
    let mut view = script.engine.receiver(receiver).unwrap();
    view.settle(delivery.key, DeliveryState::Accepted).ok();
    view.grant(5);
    view.echo();
    view.detach().ok();
    script.give_transfer(&peer_transfer(1), b"on its way");
    script.give(&Flow { echo: true, ..script.grant(0, 0) });
    script.give(&Detach { handle: HANDLE, closed: true, error: None });
    script.expect_nothing();
    script.give(&End::default());
    script.expect_nothing();
    script.expect_event(Event::SessionEnded(session));
}

/// Nothing of a link follows its detach.
#[test]
fn nothing_of_a_link_follows_its_detach() {
    let (mut script, receiver) = Script::receiving(5);
    script.engine.receiver(receiver).unwrap().detach().unwrap();
    assert!(!script.expect_frame::<Detach>().closed);
    let mut view = script.engine.receiver(receiver).unwrap();
    view.grant(5);
    view.echo();
    view.drain();
    script.give(&Flow { echo: true, ..script.grant(0, 0) });
    script.expect_nothing();
    script.give(&Detach { handle: HANDLE, closed: false, error: None });
    script.expect_nothing();
}

/// Numbers of a peer cost nothing by their size: the highest handle there is stands for a link like any other.
#[test]
fn the_highest_handle_is_a_handle() {
    let mut script = Script::opened_server();
    script.accept_session(&peer_begin(), SessionOptions::default().handle_max(u32::MAX));
    script.give(&Attach { handle: u32::MAX, ..peer_sender("far") });
    let receiver = script.expect_some(|event| match event {
        Event::ReceiverOpening(id) => Some(id),
        _ => None,
    });
    script.engine.receiver(receiver).unwrap().accept(ReceiverOptions::default().prefetch(1)).unwrap();
    assert_eq!(script.expect_frame::<Attach>().handle, 0);
    script.expect_frame::<Flow>();
    script.give_transfer(&Transfer { handle: u32::MAX, ..peer_transfer(0) }, b"x");
    assert_eq!(script.engine.receiver(receiver).unwrap().waiting(), 1);
    script.give(&Detach { handle: u32::MAX, closed: true, error: None });
    script.expect_detach(None);
}

/// More links than small handles: all of them work.
#[test]
fn more_links_than_small_handles() {
    let (mut script, session) = Script::begun();
    let mut senders = Vec::new();
    for handle in 0..200 {
        let peer = Attach { handle, ..amqp_tests::script::peer_receiver("") };
        let sender = script.attach_sender(session, SenderOptions::new("node"), &peer);
        script.give(&Flow { handle: Some(handle), ..script.grant(0, 1) });
        senders.push(sender);
    }
    for sender in &senders {
        script.engine.sender(*sender).unwrap().send(bytes::Bytes::from_static(b"x")).unwrap();
    }
    let mut handles: Vec<_> = senders.iter().map(|_| script.expect_transfer().0.handle).collect();
    handles.sort_unstable();
    assert_eq!(handles, (0..200).collect::<Vec<_>>());
}
