//! Options of a session.

use amqp_codec::{DeliveryNumber, Fields, Multiple, Serial, Symbol, TransferNumber};

super::options! {
    /// What a session begins with (§2.7.2).
    SessionOptions {
        /// Transfer frames that the peer may send ahead. Renewed at half, as long as `Limits::buffered_input` is kept.
        incoming_window: u32 = 2048,
        /// Transfer frames that this side says it may send ahead; the peer's window is what counts.
        outgoing_window: u32 = 0x7FFF_FFFF,
        /// The highest handle that is accepted: one less than the links that the peer may attach.
        handle_max: u32 = 255,
        /// Extensions that this side has.
        offered_capabilities: Multiple<Symbol> = Multiple::default(),
        /// Extensions that this side may use if the peer has them.
        desired_capabilities: Multiple<Symbol> = Multiple::default(),
        /// Further facts about the session.
        properties?: Fields,
        /// The transfer-id of the first frame sent.
        next_outgoing_id: TransferNumber = Serial(0),
        /// The delivery-id of the first delivery sent.
        next_delivery_id: DeliveryNumber = Serial(0),
    }
}
