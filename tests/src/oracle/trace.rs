//! The readable record of both directions, in the form every AMQP engineer knows from proton's frame trace.

use std::collections::VecDeque;
use std::fmt::Write as _;

use super::fault::Side;
use super::wire::{Body, Unit};

/// So many lines are kept; what is older is only counted.
const LINES: usize = 4096;

/// Everything seen, in the order in which it was sent.
#[derive(Debug)]
pub(super) struct Trace {
    names: [String; 2],
    lines: VecDeque<Line>,
    forgotten: usize,
}

/// Frames are made readable when the trace is asked for, not before.
#[derive(Debug)]
enum Line {
    Sent(Side, Unit),
    Note(String),
}

impl Trace {
    pub(super) fn new(client: &str, server: &str) -> Self {
        Self { names: [client.to_owned(), server.to_owned()], lines: VecDeque::new(), forgotten: 0 }
    }

    pub(super) fn sent(&mut self, side: Side, unit: &Unit) {
        self.push(Line::Sent(side, unit.clone()));
    }

    pub(super) fn note(&mut self, text: String) {
        self.push(Line::Note(text));
    }

    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        if self.forgotten > 0 {
            let _ = writeln!(text, "… {} lines before these", self.forgotten);
        }
        let [client, server] = &self.names;
        for line in &self.lines {
            let _ = match line {
                Line::Sent(Side::Client, unit) => writeln!(text, "{client} -> {server}: {}", readable(unit)),
                Line::Sent(Side::Server, unit) => writeln!(text, "{client} <- {server}: {}", readable(unit)),
                Line::Note(note) => writeln!(text, "    *** {note}"),
            };
        }
        text
    }

    fn push(&mut self, line: Line) {
        if self.lines.len() == LINES {
            self.lines.pop_front();
            self.forgotten += 1;
        }
        self.lines.push_back(line);
    }
}

/// One header or frame in words, with the channel in front.
pub(super) fn readable(unit: &Unit) -> String {
    match unit {
        Unit::Header(header) => {
            format!("AMQP%d{} {}.{}.{}", header.id.0, header.major, header.minor, header.revision)
        }
        Unit::Broken(_, octets) => octets.clone(),
        Unit::Frame(frame) => match &frame.body {
            Body::Empty => format!("[{:#06x}] (empty frame)", frame.channel),
            Body::Performative(performative, payload) => {
                let size = if *payload == 0 { String::new() } else { format!(" ({payload} octets)") };
                format!("[{:#06x}] {performative}{size}", frame.channel)
            }
            Body::Sasl(None) => "[sasl] (empty frame)".to_owned(),
            Body::Sasl(Some(frame)) => format!("[sasl] {frame}"),
        },
    }
}
