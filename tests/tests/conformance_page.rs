//! `docs/conformance.md` lists every requirement once and names only tests that exist.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

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
        ("", "is neither open nor the name of a test"),
        ("later", "is neither open nor the name of a test"),
        (
            "open, amqp-tests::conformance_page::a_row_too_many_is_noticed",
            "is neither open nor the name of a test",
        ),
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
    fs::read_to_string(root().join("docs/conformance.md")).expect("the page is there")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What is wrong with the page, in the order of the sections.
fn problems(page: &str) -> Vec<String> {
    let mut rows: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| ")) {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let (id, tests) = (cells.next().unwrap_or_default(), cells.next_back().unwrap_or_default());
        if id.ends_with(|last: char| last.is_ascii_digit()) {
            rows.entry(id).or_default().push(tests);
        }
    }
    let mut problems = Vec::new();
    for (section, requirements) in SECTIONS {
        for number in 1..=requirements {
            let id = format!("{section}-{number}");
            let found = rows.remove(id.as_str()).unwrap_or_default();
            if found.len() != 1 {
                problems.push(format!("{id}: {} rows", found.len()));
            }
            problems.extend(found.iter().flat_map(|tests| problems_of_row(&id, tests)));
        }
    }
    problems.extend(rows.keys().map(|id| format!("{id}: no such requirement")));
    problems
}

/// What is wrong with the last cell of a row: `open`, or names of tests with commas between them.
fn problems_of_row(id: &str, tests: &str) -> Vec<String> {
    if tests == "open" {
        return Vec::new();
    }
    let names = tests.split(',').map(|name| name.trim().trim_matches('`'));
    names
        .filter_map(|name| problem_of_name(name).map(|problem| format!("{id}: {name:?} {problem}")))
        .collect()
}

/// A name is `crate::file::test_name`; the file may be told by the end of its path, folders before it.
fn problem_of_name(name: &str) -> Option<&'static str> {
    let parts: Vec<&str> = name.split("::").collect();
    let [package, path @ .., test] = parts.as_slice() else {
        return Some("is neither open nor the name of a test");
    };
    if path.is_empty() {
        return Some("is neither open nor the name of a test");
    }
    let package = package.replace('_', "-");
    let folder = root().join(if package == "amqp-tests" { "tests" } else { package.as_str() });
    let mut files = Vec::new();
    for part in ["src", "tests"] {
        rust_files(&folder.join(part), &mut files);
    }
    files.retain(|file| is_called(file, path));
    if files.is_empty() {
        return Some("is in no such file");
    }
    let there = files.iter().any(|file| fs::read_to_string(file).is_ok_and(|text| has_test(&text, test)));
    (!there).then_some("is no test")
}

/// The file's path without extension ends in these names; `mod.rs` and `main.rs` are called after their folder.
fn is_called(file: &Path, path: &[&str]) -> bool {
    let plain = file.with_extension("");
    let plain = match plain.file_name() {
        Some(name) if name == "mod" || name == "main" => plain.parent().unwrap_or(&plain),
        _ => &plain,
    };
    plain.ends_with(path.iter().collect::<PathBuf>())
}

/// A function of this name with `#[test]` among the lines right above it.
fn has_test(text: &str, test: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let start = format!("fn {test}(");
    lines.iter().enumerate().any(|(number, line)| {
        line.starts_with(&start)
            && lines[..number]
                .iter()
                .rev()
                .take_while(|above| !above.is_empty())
                .any(|above| *above == "#[test]")
    })
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
