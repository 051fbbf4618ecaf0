//! The spec's names of types and fields, made from Rust's at compile time.

/// `open` of `amqp:open:list`.
pub(crate) const fn type_name(symbol: &'static str) -> &'static str {
    let octets = symbol.as_bytes();
    let mut start = 0;
    while start < octets.len() && octets[start] != b':' {
        start += 1;
    }
    let mut end = octets.len();
    while end > start + 1 && octets[end - 1] != b':' {
        end -= 1;
    }
    if end <= start + 1 { symbol } else { symbol.split_at(end - 1).0.split_at(start + 1).1 }
}

/// `open.container-id` of `open` and `container_id`; runs at compile time only.
pub(crate) const fn qualified<const N: usize>(type_name: &str, field: &str) -> [u8; N] {
    let (type_name, field) = (type_name.as_bytes(), field.as_bytes());
    let mut name = [b'.'; N];
    let mut at = 0;
    while at < N {
        if at < type_name.len() {
            name[at] = type_name[at];
        } else if at > type_name.len() {
            let octet = field[at - type_name.len() - 1];
            name[at] = if octet == b'_' { b'-' } else { octet };
        }
        at += 1;
    }
    name
}

/// `open.container-id` of `"amqp:open:list"` and `container_id`.
macro_rules! field_name {
    ($symbol:literal, $field:ident) => {{
        const TYPE: &str = $crate::names::type_name($symbol);
        const FIELD: &str = stringify!($field);
        const NAME: [u8; TYPE.len() + 1 + FIELD.len()] = $crate::names::qualified(TYPE, FIELD);
        const TEXT: &str = match core::str::from_utf8(&NAME) {
            Ok(text) => text,
            Err(_) => FIELD,
        };
        TEXT
    }};
}
pub(crate) use field_name;
