//! The cases.

use serde_json::Value;

/// The case file: our own work.
const CASES: &str = include_str!("../../data/hostile.ndjson");

/// One case.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Its name in lists, as `C06`.
    pub(crate) id: String,
    /// What happened before.
    pub(crate) start: String,
    /// What is sent, where that is octets.
    pub(crate) octets: Option<Vec<u8>>,
    /// The right answer, in words of a small language.
    pub(crate) expect: String,
}

/// All cases.
pub(crate) fn all() -> Vec<Row> {
    CASES.lines().map(row).collect()
}

/// The cases whose octets go into an engine.
pub(crate) fn for_engines() -> Vec<Row> {
    all().into_iter().filter(|row| row.octets.is_some() && row.start != "msg").collect()
}

/// The cases whose octets are a message.
pub(crate) fn messages() -> Vec<Row> {
    all().into_iter().filter(|row| row.octets.is_some() && row.start == "msg").collect()
}

fn row(line: &str) -> Row {
    let case: Value = serde_json::from_str(line).expect("a case is JSON");
    let text = |field: &str| case[field].as_str().map(str::to_owned);
    let wanted = |field: &str| text(field).unwrap_or_else(|| unreachable!("{field} is missing: {line}"));
    Row {
        id: wanted("id"),
        start: wanted("start"),
        octets: text("bytes").map(|digits| octets(&digits)),
        expect: wanted("expect"),
    }
}

/// The octets that these digits stand for.
pub(crate) fn octets(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("digits are ASCII"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("two hexadecimal digits")).collect()
}
