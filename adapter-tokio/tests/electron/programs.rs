//! Electron's example programs, without the printing.

use crate::adapter::{ConnectionOptions, Endpoint, SenderOptions, SentStatus};
use crate::words::{message, text};

// Example_clientServer.
scenario!(client_server, {
    let (client, server) = pair!(ConnectionOptions::default(), ConnectionOptions::default());
    let serving = spawn!({
        let receiver = incoming!(server, Receiver).accept();
        let mut printed = Vec::new();
        loop {
            match wait!(receiver.receive()) {
                Ok(received) => {
                    printed.push(text(&received.message));
                    drop(received.delivery.accept());
                }
                Err(error) => {
                    printed.push(error.to_string());
                    break printed;
                }
            }
        }
    });
    let sender = client.sender(SenderOptions::default()).expect("attached");
    for number in 0..3 {
        let outcome = wait!(sender.send(message(&format!("hello {number}"))));
        assert_eq!(outcome.status(), SentStatus::Accepted);
    }
    wait!(client.close()).expect("clean");
    assert_eq!(join!(serving), ["hello 0", "hello 1", "hello 2", "EOF"]);
});
