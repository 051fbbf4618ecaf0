//! What ends while something waits for it.

use crate::adapter::{ConnectionOptions, Endpoint, Outcome, ReceiveError, ReceiverOptions, UnsentReason};
use crate::words::{closed, is_closed, is_pending, message};

// TestLinkCloseInterrupt.
scenario!(link_close_interrupt, {
    let (client, server) = pair!(ConnectionOptions::default(), ConnectionOptions::default());
    for from_peer in [false, true] {
        let (sender, receiver) = link!(client, server, ReceiverOptions::default());
        let mut receiving = receiver.receive();
        assert!(is_pending(&mut receiving));
        let waiting = spawn!({ wait!(receiving) });
        match from_peer {
            false => wait!(receiver.close_with(closed())).expect("as we said"),
            true => wait!(sender.close_with(closed())).expect("as we said"),
        }
        let ended = join!(waiting).expect_err("no message");
        assert!(ended.closed().is_some_and(is_closed), "{ended}");
        for error in [wait!(sender.done()), wait!(receiver.done())] {
            assert!(is_closed(&error), "{error}");
        }
    }
    assert!(client.error().is_none() && server.error().is_none());
});

/// At the client a send has no credit, a receive no message and a send no answer: all of them end with the error that
/// `$closing` is closed with. `$unsent` is why the first was not sent: who closes
/// need not wait for the peer to know that it will not be.
macro_rules! everything_is_interrupted {
    ($client:expr, $server:expr, $closing:expr, $unsent:pat $(if $guard:expr)?) => {
        let (unanswered, answering) = link!($client, $server, ReceiverOptions::default());
        let (unsent, _no_credit) = link!($client, $server, ReceiverOptions::default());
        let (_idle, receiver) = {
            let receiver = $client.receiver(ReceiverOptions::new("link")).expect("attached");
            (incoming!($server, Sender).accept(), receiver)
        };
        let (mut send, mut receive) = (unsent.send(message("never sent")), receiver.receive());
        assert!(is_pending(&mut send) && is_pending(&mut receive));
        let unanswered = spawn!({ wait!(unanswered.send(message("never answered"))) });
        let received = wait!(answering.receive()).expect("a message");
        let (sending, receiving) = (spawn!({ wait!(send) }), spawn!({ wait!(receive) }));

        wait!($closing.close_with(closed())).expect("as we said");
        let outcome = join!(unanswered);
        assert!(matches!(&outcome, Outcome::Unacknowledged(error) if is_closed(error)), "{outcome}");
        let outcome = join!(sending);
        let Outcome::Unsent(unsent) = outcome else { panic!("{outcome}") };
        assert!(matches!(&unsent.reason, $unsent $(if $guard)?), "{unsent}");
        let error = join!(receiving).expect_err("no message");
        assert!(matches!(&error, ReceiveError::Closed(error) if is_closed(error)), "{error}");
        assert!(wait!(received.delivery.accept()).is_err_and(|error| is_closed(&error)));
        for end in [&$client, &$server] {
            let error = wait!(end.done());
            assert!(is_closed(&error), "{error}");
        }
    };
}

// TestConnectionCloseInterrupt1: the server closes.
scenario!(connection_close_interrupt_1, {
    let (client, server) = pair!(ConnectionOptions::default(), ConnectionOptions::default());
    everything_is_interrupted!(client, server, server, UnsentReason::Closed(error) if is_closed(error));
});

// TestConnectionCloseInterrupt2: the client closes.
scenario!(connection_close_interrupt_2, {
    let (client, server) = pair!(ConnectionOptions::default(), ConnectionOptions::default());
    everything_is_interrupted!(client, server, client, UnsentReason::Closing | UnsentReason::Closed(_));
});

// TestReceiverCloseBeforeAcknowledge.
scenario!(receiver_close_before_acknowledge, {
    let (client, server) = pair!(ConnectionOptions::default(), ConnectionOptions::default());
    let (sender, receiver) = link!(client, server, ReceiverOptions::default());
    let sending = spawn!({ wait!(sender.send(message("never answered"))) });
    let received = wait!(receiver.receive()).expect("a message");
    wait!(receiver.close()).expect("clean");
    let told = wait!(received.delivery.accept()).expect_err("nobody is there to be told");
    assert!(told.is_clean(), "{told}");
    // Electron's sender learns this only when the connection closes.
    let outcome = join!(sending);
    assert!(matches!(&outcome, Outcome::Unacknowledged(error) if error.is_clean()), "{outcome}");
    wait!(client.close()).expect("clean");
    assert!(wait!(server.done()).is_clean());
});
