//! Writes the guests as files: `write-hostile-guests FOLDER` gives `FOLDER/hostile/<name>.wasm` and `FOLDER/quiet/<name>.wasm`.
#![forbid(unsafe_code)]

use std::path::PathBuf;

use anyhow::Context;

fn main() -> anyhow::Result<()> {
    let folder = std::env::args_os().nth(1).context("name a folder")?;
    let folder = PathBuf::from(folder);
    let hostile = gatewright_hostile_guests::hostile()?
        .into_iter()
        .map(|guest| ("hostile", guest.name, guest.bytes));
    let quiet = gatewright_hostile_guests::quiet()?
        .into_iter()
        .map(|guest| ("quiet", guest.name, guest.bytes));
    for (kind, name, bytes) in hostile.chain(quiet) {
        let folder = folder.join(kind);
        std::fs::create_dir_all(&folder)?;
        let file = folder.join(name).with_extension("wasm");
        std::fs::write(&file, bytes).with_context(|| format!("write {}", file.display()))?;
    }
    Ok(())
}
