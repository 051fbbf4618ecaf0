//! `docs/electron.md` lists every defect of electron once and names only tests that exist.

use amqp_tests::pages;

/// What a row may say in place of tests: the compiler shows it.
const WORDS: [&str; 1] = ["types"];
/// How the rows begin that are no items.
const HEADS: [&str; 3] = ["electron", "id", "---"];

#[test]
fn every_defect_is_listed_and_its_tests_exist() {
    let problems = problems_of_defects(&pages::page("electron.md"));
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_tests_of_the_public_items_exist() {
    let page = pages::page("electron.md");
    let items: Vec<_> =
        pages::rows(&page).filter(|(item, _)| !is_defect(item) && !HEADS.contains(item)).collect();
    let problems: Vec<_> =
        items.iter().flat_map(|(item, tests)| pages::problems_of_row(item, tests, &WORDS)).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(items.len() > 60, "the tables are not found: {}", items.len());
}

#[test]
fn a_missing_defect_is_noticed() {
    let page = pages::page("electron.md");
    let without: String = page.split_inclusive('\n').filter(|line| !line.starts_with("| D20 |")).collect();
    assert_eq!(problems_of_defects(&without), ["D20: 0 rows"]);
}

#[test]
fn scenarios_and_asynchronous_tests_are_tests() {
    let name = "adapter-tokio::electron::messages::timeouts";
    assert_eq!(pages::problems_of_row("D9", name, &WORDS), [] as [String; 0]);
    let found = pages::problems_of_row("D9", "adapter-tokio::electron::messages::timeout", &WORDS);
    assert!(found.len() == 1 && found[0].ends_with("is no test"), "{found:?}");
}

fn problems_of_defects(page: &str) -> Vec<String> {
    pages::problems(page, (1..=45).map(|number| format!("D{number}")), is_defect, &WORDS)
}

fn is_defect(id: &str) -> bool {
    let number = id.strip_prefix('D').unwrap_or_default();
    !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
}
