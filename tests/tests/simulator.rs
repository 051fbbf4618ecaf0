//! Simulated worlds: some hundreds of seeds in every test run, many more with `--bin simulate`.
#![cfg(test)]

use amqp_tests::simulator::{Failure, Summary, run, trace};

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

#[test]
fn a_seed_can_be_looked_at_and_a_failure_says_how_to_repeat_it() {
    let shown = trace(7).unwrap();
    assert!(shown.contains("@open(16)") && shown == trace(7).unwrap(), "{shown}");
    let failure = Failure { seed: 7, what: "something".to_owned(), trace: shown };
    assert!(failure.to_string().ends_with("--bin simulate -- --from 7 --seeds 1"), "{failure}");
}
