//! Octets from someone who means harm: refused for the right reason, and at no cost.

#![cfg(test)]

mod wire_support;

use amqp_codec::*;
use std::fs;
use wire_support::*;

/// The condition with which a whole frame is refused, or nothing.
fn condition(frame: &[u8]) -> Option<ErrorCondition> {
    let header = match FrameHeader::decode(*frame.first_chunk().unwrap()) {
        Ok(header) => header,
        Err(error) => return Some(error.condition()),
    };
    decode_performative(&frame[header.body_offset()..]).err().map(|error| error.condition())
}

/// The frame of an open whose properties have this value.
fn open_with_property(value: &[u8]) -> Vec<u8> {
    let sized = |size: usize, count: u32| [(size as u32 + 4).to_be_bytes(), count.to_be_bytes()].concat();
    let map = [vec![0xd1], sized(value.len() + 3, 2), b"\xa3\x01k".to_vec(), value.to_vec()].concat();
    let items = [b"\xa1\x01x".to_vec(), vec![0x40; 8], map].concat();
    let body = [vec![0, 0x53, 0x10, 0xd0], sized(items.len(), 10), items].concat();
    [(body.len() as u32 + 8).to_be_bytes().to_vec(), vec![2, 0, 0, 0], body].concat()
}

#[test]
fn section_a_of_the_catalogue() {
    let (decode, field, framing) =
        (ErrorCondition::DECODE_ERROR, ErrorCondition::INVALID_FIELD, ErrorCondition::FRAMING_ERROR);
    for (name, frame, expected) in [
        (
            "A04 array count beyond the octets",
            open_with_property(&octets("f00000000800 00000a50010203")),
            Some(&decode),
        ),
        ("A05 list count 2^32-1", open_with_property(&octets("d000000004ffffffff")), Some(&decode)),
        (
            "A08 descriptors, one octet a level",
            [octets("00000fa802000000"), vec![0; 4000]].concat(),
            Some(&decode),
        ),
        (
            "A09 descriptors, two octets a level",
            [octets("00000fa902000000"), octets("0044").repeat(2000), vec![0x40]].concat(),
            Some(&decode),
        ),
        ("A10 arrays in arrays", open_with_property(&nested_arrays(300)), Some(&decode)),
        ("A11 odd map", open_with_property(&octets("c1020140")), Some(&decode)),
        ("A15 list8 of size 0", open_with_property(&octets("c00000")), Some(&decode)),
        ("A16 list32 of size 3", open_with_property(&octets("d00000000300000000")), Some(&decode)),
        ("A18 list32 of size 2^32-1", open_with_property(&octets("d0ffffffff00000000")), Some(&decode)),
        ("A19 binary of size 2^32-1", open_with_property(&octets("b0ffffffff")), Some(&decode)),
        ("A20 surplus in a list", open_with_property(&octets("c003004040")), Some(&decode)),
        ("A22 container-id not UTF-8", octets("0000001202000000005310c00501a102c328"), Some(&decode)),
        ("A24 surrogate", open_with_property(&octets("730000d800")), Some(&decode)),
        ("A26 unassigned code", open_with_property(&octets("46")), Some(&decode)),
        (
            "A28 symbolic descriptor",
            octets("0000001f0200000000a30e616d71703a6f70656e3a6c697374c00401a10178"),
            None,
        ),
        ("A30 string descriptor", octets("000000150200000000a1046f70656ec00401a10178"), Some(&decode)),
        ("A32 not described", octets("000000090200000045"), Some(&decode)),
        ("A33 map for a list", octets("0000000e02000000005310c10100"), Some(&decode)),
        ("A34 mandatory field missing", octets("0000000c0200000000531045"), Some(&field)),
        (
            "A36 list for several symbols",
            octets("0000001d02000000005310c01008a10178404040404040c00401a30161"),
            Some(&field),
        ),
        (
            "A37 array of another type",
            octets("0000001c02000000005310c00f08a10178404040404040e003015001"),
            Some(&field),
        ),
        (
            "A40 octets after a begin",
            octets("0000001b02000000005311c00d0440437000000800700000080000"),
            Some(&framing),
        ),
        ("A42 earliest timestamp", open_with_property(&octets("838000000000000000")), None),
        ("A43 described descriptor", open_with_property(&octets("0000444440")), None),
    ] {
        assert_eq!(condition(&frame).as_ref(), expected, "{name}");
    }
}

/// Arrays of one array each, the innermost of one null.
fn nested_arrays(depth: u32) -> Vec<u8> {
    let mut data = vec![];
    let mut code = 0x40;
    for _ in 0..depth {
        data = [(data.len() as u32 + 5).to_be_bytes().to_vec(), vec![0, 0, 0, 1, code], data].concat();
        code = 0xf0;
    }
    [vec![code], data].concat()
}

#[test]
fn the_catalogue_itself_where_it_is_at_hand() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpora/hostile.ndjson");
    let Ok(rows) = fs::read_to_string(path) else { return };
    let text = |row: &str, name: &str| {
        let (_, rest) = row.split_once(&format!("\"{name}\": \""))?;
        Some(rest.split('"').next().unwrap_or_default().to_owned())
    };
    let mut tried = 0;
    for row in rows.lines() {
        let (id, Some(bytes), expect) =
            (text(row, "id").unwrap(), text(row, "bytes"), text(row, "expect").unwrap())
        else {
            continue;
        };
        if !id.starts_with('A') {
            continue;
        }
        tried += 1;
        match condition(&octets(&bytes)) {
            Some(condition) => {
                let name = condition.as_str().rsplit(':').next().unwrap();
                assert!(expect.contains(name), "{id}: {condition} where it should be {expect}");
            }
            None => assert!(expect.contains("accept"), "{id} was accepted"),
        }
    }
    assert!(tried > 20, "only {tried} rows");
}

#[test]
fn unassigned_codes_are_refused_at_any_place() {
    for code in (0x01..=0xff).filter(|code| PrimitiveType::of_code(*code).is_none()) {
        let tail = [code; 17];
        assert_eq!(
            condition(&open_with_property(&tail[..1])),
            Some(ErrorCondition::DECODE_ERROR),
            "{code:02x}"
        );
        assert_eq!(
            refused::<Open>(&[&[0, 0x53, 0x10, 0xc0, 18, 1][..], &tail].concat()),
            DecodeErrorKind::UnassignedFormatCode(code)
        );
        assert_eq!(
            refused::<Open>(&[&[0, 0x53, 0x10][..], &tail].concat()),
            DecodeErrorKind::UnassignedFormatCode(code)
        );
        assert_eq!(refused::<Open>(&[&[0][..], &tail].concat()), DecodeErrorKind::UnassignedFormatCode(code));
    }
}

/// TYPES-1.2-12
#[test]
fn announced_counts_are_not_paid_for() {
    // Each would take gigabytes if it were believed.
    for hex in [
        "d0 7fffffff 7fffffff",
        "d0 00000004 ffffffff",
        "d1 00000004 fffffffe",
        "f0 00000005 ffffffff a1",
        "f0 00000005 ffffffff d0",
        "f0 00000005 ffffffff 98",
        "f0 00000006 ffffffff 56 00",
        "b0 ffffffff",
        "b1 ffffffff",
        "b3 ffffffff",
    ] {
        refused::<Value>(&octets(hex));
    }
    // Without octets there is nothing to pay.
    let value: Value = decoded(&octets("f0 00000005 ffffffff 40")).unwrap();
    assert_eq!(value.as_array().map(Array::len), Some(u32::MAX));
    assert_eq!(value, value.clone());
    assert_eq!(value.to_string(), "@<null>[null, ...(4294967294 more)]");
    assert!(format!("{value:?}").len() < 1 << 20);
    // As keys of a map they are compared with each other.
    let twice = octets("c1 17 04 f0 00000005 ffffffff 41 40 f0 00000005 ffffffff 42 40");
    assert_eq!(decoded(&twice).map(|map: Map| map.len()), Ok(2));
    let twice = octets("c1 17 04 f0 00000005 ffffffff 41 40 f0 00000005 ffffffff 41 40");
    assert_eq!(refused::<Map>(&twice), DecodeErrorKind::DuplicateKey);
}

#[test]
fn lists_that_all_claim_the_same_octets_do_not_multiply() {
    // 31 lists in each other, each announcing as many items as there are octets, and then a megabyte that does not decode.
    let tail = 1 << 20;
    let mut octets = Vec::new();
    for level in (0..31_u32).rev() {
        let inside = level * 9 + tail;
        octets.push(0xd0);
        octets.extend((inside + 4).to_be_bytes());
        octets.extend(inside.to_be_bytes());
    }
    octets.extend(vec![0xff; tail as usize]);
    assert_eq!(refused::<Value>(&octets), DecodeErrorKind::UnassignedFormatCode(0xff));
}

#[test]
fn the_octets_of_a_connection_fuzzer() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpora/proton-connection");
    let Ok(files) = fs::read_dir(path) else { return };
    let mut frames = 0;
    for file in files {
        let octets = fs::read(file.unwrap().path()).unwrap();
        for start in 0..octets.len() {
            let Some(header) = octets[start..].first_chunk() else { break };
            let Ok(header) = FrameHeader::decode(*header) else { continue };
            let end = start.saturating_add(header.size as usize).min(octets.len());
            let Some(body) = octets.get(start + header.body_offset()..end) else { continue };
            frames += 1;
            if let Ok((performative, at)) = decode_performative(body) {
                assert_eq!(decoded(&encoded(&performative)), Ok(performative), "{:02x?}", &body[..at]);
            }
            if let Ok(frame) = decode_sasl_frame(body) {
                assert_eq!(decoded(&encoded(&frame)), Ok(frame));
            }
        }
    }
    assert!(frames > 1000, "only {frames} frames");
}
