//! An edge, as clients reach it.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// An edge's address, and clients that trust its certificate.
#[derive(Clone)]
pub struct Entrance {
    /// `https://<host>:<port>`
    pub origin: String,
    /// Its port.
    pub port: u16,
    host: String,
    http: reqwest::Client,
    tls: Arc<rustls::ClientConfig>,
}

impl Entrance {
    /// Of the edge with this address and data folder.
    pub(crate) fn new(origin: String, data_dir: &Path) -> anyhow::Result<Self> {
        let (host, port) = origin
            .trim_start_matches("https://")
            .rsplit_once(':')
            .context("an address without a port")?;
        let (host, port) = (host.to_owned(), port.parse()?);
        let file = data_dir.join("public-ca").join("public-ca.pem");
        let ca = std::fs::read(&file).with_context(|| format!("no certificate authority at {}", file.display()))?;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&ca)?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        // Another product in the same test process may have done it.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let http = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(&ca)?])
            // What an answer leads to is for whoever asked.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            origin,
            port,
            host,
            http,
            tls: Arc::new(tls),
        })
    }

    /// A client that trusts the edge's certificate. It keeps no cookies.
    #[must_use]
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// `<host>:<port>`
    #[must_use]
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// A connection of its own.
    pub async fn connect(&self) -> anyhow::Result<TlsStream<TcpStream>> {
        // The certificate also names localhost; the port listens on IPv4 alone.
        let address = if self.host == "localhost" { "127.0.0.1" } else { &self.host };
        let tcp = TcpStream::connect((address, self.port)).await?;
        tcp.set_nodelay(true)?;
        let name = self.host.clone().try_into()?;
        Ok(TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await?)
    }
}
