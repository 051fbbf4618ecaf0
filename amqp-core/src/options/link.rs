//! Options of links.

use alloc::boxed::Box;

use amqp_codec::{
    AttachSource, AttachTarget, Fields, Multiple, ReceiverSettleMode, SenderSettleMode, SequenceNo, Serial,
    Source, Str, Symbol, Target, TerminusDurability, TerminusExpiryPolicy,
};

super::options! {
    /// What a sender attaches with (§2.7.3). Where it answers a peer's attach, what is not set repeats
    /// the peer's wish, but for filters and properties of a dynamic node: which of these are in force a source that is set
    /// says; the name and the mode that the peer decides are the peer's, and where the peer attaches a detached link again,
    /// everything is as it was.
    SenderOptions {
        /// The link's name, unique for its direction between the two containers. None: one made of the container's id and
        /// a number, which another connection of the same container would make again: name links that must not meet.
        name?: Str,
        /// Where the messages come from.
        source?: Box<AttachSource>,
        /// Where the messages shall go.
        target?: Box<AttachTarget>,
        /// Accepting: the address of the node where the peer asks for a dynamic one; of no meaning otherwise, or
        /// where the source that is set has one.
        dynamic_address?: Str,
        /// Whether deliveries are sent settled. None: mixed.
        snd_settle_mode?: SenderSettleMode,
        /// When the receiver should settle. None: first.
        rcv_settle_mode?: ReceiverSettleMode,
        /// The delivery-count to begin with.
        initial_delivery_count: SequenceNo = Serial(0),
        /// The largest message that this side will send, in octets. None: not said.
        max_message_size?: u64,
        /// Extensions that this side has.
        offered_capabilities: Multiple<Symbol> = Multiple::default(),
        /// Extensions that this side may use if the peer has them.
        desired_capabilities: Multiple<Symbol> = Multiple::default(),
        /// Further facts about the link.
        properties?: Fields,
        /// Give credit that is not used back by itself to a receiver that drains, with the next output. False: the
        /// application is told ([`crate::Event::Draining`]), sends what it has, and calls [`crate::Sender::drained`].
        auto_drain: bool = true,
        /// Settle by itself once the receiver has told its outcome. False: the application calls `settle`.
        auto_settle: bool = true,
        /// Keep the payload of every delivery until it is settled, so that it can be sent again.
        retain_unsettled: bool = false,
    }
}

impl SenderOptions {
    /// A sender to the node `address`.
    pub fn new(address: impl Into<Str>) -> Self {
        let target = Target { address: Some(address.into()), ..Target::default() };
        Self::default().with_source(Source::default()).with_target(target)
    }

    /// Sets the source.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<AttachSource>) -> Self {
        self.source = Some(Box::new(source.into()));
        self
    }

    /// Sets the target.
    #[must_use]
    pub fn with_target(mut self, target: impl Into<AttachTarget>) -> Self {
        self.target = Some(Box::new(target.into()));
        self
    }
}

super::options! {
    /// What a receiver attaches with (§2.7.3). Where it answers a peer's attach, what is not set repeats
    /// the peer's wish, but for the properties of a dynamic node: which of these it has a target that is set says; the name
    /// and the mode that the peer decides are the peer's, and where the peer attaches a detached link again, everything is
    /// as it was.
    ReceiverOptions {
        /// The link's name, unique for its direction between the two containers. None: one made of the container's id and
        /// a number, which another connection of the same container would make again: name links that must not meet.
        name?: Str,
        /// Where the messages shall come from.
        source?: Box<AttachSource>,
        /// Where the messages go.
        target?: Box<AttachTarget>,
        /// Accepting: the address of the node where the peer asks for a dynamic one; of no meaning otherwise, or
        /// where the target that is set has one.
        dynamic_address?: Str,
        /// Whether deliveries should be sent settled. None: mixed.
        snd_settle_mode?: SenderSettleMode,
        /// When this side settles. None: first.
        rcv_settle_mode?: ReceiverSettleMode,
        /// The largest message that is accepted, in octets, announced to the sender. None or 0: `Limits::message_size`.
        max_message_size?: u64,
        /// Extensions that this side has.
        offered_capabilities: Multiple<Symbol> = Multiple::default(),
        /// Extensions that this side may use if the peer has them.
        desired_capabilities: Multiple<Symbol> = Multiple::default(),
        /// Further facts about the link.
        properties?: Fields,
        /// Who grants credit, and when. By default there is credit for as many deliveries as the application waits for.
        credit: CreditMode = CreditMode::default(),
        /// Hand deliveries out from their first frame on, to be read while they arrive.
        streaming: bool = false,
    }
}

impl ReceiverOptions {
    /// A receiver from the node `address`.
    pub fn new(address: impl Into<Str>) -> Self {
        let source = Source { address: Some(address.into()), ..Source::default() };
        Self::default().with_source(source).with_target(Target::default())
    }

    /// Sets the source.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<AttachSource>) -> Self {
        self.source = Some(Box::new(source.into()));
        self
    }

    /// Sets the target.
    #[must_use]
    pub fn with_target(mut self, target: impl Into<AttachTarget>) -> Self {
        self.target = Some(Box::new(target.into()));
        self
    }

    /// A subscription that outlives its link and its connection: the link's name is `name`, and the source keeps what is
    /// unsettled and never expires (§3.5.3). Detach it to come back, close it to end it.
    #[must_use]
    pub fn durable_subscription(self, name: impl Into<Str>) -> Self {
        self.name(name.into()).change_source(|source| {
            source.durable = TerminusDurability::UnsettledState;
            source.expiry_policy = TerminusExpiryPolicy::Never;
        })
    }

    /// Wants only messages that all filters of `set` let pass (§3.5.8); what is in force the peer's source says.
    #[must_use]
    pub fn filter(self, set: Fields) -> Self {
        self.change_source(|source| source.filter = Some(set))
    }

    /// A node that the peer makes for this link and that goes with it (§3.5.3): the peer's source has its address.
    #[must_use]
    pub fn dynamic(self) -> Self {
        self.change_source(|source| {
            source.address = None;
            source.dynamic = true;
        })
    }

    fn change_source(self, change: impl FnOnce(&mut Source)) -> Self {
        let mut source = match self.source.as_deref() {
            Some(AttachSource::Source(source)) => source.clone(),
            _ => Source::default(),
        };
        change(&mut source);
        self.with_source(source)
    }

    /// As many deliveries as the application waits for, and at most `most`.
    #[must_use]
    pub fn capacity(self, most: u32) -> Self {
        self.credit(CreditMode::OnDemand(most))
    }

    /// Keeps credit for `window` deliveries, renewed at half.
    #[must_use]
    pub fn prefetch(self, window: u32) -> Self {
        self.credit(CreditMode::Prefetch(window))
    }
}

/// Electron's pairs of settle modes.
macro_rules! reliability {
    ($($options:ident)+) => { $(
        impl $options {
            /// Deliveries are sent settled: each arrives once or not at all.
            #[must_use]
            pub fn at_most_once(self) -> Self {
                self.snd_settle_mode(SenderSettleMode::Settled).rcv_settle_mode(ReceiverSettleMode::First)
            }

            /// Deliveries are sent unsettled and settled by the receiver: each arrives once, or again after a failure.
            #[must_use]
            pub fn at_least_once(self) -> Self {
                self.snd_settle_mode(SenderSettleMode::Unsettled).rcv_settle_mode(ReceiverSettleMode::First)
            }

            /// Deliveries are sent unsettled and the receiver settles after the sender: three steps (§2.6.12), for both
            /// sides to know of each that the other knows.
            #[must_use]
            pub fn exactly_once(self) -> Self {
                self.snd_settle_mode(SenderSettleMode::Unsettled).rcv_settle_mode(ReceiverSettleMode::Second)
            }
        }
    )+ };
}
reliability! { SenderOptions ReceiverOptions }

/// Who grants credit to the sender, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreditMode {
    /// The application, by [`crate::Receiver::grant`].
    Manual,
    /// The engine: so many deliveries granted or waiting to be taken, topped up when half of them have been taken.
    Prefetch(u32),
    /// The engine: as many as the application waits for ([`crate::Receiver::demand`]), at most so many.
    OnDemand(u32),
}

impl Default for CreditMode {
    fn default() -> Self {
        Self::OnDemand(u32::MAX)
    }
}
