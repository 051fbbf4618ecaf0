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
    let page = page() + "| SEC-5-17 | again | open |\n| SEC-5-18 | new | open |\n";
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

fn page() -> String {
    pages::page("conformance.md")
}

/// What is wrong with the page, in the order of the sections.
fn problems(page: &str) -> Vec<String> {
    let ids = SECTIONS.iter().flat_map(|(section, requirements)| {
        (1..=*requirements).map(move |number| format!("{section}-{number}"))
    });
    pages::problems(page, ids, |id| id.ends_with(|last: char| last.is_ascii_digit()), &["open"])
}

/// What is wrong with the last cell of a row: `open`, or names of tests with commas between them.
fn problems_of_row(id: &str, tests: &str) -> Vec<String> {
    pages::problems_of_row(id, tests, &["open"])
}
