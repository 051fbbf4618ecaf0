//! What the broker makes of the links that clients attach.

use std::fmt::Display;
use std::sync::Arc;

use amqp_endpoint::codec::{
    AttachSource, AttachTarget, Error as Condition, ErrorCondition, Source, StdDistMode, Str,
};
use amqp_endpoint::{
    ConnectionOptions, IncomingReceiver, IncomingSender, LazyMessage, Receiver, ReceiverOptions, SaslServer,
    SenderOptions, Symbol,
};
use clap::{Parser, value_parser};

use crate::queue::Consumer;
use crate::queues::{Link, Queues};
use crate::selector::Selector;

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
            Ok((queue, selector)) => {
                self.log(format_args!("{} receives from {}", link.name(), queue.address));
                let options = SenderOptions::default().dynamic_address(Str::from(&queue.address));
                let consumer = queue.consumer(selector, link.accept_with(options));
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
            Ok(queue) => {
                let address = queue.as_ref().map_or("where each message says", |queue| &queue.address);
                self.log(format_args!("{} sends to {address}", link.name()));
                let mut options = ReceiverOptions::default().prefetch(self.arguments.credit);
                options.dynamic_address = queue.as_ref().map(|queue| Str::from(&queue.address));
                Some((queue, link.accept_with(options)))
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

    /// Tells what happens.
    pub(crate) fn log(&self, what: impl Display) {
        if self.arguments.debug {
            eprintln!("{what}");
        }
    }

    fn source(&self, link: &IncomingSender) -> Result<(Link, Option<Selector>), Condition> {
        let source = link.attach().source.as_deref();
        if let Some(AttachSource::Source(Source { distribution_mode: Some(mode), .. })) = source
            && *mode == StdDistMode::COPY
        {
            return Err(Condition::new(ErrorCondition::NOT_IMPLEMENTED, "messages are moved, not copied"));
        }
        let selector = Selector::of(source)?;
        let queue = match link.source() {
            _ if link.is_dynamic() => self.queues.temporary(),
            Some(address) => self.queues.link(&address)?,
            None => return Err(Condition::new(ErrorCondition::INVALID_FIELD, "a source needs an address")),
        };
        Ok((queue, selector))
    }

    fn target(&self, link: &IncomingReceiver) -> Result<Option<Link>, Condition> {
        if !matches!(link.attach().target.as_deref(), Some(AttachTarget::Target(_))) {
            return Err(Condition::new(ErrorCondition::NOT_IMPLEMENTED, "only queues can be sent to"));
        }
        if link.is_dynamic() {
            return Ok(Some(self.queues.temporary()));
        }
        link.target().map(|address| self.queues.link(&address)).transpose()
    }
}
