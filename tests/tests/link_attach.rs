//! §2.6.1 to §2.6.3: names, handles, and who attaches to whom.
#![cfg(test)]

use amqp_core::codec::{
    Attach, AttachSource, AttachTarget, Detach, ErrorCondition, Flow, ReceiverSettleMode, Role,
    SenderSettleMode, Serial, Source, Target,
};
use amqp_core::{Event, Exhausted, LinkState, ReceiverId, ReceiverOptions, SenderOptions, SessionOptions};
use amqp_tests::oracle::Side;
use amqp_tests::pair::Pair;
use amqp_tests::script::{HANDLE, Script, peer_begin, peer_receiver, peer_sender};
use bytes::Bytes;

/// A server engine with a session that the peer began.
fn serving() -> Script {
    let mut script = Script::opened_server();
    script.accept_session(&peer_begin(), SessionOptions::default());
    script
}

fn address(attach: &Attach) -> (Option<&str>, Option<&str>) {
    let source = match attach.source.as_deref() {
        Some(AttachSource::Source(source)) => source.address.as_deref(),
        _ => None,
    };
    let target = match attach.target.as_deref() {
        Some(AttachTarget::Target(target)) => target.address.as_deref(),
        _ => None,
    };
    (source, target)
}

/// TRANSPORT-2.6.1-1
#[test]
fn a_sender_and_a_receiver_may_share_a_name() {
    let (mut pair, sessions) = Pair::begun();
    let named = SenderOptions::new("node").name("both");
    let out = pair.attach_sender(Side::Client, sessions, named, ReceiverOptions::default());
    let named = ReceiverOptions::new("node").name("both");
    let back = pair.attach_receiver(Side::Client, sessions, named, SenderOptions::default());
    assert_eq!(pair.sender(&out).name(), "both");
    assert_eq!(pair.sender(&back).name(), "both");
    assert_eq!(pair.client.counters().links, 2);
    pair.finish();
}

/// TRANSPORT-2.6.1-1
#[test]
fn a_name_in_use_in_the_same_direction_is_not_given_twice() {
    let (mut script, session) = Script::begun();
    let mut view = script.engine.session(session).unwrap();
    view.attach_sender(SenderOptions::new("node").name("once")).unwrap();
    let again = view.attach_sender(SenderOptions::new("node").name("once"));
    assert_eq!(again, Err(Exhausted::Name));
    assert_eq!(script.rest().len(), 1);
}

fn receiver_opening(event: Event) -> Option<ReceiverId> {
    match event {
        Event::ReceiverOpening(id) => Some(id),
        _ => None,
    }
}

fn sender_opening(event: Event) -> Option<amqp_core::SenderId> {
    match event {
        Event::SenderOpening(id) => Some(id),
        _ => None,
    }
}

/// TRANSPORT-2.6.1-3
#[test]
fn handles_of_the_two_directions_are_independent() {
    let (mut script, session) = Script::begun();
    let peer = Attach { handle: 77, ..peer_receiver("") };
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer);
    let mut grant = script.grant(0, 1);
    grant.handle = Some(77);
    script.give(&grant);
    script.engine.sender(sender).unwrap().send(Bytes::from_static(b"x")).unwrap();
    let (transfer, _) = script.expect_transfer();
    assert_eq!(transfer.handle, 0);
}

/// TRANSPORT-2.6.1-4
#[test]
fn a_handle_attached_twice_ends_the_session() {
    let mut script = serving();
    script.give(&peer_sender("one"));
    script.give(&peer_sender("two"));
    script.expect_end(Some(ErrorCondition::HANDLE_IN_USE));
}

/// TRANSPORT-2.6.1-5, TRANSPORT-2.6.1-6
#[test]
fn the_lowest_free_handle_is_taken_and_taken_again() {
    let (mut script, session) = Script::begun();
    let mut handles = Vec::new();
    for name in ["a", "b", "c"] {
        script.engine.session(session).unwrap().attach_sender(SenderOptions::new(name)).unwrap();
        let attach: Attach = script.expect_frame();
        handles.push(attach.handle);
        script.give(&Attach { name: attach.name, handle: attach.handle + 20, ..peer_receiver("") });
    }
    assert_eq!(handles, [0, 1, 2]);
    script.give(&Detach { handle: 21, closed: true, error: None });
    script.expect_detach(None);
    script.engine.session(session).unwrap().attach_sender(SenderOptions::new("d")).unwrap();
    assert_eq!(script.expect_frame::<Attach>().handle, 1);
}

/// TRANSPORT-2.6.1-7
#[test]
fn an_attach_of_the_peer_is_answered_by_its_mirror_image() {
    let mut script = serving();
    let source = Source { address: Some("from".into()), ..Source::default() };
    let target = Target { address: Some("to".into()), ..Target::default() };
    let terminated = Attach {
        source: Some(Box::new(source.into())),
        target: Some(Box::new(target.into())),
        ..peer_sender("link")
    };
    script.give(&terminated);
    let receiver = script.expect_some(receiver_opening);
    script.expect_nothing();
    script.engine.receiver(receiver).unwrap().accept(ReceiverOptions::default()).unwrap();
    let attach: Attach = script.expect_frame();
    assert_eq!((attach.name.as_str(), attach.role, attach.handle), ("link", Role::Receiver, 0));
    assert_eq!(address(&attach), (Some("from"), Some("to")));
    assert_eq!(attach.initial_delivery_count, None);

    script.give(&Attach { handle: HANDLE + 1, ..peer_receiver("link") });
    let sender = script.expect_some(sender_opening);
    let options = SenderOptions::default().initial_delivery_count(Serial(7));
    script.engine.sender(sender).unwrap().accept(options).unwrap();
    let attach: Attach = script.expect_frame();
    assert_eq!((attach.name.as_str(), attach.role, attach.handle), ("link", Role::Sender, 1));
    assert_eq!(attach.initial_delivery_count, Some(Serial(7)));
}

/// TRANSPORT-2.6.1-9
#[test]
fn a_senders_attach_without_initial_delivery_count_ends_the_session() {
    let mut script = serving();
    script.give(&Attach { initial_delivery_count: None, ..peer_sender("link") });
    script.expect_end(Some(ErrorCondition::INVALID_FIELD));
    assert!(script.take_events().iter().all(|event| receiver_opening(*event).is_none()));
}

/// TRANSPORT-2.6.1-9
#[test]
fn a_receivers_initial_delivery_count_is_ignored() {
    let (mut script, session) = Script::begun();
    let peer = Attach { initial_delivery_count: Some(Serial(1000)), ..peer_receiver("") };
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer);
    script.give(&Flow { delivery_count: None, ..script.grant(0, 3) });
    assert_eq!(script.engine.sender(sender).unwrap().credit(), 3);
}

/// TRANSPORT-2.6.1-10
#[test]
fn an_attach_with_the_same_role_is_another_link() {
    let (mut script, session) = Script::begun();
    let options = SenderOptions::new("node").name("x");
    let ours = script.engine.session(session).unwrap().attach_sender(options).unwrap();
    script.expect_frame::<Attach>();
    script.give(&peer_sender("x"));
    let theirs = script.expect_some(receiver_opening);
    script.engine.receiver(theirs).unwrap().accept(ReceiverOptions::default()).unwrap();
    let attach: Attach = script.expect_frame();
    assert_eq!((attach.role, attach.handle), (Role::Receiver, 1));
    assert_eq!(script.engine.sender(ours).unwrap().state(), LinkState::AttachSent);
    script.give(&Attach { handle: HANDLE + 1, ..peer_receiver("x") });
    script.expect_event(Event::SenderOpened(ours));
}

/// TRANSPORT-2.6.1-11
#[test]
fn what_was_asked_for_and_what_there_is_can_both_be_read() {
    let (mut script, session) = Script::begun();
    let actual = Target { address: Some("renamed".into()), timeout: 5, ..Target::default() };
    let peer = Attach { target: Some(Box::new(actual.into())), ..peer_receiver("") };
    let sender = script.attach_sender(session, SenderOptions::new("wish"), &peer);
    let view = script.engine.sender(sender).unwrap();
    assert_eq!(address(view.local().unwrap()).1, Some("wish"));
    assert_eq!(address(view.remote().unwrap()).1, Some("renamed"));
}

/// TRANSPORT-2.6.1-12
#[test]
fn an_application_that_finds_the_terminus_wrong_detaches_with_its_own_error() {
    let (mut script, sender) = Script::sending(0);
    let error = amqp_core::codec::Error::new(ErrorCondition::PRECONDITION_FAILED, "not what I wanted");
    script.engine.sender(sender).unwrap().close(Some(error)).unwrap();
    script.expect_detach(Some(ErrorCondition::PRECONDITION_FAILED));
}

/// TRANSPORT-2.6.1-14
#[test]
fn an_answer_honours_the_peers_wishes_for_settle_modes() {
    for snd in [SenderSettleMode::Unsettled, SenderSettleMode::Settled, SenderSettleMode::Mixed] {
        for rcv in [ReceiverSettleMode::First, ReceiverSettleMode::Second] {
            let mut script = serving();
            script.give(&Attach { snd_settle_mode: snd, rcv_settle_mode: rcv, ..peer_sender("in") });
            let id = script.expect_some(receiver_opening);
            script.engine.receiver(id).unwrap().accept(ReceiverOptions::default()).unwrap();
            let answer: Attach = script.expect_frame();
            assert_eq!((answer.snd_settle_mode, answer.rcv_settle_mode), (snd, rcv));
            let wish =
                Attach { handle: 10, snd_settle_mode: snd, rcv_settle_mode: rcv, ..peer_receiver("out") };
            script.give(&wish);
            let id = script.expect_some(sender_opening);
            script.engine.sender(id).unwrap().accept(SenderOptions::default()).unwrap();
            let answer: Attach = script.expect_frame();
            assert_eq!((answer.snd_settle_mode, answer.rcv_settle_mode), (snd, rcv));
        }
    }
}

/// TRANSPORT-2.6.1-14
#[test]
fn the_senders_own_settle_mode_holds_whatever_the_receiver_answers() {
    let (mut script, session) = Script::begun();
    let peer = Attach { snd_settle_mode: SenderSettleMode::Settled, ..peer_receiver("") };
    let options = SenderOptions::new("node").snd_settle_mode(SenderSettleMode::Unsettled);
    let sender = script.attach_sender(session, options, &peer);
    script.give(&script.grant(0, 1));
    script.engine.sender(sender).unwrap().send(Bytes::from_static(b"x")).unwrap();
    assert_ne!(script.expect_transfer().0.settled, Some(true));
}

/// TRANSPORT-2.6.1-14
#[test]
fn the_receivers_settle_mode_holds_whatever_the_sender_wished() {
    let (mut script, session) = Script::begun();
    let peer = Attach { rcv_settle_mode: ReceiverSettleMode::Second, ..peer_receiver("") };
    let sender = script.attach_sender(session, SenderOptions::new("node"), &peer);
    assert_eq!(script.engine.sender(sender).unwrap().rcv_settle_mode(), ReceiverSettleMode::Second);
}

/// TRANSPORT-2.6.1-15
#[test]
fn a_settle_mode_that_does_not_exist_ends_the_session() {
    for (at, name) in [(3, "snd"), (4, "rcv")] {
        let mut script = serving();
        // attach: name, handle, role and the two settle modes, up to the initial-delivery-count.
        let mut fields = vec![&b"\xa1\x01x"[..], b"\x43", b"\x42", b"\x40", b"\x40"];
        fields[at] = b"\x50\x03";
        fields.extend([&b"\x00\x53\x28\x45"[..], b"\x00\x53\x29\x45", b"\x40", b"\x40", b"\x43"]);
        let list = fields.concat();
        let size = u8::try_from(list.len() + 1).unwrap();
        let body = [&[0, 0x53, 0x12, 0xc0, size, 10], &list[..]].concat();
        let total = u32::try_from(body.len() + 8).unwrap();
        script.give_octets(&[&total.to_be_bytes()[..], &[2, 0, 0, 5], &body].concat());
        script.expect_end(Some(ErrorCondition::INVALID_FIELD));
        assert!(script.take_events().iter().all(|event| receiver_opening(*event).is_none()), "{name}");
    }
}
