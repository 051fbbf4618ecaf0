//! Giving octets to an engine, and noting all that comes of it.

use amqp_core::codec::{DeliveryState, SaslCode};
use amqp_core::{
    CloseReason, Delivery, DeliveryKey, Event, ReceiverId, ReceiverOptions, Resolution, SaslAnswer, SenderId,
    SenderOptions, Update,
};
use amqp_tests::frames::Unit;
use amqp_tests::pair::Door;
use bytes::BytesMut;

use crate::stage::Stage;

/// What an engine said and told when it had all the octets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    /// What it wrote.
    pub(crate) units: Vec<Unit>,
    /// What it told.
    pub(crate) events: Vec<Event>,
    /// Why it is over, if it is.
    pub(crate) reason: Option<CloseReason>,
}

/// Something that an application got from an engine.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Taken {
    /// Something that went to the peer.
    Unit(Unit),
    /// An event.
    Event(Event),
    /// A delivery.
    Delivery(Delivery),
    /// What became of a delivery.
    Outcome(DeliveryKey, Resolution),
    /// What the peer did to a delivery.
    Update(Update),
}

impl Stage {
    /// Gives these pieces, and only then asks what the engine has to say and to tell.
    pub(crate) fn give(&mut self, pieces: &[&[u8]], door: Door) -> Answer {
        let (side, now) = (self.setup.side, self.script.now());
        let mut waiting = BytesMut::new();
        for piece in pieces {
            self.script.oracle.sent(side.other(), piece);
            self.script.oracle.delivered(side, piece.len());
            if door == Door::Slice {
                _ = self.script.engine.handle_input(piece, now);
            } else {
                waiting.extend_from_slice(piece);
                _ = self.script.engine.handle_input_buf(&mut waiting, now);
            }
        }
        self.answer()
    }

    /// What the engine has to say and to tell now.
    pub(crate) fn answer(&mut self) -> Answer {
        let units = self.script.rest();
        let events = self.script.take_events();
        Answer { units, events, reason: self.script.engine.close_reason().cloned() }
    }

    /// An application that accepts everything looks at these events and all that follow from what it does.
    pub(crate) fn live(&mut self, events: &[Event]) -> Vec<Taken> {
        let (mut all, mut news) = (Vec::new(), events.to_vec());
        loop {
            for event in news.drain(..) {
                self.accept(event);
            }
            let before = all.len();
            let receivers: Vec<_> = self.links.receivers.iter().copied().collect();
            let senders: Vec<_> = self.links.senders.iter().copied().collect();
            all.extend(receivers.into_iter().flat_map(|id| self.take_received(id)));
            all.extend(senders.into_iter().flat_map(|id| self.take_outcomes(id)));
            all.extend(self.script.rest().into_iter().map(Taken::Unit));
            news = self.script.take_events();
            all.extend(news.iter().copied().map(Taken::Event));
            if all.len() == before {
                return all;
            }
        }
    }

    fn accept(&mut self, event: Event) {
        let engine = &mut self.script.engine;
        match event {
            Event::Authenticate => {
                engine.authenticate(SaslAnswer::Reject(SaslCode::Auth)).unwrap_or_default()
            }
            Event::SessionOpening(id) => {
                let options = self.setup.session.clone();
                engine.session(id).ok().and_then(|mut session| session.accept(options).ok());
            }
            Event::SenderOpening(id) => {
                self.links.senders.insert(id);
                let options = SenderOptions::default();
                engine.sender(id).ok().and_then(|mut sender| sender.accept(options).ok());
            }
            Event::ReceiverOpening(id) => {
                self.links.receivers.insert(id);
                let options = ReceiverOptions::default();
                engine.receiver(id).ok().and_then(|mut receiver| receiver.accept(options).ok());
            }
            _ => {}
        }
    }

    /// Takes and accepts all deliveries of a link.
    fn take_received(&mut self, id: ReceiverId) -> Vec<Taken> {
        let Ok(mut receiver) = self.script.engine.receiver(id) else { return Vec::new() };
        let mut taken = Vec::new();
        while let Some(delivery) = receiver.next_delivery() {
            // What is settled or whose link is over has no key any more.
            receiver.settle(delivery.key, DeliveryState::Accepted).ok();
            taken.push(Taken::Delivery(delivery));
        }
        taken.extend(std::iter::from_fn(|| receiver.next_update()).map(Taken::Update));
        taken
    }

    fn take_outcomes(&mut self, id: SenderId) -> Vec<Taken> {
        let Ok(mut sender) = self.script.engine.sender(id) else { return Vec::new() };
        std::iter::from_fn(|| sender.next_outcome())
            .map(|(key, outcome)| Taken::Outcome(key, outcome))
            .collect()
    }
}

/// Shows which case failed, whatever it was that failed.
pub(crate) struct Trying(pub(crate) String);

impl Drop for Trying {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("trying {}", self.0);
        }
    }
}
