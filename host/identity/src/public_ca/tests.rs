#![expect(clippy::unwrap_used, reason = "tests")]
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls_pki_types::{ServerName, UnixTime};

use super::*;
use crate::server_certificate::CertificateResolver;

const DAY: Duration = Duration::from_hours(24);

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn names(list: &[&str]) -> PublicNames {
    list.iter().map(|name| name.parse().unwrap()).collect()
}

/// What a browser that trusts `ca` thinks of `certificate` under `name`.
fn trusted(ca: &PublicCa, certificate: &ServerCertificate, name: &str, at: SystemTime) -> bool {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca.certificate().clone()).unwrap();
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .build()
        .unwrap();
    let (leaf, rest) = certificate.chain().split_first().unwrap();
    verifier
        .verify_server_cert(
            leaf,
            rest,
            &ServerName::try_from(name.to_owned()).unwrap(),
            &[],
            UnixTime::since_unix_epoch(at.duration_since(SystemTime::UNIX_EPOCH).unwrap()),
        )
        .is_ok()
}

#[test]
fn a_client_that_trusts_the_authority_trusts_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let ca = PublicCa::open(folder.path(), now()).unwrap();
    let names = PublicNames::of_this_machine(Some("desk.example.com")).unwrap();
    let certificate = ca.server_certificate(&names, now()).unwrap();
    for name in ["localhost", "127.0.0.1", "::1", "desk.example.com"] {
        assert!(trusted(&ca, &certificate, name, now()), "{name}");
    }
    assert!(!trusted(&ca, &certificate, "other.example.com", now()));
    assert!(!trusted(&ca, &certificate, "localhost", now() + DAY * 397));
    let lifetime = certificate.not_after().since(now().into());
    assert!(lifetime < DAY * 397 && lifetime > DAY * 396, "{lifetime:?}");

    let other = tempfile::tempdir().unwrap();
    let stranger = PublicCa::open(other.path(), now()).unwrap();
    assert!(!trusted(&stranger, &certificate, "localhost", now()));
    assert_ne!(stranger.fingerprint(), ca.fingerprint());
}

#[test]
fn everything_is_kept_until_it_no_longer_serves() {
    let folder = tempfile::tempdir().unwrap();
    let ca = PublicCa::open(folder.path(), now()).unwrap();
    let first = ca.server_certificate(&names(&["localhost"]), now()).unwrap();

    let again = PublicCa::open(folder.path(), now() + DAY * 366).unwrap();
    assert_eq!(again.fingerprint(), ca.fingerprint());
    let kept = |names: &PublicNames, at| again.server_certificate(names, at).unwrap().fingerprint() == first.fingerprint();
    assert!(kept(&names(&["localhost"]), now() + DAY * 366));
    // 30 days before the end: a new one, and it stays.
    let renewed = again.server_certificate(&names(&["localhost"]), now() + DAY * 368).unwrap();
    assert_ne!(renewed.fingerprint(), first.fingerprint());
    assert!(trusted(&ca, &renewed, "localhost", now() + DAY * 700));
    // A new name: a new certificate.
    let wider = names(&["localhost", "10.0.0.1"]);
    let other = again.server_certificate(&wider, now() + DAY * 368).unwrap();
    assert!(trusted(&again, &other, "10.0.0.1", now() + DAY * 368));
    assert_ne!(other.fingerprint(), renewed.fingerprint());
}

#[test]
fn a_foreign_or_damaged_server_certificate_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let ca = PublicCa::open(folder.path(), now()).unwrap();
    let stranger = PublicCa::open(other.path(), now()).unwrap();
    let local = names(&["localhost"]);
    stranger.server_certificate(&local, now()).unwrap();
    for file in [LEAF_CERTIFICATE, LEAF_KEY] {
        let bytes = fs::read(other.path().join(file)).unwrap();
        key_file::write(&folder.path().join(file), &bytes, 0o600).unwrap();
    }
    let made = ca.server_certificate(&local, now()).unwrap();
    assert!(trusted(&ca, &made, "localhost", now()));
    key_file::write(&folder.path().join(LEAF_KEY), b"garbage", 0o600).unwrap();
    let made = ca.server_certificate(&local, now()).unwrap();
    assert!(trusted(&ca, &made, "localhost", now()));
}

#[test]
fn private_keys_are_private_and_an_authority_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let ca = PublicCa::open(folder.path(), now()).unwrap();
    ca.server_certificate(&names(&["localhost"]), now()).unwrap();
    for key in [CA_KEY, LEAF_KEY] {
        let mode = fs::metadata(folder.path().join(key)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
    assert!(!format!("{ca:?}").contains("PRIVATE"));
    assert!(matches!(
        PublicCa::open(folder.path(), now() + CA_LIFETIME),
        Err(PublicCaError::Expired { .. })
    ));
    let key = fs::read(folder.path().join(CA_KEY)).unwrap();
    fs::remove_file(folder.path().join(CA_KEY)).unwrap();
    assert!(matches!(
        PublicCa::open(folder.path(), now()),
        Err(PublicCaError::Incomplete { .. })
    ));
    let leaf_key = fs::read(folder.path().join(LEAF_KEY)).unwrap();
    key_file::write(&folder.path().join(CA_KEY), &leaf_key, 0o600).unwrap();
    assert!(matches!(PublicCa::open(folder.path(), now()), Err(PublicCaError::Damaged { .. })));
    key_file::write(&folder.path().join(CA_KEY), &key, 0o600).unwrap();
    assert!(PublicCa::open(folder.path(), now()).is_ok());
}

#[test]
fn the_operators_own_certificate_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let local = names(&["localhost"]);
    for folder in [&folder, &other] {
        let ca = PublicCa::open(folder.path(), now()).unwrap();
        ca.server_certificate(&local, now()).unwrap();
    }
    let load = |certificate: &tempfile::TempDir, key: &tempfile::TempDir, at| {
        ServerCertificate::from_pem_files(&certificate.path().join(LEAF_CERTIFICATE), &key.path().join(LEAF_KEY), at)
    };
    let good = load(&folder, &folder, now()).unwrap();
    assert!(!good.needs_renewal(now()));
    assert!(good.needs_renewal(now() + DAY * 370));
    let resolver = CertificateResolver::new(good.clone());
    let config = resolver.server_config(&[b"h2", b"http/1.1"]).unwrap();
    assert_eq!(config.alpn_protocols.len(), 2);
    let another = load(&other, &other, now()).unwrap();
    resolver.replace(another.clone());
    assert_eq!(resolver.current().fingerprint(), another.fingerprint());

    use ServerCertificateError::{Expired, File, Mismatch, NoCertificate, NoKey, NotYetValid};
    assert!(matches!(load(&folder, &other, now()), Err(Mismatch)));
    assert!(matches!(load(&folder, &folder, now() + DAY * 397), Err(Expired(_))));
    assert!(matches!(load(&folder, &folder, now() - DAY), Err(NotYetValid(_))));
    let pem = |name| fs::read(folder.path().join(name)).unwrap();
    let (certificate, key) = (pem(LEAF_CERTIFICATE), pem(LEAF_KEY));
    assert!(matches!(ServerCertificate::from_pem(&key, &key, now()), Err(NoCertificate)));
    assert!(matches!(ServerCertificate::from_pem(&certificate, &certificate, now()), Err(NoKey)));
    let gone = folder.path().join("gone.pem");
    assert!(matches!(ServerCertificate::from_pem_files(&gone, &gone, now()), Err(File(_))));
}
