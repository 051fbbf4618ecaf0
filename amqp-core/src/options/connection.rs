//! Options of a connection.

use alloc::string::String;
use core::time::Duration;

use amqp_codec::{Fields, Multiple, Str, Symbol};

use super::{Credentials, Limits, SaslServer};

super::options! {
    /// How this side introduces itself (§2.7.1) and what it accepts.
    ConnectionOptions {
        /// The name of this container, the same on all its connections.
        container_id: Str = Str::from("amqp-core"),
        /// The virtual host wanted of the peer. Should be absent or equal to the TLS server name.
        hostname?: Str,
        /// Octets of the largest frame that is accepted, at least 512.
        max_frame_size: u32 = 64 * 1024,
        /// The highest channel that is accepted: one less than the sessions that the peer may begin.
        channel_max: u16 = 255,
        /// Close when the peer sent no frame for so long; half of it is announced (§2.4.5), and peers refuse what is
        /// too short: 2 s suits all that are known. None or zero: never.
        idle_time_out?: Duration,
        /// Locales that this side can write error texts in. Absent: `en-US`.
        outgoing_locales: Multiple<Symbol> = Multiple::default(),
        /// Locales wanted of the peer, best first. Absent: `en-US`.
        incoming_locales: Multiple<Symbol> = Multiple::default(),
        /// Extensions that this side has.
        offered_capabilities: Multiple<Symbol> = Multiple::default(),
        /// Extensions that this side may use if the peer has them.
        desired_capabilities: Multiple<Symbol> = Multiple::default(),
        /// Further facts about this side.
        properties?: Fields,
        /// Client: how to authenticate. None: no SASL layer.
        credentials?: Credentials,
        /// Server: the SASL layer that it offers. None: no SASL layer.
        sasl?: SaslServer,
        /// What the adapter knows of the transport.
        transport: TransportFacts = TransportFacts::default(),
        /// Server: answer the peer's open with these options, without [`crate::Event::Opening`].
        accept_connection: bool = false,
        /// Answer every session that the peer begins with these options, without [`crate::Event::SessionOpening`]
        /// waiting for an answer (it still tells of the session).
        accept_sessions?: super::SessionOptions,
        /// Whether the peer may begin sessions and attach links. None: the engine tells of them, the endpoints of a
        /// client refuse them.
        allow_incoming?: bool,
        /// What a peer can make this side hold, and how long it can make it wait.
        limits: Limits = Limits::default(),
    }
}

impl ConnectionOptions {
    /// Options of the container `container_id`.
    pub fn new(container_id: impl Into<Str>) -> Self {
        Self::default().container_id(container_id)
    }
}

/// In electron's words.
impl ConnectionOptions {
    /// Wants of the peer that it is heard every `interval`, and closes after twice as long without a frame:
    /// `idle_time_out` of twice `interval`.
    #[must_use]
    pub fn heartbeat(self, interval: Duration) -> Self {
        self.idle_time_out(interval.saturating_mul(2))
    }

    /// The virtual host wanted of the peer: `hostname`.
    #[must_use]
    pub fn virtual_host(self, host: impl Into<Str>) -> Self {
        self.hostname(host.into())
    }
}

/// What only the adapter can know: given at construction, because SASL depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransportFacts {
    /// The octets are encrypted on their way.
    pub encrypted: bool,
    /// Who the peer is according to the transport: the subject of its certificate.
    pub peer_identity: Option<String>,
    /// The server name that the peer asked for in TLS.
    pub server_name: Option<String>,
}
