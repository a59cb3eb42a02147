//! The states of a session and the moves between them. Every state is persisted before the step that follows it.

use serde::{Deserialize, Serialize};

use crate::time::duration_words;

/// Where a session stands. The order is the order of the saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionState {
    /// Asked for and authorized; no node yet.
    Requested,
    /// A node's capacity is reserved and the desktop's secret is in the vault.
    Reserved,
    /// The agent was told to create it: from here on something may exist on the node.
    Creating,
    /// Created; the agent was told to start it.
    Starting,
    /// Started; its protocol does not answer yet.
    Waiting,
    /// Its protocol answers: people may connect.
    Ready,
    /// Being destroyed. Left only when nothing of it exists any more.
    Ending,
    /// Gone, on purpose.
    Ended,
    /// Gone, since its launch failed.
    Failed,
}

impl SessionState {
    /// All states.
    pub const ALL: [Self; 9] = [
        Self::Requested,
        Self::Reserved,
        Self::Creating,
        Self::Starting,
        Self::Waiting,
        Self::Ready,
        Self::Ending,
        Self::Ended,
        Self::Failed,
    ];

    /// Whether a session may move from `self` to `next`. Launching moves one step at a time; every state that is
    /// not final can only leave by `Ending`, so that the one undo always runs.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        use SessionState::{Creating, Ended, Ending, Failed, Ready, Requested, Reserved, Starting, Waiting};
        matches!(
            (self, next),
            (Requested, Reserved)
                | (Reserved, Creating)
                | (Creating, Starting)
                | (Starting, Waiting)
                | (Waiting, Ready)
                | (Requested | Reserved | Creating | Starting | Waiting | Ready, Ending)
                | (Ending, Ended | Failed)
        )
    }

    /// Whether nothing of it is left anywhere.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Ended | Self::Failed)
    }

    /// Whether it holds capacity on its node.
    #[must_use]
    pub const fn holds_capacity(self) -> bool {
        !matches!(self, Self::Requested | Self::Ended | Self::Failed)
    }

    /// The name that the wire and the database use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Reserved => "reserved",
            Self::Creating => "creating",
            Self::Starting => "starting",
            Self::Waiting => "waiting",
            Self::Ready => "ready",
            Self::Ending => "ending",
            Self::Ended => "ended",
            Self::Failed => "failed",
        }
    }

    /// Reads [`Self::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Why a session ended. What a person reads is in `text`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "code", content = "detail")]
pub enum EndReason {
    /// Its user ended it.
    User,
    /// An administrator ended it.
    Administrator,
    /// It could not be launched; the text is for the person.
    LaunchFailed(String),
    /// The host stopped while it was launching.
    Interrupted,
    /// Its container is gone.
    WorkspaceGone,
    /// The desktop sent what can't be inspected; the text is for administrators.
    ProtocolViolation(String),
    /// Nothing was typed or clicked for this many seconds, the limit.
    Idle(u64),
    /// It was open for this many seconds, the limit.
    TimeLimit(u64),
    /// Nobody was connected for this many seconds, the limit.
    Unattended(u64),
    /// It was paused for this many seconds, the limit.
    PausedTooLong(u64),
    /// Its user's account was disabled.
    UserDisabled,
    /// The node that ran it was removed.
    NodeRemoved,
    /// It was there to check an image, and that is done.
    Checked,
}

impl EndReason {
    /// The name in the API: the `code` that it is stored with.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Administrator => "administrator",
            Self::LaunchFailed(_) => "launch-failed",
            Self::Interrupted => "interrupted",
            Self::WorkspaceGone => "workspace-gone",
            Self::ProtocolViolation(_) => "protocol-violation",
            Self::Idle(_) => "idle",
            Self::TimeLimit(_) => "time-limit",
            Self::Unattended(_) => "unattended",
            Self::PausedTooLong(_) => "paused-too-long",
            Self::UserDisabled => "user-disabled",
            Self::NodeRemoved => "node-removed",
            Self::Checked => "checked",
        }
    }

    /// What a person reads.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::User => "You ended this session.".into(),
            Self::Administrator => "An administrator ended this session.".into(),
            Self::LaunchFailed(why) => why.clone(),
            Self::Interrupted => "The service restarted while this session was launching. Launch it again.".into(),
            Self::WorkspaceGone => "The desktop stopped by itself. Launch it again.".into(),
            Self::ProtocolViolation(_) => "The desktop sent data that can't be checked, so the session was ended.".into(),
            Self::Idle(secs) => format!(
                "Nothing was typed or clicked for {}, so this session was ended.",
                duration_words(*secs)
            ),
            Self::TimeLimit(secs) => format!("This session was open for {}, the longest that is allowed.", duration_words(*secs)),
            Self::Unattended(secs) => format!("Nobody was connected for {}, so this session was ended.", duration_words(*secs)),
            Self::PausedTooLong(secs) => format!(
                "This session was paused for {}, the longest that is allowed.",
                duration_words(*secs)
            ),
            Self::UserDisabled => "Your account was disabled, so this session was ended.".into(),
            Self::NodeRemoved => "The machine that ran this session was removed. Launch it again.".into(),
            Self::Checked => "The check of the image is done.".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_leads_to_an_end_and_none_leads_back() {
        for from in SessionState::ALL {
            assert_eq!(SessionState::parse(from.as_str()), Some(from));
            for to in SessionState::ALL {
                assert!(!(from.may_become(to) && to <= from), "{from:?} leads back to {to:?}");
            }
            assert_eq!(from.is_final(), !SessionState::ALL.into_iter().any(|to| from.may_become(to)));
            if !from.is_final() && from != SessionState::Ending {
                assert!(from.may_become(SessionState::Ending), "{from:?} can't be undone");
            }
        }
    }
}
