//! The sessions of a connection as one of its ends knows them: both channel maps (§2.5.1).

use std::collections::{BTreeMap, BTreeSet};

use amqp_codec::{Begin, Performative};

use super::fault::Verdicts;
use super::session::Session;

/// All sessions of one connection.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    all: BTreeMap<u64, Session>,
    /// This end's channels.
    outgoing: BTreeMap<u16, u64>,
    /// The peer's channels.
    incoming: BTreeMap<u16, u64>,
    /// Channels on which this end has ended a session.
    ended: BTreeSet<u16>,
    made: u64,
}

impl Sessions {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Session> {
        self.all.values()
    }

    /// This end sends begin on `channel`.
    pub(super) fn begin_sent(&mut self, channel: u16, begin: &Begin, verdicts: &mut Verdicts) {
        if self.outgoing.contains_key(&channel) {
            return verdicts.fault("TRANSPORT-2.5.1-6", format!("a session is on channel {channel} already"));
        }
        let answered = begin.remote_channel.map(|remote| {
            let asks = |session: &Session| {
                !session.own && session.local_channel.is_none() && session.remote_channel == Some(remote)
            };
            self.oldest(asks).ok_or(remote)
        });
        // §2.5.1: remote-channel names a session that the peer began and that has no answer yet.
        if let Some(Err(remote)) = answered {
            verdicts.fault("TRANSPORT-2.5.1-2", format!("the peer waits for no begin on channel {remote}"));
        }
        let id = answered.and_then(Result::ok).unwrap_or_else(|| self.make(true));
        self.outgoing.insert(channel, id);
        if let Some(session) = self.all.get_mut(&id) {
            session.begin_sent(channel, begin);
        }
    }

    /// The peer's begin on `channel` was delivered.
    pub(super) fn begin_received(&mut self, channel: u16, begin: &Begin) {
        if self.incoming.contains_key(&channel) {
            return;
        }
        let id = match begin.remote_channel {
            None => Some(self.make(false)),
            Some(local) => self.oldest(|session| {
                session.own && session.remote_channel.is_none() && session.local_channel == Some(local)
            }),
        };
        let Some(id) = id else { return };
        self.incoming.insert(channel, id);
        if let Some(session) = self.all.get_mut(&id) {
            session.begin_received(channel, begin);
        }
    }

    /// This end sends another frame of a session.
    pub(super) fn sends(
        &mut self,
        channel: u16,
        frame: &Performative,
        payload: usize,
        verdicts: &mut Verdicts,
    ) {
        let Some(id) = self.outgoing.get(&channel).copied() else {
            let rule = if self.ended.contains(&channel) { "TRANSPORT-2.5.1-11" } else { "TRANSPORT-2.5.1-5" };
            return verdicts.fault(rule, format!("no session is on channel {channel}"));
        };
        let Some(session) = self.all.get_mut(&id) else { return };
        session.sends(frame, payload, verdicts);
        if session.local_ended {
            self.outgoing.remove(&channel);
            self.ended.insert(channel);
            self.prune(id);
        }
    }

    /// Another frame of a session was delivered.
    pub(super) fn receives(&mut self, channel: u16, frame: &Performative, payload: usize) {
        let Some(id) = self.incoming.get(&channel).copied() else { return };
        let Some(session) = self.all.get_mut(&id) else { return };
        session.receives(frame, payload);
        if session.remote_ended {
            self.incoming.remove(&channel);
            self.prune(id);
        }
    }

    fn oldest(&self, wanted: impl Fn(&Session) -> bool) -> Option<u64> {
        self.all.iter().find(|(_, session)| wanted(session)).map(|(id, _)| *id)
    }

    fn make(&mut self, own: bool) -> u64 {
        self.made += 1;
        self.all.insert(self.made, Session { own, ..Session::default() });
        self.made
    }

    fn prune(&mut self, id: u64) {
        if self.all.get(&id).is_some_and(|session| session.local_ended && session.remote_ended) {
            self.all.remove(&id);
        }
    }
}
