//! What an operator sets, and bounds that hold against whoever reaches the port.

use std::net::SocketAddr;
use std::time::Duration;

use gatewright_identity::PublicOrigin;

/// Configuration of an edge.
#[derive(Debug, Clone)]
pub struct EdgeConf {
    /// Where to listen. Port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    /// The origin that people's browsers show. Without it: whatever host they asked for.
    pub public_origin: Option<PublicOrigin>,
    /// Bounds.
    pub limits: EdgeLimits,
}

/// Bounds of an edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeLimits {
    /// Connections at once, upgraded ones included. More wait in the kernel's queue.
    pub connections: usize,
    /// Connections at once from one address (IPv6: one /64). More are closed at once.
    pub connections_per_client: usize,
    /// From the connection to the end of the TLS handshake.
    pub handshake: Duration,
    /// For the head of a request, and for an idle connection to begin its next one (HTTP/1.1).
    pub headers: Duration,
    /// For the small bodies that the edge itself reads.
    pub body: Duration,
    /// How long requests in flight may go on after a stop was asked for.
    pub drain: Duration,
}

impl Default for EdgeLimits {
    fn default() -> Self {
        Self {
            connections: 8_192,
            connections_per_client: 512,
            handshake: Duration::from_secs(10),
            headers: Duration::from_secs(20),
            body: Duration::from_secs(10),
            drain: Duration::from_secs(10),
        }
    }
}
