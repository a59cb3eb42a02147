//! The certificate authority of the nodes. Nothing of it is ever shown to a browser, and no browser trusts it.

use std::fmt;
use std::time::{Duration, SystemTime};

use gatewright_core::NodeIdentity;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PublicKeyData as _, SanType,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::fingerprint::Fingerprint;

/// How long a node's certificate is good for. It is renewed when two thirds are over.
pub const NODE_CERTIFICATE_LIFETIME: Duration = Duration::from_hours(24);

const CA_LIFETIME: Duration = Duration::from_hours(24 * 3_650);
/// So that a node whose clock is behind does not refuse a fresh certificate.
const BACKDATED: Duration = Duration::from_mins(10);
/// No request of ours comes near this.
const MAX_REQUEST_BYTES: usize = 4 * 1024;

/// Why the authority can't be used, or does not sign.
#[derive(Debug, thiserror::Error)]
pub enum InternalCaError {
    /// What is stored is not what we wrote.
    #[error("the nodes' certificate authority is damaged")]
    Damaged,
    /// Its ten years are over.
    #[error("the nodes' certificate authority has expired")]
    Expired,
    /// Not a certificate signing request of a node: unreadable, not signed with its own key, or another kind of key.
    #[error("not a certificate signing request of a node")]
    BadRequest,
    /// Making a certificate failed.
    #[error("cannot make a certificate")]
    Generate(#[source] rcgen::Error),
}

/// Signs the certificates of nodes. Where it is kept is the caller's business: sealed, in the database.
pub struct InternalCa {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// An authority just made, in the form to be kept.
pub struct NewInternalCa {
    /// The certificate, PEM. No secret.
    pub certificate_pem: String,
    /// The private key, PEM.
    pub key_pem: Zeroizing<String>,
}

impl InternalCa {
    /// Makes an authority.
    ///
    /// # Errors
    /// [`InternalCaError::Generate`].
    pub fn create(now: SystemTime) -> Result<NewInternalCa, InternalCaError> {
        let key = KeyPair::generate().map_err(InternalCaError::Generate)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Gatewright");
        params.distinguished_name.push(DnType::CommonName, "Gatewright internal CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = OffsetDateTime::from(now - BACKDATED);
        params.not_after = OffsetDateTime::from(now + CA_LIFETIME);
        let certificate = params.self_signed(&key).map_err(InternalCaError::Generate)?;
        Ok(NewInternalCa {
            certificate_pem: certificate.pem(),
            key_pem: Zeroizing::new(key.serialize_pem()),
        })
    }

    /// Opens an authority that was kept.
    ///
    /// # Errors
    /// `Damaged`, `Expired`. It is never silently replaced: every node trusts it.
    pub fn load(certificate_pem: &str, key_pem: &str, now: SystemTime) -> Result<Self, InternalCaError> {
        let certificate = CertificateDer::from_pem_slice(certificate_pem.as_bytes()).map_err(|_| InternalCaError::Damaged)?;
        let key = KeyPair::from_pem(key_pem).map_err(|_| InternalCaError::Damaged)?;
        let (_, x509) = x509_parser::parse_x509_certificate(&certificate).map_err(|_| InternalCaError::Damaged)?;
        if x509.public_key().subject_public_key.data.as_ref() != key.der_bytes() {
            return Err(InternalCaError::Damaged);
        }
        if OffsetDateTime::from(now).unix_timestamp() >= x509.validity().not_after.timestamp() {
            return Err(InternalCaError::Expired);
        }
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(|_| InternalCaError::Damaged)?;
        Ok(Self { certificate, issuer })
    }

    /// Its own certificate, which every node keeps.
    #[must_use]
    pub const fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// What a join token pins.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }

    /// Signs a certificate for `identity`, good for [`NODE_CERTIFICATE_LIFETIME`]. Of the request only the public key is
    /// taken, and the proof that its sender has the private one: who the node is, the caller says.
    ///
    /// # Errors
    /// `BadRequest`, `Generate`.
    pub fn sign(&self, request: &[u8], identity: &NodeIdentity, now: SystemTime) -> Result<CertificateDer<'static>, InternalCaError> {
        if request.len() > MAX_REQUEST_BYTES || identity.roles.is_empty() {
            return Err(InternalCaError::BadRequest);
        }
        let request = CertificateSigningRequestDer::from(request);
        let mut request = CertificateSigningRequestParams::from_der(&request).map_err(|_| InternalCaError::BadRequest)?;
        if request.public_key.algorithm() != &rcgen::PKCS_ECDSA_P256_SHA256 {
            return Err(InternalCaError::BadRequest);
        }
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, format!("Gatewright node {}", identity.node));
        params.subject_alt_names = identity
            .uris()
            .into_iter()
            .map(|uri| uri.try_into().map(SanType::URI).map_err(InternalCaError::Generate))
            .collect::<Result<_, _>>()?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.not_before = OffsetDateTime::from(now - BACKDATED);
        params.not_after = OffsetDateTime::from(now + NODE_CERTIFICATE_LIFETIME);
        request.params = params;
        let certificate = request.signed_by(&self.issuer).map_err(InternalCaError::Generate)?;
        Ok(certificate.der().clone())
    }
}

impl fmt::Debug for InternalCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InternalCa")
            .field("fingerprint", &self.fingerprint())
            .finish_non_exhaustive()
    }
}
