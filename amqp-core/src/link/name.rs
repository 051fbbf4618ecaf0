//! Names (§2.6.1): which link a name stands for, and who waits for it.

use alloc::format;
use alloc::vec::Vec;

use amqp_codec::{Role, Str};

use crate::endpoints::Endpoints;
use crate::error::{Exhausted, Violation};
use crate::event::{LinkId, SessionId};
use crate::link::LinkEndpoint;

impl Endpoints {
    /// The link's name, once it is sure that there is room for the link.
    pub(crate) fn name_for(
        &mut self,
        session: SessionId,
        role: Role,
        wanted: Option<Str>,
    ) -> Result<Str, Exhausted> {
        let endpoint = self.sessions.get(session).ok_or(Exhausted::Closed)?;
        if self.closing || endpoint.is_closing() || endpoint.unanswered {
            return Err(Exhausted::Closed);
        }
        // §2.7.2: the peer answers on a handle that we accept, so our own limit holds for what we attach as well.
        let handle_max = endpoint.remote.as_ref().map_or(u32::MAX, |begin| begin.handle_max);
        let handle_max = handle_max.min(endpoint.local.handle_max);
        if endpoint.links.len() >= self.cx.limits.links as usize
            || endpoint.own_handles.lowest_free() > handle_max
        {
            return Err(Exhausted::Handles);
        }
        let name = wanted.unwrap_or_else(|| {
            self.names_made = self.names_made.wrapping_add(1);
            Str::from(format!("{}-{}", self.options.container_id, self.names_made))
        });
        // §2.6.1: unique for its direction. One that is leaving is waited for.
        let taken = self.links_named(role, &name).filter_map(|id| self.link(id)).any(|link| {
            let successor = link.successor.and_then(|id| self.link(id));
            !link.is_closing() || successor.is_some_and(|successor| !successor.is_closing())
        });
        if taken { Err(Exhausted::Name) } else { Ok(name) }
    }

    /// A new link of ours takes its name, or waits for it.
    pub(crate) fn queue_up(&mut self, id: LinkId) {
        let Some(link) = self.link(id) else { return };
        let name = link.local.name.clone();
        let old =
            self.links_named(id.role(), &name).find(|old| self.link(*old).is_some_and(LinkEndpoint::on_wire));
        match old.and_then(|old| self.link_mut(old)) {
            // PROTON-1832: attach, attach, detach for one name would be wrong; the old one leaves first, and what the
            // peer says of the name until then is about the old one.
            Some(old) => {
                old.successor = Some(id);
                self.link_mut(id).into_iter().for_each(|link| link.held = true);
            }
            None => self.take_place(id),
        }
    }

    /// §2.6.1: a new attach takes the name, and a link that has it is closed. One that is leaving keeps it no longer: there may
    /// be any number of them while the peer does not answer. Who waited for it is returned.
    pub(crate) fn vacate(&mut self, role: Role, name: &Str) -> Option<LinkId> {
        let settled = |id: &LinkId| self.link(*id).is_some_and(|link| !link.awaits_attach());
        let mut waiting = None;
        for id in self.links_named(role, name).filter(settled).collect::<Vec<_>>() {
            self.take_name_from(id);
            self.names.remove(&(name.clone(), id));
            waiting = waiting.or_else(|| self.link_mut(id)?.successor.take());
        }
        waiting
    }

    /// Ends a link whose name is taken, without waiting for what was accepted for sending.
    fn take_name_from(&mut self, id: LinkId) {
        let Some(link) = self.link_mut(id).filter(|link| !link.has_left()) else { return };
        let session = link.session;
        match link.detach.take_if(|intent| intent.closed) {
            Some(intent) => self.close_at_once(id, intent.error),
            None => self.link_violation(id, Violation::Stolen),
        }
        self.write_owed_detaches(session);
    }

    /// Makes a new link the one that its name stands for, and has its attach written.
    fn take_place(&mut self, id: LinkId) {
        let Some(link) = self.link_mut(id).filter(|link| !link.is_closing()) else { return };
        link.held = false;
        let name = link.local.name.clone();
        self.names.insert((name, id));
        self.mark_link(id);
    }

    pub(crate) fn find_named(
        &self,
        role: Role,
        name: &Str,
        fits: impl Fn(&LinkEndpoint) -> bool,
    ) -> Option<LinkId> {
        self.links_named(role, name).find(|id| self.link(*id).is_some_and(&fits))
    }
}
