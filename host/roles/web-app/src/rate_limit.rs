//! How often something may be tried. Kept in memory, per process; logins are counted in the database too, so that many web-apps
//! are no more tries.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use gatewright_control::{ControlPlane, TriesOf};
use gatewright_core::UserId;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, RateLimiter};

use crate::client::Client;
use crate::error::ApiError;

/// Above this many keys those that are at rest are forgotten: keys come from whoever asks.
const MANY_KEYS: usize = 10_000;

/// Within this time the same question is the same reading of Activity.
const SAME_READING: Duration = Duration::from_secs(60);

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// At once.
    pub burst: NonZeroU32,
    /// Then one in this time.
    pub every: Duration,
}

impl Quota {
    /// `burst` at once, then one in `every`. Zero counts as one, no time as a millisecond.
    #[must_use]
    pub fn new(burst: u32, every: Duration) -> Self {
        Self {
            burst: NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN),
            every: every.max(Duration::from_millis(1)),
        }
    }
}

/// The limits of a web-app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    /// Logins from one address (IPv6: one /64).
    pub logins_per_client: Quota,
    /// Logins with one name, from wherever.
    pub logins_per_name: Quota,
    /// Uploads by one user: each takes a core for seconds.
    pub uploads_per_user: Quota,
    /// Launches by one user.
    pub launches_per_user: Quota,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            logins_per_client: Quota::new(30, Duration::from_secs(2)),
            logins_per_name: Quota::new(20, Duration::from_secs(5)),
            uploads_per_user: Quota::new(30, Duration::from_secs(5)),
            launches_per_user: Quota::new(30, Duration::from_secs(2)),
        }
    }
}

/// Counts attempts by key.
struct Limiter<K: Hash + Eq + Clone> {
    limiter: DefaultKeyedRateLimiter<K>,
    clock: DefaultClock,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    fn new(quota: Quota) -> Self {
        let limiter = governor::Quota::with_period(quota.every)
            .unwrap_or_else(|| governor::Quota::per_second(NonZeroU32::MIN))
            .allow_burst(quota.burst);
        Self {
            limiter: RateLimiter::keyed(limiter),
            clock: DefaultClock::default(),
        }
    }

    fn check(&self, key: &K) -> Result<(), ApiError> {
        if self.limiter.len() > MANY_KEYS {
            self.limiter.retain_recent();
        }
        self.limiter
            .check_key(key)
            .map_err(|until| ApiError::too_many(until.wait_time_from(self.clock.now())))
    }
}

/// All limiters of a web-app.
pub(crate) struct Limiters {
    limits: RateLimits,
    logins_per_client: Limiter<IpAddr>,
    logins_per_name: Limiter<[u8; 32]>,
    uploads_per_user: Limiter<UserId>,
    launches_per_user: Limiter<UserId>,
    readings: Limiter<(UserId, [u8; 32])>,
}

impl Limiters {
    pub(crate) fn new(limits: RateLimits) -> Self {
        Self {
            limits,
            logins_per_client: Limiter::new(limits.logins_per_client),
            logins_per_name: Limiter::new(limits.logins_per_name),
            uploads_per_user: Limiter::new(limits.uploads_per_user),
            launches_per_user: Limiter::new(limits.launches_per_user),
            readings: Limiter::new(Quota::new(1, SAME_READING)),
        }
    }

    /// Names differ without regard to case, as users do; hashed, since a name may be a password typed into the wrong
    /// field, or a megabyte.
    pub(crate) async fn login(&self, control: &ControlPlane, client: Client, name: &str) -> Result<(), ApiError> {
        use sha2::Digest as _;
        // What this process refuses by itself costs the database nothing.
        self.logins_per_client.check(&client.network())?;
        let hashed = sha2::Sha256::digest(name.trim().to_lowercase());
        self.logins_per_name.check(&hashed.into())?;
        let network = client.network().to_string();
        for (of, quota) in self.counted(&network, name) {
            if let Some(wait) = control.count_login_try(of, quota.burst.get(), quota.every).await? {
                return Err(ApiError::too_many(wait));
            }
        }
        Ok(())
    }

    /// Somebody logged in with this name: that was no guess.
    pub(crate) async fn logged_in(&self, control: &ControlPlane, client: Client, name: &str) -> Result<(), ApiError> {
        let network = client.network().to_string();
        for (of, quota) in self.counted(&network, name) {
            control.uncount_login_try(of, quota.every).await?;
        }
        Ok(())
    }

    /// What is counted for all web-apps together.
    fn counted<'a>(&self, network: &'a str, name: &'a str) -> [(TriesOf<'a>, Quota); 2] {
        [
            (TriesOf::Client(network), self.limits.logins_per_client),
            (TriesOf::Name(name), self.limits.logins_per_name),
        ]
    }

    /// Whether this person did not just ask for the same of Activity.
    pub(crate) fn is_new_reading(&self, user: UserId, words: &str) -> bool {
        use sha2::Digest as _;
        self.readings.check(&(user, sha2::Sha256::digest(words).into())).is_ok()
    }

    pub(crate) fn upload(&self, user: UserId) -> Result<(), ApiError> {
        self.uploads_per_user.check(&user)
    }

    pub(crate) fn launch(&self, user: UserId) -> Result<(), ApiError> {
        self.launches_per_user.check(&user)
    }
}

impl std::fmt::Debug for Limiters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limiters").finish_non_exhaustive()
    }
}
