//! What a link says in its attach: from options, and where it answers, from the peer's wishes (§2.6.3).

use amqp_codec::{
    Attach, AttachSource, AttachTarget, ReceiverSettleMode, Role, SenderSettleMode, Source, Str, Target,
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
    options.source = options.source.or_else(|| wish.source.clone());
    options.target = options.target.or_else(|| wish.target.clone());
    if let (Some(AttachSource::Source(source)), address @ Some(_)) =
        (options.source.as_deref_mut(), options.dynamic_address.take())
        && source.dynamic
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
    options.target = options.target.or_else(|| wish.target.clone());
    if let (Some(AttachTarget::Target(target)), address @ Some(_)) =
        (options.target.as_deref_mut(), options.dynamic_address.take())
        && target.dynamic
    {
        target.address = address;
    }
    receiver_attach(wish.name.clone(), options, message_size)
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
    // §3.5.3, §3.5.4: whoever asks for a dynamic node leaves its address open.
    let source = match wish.source.as_deref() {
        Some(AttachSource::Source(source)) if wish.role == Role::Receiver => {
            source.dynamic && source.address.is_some()
        }
        _ => false,
    };
    let target = match wish.target.as_deref() {
        Some(AttachTarget::Target(target)) if wish.role == Role::Sender => {
            target.dynamic && target.address.is_some()
        }
        _ => false,
    };
    (source || target).then_some(Violation::DynamicAddress)
}
