//! Where the engine is.

use gatewright_sdk::engine::Api;
use gatewright_sdk::http::path_segment;

/// The endpoint that the manifest asks for. Podman 4 and 5 both answer to this version of the API.
pub(crate) const ENGINE: Api = Api {
    endpoint: "engine",
    prefix: "/v4.0.0/libpod",
};

/// A container's path, with what is below it.
pub(crate) fn container(id: &str, rest: &str) -> String {
    format!("/containers/{}{rest}", path_segment(id))
}
