//! What the engines of a pair have told and written.

use amqp_core::{CloseReason, Connection, Event};

use super::Pair;
use crate::frames::{Frame, Kind, Unit};
use crate::oracle::Side;

impl Pair {
    /// Takes the events of `side` so far, in their order.
    pub fn take_events(&mut self, side: Side) -> Vec<Event> {
        self.collect(side);
        std::mem::take(&mut self.half(side).events)
    }

    /// Why an endpoint of `side` was closed, by its final event: kept here because the id is stale by now.
    #[must_use]
    pub fn reason(&self, side: Side, event: Event) -> Option<&CloseReason> {
        let [client, server] = &self.halves;
        let half = if side == Side::Client { client } else { server };
        half.reasons.iter().find(|(of, _)| *of == event).map(|(_, reason)| reason)
    }

    /// Takes the events of `side` up to `wanted`, which has to be among them.
    #[track_caller]
    pub fn expect_event(&mut self, side: Side, wanted: Event) {
        self.expect_some(side, |event| (event == wanted).then_some(()));
    }

    /// Takes the events of `side` up to one for which `wanted` has something to say; returns that.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn expect_some<T>(&mut self, side: Side, wanted: impl Fn(Event) -> Option<T>) -> T {
        let events = self.take_events(side);
        let found = events.iter().enumerate().find_map(|(at, event)| Some((at, wanted(*event)?)));
        assert!(found.is_some(), "{side}: {events:?}\n{}", self.oracle.trace());
        let (at, found) = found.expect("it was just looked at");
        self.half(side).events = events.get(at + 1..).unwrap_or_default().to_vec();
        found
    }

    /// Everything that `side` has written since this was asked last.
    pub fn written(&mut self, side: Side) -> Vec<Unit> {
        self.half(side).written.by_ref().collect()
    }

    /// All performatives of one kind that `side` has written since [`Pair::written`] was asked last; the others are
    /// forgotten.
    pub fn written_of<T: Kind>(&mut self, side: Side) -> Vec<T> {
        let performative = |unit| match unit {
            Unit::Frame(Frame { performative, .. }) => performative,
            _ => None,
        };
        self.written(side).into_iter().filter_map(performative).filter_map(T::of).collect()
    }

    pub(super) fn collect(&mut self, side: Side) {
        while let Some(event) = self.side(side).poll_event() {
            let reason = final_reason(self.side(side), event);
            let half = self.half(side);
            half.events.push(event);
            half.reasons.extend(reason.map(|reason| (event, reason)));
        }
    }
}

/// Why the endpoint is over that a final event is about.
pub(crate) fn final_reason(engine: &mut Connection, event: Event) -> Option<CloseReason> {
    match event {
        Event::SessionEnded(id) => engine.session(id).ok()?.close_reason().cloned(),
        Event::SenderClosed(id) => engine.sender(id).ok()?.close_reason().cloned(),
        Event::ReceiverClosed(id) => engine.receiver(id).ok()?.close_reason().cloned(),
        Event::Closed => engine.close_reason().cloned(),
        _ => None,
    }
}
