//! Which version of each plugin is in use, and the one before it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use gatewright_core::plugin::PluginName;

use crate::plugin::Plugin;

/// The versions of one plugin that are in use. Reading never waits.
#[derive(Debug)]
pub struct PluginSlot {
    current: ArcSwap<Plugin>,
    previous: ArcSwapOption<Plugin>,
}

impl PluginSlot {
    fn new(plugin: Arc<Plugin>) -> Self {
        Self {
            current: ArcSwap::new(plugin),
            previous: ArcSwapOption::empty(),
        }
    }

    /// The version in use. Whoever holds it finishes on it, whatever is activated meanwhile.
    #[must_use]
    pub fn current(&self) -> Arc<Plugin> {
        self.current.load_full()
    }

    /// The version before, still compiled.
    #[must_use]
    pub fn previous(&self) -> Option<Arc<Plugin>> {
        self.previous.load_full()
    }
}

/// What an activation did.
#[derive(Debug, Clone)]
pub struct Swapped {
    /// The version that was in use before, if there was one.
    pub before: Option<Arc<Plugin>>,
}

/// The plugins in use, by name.
///
/// Only versions that are loaded get in, so a version that fails to load never replaces one that works.
#[derive(Debug, Default)]
pub struct PluginSlots {
    slots: ArcSwap<BTreeMap<PluginName, Arc<PluginSlot>>>,
    /// Serialises changes; readers do not take it.
    changing: std::sync::Mutex<()>,
}

impl PluginSlots {
    /// No plugin yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The version in use of `name`.
    #[must_use]
    pub fn get(&self, name: &PluginName) -> Option<Arc<Plugin>> {
        self.slots.load().get(name).map(|slot| slot.current())
    }

    /// The slot of `name`.
    #[must_use]
    pub fn slot(&self, name: &PluginName) -> Option<Arc<PluginSlot>> {
        self.slots.load().get(name).cloned()
    }

    /// The versions in use.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Plugin>> {
        self.slots.load().values().map(|slot| slot.current()).collect()
    }

    /// Puts `plugin` into use under its name. Calls that began before finish on the version before, which stays
    /// compiled for a roll back. Activating the version in use changes nothing.
    pub fn activate(&self, plugin: Arc<Plugin>) -> Swapped {
        let _changing = self.lock();
        let slots = self.slots.load();
        let Some(slot) = slots.get(plugin.name()) else {
            let mut more = BTreeMap::clone(&slots);
            more.insert(plugin.name().clone(), Arc::new(PluginSlot::new(plugin)));
            self.slots.store(Arc::new(more));
            return Swapped { before: None };
        };
        let before = slot.current();
        if !Arc::ptr_eq(&before, &plugin) && before.digest() != plugin.digest() {
            slot.previous.store(Some(Arc::clone(&before)));
        }
        slot.current.store(plugin);
        Swapped { before: Some(before) }
    }

    /// Puts the version before back into use. None where there is none.
    pub fn roll_back(&self, name: &PluginName) -> Option<Arc<Plugin>> {
        let _changing = self.lock();
        let slot = self.slot(name)?;
        let back = slot.previous.swap(None)?;
        let before = slot.current.swap(Arc::clone(&back));
        slot.previous.store(Some(before));
        Some(back)
    }

    /// Takes a plugin out of use. Calls that began before finish.
    pub fn remove(&self, name: &PluginName) -> Option<Arc<Plugin>> {
        let _changing = self.lock();
        let mut fewer = BTreeMap::clone(&self.slots.load());
        let slot = fewer.remove(name)?;
        self.slots.store(Arc::new(fewer));
        Some(slot.current())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
