//! Every accepted send resolves exactly once, whatever ends first and however far the message has come.
#![cfg(test)]

use amqp_core::codec::{
    Attach, Begin, Close, DeliveryState, Detach, Disposition, End, Error, ErrorCondition, Flow, Open, Role,
    Serial,
};
use amqp_core::{
    Cause, ConnectionOptions, DeliveryKey, Event, Gone, Resolution, Scope, SendErrorReason, SenderId,
    SenderOptions, SessionOptions,
};
use amqp_tests::script::{HANDLE, Script, peer_begin, peer_open, peer_receiver};
use bytes::Bytes;

/// A sender with four deliveries: one settled by the peer, one sent, one half sent, one not begun.
struct Stages {
    script: Script,
    sender: SenderId,
    keys: [DeliveryKey; 4],
}

/// What becomes of the four.
#[derive(Debug, PartialEq)]
enum Fate {
    Settled,
    /// And in what scope it ended.
    Unacknowledged(Scope),
    /// With so many octets of the message.
    Unsent(usize, Scope),
}

impl Stages {
    fn new() -> Self {
        let mut script = Script::client(ConnectionOptions::new("engine"));
        script.open(&Open { max_frame_size: 512, ..peer_open() });
        let peer = Begin { incoming_window: 3, ..peer_begin() };
        let session = script.begin(SessionOptions::default(), &peer);
        let sender = script.attach_sender(session, SenderOptions::new("node"), &peer_receiver(""));
        script.give(&Flow { incoming_window: 3, ..script.grant(0, 10) });
        let mut send = |size| script.engine.sender(sender).unwrap().send(Bytes::from(vec![7; size])).unwrap();
        let keys = [send(10), send(10), send(1000), send(2000)];
        assert_eq!(script.rest().len(), 3);
        script.give(&accepts(0));
        script.take_events();
        Self { script, sender, keys }
    }

    /// The fates of the four, each told once, in order.
    fn fates(&mut self) -> Vec<Fate> {
        self.script.rest();
        let mut fates = Vec::new();
        while let Some((key, resolution)) =
            self.script.engine.sender(self.sender).ok().and_then(|mut view| view.next_outcome())
        {
            assert_eq!(key, self.keys[fates.len()]);
            fates.push(match resolution {
                Resolution::Settled(_) => Fate::Settled,
                Resolution::Unacknowledged(reason) => Fate::Unacknowledged(reason.scope()),
                Resolution::Unsent(message, reason) => Fate::Unsent(message.payload.len(), reason.scope()),
            });
        }
        fates
    }

    /// All is over in `scope`: what was settled stays settled, what was begun may have arrived, and the rest comes back.
    #[track_caller]
    fn expect_over(mut self, scope: Scope) {
        let fates = self.fates();
        let lost = || Fate::Unacknowledged(scope);
        assert_eq!(fates, [Fate::Settled, lost(), lost(), Fate::Unsent(2000, scope)]);
        let events = self.script.take_events();
        let told = |wanted| events.iter().filter(|event| **event == wanted).count();
        assert_eq!(
            (told(Event::Outcomes(self.sender)), told(Event::SenderClosed(self.sender))),
            (1, 1),
            "{events:?}"
        );
        assert_eq!(self.script.engine.sender(self.sender).err(), Some(Gone));
        let counters = self.script.engine.counters();
        assert_eq!((counters.outgoing, counters.links, counters.buffered_output), (0, 0, 0));
    }

    /// The peer opens its window.
    fn open_window(&mut self) {
        let flow = self.script.flow();
        self.script.give(&flow);
    }
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

fn detach(closed: bool, error: Option<Error>) -> Detach {
    Detach { handle: HANDLE, closed, error }
}

fn failure() -> Option<Error> {
    Some(Error::new(ErrorCondition::INTERNAL_ERROR, "over"))
}

#[test]
fn settled_by_the_peer() {
    let mut stages = Stages::new();
    stages.open_window();
    stages.script.rest();
    stages.script.give(&accepts(3));
    assert_eq!(stages.fates(), [Fate::Settled, Fate::Settled, Fate::Settled, Fate::Settled]);
    assert_eq!(stages.fates(), []);
    assert_eq!(stages.script.engine.counters().outgoing, 0);
}

#[test]
fn the_peer_closes_the_link() {
    for error in [None, failure()] {
        let mut stages = Stages::new();
        stages.script.give(&detach(true, error));
        stages.expect_over(Scope::Link);
    }
}

#[test]
fn the_peer_detaches_with_an_error() {
    let mut stages = Stages::new();
    stages.script.give(&detach(false, failure()));
    stages.expect_over(Scope::Link);
}

#[test]
fn the_peer_ends_the_session() {
    let mut stages = Stages::new();
    stages.script.give(&End { error: failure() });
    stages.expect_over(Scope::Session);
}

#[test]
fn the_peer_closes_the_connection() {
    let mut stages = Stages::new();
    stages.script.give_on(0, &Close { error: failure() });
    stages.expect_over(Scope::Connection);
}

#[test]
fn the_transport_is_lost() {
    let mut stages = Stages::new();
    stages.script.give_eof();
    stages.expect_over(Scope::Connection);
}

#[test]
fn the_peer_breaks_a_rule_of_the_session() {
    let mut stages = Stages::new();
    stages.script.give(&Detach { handle: 77, closed: true, error: None });
    assert_eq!(
        stages.script.engine.sender(stages.sender).unwrap().close_reason().unwrap().scope(),
        Scope::Session
    );
    stages.expect_over(Scope::Session);
}

#[test]
fn the_peer_breaks_a_rule_of_the_connection() {
    let mut stages = Stages::new();
    stages.script.give_octets(&[0; 8]);
    stages.expect_over(Scope::Connection);
}

/// Closed from here: everything is sent first, and what the peer has not settled by its own detach is not acknowledged.
#[test]
fn we_close_the_link() {
    let mut stages = Stages::new();
    stages.script.engine.sender(stages.sender).unwrap().close(None).unwrap();
    stages.script.expect_nothing();
    stages.open_window();
    assert!(stages.script.rest().len() > 4);
    stages.script.give(&accepts(2));
    stages.script.give(&detach(true, None));
    let fates = stages.fates();
    let expected = [Fate::Settled, Fate::Settled, Fate::Settled, Fate::Unacknowledged(Scope::Link)];
    assert_eq!(fates, expected);
    assert_eq!(stages.script.engine.sender(stages.sender).err(), Some(Gone));
}

#[test]
fn we_end_the_session() {
    let mut stages = Stages::new();
    let session = stages.script.engine.sender(stages.sender).unwrap().session().unwrap();
    stages.script.engine.session(session).unwrap().end(None).unwrap();
    stages.open_window();
    stages.script.rest();
    stages.script.give(&End::default());
    let lost = || Fate::Unacknowledged(Scope::Session);
    assert_eq!(stages.fates(), [Fate::Settled, lost(), lost(), lost()]);
}

#[test]
fn we_close_the_connection() {
    let mut stages = Stages::new();
    stages.script.engine.close(None);
    stages.open_window();
    stages.script.rest();
    stages.script.give(&accepts(1));
    stages.script.give_on(0, &Close::default());
    let lost = || Fate::Unacknowledged(Scope::Connection);
    assert_eq!(stages.fates(), [Fate::Settled, Fate::Settled, lost(), lost()]);
}

/// We close, and the peer never opens its window: the deadline of the close ends everything.
#[test]
fn we_close_the_connection_and_nobody_answers() {
    let mut stages = Stages::new();
    stages.script.engine.close(None);
    stages.script.rest();
    stages.script.advance(amqp_core::Limits::default().close * 3);
    stages.expect_over(Scope::Connection);
}

/// A detach is not an end: what was sent is still settled, and what was not begun goes out when the link is attached
/// again. Only what was half sent is cut: nobody knows what the peer has made of its beginning.
#[test]
fn the_link_is_detached_and_attached_again() {
    let mut stages = Stages::new();
    let (sender, script) = (stages.sender, &mut stages.script);
    script.give(&detach(false, None));
    let ours: Detach = script.expect_frame();
    assert!(!ours.closed);
    script.expect_event(Event::SenderDetached(sender));
    script.give(&accepts(1));
    // The peer hears that nothing more comes of it.
    let cut: Disposition = script.expect_frame();
    assert_eq!((cut.first, cut.settled, cut.role), (Serial(2), true, Role::Sender));
    script.engine.sender(sender).unwrap().attach().unwrap();
    let attach: Attach = script.expect_frame();
    script.give(&Attach { name: attach.name, ..peer_receiver("") });
    let count = attach.initial_delivery_count.unwrap().0;
    script.give(&script.grant(count, 10));
    script.rest();
    script.give(&accepts(3));
    let cut = stages.keys[2];
    let mut view = stages.script.engine.sender(sender).unwrap();
    let outcomes: Vec<_> = std::iter::from_fn(|| view.next_outcome()).collect();
    let accepted = |key| (key, Resolution::Settled(Some(DeliveryState::Accepted)));
    assert_eq!(outcomes.len(), 4);
    let others: Vec<_> = outcomes.iter().filter(|(key, _)| *key != cut).cloned().collect();
    assert_eq!(others, [stages.keys[0], stages.keys[1], stages.keys[3]].map(accepted));
    assert!(outcomes.iter().any(|(key, it)| *key == cut && matches!(it, Resolution::Unacknowledged(_))));
    assert_eq!((view.unsettled(), stages.script.engine.counters().outgoing), (0, 0));
}

/// Detached, and then over with the session.
#[test]
fn the_session_ends_while_the_link_is_detached() {
    let mut stages = Stages::new();
    stages.script.give(&detach(false, None));
    stages.script.rest();
    stages.script.give(&End::default());
    let mut view = stages.script.engine.sender(stages.sender).unwrap();
    let outcomes: Vec<_> = std::iter::from_fn(|| view.next_outcome()).collect();
    assert_eq!(
        outcomes.iter().map(|(key, _)| *key).collect::<Vec<_>>(),
        [0, 2, 1, 3].map(|at| stages.keys[at])
    );
    assert!(matches!(&outcomes[1].1, Resolution::Unacknowledged(reason) if reason.scope() == Scope::Link));
    assert!(matches!(&outcomes[2].1, Resolution::Unacknowledged(reason) if reason.scope() == Scope::Session));
    assert!(matches!(&outcomes[3].1, Resolution::Unsent(message, _) if message.payload.len() == 2000));
    stages.script.rest();
    assert_eq!(stages.script.engine.counters().outgoing, 0);
}

/// Every cause reaches every message that it ends.
#[test]
fn the_cause_reaches_the_outcome() {
    let mut stages = Stages::new();
    stages.script.give_on(0, &Close { error: failure() });
    let mut view = stages.script.engine.sender(stages.sender).unwrap();
    let causes: Vec<_> = std::iter::from_fn(|| view.next_outcome())
        .filter_map(|(_, resolution)| match resolution {
            Resolution::Unacknowledged(reason) | Resolution::Unsent(_, reason) => Some(reason),
            Resolution::Settled(_) => None,
        })
        .collect();
    assert_eq!(causes.len(), 3);
    assert!(causes.iter().all(|reason| *reason.cause() == Cause::Remote(failure())));
    stages.script.rest();
}

/// Once anything is closing no message is accepted; what is refused comes back.
#[test]
fn what_is_closing_takes_nothing() {
    for what in 0..3 {
        let (mut script, sender) = Script::sending(5);
        let session = script.engine.sender(sender).unwrap().session().unwrap();
        match what {
            0 => script.engine.sender(sender).unwrap().close(None).unwrap(),
            1 => script.engine.session(session).unwrap().end(None).unwrap(),
            _ => script.engine.close(None),
        }
        let refused = script.engine.sender(sender).unwrap().send(Bytes::from_static(b"mine")).unwrap_err();
        assert_eq!(refused.reason, SendErrorReason::Closed);
        assert_eq!(refused.message.payload.clone().into_bytes(), "mine");
        assert_eq!(script.rest().len(), 1);
    }
}

/// A message that was started and not finished does not keep anything from closing.
#[test]
fn an_unfinished_message_does_not_hold_up_a_close() {
    for what in 0..3 {
        let (mut script, sender) = Script::sending(5);
        let key = script.engine.sender(sender).unwrap().start(Bytes::from_static(b"begun")).unwrap();
        assert!(script.expect_transfer().0.more);
        let session = script.engine.sender(sender).unwrap().session().unwrap();
        match what {
            0 => script.engine.sender(sender).unwrap().close(None).unwrap(),
            1 => script.engine.session(session).unwrap().end(None).unwrap(),
            _ => script.engine.close(None),
        }
        assert!(script.expect_transfer().0.aborted);
        assert_eq!(script.rest().len(), 1);
        let mut view = script.engine.sender(sender).unwrap();
        assert!(matches!(view.next_outcome(), Some((of, Resolution::Unacknowledged(_))) if of == key));
        assert_eq!(view.next_outcome(), None);
    }
}

/// Nor does it resolve again where it was settled before it was finished.
#[test]
fn an_unfinished_message_that_is_settled_resolves_once() {
    let (mut script, sender) = Script::sending(5);
    script.engine.sender(sender).unwrap().start(Bytes::from_static(b"begun")).unwrap();
    assert!(script.expect_transfer().0.more);
    script.give(&accepts(0));
    script.engine.sender(sender).unwrap().close(None).unwrap();
    assert!(script.expect_transfer().0.aborted);
    script.expect_detach(None);
    script.give(&detach(true, None));
    let mut view = script.engine.sender(sender).unwrap();
    let outcomes: Vec<_> = std::iter::from_fn(|| view.next_outcome()).map(|(_, it)| it).collect();
    assert_eq!(outcomes, [Resolution::Settled(Some(DeliveryState::Accepted))]);
}

/// A sender that was blocked when its link ended is forgotten like any other.
#[test]
fn a_blocked_sender_is_forgotten() {
    let (mut script, sender) = Script::sending(1);
    script.engine.sender(sender).unwrap().send(Bytes::from_static(b"x")).unwrap();
    script.expect_transfer();
    let refused = script.engine.sender(sender).unwrap().send(Bytes::from_static(b"y")).unwrap_err();
    assert_eq!(refused.reason, SendErrorReason::Blocked);
    script.give(&detach(true, None));
    script.expect_detach(None);
    script.take_events();
    script.engine.sender(sender).unwrap().next_outcome().unwrap();
    assert_eq!(script.engine.sender(sender).err(), Some(Gone));
    assert_eq!(script.engine.counters().links, 0);
}

/// Three of the four are open, the half sent one counted once.
#[test]
fn stages_are_what_they_say() {
    let mut stages = Stages::new();
    assert_eq!(stages.script.engine.sender(stages.sender).unwrap().unsettled(), 3);
    assert_eq!(stages.fates(), [Fate::Settled]);
}
