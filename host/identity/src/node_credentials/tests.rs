#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{Read as _, Write as _};
use std::time::UNIX_EPOCH;

use gatewright_core::{NodeId, NodeRole, ZoneId};
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use uuid::Uuid;

use super::*;
use crate::{InternalCa, InternalCaError, JoinToken, PublicCa, PublicNames, SERVER_NAME, joining_client_config};

const ALPN: &[u8] = b"gw-test";

fn identity(node: u128, role: NodeRole) -> NodeIdentity {
    NodeIdentity {
        node: NodeId::from_uuid(Uuid::from_u128(node)),
        zone: ZoneId::from_uuid(Uuid::from_u128(99)),
        roles: [role].into(),
    }
}

fn authority(now: SystemTime) -> InternalCa {
    let made = InternalCa::create(now).unwrap();
    InternalCa::load(&made.certificate_pem, &made.key_pem, now).unwrap()
}

fn credentials(ca: &InternalCa, who: &NodeIdentity, now: SystemTime) -> NodeCredentials {
    let key = NodeKey::generate().unwrap();
    let certificate = ca.sign(&key.request().unwrap(), who, now).unwrap();
    NodeCredentials::new(&key, certificate, ca.certificate().clone()).unwrap()
}

/// Runs a handshake; what the server sees of the client.
fn handshake(client: ClientConfig, server: ServerConfig) -> Result<Option<PeerCertificate>, rustls::Error> {
    let mut client = ClientConnection::new(Arc::new(client), SERVER_NAME.try_into().unwrap()).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    let mut wire = Vec::new();
    for _ in 0..10 {
        wire.clear();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        let mut read = wire.as_slice();
        while !read.is_empty() {
            server.read_tls(&mut read).unwrap();
            server.process_new_packets()?;
        }
        wire.clear();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        let mut read = wire.as_slice();
        while !read.is_empty() {
            client.read_tls(&mut read).unwrap();
            client.process_new_packets()?;
        }
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    assert_eq!(server.alpn_protocol(), Some(ALPN));
    client.writer().write_all(b"x").unwrap();
    wire.clear();
    client.write_tls(&mut wire).unwrap();
    server.read_tls(&mut wire.as_slice()).unwrap();
    server.process_new_packets()?;
    server.reader().read_exact(&mut [0]).unwrap();
    Ok(server
        .peer_certificates()
        .and_then(<[_]>::first)
        .and_then(|leaf| PeerCertificate::read(leaf)))
}

#[test]
fn nodes_know_each_other_by_certificate() {
    let now = SystemTime::now();
    let ca = authority(now);
    let agent = identity(1, NodeRole::Agent);
    let server = LiveCredentials::new(credentials(&ca, &identity(2, NodeRole::WebApp), now));
    let client = LiveCredentials::new(credentials(&ca, &agent, now));
    let seen = handshake(client.client_config(ALPN).unwrap(), server.server_config(&[ALPN]).unwrap()).unwrap();
    assert_eq!(seen.unwrap().identity, agent);

    // A renewed certificate is shown by the next handshake of the same configuration.
    let config = client.client_config(ALPN).unwrap();
    client.replace(credentials(&ca, &identity(3, NodeRole::Agent), now));
    let seen = handshake(config, server.server_config(&[ALPN]).unwrap()).unwrap();
    assert_eq!(seen.unwrap().identity.node, identity(3, NodeRole::Agent).node);
}

#[test]
fn strangers_are_refused_on_both_sides() {
    let now = SystemTime::now();
    let (ca, other) = (authority(now), authority(now));
    let server = LiveCredentials::new(credentials(&ca, &identity(2, NodeRole::WebApp), now));
    let stranger = LiveCredentials::new(credentials(&other, &identity(1, NodeRole::Agent), now));
    handshake(stranger.client_config(ALPN).unwrap(), server.server_config(&[ALPN]).unwrap()).unwrap_err();

    // The right authority in the client's mind, a certificate of another one in its hand.
    let mut mixed = credentials(&other, &identity(1, NodeRole::Agent), now);
    mixed.roots = Arc::clone(server.current().roots());
    let mixed = LiveCredentials::new(mixed);
    handshake(mixed.client_config(ALPN).unwrap(), server.server_config(&[ALPN]).unwrap()).unwrap_err();

    // Of the right authority, and over.
    let long_ago = now - NODE_CERTIFICATE_LIFETIME * 2;
    let old = LiveCredentials::new(credentials(&ca, &identity(1, NodeRole::Agent), long_ago));
    handshake(old.client_config(ALPN).unwrap(), server.server_config(&[ALPN]).unwrap()).unwrap_err();

    // The public authority's certificate opens nothing here.
    let folder = tempfile::tempdir().unwrap();
    let public = PublicCa::open(folder.path(), now).unwrap();
    let leaf = public
        .server_certificate(&PublicNames::of_this_machine(None).unwrap(), now)
        .unwrap();
    assert!(PeerCertificate::read(leaf.chain().first().unwrap()).is_none());
}

#[test]
fn a_machine_that_joins_believes_the_pinned_authority_only() {
    let now = SystemTime::now();
    let (ca, other) = (authority(now), authority(now));
    let server = LiveCredentials::new(credentials(&ca, &identity(2, NodeRole::WebApp), now));
    let token = JoinToken::generate(ca.fingerprint()).unwrap();
    let client = joining_client_config(token.authority(), ALPN).unwrap();
    assert_eq!(handshake(client, server.server_config(&[ALPN]).unwrap()).unwrap(), None);
    let client = joining_client_config(other.fingerprint(), ALPN).unwrap();
    handshake(client, server.server_config(&[ALPN]).unwrap()).unwrap_err();
}

#[test]
fn the_request_gives_a_key_and_nothing_else() {
    let now = SystemTime::now();
    let ca = authority(now);
    let key = NodeKey::generate().unwrap();
    let mut request = key.request().unwrap();
    // A name in the request is not taken.
    let mut params = CertificateParams::new(vec!["desk.example.org".into()]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let greedy = params.serialize_request(&key.0).unwrap();
    let who = identity(1, NodeRole::Agent);
    let certificate = ca.sign(greedy.der(), &who, now).unwrap();
    let (_, x509) = x509_parser::parse_x509_certificate(&certificate).unwrap();
    assert!(!x509.is_ca());
    assert_eq!(PeerCertificate::read(&certificate).unwrap().identity, who);
    // A certificate of another key does not fit this one.
    let other = NodeKey::generate().unwrap();
    assert!(matches!(
        NodeCredentials::new(&other, certificate, ca.certificate().clone()),
        Err(NodeCredentialsError::NotOurs)
    ));
    // Without the proof of possession there is none.
    *request.last_mut().unwrap() ^= 1;
    assert!(matches!(ca.sign(&request, &who, now), Err(InternalCaError::BadRequest)));
    assert!(matches!(ca.sign(&[0; 5000], &who, now), Err(InternalCaError::BadRequest)));
}

#[test]
fn kept_and_renewed_at_two_thirds() {
    let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let ca = authority(now);
    let folder = tempfile::tempdir().unwrap();
    assert!(NodeCredentials::open(folder.path()).unwrap().is_none());
    let made = credentials(&ca, &identity(1, NodeRole::Agent), now);
    made.store(folder.path()).unwrap();
    let read = NodeCredentials::open(folder.path()).unwrap().unwrap();
    assert_eq!(read.identity(), made.identity());
    assert_eq!(read.authority(), ca.certificate());
    assert!(!read.needs_renewal(now + Duration::from_hours(15)));
    assert!(read.needs_renewal(now + Duration::from_hours(17)));
    assert!(!format!("{read:?}").contains("PRIVATE"));
}

#[test]
fn a_damaged_authority_is_not_replaced() {
    let now = SystemTime::now();
    let (one, two) = (InternalCa::create(now).unwrap(), InternalCa::create(now).unwrap());
    assert!(matches!(
        InternalCa::load(&one.certificate_pem, &two.key_pem, now),
        Err(InternalCaError::Damaged)
    ));
    let later = now + Duration::from_hours(24 * 3_651);
    assert!(matches!(
        InternalCa::load(&one.certificate_pem, &one.key_pem, later),
        Err(InternalCaError::Expired)
    ));
}
