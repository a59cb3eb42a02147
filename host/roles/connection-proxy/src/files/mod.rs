//! Files between a person's browser and a session's transfer folder, through the gate.
//!
//! An upload is a resource of its own: made with name and size, fed in as many requests as the network takes, whole or
//! not at all. A download is asked for first, which is when the rules decide, and then fetched.

mod agent_stream;
mod download;
mod problem;
mod routes;
mod transfers;
mod upload;

pub(crate) use routes::routes;
pub(crate) use transfers::Transfers;
