//! Whether a delivery-tag is in use on a link (§2.6.12), without keeping tags twice where senders count them up.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;

use amqp_codec::DeliveryTag;

/// The tags of a link's unsettled deliveries.
///
/// Most senders make tags by counting. As long as each is greater than all before it, remembering the greatest is
/// enough; the first that is not brings a set of those that are live.
#[derive(Debug, Default)]
pub(crate) struct Tags(
    // Boxed, because a link that never had a delivery has no use for it.
    Option<Box<Known>>,
);

#[derive(Debug, Default)]
struct Known {
    greatest: Option<DeliveryTag>,
    live: Option<BTreeSet<DeliveryTag>>,
}

impl Tags {
    /// Adds a tag; false where it is in use. `live` gives those of all unsettled deliveries.
    #[inline]
    pub(crate) fn insert(&mut self, tag: &DeliveryTag, live: impl FnOnce() -> BTreeSet<DeliveryTag>) -> bool {
        let known = self.0.get_or_insert_default();
        if known.live.is_none() && known.greatest.as_ref().is_none_or(|greatest| order(greatest) < order(tag))
        {
            known.greatest = Some(tag.clone());
            return true;
        }
        known.live.get_or_insert_with(live).insert(tag.clone())
    }

    /// Forgets a tag whose delivery is settled.
    #[inline]
    pub(crate) fn remove(&mut self, tag: &DeliveryTag) {
        if let Some(live) = self.0.as_mut().and_then(|known| known.live.as_mut()) {
            live.remove(tag);
        }
    }

    /// Nothing is unsettled: the counting may begin anew.
    pub(crate) fn clear(&mut self) {
        if let Some(known) = &mut self.0 {
            **known = Known::default();
        }
    }
}

/// Shorter ones first, because counters in words grow in length.
fn order(tag: &DeliveryTag) -> (usize, &[u8]) {
    (tag.len(), tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_in_use_until_it_is_removed_whatever_the_order() {
        let mut tags = Tags::default();
        let tag = |text: &[u8]| DeliveryTag::new(text).unwrap();
        let empty = || unreachable!("counted tags need no set");
        assert!(tags.insert(&tag(b"9"), empty));
        assert!(tags.insert(&tag(b"10"), empty));
        assert!(!tags.insert(&tag(b"9"), || [tag(b"9"), tag(b"10")].into()));
        assert!(tags.insert(&tag(b"8"), empty));
        assert!(!tags.insert(&tag(b"10"), empty));
        tags.remove(&tag(b"9"));
        assert!(tags.insert(&tag(b"9"), empty));
        tags.clear();
        assert!(tags.insert(&tag(b"1"), empty));
    }
}
