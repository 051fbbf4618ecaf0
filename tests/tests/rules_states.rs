//! Rule 8 for what a peer tells of deliveries: large states are kept once, counted as long as they are kept, and bounded.
#![cfg(test)]

use amqp_core::codec::{
    Declared, DeliveryState, Described, Detach, Disposition, End, Error, ErrorCondition, Fields, Flow,
    Modified, Received, Rejected, Role, Serial, Symbol, TransactionId, TransactionalState, Transfer, Value,
};
use amqp_core::{
    Cause, DeliveryKey, Event, Limits, ReceivedKey, ReceiverId, ReceiverOptions, Resolution, SenderId,
    SenderOptions, SessionId, SessionOptions, Violation,
};
use amqp_tests::pair::client_options;
use amqp_tests::script::{HANDLE, Script, peer_begin, peer_open, peer_receiver, peer_sender, peer_transfer};
use bytes::Bytes;

/// Octets that all states may have.
const LIMIT: usize = 1000;
/// Of a state that fits twice with what is around it, and not three times.
const LARGE: usize = 400;

fn begun() -> (Script, SessionId) {
    limited(LIMIT)
}

fn limited(states: usize) -> (Script, SessionId) {
    let mut script = Script::client(client_options().limits(Limits::default().states(states)));
    script.open(&peer_open());
    let session = script.begin(SessionOptions::default(), &peer_begin());
    (script, session)
}

fn sending(options: SenderOptions) -> (Script, SessionId, SenderId) {
    let (mut script, session) = begun();
    let sender = script.attach_sender(session, options, &peer_receiver("link"));
    script.give(&script.grant(0, 100));
    (script, session, sender)
}

fn receiving() -> (Script, SessionId, ReceiverId) {
    let (mut script, session) = begun();
    let options = ReceiverOptions::new("node");
    let receiver = script.attach_receiver(session, options, &peer_sender("link"));
    script.engine.receiver(receiver).unwrap().grant(100);
    script.expect_frame::<Flow>();
    (script, session, receiver)
}

fn manual() -> SenderOptions {
    SenderOptions::new("node").auto_settle(false)
}

/// Sends so many messages.
fn send(script: &mut Script, sender: SenderId, count: u32) -> Vec<DeliveryKey> {
    let mut view = script.engine.sender(sender).unwrap();
    let keys = (0..count).map(|_| view.send(Bytes::from_static(b"message")).unwrap()).collect();
    for _ in 0..count {
        script.expect_transfer();
    }
    keys
}

fn transfer(id: u32, state: Option<DeliveryState>) -> Transfer {
    Transfer { state, ..peer_transfer(id) }
}

/// The peer sends a message with a state, and the application takes it.
fn receive(script: &mut Script, receiver: ReceiverId, id: u32, state: Option<DeliveryState>) -> ReceivedKey {
    script.give_transfer(&transfer(id, state), b"message");
    script.engine.receiver(receiver).unwrap().next_delivery().unwrap().key
}

fn text(octets: usize) -> Value {
    "x".repeat(octets).into()
}

fn rejected(octets: usize) -> DeliveryState {
    Rejected::from(Error::new(ErrorCondition::NOT_FOUND, "x".repeat(octets))).into()
}

fn modified(octets: usize) -> DeliveryState {
    let fields = Fields::from_iter([(Symbol::from_static("x-opt-why"), text(octets))]);
    DeliveryState::Modified(Modified { message_annotations: Some(fields.into()), ..Modified::default() })
}

/// No outcome.
fn unknown(octets: usize) -> DeliveryState {
    let descriptor = Symbol::from_static("example:state").into();
    DeliveryState::Unknown(Described { descriptor, value: text(octets) }.into())
}

fn transactional(outcome: Option<DeliveryState>) -> DeliveryState {
    let txn_id = TransactionId::from([7; 32]);
    DeliveryState::Transactional(TransactionalState { txn_id, outcome }.into())
}

/// What a receiver tells of a range.
fn told(first: u32, last: u32, settled: bool, state: DeliveryState) -> Disposition {
    let (first, last) = (Serial(first), Some(Serial(last)));
    Disposition { role: Role::Receiver, first, last, settled, state: Some(state), batchable: false }
}

/// What a sender tells of one.
fn tells(id: u32, settled: bool, state: DeliveryState) -> Disposition {
    Disposition { role: Role::Sender, ..told(id, id, settled, state) }
}

/// Whether the session was ended because of the limit.
fn exceeded(script: &mut Script, session: SessionId) -> bool {
    script.rest();
    let session = script.engine.session(session).unwrap();
    session.close_reason().is_some_and(|it| it.cause() == &Cause::Violation(Violation::States))
}

/// More than there is room for, one after the other, and then as much as there is room for.
#[track_caller]
fn rounds(script: &mut Script, session: SessionId, mut round: impl FnMut(&mut Script, u32)) {
    for number in 0..20 {
        round(script, number);
        assert!(!exceeded(script, session), "in round {number}");
    }
}

#[test]
fn states_of_dispositions_are_bounded() {
    let (mut script, session, sender) = sending(manual());
    let keys = send(&mut script, sender, 3);
    script.give(&told(0, 0, false, rejected(LARGE)));
    script.give(&told(1, 1, false, unknown(LARGE)));
    assert!(!exceeded(&mut script, session));
    script.give(&told(2, 2, true, modified(LARGE)));
    script.expect_end(Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
    script.give(&End::default());
    script.expect_event(Event::SessionEnded(session));
    let reason = script.reason(Event::SessionEnded(session)).unwrap();
    assert_eq!(reason.cause(), &Cause::Violation(Violation::States));
    let mut view = script.engine.sender(sender).unwrap();
    assert_eq!(view.next_outcome(), Some((keys[0], Resolution::Settled(Some(rejected(LARGE))))));
    assert!(matches!(view.next_outcome(), Some((key, Resolution::Unacknowledged(_))) if key == keys[1]));
    assert!(matches!(view.next_outcome(), Some((key, Resolution::Unacknowledged(_))) if key == keys[2]));
}

#[test]
fn states_of_transfers_are_bounded() {
    let (mut script, session, receiver) = receiving();
    for (id, state) in [rejected(LARGE), modified(LARGE)].into_iter().enumerate() {
        receive(&mut script, receiver, u32::try_from(id).unwrap(), Some(state));
    }
    assert!(!exceeded(&mut script, session));
    script.give_transfer(&transfer(2, Some(unknown(LARGE))), b"message");
    script.expect_end(Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED));
    script.give(&End::default());
    script.expect_event(Event::SessionEnded(session));
    let reason = script.reason(Event::SessionEnded(session)).unwrap();
    assert_eq!(reason.cause(), &Cause::Violation(Violation::States));
    assert_eq!(script.engine.counters().incoming, 0, "nothing of it is left");
}

/// All frames of a delivery may say one, and the newest counts.
#[test]
fn parts_of_a_delivery_replace_what_was_told() {
    let (mut script, session, receiver) = receiving();
    rounds(&mut script, session, |script, _| {
        let part = Transfer { more: true, ..transfer(0, Some(unknown(LARGE))) };
        script.give_transfer(&part, b"part");
    });
    script.give_transfer(&transfer(0, Some(modified(LARGE))), b"end");
    let delivery = script.engine.receiver(receiver).unwrap().next_delivery().unwrap();
    assert_eq!(delivery.state, Some(modified(LARGE)));
}

#[test]
fn a_state_for_many_deliveries_counts_once() {
    for (options, settled) in [(SenderOptions::new("node"), false), (manual(), false), (manual(), true)] {
        let (mut script, session, sender) = sending(options);
        let keys = send(&mut script, sender, 20);
        script.give(&told(0, 9, settled, rejected(LARGE)));
        script.give(&told(10, 19, settled, modified(LARGE)));
        assert!(!exceeded(&mut script, session));
        let mut view = script.engine.sender(sender).unwrap();
        let outcomes: Vec<_> = std::iter::from_fn(|| view.next_outcome()).collect();
        let expected = keys.iter().zip(0..).map(|(key, at)| {
            (*key, Resolution::Settled(Some(if at < 10 { rejected(LARGE) } else { modified(LARGE) })))
        });
        assert_eq!(outcomes, expected.collect::<Vec<_>>());
    }
}

/// Where every such state goes: to nobody, because none of the deliveries is there.
#[test]
fn what_is_told_of_nothing_is_not_kept() {
    let (mut script, session, _) = sending(manual());
    rounds(&mut script, session, |script, number| {
        script.give(&told(number, number, true, rejected(LARGE)));
        script.give(&tells(number, true, rejected(LARGE)));
    });
}

#[test]
fn what_is_small_does_not_count() {
    let (mut script, session) = limited(0);
    let sender = script.attach_sender(session, manual(), &peer_receiver("link"));
    script.give(&script.grant(0, 100));
    send(&mut script, sender, 1);
    let received = DeliveryState::Received(Received { section_number: 1, section_offset: u64::MAX });
    let bare = DeliveryState::Modified(Modified { delivery_failed: true, ..Modified::default() });
    let small = [
        transactional(None),
        transactional(Some(received.clone())),
        received,
        transactional(Some(bare.clone())),
        bare,
        DeliveryState::Rejected(Rejected::default()),
        DeliveryState::Declared(Declared { txn_id: TransactionId::from([7; 32]) }.into()),
        DeliveryState::Released,
        DeliveryState::Accepted,
    ];
    for state in small {
        script.give(&told(0, 0, false, state.clone()));
        assert!(!exceeded(&mut script, session), "{state:?}");
    }
    // As long as it pleases, by transactions in transactions for instance.
    let large = [transactional(Some(transactional(None))), transactional(Some(rejected(0))), rejected(0)];
    for state in large {
        let (mut script, session) = limited(0);
        script.give(&told(0, 0, false, state.clone()));
        assert!(exceeded(&mut script, session), "{state:?}");
    }
}

#[test]
fn outcomes_that_are_taken_do_not_count() {
    let (mut script, session, sender) = sending(SenderOptions::new("node"));
    rounds(&mut script, session, |script, number| {
        send(script, sender, 1);
        script.give(&told(number, number, number % 2 == 0, rejected(LARGE)));
        script.engine.sender(sender).unwrap().next_outcome().unwrap();
    });
    send(&mut script, sender, 3);
    for id in 20..23 {
        assert!(!exceeded(&mut script, session));
        script.give(&told(id, id, true, rejected(LARGE)));
    }
    assert!(exceeded(&mut script, session));
}

/// An outcome that was taken counts until its delivery is settled.
#[test]
fn deliveries_that_are_settled_do_not_count() {
    let (mut script, session, sender) = sending(manual());
    let outcome = |script: &mut Script, number: u32| {
        send(script, sender, 1);
        script.give(&told(number, number, false, rejected(LARGE)));
        let (key, _) = script.engine.sender(sender).unwrap().next_outcome()?;
        assert_eq!(script.engine.sender(sender).unwrap().remote_state(key), Some(&rejected(LARGE)));
        Some(key)
    };
    rounds(&mut script, session, |script, number| {
        let key = outcome(script, number).unwrap();
        script.engine.sender(sender).unwrap().settle(key).unwrap();
    });
    assert!(outcome(&mut script, 20).is_some() && outcome(&mut script, 21).is_some());
    send(&mut script, sender, 1);
    script.give(&told(22, 22, false, rejected(LARGE)));
    assert!(exceeded(&mut script, session));
}

#[test]
fn received_deliveries_that_are_settled_do_not_count() {
    let (mut script, session, receiver) = receiving();
    rounds(&mut script, session, |script, number| {
        let key = receive(script, receiver, number, Some(unknown(LARGE)));
        script.engine.receiver(receiver).unwrap().settle(key, DeliveryState::Accepted).unwrap();
    });
}

/// Each link ends with deliveries that were told something.
#[test]
fn what_ends_does_not_count() {
    let (mut script, session) = begun();
    rounds(&mut script, session, |script, number| {
        let sender = script.attach_sender(session, manual(), &peer_receiver("link"));
        script.give(&script.grant(0, 100));
        send(script, sender, 2);
        let number = 2 * number;
        script.give(&told(number, number + 1, false, unknown(LARGE)));
        script.give(&Detach { handle: HANDLE, closed: true, error: None });
        // Not even while nobody takes what became of them.
        assert!(script.engine.sender(sender).unwrap().close_reason().is_some());
    });
    let mut script = Script::client(client_options().limits(Limits::default().states(LIMIT)));
    script.open(&peer_open());
    for _ in 0..20 {
        let session = script.begin(SessionOptions::default(), &peer_begin());
        let receiver = script.attach_receiver(session, ReceiverOptions::new("node"), &peer_sender("link"));
        script.engine.receiver(receiver).unwrap().grant(100);
        script.expect_frame::<Flow>();
        receive(&mut script, receiver, 0, Some(modified(2 * LARGE)));
        assert!(!exceeded(&mut script, session));
        script.give(&End::default());
        script.expect_end(None);
        script.expect_event(Event::SessionEnded(session));
    }
}

/// What a link leaves behind for the application counts until it is taken.
#[test]
fn what_is_left_behind_counts() {
    for takes in [true, false] {
        let (mut script, session) = begun();
        let mut ended = 0;
        while ended < 20 && !exceeded(&mut script, session) {
            let options = manual().retain_unsettled(true);
            let sender = script.attach_sender(session, options, &peer_receiver("link"));
            script.give(&script.grant(0, 100));
            send(&mut script, sender, 1);
            script.give(&told(ended, ended, false, unknown(LARGE)));
            script.give(&Detach { handle: HANDLE, closed: true, error: None });
            if takes {
                let left = script.engine.sender(sender).unwrap().take_unsettled();
                assert_eq!(left[0].remote_state, Some(unknown(LARGE)));
            }
            ended += 1;
        }
        assert_eq!(ended, if takes { 20 } else { 3 });
    }
}

#[test]
fn updates_that_are_taken_do_not_count() {
    let (mut script, session, receiver) = receiving();
    rounds(&mut script, session, |script, id| {
        let key = receive(script, receiver, id, None);
        script.give(&tells(id, true, modified(LARGE)));
        let update = script.engine.receiver(receiver).unwrap().next_update().unwrap();
        assert_eq!((update.key, update.state, update.settled), (key, Some(modified(LARGE)), true));
    });
    for id in 20..23 {
        assert!(!exceeded(&mut script, session));
        receive(&mut script, receiver, id, None);
        script.give(&tells(id, true, modified(LARGE)));
    }
    assert!(exceeded(&mut script, session));
}

/// An update that waits shows the newest state: what was told between its first and that does not count. The same state
/// again is news where it is large.
#[test]
fn updates_that_are_overtaken_do_not_count() {
    let (mut script, session, receiver) = receiving();
    let key = receive(&mut script, receiver, 0, None);
    rounds(&mut script, session, |script, number| {
        script.give(&tells(0, false, unknown(LARGE / 2 + usize::try_from(number / 2).unwrap())));
    });
    let mut view = script.engine.receiver(receiver).unwrap();
    let update = view.next_update().unwrap();
    assert_eq!((update.key, update.state), (key, Some(unknown(LARGE / 2 + 9))));
    assert_eq!(view.next_update(), None);
    script.give(&tells(0, false, unknown(LARGE / 2 + 9)));
    let mut view = script.engine.receiver(receiver).unwrap();
    assert_eq!(view.next_update().and_then(|it| it.state), Some(unknown(LARGE / 2 + 9)));
}

/// §2.7.6: what the receiver told is said again when this side settles, but for what is large.
#[test]
fn large_states_are_not_said_again() {
    for automatic in [true, false] {
        let (mut script, _, sender) = sending(SenderOptions::new("node").auto_settle(automatic));
        send(&mut script, sender, 4);
        let states =
            [DeliveryState::Released, rejected(LARGE), modified(0), transactional(Some(rejected(0)))];
        for (id, state) in (0..).zip(&states) {
            script.give(&told(id, id, false, state.clone()));
        }
        let mut view = script.engine.sender(sender).unwrap();
        let outcomes: Vec<_> = std::iter::from_fn(|| view.next_outcome()).collect();
        for ((key, resolution), state) in outcomes.into_iter().zip(states) {
            assert_eq!(resolution, Resolution::Settled(Some(state)));
            assert_eq!(view.settle(key).is_ok(), !automatic);
        }
        let settled: Disposition = script.expect_frame();
        assert_eq!((settled.first, settled.last), (Serial(0), None));
        assert_eq!((settled.settled, settled.state), (true, Some(DeliveryState::Released)));
        let settled: Disposition = script.expect_frame();
        assert_eq!((settled.first, settled.last), (Serial(1), Some(Serial(3))));
        assert_eq!((settled.settled, settled.state), (true, None));
        script.expect_nothing();
    }
}
