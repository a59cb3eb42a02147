//! The gatewright binary: command line, configuration, role supervisor. No business logic.
