//! Session flow control (§2.5.6): how many transfer frames each side may send, as counts and as ids.

use amqp_codec::{Begin, Flow, TransferNumber};

use crate::error::Violation;
use crate::options::SessionOptions;

/// The largest window for which serial numbers still compare.
pub(crate) const LARGEST: u32 = 0x7FFF_FFFF;

/// The windows of one end of a session.
#[derive(Debug)]
pub(crate) struct Window {
    /// The size at which the incoming window is kept.
    size: u32,
    next_incoming_id: TransferNumber,
    /// Frames that the peer may still send of what was announced last.
    announced: u32,
    initial_outgoing_id: TransferNumber,
    next_outgoing_id: TransferNumber,
    outgoing_window: u32,
    remote_incoming_window: u32,
    /// The peer's begin is known.
    mapped: bool,
    /// The peer has shown that it saw our begin.
    seen: bool,
}

impl Window {
    pub(crate) fn new(options: &SessionOptions) -> Self {
        Self {
            size: options.incoming_window.min(LARGEST),
            next_incoming_id: TransferNumber::default(),
            announced: 0,
            initial_outgoing_id: options.next_outgoing_id,
            next_outgoing_id: options.next_outgoing_id,
            outgoing_window: options.outgoing_window,
            remote_incoming_window: 0,
            mapped: false,
            seen: false,
        }
    }

    /// The peer has begun, and perhaps said more by flows: ours answers.
    pub(crate) fn answer(&mut self, options: &SessionOptions) {
        *self = Self {
            next_incoming_id: self.next_incoming_id,
            remote_incoming_window: self.remote_incoming_window,
            mapped: self.mapped,
            seen: self.seen,
            ..Self::new(options)
        };
    }

    /// The peer's begin. Its transfers are let in once ours is on the wire.
    pub(crate) fn on_begin(&mut self, begin: &Begin, ours_written: bool) {
        self.mapped = true;
        self.seen = begin.remote_channel.is_some();
        self.next_incoming_id = begin.next_outgoing_id;
        self.remote_incoming_window = begin.incoming_window;
        if ours_written {
            self.open();
        }
    }

    /// Our begin announced the whole window.
    pub(crate) fn open(&mut self) {
        self.announced = self.size;
    }

    /// A transfer frame was written.
    #[inline]
    pub(crate) fn sent(&mut self) {
        self.next_outgoing_id = self.next_outgoing_id.next();
        self.remote_incoming_window = self.remote_incoming_window.saturating_sub(1);
    }

    /// A transfer frame arrived.
    #[inline]
    pub(crate) fn received(&mut self) -> Result<(), Violation> {
        self.announced = self.announced.checked_sub(1).ok_or(Violation::Window)?;
        self.next_incoming_id = self.next_incoming_id.next();
        Ok(())
    }

    /// Half of the window or more is used up.
    #[inline]
    pub(crate) fn is_low(&self) -> bool {
        self.announced <= self.size / 2 && self.size > 0
    }

    pub(crate) fn remote_incoming_window(&self) -> u32 {
        self.remote_incoming_window
    }

    /// §2.5.6: the peer's view of both windows.
    pub(crate) fn on_flow(&mut self, flow: &Flow) -> Result<(), Violation> {
        let acknowledged = match flow.next_incoming_id {
            Some(id) => {
                self.seen = true;
                id
            }
            // §2.7.4: only a peer that has not seen our begin may leave it out.
            None if self.seen => return Err(Violation::NextIncomingIdMissing),
            None => self.initial_outgoing_id,
        };
        let in_flight =
            self.next_outgoing_id.distance_from(acknowledged).and_then(|behind| u32::try_from(behind).ok());
        let in_flight = in_flight.ok_or(Violation::Acknowledged)?;
        // A value behind what has arrived would let the peer send it twice; one ahead uses up ids as frames would.
        let ahead = flow.next_outgoing_id.distance_from(self.next_incoming_id);
        let skipped = ahead.and_then(|ahead| u32::try_from(ahead).ok()).ok_or(Violation::Rewound)?;
        self.next_incoming_id = flow.next_outgoing_id;
        self.announced = self.announced.saturating_sub(skipped);
        self.remote_incoming_window = flow.incoming_window.saturating_sub(in_flight);
        Ok(())
    }

    /// The session's part of a flow frame; with `renew` it announces the whole window again.
    pub(crate) fn flow(&mut self, renew: bool) -> Flow {
        if renew && self.mapped {
            self.announced = self.size;
        }
        Flow {
            next_incoming_id: self.mapped.then_some(self.next_incoming_id),
            incoming_window: if self.mapped { self.announced } else { self.size },
            next_outgoing_id: self.next_outgoing_id,
            outgoing_window: self.outgoing_window,
            ..Flow::default()
        }
    }
}
