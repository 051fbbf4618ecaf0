//! The text of an address taken apart.

use std::net::Ipv6Addr;

use super::{Address, AddressError, AddressPart, Login, Scheme, is_name};

/// The parts of `text`, each with its default.
pub(super) fn address(text: &str) -> Result<Address, AddressError> {
    let (scheme, rest) = scheme(Piece { text, at: 0 })?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, Piece::ABSENT));
    // The last one: the name of a user is often an e-mail address.
    let (login, socket) = match authority.rsplit_once('@') {
        Some((login_text, socket)) => (login(login_text)?, socket),
        None => (None, authority),
    };
    let (host, port_text) = host(socket)?;
    Ok(Address {
        scheme,
        login,
        host: if host.is_empty() { "localhost".to_owned() } else { host },
        port: port(port_text, scheme)?,
        path: path.decode(AddressPart::Path)?,
        allow_insecure: false,
    })
}

/// The scheme, and what follows its `://`. Only before the first `/` is one: `://` is possible in a path.
fn scheme(whole: Piece<'_>) -> Result<(Scheme, Piece<'_>), AddressError> {
    let Some((before, slashed)) = whole.split_once('/') else {
        return if whole.is_bare_scheme() { Err(AddressError::Scheme) } else { Ok((Scheme::Amqp, whole)) };
    };
    match (before.text.strip_suffix(':'), slashed.strip_prefix("/")) {
        (Some(name), Some(rest)) => Ok((Scheme::named(name).ok_or(AddressError::Scheme)?, rest)),
        // `amqps:/host`: the host is not `amqps`, and what is behind the slash is not a path that may be shown.
        _ if before.is_bare_scheme() => Err(AddressError::Scheme),
        _ => Ok((Scheme::Amqp, whole)),
    }
}

fn login(text: Piece<'_>) -> Result<Option<Login>, AddressError> {
    let (user, password) =
        text.split_once(':').map_or((text, None), |(user, password)| (user, Some(password)));
    match (user.text, password) {
        ("", None) => Ok(None),
        // RFC 4616 §2: PLAIN has no empty user.
        ("", Some(password)) => Err(AddressError::NoUser { at: password.at }),
        _ => Ok(Some(Login {
            user: user.decode(AddressPart::User)?,
            password: password.map(|password| password.decode(AddressPart::Password)).transpose()?,
        })),
    }
}

/// The host without brackets, and the text of the port.
fn host(socket: Piece<'_>) -> Result<(String, Piece<'_>), AddressError> {
    if let Some(inner) = socket.strip_prefix("[") {
        let (inner, after) = inner.split_once(']').ok_or(AddressError::Bracket { at: socket.at })?;
        let port = match after.strip_prefix(":") {
            Some(port) => port,
            None if after.text.is_empty() => after,
            None => return Err(AddressError::Host { at: after.at }),
        };
        return Ok((ipv6(inner.text).ok_or(AddressError::Host { at: inner.at })?, port));
    }
    let (host, port) = socket.rsplit_once(':').unwrap_or((socket, Piece::ABSENT));
    match host.text.char_indices().find(|&(_, character)| !is_name(character)) {
        Some((index, _)) => Err(AddressError::Host { at: host.at.saturating_add(index) }),
        None => Ok((host.text.to_owned(), port)),
    }
}

/// RFC 6874 §2: the address, and `%25` before the zone if there is one.
fn ipv6(text: &str) -> Option<String> {
    let (address, zone) =
        text.split_once("%25").map_or((text, None), |(address, zone)| (address, Some(zone)));
    address.parse::<Ipv6Addr>().ok()?;
    match zone {
        None => Some(address.to_owned()),
        Some(zone) => (!zone.is_empty() && zone.chars().all(is_name)).then(|| format!("{address}%{zone}")),
    }
}

fn port(text: Piece<'_>, scheme: Scheme) -> Result<u16, AddressError> {
    if text.text.is_empty() {
        return Ok(scheme.default_port());
    }
    if let Some(service) = Scheme::named(text.text) {
        return Ok(service.default_port());
    }
    // `parse` alone would take a sign.
    let digits = text.text.bytes().all(|octet| octet.is_ascii_digit());
    let number = text.text.parse().ok().filter(|_| digits);
    number.ok_or(AddressError::Port { at: text.at })
}

/// A piece of the text, and the octets before it.
#[derive(Clone, Copy)]
struct Piece<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Piece<'a> {
    /// Of nothing in it an error can be told, so where it is does not matter.
    const ABSENT: Self = Self { text: "", at: 0 };

    fn split_once(self, delimiter: char) -> Option<(Self, Self)> {
        self.text.split_once(delimiter).map(|(head, tail)| (Self { text: head, ..self }, self.tail(tail)))
    }

    fn rsplit_once(self, delimiter: char) -> Option<(Self, Self)> {
        self.text.rsplit_once(delimiter).map(|(head, tail)| (Self { text: head, ..self }, self.tail(tail)))
    }

    fn strip_prefix(self, prefix: &str) -> Option<Self> {
        self.text.strip_prefix(prefix).map(|tail| self.tail(tail))
    }

    /// `text` being the end of this piece.
    fn tail(self, text: &'a str) -> Self {
        Self { text, at: self.at.saturating_add(self.text.len().saturating_sub(text.len())) }
    }

    /// `amqp:` or `amqps:` and no more.
    fn is_bare_scheme(self) -> bool {
        self.text.strip_suffix(':').and_then(Scheme::named).is_some()
    }

    /// Percent-decodes it.
    fn decode(self, part: AddressPart) -> Result<String, AddressError> {
        let mut decoded = Vec::with_capacity(self.text.len());
        let mut octets = self.text.bytes().enumerate();
        let digit = |octet: Option<(usize, u8)>| octet.and_then(|(_, octet)| char::from(octet).to_digit(16));
        while let Some((index, octet)) = octets.next() {
            if octet != b'%' {
                decoded.push(octet);
                continue;
            }
            let (Some(high), Some(low)) = (digit(octets.next()), digit(octets.next())) else {
                return Err(AddressError::Percent { part, at: self.at.saturating_add(index) });
            };
            decoded.push((high << 4 | low) as u8);
        }
        let decoded = String::from_utf8(decoded).map_err(|_| AddressError::Utf8 { part, at: self.at })?;
        // A node's address may be any string, but a line feed that nobody encoded is a mistake. RFC 4616 §2 and
        // RFC 4013 §2.3: no names and passwords have any.
        let checked = if part == AddressPart::Path { self.text } else { &decoded };
        if checked.contains(char::is_control) {
            return Err(AddressError::Control { part, at: self.at });
        }
        Ok(decoded)
    }
}
