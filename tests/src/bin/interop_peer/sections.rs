//! Messages with every section and every field.

use amqp_codec::{
    ApplicationProperties, DeliveryState, Message, MessageId, Serial, Symbol, Timestamp, Uuid, Value,
};
use bytes::Bytes;

use crate::program::Problem;
use crate::receiving::Receiving;
use crate::sending::Sending;

/// Sends one message for each kind of body and of message-id.
pub(crate) fn send() -> Result<Sending, Problem> {
    Ok(Sending::new(messages()?.into_iter().map(|message| (subject(&message), message))))
}

/// Compares every section of those messages.
pub(crate) fn receive() -> Result<Receiving, Problem> {
    let mut missing = messages()?;
    Ok(Receiving::new(missing.len(), move |_, message| {
        let name = subject(&message);
        let place = missing.iter().position(|one| subject(one) == name);
        let expected = missing.swap_remove(place.ok_or_else(|| format!("{name}: unknown, or here twice"))?);
        let (expected, actual) = (explicit(expected), explicit(message));
        if expected == actual {
            Ok(DeliveryState::Accepted)
        } else {
            Err(format!("{name}: received {actual:?}, expected {expected:?}"))
        }
    }))
}

/// A section that says nothing means the same as one that is absent, and an absent group-sequence the same as zero in
/// the eyes of Proton.
fn explicit(mut message: Message) -> Message {
    message.header.get_or_insert_default();
    message.properties.get_or_insert_default().group_sequence.get_or_insert_default();
    message
}

fn subject(message: &Message) -> String {
    let properties = message.properties.as_ref();
    properties.and_then(|properties| properties.subject.as_deref()).unwrap_or_default().to_owned()
}

fn messages() -> Result<Vec<Message>, Problem> {
    let uuid = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff_u128.to_be_bytes();
    let map = amqp_codec::Map::from([(Value::from("key"), Value::List(vec![1_i32.into(), "two".into()]))]);
    let sequence = [Value::from(1_i32), "two".into(), Symbol::try_from("three")?.into()];
    Ok(vec![
        full("data", 42_u64.into(), Message::data(&b"\x00\x01\x02\xff"[..]))?,
        full("value", Uuid(uuid).into(), Message::value(map))?,
        full("sequence", "string-id".into(), Message::sequence(sequence))?,
        full("binary-id", Bytes::from_static(b"\x01\x02").into(), Message::value("body"))?,
        Message::value("body").subject("minimal"),
    ])
}

/// A message with all fields set.
fn full(subject: &str, id: MessageId, body: Message) -> Result<Message, Problem> {
    let symbol = Symbol::try_from;
    let mut message = body
        .subject(subject)
        .id(id.clone())
        .durable(true)
        .priority(7)
        .ttl(30_500)
        .user_id(&b"user"[..])
        .to("to")
        .reply_to("reply")
        .correlation_id(id)
        .content_type(symbol("text/plain")?)
        .absolute_expiry_time(Timestamp(1_700_000_000_250))
        .creation_time(Timestamp(1_600_000_000_500))
        .delivery_annotation(symbol("x-opt-delivery")?, "instruction")
        .delivery_annotation(symbol("x-opt-number")?, 1_u64)
        .annotation(symbol("x-opt-message")?, Value::List(vec![1_i32.into(), Value::Null]))
        .annotation(symbol("x-opt-flag")?, true);
    let header = message.header.get_or_insert_default();
    (header.first_acquirer, header.delivery_count) = (true, 3);
    let properties = message.properties.get_or_insert_default();
    // Proton sends this as well; the method for it leaves it out, as §3.2.4 has it.
    properties.content_encoding = Some(symbol("identity")?);
    properties.group_id = Some("group".into());
    properties.group_sequence = Some(Serial(u32::MAX - 1));
    properties.reply_to_group_id = Some("reply-group".into());
    message.application_properties = Some(application_properties()?);
    Ok(message)
}

fn application_properties() -> Result<ApplicationProperties, Problem> {
    let mut properties = ApplicationProperties::default();
    let entries: [(&str, Value); 14] = [
        ("null", Value::Null),
        ("boolean", true.into()),
        ("ubyte", 8_u8.into()),
        ("uint", 32_u32.into()),
        ("ulong", 64_u64.into()),
        ("byte", (-8_i8).into()),
        ("int", (-32_i32).into()),
        ("long", (-64_i64).into()),
        ("double", 0.5_f64.into()),
        ("string", "text".into()),
        ("symbol", Symbol::try_from("name")?.into()),
        ("timestamp", Timestamp(1000).into()),
        ("binary", Bytes::from_static(b"\x00\xff").into()),
        ("uuid", Uuid(16_u128.to_be_bytes()).into()),
    ];
    for (key, value) in entries {
        properties.insert(key.into(), value);
    }
    Ok(properties)
}
