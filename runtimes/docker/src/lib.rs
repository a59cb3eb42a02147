//! Runs workspaces on a Docker engine.
