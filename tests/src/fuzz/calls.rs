//! Calls of the application: any, in any order, also those that make no sense. None of them panics, and whatever they
//! do keeps what the engine writes lawful.

use amqp_core::codec::{DeliveryState, DeliveryTag, Error, ErrorCondition, Payload, Received};
use amqp_core::{
    Connection, DeliveryKey, Event, Outgoing, ReceivedKey, Receiver, ReceiverId, Sender, SenderId, SessionId,
};
use bytes::Bytes;

use super::application::{Application, Fate, outcome};
use super::input::Input;
use super::setup;

/// Messages are so long at the most.
const LONGEST: usize = 4_000;
/// No more sessions and links than these are begun, so that there are channels and handles for the peer's, too.
const SESSIONS: usize = 8;
const LINKS: usize = 20;
/// The length in a message-format that says nothing about the length.
const STREAM: usize = u16::MAX as usize;

impl Application {
    /// Makes one call, which the input chooses.
    pub(super) fn call(&mut self, engine: &mut Connection, input: &mut Input<'_>) {
        match input.below(32) {
            0 => drop(self.begin(engine, input)),
            1 | 2 => self.attach(engine, input),
            3..=5 => self.answer_one(engine, input),
            6..=11 => self.send(engine, input, true),
            12 => self.send(engine, input, false),
            13..=16 => self.go_on(engine, input),
            17 | 18 => self.take(engine, input),
            19..=22 => self.settle(engine, input),
            23..=27 => self.want(engine, input),
            28 | 29 => self.leave(engine, input),
            30 => self.habit = input.octet(),
            _ => self.disturb(engine, input),
        }
    }

    fn begin(&mut self, engine: &mut Connection, input: &mut Input<'_>) -> Option<SessionId> {
        let options = setup::session(input.octet());
        let id = (engine.counters().sessions < SESSIONS).then(|| engine.begin(options).ok()).flatten()?;
        self.sessions.insert(id);
        Some(id)
    }

    fn attach(&mut self, engine: &mut Connection, input: &mut Input<'_>) {
        let (sends, habit) = (input.flag(), input.octet());
        if engine.counters().links >= LINKS {
            return;
        }
        let some = input.one(self.sessions.iter()).copied();
        let Some(mut session) = some.and_then(|id| engine.session(id).ok()) else { return };
        // Names that clash are refused.
        let name = input.pick(&[None, None, None, Some("a"), Some("b")]);
        if sends {
            let mut options = setup::sender(habit);
            options.name = name.map(Into::into);
            self.senders.extend(session.attach_sender(options));
        } else {
            let mut options = setup::receiver(habit);
            options.name = name.map(Into::into);
            self.receivers.extend(session.attach_receiver(options));
        }
    }

    /// Answers something that was asked, or something else.
    fn answer_one(&mut self, engine: &mut Connection, input: &mut Input<'_>) {
        let at = usize::from(input.flag());
        let asked = self.question(at);
        let question = asked.unwrap_or_else(|| self.no_question(input));
        let refuses = input.once_in(8);
        self.answer(engine, question, refuses).ok();
    }

    /// Something that could be asked, and was not.
    fn no_question(&self, input: &mut Input<'_>) -> Event {
        let session = input.one(self.sessions.iter()).map(|id| Event::SessionOpening(*id));
        let sender = input.one(self.senders.iter()).map(|id| Event::SenderOpening(*id));
        let receiver = input.one(self.receivers.iter()).map(|id| Event::ReceiverOpening(*id));
        input.pick(&[session, sender, receiver, Some(Event::Authenticate)]).unwrap_or(Event::Opening)
    }

    fn send(&mut self, engine: &mut Connection, input: &mut Input<'_>, whole: bool) {
        let Some((id, mut sender)) = self.a_sender(engine, input) else { return };
        let (length, octet) = (input.length(LONGEST), self.sent.len().to_le_bytes()[0]);
        let told = if whole { length } else { STREAM };
        let [high, low] = u16::try_from(told).unwrap_or(u16::MAX).to_be_bytes();
        let mut message = Outgoing::from(filled(octet, length));
        message.message_format = u32::from_be_bytes([0, high, low, octet]);
        let whims = input.octet();
        message.settled = [None, None, Some(true), Some(false)][usize::from(whims % 4)];
        message.batchable = whims & 4 != 0;
        if whims >= 0xE0 {
            message.tag = DeliveryTag::new(input.take(usize::from(whims % 32))).ok();
        }
        if whims & 0x1C == 0x1C {
            message.state = Some(outcome(whims));
        }
        let credit = sender.credit();
        let format = message.message_format;
        let sent = if whole { sender.send(message) } else { sender.start(message) };
        match sent {
            Ok(key) => {
                assert!(credit > 0, "taken without credit");
                assert!(sender.tag(key).is_some());
                let known = self.sent.insert((id, key), (Fate::Pending, format));
                assert_eq!(known, None, "{key:?} is the key of two deliveries");
            }
            Err(error) => {
                assert_eq!((error.message.message_format, error.message.payload.len()), (format, length));
            }
        }
    }

    /// Continues, ends or takes back what was sent.
    fn go_on(&mut self, engine: &mut Connection, input: &mut Input<'_>) {
        let Some((id, key)) = self.a_sent(input) else { return };
        let Ok(mut sender) = engine.sender(id) else { return };
        let Some((fate, format)) = self.sent.get_mut(&(id, key)) else { return };
        let left = match input.below(10) {
            0..=3 => {
                let [.., octet] = format.to_be_bytes();
                sender.append(key, filled(octet, input.length(LONGEST))).ok();
                false
            }
            4 | 5 => {
                sender.finish(key).ok();
                false
            }
            6 => sender.abort(key).is_ok(),
            7 => sender.withdraw(key).is_some(),
            8 => sender.settle(key).is_ok(),
            _ => {
                let received = DeliveryState::Received(Received { section_number: 0, section_offset: 1 });
                let state = if input.flag() { received } else { outcome(input.octet()) };
                sender.update(key, state).ok();
                false
            }
        };
        if left && *fate == Fate::Pending {
            *fate = Fate::Left;
        }
    }

    fn take(&mut self, engine: &mut Connection, input: &mut Input<'_>) {
        if input.flag() {
            if let Some(id) = input.one(self.senders.iter()).copied() {
                self.take_outcomes(engine, id);
            }
            return;
        }
        let Some((id, mut receiver)) = self.a_receiver(engine, input) else { return };
        let Some(delivery) = receiver.next_delivery() else { return };
        self.held.insert((id, delivery.key));
        self.arrived(delivery.message_format, &delivery.payload, delivery.complete);
    }

    /// Settles something that was taken, tells a state of it, or reads on.
    fn settle(&self, engine: &mut Connection, input: &mut Input<'_>) {
        let Some((id, key)) = self.a_held(input) else { return };
        let Ok(mut receiver) = engine.receiver(id) else { return };
        let state = outcome(input.octet());
        match input.below(8) {
            0..=4 => drop(receiver.settle(key, state)),
            5 => drop(receiver.update(key, state)),
            6 => drop(receiver.read(key)),
            _ => drop(receiver.next_update()),
        }
    }

    /// Asks for deliveries, or for none.
    fn want(&self, engine: &mut Connection, input: &mut Input<'_>) {
        let Some((_, mut receiver)) = self.a_receiver(engine, input) else { return };
        match input.below(10) {
            0..=2 => receiver.grant(u32::from(input.octet() % 16)),
            3 => receiver.grant(u32::MAX),
            4 => receiver.drain(),
            5 => receiver.stop(),
            6 => receiver.demand(u32::from(input.octet() % 16)),
            7 => receiver.set_credit_mode(setup::credit(input.octet())),
            8 => receiver.echo(),
            _ => assert!(receiver.waiting_whole() <= receiver.waiting()),
        }
    }

    /// Detaches, attaches again, closes or ends.
    fn leave(&self, engine: &mut Connection, input: &mut Input<'_>) {
        let error = input.once_in(4).then(failure);
        let what = input.below(9);
        if what == 8 {
            let Some(id) = input.one(self.sessions.iter()).copied() else { return };
            let Ok(mut session) = engine.session(id) else { return };
            return if input.flag() { session.echo() } else { session.end(error).unwrap_or_default() };
        }
        if what < 4 {
            let Some((_, mut sender)) = self.a_sender(engine, input) else { return };
            match what {
                0 => drop(sender.detach()),
                1 => drop(sender.attach()),
                2 => drop(sender.close(error)),
                _ => sender.drained(),
            }
        } else {
            let Some((_, mut receiver)) = self.a_receiver(engine, input) else { return };
            match what {
                4 => drop(receiver.detach()),
                5 | 6 => drop(receiver.attach()),
                _ => drop(receiver.close(error)),
            }
        }
    }

    /// What happens once in a connection, or should not happen at all.
    fn disturb(&mut self, engine: &mut Connection, input: &mut Input<'_>) {
        match input.octet() {
            0..=9 => engine.close(None),
            10..=14 => engine.close(Some(failure())),
            15..=19 => drop(engine.refuse(failure())),
            20..=29 => drop(self.answer(engine, Event::Authenticate, input.flag())),
            _ => drop(self.begin(engine, input)),
        }
    }

    fn a_sender<'a>(
        &self,
        engine: &'a mut Connection,
        input: &mut Input<'_>,
    ) -> Option<(SenderId, Sender<'a>)> {
        let id = *input.one(self.senders.iter())?;
        Some((id, engine.sender(id).ok()?))
    }

    fn a_receiver<'a>(
        &self,
        engine: &'a mut Connection,
        input: &mut Input<'_>,
    ) -> Option<(ReceiverId, Receiver<'a>)> {
        let id = *input.one(self.receivers.iter())?;
        Some((id, engine.receiver(id).ok()?))
    }

    fn a_sent(&self, input: &mut Input<'_>) -> Option<(SenderId, DeliveryKey)> {
        let back = input.below(16);
        self.sent.keys().nth_back(back).or_else(|| self.sent.keys().next()).copied()
    }

    fn a_held(&self, input: &mut Input<'_>) -> Option<(ReceiverId, ReceivedKey)> {
        input.one(self.held.iter()).copied()
    }
}

fn failure() -> Error {
    Error::new(ErrorCondition::INTERNAL_ERROR, "enough")
}

fn filled(octet: u8, length: usize) -> Payload {
    Bytes::from(vec![octet; length]).into()
}
