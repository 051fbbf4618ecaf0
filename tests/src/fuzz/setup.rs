//! What engines and their endpoints are made with: a few octets stand for everything that can be chosen.

use std::time::Duration;

use amqp_core::codec::{ReceiverSettleMode, SenderSettleMode, Serial, Symbol};
use amqp_core::{
    ConnectionOptions, Credentials, CreditMode, Limits, ReceiverOptions, SaslServer, SenderOptions,
    SessionOptions,
};

use crate::oracle::Side;

const MODES: [Option<SenderSettleMode>; 4] =
    [None, Some(SenderSettleMode::Unsettled), Some(SenderSettleMode::Settled), Some(SenderSettleMode::Mixed)];
/// Where counters begin: also shortly before they wrap.
const COUNTERS: [u32; 4] = [0, u32::MAX - 3, 0x7FFF_FFFE, 100];

/// Limits that a short input reaches.
pub(super) fn tight() -> Limits {
    Limits::default()
        .pre_open_frame(600_u32)
        .sasl_rounds(3_u32)
        .sessions(3_u32)
        .links(4_u32)
        .message_size(2000_u64)
        .frames_per_delivery(8_u32)
        .buffered_input(5000_usize)
        .buffered_output(3000_usize)
        .unsettled(6_u32)
        .untaken_outcomes(5_u32)
}

/// A connection that speaks AMQP at once.
pub(super) fn connection(setup: u8) -> ConnectionOptions {
    let mut options = ConnectionOptions::new("engine");
    if setup & 1 != 0 {
        options = options.limits(tight()).max_frame_size(512_u32).channel_max(3_u16);
    }
    if setup & 2 != 0 {
        options = options.idle_time_out(Duration::from_secs(20));
    }
    if setup & 4 != 0 {
        options = options.allow_incoming(true);
    }
    if setup & 8 != 0 {
        options = options.accept_sessions(session(setup >> 4));
    }
    options.accept_connection(setup & 16 != 0)
}

/// A connection that has a SASL layer in three of four cases.
pub(super) fn secured(side: Side, setup: u8) -> ConnectionOptions {
    let options = connection(setup);
    let other = || Symbol::from_static("XOAUTH2");
    match (side, setup >> 6) {
        (Side::Client, 1) => options.credentials(Credentials::plain_insecure("user", "secret")),
        (Side::Client, 2) => options.credentials(Credentials::Anonymous),
        (Side::Client, 3) => {
            options.credentials(Credentials::Mechanism { name: other(), initial_response: None })
        }
        (Side::Server, at @ 1..=3) => {
            let mechanisms = [Symbol::from_static("ANONYMOUS"), Symbol::from_static("PLAIN"), other()];
            let server = SaslServer::new(mechanisms.into_iter().skip(usize::from(at) - 1)).allow_insecure();
            options.sasl(if setup & 32 == 0 { server } else { server.optional() })
        }
        _ => options,
    }
}

/// A session.
pub(super) fn session(habit: u8) -> SessionOptions {
    let first = counter(habit >> 2);
    SessionOptions::default()
        .incoming_window([2048_u32, 1, 3, 20][usize::from(habit % 4)])
        .handle_max(if habit & 32 == 0 { 255_u32 } else { 2 })
        .next_outgoing_id(first)
        .next_delivery_id(first)
}

/// A link to send on.
pub(super) fn sender(habit: u8) -> SenderOptions {
    let mut options = SenderOptions::new("node")
        .initial_delivery_count(counter(habit))
        .auto_settle(habit & 4 == 0)
        .retain_unsettled(habit & 8 != 0)
        .auto_drain(habit & 16 == 0);
    options.snd_settle_mode = mode(habit >> 6);
    options.rcv_settle_mode = (habit & 32 != 0).then_some(ReceiverSettleMode::Second);
    options
}

/// A link to receive on.
pub(super) fn receiver(habit: u8) -> ReceiverOptions {
    let mut options = ReceiverOptions::new("node").credit(credit(habit)).streaming(habit & 4 != 0);
    options.max_message_size = (habit & 8 != 0).then_some(1000);
    options.snd_settle_mode = mode(habit >> 6);
    options.rcv_settle_mode = (habit & 32 != 0).then_some(ReceiverSettleMode::Second);
    options
}

/// Who grants credit.
pub(super) const fn credit(habit: u8) -> CreditMode {
    match habit % 4 {
        0 => CreditMode::Prefetch(10),
        1 => CreditMode::Manual,
        2 => CreditMode::OnDemand(3),
        _ => CreditMode::Prefetch(1),
    }
}

fn mode(habit: u8) -> Option<SenderSettleMode> {
    MODES[usize::from(habit % 4)]
}

fn counter(habit: u8) -> Serial {
    Serial(COUNTERS[usize::from(habit % 4)])
}
