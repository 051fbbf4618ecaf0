//! The two sides of a connection as the tests play them, frame by frame.

use amqp_codec::{
    Attach, AttachSource, AttachTarget, Begin, Close, DeliveryState, DeliveryTag, Detach, Disposition,
    Encode, End, Error, ErrorCondition, Flow, Open, ProtocolHeader, Role, Serial, Source, Target, Transfer,
    UnsettledMap, encode_frame, encode_sasl_frame,
};
use amqp_tests::oracle::{Oracle, Side};
use bytes::BytesMut;

pub(crate) const CLIENT: Side = Side::Client;
pub(crate) const SERVER: Side = Side::Server;

/// An oracle and what is in flight towards each side.
pub(crate) struct Play {
    pub(crate) oracle: Oracle,
    to_client: usize,
    to_server: usize,
}

impl Play {
    /// Nothing was sent yet.
    pub(crate) fn start() -> Self {
        Self { oracle: Oracle::new("client", "server"), to_client: 0, to_server: 0 }
    }

    /// Both protocol headers were sent and read.
    pub(crate) fn with_headers() -> Self {
        let mut play = Self::start();
        play.header(CLIENT, ProtocolHeader::AMQP);
        play.header(SERVER, ProtocolHeader::AMQP);
        play
    }

    /// Both opens were sent and read.
    pub(crate) fn opened() -> Self {
        Self::opened_with(open(), open())
    }

    /// The client said the first open and the server the second.
    pub(crate) fn opened_with(client: Open, server: Open) -> Self {
        let mut play = Self::with_headers();
        play.says(CLIENT, 0, &client);
        play.says(SERVER, 0, &server);
        play
    }

    /// The client began a session on its channel 0, which the server answered on its channel 3.
    pub(crate) fn begun() -> Self {
        Self::begun_with(begin(), begin())
    }

    pub(crate) fn begun_with(client: Begin, server: Begin) -> Self {
        let mut play = Self::opened();
        play.says(CLIENT, 0, &client);
        play.says(SERVER, 3, &Begin { remote_channel: Some(0), ..server });
        play
    }

    /// The client sends on handle 0, which the server receives on its handle 5.
    pub(crate) fn attached() -> Self {
        Self::attached_with(sender("l", 0), receiver("l", 5))
    }

    pub(crate) fn attached_with(client: Attach, server: Attach) -> Self {
        let mut play = Self::begun();
        play.says(CLIENT, 0, &client);
        play.says(SERVER, 3, &server);
        play
    }

    /// The same, with `credit` for the client.
    pub(crate) fn granted(credit: u32) -> Self {
        let mut play = Self::attached();
        play.says(SERVER, 3, &grant(0, 0, credit));
        play
    }

    /// The same, and so many deliveries were sent unsettled, numbered and tagged from 0.
    pub(crate) fn delivered(credit: u32, deliveries: u32) -> Self {
        let mut play = Self::granted(credit);
        for number in 0..deliveries {
            play.transfers(CLIENT, 0, &transfer(number));
        }
        play
    }

    /// `side` puts octets on the wire.
    pub(crate) fn puts(&mut self, side: Side, octets: &[u8]) {
        self.oracle.sent(side, octets);
        match side {
            Side::Client => self.to_server += octets.len(),
            Side::Server => self.to_client += octets.len(),
        }
    }

    /// `side` puts a frame on the wire.
    pub(crate) fn sends(&mut self, side: Side, channel: u16, frame: &impl Encode) {
        self.sends_with(side, channel, frame, &[]);
    }

    pub(crate) fn sends_with(&mut self, side: Side, channel: u16, frame: &impl Encode, payload: &[u8]) {
        let mut octets = BytesMut::new();
        encode_frame(&mut octets, channel, frame, payload);
        self.puts(side, &octets);
    }

    /// `side` has read everything sent to it.
    pub(crate) fn reads(&mut self, side: Side) {
        let pending = match side {
            Side::Client => &mut self.to_client,
            Side::Server => &mut self.to_server,
        };
        self.oracle.delivered(side, std::mem::take(pending));
    }

    /// `side` puts a frame on the wire, and the other side reads it.
    pub(crate) fn says(&mut self, side: Side, channel: u16, frame: &impl Encode) {
        self.sends(side, channel, frame);
        self.reads(side.other());
    }

    pub(crate) fn says_octets(&mut self, side: Side, octets: &[u8]) {
        self.puts(side, octets);
        self.reads(side.other());
    }

    pub(crate) fn says_sasl(&mut self, side: Side, frame: &impl Encode) {
        let mut octets = BytesMut::new();
        encode_sasl_frame(&mut octets, frame);
        self.says_octets(side, &octets);
    }

    pub(crate) fn header(&mut self, side: Side, header: ProtocolHeader) {
        self.says_octets(side, &header.to_bytes());
    }

    /// `side` says a transfer with two octets of payload.
    pub(crate) fn transfers(&mut self, side: Side, channel: u16, transfer: &Transfer) {
        self.sends_with(side, channel, transfer, b"hi");
        self.reads(side.other());
    }
}

pub(crate) fn open() -> Open {
    Open { container_id: "test".into(), ..Open::default() }
}

pub(crate) fn begin() -> Begin {
    Begin { incoming_window: 8, outgoing_window: 2048, ..Begin::default() }
}

pub(crate) fn sender(name: &str, handle: u32) -> Attach {
    Attach {
        name: name.into(),
        handle,
        role: Role::Sender,
        source: Some(Box::new(AttachSource::Source(Source::default()))),
        target: Some(Box::new(AttachTarget::Target(Target::default()))),
        initial_delivery_count: Some(Serial(0)),
        ..Attach::default()
    }
}

pub(crate) fn receiver(name: &str, handle: u32) -> Attach {
    Attach { role: Role::Receiver, initial_delivery_count: None, ..sender(name, handle) }
}

/// A session flow of a side that has sent and received so many transfers.
pub(crate) fn window(sent: u32, received: u32, incoming_window: u32) -> Flow {
    Flow {
        next_incoming_id: Some(Serial(received)),
        incoming_window,
        next_outgoing_id: Serial(sent),
        outgoing_window: 2048,
        ..Flow::default()
    }
}

/// The server's flow for handle 5: it has received so many transfers in so many deliveries.
pub(crate) fn grant(transfers: u32, deliveries: u32, credit: u32) -> Flow {
    Flow {
        handle: Some(5),
        delivery_count: Some(Serial(deliveries)),
        link_credit: Some(credit),
        ..window(0, transfers, 8)
    }
}

/// The only frame of the delivery with this number, which is also its tag.
pub(crate) fn transfer(number: u32) -> Transfer {
    Transfer {
        handle: 0,
        delivery_id: Some(Serial(number)),
        delivery_tag: Some(tag(number)),
        message_format: Some(0),
        ..Transfer::default()
    }
}

pub(crate) fn tag(number: u32) -> DeliveryTag {
    DeliveryTag::new(&number.to_be_bytes()).expect("four octets are few enough")
}

/// The unsettled map of an attach: the delivery with this tag, without a state.
pub(crate) fn unsettled(number: u32) -> Option<UnsettledMap> {
    Some(UnsettledMap::from_iter([(tag(number), None)]))
}

pub(crate) fn accepted(role: Role, first: u32, last: u32, settled: bool) -> Disposition {
    Disposition {
        role,
        first: Serial(first),
        last: Some(Serial(last)),
        settled,
        state: Some(DeliveryState::Accepted),
        ..Disposition::default()
    }
}

pub(crate) fn detach(handle: u32, closed: bool) -> Detach {
    Detach { handle, closed, ..Detach::default() }
}

pub(crate) fn failure(condition: ErrorCondition) -> Option<Error> {
    Some(Error::from(condition))
}

pub(crate) fn end() -> End {
    End::default()
}

pub(crate) fn close() -> Close {
    Close::default()
}
