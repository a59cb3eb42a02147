//! How long a session may live: without anybody connected, without input, and at all.
//!
//! Who is connected, and since when nothing was typed, the proxies are asked; since when a session is ready, the database
//! says. After a start of the control plane nobody's absence is known, so it is counted from then: a restart gives time, it
//! never takes any.

use std::collections::{BTreeSet, HashMap};
use std::error::Error;
use std::time::Duration;

use gatewright_core::session::{EndReason, SessionState};
use gatewright_core::time::duration_words;
use gatewright_core::{SessionId, Timestamp, ZoneId};

use crate::actor::Actor;
use crate::error::Internal;
use crate::plane::{ControlPlane, lock};

/// How long a proxy may take to say who is connected, or to show a text.
const PROXY: Duration = Duration::from_secs(5);

/// The limits of every session. None: there is no such limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionLimits {
    /// How long it lives with nobody connected.
    pub unattended: Option<Duration>,
    /// How long it lives without input while somebody is connected.
    pub idle: Option<Duration>,
    /// How long it lives at all, from the moment that it was ready.
    pub longest: Option<Duration>,
    /// How long it may be paused. None of the other two counts meanwhile.
    pub paused: Option<Duration>,
    /// How long before its end whoever is connected is warned.
    pub warnings: Vec<Duration>,
    /// How often all of it is looked at.
    pub every: Duration,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            unattended: Some(Duration::from_secs(30 * 60)),
            idle: None,
            longest: None,
            paused: Some(Duration::from_secs(24 * 3600)),
            warnings: vec![Duration::from_secs(600), Duration::from_secs(60)],
            every: Duration::from_secs(5),
        }
    }
}

/// Which limit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    Unattended,
    Idle,
    Longest,
    Paused,
}

impl Limit {
    fn reason(self, length: Duration) -> EndReason {
        let secs = length.as_secs();
        match self {
            Self::Unattended => EndReason::Unattended(secs),
            Self::Idle => EndReason::Idle(secs),
            Self::Longest => EndReason::TimeLimit(secs),
            Self::Paused => EndReason::PausedTooLong(secs),
        }
    }

    /// What whoever is connected reads before the end. Nobody is there to read of `Unattended` and `Paused`.
    fn warning(self, length: Duration, left: Duration) -> Option<String> {
        let left = duration_words(left.as_secs());
        match self {
            Self::Unattended | Self::Paused => None,
            Self::Idle => Some(format!(
                "This session ends in {left}, since nothing is typed or clicked. Press a key to keep it."
            )),
            Self::Longest => Some(format!(
                "This session ends in {left}. It may be open for {} at the most. Save your work.",
                duration_words(length.as_secs())
            )),
        }
    }
}

/// What was seen of a session that is ready.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// When somebody was last connected.
    attended_at: Timestamp,
    /// When something was last typed or clicked.
    input_at: Timestamp,
    connected: bool,
    /// The limit that was warned of, and how long before it.
    warned: Option<(Limit, Duration)>,
    /// Since when it is meant to be paused.
    paused_at: Option<Timestamp>,
}

/// What is to be done about a session.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    Nothing,
    Warn(String),
    End(EndReason),
}

impl SessionLimits {
    /// What is due, and that it was warned of.
    fn due(&self, ready_at: Timestamp, seen: &mut Seen, now: Timestamp) -> Due {
        let absence = if let Some(since) = seen.paused_at {
            self.paused.map(|length| (Limit::Paused, length, since))
        } else if seen.connected {
            self.idle.map(|length| (Limit::Idle, length, seen.input_at))
        } else {
            self.unattended.map(|length| (Limit::Unattended, length, seen.attended_at))
        };
        let age = self.longest.map(|length| (Limit::Longest, length, ready_at));
        let next = absence.into_iter().chain(age).min_by_key(|(_, length, since)| since.plus(*length));
        let Some((limit, length, since)) = next else {
            return Due::Nothing;
        };
        let left = since.plus(length).since(now);
        if left.is_zero() {
            return Due::End(limit.reason(length));
        }
        // Of a limit that is shorter than the warning nobody needs to be told at once.
        let reached = self
            .warnings
            .iter()
            .copied()
            .filter(|before| *before < length && left <= *before)
            .min();
        let Some(before) = reached else {
            // There is more time again, or another limit comes first: the next warning is a new one.
            seen.warned = None;
            return Due::Nothing;
        };
        if !seen.connected || seen.warned.is_some_and(|(of, at)| of == limit && at <= before) {
            return Due::Nothing;
        }
        seen.warned = Some((limit, before));
        limit.warning(length, rounded(left, before)).map_or(Due::Nothing, Due::Warn)
    }
}

/// What is left, as a person says it: the warning's own time where it was just reached, else whole minutes.
fn rounded(left: Duration, before: Duration) -> Duration {
    if left * 10 >= before * 9 {
        return before;
    }
    let secs = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    Duration::from_secs(if secs > 60 { secs.next_multiple_of(60) } else { secs })
}

impl ControlPlane {
    /// Looks at the limits from time to time.
    pub(crate) async fn keep_limits(self) {
        let mut tick = tokio::time::interval(self.0.config.session_limits.every);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // Nothing is registered yet when it begins.
        tick.tick().await;
        loop {
            tick.tick().await;
            // One of several web-apps does it, so that nobody is warned twice.
            if self.0.store.is_shared() {
                let every = self.0.config.session_limits.every;
                match self.0.store.take_lease("session-limits", self.0.holder, every * 3).await {
                    Ok(Some(_)) => {}
                    Ok(None) => {
                        // Who comes and goes while another looks is not seen here.
                        lock(&self.0.seen).clear();
                        continue;
                    }
                    Err(error) => {
                        tracing::warn!(error = &error as &dyn Error, "Limits of sessions can't be checked now");
                        continue;
                    }
                }
            }
            if let Err(error) = self.check_limits().await {
                tracing::warn!(error = &error as &dyn Error, "Limits of sessions can't be checked now");
            }
        }
    }

    /// Looks at the limits of every session that is ready, once: warns whoever is connected, and ends what is over.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn check_limits(&self) -> Result<(), Internal> {
        let open = self.0.store.open_sessions().await?;
        let (connected, silent) = self.connected().await?;
        let now = self.now();
        let mut due = Vec::new();
        {
            let mut seen = lock(&self.0.seen);
            seen.retain(|id, _| open.iter().any(|one| one.session.id == *id));
            for record in open.iter().filter(|one| one.session.state == SessionState::Ready) {
                let (id, ready_at) = (record.session.id, record.session.ready_at.unwrap_or(now));
                let known = seen.entry(id).or_insert(Seen {
                    attended_at: now,
                    input_at: now,
                    connected: false,
                    warned: None,
                    paused_at: None,
                });
                known.connected = connected.contains_key(&id);
                known.paused_at = record.session.paused_at;
                if let Some(idle) = connected.get(&id) {
                    known.attended_at = now;
                    known.input_at = now.minus(*idle);
                } else if known.paused_at.is_some() || silent.contains(&record.session.zone) {
                    // Once it goes on, absence is counted from then. And whoever is connected through a proxy that does not answer must not suffer for it.
                    known.attended_at = now;
                    known.input_at = now;
                }
                match self.0.config.session_limits.due(ready_at, known, now) {
                    Due::Nothing => {}
                    due_now => due.push((id, due_now)),
                }
            }
        }
        for (id, due) in due {
            match due {
                Due::Nothing => {}
                Due::Warn(text) => self.tell(id, &text).await,
                Due::End(reason) => {
                    self.end(id, reason, &Actor::system()).await?;
                }
            }
        }
        Ok(())
    }

    /// Who is connected, each with the time since the last input, and the zones of which a proxy did not say.
    async fn connected(&self) -> Result<(HashMap<SessionId, Duration>, BTreeSet<ZoneId>), Internal> {
        let mut silent = BTreeSet::new();
        let mut all: HashMap<SessionId, Duration> = HashMap::new();
        for (zone, proxy) in self.member_proxies().await? {
            let told = match proxy {
                Some(proxy) => tokio::time::timeout(PROXY, proxy.list()).await.ok().and_then(Result::ok),
                None => None,
            };
            let Some(streams) = told else {
                tracing::warn!(%zone, "A connection proxy does not say who is connected; no absence is counted in its zone");
                silent.insert(zone);
                continue;
            };
            for stream in streams {
                let idle = Duration::from_secs(stream.idle_secs);
                all.entry(stream.session)
                    .and_modify(|least| *least = idle.min(*least))
                    .or_insert(idle);
            }
        }
        Ok((all, silent))
    }

    /// Shows a text to whoever is connected to a session.
    async fn tell(&self, session: SessionId, text: &str) {
        for proxy in self.known_proxies() {
            if !matches!(
                tokio::time::timeout(PROXY, proxy.message(session, text.to_owned())).await,
                Ok(Ok(()))
            ) {
                tracing::warn!(%session, "Proxy did not show a warning");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::panic, reason = "tests")]
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(minutes: u32) -> Timestamp {
        Timestamp::from_micros(0).plus(MINUTE * minutes)
    }

    fn seen(connected: bool) -> Seen {
        Seen {
            attended_at: at(0),
            input_at: at(0),
            connected,
            warned: None,
            paused_at: None,
        }
    }

    #[test]
    fn each_warning_comes_once_and_the_end_after_them() {
        let limits = SessionLimits {
            longest: Some(MINUTE * 60),
            ..SessionLimits::default()
        };
        let mut seen = seen(true);
        assert_eq!(limits.due(at(0), &mut seen, at(49)), Due::Nothing);
        let text = "This session ends in 10 minutes. It may be open for 1 hour at the most. Save your work.";
        assert_eq!(limits.due(at(0), &mut seen, at(50)), Due::Warn(text.into()));
        assert_eq!(limits.due(at(0), &mut seen, at(55)), Due::Nothing);
        let text = text.replace("10 minutes", "1 minute");
        assert_eq!(limits.due(at(0), &mut seen, at(59)), Due::Warn(text));
        assert_eq!(limits.due(at(0), &mut seen, at(60)), Due::End(EndReason::TimeLimit(3600)));
    }

    #[test]
    fn a_late_warning_says_how_much_is_left() {
        let limits = SessionLimits {
            longest: Some(MINUTE * 60),
            ..SessionLimits::default()
        };
        let Due::Warn(text) = limits.due(at(0), &mut seen(true), at(57)) else {
            panic!("no warning");
        };
        assert!(text.starts_with("This session ends in 3 minutes. "), "{text}");
    }

    #[test]
    fn input_begins_the_idle_time_and_its_warnings_anew() {
        let limits = SessionLimits {
            idle: Some(MINUTE * 15),
            ..SessionLimits::default()
        };
        let mut seen = seen(true);
        assert!(matches!(limits.due(at(0), &mut seen, at(5)), Due::Warn(_)));
        seen.input_at = at(6);
        assert_eq!(limits.due(at(0), &mut seen, at(7)), Due::Nothing);
        assert!(matches!(limits.due(at(0), &mut seen, at(11)), Due::Warn(_)));
        assert_eq!(limits.due(at(0), &mut seen, at(21)), Due::End(EndReason::Idle(900)));
    }

    #[test]
    fn without_anybody_connected_nothing_is_said_and_idle_time_does_not_count() {
        let limits = SessionLimits {
            idle: Some(MINUTE),
            ..SessionLimits::default()
        };
        let mut seen = seen(false);
        assert_eq!(limits.due(at(0), &mut seen, at(29)), Due::Nothing);
        assert_eq!(limits.due(at(0), &mut seen, at(30)), Due::End(EndReason::Unattended(1800)));
    }

    #[test]
    fn a_paused_session_has_a_limit_of_its_own_and_may_be_too_old_all_the_same() {
        let mut limits = SessionLimits {
            paused: Some(MINUTE * 120),
            ..SessionLimits::default()
        };
        let mut paused = seen(false);
        paused.paused_at = Some(at(10));
        assert_eq!(limits.due(at(0), &mut paused, at(129)), Due::Nothing);
        assert_eq!(limits.due(at(0), &mut paused, at(130)), Due::End(EndReason::PausedTooLong(7200)));
        limits.longest = Some(MINUTE * 60);
        assert_eq!(limits.due(at(0), &mut paused, at(60)), Due::End(EndReason::TimeLimit(3600)));
    }

    #[test]
    fn what_has_no_limit_has_no_end() {
        let limits = SessionLimits {
            unattended: None,
            paused: None,
            ..SessionLimits::default()
        };
        for (connected, paused_at) in [(true, None), (false, None), (false, Some(at(1)))] {
            let mut seen = Seen {
                paused_at,
                ..seen(connected)
            };
            assert_eq!(limits.due(at(0), &mut seen, at(1_000_000)), Due::Nothing);
        }
    }
}
