//! Where a peer is, who to be there, and which node is meant: `amqp://user:password@host:port/path`.

mod error;
mod parse;

use core::convert::Infallible;
use core::fmt;
use core::str::FromStr;
use std::io;
use std::net::SocketAddr;

use amqp_core::{ConnectionOptions, Credentials};

pub use error::{AddressError, AddressPart};

/// Where a peer is, who to be there, and which node is meant.
///
/// ```text
/// [amqp:// | amqps://] [user [:password] @] [host] [:port] [/path]
/// ```
///
/// Every part may be absent: the scheme is then `amqp`, the host `localhost`, the port the one of the scheme (5672 or
/// 5671), and user, password and path are absent. So the empty string is `amqp://localhost:5672`.
///
/// * **Scheme**: in upper or lower case. Any other is an error.
/// * **User, password**: up to the last `@` before the first `/`; the user ends at the first `:`, so that a password
///   may have more of them. `/` is written `%2F`, `%` is written `%25`. Neither may contain control characters, and a
///   password needs a user; an empty user without a password is none.
/// * **Host**: a name in ASCII, an IPv4 address, or an IPv6 address in brackets, with `%25` before its zone if it has
///   one: `[fe80::1%25eth0]`. It is kept as it is written, not lowered.
/// * **Port**: 0 to 65535, or the service name `amqp` or `amqps`; absent where nothing follows the `:`. 0 is kept: a
///   listener is given any free port for it, and no peer can be reached there.
/// * **Path**: all that follows the first `/`: the address of a node, without that `/`. There is no query and no
///   fragment: `?`, `#`, `@`, `:` and further `/` are part of it, as node addresses have them (`topic/stock.#`).
///   Control characters are to be written in percent-encoding.
///
/// User, password and path are percent-decoded, once, to UTF-8.
///
/// [`Display`](fmt::Display) and [`Debug`] show all parts but the password, with `***` in its place. What is displayed
/// can be parsed, and gives the same address but for the password and [`allow_insecure`](Self::allow_insecure).
///
/// ```
/// use amqp_endpoint::{Address, Scheme};
///
/// let address = Address::parse("amqps://anna:s%2Fcret@broker.example/orders")?;
/// assert_eq!(address.scheme(), Scheme::Amqps);
/// assert_eq!((address.host(), address.port()), ("broker.example", 5671));
/// assert_eq!((address.user(), address.password()), (Some("anna"), Some("s/cret")));
/// assert_eq!(address.path(), "orders");
/// assert_eq!(address.to_string(), "amqps://anna:***@broker.example:5671/orders");
///
/// assert_eq!(Address::parse(":1234")?.to_string(), "amqp://localhost:1234");
/// assert!(Address::parse("http://broker.example").is_err());
/// # Ok::<(), amqp_endpoint::AddressError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address {
    scheme: Scheme,
    login: Option<Login>,
    /// Without brackets; the zone of an IPv6 address follows a `%`.
    host: String,
    port: u16,
    path: String,
    allow_insecure: bool,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Login {
    user: String,
    password: Option<String>,
}

impl Address {
    /// The address that `text` is. The forms are told [above](Self).
    ///
    /// # Errors
    /// An [`AddressError`] that says what is wrong and where, and shows no part of `text`.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        parse::address(text)
    }

    /// How octets are carried to the peer.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host's name or IP address, an IPv6 address without brackets. Never empty.
    ///
    /// With [`port`](Self::port) it is what to connect to: `TcpStream::connect((address.host(), address.port()))`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The user's name, decoded. Never empty.
    pub fn user(&self) -> Option<&str> {
        self.login.as_ref().map(|login| login.user.as_str())
    }

    /// The password, decoded. Only present where a user is; empty where a `:` but nothing more follows the user.
    pub fn password(&self) -> Option<&str> {
        self.login.as_ref()?.password.as_deref()
    }

    /// The address of the node, decoded and without the `/` before it. Empty where there is none.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Host and port in one, to show or to resolve: `broker.example:5672`, `[::1]:5672`.
    ///
    /// An IPv6 address with a zone that is not a number does not resolve in this form:
    /// use [`host`](Self::host) and [`port`](Self::port).
    pub fn host_port(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    /// Host and port, for a connection over TCP that nothing encrypts.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) where the scheme is `amqps`.
    pub fn plain_tcp(&self) -> io::Result<(&str, u16)> {
        match self.scheme {
            Scheme::Amqp => Ok((&self.host, self.port)),
            Scheme::Amqps => {
                Err(io::Error::new(io::ErrorKind::InvalidInput, "amqps needs a TLS stream to connect over"))
            }
        }
    }

    /// The octets are to be encrypted on their way: the scheme is [`Scheme::Amqps`].
    pub fn is_encrypted(&self) -> bool {
        self.scheme == Scheme::Amqps
    }

    /// Lets [`credentials`](Self::credentials) go over a transport that is not encrypted. Default: they may not.
    #[must_use]
    pub fn allow_insecure(self) -> Self {
        Self { allow_insecure: true, ..self }
    }

    /// How to authenticate as the user: with PLAIN, the password being empty where there is none. `None` without a
    /// user.
    ///
    /// ```
    /// use amqp_core::{ConnectionOptions, Credentials};
    /// use amqp_endpoint::Address;
    ///
    /// let address = Address::parse("anna:secret@localhost")?.allow_insecure();
    /// assert!(matches!(address.credentials(), Some(Credentials::Plain { allow_insecure: true, .. })));
    /// # Ok::<(), amqp_endpoint::AddressError>(())
    /// ```
    pub fn credentials(&self) -> Option<Credentials> {
        let login = self.login.as_ref()?;
        let plain = if self.allow_insecure { Credentials::plain_insecure } else { Credentials::plain };
        Some(plain(login.user.as_str(), login.password.as_deref().unwrap_or_default()))
    }

    /// Options for a connection to it: what `options` leave open of virtual host and credentials is as the address says.
    #[must_use]
    pub fn complete(&self, mut options: ConnectionOptions) -> ConnectionOptions {
        options.hostname.get_or_insert_with(|| self.host.as_str().into());
        options.credentials = options.credentials.or_else(|| self.credentials());
        options
    }
}

/// How octets are carried to the peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// `amqp`: over TCP.
    #[default]
    Amqp,
    /// `amqps`: over TLS over TCP (§5.2).
    Amqps,
}

impl Scheme {
    /// `amqp` or `amqps`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Amqp => "amqp",
            Self::Amqps => "amqps",
        }
    }

    /// The port that is registered for it: 5672 or 5671.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Amqp => 5672,
            Self::Amqps => 5671,
        }
    }

    /// The scheme of that name, in upper or lower case.
    fn named(name: &str) -> Option<Self> {
        [Self::Amqp, Self::Amqps].into_iter().find(|scheme| scheme.as_str().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The whole address but for the password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme)?;
        if let Some(Login { user, password }) = &self.login {
            encode(f, user, "")?;
            f.write_str(if password.is_some() { ":***@" } else { "@" })?;
        }
        // RFC 6874 §2: the `%` before a zone is encoded. No host has another.
        f.write_str(&self.host_port().replace('%', "%25"))?;
        if !self.path.is_empty() {
            f.write_str("/")?;
            encode(f, &self.path, "/:@")?;
        }
        Ok(())
    }
}

/// Never shows the password.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address")
            .field("address", &format_args!("{self}"))
            .field("allow_insecure", &self.allow_insecure)
            .finish()
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

impl TryFrom<&str> for Address {
    type Error = AddressError;

    fn try_from(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        Self::parse(&text)
    }
}

/// For `&format!(…)`.
impl TryFrom<&String> for Address {
    type Error = AddressError;

    fn try_from(text: &String) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

/// `amqp` at that IP address and port, the scope of an IPv6 address being its zone.
impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        let host = match address {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), v6.scope_id()),
            _ => address.ip().to_string(),
        };
        Self {
            scheme: Scheme::Amqp,
            login: None,
            host,
            port: address.port(),
            path: String::new(),
            allow_insecure: false,
        }
    }
}

/// For what takes `impl TryInto<Address, Error: Into<AddressError>>`: an [`Address`] itself cannot fail to be one.
impl From<Infallible> for AddressError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// RFC 3986 §3.2.1, §3.3: all is percent-encoded but unreserved characters, sub-delims and those in `also`.
fn encode(f: &mut fmt::Formatter<'_>, text: &str, also: &str) -> fmt::Result {
    use fmt::Write;
    text.bytes().try_for_each(|octet| match char::from(octet) {
        plain if is_name(plain) || also.contains(plain) => f.write_char(plain),
        _ => write!(f, "%{octet:02X}"),
    })
}

/// RFC 3986 §2.2, §2.3: unreserved or a sub-delim. Hosts have no others (§3.2.2).
fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-._~!$&'()*+,;=".contains(character)
}
