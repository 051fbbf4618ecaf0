//! One engine with a session and links, and a peer that knows how to speak to it.

use std::time::Duration;

use amqp_core::SessionOptions;
use amqp_core::codec::{Attach, EMPTY_FRAME, Performative};

use super::application::Application;
use super::input::Input;
use super::peer_frames::{Memory, channel};
use super::setup;
use super::subject::Subject;
use crate::script::{CHANNEL, HANDLE, Script, frame, peer_begin, peer_open, peer_receiver, peer_sender};

/// The input chooses how the engine is made and then what happens, step by step: frames of the peer, most of them
/// plausible, some with an octet changed; calls of the application; and time.
pub fn peer(data: &[u8]) {
    let mut input = Input::new(data);
    let (mut subject, mut memory) = start(&mut input);
    while !input.is_empty() {
        match input.below(32) {
            0..=15 => say(&mut subject, &mut memory, &mut input),
            16..=24 => subject.application.call(&mut subject.script.engine, &mut input),
            25..=27 => subject.settle(),
            28 => drop(subject.write()),
            29 => drop(subject.application.attend(&mut subject.script.engine)),
            30 => subject.give(&EMPTY_FRAME),
            _ => subject.advance(Duration::from_millis(1 << (input.octet() % 17))),
        }
        subject.listen();
        subject.is_bounded();
    }
    subject.end();
}

/// Opens, a session that the engine began, one link that it sends on ([`HANDLE`]) and one that it receives on.
fn start(input: &mut Input<'_>) -> (Subject, Memory) {
    let options = setup::connection(input.octet()).channel_max(15_u16);
    let habits = [(); 3].map(|()| input.octet());
    let mut script = match input.octet() % 2 {
        0 => Script::server(options),
        _ => Script::client(options.allow_incoming(true)),
    };
    script.open(&peer_open());
    let session = script.begin(SessionOptions::default(), &peer_begin());
    let sender = script.attach_sender(session, setup::sender(habits[1]), &peer_receiver("L"));
    let answer = Attach { handle: HANDLE + 1, ..peer_sender("M") };
    let receiver = script.attach_receiver(session, setup::receiver(habits[2]), &answer);
    let mut application = Application::new(habits[0], false);
    application.sessions.insert(session);
    application.senders.insert(sender);
    application.receivers.insert(receiver);
    let mut subject = Subject::new(script, application);
    subject.settle();
    (subject, Memory::new(setup::sender(habits[1]).initial_delivery_count.0))
}

fn say(subject: &mut Subject, memory: &mut Memory, input: &mut Input<'_>) {
    let performative = memory.performative(&subject.script, input);
    let usual =
        if matches!(performative, Performative::Open(_) | Performative::Close(_)) { 0 } else { CHANNEL };
    let channel = channel(input, usual);
    let payload = match &performative {
        Performative::Transfer(_) => vec![b'x'; input.length(700)],
        _ => Vec::new(),
    };
    let mut octets = frame(channel, &performative, &payload);
    if input.once_in(32) {
        let at = usize::from(input.octet()) % octets.len();
        octets[at] ^= 1 << (input.octet() % 8);
        memory.astray = true;
    }
    if memory.astray {
        subject.goes_astray();
    }
    subject.give(&octets);
}
