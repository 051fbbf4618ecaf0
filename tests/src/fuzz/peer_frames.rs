//! Frames of a peer that knows the protocol: plausible where the input is not bent on something else.

use std::sync::Arc;

use amqp_core::codec::{
    Attach, AttachSource, AttachTarget, Begin, Close, Coordinator, DeliveryState, DeliveryTag, Detach,
    Disposition, End, Error, ErrorCondition, Fields, Flow, Modified, Open, Performative, Received,
    ReceiverSettleMode, Rejected, Role, SenderSettleMode, Serial, Source, Symbol, Target, Transfer,
    UnsettledMap, Value,
};

use super::input::Input;
use crate::script::{HANDLE, Script, peer_begin, peer_open};

/// What the peer keeps in mind to be plausible.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The delivery-id of its next delivery.
    next_delivery: u32,
    /// Its delivery goes on.
    unfinished: bool,
    /// Its transfer frames so far.
    transfers: u32,
    /// Where the delivery-count of the link begins on which it receives.
    first_count: u32,
    /// It has said something that it cannot know or mean, so that its credit is not what it seems.
    pub(super) astray: bool,
}

impl Memory {
    /// Nothing was said; the engine's link begins with this delivery-count.
    pub(super) fn new(first_count: u32) -> Self {
        Self { first_count, ..Self::default() }
    }

    /// What the peer says next.
    pub(super) fn performative(&mut self, script: &Script, input: &mut Input<'_>) -> Performative {
        let what = input.below(32);
        self.astray |= matches!(what, 1..=6 | 28..=30);
        match what {
            0 => Open { idle_time_out: maybe(input, 500), ..peer_open() }.into(),
            1 | 2 => begin(input).into(),
            3..=6 => attach(input).into(),
            7..=14 => flow(self, script, input).into(),
            15..=22 => self.transfer(input).into(),
            23..=27 => disposition(self, input).into(),
            28 | 29 => Detach { handle: handle(input), closed: input.flag(), error: failure(input) }.into(),
            30 => End { error: failure(input) }.into(),
            _ => match input.octet() {
                0..=30 => Close { error: failure(input) }.into(),
                _ => flow(self, script, input).into(),
            },
        }
    }

    fn transfer(&mut self, input: &mut Input<'_>) -> Transfer {
        self.transfers = self.transfers.wrapping_add(1);
        let goes_on = std::mem::replace(&mut self.unfinished, input.once_in(3));
        let id = input.near(self.next_delivery).wrapping_sub(u32::from(input.octet() % 2));
        let odd = input.octet();
        let id = if odd < 230 { self.next_delivery.wrapping_sub(u32::from(goes_on)) } else { id };
        if !goes_on {
            self.next_delivery = self.next_delivery.wrapping_add(1);
        }
        let said = !goes_on || odd & 1 != 0;
        let tag = if odd & 6 == 6 { vec![odd; usize::from(odd % 40)] } else { id.to_be_bytes().to_vec() };
        Transfer {
            handle: if input.once_in(8) { handle(input) } else { HANDLE + 1 },
            delivery_id: said.then_some(Serial(id)),
            delivery_tag: said.then(|| DeliveryTag::new(&tag).ok()).flatten(),
            message_format: said.then_some(0),
            settled: [None, None, Some(true), Some(false)][usize::from(odd >> 3 & 3)],
            more: self.unfinished,
            rcv_settle_mode: (!goes_on && odd >> 5 == 7).then_some(ReceiverSettleMode::Second),
            state: if input.once_in(8) { state(input) } else { None },
            resume: input.once_in(32),
            aborted: input.once_in(16),
            batchable: odd & 16 != 0,
        }
    }
}

/// The channel of a frame: mostly that of the session that is there.
pub(super) fn channel(input: &mut Input<'_>, usual: u16) -> u16 {
    match input.octet() {
        0..=219 => usual,
        octet @ 220..=250 => u16::from(octet % 8),
        octet => u16::from_be_bytes([octet, input.octet()]),
    }
}

fn begin(input: &mut Input<'_>) -> Begin {
    let remote_channel = input.flag().then(|| u16::from(input.octet() % 4));
    Begin {
        remote_channel,
        next_outgoing_id: Serial(input.near(0)),
        incoming_window: input.near(0),
        handle_max: if input.flag() { u32::MAX } else { input.near(0) },
        ..peer_begin()
    }
}

fn attach(input: &mut Input<'_>) -> Attach {
    let sends = input.flag();
    let incomplete_unsettled = input.once_in(16);
    let name = input.pick(&["engine-1", "engine-2", "L", "M", "N"]);
    let modes = [SenderSettleMode::Mixed, SenderSettleMode::Unsettled, SenderSettleMode::Settled];
    Attach {
        name: name.into(),
        handle: handle(input),
        role: if sends { Role::Sender } else { Role::Receiver },
        snd_settle_mode: input.pick(&modes),
        rcv_settle_mode: input.pick(&[ReceiverSettleMode::First, ReceiverSettleMode::Second]),
        source: source(input),
        target: target(input),
        unsettled: unsettled(input),
        incomplete_unsettled,
        initial_delivery_count: (sends != input.once_in(32)).then(|| Serial(input.near(0))),
        max_message_size: maybe(input, 0).map(u64::from),
        ..Attach::default()
    }
}

fn source(input: &mut Input<'_>) -> Option<Box<AttachSource>> {
    let dynamic = match input.octet() {
        0..=19 => return None,
        octet => octet < 40,
    };
    let address = (!dynamic).then(|| "node".into());
    Some(Box::new(Source { address, dynamic, ..Source::default() }.into()))
}

fn target(input: &mut Input<'_>) -> Option<Box<AttachTarget>> {
    let dynamic = match input.octet() {
        0..=19 => return None,
        20..=29 => return Some(Box::new(Coordinator::default().into())),
        octet => octet < 40,
    };
    let address = (!dynamic).then(|| "node".into());
    Some(Box::new(Target { address, dynamic, ..Target::default() }.into()))
}

fn unsettled(input: &mut Input<'_>) -> Option<UnsettledMap> {
    let entries = input.octet().checked_sub(200)? % 4;
    let tag = |number: u8| DeliveryTag::from([0, 0, 0, number]);
    Some((0..entries).map(|number| (tag(number), state(input))).collect())
}

fn flow(memory: &mut Memory, script: &Script, input: &mut Input<'_>) -> Flow {
    let mut flow = Flow { next_outgoing_id: Serial(memory.transfers), ..script.flow() };
    if input.once_in(4) {
        memory.astray = true;
        flow.next_incoming_id = flow.next_incoming_id.map(|id| Serial(input.near(id.0)));
        flow.incoming_window = input.near(flow.incoming_window);
        flow.next_outgoing_id = Serial(input.near(flow.next_outgoing_id.0));
    }
    (flow.drain, flow.echo) = (input.once_in(4), input.once_in(4));
    if input.octet() < 40 {
        flow.drain &= input.once_in(8);
        return flow;
    }
    flow.handle = Some(HANDLE);
    flow.delivery_count = Some(Serial(memory.first_count));
    if input.once_in(4) {
        memory.astray = true;
        flow.handle = Some(handle(input));
        flow.delivery_count = maybe(input, memory.first_count).map(Serial);
    }
    flow.link_credit = maybe(input, 5);
    flow.available = maybe(input, 0);
    flow
}

fn disposition(memory: &Memory, input: &mut Input<'_>) -> Disposition {
    let role = if input.once_in(3) { Role::Sender } else { Role::Receiver };
    let base = if role == Role::Sender { memory.next_delivery.wrapping_sub(4) } else { 0 };
    let first = input.near(base);
    Disposition {
        role,
        first: Serial(first),
        last: input.flag().then(|| Serial(input.near(first))),
        settled: input.flag(),
        state: state(input),
        batchable: input.once_in(8),
    }
}

fn handle(input: &mut Input<'_>) -> u32 {
    match input.octet() {
        0..=99 => HANDLE,
        100..=199 => HANDLE + 1,
        octet @ 200..=240 => u32::from(octet % 16),
        _ => input.near(250),
    }
}

fn maybe(input: &mut Input<'_>, base: u32) -> Option<u32> {
    (!input.once_in(4)).then(|| input.near(base))
}

fn state(input: &mut Input<'_>) -> Option<DeliveryState> {
    Some(match input.octet() {
        0..=79 => DeliveryState::Accepted,
        80..=109 => DeliveryState::Released,
        110..=129 => DeliveryState::Rejected(Rejected { error: failure(input).map(Arc::new) }),
        130..=149 => {
            DeliveryState::Modified(Modified { undeliverable_here: input.flag(), ..Modified::default() })
        }
        150..=189 => {
            let section_offset = u64::from(input.near(0));
            DeliveryState::Received(Received { section_number: input.near(0), section_offset })
        }
        _ => return None,
    })
}

fn failure(input: &mut Input<'_>) -> Option<Error> {
    let octet = input.octet().checked_sub(128)?;
    let conditions =
        [ErrorCondition::NOT_FOUND, ErrorCondition::INTERNAL_ERROR, ErrorCondition::LINK_REDIRECT];
    let condition = input.pick(&conditions.each_ref()).clone();
    let description = (octet & 1 != 0).then(|| "x".repeat(usize::from(octet) * 4).into());
    let info = |number: u8| -> Fields {
        [(Symbol::from_static("hostname"), Value::from(number))].into_iter().collect()
    };
    Some(Error { condition, description, info: (octet & 2 != 0).then(|| info(octet)) })
}
