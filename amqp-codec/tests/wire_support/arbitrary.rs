//! Strategies for every value and frame that there is.

use crate::wire_support::symbol;
use amqp_codec::*;
use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::sync::Arc;

pub(crate) fn text() -> impl Strategy<Value = Str> {
    // Shorter and longer than what is kept inline, and than what one octet can count.
    prop_oneof![8 => "\\PC{0,30}", 1 => "[a-é]{100,300}"].prop_map(Str::from)
}

pub(crate) fn any_symbol() -> impl Strategy<Value = Symbol> {
    prop_oneof![8 => "[ -~]{0,30}", 1 => "[a-z]{250,300}"].prop_map(|text| symbol(&text))
}

fn binary() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn simple() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u8>().prop_map(Value::from),
        any::<u16>().prop_map(Value::from),
        prop_oneof![any::<u32>(), 0..300_u32].prop_map(Value::from),
        prop_oneof![any::<u64>(), 0..300_u64].prop_map(Value::from),
        any::<i8>().prop_map(Value::from),
        any::<i16>().prop_map(Value::from),
        prop_oneof![any::<i32>(), -150..150_i32].prop_map(Value::from),
        prop_oneof![any::<i64>(), -150..150_i64].prop_map(Value::from),
        any::<u32>().prop_map(|bits| Value::from(f32::from_bits(bits))),
        any::<u64>().prop_map(|bits| Value::from(f64::from_bits(bits))),
        any::<[u8; 4]>().prop_map(|octets| Value::from(Decimal32(octets))),
        any::<[u8; 8]>().prop_map(|octets| Value::from(Decimal64(octets))),
        any::<[u8; 16]>().prop_map(|octets| Value::from(Decimal128(octets))),
        any::<char>().prop_map(Value::from),
        any::<i64>().prop_map(|time| Value::from(Timestamp(time))),
        any::<[u8; 16]>().prop_map(|octets| Value::from(Uuid(octets))),
        binary().prop_map(Value::from),
        text().prop_map(Value::from),
        any_symbol().prop_map(Value::from),
    ]
}

/// The values of a list that have the type of the first as an array.
fn array(values: Vec<Value>) -> Value {
    let element = values.first().and_then(Value::primitive_type).unwrap_or(PrimitiveType::Null);
    let values: Vec<Value> =
        values.into_iter().filter(|value| value.primitive_type() == Some(element)).collect();
    Value::Array(Array::new(element, &values).unwrap())
}

pub(crate) fn value() -> impl Strategy<Value = Value> {
    simple().prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::List),
            vec(inner.clone(), 0..6).prop_map(array),
            vec(Just(Value::Boolean(true)), 250..260).prop_map(array),
            vec((inner.clone(), inner.clone()), 0..4)
                .prop_map(|entries| Value::Map(entries.into_iter().collect())),
            (inner.clone(), inner.clone())
                .prop_map(|(descriptor, value)| Value::described(descriptor, value)),
            (vec(any::<i32>(), 0..4), inner).prop_map(|(values, descriptor)| {
                let values: Vec<Value> = values.into_iter().map(Value::from).collect();
                Value::Array(Array::new(PrimitiveType::Int, &values).unwrap().described_by(descriptor))
            }),
        ]
    })
}

fn fields() -> impl Strategy<Value = Fields> {
    vec((any_symbol(), value()), 0..3).prop_map(|entries| entries.into_iter().collect())
}

fn names() -> impl Strategy<Value = Multiple<Symbol>> {
    vec(any_symbol(), 0..3).prop_map(Multiple::from)
}

fn tag() -> impl Strategy<Value = DeliveryTag> {
    vec(any::<u8>(), 0..=32).prop_map(|octets| DeliveryTag::new(&octets).unwrap())
}

fn transaction() -> impl Strategy<Value = TransactionId> {
    vec(any::<u8>(), 0..=32).prop_map(|octets| TransactionId::new(&octets).unwrap())
}

fn serial() -> impl Strategy<Value = Serial> {
    prop_oneof![any::<u32>(), 0..300_u32].prop_map(Serial)
}

fn boxed<T: std::fmt::Debug>(inner: impl Strategy<Value = T>) -> impl Strategy<Value = Box<T>> {
    inner.prop_map(Box::new)
}

fn choice<T: Copy + std::fmt::Debug + 'static>(choices: &'static [T]) -> impl Strategy<Value = T> {
    proptest::sample::select(choices)
}

fn role() -> impl Strategy<Value = Role> {
    choice(&[Role::Sender, Role::Receiver])
}

fn described() -> impl Strategy<Value = Described> {
    // A descriptor that no type of the spec has.
    (any_symbol(), value())
        .prop_map(|(name, value)| Described { descriptor: format!("x{name}").into(), value })
}

macro_rules! strategies {
    ($($name:ident: $type:ident { $($field:ident in $strategy:expr,)+ })+) => {$(
        prop_compose! {
            pub(crate) fn $name()($($field in $strategy),+) -> $type {
                $type { $($field),+ }
            }
        }
    )+};
}

strategies! {
    open: Open {
        container_id in text(), hostname in option::of(text()), max_frame_size in any::<u32>(),
        channel_max in any::<u16>(), idle_time_out in option::of(any::<u32>()), outgoing_locales in names(),
        incoming_locales in names(), offered_capabilities in names(), desired_capabilities in names(),
        properties in option::of(fields()),
    }
    begin: Begin {
        remote_channel in option::of(any::<u16>()), next_outgoing_id in serial(), incoming_window in any::<u32>(),
        outgoing_window in any::<u32>(), handle_max in any::<u32>(), offered_capabilities in names(),
        desired_capabilities in names(), properties in option::of(fields()),
    }
    attach: Attach {
        name in text(), handle in any::<u32>(), role in role(),
        snd_settle_mode in choice(&[SenderSettleMode::Unsettled, SenderSettleMode::Settled, SenderSettleMode::Mixed]),
        rcv_settle_mode in choice(&[ReceiverSettleMode::First, ReceiverSettleMode::Second]),
        source in option::of(boxed(attach_source())), target in option::of(boxed(attach_target())),
        unsettled in option::of(vec((tag(), option::of(state())), 0..3).prop_map(UnsettledMap::from_iter)),
        incomplete_unsettled in any::<bool>(), initial_delivery_count in option::of(serial()),
        max_message_size in option::of(any::<u64>()), offered_capabilities in names(),
        desired_capabilities in names(), properties in option::of(fields()),
    }
    flow: Flow {
        next_incoming_id in option::of(serial()), incoming_window in any::<u32>(), next_outgoing_id in serial(),
        outgoing_window in any::<u32>(), handle in option::of(any::<u32>()), delivery_count in option::of(serial()),
        link_credit in option::of(any::<u32>()), available in option::of(any::<u32>()), drain in any::<bool>(),
        echo in any::<bool>(), properties in option::of(fields()),
    }
    transfer: Transfer {
        handle in any::<u32>(), delivery_id in option::of(serial()), delivery_tag in option::of(tag()),
        message_format in option::of(any::<u32>()), settled in option::of(any::<bool>()), more in any::<bool>(),
        rcv_settle_mode in option::of(choice(&[ReceiverSettleMode::First, ReceiverSettleMode::Second])),
        state in option::of(state()), resume in any::<bool>(), aborted in any::<bool>(), batchable in any::<bool>(),
    }
    disposition: Disposition {
        role in role(), first in serial(), last in option::of(serial()), settled in any::<bool>(),
        state in option::of(state()), batchable in any::<bool>(),
    }
    detach: Detach { handle in any::<u32>(), closed in any::<bool>(), error in option::of(error()), }
    end: End { error in option::of(error()), }
    close: Close { error in option::of(error()), }
    error: Error {
        condition in any_symbol().prop_map(ErrorCondition), description in option::of(text()),
        info in option::of(fields()),
    }
    source: Source {
        address in option::of(text()),
        durable in choice(&[TerminusDurability::None, TerminusDurability::Configuration, TerminusDurability::UnsettledState]),
        expiry_policy in choice(&[TerminusExpiryPolicy::SessionEnd, TerminusExpiryPolicy::Never]),
        timeout in any::<u32>(), dynamic in any::<bool>(), dynamic_node_properties in option::of(fields()),
        distribution_mode in option::of(any_symbol()), filter in option::of(fields()),
        default_outcome in option::of(boxed(state())), outcomes in names(), capabilities in names(),
    }
    target: Target {
        address in option::of(text()),
        durable in choice(&[TerminusDurability::None, TerminusDurability::Configuration, TerminusDurability::UnsettledState]),
        expiry_policy in choice(&[TerminusExpiryPolicy::LinkDetach, TerminusExpiryPolicy::ConnectionClose]),
        timeout in any::<u32>(), dynamic in any::<bool>(), dynamic_node_properties in option::of(fields()),
        capabilities in names(),
    }
    sasl_init: SaslInit {
        mechanism in any_symbol(), initial_response in option::of(binary()), hostname in option::of(text()),
    }
    sasl_outcome: SaslOutcome {
        code in choice(&[SaslCode::Ok, SaslCode::Auth, SaslCode::Sys, SaslCode::SysPerm, SaslCode::SysTemp]),
        additional_data in option::of(binary()),
    }
    modified: Modified {
        delivery_failed in any::<bool>(), undeliverable_here in any::<bool>(),
        message_annotations in option::of(fields().prop_map(Arc::new)),
    }
}

pub(crate) fn state() -> BoxedStrategy<DeliveryState> {
    let leaf = prop_oneof![
        (any::<u32>(), any::<u64>()).prop_map(|(section_number, section_offset)| {
            DeliveryState::Received(Received { section_number, section_offset })
        }),
        Just(DeliveryState::Accepted),
        option::of(error().prop_map(Arc::new)).prop_map(|error| DeliveryState::Rejected(Rejected { error })),
        Just(DeliveryState::Released),
        modified().prop_map(DeliveryState::Modified),
        transaction().prop_map(|txn_id| DeliveryState::Declared(Arc::new(Declared { txn_id }))),
        described().prop_map(|state| DeliveryState::Unknown(Arc::new(state))),
    ];
    leaf.prop_recursive(2, 3, 1, |inner| {
        (transaction(), option::of(inner)).prop_map(|(txn_id, outcome)| {
            DeliveryState::Transactional(Arc::new(TransactionalState { txn_id, outcome }))
        })
    })
    .boxed()
}

fn attach_source() -> impl Strategy<Value = AttachSource> {
    prop_oneof![4 => source().prop_map(AttachSource::Source), 1 => described().prop_map(AttachSource::Unknown)]
}

fn attach_target() -> impl Strategy<Value = AttachTarget> {
    prop_oneof![
        4 => target().prop_map(AttachTarget::Target),
        1 => names().prop_map(|capabilities| AttachTarget::Coordinator(Coordinator { capabilities })),
        1 => described().prop_map(AttachTarget::Unknown),
    ]
}

pub(crate) fn performative() -> BoxedStrategy<Performative> {
    prop_oneof![
        open().prop_map(Performative::from),
        begin().prop_map(Performative::from),
        attach().prop_map(Performative::from),
        flow().prop_map(Performative::from),
        transfer().prop_map(Performative::from),
        disposition().prop_map(Performative::from),
        detach().prop_map(Performative::from),
        end().prop_map(Performative::from),
        close().prop_map(Performative::from),
    ]
    .boxed()
}

pub(crate) fn sasl_frame() -> BoxedStrategy<SaslFrame> {
    prop_oneof![
        vec(any_symbol(), 1..4).prop_map(|names| {
            SaslFrame::Mechanisms(SaslMechanisms { sasl_server_mechanisms: names.into() })
        }),
        sasl_init().prop_map(SaslFrame::from),
        binary().prop_map(|challenge| SaslFrame::Challenge(SaslChallenge { challenge })),
        binary().prop_map(|response| SaslFrame::Response(SaslResponse { response })),
        sasl_outcome().prop_map(SaslFrame::from),
    ]
    .boxed()
}
