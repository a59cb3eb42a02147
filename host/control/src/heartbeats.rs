//! Signs of life. One that says something new is written at once; the others, which are nearly all of them, are written
//! together, once a second.

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::Mutex;
use std::time::Duration;

use gatewright_core::{NodeId, Timestamp};
use gatewright_database::{Sign, status_digest};
use gatewright_ports::agent_control::NodeStatus;

use crate::error::Internal;
use crate::plane::{ControlPlane, lock};

/// Between two writes of what is not new. Far less than a node may be silent.
const EVERY: Duration = Duration::from_secs(1);

/// What this process heard of nodes whose row says what they say.
#[derive(Default)]
pub(crate) struct Heartbeats(Mutex<HashMap<NodeId, Heard>>);

struct Heard {
    digest: [u8; 32],
    at: Timestamp,
    /// Whether the database has `at`.
    written: bool,
}

impl Heartbeats {
    /// When nodes were last heard of, where that is not in the database yet.
    pub(crate) fn unwritten(&self) -> HashMap<NodeId, Timestamp> {
        let heard = lock(&self.0);
        heard
            .iter()
            .filter(|(_, one)| !one.written)
            .map(|(node, one)| (*node, one.at))
            .collect()
    }

    /// Notes a sign that says nothing new. False where it may say something new.
    fn again(&self, node: NodeId, digest: [u8; 32], at: Timestamp) -> bool {
        match lock(&self.0).get_mut(&node) {
            Some(known) if known.digest == digest => {
                (known.at, known.written) = (at, false);
                true
            }
            _ => false,
        }
    }

    fn due(&self) -> Vec<Sign> {
        let heard = lock(&self.0);
        let due = heard.iter().filter(|(_, one)| !one.written);
        due.map(|(node, one)| Sign {
            node: *node,
            digest: one.digest,
            at: one.at,
        })
        .collect()
    }
}

impl ControlPlane {
    /// Notes what an agent says of its node.
    pub(crate) async fn note_heartbeat(&self, status: &NodeStatus) -> Result<(), Internal> {
        let (digest, at) = (status_digest(status)?, self.now());
        if self.0.heartbeats.again(status.node, digest, at) {
            return Ok(());
        }
        let member = self.0.store.member(status.node).await?;
        let zone = member.map_or(self.0.zone, |member| member.identity.zone);
        let stored = self.0.store.retry(|| async {
            let mut write = self.0.store.begin().await?;
            write.upsert_node(status, zone, at).await?;
            write.commit().await
        });
        stored.await?;
        let heard = Heard { digest, at, written: true };
        lock(&self.0.heartbeats.0).insert(status.node, heard);
        self.forget_nodes();
        Ok(())
    }

    /// Writes what is not new, from time to time.
    pub(crate) async fn keep_heartbeats(self) {
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            if let Err(error) = self.write_heartbeats().await {
                tracing::warn!(error = &error as &dyn std::error::Error, cause = ?error.source(), "Signs of life can't be written now");
                // The next of each is written by itself, so that its agent hears of the failure.
                lock(&self.0.heartbeats.0).clear();
            }
        }
    }

    async fn write_heartbeats(&self) -> Result<(), Internal> {
        let due = self.0.heartbeats.due();
        if due.is_empty() {
            return Ok(());
        }
        let written = self.0.store.retry(|| async {
            let mut write = self.0.store.begin().await?;
            let noted = write.note_signs(&due).await?;
            write.commit().await.map(|()| noted)
        });
        let noted = written.await?;
        let mut heard = lock(&self.0.heartbeats.0);
        for sign in &due {
            if !noted.contains(&sign.node) {
                // The row is gone, or another web-app was told otherwise since: the next sign is written whole.
                heard.remove(&sign.node);
            } else if let Some(known) = heard.get_mut(&sign.node).filter(|known| known.at == sign.at) {
                known.written = true;
            }
        }
        Ok(())
    }
}
