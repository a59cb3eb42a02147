//! Runs workspaces through a runtime plugin behind the engine guard; opens streams into its own sessions.
