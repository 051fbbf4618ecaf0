//! Every (state, step) pair of the three tables, against the snapshot in `state_table.txt`.
//!
//! A changed table shows as a changed snapshot: print the new one with `UPDATE_SNAPSHOT=1 cargo test -p amqp-core state`.

extern crate std;

use alloc::format;
use alloc::string::String;

use super::*;

fn table() -> String {
    let mut text = String::new();
    let mut row = |machine: &str, state: &str, step: &str, next: Option<String>| {
        let next = next.as_deref().unwrap_or("-");
        text.push_str(&format!("{machine:<11}{state:<14}{step:<16}{next}\n"));
    };
    for state in ConnectionState::ALL {
        for step in ConnectionStep::ALL {
            let next = state.after(*step).map(|next| format!("{next:?}"));
            row("connection", &format!("{state:?}"), &format!("{step:?}"), next);
        }
    }
    for state in SessionState::ALL {
        for step in SessionStep::ALL {
            let next = state.after(*step).map(|next| format!("{next:?}"));
            row("session", &format!("{state:?}"), &format!("{step:?}"), next);
        }
    }
    for state in LinkState::ALL {
        for step in LinkStep::ALL {
            let next = state.after(*step).map(|next| format!("{next:?}"));
            row("link", &format!("{state:?}"), &format!("{step:?}"), next);
        }
    }
    text
}

#[test]
fn every_pair_is_as_the_snapshot_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/state_table.txt");
    let table = table();
    if std::env::var_os("UPDATE_SNAPSHOT").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    assert_eq!(table, std::fs::read_to_string(path).unwrap());
}

#[test]
fn what_the_table_does_not_have_changes_nothing() {
    let mut state = SessionState::EndSent;
    state.step(SessionStep::SendBegin);
    assert_eq!(state, SessionState::EndSent);
}
