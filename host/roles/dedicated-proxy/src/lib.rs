//! The edge: owns the public HTTPS port, checks tickets, hands requests on.
