//! The addresses of sessions' networks: a pool, cut into a /29 for each.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// The bits of a session's network.
const NETWORK_BITS: u8 = 29;
/// Pools must lie in one of these: no public address may be hidden behind one, and the filter keeps sessions apart by them.
const PRIVATE: [(Ipv4Addr, u8); 4] = [
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
];

/// A range of private addresses, such as `10.213.0.0/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    first: u32,
    bits: u8,
}

/// Why a text is no pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pool is a private range of IPv4 addresses from /8 to /28, such as 10.213.0.0/16")]
pub struct PoolError;

impl Pool {
    /// How many networks it has.
    #[must_use]
    pub fn networks(self) -> u32 {
        1 << (NETWORK_BITS - self.bits)
    }

    /// The host's address and the container's in one of its networks.
    pub(super) fn addresses(self, network: u32) -> (Ipv4Addr, Ipv4Addr) {
        let first = self.first + (network % self.networks()) * (1 << (32 - NETWORK_BITS));
        (Ipv4Addr::from_bits(first + 1), Ipv4Addr::from_bits(first + 2))
    }
}

impl FromStr for Pool {
    type Err = PoolError;

    fn from_str(text: &str) -> Result<Self, PoolError> {
        let (first, bits) = text.split_once('/').ok_or(PoolError)?;
        let first: Ipv4Addr = first.parse().map_err(|_| PoolError)?;
        let bits: u8 = bits.parse().map_err(|_| PoolError)?;
        let within = |(start, of): (Ipv4Addr, u8)| bits >= of && first.to_bits() >> (32 - of) == start.to_bits() >> (32 - of);
        let aligned = (8..NETWORK_BITS).contains(&bits) && first.to_bits().trailing_zeros() >= u32::from(32 - bits);
        if aligned && PRIVATE.into_iter().any(within) {
            Ok(Self {
                first: first.to_bits(),
                bits,
            })
        } else {
            Err(PoolError)
        }
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", Ipv4Addr::from_bits(self.first), self.bits)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn pools_are_private_and_aligned() {
        for good in [
            "10.213.0.0/16",
            "172.16.0.0/12",
            "192.168.8.0/24",
            "100.64.0.0/10",
            "10.0.0.0/8",
            "10.0.0.16/28",
        ] {
            assert_eq!(good.parse::<Pool>().unwrap().to_string(), good);
        }
        for bad in [
            "10.213.0.1/16",
            "11.0.0.0/16",
            "8.0.0.0/8",
            "172.0.0.0/8",
            "10.0.0.0/7",
            "10.0.0.0/29",
            "10.0.0.0",
            "x/8",
            "10.0.0.0/-1",
            "::/8",
            "10.0.0.0/33",
            "192.168.0.0/15",
        ] {
            assert_eq!(bad.parse::<Pool>(), Err(PoolError), "{bad}");
        }
    }

    #[test]
    fn networks_do_not_overlap_and_stay_inside() {
        let pool: Pool = "10.213.0.0/16".parse().unwrap();
        assert_eq!(pool.networks(), 8192);
        let two = |network| pool.addresses(network);
        assert_eq!(two(0), (Ipv4Addr::new(10, 213, 0, 1), Ipv4Addr::new(10, 213, 0, 2)));
        assert_eq!(two(1), (Ipv4Addr::new(10, 213, 0, 9), Ipv4Addr::new(10, 213, 0, 10)));
        assert_eq!(two(8191), (Ipv4Addr::new(10, 213, 255, 249), Ipv4Addr::new(10, 213, 255, 250)));
        assert_eq!(two(8192), two(0));
    }
}
