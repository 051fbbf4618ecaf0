//! D35 to D38: what was never freed.

use amqp_endpoint::codec::ErrorCondition;
use amqp_endpoint::{Endpoint, ReceiverOptions, SenderOptions};

use crate::kit::{Pair, message};
use crate::words::{link, now, wrong};

#[test]
fn electron_d35_a_sent_message_leaves_nothing_behind() {
    let mut pair = Pair::opened();
    let (sender, receiver) = link(&mut pair, ReceiverOptions::default().prefetch(100));
    for _ in 0..100 {
        for _ in 0..50 {
            drop(now(sender.submit(message("counted"))).expect("credit"));
        }
        pair.wire.pump();
        for received in now(receiver.receive_batch(50)).expect("messages") {
            drop(received.expect("readable").delivery.accept());
        }
        pair.wire.pump();
        pair.assert_idle();
    }
}

#[test]
fn electron_d36_a_received_message_leaves_nothing_behind() {
    let mut pair = Pair::opened();
    let settled = SenderOptions::new("link").at_most_once();
    let (sender, receiver) = pair.sender(settled, ReceiverOptions::default().prefetch(100));
    for _ in 0..100 {
        for _ in 0..50 {
            drop(now(sender.submit(message("settled"))).expect("credit"));
        }
        pair.wire.pump();
        for received in now(receiver.receive_batch(50)).expect("messages") {
            assert!(received.expect("readable").delivery.is_settled());
        }
        pair.wire.pump();
        pair.assert_idle();
    }
}

#[test]
fn electron_d38_a_refused_link_leaves_nothing_behind() {
    let mut pair = Pair::opened();
    for _ in 0..2000 {
        let refused = pair.client.sender(SenderOptions::new("refused")).expect("a handle");
        pair.incoming_receiver().reject(wrong());
        pair.wire.pump();
        assert_eq!(
            refused.error().and_then(|error| error.condition()),
            Some(ErrorCondition::RESOURCE_DELETED)
        );
        drop(refused);
    }
    pair.assert_no_links();
}
