//! The enforcement point: session context, chain of rules, verdict, event.
