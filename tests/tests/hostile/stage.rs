//! The states that cases begin in.

use std::collections::BTreeSet;

use amqp_core::codec::{
    Attach, Begin, Error, ErrorCondition, Flow, Open, SaslCode, SaslFrame, SaslInit, SaslMechanisms,
    SaslOutcome, SenderSettleMode, Serial, Symbol,
};
use amqp_core::{
    ConnectionOptions, Credentials, Event, Limits, ReceiverId, ReceiverOptions, SaslServer, SenderId,
    SenderOptions, SessionId, SessionOptions,
};
use amqp_tests::oracle::Side;
use amqp_tests::script::{Script, peer_begin, peer_open, peer_receiver, peer_sender};

/// Which end the engine is, and what it puts up with.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The side of the engine.
    pub(crate) side: Side,
    /// What it opens with.
    pub(crate) connection: ConnectionOptions,
    /// What it begins with and answers begins with.
    pub(crate) session: SessionOptions,
}

impl Setup {
    /// The limits that the octets of the cases assume.
    pub(crate) fn new(side: Side) -> Self {
        let limits = Limits::default().message_size(1024_u64);
        let connection = ConnectionOptions::new("engine").max_frame_size(4096_u32).channel_max(3_u16);
        Self {
            side,
            connection: connection.limits(limits).accept_connection(true),
            session: SessionOptions::default().handle_max(7_u32),
        }
    }

    /// The same with other limits.
    pub(crate) fn limits(mut self, change: impl FnOnce(Limits) -> Limits) -> Self {
        self.connection.limits = change(self.connection.limits);
        self
    }
}

/// An engine in the state that a case begins in, with everything it had to say and tell until then taken.
pub(crate) struct Stage {
    /// The engine and its peer.
    pub(crate) script: Script,
    /// What the engine was made with.
    pub(crate) setup: Setup,
    /// The session, where there is one.
    pub(crate) session: Option<SessionId>,
    /// The link, where the engine sends on it.
    pub(crate) sender: Option<SenderId>,
    /// The link, where the engine receives on it.
    pub(crate) receiver: Option<ReceiverId>,
    /// All links of which the application has heard.
    pub(crate) links: Links,
}

/// Links that an application looks after.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// Those it sends on.
    pub(crate) senders: BTreeSet<SenderId>,
    /// Those it receives on.
    pub(crate) receivers: BTreeSet<ReceiverId>,
}

/// The side that a case is about.
pub(crate) fn side_of(start: &str) -> Side {
    if matches!(start, "P0c" | "QC" | "client") { Side::Client } else { Side::Server }
}

impl Stage {
    /// The state called `start`. Where limits are too small for it, as much of it as they allow.
    pub(crate) fn new(start: &str, mut setup: Setup) -> Self {
        match start {
            _ if start.starts_with('Q') => setup.offer_sasl(start),
            "PR3 window 2" => setup.session.incoming_window = setup.session.incoming_window.min(2),
            _ if start.starts_with("PR3, window 3") => {
                setup.session.incoming_window = setup.session.incoming_window.min(3);
            }
            // Ten deliveries on both sides of the end of the numbers.
            "PSwrap" => setup.session.next_delivery_id = Serial(u32::MAX - 4),
            _ => {}
        }
        let script = match setup.side {
            Side::Client => Script::client(setup.connection.clone()),
            Side::Server => Script::server(setup.connection.clone()),
        };
        let links = Links::default();
        let mut stage = Self { script, setup, session: None, sender: None, receiver: None, links };
        stage.reach(start);
        stage.settle();
        stage.links.senders.extend(stage.sender);
        stage.links.receivers.extend(stage.receiver);
        stage
    }

    fn reach(&mut self, start: &str) {
        match start {
            "P0" | "P0c" => {}
            "QS" | "QM" | "QC" | "QS+ok" => self.secure(start),
            "PH" => self.headers(),
            "PO" | "any" => self.open(&peer_open()),
            "PO512" => self.open(&Open { max_frame_size: 512, ..peer_open() }),
            "PO+err" => {
                self.open(&peer_open());
                self.script.engine.close(Some(failure()));
            }
            "PO+begin" => {
                self.open(&peer_open());
                self.session = self.script.engine.begin(self.setup.session.clone()).ok();
            }
            "PB (we began)" => {
                self.reach("PO+begin");
                self.settle();
                self.script.give_on(0, &Begin { remote_channel: Some(0), ..peer_begin() });
            }
            "PB" => {
                self.open(&peer_open());
                self.begin();
            }
            "PB+err" => {
                self.reach("PB");
                self.settle();
                let error = Some(failure());
                self.with_session(|stage, id| {
                    stage.script.engine.session(id).ok().and_then(|mut it| it.end(error).ok());
                });
            }
            "we attach sender L" => {
                self.reach("PB");
                self.settle();
                let options = SenderOptions::new("node").name(amqp_core::codec::Str::from("L"));
                self.with_session(|stage, id| {
                    stage.sender = stage
                        .script
                        .engine
                        .session(id)
                        .ok()
                        .and_then(|mut it| it.attach_sender(options).ok());
                });
            }
            _ if start.starts_with("PS") => self.send_on(start),
            _ if start.starts_with("PR") => self.receive_on(start),
            _ => unreachable!("no engine starts in {start}"),
        }
    }

    /// Everything there is to say and tell is taken.
    pub(crate) fn settle(&mut self) -> Vec<Event> {
        self.script.rest();
        self.script.take_events()
    }

    fn with_session(&mut self, act: impl FnOnce(&mut Self, SessionId)) {
        if let Some(id) = self.session {
            act(self, id);
        }
    }

    fn headers(&mut self) {
        self.script.rest();
        self.script.give_header(amqp_core::codec::ProtocolHeader::AMQP);
    }

    fn open(&mut self, open: &Open) {
        self.headers();
        self.script.rest();
        self.script.give_on(0, open);
    }

    fn begin(&mut self) {
        self.script.give_on(0, &peer_begin());
        self.session = self.find(|event| match event {
            Event::SessionOpening(id) => Some(id),
            _ => None,
        });
        let options = self.setup.session.clone();
        self.with_session(|stage, id| {
            stage.script.engine.session(id).ok().and_then(|mut it| it.accept(options).ok());
        });
    }

    fn find<T>(&mut self, wanted: impl FnMut(Event) -> Option<T>) -> Option<T> {
        self.script.take_events().into_iter().find_map(wanted)
    }

    /// The peer attaches as sender, and gets credit.
    fn receive_on(&mut self, start: &str) {
        self.reach("PB");
        self.settle();
        let credit = start.chars().nth(2).and_then(|digit| digit.to_digit(10)).unwrap_or(0);
        let mode = if start == "PR9u" { SenderSettleMode::Unsettled } else { SenderSettleMode::Mixed };
        self.script.give_on(0, &Attach { handle: 0, snd_settle_mode: mode, ..peer_sender("L") });
        let id = self.find(|event| match event {
            Event::ReceiverOpening(id) => Some(id),
            _ => None,
        });
        self.receiver = id;
        let Some(mut receiver) = id.and_then(|id| self.script.engine.receiver(id).ok()) else { return };
        if receiver.accept(ReceiverOptions::default()).is_ok() {
            receiver.grant(credit);
        }
        if start == "PR1+err" {
            self.settle();
            let receiver = id.and_then(|id| self.script.engine.receiver(id).ok());
            receiver.and_then(|mut it| it.close(Some(failure())).ok());
        }
    }

    /// The peer attaches as receiver; for some cases it grants ten deliveries, which are sent.
    fn send_on(&mut self, start: &str) {
        self.reach("PB");
        self.settle();
        self.script.give_on(0, &Attach { handle: 0, ..peer_receiver("L") });
        let id = self.find(|event| match event {
            Event::SenderOpening(id) => Some(id),
            _ => None,
        });
        self.sender = id;
        let Some(mut sender) = id.and_then(|id| self.script.engine.sender(id).ok()) else { return };
        if sender.accept(SenderOptions::default()).is_err() || start == "PS" {
            return;
        }
        self.settle();
        self.script.give_on(0, &grant(10));
        let Some(mut sender) = id.and_then(|id| self.script.engine.sender(id).ok()) else { return };
        for _ in 0..10 {
            sender.send(amqp_core::codec::Message::value("m").to_payload()).ok();
        }
    }

    /// The states of the SASL layer, from either side.
    fn secure(&mut self, start: &str) {
        if self.setup.side == Side::Server && start == "QS" {
            return;
        }
        self.script.rest();
        self.script.give_header(amqp_core::codec::ProtocolHeader::SASL);
        self.script.rest();
        let next = matches!(start, "QM" | "QS+ok");
        let ends = start == "QS+ok";
        match self.setup.side {
            Side::Server if ends => self.script.give_sasl(&SaslFrame::Init(init())),
            Side::Server => {}
            Side::Client if next => {
                self.script.give_sasl(&SaslFrame::Mechanisms(offer()));
                self.script.rest();
                if ends {
                    let outcome = SaslOutcome { code: SaslCode::Ok, additional_data: None };
                    self.script.give_sasl(&SaslFrame::Outcome(outcome));
                }
            }
            Side::Client => {}
        }
    }
}

impl Setup {
    fn offer_sasl(&mut self, start: &str) {
        match self.side {
            Side::Server => {
                let mechanisms = [Symbol::from_static("ANONYMOUS"), Symbol::from_static("XOAUTH2")];
                self.connection.sasl = Some(SaslServer::new(mechanisms));
            }
            // The server is still to offer something: over an open wire not just anything will do.
            Side::Client if self.connection.credentials.is_none() => {
                let given = if start == "QC" { Credentials::plain } else { Credentials::plain_insecure };
                self.connection.credentials = Some(given("user", "secret"));
            }
            Side::Client => {}
        }
    }
}

fn init() -> SaslInit {
    SaslInit { mechanism: Symbol::from_static("ANONYMOUS"), initial_response: None, hostname: None }
}

fn offer() -> SaslMechanisms {
    SaslMechanisms { sasl_server_mechanisms: [Symbol::from_static("PLAIN")].into_iter().collect() }
}

/// A flow of a peer that has received nothing, with credit on handle 0.
pub(crate) fn grant(credit: u32) -> Flow {
    Flow {
        next_incoming_id: Some(Serial(0)),
        incoming_window: 2048,
        next_outgoing_id: Serial(0),
        outgoing_window: 2048,
        handle: Some(0),
        delivery_count: Some(Serial(0)),
        link_credit: Some(credit),
        ..Flow::default()
    }
}

fn failure() -> Error {
    Error::new(ErrorCondition::INTERNAL_ERROR, "it broke")
}
