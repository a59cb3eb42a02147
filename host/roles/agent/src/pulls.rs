//! Images on this node: which are there, and bringing others.
//!
//! A pull runs by itself until it is done, fails, is broken off or the agent stops; whoever wants to know asks. There is one
//! for a name at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gatewright_core::image_name::{is_exact, is_image_name};
use gatewright_ports::{AgentError, ImageFacts, ImageStatus, PullProgress};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, info, warn};

use crate::agent::Inner;
use crate::disk;

/// Pulls at once: more would only share the same network and disk.
const MAX_PULLS: usize = 2;
/// Failures that are remembered.
const MAX_FAILURES: usize = 64;
/// How often the disk is looked at while an image comes.
const DISK_EVERY: Duration = Duration::from_secs(2);

/// One image.
#[derive(Debug)]
enum Pull {
    Running { progress: PullProgress, stop: CancellationToken },
    Failed { why: String },
}

/// The images that are being brought, and those that could not be.
#[derive(Debug, Default)]
pub(crate) struct Pulls(Mutex<HashMap<String, Pull>>);

impl Pulls {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Pull>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn status(&self, name: &str) -> Option<ImageStatus> {
        match self.lock().get(name)? {
            Pull::Running { progress, .. } => Some(ImageStatus::Pulling(progress.clone())),
            Pull::Failed { why } => Some(ImageStatus::Failed { why: why.clone() }),
        }
    }

    /// Takes the place of a name's only pull. None where it is at work.
    fn begin(&self, name: &str, stopping: &CancellationToken) -> Result<Option<CancellationToken>, AgentError> {
        let mut pulls = self.lock();
        let running = pulls.values().filter(|pull| matches!(pull, Pull::Running { .. })).count();
        match pulls.get(name) {
            Some(Pull::Running { .. }) => return Ok(None),
            _ if running >= MAX_PULLS => {
                return Err(AgentError::NoCapacity {
                    why: format!("it brings {running} images already: wait for one of them"),
                });
            }
            _ => {}
        }
        if pulls.len() >= MAX_FAILURES {
            pulls.retain(|_, pull| matches!(pull, Pull::Running { .. }));
        }
        let stop = stopping.child_token();
        let pull = Pull::Running {
            progress: PullProgress::default(),
            stop: stop.clone(),
        };
        pulls.insert(name.to_owned(), pull);
        Ok(Some(stop))
    }

    fn progress(&self, name: &str, now: PullProgress) {
        if let Some(Pull::Running { progress, .. }) = self.lock().get_mut(name) {
            *progress = now;
        }
    }

    /// Notes a pull's end: nothing is remembered of one that went well or was broken off.
    fn end(&self, name: &str, failure: Option<String>) {
        let mut pulls = self.lock();
        match failure {
            Some(why) => pulls.insert(name.to_owned(), Pull::Failed { why }),
            None => pulls.remove(name),
        };
    }

    /// Breaks a pull off.
    pub(crate) fn cancel(&self, name: &str) {
        if let Some(Pull::Running { stop, .. }) = self.lock().get(name) {
            stop.cancel();
        }
    }
}

fn checked(name: &str) -> Result<(), AgentError> {
    if is_image_name(name) {
        return Ok(());
    }
    Err(AgentError::Refused {
        why: "not the name of an image".into(),
    })
}

impl Inner {
    /// See [`gatewright_ports::AgentControl::image`].
    pub(crate) async fn image(&self, name: &str) -> Result<ImageStatus, AgentError> {
        checked(name)?;
        let pull = self.pulls.status(name);
        if let Some(running @ ImageStatus::Pulling(_)) = pull {
            return Ok(running);
        }
        // It may have come by another way since a pull failed.
        Ok(match self.calls.image(name).await? {
            Some(found) => ImageStatus::Present(ImageFacts {
                id: found.id,
                size_bytes: found.size_bytes,
                created: found.created,
                user: found.user,
            }),
            None => pull.unwrap_or(ImageStatus::Absent),
        })
    }

    /// See [`gatewright_ports::AgentControl::pull`].
    pub(crate) fn pull(self: &Arc<Self>, name: &str) -> Result<(), AgentError> {
        checked(name)?;
        if !is_exact(name) {
            return Err(AgentError::Refused {
                why: "not the name of one image: it has no tag".into(),
            });
        }
        if self.tasks.is_closed() {
            return Err(AgentError::Unavailable);
        }
        if let Some(why) = disk::short(&self.config) {
            return Err(AgentError::NoCapacity { why });
        }
        let Some(stop) = self.pulls.begin(name, &self.stopping)? else {
            return Ok(());
        };
        let (inner, name) = (Arc::clone(self), name.to_owned());
        let task = async move {
            info!(image = name, "Image is being brought");
            let failure = match stop.run_until_cancelled(inner.pull_now(&name)).await {
                None => {
                    info!(image = name, "Pull was broken off");
                    None
                }
                Some(Ok(())) => {
                    info!(image = name, "Image is there");
                    None
                }
                Some(Err(why)) => {
                    warn!(image = name, why, "Image was not brought");
                    Some(why)
                }
            };
            // The next sign of life is to show the image.
            inner.watcher.look_again();
            inner.pulls.end(&name, failure);
        };
        self.tasks.spawn(task.in_current_span());
        Ok(())
    }

    async fn pull_now(self: &Arc<Self>, name: &str) -> Result<(), String> {
        let (inner, owned) = (Arc::clone(self), name.to_owned());
        let progress = Arc::new(move |step, done_bytes, total_bytes| {
            let now = PullProgress {
                step,
                done_bytes,
                total_bytes,
            };
            inner.pulls.progress(&owned, now);
        });
        tokio::select! {
            pulled = self.calls.pull(name, progress) => pulled.map_err(words)?,
            why = self.disk_is_short() => return Err(why),
        }
        // The engine's word for it, not the plugin's.
        match self.calls.image(name).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err("the engine said that it is done, and does not have the image".into()),
            Err(error) => Err(words(error)),
        }
    }

    /// Returns when a disk has less free than is reserved.
    async fn disk_is_short(&self) -> String {
        loop {
            tokio::time::sleep(DISK_EVERY).await;
            if let Some(why) = disk::short(&self.config) {
                return why;
            }
        }
    }
}

/// Without the part that says whose words they are, where they are the engine's.
fn words(error: AgentError) -> String {
    match error {
        AgentError::Engine { why } | AgentError::NoCapacity { why } => why,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_name_is_pulled_once_at_a_time_and_few_at_once() {
        let (pulls, stopping) = (Pulls::default(), CancellationToken::new());
        let first = pulls.begin("a:1", &stopping).unwrap().unwrap();
        assert!(pulls.begin("a:1", &stopping).unwrap().is_none(), "it is at work");
        pulls.begin("b:1", &stopping).unwrap().unwrap();
        assert!(matches!(pulls.begin("c:1", &stopping), Err(AgentError::NoCapacity { .. })));

        pulls.cancel("c:1");
        pulls.cancel("a:1");
        assert!(first.is_cancelled());
        pulls.end("a:1", None);
        assert_eq!(pulls.status("a:1"), None);
        pulls.end("b:1", Some("no".into()));
        assert_eq!(pulls.status("b:1"), Some(ImageStatus::Failed { why: "no".into() }));
        let again = pulls.begin("b:1", &stopping).unwrap().unwrap();
        assert_eq!(pulls.status("b:1"), Some(ImageStatus::Pulling(PullProgress::default())));
        stopping.cancel();
        assert!(again.is_cancelled(), "pulls end with the agent");
    }
}
