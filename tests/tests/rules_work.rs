//! The engine's work is in proportion to the octets that it gets and to what they touch: not to whatever else is alive.
#![cfg(test)]

use amqp_core::codec::{
    Attach, Begin, DeliveryState, Detach, Disposition, End, Flow, Role, Serial, Transfer,
};
use amqp_core::{ConnectionOptions, Event, ReceiverOptions, SenderId, SenderOptions, SessionOptions, steps};
use amqp_tests::script::{Script, peer_begin, peer_open, peer_receiver, peer_sender, peer_transfer};
use bytes::Bytes;

/// Handle of the link beside which others come and go.
const OLD: u32 = 7;
/// Handle of what comes and goes.
const NEW: u32 = 100_000;
/// How often that happens.
const TIMES: u32 = 20;

/// A server with a session whose application accepts everything and takes nothing.
struct Server {
    script: Script,
    next_delivery: u32,
}

impl Server {
    fn new() -> Self {
        let session = || SessionOptions::default().incoming_window(100_000_u32).handle_max(u32::MAX);
        let mut options = ConnectionOptions::new("engine").accept_connection(true).channel_max(u16::MAX);
        options.limits.links = u32::MAX;
        options.limits.sessions = u32::MAX;
        options.limits.descriptions = usize::MAX;
        options.limits.buffered_output = usize::MAX;
        let mut script = Script::server(options).unjudged();
        script.open(&peer_open());
        script.accept_session(
            &Begin { incoming_window: 100_000, handle_max: u32::MAX, ..peer_begin() },
            session(),
        );
        Self { script, next_delivery: 0 }
    }

    /// The application accepts what there is, and the peer reads.
    fn settle_down(&mut self) {
        loop {
            let events = self.script.take_events();
            if events.is_empty() && self.script.rest().is_empty() {
                return;
            }
            events.into_iter().for_each(|event| self.accept(event));
        }
    }

    fn accept(&mut self, event: Event) {
        let engine = &mut self.script.engine;
        match event {
            Event::SessionOpening(id) => {
                engine.session(id).unwrap().accept(SessionOptions::default()).unwrap();
            }
            Event::ReceiverOpening(id) => {
                let options = ReceiverOptions::default().prefetch(10_000).streaming(true);
                engine.receiver(id).unwrap().accept(options).unwrap();
            }
            Event::SenderOpening(id) => {
                engine.sender(id).unwrap().accept(SenderOptions::default()).unwrap();
            }
            _ => {}
        }
    }

    /// The peer attaches a sender.
    fn attach(&mut self, handle: u32) {
        let name = format!("link {handle}");
        self.script.give(&Attach { handle, ..peer_sender(&name) });
        self.settle_down();
    }

    fn detach(&mut self, handle: u32) {
        self.script.give(&Detach { handle, closed: true, error: None });
        self.settle_down();
    }

    /// The peer sends a message with this tag.
    fn transfer(&mut self, handle: u32, tag: u32) {
        let delivery_tag = Some(tag.to_be_bytes().into());
        let transfer = Transfer { handle, delivery_tag, ..peer_transfer(self.next_delivery) };
        self.next_delivery += 1;
        self.script.give_transfer(&transfer, b"x");
        self.settle_down();
    }

    fn settle(&mut self, role: Role, first: u32, last: u32) {
        let (first, last) = (Serial(first), Some(Serial(last)));
        self.script.give(&Disposition { role, first, last, settled: true, ..Disposition::default() });
        self.settle_down();
    }

    /// The peer attaches a receiver and grants it credit for one message more than the application then sends, for which the
    /// peer has room or not.
    fn serve(&mut self, handle: u32, messages: u32, incoming_window: u32) -> SenderId {
        self.script.give(&Attach { handle, ..peer_receiver(&format!("link {handle}")) });
        let sender = self.script.expect_some(|event| match event {
            Event::SenderOpening(id) => Some(id),
            _ => None,
        });
        self.accept(Event::SenderOpening(sender));
        self.script.rest();
        let grant = self.script.grant(0, messages + 1);
        self.script.give(&Flow { handle: Some(handle), incoming_window, ..grant });
        (0..messages).for_each(|_| self.send(sender));
        self.settle_down();
        sender
    }

    fn send(&mut self, sender: SenderId) {
        self.script.engine.sender(sender).unwrap().send(Bytes::from_static(b"xy")).unwrap();
        self.script.rest();
    }

    /// The steps of doing it [`TIMES`] times.
    fn steps(&mut self, mut work: impl FnMut(&mut Self, u32)) -> u64 {
        let before = steps();
        (0..TIMES).for_each(|time| work(self, time));
        steps() - before
    }
}

/// What lies beside costs nothing: fifty times as much of it, and about the same number of steps.
fn costs_nothing_beside(live: impl Fn(&mut Server, u32), work: impl Fn(&mut Server, u32)) {
    let [few, many] = [40, 2000].map(|count| {
        let mut server = Server::new();
        live(&mut server, count);
        server.steps(&work)
    });
    assert!(few > 0 && many <= few + few / 4, "{few} steps beside a few, {many} beside many");
}

/// Four times as many cost about four times as many steps.
fn is_linear(work: impl Fn(u32) -> u64) {
    let [few, many] = [500, 2000].map(work);
    assert!(few > 0 && many <= 5 * few, "{few} steps for 500, {many} for 2000");
}

/// One step is counted for one look: the measure measures.
#[test]
fn work_is_counted() {
    let mut server = Server::new();
    let once = server.steps(|server, time| server.attach(NEW + time));
    assert!(once > u64::from(TIMES) && once < 100 * u64::from(TIMES), "{once}");
}

#[test]
fn links_come_and_go_beside_links() {
    costs_nothing_beside(
        |server, count| (0..count).for_each(|handle| server.attach(handle)),
        |server, _| {
            server.attach(NEW);
            server.detach(NEW);
        },
    );
}

#[test]
fn sessions_come_and_go_beside_sessions() {
    let begin = |server: &mut Server, channel| {
        server.script.give_on(channel, &peer_begin());
        server.settle_down();
    };
    costs_nothing_beside(
        |server, count| (0..count as u16).for_each(|channel| begin(server, 100 + channel)),
        |server, _| {
            begin(server, 60_000);
            server.script.give_on(60_000, &End { error: None });
            server.settle_down();
        },
    );
}

/// §2.6.1: a name is taken over again and again, and the peer does not answer the detaches.
#[test]
fn links_of_one_name_that_are_not_let_go() {
    let attach = |server: &mut Server, handle| {
        server.script.give(&Attach { handle, ..peer_sender("stolen") });
        server.settle_down();
    };
    costs_nothing_beside(
        |server, count| (0..count).for_each(|handle| attach(server, handle)),
        |server, time| attach(server, NEW + time),
    );
}

#[test]
fn links_end_beside_unsettled_deliveries() {
    costs_nothing_beside(
        |server, count| {
            server.attach(OLD);
            (0..count).for_each(|tag| server.transfer(OLD, tag));
        },
        |server, _| {
            server.attach(NEW);
            server.transfer(NEW, 1);
            server.detach(NEW);
        },
    );
}

/// The same with deliveries that are older than those of the other link.
#[test]
fn links_end_before_unsettled_deliveries() {
    costs_nothing_beside(
        |server, count| {
            for time in 0..TIMES {
                server.attach(NEW + time);
                server.transfer(NEW + time, 1);
            }
            server.attach(OLD);
            (0..count).for_each(|tag| server.transfer(OLD, tag));
        },
        |server, time| server.detach(NEW + time),
    );
}

/// What links have in flight is one list of the session: it is gone through once, not once for each link.
#[test]
fn a_session_ends_with_many_links_and_many_deliveries() {
    is_linear(|links| {
        let mut server = Server::new();
        (0..links).for_each(|handle| server.attach(handle));
        for tag in 0..2 {
            (0..links).for_each(|handle| server.transfer(handle, tag));
        }
        let before = steps();
        server.script.give(&End { error: None });
        server.settle_down();
        steps() - before
    });
}

#[test]
fn a_session_ends_with_many_links_and_much_that_was_sent() {
    is_linear(|links| {
        let mut server = Server::new();
        let senders: Vec<_> = (0..links).map(|handle| server.serve(handle, 2, 100_000)).collect();
        senders.into_iter().for_each(|sender| server.send(sender));
        let before = steps();
        server.script.give(&End { error: None });
        server.settle_down();
        steps() - before
    });
}

#[test]
fn links_end_beside_what_was_sent_on_others() {
    costs_nothing_beside(
        |server, count| _ = server.serve(OLD, count, 100_000),
        |server, _| {
            server.serve(NEW, 1, 100_000);
            server.detach(NEW);
        },
    );
}

/// §2.6.12: tags that do not count up are kept in a set.
#[test]
fn tags_in_any_order_beside_other_tags() {
    costs_nothing_beside(
        |server, count| {
            server.attach(OLD);
            server.attach(NEW);
            (0..count).for_each(|tag| server.transfer(OLD, tag));
        },
        |server, _| {
            let first = server.next_delivery;
            [3, 2, 1].into_iter().for_each(|tag| server.transfer(NEW, tag));
            server.settle(Role::Sender, first, first + 2);
        },
    );
}

#[test]
fn messages_that_are_aborted_behind_messages_that_wait() {
    costs_nothing_beside(
        |server, count| {
            server.attach(OLD);
            (0..count).for_each(|tag| server.transfer(OLD, tag));
        },
        |server, _| {
            let begun = Transfer { handle: OLD, more: true, ..peer_transfer(server.next_delivery) };
            server.next_delivery += 1;
            server.script.give_transfer(&begun, b"x");
            server.script.give_transfer(&Transfer { more: false, aborted: true, ..begun }, b"");
            server.settle_down();
        },
    );
}

/// §2.7.6: a range names what it likes.
#[test]
fn dispositions_over_deliveries_that_are_not_there() {
    costs_nothing_beside(
        |server, count| _ = server.serve(OLD, count, 100_000),
        |server, _| server.settle(Role::Receiver, 1 << 20, 1 << 30),
    );
}

/// A window of one frame at a time, and many links that wait for it.
#[test]
fn windows_that_open_and_shut_beside_links_that_wait() {
    costs_nothing_beside(
        |server, count| (0..count).for_each(|handle| _ = server.serve(handle, 1, 0)),
        |server, _| {
            server.script.give(&Flow { incoming_window: 1, ..server.script.flow() });
            server.settle_down();
        },
    );
}

/// §2.7.3: the peer attaches again, and takes no messages as large as those that wait.
#[test]
fn a_long_queue_comes_back() {
    is_linear(|count| {
        let mut server = Server::new();
        server.serve(OLD, count, 0);
        let before = steps();
        server.script.give(&Detach { handle: OLD, closed: false, error: None });
        server.settle_down();
        let smaller = Attach { max_message_size: Some(1), ..peer_receiver(&format!("link {OLD}")) };
        server.script.give(&Attach { handle: OLD, ..smaller });
        server.settle_down();
        assert_eq!(server.script.engine.counters().outgoing, 0);
        steps() - before
    });
}

/// Every second run of deliveries is settled, so that gaps are everywhere.
#[test]
fn deliveries_are_settled_with_gaps() {
    is_linear(|count| {
        let mut server = Server::new();
        server.serve(OLD, count, 100_000);
        let before = steps();
        for first in (0..count - 32).step_by(64) {
            server.settle(Role::Receiver, first + 32, first + 63);
        }
        server.settle(Role::Receiver, 0, count);
        steps() - before
    });
}

/// The peer settles what it has not read the outcomes of, one delivery at a time.
#[test]
fn outcomes_that_are_not_read_are_taken_back() {
    is_linear(|count| {
        let mut server = Server::new();
        server.script.give(&Attach { handle: OLD, ..peer_sender("link") });
        let receiver = server.script.expect_some(|event| match event {
            Event::ReceiverOpening(id) => Some(id),
            _ => None,
        });
        server.accept(Event::ReceiverOpening(receiver));
        server.settle_down();
        (0..count).for_each(|tag| server.transfer(OLD, tag));
        for number in 0..count {
            let mut view = server.script.engine.receiver(receiver).unwrap();
            let key = view.next_delivery().unwrap().key;
            let outcome = if number % 2 == 0 { DeliveryState::Accepted } else { DeliveryState::Released };
            view.settle(key, outcome).unwrap();
        }
        let before = steps();
        for id in (0..count).filter(|id| id % 5 != 0) {
            let first = Serial(id);
            let settled = Disposition { role: Role::Sender, first, settled: true, ..Disposition::default() };
            server.script.give(&settled);
        }
        let said =
            server.script.rest().iter().filter(|unit| format!("{unit:?}").contains("Disposition")).count();
        assert_eq!(said as u32, count / 5);
        steps() - before
    });
}
