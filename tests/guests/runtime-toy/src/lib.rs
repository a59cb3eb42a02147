//! Runs workspaces on the toy engine of the tests: an engine of which the host knows nothing, and whose API has nothing
//! of Docker's.
#![forbid(unsafe_code)]

mod toy;

use gatewright_sdk::engine::{failure, read};
use gatewright_sdk::http::Method;
use gatewright_sdk::runtime::{Container, EngineInfo, Error, Execution, Images, Inspection, Lifecycle, Limits, Spec, Suspension};
use serde_json::json;

use crate::toy::{About, Boxes, Pictures, TOY, ToyBox, deployment, get, path_of, set_mood};

/// The backend.
#[derive(Debug)]
pub struct Toy;

impl Lifecycle for Toy {
    fn capabilities() -> Result<EngineInfo, Error> {
        let about: About = TOY.get(get("/about"))?;
        Ok(EngineInfo {
            engine: format!("toy {}", about.toy),
            cpu_millicores: about.cores * 1000,
            memory_bytes: about.memory_mib << 20,
            enforced: Limits::all(),
        })
    }

    fn health() -> Result<(), Error> {
        TOY.get::<About>(get("/about")).map(drop)
    }

    fn create(spec: Spec) -> Result<String, Error> {
        if !spec.devices.is_empty() {
            return Err(Error::Unsupported("a box has no devices".into()));
        }
        let wish = json!({
            "owner": deployment()?,
            "purpose": spec.session,
            "picture": spec.image,
            "folder": spec.session_folder,
            "share": { "millicores": spec.cpu_millicores, "memory": spec.memory_bytes, "programs": spec.pids, "shared": spec.shm_bytes },
        });
        let response = TOY.send(TOY.request(Method::Post, "/boxes").json(&wish)?)?;
        match response.status {
            410 => Err(Error::ImageMissing(spec.image)),
            _ => read::<ToyBox>(response).map(|made| made.tag),
        }
    }

    fn start(id: String) -> Result<(), Error> {
        set_mood(&id, "awake")
    }

    fn stop(id: String, _grace_secs: u32) -> Result<(), Error> {
        set_mood(&id, "gone")
    }

    fn destroy(id: String) -> Result<(), Error> {
        let response = TOY.send(TOY.request(Method::Delete, &path_of(&id, "")))?;
        match response.status {
            204 | 404 => Ok(()),
            _ => Err(failure(response).into()),
        }
    }

    fn inspect(id: String) -> Result<Container, Error> {
        TOY.get::<ToyBox>(get(&path_of(&id, "")))?.container()
    }

    fn list() -> Result<Vec<Container>, Error> {
        let found: Boxes = TOY.get(get("/boxes").query("owner", &deployment()?))?;
        found.boxes.into_iter().map(ToyBox::container).collect()
    }
}

impl Images for Toy {
    fn list() -> Result<Vec<String>, Error> {
        TOY.get::<Pictures>(get("/pictures")).map(|found| found.pictures)
    }
}

// A box can't be frozen or looked into.
impl Suspension for Toy {}
impl Inspection for Toy {}
impl Execution for Toy {}

gatewright_sdk::export_runtime!(Toy);
