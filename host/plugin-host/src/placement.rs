//! Calls of the placement world.

use gatewright_core::reason::Words;

use crate::bindings::placement::exports::gatewright::placement::strategy as wit;
use crate::call::{Answer, CallContext, CallError, Granted};
use crate::plugin::{Plugin, World};
use crate::reasons::words;

/// What is to be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacementRequest {
    /// The session's id.
    pub session: String,
    /// The user's login name.
    pub user: String,
    /// Names of the user's groups.
    pub groups: Vec<String>,
    /// The workspace's name.
    pub workspace: String,
    /// The zone's name.
    pub zone: String,
    /// The engine's image.
    pub image: String,
    /// Thousandths of a core.
    pub cpu_millicores: u32,
    /// Bytes.
    pub memory_bytes: u64,
}

/// A node that is alive and in the right zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The node's name.
    pub name: String,
    /// The zone's name.
    pub zone: String,
    /// The engine and its version.
    pub engine: String,
    /// Thousandths of a core that sessions can have in all.
    pub cpu_millicores_allocatable: u64,
    /// Of these, free.
    pub cpu_millicores_free: u64,
    /// Bytes that sessions can have in all.
    pub memory_bytes_allocatable: u64,
    /// Of these, free.
    pub memory_bytes_free: u64,
    /// Sessions that it can have in all.
    pub sessions_allocatable: u32,
    /// Of these, free.
    pub sessions_free: u32,
    /// Whether the image is there already.
    pub has_image: bool,
    /// The node's labels.
    pub labels: Vec<(String, String)>,
}

/// An order of candidates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranking {
    /// Indexes into the candidates, best first.
    pub order: Vec<usize>,
    /// All others.
    pub rejected: Vec<Rejection>,
}

/// A candidate that can't have the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Index into the candidates.
    pub candidate: usize,
    /// Why.
    pub words: Words,
}

impl Plugin {
    /// Asks a placement plugin for the order of candidates. Each candidate is in the answer exactly once.
    ///
    /// # Errors
    /// [`CallError`]: use the built-in strategy.
    pub async fn rank(
        &self,
        context: &CallContext,
        request: PlacementRequest,
        candidates: Vec<Candidate>,
    ) -> Result<Answer<Ranking>, CallError> {
        let World::Placement(pre) = &self.world else {
            return Err(CallError::WrongKind);
        };
        let count = candidates.len();
        let request = request_to_wit(request);
        let candidates: Vec<_> = candidates.into_iter().map(candidate_to_wit).collect();
        let body = async move |mut store: wasmtime::Store<crate::store::CallState>| {
            let result = async {
                let instance = pre.instantiate_async(&mut store).await?;
                instance
                    .gatewright_placement_strategy()
                    .call_rank(&mut store, &request, &candidates)
                    .await
            }
            .await;
            (store, result)
        };
        self.run("rank", context, Granted::default(), body, |answer| match answer {
            Ok(ranking) => self.ranking(ranking, count),
            Err(wit::Error::Config(detail)) => Err(CallError::config(&detail)),
        })
        .await
    }

    fn ranking(&self, ranking: wit::Ranking, candidates: usize) -> Result<Ranking, CallError> {
        let mut seen = vec![false; candidates];
        let mut take = |index: u32| {
            let index = usize::try_from(index).unwrap_or(usize::MAX);
            match seen.get_mut(index) {
                None => Err(CallError::bad_answer(format!("candidate {index} of {candidates}"))),
                Some(true) => Err(CallError::bad_answer(format!("candidate {index} twice"))),
                Some(seen) => {
                    *seen = true;
                    Ok(index)
                }
            }
        };
        let order = ranking.order.into_iter().map(&mut take).collect::<Result<_, _>>()?;
        let rejected = ranking
            .rejected
            .into_iter()
            .map(|rejection| {
                Ok(Rejection {
                    candidate: take(rejection.candidate)?,
                    words: words(self.manifest(), rejection.reason).map_err(CallError::UndeclaredReason)?,
                })
            })
            .collect::<Result<_, CallError>>()?;
        match seen.iter().position(|seen| !seen) {
            Some(index) => Err(CallError::bad_answer(format!("candidate {index} is neither ranked nor rejected"))),
            None => Ok(Ranking { order, rejected }),
        }
    }
}

fn request_to_wit(request: PlacementRequest) -> wit::Request {
    wit::Request {
        session: request.session,
        user: request.user,
        groups: request.groups,
        workspace: request.workspace,
        zone: request.zone,
        image: request.image,
        cpu_millicores: request.cpu_millicores,
        memory_bytes: request.memory_bytes,
    }
}

fn candidate_to_wit(candidate: Candidate) -> wit::Candidate {
    wit::Candidate {
        name: candidate.name,
        zone: candidate.zone,
        engine: candidate.engine,
        cpu_millicores_allocatable: candidate.cpu_millicores_allocatable,
        cpu_millicores_free: candidate.cpu_millicores_free,
        memory_bytes_allocatable: candidate.memory_bytes_allocatable,
        memory_bytes_free: candidate.memory_bytes_free,
        sessions_allocatable: candidate.sessions_allocatable,
        sessions_free: candidate.sessions_free,
        has_image: candidate.has_image,
        labels: candidate.labels,
    }
}
