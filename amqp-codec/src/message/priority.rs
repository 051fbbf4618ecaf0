//! How many priorities become few.

/// The level, counted from 0 for the lowest, of messages of `priority` at a node that tells `levels` priorities apart.
///
/// Below ten levels the distinct priorities lie around the default of 4; from ten on they start at 0 (§3.2.1). Two
/// priorities that a node of few levels tells apart, a node of more levels tells apart as well. No levels count as one.
///
/// ```
/// use amqp_codec::priority_level;
///
/// assert_eq!(priority_level(4, 2), 0);
/// assert_eq!(priority_level(5, 2), 1);
/// assert_eq!(priority_level(200, 10), 9);
/// ```
pub fn priority_level(priority: u8, levels: u8) -> u8 {
    let levels = levels.max(1);
    // §3.2.1: fewer than ten: 5−⌈n/2⌉ and below are the lowest level; ten or more: 0 is.
    let lowest = if levels < 10 { 5_u8.saturating_sub(levels.div_ceil(2)) } else { 0 };
    priority.saturating_sub(lowest).min(levels.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::priority_level;

    fn levels(levels: u8) -> [u8; 12] {
        core::array::from_fn(|priority| priority_level(u8::try_from(priority).unwrap(), levels))
    }

    #[test]
    fn follows_the_table() {
        assert_eq!(levels(0), [0; 12]);
        assert_eq!(levels(1), [0; 12]);
        assert_eq!(levels(2), [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1]);
        assert_eq!(levels(3), [0, 0, 0, 0, 1, 2, 2, 2, 2, 2, 2, 2]);
        assert_eq!(levels(9), [0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 8]);
        assert_eq!(levels(10), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9]);
        assert_eq!(levels(255), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        assert_eq!(priority_level(255, 255), 254);
    }

    #[test]
    fn more_levels_keep_what_fewer_tell_apart() {
        for (few, many) in (1..=255).flat_map(|few| (few..=255).map(move |many| (few, many))) {
            for priority in 0..255 {
                let apart = priority_level(priority, few) < priority_level(priority + 1, few);
                assert!(!apart || priority_level(priority, many) < priority_level(priority + 1, many));
            }
        }
    }
}
