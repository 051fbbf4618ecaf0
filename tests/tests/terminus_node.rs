//! §3.5: what a node says of itself in its terminus, and what becomes of deliveries that nobody told the outcome of.
#![cfg(test)]

use amqp_core::codec::{
    Attach, AttachSource, AttachTarget, DeliveryState, Detach, Disposition, ErrorCondition, Fields,
    LifetimePolicy, Modified, Received, Rejected, Role, Serial, Source, StdDistMode, Symbol, Target, Value,
};
use amqp_core::{
    Cause, DeliveryKey, Event, ReceiverOptions, Resolution, SenderId, SenderOptions, SessionOptions,
    Violation,
};
use amqp_tests::oracle::Side;
use amqp_tests::pair::Pair;
use amqp_tests::script::{HANDLE, Script, peer_begin, peer_receiver, peer_sender};
use bytes::Bytes;

fn serving() -> Script {
    let mut script = Script::opened_server();
    script.accept_session(&peer_begin(), SessionOptions::default());
    script
}

fn from_source(source: Source) -> Attach {
    Attach { source: Some(Box::new(source.into())), ..peer_receiver("link") }
}

fn to_target(target: Target) -> Attach {
    Attach { target: Some(Box::new(target.into())), ..peer_sender("link") }
}

fn fields(name: &'static str, value: impl Into<Value>) -> Option<Fields> {
    Some(Fields::from([(Symbol::from_static(name), value.into())]))
}

fn source_of(attach: Option<&Attach>) -> &Source {
    match attach.and_then(|attach| attach.source.as_deref()) {
        Some(AttachSource::Source(source)) => source,
        other => unreachable!("no source: {other:?}"),
    }
}

fn target_of(attach: Option<&Attach>) -> &Target {
    match attach.and_then(|attach| attach.target.as_deref()) {
        Some(AttachTarget::Target(target)) => target,
        other => unreachable!("no target: {other:?}"),
    }
}

fn sender_opening(event: Event) -> Option<SenderId> {
    match event {
        Event::SenderOpening(id) => Some(id),
        _ => None,
    }
}

/// MESSAGING-3.5-4: only a dynamic node has properties to ask for, and its lifetime is one of four.
#[test]
fn properties_of_a_node_that_is_not_dynamic_detach() {
    let policy = || fields("lifetime-policy", Value::of(&LifetimePolicy::DeleteOnNoLinks).unwrap());
    let wrong = || fields("lifetime-policy", "for ever");
    for (dynamic, dynamic_node_properties) in [(false, policy()), (false, fields("x", 1_u8)), (true, wrong())]
    {
        let properties = dynamic_node_properties;
        let source = Source { dynamic, dynamic_node_properties: properties.clone(), ..Source::default() };
        let target = Target { dynamic, dynamic_node_properties: properties, ..Target::default() };
        for wish in [from_source(source), to_target(target)] {
            let mut script = serving();
            script.give(&wish);
            script.expect_frame::<Attach>();
            script.expect_detach(Some(ErrorCondition::INVALID_FIELD));
            assert_eq!(script.take_events(), []);
        }
    }
    // What the peer says of its own end is not asked for.
    let own = Source { dynamic_node_properties: policy(), ..Source::default() };
    let mut script = serving();
    script.give(&Attach { source: Some(Box::new(own.into())), ..peer_sender("link") });
    script.expect_some(|event| matches!(event, Event::ReceiverOpening(_)).then_some(()));
}

/// MESSAGING-3.5-4: the properties that are wished can be read, and those that the node has.
#[test]
fn properties_of_a_dynamic_node_are_said_by_who_makes_it() {
    let policy = |policy| fields("lifetime-policy", Value::of(&policy).unwrap());
    let wish = Source {
        dynamic: true,
        dynamic_node_properties: policy(LifetimePolicy::DeleteOnNoLinks),
        ..Source::default()
    };
    let node = Source {
        address: Some("made".into()),
        dynamic_node_properties: policy(LifetimePolicy::DeleteOnClose),
        ..wish.clone()
    };
    let (mut pair, sessions) = Pair::begun();
    let link = pair.attach_receiver(
        Side::Client,
        sessions,
        ReceiverOptions::default().with_source(wish.clone()),
        SenderOptions::default().with_source(node.clone()).dynamic_address("of no meaning"),
    );
    assert_eq!(source_of(pair.sender(&link).remote()), &wish);
    assert_eq!(source_of(pair.receiver(&link).remote()), &node);
    let made = source_of(pair.receiver(&link).remote()).dynamic_node_properties.clone().unwrap();
    assert_eq!(made.get("lifetime-policy").unwrap().to(), Ok(LifetimePolicy::DeleteOnClose));
    pair.finish();
}

/// MESSAGING-3.5-4, MESSAGING-3.5-9: an application that only accepts has promised neither filters nor properties.
#[test]
fn nobody_promises_what_only_the_application_can_keep() {
    let properties = fields("lifetime-policy", Value::of(&LifetimePolicy::DeleteOnNoMessages).unwrap());
    let (mut pair, sessions) = Pair::begun();
    let wish = Source {
        dynamic: true,
        dynamic_node_properties: properties.clone(),
        filter: fields("selector", Value::described("s", "a = 1")),
        timeout: 3,
        ..Source::default()
    };
    let accept = SenderOptions::default().dynamic_address("made");
    let options = ReceiverOptions::default().with_source(wish.clone());
    let link = pair.attach_receiver(Side::Client, sessions, options, accept);
    assert_eq!(source_of(pair.sender(&link).remote()), &wish);
    let kept = Source { dynamic: true, address: Some("made".into()), timeout: 3, ..Source::default() };
    assert_eq!(source_of(pair.receiver(&link).remote()), &kept);

    let wish = Target { dynamic: true, dynamic_node_properties: properties, timeout: 3, ..Target::default() };
    let accept = ReceiverOptions::default().dynamic_address("made");
    let options = SenderOptions::default().with_target(wish.clone());
    let link = pair.attach_sender(Side::Client, sessions, options, accept);
    assert_eq!(target_of(pair.receiver(&link).remote()), &wish);
    let kept = Target { dynamic: true, address: Some("made".into()), timeout: 3, ..Target::default() };
    assert_eq!(target_of(pair.sender(&link).remote()), &kept);
    pair.finish();
}

/// MESSAGING-3.5-9: the sending end says which of the filters it has, and the receiver can see and leave.
#[test]
fn a_receiver_sees_which_of_its_filters_are_in_force() {
    let wanted = Fields::from([
        (Symbol::from_static("one"), Value::described("s", "a = 1")),
        (Symbol::from_static("two"), Value::described("t", "b = 2")),
    ]);
    let (mut pair, sessions) = Pair::begun();
    let in_force = Source { filter: fields("one", Value::described("s", "a = 1")), ..Source::default() };
    let options = ReceiverOptions::new("node").filter(wanted.clone());
    let accept = SenderOptions::default().with_source(in_force.clone());
    let link = pair.attach_receiver(Side::Client, sessions, options, accept);
    assert_eq!(source_of(pair.receiver(&link).local()).filter, Some(wanted));
    assert_eq!(source_of(pair.receiver(&link).remote()).filter, in_force.filter);
    let error = amqp_core::codec::Error::new(ErrorCondition::NOT_IMPLEMENTED, "filter two is needed");
    pair.receiver(&link).close(Some(error.clone())).unwrap();
    pair.drive();
    let closed = pair.reason(Side::Server, Event::SenderClosed(link.sender)).unwrap();
    assert_eq!(closed.cause(), &Cause::Remote(Some(error)));
    pair.finish();
}

/// MESSAGING-3.5-7: a receiver prefers a mode, and the sending end says which one it is.
#[test]
fn the_sending_end_says_how_messages_are_distributed() {
    for (wish, mode) in [
        (Some(StdDistMode::COPY), Some(StdDistMode::MOVE)),
        (Some(StdDistMode::MOVE), Some(StdDistMode::MOVE)),
        (None, Some(StdDistMode::COPY)),
        (Some(Symbol::from_static("x-spread")), None),
    ] {
        let (mut pair, sessions) = Pair::begun();
        let wish = Source { distribution_mode: wish, ..Source::default() };
        let node = Source { distribution_mode: mode, ..Source::default() };
        let options = ReceiverOptions::default().with_source(wish.clone());
        let accept = SenderOptions::default().with_source(node.clone());
        let link = pair.attach_receiver(Side::Client, sessions, options, accept);
        assert_eq!(source_of(pair.sender(&link).remote()), &wish);
        assert_eq!(source_of(pair.receiver(&link).remote()), &node);
        pair.finish();
    }
    assert_eq!((&*StdDistMode::MOVE, &*StdDistMode::COPY), ("move", "copy"));
}

/// A sender whose source has this default outcome, and one delivery that is sent.
fn sent(default_outcome: Option<DeliveryState>) -> (Script, SenderId, DeliveryKey) {
    let (mut script, session) = Script::begun();
    let source = Source { default_outcome: default_outcome.map(Box::new), ..Source::default() };
    let options = SenderOptions::new("node").with_source(source);
    let sender = script.attach_sender(session, options, &peer_receiver("link"));
    script.give(&script.grant(0, 1));
    let key = script.engine.sender(sender).unwrap().send(Bytes::from_static(b"x")).unwrap();
    script.expect_transfer();
    (script, sender, key)
}

fn receiver_says(settled: bool, state: Option<DeliveryState>) -> Disposition {
    Disposition { role: Role::Receiver, first: Serial(0), last: None, settled, state, batchable: false }
}

/// MESSAGING-3.5-10
#[test]
fn what_is_settled_without_an_outcome_has_the_default_of_its_source() {
    let default = DeliveryState::Modified(Modified { delivery_failed: true, ..Modified::default() });
    let somewhere = DeliveryState::Received(Received { section_number: 0, section_offset: 1 });
    let rejected = DeliveryState::Rejected(Rejected::default());
    for (source, told, expected) in [
        (Some(default.clone()), None, Some(default.clone())),
        (Some(default.clone()), Some(somewhere.clone()), Some(default.clone())),
        (Some(default.clone()), Some(rejected.clone()), Some(rejected)),
        (Some(default), Some(DeliveryState::Accepted), Some(DeliveryState::Accepted)),
        (None, None, None),
        (None, Some(somewhere.clone()), Some(somewhere)),
    ] {
        let (mut script, sender, key) = sent(source.clone());
        script.give(&receiver_says(true, told));
        let outcome = script.engine.sender(sender).unwrap().next_outcome();
        assert_eq!(outcome, Some((key, Resolution::Settled(expected))), "default {source:?}");
        assert_eq!(script.engine.counters().outgoing, 0);
    }
}

/// MESSAGING-3.5-10: how far it has come was told before, and then it is settled.
#[test]
fn a_delivery_that_had_come_some_way_has_the_default_as_well() {
    let (mut script, sender, key) = sent(Some(DeliveryState::Released));
    let somewhere = DeliveryState::Received(Received { section_number: 0, section_offset: 1 });
    script.give(&receiver_says(false, Some(somewhere)));
    assert_eq!(script.engine.sender(sender).unwrap().next_outcome(), None);
    script.give(&receiver_says(true, None));
    let outcome = script.engine.sender(sender).unwrap().next_outcome();
    assert_eq!(outcome, Some((key, Resolution::Settled(Some(DeliveryState::Released)))));
}

/// MESSAGING-3.5-10: the node at the sending end of a link that the peer attached says the default, or takes the peer's.
#[test]
fn the_default_is_that_of_the_end_that_sends() {
    for (own, expected) in
        [(None, DeliveryState::Released), (Some(DeliveryState::Accepted), DeliveryState::Accepted)]
    {
        let mut script = serving();
        let source = |outcome| Source { default_outcome: Some(Box::new(outcome)), ..Source::default() };
        script.give(&from_source(source(DeliveryState::Released)));
        let id = script.expect_some(sender_opening);
        let options = match own {
            Some(own) => SenderOptions::default().with_source(source(own)),
            None => SenderOptions::default(),
        };
        script.engine.sender(id).unwrap().accept(options).unwrap();
        let answer: Attach = script.expect_frame();
        assert_eq!(source_of(Some(&answer)).default_outcome.as_deref(), Some(&expected));
        script.give(&script.grant(0, 1));
        let key = script.engine.sender(id).unwrap().send(Bytes::from_static(b"x")).unwrap();
        script.expect_transfer();
        script.give(&receiver_says(true, None));
        let outcome = script.engine.sender(id).unwrap().next_outcome();
        assert_eq!(outcome, Some((key, Resolution::Settled(Some(expected)))));
    }
}

/// MESSAGING-3.5-10: a source that goes first leaves the outcome to its node, which knows its own default.
#[test]
fn the_default_can_be_read_when_the_link_is_gone() {
    let (mut script, sender, key) = sent(Some(DeliveryState::Released));
    script.give(&Detach { handle: HANDLE, closed: true, error: None });
    let mut view = script.engine.sender(sender).unwrap();
    assert_eq!(source_of(view.local()).default_outcome.as_deref(), Some(&DeliveryState::Released));
    assert!(matches!(view.next_outcome(), Some((of, Resolution::Unacknowledged(_))) if of == key));
    script.expect_detach(None);
}

/// MESSAGING-3.5-11: where no outcomes are named, accepted is one of them, on both sides.
#[test]
fn accepted_is_possible_where_nothing_is_said_of_outcomes() {
    let (mut pair, sessions) = Pair::begun();
    let options = ReceiverOptions::default().prefetch(1);
    let link = pair.attach_sender(Side::Client, sessions, SenderOptions::new("node"), options);
    let source = source_of(pair.receiver(&link).remote()).clone();
    assert!(source.outcomes.is_empty() && source.default_outcome.is_none());
    pair.send(&link, b"x");
    pair.drive();
    let delivery = pair.deliveries(&link).remove(0);
    pair.receiver(&link).settle(delivery.key, DeliveryState::Accepted).unwrap();
    pair.drive();
    let outcomes: Vec<_> = pair.outcomes(&link).into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(outcomes, [Resolution::Settled(Some(DeliveryState::Accepted))]);
    pair.finish();
}

/// MESSAGING-3.5-4: the rule has a name of its own.
#[test]
fn the_violation_is_told_to_the_application_of_the_peer() {
    let (mut pair, sessions) = Pair::begun();
    let wish = Source { dynamic_node_properties: fields("x", 1_u8), ..Source::default() };
    let mut session = pair.client.session(sessions.client).unwrap();
    let receiver = session.attach_receiver(ReceiverOptions::default().with_source(wish)).unwrap();
    pair.drive();
    let reason = pair.reason(Side::Client, Event::ReceiverClosed(receiver)).unwrap();
    assert_eq!(reason.error().unwrap().description.as_deref(), Some(&*Violation::NodeProperties.to_string()));
    pair.finish();
}
