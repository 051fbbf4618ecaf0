//! How long encoding and decoding take: `cargo run --release --example codec_speed -p amqp-codec`.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "measuring needs a clock; the codec itself has none"
)]

use amqp_codec::*;
use bytes::BytesMut;
use std::hint::black_box;
use std::time::{Duration, Instant};

fn main() -> Result<(), DecodeError> {
    let transfer = Transfer {
        handle: 1,
        delivery_id: Some(Serial(1000)),
        delivery_tag: Some([1, 2, 3, 4].into()),
        message_format: Some(0),
        settled: Some(false),
        ..Transfer::default()
    };
    let disposition = Disposition {
        role: Role::Receiver,
        first: Serial(1000),
        last: Some(Serial(1031)),
        settled: true,
        state: Some(DeliveryState::Accepted),
        ..Disposition::default()
    };
    let flow = Flow {
        next_incoming_id: Some(Serial(1000)),
        incoming_window: 2048,
        next_outgoing_id: Serial(5),
        outgoing_window: 2048,
        handle: Some(1),
        delivery_count: Some(Serial(1000)),
        link_credit: Some(100),
        ..Flow::default()
    };
    let open = Open {
        container_id: "container".into(),
        hostname: Some("host.example.com".into()),
        ..Open::default()
    };
    let attach = Attach {
        name: "link-name".into(),
        source: Some(Box::new(Source { address: Some("queue".into()), ..Source::default() }.into())),
        target: Some(Box::new(Target { address: Some("queue".into()), ..Target::default() }.into())),
        initial_delivery_count: Some(Serial(0)),
        ..Attach::default()
    };
    println!("{:<12} {:>7} {:>10} {:>10}", "frame", "octets", "encode", "decode");
    measure("transfer", transfer)?;
    measure("disposition", disposition)?;
    measure("flow", flow)?;
    measure("open", open)?;
    measure("attach", attach)
}

fn measure(name: &str, performative: impl Encode + Into<Performative> + Clone) -> Result<(), DecodeError> {
    let mut out = BytesMut::with_capacity(1 << 16);
    let size = encode_frame(&mut out, 0, &performative, b"");
    let frame = out.clone();
    let encode = best(|| {
        out.clear();
        black_box(encode_frame(&mut out, 0, black_box(&performative), b""));
        out.len()
    });
    decode_performative(frame.get(8..).unwrap_or_default())?;
    let decode = best(|| {
        decode_performative(black_box(frame.get(8..).unwrap_or_default()))
            .map_or(0, |found| black_box(&found).1)
    });
    println!("{name:<12} {size:>7} {encode:>7.1} ns {decode:>7.1} ns");
    Ok(())
}

/// Nanoseconds a call, in the best of several rounds: what the machine's other work adds is left out.
fn best(mut call: impl FnMut() -> usize) -> f64 {
    const CALLS: u32 = 200_000;
    let round = |_| {
        let start = Instant::now();
        let total = (0..CALLS).map(|_| call()).fold(0, usize::wrapping_add);
        black_box(total);
        start.elapsed()
    };
    (0..30).map(round).min().unwrap_or(Duration::ZERO).as_secs_f64() * 1e9 / f64::from(CALLS)
}
