//! From delivery-ids to deliveries: buckets of consecutive ids, each with a bit for every id that is still live.
//!
//! A delivery that is held back for ever keeps one bucket, not everything that came after it, and a disposition over
//! a range costs what is live in the range, however wide it is.

use alloc::collections::VecDeque;
use amqp_codec::DeliveryNumber;

use crate::steps::step;

const BUCKET: u64 = 32;

/// Places in an index, in the order of their ids: among them are all that a link has there, and some of others.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    first: u64,
    last: u64,
}

#[derive(Debug)]
struct Bucket<T> {
    /// The ids of this bucket, divided by [`BUCKET`].
    number: u64,
    live: u32,
    values: [T; BUCKET as usize],
}

/// The live deliveries of one direction of a session by delivery-id.
#[derive(Debug)]
pub(crate) struct DeliveryIndex<T> {
    /// In the order of their numbers.
    buckets: VecDeque<Bucket<T>>,
    /// How many of them are empty. Fewer than half: so what is passed over costs no more than what is there.
    empty: usize,
    /// The next id, widened so that ids compare without wrapping: its low half is the serial number.
    next: u64,
}

impl<T: Copy> DeliveryIndex<T> {
    /// An empty index whose first delivery will have the id `first`.
    pub(crate) fn new(first: DeliveryNumber) -> Self {
        Self { buckets: VecDeque::new(), empty: 0, next: (1 << 32) | u64::from(first.0) }
    }

    /// The id that the next delivery has.
    #[expect(clippy::cast_possible_truncation, reason = "the low half is the serial number")]
    pub(crate) fn next_id(&self) -> DeliveryNumber {
        amqp_codec::Serial(self.next as u32)
    }

    /// Uses up the next id for a delivery that is never looked up.
    pub(crate) fn skip(&mut self) {
        self.next = self.next.saturating_add(1);
    }

    /// Has `span` reach to the place of the next delivery, or begin there where it `begins`.
    #[inline]
    pub(crate) fn extend(&self, span: &mut Span, begins: bool) {
        if begins {
            span.first = self.next;
        }
        span.last = self.next;
    }

    /// Stores `value` under the next id.
    pub(crate) fn push(&mut self, value: T) {
        let (number, bit) = (self.next / BUCKET, self.next % BUCKET);
        self.skip();
        match self.buckets.back().filter(|bucket| bucket.number == number) {
            None => self.buckets.push_back(Bucket { number, live: 0, values: [value; BUCKET as usize] }),
            Some(bucket) if bucket.live == 0 => self.empty = self.empty.saturating_sub(1),
            Some(_) => {}
        }
        if let Some(bucket) = self.buckets.back_mut()
            && let Some(place) = bucket.values.get_mut(bit as usize)
        {
            *place = value;
            bucket.live |= 1 << bit;
        }
    }

    /// Removes one id, if it is live.
    pub(crate) fn remove(&mut self, id: DeliveryNumber) -> Option<T> {
        let id = self.widen(id)?;
        let (number, bit) = (id / BUCKET, id % BUCKET);
        let at = self.place(number);
        let bucket = self.buckets.get_mut(at).filter(|bucket| bucket.number == number)?;
        if bucket.live & (1 << bit) == 0 {
            return None;
        }
        bucket.live &= !(1 << bit);
        let value = bucket.values.get(bit as usize).copied();
        if bucket.live == 0 {
            self.empty = self.empty.saturating_add(1);
            self.tidy();
        }
        value
    }

    /// Where the bucket `number` stands, or the first one after it.
    fn place(&self, number: u64) -> usize {
        // Mostly the buckets follow each other without gaps.
        let first = self.buckets.front().map_or(0, |bucket| bucket.number);
        match usize::try_from(number.saturating_sub(first)) {
            Ok(at) if self.buckets.get(at).is_some_and(|bucket| bucket.number == number) => at,
            _ => self.buckets.partition_point(|bucket| bucket.number < number),
        }
    }

    /// Moves everything out, leaving an empty index in its place for the moment.
    pub(crate) fn detach(&mut self) -> Self {
        Self {
            buckets: core::mem::take(&mut self.buckets),
            empty: core::mem::take(&mut self.empty),
            next: self.next,
        }
    }

    /// Every live delivery of a span, and some around it, oldest first.
    pub(crate) fn iter_span(&self, span: Span) -> impl Iterator<Item = T> + '_ {
        let buckets = self.buckets.iter().skip(self.place(span.first / BUCKET));
        buckets.take_while(move |bucket| bucket.number <= span.last / BUCKET).flat_map(|bucket| {
            step();
            let live = bucket.values.iter().enumerate().filter(|(bit, _)| bucket.live >> bit & 1 == 1);
            live.map(|(_, value)| *value)
        })
    }

    /// Shows `keep` every live delivery of a span, oldest first, and forgets those for which it answers false.
    pub(crate) fn retain_span(&mut self, span: Span, keep: impl FnMut(T) -> bool) {
        self.retain_widened(span.first, span.last, keep);
    }

    /// Takes out every live delivery, oldest first.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = T> {
        let mut live = alloc::vec::Vec::new();
        self.retain_widened(0, self.next, |value| {
            live.push(value);
            false
        });
        live.into_iter()
    }

    /// Shows `keep` every live delivery from `first` to `last` in the order of their ids and forgets those for which
    /// it answers false. Ids that are not live, or not yet used, are passed over.
    pub(crate) fn retain_range(
        &mut self,
        first: DeliveryNumber,
        last: DeliveryNumber,
        keep: impl FnMut(T) -> bool,
    ) {
        let Some((first, last)) = self.widen_range(first, last) else { return };
        self.retain_widened(first, last, keep);
    }

    /// The widened form of a range, as far as its ids are used.
    pub(crate) fn widen_range(&self, first: DeliveryNumber, last: DeliveryNumber) -> Option<(u64, u64)> {
        let first = self.widen(first)?;
        Some((first, self.widen(last).unwrap_or_else(|| self.next.saturating_sub(1))))
    }

    fn retain_widened(&mut self, first: u64, last: u64, mut keep: impl FnMut(T) -> bool) {
        let mut at = self.place(first / BUCKET);
        while let Some(bucket) = self.buckets.get_mut(at) {
            step();
            if bucket.number > last / BUCKET {
                break;
            }
            if bucket.live != 0 {
                bucket.retain(first, last, &mut keep);
                self.empty = self.empty.saturating_add(usize::from(bucket.live == 0));
            }
            at = at.saturating_add(1);
        }
        self.tidy();
    }

    /// Empty buckets go where they are the oldest, or as many as the others.
    fn tidy(&mut self) {
        while self.buckets.front().is_some_and(|bucket| bucket.live == 0) {
            self.buckets.pop_front();
            self.empty = self.empty.saturating_sub(1);
        }
        if self.empty > 0 && self.empty.saturating_mul(2) >= self.buckets.len() {
            self.buckets.retain(|bucket| {
                step();
                bucket.live != 0
            });
            self.empty = 0;
        }
    }

    /// The widened form of an id already used; `None` for one ahead of all used ones.
    #[inline]
    pub(crate) fn widen(&self, id: DeliveryNumber) -> Option<u64> {
        let behind = self.next_id().since(id);
        // §2.8.10, RFC 1982: what is not behind us lies ahead.
        (1..=1 << 31).contains(&behind).then(|| self.next.saturating_sub(u64::from(behind)))
    }
}

impl<T: Copy> Bucket<T> {
    fn retain(&mut self, first: u64, last: u64, keep: &mut impl FnMut(T) -> bool) {
        let base = self.number.saturating_mul(BUCKET);
        let from = first.saturating_sub(base).min(BUCKET);
        let to = last.saturating_sub(base).min(BUCKET - 1);
        let mut todo =
            self.live & (u32::MAX.checked_shl(from as u32).unwrap_or(0)) & (u32::MAX >> (BUCKET - 1 - to));
        while todo != 0 {
            step();
            let bit = todo.trailing_zeros();
            todo &= todo.wrapping_sub(1);
            if let Some(value) = self.values.get(bit as usize)
                && !keep(*value)
            {
                self.live &= !(1 << bit);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use amqp_codec::Serial;

    fn live(index: &mut DeliveryIndex<u32>, first: u32, last: u32) -> Vec<u32> {
        let mut seen = Vec::new();
        index.retain_range(Serial(first), Serial(last), |value| {
            seen.push(value);
            true
        });
        seen
    }

    #[test]
    fn a_delivery_held_back_costs_one_bucket() {
        let mut index = DeliveryIndex::new(Serial(0xFFFF_FFF0));
        index.push(0);
        for value in 1..1_000_000 {
            index.push(value);
            assert_eq!(index.remove(Serial(0xFFFF_FFF0_u32.wrapping_add(value))), Some(value));
            assert!(index.buckets.len() <= 2);
        }
        assert_eq!(live(&mut index, 0xFFFF_FFF0, 0x7FFF_FFEF), [0]);
    }

    #[test]
    fn what_is_empty_is_passed_over_and_goes_in_time() {
        let mut index = DeliveryIndex::new(Serial(0));
        (0..3200).for_each(|value| index.push(value));
        // Every second bucket, in the middle as well as at the ends.
        let mut kept = Vec::new();
        index.retain_span(Span { first: 0, last: u64::MAX }, |value| value / 32 % 2 == 1);
        assert!(index.empty * 2 < index.buckets.len(), "{} of {}", index.empty, index.buckets.len());
        let mut span = Span::default();
        for value in 3200..3300 {
            index.extend(&mut span, value == 3200);
            index.push(value);
        }
        for value in 3200..3290 {
            assert_eq!(index.remove(Serial(value)), Some(value));
            assert!(
                index.empty * 2 < index.buckets.len().max(1),
                "{} of {}",
                index.empty,
                index.buckets.len()
            );
        }
        index.retain_span(span, |value| {
            kept.push(value);
            false
        });
        assert_eq!(kept, (3290..3300).collect::<Vec<_>>());
        assert_eq!(
            live(&mut index, 0, 4000),
            (0..3200).filter(|value| value / 32 % 2 == 1).collect::<Vec<_>>()
        );
        index.push(3300);
        assert_eq!((index.remove(Serial(3300)), index.empty), (Some(3300), 1));
        index.push(3301);
        assert_eq!(index.empty, 0);
    }

    #[test]
    fn ranges_cross_the_wrap_and_skip_what_is_not_there() {
        let mut index = DeliveryIndex::new(Serial(0xFFFF_FFC0));
        for value in 0..100 {
            if value == 50 { index.skip() } else { index.push(value) }
        }
        assert_eq!(live(&mut index, 0xFFFF_FFEF, 0xFFFF_FFF5), [47, 48, 49, 51, 52, 53]);
        assert_eq!(live(&mut index, 0xFFFF_FFFE, 1), [62, 63, 64, 65]);
        assert_eq!(live(&mut index, 34, 4000), [98, 99]);
        assert_eq!(live(&mut index, 36, 4000), []);
        assert_eq!(index.remove(Serial(0xFFFF_FFF2)), None);
        index.retain_range(Serial(0xFFFF_FFC0), Serial(35), |value| value % 10 == 0);
        assert_eq!(live(&mut index, 0xFFFF_FFC0, 35), [0, 10, 20, 30, 40, 60, 70, 80, 90]);
    }
}
