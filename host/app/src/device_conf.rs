//! `agent.devices`: what sessions can have of this machine's devices.

use anyhow::{Context as _, bail, ensure};
use gatewright_core::DeviceName;

/// A node with more has them by one name that stands for all.
const MOST: usize = 64;

/// Reads the names, each of which may be there once.
pub(crate) fn checked(names: &[String]) -> anyhow::Result<Vec<DeviceName>> {
    ensure!(names.len() <= MOST, "agent.devices has more than {MOST} names");
    let read = |text: &String| text.parse().with_context(|| format!("agent.devices {text:?}"));
    let names = names.iter().map(read).collect::<anyhow::Result<Vec<DeviceName>>>()?;
    if let Some(name) = DeviceName::twice(&names) {
        bail!("agent.devices has {name} twice");
    }
    Ok(names)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::conf::{Conf, ConfFile, Overrides};

    fn devices(text: &str) -> anyhow::Result<Vec<DeviceName>> {
        let file: ConfFile = toml::from_str(&format!("[agent]\ndevices = {text}"))?;
        Ok(Conf::new(file, Overrides::default())?.agent.devices)
    }

    #[test]
    fn a_node_has_devices_by_name_and_each_once() {
        assert_eq!(devices("[]").unwrap(), []);
        assert_eq!(
            DeviceName::list(&devices("['v/c=1', 'nvidia.com/gpu=all']").unwrap()),
            "v/c=1, nvidia.com/gpu=all"
        );
        let many = format!("[{}]", (0..65).map(|number| format!("'v/c={number}',")).collect::<String>());
        for (text, why) in [
            ("['/dev/dri/renderD128']", "agent.devices \"/dev/dri/renderD128\""),
            ("['/dev/dri/renderD128']", "a path is none"),
            ("['v/c=1', 'v/c=1']", "v/c=1 twice"),
            (many.as_str(), "more than 64"),
            ("'v/c=1'", "devices"),
        ] {
            let error = format!("{:#}", devices(text).unwrap_err());
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
