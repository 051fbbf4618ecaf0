//! Pages of `docs/` whose tables name tests: whether every row is there, and every test that a row names.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A page of `docs/`.
///
/// # Panics
/// Where it is not there.
pub fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).expect("the page is there")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The rows of all tables of a page: the first and the last cell of each.
pub fn rows(page: &str) -> impl Iterator<Item = (&str, &str)> {
    cells(page).map(|cells| match cells[..] {
        [first, .., last] => (first, last),
        _ => (cells.first().copied().unwrap_or_default(), ""),
    })
}

/// The rows of all tables of a page, cell by cell.
pub fn cells(page: &str) -> impl Iterator<Item = Vec<&str>> {
    let rows = page.lines().filter(|line| line.starts_with("| "));
    rows.map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
}

/// What stands below the heading `## name`, up to the next one of its kind.
///
/// # Panics
/// Where there is no such heading.
pub fn section<'a>(page: &'a str, name: &str) -> &'a str {
    let begins = |section: &&str| section.lines().next() == Some(name);
    page.split("\n## ").find(begins).expect("the section is there")
}

/// What is wrong with rows that begin with one of `ids` each, in the order of these.
pub fn problems<'a>(
    page: &str,
    ids: impl Iterator<Item = String>,
    is_id: impl Fn(&str) -> bool,
    words: &'a [&'a str],
) -> Vec<String> {
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, tests) in rows(page).filter(|(id, _)| is_id(id)) {
        found.entry(id).or_default().push(tests);
    }
    let mut problems = Vec::new();
    for id in ids {
        let rows = found.remove(id.as_str()).unwrap_or_default();
        if rows.len() != 1 {
            problems.push(format!("{id}: {} rows", rows.len()));
        }
        problems.extend(rows.iter().flat_map(|tests| problems_of_row(&id, tests, words)));
    }
    problems.extend(found.keys().map(|id| format!("{id}: no such requirement")));
    problems
}

/// What is wrong with the last cell of a row: one of `words`, or names of tests with commas between them.
pub fn problems_of_row(id: &str, tests: &str, words: &[&str]) -> Vec<String> {
    if words.contains(&tests) {
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
        return Some("is not the name of a test");
    };
    if path.is_empty() {
        return Some("is not the name of a test");
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

/// A function of this name with a `test` attribute among the lines right above it, or a scenario that is called so.
fn has_test(text: &str, test: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let (function, scenario) = (format!("fn {test}("), format!("scenario!({test},"));
    lines.iter().enumerate().any(|(number, line)| {
        let above = || lines.get(..number).unwrap_or_default().iter().rev();
        line.starts_with(&scenario)
            || line.trim_start_matches("pub(crate) ").trim_start_matches("async ").starts_with(&function)
                && above().take_while(|above| !above.is_empty()).any(|above| is_test(above))
    })
}

fn is_test(attribute: &str) -> bool {
    attribute == "#[test]" || attribute.starts_with("#[tokio::test")
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
