//! The whole life of a message: built, encoded, sent, received, looked into, accepted and settled.

use std::fmt;
use std::time::{Duration, Instant};

use amqp_core::codec::{DeliveryState, LazyMessage, Message, MessageId, Properties, SenderSettleMode, Value};
use amqp_core::{Connection, Event, Outgoing, ReceiverId, Resolution, SendErrorReason, SenderId};
use bytes::{Bytes, BytesMut};

use crate::Outcome;
use crate::heap::Heap;
use crate::pair::Pair;

/// Messages that the receiver lets the sender send ahead; renewed at half.
const PREFETCH: u32 = 1000;
/// Messages before the measured ones, until every buffer has the size that it keeps.
const WARM_UP: u64 = 5_000;
/// Messages timed at once.
const SLICE: u64 = 10_000;
/// Encoded messages lie densely in pieces of this size.
const ARENA: usize = 64 * 1024;

/// Whether messages ask for an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The receiver accepts and settles each message.
    Unsettled,
    /// Messages are sent settled.
    Settled,
}

/// What the measured messages cost.
#[derive(Clone, Debug)]
pub struct Report {
    /// How many they were.
    pub count: u64,
    /// Octets of each message's data section.
    pub body: usize,
    /// Whether they asked for an outcome.
    pub settlement: Settlement,
    /// From the first message's making to the last one's settlement, both sides together.
    pub elapsed: Duration,
    /// Nanoseconds a message in the fastest ten thousand: what other programs add to the time is mostly left out.
    pub fastest: f64,
    /// What the sending side asked of the heap, its application included.
    pub sender: Heap,
    /// What the receiving side asked of the heap, its application included.
    pub receiver: Heap,
    /// Octets on the wire from the sender to the receiver.
    pub octets_out: u64,
    /// Octets on the wire from the receiver to the sender.
    pub octets_back: u64,
}

/// Sends `count` messages with data sections of `body` octets, after some more to warm up.
///
/// # Errors
/// Where `count` is 0, the engine refuses what it should not, or a message arrives changed.
pub fn run(count: u64, body: usize, settlement: Settlement) -> Outcome<Report> {
    if count == 0 {
        return Err("at least one message is needed".into());
    }
    let mut run = Run::new(body, settlement)?;
    run.messages(WARM_UP)?;
    run.pair.sender.reset();
    run.pair.receiver.reset();
    let (mut elapsed, mut fastest) = (Duration::ZERO, f64::INFINITY);
    let mut left = count;
    while left > 0 {
        let slice = left.min(SLICE);
        let start = Instant::now();
        run.messages(slice)?;
        let taken = start.elapsed();
        elapsed = elapsed.saturating_add(taken);
        fastest = fastest.min(nanoseconds(taken, slice));
        left = left.saturating_sub(slice);
    }
    let (sender, receiver) = (&run.pair.sender, &run.pair.receiver);
    Ok(Report {
        count,
        body,
        settlement,
        elapsed,
        fastest,
        sender: sender.heap,
        receiver: receiver.heap,
        octets_out: sender.octets,
        octets_back: receiver.octets,
    })
}

/// Both ends with their applications.
struct Run {
    pair: Pair,
    source: Source,
    sink: Sink,
}

impl Run {
    fn new(body: usize, settlement: Settlement) -> Outcome<Self> {
        let mode = match settlement {
            Settlement::Unsettled => SenderSettleMode::Unsettled,
            Settlement::Settled => SenderSettleMode::Settled,
        };
        let mut pair = Pair::new()?;
        let (sender, receiver) = pair.attach(mode, PREFETCH)?;
        let body = Bytes::from(vec![b'x'; body]);
        let sink = Sink { link: receiver, body: body.len(), received: 0 };
        let message = Message::data(body).id(0_u64).property("SendTime", 0_i64);
        let source =
            Source { link: sender, message, arena: BytesMut::new(), refused: None, sent: 0, resolved: 0 };
        Ok(Self { pair, source, sink })
    }

    /// Sends `count` more messages and waits until all of them are settled.
    fn messages(&mut self, count: u64) -> Outcome<()> {
        let (source, sink) = (&mut self.source, &mut self.sink);
        let end = source.sent.saturating_add(count);
        self.pair.sender.charge(|connection| source.send(connection, end))?;
        while source.resolved < end {
            let mut moved = self.pair.to_receiver();
            self.pair.receiver.charge(|connection| sink.on_events(connection))?;
            moved |= self.pair.to_sender();
            self.pair.sender.charge(|connection| source.on_events(connection, end))?;
            if !moved && source.resolved < end {
                return Err("no end has anything to say".into());
            }
        }
        while self.pair.to_receiver() {
            self.pair.receiver.charge(|connection| sink.on_events(connection))?;
        }
        if sink.received == end { Ok(()) } else { Err("messages were lost".into()) }
    }
}

/// The application that sends.
struct Source {
    link: SenderId,
    message: Message,
    arena: BytesMut,
    /// What the engine had no room for: it says when it has.
    refused: Option<Outgoing>,
    sent: u64,
    resolved: u64,
}

impl Source {
    fn on_events(&mut self, connection: &mut Connection, end: u64) -> Outcome<()> {
        while let Some(event) = connection.poll_event() {
            match event {
                Event::Credit(_) => self.send(connection, end)?,
                Event::Outcomes(_) => self.take_outcomes(connection)?,
                _ => return Err(format!("the sender did not expect {event:?}").into()),
            }
        }
        Ok(())
    }

    fn send(&mut self, connection: &mut Connection, end: u64) -> Outcome<()> {
        let mut link = connection.sender(self.link)?;
        while self.sent < end {
            let message = match self.refused.take() {
                Some(refused) => refused,
                None => self.encode()?.into(),
            };
            match link.send(message) {
                Ok(_) => self.sent = self.sent.saturating_add(1),
                Err(refused) if refused.reason == SendErrorReason::Blocked => {
                    self.refused = Some(*refused.message);
                    return Ok(());
                }
                Err(refused) => return Err(refused.into()),
            }
        }
        Ok(())
    }

    /// The next message: a message-id and a SendTime that count up, and the data section.
    fn encode(&mut self) -> Outcome<Bytes> {
        let number = self.sent;
        let properties = self.message.properties.get_or_insert_with(Properties::default);
        properties.message_id = Some(MessageId::Ulong(number));
        if let Some(time) = self.message.application_properties.as_mut().and_then(|it| it.get_mut("SendTime"))
        {
            *time = Value::Long(i64::try_from(number)?);
        }
        if self.arena.capacity() < ARENA / 64 {
            self.arena.reserve(ARENA);
        }
        self.message.encode(&mut self.arena);
        Ok(self.arena.split().freeze())
    }

    fn take_outcomes(&mut self, connection: &mut Connection) -> Outcome<()> {
        let mut link = connection.sender(self.link)?;
        while let Some((_, resolution)) = link.next_outcome() {
            match resolution {
                Resolution::Settled(None | Some(DeliveryState::Accepted)) => {
                    self.resolved = self.resolved.saturating_add(1);
                }
                other => return Err(format!("a message was not accepted: {other:?}").into()),
            }
        }
        Ok(())
    }
}

/// The application that receives.
struct Sink {
    link: ReceiverId,
    body: usize,
    received: u64,
}

impl Sink {
    fn on_events(&mut self, connection: &mut Connection) -> Outcome<()> {
        while let Some(event) = connection.poll_event() {
            match event {
                Event::Deliveries(_) => self.take_deliveries(connection)?,
                _ => return Err(format!("the receiver did not expect {event:?}").into()),
            }
        }
        Ok(())
    }

    fn take_deliveries(&mut self, connection: &mut Connection) -> Outcome<()> {
        let mut link = connection.receiver(self.link)?;
        while let Some(delivery) = link.next_delivery() {
            let message = LazyMessage::parse(delivery.payload)?;
            // Compared where they lie: moving a value that was only just written costs more than reading it.
            let same = matches!(message.message_id(), Ok(Some(MessageId::Ulong(id))) if id == self.received)
                && matches!(message.application_property("SendTime"), Ok(Some(Value::Long(time)))
                    if u64::try_from(time) == Ok(self.received))
                && message.body_len() == self.body;
            if !same {
                return Err(format!("message {} arrived changed", self.received).into());
            }
            if !delivery.settled {
                link.settle(delivery.key, DeliveryState::Accepted)?;
            }
            self.received = self.received.saturating_add(1);
        }
        Ok(())
    }
}

impl Report {
    /// Nanoseconds a message, both sides together.
    pub fn nanoseconds(&self) -> f64 {
        nanoseconds(self.elapsed, self.count)
    }

    /// Allocations a message of the sending and of the receiving side.
    pub fn allocations(&self) -> [f64; 2] {
        [self.sender, self.receiver].map(|heap| heap.allocations as f64 / self.messages())
    }

    /// Octets a message that the sending and the receiving side asked of the heap.
    pub fn allocated(&self) -> [f64; 2] {
        [self.sender, self.receiver].map(|heap| heap.allocated as f64 / self.messages())
    }

    /// Octets a message on the wire, both directions together.
    pub fn octets(&self) -> f64 {
        self.octets_out.saturating_add(self.octets_back) as f64 / self.messages()
    }

    /// The report as one line of JSON.
    pub fn json(&self) -> String {
        let ([sent, received], [sent_octets, received_octets]) = (self.allocations(), self.allocated());
        format!(
            "{{\"bench\":\"engine\",\"count\":{},\"body_bytes\":{},\"settlement\":\"{}\",\"ns\":{:.1},\
             \"ns_fastest\":{:.1},\"sender_allocations\":{sent:.4},\"receiver_allocations\":{received:.4},\
             \"sender_allocated_bytes\":{sent_octets:.1},\"receiver_allocated_bytes\":{received_octets:.1},\
             \"wire_bytes\":{:.1}}}",
            self.count,
            self.body,
            self.settlement,
            self.nanoseconds(),
            self.fastest,
            self.octets()
        )
    }

    fn messages(&self) -> f64 {
        self.count.max(1) as f64
    }
}

fn nanoseconds(time: Duration, messages: u64) -> f64 {
    time.as_secs_f64() * 1e9 / messages.max(1) as f64
}

/// The report as one line for people; every figure is one message's.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([sent, received], [sent_octets, received_octets]) = (self.allocations(), self.allocated());
        write!(
            f,
            "{} messages of {} B, {}: {:.1} ns, {:.1} ns at best; allocations {sent:.4} sending, {received:.4} receiving; \
             allocated {sent_octets:.1} B sending, {received_octets:.1} B receiving; {:.1} B on the wire",
            self.count,
            self.body,
            self.settlement,
            self.nanoseconds(),
            self.fastest,
            self.octets()
        )
    }
}

impl fmt::Display for Settlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsettled => "unsettled",
            Self::Settled => "settled",
        })
    }
}

impl std::str::FromStr for Settlement {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "unsettled" => Ok(Self::Unsettled),
            "settled" => Ok(Self::Settled),
            other => Err(format!("neither unsettled nor settled: {other}")),
        }
    }
}
