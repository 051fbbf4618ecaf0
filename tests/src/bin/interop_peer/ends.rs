//! Endpoints that are refused or ended with an error.

use amqp_codec::{Error, ErrorCondition, Symbol};
use amqp_core::{Cause, CloseReason, Connection, Event, ReceiverOptions, Scope, SessionId};

use crate::program::{Problem, Problems, Program, attach_receiver, attach_sender};
use crate::settings::Settings;

const LINKS: usize = 2;

fn not_found() -> Error {
    Error::new(ErrorCondition::NOT_FOUND, "no such node")
}

/// Refuses every link.
#[derive(Default)]
pub(crate) struct TurnAway {
    refused: usize,
}

impl Program for TurnAway {
    fn on_event(
        &mut self,
        connection: &mut Connection,
        event: Event,
        _problems: &mut Problems,
    ) -> Result<(), Problem> {
        match event {
            Event::SenderOpening(id) => connection.sender(id)?.refuse(not_found())?,
            Event::ReceiverOpening(id) => connection.receiver(id)?.refuse(not_found())?,
            _ => return Ok(()),
        }
        self.refused += 1;
        Ok(())
    }

    fn check_all(&self) -> Option<String> {
        (self.refused != LINKS).then(|| format!("{} links came, expected {LINKS}", self.refused))
    }
}

/// Opens a sender and a receiver and expects both to be refused with a reason.
#[derive(Default)]
pub(crate) struct TurnedAway {
    refused: usize,
}

impl TurnedAway {
    fn refused(&mut self, connection: &mut Connection, reason: Option<CloseReason>, problems: &mut Problems) {
        self.refused += 1;
        let error = reason.as_ref().and_then(CloseReason::error);
        if error.as_deref() != Some(&not_found()) {
            problems.push(format!("refused with {reason:?}"));
        }
        if self.refused == LINKS {
            connection.close(None);
        }
    }
}

impl Program for TurnedAway {
    fn open(&mut self, connection: &mut Connection, session: SessionId) -> Result<(), Problem> {
        attach_sender(connection, session, |options| options)?;
        attach_receiver(connection, session, |options| options)?;
        Ok(())
    }

    fn on_event(
        &mut self,
        connection: &mut Connection,
        event: Event,
        problems: &mut Problems,
    ) -> Result<(), Problem> {
        match event {
            Event::SenderClosed(id) => {
                let reason = connection.sender(id)?.close_reason().cloned();
                self.refused(connection, reason, problems);
            }
            Event::ReceiverClosed(id) => {
                let reason = connection.receiver(id)?.close_reason().cloned();
                self.refused(connection, reason, problems);
            }
            _ => {}
        }
        Ok(())
    }

    fn check_all(&self) -> Option<String> {
        (self.refused != LINKS).then(|| format!("{} links refused, expected {LINKS}", self.refused))
    }
}

/// Ends what the setting `scope` says, link, session or connection, once a link is there.
pub(crate) struct End {
    scope: Scope,
}

impl End {
    pub(crate) fn new(settings: &Settings) -> Result<Self, Problem> {
        Ok(Self { scope: scope(settings)? })
    }
}

impl Program for End {
    fn on_event(
        &mut self,
        connection: &mut Connection,
        event: Event,
        _problems: &mut Problems,
    ) -> Result<(), Problem> {
        let Event::ReceiverOpening(id) = event else { return Ok(()) };
        let mut receiver = connection.receiver(id)?;
        receiver.accept(ReceiverOptions::default())?;
        let session = receiver.session().ok_or("a link without a session")?;
        match self.scope {
            Scope::Link => receiver.close(Some(ended()))?,
            Scope::Session => connection.session(session)?.end(Some(ended()))?,
            _ => connection.close(Some(ended())),
        }
        Ok(())
    }

    fn check_end(&self, reason: &CloseReason) -> Option<String> {
        let expected =
            if self.scope == Scope::Connection { Cause::Local(Some(ended())) } else { Cause::Remote(None) };
        (*reason.cause() != expected).then(|| format!("the connection ended: {reason}"))
    }
}

/// Opens a sender and expects that what the setting `scope` says is ended, with its reason.
pub(crate) struct Ended {
    scope: Scope,
    seen: usize,
}

impl Ended {
    pub(crate) fn new(settings: &Settings) -> Result<Self, Problem> {
        Ok(Self { scope: scope(settings)?, seen: 0 })
    }
}

impl Program for Ended {
    fn open(&mut self, connection: &mut Connection, session: SessionId) -> Result<(), Problem> {
        attach_sender(connection, session, |options| options).map(drop)
    }

    fn on_event(
        &mut self,
        connection: &mut Connection,
        event: Event,
        problems: &mut Problems,
    ) -> Result<(), Problem> {
        let reason = match event {
            Event::SenderClosed(id) => connection.sender(id)?.close_reason().cloned(),
            Event::SessionEnded(id) => connection.session(id)?.close_reason().cloned(),
            Event::Closed => connection.close_reason().cloned(),
            _ => return Ok(()),
        };
        // What is inside an endpoint that ends, ends with it, for the same reason.
        let reason = reason.ok_or("no reason")?;
        if reason.scope() == self.scope && *reason.cause() == Cause::Remote(Some(ended())) {
            self.seen += 1;
        } else if *reason.cause() != Cause::Local(None) {
            problems.push(format!("{event:?}: {reason:?}"));
        }
        if self.scope != Scope::Connection {
            connection.close(None);
        }
        Ok(())
    }

    fn check_end(&self, _reason: &CloseReason) -> Option<String> {
        None
    }

    fn check_all(&self) -> Option<String> {
        let expected = match self.scope {
            Scope::Link => 1,
            Scope::Session => 2,
            _ => 3,
        };
        (self.seen != expected)
            .then(|| format!("{} endpoints ended for that reason, expected {expected}", self.seen))
    }
}

fn scope(settings: &Settings) -> Result<Scope, Problem> {
    match settings.text("scope") {
        Some("link") => Ok(Scope::Link),
        Some("session") => Ok(Scope::Session),
        Some("connection") => Ok(Scope::Connection),
        other => Err(format!("no scope {other:?}").into()),
    }
}

fn ended() -> Error {
    Error::new(ErrorCondition::from(Symbol::from_static("interop:ended")), "as asked")
}
