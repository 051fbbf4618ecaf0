//! Everything that depends on time: idle time-outs (§2.4.5) and the deadlines of `Limits`.

use core::time::Duration;

use amqp_codec::{Error, ErrorCondition};

use crate::connection::Connection;
use crate::context::Unanswered;
use crate::error::{Cause, Violation};
use crate::event::Event;
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
        if self.state == ConnectionState::End {
            return;
        }
        self.greet();
        if core::mem::take(&mut self.answered) {
            // What was kept during a SASL check may be read now.
            self.take_slice(&[]);
        }
    }

    /// Sets the deadlines that follow from how things stand, where they do not run. Doors that are not told the time only
    /// clear them: no deadline begins at a time that is long past.
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
        }
        self.watch_handshake();
        self.watch_silence();
        self.watch_answers();
    }

    /// Headers, SASL and opens have a time. While the application is asked it has its own, as others have.
    fn watch_handshake(&mut self) {
        let opened = self.endpoints.opened && self.endpoints.cx.remote_open.is_some();
        if opened || self.close.is_some() {
            self.timers.clear(Timer::Handshake);
            return;
        }
        let asked = self.awaits_sasl_answer() || self.state == ConnectionState::OpenRcvd;
        let extra = if asked { self.endpoints.cx.limits.answer } else { Duration::ZERO };
        self.timers.set_if_clear(Timer::Handshake, self.endpoints.cx.now + self.handshake_left + extra);
    }

    /// The application is asked: what it takes for its answer is not the peer's fault.
    pub(crate) fn ask(&mut self, question: Event) {
        if let Some(deadline) = self.timers.take(Timer::Handshake) {
            self.handshake_left = deadline.saturating_since(self.endpoints.cx.now);
        }
        self.endpoints.cx.event(question);
    }

    /// §2.4.5: once opens are exchanged each side hears from the other in time: we after the time-out that our open
    /// announces, the peer after half of its own.
    fn watch_silence(&mut self) {
        let cx = &self.endpoints.cx;
        let Some(remote) = cx.remote_open.as_ref().filter(|_| self.endpoints.opened) else { return };
        let theirs = Duration::from_millis(remote.idle_time_out.unwrap_or(0).into()) / 2;
        let ours = self.endpoints.options.idle_time_out.unwrap_or_default();
        let now = cx.now;
        if !ours.is_zero() && !self.discards() {
            self.timers.set_if_clear(Timer::LocalIdle, now + ours);
        }
        if !theirs.is_zero() && self.state == ConnectionState::Opened {
            self.timers.set_if_clear(Timer::Heartbeat, now + theirs);
        } else {
            self.timers.clear(Timer::Heartbeat);
        }
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
        // Each once: what is set anew may be due again at once.
        for timer in Timer::ALL {
            if !self.timers.expire(timer, now) {
                continue;
            }
            match timer {
                Timer::Handshake => self.on_handshake_timeout(),
                // Whose octets are not read cannot be heard: the time begins anew.
                Timer::LocalIdle if !self.wants_read() => {}
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

    fn on_handshake_timeout(&mut self) {
        self.endpoints.cx.out.discard();
        self.fail(Cause::Timeout);
    }

    /// §2.4.5: says that this side is alive, where nothing else does.
    fn beat(&mut self) {
        if !self.has_output() && self.close.as_ref().is_none_or(|intent| !intent.written) {
            self.endpoints.cx.out.empty_frame();
        }
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
        let oldest = self.endpoints.cx.unanswered.pop_front();
        match oldest.filter(|(_, who)| self.endpoints.waits(*who)) {
            Some((_, Unanswered::Session(id))) => self.endpoints.refuse_session(id, error()).ok(),
            Some((_, Unanswered::Link(id, _))) => self.endpoints.refuse_link(id, error()).ok(),
            None => None,
        };
    }
}
