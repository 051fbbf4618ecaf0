//! What the rules of part 3 ask of a node, shown on the broker among the examples.
#![cfg(test)]

use std::time::{Duration, Instant};

use adapter_tokio::codec::{
    AnnotationKey, Attach, AttachSource, AttachTarget, DeliveryState, ErrorCondition, Fields, Header,
    LifetimePolicy, Modified, Source, StdDistMode, Target,
};
use adapter_tokio::{
    Connection, ConnectionOptions, Container, CreditMode, Endpoint, LazyMessage, Message, Outcome, Received,
    Receiver, ReceiverOptions, Sender, SenderOptions, Symbol, Value, drive,
};
use amqp_tests::judge::{assert_silent, judged};
use clap::Parser;
use tokio::io::duplex;

use example::broker::{Arguments, Broker};

#[expect(dead_code, reason = "its main is not run")]
#[path = "../examples/broker/main.rs"]
mod example;

/// No test takes so long, unless something waits for good.
const LIMIT: Duration = Duration::from_secs(30);

/// A connection of the container `client` to a broker of its own, which was started with `flags`.
fn client(flags: &[&str]) -> Connection {
    let broker = Broker::new(Arguments::parse_from([&["broker"], flags].concat()));
    let client = Container::new("client").client(ConnectionOptions::default());
    let [client, server] = judged(client, Container::new("broker").server(Broker::options()));
    let (near, far) = duplex(65_536);
    tokio::spawn(example::serve(broker, drive(far, server)));
    drive(near, client)
}

/// A test that does not hang, and whose connections break no rule of the protocol.
async fn within(test: impl Future<Output = ()>) {
    tokio::time::timeout(LIMIT, test).await.expect("it does not hang");
    assert_silent();
}

async fn sender(connection: &Connection) -> Sender {
    let sender = connection.sender(SenderOptions::new("queue")).expect("attached");
    sender.sync().await.expect("open");
    sender
}

/// A receiver without credit.
async fn receiver(connection: &Connection, name: &'static str) -> Receiver {
    let options = ReceiverOptions::new("queue").name(name).credit(CreditMode::Manual);
    let receiver = connection.receiver(options).expect("attached");
    receiver.sync().await.expect("open");
    receiver
}

async fn send(sender: &Sender, message: Message) {
    let outcome = sender.send(message).await;
    assert!(matches!(outcome, Outcome::Accepted), "{outcome}");
}

async fn next(receiver: &Receiver) -> Received {
    receiver.grant(1);
    receiver.receive().await.expect("a message")
}

/// The next message, accepted.
async fn take(receiver: &Receiver) -> LazyMessage {
    let Received { message, delivery } = next(receiver).await;
    delivery.accept().await.expect("told");
    message
}

/// Asks for more and is told that there is none.
async fn assert_empty(receiver: &Receiver) {
    receiver.grant(5);
    receiver.drain().await.expect("drained");
    let found = receiver.try_receive().expect("open");
    assert!(found.is_none(), "{found:?}");
}

fn text(message: &LazyMessage) -> String {
    message.body().unwrap().as_value().and_then(Value::as_str).unwrap().to_owned()
}

fn header(message: &LazyMessage) -> Header {
    message.header().unwrap().unwrap_or_default()
}

fn key(name: &'static str) -> AnnotationKey {
    Symbol::from_static(name).into()
}

fn source(attach: Option<Attach>) -> Source {
    match attach.and_then(|attach| attach.source).map(|source| *source) {
        Some(AttachSource::Source(source)) => source,
        other => panic!("{other:?}"),
    }
}

fn target(attach: Option<Attach>) -> Target {
    match attach.and_then(|attach| attach.target).map(|target| *target) {
        Some(AttachTarget::Target(target)) => target,
        other => panic!("{other:?}"),
    }
}

/// MESSAGING-3.2-6
#[tokio::test]
async fn a_durable_message_is_rejected_because_it_is_not_kept() {
    within(async {
        let connection = client(&[]);
        let sender = sender(&connection).await;
        let outcome = sender.send(Message::value("durable").durable(true)).await;
        let Outcome::Rejected(Some(error)) = outcome else { panic!("{outcome}") };
        assert_eq!(error.condition, ErrorCondition::PRECONDITION_FAILED);
        send(&sender, Message::value("volatile").durable(false)).await;
        let receiver = receiver(&connection, "r").await;
        assert_eq!(text(&take(&receiver).await), "volatile");
        assert_empty(&receiver).await;
    })
    .await;
}

/// MESSAGING-3.2-6: a producer that cannot be told of the message is told of the link.
#[tokio::test]
async fn a_durable_message_that_cannot_be_rejected_detaches_its_link() {
    within(async {
        let connection = client(&[]);
        let only = [Symbol::from_static("amqp:accepted:list")].into_iter().collect();
        let accepts = Source { outcomes: only, ..Source::default() };
        for options in
            [SenderOptions::new("queue").with_source(accepts), SenderOptions::new("queue").at_most_once()]
        {
            let sender = connection.sender(options).expect("attached");
            drop(sender.send(Message::value("durable").durable(true)).await);
            assert_eq!(sender.done().await.condition(), Some(ErrorCondition::PRECONDITION_FAILED));
        }
        assert_empty(&receiver(&connection, "r").await).await;
    })
    .await;
}

/// MESSAGING-3.2-6: whoever starts it may choose to lose them.
#[tokio::test]
async fn durable_messages_are_taken_where_losing_them_was_chosen() {
    within(async {
        let connection = client(&["--lose-durable"]);
        send(&sender(&connection).await, Message::value("durable").durable(true)).await;
        let received = next(&receiver(&connection, "r").await).await;
        assert!(header(&received.message).durable);
    })
    .await;
}

/// MESSAGING-3.4-4: a delivery that failed is counted, one that did not is not, and annotations are merged.
#[tokio::test]
async fn a_modified_message_comes_back_as_it_was_asked_for() {
    within(async {
        let connection = client(&[]);
        let before = Message::value("x").annotation(key("x-opt-a"), "a").annotation(key("x-opt-b"), "b");
        send(&sender(&connection).await, before).await;
        let receiver = receiver(&connection, "r").await;
        let mut counts = Vec::new();
        for (number, delivery_failed) in [true, false, true].into_iter().enumerate() {
            let received = next(&receiver).await;
            counts.push(header(&received.message).delivery_count);
            let changes = Fields::from([
                (Symbol::from_static("x-opt-b"), Value::from("changed")),
                (Symbol::from_static("x-opt-n"), Value::from(number as u64)),
            ]);
            let modified = Modified {
                delivery_failed,
                message_annotations: Some(changes.into()),
                ..Modified::default()
            };
            received.delivery.modify(modified).await.expect("told");
        }
        let received = next(&receiver).await;
        counts.push(header(&received.message).delivery_count);
        assert_eq!(counts, [0, 1, 1, 2]);
        let expected = Message::value("x")
            .annotation(key("x-opt-a"), "a")
            .annotation(key("x-opt-b"), "changed")
            .annotation(key("x-opt-n"), 2_u64);
        let message = received.message.to_message().unwrap();
        assert_eq!(message.message_annotations, expected.message_annotations);
        assert_eq!(text(&received.message), "x");
    })
    .await;
}

/// MESSAGING-3.4-4: not to this link any more, but to others.
#[tokio::test]
async fn a_message_that_is_undeliverable_here_goes_elsewhere() {
    within(async {
        let connection = client(&[]);
        let sender = sender(&connection).await;
        send(&sender, Message::value("first")).await;
        send(&sender, Message::value("second")).await;
        let (here, there) = (receiver(&connection, "here").await, receiver(&connection, "there").await);
        let modified = Modified { undeliverable_here: true, ..Modified::default() };
        next(&here).await.delivery.modify(modified).await.expect("told");
        let second = next(&here).await;
        assert_eq!(text(&second.message), "second");
        assert_empty(&here).await;
        let first = next(&there).await;
        assert_eq!((&*text(&first.message), header(&first.message).delivery_count), ("first", 0));
    })
    .await;
}

/// MESSAGING-3.5-13: available to all, acquired by one, available again when it is given back, and then archived.
#[tokio::test]
async fn a_message_is_available_or_acquired_or_archived() {
    within(async {
        let connection = client(&[]);
        let sender = sender(&connection).await;
        let (one, other) = (receiver(&connection, "one").await, receiver(&connection, "other").await);
        for accepts in [true, false] {
            let message = Message {
                header: Some(Header { first_acquirer: true, ..Header::default() }),
                ..Message::value("x")
            };
            send(&sender, message).await;
            let acquired = next(&one).await;
            assert!(header(&acquired.message).first_acquirer);
            assert_empty(&other).await;
            acquired.delivery.release().await.expect("told");
            let again = next(&other).await;
            assert_eq!(header(&again.message), Header::default());
            assert_empty(&one).await;
            let end = again.delivery;
            if accepts { end.accept() } else { end.reject(None) }.await.expect("told");
            assert_empty(&one).await;
            assert_empty(&other).await;
        }
    })
    .await;
}

/// MESSAGING-3.5-13, MESSAGING-3.5-10: what its consumer has left behind, or settled without a word, is available again,
/// as the default outcome has it.
#[tokio::test]
async fn a_message_that_is_left_behind_has_the_default_outcome() {
    within(async {
        let connection = client(&[]);
        let sender = sender(&connection).await;
        let rest = receiver(&connection, "rest").await;
        for (wish, count) in [(None, 1), (Some(DeliveryState::Released), 0)] {
            send(&sender, Message::value("x")).await;
            let options = ReceiverOptions::default().with_source(Source {
                address: Some("queue".into()),
                default_outcome: wish.map(Box::new),
                ..Source::default()
            });
            let leaving = connection.receiver(options).expect("attached");
            let received = leaving.receive().await.expect("a message");
            received.delivery.leave();
            leaving.close().await.expect("closed");
            let again = next(&rest).await;
            assert_eq!(header(&again.message).delivery_count, count);
            again.delivery.accept().await.expect("told");
        }
    })
    .await;
}

/// MESSAGING-3.5-13, MESSAGING-3.2-8: a message that is out of date is archived by itself; one that is not has less to live.
#[tokio::test]
async fn a_message_that_is_out_of_date_is_dropped() {
    within(async {
        let connection = client(&["--qsize", "2"]);
        let sender = sender(&connection).await;
        send(&sender, Message::value("short").ttl(0)).await;
        send(&sender, Message::value("long").ttl(1_000_000)).await;
        // It is there. By the clock it gets older, however fast all this is.
        let arrived = Instant::now();
        while arrived.elapsed() < Duration::from_millis(1) {
            tokio::task::yield_now().await;
        }
        // There is room for a third only when the first is gone.
        send(&sender, Message::value("third")).await;
        let receiver = receiver(&connection, "r").await;
        let long = take(&receiver).await;
        assert_eq!(text(&long), "long");
        let left = header(&long).ttl.unwrap();
        assert!((900_000..1_000_000).contains(&left), "{left}");
        assert_eq!(text(&take(&receiver).await), "third");
        assert_empty(&receiver).await;
    })
    .await;
}

/// MESSAGING-3.2-12
#[tokio::test]
async fn annotations_of_a_delivery_end_at_the_broker() {
    within(async {
        let connection = client(&[]);
        let message = Message::value("x")
            .delivery_annotation(key("x-opt-hop"), 1_u8)
            .annotation(key("x-opt-all"), 2_u8);
        send(&sender(&connection).await, message).await;
        let received = next(&receiver(&connection, "r").await).await;
        assert_eq!(
            received.message.to_message().unwrap(),
            Message::value("x").annotation(key("x-opt-all"), 2_u8)
        );
    })
    .await;
}

/// MESSAGING-3.5-3: whose link it was made for can be read in the address of a dynamic node.
#[tokio::test]
async fn addresses_of_dynamic_nodes_tell_the_link_and_the_container() {
    within(async {
        let connection = client(&[]);
        let mut addresses = Vec::new();
        for _ in 0..2 {
            let receiver =
                connection.receiver(ReceiverOptions::default().dynamic().name("answers")).expect("attached");
            receiver.sync().await.expect("open");
            let node = source(receiver.remote());
            let address = node.address.clone().unwrap();
            let answering = connection.sender(SenderOptions::new(address.clone())).expect("attached");
            send(&answering, Message::value("answer")).await;
            assert_eq!(text(&receiver.receive().await.expect("a message").message), "answer");
            addresses.push(address);
            let properties = node.dynamic_node_properties.unwrap();
            assert_eq!(properties.get("lifetime-policy").unwrap().to(), Ok(LifetimePolicy::DeleteOnClose));
            let target = Target { dynamic: true, ..Target::default() };
            let sender = connection
                .sender(SenderOptions::default().with_target(target).name("asking"))
                .expect("attached");
            sender.sync().await.expect("open");
            let made = self::target(sender.remote());
            assert!(made.dynamic);
            let made = made.address.unwrap();
            assert!(made.contains("client") && made.contains("asking"), "{made}");
            receiver.close().await.expect("closed");
            sender.close().await.expect("closed");
        }
        for address in &addresses {
            assert!(address.contains("client") && address.contains("answers"), "{address}");
        }
        assert_ne!(addresses[0], addresses[1]);
    })
    .await;
}

/// MESSAGING-3.5-7, MESSAGING-3.5-9: the broker says what is so, and nothing that was only wished.
#[tokio::test]
async fn the_broker_promises_what_it_has() {
    within(async {
        let connection = client(&[]);
        let green = Value::described(0x0000_468C_0000_0004_u64, "colour = 'green'");
        let filter = Fields::from([(Symbol::from_static("selector"), green)]);
        let wish = Source {
            durable: adapter_tokio::codec::TerminusDurability::UnsettledState,
            timeout: 1000,
            filter: Some(filter.clone()),
            capabilities: Symbol::from_static("topic").into(),
            address: Some("queue".into()),
            ..Source::default()
        };
        let receiver = connection.receiver(ReceiverOptions::default().with_source(wish)).expect("attached");
        receiver.sync().await.expect("open");
        let node = source(receiver.remote());
        assert_eq!(node.address.as_deref(), Some("queue"));
        assert_eq!((node.filter, node.distribution_mode), (Some(filter), Some(StdDistMode::MOVE)));
        assert_eq!(
            (node.durable, node.timeout, node.capabilities.is_empty()),
            (Source::default().durable, 0, true)
        );
        assert_eq!(node.outcomes.len(), 4);

        let copy = Source {
            address: Some("queue".into()),
            distribution_mode: Some(StdDistMode::COPY),
            ..Source::default()
        };
        let receiver = connection.receiver(ReceiverOptions::default().with_source(copy)).expect("attached");
        assert_eq!(receiver.done().await.condition(), Some(ErrorCondition::NOT_IMPLEMENTED));
    })
    .await;
}
