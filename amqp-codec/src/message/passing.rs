//! What a node changes of a message that it passes on (§3.2.1 to §3.2.3, §3.4).

use core::time::Duration;

use super::LazyMessage;
use crate::{Annotations, DecodeError, DeliveryState, Header, Modified, Rejected, Symbol, Value};

impl Header {
    /// The header with which a node sends the message on that it has had for `waited`: the ttl is less by as much. `None`
    /// where the message is out of date by then (§3.2.1).
    #[must_use]
    pub fn aged(&self, waited: Duration) -> Option<Self> {
        let Some(ttl) = self.ttl else { return Some(self.clone()) };
        let waited = u32::try_from(waited.as_millis()).ok()?;
        Some(Self { ttl: Some(ttl.checked_sub(waited)?), ..self.clone() })
    }

    /// The header of the message that a delivery gave back with `outcome`: somebody has had it (`first-acquirer`), and
    /// the delivery counts as failed if it was rejected, or modified with `delivery-failed` (§3.4). Accepted and released
    /// ones do not count.
    #[must_use]
    pub fn delivered(&self, outcome: &DeliveryState) -> Self {
        let failed = match outcome {
            DeliveryState::Rejected(_) => true,
            DeliveryState::Modified(modified) => modified.delivery_failed,
            _ => false,
        };
        let delivery_count = self.delivery_count.saturating_add(failed.into());
        Self { first_acquirer: false, delivery_count, ..self.clone() }
    }
}

impl LazyMessage {
    /// The message as a node sends it on that got it `waited` ago: without the delivery-annotations, which were for that
    /// node (§3.2.2), and with a ttl that is less by as much. `None` where it is out of date by then.
    ///
    /// # Errors
    /// Where the sections in front of the bare message do not decode.
    pub fn forwarded(&self, waited: Duration) -> Result<Option<Self>, DecodeError> {
        let header = self.header()?;
        let aged = match &header {
            Some(header) => match header.aged(waited) {
                None => return Ok(None),
                aged => aged,
            },
            None => None,
        };
        if aged == header && self.delivery_annotations()?.is_none() {
            return Ok(Some(self.clone()));
        }
        Self::parse(self.relay(aged.as_ref(), None, self.message_annotations()?.as_ref())).map(Some)
    }

    /// The message as its node keeps it when a delivery has given it back with `outcome`: the header as
    /// [`Header::delivered`] has it, the error of a rejected one among the delivery-annotations as `rejected` (§3.4.3),
    /// and the annotations of a modified one among the message's, in the place of those with the same key (§3.4.5).
    ///
    /// # Errors
    /// Where the sections in front of the bare message do not decode.
    pub fn delivered(&self, outcome: &DeliveryState) -> Result<Self, DecodeError> {
        let header = self.header()?.unwrap_or_default().delivered(outcome);
        let (mut local, mut lasting) = (self.delivery_annotations()?, self.message_annotations()?);
        match outcome {
            DeliveryState::Rejected(Rejected { error: Some(error) }) => {
                let key = Symbol::from_static("rejected").into();
                local.get_or_insert_default().insert(key, Value::of(&**error)?);
            }
            DeliveryState::Modified(Modified { message_annotations: Some(changes), .. }) => {
                let all: &mut Annotations = lasting.get_or_insert_default();
                changes.iter().for_each(|(key, value)| drop(all.insert(key.clone().into(), value.clone())));
            }
            _ => {}
        }
        Self::parse(self.relay(Some(&header), local.as_ref(), lasting.as_ref()))
    }
}
