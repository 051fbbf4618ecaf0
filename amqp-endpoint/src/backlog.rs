//! What the peer opened and nobody has asked for yet.

use std::collections::VecDeque;
use std::task::{Poll, Waker};

use amqp_core::codec::Attach;
use amqp_core::{ReceiverId, SenderId, SessionId};

use crate::after::After;
use crate::state::{Place, State};
use crate::waiters::{Ticket, Waiters};

/// Something of the peer that waits for an answer.
#[derive(Debug)]
pub(crate) enum Arrival {
    Authentication,
    Connection,
    Session(usize, SessionId),
    Sender { key: usize, id: SenderId, session: (usize, SessionId), attach: Box<Attach> },
    Receiver { key: usize, id: ReceiverId, session: (usize, SessionId), attach: Box<Attach> },
}

/// The queue of them. The engine bounds it: it refuses what waits too long, and those that are over are forgotten.
#[derive(Debug)]
pub(crate) struct Backlog {
    queue: VecDeque<Arrival>,
    waiters: Waiters,
    /// Sessions and links of the peer are wanted.
    open: bool,
    /// How many of the queue are over.
    stale: usize,
}

impl Backlog {
    pub(crate) fn new(open: bool) -> Self {
        Self { queue: VecDeque::new(), waiters: Waiters::default(), open, stale: 0 }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    pub(crate) fn push(&mut self, arrival: Arrival, after: &mut After) {
        self.queue.push_back(arrival);
        self.waiters.wake(self.queue.len(), after);
    }

    pub(crate) fn leave(&mut self, ticket: &mut Option<Ticket>, after: &mut After) {
        self.waiters.leave(ticket, after);
        self.waiters.wake(self.queue.len(), after);
    }

    /// The connection is over.
    pub(crate) fn close(&mut self, after: &mut After) {
        self.waiters.wake_all(after);
    }
}

impl State {
    /// Takes what the peer opened next, with a handle counted for it and for its session; `None` where nothing will come.
    pub(crate) fn next_arrival(
        &mut self,
        ticket: &mut Option<Ticket>,
        waker: &mut Option<Waker>,
    ) -> Poll<Option<Arrival>> {
        if self.backlog.waiters.admits(*ticket) {
            while let Some(arrival) = self.backlog.queue.pop_front() {
                if self.take_arrival(&arrival) {
                    self.backlog.leave(ticket, &mut self.after);
                    return Poll::Ready(Some(arrival));
                }
                self.backlog.stale = self.backlog.stale.saturating_sub(1);
            }
        }
        if self.connection.error().is_some() {
            self.backlog.leave(ticket, &mut self.after);
            return Poll::Ready(None);
        }
        self.backlog.waiters.wait(ticket, waker, &mut self.after);
        Poll::Pending
    }

    /// Counts the handles of what is about to be handed out; false where it is over.
    fn take_arrival(&mut self, arrival: &Arrival) -> bool {
        if self.is_stale(arrival) {
            return false;
        }
        match *arrival {
            Arrival::Authentication | Arrival::Connection => {}
            Arrival::Session(key, id) => self.adopt(Place::Session(key, id)),
            Arrival::Sender { key, id, session, .. } => {
                self.adopt(Place::Sender(key, id));
                self.adopt(Place::Session(session.0, session.1));
            }
            Arrival::Receiver { key, id, session, .. } => {
                self.adopt(Place::Receiver(key, id));
                self.adopt(Place::Session(session.0, session.1));
            }
        }
        true
    }

    fn is_stale(&self, arrival: &Arrival) -> bool {
        match *arrival {
            Arrival::Authentication | Arrival::Connection => self.connection.error().is_some(),
            Arrival::Session(key, id) => self.sessions.find(id) != Some(key),
            Arrival::Sender { key, id, .. } => self.senders.find(id) != Some(key),
            Arrival::Receiver { key, id, .. } => self.receivers.find(id) != Some(key),
        }
    }

    /// One of the queue is over; they are dropped from it once they are the most.
    pub(crate) fn arrival_is_over(&mut self) {
        self.backlog.stale = self.backlog.stale.saturating_add(1);
        if self.backlog.stale > self.backlog.queue.len() / 2 {
            let mut queue = std::mem::take(&mut self.backlog.queue);
            queue.retain(|arrival| !self.is_stale(arrival));
            self.backlog.queue = queue;
            self.backlog.stale = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use amqp_core::{ConnectionOptions, Instant, SenderOptions, SessionOptions};
    use bytes::BytesMut;

    use crate::container::Container;
    use crate::driver::Driver;

    fn carry(drivers: [&Driver; 2]) {
        let [one, other] = drivers;
        while [(one, other), (other, one)].into_iter().any(|(from, to)| {
            let octets = from.next_write(Instant::ORIGIN);
            octets.iter().for_each(|octets| to.on_bytes(&mut BytesMut::from(&octets[..]), Instant::ORIGIN));
            octets.is_some()
        }) {}
    }

    /// A peer that attaches and detaches, over and over, while nobody asks, does not make the queue grow.
    #[test]
    fn what_is_over_does_not_wait() {
        let options = ConnectionOptions::default();
        let (client, client_driver) = Container::new("client").client(options.clone());
        let options = options.accept_connection(true).accept_sessions(SessionOptions::default());
        let (server, server_driver) = Container::new("server").server(options);
        let waiting = || server.shared().look(|state| (state.backlog.queue.len(), state.receivers.len()));
        let kept = [0, 1, 2].map(|_| client.sender(SenderOptions::new("kept")).expect("a handle"));
        for _ in 0..200 {
            let links = [0, 1, 2].map(|_| client.sender(SenderOptions::new("gone")).expect("a handle"));
            carry([&client_driver, &server_driver]);
            assert!(waiting().0 <= 13, "{:?}", waiting());
            drop(links);
            carry([&client_driver, &server_driver]);
        }
        assert!(waiting().0 <= 7 && waiting().1 == 3, "{:?}", waiting());
        drop(kept);
    }
}
