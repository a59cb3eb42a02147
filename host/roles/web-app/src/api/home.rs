//! The home page.

use gatewright_control::HomeView;
use serde::Serialize;
use utoipa::ToSchema;

/// The home page.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Home {
    /// What to try first.
    checklist: Vec<ChecklistItem>,
    /// Whether examples are still there.
    examples_present: bool,
}

#[derive(Debug, Serialize, ToSchema)]
struct ChecklistItem {
    id: String,
    label: String,
    done: bool,
    /// How.
    hint: String,
    /// The page where it is done.
    link: String,
}

impl From<HomeView> for Home {
    fn from(view: HomeView) -> Self {
        Self {
            checklist: view
                .checklist
                .into_iter()
                .map(|item| ChecklistItem {
                    id: item.id,
                    label: item.label,
                    done: item.done,
                    hint: item.hint,
                    link: item.link,
                })
                .collect(),
            examples_present: view.examples_present,
        }
    }
}
