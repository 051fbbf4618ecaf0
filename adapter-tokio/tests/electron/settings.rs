//! What one end says of itself and the other sees: heartbeats, links, users.

use std::time::Duration;

use crate::adapter::codec::{
    AttachSource, AttachTarget, ErrorCondition, Fields, SaslCode, SenderSettleMode, Source, Str, Target,
    TerminusDurability, TerminusExpiryPolicy,
};
use crate::adapter::{
    ConnectionOptions, Credentials, Endpoint, Incoming, ReceiverOptions, SaslServer, SenderOptions, Symbol,
    Value,
};
use crate::relay::Relay;

// TestHeartbeat: what is asked for is seen at the other side, and a freeze that is too long ends both.
scenario!(heartbeat, {
    let relay = Relay::new();
    let (client, server) = pair!(
        ConnectionOptions::default().heartbeat(Duration::from_millis(101)),
        ConnectionOptions::default().heartbeat(Duration::from_millis(102)),
        |address| relay.to(address)
    );
    let Some(Incoming::Connection(incoming)) = wait!(server.incoming()) else { panic!("no open") };
    assert_eq!(incoming.heartbeat(), Some(Duration::from_millis(101)));
    incoming.accept();
    wait!(client.sync()).expect("open");
    assert_eq!(client.heartbeat(), Some(Duration::from_millis(102)));
    assert_eq!(server.heartbeat(), Some(Duration::from_millis(101)));
    relay.freeze();
    let error = wait!(client.done());
    assert_eq!(error.condition(), Some(ErrorCondition::RESOURCE_LIMIT_EXCEEDED), "{error}");
    relay.thaw();
    let error = wait!(server.done());
    assert!(!error.is_clean(), "{error}");
});

// TestHeartbeat: a freeze that is not too long is survived.
scenario!(heartbeat_short_freeze, {
    let relay = Relay::new();
    let options = ConnectionOptions::default().heartbeat(Duration::from_millis(800));
    let (client, server) = pair!(options.clone(), options, |address| relay.to(address));
    let Some(Incoming::Connection(incoming)) = wait!(server.incoming()) else { panic!("no open") };
    incoming.accept();
    wait!(client.sync()).expect("open");
    // Over is what is silent for 1.6 s. A heartbeat of each side comes late.
    relay.freeze();
    assert!(wait_for!(client.done(), Duration::from_millis(700)).is_none());
    relay.thaw();
    assert!(wait_for!(server.done(), Duration::from_millis(1200)).is_none());
    let (sender, _receiver) = link!(client, server, ReceiverOptions::default());
    assert!(sender.error().is_none());
    wait!(client.close()).expect("clean");
});

// TestLinkSettings: the sender's.
scenario!(link_settings_of_a_sender, {
    let (client, server) = pair!(ConnectionOptions::default(), ConnectionOptions::default());
    let target = Target {
        address: None,
        durable: TerminusDurability::Configuration,
        expiry_policy: TerminusExpiryPolicy::ConnectionClose,
        timeout: 42,
        dynamic: true,
        ..Target::default()
    };
    let options = SenderOptions::default()
        .name(Str::from("one"))
        .with_source(Source::default())
        .with_target(target.clone());
    let sender = client.sender(options.at_least_once()).expect("attached");
    let incoming = incoming!(server, Receiver);
    assert_eq!(incoming.name(), "one");
    assert!(incoming.is_dynamic());
    let attach = incoming.attach().clone();
    assert_eq!(attach.target.as_deref(), Some(&AttachTarget::Target(target)));
    assert_eq!(attach.source.as_deref(), Some(&AttachSource::Source(Source::default())));
    assert_eq!(attach.snd_settle_mode, SenderSettleMode::Unsettled);
    let _receiver = incoming.accept_with(ReceiverOptions::default().dynamic_address(Str::from("made-1")));
    wait!(sender.sync()).expect("open");
    assert_eq!(sender.target().as_deref(), Some("made-1"));
});

// TestLinkSettings: the receiver's.
scenario!(link_settings_of_a_receiver, {
    let (client, server) = pair!(ConnectionOptions::default(), ConnectionOptions::default());
    let mut filter = Fields::default();
    filter.insert(Symbol::from_static("int"), Value::Int(33));
    filter.insert(Symbol::from_static("str"), Value::from("hello"));
    let options = ReceiverOptions::new("source").durable_subscription("two").filter(filter.clone());
    let _receiver = client.receiver(options).expect("attached");
    let incoming = incoming!(server, Sender);
    assert_eq!((incoming.name(), incoming.source().as_deref()), ("two", Some("source")));
    let expected = Source {
        address: Some("source".into()),
        durable: TerminusDurability::UnsettledState,
        expiry_policy: TerminusExpiryPolicy::Never,
        filter: Some(filter),
        ..Source::default()
    };
    assert_eq!(incoming.attach().source.as_deref(), Some(&AttachSource::Source(expected)));
    assert_eq!(incoming.attach().target.as_deref(), Some(&AttachTarget::Target(Target::default())));
});

fn demanding(mechanism: &'static str) -> ConnectionOptions {
    ConnectionOptions::default().sasl(SaslServer::new([Symbol::from_static(mechanism)]).allow_insecure())
}

// TestAuthAnonymous.
scenario!(auth_anonymous, {
    let (client, server) = pair!(
        ConnectionOptions::default().credentials(Credentials::Anonymous).virtual_host("vhost"),
        demanding("ANONYMOUS")
    );
    let Some(Incoming::Connection(incoming)) = wait!(server.incoming()) else { panic!("no open") };
    assert_eq!(incoming.user().as_deref(), Some("anonymous"));
    assert_eq!(incoming.virtual_host().as_deref(), Some("vhost"));
    incoming.accept();
    wait!(client.sync()).expect("open");
    assert_eq!(client.virtual_host().as_deref(), Some("vhost"));
});

/// A client that says it is `$user`, with `$password`, at a server that knows `fred` with `xxx`.
macro_rules! plain {
    ($user:expr, $password:expr) => {{
        let credentials = Credentials::plain_insecure($user, $password);
        let (client, server) =
            pair!(ConnectionOptions::default().credentials(credentials), demanding("PLAIN"));
        let Some(Incoming::Authentication(authentication)) = wait!(server.incoming()) else {
            panic!("not asked")
        };
        let plain = authentication.request().and_then(|request| request.plain()).expect("PLAIN");
        match (plain.user.as_str(), plain.password.as_str()) {
            ("fred", "xxx") => authentication.accept().expect("it waits"),
            _ => authentication.reject(SaslCode::Auth).expect("it waits"),
        }
        (client, server)
    }};
}

// TestAuthPlain.
scenario!(auth_plain, {
    let (client, server) = plain!("fred", "xxx");
    let Some(Incoming::Connection(incoming)) = wait!(server.incoming()) else { panic!("no open") };
    assert_eq!(incoming.user().as_deref(), Some("fred"));
    incoming.accept();
    wait!(client.sync()).expect("open");
    wait!(server.sync()).expect("open");
    assert_eq!(client.user().as_deref(), Some("fred"));
});

// TestAuthBadPass.
scenario!(auth_bad_pass, {
    let (client, server) = plain!("fred", "yyy");
    assert!(wait!(client.sync()).is_err_and(|error| !error.is_clean()));
    assert!(wait!(server.sync()).is_err_and(|error| !error.is_clean()));
    assert!(wait!(server.incoming()).is_none());
});

// TestAuthBadUser.
scenario!(auth_bad_user, {
    let (client, server) = plain!("foo", "xxx");
    assert!(wait!(client.sync()).is_err_and(|error| !error.is_clean()));
    assert!(wait!(server.sync()).is_err_and(|error| !error.is_clean()));
});
