//! The workspaces as administrators make and change them.

use gatewright_core::capacity::Resources;
use gatewright_core::device::{DEVICES_MAX, InvalidDeviceName};
use gatewright_core::image_name::{is_exact, is_image_name};
use gatewright_core::record::{Network, Node, Workspace};
use gatewright_core::session::EndReason;
use gatewright_core::{DeviceName, WorkspaceId};
use gatewright_database::{Constraint, StoreError, WorkspaceRecord};

use crate::actor::Actor;
use crate::error::Internal;
use crate::plane::ControlPlane;
use crate::random;
use crate::views::{NodeImageView, WorkspaceSettingsView};

/// Characters of a name, and of a description.
const NAME_MAX: usize = 64;
const DESCRIPTION_MAX: usize = 300;
/// The pictures that the page has.
const ICONS: [&str; 3] = ["terminal", "desktop", "browser"];
const MIB: u64 = 1 << 20;
/// What a session may be promised: less can't run a desktop, more no machine has.
const CPU: std::ops::RangeInclusive<u32> = 100..=256_000;
const MEMORY: std::ops::RangeInclusive<u64> = 64 * MIB..=4 << 40;
const PIDS: std::ops::RangeInclusive<u32> = 64..=32_768;
const SHM_MIN: u64 = MIB;

/// A workspace, as asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceWish {
    /// Shown name, unique.
    pub name: String,
    /// One sentence for the person who chooses.
    pub description: String,
    /// `terminal`, `desktop` or `browser`.
    pub icon: String,
    /// The engine's image.
    pub image: String,
    /// What a session of it gets.
    pub resources: Resources,
    /// What it reaches.
    pub network: Network,
    /// Whether each person's home folder is kept between sessions.
    pub keep_home: bool,
    /// The devices that its sessions have, each by its CDI name.
    pub devices: Vec<String>,
    /// Whether it can be launched.
    pub enabled: bool,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Its name in the REST API.
    pub field: &'static str,
    /// What a person reads.
    pub text: String,
}

/// Why a workspace was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// There is no such workspace.
    #[error("no such workspace")]
    NotFound,
    /// Some fields hold what can't be.
    #[error("workspace has {} wrong fields", .0.len())]
    Invalid(Vec<FieldError>),
    /// Sessions of it are open.
    #[error("{0} sessions of the workspace are open")]
    InUse(u64),
    /// People keep something in its home.
    #[error("{0} people have a saved home in the workspace")]
    HasHomes(u64),
    /// Something of ours.
    #[error("workspace can't be changed")]
    Internal(#[from] Internal),
}

impl From<StoreError> for WorkspaceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(Constraint::WorkspaceName) => Self::Invalid(vec![FieldError {
                field: "name",
                text: "Another workspace has this name.".into(),
            }]),
            other => Self::Internal(other.into()),
        }
    }
}

/// All that is wrong with a wish, so that a person can mend it at once.
fn problems(wish: &WorkspaceWish) -> Vec<FieldError> {
    let mut found = Vec::new();
    let mut check = |field, right: bool, text: String| {
        if !right {
            found.push(FieldError { field, text });
        }
    };
    let one_line = |text: &str| !text.chars().any(char::is_control);
    check(
        "name",
        !wish.name.is_empty() && wish.name.chars().count() <= NAME_MAX && one_line(&wish.name),
        format!("Give it a name of 1 to {NAME_MAX} characters."),
    );
    check(
        "description",
        wish.description.chars().count() <= DESCRIPTION_MAX && one_line(&wish.description),
        format!("Use one line of {DESCRIPTION_MAX} characters at the most."),
    );
    check(
        "icon",
        ICONS.contains(&wish.icon.as_str()),
        format!("Choose one of {}.", ICONS.join(", ")),
    );
    if !is_image_name(&wish.image) {
        let text = "This is no name of an image. It has lower-case letters, such as registry.example.org/team/desktop:1.0.";
        check("image", false, text.into());
    } else {
        let text = format!("Say which one by a tag, such as {}:latest.", wish.image);
        check("image", is_exact(&wish.image), text);
    }
    let size = &wish.resources;
    check(
        "cpu_millicores",
        CPU.contains(&size.cpu_millicores),
        "Give it between 0.1 and 256 cores.".into(),
    );
    check(
        "memory_bytes",
        MEMORY.contains(&size.memory_bytes),
        "Give it between 64 MiB and 4 TiB of memory.".into(),
    );
    check(
        "pids",
        PIDS.contains(&size.pids),
        format!("Allow between {} and {} processes.", PIDS.start(), PIDS.end()),
    );
    check(
        "shm_bytes",
        (SHM_MIN..=size.memory_bytes.max(SHM_MIN)).contains(&size.shm_bytes),
        "Give it at least 1 MiB of shared memory, and no more than it has memory.".into(),
    );
    if let Err(text) = devices(&wish.devices) {
        check("devices", false, text);
    }
    found
}

/// Reads the names of devices; else says what is wrong with them.
fn devices(wished: &[String]) -> Result<Vec<DeviceName>, String> {
    if wished.len() > DEVICES_MAX {
        return Err(format!("Ask for {DEVICES_MAX} devices at the most."));
    }
    let read = |text: &String| {
        let shown: String = text.chars().filter(|c| !c.is_control()).take(NAME_MAX).collect();
        text.parse::<DeviceName>()
            .map_err(|why: InvalidDeviceName| format!("“{shown}” is no device: {why}."))
    };
    let names = wished.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    match DeviceName::twice(&names) {
        Some(name) => Err(format!("{name} is there twice.")),
        None => Ok(names),
    }
}

impl WorkspaceWish {
    fn checked(mut self) -> Result<Self, WorkspaceError> {
        for text in [&mut self.name, &mut self.description, &mut self.image] {
            *text = text.trim().to_owned();
        }
        for text in &mut self.devices {
            *text = text.trim().to_owned();
        }
        match problems(&self) {
            none if none.is_empty() => Ok(self),
            some => Err(WorkspaceError::Invalid(some)),
        }
    }

    fn record(self, id: WorkspaceId, example: bool) -> Workspace {
        Workspace {
            id,
            name: self.name,
            description: self.description,
            icon: self.icon,
            image: self.image,
            resources: self.resources,
            network: self.network,
            keep_home: self.keep_home,
            // INVARIANT: `checked` has read them.
            devices: devices(&self.devices).unwrap_or_default(),
            enabled: self.enabled,
            example,
        }
    }
}

/// What is another, for the record.
fn changes(old: &Workspace, new: &Workspace) -> String {
    let mut words = Vec::new();
    let mut note = |name: &str, old: String, new: String| {
        if old != new {
            words.push(format!("{name}: {old} -> {new}"));
        }
    };
    note("name", old.name.clone(), new.name.clone());
    note("image", old.image.clone(), new.image.clone());
    note("size", size_words(&old.resources), size_words(&new.resources));
    note("network", format!("{:?}", old.network), format!("{:?}", new.network));
    note("keeps homes", old.keep_home.to_string(), new.keep_home.to_string());
    note("devices", device_words(&old.devices), device_words(&new.devices));
    note("enabled", old.enabled.to_string(), new.enabled.to_string());
    if old.description != new.description || old.icon != new.icon {
        words.push("how it is shown".into());
    }
    words.join("; ")
}

fn device_words(devices: &[DeviceName]) -> String {
    if devices.is_empty() {
        "none".into()
    } else {
        DeviceName::list(devices)
    }
}

fn size_words(size: &Resources) -> String {
    format!(
        "{} mcores, {} MiB, {} processes, {} MiB shared",
        size.cpu_millicores,
        size.memory_bytes / MIB,
        size.pids,
        size.shm_bytes / MIB
    )
}

impl ControlPlane {
    /// All workspaces with all that can be set, in the order of the page.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn workspace_settings(&self) -> Result<Vec<WorkspaceSettingsView>, Internal> {
        let nodes = self.members_nodes().await?;
        let mut views = Vec::new();
        for record in self.0.store.workspaces().await? {
            views.push(self.settings_view(record.workspace, &nodes));
        }
        Ok(views)
    }

    /// One workspace with all that can be set. None where there is no such one.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn workspace_setting(&self, id: WorkspaceId) -> Result<Option<WorkspaceSettingsView>, Internal> {
        let nodes = self.members_nodes().await?;
        let record = self.0.store.workspace(id).await?;
        Ok(record.map(|record| self.settings_view(record.workspace, &nodes)))
    }

    /// The nodes that were not removed.
    pub(crate) async fn members_nodes(&self) -> Result<Vec<Node>, StoreError> {
        let removed = self.0.store.removed_members().await?;
        let mut nodes = self.0.store.nodes().await?;
        nodes.retain(|node| !removed.contains(&node.id));
        Ok(nodes)
    }

    fn settings_view(&self, workspace: Workspace, nodes: &[Node]) -> WorkspaceSettingsView {
        let nodes = nodes
            .iter()
            .map(|node| NodeImageView {
                id: node.id,
                name: node.name.clone(),
                alive: self.now().since(node.seen_at) <= self.0.config.node_timeout,
                has_image: node.images.contains(&workspace.image),
            })
            .collect();
        WorkspaceSettingsView { workspace, nodes }
    }

    /// Makes a workspace.
    ///
    /// # Errors
    /// `Invalid`, `Internal`.
    pub async fn create_workspace(&self, wish: WorkspaceWish, by: &Actor) -> Result<WorkspaceSettingsView, WorkspaceError> {
        let workspace = wish.checked()?.record(WorkspaceId::from_uuid(random::id()), false);
        let mut write = self.0.store.begin().await?;
        let record = WorkspaceRecord {
            position: write.next_workspace_position().await?,
            workspace: workspace.clone(),
        };
        write.insert_workspace(&record).await?;
        let detail = format!(
            "image {}; {}; network {:?}; keeps homes: {}; devices: {}",
            workspace.image,
            size_words(&workspace.resources),
            workspace.network,
            workspace.keep_home,
            device_words(&workspace.devices)
        );
        write
            .append_event(&self.audit(by, "workspace.created", &workspace.name, detail, true))
            .await?;
        write.commit().await?;
        Ok(self.settings_view(workspace, &self.members_nodes().await?))
    }

    /// Changes a workspace. Sessions that are open stay as they were launched.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `Internal`.
    pub async fn change_workspace(
        &self,
        id: WorkspaceId,
        wish: WorkspaceWish,
        by: &Actor,
    ) -> Result<WorkspaceSettingsView, WorkspaceError> {
        let wish = wish.checked()?;
        let mut write = self.0.store.begin().await?;
        let old = self.0.store.workspace(id).await?.ok_or(WorkspaceError::NotFound)?.workspace;
        let new = wish.record(id, old.example);
        if new != old {
            if !write.update_workspace(&new).await? {
                return Err(WorkspaceError::NotFound);
            }
            let detail = changes(&old, &new);
            write
                .append_event(&self.audit(by, "workspace.changed", &new.name, detail, true))
                .await?;
            write.commit().await?;
        }
        Ok(self.settings_view(new, &self.members_nodes().await?))
    }

    /// Deletes a workspace with the rules on it. Where sessions of it are open, it is refused, unless they are to be ended;
    /// where people have saved homes in it, in any case.
    ///
    /// # Errors
    /// `NotFound`, `InUse`, `HasHomes`, `Internal`.
    pub async fn delete_workspace(&self, id: WorkspaceId, end_sessions: bool, by: &Actor) -> Result<(), WorkspaceError> {
        let mut write = self.0.store.begin().await?;
        let workspace = self.0.store.workspace(id).await?.ok_or(WorkspaceError::NotFound)?.workspace;
        let open = self.open_sessions_of_workspace(id).await?;
        if !open.is_empty() && !end_sessions {
            return Err(WorkspaceError::InUse(u64::try_from(open.len()).unwrap_or(u64::MAX)));
        }
        let homes = write.count_homes_in(id).await?;
        if homes > 0 {
            return Err(WorkspaceError::HasHomes(u64::try_from(homes).unwrap_or(u64::MAX)));
        }
        if !write.delete_workspace(id).await? {
            return Err(WorkspaceError::NotFound);
        }
        let detail = if open.is_empty() {
            String::new()
        } else {
            format!("{} open sessions are ended", open.len())
        };
        write
            .append_event(&self.audit(by, "workspace.deleted", &workspace.name, detail, true))
            .await?;
        write.commit().await?;
        // With those that were requested meanwhile: whoever read the workspace before may still have launched it.
        for session in self.open_sessions_of_workspace(id).await? {
            self.end(session, EndReason::Administrator, by).await?;
        }
        Ok(())
    }

    async fn open_sessions_of_workspace(&self, id: WorkspaceId) -> Result<Vec<gatewright_core::SessionId>, StoreError> {
        let open = self.0.store.open_sessions().await?;
        Ok(open
            .into_iter()
            .filter(|record| record.session.workspace == id)
            .map(|record| record.session.id)
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish() -> WorkspaceWish {
        WorkspaceWish {
            name: "Writer".into(),
            description: String::new(),
            icon: "desktop".into(),
            image: "registry.example.org/team/writer:1.0".into(),
            resources: Resources {
                cpu_millicores: 1_000,
                memory_bytes: 1 << 30,
                pids: 512,
                shm_bytes: 128 * MIB,
            },
            network: Network::None,
            keep_home: false,
            devices: vec!["nvidia.com/gpu=all".into()],
            enabled: true,
        }
    }

    fn wrong(change: impl FnOnce(&mut WorkspaceWish)) -> Vec<&'static str> {
        let mut wish = wish();
        change(&mut wish);
        match wish.checked() {
            Err(WorkspaceError::Invalid(fields)) => fields.into_iter().map(|one| one.field).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn each_field_is_checked() {
        assert_eq!(wrong(|_| ()), Vec::<&str>::new());
        assert_eq!(wrong(|wish| wish.name = "  ".into()), ["name"]);
        assert_eq!(wrong(|wish| wish.name = "x".repeat(65)), ["name"]);
        assert_eq!(wrong(|wish| wish.name = "a\u{7}b".into()), ["name"]);
        assert_eq!(wrong(|wish| wish.description = "a\nb".into()), ["description"]);
        assert_eq!(wrong(|wish| wish.icon = "../etc".into()), ["icon"]);
        for image in ["", "writer", "a/../b:1", "Upper:1", "a:1 --privileged", "http://a/b:1"] {
            assert_eq!(wrong(|wish| wish.image = image.into()), ["image"], "{image}");
        }
        assert_eq!(wrong(|wish| wish.resources.cpu_millicores = 0), ["cpu_millicores"]);
        assert_eq!(wrong(|wish| wish.resources.memory_bytes = u64::MAX), ["memory_bytes"]);
        assert_eq!(wrong(|wish| wish.resources.pids = 1), ["pids"]);
        assert_eq!(wrong(|wish| wish.resources.shm_bytes = 2 << 30), ["shm_bytes"]);
        for bad in [&["/dev/dri/card0"][..], &[""], &["v/c=1", "v/c=1 "], &["v/c=1"; 9]] {
            assert_eq!(
                wrong(|wish| wish.devices = bad.iter().map(|one| (*one).to_owned()).collect()),
                ["devices"],
                "{bad:?}"
            );
        }
        assert_eq!(
            wrong(|wish| wish.devices = vec![" v/c=1 ".into(), "v/c=2".into()]),
            Vec::<&str>::new()
        );
        assert_eq!(
            wrong(|wish| {
                wish.name.clear();
                wish.resources.pids = 0;
            }),
            ["name", "pids"]
        );
    }

    #[test]
    fn the_record_says_what_was_changed() {
        let id = WorkspaceId::from_uuid(uuid::Uuid::nil());
        let old = wish().record(id, false);
        let new = WorkspaceWish {
            image: "registry.example.org/team/writer:1.1".into(),
            enabled: false,
            icon: "browser".into(),
            devices: Vec::new(),
            ..wish()
        }
        .record(id, false);
        assert_eq!(
            changes(&old, &new),
            "image: registry.example.org/team/writer:1.0 -> registry.example.org/team/writer:1.1; \
             devices: nvidia.com/gpu=all -> none; enabled: true -> false; how it is shown"
        );
    }
}
