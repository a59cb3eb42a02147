//! Collected figures, as a table for people and an object for programs.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Map, Value};

/// One figure.
struct Figure {
    name: &'static str,
    value: f64,
    /// What it was measured beside, in the same run.
    beside: String,
    /// What it is to reach.
    target: &'static str,
}

/// All figures of a run.
#[derive(Default)]
pub(crate) struct Figures(Vec<Figure>);

impl Figures {
    /// Adds a figure, and prints it as it comes.
    pub(crate) fn add(&mut self, name: &'static str, value: f64, beside: String, target: &'static str) {
        eprintln!("{name} = {value:.4}  ({beside}; to reach: {target})");
        self.0.push(Figure {
            name,
            value,
            beside,
            target,
        });
    }

    /// One line a figure.
    pub(crate) fn table(&self) -> String {
        let mut text = format!("{:<28} {:>10}  {:<14} beside\n", "figure", "value", "to reach");
        for figure in &self.0 {
            // Writing to a String can't fail.
            let _ = writeln!(
                text,
                "{:<28} {:>10.4}  {:<14} {}",
                figure.name, figure.value, figure.target, figure.beside
            );
        }
        text
    }

    /// A flat object.
    pub(crate) fn json(&self) -> Value {
        Value::Object(
            self.0
                .iter()
                .map(|figure| (figure.name.to_owned(), figure.value.into()))
                .collect::<Map<_, _>>(),
        )
    }
}

/// The `percent`th percentile of what was measured, in milliseconds.
pub(crate) fn percentile(durations: &mut [Duration], percent: usize) -> f64 {
    durations.sort_unstable();
    let index = (durations.len() * percent / 100).min(durations.len().saturating_sub(1));
    durations.get(index).map_or(f64::NAN, |duration| duration.as_secs_f64() * 1e3)
}

/// How many of something there were in a second.
pub(crate) fn per_second(count: u64, time: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / time.as_secs_f64()
}
