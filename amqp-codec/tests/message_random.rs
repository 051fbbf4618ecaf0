#![cfg(test)]
//! Arbitrary messages, whole, cut short and damaged: read eagerly, on demand, and by a second description of §3.2.

mod message_support;

use std::{fs, path::Path};

use amqp_codec::{Body, LazyMessage, Message, Payload};
use bytes::Bytes;
use message_support::{cut, decode, encode, lazy, model::is_message, strategies::message};
use proptest::{collection::vec, prelude::*};

/// Checks that all readers say the same of `octets`, and that what was read once is read again when written.
fn assert_read_alike(octets: &[u8]) {
    let expected = is_message(octets);
    let eager = decode(octets);
    assert_eq!(eager.is_ok(), expected, "{octets:02x?} gave {eager:?}");
    match lazy(octets) {
        Ok(lazy) => assert_parts_alike(&lazy, eager.as_ref().ok()),
        Err(error) => assert_eq!(eager, Err(error)),
    }
    if let Ok(message) = eager {
        assert_eq!(decode(&encode(&message)), Ok(message), "written anew: {octets:02x?}");
    }
}

/// Checks that each part of a message is what the whole says, or that at least one is refused where the whole is.
fn assert_parts_alike(lazy: &LazyMessage, message: Option<&Message>) {
    let header = lazy.header();
    let delivery_annotations = lazy.delivery_annotations();
    let message_annotations = lazy.message_annotations();
    let properties = lazy.properties();
    let application_properties = lazy.application_properties();
    let body = lazy.body();
    let footer = lazy.footer();
    let Some(message) = message else {
        let all_fine = header.is_ok()
            && delivery_annotations.is_ok()
            && message_annotations.is_ok()
            && properties.is_ok()
            && application_properties.is_ok()
            && body.is_ok()
            && footer.is_ok();
        assert!(!all_fine, "every part of {lazy:?} is read, but not the whole");
        return;
    };
    assert_eq!(header.as_ref(), Ok(&message.header));
    assert_eq!(delivery_annotations.as_ref(), Ok(&message.delivery_annotations));
    assert_eq!(message_annotations.as_ref(), Ok(&message.message_annotations));
    assert_eq!(application_properties.as_ref(), Ok(&message.application_properties));
    assert_eq!(body.as_ref(), Ok(&message.body));
    assert_eq!(footer.as_ref(), Ok(&message.footer));
    let fields = properties.unwrap().unwrap_or_default();
    assert_eq!(lazy.message_id(), Ok(fields.message_id));
    assert_eq!(lazy.to(), Ok(fields.to));
    assert_eq!(lazy.subject(), Ok(fields.subject));
    assert_eq!(lazy.reply_to(), Ok(fields.reply_to));
    assert_eq!(lazy.correlation_id(), Ok(fields.correlation_id));
    for (key, value) in message.application_properties.iter().flat_map(|properties| properties.iter()) {
        assert_eq!(lazy.application_property(key).as_ref().map(Option::as_ref), Ok(Some(value)));
    }
    assert_eq!(lazy.application_property("no such key"), Ok(None));
    if let Body::Data(sections) = &message.body {
        assert_eq!(lazy.body_len(), sections.octets());
        assert_eq!(lazy.data(), Some(sections.to_payload()));
    } else {
        assert_eq!(lazy.data(), None);
    }
    let sections: Vec<u8> = lazy.sections().flat_map(|section| section.octets).collect();
    assert_eq!(lazy.payload(), *sections.as_slice());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(message in message(), cuts in vec(0_usize..200, 0..6)) {
        let octets = encode(&message);
        assert_read_alike(&octets);
        prop_assert_eq!(&decode(&octets).unwrap(), &message);
        let mut cuts = cuts;
        cuts.sort_unstable();
        prop_assert_eq!(&Message::decode(&cut(&octets, &cuts)).unwrap(), &message);
        prop_assert_eq!(message.to_payload(), Payload::from(octets));
    }

    #[test]
    fn truncated_messages_are_read_alike(message in message()) {
        let octets = encode(&message);
        for length in 0..octets.len() {
            assert_read_alike(&octets[..length]);
        }
    }

    #[test]
    fn messages_with_a_damaged_octet_are_read_alike(message in message(), random in any::<u8>()) {
        let octets = encode(&message);
        for at in 0..octets.len() {
            let mut damaged = octets.to_vec();
            let flipped = octets[at] ^ (1 << (random % 8));
            for octet in [0x00, 0x40, 0x45, 0x53, 0x7f, 0x80, 0xff, random, flipped] {
                damaged[at] = octet;
                assert_read_alike(&damaged);
            }
        }
    }

    #[test]
    fn removed_and_repeated_octets_are_read_alike(message in message()) {
        let octets = encode(&message);
        for at in 0..octets.len() {
            assert_read_alike(&[&octets[..at], &octets[at + 1..]].concat());
            assert_read_alike(&[&octets[..at], &octets[at..=at], &octets[at..]].concat());
        }
    }

    #[test]
    fn sections_of_two_messages_are_read_alike(one in message(), two in message(), picks in vec(any::<prop::sample::Index>(), 0..8)) {
        let sections: Vec<Bytes> = [one, two]
            .iter()
            .flat_map(|message| lazy(&encode(message)).unwrap().sections().map(|section| section.octets).collect::<Vec<_>>())
            .collect();
        let picked: Vec<u8> = picks.iter().flat_map(|pick| pick.get(&sections).to_vec()).collect();
        assert_read_alike(&picked);
    }

    #[test]
    fn noise_is_read_alike(noise in vec(any::<u8>(), 0..60), section in 0x6f_u8..0x7a) {
        assert_read_alike(&noise);
        assert_read_alike(&[&[0x00, 0x53, section], noise.as_slice()].concat());
    }
}

#[test]
fn the_fuzzing_corpus_is_read_alike() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpora/proton-message"));
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let octets = fs::read(entry.unwrap().path()).unwrap();
        assert_read_alike(&octets);
        for section in 0x70..=0x78 {
            assert_read_alike(&[&[0x00, 0x53, section], octets.as_slice()].concat());
        }
    }
}
