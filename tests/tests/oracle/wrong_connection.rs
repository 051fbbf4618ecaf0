//! Wrong octets, frames, headers and SASL dialogues.

use amqp_codec::{
    Multiple, Open, ProtocolHeader, SaslChallenge, SaslCode, SaslInit, SaslMechanisms, SaslOutcome,
    SaslResponse, Symbol,
};

use crate::play::{CLIENT, Play, SERVER, begin, close, open};
use crate::verdict::{Case, check, client, server};

const EMPTY_FRAME: [u8; 8] = [0, 0, 0, 8, 2, 0, 0, 0];

fn sasl_headers() -> Play {
    let mut play = Play::start();
    play.header(CLIENT, ProtocolHeader::SASL);
    play.header(SERVER, ProtocolHeader::SASL);
    play
}

fn announced() -> Play {
    let mut play = sasl_headers();
    play.says_sasl(SERVER, &mechanisms());
    play
}

fn chosen() -> Play {
    let mut play = announced();
    play.says_sasl(CLIENT, &init("PLAIN"));
    play
}

fn decided(code: SaslCode) -> Play {
    let mut play = chosen();
    play.says_sasl(SERVER, &outcome(code));
    play
}

fn mechanisms() -> SaslMechanisms {
    SaslMechanisms { sasl_server_mechanisms: Multiple::from(Symbol::from_static("PLAIN")) }
}

fn init(mechanism: &'static str) -> SaslInit {
    SaslInit { mechanism: Symbol::from_static(mechanism), ..SaslInit::default() }
}

fn outcome(code: SaslCode) -> SaslOutcome {
    SaslOutcome { code, ..SaslOutcome::default() }
}

fn small() -> Play {
    Play::opened_with(
        open(),
        Open { max_frame_size: 512, channel_max: 3, idle_time_out: Some(500), ..open() },
    )
}

#[test]
fn octets_and_frames() {
    check(OCTETS_AND_FRAMES);
}

const OCTETS_AND_FRAMES: &[Case] = &[
    client("TRANSPORT-2.2-1", Play::start, |play| play.puts(CLIENT, b"GET / HT")),
    server("TRANSPORT-2.2-1", Play::start, |play| play.puts(SERVER, b"AMQP\x00\x01\x01\x00")),
    client(
        "TRANSPORT-2.2-9",
        || {
            let mut play = Play::start();
            play.header(CLIENT, ProtocolHeader::AMQP);
            play.header(SERVER, ProtocolHeader::SASL);
            play
        },
        |play| play.says(CLIENT, 0, &open()),
    ),
    client(
        "TRANSPORT-2.2-1",
        || {
            let mut play = Play::start();
            play.header(CLIENT, ProtocolHeader::TLS);
            play.header(SERVER, ProtocolHeader::TLS);
            play
        },
        |play| play.sends(CLIENT, 0, &open()),
    ),
    server("TRANSPORT-2.2-10", Play::with_headers, |play| play.header(SERVER, ProtocolHeader::AMQP)),
    client("TRANSPORT-2.2-10", Play::opened, |play| play.says_sasl(CLIENT, &init("PLAIN"))),
    client("TRANSPORT-2.2-10", chosen, |play| play.says(CLIENT, 0, &open())),
    client("TRANSPORT-2.3-1", Play::opened, |play| play.puts(CLIENT, &[0, 0, 0, 7, 2, 0, 0, 0])),
    server("TRANSPORT-2.3-1", Play::opened, |play| {
        play.says_octets(SERVER, &[0, 0, 0, 9, 2]);
        play.oracle.finish();
    }),
    client("TRANSPORT-2.3-2", Play::opened, |play| play.puts(CLIENT, &[0, 0, 0, 8, 1, 0, 0, 0])),
    client("TRANSPORT-2.3-4", Play::opened, |play| play.puts(CLIENT, &[0, 0, 0, 8, 2, 2, 0, 0])),
    body("TRANSPORT-2.3-6", |play| play.puts(CLIENT, b"\0\0\0\x0c\x02\0\0\0\0\x53\x99\x45")),
    body("TRANSPORT-2.3-7", |play| play.puts(CLIENT, b"\0\0\0\x0d\x02\0\0\0\0\x53\x17\x45\0")),
    body("TYPES-1.5-6", |play| play.puts(CLIENT, b"\0\0\0\x0c\x02\0\0\0\0\x53\x11\x45")),
    body("TYPES-1.5-7", |play| play.puts(CLIENT, b"\0\0\0\x0f\x02\0\0\0\0\x53\x16\xc0\x02\x01\x41")),
    body("TYPES-1.5-10", |play| play.puts(CLIENT, b"\0\0\0\x10\x02\0\0\0\0\x53\x17\xc0\x03\x02\x40\x40")),
    body("TYPES-1.2-5", |play| play.puts(CLIENT, b"\0\0\0\x10\x02\0\0\0\0\x53\x17\xc0\x03\x01\x40\x40")),
    body("TYPES-1.2-11", |play| play.puts(CLIENT, b"\0\0\0\x0b\x02\0\0\0\0\x53\x17")),
    body("TRANSPORT-2.6.1-15", |play| {
        play.puts(CLIENT, b"\0\0\0\x15\x02\0\0\0\0\x53\x12\xc0\x08\x04\xa1\x01l\x43\x42\x50\x03");
    }),
];

/// A row whose octets are a frame with a wrong body.
const fn body(rule: &'static str, wrong: fn(&mut Play)) -> Case {
    client(rule, Play::begun, wrong)
}

#[test]
fn opening_and_closing() {
    check(OPENING_AND_CLOSING);
}

const OPENING_AND_CLOSING: &[Case] = &[
    client("TRANSPORT-2.4.1-1", Play::with_headers, |play| play.says(CLIENT, 0, &begin())),
    client("TRANSPORT-2.4.1-1", Play::with_headers, |play| play.says(CLIENT, 1, &open())),
    server(
        "TRANSPORT-2.4.1-1",
        || {
            let mut play = Play::with_headers();
            play.says(CLIENT, 0, &open());
            play
        },
        |play| play.says(SERVER, 1, &open()),
    ),
    client("TRANSPORT-2.4.1-2", Play::with_headers, |play| {
        play.says(CLIENT, 0, &Open { container_id: "x".repeat(600).into(), ..open() })
    }),
    client(
        "TRANSPORT-2.4.1-2",
        || {
            let mut play = Play::with_headers();
            play.says(CLIENT, 0, &open());
            play
        },
        |play| play.says(CLIENT, 1, &begin()),
    ),
    server("TRANSPORT-2.4.1-3", Play::with_headers, |play| {
        play.says(SERVER, 0, &Open { max_frame_size: 511, ..open() })
    }),
    client("TRANSPORT-2.4.1-4", small, |play| {
        let symbol = Symbol::new(&"x".repeat(600)).expect("ASCII");
        let begin = amqp_codec::Begin { offered_capabilities: Multiple::from(symbol), ..begin() };
        play.says(CLIENT, 0, &begin);
    }),
    client("TRANSPORT-2.4.1-6", small, |play| play.says(CLIENT, 4, &begin())),
    server("TRANSPORT-2.4.1-9", small, |play| play.says(SERVER, 0, &open())),
    client(
        "TRANSPORT-2.4.3-1",
        || {
            let mut play = Play::begun();
            play.says(CLIENT, 0, &close());
            play
        },
        |play| play.says_octets(CLIENT, &EMPTY_FRAME),
    ),
    server("TRANSPORT-2.4.3-3", Play::begun, |play| {
        play.says(CLIENT, 0, &close());
        play.oracle.finish();
    }),
    client("TRANSPORT-2.4.3-4", small, |play| play.says(CLIENT, 4, &close())),
    client("TRANSPORT-2.4.5-4", small, |play| {
        play.oracle.elapsed(400);
        play.says_octets(CLIENT, &EMPTY_FRAME);
        play.oracle.elapsed(500);
        play.oracle.assert_silent();
        play.oracle.elapsed(1);
        play.oracle.elapsed(1000);
    }),
    client("TRANSPORT-2.4.5-5", Play::with_headers, |play| play.says_octets(CLIENT, &EMPTY_FRAME)),
    client("TRANSPORT-2.4.5-6", small, |play| play.says_octets(CLIENT, &[0, 0, 0, 8, 2, 0, 0, 4])),
];

#[test]
fn sasl() {
    check(SASL);
}

const SASL: &[Case] = &[
    client("SEC-5-2", chosen, |play| play.says_sasl(CLIENT, &outcome(SaslCode::Ok))),
    client("SEC-5-3", announced, |play| {
        play.says_sasl(CLIENT, &SaslInit { initial_response: Some(vec![0; 513].into()), ..init("PLAIN") });
    }),
    server("SEC-5-4", sasl_headers, |play| play.says_octets(SERVER, &[0, 0, 0, 8, 2, 1, 0, 0])),
    client("SEC-5-4", announced, |play| {
        play.says_octets(CLIENT, b"\0\0\0\x13\x02\x01\0\0\0\x53\x41\xc0\x05\x01\xa3\x01\x41\x40\x40")
    }),
    server("SEC-5-5", chosen, |play| play.says_sasl(SERVER, &mechanisms())),
    client("SEC-5-6", announced, |play| play.says_sasl(CLIENT, &init("EXTERNAL"))),
    client("SEC-5-6", chosen, |play| play.says_sasl(CLIENT, &init("PLAIN"))),
    client("SEC-5-10", chosen, |play| play.says_sasl(CLIENT, &SaslResponse::default())),
    server("SEC-5-10", announced, |play| play.says_sasl(SERVER, &SaslChallenge::default())),
    server("SEC-5-11", announced, |play| play.says_sasl(SERVER, &outcome(SaslCode::Ok))),
    server("SEC-5-11", chosen, |play| {
        let data = Some(vec![1].into());
        play.says_sasl(SERVER, &SaslOutcome { additional_data: data, ..outcome(SaslCode::Auth) });
    }),
    server("SEC-5-12", chosen, |play| play.header(SERVER, ProtocolHeader::AMQP)),
    client("SEC-5-14", || decided(SaslCode::Ok), |play| play.says_sasl(CLIENT, &SaslResponse::default())),
    client("TRANSPORT-2.2-11", || decided(SaslCode::Ok), |play| play.header(CLIENT, ProtocolHeader::SASL)),
    client("TRANSPORT-2.2-12", || decided(SaslCode::Auth), |play| play.header(CLIENT, ProtocolHeader::AMQP)),
];
