//! §2.6.7 at the receiving end: who grants credit and when, and what a sender may do with it.
#![cfg(test)]

use amqp_core::codec::{Attach, DeliveryState, ErrorCondition, Flow, Serial, Transfer};
use amqp_core::{CreditMode, Event, ReceiverId, ReceiverOptions};
use amqp_tests::script::{CHANNEL, HANDLE, Script, frame, peer_sender, peer_transfer};

/// A receiver whose credit is granted by `mode`, attached; what it granted by then.
fn receiving(mode: CreditMode) -> (Script, ReceiverId, Option<u32>) {
    let (mut script, session) = Script::begun();
    let options = ReceiverOptions::new("node").credit(mode);
    let receiver = script.attach_receiver(session, options, &peer_sender(""));
    let granted = credit(&mut script);
    (script, receiver, granted)
}

/// The credit of the flow that is written next, if one is.
fn credit(script: &mut Script) -> Option<u32> {
    script.next_unit().map(|unit| match unit {
        amqp_tests::frames::Unit::Frame(frame) => match frame.performative {
            Some(amqp_core::codec::Performative::Flow(flow)) => flow.link_credit.unwrap_or_default(),
            other => unreachable!("{other:?}"),
        },
        other => unreachable!("{other:?}"),
    })
}

/// TRANSPORT-2.6.7-6
#[test]
fn a_delivery_without_credit_detaches_the_link() {
    let (mut script, receiver) = Script::receiving(1);
    script.give_transfer(&peer_transfer(0), b"x");
    script.give_transfer(&peer_transfer(1), b"y");
    script.expect_detach(Some(ErrorCondition::TRANSFER_LIMIT_EXCEEDED));
    assert_eq!(script.take_events(), [Event::Deliveries(receiver), Event::ReceiverClosed(receiver)]);
}

/// TRANSPORT-2.6.12-23
#[test]
fn a_transfer_before_the_link_was_answered_detaches_it() {
    let mut script = Script::opened_server();
    script.accept_session(&amqp_tests::script::peer_begin(), amqp_core::SessionOptions::default());
    script.give(&peer_sender("hasty"));
    script.give_transfer(&peer_transfer(0), b"x");
    assert_eq!(script.expect_frame::<Attach>().target, None);
    script.expect_detach(Some(ErrorCondition::TRANSFER_LIMIT_EXCEEDED));
}

/// TRANSPORT-2.6.7-6, TRANSPORT-2.6.7-18: what was on its way when credit was taken back is still taken.
#[test]
fn credit_that_is_taken_back_may_have_been_used() {
    let (mut script, receiver) = Script::receiving(2);
    script.engine.receiver(receiver).unwrap().stop();
    assert_eq!(credit(&mut script), Some(0));
    script.give_transfer(&peer_transfer(0), b"x");
    script.give_transfer(&peer_transfer(1), b"y");
    script.expect_nothing();
    assert_eq!(script.engine.receiver(receiver).unwrap().waiting(), 2);
    script.give_transfer(&peer_transfer(2), b"z");
    script.expect_detach(Some(ErrorCondition::TRANSFER_LIMIT_EXCEEDED));
}

/// TRANSPORT-2.6.7-11: the sender's flow may advance its count, which uses up credit.
#[test]
fn credit_that_the_sender_gives_back_is_gone() {
    let (mut script, receiver) = Script::receiving(10);
    script.give(&Flow { delivery_count: Some(Serial(4)), link_credit: Some(6), ..script.grant(0, 0) });
    let view = script.engine.receiver(receiver).unwrap();
    assert_eq!((view.credit(), view.delivery_count()), (6, Serial(4)));
}

/// TRANSPORT-2.6.7-11
#[test]
fn a_sender_cannot_give_back_more_than_it_has() {
    let (mut script, receiver) = Script::receiving(10);
    script.give(&Flow { delivery_count: Some(Serial(11)), link_credit: Some(0), ..script.grant(0, 0) });
    script.expect_detach(Some(ErrorCondition::TRANSFER_LIMIT_EXCEEDED));
    script.expect_event(Event::ReceiverClosed(receiver));
}

/// TRANSPORT-2.6.7-12
#[test]
fn available_is_what_the_sender_says() {
    let (mut script, receiver) = Script::receiving(1);
    script.give(&Flow { available: Some(77), ..script.grant(0, 1) });
    assert_eq!(script.engine.receiver(receiver).unwrap().available(), 77);
    script.give(&Flow { available: Some(0), ..script.grant(0, 1) });
    script.give_transfer(&peer_transfer(0), b"although it has none");
    let view = script.engine.receiver(receiver).unwrap();
    assert_eq!((view.available(), view.waiting()), (0, 1));
}

/// TRANSPORT-2.6.7-14: before the sender's attach is known its count is not either.
#[test]
fn a_flow_ahead_of_the_senders_attach_says_no_count() {
    let (mut script, session) = Script::begun();
    let options = ReceiverOptions::new("node").prefetch(5);
    let receiver = script.engine.session(session).unwrap().attach_receiver(options).unwrap();
    let attach: Attach = script.expect_frame();
    let flow: Flow = script.expect_frame();
    assert_eq!((flow.delivery_count, flow.link_credit), (None, Some(5)));
    let initial = Some(Serial(0xFFFF_FFFE));
    script.give(&Attach { name: attach.name, initial_delivery_count: initial, ..peer_sender("") });
    for number in 0..5 {
        script.give_transfer(&peer_transfer(number), b"x");
    }
    let mut view = script.engine.receiver(receiver).unwrap();
    assert_eq!((view.waiting(), view.delivery_count()), (5, Serial(3)));
    while view.next_delivery().is_some() {}
    let flow: Flow = script.expect_frame();
    assert_eq!((flow.delivery_count, flow.link_credit), (Some(Serial(3)), Some(3)));
}

/// TRANSPORT-2.6.7-17
#[test]
fn a_sender_cannot_grant_itself_credit() {
    let (mut script, receiver) = Script::receiving(1);
    script.give(&script.grant(0, 99));
    assert_eq!(script.engine.receiver(receiver).unwrap().credit(), 1);
    script.give_transfer(&peer_transfer(0), b"x");
    script.give_transfer(&peer_transfer(1), b"y");
    script.expect_detach(Some(ErrorCondition::TRANSFER_LIMIT_EXCEEDED));
}

/// TRANSPORT-2.6.7-18
#[test]
fn stopping_and_asking_back_is_one_flow() {
    let (mut script, receiver) = Script::receiving(5);
    let mut view = script.engine.receiver(receiver).unwrap();
    view.stop();
    view.echo();
    let flow: Flow = script.expect_frame();
    assert_eq!((flow.link_credit, flow.echo), (Some(0), true));
    script.expect_nothing();
}

/// Manual: what is granted adds up, in one flow for all that was granted since the last.
#[test]
fn grants_add_up_in_one_flow() {
    let (mut script, receiver, granted) = receiving(CreditMode::Manual);
    assert_eq!(granted, None);
    let mut view = script.engine.receiver(receiver).unwrap();
    view.grant(0);
    view.grant(2);
    view.grant(3);
    assert_eq!(credit(&mut script), Some(5));
    script.expect_nothing();
    script.give_transfer(&peer_transfer(0), b"x");
    let mut view = script.engine.receiver(receiver).unwrap();
    assert_eq!(view.credit(), 4);
    view.next_delivery().unwrap();
    view.grant(1);
    assert_eq!(credit(&mut script), Some(5));
}

/// However much is granted, deliveries still compare.
#[test]
fn grants_stay_within_half_of_the_numbers() {
    let (mut script, receiver, _) = receiving(CreditMode::Manual);
    let mut view = script.engine.receiver(receiver).unwrap();
    view.grant(u32::MAX);
    view.grant(u32::MAX);
    assert_eq!(credit(&mut script), Some(0x7FFF_FFFF));
    script.give_transfer(&peer_transfer(0), b"x");
    script.expect_nothing();
    assert_eq!(script.engine.receiver(receiver).unwrap().waiting(), 1);
}

/// Prefetch: granted when the link is attached, topped up when half of it was taken, and not by what only arrives.
#[test]
fn prefetch_is_topped_up_when_half_was_taken() {
    let (mut script, receiver, granted) = receiving(CreditMode::Prefetch(10));
    assert_eq!(granted, Some(10));
    for number in 0..10 {
        script.give_transfer(&peer_transfer(number), b"x");
    }
    script.expect_nothing();
    for _ in 0..4 {
        script.engine.receiver(receiver).unwrap().next_delivery().unwrap();
        script.expect_nothing();
    }
    script.engine.receiver(receiver).unwrap().next_delivery().unwrap();
    assert_eq!(credit(&mut script), Some(5));
    while script.engine.receiver(receiver).unwrap().next_delivery().is_some() {}
    assert_eq!(credit(&mut script), Some(10));
}

/// On demand: as many as are waited for, at most the given number, less what waits already.
#[test]
fn demand_is_what_is_granted() {
    let (mut script, receiver, granted) = receiving(CreditMode::OnDemand(3));
    assert_eq!(granted, None);
    script.engine.receiver(receiver).unwrap().demand(1);
    assert_eq!(credit(&mut script), Some(1));
    script.engine.receiver(receiver).unwrap().demand(1);
    script.expect_nothing();
    script.give_transfer(&peer_transfer(0), b"x");
    script.engine.receiver(receiver).unwrap().demand(2);
    assert_eq!(credit(&mut script), Some(1));
    script.give_transfer(&peer_transfer(1), b"x");
    let mut view = script.engine.receiver(receiver).unwrap();
    view.next_delivery().unwrap();
    view.next_delivery().unwrap();
    view.demand(100);
    assert_eq!(credit(&mut script), Some(3));
}

/// Whoever grants can be changed at any time.
#[test]
fn the_mode_can_be_changed() {
    let (mut script, receiver, _) = receiving(CreditMode::Manual);
    script.engine.receiver(receiver).unwrap().set_credit_mode(CreditMode::Prefetch(4));
    assert_eq!(credit(&mut script), Some(4));
    script.engine.receiver(receiver).unwrap().set_credit_mode(CreditMode::Manual);
    for number in 0..4 {
        script.give_transfer(&peer_transfer(number), b"x");
        script.engine.receiver(receiver).unwrap().next_delivery().unwrap();
    }
    script.expect_nothing();
}

/// A message that is arriving is one of those that are waited for.
#[test]
fn a_message_that_has_begun_is_not_asked_for_again() {
    let (mut script, receiver, _) = receiving(CreditMode::OnDemand(1));
    script.engine.receiver(receiver).unwrap().demand(1);
    assert_eq!(credit(&mut script), Some(1));
    script.give_transfer(&Transfer { more: true, ..peer_transfer(0) }, b"one, ");
    script.engine.receiver(receiver).unwrap().demand(1);
    script.give(&Flow { handle: Some(HANDLE), delivery_count: Some(Serial(1)), ..script.flow() });
    script.expect_nothing();
    script.give_transfer(&Transfer { handle: HANDLE, ..Transfer::default() }, b"two");
    let mut view = script.engine.receiver(receiver).unwrap();
    view.next_delivery().unwrap();
    view.demand(1);
    assert_eq!(credit(&mut script), Some(1));
}

/// Credit that aborted deliveries have used up is granted again, though nobody ever takes them.
#[test]
fn aborted_deliveries_do_not_use_up_the_prefetch() {
    for mode in [CreditMode::Prefetch(2), CreditMode::OnDemand(2)] {
        let (mut script, receiver, _) = receiving(mode);
        script.engine.receiver(receiver).unwrap().demand(2);
        script.rest();
        for number in 0..2 {
            script.give_transfer(&Transfer { more: true, ..peer_transfer(number) }, b"half");
            script.give_transfer(&Transfer { handle: HANDLE, aborted: true, ..Transfer::default() }, b"");
        }
        let last = std::iter::from_fn(|| credit(&mut script)).last();
        assert_eq!(last, Some(2), "{mode:?}");
        assert_eq!(script.take_events(), []);
    }
}

/// Drained, prefetch goes on; whoever wants to stop changes the mode before.
#[test]
fn prefetch_goes_on_after_a_drain() {
    for stops in [false, true] {
        let (mut script, receiver, _) = receiving(CreditMode::Prefetch(4));
        script.engine.receiver(receiver).unwrap().drain();
        assert!(script.expect_frame::<Flow>().drain);
        if stops {
            script.engine.receiver(receiver).unwrap().set_credit_mode(CreditMode::Manual);
        }
        let given_back = Flow { delivery_count: Some(Serial(4)), link_credit: Some(0), ..script.grant(0, 0) };
        script.give(&given_back);
        assert_eq!(script.take_events(), [Event::Drained(receiver)]);
        if !stops {
            let flow: Flow = script.expect_frame();
            assert_eq!((flow.link_credit, flow.drain), (Some(4), false));
        }
        script.expect_nothing();
    }
}

/// A whole prefetch window in one read, and again, comes without a flow too many.
#[test]
fn a_flow_is_written_once_for_a_read() {
    let (mut script, receiver, _) = receiving(CreditMode::Prefetch(100));
    let burst: Vec<u8> = (0..100).flat_map(|it| frame(CHANNEL, &peer_transfer(it), b"x").to_vec()).collect();
    script.give_octets(&burst);
    let mut view = script.engine.receiver(receiver).unwrap();
    while let Some(delivery) = view.next_delivery() {
        view.settle(delivery.key, DeliveryState::Accepted).unwrap();
    }
    // One flow and one disposition.
    assert_eq!(script.rest().len(), 2);
}

/// Credit of a link that closes is not granted any more.
#[test]
fn a_closing_link_grants_nothing() {
    let (mut script, receiver) = Script::receiving(1);
    let mut view = script.engine.receiver(receiver).unwrap();
    view.close(None).unwrap();
    view.grant(5);
    script.expect_detach(None);
    script.expect_nothing();
}
