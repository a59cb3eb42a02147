//! The decision point: who may do what (casbin), and which rules stand on a gate.
