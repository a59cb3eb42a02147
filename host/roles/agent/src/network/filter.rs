//! The packet filter of all sessions of this deployment: one table, written whole, compared and never mended.

use std::net::Ipv4Addr;

use sha2::{Digest as _, Sha256};

use super::command::{CommandError, run, run_blocking};
use super::pool::Pool;

/// What sessions never reach: everything that is not public (RFC 6890 and its registry), and what a cloud answers at.
const NOT_PUBLIC: [(Ipv4Addr, u8); 17] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Link-local, with the metadata address of most clouds.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    // A public address at which one cloud answers its guests.
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 31, 196, 0), 24),
    (Ipv4Addr::new(192, 52, 193, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Multicast, the reserved rest, and broadcast.
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

pub(super) fn is_public(address: Ipv4Addr) -> bool {
    let within = |(first, bits): &(Ipv4Addr, u8)| address.to_bits() >> (32 - bits) == first.to_bits() >> (32 - bits);
    !NOT_PUBLIC.iter().any(within)
}

/// The table in the kernel.
#[derive(Debug)]
pub(super) struct Filter {
    name: String,
    prefix: String,
    /// As the kernel listed it when it was new.
    listed: String,
}

impl Filter {
    /// Writes the table anew, whatever was there. Blocks.
    pub(super) fn set_up(pool: &Pool, deployment: &str) -> Result<Self, CommandError> {
        // An interface's name has 15 characters: two deployments on one machine are told apart by four of them.
        let digest = Sha256::digest(deployment.as_bytes());
        let short: String = digest.iter().take(2).map(|byte| format!("{byte:02x}")).collect();
        let (name, prefix) = (format!("gatewright_{short}"), format!("gw{short}-"));
        run_blocking("nft", &[rules(&name, &prefix, pool)])?;
        let listed = run_blocking("nft", &["-s", "list", "table", "inet", &name])?;
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").map_err(|error| CommandError::new("let the host forward packets", error))?;
        Ok(Self { name, prefix, listed })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What the names of sessions' interfaces begin with.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether the table is what it was when it was new.
    pub(super) async fn is_intact(&self) -> Result<bool, CommandError> {
        match run("nft", &["-s", "list", "table", "inet", &self.name]).await {
            Ok(listed) => Ok(listed == self.listed),
            // It is gone, or the kernel does not answer: where the second, nothing else can be asked either.
            Err(_) => run("nft", &["list", "tables"]).await.map(|_| false),
        }
    }

    /// Engines let the host forward nothing but their own: what our table let pass may pass there as well.
    pub(super) async fn let_through(&self) -> Result<(), CommandError> {
        let all = format!("{}+", self.prefix);
        let out = ["FORWARD", "-i", &all, "-j", "ACCEPT"];
        let back = [
            "FORWARD",
            "-o",
            &all,
            "-m",
            "conntrack",
            "--ctstate",
            "ESTABLISHED,RELATED",
            "-j",
            "ACCEPT",
        ];
        for rule in [&out[..], &back[..]] {
            let with = |what| [&["-w", "5", what], rule].concat();
            if run("iptables", &with("-C")).await.is_err() {
                run("iptables", &with("-I")).await?;
            }
        }
        Ok(())
    }
}

/// The table. Priorities: `out` before addresses are rewritten (-100), so that what the host or an engine publishes is not reached
/// by its public address either; `forward` before the engines' own filters (0).
fn rules(name: &str, prefix: &str, pool: &Pool) -> String {
    let not_public: Vec<String> = NOT_PUBLIC.iter().map(|(first, bits)| format!("{first}/{bits}")).collect();
    let not_public = not_public.join(", ");
    format!(
        r#"table inet {name}
delete table inet {name}
table inet {name} {{
  set not_public {{
    type ipv4_addr
    flags interval
    elements = {{ {not_public} }}
  }}
  chain out {{
    type filter hook prerouting priority -150; policy accept;
    iifname "{prefix}*" jump leaves
  }}
  chain leaves {{
    meta nfproto != ipv4 drop
    ip saddr != {pool} drop
    fib saddr . iif oif missing drop
    ip daddr @not_public drop
    fib daddr type != unicast drop
  }}
  chain input {{
    type filter hook input priority -150; policy accept;
    iifname "{prefix}*" drop
  }}
  chain forward {{
    type filter hook forward priority -150; policy accept;
    iifname "{prefix}*" ip daddr @not_public drop
    iifname "{prefix}*" oifname "{prefix}*" drop
    iifname "{prefix}*" tcp flags syn tcp option maxseg size set rt mtu
    oifname "{prefix}*" meta nfproto != ipv4 drop
    oifname "{prefix}*" ct state != {{ established, related }} drop
  }}
  chain output {{
    type filter hook output priority -150; policy accept;
    oifname "{prefix}*" meta nfproto != ipv4 drop
    oifname "{prefix}*" ct state != {{ established, related }} drop
  }}
  chain rewrite {{
    type nat hook postrouting priority 100; policy accept;
    ip saddr {pool} oifname != "{prefix}*" masquerade
  }}
}}"#
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn public_is_what_no_range_has() {
        for public in [
            "1.1.1.1",
            "9.9.9.9",
            "11.0.0.1",
            "172.15.255.255",
            "172.32.0.1",
            "192.167.0.1",
            "223.255.255.255",
            "168.63.129.15",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.169.254",
            "168.63.129.16",
            "172.31.255.255",
            "192.168.0.1",
            "198.19.255.255",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }
}
