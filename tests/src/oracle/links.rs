//! The links of a session as one of its ends knows them: names, handles, attachments (§2.6.1–§2.6.6).

use std::collections::BTreeMap;

use amqp_codec::{Attach, Detach, Role, Str};

use super::delivery::Deliveries;
use super::fault::Verdicts;
use super::link::{Link, Tie};
use super::settlement::Grave;

/// A link under all its attachments.
#[derive(Debug)]
struct Lineage {
    id: u64,
    /// The peer detached it with an error and did not close it.
    peer_failed: bool,
}

/// What names a link between two ends: its name, and whether this end receives.
type Key = (String, bool);

/// All links of one session.
#[derive(Debug, Default)]
pub(super) struct Links {
    all: BTreeMap<u64, Link>,
    /// The attachments of each name, oldest first.
    named: BTreeMap<Key, Vec<u64>>,
    lineages: BTreeMap<Key, Lineage>,
    /// This end's handles.
    output: BTreeMap<u32, u64>,
    /// The peer's handles.
    input: BTreeMap<u32, u64>,
    /// What this end last detached from each handle, which stays taken until the peer has detached as well.
    released: BTreeMap<u32, u64>,
    made: u64,
}

impl Links {
    /// The link behind a handle of this end.
    pub(super) fn by_output(&mut self, handle: u32) -> Option<&mut Link> {
        self.output.get(&handle).and_then(|id| self.all.get_mut(id))
    }

    /// The link behind a handle of the peer.
    pub(super) fn by_input(&mut self, handle: u32) -> Option<&mut Link> {
        self.input.get(&handle).and_then(|id| self.all.get_mut(id))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Link> {
        self.all.values()
    }

    /// This end attaches.
    pub(super) fn attach_sent(&mut self, attach: &Attach, handle_max: Option<u32>, verdicts: &mut Verdicts) {
        let handle = attach.handle;
        // §2.7.2: before the peer's begin only handle 0 is sure to be within its handle-max.
        let limit = handle_max.unwrap_or(0);
        verdicts
            .require(handle <= limit, "TRANSPORT-2.5.1-15", || format!("handle {handle} is above {limit}"));
        self.judge_handle(attach, verdicts);
        let key = key(&attach.name, attach.role);
        let waiting = self.waiting(&key, |link| link.local == Tie::Never);
        if waiting.is_none() {
            self.judge_restart(attach, &key, verdicts);
        }
        let id = waiting.unwrap_or_else(|| self.make(&attach.name, attach.role));
        if let Some(lineage) = self.lineages.get_mut(&key) {
            lineage.peer_failed = false;
        }
        self.output.insert(handle, id);
        if let Some(link) = self.all.get_mut(&id) {
            link.attach_sent(attach, verdicts);
        }
    }

    /// The peer's attach was delivered. `outgoing` are the deliveries of this end.
    pub(super) fn attach_received(&mut self, attach: &Attach, outgoing: &mut Deliveries) {
        let role = if attach.role == Role::Sender { Role::Receiver } else { Role::Sender };
        let id = self
            .waiting(&key(&attach.name, role), |link| link.remote == Tie::Never)
            .unwrap_or_else(|| self.make(&attach.name, role));
        self.input.insert(attach.handle, id);
        let Some(link) = self.all.get_mut(&id) else { return };
        link.attach_received(attach);
        // §2.6.13: what the receiver no longer has in a complete map, it has settled.
        if let (Role::Sender, Some(map), false) = (role, &attach.unsettled, attach.incomplete_unsettled) {
            outgoing.ledger.bury_link(link.lineage, Grave::SettledThere, |tag| {
                map.iter().any(|(other, _)| other == tag)
            });
        }
    }

    /// This end detaches. `deliveries` are those of the link's direction.
    pub(super) fn detach_sent(
        &mut self,
        detach: &Detach,
        outgoing: &mut Deliveries,
        incoming: &mut Deliveries,
        verdicts: &mut Verdicts,
    ) {
        let handle = detach.handle;
        let Some(id) = self.output.remove(&handle) else {
            return verdicts.fault("TRANSPORT-2.6.4-8", format!("handle {handle} is not attached"));
        };
        self.released.insert(handle, id);
        let Some(link) = self.all.get_mut(&id) else { return };
        link.detach_sent(detach, verdicts);
        let deliveries = if link.role == Role::Sender { outgoing } else { incoming };
        if detach.error.is_some() {
            deliveries.ledger.bury_link(link.lineage, Grave::LinkFailed, |_| false);
        } else if detach.closed {
            deliveries.ledger.bury_link(link.lineage, Grave::LinkClosed, |_| false);
        }
        let (key, lineage) = (key(&link.name, link.role), link.lineage);
        if detach.closed {
            self.forget(&key, lineage);
        }
        self.prune(id);
    }

    /// The peer's detach was delivered.
    pub(super) fn detach_received(
        &mut self,
        detach: &Detach,
        outgoing: &mut Deliveries,
        incoming: &mut Deliveries,
    ) {
        let Some(id) = self.input.remove(&detach.handle) else { return };
        let Some(link) = self.all.get_mut(&id) else { return };
        link.detach_received(detach);
        let deliveries = if link.role == Role::Sender { outgoing } else { incoming };
        if detach.error.is_some() {
            deliveries.ledger.bury_link(link.lineage, Grave::LinkFailed, |_| false);
        }
        let (key, lineage) = (key(&link.name, link.role), link.lineage);
        if detach.closed {
            self.forget(&key, lineage);
        } else if let Some(current) = self.lineages.get_mut(&key).filter(|current| current.id == lineage) {
            current.peer_failed |= detach.error.is_some();
        }
        self.prune(id);
    }

    fn judge_handle(&self, attach: &Attach, verdicts: &mut Verdicts) {
        let handle = attach.handle;
        if self.output.contains_key(&handle) {
            return verdicts.fault("TRANSPORT-2.6.1-4", format!("handle {handle} is in use"));
        }
        let Some(link) = self.released.get(&handle).and_then(|id| self.all.get(id)) else { return };
        // §2.6.4: detach and attach of one link may follow each other at once, on the same handle.
        let suspended = matches!(link.local, Tie::Detached { closed: false, .. });
        let again = suspended && link.name == attach.name && link.role == attach.role;
        let free = again || matches!(link.remote, Tie::Detached { .. });
        verdicts.require(free, "TRANSPORT-2.6.4-11", || {
            format!("handle {handle} is not free before the peer has detached {}", link.name)
        });
    }

    /// This end attaches a link of its own accord.
    fn judge_restart(&self, attach: &Attach, key: &Key, verdicts: &mut Verdicts) {
        // §2.6.1: a name is one link in each direction.
        let attached = self.waiting(key, |link| matches!(link.local, Tie::Attached(_))).is_some();
        verdicts.require(!attached, "TRANSPORT-2.6.1-1", || format!("{} is attached already", attach.name));
        // §2.6.5: the peer's end is gone after its error, and only resuming, with a map, brings the link back.
        let failed = self.lineages.get(key).is_some_and(|lineage| lineage.peer_failed);
        verdicts.require(!failed || attach.unsettled.is_some(), "TRANSPORT-2.6.4-7", || {
            format!("the peer detached {} with an error, so that it can only be resumed", attach.name)
        });
    }

    /// The oldest attachment of this name that is as `half` says.
    fn waiting(&self, key: &Key, half: impl Fn(&Link) -> bool) -> Option<u64> {
        let ids = self.named.get(key)?;
        ids.iter().copied().find(|id| self.all.get(id).is_some_and(&half))
    }

    fn make(&mut self, name: &Str, role: Role) -> u64 {
        self.made += 1;
        let id = self.made;
        let key = key(name, role);
        let lineage = self.lineages.entry(key.clone()).or_insert(Lineage { id, peer_failed: false }).id;
        self.all.insert(id, Link::new(name.clone(), role, lineage));
        self.named.entry(key).or_default().push(id);
        id
    }

    /// The link is closed: an attach of its name is another link from now on.
    fn forget(&mut self, key: &Key, lineage: u64) {
        if self.lineages.get(key).is_some_and(|current| current.id == lineage) {
            self.lineages.remove(key);
        }
    }

    fn prune(&mut self, id: u64) {
        if !self.all.get(&id).is_some_and(Link::is_over) {
            return;
        }
        let Some(link) = self.all.remove(&id) else { return };
        let key = key(&link.name, link.role);
        if let Some(ids) = self.named.get_mut(&key) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.named.remove(&key);
            }
        }
    }
}

fn key(name: &Str, role: Role) -> Key {
    (name.to_string(), role == Role::Receiver)
}
