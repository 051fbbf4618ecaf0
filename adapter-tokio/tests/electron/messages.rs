//! Messages, credit and outcomes.

use std::time::Duration;

use crate::adapter::{
    Completions, ConnectionOptions, Endpoint, Message, Outcome, ReceiverOptions, SenderOptions, SentStatus,
    UnsentReason, Value,
};
use crate::words::{is_pending, message, text};

/// What electron's test calls no time and hardly any.
const HARDLY: Duration = Duration::from_millis(1);

// TestClientSender.
scenario!(client_sender, {
    let (client, server) = pair!(ConnectionOptions::default(), ConnectionOptions::default());
    let completions = Completions::new();
    for link in 0..3 {
        let sender = client.sender(SenderOptions::new(format!("target{link}"))).expect("attached");
        let incoming = incoming!(server, Receiver);
        assert_eq!(incoming.target().as_deref(), Some(format!("target{link}").as_str()));
        let receiver = incoming.accept_with(ReceiverOptions::default().prefetch(3));
        for number in 0..3 {
            let body = format!("foobar{link}-{number}");
            wait!(sender.send_async(message(&body), &completions, body.clone())).expect("sent");
            let received = wait!(receiver.receive()).expect("a message");
            assert_eq!(text(&received.message), body);
            assert!(completions.try_next().is_none(), "an outcome before it is settled");
            let expected = match number {
                1 => {
                    drop(received.delivery.reject(None));
                    SentStatus::Rejected
                }
                _ => {
                    drop(received.delivery.accept());
                    SentStatus::Accepted
                }
            };
            let (outcome, value) = wait!(completions.next());
            assert_eq!((outcome.status(), value), (expected, body));
            assert!(!matches!(outcome, Outcome::Rejected(Some(_))), "an error that nobody gave");
        }
    }
    wait!(client.close()).expect("clean");
});

// TestClientReceiver.
scenario!(client_receiver, {
    let (client, server) = pair!(ConnectionOptions::default(), ConnectionOptions::default());
    let receiver = client.receiver(ReceiverOptions::new("source").prefetch(3)).expect("attached");
    let incoming = incoming!(server, Sender);
    assert_eq!(incoming.source().as_deref(), Some("source"));
    let sender = incoming.accept();
    let sending = spawn!({
        for number in 0..3_i32 {
            assert_eq!(wait!(sender.send(Message::value(number))).status(), SentStatus::Accepted);
        }
        wait!(sender.connection().close()).expect("clean");
    });
    for number in 0..3_i32 {
        let received = wait!(receiver.receive()).expect("a message");
        let body = received.message.body().expect("readable");
        assert_eq!(body.as_value(), Some(&Value::Int(number)));
        wait!(received.delivery.accept()).expect("told");
    }
    let end = wait!(receiver.receive()).expect_err("no more");
    assert!(end.closed().is_some_and(crate::adapter::Error::is_clean), "{end}");
    join!(sending);
});

// TestTimeouts.
scenario!(timeouts, {
    let (client, server) = pair!(ConnectionOptions::default(), ConnectionOptions::default());
    let (sender, receiver) = link!(client, server, ReceiverOptions::default().capacity(1));
    // No credit.
    let unsent = sender.try_send(message("at once")).err().expect("no credit");
    assert!(matches!(unsent.reason, UnsentReason::Blocked), "{unsent}");
    assert!(wait_for!(sender.send(message("in a moment")), HARDLY).is_none());
    // No message. The credit of those that gave up stays.
    assert!(receiver.try_receive().expect("open").is_none());
    assert!(wait_for!(receiver.receive(), HARDLY).is_none());
    let mut submitted = wait!(sender.submit(message("at last"))).expect("credit");
    assert!(is_pending(&mut submitted));
    let received = wait!(receiver.receive()).expect("a message");
    assert_eq!(text(&received.message), "at last", "what timed out was sent all the same");
    assert!(wait_for!(&mut submitted, HARDLY).is_none(), "an outcome before it is settled");
    wait!(received.delivery.accept()).expect("told");
    assert_eq!(wait!(submitted).status(), SentStatus::Accepted);
});

// TestSendReceivePrefetch.
scenario!(send_receive_prefetch, {
    let (client, server) = pair!(ConnectionOptions::default(), ConnectionOptions::default());
    let (sender, receiver) = link!(client, server, ReceiverOptions::default().prefetch(1));
    // Nobody asks for a message, and it is sent.
    let submitted = wait!(sender.submit(message("prefetched"))).expect("credit");
    let received = wait!(receiver.receive()).expect("a message");
    assert_eq!(text(&received.message), "prefetched");
    drop(received.delivery.accept());
    assert_eq!(wait!(submitted).status(), SentStatus::Accepted);
});

// TestSendReceiveNoPrefetch.
scenario!(send_receive_no_prefetch, {
    let (client, server) = pair!(ConnectionOptions::default(), ConnectionOptions::default());
    let (sender, receiver) = link!(client, server, ReceiverOptions::default());
    let mut submit = sender.submit(message("asked for"));
    assert!(is_pending(&mut submit));
    assert!(wait_for!(&mut submit, HARDLY).is_none(), "sent before anybody asked for it");
    assert_eq!(sender.credit(), 0);
    let receiving = spawn!({
        let received = wait!(receiver.receive()).expect("a message");
        drop(received.delivery.accept());
        text(&received.message)
    });
    let submitted = wait!(submit).expect("credit");
    assert_eq!(wait!(submitted).status(), SentStatus::Accepted);
    assert_eq!(join!(receiving), "asked for");
});
