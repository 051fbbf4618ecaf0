//! What the broker makes of the links that clients attach.

use std::fmt::Display;
use std::sync::Arc;

use amqp_endpoint::codec::{
    Accepted, AttachSource, AttachTarget, DeliveryState, Error as Condition, ErrorCondition, Fields,
    LifetimePolicy, Modified, Rejected, Released, Source, StdDistMode, Str, Target,
};
use amqp_endpoint::{
    ConnectionOptions, Endpoint, IncomingReceiver, IncomingSender, LazyMessage, Received, Receiver,
    ReceiverOptions, SaslServer, SenderOptions, Symbol, Value,
};
use clap::{Parser, value_parser};

use super::queue::Consumer;
use super::queues::{Link, Queues};
use super::selector::Selector;

/// What a consumer may say of a message.
const OUTCOMES: [Symbol; 4] = [
    Symbol::from_static(Accepted::SYMBOL),
    REJECTED,
    Symbol::from_static(Released::SYMBOL),
    Symbol::from_static(Modified::SYMBOL),
];
const REJECTED: Symbol = Symbol::from_static(Rejected::SYMBOL);

/// A broker with queues in memory
#[derive(Parser)]
#[command(name = "broker")]
pub(crate) struct Arguments {
    /// Address to listen on; without a host, all of them
    #[arg(long, default_value = "127.0.0.1:5672")]
    addr: String,
    /// Messages that a producer may have on the way
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u32).range(1..))]
    credit: u32,
    /// Messages that a queue holds
    #[arg(long, default_value_t = 1000, value_parser = value_parser!(u32).range(1..))]
    qsize: u32,
    /// Take durable messages as well, although they are lost when the broker ends
    #[arg(long)]
    lose_durable: bool,
    /// Tell what happens
    #[arg(long)]
    debug: bool,
}

/// What all connections share.
#[derive(Clone)]
pub(crate) struct Broker {
    queues: Arc<Queues>,
    arguments: Arc<Arguments>,
}

impl Broker {
    /// A broker without queues.
    pub(crate) fn new(arguments: Arguments) -> Self {
        Self { queues: Queues::new(arguments.qsize), arguments: Arc::new(arguments) }
    }

    /// Where to listen.
    pub(crate) fn address(&self) -> String {
        let address = &self.arguments.addr;
        if address.starts_with(':') { format!("0.0.0.0{address}") } else { address.clone() }
    }

    /// How to accept connections: everybody may come in.
    pub(crate) fn options() -> ConnectionOptions {
        ConnectionOptions::default().sasl(SaslServer::new([Symbol::from_static("ANONYMOUS")]).optional())
    }

    /// A client wants to receive. None where it may not.
    pub(crate) fn consumer(&self, link: IncomingSender) -> Option<(Link, Consumer)> {
        match self.source(&link) {
            Ok((queue, selector, source)) => {
                self.log(format_args!("{} receives from {}", link.name(), queue.address));
                let default_outcome = default_outcome(source.default_outcome.as_deref());
                let sender = link.accept_with(SenderOptions::default().with_source(source));
                let consumer = queue.consumer(selector, default_outcome, sender);
                Some((queue, consumer))
            }
            Err(error) => {
                self.log(format_args!("{} is rejected: {error}", link.name()));
                link.reject(error);
                None
            }
        }
    }

    /// A client wants to send: to a queue, or where each message says. None where it may not.
    pub(crate) fn producer(&self, link: IncomingReceiver) -> Option<(Option<Link>, Receiver)> {
        match self.target(&link) {
            Ok((queue, target)) => {
                let address = target.address.as_deref().unwrap_or("where each message says");
                self.log(format_args!("{} sends to {address}", link.name()));
                let options = ReceiverOptions::default().prefetch(self.arguments.credit);
                Some((queue, link.accept_with(options.with_target(target))))
            }
            Err(error) => {
                self.log(format_args!("{} is rejected: {error}", link.name()));
                link.reject(error);
                None
            }
        }
    }

    /// The queue that a message itself is addressed to.
    pub(crate) fn route(&self, message: &LazyMessage) -> Result<Link, Condition> {
        match message.to() {
            Ok(Some(address)) => self.queues.link(&address),
            _ => Err(Condition::new(ErrorCondition::INVALID_FIELD, "the message does not say where it goes")),
        }
    }

    /// §3.2.1: what has to outlive the broker is not taken, because nothing does.
    pub(crate) fn would_lose(&self, message: &LazyMessage) -> bool {
        !self.arguments.lose_durable
            && message.header().is_ok_and(|header| header.is_some_and(|header| header.durable))
    }

    /// Says that a durable message is not taken: of the message, where the producer can be told, and otherwise of the link.
    pub(crate) fn refuse_durable(Received { delivery, .. }: Received, receiver: &Receiver) {
        let text = "durable messages are not kept here: see --lose-durable";
        let error = Condition::new(ErrorCondition::PRECONDITION_FAILED, text);
        let may_reject = match receiver.remote().and_then(|attach| attach.source).as_deref() {
            Some(AttachSource::Source(Source { outcomes, .. })) => {
                outcomes.is_empty() || outcomes.contains(&REJECTED)
            }
            _ => true,
        };
        if may_reject && !delivery.is_settled() {
            delivery.reject(Some(error));
        } else {
            receiver.close_with(error);
        }
    }

    /// Tells what happens.
    pub(crate) fn log(&self, what: impl Display) {
        if self.arguments.debug {
            eprintln!("{what}");
        }
    }

    /// What a consumer receives from, and what that is like: what else it wished is not said, because it does not have it.
    fn source(&self, link: &IncomingSender) -> Result<(Link, Option<Selector>, Source), Condition> {
        let Some(AttachSource::Source(wish)) = link.attach().source.as_deref() else {
            return Err(Condition::new(ErrorCondition::NOT_IMPLEMENTED, "only queues can be received from"));
        };
        if wish.distribution_mode == Some(StdDistMode::COPY) {
            return Err(Condition::new(ErrorCondition::NOT_IMPLEMENTED, "messages are moved, not copied"));
        }
        let selector = Selector::of(wish.filter.as_ref())?;
        let queue = match &wish.address {
            _ if wish.dynamic => self.queues.temporary(&link.new_address()),
            Some(address) => self.queues.link(address)?,
            None => return Err(Condition::new(ErrorCondition::INVALID_FIELD, "a source needs an address")),
        };
        let source = Source {
            address: Some(Str::from(&queue.address)),
            dynamic: wish.dynamic,
            dynamic_node_properties: wish.dynamic.then(temporary),
            distribution_mode: Some(StdDistMode::MOVE),
            filter: wish.filter.clone(),
            default_outcome: Some(Box::new(default_outcome(wish.default_outcome.as_deref()))),
            outcomes: OUTCOMES.into_iter().collect(),
            ..Source::default()
        };
        Ok((queue, selector, source))
    }

    /// What a producer sends to, and what that is like.
    fn target(&self, link: &IncomingReceiver) -> Result<(Option<Link>, Target), Condition> {
        let Some(AttachTarget::Target(wish)) = link.attach().target.as_deref() else {
            return Err(Condition::new(ErrorCondition::NOT_IMPLEMENTED, "only queues can be sent to"));
        };
        let queue = match &wish.address {
            _ if wish.dynamic => Some(self.queues.temporary(&link.new_address())),
            address => address.as_deref().map(|address| self.queues.link(address)).transpose()?,
        };
        let target = Target {
            address: queue.as_ref().map(|queue| Str::from(&queue.address)),
            dynamic: wish.dynamic,
            dynamic_node_properties: wish.dynamic.then(temporary),
            ..Target::default()
        };
        Ok((queue, target))
    }
}

/// What becomes of a message whose consumer does not tell: what the consumer wishes, or else, as it may have arrived, an
/// attempt that failed.
fn default_outcome(wish: Option<&DeliveryState>) -> DeliveryState {
    match wish {
        Some(
            outcome @ (DeliveryState::Accepted
            | DeliveryState::Rejected(_)
            | DeliveryState::Released
            | DeliveryState::Modified(_)),
        ) => outcome.clone(),
        _ => DeliveryState::Modified(Modified { delivery_failed: true, ..Modified::default() }),
    }
}

/// The properties of temporary queues.
fn temporary() -> Fields {
    let lifetime = Value::of(&LifetimePolicy::DeleteOnClose).unwrap_or_default();
    Fields::from([
        (Symbol::from_static("lifetime-policy"), lifetime),
        (Symbol::from_static("supported-dist-modes"), Value::Symbol(StdDistMode::MOVE)),
    ])
}
