//! One input, cut in two ways.

use amqp_core::{CloseReason, Connection, Event, Instant};
use bytes::BytesMut;

use super::application::Application;
use super::input::Input;
use super::setup;
use crate::chop::Chop;
use crate::oracle::Side;
use crate::pair::Door;

/// Four octets choose how an engine is made, what its application likes, when that acts and how the rest is cut; the
/// rest is what the peer says. In whatever pieces and through whatever door it comes, it has the same effect.
pub fn chop(data: &[u8]) {
    let mut input = Input::new(data);
    let (setup, habit, turn, cut) = (input.octet(), input.octet(), input.octet(), input.octet());
    let case = Case { setup, habit, turn };
    let stream = input.rest();
    let door = [Door::Slice, Door::Buffer, Door::Both][usize::from(cut % 3)];
    let way = if cut & 0x80 == 0 { Chop::Random(u64::from(cut)) } else { Chop::Octets };
    let whole = case.run(stream, Chop::Whole, Door::Slice);
    let pieces = case.run(stream, way, door);
    assert_eq!(whole, pieces, "{way:?} through {door:?}");
}

/// What there is beside the octets.
#[derive(Clone, Copy)]
struct Case {
    setup: u8,
    habit: u8,
    turn: u8,
}

/// What an engine did.
#[derive(Debug, Default, PartialEq)]
struct Effect {
    written: Vec<u8>,
    events: Vec<Event>,
    reason: Option<CloseReason>,
    frames: u64,
    /// What the application got.
    digest: u64,
}

impl Case {
    fn run(self, stream: &[u8], mut chop: Chop, door: Door) -> Effect {
        let side = if self.turn & 1 == 0 { Side::Server } else { Side::Client };
        let options = setup::secured(side, self.setup);
        let mut engine = match side {
            Side::Client => Connection::client(options),
            Side::Server => Connection::server(options),
        };
        let mut application = Application::new(self.habit, false);
        let mut effect = Effect::default();
        let (mut buffer, mut turns) = (BytesMut::new(), 0_u8);
        for mut said in stream.chunks(self.turn_of_octets()) {
            while !said.is_empty() {
                let (piece, rest) = said.split_at(chop.next(said.len()));
                said = rest;
                turns = turns.wrapping_add(1);
                let buffered = door == Door::Buffer || door == Door::Both && turns % 2 == 1;
                if buffered || !buffer.is_empty() {
                    buffer.extend_from_slice(piece);
                    _ = engine.handle_input_buf(&mut buffer, Instant::ORIGIN);
                } else {
                    _ = engine.handle_input(piece, Instant::ORIGIN);
                }
            }
            effect.settle(&mut engine, &mut application);
        }
        _ = engine.handle_eof(Instant::ORIGIN);
        effect.settle(&mut engine, &mut application);
        effect.reason = engine.close_reason().cloned();
        effect.frames = engine.counters().frames_in;
        effect.digest = application.digest;
        effect
    }

    /// After so many octets the application gets its turn, wherever that is.
    fn turn_of_octets(self) -> usize {
        match self.turn >> 1 {
            0..=31 => usize::MAX,
            turn => usize::from(turn) * 4,
        }
    }
}

impl Effect {
    /// Takes everything there is to say and tell, and the application acts on it.
    fn settle(&mut self, engine: &mut Connection, application: &mut Application) {
        loop {
            let before = (self.written.len(), self.events.len());
            while let Some(event) = engine.poll_event() {
                application.hear(event);
                self.events.push(event);
            }
            while let Some(octets) = engine.poll_output(Instant::ORIGIN) {
                self.written.extend_from_slice(&octets);
            }
            if !application.attend(engine) && before == (self.written.len(), self.events.len()) {
                return;
            }
        }
    }
}
