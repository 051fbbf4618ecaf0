//! Octets for the peer: who has something to say says it, until there is enough for one write.

use amqp_codec::Close;
use bytes::Bytes;

use crate::connection::{Connection, Role};
use crate::state::{ConnectionState, ConnectionStep};
use crate::timer::Timer;

impl Connection {
    pub(crate) fn next_output(&mut self) -> Option<Bytes> {
        self.fill();
        let chunk = self.endpoints.cx.out.take();
        if chunk.is_some() {
            self.timers.clear(Timer::Heartbeat);
            self.timers.clear(Timer::WriteStall);
            self.endpoints.unblock_senders();
        }
        self.after_door();
        chunk
    }

    /// Has sessions write in turn, and the close when they are done.
    fn fill(&mut self) {
        if self.writes_frames() {
            while !self.endpoints.cx.out.is_full() {
                let Some(id) = self.endpoints.cx.ready.pop_front() else { break };
                if let Some(session) = self.endpoints.sessions.get_mut(id) {
                    session.ready = false;
                    self.endpoints.write_session(id);
                }
            }
        }
        self.write_close();
    }

    /// §2.4.6: whether the state allows frames of sessions.
    fn writes_frames(&self) -> bool {
        self.endpoints.opened
            && matches!(
                self.state,
                ConnectionState::OpenPipe | ConnectionState::OpenSent | ConnectionState::Opened
            )
    }

    /// §2.4.3: the last frame of all, once everything accepted for sending is written.
    fn write_close(&mut self) {
        let Some(intent) = self.close.as_mut() else { return };
        let done = self.endpoints.cx.queued == 0 && self.endpoints.cx.ready.is_empty();
        let open = self.endpoints.opened && self.state != ConnectionState::End;
        if intent.written || !open || !(intent.at_once || done) {
            return;
        }
        intent.written = true;
        let error = intent.error.clone();
        // §2.4.6: after a close with an error nothing but the peer's close counts, whoever made the error.
        let discards = intent.at_once || error.is_some();
        let step = if discards { ConnectionStep::SendErrorClose } else { ConnectionStep::SendClose };
        self.endpoints.cx.out.last_frame(0, error, |error| Close { error });
        self.state.step(step);
        if self.state == ConnectionState::End {
            self.end();
        }
    }

    /// The client has still to say its first words.
    pub(crate) fn greets(&self) -> bool {
        self.role == Role::Client && !self.greeted
    }

    /// A close waits for nothing but the next poll, or for the time from which its deadline counts.
    pub(crate) fn closes_now(&self) -> bool {
        let waits = self.close.as_ref().is_some_and(|intent| !intent.written);
        let due = self.endpoints.cx.queued == 0 || self.timers.at(Timer::Close).is_none();
        waits && due && self.endpoints.opened && self.state != ConnectionState::End
    }

    /// There is or will be something to poll.
    pub(crate) fn has_output(&self) -> bool {
        let open = self.state != ConnectionState::End;
        let close = self.close.as_ref().is_some_and(|intent| !intent.written && intent.at_once && open);
        self.endpoints.cx.out.len() > 0
            || close
            || (self.writes_frames() && !self.endpoints.cx.ready.is_empty())
    }
}
