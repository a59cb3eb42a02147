//! Users, saga, placement, plugin and node registry, vault. No HTTP.
