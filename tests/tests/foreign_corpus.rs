//! What the fuzzers of Qpid Proton have found worth keeping, where it is at hand beside the repository: through both roles,
//! and through the decoders of values and messages.
#![cfg(test)]

use std::fs;

use amqp_tests::fuzz::{chop, connection_client, connection_server, message, value};

/// Gives every file of a folder to these targets; how many files there were.
fn play(folder: &str, targets: &[fn(&[u8])]) -> usize {
    let path = format!("{}/../../shared/corpora/{folder}", env!("CARGO_MANIFEST_DIR"));
    let Ok(files) = fs::read_dir(path) else { return 0 };
    let inputs: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    for path in &inputs {
        let octets = fs::read(path).unwrap();
        println!("{}", path.display());
        targets.iter().for_each(|target| target(&octets));
    }
    inputs.len()
}

#[test]
fn octets_of_connections() {
    let files = play("proton-connection", &[connection_client, connection_server, chop]);
    assert!(files == 0 || files > 100, "only {files} files");
}

#[test]
fn octets_of_messages() {
    let files = play("proton-message", &[message, value, connection_client, connection_server]);
    assert!(files == 0 || files > 100, "only {files} files");
}

#[test]
fn octets_of_values() {
    let files = play("proton-interop", &[message, value]);
    assert!(files == 0 || files > 5, "only {files} files");
}
