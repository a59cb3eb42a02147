//! `[agent.network]`: how sessions reach the Internet.

use std::net::Ipv4Addr;

use anyhow::{Context as _, ensure};
use gatewright_agent::{NetworkConfig, Pool, is_public};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where sessions' addresses come from unless the operator says otherwise.
const POOL: &str = "10.213.0.0/16";

/// `[agent.network]`: with it, sessions of workspaces with the network `internet` can run on this node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkFile {
    /// The private range that sessions' addresses come from, eight to a session. Default `10.213.0.0/16`. Nothing else on this
    /// machine may use it.
    pub pool: Option<String>,
    /// The name servers that sessions ask: public IPv4 addresses, since sessions reach no others.
    pub dns: Vec<Ipv4Addr>,
}

impl NetworkFile {
    /// Checks and completes.
    pub(crate) fn checked(self) -> anyhow::Result<NetworkConfig> {
        let pool = self.pool.unwrap_or_else(|| POOL.into());
        let pool: Pool = pool.parse().with_context(|| format!("agent.network.pool {pool:?}"))?;
        ensure!(
            !self.dns.is_empty(),
            "agent.network.dns names no server: sessions could look nothing up"
        );
        if let Some(private) = self.dns.iter().find(|address| !is_public(**address)) {
            anyhow::bail!("agent.network.dns {private} is no public address: sessions do not reach it");
        }
        Ok(NetworkConfig { pool, dns: self.dns })
    }
}

/// As it could be written in the file.
pub(crate) fn shown<S: serde::Serializer>(network: &Option<NetworkConfig>, serializer: S) -> Result<S::Ok, S::Error> {
    let written = network.as_ref().map(|network| NetworkFile {
        pool: Some(network.pool.to_string()),
        dns: network.dns.clone(),
    });
    written.serialize(serializer)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn checked(text: &str) -> anyhow::Result<NetworkConfig> {
        toml::from_str::<NetworkFile>(text)?.checked()
    }

    #[test]
    fn servers_are_public_and_pools_private() {
        assert_eq!(checked("dns = ['9.9.9.9']").unwrap().pool.to_string(), POOL);
        assert_eq!(checked("pool = '10.1.0.0/24'\ndns = ['9.9.9.9']").unwrap().pool.networks(), 32);
        for (text, why) in [
            ("dns = []", "names no server"),
            ("dns = ['10.0.0.1']", "no public address"),
            ("dns = ['169.254.169.254']", "no public address"),
            ("pool = '8.8.0.0/16'\ndns = ['9.9.9.9']", "agent.network.pool"),
            ("pool = '10.1.0.0/24'", "dns"),
            ("dns = ['2620:fe::fe']", "dns"),
            ("dns = ['9.9.9.9']\nopen = true", "open"),
        ] {
            let error = format!("{:#}", checked(text).unwrap_err());
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
