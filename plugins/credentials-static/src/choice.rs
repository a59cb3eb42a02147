//! Which entry of the vault opens which target.

use gatewright_sdk::credential::{Claims, Credential, Entry, Error, Protocol, Resolved, Target};
use serde::Deserialize;

/// How long a credential may be used to open connections. A change in the vault is felt within this.
const LIFETIME_SECS: u32 = 60;

/// What an administrator configures.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// In order.
    #[serde(default = "desktop")]
    pub entries: Vec<Rule>,
}

/// Which entry of the vault opens which targets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Only targets of this protocol.
    pub protocol: Option<RuleProtocol>,
    /// Only this service of a container desktop. An empty text: only servers.
    pub service: Option<String>,
    /// Only the workspace or server of this name.
    pub name: Option<String>,
    /// Only persons in this group.
    pub group: Option<String>,
    /// The label of the entry.
    pub label: String,
}

/// The protocols by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleProtocol {
    /// VNC.
    Rfb,
    /// Remote Desktop.
    Rdp,
    /// Secure shell.
    Ssh,
}

impl From<RuleProtocol> for Protocol {
    fn from(protocol: RuleProtocol) -> Self {
        match protocol {
            RuleProtocol::Rfb => Self::Rfb,
            RuleProtocol::Rdp => Self::Rdp,
            RuleProtocol::Ssh => Self::Ssh,
        }
    }
}

fn desktop() -> Vec<Rule> {
    vec![Rule {
        protocol: Some(RuleProtocol::Rfb),
        service: Some("vnc".into()),
        name: None,
        group: None,
        label: "desktop".into(),
    }]
}

impl Rule {
    fn fits(&self, target: &Target, claims: &Claims) -> bool {
        self.protocol.is_none_or(|protocol| Protocol::from(protocol) == target.protocol)
            && self.service.as_ref().is_none_or(|service| *service == target.service)
            && self.name.as_ref().is_none_or(|name| *name == target.name)
            && self.group.as_ref().is_none_or(|group| claims.groups.contains(group))
    }
}

pub(crate) fn choose(config: &Config, target: &Target, claims: &Claims, vault: &[Entry]) -> Result<Resolved, Error> {
    let rule = config
        .entries
        .iter()
        .find(|rule| rule.fits(target, claims))
        .ok_or(Error::NotFound)?;
    let mut labelled = vault.iter().filter(|entry| entry.label == rule.label);
    let entry = labelled.next().ok_or(Error::NotFound)?;
    if labelled.next().is_some() {
        // Guessing could send one account's password where another's belongs.
        return Err(Error::Config(format!(
            "entries: the vault has more than one entry labelled {:?} for this target",
            rule.label
        )));
    }
    Ok(Resolved {
        credential: Credential::Handle(entry.handle.clone()),
        lifetime_secs: LIFETIME_SECS,
    })
}

#[cfg(test)]
mod tests {
    use gatewright_sdk::credential::Provider as _;
    use gatewright_sdk::testing::{set_config, set_entries};

    use super::*;
    use crate::Static;

    fn vault(labels: &[&str]) {
        set_entries(
            labels
                .iter()
                .map(|label| Entry {
                    handle: format!("handle of {label}"),
                    label: (*label).into(),
                })
                .collect(),
        );
    }

    fn target(protocol: Protocol, service: &str, name: &str) -> Target {
        Target {
            name: name.into(),
            protocol,
            service: service.into(),
        }
    }

    fn resolve(target: Target, groups: &[&str]) -> Result<Resolved, Error> {
        let claims = Claims {
            user: "demo".into(),
            groups: groups.iter().map(|group| (*group).into()).collect(),
        };
        Static::resolve("session".into(), target, claims)
    }

    fn handle(label: &str) -> Result<Resolved, Error> {
        Ok(Resolved {
            credential: Credential::Handle(format!("handle of {label}")),
            lifetime_secs: 60,
        })
    }

    #[test]
    fn without_configuration_a_desktop_is_opened_with_its_own_entry_and_nothing_else_is() {
        vault(&["other", "desktop"]);
        assert_eq!(resolve(target(Protocol::Rfb, "vnc", "Terminal"), &[]), handle("desktop"));
        assert_eq!(resolve(target(Protocol::Rfb, "", "server"), &[]), Err(Error::NotFound));
        assert_eq!(resolve(target(Protocol::Ssh, "vnc", "x"), &[]), Err(Error::NotFound));
        vault(&["Desktop"]);
        assert_eq!(resolve(target(Protocol::Rfb, "vnc", "Terminal"), &[]), Err(Error::NotFound));
    }

    #[test]
    fn the_first_entry_that_fits_decides() {
        set_config(
            r#"{"entries":[
                {"protocol":"ssh","name":"build-1","group":"Developers","label":"build"},
                {"protocol":"ssh","service":"","label":"any-ssh"},
                {"label":"rest"}]}"#,
        );
        vault(&["build", "any-ssh", "rest"]);
        assert_eq!(resolve(target(Protocol::Ssh, "", "build-1"), &["Developers"]), handle("build"));
        assert_eq!(resolve(target(Protocol::Ssh, "", "build-1"), &["Sales"]), handle("any-ssh"));
        assert_eq!(resolve(target(Protocol::Ssh, "", "build-2"), &["Developers"]), handle("any-ssh"));
        assert_eq!(resolve(target(Protocol::Rdp, "", "build-1"), &["Developers"]), handle("rest"));
        // The entry that fits has nothing in the vault: no other is tried in its place.
        vault(&["any-ssh", "rest"]);
        assert_eq!(resolve(target(Protocol::Ssh, "", "build-1"), &["Developers"]), Err(Error::NotFound));
    }

    #[test]
    fn two_entries_of_one_label_are_not_guessed_between() {
        vault(&["desktop", "desktop"]);
        assert!(matches!(
            resolve(target(Protocol::Rfb, "vnc", "Terminal"), &[]),
            Err(Error::Config(_))
        ));
    }

    #[test]
    fn an_empty_list_opens_nothing_and_mistakes_are_named() {
        vault(&["desktop"]);
        set_config(r#"{"entries":[]}"#);
        assert_eq!(resolve(target(Protocol::Rfb, "vnc", "Terminal"), &[]), Err(Error::NotFound));
        for (json, place) in [
            (
                r#"{"entries":[{"label":"a"},{"protocol":"vnc","label":"a"}]}"#,
                "entries[1].protocol: ",
            ),
            (r#"{"entries":[{"protocol":"rfb"}]}"#, "entries[0]: missing field `label`"),
            (r#"{"rules":[]}"#, "rules: unknown field"),
        ] {
            set_config(json);
            let error = resolve(target(Protocol::Rfb, "vnc", "Terminal"), &[]);
            assert!(
                matches!(&error, Err(Error::Config(message)) if message.starts_with(place)),
                "{json}: {error:?}"
            );
        }
    }

    #[test]
    fn release_has_nothing_to_do() {
        assert_eq!(Static::release("session".into()), Ok(()));
    }
}
