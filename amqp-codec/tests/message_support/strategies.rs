//! Arbitrary messages.

use amqp_codec::{
    AnnotationKey, Annotations, Array, Body, Described, Header, Map, Message, MessageId, OrderedMap,
    PrimitiveType, Properties, Serial, Str, Symbol, Timestamp, Uuid, Value,
};
use bytes::Bytes;
use proptest::{collection::vec, option, prelude::*};

pub(crate) fn message() -> impl Strategy<Value = Message> {
    let head = (option::of(header()), option::of(annotations()), option::of(annotations()));
    let bare = (option::of(properties()), option::of(application_properties()), body());
    (head, bare, option::of(annotations())).prop_map(
        |(
            (header, delivery_annotations, message_annotations),
            (properties, application_properties, body),
            footer,
        )| {
            Message {
                header,
                delivery_annotations,
                message_annotations,
                properties,
                application_properties: application_properties.map(Into::into),
                body,
                footer,
                message_format: 0,
            }
        },
    )
}

fn header() -> impl Strategy<Value = Header> {
    any::<(bool, u8, Option<u32>, bool, u32)>().prop_map(
        |(durable, priority, ttl, first_acquirer, delivery_count)| Header {
            durable,
            priority,
            ttl,
            first_acquirer,
            delivery_count,
        },
    )
}

fn properties() -> impl Strategy<Value = Properties> {
    let texts = vec(option::of(text()), 5);
    let symbols = vec(option::of(symbol()), 2);
    let ids = vec(option::of(message_id()), 2);
    let user_id = option::of(binary());
    (texts, symbols, ids, user_id, any::<[Option<i64>; 2]>(), any::<Option<u32>>()).prop_map(
        |(texts, symbols, ids, user_id, times, sequence)| {
            let text = |index: usize| texts[index].clone();
            Properties {
                message_id: ids[0].clone(),
                user_id,
                to: text(0),
                subject: text(1),
                reply_to: text(2),
                correlation_id: ids[1].clone(),
                content_type: symbols[0].clone(),
                content_encoding: symbols[1].clone(),
                absolute_expiry_time: times[0].map(Timestamp),
                creation_time: times[1].map(Timestamp),
                group_id: text(3),
                group_sequence: sequence.map(Serial),
                reply_to_group_id: text(4),
            }
        },
    )
}

fn application_properties() -> impl Strategy<Value = OrderedMap<Str, Value>> {
    vec((text(), simple()), 0..5).prop_map(|entries| entries.into_iter().collect())
}

fn annotations() -> impl Strategy<Value = Annotations> {
    let key = prop_oneof![symbol().prop_map(AnnotationKey::from), any::<u64>().prop_map(AnnotationKey::from)];
    vec((key, value()), 0..4).prop_map(|entries| entries.into_iter().collect())
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        vec(binary(), 1..4).prop_map(|sections| Body::Data(sections.into_iter().collect())),
        vec(vec(value(), 0..3), 1..4).prop_map(Body::Sequence),
        value().prop_map(Body::Value),
    ]
}

fn message_id() -> impl Strategy<Value = MessageId> {
    prop_oneof![
        any::<u64>().prop_map(MessageId::from),
        any::<[u8; 16]>().prop_map(|octets| MessageId::from(Uuid(octets))),
        binary().prop_map(MessageId::from),
        text().prop_map(MessageId::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    simple().prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::List),
            vec((inner.clone(), inner.clone()), 0..3)
                .prop_map(|entries| Value::Map(entries.into_iter().collect::<Map>())),
            (inner.clone(), inner)
                .prop_map(|(descriptor, value)| Value::from(Described { descriptor, value })),
            vec(any::<u16>(), 0..4).prop_map(|items| {
                let items: Vec<Value> = items.into_iter().map(Value::Ushort).collect();
                Value::Array(Array::new(PrimitiveType::Ushort, &items).unwrap())
            }),
        ]
    })
}

fn simple() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        any::<u8>().prop_map(Value::Ubyte),
        (0..600_u32).prop_map(Value::Uint),
        any::<u64>().prop_map(Value::Ulong),
        (-300..300_i32).prop_map(Value::Int),
        any::<i64>().prop_map(Value::Long),
        any::<u32>().prop_map(|bits| Value::Float(f32::from_bits(bits))),
        any::<char>().prop_map(Value::Char),
        any::<i64>().prop_map(|milliseconds| Value::Timestamp(Timestamp(milliseconds))),
        binary().prop_map(Value::Binary),
        text().prop_map(Value::String),
        symbol().prop_map(Value::Symbol),
    ]
}

fn binary() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..6).prop_map(Bytes::from)
}

fn text() -> impl Strategy<Value = Str> {
    prop_oneof![4 => "[a-dé]{0,3}", 1 => "x{23,30}"].prop_map(Str::from)
}

fn symbol() -> impl Strategy<Value = Symbol> {
    "[a-d:-]{0,4}".prop_map(|text| Symbol::new(&text).unwrap())
}
