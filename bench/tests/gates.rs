//! What cannot be changed cheaply later: how often a message allocates, and what idle connections and links hold.
//!
//! Time is measured, not asserted: see `docs/performance.md`.

use std::alloc::System;
use std::hint::black_box;
use std::sync::{Mutex, MutexGuard, PoisonError};

use amqp_bench::engine::{self, Settlement};
use amqp_bench::heap::Heap;
use amqp_bench::memory;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Allocations are counted for the whole process: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn a_message_costs_a_fifth_of_an_allocation_at_most() {
    let _alone = alone();
    for settlement in [Settlement::Unsettled, Settlement::Settled] {
        for body in [0, 100, 1000] {
            let report = engine::run(20_000, body, settlement).unwrap();
            let [sending, receiving] = report.allocations();
            assert!(sending <= 0.2 && receiving <= 0.2, "{report}");
            // Whatever was kept would be seen here: about as much is held in the end as in the beginning.
            let held = report.sender.held.max(report.receiver.held);
            assert!(held < 256 * 1024, "{held} octets more are held after {report}");
        }
    }
}

#[test]
fn an_idle_connection_with_a_session_holds_8_kib_at_most() {
    let _alone = alone();
    let report = memory::run(50, 0).unwrap();
    assert!(report.client <= 8192.0 && report.server <= 8192.0, "{report}");
}

#[test]
fn an_idle_link_holds_1_kib_at_most() {
    let _alone = alone();
    for links in [10, 100] {
        let report = memory::run(10, links).unwrap();
        assert!(report.sender <= 1024.0 && report.receiver <= 1024.0, "{links} links: {report}");
    }
}

/// The gates above would pass as well if nothing were counted. Large, because the test harness allocates as well.
#[test]
fn the_heap_is_counted() {
    const OCTETS: usize = 1 << 20;
    let _alone = alone();
    let mut heap = Heap::default();
    let kept = heap.charge(|| black_box(vec![0_u8; OCTETS]));
    let about = OCTETS as i64 / 2..OCTETS as i64 * 2;
    assert!(
        heap.allocations >= 1 && about.contains(&heap.allocated) && about.contains(&heap.held),
        "{heap:?}"
    );
    heap.charge(|| drop(kept));
    assert!(about.contains(&heap.allocated) && !about.contains(&heap.held), "{heap:?}");
}
