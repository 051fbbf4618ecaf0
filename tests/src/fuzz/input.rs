//! Choices that the fuzzer makes: each takes an octet or a few of its input.

/// What is left of an input. Where nothing is left, every number is 0 and every choice the first.
#[derive(Clone, Debug)]
pub(super) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(super) const fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn octet(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// As many of the next `most` octets as there are.
    pub(super) fn take(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        self.take(usize::MAX)
    }

    /// A number below `bound`, which is at most 256, or 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.octet()) % bound.max(1)
    }

    /// True in about one of `of` cases.
    pub(super) fn once_in(&mut self, of: u8) -> bool {
        self.octet() % of == of - 1
    }

    pub(super) fn flag(&mut self) -> bool {
        self.once_in(2)
    }

    /// One of `choices`, which must not be empty.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        let at = self.below(choices.len());
        choices.get(at).copied().expect("there is a choice")
    }

    /// One of `items`, if there are any.
    pub(super) fn one<T>(&mut self, mut items: impl ExactSizeIterator<Item = T>) -> Option<T> {
        let at = self.below(items.len());
        items.nth(at)
    }

    /// Mostly a number near `base`, sometimes one that is far from it or at an end of the range.
    pub(super) fn near(&mut self, base: u32) -> u32 {
        match self.octet() {
            octet @ 0..=199 => base.wrapping_add(u32::from(octet % 8)),
            octet @ 200..=229 => base.wrapping_sub(u32::from(octet % 8)),
            octet @ 230..=239 => u32::from(octet % 10),
            240..=243 => base.wrapping_add(0x7FFF_FFFF),
            244..=247 => base.wrapping_add(0x8000_0000),
            248..=251 => u32::MAX,
            _ => u32::from_be_bytes([self.octet(), self.octet(), self.octet(), self.octet()]),
        }
    }

    /// A length up to `most`, as often short as long.
    pub(super) fn length(&mut self, most: usize) -> usize {
        let bits = u32::from(self.octet()) % 17;
        let number = usize::from(u16::from_be_bytes([self.octet(), self.octet()]));
        (number & ((1 << bits) - 1)).min(most)
    }
}
