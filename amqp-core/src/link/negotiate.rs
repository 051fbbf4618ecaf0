//! What a link says in its attach: from options, and where it answers, from the peer's wishes (§2.6.3).

use amqp_codec::{
    Attach, AttachSource, AttachTarget, DeliveryState, Fields, LifetimePolicy, ReceiverSettleMode, Role,
    SenderSettleMode, Source, Str, Target,
};

use crate::error::Violation;
use crate::options::{ReceiverOptions, SenderOptions};

/// The attach of a new sender.
pub(crate) fn sender_attach(name: Str, options: SenderOptions) -> Attach {
    Attach {
        name,
        role: Role::Sender,
        snd_settle_mode: options.snd_settle_mode.unwrap_or(SenderSettleMode::Mixed),
        rcv_settle_mode: options.rcv_settle_mode.unwrap_or(ReceiverSettleMode::First),
        source: options.source.or_else(|| Some(AttachSource::from(Source::default()).into())),
        target: options.target.or_else(|| Some(AttachTarget::from(Target::default()).into())),
        initial_delivery_count: Some(options.initial_delivery_count),
        max_message_size: options.max_message_size,
        offered_capabilities: options.offered_capabilities,
        desired_capabilities: options.desired_capabilities,
        properties: options.properties,
        ..Attach::default()
    }
}

/// The attach of a new receiver, which accepts messages of `message_size` octets.
pub(crate) fn receiver_attach(name: Str, options: ReceiverOptions, message_size: u64) -> Attach {
    Attach {
        name,
        role: Role::Receiver,
        snd_settle_mode: options.snd_settle_mode.unwrap_or(SenderSettleMode::Mixed),
        rcv_settle_mode: options.rcv_settle_mode.unwrap_or(ReceiverSettleMode::First),
        source: options.source.or_else(|| Some(AttachSource::from(Source::default()).into())),
        target: options.target.or_else(|| Some(AttachTarget::from(Target::default()).into())),
        max_message_size: Some(message_size),
        offered_capabilities: options.offered_capabilities,
        desired_capabilities: options.desired_capabilities,
        properties: options.properties,
        ..Attach::default()
    }
}

/// The answer of a sender: what the options leave open is as the receiver wishes.
pub(crate) fn sender_answer(wish: &Attach, mut options: SenderOptions) -> Attach {
    options.snd_settle_mode = options.snd_settle_mode.or(Some(wish.snd_settle_mode));
    options.rcv_settle_mode = Some(wish.rcv_settle_mode);
    options.source = options.source.or_else(|| {
        let mut source = wish.source.clone();
        // §3.5.3: filters and properties of a node are said by who has them in force, and that the application knows.
        if let Some(AttachSource::Source(source)) = source.as_deref_mut() {
            (source.filter, source.dynamic_node_properties) = (None, None);
        }
        source
    });
    options.target = options.target.or_else(|| wish.target.clone());
    if let (Some(AttachSource::Source(source)), address @ Some(_)) =
        (options.source.as_deref_mut(), options.dynamic_address.take())
        && source.dynamic
        && source.address.is_none()
    {
        source.address = address;
    }
    sender_attach(wish.name.clone(), options)
}

/// The answer of a receiver: what the options leave open is as the sender wishes.
pub(crate) fn receiver_answer(wish: &Attach, mut options: ReceiverOptions, message_size: u64) -> Attach {
    options.snd_settle_mode = Some(wish.snd_settle_mode);
    options.rcv_settle_mode = options.rcv_settle_mode.or(Some(wish.rcv_settle_mode));
    options.source = options.source.or_else(|| wish.source.clone());
    options.target = options.target.or_else(|| {
        let mut target = wish.target.clone();
        if let Some(AttachTarget::Target(target)) = target.as_deref_mut() {
            target.dynamic_node_properties = None;
        }
        target
    });
    if let (Some(AttachTarget::Target(target)), address @ Some(_)) =
        (options.target.as_deref_mut(), options.dynamic_address.take())
        && target.dynamic
        && target.address.is_none()
    {
        target.address = address;
    }
    receiver_attach(wish.name.clone(), options, message_size)
}

/// §3.5.3: the outcome of what a receiver settles without one, where the source of this link has any.
#[cold]
pub(crate) fn default_outcome(local: &Attach) -> Option<&DeliveryState> {
    match local.source.as_deref() {
        Some(AttachSource::Source(source)) => source.default_outcome.as_deref(),
        _ => None,
    }
}

/// §3.5.3, §3.5.4: whoever makes a dynamic node says its address.
pub(crate) fn lacks_address(answer: &Attach) -> bool {
    match answer.role {
        Role::Sender => matches!(answer.source.as_deref(),
            Some(AttachSource::Source(source)) if source.dynamic && source.address.is_none()),
        Role::Receiver => matches!(answer.target.as_deref(),
            Some(AttachTarget::Target(target)) if target.dynamic && target.address.is_none()),
    }
}

/// The answer of an endpoint that will not be (§2.6.3): its own terminus is null.
pub(crate) fn refusal(wish: &Attach) -> Attach {
    let role = if wish.role == Role::Sender { Role::Receiver } else { Role::Sender };
    let sends = role == Role::Sender;
    Attach {
        name: wish.name.clone(),
        role,
        snd_settle_mode: wish.snd_settle_mode,
        rcv_settle_mode: wish.rcv_settle_mode,
        source: wish.source.clone().filter(|_| !sends),
        target: wish.target.clone().filter(|_| sends),
        initial_delivery_count: sends.then(amqp_codec::SequenceNo::default),
        ..Attach::default()
    }
}

/// What no application can accept.
pub(crate) fn impossible(wish: &Attach) -> Option<Violation> {
    if super::unknown_terminus(wish) {
        return Some(Violation::Terminus);
    }
    // Only the terminus on this side is asked for; the other is the peer's own.
    let (dynamic, has_address, properties) = match (wish.role, wish.source.as_deref(), wish.target.as_deref())
    {
        (Role::Receiver, Some(AttachSource::Source(it)), _) => {
            (it.dynamic, it.address.is_some(), it.dynamic_node_properties.as_ref())
        }
        (Role::Sender, _, Some(AttachTarget::Target(it))) => {
            (it.dynamic, it.address.is_some(), it.dynamic_node_properties.as_ref())
        }
        _ => return None,
    };
    // §3.5.3, §3.5.4: whoever asks for a dynamic node leaves its address open, and only such a node has properties.
    if dynamic && has_address {
        return Some(Violation::DynamicAddress);
    }
    properties.filter(|properties| !dynamic || !is_possible(properties)).map(|_| Violation::NodeProperties)
}

/// §3.5.9: a lifetime-policy is one of four types; other properties are the application's to judge.
fn is_possible(properties: &Fields) -> bool {
    properties.get("lifetime-policy").is_none_or(|policy| policy.to::<LifetimePolicy>().is_ok())
}
