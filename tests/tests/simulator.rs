//! Simulated worlds: some hundreds of seeds in every test run, many more with `--bin simulate`.
#![cfg(test)]

use amqp_tests::simulator::{Summary, run};

/// Runs the worlds of these seeds.
fn worlds(seeds: std::ops::Range<u64>) -> Summary {
    let mut total = Summary::default();
    for seed in seeds {
        let summary = run(seed).unwrap_or_else(|failure| panic!("{failure}"));
        total.messages += summary.messages;
        total.received += summary.received;
        total.octets += summary.octets;
        total.actions += summary.actions;
    }
    total
}

#[test]
fn in_every_world_all_invariants_hold() {
    let total = worlds(0..300);
    // Worlds in which nothing happens would show nothing.
    assert!(total.messages > 1000 && total.received > total.messages / 2, "{total:?}");
}

#[test]
fn the_same_seed_gives_the_same_octets_at_the_same_times() {
    for seed in 1000..1040 {
        let (once, twice) = (run(seed), run(seed));
        assert_eq!(once.ok(), twice.ok(), "seed {seed}");
    }
    assert_ne!(run(1).ok(), run(2).ok());
}
