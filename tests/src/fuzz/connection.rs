//! One engine and any octets.

use std::time::Duration;

use super::application::Application;
use super::input::Input;
use super::setup;
use super::subject::Subject;
use crate::chop::Chop;
use crate::oracle::Side;
use crate::script::Script;

/// Three octets choose how a client is made, what its application likes and how the rest is cut; the rest is what the
/// server says.
pub fn connection_client(data: &[u8]) {
    run(Side::Client, data);
}

/// As [`connection_client`], for a server.
pub fn connection_server(data: &[u8]) {
    run(Side::Server, data);
}

fn run(side: Side, data: &[u8]) {
    let mut input = Input::new(data);
    let options = setup::secured(side, input.octet());
    let application = Application::new(input.octet(), false);
    let pace = input.octet();
    let script = match side {
        Side::Client => Script::client(options),
        Side::Server => Script::server(options),
    };
    let mut subject = Subject::new(script, application);
    let mut chop = match pace % 4 {
        0 => Chop::Whole,
        1 => Chop::Octets,
        _ => Chop::Random(u64::from(pace)),
    };
    let tick = Duration::from_millis([0, 0, 1, 700][usize::from(pace >> 6)]);
    let mut stream = input.rest();
    let polite = pace & 8 == 0;
    subject.hasty = !polite || !matches!(chop, Chop::Octets);
    subject.goes_astray();
    if polite {
        subject.settle();
    }
    while !stream.is_empty() {
        let (piece, rest) = stream.split_at(chop.next(stream.len()));
        stream = rest;
        subject.give(piece);
        subject.settle();
        if !tick.is_zero() {
            subject.advance(tick);
        }
    }
    subject.is_terse();
    if pace & 4 != 0 {
        // Longer than any limit waits for anything.
        subject.advance(Duration::from_secs(61));
    }
    subject.end();
}
