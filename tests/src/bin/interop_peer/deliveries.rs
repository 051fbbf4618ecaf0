//! Deliveries that are out of the ordinary: given up half-way, continued after a detach, from an address made for them.

use amqp_codec::{AttachSource, Source};
use amqp_core::{
    CloseReason, Connection, DeliveryKey, Event, ReceiverOptions, SenderId, SenderOptions, SessionId,
};

use crate::program::{Problem, Problems, Program};
use crate::receiving::Receiving;
use crate::sending::Sending;
use crate::settings::Settings;
use crate::transfers::{big, expect_greetings, greetings};

const MADE: &str = "made-here";

/// Sends half of a message, aborts it, and sends another.
pub(crate) struct AbortSend {
    half: bytes::Bytes,
    begun: Option<(SenderId, DeliveryKey)>,
    aborted: bool,
    sending: Sending,
}

impl AbortSend {
    pub(crate) fn new(settings: &Settings) -> Result<Self, Problem> {
        let [(_, message)] = big(settings)?;
        let mut half = message.to_payload().into_bytes();
        half.truncate(half.len() / 2);
        Ok(Self { half, begun: None, aborted: false, sending: Sending::new(greetings(1)) })
    }
}

impl Program for AbortSend {
    fn open(&mut self, connection: &mut Connection, session: SessionId) -> Result<(), Problem> {
        self.sending.open(connection, session)
    }

    fn on_event(
        &mut self,
        connection: &mut Connection,
        event: Event,
        problems: &mut Problems,
    ) -> Result<(), Problem> {
        match event {
            Event::Credit(id) if self.begun.is_none() => {
                self.begun = Some((id, connection.sender(id)?.start(self.half.clone())?));
            }
            Event::Credit(_) if !self.aborted => {}
            event => self.sending.on_event(connection, event, problems)?,
        }
        Ok(())
    }

    fn on_written(&mut self, connection: &mut Connection) -> Result<(), Problem> {
        let Some((id, key)) = self.begun.filter(|_| !self.aborted) else { return Ok(()) };
        self.aborted = true;
        if connection.sender(id)?.abort(key)?.is_some() {
            return Err("nothing was sent of the message that was aborted".into());
        }
        self.sending.push(connection, id)
    }

    fn check_all(&self) -> Option<String> {
        self.sending.check_all()
    }
}

/// Expects a delivery that is aborted, of which nothing is to be seen, and one that is not.
pub(crate) fn abort_receive() -> Receiving {
    expect_greetings(1, false)
}

/// Sends one half of `count` messages, detaches the link, attaches it again, and sends the other half.
pub(crate) fn reattach_send(settings: &Settings) -> Result<Sending, Problem> {
    let count = settings.number("count")?;
    Ok(Sending::new(greetings(count)).reattach(count / 2))
}

/// Receives all messages, although their link is detached once.
pub(crate) fn reattach_receive(settings: &Settings) -> Result<Receiving, Problem> {
    Ok(expect_greetings(settings.number("count")?, false).detached())
}

/// Makes an address for a receiver that asks for one.
pub(crate) fn dynamic_send() -> Sending {
    let made = Source { address: Some(MADE.into()), dynamic: true, ..Source::default() };
    Sending::new(greetings(1)).change(move |options: SenderOptions| options.with_source(made.clone()))
}

/// Asks for an address.
pub(crate) struct DynamicReceive {
    receiving: Receiving,
}

impl DynamicReceive {
    pub(crate) fn new() -> Self {
        let wish = Source { dynamic: true, ..Source::default() };
        let change = move |options: ReceiverOptions| options.with_source(wish.clone());
        Self { receiving: expect_greetings(1, false).change(change) }
    }
}

impl Program for DynamicReceive {
    fn open(&mut self, connection: &mut Connection, session: SessionId) -> Result<(), Problem> {
        self.receiving.open(connection, session)
    }

    fn on_event(
        &mut self,
        connection: &mut Connection,
        event: Event,
        problems: &mut Problems,
    ) -> Result<(), Problem> {
        if let Event::ReceiverOpened(id) = event {
            let receiver = connection.receiver(id)?;
            let source = receiver.remote().and_then(|attach| attach.source.as_deref());
            let address = match source {
                Some(AttachSource::Source(source)) => source.address.as_deref(),
                _ => None,
            };
            if address != Some(MADE) {
                problems.push(format!("the address is {address:?}"));
            }
        }
        self.receiving.on_event(connection, event, problems)
    }

    fn check_end(&self, reason: &CloseReason) -> Option<String> {
        self.receiving.check_end(reason)
    }

    fn check_all(&self) -> Option<String> {
        self.receiving.check_all()
    }
}
