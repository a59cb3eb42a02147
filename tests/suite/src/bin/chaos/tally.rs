//! What happened: counts, what people were told, and findings.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Words that have no place in what a person reads.
const INNER_WORDS: [&str; 11] = [
    "sqlx",
    "hyper",
    "panicked",
    "os error",
    "tokio",
    "unix:",
    "/var/",
    "/tmp/",
    "rustls",
    "error sending",
    "libpod",
];

#[derive(Debug, Default)]
struct Counts {
    ills: BTreeMap<String, u64>,
    work: BTreeMap<&'static str, u64>,
    /// Each text without its reference, with how often it was said.
    said: BTreeMap<String, u64>,
    findings: Vec<String>,
}

/// Counts from everywhere.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counts>);

impl Tally {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something was done to the product.
    pub(crate) fn ill(&self, what: &str) {
        *self.lock().ills.entry(what.to_owned()).or_default() += 1;
    }

    /// Something happened to somebody.
    pub(crate) fn count(&self, what: &'static str) {
        *self.lock().work.entry(what).or_default() += 1;
    }

    /// A person was told something.
    pub(crate) fn said(&self, text: &str) {
        let (text, _) = text.split_once(" Ref ").unwrap_or((text, ""));
        let lower = text.to_lowercase();
        let mut counts = self.lock();
        if *counts.said.entry(text.to_owned()).and_modify(|count| *count += 1).or_insert(1) > 1 {
            return;
        }
        if text.trim().is_empty() {
            counts.findings.push("a person was told nothing".into());
        }
        if let Some(word) = INNER_WORDS.iter().find(|word| lower.contains(**word)) {
            counts.findings.push(format!("a person was told {text:?}, which says {word:?}"));
        }
    }

    /// Something that must not be.
    pub(crate) fn finding(&self, what: String) {
        self.lock().findings.push(what);
    }

    /// All findings.
    pub(crate) fn findings(&self) -> Vec<String> {
        self.lock().findings.clone()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.lock();
        writeln!(out, "\nwhat was done to it")?;
        for (what, count) in &counts.ills {
            writeln!(out, "{count:>6}  {what}")?;
        }
        writeln!(
            out,
            "{:>6}  in all\n\nwhat became of people's work",
            counts.ills.values().sum::<u64>()
        )?;
        for (what, count) in &counts.work {
            writeln!(out, "{count:>6}  {what}")?;
        }
        writeln!(out, "\nwhat people were told")?;
        for (text, count) in &counts.said {
            writeln!(out, "{count:>6}  {text}")?;
        }
        Ok(())
    }
}
