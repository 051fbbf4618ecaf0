//! `docs/security.md` lists every limit with its real default and every known flaw of others, and names only tests that
//! exist.

use std::collections::{BTreeMap, BTreeSet};

use amqp_core::{ConnectionOptions, Limits, SessionOptions, codec};
use amqp_tests::pages;

/// What a row may say in place of tests: the compiler shows it, or there is nothing here that could have the flaw.
const WORDS: [&str; 4] = ["types", "no TLS", "other protocol", "not known"];
/// The section whose figures are no tests.
const FIGURES: &str = "Fuzzing";
/// What is fuzzed.
const TARGETS: [&str; 8] =
    ["frame", "value", "message", "connection_client", "connection_server", "peer", "operations", "chop"];
/// Published flaws of other implementations of AMQP.
const FLAWS: [&str; 69] = [
    "CVE-2026-66257",
    "CVE-2026-67588",
    "CVE-2026-67465",
    "CVE-2026-68074",
    "CVE-2026-66273",
    "CVE-2026-67589",
    "CVE-2026-67551",
    "CVE-2026-68060",
    "CVE-2026-66274",
    "CVE-2026-67590",
    "CVE-2026-67552",
    "CVE-2026-68073",
    "CVE-2026-66275",
    "CVE-2026-67591",
    "CVE-2026-67553",
    "CVE-2026-68075",
    "CVE-2026-66276",
    "CVE-2026-67554",
    "CVE-2026-68077",
    "CVE-2026-66277",
    "CVE-2026-67592",
    "CVE-2026-67555",
    "CVE-2026-68078",
    "CVE-2026-68080",
    "CVE-2026-92550",
    "CVE-2026-92560",
    "CVE-2026-92564",
    "CVE-2026-92573",
    "CVE-2026-92608",
    "CVE-2026-92609",
    "PROTON-2945",
    "PROTON-2952",
    "PROTON-2954",
    "CVE-2024-21646",
    "CVE-2024-25110",
    "CVE-2024-27099",
    "CVE-2024-29195",
    "uamqp-c #478",
    "azure-sdk-for-python #46953",
    "azure-sdk-for-python #48802",
    "go-amqp #378",
    "CVE-2019-0223",
    "CVE-2018-17187",
    "CVE-2016-4467",
    "CVE-2016-2166",
    "CVE-2017-15701",
    "CVE-2017-15699",
    "CVE-2015-0203",
    "CVE-2015-0224",
    "CVE-2015-0223",
    "fe2o3-amqp #344",
    "CVE-2016-3094",
    "CVE-2016-8741",
    "CVE-2018-1298",
    "CVE-2018-8030",
    "CVE-2019-0200",
    "CVE-2016-4432",
    "CVE-2016-4974",
    "CVE-2014-3629",
    "CVE-2022-23913",
    "CVE-2026-39304",
    "rabbitmq #16171",
    "rabbitmq #17101",
    "rabbitmq #10688",
    "rabbitmq #17053",
    "CVE-2026-79921",
    "GHSA-5fp7-wg2f-hhgp",
    "GHSA-9mmv-r8g3-qp46",
    "GHSA-jh48-qjf5-fx5v",
];

#[test]
fn the_tests_exist() {
    let page = page();
    let problems = problems_of_tests(&page);
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(tested(&page).count() > 90, "the tables are not found: {}", tested(&page).count());
}

#[test]
fn a_test_that_is_not_there_is_noticed() {
    let page = page().replacen("::message_size`", "::message_sizes`", 1);
    let found = problems_of_tests(&page);
    assert!(found.len() == 1 && found[0].ends_with("is no test"), "{found:?}");
    let page = self::page().replacen("::the_page_says_what_the_formula_gives`", "::the_page_says`", 1);
    let found = problems_of_tests(&page);
    assert!(found.len() == 1 && found[0].starts_with("between tables"), "{found:?}");
}

#[test]
fn every_limit_has_its_default() {
    assert_eq!(problems_of_limits(&page()), [] as [String; 0]);
}

#[test]
fn a_limit_that_is_missing_or_wrong_is_noticed() {
    let without: String =
        page().split_inclusive('\n').filter(|line| !line.starts_with("| `unsettled` |")).collect();
    assert_eq!(problems_of_limits(&without), ["`unsettled` is 65536, and said to be nothing"]);
    let wrong = page().replacen("| `sasl_frame` | 512 |", "| `sasl_frame` | 8,192 |", 1);
    assert_eq!(problems_of_limits(&wrong), ["`sasl_frame` is 512, and said to be 8192"]);
    let more = page().replacen("| `sasl_frame` |", "| `sasl_size` | 1 | | | |\n| `sasl_frame` |", 1);
    assert_eq!(problems_of_limits(&more), ["`sasl_size` is nothing, and said to be 1"]);
}

#[test]
fn every_flaw_is_listed_once() {
    assert_eq!(problems_of_flaws(&page()), [] as [String; 0]);
}

#[test]
fn a_flaw_that_is_missing_or_unknown_is_noticed() {
    let page = page().replacen("CVE-2016-2166", "CVE-2016-2167", 1);
    assert_eq!(problems_of_flaws(&page), ["CVE-2016-2166: 0 times", "CVE-2016-2167: nobody knows it"]);
}

#[test]
fn every_target_is_listed() {
    let page = page();
    let listed: Vec<_> = pages::rows(pages::section(&page, FIGURES)).map(|(target, _)| target).collect();
    assert_eq!(listed[2..], TARGETS.map(|target| format!("`{target}`")));
}

fn page() -> String {
    pages::page("security.md")
}

/// The rows of tables whose last cell names tests, without their heads.
fn tested(page: &str) -> impl Iterator<Item = (&str, &str)> {
    let sections = page.split("\n## ").filter(|section| !section.starts_with(FIGURES));
    // A head, and the line below it.
    sections.flat_map(pages::rows).filter(|(_, tests)| !["test", "---"].contains(tests))
}

fn problems_of_tests(page: &str) -> Vec<String> {
    let rows = tested(page).flat_map(|(row, tests)| pages::problems_of_row(row, tests, &WORDS));
    // What is named between tables.
    let prose = page.lines().filter(|line| !line.starts_with('|'));
    let words = prose.flat_map(|line| line.split('`').skip(1).step_by(2));
    let names = words.filter(|word| word.contains("::") && word.contains('-'));
    rows.chain(names.flat_map(|name| pages::problems_of_row("between tables", name, &[]))).collect()
}

/// The limits, and what each is where nobody changes it: all fields of [`Limits`], because it says itself which it has.
fn defaults() -> BTreeMap<String, String> {
    let shown = format!("{:?}", Limits::default());
    let fields = shown.strip_prefix("Limits { ").and_then(|rest| rest.strip_suffix(" }")).expect("a struct");
    let fields = fields.split(", ").map(|field| field.split_once(": ").expect("a name and a value"));
    let (connection, session) = (ConnectionOptions::default(), SessionOptions::default());
    let others = [
        ("ConnectionOptions::max_frame_size", u64::from(connection.max_frame_size)),
        ("ConnectionOptions::channel_max", u64::from(connection.channel_max)),
        ("SessionOptions::handle_max", u64::from(session.handle_max)),
        ("SessionOptions::incoming_window", u64::from(session.incoming_window)),
        ("amqp_codec::MAX_DEPTH", codec::MAX_DEPTH as u64),
        ("amqp_codec::MAX_ELEMENTS", u64::from(codec::MAX_ELEMENTS)),
        ("amqp_codec::MAX_SECTIONS", codec::MAX_SECTIONS as u64),
        ("amqp_codec::MAX_TAG", codec::MAX_TAG as u64),
    ];
    let others = others.map(|(name, value)| (name.to_owned(), value.to_string()));
    fields.map(|(name, value)| (name.to_owned(), value.to_owned())).chain(others).collect()
}

fn problems_of_limits(page: &str) -> Vec<String> {
    let said = pages::cells(pages::section(page, "The limits")).filter_map(|cells| match cells[..] {
        [name, default, ..] => Some((name.strip_prefix('`')?.strip_suffix('`')?, default.replace(',', ""))),
        _ => None,
    });
    let said: BTreeMap<_, _> = said.collect();
    let real = defaults();
    let names: BTreeSet<&str> = said.keys().copied().chain(real.keys().map(String::as_str)).collect();
    let wrong = names.into_iter().filter(|name| said.get(name) != real.get(*name));
    let shown = |value: Option<&String>| value.map_or("nothing", |value| value).to_owned();
    wrong
        .map(|name| {
            format!("`{name}` is {}, and said to be {}", shown(real.get(name)), shown(said.get(name)))
        })
        .collect()
}

fn problems_of_flaws(page: &str) -> Vec<String> {
    let rows = pages::rows(pages::section(page, "What was found elsewhere")).skip(2);
    let mut listed: BTreeMap<&str, u32> = BTreeMap::new();
    for flaw in rows.flat_map(|(flaws, _)| flaws.split(", ")) {
        *listed.entry(flaw).or_default() += 1;
    }
    let mut problems = Vec::new();
    for flaw in FLAWS {
        let times = listed.remove(flaw).unwrap_or_default();
        if times != 1 {
            problems.push(format!("{flaw}: {times} times"));
        }
    }
    problems.extend(listed.keys().map(|flaw| format!("{flaw}: nobody knows it")));
    problems
}
