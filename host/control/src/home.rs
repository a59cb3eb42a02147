//! The home page's checklist, from what happened.

use gatewright_core::gate::Outcome;
use gatewright_database::EventFilter;

use crate::error::Internal;
use crate::plane::ControlPlane;
use crate::users::login::Identity;
use crate::views::{ChecklistItem, HomeView};

fn item(id: &str, label: &str, done: bool, hint: &str, link: &str) -> ChecklistItem {
    ChecklistItem {
        id: id.into(),
        label: label.into(),
        done,
        hint: hint.into(),
        link: link.into(),
    }
}

impl ControlPlane {
    /// The home page of a user. Who administers sees the steps with plugins too.
    ///
    /// # Errors
    /// [`Internal`].
    pub async fn home(&self, who: &Identity) -> Result<HomeView, Internal> {
        let store = &self.0.store;
        let admin = who.user.role == "admin";
        // An administrator's checklist is about the deployment: who did it does not matter.
        let of_person = EventFilter {
            user: (!admin).then_some(who.user.id),
            ..EventFilter::default()
        };
        let happened = |filter: EventFilter| async move { Ok::<_, Internal>(store.newest_event(&filter).await?.is_some()) };
        let action = |action: &str| EventFilter {
            action: Some(action.into()),
            ..EventFilter::default()
        };
        let launched = store.had_ready_session(who.user.id, "terminal").await?;
        let changed = happened(EventFilter {
            outcome: Some(Outcome::Redacted),
            ..of_person.clone()
        })
        .await?
            || happened(EventFilter {
                outcome: Some(Outcome::Denied),
                ..of_person
            })
            .await?;
        let mut checklist = vec![
            item("launch-terminal", "Launch Terminal", launched, "It starts in a second or two.", "/"),
            item(
                "copy-card-number",
                "Copy a test card number",
                changed,
                "Paste 4111 1111 1111 1111 into the session as a member of Sales: it is redacted on the way.",
                "/",
            ),
        ];
        if admin {
            let looked = happened(EventFilter {
                user: Some(who.user.id),
                ..action("activity.viewed")
            })
            .await?;
            let replaced = self.replaced_clipboard_plugin().await?;
            let rolled_back = happened(action("plugin.rolled-back")).await?;
            checklist.push(item(
                "find-in-activity",
                "Find it in Activity",
                looked && changed,
                "Search for the reference that the notice showed.",
                "/activity",
            ));
            checklist.push(item(
                "activate-stricter",
                "Activate the stricter version",
                replaced,
                "dlp-clipboard 0.2.0 is ready. The next paste in an open session is denied.",
                "/plugins/dlp-clipboard",
            ));
            checklist.push(item(
                "roll-back",
                "Roll back",
                rolled_back,
                "One click, and what passed before passes again.",
                "/plugins/dlp-clipboard",
            ));
        }
        Ok(HomeView {
            checklist,
            examples_present: self.examples_present().await?,
        })
    }

    /// Whether a person ever activated a version of the clipboard plugin: the first one was activated by the host itself.
    async fn replaced_clipboard_plugin(&self) -> Result<bool, Internal> {
        let filter = EventFilter {
            action: Some("plugin.activated".into()),
            ..EventFilter::default()
        };
        let events = self.0.store.events(&filter, 200).await?;
        Ok(events.into_iter().any(|stored| {
            stored.event.user.is_some()
                && matches!(&stored.event.what, gatewright_core::event::What::Audit(audit) if audit.object.starts_with("dlp-clipboard "))
        }))
    }
}
