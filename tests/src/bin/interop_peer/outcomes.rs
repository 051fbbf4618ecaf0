//! All outcomes with all their fields.

use std::sync::Arc;

use amqp_codec::{DeliveryState, Error, ErrorCondition, Fields, Message, Modified, Rejected, Symbol, Value};
use amqp_core::Resolution;

use crate::receiving::Receiving;
use crate::sending::Sending;

const NAMES: [&str; 6] = ["accepted", "rejected", "rejected-bare", "released", "modified", "modified-bare"];

/// Sends one message for each outcome, which its subject asks for, and checks what comes back.
pub(crate) fn send() -> Sending {
    let messages = NAMES.map(|name| (name.to_owned(), Message::value(name).subject(name)));
    Sending::new(messages).judge(|name, resolution| {
        let expected = outcome(name).ok_or("no outcome of that name")?;
        match resolution {
            Resolution::Settled(Some(state)) if plain(state.clone()) == expected => Ok(()),
            other => Err(format!("{other:?}, expected {expected:?}")),
        }
    })
}

/// Gives each message the outcome that its subject asks for.
pub(crate) fn receive() -> Receiving {
    Receiving::new(NAMES.len(), |_, message| {
        let subject = message.properties.and_then(|properties| properties.subject).unwrap_or_default();
        outcome(&subject).ok_or_else(|| format!("{subject}: no outcome of that name"))
    })
}

/// The outcome of a name.
fn outcome(name: &str) -> Option<DeliveryState> {
    Some(match name {
        "accepted" => DeliveryState::Accepted,
        "rejected" => DeliveryState::Rejected(Rejected { error: Some(Arc::new(rejection())) }),
        "rejected-bare" => DeliveryState::Rejected(Rejected::default()),
        "released" => DeliveryState::Released,
        "modified" => DeliveryState::Modified(Modified {
            delivery_failed: true,
            undeliverable_here: true,
            message_annotations: Some(Arc::new(fields([("x-opt-interop", "changed".into())]))),
        }),
        "modified-bare" => DeliveryState::Modified(Modified::default()),
        _ => return None,
    })
}

/// Proton says that there are no annotations with an empty map.
fn plain(mut state: DeliveryState) -> DeliveryState {
    if let DeliveryState::Modified(modified) = &mut state
        && modified.message_annotations.as_ref().is_some_and(|annotations| annotations.is_empty())
    {
        modified.message_annotations = None;
    }
    state
}

fn rejection() -> Error {
    let info = fields([("code", 42_i64.into()), ("reason", "a test".into())]);
    Error {
        condition: ErrorCondition::from(Symbol::from_static("interop:refused")),
        description: Some("as asked".into()),
        info: Some(info),
    }
}

fn fields<const N: usize>(entries: [(&'static str, Value); N]) -> Fields {
    Fields::from(entries.map(|(key, value)| (Symbol::from_static(key), value)))
}
