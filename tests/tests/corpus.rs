//! The fuzz targets without a fuzzer: what is kept of their finds, and some random octets.
#![cfg(test)]

use std::fs;
use std::path::Path;

use amqp_tests::chop::random;
use amqp_tests::fuzz::TARGETS;

/// Random inputs of each target; the fuzzer does as many in a blink.
const INPUTS: u64 = 200;
/// Files of a corpus and octets of each: it is read in every test run.
const FILES: usize = 300;
const OCTETS: usize = 16 * 1024;

/// Names what fails.
struct Trying<'a>(&'a str, &'a str);

impl Drop for Trying<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{} fails for {}", self.0, self.1);
        }
    }
}

/// The committed inputs of a target, by their names.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut inputs: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect();
    inputs.sort();
    inputs
}

#[test]
fn every_kept_input_is_still_right() {
    for (target, body) in TARGETS {
        let inputs = corpus(target);
        assert!(!inputs.is_empty() && inputs.len() <= FILES, "{target}: {} inputs", inputs.len());
        for (name, octets) in inputs {
            assert!(octets.len() <= OCTETS, "{name}: {} octets", octets.len());
            let _trying = Trying(target, &name);
            body(&octets);
        }
    }
}

#[test]
fn random_octets_do_no_harm() {
    for (target, body) in TARGETS {
        for seed in 0..INPUTS {
            let mut state = seed;
            let length = random(&mut state) % 300;
            let octets: Vec<u8> = (0..length).map(|_| random(&mut state).to_be_bytes()[0]).collect();
            let name = format!("seed {seed}");
            let _trying = Trying(target, &name);
            body(&octets);
        }
    }
}

/// A kept input with octets changed: nearer to what makes sense than random ones.
#[test]
fn changed_inputs_do_no_harm() {
    for (target, body) in TARGETS {
        let inputs = corpus(target);
        for seed in 0..INPUTS {
            let mut state = seed;
            let mut choose = |below: usize| usize::try_from(random(&mut state) % below as u64).unwrap();
            let (name, mut octets) = inputs[choose(inputs.len())].clone();
            for _ in 0..=choose(4) {
                if let Some(place) = octets.len().checked_sub(1).map(|last| choose(last + 1)) {
                    octets[place] = u8::try_from(choose(256)).unwrap();
                }
            }
            let name = format!("seed {seed}, which changes {name}");
            let _trying = Trying(target, &name);
            body(&octets);
        }
    }
}
