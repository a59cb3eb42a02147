//! What an edge and a proxy behind it agree on about a client's request.

use std::net::SocketAddr;

use gatewright_core::ZoneId;

/// The cookie that carries a ticket on a session's path.
pub const TICKET_COOKIE: &str = "gatewright-ticket";

/// Every path of a session begins with this, followed by the session's id.
pub const SESSION_PREFIX: &str = "/session/";

/// Where the client's connection came from, as the edge saw it. An edge puts it into a request's extensions; what a
/// client says about itself in `Forwarded` or `X-Forwarded-For` is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddr(pub SocketAddr);

/// The zone of the edge that a request came through, from the edge's certificate. In a request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntryZone(pub ZoneId);

/// The value of cookie `name` in one `Cookie` header (RFC 6265 5.4). None also where the name comes twice: a page on a
/// sibling host may have planted one of them, and there is no telling which.
#[must_use]
pub fn cookie_value<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let mut found = header.split(';').filter_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key.trim() == name).then(|| value.trim())
    });
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name_and_never_guessed() {
        for (header, value) in [
            ("gatewright-ticket=a.b.c", Some("a.b.c")),
            ("x=1; gatewright-ticket=a.b.c; y=2", Some("a.b.c")),
            ("xgatewright-ticket=1", None),
            ("gatewright-ticket", None),
            ("gatewright-ticket=1; gatewright-ticket=2", None),
            ("", None),
        ] {
            assert_eq!(cookie_value(header, TICKET_COOKIE), value, "{header:?}");
        }
    }
}
