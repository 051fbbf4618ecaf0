//! Receives messages until the peer closes the connection, and looks at each.

use amqp_codec::{DeliveryState, Message};
use amqp_core::{
    CloseReason, Connection, CreditMode, Delivery, Event, ReceiverId, ReceiverOptions, SessionId,
};

use crate::program::{Problem, Problems, Program, attach_receiver, check_clean, check_lost};

/// Looks at a message and says what its outcome is.
type Take = Box<dyn FnMut(&Delivery, Message) -> Result<DeliveryState, String>>;
type Change = Box<dyn Fn(ReceiverOptions) -> ReceiverOptions>;

const PREFETCH: u32 = 10;

/// A receiver with its expectations.
pub(crate) struct Receiving {
    expected: usize,
    received: usize,
    take: Take,
    change: Change,
    /// Closes the connection once all expected messages are here.
    closes: bool,
    /// Expects that the sender settles every delivery, after its outcome.
    second: bool,
    settled_second: usize,
    /// Credit to drain, and how many messages come until it is drained.
    drain: Option<(u32, usize)>,
    drained: bool,
    /// How often the link is to be detached, and how often it was.
    detaches: (usize, usize),
    /// The connection is to be lost.
    expects_loss: bool,
}

impl Receiving {
    /// Expects so many messages.
    pub(crate) fn new(
        expected: usize,
        take: impl FnMut(&Delivery, Message) -> Result<DeliveryState, String> + 'static,
    ) -> Self {
        Self {
            expected,
            received: 0,
            take: Box::new(take),
            change: Box::new(|options| options),
            closes: false,
            second: false,
            settled_second: 0,
            drain: None,
            drained: false,
            detaches: (0, 0),
            expects_loss: false,
        }
    }

    /// Changes the options of the link.
    pub(crate) fn change(mut self, change: impl Fn(ReceiverOptions) -> ReceiverOptions + 'static) -> Self {
        self.change = Box::new(change);
        self
    }

    /// Closes the connection itself.
    pub(crate) fn closes(mut self) -> Self {
        self.closes = true;
        self
    }

    /// Settles after the sender.
    pub(crate) fn second(mut self) -> Self {
        self.second = true;
        self
    }

    /// Grants `credit` and has it drained, which gives `messages`; then grants what is missing.
    pub(crate) fn drain(mut self, credit: u32, messages: usize) -> Self {
        self.drain = Some((credit, messages));
        self
    }

    /// Expects that the link is detached once on the way.
    pub(crate) fn detached(mut self) -> Self {
        self.detaches.0 = 1;
        self
    }

    /// Expects that the connection is lost.
    pub(crate) fn expect_loss(mut self) -> Self {
        self.expects_loss = true;
        self
    }

    fn options(&self, options: ReceiverOptions) -> ReceiverOptions {
        let options = options.credit(if self.drain.is_some() {
            CreditMode::Manual
        } else {
            CreditMode::Prefetch(PREFETCH)
        });
        (self.change)(options)
    }

    /// The link is attached, or about to be.
    fn begin(&self, connection: &mut Connection, id: ReceiverId) -> Result<(), Problem> {
        if let Some((credit, _)) = self.drain {
            let mut receiver = connection.receiver(id)?;
            receiver.grant(credit);
            receiver.drain();
        }
        Ok(())
    }

    fn take_deliveries(
        &mut self,
        connection: &mut Connection,
        id: ReceiverId,
        problems: &mut Problems,
    ) -> Result<(), Problem> {
        while let Some(delivery) = connection.receiver(id)?.next_delivery() {
            self.received += 1;
            let message = Message::decode(&delivery.payload)?;
            let outcome = (self.take)(&delivery, message).unwrap_or_else(|problem| {
                problems.push(problem);
                DeliveryState::Accepted
            });
            if !delivery.settled {
                connection.receiver(id)?.settle(delivery.key, outcome)?;
            }
        }
        if self.closes && self.received == self.expected {
            connection.close(None);
        }
        Ok(())
    }

    fn take_updates(&mut self, connection: &mut Connection, id: ReceiverId) -> Result<(), Problem> {
        while let Some(update) = connection.receiver(id)?.next_update() {
            self.settled_second += usize::from(update.settled);
        }
        Ok(())
    }

    fn drained(
        &mut self,
        connection: &mut Connection,
        id: ReceiverId,
        problems: &mut Problems,
    ) -> Result<(), Problem> {
        self.drained = true;
        let Some((_, messages)) = self.drain else { return Err("drained without being asked to".into()) };
        if self.received != messages {
            problems.push(format!("drained after {} messages, expected {messages}", self.received));
        }
        let missing = u32::try_from(self.expected.saturating_sub(messages))?;
        connection.receiver(id)?.grant(missing);
        Ok(())
    }
}

impl Program for Receiving {
    fn open(&mut self, connection: &mut Connection, session: SessionId) -> Result<(), Problem> {
        let options = |options| self.options(options);
        let id = attach_receiver(connection, session, options)?;
        self.begin(connection, id)
    }

    fn on_event(
        &mut self,
        connection: &mut Connection,
        event: Event,
        problems: &mut Problems,
    ) -> Result<(), Problem> {
        match event {
            Event::ReceiverOpening(id) => {
                let options = self.options(ReceiverOptions::default());
                connection.receiver(id)?.accept(options)?;
                self.begin(connection, id)?;
            }
            Event::ReceiverDetached(_) => self.detaches.1 += 1,
            Event::Deliveries(id) => self.take_deliveries(connection, id, problems)?,
            Event::Updates(id) => self.take_updates(connection, id)?,
            Event::Drained(id) => self.drained(connection, id, problems)?,
            _ => {}
        }
        Ok(())
    }

    fn check_end(&self, reason: &CloseReason) -> Option<String> {
        if self.expects_loss { check_lost(reason) } else { check_clean(reason) }
    }

    fn check_all(&self) -> Option<String> {
        let (received, settled, expected) = (self.received, self.settled_second, self.expected);
        if received != expected {
            return Some(format!("received {received} messages, expected {expected}"));
        }
        if self.detaches.0 != self.detaches.1 {
            return Some(format!("detached {} times", self.detaches.1));
        }
        if self.drain.is_some() && !self.drained {
            return Some("never drained".to_owned());
        }
        (self.second && settled != expected).then(|| format!("{settled} deliveries settled by the sender"))
    }
}
