//! `gatewright node`: tokens for new nodes, and the nodes there are. Works on the database, beside a running web-app.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use gatewright_control::{Actor, JoinTokenWish, join_commands, remove_node};
use gatewright_core::{NodeId, NodeRole};
use gatewright_database::{Store, StoreAddress};

use crate::conf::Conf;

async fn store(conf: &Conf) -> anyhow::Result<Store> {
    if let StoreAddress::File(file) = &conf.database {
        anyhow::ensure!(
            file.is_file(),
            "{} does not exist: run this where a web-app runs, with its configuration",
            file.display()
        );
    }
    Store::connect(&conf.database).await.context("the database can't be opened")
}

/// Makes a join token. The text to be shown.
pub(crate) async fn add(conf: &Conf, roles: BTreeSet<NodeRole>, zone: String, uses: u32, hours: u32) -> anyhow::Result<String> {
    let store = store(conf).await?;
    let lifetime = Duration::from_hours(u64::from(hours));
    let wish = JoinTokenWish {
        roles: roles.clone(),
        zone,
        uses,
        lifetime,
    };
    let commands = join_commands(&store, &wish, &here(), SystemTime::now()).await;
    store.close().await;
    let commands = commands?.replace('\n', "\n  ");
    let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    Ok(format!(
        "Run on the new machine ({}), within {hours} h:\n\n  {commands}\n",
        names.join(", ")
    ))
}

/// Who acts.
fn here() -> Actor {
    Actor {
        name: "command line".into(),
        ..Actor::default()
    }
}

/// All nodes, one a line.
pub(crate) async fn list(conf: &Conf) -> anyhow::Result<String> {
    let store = store(conf).await?;
    let members = store.members().await?;
    store.close().await;
    let mut text = String::new();
    for member in members {
        let roles: Vec<&str> = member.identity.roles.iter().map(|role| role.as_str()).collect();
        let state = if member.removed_at.is_some() { "removed" } else { "joined" };
        writeln!(
            text,
            "{}  {state:<8} {:<24} {:<40} {}",
            member.identity.node,
            member.name,
            roles.join(","),
            member.address.unwrap_or_default()
        )?;
    }
    Ok(text)
}

/// Removes a node.
pub(crate) async fn remove(conf: &Conf, node: NodeId) -> anyhow::Result<String> {
    let store = store(conf).await?;
    let removed = remove_node(&store, node, &here(), SystemTime::now()).await;
    store.close().await;
    let ending = removed?.context("there is no such node, or none any more")?;
    let sessions = match ending.len() {
        0 => String::new(),
        1 => " One session on it ends.".into(),
        more => format!(" {more} sessions on it end."),
    };
    Ok(format!(
        "Removed.{sessions} Its connections are cut within half a minute; remove its data on the machine {node} yourself.\n"
    ))
}
