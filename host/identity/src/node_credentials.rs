//! A node's key and certificate: made on the node, kept on the node, renewed in time.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use gatewright_core::{NodeIdentity, Timestamp};
use rcgen::{CertificateParams, KeyPair};
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::extensions::GeneralName;
use zeroize::Zeroizing;

use crate::internal_ca::NODE_CERTIFICATE_LIFETIME;
use crate::key_file::{self, KeyFileError};
use crate::node_tls::root_store;

const KEY: &str = "node.key";
const CERTIFICATE: &str = "node.pem";
const AUTHORITY: &str = "internal-ca.pem";

/// Why a node has no usable credentials.
#[derive(Debug, thiserror::Error)]
pub enum NodeCredentialsError {
    /// A file.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// Making a key or a request failed.
    #[error("cannot make a key")]
    Generate(#[source] rcgen::Error),
    /// The certificate is not one of a node, or not for this key, or not of this authority.
    #[error("certificate is not this node's")]
    NotOurs,
}

/// A private key that never leaves the node.
pub struct NodeKey(KeyPair);

impl NodeKey {
    /// A fresh key (ECDSA, P-256).
    ///
    /// # Errors
    /// [`NodeCredentialsError::Generate`].
    pub fn generate() -> Result<Self, NodeCredentialsError> {
        KeyPair::generate().map(Self).map_err(NodeCredentialsError::Generate)
    }

    /// What asks for a certificate of this key, in DER.
    ///
    /// # Errors
    /// [`NodeCredentialsError::Generate`].
    pub fn request(&self) -> Result<Vec<u8>, NodeCredentialsError> {
        let request = CertificateParams::default()
            .serialize_request(&self.0)
            .map_err(NodeCredentialsError::Generate)?;
        Ok(request.der().to_vec())
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeKey").finish_non_exhaustive()
    }
}

/// A node's key with its certificate and the authority that signed it.
#[derive(Clone)]
pub struct NodeCredentials {
    identity: NodeIdentity,
    authority: CertificateDer<'static>,
    key_pem: Arc<Zeroizing<String>>,
    certified: Arc<CertifiedKey>,
    roots: Arc<RootCertStore>,
    not_after: Timestamp,
}

impl NodeCredentials {
    /// Puts together what a node has made and what it was given.
    ///
    /// # Errors
    /// [`NodeCredentialsError::NotOurs`].
    pub fn new(
        key: &NodeKey,
        certificate: CertificateDer<'static>,
        authority: CertificateDer<'static>,
    ) -> Result<Self, NodeCredentialsError> {
        let pem = Zeroizing::new(key.0.serialize_pem());
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.0.serialize_der()));
        Self::from_parts(pem, der, certificate, authority)
    }

    fn from_parts(
        key_pem: Zeroizing<String>,
        key: PrivateKeyDer<'static>,
        certificate: CertificateDer<'static>,
        authority: CertificateDer<'static>,
    ) -> Result<Self, NodeCredentialsError> {
        let peer = PeerCertificate::read(&certificate).ok_or(NodeCredentialsError::NotOurs)?;
        let roots = Arc::new(root_store(&authority).ok_or(NodeCredentialsError::NotOurs)?);
        let chain = vec![certificate, authority.clone()];
        let certified = CertifiedKey::from_der(chain, key, &default_provider()).map_err(|_| NodeCredentialsError::NotOurs)?;
        Ok(Self {
            identity: peer.identity,
            authority,
            key_pem: Arc::new(key_pem),
            certified: Arc::new(certified),
            roots,
            not_after: peer.not_after,
        })
    }

    /// Reads what [`Self::store`] wrote. None where nothing was stored. May have expired meanwhile.
    ///
    /// # Errors
    /// `File`, `NotOurs`.
    pub fn open(folder: &Path) -> Result<Option<Self>, NodeCredentialsError> {
        let key = key_file::read_private(&folder.join(KEY))?;
        let certificate = key_file::read_public(&folder.join(CERTIFICATE))?;
        let authority = key_file::read_public(&folder.join(AUTHORITY))?;
        let (Some(key), Some(certificate), Some(authority)) = (key, certificate, authority) else {
            return Ok(None);
        };
        let damaged = |_| NodeCredentialsError::NotOurs;
        let der = PrivateKeyDer::from_pem_slice(&key).map_err(damaged)?;
        let pem = std::str::from_utf8(&key).map_err(|_| NodeCredentialsError::NotOurs)?;
        Self::from_parts(
            Zeroizing::new(pem.to_owned()),
            der,
            CertificateDer::from_pem_slice(&certificate).map_err(damaged)?,
            CertificateDer::from_pem_slice(&authority).map_err(damaged)?,
        )
        .map(Some)
    }

    /// Writes them into `folder`, which exists: the key with mode 0600.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn store(&self, folder: &Path) -> Result<(), KeyFileError> {
        key_file::write(&folder.join(AUTHORITY), pem("CERTIFICATE", &self.authority).as_bytes(), 0o644)?;
        key_file::write(&folder.join(KEY), self.key_pem.as_bytes(), 0o600)?;
        let leaf = self.certified.cert.first().map(|leaf| pem("CERTIFICATE", leaf)).unwrap_or_default();
        key_file::write(&folder.join(CERTIFICATE), leaf.as_bytes(), 0o644)
    }

    /// Who the certificate says that we are.
    #[must_use]
    pub const fn identity(&self) -> &NodeIdentity {
        &self.identity
    }

    /// The authority's certificate.
    #[must_use]
    pub const fn authority(&self) -> &CertificateDer<'static> {
        &self.authority
    }

    /// When it expires.
    #[must_use]
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Whether two thirds of its life are over.
    #[must_use]
    pub fn needs_renewal(&self, now: SystemTime) -> bool {
        self.not_after.since(now.into()) < NODE_CERTIFICATE_LIFETIME / 3
    }

    pub(crate) const fn roots(&self) -> &Arc<RootCertStore> {
        &self.roots
    }
}

impl fmt::Debug for NodeCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeCredentials")
            .field("identity", &self.identity)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// The credentials in use. Handshakes take the present ones, so that renewal needs no restart.
pub struct LiveCredentials(RwLock<NodeCredentials>);

impl LiveCredentials {
    /// Begins with `credentials`.
    #[must_use]
    pub fn new(credentials: NodeCredentials) -> Arc<Self> {
        Arc::new(Self(RwLock::new(credentials)))
    }

    /// The present ones.
    #[must_use]
    pub fn current(&self) -> NodeCredentials {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Handshakes from now on use `credentials`; connections that are open stay.
    pub fn replace(&self, credentials: NodeCredentials) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = credentials;
    }
}

impl fmt::Debug for LiveCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LiveCredentials").field(&self.current()).finish()
    }
}

impl ResolvesServerCert for LiveCredentials {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current().certified)
    }
}

impl ResolvesClientCert for LiveCredentials {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.current().certified)
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// What a certificate says of the node that has it. Says nothing about who signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    /// Who it is.
    pub identity: NodeIdentity,
    /// When it expires.
    pub not_after: Timestamp,
}

impl PeerCertificate {
    /// Reads a certificate in DER. None for one that is not a node's.
    #[must_use]
    pub fn read(certificate: &[u8]) -> Option<Self> {
        let (_, x509) = x509_parser::parse_x509_certificate(certificate).ok()?;
        let names = x509.subject_alternative_name().ok()??;
        let uris = names
            .value
            .general_names
            .iter()
            .map(|name| match name {
                GeneralName::URI(uri) => Some(*uri),
                _ => None,
            })
            .collect::<Option<Vec<_>>>()?;
        let not_after = x509.validity().not_after.timestamp();
        Some(Self {
            identity: NodeIdentity::from_uris(uris).ok()?,
            not_after: Timestamp::from_micros(not_after.saturating_mul(1_000_000)),
        })
    }

    /// The time that is left of it at `now`.
    #[must_use]
    pub fn remaining(&self, now: SystemTime) -> Duration {
        self.not_after.since(now.into())
    }
}

/// RFC 7468, in lines of 64 characters.
fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        out.push_str(line);
        out.push('\n');
        rest = more;
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

#[cfg(test)]
mod tests;
