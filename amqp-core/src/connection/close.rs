//! How connections end (§2.4.3): closed from here, by the peer, because a rule was broken, or with the transport.

use alloc::boxed::Box;
use alloc::vec::Vec;

use amqp_codec::Error;

use crate::connection::Connection;
use crate::error::{Cause, CloseReason, Scope, Violation};
use crate::event::Event;
use crate::state::{ConnectionState, ConnectionStep};

/// A close to write, or written.
#[derive(Debug)]
pub(crate) struct CloseIntent {
    pub(crate) error: Option<Error>,
    /// It waits for nothing: the peer closed first, or broke a rule.
    pub(crate) at_once: bool,
    pub(crate) written: bool,
}

impl Connection {
    /// The application closes.
    pub(crate) fn want_close(&mut self, error: Option<Error>) {
        if self.close.is_some() || self.reason.is_some() {
            return;
        }
        self.greet();
        self.endpoints.closing = true;
        if self.state == ConnectionState::OpenRcvd && !self.endpoints.opened {
            self.write_open();
        }
        if !self.endpoints.opened {
            // Headers or SASL are still under way: there is no frame to close with.
            self.fail(Cause::Local(error));
            return;
        }
        let reason = CloseReason::new(Scope::Connection, Cause::Local(error.clone()));
        let sessions: Vec<_> = self.endpoints.sessions.ids().collect();
        for session in sessions {
            self.endpoints.cut_unfinished_of(session, &reason);
        }
        self.close = Some(Box::new(CloseIntent { error, at_once: false, written: false }));
    }

    /// §2.4.3: the peer broke a rule of the connection: close with an error, then drop everything until its close.
    pub(crate) fn violated(&mut self, violation: Violation) {
        if self.discards() || self.state == ConnectionState::End {
            return;
        }
        if matches!(self.state, ConnectionState::Start | ConnectionState::HdrRcvd | ConnectionState::HdrSent)
        {
            self.fail(Cause::Violation(violation));
            return;
        }
        if !self.endpoints.opened {
            // A close needs an open before it.
            self.write_open();
        }
        let written = self.close.as_ref().is_some_and(|intent| intent.written);
        self.over(Cause::Violation(violation));
        if written {
            self.end();
        } else {
            self.close_at_once(Some(violation.to_error()));
        }
    }

    fn close_at_once(&mut self, error: Option<Error>) {
        self.close = Some(Box::new(CloseIntent { error, at_once: true, written: false }));
    }

    /// The peer's close.
    pub(crate) fn on_close(&mut self, error: Option<Error>) {
        let ours = self.close.take();
        let written = ours.as_ref().is_some_and(|intent| intent.written);
        let violated = ours.as_ref().filter(|intent| intent.at_once).and_then(|intent| intent.error.clone());
        self.state.step(ConnectionStep::ReceiveClose);
        self.over(match (error, ours) {
            (None, Some(intent)) if written => Cause::Local(intent.error),
            (error, _) => Cause::Remote(error),
        });
        if written {
            self.end();
        } else {
            // §2.4.3: answered once, with the error where the peer broke a rule before.
            self.close_at_once(violated);
        }
    }

    /// The octets of the peer have come to an end.
    pub(crate) fn on_eof(&mut self) {
        // §2.4.6: after its close the peer may end its octets at once; our close is still to be written.
        if matches!(self.state, ConnectionState::End | ConnectionState::CloseRcvd) {
            return;
        }
        let cause = match self.close.take() {
            Some(intent) if intent.written => Cause::Local(intent.error),
            _ => Cause::TransportLost,
        };
        self.endpoints.cx.out.discard();
        self.over(cause);
        self.end();
    }

    /// Over without a close: only what is written already goes out.
    pub(crate) fn fail(&mut self, cause: Cause) {
        self.over(cause);
        self.end();
    }

    /// Over: the close handshake is done, took too long, or was not possible.
    pub(crate) fn end(&mut self) {
        self.state.step(ConnectionStep::Fail);
        self.partial.clear();
        self.timers.clear_all();
    }

    /// The connection and everything on it is over for the application. The first cause is the one that counts.
    pub(crate) fn over(&mut self, cause: Cause) {
        if self.reason.is_some() {
            return;
        }
        let reason = CloseReason::new(Scope::Connection, cause);
        self.endpoints.end_all(&reason);
        self.reason = Some(reason);
        self.endpoints.cx.event(Event::Closed);
    }

    /// §2.4.6, DISCARDING: our close with an error is written, or will be, and nothing but the peer's close counts. The state
    /// alone does not tell where it went ahead of the peer's header.
    pub(crate) fn discards(&self) -> bool {
        let told = |intent: &CloseIntent| intent.written && intent.error.is_some();
        self.reason.is_some() || self.close.as_deref().is_some_and(told)
    }
}
