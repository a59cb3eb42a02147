//! Waiting until a desktop speaks.

use std::sync::Arc;
use std::time::Duration;

use gatewright_core::SessionId;
use gatewright_plugin_host::ContainerState;
use gatewright_ports::{AgentError, StreamError};
use tokio::io::AsyncReadExt as _;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use crate::agent::Inner;
use crate::guard::ContainerId;
use crate::streams;

/// What a desktop says first: ProtocolVersion (RFC 6143 section 7.1.1).
const BANNER: &[u8; 12] = b"RFB 003.008\n";
/// A desktop that has its socket says so at once.
const BANNER_LIMIT: Duration = Duration::from_secs(2);
/// Looking for the socket is a few system calls: often at first, so that a quick desktop is not kept waiting.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// Asking whether the container still runs is a call of the plugin and one of the engine.
const INSPECT_EVERY: Duration = Duration::from_millis(500);

impl Inner {
    /// See [`gatewright_ports::AgentControl::wait_ready`].
    pub(crate) async fn wait_ready(self: &Arc<Self>, session: SessionId) -> Result<(), AgentError> {
        let started = Instant::now();
        let id = self.container(session).await?;
        let mut pause = FIRST_PAUSE;
        let mut inspected = started;
        loop {
            if self.speaks(session).await? {
                info!(%session, millis = started.elapsed().as_millis(), "Desktop answers");
                return Ok(());
            }
            if inspected.elapsed() >= INSPECT_EVERY {
                self.still_there(session, &id).await?;
                inspected = Instant::now();
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Whether the desktop answered as one does.
    async fn speaks(&self, session: SessionId) -> Result<bool, AgentError> {
        let mut stream = match streams::connect(&self.folders, session, "vnc").await {
            Ok(stream) => stream,
            Err(StreamError::Refused) => return Ok(false),
            Err(StreamError::NotFound) => return Err(AgentError::NotFound),
            Err(error) => {
                warn!(%session, %error, "Desktop's socket can't be used");
                return Err(AgentError::Node { why: error.to_string() });
            }
        };
        let mut banner = [0; BANNER.len()];
        match timeout(BANNER_LIMIT, stream.read_exact(&mut banner)).await {
            Ok(Ok(_)) if banner == *BANNER => Ok(true),
            // Something else listens, or it is busy. The caller's patience decides.
            _ => Ok(false),
        }
    }

    async fn still_there(&self, session: SessionId, id: &ContainerId) -> Result<(), AgentError> {
        let container = self.calls.inspect(session, id).await?;
        match container.state {
            // Created: start has been asked for, or will be.
            ContainerState::Created | ContainerState::Running | ContainerState::Paused => Ok(()),
            ContainerState::Exited => Err(AgentError::Exited {
                code: container.exit_code.unwrap_or_default().into(),
            }),
        }
    }
}
