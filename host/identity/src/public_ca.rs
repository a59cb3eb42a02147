//! The certificate authority that signs the public HTTPS port's certificate, where the operator brings none.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;
use x509_parser::extensions::GeneralName;
use zeroize::Zeroizing;

use crate::fingerprint::Fingerprint;
use crate::key_file::{self, KeyFileError};
use crate::public_names::{PublicName, PublicNames};
use crate::server_certificate::{ServerCertificate, ServerCertificateError};

const CA_CERTIFICATE: &str = "public-ca.pem";
const CA_KEY: &str = "public-ca.key";
const LEAF_CERTIFICATE: &str = "public-server.pem";
const LEAF_KEY: &str = "public-server.key";

const CA_LIFETIME: Duration = Duration::from_hours(24 * 3_650);
/// Browsers refuse more than 398 days (CA/Browser Forum, Baseline Requirements 6.3.2).
const LEAF_LIFETIME: Duration = Duration::from_hours(24 * 397);
/// So that a client whose clock is behind does not refuse a fresh certificate.
const BACKDATED: Duration = Duration::from_hours(1);

/// Why there is no authority or no certificate of it.
#[derive(Debug, thiserror::Error)]
pub enum PublicCaError {
    /// A file.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// Half of the pair is gone.
    #[error("{} is missing beside its other half: restore it, or remove both to have a new authority made", path.display())]
    Incomplete {
        /// Which file.
        path: PathBuf,
    },
    /// What is stored is not what we wrote.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
    },
    /// Its ten years are over.
    #[error("the certificate authority in {} has expired: remove it to have a new one made", path.display())]
    Expired {
        /// Which file.
        path: PathBuf,
    },
    /// Making a certificate failed.
    #[error("cannot make a certificate")]
    Generate(#[source] rcgen::Error),
    /// The certificate just made does not work.
    #[error(transparent)]
    Certificate(#[from] ServerCertificateError),
}

/// A certificate authority of this deployment, for its public HTTPS port only. Nodes trust another one.
pub struct PublicCa {
    folder: PathBuf,
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl PublicCa {
    /// Opens the authority kept in `folder` (which exists), or makes one: `public-ca.pem`, to be trusted by clients,
    /// and `public-ca.key`, mode 0600.
    ///
    /// # Errors
    /// [`PublicCaError`]; an authority that is half there, damaged or expired is never silently replaced, since
    /// clients trust it.
    pub fn open(folder: &Path, now: SystemTime) -> Result<Self, PublicCaError> {
        let certificate_path = folder.join(CA_CERTIFICATE);
        let key_path = folder.join(CA_KEY);
        let certificate = key_file::read_public(&certificate_path)?;
        let key = key_file::read_private(&key_path)?;
        match (certificate, key) {
            (None, None) => Self::create(folder, now),
            (None, Some(_)) => Err(PublicCaError::Incomplete { path: certificate_path }),
            (Some(_), None) => Err(PublicCaError::Incomplete { path: key_path }),
            (Some(certificate), Some(key)) => Self::load(folder, &certificate, &key, now),
        }
    }

    fn create(folder: &Path, now: SystemTime) -> Result<Self, PublicCaError> {
        let key = KeyPair::generate().map_err(PublicCaError::Generate)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Gatewright");
        // Two deployments' authorities must not share a name: clients would try the wrong key.
        let id: String = Fingerprint::of(key.public_key_raw())
            .as_bytes()
            .iter()
            .take(4)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        params
            .distinguished_name
            .push(DnType::CommonName, format!("Gatewright public CA {id}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        params.not_before = OffsetDateTime::from(now - BACKDATED);
        params.not_after = OffsetDateTime::from(now + CA_LIFETIME);
        let certificate = params.self_signed(&key).map_err(PublicCaError::Generate)?;
        // The key first: with only the key there, an interrupted start is reported, not papered over.
        let key_pem = Zeroizing::new(key.serialize_pem());
        key_file::write(&folder.join(CA_KEY), key_pem.as_bytes(), 0o600)?;
        key_file::write(&folder.join(CA_CERTIFICATE), certificate.pem().as_bytes(), 0o644)?;
        Ok(Self {
            folder: folder.into(),
            certificate: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        })
    }

    fn load(folder: &Path, certificate: &[u8], key: &[u8], now: SystemTime) -> Result<Self, PublicCaError> {
        let certificate_path = folder.join(CA_CERTIFICATE);
        let damaged = |path: &str| PublicCaError::Damaged { path: folder.join(path) };
        let certificate = CertificateDer::from_pem_slice(certificate).map_err(|_| damaged(CA_CERTIFICATE))?;
        let key = std::str::from_utf8(key)
            .ok()
            .and_then(|text| KeyPair::from_pem(text).ok())
            .ok_or_else(|| damaged(CA_KEY))?;
        let (_, x509) = x509_parser::parse_x509_certificate(&certificate).map_err(|_| damaged(CA_CERTIFICATE))?;
        if x509.public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
            return Err(damaged(CA_KEY));
        }
        if OffsetDateTime::from(now).unix_timestamp() >= x509.validity().not_after.timestamp() {
            return Err(PublicCaError::Expired { path: certificate_path });
        }
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(|_| damaged(CA_CERTIFICATE))?;
        Ok(Self {
            folder: folder.into(),
            certificate,
            issuer,
        })
    }

    /// What a person compares before trusting the authority.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }

    /// The authority's own certificate, in DER.
    #[must_use]
    pub const fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The file that clients import to trust the authority.
    #[must_use]
    pub fn certificate_path(&self) -> PathBuf {
        self.folder.join(CA_CERTIFICATE)
    }

    /// The server's certificate for exactly `names`: the stored one while it is ours, names the same and lives 30 days
    /// more, else a new one with a new key, valid 397 days (never longer than the authority).
    ///
    /// # Errors
    /// [`PublicCaError`].
    pub fn server_certificate(&self, names: &PublicNames, now: SystemTime) -> Result<ServerCertificate, PublicCaError> {
        if let Some(stored) = self.stored(names, now)? {
            return Ok(stored);
        }
        let key = KeyPair::generate().map_err(PublicCaError::Generate)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Gatewright");
        params.subject_alt_names = names.iter().map(alternative).collect::<Result<_, _>>()?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.not_before = OffsetDateTime::from(now - BACKDATED);
        params.not_after = OffsetDateTime::from(now - BACKDATED + LEAF_LIFETIME).min(self.not_after());
        let leaf = params.signed_by(&key, &self.issuer).map_err(PublicCaError::Generate)?;
        let key_pem = Zeroizing::new(key.serialize_pem());
        key_file::write(&self.folder.join(LEAF_KEY), key_pem.as_bytes(), 0o600)?;
        key_file::write(&self.folder.join(LEAF_CERTIFICATE), leaf.pem().as_bytes(), 0o644)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok(ServerCertificate::from_der(
            vec![leaf.der().clone(), self.certificate.clone()],
            key,
            now,
        )?)
    }

    /// The stored certificate where it still serves. A leaf that does not is no error: nobody trusts it by itself.
    fn stored(&self, names: &PublicNames, now: SystemTime) -> Result<Option<ServerCertificate>, PublicCaError> {
        let leaf = key_file::read_public(&self.folder.join(LEAF_CERTIFICATE))?;
        let key = key_file::read_private(&self.folder.join(LEAF_KEY))?;
        let (Some(leaf), Some(key)) = (leaf, key) else {
            return Ok(None);
        };
        let (Ok(leaf), Ok(key)) = (CertificateDer::from_pem_slice(&leaf), PrivateKeyDer::from_pem_slice(&key)) else {
            return Ok(None);
        };
        if !self.signed(&leaf) || names_in(&leaf).as_ref() != Some(names) {
            return Ok(None);
        }
        let found = ServerCertificate::from_der(vec![leaf, self.certificate.clone()], key, now);
        Ok(found.ok().filter(|found| !found.needs_renewal(now)))
    }

    fn signed(&self, leaf: &CertificateDer<'_>) -> bool {
        use rustls::RootCertStore;
        use rustls::client::verify_server_cert_signed_by_trust_anchor;
        use rustls::server::ParsedCertificate;
        let mut roots = RootCertStore::empty();
        let algorithms = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.all;
        let Ok(parsed) = ParsedCertificate::try_from(leaf) else {
            return false;
        };
        // Expiry is looked at elsewhere: here the leaf is checked at its own first second.
        let Ok((_, x509)) = x509_parser::parse_x509_certificate(leaf) else {
            return false;
        };
        let Ok(begins) = u64::try_from(x509.validity().not_before.timestamp()) else {
            return false;
        };
        let at = rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(begins) + BACKDATED);
        roots.add(self.certificate.clone()).is_ok()
            && verify_server_cert_signed_by_trust_anchor(&parsed, &roots, &[], at, algorithms).is_ok()
    }

    fn not_after(&self) -> OffsetDateTime {
        x509_parser::parse_x509_certificate(&self.certificate)
            .map(|(_, x509)| x509.validity().not_after.to_datetime())
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

impl fmt::Debug for PublicCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicCa")
            .field("folder", &self.folder)
            .field("fingerprint", &self.fingerprint())
            .finish_non_exhaustive()
    }
}

fn alternative(name: &PublicName) -> Result<SanType, PublicCaError> {
    Ok(match name {
        PublicName::Host(host) => SanType::DnsName(host.clone().try_into().map_err(PublicCaError::Generate)?),
        PublicName::Address(address) => SanType::IpAddress(*address),
    })
}

fn names_in(leaf: &CertificateDer<'_>) -> Option<PublicNames> {
    let (_, x509) = x509_parser::parse_x509_certificate(leaf).ok()?;
    let names = x509.subject_alternative_name().ok()??;
    names
        .value
        .general_names
        .iter()
        .map(|name| match name {
            GeneralName::DNSName(host) => host.parse().ok(),
            GeneralName::IPAddress(bytes) => address(bytes).map(PublicName::Address),
            _ => None,
        })
        .collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

#[cfg(test)]
mod tests;
