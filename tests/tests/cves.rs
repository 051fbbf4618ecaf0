//! Flaws that were found in other implementations of AMQP, tried here; `docs/security.md` has the list.
#![cfg(test)]

use amqp_core::codec::{
    Attach, Begin, Close, DecodeErrorKind, Error, ErrorCondition, Message, Open, ProtocolHeader, SaslCode,
    SaslInit, SaslOutcome, Symbol, Value, encode_sasl_frame,
};
use amqp_core::{
    Cause, Connection, ConnectionOptions, Credentials, Event, Instant, Limits, SaslAnswer, SaslServer,
    SessionOptions, Violation,
};
use amqp_tests::pair::server_options;
use amqp_tests::script::{frame, peer_begin, peer_open, peer_receiver};
use bytes::{Bytes, BytesMut};

const NOW: Instant = Instant::ORIGIN;
const PLAIN: Symbol = Symbol::from_static("PLAIN");
/// What an engine may ask of the heap for a frame that names more than it has.
const LITTLE: u64 = 16 * 1024;

/// A frame with this body; `kind` is 0 for AMQP and 1 for SASL.
fn raw(kind: u8, body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).unwrap().to_be_bytes();
    [&size[..], &[2, kind, 0, 0], body].concat()
}

/// A described list of fields, the first of which is `field`.
fn described(code: u8, nulls: usize, field: &[u8]) -> Vec<u8> {
    let items = [field, &vec![0x40; nulls]].concat();
    let size = u32::try_from(items.len() + 4).unwrap().to_be_bytes();
    let count = u32::try_from(nulls + 1).unwrap().to_be_bytes();
    [&[0, 0x53, code, 0xD0][..], &size, &count, &items].concat()
}

/// A server that has announced mechanisms, one whose client has said its header, and a client that waits for mechanisms.
fn before_authentication(limits: &Limits) -> [(u8, u8, Connection); 3] {
    let options = || ConnectionOptions::new("engine").accept_connection(true).limits(limits.clone());
    let sasl = SaslServer::new([PLAIN, Symbol::from_static("XOAUTH2")]).allow_insecure();
    let mut announced = Connection::server(options().sasl(sasl));
    _ = announced.handle_input(&ProtocolHeader::SASL.to_bytes(), NOW);
    let mut unopened = Connection::server(options());
    _ = unopened.handle_input(&ProtocolHeader::AMQP.to_bytes(), NOW);
    let mut client = Connection::client(options().credentials(Credentials::Anonymous));
    _ = client.handle_input(&ProtocolHeader::SASL.to_bytes(), NOW);
    // The kind of the frame, and the performative that is awaited.
    let mut all = [(1, 0x41, announced), (0, 0x10, unopened), (1, 0x40, client)];
    all.iter_mut().for_each(|(.., engine)| drop(said(engine)));
    all
}

/// Everything that an engine has to say.
fn said(engine: &mut Connection) -> Vec<u8> {
    std::iter::from_fn(|| engine.poll_output(NOW)).flatten().collect()
}

/// The body of an open that has `value` among its properties, where any type may stand.
fn open_with(value: &[u8]) -> Vec<u8> {
    let map = [b"\xa3\x01k", value].concat();
    let sized = |code: u8, items: &[u8], count: u8| {
        let size = u32::try_from(items.len() + 4).unwrap().to_be_bytes();
        [&[code][..], &size, &[0, 0, 0, count], items].concat()
    };
    let fields = [&b"\xa1\x01x"[..], &[0x40; 8], &sized(0xD1, &map, 2)].concat();
    [&[0, 0x53, 0x10][..], &sized(0xD0, &fields, 10)].concat()
}

/// Gives `field` as the first field of whatever is awaited before authentication, and where any type may stand; nobody
/// takes it, and it costs little.
#[track_caller]
fn refused_before_authentication(field: &[u8]) {
    let [announced, unopened, client] = before_authentication(&Limits::default());
    let [_, opening, _] = before_authentication(&Limits::default());
    let first = |code: u8| described(code, 0, field);
    let all = [
        (announced, first(0x41)),
        (unopened, first(0x10)),
        (client, first(0x40)),
        (opening, open_with(field)),
    ];
    for ((kind, code, mut engine), body) in all {
        let octets = raw(kind, &body);
        let account = allocation_counter::measure(|| _ = engine.handle_input(&octets, NOW));
        let Some(Cause::Violation(Violation::Decode(_))) = engine.close_reason().map(|it| it.cause()) else {
            unreachable!("{field:x?} to {code:x}: {:?}", engine.close_reason())
        };
        assert!(account.bytes_total <= LITTLE, "{field:x?} to {code:x}: {}", account.bytes_total);
    }
}

/// CVE-2024-21646, CVE-2024-29195, CVE-2026-66273: lengths and counts near the ends of their range.
#[test]
fn lengths_and_counts_that_overflow_cost_nothing() {
    for length in [0x7FFF_FFFF_u32, 0x8000_0000, 0xFFFF_FFF7, 0xFFFF_FFFC, 0xFFFF_FFFF] {
        let length = length.to_be_bytes();
        for code in [0xB0, 0xB1, 0xB3, 0xD0, 0xD1, 0xF0] {
            refused_before_authentication(&[&[code][..], &length, &[0; 16]].concat());
        }
        for code in [0xD0, 0xD1, 0xF0] {
            refused_before_authentication(&[&[code, 0, 0, 0, 20][..], &length, &[0x50; 16]].concat());
        }
    }
    for code in [0xA0, 0xA1, 0xA3, 0xC0, 0xC1, 0xE0] {
        refused_before_authentication(&[code, 0xFF, 0, 0, 0]);
    }
    for code in [0xC0, 0xC1, 0xE0] {
        refused_before_authentication(&[code, 4, 0xFF, 0xC0, 1, 0]);
    }
}

/// Values in values, as many as there are octets.
fn nestings(octets: usize) -> Vec<Vec<u8>> {
    let wrapped = |code: u8, before: &[u8], count: u32, levels: usize| {
        (0..levels).fold(vec![0x40], |inner, _| {
            let size = u32::try_from(before.len() + inner.len() + 4).unwrap().to_be_bytes();
            [&[code][..], &size, &count.to_be_bytes(), before, &inner].concat()
        })
    };
    let arrays = (0..octets / 9).fold((0x40, Vec::new()), |(code, inner), _| {
        let size = u32::try_from(inner.len() + 5).unwrap().to_be_bytes();
        (0xF0, [&size[..], &[0, 0, 0, 1, code], &inner].concat())
    });
    vec![
        wrapped(0xD0, &[], 1, octets / 9),
        wrapped(0xD1, &[0x40], 2, octets / 10),
        [vec![arrays.0], arrays.1].concat(),
        [[0, 0x44].repeat(octets / 2 - 1), vec![0x40]].concat(),
        [vec![0; octets - 2], vec![0x40, 0x40]].concat(),
    ]
}

/// CVE-2026-66274: before authentication, on a stack that has no room for more than the limit.
#[test]
fn nesting_ends_at_its_limit_however_small_the_stack_is() {
    let tried = std::thread::Builder::new().stack_size(256 * 1024).spawn(|| {
        let limits = Limits::default().sasl_frame(8192_u32);
        for field in nestings(8000) {
            // Where the field cannot hold any value, it is refused before anybody looks into it.
            for (kind, code, mut engine) in before_authentication(&limits) {
                let body = if kind == 0 { described(code, 0, &field) } else { described(code, 2, &field) };
                _ = engine.handle_input(&raw(kind, &body), NOW);
                assert!(engine.close_reason().is_some(), "{code:x}");
            }
            let [_, (.., mut engine), _] = before_authentication(&limits);
            _ = engine.handle_input(&raw(0, &open_with(&field)), NOW);
            let Some(Cause::Violation(Violation::Decode(error))) = engine.close_reason().map(|it| it.cause())
            else {
                unreachable!("{:?}", engine.close_reason())
            };
            assert_eq!(error.kind, DecodeErrorKind::TooDeep, "{:x?}", &field[..20]);
        }
    });
    tried.unwrap().join().unwrap();
}

/// go-amqp #378 and its kin: elements without octets, thousands of millions of them.
#[test]
fn arrays_without_octets_cost_nothing() {
    for element in [0x40, 0x41, 0x42, 0x43, 0x44, 0x45] {
        for count in [65_537, 0x7FFF_FFFF_u32, u32::MAX] {
            let array = [&[0xF0, 0, 0, 0, 5][..], &count.to_be_bytes(), &[element]].concat();
            let open = raw(0, &open_with(&array));
            let message = Bytes::from([&[0, 0x53, 0x77][..], &array].concat());
            let account = allocation_counter::measure(|| {
                let [_, (.., mut engine), _] = before_authentication(&Limits::default());
                _ = engine.handle_input(&open, NOW);
                let open = engine.remote().expect("it is legal");
                let value = open.properties.as_ref().and_then(|fields| fields.get("k")).cloned();
                let array = value.as_ref().and_then(Value::as_array).expect("it is kept");
                assert_eq!((array.len(), array.to_values()), (count, None));
                let message = Message::decode(&message.into()).expect("it is legal");
                assert_eq!(message, Message::value(value.clone().unwrap()));
                assert!(format!("{open}{value:?}{}", value.as_ref().unwrap()).len() < 1000);
            });
            assert!(account.bytes_total <= 2 * LITTLE, "{element:x} {count}: {}", account.bytes_total);
        }
    }
}

/// CVE-2017-15701, rabbitmq #16171: nothing of a frame is kept whose header says that it is too large, at any time.
#[test]
fn frames_have_a_limit_at_every_stage() {
    let limits = Limits::default();
    let refuses = |engine: &mut Connection, kind: u8, size: u32| {
        let header = [&size.to_be_bytes()[..], &[2, kind, 0, 0]].concat();
        let account = allocation_counter::measure(|| _ = engine.handle_input(&header, NOW));
        assert!(account.bytes_total <= LITTLE, "{size}: {}", account.bytes_total);
        let cause = Cause::Violation(Violation::FrameTooLarge(size));
        assert_eq!(engine.close_reason().map(|it| it.cause()), Some(&cause));
    };
    for size in [1, 1 << 24, u32::MAX - 8192] {
        for (kind, _, mut engine) in before_authentication(&limits) {
            let most = if kind == 1 { limits.sasl_frame } else { limits.pre_open_frame };
            refuses(&mut engine, kind, most + size);
        }
        let [_, (.., mut engine), _] = before_authentication(&limits);
        _ = engine.handle_input(&frame(0, &peer_open(), &[]), NOW);
        let most = engine.options().max_frame_size;
        refuses(&mut engine, 0, most.saturating_add(size));
    }
}

/// CVE-2022-23913: handshakes that stop at any octet hold what they have sent, and what they are answered.
#[test]
fn a_handshake_that_stops_holds_little() {
    let mut init = BytesMut::new();
    let response = Some(Bytes::from_static(&[b'x'; 400]));
    encode_sasl_frame(&mut init, &SaslInit { mechanism: PLAIN, initial_response: response, hostname: None });
    let hostname = Some("x".repeat(7000).as_str().into());
    let whole = [frame(0, &Open { hostname, ..peer_open() }, &[]), init];
    for (octets, at) in [(&whole[0], 1), (&whole[1], 0)] {
        for cut in (0..octets.len()).step_by(7) {
            let mut engine = None;
            let account = allocation_counter::measure(|| {
                let mut all = before_authentication(&Limits::default());
                _ = all[at].2.handle_input(&octets[..cut], NOW);
                engine = Some(all);
            });
            assert!(account.bytes_max <= 2 * LITTLE, "{cut}: {}", account.bytes_max);
        }
    }
    // While the application thinks about a password, what comes behind it is kept up to a limit.
    let [(.., mut engine), ..] = before_authentication(&Limits::default());
    let account = allocation_counter::measure(|| {
        _ = engine.handle_input(&whole[1], NOW);
        for _ in 0..100 {
            _ = engine.handle_input(&[0; 4096], NOW);
        }
    });
    assert!(account.bytes_max <= 3 * 256 * 1024 + LITTLE, "{}", account.bytes_max);
    assert_eq!(engine.close_reason().map(|it| it.cause()), Some(&Cause::Sasl(None)));
}

/// fe2o3 #344, CVE-2015-0223: what comes behind a refusal is nobody's.
#[test]
fn nothing_opens_behind_a_refusal() {
    let (open, begin) = (frame(0, &peer_open(), &[]), frame(0, &peer_begin(), &[]));
    let rest = [&ProtocolHeader::AMQP.to_bytes()[..], &open, &begin].concat();
    let limits = Limits::default();
    let [(.., mut server), _, (.., mut client)] = before_authentication(&limits);
    let mut init = BytesMut::new();
    let response = Some(Bytes::from_static(b"\0user\0guess"));
    encode_sasl_frame(&mut init, &SaslInit { mechanism: PLAIN, initial_response: response, hostname: None });
    _ = server.handle_input(&init, NOW);
    server.authenticate(SaslAnswer::Reject(SaslCode::Auth)).unwrap();
    said(&mut server);
    let mut outcome = BytesMut::new();
    let sasl_server_mechanisms = [Symbol::from_static("ANONYMOUS")].into_iter().collect();
    encode_sasl_frame(&mut outcome, &amqp_core::codec::SaslMechanisms { sasl_server_mechanisms });
    encode_sasl_frame(&mut outcome, &SaslOutcome { code: SaslCode::Auth, additional_data: None });
    _ = client.handle_input(&outcome, NOW);
    for mut engine in [server, client] {
        while engine.poll_event().is_some() {}
        said(&mut engine);
        assert_eq!(engine.handle_input(&rest, NOW).next(), None);
        assert!(said(&mut engine).is_empty() && engine.is_finished());
        assert_eq!((engine.remote(), engine.counters().sessions), (None, 0));
        assert_eq!(engine.close_reason().map(|it| it.cause()), Some(&Cause::Sasl(Some(SaslCode::Auth))));
        assert!(engine.begin(SessionOptions::default()).is_err());
    }
}

/// CVE-2016-3094, CVE-2018-1298, CVE-2019-0200: responses of every wrong form, for PLAIN and others.
#[test]
fn no_response_of_a_client_does_harm() {
    let long = Bytes::from(vec![b'x'; 64 * 1024]);
    let forms = [
        (None, false),
        (Some(Bytes::new()), false),
        (Some(Bytes::from_static(b"user")), false),
        (Some(Bytes::from_static(b"\0user")), false),
        (Some(Bytes::from_static(b"\0\0")), false),
        (Some(Bytes::from_static(b"\0u\0p\0")), false),
        (Some(Bytes::from_static(b"\0\xFF\0p")), false),
        (Some(long.clone()), false),
        (Some([&b"\0u\0"[..], &long].concat().into()), true),
        (Some(Bytes::from_static(b"a\0u\0")), true),
    ];
    let limits = Limits::default().sasl_frame(128 * 1024_u32);
    for mechanism in [PLAIN, Symbol::from_static("XOAUTH2")] {
        for (response, readable) in forms.clone() {
            let [(.., mut engine), ..] = before_authentication(&limits);
            let mut octets = BytesMut::new();
            let init = SaslInit { mechanism: mechanism.clone(), initial_response: response, hostname: None };
            encode_sasl_frame(&mut octets, &init);
            assert_eq!(engine.handle_input(&octets, NOW).collect::<Vec<_>>(), [Event::Authenticate]);
            let plain = engine.sasl().unwrap().plain();
            assert_eq!(plain.is_some(), readable && mechanism == PLAIN, "{init:?}");
            engine.authenticate(SaslAnswer::Reject(SaslCode::Auth)).unwrap();
            assert_eq!(engine.poll_event(), Some(Event::Closed));
        }
    }
}

/// What proves who somebody is is not shown, and not kept for longer than it is needed.
#[test]
fn answers_are_never_shown() {
    let secret = || Bytes::from_static(b"secret");
    for answer in [SaslAnswer::Accept(Some(secret())), SaslAnswer::Message(secret())] {
        assert!(!format!("{answer:?}").contains("secret"), "{answer:?}");
    }
    let [(.., mut engine), ..] = before_authentication(&Limits::default());
    let mut octets = BytesMut::new();
    let initial_response = Some(Bytes::from_static(b"\0user\0secret"));
    encode_sasl_frame(&mut octets, &SaslInit { mechanism: PLAIN, initial_response, hostname: None });
    _ = engine.handle_input(&octets, NOW);
    assert_eq!(engine.sasl().unwrap().plain().unwrap().password, "secret");
    engine.authenticate(SaslAnswer::Accept(None)).unwrap();
    assert_eq!(engine.sasl().unwrap().message, None);
}

/// CVE-2016-8741: what a refused client hears does not depend on who it said to be.
#[test]
fn an_unknown_user_hears_what_a_wrong_password_does() {
    let heard = |response: &'static [u8]| {
        let [(.., mut engine), ..] = before_authentication(&Limits::default());
        let mut octets = BytesMut::new();
        let initial_response = Some(Bytes::from_static(response));
        encode_sasl_frame(&mut octets, &SaslInit { mechanism: PLAIN, initial_response, hostname: None });
        _ = engine.handle_input(&octets, NOW);
        engine.authenticate(SaslAnswer::Reject(SaslCode::Auth)).unwrap();
        (said(&mut engine), engine.poll_timeout())
    };
    assert_eq!(heard(b"\0nobody\0x"), heard(b"\0somebody\0wrong"));
    assert!(!heard(b"\0nobody\0x").0.is_empty());
}

/// CVE-2024-25110, CVE-2024-27099: every field of an open and of an attach in every shape.
#[test]
fn fields_of_every_shape_are_survived() {
    let shapes: [&[u8]; 13] = [
        &[0x40],
        &[0x41],
        &[0x43],
        &[0x45],
        &[0x50, 1],
        &[0x70, 0xFF, 0xFF, 0xFF, 0xFF],
        &[0xA0, 1, 0xFF],
        &[0xA1, 1, b'x'],
        &[0xA3, 1, b'x'],
        &[0xC0, 2, 1, 0x40],
        &[0xC1, 3, 2, 0x40, 0x40],
        &[0xE0, 4, 1, 0xA3, 1, b'x'],
        &[0, 0x53, 0x28, 0xC0, 2, 1, 0x40],
    ];
    let attach: [&[u8]; 14] = [
        &[0xA1, 1, b'L'],
        &[0x43],
        &[0x42],
        &[0x40],
        &[0x40],
        &[0, 0x53, 0x28, 0x45],
        &[0, 0x53, 0x29, 0x45],
        &[0x40],
        &[0x42],
        &[0x43],
        &[0x40],
        &[0x40],
        &[0x40],
        &[0x40],
    ];
    let open: [&[u8]; 10] =
        [&[0xA1, 1, b'x'], &[0x40], &[0x40], &[0x40], &[0x40], &[0x40], &[0x40], &[0x40], &[0x40], &[0x40]];
    let mut answers = 0;
    for (code, fields) in [(0x10, &open[..]), (0x12, &attach[..])] {
        for (place, shape) in (0..fields.len()).flat_map(|place| shapes.map(|shape| (place, shape))) {
            let mut fields = fields.to_vec();
            fields[place] = shape;
            let items = fields.concat();
            let size = u8::try_from(items.len() + 1).unwrap();
            let count = u8::try_from(fields.len()).unwrap();
            let body = [&[0, 0x53, code, 0xC0, size, count][..], &items].concat();
            let mut engine = Connection::server(server_options().accept_sessions(SessionOptions::default()));
            _ = engine.handle_input(&ProtocolHeader::AMQP.to_bytes(), NOW);
            if code == 0x12 {
                let begun = [frame(0, &peer_open(), &[]), frame(0, &peer_begin(), &[])].concat();
                _ = engine.handle_input(&begun, NOW);
            }
            _ = engine.handle_input(&raw(0, &body), NOW);
            said(&mut engine);
            while engine.poll_event().is_some() {}
            answers += usize::from(engine.close_reason().is_some());
            _ = engine.handle_input(&frame(0, &Close::default(), &[]), NOW);
            said(&mut engine);
            assert!(engine.is_finished(), "field {place} of {code:x} as {shape:x?}: {:?}", engine.state());
        }
    }
    assert!(answers > 100, "only {answers} were refused");
}

/// Texts of a peer that would look like lines of a log, or move the cursor of who reads it.
#[test]
fn texts_of_the_peer_stay_on_their_line() {
    let text =
        "gone\r\nERROR root logged in\u{1b}[2J\u{9b}2J\u{2028}a\u{2029}\u{202e}b\u{202a}\u{2066}c\u{2069}";
    let error = Error::new(ErrorCondition::INTERNAL_ERROR, text);
    let [_, (.., mut engine), _] = before_authentication(&Limits::default());
    _ = engine.handle_input(&frame(0, &peer_open(), &[]), NOW);
    let close = Close { error: Some(error.clone()) };
    _ = engine.handle_input(&frame(0, &close, &[]), NOW);
    let reason = engine.close_reason().unwrap();
    assert_eq!(*reason.cause(), Cause::Remote(Some(error)));
    let attach = Attach { handle: 0, ..peer_receiver(text) };
    let begin = Begin::default();
    for shown in
        [reason.to_string(), format!("{reason:?}"), close.to_string(), attach.to_string(), begin.to_string()]
    {
        let leaves = |character: char| {
            character.is_control()
                || ('\u{2028}'..='\u{202e}').contains(&character)
                || ('\u{2066}'..='\u{2069}').contains(&character)
        };
        assert!(!shown.chars().any(leaves), "{shown:?}");
    }
    assert!(reason.to_string().contains("gone"));
}
