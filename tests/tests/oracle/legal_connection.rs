//! Legal openings, closings, SASL dialogues and idle connections.

use amqp_codec::{
    Attach, Multiple, Open, ProtocolHeader, SaslChallenge, SaslInit, SaslMechanisms, SaslOutcome,
    SaslResponse, Serial, Symbol, Transfer, encode_frame,
};
use amqp_tests::oracle::Oracle;
use bytes::BytesMut;

use crate::play::{
    CLIENT, Play, SERVER, begin, close, detach, end, open, receiver, sender, transfer, window,
};

fn mechanisms() -> SaslMechanisms {
    SaslMechanisms { sasl_server_mechanisms: Multiple::from(Symbol::from_static("PLAIN")) }
}

fn init() -> SaslInit {
    SaslInit { mechanism: Symbol::from_static("PLAIN"), ..SaslInit::default() }
}

#[test]
fn everything_is_pipelined_before_the_server_says_a_word() {
    let mut play = Play::start();
    play.puts(CLIENT, &ProtocolHeader::AMQP.to_bytes());
    play.sends(CLIENT, 0, &open());
    play.sends(CLIENT, 0, &begin());
    play.sends(CLIENT, 0, &receiver("l", 0));
    let pipelined = amqp_codec::Flow {
        next_incoming_id: None,
        handle: Some(0),
        delivery_count: None,
        link_credit: Some(2),
        ..window(0, 0, 8)
    };
    play.sends(CLIENT, 0, &pipelined);
    play.reads(SERVER);
    play.header(SERVER, ProtocolHeader::AMQP);
    play.says(SERVER, 0, &open());
    // The flow came before this side had chosen where its counters begin, and counts from there.
    let next_outgoing_id = Serial(77);
    play.says(SERVER, 0, &amqp_codec::Begin { remote_channel: Some(0), next_outgoing_id, ..begin() });
    play.says(SERVER, 0, &Attach { initial_delivery_count: Some(Serial(42)), ..sender("l", 0) });
    play.transfers(SERVER, 0, &transfer(0));
    play.transfers(SERVER, 0, &Transfer { settled: Some(true), ..transfer(1) });
    play.says(SERVER, 0, &close());
    play.says(CLIENT, 0, &close());
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn open_begin_end_close_in_one_breath() {
    let mut play = Play::start();
    play.puts(CLIENT, &ProtocolHeader::AMQP.to_bytes());
    play.sends(CLIENT, 0, &open());
    play.sends(CLIENT, 0, &begin());
    play.sends(CLIENT, 0, &sender("l", 0));
    play.sends(CLIENT, 0, &detach(0, true));
    play.sends(CLIENT, 0, &end());
    play.sends(CLIENT, 0, &close());
    play.header(SERVER, ProtocolHeader::AMQP);
    play.reads(SERVER);
    play.says(SERVER, 0, &open());
    play.says(SERVER, 0, &amqp_codec::Begin { remote_channel: Some(0), ..begin() });
    play.says(SERVER, 0, &receiver("l", 0));
    play.says(SERVER, 0, &detach(0, true));
    play.says(SERVER, 0, &end());
    play.says(SERVER, 0, &close());
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn closes_may_cross() {
    let mut play = Play::begun();
    play.sends(CLIENT, 0, &close());
    play.sends(SERVER, 3, &sender("late", 0));
    play.sends(SERVER, 0, &close());
    play.reads(SERVER);
    play.reads(CLIENT);
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn close_may_come_on_any_channel_of_an_open_connection() {
    let mut play = Play::opened_with(open(), Open { channel_max: 5, ..open() });
    play.says(CLIENT, 5, &close());
    play.says(SERVER, 0, &close());
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn sasl_with_a_challenge_and_then_amqp() {
    let mut play = Play::start();
    play.header(CLIENT, ProtocolHeader::SASL);
    play.header(SERVER, ProtocolHeader::SASL);
    play.says_sasl(SERVER, &mechanisms());
    play.says_sasl(CLIENT, &init());
    for _ in 0..2 {
        play.says_sasl(SERVER, &SaslChallenge::default());
        play.says_sasl(CLIENT, &SaslResponse::default());
    }
    let outcome = SaslOutcome { additional_data: Some(vec![1].into()), ..SaslOutcome::default() };
    play.says_sasl(SERVER, &outcome);
    play.header(CLIENT, ProtocolHeader::AMQP);
    play.header(SERVER, ProtocolHeader::AMQP);
    play.says(CLIENT, 0, &open());
    play.says(SERVER, 0, &open());
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn a_client_may_pipeline_behind_its_init() {
    let mut play = Play::start();
    play.header(CLIENT, ProtocolHeader::SASL);
    play.header(SERVER, ProtocolHeader::SASL);
    play.says_sasl(SERVER, &mechanisms());
    play.says_sasl(CLIENT, &init());
    play.header(CLIENT, ProtocolHeader::AMQP);
    play.says(CLIENT, 0, &open());
    play.says_sasl(SERVER, &SaslOutcome::default());
    play.header(SERVER, ProtocolHeader::AMQP);
    play.says(SERVER, 0, &open());
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn layers_follow_each_other() {
    let mut play = Play::start();
    for header in [ProtocolHeader::TLS, ProtocolHeader::SASL] {
        play.header(CLIENT, header);
        play.header(SERVER, header);
    }
    play.says_sasl(SERVER, &mechanisms());
    play.oracle.assert_silent();
}

#[test]
fn a_server_may_answer_with_the_header_that_it_wants_and_stop() {
    let mut play = Play::start();
    play.header(CLIENT, ProtocolHeader::AMQP);
    // The client goes on, since it has not read the answer.
    play.puts(SERVER, &ProtocolHeader::SASL.to_bytes());
    play.says(CLIENT, 0, &open());
    play.reads(CLIENT);
    play.oracle.finish();
    play.oracle.assert_silent();
}

#[test]
fn empty_frames_keep_a_connection_alive() {
    let needy = Open { idle_time_out: Some(500), channel_max: 9, ..open() };
    let mut play = Play::opened_with(needy.clone(), needy);
    for channel in [0, 9, 3] {
        play.oracle.elapsed(250);
        play.says_octets(CLIENT, &[0, 0, 0, 8, 2, 0, 0, channel]);
        play.oracle.elapsed(250);
        play.says_octets(SERVER, &[0, 0, 0, 8, 2, 0, 0, 0]);
    }
    play.says(CLIENT, 0, &close());
    play.oracle.elapsed(10_000);
    play.oracle.assert_silent();
}

#[test]
fn an_idle_time_out_of_zero_is_none() {
    let mut play = Play::opened_with(open(), Open { idle_time_out: Some(0), ..open() });
    play.oracle.elapsed(10_000);
    play.oracle.assert_silent();
}

#[test]
fn a_frame_is_known_once_its_last_octet_is_read() {
    let mut octets = BytesMut::from(&ProtocolHeader::AMQP.to_bytes()[..]);
    encode_frame(&mut octets, 0, &Open { channel_max: 1, ..open() }, &[]);
    for (read, rule) in [(octets.len() - 1, Some("TRANSPORT-2.4.1-2")), (octets.len(), None)] {
        let mut play = Play::start();
        play.header(CLIENT, ProtocolHeader::AMQP);
        play.says(CLIENT, 0, &open());
        play.oracle.sent(SERVER, &octets);
        play.oracle.delivered(CLIENT, read);
        play.says(CLIENT, 1, &begin());
        assert_eq!(play.oracle.faults().first().map(|fault| fault.rule), rule);
    }
}

#[test]
fn extended_headers_are_skipped() {
    let mut play = Play::opened();
    play.says_octets(
        CLIENT,
        b"\0\0\0\x1e\x03\0\0\0\xff\xff\xff\xff\0\x53\x11\xc0\x0d\x04\x40\x43\x70\0\0\x08\0\x70\0\0\x08\0",
    );
    play.says(SERVER, 0, &amqp_codec::Begin { remote_channel: Some(0), ..begin() });
    play.oracle.assert_silent();
}

/// What a client pipelines, with a transfer at the end that it may not send yet.
fn whole_client_stream() -> BytesMut {
    let mut octets = BytesMut::from(&ProtocolHeader::AMQP.to_bytes()[..]);
    encode_frame(&mut octets, 0, &open(), &[]);
    encode_frame(&mut octets, 0, &begin(), &[]);
    encode_frame(&mut octets, 0, &sender("l", 0), &[]);
    encode_frame(&mut octets, 0, &transfer(0), b"too early");
    octets
}

#[test]
fn any_chopping_gives_the_same_judgement() {
    let octets = whole_client_stream();
    let mut whole = Oracle::new("client", "server");
    whole.client_to_server(&octets);
    let rules: Vec<_> = whole.faults().iter().map(|fault| fault.rule).collect();
    assert_eq!(rules, ["TRANSPORT-2.5.6-2", "TRANSPORT-2.6.12-23"]);
    for split in 1..octets.len() {
        let mut oracle = Oracle::new("client", "server");
        let (first, second) = octets.split_at(split);
        oracle.client_to_server(first);
        oracle.client_to_server(second);
        assert_eq!(oracle.faults(), whole.faults(), "split at {split}");
        assert_eq!(oracle.trace(), whole.trace(), "split at {split}");
    }
    let mut oracle = Oracle::new("client", "server");
    octets.chunks(1).for_each(|octet| {
        oracle.client_to_server(octet);
    });
    assert_eq!(oracle.faults(), whole.faults());
}

#[test]
#[should_panic(expected = "client broke TRANSPORT-2.5.6-2")]
fn assert_silent_shows_what_was_wrong() {
    let mut oracle = Oracle::new("client", "server");
    oracle.client_to_server(&whole_client_stream());
    oracle.assert_silent();
}

#[test]
#[should_panic(expected = "9 octets delivered to the server, and only 8 sent to it")]
fn more_cannot_be_delivered_than_was_sent() {
    let mut oracle = Oracle::new("client", "server");
    oracle.sent(CLIENT, &ProtocolHeader::AMQP.to_bytes());
    oracle.delivered(SERVER, 9);
}
