//! The router: session traffic to its target through an inspected RFB relay.
