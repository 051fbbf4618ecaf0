//! What the engine of a script has done.

use amqp_core::codec::{
    Close, Detach, End, Error, ErrorCondition, Performative, ProtocolHeader, SaslFrame, Transfer,
};
use amqp_core::{CloseReason, Event, Instant};
use bytes::Bytes;

use super::Script;
use crate::frames::{Frame, Kind, Unit};

impl Script {
    /// The time that the engine is told.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The next header or frame of the engine, if it has one to write.
    pub fn next_unit(&mut self) -> Option<Unit> {
        self.flush();
        let unit = self.written.next();
        if let Some(Unit::Frame(Frame { performative: Some(Performative::Transfer(_)), .. })) = unit {
            self.transfers_seen = self.transfers_seen.wrapping_add(1);
        }
        unit
    }

    /// Everything that the engine writes now.
    pub fn rest(&mut self) -> Vec<Unit> {
        std::iter::from_fn(|| self.next_unit()).collect()
    }

    /// The next that the engine writes is this header.
    #[track_caller]
    pub fn expect_header(&mut self, header: ProtocolHeader) {
        let unit = self.next_unit();
        assert_eq!(unit, Some(Unit::Header(header)), "{}", self.oracle.trace());
    }

    /// The next that the engine writes is a frame.
    #[track_caller]
    pub fn expect_any_frame(&mut self) -> Frame {
        match self.next_unit() {
            Some(Unit::Frame(frame)) => frame,
            other => unreachable!("a frame was expected, not {other:?}\n{}", self.oracle.trace()),
        }
    }

    /// The next that the engine writes is a performative of this kind; also tells its channel.
    #[track_caller]
    pub fn expect_on<T: Kind>(&mut self) -> (u16, T) {
        let frame = self.expect_any_frame();
        let (channel, shown) = (frame.channel, format!("{:?}", frame.performative));
        match frame.performative.and_then(T::of) {
            Some(performative) => (channel, performative),
            None => unreachable!(
                "{} was expected, not {shown}\n{}",
                std::any::type_name::<T>(),
                self.oracle.trace()
            ),
        }
    }

    /// The next that the engine writes is a performative of this kind.
    #[track_caller]
    pub fn expect_frame<T: Kind>(&mut self) -> T {
        self.expect_on().1
    }

    /// The next that the engine writes is a performative that `judge` finds right; returns what it makes of it.
    #[track_caller]
    pub fn expect<T>(&mut self, judge: impl FnOnce(Performative) -> Option<T>) -> T {
        let frame = self.expect_any_frame();
        let shown = format!("{:?}", frame.performative);
        match frame.performative.and_then(judge) {
            Some(judged) => judged,
            None => unreachable!("not as expected: {shown}\n{}", self.oracle.trace()),
        }
    }

    /// The next that the engine writes is a transfer.
    #[track_caller]
    pub fn expect_transfer(&mut self) -> (Transfer, Bytes) {
        match self.expect_any_frame() {
            Frame { performative: Some(Performative::Transfer(transfer)), payload, .. } => {
                (transfer, payload)
            }
            other => unreachable!("a transfer was expected, not {other:?}\n{}", self.oracle.trace()),
        }
    }

    /// The next that the engine writes is an empty frame.
    #[track_caller]
    pub fn expect_empty_frame(&mut self) {
        let frame = self.expect_any_frame();
        assert_eq!(frame.performative, None, "{}", self.oracle.trace());
    }

    /// The next that the engine writes is a SASL frame.
    #[track_caller]
    pub fn expect_sasl(&mut self) -> SaslFrame {
        match self.next_unit() {
            Some(Unit::Sasl(frame)) => frame,
            other => unreachable!("a SASL frame was expected, not {other:?}\n{}", self.oracle.trace()),
        }
    }

    /// The engine has nothing to write.
    #[track_caller]
    pub fn expect_nothing(&mut self) {
        let unit = self.next_unit();
        assert_eq!(unit, None, "{}", self.oracle.trace());
        assert_eq!(self.written.rest(), 0, "a frame is cut");
    }

    /// The next that the engine writes is a close, with this condition or with no error at all.
    #[track_caller]
    pub fn expect_close(&mut self, condition: Option<ErrorCondition>) {
        let close: Close = self.expect_frame();
        self.check_error(close.error, condition);
    }

    /// The next that the engine writes is a close with this condition. When the peer has answered it, the engine has
    /// nothing more to say and wants the transport shut.
    #[track_caller]
    pub fn expect_closed(&mut self, condition: ErrorCondition) {
        self.expect_close(Some(condition));
        self.expect_nothing();
        self.give_on(0, &Close::default());
        self.expect_eof();
    }

    /// The next that the engine writes is an end, with this condition or with no error at all.
    #[track_caller]
    pub fn expect_end(&mut self, condition: Option<ErrorCondition>) {
        let end: End = self.expect_frame();
        self.check_error(end.error, condition);
    }

    /// The next that the engine writes is a detach that closes, with this condition or with no error at all.
    #[track_caller]
    pub fn expect_detach(&mut self, condition: Option<ErrorCondition>) {
        let detach: Detach = self.expect_frame();
        assert!(detach.closed, "{detach:?}");
        self.check_error(detach.error, condition);
    }

    /// The engine has written everything and wants the transport shut.
    #[track_caller]
    pub fn expect_eof(&mut self) {
        self.expect_nothing();
        assert!(self.engine.wants_shutdown() && self.engine.is_finished(), "{}", self.oracle.trace());
        assert_eq!(self.engine.poll_timeout(), None, "nothing is waited for any more");
    }

    /// Takes the events so far, in their order.
    pub fn take_events(&mut self) -> Vec<Event> {
        self.collect();
        std::mem::take(&mut self.events)
    }

    /// Takes the events up to `wanted`, which has to be among them.
    #[track_caller]
    pub fn expect_event(&mut self, wanted: Event) {
        self.expect_some(|event| (event == wanted).then_some(()));
    }

    /// Takes the events up to one for which `wanted` has something to say; returns that.
    #[track_caller]
    pub fn expect_some<T>(&mut self, wanted: impl Fn(Event) -> Option<T>) -> T {
        let mut events = self.take_events().into_iter();
        let seen = format!("{:?}", events.as_slice());
        let found = events.by_ref().find_map(wanted);
        self.events = events.collect();
        match found {
            Some(found) => found,
            None => unreachable!("not among {seen}\n{}", self.oracle.trace()),
        }
    }

    /// Why an endpoint was closed, by its final event: kept here because the id is stale by now.
    #[must_use]
    pub fn reason(&self, event: Event) -> Option<&CloseReason> {
        self.reasons.iter().find(|(of, _)| *of == event).map(|(_, reason)| reason)
    }

    #[track_caller]
    fn check_error(&self, error: Option<Error>, condition: Option<ErrorCondition>) {
        let found = error.as_ref().map(|error| error.condition.clone());
        assert_eq!(found, condition, "{error:?}\n{}", self.oracle.trace());
    }
}
