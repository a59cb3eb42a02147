//! Starts the product and plays its people: the harness of the whole-stack tests and of the benchmarks.
#![forbid(unsafe_code)]
#![expect(clippy::missing_errors_doc, reason = "a harness: every error is a failed test")]

mod apart;
mod desktop;
mod engine;
mod entrance;
mod files;
mod home;
mod lan;
mod person;
mod process;
mod product;
mod root;
mod rootless;
mod toy_engine;

pub use desktop::{Closed, Desktop, Heard, Socket};
pub use engine::{Engine, EngineKind};
pub use entrance::Entrance;
pub use files::Files;
pub use home::{Home, Layout};
pub use person::Person;
pub use product::{Hook, Product};
pub use root::root_command;
pub use rootless::RootlessPodman;
pub use toy_engine::ToyEngine;
