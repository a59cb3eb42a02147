//! The certificate and key of the public HTTPS port.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use gatewright_core::Timestamp;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::fingerprint::Fingerprint;
use crate::key_file::{self, KeyFileError};

/// A certificate of our own is renewed when less than this is left of it.
pub const RENEW_WITHIN: Duration = Duration::from_hours(30 * 24);

/// Why a certificate can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ServerCertificateError {
    /// A file.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// No certificate in it.
    #[error("no certificate in PEM form found")]
    NoCertificate,
    /// No key in it.
    #[error("no unencrypted private key in PEM form found")]
    NoKey,
    /// Not X.509.
    #[error("invalid X.509 certificate")]
    Malformed,
    /// Its key is another's.
    #[error("private key does not belong to the certificate")]
    Mismatch,
    /// A kind of key that TLS can't use.
    #[error("unsupported private key")]
    Key(#[source] rustls::Error),
    /// Its time is over.
    #[error("certificate expired at {0} (seconds since 1970)")]
    Expired(i64),
    /// Its time has not come.
    #[error("certificate is not valid before {0} (seconds since 1970)")]
    NotYetValid(i64),
    /// TLS could not be set up.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
}

/// A certificate chain and its key, checked: they belong together and are valid now.
#[derive(Clone)]
pub struct ServerCertificate {
    key: Arc<CertifiedKey>,
    fingerprint: Fingerprint,
    not_after: Timestamp,
}

impl ServerCertificate {
    /// The operator's own, by file, both PEM. The chain begins with the server's certificate.
    ///
    /// # Errors
    /// [`ServerCertificateError`].
    pub fn from_pem_files(chain: &Path, key: &Path, now: SystemTime) -> Result<Self, ServerCertificateError> {
        let chain = key_file::read_operators(chain)?;
        let key = key_file::read_operators(key)?;
        Self::from_pem(&chain, &key, now)
    }

    /// From PEM texts.
    ///
    /// # Errors
    /// [`ServerCertificateError`].
    pub fn from_pem(chain: &[u8], key: &[u8], now: SystemTime) -> Result<Self, ServerCertificateError> {
        let chain = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| ServerCertificateError::Malformed)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| ServerCertificateError::NoKey)?;
        Self::from_der(chain, key, now)
    }

    pub(crate) fn from_der(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        now: SystemTime,
    ) -> Result<Self, ServerCertificateError> {
        let leaf = chain.first().ok_or(ServerCertificateError::NoCertificate)?;
        let (_, x509) = x509_parser::parse_x509_certificate(leaf).map_err(|_| ServerCertificateError::Malformed)?;
        let seconds = Timestamp::from(now).as_secs();
        let validity = x509.validity();
        if validity.not_before.timestamp() > seconds {
            return Err(ServerCertificateError::NotYetValid(validity.not_before.timestamp()));
        }
        let not_after = validity.not_after.timestamp();
        if not_after <= seconds {
            return Err(ServerCertificateError::Expired(not_after));
        }
        let fingerprint = Fingerprint::of(leaf);
        let key = CertifiedKey::from_der(chain, key, &default_provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => ServerCertificateError::Mismatch,
            other => ServerCertificateError::Key(other),
        })?;
        Ok(Self {
            key: Arc::new(key),
            fingerprint,
            not_after: Timestamp::from_micros(not_after.saturating_mul(1_000_000)),
        })
    }

    /// Of the server's own certificate.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// When it expires.
    #[must_use]
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Whether less than [`RENEW_WITHIN`] is left.
    #[must_use]
    pub fn needs_renewal(&self, now: SystemTime) -> bool {
        self.not_after.since(now.into()) < RENEW_WITHIN
    }

    /// The chain, the server's certificate first.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.key.cert
    }
}

impl fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerCertificate")
            .field("fingerprint", &self.fingerprint)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// Hands the present certificate to TLS, so that a renewed one takes effect without a restart.
pub struct CertificateResolver(RwLock<ServerCertificate>);

impl CertificateResolver {
    /// Begins with `certificate`.
    #[must_use]
    pub fn new(certificate: ServerCertificate) -> Arc<Self> {
        Arc::new(Self(RwLock::new(certificate)))
    }

    /// The present one.
    #[must_use]
    pub fn current(&self) -> ServerCertificate {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Handshakes from now on use `certificate`; connections that are open stay.
    pub fn replace(&self, certificate: ServerCertificate) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = certificate;
    }

    /// TLS 1.2 and 1.3 with aws-lc-rs, no client certificate, offering `alpn` in that order.
    ///
    /// # Errors
    /// [`ServerCertificateError::Tls`].
    pub fn server_config(self: &Arc<Self>, alpn: &[&[u8]]) -> Result<ServerConfig, ServerCertificateError> {
        let provider: Arc<CryptoProvider> = Arc::new(default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(ServerCertificateError::Tls)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Ok(config)
    }
}

impl ResolvesServerCert for CertificateResolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current().key)
    }
}

impl fmt::Debug for CertificateResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CertificateResolver").field(&self.current()).finish()
    }
}
