//! What is taken from a client's headers, and what is added to a response's.

use axum::response::Response;
use gatewright_identity::{TICKET_COOKIE, cookie_value};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header, request};

use crate::problem::Problem;

/// What a client may say about itself and nobody may believe, besides everything that begins with `x-forwarded-` or
/// `x-gatewright-`; and what concerns one hop only (RFC 9110 7.6.1). `Connection` and `Upgrade` stay where they ask for
/// a WebSocket: the upstream in this process answers on the same connection.
const DROPPED: [HeaderName; 12] = [
    header::FORWARDED,
    header::VIA,
    header::TE,
    header::TRAILER,
    header::PROXY_AUTHORIZATION,
    header::PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("true-client-ip"),
    HeaderName::from_static("x-client-ip"),
    HeaderName::from_static("x-original-url"),
];

/// Cleans a request's head, and leaves exactly one `Host`, the one that was really asked for (RFC 9112 3.2.2,
/// RFC 9113 8.3.1).
///
/// # Errors
/// A request without a host, with two, or with one that is none.
pub(crate) fn clean(parts: &mut request::Parts) -> Result<Authority, Problem> {
    const BAD_HOST: Problem = Problem::new(
        http::StatusCode::BAD_REQUEST,
        "bad-host",
        "The request names no host, or more than one.",
    );
    let headers = &mut parts.headers;
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .filter(|name| name != header::UPGRADE && name != header::HOST && name != header::COOKIE)
        .collect();
    let forwarded: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("x-forwarded-") || name.as_str().starts_with("x-gatewright-"))
        .cloned()
        .collect();
    for name in DROPPED.iter().chain(&named).chain(&forwarded) {
        headers.remove(name);
    }
    if !asks_for_websocket(&parts.method, headers) {
        headers.remove(header::CONNECTION);
        headers.remove(header::UPGRADE);
    }

    let mut hosts = headers.get_all(header::HOST).iter();
    let (host, more) = (hosts.next(), hosts.next());
    if more.is_some() {
        return Err(BAD_HOST);
    }
    let host = host.and_then(|value| value.to_str().ok()).and_then(|value| value.parse().ok());
    let host: Authority = parts.uri.authority().cloned().or(host).ok_or(BAD_HOST)?;
    if host.as_str().contains('@') {
        return Err(BAD_HOST);
    }
    let value = HeaderValue::from_str(host.as_str()).map_err(|_| BAD_HOST)?;
    headers.insert(header::HOST, value);
    Ok(host)
}

/// RFC 6455 4.1.
pub(crate) fn asks_for_websocket(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::GET
        && headers
            .get(header::UPGRADE)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// The ticket in a request's cookies. HTTP/2 clients may send one header per cookie (RFC 9113 8.2.3).
pub(crate) fn ticket(headers: &HeaderMap) -> Option<String> {
    let cookies: Vec<&str> = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    cookie_value(&cookies.join("; "), TICKET_COOKIE).map(Into::into)
}

/// Leaves the ticket as the only cookie: a connection proxy has no business with a person's login.
pub(crate) fn only_ticket(headers: &mut HeaderMap, ticket: &str) {
    headers.remove(header::COOKIE);
    headers.remove(header::AUTHORIZATION);
    if let Ok(mut value) = HeaderValue::from_str(&format!("{TICKET_COOKIE}={ticket}")) {
        value.set_sensitive(true);
        headers.insert(header::COOKIE, value);
    }
}

const RESPONSE: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Adds what every response of the port carries; an upstream's own word goes first.
pub(crate) fn secure(response: &mut Response, host: Option<&Authority>) {
    let headers = response.headers_mut();
    for (name, value) in RESPONSE {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.remove(header::SERVER);
    if host.is_some_and(holds_hsts) {
        headers
            .entry(header::STRICT_TRANSPORT_SECURITY)
            .or_insert(HeaderValue::from_static("max-age=31536000"));
    }
}

/// RFC 6797 leaves addresses out; `localhost` belongs to every other program on the machine too.
fn holds_hsts(host: &Authority) -> bool {
    let name = host.host().to_ascii_lowercase();
    !name.starts_with('[') && name.parse::<std::net::Ipv4Addr>().is_err() && name != "localhost" && !name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use axum::body::Body;
    use http::Request;

    fn cleaned(uri: &str, headers: &[(&str, &str)]) -> Result<(String, Vec<String>), Problem> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let host = clean(&mut parts)?;
        assert_eq!(parts.headers.get(header::HOST).unwrap().to_str().unwrap(), host.as_str());
        let mut names: Vec<String> = parts.headers.keys().map(ToString::to_string).collect();
        names.sort();
        Ok((host.to_string(), names))
    }

    #[test]
    fn what_clients_say_about_themselves_is_dropped() {
        let (_, names) = cleaned(
            "/",
            &[
                ("host", "desk"),
                ("x-forwarded-for", "1.2.3.4"),
                ("x-forwarded-whatever", "x"),
                ("forwarded", "for=1.2.3.4"),
                ("x-real-ip", "1.2.3.4"),
                ("x-gatewright-user", "admin"),
                ("proxy-authorization", "Basic x"),
                ("connection", "keep-alive, x-hop"),
                ("x-hop", "1"),
                ("upgrade", "h2c"),
                ("accept", "*/*"),
            ],
        )
        .unwrap();
        assert_eq!(names, ["accept", "host"]);
        // A client can't have the edge drop what the edge or an upstream checks.
        let (_, names) = cleaned(
            "/",
            &[
                ("host", "desk"),
                ("connection", "upgrade, host, cookie"),
                ("upgrade", "WebSocket"),
                ("cookie", "a=b"),
            ],
        )
        .unwrap();
        assert_eq!(names, ["connection", "cookie", "host", "upgrade"]);
    }

    #[test]
    fn there_is_one_host() {
        assert_eq!(cleaned("/", &[("host", "desk:8443")]).unwrap().0, "desk:8443");
        assert_eq!(cleaned("https://real/", &[("host", "said")]).unwrap().0, "real");
        assert_eq!(cleaned("https://real/", &[]).unwrap().0, "real");
        for headers in [
            &[][..],
            &[("host", "")],
            &[("host", "a"), ("host", "b")],
            &[("host", "a b")],
            &[("host", "a/b")],
            &[("host", "me@a")],
        ] {
            assert_eq!(cleaned("/", headers).unwrap_err().code, "bad-host", "{headers:?}");
        }
    }

    #[test]
    fn hsts_stays_off_where_it_would_hurt() {
        for (host, held) in [
            ("desk.example.org", true),
            ("desk.example.org:8443", true),
            ("localhost:8443", false),
            ("desk.localhost", false),
            ("127.0.0.1:8443", false),
            ("[::1]:8443", false),
        ] {
            let mut response = Response::new(Body::empty());
            secure(&mut response, Some(&host.parse().unwrap()));
            assert_eq!(response.headers().contains_key(header::STRICT_TRANSPORT_SECURITY), held, "{host}");
            assert_eq!(response.headers().get(header::X_FRAME_OPTIONS).unwrap(), "DENY");
        }
    }

    #[test]
    fn a_login_does_not_reach_a_connection_proxy() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("__Host-gatewright=secret"));
        headers.append(header::COOKIE, HeaderValue::from_static("gatewright-ticket=a.b.c"));
        let ticket = ticket(&headers).unwrap();
        only_ticket(&mut headers, &ticket);
        let left: Vec<_> = headers.get_all(header::COOKIE).iter().collect();
        assert_eq!(left, ["gatewright-ticket=a.b.c"]);
    }
}
