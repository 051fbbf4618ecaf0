//! Golden frames: octets that other implementations produce, decoded and produced again.

#![cfg(test)]

mod wire_support;

use amqp_codec::*;
use bytes::BytesMut;
use wire_support::*;

/// The performative and the payload of a whole frame on channel 0.
fn decode(frame: &[u8]) -> Result<(Performative, &[u8]), DecodeError> {
    let header = FrameHeader::decode(*frame.first_chunk().unwrap()).unwrap();
    assert_eq!((header.size as usize, header.frame_type, header.channel), (frame.len(), FrameType::Amqp, 0));
    let body = &frame[header.body_offset()..];
    let (performative, payload) = decode_performative(body)?;
    Ok((performative, &body[payload..]))
}

fn assert_frame(hex: &str, performative: impl Into<Performative>, payload: &[u8]) {
    let (frame, performative) = (octets(hex), performative.into());
    assert_eq!(decode(&frame), Ok((performative.clone(), payload)), "decoding {hex}");
    let mut out = BytesMut::new();
    assert_eq!(encode_frame(&mut out, 0, &performative, payload), frame.len());
    assert_eq!(out[..], frame, "encoding {hex}");
    let mut head = BytesMut::new();
    let length = encode_frame_head(&mut head, 0, &performative, payload.len());
    assert_eq!((length, &head[..]), (frame.len() - payload.len(), &frame[..frame.len() - payload.len()]));
}

fn assert_sasl(hex: &str, expected: impl Into<SaslFrame>) {
    let (frame, expected) = (octets(hex), expected.into());
    let header = FrameHeader::decode(*frame.first_chunk().unwrap()).unwrap();
    assert_eq!((header.size as usize, header.frame_type), (frame.len(), FrameType::Sasl));
    assert_eq!(decode_sasl_frame(&frame[8..]), Ok(expected.clone()), "decoding {hex}");
    let mut out = BytesMut::new();
    assert_eq!(encode_sasl_frame(&mut out, &expected), frame.len());
    assert_eq!(out[..], frame, "encoding {hex}");
}

#[test]
fn protocol_headers() {
    for (hex, header) in [
        ("414d515000010000", ProtocolHeader::AMQP),
        ("414d515003010000", ProtocolHeader::SASL),
        ("414d515002010000", ProtocolHeader::TLS),
    ] {
        assert_eq!(header.to_bytes()[..], octets(hex));
        assert_eq!(ProtocolHeader::from_bytes(header.to_bytes()), Some(header));
    }
    assert_eq!(ProtocolHeader::from_bytes(*b"AMQP\x00\x00\x09\x01").map(|header| header.minor), Some(9));
    assert_eq!(ProtocolHeader::from_bytes(*b"GET / HT"), None);
    assert_eq!(ProtocolHeader::from_bytes(*b"AMQX\x00\x01\x00\x00"), None);
}

#[test]
fn empty_frame() {
    let header = FrameHeader::decode(EMPTY_FRAME).unwrap();
    assert_eq!(header, FrameHeader { size: 8, doff: 2, frame_type: FrameType::Amqp, channel: 0 });
    assert_eq!(header.body_offset(), 8);
}

#[test]
fn frame_headers_that_are_none() {
    for size in 0..8 {
        assert_eq!(FrameHeader::decode([0, 0, 0, size, 2, 0, 0, 0]), Err(FrameError::TooSmall));
    }
    for (size, doff) in [(8, 0), (8, 1), (8, 3), (14, 4), (15, 4), (255, 64)] {
        assert_eq!(FrameHeader::decode([0, 0, 0, size, doff, 0, 0, 0]), Err(FrameError::BadDataOffset));
    }
    for frame_type in 2..=255 {
        let header = FrameHeader::decode([0, 0, 0, 8, 2, frame_type, 0, 0]);
        assert_eq!(header, Err(FrameError::UnknownType(frame_type)));
    }
    assert_eq!(FrameError::TooSmall.condition(), ErrorCondition::FRAMING_ERROR);
    let largest = FrameHeader::decode([255, 255, 255, 255, 255, 1, 255, 254]).unwrap();
    assert_eq!((largest.size, largest.body_offset(), largest.channel), (u32::MAX, 1020, 0xfffe));
    assert_eq!(FrameHeader::decode([0, 0, 0, 16, 4, 0, 0, 0]).map(|header| header.body_offset()), Ok(16));
}

#[test]
fn open() {
    let open = Open { container_id: "test".into(), ..Open::default() };
    assert_frame("0000001402000000005310c00701a10474657374", open.clone(), b"");
    let open = Open { max_frame_size: 512, ..open };
    assert_frame("0000001a02000000005310c00d03a10474657374407000000200", open, b"");
}

#[test]
fn begin() {
    let begin = Begin { incoming_window: 2048, outgoing_window: 2048, ..Begin::default() };
    assert_frame("0000001a02000000005311c00d04404370000008007000000800", begin.clone(), b"");
    let begin = Begin { remote_channel: Some(0), ..begin };
    assert_frame("0000001c02000000005311c00f046000004370000008007000000800", begin, b"");
}

#[test]
fn attach() {
    let attach = Attach {
        name: "L".into(),
        source: Some(Box::new(Source::default().into())),
        target: Some(Box::new(Target { address: Some("q".into()), ..Target::default() }.into())),
        initial_delivery_count: Some(Serial(0)),
        ..Attach::default()
    };
    // Defaults are written as null …
    assert_frame(
        "0000002502000000005312c0180aa1014c43424040005328 45005329c00401a10171404043",
        attach.clone(),
        b"",
    );
    // … and mean the same as themselves.
    let explicit = octets("0000002702000000005312c01a0aa1014c43425002500000532845005329c00401a10171404243");
    assert_eq!(decode(&explicit), Ok((attach.into(), &b""[..])));
}

#[test]
fn flow() {
    let flow = Flow {
        next_incoming_id: Some(Serial(0)),
        incoming_window: 2048,
        outgoing_window: 2048,
        handle: Some(0),
        delivery_count: Some(Serial(0)),
        link_credit: Some(10),
        ..Flow::default()
    };
    assert_frame("0000001e02000000005313c0110743700000080043700000080043 43520a", flow, b"");
}

#[test]
fn transfer() {
    let transfer = Transfer {
        delivery_id: Some(Serial(0)),
        delivery_tag: Some([0].into()),
        message_format: Some(0),
        settled: Some(false),
        ..Transfer::default()
    };
    assert_frame(
        "0000001c02000000005314c008054343a001004342005377a1026869",
        transfer,
        b"\x00\x53\x77\xa1\x02hi",
    );
    let aborted = Transfer {
        delivery_id: Some(Serial(0)),
        delivery_tag: Some(DeliveryTag::new(b"tag").unwrap()),
        message_format: Some(0),
        settled: Some(true),
        aborted: true,
        ..Transfer::default()
    };
    assert_frame("0000001c02000000005314c00f0a4343a0037461674341404040 4041", aborted, b"");
}

#[test]
fn disposition() {
    let disposition = Disposition {
        role: Role::Receiver,
        first: Serial(0),
        last: Some(Serial(0)),
        settled: true,
        state: Some(DeliveryState::Accepted),
        ..Disposition::default()
    };
    assert_frame("0000001602000000005315c009054143434100532445", disposition, b"");
}

#[test]
fn detach_end_and_close() {
    assert_frame("0000001002000000005316c003024341", Detach { closed: true, ..Detach::default() }, b"");
    assert_frame("0000000c0200000000531745", End::default(), b"");
    assert_frame("0000000c0200000000531845", Close::default(), b"");
}

#[test]
fn sasl() {
    let mechanisms = SaslMechanisms { sasl_server_mechanisms: symbols(&["ANONYMOUS"]) };
    assert_sasl("0000001902010000005340c00c01a309414e4f4e594d4f5553", mechanisms.clone());
    // The same as an array of one.
    let array = octets("005340c00f01e00c01a309414e4f4e594d4f5553");
    assert_eq!(decode_sasl_frame(&array), Ok(mechanisms.into()));
    // A list is not an array.
    let list = octets("005340c00f01c00c01a309414e4f4e594d4f5553");
    let error = decode_sasl_frame(&list).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::InvalidField("sasl-mechanisms.sasl-server-mechanisms"));
    let init = SaslInit {
        mechanism: Symbol::from_static("ANONYMOUS"),
        initial_response: Some(bytes::Bytes::new()),
        ..SaslInit::default()
    };
    assert_sasl("0000001b02010000005341c00e02a309414e4f4e594d4f5553a000", init);
    assert_sasl("0000001002010000005344c003015000", SaslOutcome::default());
}
