//! Choosing nodes: the host filters, a plugin ranks, and where it can't, the built-in strategy does.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use gatewright_core::capacity::{Headroom, Shortage};
use gatewright_core::record::{Homes, Network, Node};
use gatewright_core::{DeviceName, NodeId};
use gatewright_database::SessionRecord;
use gatewright_plugin_host::{Candidate, PlacementRequest, Ranking};

use crate::actor::Actor;
use crate::error::Internal;
use crate::plane::ControlPlane;
use crate::plugins::engine::RankError;

/// Why a node is not asked whose agent has no link to this web-app.
const UNLINKED: &str = "its agent is not connected";
/// How long a launch waits for such a link: agents dial again within that time after a web-app's start.
const LINKING: Duration = Duration::from_secs(10);
/// Nodes that a plugin is asked about at once: it has to answer in milliseconds. Only where it wants none of them, it is
/// asked about the next.
const ASKED: usize = 1_000;
/// Nodes whose reason is kept, each by name. The others are only counted.
const NAMED: usize = 50;

/// Where a session may go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Placed {
    /// Nodes with their names, best first.
    pub(crate) order: Vec<(NodeId, String)>,
    /// Others by name, each with its reason.
    pub(crate) rejected: Vec<(String, Cow<'static, str>)>,
    /// How many more there are.
    pub(crate) unnamed: usize,
    /// What chose.
    pub(crate) by: String,
    /// There are nodes to ask, and none of them has the image.
    pub(crate) image_missing: bool,
    /// The person's home was made on a node that can't be asked about.
    pub(crate) home_away: bool,
    /// Devices that the session asks for and no node has, whatever else is with it.
    pub(crate) no_device: Vec<DeviceName>,
    /// A node lives, but its agent's link to this web-app is not there.
    pub(crate) unlinked: bool,
}

impl Placed {
    /// In one line, for administrators.
    pub(crate) fn summary(&self) -> String {
        let mut text = format!(
            "{} of {} nodes, by {}",
            self.order.len(),
            self.order.len() + self.rejected.len() + self.unnamed,
            self.by
        );
        for (name, why) in &self.rejected {
            text.push_str(&format!("; {name}: {why}"));
        }
        if self.unnamed > 0 {
            text.push_str(&format!("; and {} more", self.unnamed));
        }
        if !self.no_device.is_empty() {
            text.push_str(&format!(
                "; no node at all has {}: name it under [agent] devices on a node whose engine has it, and restart the agent there",
                DeviceName::list(&self.no_device)
            ));
        }
        text
    }

    fn reject(&mut self, name: &str, why: impl Into<Cow<'static, str>>) {
        if self.rejected.len() < NAMED {
            self.rejected.push((name.into(), why.into()));
        } else {
            self.unnamed += 1;
        }
    }
}

/// A node that could take a session.
pub(crate) struct RankCandidate<'a> {
    node: &'a Node,
    /// What is left on it.
    headroom: Headroom,
    /// The zone's name.
    zone: &'a str,
    /// Whether the session's image is there.
    has_image: bool,
}

impl RankCandidate<'_> {
    /// As a plugin sees it.
    fn shown(&self) -> Candidate {
        let (node, allocatable, headroom) = (self.node, &self.node.allocatable, &self.headroom);
        Candidate {
            name: node.name.clone(),
            zone: self.zone.to_owned(),
            engine: node.engine.clone(),
            cpu_millicores_allocatable: allocatable.cpu_millicores,
            cpu_millicores_free: headroom.cpu_millicores,
            memory_bytes_allocatable: allocatable.memory_bytes,
            memory_bytes_free: headroom.memory_bytes,
            sessions_allocatable: allocatable.sessions,
            sessions_free: headroom.sessions,
            has_image: self.has_image,
            labels: node.labels.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        }
    }
}

/// An order of candidates.
#[derive(Default)]
pub(crate) struct Rank {
    /// Indexes into the candidates, best first.
    order: Vec<usize>,
    /// The others, each with its reason in words.
    rejected: Vec<(usize, String)>,
}

impl From<Ranking> for Rank {
    fn from(ranking: Ranking) -> Self {
        Self {
            order: ranking.order,
            rejected: ranking.rejected.into_iter().map(|one| (one.candidate, one.words.why)).collect(),
        }
    }
}

pub(crate) fn shortage_words(shortage: Shortage) -> &'static str {
    match shortage {
        Shortage::Cpu => "too few cores left",
        Shortage::Memory => "too little memory left",
        Shortage::Sessions => "its number of sessions is reached",
    }
}

/// The built-in strategy: nodes that fit, those with the image first, then those with most memory left.
pub(crate) fn built_in(record: &SessionRecord, candidates: &[RankCandidate<'_>]) -> Rank {
    let mut rank = Rank::default();
    for (index, candidate) in candidates.iter().enumerate() {
        match candidate.headroom.fits(&record.session.resources) {
            Ok(()) => rank.order.push(index),
            Err(shortage) => rank.rejected.push((index, shortage_words(shortage).into())),
        }
    }
    let key = |index: &usize| {
        candidates.get(*index).map(|one| {
            (
                std::cmp::Reverse(one.has_image),
                std::cmp::Reverse(one.headroom.memory_bytes),
                one.node.name.as_str(),
            )
        })
    };
    rank.order.sort_by_key(key);
    rank
}

/// Of many nodes those that have room and the image first, and of these each session others: the plugin is not asked about
/// all of them.
fn promising_first(record: &SessionRecord, candidates: &mut [RankCandidate<'_>]) {
    let mut hasher = DefaultHasher::new();
    record.session.id.as_uuid().hash(&mut hasher);
    let turn = usize::try_from(hasher.finish() % candidates.len() as u64).unwrap_or(0);
    candidates.rotate_left(turn);
    candidates.sort_by_key(|one| !(one.has_image && one.headroom.fits(&record.session.resources).is_ok()));
}

/// The node that has the person's home, where it was made.
fn home_node(record: &SessionRecord) -> Option<NodeId> {
    record.home.filter(|home| home.made).and_then(|home| home.node)
}

impl ControlPlane {
    /// Ranks the nodes for a session. Where none can take it, but one is about to be linked, that is waited for.
    pub(crate) async fn place(&self, record: &SessionRecord) -> Result<Placed, Internal> {
        let mut agents = self.0.agents_changed.subscribe();
        let deadline = tokio::time::Instant::now() + LINKING;
        let mut placed = self.place_now(record).await?;
        while placed.order.is_empty() {
            // What was known of the nodes may be a moment old: nobody is turned away by that.
            self.forget_nodes();
            placed = self.place_now(record).await?;
            if !placed.order.is_empty() || !placed.unlinked || tokio::time::timeout_at(deadline, agents.changed()).await.is_err() {
                break;
            }
        }
        Ok(placed)
    }

    async fn place_now(&self, record: &SessionRecord) -> Result<Placed, Internal> {
        let zones: HashMap<_, _> = self.0.store.zones().await?.into_iter().map(|zone| (zone.id, zone.name)).collect();
        let zone = zones.get(&record.session.zone).map(String::as_str).unwrap_or_default();
        let removed = self.0.store.removed_members().await?;
        let nodes = self.nodes().await?;
        let mut placed = Placed {
            home_away: home_node(record).is_some(),
            ..Placed::default()
        };
        let mut candidates = Vec::new();
        let members = || nodes.all().iter().filter(|node| !removed.contains(&node.id));
        let nowhere = |device: &&DeviceName| !members().any(|node| node.devices.contains(device));
        placed.no_device = record.devices.iter().filter(nowhere).cloned().collect();
        let home = home_node(record);
        let home_name = nodes
            .all()
            .iter()
            .find(|node| Some(node.id) == home)
            .map_or("a node that is gone", |node| &node.name);
        let (now, linked) = (self.now(), self.linked_agents());
        for node in nodes.all() {
            let why_not = if home.is_some_and(|home| home != node.id) {
                Some(format!("the person's home is on {home_name}").into())
            } else if removed.contains(&node.id) {
                Some("was removed".into())
            } else {
                self.why_not(record, node, now.since(nodes.seen_at(node)), &linked)
            };
            match why_not {
                Some(why) => {
                    placed.unlinked |= why == UNLINKED;
                    placed.reject(&node.name, why);
                }
                None => {
                    placed.home_away = false;
                    candidates.push(RankCandidate {
                        zone,
                        headroom: nodes.headroom(node),
                        has_image: node.images.contains(&record.image),
                        node,
                    });
                }
            }
        }
        placed.image_missing = !candidates.is_empty() && !candidates.iter().any(|one| one.has_image);
        if candidates.len() > ASKED {
            promising_first(record, &mut candidates);
        }
        let mut asked = candidates.chunks(ASKED);
        loop {
            let some = asked.next().unwrap_or_default();
            let (rank, by) = self.rank(record, zone, some).await?;
            placed.by = by;
            let found = rank.order.iter().filter_map(|index| some.get(*index));
            placed.order = found.map(|one| (one.node.id, one.node.name.clone())).collect();
            for (index, why) in rank.rejected {
                if let Some(one) = some.get(index) {
                    placed.reject(&one.node.name, why);
                }
            }
            if !placed.order.is_empty() || asked.len() == 0 {
                placed.unnamed += asked.map(<[_]>::len).sum::<usize>();
                return Ok(placed);
            }
        }
    }

    /// Why a node can't even be asked about, of which nothing was heard for so long.
    fn why_not(&self, record: &SessionRecord, node: &Node, silent: Duration, linked: &HashSet<NodeId>) -> Option<Cow<'static, str>> {
        if node.zone != record.session.zone {
            Some("is in another zone".into())
        } else if silent > self.0.config.node_timeout {
            Some(format!("was last heard of {} s ago", silent.as_secs()).into())
        } else if let Some(why) = &node.degraded {
            Some(format!("is degraded: {why}").into())
        } else if record.network == Network::Internet && node.labels.get(Network::LABEL).is_none_or(|value| value != Network::INTERNET) {
            Some("gives sessions no network".into())
        } else if record.home.is_some() && node.labels.get(Homes::LABEL).is_none_or(|value| value != Homes::KEPT) {
            Some("keeps no homes".into())
        } else if let missing = DeviceName::missing(&record.devices, &node.devices)
            && !missing.is_empty()
        {
            Some(format!("has no {}", DeviceName::list(missing)).into())
        } else if !linked.contains(&node.id) {
            Some(UNLINKED.into())
        } else {
            None
        }
    }

    async fn rank(&self, record: &SessionRecord, zone: &str, candidates: &[RankCandidate<'_>]) -> Result<(Rank, String), Internal> {
        let policy = self.policy_snapshot().await?;
        let chosen = policy
            .placement
            .as_ref()
            .and_then(|provider| Some((provider, policy.plugins.get(&provider.plugin)?)));
        let Some((provider, active)) = chosen else {
            return Ok((built_in(record, candidates), "the built-in strategy".into()));
        };
        let owner = self.owner(record).await;
        let request = PlacementRequest {
            session: record.session.id.to_string(),
            user: owner.name.clone(),
            groups: owner.groups.clone(),
            workspace: record.workspace_name.clone(),
            zone: zone.to_owned(),
            image: record.image.clone(),
            cpu_millicores: record.session.resources.cpu_millicores,
            memory_bytes: record.session.resources.memory_bytes,
        };
        let shown = || candidates.iter().map(RankCandidate::shown).collect();
        let engine = &self.0.engine;
        let mut ranked = engine.rank(active.digest, &provider.config, request.clone(), shown()).await;
        if ranked == Err(RankError::NotLoaded) {
            self.load_plugin(active.digest).await?;
            ranked = engine.rank(active.digest, &provider.config, request, shown()).await;
        }
        match ranked.map(Rank::from) {
            Ok(rank) => {
                // The plugin's word on room is not ours: what does not fit is left out, and counted again when it is taken.
                let (order, tight): (Vec<_>, Vec<_>) = rank.order.into_iter().partition(|index| {
                    candidates
                        .get(*index)
                        .is_some_and(|one| one.headroom.fits(&record.session.resources).is_ok())
                });
                let mut rejected = rank.rejected;
                rejected.extend(tight.into_iter().map(|index| (index, "has too little room left".to_owned())));
                Ok((Rank { order, rejected }, format!("{} {}", provider.plugin, active.version)))
            }
            Err(error) => {
                let object = format!("{} {}", provider.plugin, active.version);
                tracing::error!(plugin = %provider.plugin, version = %active.version, %error, "Placement plugin failed");
                let event = self.audit(&Actor::system(), "placement.fell-back", object, error.to_string(), false);
                self.append(&event).await?;
                Ok((
                    built_in(record, candidates),
                    "the built-in strategy, since the placement plugin failed".into(),
                ))
            }
        }
    }
}
