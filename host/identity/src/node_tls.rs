//! TLS between nodes: version 1.3, both sides authenticated by certificates of the internal authority, names ignored.
//!
//! A node is who its certificate says; under which address it was reached tells nothing. Sessions are not resumed, so
//! that every connection shows a certificate that is valid now.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, ResolvesServerCert, WebPkiClientVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::fingerprint::Fingerprint;
use crate::node_credentials::{LiveCredentials, PeerCertificate};

/// The name that clients send, since TLS wants one: nodes are known by certificate, not by name.
pub const SERVER_NAME: &str = "node.gatewright.internal";

pub(crate) fn root_store(authority: &CertificateDer<'_>) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone().into_owned()).ok()?;
    Some(roots)
}

impl LiveCredentials {
    /// The server's side. A client without a certificate is let in to join, and is nobody; one with a certificate that is
    /// not valid is refused.
    ///
    /// # Errors
    /// Where TLS can't be set up.
    pub fn server_config(self: &Arc<Self>, alpn: &[&[u8]]) -> Result<ServerConfig, Error> {
        let provider = Arc::new(default_provider());
        let clients = Arc::new(Clients {
            inner: WebPkiClientVerifier::builder_with_provider(Arc::clone(self.current().roots()), Arc::clone(&provider))
                .allow_unauthenticated()
                .build()
                .map_err(|error| Error::General(error.to_string()))?,
        });
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(clients)
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        config.send_tls13_tickets = 0;
        Ok(config)
    }

    /// The client's side.
    ///
    /// # Errors
    /// Where TLS can't be set up.
    pub fn client_config(self: &Arc<Self>, alpn: &[u8]) -> Result<ClientConfig, Error> {
        let provider = Arc::new(default_provider());
        let verifier = Servers {
            trust: Trust::Roots(Arc::clone(self.current().roots())),
            provider: Arc::clone(&provider),
        };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::clone(self) as Arc<_>);
        config.alpn_protocols = vec![alpn.to_vec()];
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

/// The client's side of a machine that is about to join: it has no certificate, and believes the authority whose
/// fingerprint it was given.
///
/// # Errors
/// Where TLS can't be set up.
pub fn joining_client_config(authority: Fingerprint, alpn: &[u8]) -> Result<ClientConfig, Error> {
    let provider = Arc::new(default_provider());
    let verifier = Servers {
        trust: Trust::Pinned(authority),
        provider: Arc::clone(&provider),
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}

enum Trust {
    Roots(Arc<RootCertStore>),
    Pinned(Fingerprint),
}

struct Servers {
    trust: Trust,
    provider: Arc<CryptoProvider>,
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Servers").finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Servers {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        const UNKNOWN: Error = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let pinned;
        let roots = match &self.trust {
            Trust::Roots(roots) => roots.as_ref(),
            Trust::Pinned(fingerprint) => {
                let authority = intermediates.iter().find(|sent| Fingerprint::of(sent) == *fingerprint);
                pinned = authority.and_then(root_store).ok_or(UNKNOWN)?;
                &pinned
            }
        };
        let parsed = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        // No intermediates: the authority signs every node itself.
        verify_server_cert_signed_by_trust_anchor(&parsed, roots, &[], now, algorithms)?;
        node(end_entity).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken between nodes".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The standard check of clients, and that the certificate is a node's.
#[derive(Debug)]
struct Clients {
    inner: Arc<dyn ClientCertVerifier>,
}

impl ClientCertVerifier for Clients {
    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.inner.verify_client_cert(end_entity, &[], now)?;
        node(end_entity).map(|()| verified)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken between nodes".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

fn node(certificate: &CertificateDer<'_>) -> Result<(), Error> {
    PeerCertificate::read(certificate)
        .map(drop)
        .ok_or(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
}
