//! The processes of the deployment: how they join, who they are, and how they are cut off.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gatewright_core::{NodeId, NodeIdentity, NodeRole, SessionId, Timestamp, ZoneId};
use gatewright_database::{MemberRecord, Store, StoreError, Zone};
use gatewright_identity::{InternalCa, InternalCaError, JoinToken, PublicOrigin};
use gatewright_ports::ControlError;
use gatewright_ports::control::{Deployment, Der, JoinRequest, Joined, Peer, RenewRequest};
use secrecy::ExposeSecret as _;

use crate::actor::Actor;
use crate::control_port::unavailable;
use crate::error::Internal;
use crate::plane::ControlPlane;
use crate::random;
use crate::vault::{Vault, VaultError};

/// The authority's certificate, PEM. No secret.
pub(crate) const AUTHORITY: &str = "internal-ca-certificate";
/// Its key, sealed.
const AUTHORITY_KEY: &str = "internal-ca-key";
/// The longest name and address of a node.
pub(crate) const NAME: usize = 64;
const ADDRESS: usize = 255;
/// The longest life of a join token.
pub(crate) const LONGEST: Duration = Duration::from_hours(24 * 7);

/// What went wrong with nodes.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The database.
    #[error("database operation failed")]
    Store(#[from] StoreError),
    /// The authority's key does not open.
    #[error("authority's key can't be opened")]
    Vault(#[from] VaultError),
    /// The authority.
    #[error(transparent)]
    Authority(#[from] InternalCaError),
    /// No web-app has ever run on this database.
    #[error("this deployment has no nodes' certificate authority yet: start its web-app first")]
    NoAuthority,
    /// No token without a role, for no machine, or for too long.
    #[error("a join token needs a role, one use at least, and a life of up to seven days")]
    Wish,
    /// No web-app can be reached by another machine.
    #[error("no web-app listens for other nodes: set rpc.listen in its configuration and start it again")]
    NoListener,
    /// The system has no randomness.
    #[error("no random bytes")]
    Random,
}

/// What a new join token is for.
#[derive(Debug, Clone)]
pub struct JoinTokenWish {
    /// What a machine with it becomes.
    pub roles: BTreeSet<NodeRole>,
    /// In which zone, by name; made where it is missing.
    pub zone: String,
    /// How many machines may use it.
    pub uses: u32,
    /// For how long.
    pub lifetime: Duration,
}

/// The process that a control plane runs in, as the others are to know it.
#[derive(Debug, Clone)]
pub struct OwnNode {
    /// Its id.
    pub node: NodeId,
    /// Its roles.
    pub roles: BTreeSet<NodeRole>,
    /// Shown name.
    pub name: String,
    /// Where other nodes reach it.
    pub address: Option<String>,
    /// Where people reach it, where it is an edge.
    pub public_url: Option<String>,
    /// The public key of its tickets.
    pub ticket_key: [u8; 32],
}

/// Opens the authority, or makes it where the database has never had one. Of two web-apps that start at once on an empty
/// database, one makes it.
pub(crate) async fn open_authority(store: &Store, vault: &Vault, now: Timestamp) -> Result<InternalCa, NodeError> {
    let now = UNIX_EPOCH + Duration::from_micros(u64::try_from(now.as_micros()).unwrap_or(0));
    for _ in 0..2 {
        let stored = (store.setting(AUTHORITY).await?, store.setting(AUTHORITY_KEY).await?);
        if let (Some(certificate), Some(key)) = stored {
            let key = vault.open_setting(AUTHORITY_KEY, &key)?;
            let key = std::str::from_utf8(&key).map_err(|_| InternalCaError::Damaged)?;
            return Ok(InternalCa::load(&certificate, key, now)?);
        }
        let made = InternalCa::create(now)?;
        let sealed = vault.seal_setting(AUTHORITY_KEY, made.key_pem.as_bytes())?;
        let mut write = store.begin().await?;
        if write.claim_setting(AUTHORITY, &made.certificate_pem).await? {
            write.set_setting(AUTHORITY_KEY, &sealed).await?;
            write.commit().await?;
        }
    }
    Err(NodeError::NoAuthority)
}

/// The zone of this name, made where it is missing. Of two that make it at once, one does.
pub(crate) async fn zone_named(store: &Store, name: &str) -> Result<ZoneId, StoreError> {
    let mut retried = false;
    loop {
        if let Some(zone) = store.zones().await?.into_iter().find(|zone| zone.name == name) {
            return Ok(zone.id);
        }
        let zone = Zone {
            id: ZoneId::from_uuid(random::id()),
            name: name.into(),
        };
        let mut write = store.begin().await?;
        match write.insert_zone(&zone).await {
            Err(StoreError::Conflict(_)) if !retried => retried = true,
            inserted => {
                inserted?;
                write.commit().await?;
                return Ok(zone.id);
            }
        }
    }
}

impl ControlPlane {
    /// The zone of a session, whatever its state.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn session_zone(&self, session: SessionId) -> Result<Option<ZoneId>, Internal> {
        Ok(self.0.store.session(session).await?.map(|record| record.session.zone))
    }

    /// The zone that this control plane itself stands in.
    #[must_use]
    pub fn own_zone(&self) -> ZoneId {
        self.0.zone
    }

    /// Notes the process that this control plane runs in.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn note_own_node(&self, own: &OwnNode) -> Result<NodeIdentity, Internal> {
        let identity = NodeIdentity {
            node: own.node,
            zone: self.0.zone,
            roles: own.roles.clone(),
        };
        let mut write = self.0.store.begin().await?;
        write
            .upsert_member(&MemberRecord {
                identity: identity.clone(),
                name: own.name.clone(),
                address: own.address.clone(),
                public_url: own.public_url.clone(),
                ticket_key: Some(own.ticket_key.to_vec()),
                joined_at: self.now(),
                removed_at: None,
            })
            .await?;
        write.commit().await?;
        // It never changes: a second call names the same node.
        let _ = self.0.own_node.set(own.node);
        Ok(identity)
    }

    /// A certificate for the process that this control plane runs in, and the authority's own.
    ///
    /// # Errors
    /// [`NodeError::Authority`].
    pub fn own_certificate(&self, request: &[u8], identity: &NodeIdentity) -> Result<Joined, NodeError> {
        Ok(self.signed(request, identity)?)
    }

    pub(crate) fn system_now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_micros(u64::try_from(self.now().as_micros()).unwrap_or(0))
    }

    fn signed(&self, request: &[u8], identity: &NodeIdentity) -> Result<Joined, InternalCaError> {
        let certificate = self.0.authority.sign(request, identity, self.system_now())?;
        Ok(Joined {
            certificate: Der(certificate.to_vec()),
            authority: Der(self.0.authority.certificate().to_vec()),
        })
    }

    pub(crate) async fn join_node(&self, request: JoinRequest) -> Result<Joined, ControlError> {
        let token = JoinToken::parse(request.token.0.expose_secret()).map_err(|_| ControlError::NotFound)?;
        let name = request.name.trim().to_owned();
        if name.is_empty() || name.len() > NAME || !address_is_one(request.address.as_deref()) {
            return Err(ControlError::NotFound);
        }
        let mut write = self.0.store.begin().await.map_err(unavailable)?;
        let taken = write.take_join_token(&token.hash(), self.now()).await.map_err(unavailable)?;
        let Some((roles, zone)) = taken else {
            tracing::warn!(name, "A machine tried to join with a token that is unknown, used up or over");
            return Err(ControlError::NotFound);
        };
        let identity = NodeIdentity {
            node: NodeId::from_uuid(random::id()),
            zone,
            roles,
        };
        let joined = self.signed(&request.request.0, &identity).map_err(refused)?;
        let roles: Vec<&str> = identity.roles.iter().map(|role| role.as_str()).collect();
        let event = self.audit(
            &Actor::system(),
            "node.joined",
            format!("node {}", identity.node),
            format!("{name}: {}", roles.join(", ")),
            true,
        );
        let member = MemberRecord {
            identity,
            name,
            address: request.address,
            public_url: None,
            ticket_key: None,
            joined_at: self.now(),
            removed_at: None,
        };
        write.upsert_member(&member).await.map_err(unavailable)?;
        write.append_event(&event).await.map_err(unavailable)?;
        write.commit().await.map_err(unavailable)?;
        tracing::info!(node = %member.identity.node, name = member.name, "A node joined");
        Ok(joined)
    }

    pub(crate) async fn renew_node(&self, node: NodeId, request: RenewRequest) -> Result<Joined, ControlError> {
        let member = self.0.store.member(node).await.map_err(unavailable)?;
        let mut member = member.filter(|member| member.removed_at.is_none()).ok_or(ControlError::NotFound)?;
        let public_url = public_origin(&member.identity, request.public_url.as_deref())?;
        if !address_is_one(request.address.as_deref()) {
            return Err(ControlError::NotFound);
        }
        let joined = self.signed(&request.request.0, &member.identity).map_err(refused)?;
        if member.address != request.address || member.public_url != public_url {
            let moved = member.public_url != public_url;
            member.address = request.address;
            member.public_url = public_url;
            let mut write = self.0.store.begin().await.map_err(unavailable)?;
            write.upsert_member(&member).await.map_err(unavailable)?;
            if moved {
                // People are sent there: who looks into it later has to see since when.
                let place = member.public_url.clone().unwrap_or_default();
                let event = self.audit(&Actor::system(), "node.public-url", format!("node {node}"), place, true);
                write.append_event(&event).await.map_err(unavailable)?;
            }
            write.commit().await.map_err(unavailable)?;
        }
        Ok(joined)
    }

    pub(crate) async fn whole_deployment(&self) -> Result<Deployment, Internal> {
        let id = self.deployment_id().await?;
        let mut deployment = Deployment {
            id,
            ..Deployment::default()
        };
        for member in self.0.store.told_members().await? {
            if member.removed_at.is_some() {
                deployment.removed.insert(member.identity.node);
                continue;
            }
            deployment.ticket_keys.extend(member.ticket_key.map(Der));
            deployment.peers.push(Peer {
                identity: member.identity,
                address: member.address,
            });
        }
        Ok(deployment)
    }
}

fn refused(error: InternalCaError) -> ControlError {
    match error {
        InternalCaError::BadRequest => ControlError::NotFound,
        other => {
            tracing::error!(error = %other, cause = ?other.source().map(ToString::to_string), "A node's certificate could not be made");
            ControlError::Unavailable
        }
    }
}

/// Where people are sent to: an edge's alone, and nothing but an origin.
fn public_origin(node: &NodeIdentity, named: Option<&str>) -> Result<Option<String>, ControlError> {
    let Some(named) = named else { return Ok(None) };
    let origin: PublicOrigin = named.parse().map_err(|_| ControlError::NotFound)?;
    if !node.has(NodeRole::DedicatedProxy) {
        return Err(ControlError::NotFound);
    }
    Ok(Some(origin.as_str().to_owned()))
}

/// `host:port`, with a host that is one: other nodes dial it.
fn address_is_one(address: Option<&str>) -> bool {
    address.is_none_or(|address| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]%".contains(&byte);
        address.len() <= ADDRESS
            && address.bytes().all(plain)
            && address
                .rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0))
    })
}
