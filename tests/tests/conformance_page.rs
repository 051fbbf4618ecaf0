//! `docs/conformance.md` lists every requirement once and names only tests that exist.

use amqp_tests::pages;

/// How many requirements each section has; they are numbered from 1.
const SECTIONS: [(&str, usize); 22] = [
    ("TYPES-1.2", 12),
    ("TYPES-1.5", 12),
    ("TYPES-1.6", 23),
    ("TRANSPORT-2.2", 15),
    ("TRANSPORT-2.3", 10),
    ("TRANSPORT-2.4.1", 16),
    ("TRANSPORT-2.4.3", 13),
    ("TRANSPORT-2.4.5", 11),
    ("TRANSPORT-2.5.1", 17),
    ("TRANSPORT-2.5.6", 15),
    ("TRANSPORT-2.6.1", 24),
    ("TRANSPORT-2.6.4", 11),
    ("TRANSPORT-2.6.7", 20),
    ("TRANSPORT-2.6.12", 25),
    ("TRANSPORT-2.7.6", 14),
    ("TRANSPORT-2.8", 5),
    ("MESSAGING-3.2", 21),
    ("MESSAGING-3.4", 10),
    ("MESSAGING-3.5", 13),
    ("TXN-4", 24),
    ("SEC-5", 17),
    ("EXT", 14),
];

/// Rows that bind a node, not an engine: their tests are of the broker among the examples.
const NODE: [&str; 4] = ["MESSAGING-3.2-6", "MESSAGING-3.4-4", "MESSAGING-3.5-3", "MESSAGING-3.5-13"];
/// What stands before the tests of such a row.
const OF_A_NODE: &str = "node: ";

/// Requirements that may be open, first to last of a section: resuming links, TLS, transactions and extensions. No other.
const MAY_BE_OPEN: [(&str, usize, usize); 8] = [
    ("TRANSPORT-2.6.1", 17, 23),
    ("TRANSPORT-2.6.4", 7, 7),
    ("TRANSPORT-2.6.12", 16, 20),
    ("MESSAGING-3.4", 7, 10),
    ("MESSAGING-3.5", 6, 6),
    ("TXN-4", 1, 24),
    ("SEC-5", 1, 1),
    ("EXT", 1, 14),
];

#[test]
fn the_page_is_complete_and_its_tests_exist() {
    let problems = problems(&page());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn a_missing_row_is_noticed() {
    let page: String =
        page().split_inclusive('\n').filter(|line| !line.starts_with("| TRANSPORT-2.5.6-13 |")).collect();
    assert_eq!(problems(&page), ["TRANSPORT-2.5.6-13: 0 rows"]);
}

#[test]
fn a_row_too_many_is_noticed() {
    let page = page() + &row("SEC-5-17", TEST) + &row("SEC-5-18", TEST);
    assert_eq!(problems(&page), ["SEC-5-17: 2 rows", "SEC-5-18: no such requirement"]);
}

#[test]
fn a_test_that_is_not_there_is_noticed() {
    let wrongs = [
        ("", "is not the name of a test"),
        ("later", "is not the name of a test"),
        ("open, amqp-tests::conformance_page::a_row_too_many_is_noticed", "is not the name of a test"),
        ("amqp-tests::conformance_page::problems", "is no test"),
        ("amqp-tests::conformance_page::a_row_too_many", "is no test"),
        ("amqp-tests::elsewhere::a_row_too_many_is_noticed", "is in no such file"),
        ("amqp-nowhere::conformance_page::a_row_too_many_is_noticed", "is in no such file"),
    ];
    for (tests, expected) in wrongs {
        let found = problems_of_row("EXT-14", tests);
        assert!(found.len() == 1 && found[0].ends_with(expected), "{tests}: {found:?}");
    }
}

#[test]
fn tests_that_are_there_are_found() {
    let names = [
        "amqp-tests::conformance_page::a_row_too_many_is_noticed",
        "`amqp-tests::conformance_page::a_row_too_many_is_noticed`",
        "amqp_tests::oracle::wrong_links::attaching, amqp-tests::wrong_links::detaching",
        "open",
    ];
    for tests in names {
        assert_eq!(problems_of_row("EXT-14", tests), [] as [String; 0]);
    }
}

#[test]
fn a_row_that_may_not_be_open_is_noticed() {
    for id in ["TYPES-1.2-11", "TRANSPORT-2.6.1-16", "TRANSPORT-2.6.1-24", "TRANSPORT-2.6.12-21", "SEC-5-17"]
    {
        assert_eq!(problems_of_row(id, "open"), [format!("{id}: may not be open")]);
    }
    let changed = page().replace(&row_of("SEC-5-17"), &row("SEC-5-17", "open"));
    assert_eq!(problems(&changed), ["SEC-5-17: may not be open"]);
    for id in ["TRANSPORT-2.6.1-17", "TRANSPORT-2.6.1-23", "MESSAGING-3.5-6", "SEC-5-1", "TXN-4-24", "EXT-1"]
    {
        assert_eq!(problems_of_row(id, "open"), [] as [String; 0]);
    }
}

#[test]
fn only_the_rows_of_a_node_say_so_and_they_name_tests() {
    for id in NODE {
        assert_eq!(problems_of_row(id, &format!("node: `{TEST}`")), [] as [String; 0]);
        for wrong in ["node", "node: ", "node: open", "node: amqp-tests::conformance_page::nothing"] {
            assert_eq!(problems_of_row(id, wrong).len(), 1, "{wrong}");
        }
    }
    let changed = page().replace(&row_of("TYPES-1.2-1"), &row("TYPES-1.2-1", &format!("node: `{TEST}`")));
    assert_eq!(problems(&changed), ["TYPES-1.2-1: is no row of a node"]);
}

/// A test that is there.
const TEST: &str = "amqp-tests::conformance_page::a_row_too_many_is_noticed";

fn row(id: &str, tests: &str) -> String {
    format!("| {id} | what | {tests} |\n")
}

/// The row of the page as it is.
fn row_of(id: &str) -> String {
    let start = format!("| {id} |");
    page().split_inclusive('\n').find(|line| line.starts_with(&start)).expect("the row is there").to_owned()
}

fn page() -> String {
    pages::page("conformance.md")
}

/// What is wrong with the page: first of missing rows and tests, in the order of the sections, then of what rows say.
fn problems(page: &str) -> Vec<String> {
    let ids = SECTIONS.iter().flat_map(|(section, requirements)| {
        (1..=*requirements).map(move |number| format!("{section}-{number}"))
    });
    let is_id = |id: &str| id.ends_with(|last: char| last.is_ascii_digit());
    let mut problems = pages::problems(&page.replace(&format!("| {OF_A_NODE}"), "| "), ids, is_id, &["open"]);
    problems
        .extend(pages::rows(page).filter(|(id, _)| is_id(id)).filter_map(|(id, tests)| misuse(id, tests)));
    problems
}

/// What is wrong with the last cell of a row: `open`, or names of tests with commas between them, behind [`OF_A_NODE`] in
/// the rows of a node.
fn problems_of_row(id: &str, tests: &str) -> Vec<String> {
    let named = tests.strip_prefix(OF_A_NODE);
    let words: &[&str] = if named.is_some() { &[] } else { &["open"] };
    let mut problems = pages::problems_of_row(id, named.unwrap_or(tests), words);
    problems.extend(misuse(id, tests));
    problems
}

/// A row that may not say what it says.
fn misuse(id: &str, tests: &str) -> Option<String> {
    if tests.starts_with(OF_A_NODE) && !NODE.contains(&id) {
        return Some(format!("{id}: is no row of a node"));
    }
    (tests == "open" && !may_be_open(id)).then(|| format!("{id}: may not be open"))
}

fn may_be_open(id: &str) -> bool {
    id.rsplit_once('-').is_some_and(|(of, number)| {
        let number = number.parse();
        MAY_BE_OPEN.iter().any(|(section, first, last)| {
            of == *section && number.as_ref().is_ok_and(|number| (first..=last).contains(&number))
        })
    })
}
