//! Whether a request comes from a page of our own.

use gatewright_identity::PublicOrigin;
use http::uri::Authority;
use http::{HeaderMap, Method, header};

use crate::headers::asks_for_websocket;
use crate::problem::Problem;

/// Refuses what another site's page may have sent: an upgrade or an unsafe method without our own `Origin`, and
/// anything at all with a foreign one. WebSockets obey no same-origin policy: this check is all there is.
pub(crate) fn check(method: &Method, headers: &HeaderMap, host: &Authority, public: Option<&PublicOrigin>) -> Result<(), Problem> {
    const FOREIGN: Problem = Problem::new(
        http::StatusCode::FORBIDDEN,
        "origin",
        "The request comes from a page of another site.",
    );
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) if method.is_safe() && !asks_for_websocket(method, headers) => Ok(()),
        (Some(origin), None) => {
            if PublicOrigin::is_own(origin.as_bytes(), host.as_str(), public) {
                Ok(())
            } else {
                Err(FOREIGN)
            }
        }
        _ => Err(FOREIGN),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use http::HeaderValue;

    #[test]
    fn only_our_own_pages() {
        let public: PublicOrigin = "https://desk.example.org".parse().unwrap();
        let get = Method::GET;
        let post = Method::POST;
        for (method, upgrade, origin, own) in [
            (&get, false, None, true),
            (&get, false, Some("https://evil.example"), false),
            (&get, true, None, false),
            (&post, false, None, false),
            (&post, false, Some("null"), false),
            (&post, false, Some(""), false),
            (&post, false, Some("http://inner:8443"), false),
            (&post, false, Some("https://inner"), false),
            (&post, false, Some("https://inner:8443"), true),
            (&post, false, Some("https://desk.example.org"), true),
            (&post, false, Some("https://desk.example.org.evil.example"), false),
            (&get, true, Some("https://inner:8443"), true),
            (&get, true, Some("https://evil.example"), false),
        ] {
            let mut headers = HeaderMap::new();
            if upgrade {
                headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            }
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            let found = check(method, &headers, &"INNER:8443".parse().unwrap(), Some(&public));
            assert_eq!(found.is_ok(), own, "{method} upgrade {upgrade} {origin:?}");
        }
        let mut twice = HeaderMap::new();
        twice.append(header::ORIGIN, HeaderValue::from_static("https://inner:8443"));
        twice.append(header::ORIGIN, HeaderValue::from_static("https://evil.example"));
        assert!(check(&post, &twice, &"inner:8443".parse().unwrap(), None).is_err());
    }
}
