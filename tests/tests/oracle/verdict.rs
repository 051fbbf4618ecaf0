//! Tables of wrong frames: where the play stands, what is done wrong, and which rule must be named.

use amqp_tests::oracle::Side;

use crate::play::Play;

/// One row: the rule, who breaks it, the legal start, and the one wrong thing.
pub(crate) struct Case {
    rule: &'static str,
    who: Side,
    start: fn() -> Play,
    wrong: fn(&mut Play),
}

/// The client breaks `rule`.
pub(crate) const fn client(rule: &'static str, start: fn() -> Play, wrong: fn(&mut Play)) -> Case {
    Case { rule, who: Side::Client, start, wrong }
}

/// The server breaks `rule`.
pub(crate) const fn server(rule: &'static str, start: fn() -> Play, wrong: fn(&mut Play)) -> Case {
    Case { rule, who: Side::Server, start, wrong }
}

/// Each row is silent at its start and then brings exactly the one fault that it names.
pub(crate) fn check(cases: &[Case]) {
    for (row, case) in cases.iter().enumerate() {
        let mut play = (case.start)();
        play.oracle.assert_silent();
        (case.wrong)(&mut play);
        let found: Vec<_> = play.oracle.faults().iter().map(|fault| (fault.who, fault.rule)).collect();
        let trace = play.oracle.trace();
        assert_eq!(found, [(case.who, case.rule)], "row {row}\n{trace}");
        assert!(trace.contains(case.rule), "the trace of row {row} does not show its fault:\n{trace}");
    }
}
