//! Addresses: every form, every error, and that what is shown can be read again.

use std::net::SocketAddr;

use amqp_core::Credentials;
use amqp_endpoint::{Address, AddressError, AddressPart, Scheme};
use proptest::prelude::*;

fn parse(text: &str) -> Address {
    Address::parse(text).expect(text)
}

/// Text, what it is shown as, user, password, path.
type Form = (&'static str, &'static str, Option<&'static str>, Option<&'static str>, &'static str);

const FORMS: &[Form] = &[
    // What Go's ParseURL is documented with.
    (
        "amqp://username:password@host:1234/path",
        "amqp://username:***@host:1234/path",
        Some("username"),
        Some("password"),
        "path",
    ),
    ("host:1234", "amqp://host:1234", None, None, ""),
    ("host", "amqp://host:5672", None, None, ""),
    ("host/path", "amqp://host:5672/path", None, None, "path"),
    ("amqps://host", "amqps://host:5671", None, None, ""),
    ("/path", "amqp://localhost:5672/path", None, None, "path"),
    ("", "amqp://localhost:5672", None, None, ""),
    // Parts that are missing.
    ("amqp://", "amqp://localhost:5672", None, None, ""),
    ("amqps://", "amqps://localhost:5671", None, None, ""),
    ("amqps:///q", "amqps://localhost:5671/q", None, None, "q"),
    ("amqps://:5672", "amqps://localhost:5672", None, None, ""),
    (":1234", "amqp://localhost:1234", None, None, ""),
    ("host:", "amqp://host:5672", None, None, ""),
    ("amqp://host/", "amqp://host:5672", None, None, ""),
    ("u@", "amqp://u@localhost:5672", Some("u"), None, ""),
    ("u@/q", "amqp://u@localhost:5672/q", Some("u"), None, "q"),
    ("@host", "amqp://host:5672", None, None, ""),
    ("/", "amqp://localhost:5672", None, None, ""),
    // Schemes.
    ("AMQP://host", "amqp://host:5672", None, None, ""),
    ("AmqpS://host", "amqps://host:5671", None, None, ""),
    ("amqp", "amqp://amqp:5672", None, None, ""),
    ("amqps:5671", "amqp://amqps:5671", None, None, ""),
    // Ports.
    ("host:amqp", "amqp://host:5672", None, None, ""),
    ("host:amqps", "amqp://host:5671", None, None, ""),
    ("amqps://host:amqps", "amqps://host:5671", None, None, ""),
    ("host:0", "amqp://host:0", None, None, ""),
    ("host:65535", "amqp://host:65535", None, None, ""),
    ("host:05672", "amqp://host:5672", None, None, ""),
    // Hosts.
    ("127.0.0.1:5", "amqp://127.0.0.1:5", None, None, ""),
    ("a-b_c.example.", "amqp://a-b_c.example.:5672", None, None, ""),
    ("BROKER", "amqp://BROKER:5672", None, None, ""),
    ("[::1]", "amqp://[::1]:5672", None, None, ""),
    ("[::1]:", "amqp://[::1]:5672", None, None, ""),
    ("[::1]:1234/q", "amqp://[::1]:1234/q", None, None, "q"),
    ("[::1]:amqp", "amqp://[::1]:5672", None, None, ""),
    ("amqps://[2001:DB8::8]", "amqps://[2001:DB8::8]:5671", None, None, ""),
    ("[::ffff:10.0.0.1]", "amqp://[::ffff:10.0.0.1]:5672", None, None, ""),
    ("[fe80::1%25eth0]:1", "amqp://[fe80::1%25eth0]:1", None, None, ""),
    ("user@[::1]:7", "amqp://user@[::1]:7", Some("user"), None, ""),
    // Users and passwords.
    ("u@host", "amqp://u@host:5672", Some("u"), None, ""),
    ("u:@host", "amqp://u:***@host:5672", Some("u"), Some(""), ""),
    ("u:1:2^&^:3@host:4/q:5", "amqp://u:***@host:4/q:5", Some("u"), Some("1:2^&^:3"), "q:5"),
    ("u:1:2@[::1]:4/q:5@6", "amqp://u:***@[::1]:4/q:5@6", Some("u"), Some("1:2"), "q:5@6"),
    ("u:p@ss@host", "amqp://u:***@host:5672", Some("u"), Some("p@ss"), ""),
    ("me@example.com:p@host", "amqp://me%40example.com:***@host:5672", Some("me@example.com"), Some("p"), ""),
    ("u:p#?[]%25 \"@host", "amqp://u:***@host:5672", Some("u"), Some("p#?[]% \""), ""),
    ("u:a%2Fb%2fc@host", "amqp://u:***@host:5672", Some("u"), Some("a/b/c"), ""),
    (
        "amqps://%40u%2F%3A:%40p%2F%3A@host/t",
        "amqps://%40u%2F%3A:***@host:5671/t",
        Some("@u/:"),
        Some("@p/:"),
        "t",
    ),
    ("u=+:p=+@host", "amqp://u=+:***@host:5672", Some("u=+"), Some("p=+"), ""),
    ("j%C3%B6rg:\u{fc}@host", "amqp://j%C3%B6rg:***@host:5672", Some("j\u{f6}rg"), Some("\u{fc}"), ""),
    // Paths.
    ("host/q@h:1", "amqp://host:5672/q@h:1", None, None, "q@h:1"),
    ("/q:1@h", "amqp://localhost:5672/q:1@h", None, None, "q:1@h"),
    ("host//a/b/", "amqp://host:5672//a/b/", None, None, "/a/b/"),
    ("host/temp-queue://ID:1:0", "amqp://host:5672/temp-queue://ID:1:0", None, None, "temp-queue://ID:1:0"),
    ("/topic://x", "amqp://localhost:5672/topic://x", None, None, "topic://x"),
    ("amqp://host/topic://x", "amqp://host:5672/topic://x", None, None, "topic://x"),
    ("host/a.#?x=%25&y=1#z", "amqp://host:5672/a.%23%3Fx=%25&y=1%23z", None, None, "a.#?x=%&y=1#z"),
    ("host/a%252Fb", "amqp://host:5672/a%252Fb", None, None, "a%2Fb"),
    ("host/a b+c%20d", "amqp://host:5672/a%20b+c%20d", None, None, "a b+c d"),
    ("host/%00%0a", "amqp://host:5672/%00%0A", None, None, "\0\n"),
    ("host/\u{e4}%c3%a4", "amqp://host:5672/%C3%A4%C3%A4", None, None, "\u{e4}\u{e4}"),
];

#[test]
fn every_form() {
    for &(text, shown, user, password, path) in FORMS {
        let address = parse(text);
        assert_eq!(address.to_string(), shown, "{text}");
        assert_eq!((address.user(), address.password()), (user, password), "{text}");
        assert_eq!(address.path(), path, "{text}");
        assert_eq!(parse(shown).to_string(), shown, "{text}");
    }
}

const ERRORS: &[(&str, AddressError)] = {
    use AddressError::*;
    use AddressPart::*;
    &[
        ("http://host", Scheme),
        ("amqp+ssl://host", Scheme),
        ("host://q", Scheme),
        ("://host", Scheme),
        ("u:p://host", Scheme),
        ("amqps:", Scheme),
        ("AMQP:", Scheme),
        ("amqps:/u:p@host", Scheme),
        (":p@host", NoUser { at: 1 }),
        ("amqp://:@host", NoUser { at: 8 }),
        ("host:x", Port { at: 5 }),
        ("host:65536", Port { at: 5 }),
        ("host:99999999999999999999", Port { at: 5 }),
        ("host:-1", Port { at: 5 }),
        ("host:+1", Port { at: 5 }),
        ("host: 1", Port { at: 5 }),
        ("host:1?x", Port { at: 5 }),
        ("host:\u{661}", Port { at: 5 }),
        ("amqp:host", Port { at: 5 }),
        ("u:se/cret@host", Port { at: 2 }),
        ("amqp://u@[::1]:x", Port { at: 15 }),
        ("[::1", Bracket { at: 0 }),
        ("u:p@[::1:5672/q", Bracket { at: 4 }),
        ("u:p@::1]:5672/q", Host { at: 4 }),
        ("::1", Host { at: 0 }),
        ("fe80::1", Host { at: 4 }),
        ("[]", Host { at: 1 }),
        ("[host]", Host { at: 1 }),
        ("[127.0.0.1]", Host { at: 1 }),
        ("[fe80::1%eth0]", Host { at: 1 }),
        ("[fe80::1%25]", Host { at: 1 }),
        ("[fe80::1%25a%41]", Host { at: 1 }),
        ("[::1]5672", Host { at: 5 }),
        ("ho st", Host { at: 2 }),
        (" host", Host { at: 0 }),
        ("host\n", Host { at: 4 }),
        ("host\0/q", Host { at: 4 }),
        ("host?x=1", Host { at: 4 }),
        ("ho%73t", Host { at: 2 }),
        ("amqp://b\u{fc}cher", Host { at: 8 }),
        ("u%@host", Percent { part: User, at: 1 }),
        ("u:p%4@host", Percent { part: Password, at: 3 }),
        ("u:p%+4@host", Percent { part: Password, at: 3 }),
        ("amqp://host/p:%", Percent { part: Path, at: 14 }),
        ("/%zz", Percent { part: Path, at: 1 }),
        ("/%4\u{fc}", Percent { part: Path, at: 1 }),
        ("u%FF@host", Utf8 { part: User, at: 0 }),
        ("u:%C3@host", Utf8 { part: Password, at: 2 }),
        ("host/%80", Utf8 { part: Path, at: 5 }),
        ("u\0@host", Control { part: User, at: 0 }),
        ("u%00@host", Control { part: User, at: 0 }),
        ("u:p%0A@host", Control { part: Password, at: 2 }),
        ("u:p\u{85}@host", Control { part: Password, at: 2 }),
        ("host/q\n", Control { part: Path, at: 5 }),
    ]
};

#[test]
fn getters() {
    let address = parse("amqps://u:p@[fe80::1%25eth0]:1/q");
    assert_eq!((address.scheme(), address.is_encrypted()), (Scheme::Amqps, true));
    assert_eq!((address.host(), address.port()), ("fe80::1%eth0", 1));
    assert_eq!(address.host_port(), "[fe80::1%eth0]:1");
    let address = parse("host:7/q");
    assert_eq!((address.scheme(), address.is_encrypted()), (Scheme::Amqp, false));
    assert_eq!((address.host(), address.host_port().as_str()), ("host", "host:7"));
    assert_eq!(parse("[::1]").host_port(), "[::1]:5672");
    assert_eq!(Scheme::Amqps.to_string(), "amqps");
}

#[test]
fn every_error() {
    for &(text, error) in ERRORS {
        assert_eq!(Address::parse(text), Err(error), "{text:?}");
    }
}

#[test]
fn errors_say_where_and_show_nothing() {
    let error = Address::parse("amqp://anna:secret%@host").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the password of the address has a '%' without two hexadecimal digits at octet 18"
    );
    for text in
        ["u:Xyz/Xyz@host", "Xyz://u", "u:Xyz\0@h", "u:Xyz%FF@h", ":Xyz@h", "u@[Xyz", "u@[Xyz]", "h:Xyz"]
    {
        let error = Address::parse(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("Xyz"), "{text}: {error}");
    }
}

#[test]
fn credentials() {
    let of = |address: &Address| match address.credentials() {
        Some(Credentials::Plain { authorization, user, password, allow_insecure }) => {
            assert_eq!(authorization, "");
            Some((user, password, allow_insecure))
        }
        None => None,
        Some(other) => panic!("{other:?}"),
    };
    let expected = |password: &str, insecure| Some(("anna".to_owned(), password.to_owned(), insecure));
    assert_eq!(of(&parse("host")), None);
    assert_eq!(of(&parse("host").allow_insecure()), None);
    assert_eq!(of(&parse("anna:s%3Acret@host")), expected("s:cret", false));
    assert_eq!(of(&parse("amqps://anna:secret@host")), expected("secret", false));
    assert_eq!(of(&parse("anna:secret@host").allow_insecure()), expected("secret", true));
    assert_eq!(of(&parse("anna@host")), expected("", false));
}

#[test]
fn debug_hides_the_password() {
    let address = parse("anna:secret@host/q");
    assert_eq!(
        format!("{address:?}"),
        "Address { address: amqp://anna:***@host:5672/q, allow_insecure: false }"
    );
    assert!(!format!("{address:#?}").contains("secret"));
    assert!(format!("{:?}", address.allow_insecure()).contains("allow_insecure: true"));
}

#[test]
fn equality_sees_the_password_and_what_it_may_do() {
    let address = parse("anna:secret@host");
    assert_eq!(address, parse("amqp://anna:secret@host:5672/"));
    assert_ne!(address, parse("anna:secre@host"));
    assert_ne!(parse("anna@host"), parse("anna:@host"));
    assert_ne!(address.clone(), address.allow_insecure());
}

#[test]
fn conversions() {
    fn take<A: TryInto<Address, Error: Into<AddressError>>>(address: A) -> Result<Address, AddressError> {
        address.try_into().map_err(Into::into)
    }
    let expected = parse("host/q");
    assert_eq!(take("host/q"), Ok(expected.clone()));
    let owned = "host/q".to_owned();
    assert_eq!(take(&owned), Ok(expected.clone()));
    assert_eq!(take(owned), Ok(expected.clone()));
    assert_eq!(take(expected.clone()), Ok(expected.clone()));
    assert_eq!("host/q".parse(), Ok(expected));
    assert_eq!(take("[::1"), Err(AddressError::Bracket { at: 0 }));
    assert_eq!(take("[::1".to_owned()), Err(AddressError::Bracket { at: 0 }));
    for (socket, shown) in [
        ("127.0.0.1:5672", "amqp://127.0.0.1:5672"),
        ("127.0.0.1:0", "amqp://127.0.0.1:0"),
        ("[::1]:5671", "amqp://[::1]:5671"),
        ("[fe80::1%7]:1", "amqp://[fe80::1%257]:1"),
    ] {
        let socket: SocketAddr = socket.parse().unwrap();
        let address = take(socket).unwrap();
        assert_eq!(address.to_string(), shown);
        assert_eq!(address, parse(shown));
        assert_eq!(address.host_port().parse(), Ok(socket));
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|octet| format!("%{octet:02x}")).collect()
}

proptest! {
    /// All parts, whatever they contain, arrive as they were, and are shown in a form that gives them back.
    #[test]
    fn what_is_shown_can_be_read(
        encrypted: bool,
        login in proptest::option::of(("\\PC{1,8}", proptest::option::of("\\PC{0,8}"))),
        host in "[a-z0-9-]{1,5}(\\.[a-z]{1,3})?|\\[(::[0-9a-f]{0,4}|1:2:3:4:5:6:7:8)(%25[a-z]{1,4})?\\]",
        port: u16,
        path in "(?s).{0,12}",
    ) {
        let scheme = if encrypted { "amqps" } else { "amqp" };
        let userinfo = |password: fn(&str) -> String| match &login {
            None => String::new(),
            Some((user, None)) => format!("{}@", encoded(user)),
            Some((user, Some(secret))) => format!("{}:{}@", encoded(user), password(secret)),
        };
        let tail = format!("{host}:{port}/{}", encoded(&path));
        let address = parse(&format!("{scheme}://{}{tail}", userinfo(encoded)));
        prop_assert_eq!(address.is_encrypted(), encrypted);
        prop_assert_eq!(address.user(), login.as_ref().map(|(user, _)| user.as_str()));
        prop_assert_eq!(address.password(), login.as_ref().and_then(|(_, password)| password.as_deref()));
        prop_assert_eq!(address.host(), host.trim_matches(['[', ']']).replace("%25", "%"));
        prop_assert_eq!((address.port(), address.path()), (port, path.as_str()));

        let shown = address.to_string();
        prop_assert!(shown.is_ascii() && !shown.contains(|c: char| c.is_control() || " ?#".contains(c)));
        let starred = parse(&format!("{scheme}://{}{tail}", userinfo(|_| "***".to_owned())));
        prop_assert_eq!(parse(&shown), starred);
    }

    /// Of any text: no panic, and where it is an address, what is shown is one too.
    #[test]
    fn any_text(text in "(amqps?:)?[/a:@%\\[\\]1]{0,12}|(?s).{0,40}") {
        if let Ok(address) = Address::parse(&text) {
            let again = parse(&address.to_string());
            prop_assert_eq!(address.to_string(), again.to_string());
            prop_assert_eq!((address.user(), address.host(), address.path()), (again.user(), again.host(), again.path()));
        }
    }
}
