//! Every bound that a hostile or broken peer meets, by name.

use core::time::Duration;

super::options! {
    /// What the engine puts up with. Every limit is finite by default.
    ///
    /// What a connection can hold at the most follows from them: the formula stands in `docs/security.md`.
    Limits {
        /// Octets of a frame before the peer's open is known. §2.4.1 asks for 512; real peers send larger opens.
        pre_open_frame: u32 = 8192,
        /// Octets of a SASL frame. §5.3.1 says 512; long OAuth tokens need more.
        sasl_frame: u32 = 512,
        /// Rounds of challenge and response.
        sasl_rounds: u32 = 16,
        /// Sessions on the connection, both those begun here and by the peer, also those ended but not yet read.
        sessions: u32 = 256,
        /// Links of a session, both directions, also those closed but not yet read to their end.
        links: u32 = 1024,
        /// Octets of all begins and attaches with which the peer describes the sessions and links that are there, and of
        /// the errors with which it ended them. A value of them can take a hundred times as much memory as octets. An
        /// attach that goes over it ends its session, a begin the connection; of an error that does only the condition
        /// is kept.
        descriptions: usize = 1024 * 1024,
        /// Octets of all states with which the peer describes deliveries, its reasons for rejecting them for instance: of
        /// those that are unsettled, and of outcomes and updates that the application has not taken. A value of them can
        /// take a hundred times as much memory as octets. One state for many deliveries counts once, one that always has
        /// the same size not at all. A transfer or disposition that goes over it ends its session.
        states: usize = 1024 * 1024,
        /// Octets of a message that arrives; also announced as max-message-size where the link's options say nothing.
        message_size: u64 = 16 * 1024 * 1024,
        /// Frames of one delivery that arrives.
        frames_per_delivery: u32 = 65_536,
        /// Octets of deliveries that have arrived and not been taken. Above it session windows are not renewed, and
        /// `wants_read` asks the adapter to stop; where nothing can be taken, the link that goes over it is detached.
        /// Must be more than `message_size` for such a message to get through.
        buffered_input: usize = 32 * 1024 * 1024,
        /// Octets of output that wait to be taken before `wants_read` asks the adapter to stop, and before sends are
        /// refused as blocked.
        buffered_output: usize = 256 * 1024,
        /// Unsettled deliveries of a link in each direction: more are not sent, credit for more is not granted unless
        /// the application does it, and more that arrive detach it.
        unsettled: u32 = 65_536,
        /// Outcomes of a sender that the application has not taken: at this number sends are refused as blocked.
        untaken_outcomes: u32 = 65_536,
        /// From the first call that tells the time to the end of headers, SASL and opens, without what the application
        /// takes for its answers. Make that call at once.
        handshake: Duration = Duration::from_secs(10),
        /// From the first to the last octet of one header or frame.
        frame_assembly: Duration = Duration::from_secs(30),
        /// How long output may wait to be taken.
        write_stall: Duration = Duration::from_secs(30),
        /// From the wish to close to the peer's close.
        close: Duration = Duration::from_secs(5),
        /// How long an incoming session or link waits for the application's answer before it is refused. The handshake
        /// waits as much longer for the answers to SASL and to the open; then the transport ends.
        answer: Duration = Duration::from_secs(60),
        /// The shortest idle-time-out of a peer that is accepted.
        idle_time_out: Duration = Duration::from_millis(100),
    }
}
