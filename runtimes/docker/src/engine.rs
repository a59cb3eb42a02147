//! Where the engine is.

use gatewright_sdk::engine::Api;
use gatewright_sdk::http::path_segment;

/// The endpoint that the manifest asks for, and the oldest version of the API that has all that is used here.
pub(crate) const ENGINE: Api = Api {
    endpoint: "engine",
    prefix: "/v1.41",
};

/// A container's path, with what is below it.
pub(crate) fn container(id: &str, rest: &str) -> String {
    format!("/containers/{}{rest}", path_segment(id))
}
