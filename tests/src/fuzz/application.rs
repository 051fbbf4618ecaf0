//! The application around an engine: it answers what is asked, takes what is there, and keeps account of what it sent.

use std::collections::{BTreeMap, BTreeSet};

use amqp_core::codec::{DeliveryState, Error, ErrorCondition, Payload, SaslCode};
use amqp_core::{
    Connection, DeliveryKey, Event, ReceivedKey, ReceiverId, Resolution, SaslAnswer, SenderId, SessionId,
    StateError,
};
use bytes::Bytes;

use super::setup;

/// What became of a delivery that was accepted for sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It has no resolution.
    Pending,
    /// The application has taken it back or given it up. What its receiver told before may still come.
    Left,
    /// It has its resolution.
    Resolved,
}

/// An application.
#[derive(Debug, Default)]
pub(super) struct Application {
    /// What it likes to choose.
    pub(super) habit: u8,
    /// Its peer is another one, so that what arrives is what that has sent.
    honest: bool,
    pub(super) sessions: BTreeSet<SessionId>,
    pub(super) senders: BTreeSet<SenderId>,
    pub(super) receivers: BTreeSet<ReceiverId>,
    /// Deliveries that were taken and may be settled.
    pub(super) held: BTreeSet<(ReceiverId, ReceivedKey)>,
    /// Deliveries that were sent, each with the number in its message-format.
    pub(super) sent: BTreeMap<(SenderId, DeliveryKey), (Fate, u32)>,
    questions: Vec<Event>,
    over: BTreeSet<Endpoint>,
    rounds: u32,
    /// All that was received and resolved, in its order.
    pub(super) digest: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Endpoint {
    Connection,
    Session(SessionId),
    Sender(SenderId),
    Receiver(ReceiverId),
}

impl Application {
    /// One of these habits; `honest` where its peer is another application, too.
    pub(super) fn new(habit: u8, honest: bool) -> Self {
        Self { habit, honest, ..Self::default() }
    }

    /// Is told of an event, which has to make sense.
    pub(super) fn hear(&mut self, event: Event) {
        assert!(!self.is_over(), "{event:?} after the connection was over");
        let (endpoint, last) = endpoint_of(event);
        // A link that was stolen while it was being detached is told to be detached, too.
        assert!(!self.over.contains(&endpoint), "{event:?} after its final event");
        match endpoint {
            Endpoint::Session(id) => drop(self.sessions.insert(id)),
            Endpoint::Sender(id) => drop(self.senders.insert(id)),
            Endpoint::Receiver(id) => drop(self.receivers.insert(id)),
            Endpoint::Connection => {}
        }
        if last {
            self.over.insert(endpoint);
        }
        if asks(event) {
            self.questions.push(event);
        }
    }

    /// The connection's final event was heard.
    pub(super) fn is_over(&self) -> bool {
        self.over.contains(&Endpoint::Connection)
    }

    /// Answers all questions and takes everything. Returns whether there was anything.
    pub(super) fn attend(&mut self, engine: &mut Connection) -> bool {
        let mut busy = !self.questions.is_empty();
        while let Some(question) = self.question(0) {
            // The peer may have taken it back.
            self.answer(engine, question, false).ok();
        }
        for id in self.senders.clone() {
            busy |= self.take_outcomes(engine, id);
        }
        for id in self.receivers.clone() {
            busy |= self.take_deliveries(engine, id);
        }
        busy
    }

    /// The question at `at`, if there are so many.
    pub(super) fn question(&mut self, at: usize) -> Option<Event> {
        (at < self.questions.len()).then(|| self.questions.remove(at))
    }

    /// Answers something that was asked, or was not.
    pub(super) fn answer(
        &mut self,
        engine: &mut Connection,
        question: Event,
        refuses: bool,
    ) -> Result<(), StateError> {
        let error = || Error::new(ErrorCondition::NOT_ALLOWED, "not today");
        match question {
            Event::Opening if refuses => engine.refuse(error()),
            Event::Opening => engine.accept(setup::connection(self.habit)),
            Event::Authenticate => self.authenticate(engine, refuses),
            Event::SessionOpening(id) if refuses => engine.session(id)?.refuse(error()),
            Event::SessionOpening(id) => engine.session(id)?.accept(setup::session(self.habit)),
            Event::SenderOpening(id) if refuses => engine.sender(id)?.refuse(error()),
            Event::SenderOpening(id) => engine.sender(id)?.accept(setup::sender(self.habit)),
            Event::ReceiverOpening(id) if refuses => engine.receiver(id)?.refuse(error()),
            Event::ReceiverOpening(id) => engine.receiver(id)?.accept(setup::receiver(self.habit)),
            Event::Draining(id) => {
                engine.sender(id)?.drained();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A few rounds of messages, as the habit has it, and then yes.
    fn authenticate(&mut self, engine: &mut Connection, refuses: bool) -> Result<(), StateError> {
        self.rounds += 1;
        let goes_on = u32::from(self.habit % 4) >= self.rounds;
        let said = Bytes::from_static(b"said");
        if refuses {
            engine.authenticate(SaslAnswer::Reject(SaslCode::Auth))
        } else if goes_on || !engine.is_server() {
            engine.authenticate(SaslAnswer::Message(said))
        } else {
            engine.authenticate(SaslAnswer::Accept(None))
        }
    }

    /// Takes all outcomes of a link, each of which has to be that of an accepted delivery.
    pub(super) fn take_outcomes(&mut self, engine: &mut Connection, id: SenderId) -> bool {
        let mut taken = false;
        // Once its last outcome is taken, a link that is over is gone.
        while let Some((key, resolution)) =
            engine.sender(id).ok().and_then(|mut sender| sender.next_outcome())
        {
            taken = true;
            let (fate, number) = self.sent.get_mut(&(id, key)).expect("only what was sent is resolved");
            assert_ne!(*fate, Fate::Resolved, "{key:?} is resolved again: {resolution:?}");
            *fate = Fate::Resolved;
            let number = *number;
            if let Resolution::Unsent(back, _) = &resolution {
                assert_eq!(back.message_format, number, "another message comes back");
            }
            self.note(u64::from(number));
        }
        taken
    }

    /// Takes, reads and settles all deliveries of a link.
    pub(super) fn take_deliveries(&mut self, engine: &mut Connection, id: ReceiverId) -> bool {
        let mut taken = false;
        loop {
            let Ok(mut receiver) = engine.receiver(id) else { return taken };
            let Some(delivery) = receiver.next_delivery() else { break };
            taken = true;
            if delivery.complete {
                // What is settled has no key any more.
                receiver.settle(delivery.key, outcome(self.habit)).ok();
            } else {
                self.held.insert((id, delivery.key));
            }
            self.arrived(delivery.message_format, &delivery.payload, delivery.complete);
            self.note(u64::from(delivery.message_format) << 1 | u64::from(delivery.settled));
            self.note_octets(&delivery.tag);
        }
        let held: Vec<_> = self.held.iter().copied().filter(|(of, _)| *of == id).collect();
        for (_, key) in held {
            taken |= self.read(engine, id, key);
        }
        while let Ok(mut receiver) = engine.receiver(id)
            && let Some(update) = receiver.next_update()
        {
            taken = true;
            self.note(u64::from(update.settled));
        }
        taken
    }

    /// Reads on, and settles what is whole or comes no further.
    fn read(&mut self, engine: &mut Connection, id: ReceiverId, key: ReceivedKey) -> bool {
        let Ok(mut receiver) = engine.receiver(id) else { return self.held.remove(&(id, key)) };
        let Ok((payload, complete)) = receiver.read(key) else {
            return self.held.remove(&(id, key));
        };
        if complete {
            receiver.settle(key, outcome(self.habit)).ok();
            self.held.remove(&(id, key));
        }
        payload.chunks().for_each(|chunk| self.note_octets(chunk));
        complete || !payload.is_empty()
    }

    /// What arrives is what was sent: messages of one octet over and over, of which the format tells how many.
    pub(super) fn arrived(&mut self, format: u32, payload: &Payload, complete: bool) {
        payload.chunks().for_each(|chunk| self.note_octets(chunk));
        if self.honest {
            let [_, high, low, octet] = format.to_be_bytes();
            let length = usize::from(u16::from_be_bytes([high, low]));
            assert!(payload.chunks().all(|chunk| chunk.iter().all(|it| *it == octet)), "{format:08x}");
            assert!(!complete || length == usize::from(u16::MAX) || payload.len() == length, "{format:08x}");
        }
    }

    /// Nothing can come any more, so that everything accepted is resolved.
    pub(super) fn is_settled(&self) {
        let pending: Vec<_> = self.sent.iter().filter(|(_, (fate, _))| *fate == Fate::Pending).collect();
        assert!(pending.is_empty(), "never resolved: {pending:?}");
    }

    fn note(&mut self, what: u64) {
        self.digest = (self.digest ^ what).wrapping_mul(0x0100_0000_01B3);
    }

    fn note_octets(&mut self, octets: &[u8]) {
        octets.iter().for_each(|octet| self.note(u64::from(*octet)));
    }
}

/// The endpoint that an event is about, and whether it is its last.
const fn endpoint_of(event: Event) -> (Endpoint, bool) {
    let endpoint = match event {
        Event::SessionOpening(id) | Event::SessionOpened(id) | Event::SessionEnded(id) => {
            Endpoint::Session(id)
        }
        Event::SenderOpening(id)
        | Event::SenderOpened(id)
        | Event::SenderDetached(id)
        | Event::SenderClosed(id)
        | Event::Credit(id)
        | Event::Draining(id)
        | Event::Outcomes(id) => Endpoint::Sender(id),
        Event::ReceiverOpening(id)
        | Event::ReceiverOpened(id)
        | Event::ReceiverDetached(id)
        | Event::ReceiverClosed(id)
        | Event::Deliveries(id)
        | Event::Updates(id)
        | Event::Drained(id) => Endpoint::Receiver(id),
        _ => Endpoint::Connection,
    };
    let last = matches!(
        event,
        Event::SessionEnded(_) | Event::SenderClosed(_) | Event::ReceiverClosed(_) | Event::Closed
    );
    (endpoint, last)
}

const fn asks(event: Event) -> bool {
    matches!(
        event,
        Event::Opening
            | Event::Authenticate
            | Event::SessionOpening(_)
            | Event::SenderOpening(_)
            | Event::ReceiverOpening(_)
            | Event::Draining(_)
    )
}

/// Any outcome.
pub(super) fn outcome(habit: u8) -> DeliveryState {
    match habit >> 4 & 3 {
        0 | 1 => DeliveryState::Accepted,
        2 => DeliveryState::Released,
        _ => DeliveryState::Rejected(Default::default()),
    }
}
