//! What a peer says where nothing else matters.

use amqp_core::codec::{
    Attach, AttachSource, AttachTarget, Begin, Encode, Open, Role, Serial, Source, Target, Transfer,
    encode_frame,
};
use bytes::BytesMut;

use super::HANDLE;

/// What the peer opens with.
#[must_use]
pub fn peer_open() -> Open {
    Open { container_id: "peer".into(), ..Open::default() }
}

/// What the peer begins with.
#[must_use]
pub fn peer_begin() -> Begin {
    Begin { incoming_window: 2048, outgoing_window: 2048, ..Begin::default() }
}

/// What the peer attaches with to send on [`HANDLE`].
#[must_use]
pub fn peer_sender(name: &str) -> Attach {
    Attach {
        name: name.into(),
        handle: HANDLE,
        role: Role::Sender,
        source: Some(Box::new(AttachSource::from(Source::default()))),
        target: Some(Box::new(AttachTarget::from(Target::default()))),
        initial_delivery_count: Some(Serial(0)),
        ..Attach::default()
    }
}

/// What the peer attaches with to receive on [`HANDLE`].
#[must_use]
pub fn peer_receiver(name: &str) -> Attach {
    Attach { role: Role::Receiver, initial_delivery_count: None, ..peer_sender(name) }
}

/// A delivery of the peer in one frame on [`HANDLE`], tagged with its number.
#[must_use]
pub fn peer_transfer(delivery_id: u32) -> Transfer {
    Transfer {
        handle: HANDLE,
        delivery_id: Some(Serial(delivery_id)),
        delivery_tag: Some(delivery_id.to_be_bytes().into()),
        message_format: Some(0),
        ..Transfer::default()
    }
}

/// A frame of the peer, for those who send several at once.
#[must_use]
pub fn frame(channel: u16, performative: &impl Encode, payload: &[u8]) -> BytesMut {
    let mut octets = BytesMut::new();
    encode_frame(&mut octets, channel, performative, payload);
    octets
}
