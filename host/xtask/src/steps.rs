//! The steps of a long command, and how long each took.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// Runs steps in order and remembers how they went.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    done: Vec<(String, Duration, bool)>,
}

impl Steps {
    /// Runs one step and prints its duration.
    ///
    /// # Errors
    /// The step's own, with its name.
    pub(crate) fn step<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        eprintln!("\n== {name}");
        let started = Instant::now();
        let result = work();
        let took = started.elapsed();
        self.done.push((name.to_owned(), took, result.is_ok()));
        eprintln!(
            "== {name}: {} after {}",
            if result.is_ok() { "done" } else { "FAILED" },
            seconds(took)
        );
        result.with_context(|| format!("step `{name}`"))
    }

    /// A table of all steps.
    pub(crate) fn table(&self) -> String {
        let width = self
            .done
            .iter()
            .map(|(name, ..)| name.chars().count())
            .max()
            .unwrap_or(0)
            .max("total".len());
        let total = self.done.iter().map(|(_, took, _)| *took).sum();
        let mut table = String::new();
        for (name, took, ok) in &self.done {
            table += &format!("{name:width$}  {:>9}  {}\n", seconds(*took), if *ok { "ok" } else { "FAILED" });
        }
        table + &format!("{:width$}  {:>9}\n", "total", seconds(total))
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f32())
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn a_failed_step_is_named_and_is_in_the_table() {
        let mut steps = Steps::default();
        assert!(steps.step("first", || Ok(())).is_ok());
        let error = steps
            .step("second one", || -> Result<()> { bail!("it broke") })
            .map_err(|error| format!("{error:#}"));
        assert_eq!(error, Err("step `second one`: it broke".to_owned()));
        let table = steps.table();
        let lines: Vec<&str> = table.lines().collect();
        assert!(
            matches!(lines.as_slice(), [first, second, total]
            if first.starts_with("first       ") && first.ends_with("ok") && second.ends_with("FAILED") && total.starts_with("total")),
            "{table}"
        );
    }
}
