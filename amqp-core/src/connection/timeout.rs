//! Everything that depends on time: idle time-outs (§2.4.5) and the deadlines of `Limits`.

use core::time::Duration;

use amqp_codec::{Error, ErrorCondition};

use crate::connection::Connection;
use crate::context::Unanswered;
use crate::error::{Cause, Violation};
use crate::state::ConnectionState;
use crate::time::Instant;
use crate::timer::Timer;

impl Connection {
    /// The time is told. A clock that went back counts as one that stood still.
    #[inline]
    pub(crate) fn tick(&mut self, now: Instant) {
        let cx = &mut self.endpoints.cx;
        if now > cx.now {
            cx.now = now;
        }
        if !self.started && self.state != ConnectionState::End {
            self.started = true;
            let deadline = cx.now + cx.limits.handshake;
            self.timers.set(Timer::Handshake, deadline);
            self.greet();
        }
    }

    /// A frame arrived.
    #[inline]
    pub(crate) fn heard(&mut self) {
        if let Some(period) = self.endpoints.options.idle_time_out
            && !period.is_zero()
            && self.endpoints.cx.remote_open.is_some()
        {
            self.timers.set(Timer::LocalIdle, self.endpoints.cx.now + period);
        }
    }

    /// Something was sent: the next heartbeat is due after half of what the peer asks for.
    pub(crate) fn restart_heartbeat(&mut self) {
        let period = self.endpoints.cx.remote_open.as_ref().and_then(|open| open.idle_time_out).unwrap_or(0);
        let sends = matches!(self.state, ConnectionState::Opened | ConnectionState::OpenSent);
        if period > 0 && sends && self.open_written {
            let half = Duration::from_millis(u64::from(period)) / 2;
            self.timers.set(Timer::Heartbeat, self.endpoints.cx.now + half);
        } else {
            self.timers.clear(Timer::Heartbeat);
        }
    }

    /// Sets the deadlines that follow from what a door has changed.
    pub(crate) fn after_door(&mut self) {
        let (now, limits) = (self.endpoints.cx.now, &self.endpoints.cx.limits);
        let (stall, close) = (now + limits.write_stall, now + limits.close);
        if self.has_output() {
            self.timers.set_if_clear(Timer::WriteStall, stall);
        } else {
            self.timers.clear(Timer::WriteStall);
        }
        if self.state == ConnectionState::End {
            return;
        }
        if self.close.is_some() {
            self.timers.set_if_clear(Timer::Close, close);
            self.timers.clear(Timer::Handshake);
        }
        self.watch_answers();
    }

    /// The oldest question that the application has not answered has a deadline.
    fn watch_answers(&mut self) {
        let endpoints = &mut self.endpoints;
        let live = endpoints
            .sessions
            .len()
            .saturating_add(endpoints.senders.len())
            .saturating_add(endpoints.receivers.len());
        if endpoints.cx.unanswered.len() > live.saturating_mul(2).saturating_add(64) {
            // A peer that asks and takes back, over and over, must not make the list grow.
            let waiting = core::mem::take(&mut endpoints.cx.unanswered);
            endpoints.cx.unanswered = waiting.into_iter().filter(|(_, who)| endpoints.waits(*who)).collect();
        }
        while let Some((asked, who)) = endpoints.cx.unanswered.front().copied() {
            if endpoints.waits(who) {
                self.timers.set(Timer::Answer, asked + endpoints.cx.limits.answer);
                return;
            }
            endpoints.cx.unanswered.pop_front();
        }
        self.timers.clear(Timer::Answer);
    }

    pub(crate) fn on_timeout(&mut self) {
        let now = self.endpoints.cx.now;
        while let Some(timer) = self.timers.expire(now) {
            match timer {
                Timer::Handshake => self.on_handshake_timeout(),
                // Whose octets are not read cannot be heard.
                Timer::LocalIdle if !self.wants_read() => self.heard(),
                // §2.4.5: told once; who does not hear it is left at the deadline of the close.
                Timer::LocalIdle => self.violated(Violation::Idle),
                Timer::Heartbeat => self.beat(),
                Timer::FrameAssembly if !self.wants_read() => self.assembling(true),
                Timer::FrameAssembly => self.violated(Violation::SlowFrame),
                Timer::WriteStall => self.on_write_stall(),
                Timer::Close => self.on_close_timeout(),
                Timer::Answer => self.refuse_oldest(),
            }
        }
    }

    /// Time that the application takes for its own answer is not the peer's fault, so it gets as much as others do.
    fn on_handshake_timeout(&mut self) {
        let asked =
            self.awaits_sasl_answer() || (self.state == ConnectionState::OpenRcvd && !self.open_written);
        if asked && !core::mem::replace(&mut self.patient, true) {
            self.timers.set(Timer::Handshake, self.endpoints.cx.now + self.endpoints.cx.limits.answer);
            return;
        }
        self.endpoints.cx.out.discard();
        self.fail(Cause::Timeout);
    }

    /// §2.4.5: says that this side is alive, where nothing else does.
    fn beat(&mut self) {
        if !self.has_output() && self.close.as_ref().is_none_or(|intent| !intent.written) {
            self.endpoints.cx.out.empty_frame();
        }
        self.restart_heartbeat();
    }

    /// The peer does not read: there is no use in telling it.
    fn on_write_stall(&mut self) {
        if self.has_output() {
            self.endpoints.cx.out.discard();
            self.fail(Cause::Violation(Violation::WriteStall));
        }
    }

    fn on_close_timeout(&mut self) {
        match &mut self.close {
            Some(intent) if !intent.written && !intent.at_once => {
                // What could not be sent until now is not waited for any longer.
                intent.at_once = true;
                self.over(Cause::Timeout);
                self.timers.set(Timer::Close, self.endpoints.cx.now + self.endpoints.cx.limits.close);
            }
            _ => {
                self.endpoints.cx.out.discard();
                self.fail(Cause::Timeout);
            }
        }
    }

    fn refuse_oldest(&mut self) {
        let error = || Error::new(ErrorCondition::RESOURCE_LIMIT_EXCEEDED, "not answered in time");
        // It may have been answered meanwhile; then there is nothing to refuse.
        match self.endpoints.cx.unanswered.pop_front() {
            Some((_, Unanswered::Session(id))) => self.endpoints.refuse_session(id, error()).ok(),
            Some((_, Unanswered::Link(id))) => self.endpoints.refuse_link(id, error()).ok(),
            None => None,
        };
    }
}
