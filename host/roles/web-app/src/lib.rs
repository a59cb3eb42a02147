//! Web UI and REST API of the control plane.
