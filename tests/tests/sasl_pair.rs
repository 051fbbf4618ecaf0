//! Part 5: the SASL layer between two engines.
#![cfg(test)]

use amqp_core::codec::{SaslCode, Symbol};
use amqp_core::{
    Cause, Credentials, Event, ReceiverOptions, SaslAnswer, SaslServer, SenderOptions, SessionOptions,
};
use amqp_tests::chop::Chop;
use amqp_tests::oracle::Side;
use amqp_tests::pair::{Door, Pair, client_options, server_options};

fn sasl() -> SaslServer {
    SaslServer::new([Symbol::from_static("PLAIN"), Symbol::from_static("ANONYMOUS")]).allow_insecure()
}

fn pair(credentials: Credentials) -> Pair {
    Pair::new(client_options().credentials(credentials), server_options().sasl(sasl()))
}

/// SEC-5-12
#[test]
fn both_sides_hear_that_they_are_authenticated_before_they_are_opened() {
    for chop in [Chop::Whole, Chop::Octets, Chop::Random(3)] {
        for door in [Door::Slice, Door::Buffer, Door::Both] {
            let mut pair = pair(Credentials::Anonymous).chopped(chop);
            pair.door = door;
            pair.drive();
            for side in [Side::Client, Side::Server] {
                assert_eq!(pair.take_events(side), [Event::Authenticated, Event::Opened]);
                assert_eq!(pair.side(side).sasl().unwrap().mechanism, "ANONYMOUS");
            }
            pair.finish();
        }
    }
}

/// SEC-5-13
#[test]
fn a_session_begun_before_the_password_was_checked_comes_after_it() {
    for chop in [Chop::Whole, Chop::Octets, Chop::Random(11)] {
        let mut pair = pair(Credentials::plain_insecure("user", "pass")).chopped(chop);
        let session = pair.client.begin(SessionOptions::default()).unwrap();
        pair.drive();
        assert_eq!(pair.take_events(Side::Server), [Event::Authenticate]);
        assert_eq!(pair.take_events(Side::Client), []);
        let plain = pair.server.sasl().unwrap().plain().unwrap();
        assert_eq!((&*plain.user, &*plain.password), ("user", "pass"));
        pair.server.authenticate(SaslAnswer::Accept(None)).unwrap();
        pair.drive();
        let other = pair.expect_some(Side::Server, |event| match event {
            Event::SessionOpening(id) => Some(id),
            _ => None,
        });
        pair.server.session(other).unwrap().accept(SessionOptions::default()).unwrap();
        pair.drive();
        pair.expect_event(Side::Client, Event::SessionOpened(session));
        pair.finish();
    }
}

/// SEC-5-11
#[test]
fn a_wrong_password_ends_both_with_the_same_code() {
    let mut pair = pair(Credentials::plain_insecure("user", "wrong"));
    pair.drive();
    pair.server.authenticate(SaslAnswer::Reject(SaslCode::Auth)).unwrap();
    pair.drive();
    for side in [Side::Client, Side::Server] {
        pair.expect_event(side, Event::Closed);
        let reason = pair.side(side).close_reason().unwrap().clone();
        assert_eq!(reason.cause(), &Cause::Sasl(Some(SaslCode::Auth)));
        assert_eq!(reason.error().unwrap().condition.as_str(), "amqp:unauthorized-access");
        assert!(pair.side(side).is_finished());
    }
}

/// SEC-5-13: authentication leaves the connection as it would be without.
#[test]
fn messages_flow_behind_the_layer() {
    let mut pair = pair(Credentials::Anonymous);
    pair.drive();
    pair.take_events(Side::Client);
    pair.take_events(Side::Server);
    let sessions = pair.begin(SessionOptions::default(), SessionOptions::default());
    let options = ReceiverOptions::default().prefetch(1);
    let link = pair.attach_sender(Side::Client, sessions, SenderOptions::new("node"), options);
    pair.send(&link, b"message");
    pair.drive();
    let deliveries = pair.deliveries(&link);
    assert_eq!(deliveries.len(), 1);
    pair.finish();
}

/// What one end counts as written the other counts as arrived, SASL frames too.
#[test]
fn frames_are_counted_alike_on_both_ends() {
    let pair = Pair::opened_with(
        client_options().credentials(Credentials::Anonymous),
        server_options().sasl(SaslServer::new([Symbol::from_static("ANONYMOUS")])),
    );
    let (client, server) = (pair.client.counters(), pair.server.counters());
    assert_eq!((client.frames_out, server.frames_out), (server.frames_in, client.frames_in));
}
