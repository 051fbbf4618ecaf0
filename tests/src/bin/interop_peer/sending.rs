//! Sends messages as credit allows and closes the connection once each has its outcome.

use std::collections::{BTreeMap, VecDeque};

use amqp_codec::{DeliveryState, Message};
use amqp_core::{
    CloseReason, Connection, DeliveryKey, Event, Outgoing, Resolution, SenderId, SenderOptions, SessionId,
};

use crate::program::{Problem, Problems, Program, attach_sender, check_clean, check_lost};

/// Says whether the outcome of the message of that name is the right one.
type Judge = Box<dyn FnMut(&str, &Resolution) -> Result<(), String>>;
type Change = Box<dyn Fn(SenderOptions) -> SenderOptions>;

/// A sender with its messages.
pub(crate) struct Sending {
    waiting: VecDeque<(String, Outgoing)>,
    unresolved: BTreeMap<DeliveryKey, String>,
    judge: Judge,
    change: Change,
    /// Settles by itself, which has to come before the receiver's settlement.
    settles: bool,
    /// So many messages are held back until the receiver has drained the link; none are sent before it does.
    held_back: usize,
    /// So many messages are kept until the link has been detached and attached again.
    kept: usize,
    /// The connection is to be lost.
    expects_loss: bool,
}

impl Sending {
    /// Sends these messages, each with a name, and expects that each is accepted.
    pub(crate) fn new(messages: impl IntoIterator<Item = (String, Message)>) -> Self {
        let outgoing = |(name, message): (String, Message)| (name, message.to_payload().into());
        Self {
            waiting: messages.into_iter().map(outgoing).collect(),
            unresolved: BTreeMap::new(),
            judge: Box::new(accepted),
            change: Box::new(|options| options),
            settles: false,
            held_back: 0,
            kept: 0,
            expects_loss: false,
        }
    }

    /// Judges the outcomes otherwise.
    pub(crate) fn judge(
        mut self,
        judge: impl FnMut(&str, &Resolution) -> Result<(), String> + 'static,
    ) -> Self {
        self.judge = Box::new(judge);
        self
    }

    /// Changes the options of the link.
    pub(crate) fn change(mut self, change: impl Fn(SenderOptions) -> SenderOptions + 'static) -> Self {
        self.change = Box::new(change);
        self
    }

    /// Settles before the receiver does.
    pub(crate) fn settles(mut self) -> Self {
        self.settles = true;
        self
    }

    /// Sends nothing before it is asked to drain, and the last `messages` only after that.
    pub(crate) fn hold_back(mut self, messages: usize) -> Self {
        self.held_back = messages;
        self
    }

    /// Detaches and attaches the link before the last `messages`.
    pub(crate) fn reattach(mut self, messages: usize) -> Self {
        self.kept = messages;
        self
    }

    /// Expects that the connection is lost.
    pub(crate) fn expect_loss(mut self) -> Self {
        self.expects_loss = true;
        self
    }

    /// Sends what may be sent now.
    pub(crate) fn push(&mut self, connection: &mut Connection, id: SenderId) -> Result<(), Problem> {
        let mut sender = connection.sender(id)?;
        let draining = sender.is_draining();
        if self.held_back > 0 && !draining {
            return Ok(());
        }
        let later = self.held_back.max(self.kept);
        while sender.credit() > 0 && self.waiting.len() > later {
            let Some((name, message)) = self.waiting.pop_front() else { break };
            self.unresolved.insert(sender.send(message)?, name);
        }
        if draining {
            self.held_back = 0;
        }
        Ok(())
    }

    fn take_outcomes(
        &mut self,
        connection: &mut Connection,
        id: SenderId,
        problems: &mut Problems,
    ) -> Result<(), Problem> {
        while let Some((key, resolution)) = connection.sender(id)?.next_outcome() {
            let name = self.unresolved.remove(&key).ok_or("the outcome of an unknown delivery")?;
            if let Err(problem) = (self.judge)(&name, &resolution) {
                problems.push(format!("{name}: {problem}"));
            }
            if self.settles && connection.sender(id)?.settle(key).is_err() {
                problems.push(format!("{name}: the receiver settled first"));
            }
        }
        if self.unresolved.is_empty() && self.waiting.is_empty() {
            connection.close(None);
        } else if self.unresolved.is_empty() && self.waiting.len() == self.kept {
            connection.sender(id)?.detach()?;
        }
        Ok(())
    }
}

impl Program for Sending {
    fn open(&mut self, connection: &mut Connection, session: SessionId) -> Result<(), Problem> {
        attach_sender(connection, session, &self.change).map(drop)
    }

    fn on_event(
        &mut self,
        connection: &mut Connection,
        event: Event,
        problems: &mut Problems,
    ) -> Result<(), Problem> {
        match event {
            Event::SenderOpening(id) => {
                connection.sender(id)?.accept((self.change)(SenderOptions::default()))?
            }
            Event::Credit(id) => self.push(connection, id)?,
            Event::SenderDetached(id) => {
                self.kept = 0;
                connection.sender(id)?.attach()?;
            }
            Event::Outcomes(id) => self.take_outcomes(connection, id, problems)?,
            _ => {}
        }
        Ok(())
    }

    fn check_end(&self, reason: &CloseReason) -> Option<String> {
        if self.expects_loss { check_lost(reason) } else { check_clean(reason) }
    }

    fn check_all(&self) -> Option<String> {
        let (waiting, unresolved) = (self.waiting.len(), self.unresolved.len());
        (waiting + unresolved > 0)
            .then(|| format!("{waiting} messages not sent, {unresolved} without an outcome"))
    }
}

fn accepted(_name: &str, resolution: &Resolution) -> Result<(), String> {
    match resolution {
        Resolution::Settled(Some(DeliveryState::Accepted)) => Ok(()),
        other => Err(format!("not accepted but {other:?}")),
    }
}
