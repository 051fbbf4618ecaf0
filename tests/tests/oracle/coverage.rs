//! Every rule that the oracle can name is named by a table of wrong frames.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The ids in string literals of the Rust files of a folder of this crate.
fn rules_named_in(folder: &str, prefix: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut rules = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix)) {
            continue;
        }
        let text = fs::read_to_string(&path).expect("the file is text");
        let literals =
            text.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| line.split('"'));
        let is_rule = |literal: &&str| {
            literal.starts_with(|first: char| first.is_ascii_uppercase())
                && literal.contains('-')
                && literal.ends_with(|last: char| last.is_ascii_digit())
                && !literal.contains(' ')
        };
        rules.extend(literals.filter(is_rule).map(str::to_owned));
    }
    rules
}

#[test]
fn every_rule_of_the_oracle_is_tried() {
    let known = rules_named_in("src/oracle", "");
    let tried = rules_named_in("tests/oracle", "wrong_");
    assert!(known.len() > 90, "only {} rules found in the oracle", known.len());
    let untried: Vec<_> = known.difference(&tried).collect();
    let unknown: Vec<_> = tried.difference(&known).collect();
    assert!(
        untried.is_empty() && unknown.is_empty(),
        "untried: {untried:?}, unknown to the oracle: {unknown:?}"
    );
}
