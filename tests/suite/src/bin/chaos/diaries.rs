//! What people wrote at home: every line that was confirmed has to be there, in one home a person.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gatewright_suite::Home;

/// The processes with homes.
const AGENTS: [&str; 2] = ["agent-1", "agent-2"];
/// The file in each home.
pub(crate) const DIARY: &str = "diary";

/// The lines that were confirmed, by the number of the person.
#[derive(Debug, Default)]
pub(crate) struct Diaries(Mutex<BTreeMap<usize, BTreeSet<String>>>);

impl Diaries {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, BTreeSet<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line was confirmed. Those that are not in the home that has it, where it lies in one.
    pub(crate) fn confirmed(&self, home: &Home, person: usize, line: &str) -> BTreeSet<String> {
        let mut lines = self.lock();
        let written = lines.entry(person).or_default();
        written.insert(line.to_owned());
        let at_home = all(home).into_iter().find(|diary| diary.contains(line)).unwrap_or_default();
        written.difference(&at_home).cloned().collect()
    }

    /// Lines that are in no home at all.
    pub(crate) fn lost(&self, home: &Home) -> Vec<String> {
        let kept: BTreeSet<String> = all(home).into_iter().flatten().collect();
        self.lock()
            .values()
            .flatten()
            .filter(|line| !kept.contains(*line))
            .cloned()
            .collect()
    }

    /// How many lines were confirmed.
    pub(crate) fn count(&self) -> usize {
        self.lock().values().map(BTreeSet::len).sum()
    }
}

/// The lines of each home that there is.
fn all(home: &Home) -> Vec<BTreeSet<String>> {
    let folders = AGENTS.iter().map(|agent| home.data_dir(agent).join("homes"));
    let homes = folders.filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let diaries: Vec<PathBuf> = homes.map(|home| home.path().join(DIARY)).collect();
    diaries
        .into_iter()
        .filter_map(|diary| std::fs::read_to_string(diary).ok())
        .map(|text| text.lines().map(str::to_owned).collect())
        .collect()
}
