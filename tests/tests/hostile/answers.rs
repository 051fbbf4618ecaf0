//! Every case with octets, and whether the answer is the right one.

use std::collections::BTreeSet;

use amqp_tests::pair::Door;

use crate::answer::expected;
use crate::rows::{self, Row};
use crate::run::{Answer, Trying};
use crate::stage::{Setup, Stage, side_of};
use crate::{special, table, variants};

/// Where the wording of a case says too little for a machine, or leaves open what was decided since.
const REWORDED: &[(&str, &str)] = &[
    // §2.8.7, TYPES-1.6-21: of a frame that does not decode the session is known, and no link.
    ("G05", "E invalid-field"),
    ("H15", "E invalid-field"),
];

/// Cases whose wording is nothing that [`expected`] knows: all is in their check.
const UNWORDED: &[&str] = &[
    "B11", "D04", "D05", "D14", "D21", "E08", "E10", "E15", "E17", "F05", "F13", "F15", "F16", "F21", "G17",
    "G22", "G24", "H02", "H10", "I07", "I15", "K12", "L12",
];

#[test]
fn every_case_gets_its_answer() {
    let mut wrong = Vec::new();
    for row in rows::for_engines().iter().filter(|row| !table::waits(&row.id)) {
        let _trying = Trying(row.id.clone());
        let octets = row.octets.as_deref().unwrap_or_default();
        let (mut stage, answer) = answer(row, octets);
        let check = special::check(&row.id);
        if let Some(check) = check {
            check(&mut stage, octets, &answer);
        }
        let others = variants::of(row).into_iter().map(|octets| self::answer(row, &octets).1);
        let answers = [answer].into_iter().chain(others);
        if UNWORDED.contains(&&*row.id) {
            assert!(check.is_some(), "{} has no check", row.id);
        } else {
            wrong.extend(answers.filter_map(|answer| is_right(row, &answer).err()));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn answer(row: &Row, octets: &[u8]) -> (Stage, Answer) {
    let mut stage = Stage::new(&row.start, Setup::new(side_of(&row.start)));
    let answer = stage.give(&[octets], Door::Slice);
    (stage, answer)
}

fn is_right(row: &Row, answer: &Answer) -> Result<(), String> {
    let wording = REWORDED.iter().find(|(id, _)| *id == row.id).map_or(&*row.expect, |(_, wording)| wording);
    let wanted = expected(wording);
    if wanted.iter().any(|wanted| wanted.is(answer)) {
        return Ok(());
    }
    Err(format!("{} ({}) wants {wanted:?} for {wording:?}, got {answer:?}\n", row.id, row.start))
}

/// No list here names a case that is not there.
pub(crate) fn names_are_cases(all: &BTreeSet<String>) {
    let reworded = REWORDED.iter().map(|(id, _)| *id);
    for id in reworded.chain(UNWORDED.iter().copied()).chain(special::ids()) {
        assert!(all.contains(id), "{id}");
    }
}
