#![expect(clippy::unwrap_used, reason = "tests")]
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as B64;
use gatewright_core::{UserId, ZoneId};
use serde_json::{Value, json};

use super::*;
use crate::ticket::SessionPath;

fn session(last: u128) -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(last))
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_micros(secs * 1_000_000)
}

const NOW: i64 = 1_800_000_000;

fn grant() -> TicketGrant {
    TicketGrant {
        user: UserId::from_uuid(Uuid::from_u128(7)),
        session: session(1),
        zone: ZoneId::from_uuid(Uuid::from_u128(9)),
        paths: [SessionPath::Vnc].into(),
        view_only: false,
    }
}

struct Fixture {
    signer: TicketSigner,
    token: String,
    folder: tempfile::TempDir,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let signer = TicketSigner::open(folder.path()).unwrap();
    let (token, _) = signer.sign(grant(), Uuid::from_u128(3), at(NOW)).unwrap();
    Fixture { signer, token, folder }
}

impl Fixture {
    fn verdict(&self, token: &str) -> Result<VerifiedTicket, TicketError> {
        self.signer.verifier().verify(token, session(1), at(NOW))
    }

    fn claims(&self) -> Value {
        let part = self.token.split('.').nth(1).unwrap();
        serde_json::from_slice(&B64.decode(part).unwrap()).unwrap()
    }

    /// Signs whatever claims under whatever header with the real key.
    fn signed(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.signer.key).unwrap()
    }
}

fn header() -> Header {
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(TOKEN_TYPE.into());
    header
}

#[test]
fn what_was_signed_is_what_is_read() {
    let fixture = fixture();
    let (token, ticket) = fixture
        .signer
        .sign(grant(), Uuid::from_u128(3), at(NOW).plus(std::time::Duration::from_millis(999)))
        .unwrap();
    let verified = fixture.verdict(&token).unwrap();
    assert_eq!(*verified, ticket);
    assert_eq!(ticket.grant, grant());
    assert!(verified.opens(SessionPath::Vnc));
    assert!(!verified.opens(SessionPath::Notices));
    assert!(!verified.opens(SessionPath::Unknown));
}

#[test]
fn a_minute_and_no_longer() {
    let fixture = fixture();
    let verifier = fixture.signer.verifier();
    for (offset, verdict) in [
        (-6, Err(TicketError::NotYetValid)),
        (-5, Ok(())),
        (0, Ok(())),
        (64, Ok(())),
        (65, Err(TicketError::Expired)),
        (100_000, Err(TicketError::Expired)),
    ] {
        let found = verifier.verify(&fixture.token, session(1), at(NOW + offset)).map(drop);
        assert_eq!(found, verdict, "{offset} s after signing");
    }
}

#[test]
fn another_session_and_another_key_are_refused() {
    let fixture = fixture();
    let verifier = fixture.signer.verifier();
    assert_eq!(verifier.verify(&fixture.token, session(2), at(NOW)), Err(TicketError::OtherSession));
    let other = tempfile::tempdir().unwrap();
    let stranger = TicketSigner::open(other.path()).unwrap();
    assert_eq!(
        stranger.verifier().verify(&fixture.token, session(1), at(NOW)),
        Err(TicketError::Invalid)
    );
}

#[test]
fn the_key_survives_a_restart_and_is_only_ours() {
    use std::os::unix::fs::MetadataExt as _;
    let fixture = fixture();
    let again = TicketSigner::open(fixture.folder.path()).unwrap();
    assert!(again.verifier().verify(&fixture.token, session(1), at(NOW)).is_ok());
    let path = fixture.folder.path().join(KEY_FILE);
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    std::fs::write(&path, "not a key").unwrap();
    assert!(matches!(
        TicketSigner::open(fixture.folder.path()),
        Err(TicketKeyError::Damaged { .. })
    ));
}

#[test]
fn algorithms_cannot_be_confused() {
    let fixture = fixture();
    let claims = fixture.claims();
    let payload = B64.encode(claims.to_string());
    let none = |alg: &str| {
        let header = B64.encode(json!({"typ": TOKEN_TYPE, "alg": alg}).to_string());
        [
            format!("{header}.{payload}."),
            format!("{header}.{payload}"),
            format!("{header}.{payload}.AAAA"),
        ]
    };
    for token in ["none", "None", "NONE", "nOnE"].into_iter().flat_map(none) {
        assert_eq!(fixture.verdict(&token), Err(TicketError::Invalid), "{token}");
    }
    // The public key is public: were it taken for an HMAC secret, anybody could sign.
    let public = fixture.signer.public_key();
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        let mut header = header();
        header.alg = algorithm;
        for secret in [public.to_vec(), B64.encode(public).into_bytes()] {
            let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&secret)).unwrap();
            assert_eq!(fixture.verdict(&token), Err(TicketError::Invalid));
        }
    }
    // The right signature under a header that claims another algorithm.
    let mut parts = fixture.token.split('.');
    let signature = parts.nth(2).unwrap();
    for algorithm in ["HS256", "ES256", "RS256", "PS256", "none"] {
        let header = B64.encode(json!({"typ": TOKEN_TYPE, "alg": algorithm}).to_string());
        let token = format!("{header}.{payload}.{signature}");
        assert_eq!(fixture.verdict(&token), Err(TicketError::Invalid));
    }
    // A key in the header is no key.
    let mut embedded = header();
    embedded.jwk = serde_json::from_value(json!({
        "kty": "OKP", "crv": "Ed25519", "x": B64.encode([1_u8; 32]),
    }))
    .ok();
    let other = tempfile::tempdir().unwrap();
    let stranger = TicketSigner::open(other.path()).unwrap();
    let token = jsonwebtoken::encode(&embedded, &claims, &stranger.key).unwrap();
    assert_eq!(fixture.verdict(&token), Err(TicketError::Invalid));
}

#[test]
fn another_kind_of_token_is_no_ticket() {
    let fixture = fixture();
    let good = fixture.claims();
    assert!(fixture.verdict(&fixture.signed(&header(), &good)).is_ok());
    for typ in [None, Some("JWT"), Some("gatewright-paa+jwt")] {
        let mut header = header();
        header.typ = typ.map(Into::into);
        assert_eq!(fixture.verdict(&fixture.signed(&header, &good)), Err(TicketError::Invalid));
    }
    let with = |key: &str, value: Value| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().insert(key.into(), value);
        fixture.signed(&header(), &claims)
    };
    let without = |key: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(key);
        fixture.signed(&header(), &claims)
    };
    for key in ["sub", "sid", "zone", "paths", "view_only", "jti", "iat", "exp"] {
        assert_eq!(fixture.verdict(&without(key)), Err(TicketError::Invalid), "{key}");
    }
    for token in [
        with("exp", json!(NOW + 3_600)),
        with("exp", json!(i64::MAX)),
        with("exp", json!("1800000060")),
        with("iat", json!(i64::MIN)),
        with("sid", json!("1")),
        with("aud", json!("elsewhere")),
    ] {
        assert_eq!(fixture.verdict(&token), Err(TicketError::Invalid));
    }
    // What a newer version may add is ignored, and opens nothing.
    let newer = fixture.verdict(&with("paths", json!(["vnc", "files", "sound"]))).unwrap();
    assert!(newer.opens(SessionPath::Vnc));
    assert!(!newer.opens(SessionPath::Unknown));
}

#[test]
fn garbage_is_refused() {
    let fixture = fixture();
    let mut bent = fixture.token.clone().into_bytes();
    let middle = bent.len() / 2;
    let byte = bent.get_mut(middle).unwrap();
    *byte = if *byte == b'A' { b'B' } else { b'A' };
    let bent = String::from_utf8(bent).unwrap();
    let long = format!("{}{}", fixture.token, "A".repeat(MAX_TOKEN_BYTES));
    for token in ["", ".", "..", "a.b.c", "é.é.é", &bent, &long] {
        assert_eq!(fixture.verdict(token), Err(TicketError::Invalid));
    }
}

#[test]
fn debug_shows_no_key() {
    let fixture = fixture();
    assert_eq!(format!("{:?}", fixture.signer), "TicketSigner { .. }");
    assert_eq!(format!("{:?}", fixture.signer.verifier()), "TicketVerifier { .. }");
}
