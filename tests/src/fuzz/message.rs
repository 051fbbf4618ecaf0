//! One message: its sections read one by one, all at once, and written again.

use amqp_core::codec::{Body, DecodeError, LazyMessage, Message, Payload, SectionKind};
use bytes::{Bytes, BytesMut};

use super::frame::is_within;

/// Octets are a message in two pieces, cut where the first octet says: read on demand and read as a whole are the same,
/// sections cover all of it, a relay keeps it, and what was read and written again is the same message.
pub fn message(data: &[u8]) {
    let Some((&cut, octets)) = data.split_first() else { return };
    let (head, tail) = octets.split_at(usize::from(cut).min(octets.len()));
    let mut payload = Payload::copy_from_slice(head);
    payload.push(Bytes::copy_from_slice(tail));
    let owned = Message::decode(&payload);
    let lazy = match LazyMessage::parse(payload) {
        Ok(lazy) => lazy,
        Err(error) => {
            is_within(&error, octets);
            return assert_eq!(owned.err(), Some(error));
        }
    };
    is_covered(&lazy, octets);
    match &owned {
        Ok(message) => is_read(&lazy, message),
        Err(error) => is_refused(&lazy, error, octets),
    }
}

/// The sections lie behind each other, and nothing is between them.
fn is_covered(lazy: &LazyMessage, octets: &[u8]) {
    let mut at = 0;
    for section in lazy.sections() {
        let end = at + section.octets.len();
        assert_eq!(octets.get(at..end), Some(&section.octets[..]));
        assert!(section.octets.ends_with(&section.value) && !section.value.is_empty());
        at = end;
    }
    assert_eq!(at, octets.len());
    assert_eq!(lazy.payload().into_bytes(), octets);
    let front = |kind| kind < SectionKind::Properties;
    let bare = lazy.sections().filter(|section| !front(section.kind) && section.kind != SectionKind::Footer);
    assert_eq!(lazy.bare(), bare.flat_map(|section| section.octets).collect::<Bytes>());
    let kept = lazy.sections().filter(|section| !front(section.kind));
    let relayed = lazy.relay(None, None, None).into_bytes();
    assert_eq!(relayed, kept.flat_map(|section| section.octets).collect::<Bytes>());
}

/// What the accessors say is what the whole message says.
fn is_read(lazy: &LazyMessage, message: &Message) {
    assert_eq!(lazy.to_message().as_ref(), Ok(message));
    assert_eq!(lazy.header().as_ref(), Ok(&message.header));
    assert_eq!(lazy.footer().as_ref(), Ok(&message.footer));
    assert_eq!(lazy.body().as_ref(), Ok(&message.body));
    assert_eq!(lazy.body_kind().is_none(), message.body == Body::Empty);
    assert_eq!(lazy.data().is_some(), message.body.as_data().is_some());
    if let Some(sections) = message.body.as_data() {
        assert_eq!(lazy.body_len(), sections.octets());
    }
    let properties = message.properties.clone().unwrap_or_default();
    assert_eq!(lazy.message_id(), Ok(properties.message_id));
    assert_eq!(lazy.to(), Ok(properties.to));
    assert_eq!(lazy.subject(), Ok(properties.subject));
    assert_eq!(lazy.reply_to(), Ok(properties.reply_to));
    assert_eq!(lazy.correlation_id(), Ok(properties.correlation_id));
    for (key, value) in message.application_properties.iter().flat_map(|properties| properties.iter()) {
        assert_eq!(lazy.application_property(key).as_ref(), Ok(&Some(value.clone())));
    }
    assert!(!message.to_string().is_empty());
    is_written(message);
}

fn is_written(message: &Message) {
    let mut once = BytesMut::new();
    message.encode(&mut once);
    let payload = message.to_payload();
    assert_eq!(payload.clone().into_bytes(), once);
    let again = Message::decode(&payload);
    assert_eq!(again.as_ref(), Ok(message), "written as {once:02x?}");
    assert_eq!(again.map(|again| again.to_payload().into_bytes()), Ok(once.freeze()));
}

/// Where the whole message is refused, so is the section that is wrong.
fn is_refused(lazy: &LazyMessage, error: &DecodeError, octets: &[u8]) {
    is_within(error, octets);
    let refusals = [
        lazy.header().err(),
        lazy.delivery_annotations().err(),
        lazy.message_annotations().err(),
        lazy.properties().err(),
        lazy.application_properties().err(),
        lazy.body().err(),
        lazy.footer().err(),
    ];
    assert_eq!(refusals.iter().flatten().next(), Some(error));
}
